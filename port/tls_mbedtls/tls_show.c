/*
 * What a person needs to see of a certificate. Everything in it was written
 * by somebody else, so every text goes through escape().
 */
#include "port/tls_mbedtls/tls_mbedtls.h"

#include <mbedtls/asn1.h>
#include <string.h>

#include "base/codec.h"
#include "config.h"
#include "port/hash.h"

/* 48 bytes are one line of 64 characters (RFC 7468). */
enum { PEM_BYTES = 48, NAME_TEXT = 512 };

static void
put_name(struct buf *out, const char *label, const mbedtls_x509_name *name)
{
	char text[NAME_TEXT];
	int n = mbedtls_x509_dn_gets(text, sizeof(text), name);

	buf_str(out, label);
	if (n < 0) {
		buf_str(out, "(too long to show)");
	} else {
		escape(out, (struct span){text, (size_t)n});
	}
	buf_char(out, '\n');
}

static void
put_ip(struct buf *out, const unsigned char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (n == 4) {
			buf_fmt(out, i > 0 ? ".%u" : "%u", (unsigned)p[i]);
		} else {
			buf_fmt(out, i > 0 && i % 2 == 0 ? ":%02x" : "%02x",
				(unsigned)p[i]);
		}
	}
}

static void
put_names(struct buf *out, const mbedtls_x509_crt *crt)
{
	const mbedtls_x509_sequence *s;
	unsigned n = 0;
	int type;

	for (s = &crt->subject_alt_names; s != NULL; s = s->next) {
		type = s->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK;
		if (s->buf.p == NULL || (type != MBEDTLS_X509_SAN_DNS_NAME &&
			type != MBEDTLS_X509_SAN_IP_ADDRESS)) {
			continue;
		}
		buf_str(out, n++ == 0 ? "names:       " : ", ");
		if (type == MBEDTLS_X509_SAN_DNS_NAME) {
			escape(out, (struct span){(const char *)s->buf.p,
				s->buf.len});
		} else {
			put_ip(out, s->buf.p, s->buf.len);
		}
	}
	if (n > 0) {
		buf_char(out, '\n');
	}
}

static void
put_time(struct buf *out, const char *label, const mbedtls_x509_time *t)
{
	buf_fmt(out, "%s%04d-%02d-%02d %02d:%02d:%02d UTC\n", label, t->year,
		t->mon, t->day, t->hour, t->min, t->sec);
}

static enum err
no_certificate(void)
{
	return err_set(ERR_NOENT, "no certificate was received");
}

enum err
tls_fingerprint(const struct tls *t, struct buf *out)
{
	static const char digits[] = "0123456789ABCDEF";
	const mbedtls_x509_crt *crt = tls_chain(t);
	uint8_t sum[32];
	size_t i;

	if (crt == NULL) {
		return no_certificate();
	}
	hash_sha256(crt->raw.p, crt->raw.len, sum);
	for (i = 0; i < sizeof(sum); i++) {
		if (i > 0) {
			buf_char(out, ':');
		}
		buf_char(out, digits[sum[i] >> 4]);
		buf_char(out, digits[sum[i] & 15]);
	}
	return out->err;
}

enum err
tls_describe_peer(const struct tls *t, struct buf *out)
{
	const mbedtls_x509_crt *crt = tls_chain(t);
	enum err e;

	if (crt == NULL) {
		return no_certificate();
	}
	put_name(out, "subject:     ", &crt->subject);
	put_names(out, crt);
	put_name(out, "issuer:      ", &crt->issuer);
	put_time(out, "valid from:  ", &crt->valid_from);
	put_time(out, "valid until: ", &crt->valid_to);
	buf_str(out, "SHA-256:     ");
	e = tls_fingerprint(t, out);
	buf_char(out, '\n');
	return e == ERR_OK ? out->err : e;
}

enum err
tls_peer_pem(const struct tls *t, unsigned i, struct buf *out)
{
	const mbedtls_x509_crt *crt = tls_chain(t);
	struct span der;

	while (crt != NULL && i > 0) {
		crt = crt->next;
		i--;
	}
	if (crt == NULL) {
		return ERR_END;
	}
	der = (struct span){(const char *)crt->raw.p, crt->raw.len};
	buf_str(out, "-----BEGIN CERTIFICATE-----\n");
	while (der.n > 0) {
		base64_enc(out, span_upto(der, PEM_BYTES));
		buf_char(out, '\n');
		der = span_from(der, PEM_BYTES);
	}
	buf_str(out, "-----END CERTIFICATE-----\n");
	return out->err;
}
