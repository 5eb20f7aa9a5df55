/*
 * codec: vectors of the RFCs, every malformed shape we can name, round trips
 * over whole ranges, and inputs that end at a guard page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/codec.h"
#include "guard.h"

typedef enum err codec(struct buf *out, struct span in);

static enum err
enc64(struct buf *out, struct span in)
{
	base64_enc(out, in);
	return out->err;
}

static enum err
esc(struct buf *out, struct span in)
{
	escape(out, in);
	return out->err;
}

/* Runs f over a guarded copy; want NULL means ERR_SYNTAX. */
static void
expect(codec *f, const char *in, size_t n, const char *want, size_t want_n)
{
	char memory[256];
	char *copy = guard_copy(in, n);
	struct buf out;
	enum err e;

	BUF_INIT(&out, memory);
	buf_str(&out, "kept");
	e = f(&out, (struct span){copy, n});
	guard_free(copy);
	if (want == NULL) {
		if (e != ERR_SYNTAX || out.n != 4) {
			fail_msg("\"%.*s\" was taken", (int)n, in);
		}
		return;
	}
	if (e != ERR_OK || out.n != 4 + want_n ||
		memcmp(memory + 4, want, want_n) != 0) {
		fail_msg("\"%.*s\" gave %d \"%.*s\", not \"%s\"", (int)n, in,
			e, (int)out.n - 4, memory + 4, want);
	}
}

static void
both(codec *f, const char *in, const char *want)
{
	expect(f, in, strlen(in), want, want != NULL ? strlen(want) : 0);
}

static void
test_base64(void **state)
{
	static const char *const rows[][2] = {{"", ""}, {"f", "Zg=="},
		{"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
	static const char *const bad[] = {"Z", "Zg", "Zg=", "Zg===", "====",
		"=g==", "Zg=x", "Zh==", "Zm9=", "Zm9v\n", "Zm 9v", "Zg==Zg==",
		"Zm9,", "Zm9\xc3", "Zm9vZm9"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		both(enc64, rows[i][0], rows[i][1]);
		both(base64_dec, rows[i][1], rows[i][0]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		both(base64_dec, bad[i], NULL);
	}
	expect(enc64, "\0\377\376", 3, "AP/+", 4);
	expect(base64_dec, "AP/+", 4, "\0\377\376", 3);
}

static void
test_base64_every_byte(void **state)
{
	char raw[256], text[400], back[256];
	struct buf t, b;

	(void)state;
	for (size_t i = 0; i < 256; i++) {
		raw[i] = (char)(i * 167 + 13);
	}
	for (size_t n = 0; n <= 256; n++) {
		BUF_INIT(&t, text);
		BUF_INIT(&b, back);
		base64_enc(&t, (struct span){raw, n});
		assert_int_equal(t.n, (n + 2) / 3 * 4);
		assert_int_equal(base64_dec(&b, buf_get(&t)), ERR_OK);
		assert_int_equal(b.n, n);
		assert_memory_equal(back, raw, n);
	}
}

static void
test_room(void **state)
{
	char memory[8];
	struct buf b;

	(void)state;
	buf_init(&b, memory, 3);
	assert_int_equal(base64_dec(&b, SPAN("Zm9v")), ERR_OK);
	buf_init(&b, memory, 2);
	assert_int_equal(base64_dec(&b, SPAN("Zm9v")), ERR_LIMIT);
	buf_init(&b, memory, 3);
	assert_int_equal(mutf7_dec(&b, SPAN("&U,A-")), ERR_OK);
	buf_init(&b, memory, 2);
	assert_int_equal(mutf7_dec(&b, SPAN("&U,A-")), ERR_LIMIT);
	buf_init(&b, memory, 5);
	assert_int_equal(mutf7_enc(&b, SPAN("\xe5\x8f\xb0")), ERR_OK);
	buf_init(&b, memory, 4);
	assert_int_equal(mutf7_enc(&b, SPAN("\xe5\x8f\xb0")), ERR_LIMIT);
}

static void
test_mutf7(void **state)
{
	static const char *const rows[][2] = {
		{"", ""},
		{"INBOX", "INBOX"},
		{"~peter/mail/&U,BTFw-/&ZeVnLIqe-",
			"~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/"
			"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"},
		{"&-", "&"}, {"a&-b", "a&b"}, {"&-&-", "&&"},
		{"Entw&APw-rfe", "Entw\xc3\xbcrfe"},
		{"&AOQ-&-&APY-", "\xc3\xa4&\xc3\xb6"},
		{"&AOQA9g-", "\xc3\xa4\xc3\xb6"},
		{"&AOQA9gD8-", "\xc3\xa4\xc3\xb6\xc3\xbc"},
		{"&2D3eAA-", "\xf0\x9f\x98\x80"},
		{"&2D3eANg93gE-", "\xf0\x9f\x98\x80\xf0\x9f\x98\x81"},
		{"&AAE-", "\x01"}, {"&AH8-", "\x7f"}, {"&AAo-", "\n"},
		{"&,,8-", "\xef\xbf\xbf"}, {"&2,,f,w-", "\xf4\x8f\xbf\xbf"},
		{"a-b-", "a-b-"}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		both(mutf7_dec, rows[i][0], rows[i][1]);
		both(mutf7_enc, rows[i][1], rows[i][0]);
	}
}

static void
test_mutf7_bad(void **state)
{
	static const char *const dec[] = {"&", "a&", "&AOQ", "&AO-", "&A-",
		"&AOQA-", "&AOR-", "&AAAA-", "&AAA-", "&AEE-", "&ACY-",
		"&2D0-", "&3gA-", "&2D3YPQ-", "&2D0A5A-", "&AOQ-&APY-",
		"&AO Q-", "&AO/-", "&AOQ=-", "Entw\xc3\xbcrfe", "a\x01", "a\tb",
		"\x7f", "&AOQAAA-"};
	static const char *const enc[] = {"\xc3", "\x80", "\xff", "\xc0\x80",
		"\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
		"\xf8\x88\x80\x80\x80", "\xc3(", "a\xe5\x8f", "\xf0\x9f\x98",
		"\xf0\x80\x80\x80", "\xc1\xbf"};

	(void)state;
	for (size_t i = 0; i < sizeof(dec) / sizeof(dec[0]); i++) {
		both(mutf7_dec, dec[i], NULL);
	}
	for (size_t i = 0; i < sizeof(enc) / sizeof(enc[0]); i++) {
		both(mutf7_enc, enc[i], NULL);
	}
	expect(mutf7_dec, "a\0b", 3, NULL, 0);
	expect(mutf7_enc, "a\0b", 3, NULL, 0);
}

/* Random names of few bytes: what decodes must encode to itself, and what
 * encodes must decode to itself. */
static void
test_mutf7_inverse(void **state)
{
	static const char alphabet[] = "&&--AOQ2D3eg,/a\xc3\xa4\xf0\x9f\x98\x80";
	uint32_t seed = 1, taken = 0;

	(void)state;
	for (int round = 0; round < 300000; round++) {
		char in[10], there[64], back[64];
		struct buf t, b;
		size_t n = 1 + (size_t)round % 10;

		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525 + 1013904223;
			in[i] = alphabet[(seed >> 16) %
				(sizeof(alphabet) - 1)];
		}
		BUF_INIT(&t, there);
		BUF_INIT(&b, back);
		if (mutf7_dec(&t, (struct span){in, n}) == ERR_OK) {
			assert_int_equal(mutf7_enc(&b, buf_get(&t)), ERR_OK);
			assert_int_equal(b.n, n);
			assert_memory_equal(back, in, n);
			taken++;
		}
		BUF_INIT(&t, there);
		BUF_INIT(&b, back);
		if (mutf7_enc(&t, (struct span){in, n}) == ERR_OK) {
			assert_int_equal(mutf7_dec(&b, buf_get(&t)), ERR_OK);
			assert_int_equal(b.n, n);
			assert_memory_equal(back, in, n);
			taken++;
		}
	}
	assert_true(taken > 10000);
}

static void
expect_date(const char *text, int64_t want)
{
	char *copy = guard_copy(text, strlen(text));
	int64_t got = -1;
	enum err e = date_dec((struct span){copy, strlen(text)}, &got);

	guard_free(copy);
	if (e != ERR_OK || got != want) {
		fail_msg("%s: %d %lld, not %lld", text, e, (long long)got,
			(long long)want);
	}
}

static void
test_date(void **state)
{
	(void)state;
	expect_date("01-Jan-1970 00:00:00 +0000", 0);
	expect_date(" 1-Jan-1970 00:00:00 +0000", 0);
	expect_date("1-jan-1970 00:00:00 -0000", 0);
	expect_date("01-Jan-1970 00:00:00 +0100", -3600);
	expect_date("31-Dec-1969 18:30:00 -0530", 0);
	expect_date("17-Jul-1996 02:44:25 -0700", 837596665);
	expect_date("29-Feb-2000 12:00:00 +0000", 951825600);
	expect_date("30-Dec-1899 00:00:00 +0000", -2209161600);
	expect_date("19-Jan-2038 03:14:08 +0000", 2147483648);
	expect_date("31-Dec-2016 23:59:60 +0000", 1483228800);
	expect_date("01-Jan-0000 00:00:00 +0000", -62167219200);
	expect_date("31-Dec-9999 23:59:59 +0000", 253402300799);
}

static void
test_date_bad(void **state)
{
	static const char *const bad[] = {"", " ", "01-Jan-1970",
		"01-Jan-1970 00:00:00", "01-Jan-1970 00:00:00 0000",
		"01-Jan-1970 00:00:00 +00000", "00-Jan-1970 00:00:00 +0000",
		"32-Jan-1970 00:00:00 +0000", "29-Feb-1900 00:00:00 +0000",
		"30-Feb-2000 00:00:00 +0000", "31-Apr-2000 00:00:00 +0000",
		"01-Foo-2000 00:00:00 +0000", "01-Jan-70 00:00:00 +0000",
		"01-Jan-1970 24:00:00 +0000", "01-Jan-1970 00:60:00 +0000",
		"01-Jan-1970 00:00:61 +0000", "01-Jan-1970 00:00:00 +2400",
		"01-Jan-1970 00:00:00 +0060", "01-Jan-1970 0:00:00 +0000",
		"001-Jan-1970 00:00:00 +0000", "-1-Jan-1970 00:00:00 +0000",
		"01 Jan 1970 00:00:00 +0000", "\"01-Jan-1970 00:00:00 +0000",
		"01-Jan-1970 00:00:00 +0000 ", "01-Jan-1970 00:00:00 EST"};
	const char *whole = "17-Jul-1996 02:44:25 -0700";
	int64_t v = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (date_dec(span_of(bad[i]), &v) != ERR_SYNTAX || v != 7) {
			fail_msg("\"%s\" was taken", bad[i]);
		}
	}
	for (size_t n = 0; n < strlen(whole); n++) {
		char *copy = guard_copy(whole, n);

		assert_int_equal(date_dec((struct span){copy, n}, &v),
			ERR_SYNTAX);
		guard_free(copy);
	}
}

static void
test_date_inverse(void **state)
{
	char memory[32];
	struct buf b;

	(void)state;
	/* a step that is no multiple of anything, over all the years */
	for (int64_t t = -62167219200; t <= 253402300799; t += 1234567) {
		int64_t back = 0;

		BUF_INIT(&b, memory);
		date_enc(&b, t);
		assert_int_equal(b.n, 26);
		assert_int_equal(date_dec(buf_get(&b), &back), ERR_OK);
		assert_true(back == t);
	}
	BUF_INIT(&b, memory);
	date_enc(&b, INT64_MAX);
	assert_true(span_is(buf_get(&b), "31-Dec-9999 23:59:59 +0000"));
	BUF_INIT(&b, memory);
	date_enc(&b, INT64_MIN);
	assert_true(span_is(buf_get(&b), "01-Jan-0000 00:00:00 +0000"));
}

static void
test_escape(void **state)
{
	(void)state;
	both(esc, "", "");
	both(esc, "plain \\ \xc3\xa4 \xf0\x9f\x98\x80",
		"plain \\ \xc3\xa4 \xf0\x9f\x98\x80");
	both(esc, "\x1b[31m\r\n\t\x7f", "\\x1b[31m\\x0d\\x0a\\x09\\x7f");
	both(esc, "\xc2\x9b", "\\xc2\\x9b");
	both(esc, "\xe2\x80\xae" "abc", "\\xe2\\x80\\xaeabc");
	both(esc, "\xc3", "\\xc3");
	both(esc, "\xc3(", "\\xc3(");
	both(esc, "\xe5\x8f", "\\xe5\\x8f");
	both(esc, "\xed\xa0\x80", "\\xed\\xa0\\x80");
	expect(esc, "a\0b", 3, "a\\x00b", 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_base64_every_byte),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_mutf7),
		cmocka_unit_test(test_mutf7_bad),
		cmocka_unit_test(test_mutf7_inverse),
		cmocka_unit_test(test_date),
		cmocka_unit_test(test_date_bad),
		cmocka_unit_test(test_date_inverse),
		cmocka_unit_test(test_escape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
