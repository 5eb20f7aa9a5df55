/*
 * A walk through DER: each step takes one element off a span, so that a wrong
 * length can only end the walk.
 */
#include "port/tls_common/tls_der.h"

bool
tls_der_next(struct span *in, int *tag, struct span *value)
{
	const unsigned char *p = (const unsigned char *)in->p;
	size_t n, at = 2, more;

	if (in->n < 2 || (p[0] & 0x1F) == 0x1F) {
		return false;
	}
	n = p[1];
	if (n >= 0x80) {
		more = n & 0x7F;
		if (more < 1 || more > 3 || in->n < 2 + more) {
			return false;
		}
		for (n = 0; at < 2 + more; at++) {
			n = n << 8 | p[at];
		}
	}
	if (n > in->n - at) {
		return false;
	}
	*tag = p[0];
	*value = (struct span){in->p + at, n};
	*in = span_from(*in, at + n);
	return true;
}

bool
tls_der_take(struct span *in, int tag, struct span *value)
{
	int have;

	return tls_der_next(in, &have, value) && have == tag;
}

/* An element as it stands, header included. */
static bool
take_whole(struct span *in, struct span *whole)
{
	struct span before = *in, value;

	if (!tls_der_take(in, DER_SEQUENCE, &value)) {
		return false;
	}
	*whole = span_upto(before, before.n - in->n);
	return true;
}

/* Two digits at *at, -1 if they are none. */
static int
two(struct span text, size_t at)
{
	int a = text.p[at] - '0', b = text.p[at + 1] - '0';

	return a < 0 || a > 9 || b < 0 || b > 9 ? -1 : a * 10 + b;
}

/* Days since 1970; the year begins in March, so that a leap day ends it, and
 * 400 years earlier, so that none is negative. */
static int64_t
days(int year, int month, int day)
{
	int y = (month > 2 ? year : year - 1) + 400;
	int m = month > 2 ? month - 3 : month + 9;

	return (int64_t)y * 365 + y / 4 - y / 100 + y / 400 +
		(153 * m + 2) / 5 + day - 1 - 865565;
}

/* RFC 5280 4.1.2.5: YYMMDDHHMMSSZ until 2049, YYYYMMDDHHMMSSZ otherwise. */
static bool
take_time(struct span *in, struct span *text, int64_t *s)
{
	int tag, year, f[6], i;
	size_t at;

	if (!tls_der_next(in, &tag, text)) {
		return false;
	}
	at = tag == DER_TIME ? 2 : 0;
	if ((tag != DER_TIME && tag != DER_UTC_TIME) || text->n != at + 13 ||
		text->p[at + 12] != 'Z') {
		return false;
	}
	for (i = 0; i < 6; i++) {
		f[i] = two(*text, at + 2 * (size_t)i);
		if (f[i] < 0) {
			return false;
		}
	}
	year = at > 0 ? two(*text, 0) : f[0] < 50 ? 20 : 19;
	if (year < 0 || f[1] < 1 || f[1] > 12 || f[2] < 1 || f[2] > 31 ||
		f[3] > 23 || f[4] > 59 || f[5] > 60) {
		return false;
	}
	*s = days(year * 100 + f[0], f[1], f[2]) * 86400 + f[3] * 3600 +
		f[4] * 60 + f[5];
	return true;
}

static bool
take_validity(struct span *in, struct tls_cert *c)
{
	struct span v;

	return tls_der_take(in, DER_SEQUENCE, &v) &&
		take_time(&v, &c->from_text, &c->from) &&
		take_time(&v, &c->until_text, &c->until);
}

/* What an extension wraps, which there may be once (RFC 5280 4.2). */
static bool
take_list(struct span in, struct span *list)
{
	return list->p == NULL && tls_der_take(&in, DER_SEQUENCE, list);
}

/* BasicConstraints ::= SEQUENCE { cA BOOLEAN DEFAULT FALSE, ... } */
static bool
take_ca(struct span in, struct tls_cert *c)
{
	struct span list, flag;

	if (!tls_der_take(&in, DER_SEQUENCE, &list)) {
		return false;
	}
	c->ca = tls_der_take(&list, DER_BOOLEAN, &flag) && flag.n == 1 &&
		flag.p[0] != 0;
	return true;
}

/* Extensions ::= SEQUENCE OF SEQUENCE { OID, critical?, OCTET STRING } */
static bool
take_extensions(struct span in, struct tls_cert *c)
{
	struct span all, one, id, value;
	int tag;

	if (!tls_der_take(&in, DER_SEQUENCE, &all)) {
		return false;
	}
	while (all.n > 0) {
		if (!tls_der_take(&all, DER_SEQUENCE, &one) ||
			!tls_der_take(&one, DER_OID, &id) ||
			!tls_der_next(&one, &tag, &value) ||
			(tag != DER_OCTETS &&
				!tls_der_take(&one, DER_OCTETS, &value))) {
			return false;
		}
		if ((span_is(id, "\x55\x1D\x11") &&
				!take_list(value, &c->names)) ||
			(span_is(id, "\x55\x1D\x25") &&
				!take_list(value, &c->purposes)) ||
			(span_is(id, "\x55\x1D\x13") &&
				!take_ca(value, c))) {
			return false;
		}
	}
	return true;
}

/* What follows the key: identifiers that nobody uses, and extensions. */
static bool
take_rest(struct span in, struct tls_cert *c)
{
	struct span value;
	int tag;

	while (in.n > 0) {
		if (!tls_der_next(&in, &tag, &value) ||
			(tag == 0xA3 && !take_extensions(value, c))) {
			return false;
		}
	}
	return true;
}

static bool
take_version(struct span *in, struct tls_cert *c)
{
	struct span value, number;

	c->version = 1;
	c->ca = true;
	if (in->n == 0 || (unsigned char)in->p[0] != 0xA0) {
		return true;
	}
	if (!tls_der_take(in, 0xA0, &value) ||
		!tls_der_take(&value, DER_INTEGER, &number) ||
		number.n != 1 || (unsigned char)number.p[0] > 2) {
		return false;
	}
	c->version = number.p[0] + 1;
	c->ca = c->version < 3;
	return true;
}

bool
tls_cert_parse(struct tls_cert *c, struct span der)
{
	struct span in = der, body, skipped;

	*c = (struct tls_cert){.der = der};
	return tls_der_take(&in, DER_SEQUENCE, &body) && in.n == 0 &&
		tls_der_take(&body, DER_SEQUENCE, &in) &&
		take_version(&in, c) &&
		tls_der_take(&in, DER_INTEGER, &c->serial) &&
		tls_der_take(&in, DER_SEQUENCE, &skipped) &&
		take_whole(&in, &c->issuer) && take_validity(&in, c) &&
		take_whole(&in, &c->subject) &&
		tls_der_take(&in, DER_SEQUENCE, &c->key) && take_rest(in, c);
}

bool
tls_cert_names_ip(const struct tls_cert *c, struct span ip)
{
	struct span rest = c->names, name;
	int tag;

	while (tls_der_next(&rest, &tag, &name)) {
		if (tag == DER_NAME_IP && span_eq(name, ip)) {
			return true;
		}
	}
	return false;
}

/* RFC 5280 4.2.1.12: id-kp-serverAuth or anyExtendedKeyUsage. */
bool
tls_cert_for_servers(const struct tls_cert *c)
{
	struct span rest = c->purposes, id;

	if (rest.p == NULL) {
		return true;
	}
	while (tls_der_take(&rest, DER_OID, &id)) {
		if (span_eq(id, SPAN("\x2B\x06\x01\x05\x05\x07\x03\x01")) ||
			span_eq(id, SPAN("\x55\x1D\x25\x00"))) {
			return true;
		}
	}
	return false;
}
