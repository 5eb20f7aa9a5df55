/*
 * What a person needs to see of a certificate. Everything in it was written
 * by somebody else, so every text goes through escape().
 */
#include "port/tls_common/tls_common.h"

#include "base/codec.h"
#include "port/hash.h"

enum { PEM_BYTES = 48 }; /* one line of 64 characters (RFC 7468) */

struct attribute {
	const char *oid, *text;
};

static const struct attribute attributes[] = {
	{"\x55\x04\x03", "CN"},
	{"\x55\x04\x06", "C"},
	{"\x55\x04\x07", "L"},
	{"\x55\x04\x08", "ST"},
	{"\x55\x04\x0A", "O"},
	{"\x55\x04\x0B", "OU"},
	{"\x2A\x86\x48\x86\xF7\x0D\x01\x09\x01", "emailAddress"},
	{"\x09\x92\x26\x89\x93\xF2\x2C\x64\x01\x19", "DC"},
};

static const char *
attribute(struct span oid)
{
	size_t i;

	for (i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		if (span_is(oid, attributes[i].oid)) {
			return attributes[i].text;
		}
	}
	return "?";
}

/* Name ::= SEQUENCE OF SET OF SEQUENCE { OID, text } */
static void
put_name(struct buf *out, const char *label, struct span name)
{
	struct span all, set, one, oid, text;
	const char *gap = "";
	int tag;

	buf_str(out, label);
	if (tls_der_take(&name, DER_SEQUENCE, &all)) {
		while (tls_der_take(&all, DER_SET, &set)) {
			while (tls_der_take(&set, DER_SEQUENCE, &one) &&
				tls_der_take(&one, DER_OID, &oid) &&
				tls_der_next(&one, &tag, &text)) {
				buf_fmt(out, "%s%s=", gap, attribute(oid));
				escape(out, text);
				gap = ", ";
			}
		}
	}
	buf_char(out, '\n');
}

static void
put_ip(struct buf *out, struct span ip)
{
	size_t i;

	for (i = 0; i < ip.n; i++) {
		unsigned v = (unsigned char)ip.p[i];

		if (ip.n == 4) {
			buf_fmt(out, i > 0 ? ".%u" : "%u", v);
		} else {
			buf_fmt(out, i > 0 && i % 2 == 0 ? ":%02x" : "%02x", v);
		}
	}
}

static void
put_names(struct buf *out, struct span names)
{
	const char *gap = "names:       ";
	struct span one;
	bool any = false;
	int tag;

	while (tls_der_next(&names, &tag, &one)) {
		if (tag != DER_NAME_DNS && tag != DER_NAME_IP) {
			continue;
		}
		buf_str(out, gap);
		if (tag == DER_NAME_DNS) {
			escape(out, one);
		} else {
			put_ip(out, one);
		}
		gap = ", ";
		any = true;
	}
	if (any) {
		buf_char(out, '\n');
	}
}

/* [YY]YYMMDDHHMMSSZ, which tls_cert_parse() has checked. */
static void
put_time(struct buf *out, const char *label, struct span s)
{
	const char *p = s.p + s.n - 13;

	buf_str(out, label);
	if (s.n > 13) {
		buf_put(out, s.p, 2);
	} else {
		buf_str(out, p[0] < '5' ? "20" : "19");
	}
	buf_fmt(out, "%.*s-%.*s-%.*s %.*s:%.*s:%.*s UTC\n", 2, p, 2, p + 2, 2,
		p + 4, 2, p + 6, 2, p + 8, 2, p + 10);
}

static enum err
leaf_of(const struct tls *t, struct span *der)
{
	*der = tls_peer_der(t, 0);
	return der->n > 0 ? ERR_OK :
		err_set(ERR_NOENT, "no certificate was received");
}

enum err
tls_fingerprint(const struct tls *t, struct buf *out)
{
	static const char digits[] = "0123456789ABCDEF";
	uint8_t sum[32];
	struct span der;
	enum err e = leaf_of(t, &der);
	size_t i;

	if (e == ERR_OK) {
		e = hash_sha(der.p, der.n, sum, sizeof(sum));
	}
	for (i = 0; e == ERR_OK && i < sizeof(sum); i++) {
		if (i > 0) {
			buf_char(out, ':');
		}
		buf_char(out, digits[sum[i] >> 4]);
		buf_char(out, digits[sum[i] & 15]);
	}
	return e == ERR_OK ? out->err : e;
}

void
tls_describe(struct span der, struct buf *out)
{
	struct tls_cert c;

	if (tls_cert_parse(&c, der)) {
		put_name(out, "subject:     ", c.subject);
		put_names(out, c.names);
		put_name(out, "issuer:      ", c.issuer);
		put_time(out, "valid from:  ", c.from_text);
		put_time(out, "valid until: ", c.until_text);
	}
}

enum err
tls_describe_peer(const struct tls *t, struct buf *out)
{
	struct span der;
	enum err e = leaf_of(t, &der);

	if (e != ERR_OK) {
		return e;
	}
	tls_describe(der, out);
	buf_str(out, "SHA-256:     ");
	e = tls_fingerprint(t, out);
	buf_char(out, '\n');
	return e == ERR_OK ? out->err : e;
}

enum err
tls_peer_pem(const struct tls *t, unsigned i, struct buf *out)
{
	struct span der = tls_peer_der(t, i);

	if (der.n == 0) {
		return ERR_END;
	}
	buf_str(out, "-----BEGIN CERTIFICATE-----\n");
	while (der.n > 0) {
		base64_enc(out, span_upto(der, PEM_BYTES));
		buf_char(out, '\n');
		der = span_from(der, PEM_BYTES);
	}
	buf_str(out, "-----END CERTIFICATE-----\n");
	return out->err;
}
