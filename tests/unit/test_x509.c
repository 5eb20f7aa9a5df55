/*
 * What is read of certificates, on certificates built here: fields, dates,
 * limits, lists, and every way to cut or damage one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "base/codec.h"
#include "config.h"
#include "guard.h"
#include "port/hash.h"
#include "port/tls_common/tls_common.h"
#include "scratch.h"

#define CN "\x55\x04\x03"
#define RSA "\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01"

/* What differs between the certificates of the tests. */
struct sample {
	const char *version; /* the whole element, "" for none */
	const char *from, *until;
	const char *issuer, *subject;
	struct span extensions; /* in a row */
	size_t padding;		/* bytes of the signature */
};

static char memory[2 * CFG_CERT_DER + 4096];

static const struct sample plain = {
	.version = "\xA0\x03\x02\x01\x02",
	.from = "240229235959Z",
	.until = "20500101000000Z",
	.issuer = "Some Root",
	.subject = "host",
	.padding = 100,
};

/* An element of b's bytes from at on. */
static void
wrap(struct buf *b, size_t at, int tag)
{
	unsigned char head[4] = {(unsigned char)tag};
	size_t n = b->n - at, h = n < 0x80 ? 2 : n < 0x100 ? 3 : 4;

	head[1] = (unsigned char)(h == 2 ? n : 0x80 + h - 2);
	head[2] = (unsigned char)(h == 3 ? n : n >> 8);
	head[3] = (unsigned char)n;
	assert_true(b->n + h <= b->cap);
	memmove(b->p + at + h, b->p + at, n);
	memcpy(b->p + at, head, h);
	b->n += h;
}

static void
put(struct buf *b, int tag, const void *p, size_t n)
{
	size_t at = b->n;

	buf_put(b, p, n);
	wrap(b, at, tag);
}

static void
put_name(struct buf *b, const char *text)
{
	size_t at = b->n;

	put(b, DER_OID, CN, 3);
	put(b, 0x0C, text, strlen(text));
	wrap(b, at, DER_SEQUENCE);
	wrap(b, at, DER_SET);
	wrap(b, at, DER_SEQUENCE);
}

static void
put_time(struct buf *b, const char *text)
{
	put(b, strlen(text) == 13 ? DER_UTC_TIME : DER_TIME, text,
		strlen(text));
}

static void
put_extension(struct buf *b, const char *oid, struct span list, bool critical)
{
	size_t at = b->n, value;

	put(b, DER_OID, oid, strlen(oid));
	if (critical) {
		put(b, DER_BOOLEAN, "\xFF", 1);
	}
	value = b->n;
	buf_span(b, list);
	wrap(b, value, DER_SEQUENCE);
	wrap(b, value, DER_OCTETS);
	wrap(b, at, DER_SEQUENCE);
}

static struct span
build(const struct sample *s)
{
	static const char zeros[CFG_CERT_DER + 1];
	struct buf b;
	size_t at;

	BUF_INIT(&b, memory);
	buf_put(&b, s->version, s->version[0] != '\0' ? 5 : 0);
	put(&b, DER_INTEGER, "\x01\x02", 2);
	put(&b, DER_SEQUENCE, "", 0); /* algorithm */
	put_name(&b, s->issuer);
	at = b.n;
	put_time(&b, s->from);
	put_time(&b, s->until);
	wrap(&b, at, DER_SEQUENCE);
	put_name(&b, s->subject);
	put(&b, DER_SEQUENCE, "key", 3);
	if (s->extensions.n > 0) {
		at = b.n;
		buf_span(&b, s->extensions);
		wrap(&b, at, DER_SEQUENCE);
		wrap(&b, at, 0xA3);
	}
	wrap(&b, 0, DER_SEQUENCE);
	put(&b, DER_SEQUENCE, "", 0); /* algorithm */
	put(&b, DER_BITS, zeros, s->padding);
	wrap(&b, 0, DER_SEQUENCE);
	assert_int_equal(b.err, ERR_OK);
	return buf_get(&b);
}

/* A certificate of just n bytes. */
static struct span
build_size(size_t n)
{
	struct sample s = plain;

	s.padding = n - 300;
	s.padding += n - build(&s).n;
	assert_int_equal(build(&s).n, n);
	return build(&s);
}

static void
fields(void **state)
{
	struct tls_cert c;
	struct span der = build(&plain);

	(void)state;
	assert_true(tls_cert_parse(&c, der));
	assert_true(span_is(c.serial, "\x01\x02"));
	assert_int_equal(c.version, 3);
	assert_int_equal(c.from, 1709251199);
	assert_int_equal(c.until, 2524608000);
	assert_true(span_is(c.key, "key"));
	assert_int_equal(c.subject.p[0], DER_SEQUENCE);
	assert_true(span_is(span_from(c.subject, c.subject.n - 4), "host"));
	assert_true(span_is(span_from(c.issuer, c.issuer.n - 9), "Some Root"));
	assert_null(c.names.p);
	assert_false(c.ca);
	assert_true(tls_cert_for_servers(&c));
}

static void
versions(void **state)
{
	struct sample s = plain;
	struct tls_cert c;

	(void)state;
	s.version = "";
	assert_true(tls_cert_parse(&c, build(&s)));
	assert_int_equal(c.version, 1);
	assert_true(c.ca); /* there was no way to say that it may not */
	s.version = "\xA0\x03\x02\x01\x01";
	assert_true(tls_cert_parse(&c, build(&s)));
	assert_int_equal(c.version, 2);
	s.version = "\xA0\x03\x02\x01\x03";
	assert_false(tls_cert_parse(&c, build(&s)));
	s.version = "\xA0\x03\x02\x01\xFF";
	assert_false(tls_cert_parse(&c, build(&s)));
}

static void
dates(void **state)
{
	static const struct {
		const char *text;
		int64_t s;
	} good[] = {
		{"700101000000Z", 0},
		{"691231235959Z", -1},
		{"500101000000Z", -631152000},
		{"491231235959Z", 2524607999},
		{"20000229120000Z", 951825600},
		{"00000101000000Z", -62167219200},
		{"99991231235959Z", 253402300799},
		{"19000301000000Z", -2203891200},
	};
	static const char *const bad[] = {"241301000000Z", "240001000000Z",
		"240100000000Z", "240132000000Z", "240101240000Z",
		"240101006000Z", "240101000061Z", "24010100000Z",
		"2401010000000", "2401010000-1Z", "2024 101000000Z",
		"240101000000+0100Z", ""};
	struct sample s = plain;
	struct tls_cert c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		s.from = good[i].text;
		assert_true(tls_cert_parse(&c, build(&s)));
		assert_int_equal(c.from, good[i].s);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		s.from = bad[i];
		assert_false(tls_cert_parse(&c, build(&s)));
	}
}

static void
judged_dates(void **state)
{
	struct tls_verify v = {.host = "h"};
	struct tls_cert c;

	(void)state;
	assert_true(tls_cert_parse(&c, build(&plain)));
	v.now = c.from - 1;
	assert_int_equal(tls_judge_dates(&c, &v), TLS_FUTURE);
	v.now = c.from;
	assert_int_equal(tls_judge_dates(&c, &v), 0);
	v.now = c.until;
	assert_int_equal(tls_judge_dates(&c, &v), 0);
	v.now = c.until + 1;
	assert_int_equal(tls_judge_dates(&c, &v), TLS_EXPIRED);
	assert_int_equal(tls_refuse(TLS_FUTURE, &v, 0), ERR_CLOCK);
	assert_int_equal(tls_refuse(TLS_FUTURE | TLS_OTHER_HOST, &v, 0),
		ERR_CERT);
	assert_int_equal(tls_refuse(TLS_FUTURE | TLS_EXPIRED, &v, 0),
		ERR_CERT);
	assert_int_equal(tls_refuse(TLS_UNTRUSTED, &v, 2), ERR_CERT);
	assert_non_null(strstr(err_detail(), "2 certificates there"));
}

static void
extensions(void **state)
{
	static const char names[] = "\x82\x03" "a.b\x87\x04\x7F\x00\x00\x01"
		"\x81\x01x\x87\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1";
	static const char client[] = "\x06\x08\x2B\x06\x01\x05\x05\x07\x03\x02";
	static const char server[] = "\x06\x08\x2B\x06\x01\x05\x05\x07\x03\x02"
		"\x06\x08\x2B\x06\x01\x05\x05\x07\x03\x01";
	static const char any[] = "\x06\x04\x55\x1D\x25\x00";
	struct sample s = plain;
	struct tls_verify v = {.host = "127.0.0.1"};
	struct tls_cert c;
	char text[1000], out[1000];
	struct buf b, o;

	(void)state;
	BUF_INIT(&b, text);
	put_extension(&b, "\x55\x1D\x0F", SPAN("\x03\x01\x00"), true);
	put_extension(&b, "\x55\x1D\x11", SPAN(names), false);
	put_extension(&b, "\x55\x1D\x25", SPAN(server), true);
	put_extension(&b, "\x55\x1D\x13", SPAN("\x01\x01\xFF"), true);
	s.extensions = buf_get(&b);
	assert_true(tls_cert_parse(&c, build(&s)));
	assert_true(c.ca);
	assert_true(tls_cert_for_servers(&c));
	assert_int_equal(tls_judge_leaf(&c, &v), 0);
	v.host = "127.0.0.2";
	assert_int_equal(tls_judge_leaf(&c, &v), TLS_OTHER_HOST);
	v.host = "0::1";
	assert_int_equal(tls_judge_leaf(&c, &v), 0);
	v.host = "a.c"; /* is the library's to judge */
	assert_int_equal(tls_judge_leaf(&c, &v), 0);
	BUF_INIT(&o, out);
	tls_describe(c.der, &o);
	assert_string_equal(buf_cstr(&o), "subject:     CN=host\n"
		"names:       a.b, 127.0.0.1, "
		"0000:0000:0000:0000:0000:0000:0000:0001\n"
		"issuer:      CN=Some Root\n"
		"valid from:  2024-02-29 23:59:59 UTC\n"
		"valid until: 2050-01-01 00:00:00 UTC\n");
	/* twice the same is refused, since it would matter which one counts */
	put_extension(&b, "\x55\x1D\x11", SPAN(names), false);
	s.extensions = buf_get(&b);
	assert_false(tls_cert_parse(&c, build(&s)));

	BUF_INIT(&b, text);
	put_extension(&b, "\x55\x1D\x25", SPAN(client), false);
	put_extension(&b, "\x55\x1D\x13", SPAN(""), true);
	s.extensions = buf_get(&b);
	assert_true(tls_cert_parse(&c, build(&s)));
	assert_false(c.ca);
	assert_int_equal(tls_judge_leaf(&c, &v), TLS_PURPOSE);
	BUF_INIT(&b, text);
	put_extension(&b, "\x55\x1D\x25", SPAN(any), false);
	put_extension(&b, "\x55\x1D\x13", SPAN("\x01\x01\x00"), true);
	s.extensions = buf_get(&b);
	assert_true(tls_cert_parse(&c, build(&s)));
	assert_false(c.ca);
	assert_true(tls_cert_for_servers(&c));
	BUF_INIT(&b, text);
	put_extension(&b, "\x55\x1D\x25", SPAN(""), false);
	s.extensions = buf_get(&b);
	assert_true(tls_cert_parse(&c, build(&s)));
	assert_false(tls_cert_for_servers(&c));
}

/* Cut anywhere, or with any byte changed: refused or not, it is never read
 * past its end, where the guard page is. */
static void
damage(void **state)
{
	char text[1000], out[2000];
	struct sample s = plain;
	struct tls_cert c;
	struct span der;
	struct buf b, o;
	size_t i;
	int v;

	(void)state;
	BUF_INIT(&b, text);
	put_extension(&b, "\x55\x1D\x11", SPAN("\x82\x03" "a.b"), false);
	s.extensions = buf_get(&b);
	s.padding = 10;
	der = build(&s);
	for (i = 0; i < der.n; i++) {
		char *copy = guard_copy(der.p, i);

		assert_false(tls_cert_parse(&c, (struct span){copy, i}));
		guard_free(copy);
	}
	for (i = 0; i < der.n; i++) {
		for (v = 0; v < 256; v += 1 + v % 5) {
			char *copy = guard_copy(der.p, der.n);

			copy[i] = (char)v;
			BUF_INIT(&o, out);
			tls_describe((struct span){copy, der.n}, &o);
			guard_free(copy);
		}
	}
	memcpy(memory + der.n, "", 1); /* something behind it */
	assert_false(tls_cert_parse(&c, (struct span){der.p, der.n + 1}));
}

static void
lengths(void **state)
{
	static const struct {
		const char *p;
		size_t n;
		bool good;
		size_t value;
	} rows[] = {
		{"\x30\x00", 2, true, 0},
		{"\x30\x01x", 3, true, 1},
		{"\x30\x81\x01x", 4, true, 1},
		{"\x30\x83\x00\x00\x01x", 6, true, 1},
		{"\x30\x84\x00\x00\x00\x01x", 7, false, 0},
		{"\x30\x80x", 3, false, 0}, /* of no definite length */
		{"\x30\xFF", 2, false, 0},
		{"\x30\x82\x01", 3, false, 0},
		{"\x30\x02x", 3, false, 0},
		{"\x1F\x01x", 3, false, 0}, /* a tag of many bytes */
		{"\x30", 1, false, 0},
		{"", 0, false, 0},
	};
	size_t i;
	int tag;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *copy = guard_copy(rows[i].p, rows[i].n);
		struct span in = {copy, rows[i].n}, value;

		assert_int_equal(tls_der_next(&in, &tag, &value),
			rows[i].good);
		if (rows[i].good) {
			assert_int_equal(value.n, rows[i].value);
			assert_int_equal(in.n, 0);
		}
		guard_free(copy);
	}
}

static void
put_pem(struct buf *out, struct span der, size_t line)
{
	buf_str(out, "-----BEGIN CERTIFICATE-----\n");
	while (der.n > 0) {
		base64_enc(out, span_upto(der, line));
		buf_char(out, '\n');
		der = span_from(der, line);
	}
	buf_str(out, "-----END CERTIFICATE-----\n");
}

/* Roots of a file: the longest that fits is found, one byte more is counted
 * and stepped over, and lines of any length are good. */
static void
roots(void **state)
{
	static char text[8 * CFG_CERT_DER];
	struct scratch dir;
	char path[512];
	struct tls_verify v = {.ca_file = path};
	struct tls_cert c, root;
	struct span issuer, der;
	struct tls_ca ca;
	struct buf b;
	struct sample other = plain;

	(void)state;
	scratch_make(&dir);
	scratch_path(&dir, "roots", path);
	BUF_INIT(&b, text);
	other.subject = "another";
	put_pem(&b, build(&other), 48);
	der = build_size(CFG_CERT_DER + 1);
	put_pem(&b, der, 48);
	der = build_size(CFG_CERT_DER);
	put_pem(&b, der, 30);
	assert_int_equal(b.err, ERR_OK);
	scratch_write(&dir, "roots", b.p, b.n);
	assert_true(tls_cert_parse(&c, der));
	issuer = c.subject;
	assert_int_equal(tls_ca_open(&ca, &v), ERR_OK);
	assert_int_equal(tls_ca_next(&ca, &issuer, 1, &root), ERR_OK);
	assert_true(span_eq(root.der, der));
	assert_int_equal(ca.too_long, 1);
	assert_int_equal(tls_ca_next(&ca, &issuer, 1, &root), ERR_END);
	tls_ca_close(&ca);
	assert_int_equal(tls_ca_open(&ca, &v), ERR_OK);
	assert_int_equal(tls_ca_next(&ca, &issuer, 0, &root), ERR_END);
	tls_ca_close(&ca);
	scratch_free(&dir);
}

static void
limits(void **state)
{
	(void)state;
	assert_int_equal(tls_check_limits(0, CFG_CERT_DER), ERR_OK);
	assert_int_equal(tls_check_limits(0, CFG_CERT_DER + 1), ERR_LIMIT);
	assert_int_equal(tls_check_limits(CFG_CERT_CHAIN - 1, 1), ERR_OK);
	assert_int_equal(tls_check_limits(CFG_CERT_CHAIN, 1), ERR_LIMIT);
}

static void
offers(void **state)
{
	uint16_t fast[TLS_SUITES], slow[TLS_SUITES];
	size_t n = tls_suites(fast, true);

	(void)state;
	assert_int_equal(tls_suites(slow, false), n);
	assert_int_equal(fast[0], 0xC02B); /* AES128-GCM */
	assert_int_equal(slow[0], 0xCCA9); /* ChaCha20 */
	assert_memory_equal(fast + 6, slow + 6, (n - 6) * sizeof(fast[0]));
	assert_int_equal(n, CFG_OLD_CIPHERS ? TLS_SUITES : 6);
}

static void
hosts(void **state)
{
	struct tls_verify v = {.host = NULL};
	struct tls_ip ip;

	(void)state;
	assert_null(tls_host_name(&v, &ip));
	v.host = "";
	assert_null(tls_host_name(&v, &ip));
	assert_int_equal(ip.n, 0);
	v.host = "imap.example.org";
	assert_string_equal(tls_host_name(&v, &ip), v.host);
	v.host = "1.2.3"; /* a name, strange as it is */
	assert_string_equal(tls_host_name(&v, &ip), v.host);
	v.host = "1.2.3.4";
	assert_null(tls_host_name(&v, &ip));
	assert_int_equal(ip.n, 4);
	assert_memory_equal(ip.bytes, "\1\2\3\4", 4);
	v.host = "fe80::1";
	assert_null(tls_host_name(&v, &ip));
	assert_int_equal(ip.n, 16);
}

/* Not certificates, but what both libraries read through: the parts of a
 * record, of any size, and the socket is asked no oftener than need be. */
static void
read_ahead(void **state)
{
	static const char sent[] = "head1a body that is longer than what is "
		"read ahead of it, so that its end comes with the next call, "
		"as most do: head2body";
	struct tls_ahead a = {0};
	char got[sizeof(sent)];
	size_t n, at = 0;
	int s[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
		s), 0);
	assert_int_equal(tls_ahead_read(&a, s[0], got, 5, &n), ERR_AGAIN);
	assert_int_equal(write(s[1], sent, sizeof(sent)), sizeof(sent));
	assert_int_equal(tls_ahead_read(&a, s[0], got, 5, &n), ERR_OK);
	assert_int_equal(n, 5);
	assert_int_equal(a.n, sizeof(a.bytes));
	for (at = 5; at < sizeof(sent); at += n) {
		size_t want = at % 7 + 1;

		want = want < sizeof(sent) - at ? want : sizeof(sent) - at;
		assert_int_equal(tls_ahead_read(&a, s[0], got + at, want, &n),
			ERR_OK);
		assert_true(n > 0 && n <= want);
	}
	assert_memory_equal(got, sent, sizeof(sent));
	/* that it was the last is known; what comes later is asked for */
	assert_true(a.dry);
	assert_int_equal(write(s[1], "x", 1), 1);
	assert_int_equal(tls_ahead_read(&a, s[0], got, 5, &n), ERR_AGAIN);
	assert_int_equal(tls_ahead_read(&a, s[0], got, 5, &n), ERR_OK);
	assert_int_equal(n, 1);
	close(s[1]);
	assert_int_equal(tls_ahead_read(&a, s[0], got, 5, &n), ERR_AGAIN);
	assert_int_equal(tls_ahead_read(&a, s[0], got, 5, &n), ERR_END);
	close(s[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields),
		cmocka_unit_test(versions),
		cmocka_unit_test(dates),
		cmocka_unit_test(judged_dates),
		cmocka_unit_test(extensions),
		cmocka_unit_test(damage),
		cmocka_unit_test(lengths),
		cmocka_unit_test(roots),
		cmocka_unit_test(limits),
		cmocka_unit_test(offers),
		cmocka_unit_test(hosts),
		cmocka_unit_test(read_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
