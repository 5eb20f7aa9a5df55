/*
 * base: spans, builders, the small printf, errors, checksums, numbers on
 * disk. Every limit at N and N + 1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc32.h"
#include "base/fmt.h"
#include "base/le.h"
#include "base/log.h"
#include "guard.h"

/* --- span --- */

static void
span_compare(void **unused)
{
	struct span none = {NULL, 0};

	(void)unused;
	assert_int_equal(span_of(NULL).n, 0);
	assert_int_equal(span_of("").n, 0);
	assert_int_equal(SPAN("abc").n, 3);
	assert_true(span_eq(none, SPAN("")));
	assert_true(span_eq(SPAN("a\0b"), SPAN("a\0b")));
	assert_false(span_eq(SPAN("a\0b"), SPAN("a\0c")));
	assert_false(span_eq(SPAN("a"), SPAN("ab")));
	assert_true(span_ieq(SPAN("aZ@[`{"), SPAN("Az@[`{")));
	assert_false(span_ieq(SPAN("@"), SPAN("`"))); /* 32 apart, no letters */
	assert_false(span_ieq(SPAN("["), SPAN("{")));
	assert_false(span_ieq(SPAN("\304"), SPAN("\344"))); /* not ASCII */
	assert_true(span_is(SPAN("ab"), "ab"));
	assert_false(span_is(SPAN("a\0"), "a"));
	assert_true(span_iis(SPAN("InBox"), "INBOX"));
	assert_true(span_is(none, ""));
	assert_true(span_is(none, NULL));
}

static void
span_lists(void **state)
{
	static const char words[] = "OK NO PREAUTH";
	struct span s = span_nth(words, 2);

	(void)state;
	assert_int_equal(span_word(SPAN("ok"), words), 0);
	assert_int_equal(span_word(SPAN("NO"), words), 1);
	assert_int_equal(span_word(SPAN("preAuth"), words), 2);
	assert_int_equal(span_word(SPAN("PRE"), words), -1);
	assert_int_equal(span_word(SPAN("PREAUTHS"), words), -1);
	assert_int_equal(span_word(SPAN("OK NO"), words), -1);
	assert_int_equal(span_word(SPAN("NO "), words), -1);
	assert_int_equal(span_word(SPAN(""), words), -1);
	assert_int_equal(span_word(SPAN(""), ""), -1);
	assert_true(span_is(s, "PREAUTH"));
	assert_true(span_is(span_nth(words, 0), "OK"));
	assert_true(span_is(span_nth(words, 1), "NO"));
}

static void
span_parts(void **unused)
{
	struct span s = SPAN("hello"), none = {NULL, 0};

	(void)unused;
	assert_true(span_starts(s, SPAN("")));
	assert_true(span_starts(s, SPAN("hello")));
	assert_false(span_starts(s, SPAN("hello!")));
	assert_false(span_starts(s, SPAN("hex")));
	assert_true(span_is(span_from(s, 0), "hello"));
	assert_true(span_is(span_from(s, 5), ""));
	assert_true(span_is(span_from(s, 6), ""));
	assert_true(span_is(span_from(s, SIZE_MAX), ""));
	assert_true(span_is(span_upto(s, 4), "hell"));
	assert_true(span_is(span_upto(s, 5), "hello"));
	assert_true(span_is(span_upto(s, SIZE_MAX), "hello"));
	assert_int_equal(span_from(none, 1).n, 0);
	assert_int_equal(span_find(s, 'l'), 2);
	assert_int_equal(span_find(s, 'x'), 5);
	assert_int_equal(span_find(none, 'x'), 0);
	assert_int_equal(span_find(SPAN("ab\0"), '\0'), 2);
	assert_true(span_is(span_trim(SPAN(" \t\r\na b\r\n\t ")), "a b"));
	assert_int_equal(span_trim(SPAN(" \n")).n, 0);
	assert_int_equal(span_trim(none).n, 0);
}

static void
u32(const char *text, bool ok, uint32_t want)
{
	char *copy = guard_copy(text, strlen(text));
	uint32_t v = 77;

	if (span_u32((struct span){copy, strlen(text)}, &v) != ok ||
		v != (ok ? want : 77)) {
		fail_msg("\"%s\": %u", text, (unsigned)v);
	}
	guard_free(copy);
}

static void
u64(const char *text, bool ok, uint64_t want)
{
	uint64_t v = 77;

	if (span_u64(span_of(text), &v) != ok || v != (ok ? want : 77)) {
		fail_msg("\"%s\": %llu", text, (unsigned long long)v);
	}
}

static void
span_numbers(void **unused)
{
	(void)unused;
	u32("0", true, 0);
	u32("007", true, 7);
	u32("4294967295", true, UINT32_MAX);
	u32("4294967296", false, 0);
	u32("", false, 0);
	u32("-1", false, 0);
	u32("+1", false, 0);
	u32(" 1", false, 0);
	u32("1 ", false, 0);
	u32("1x", false, 0);
	u32("/", false, 0);
	u32(":", false, 0);
	u32("18446744073709551617", false, 0);
	u64("18446744073709551615", true, UINT64_MAX);
	u64("18446744073709551616", false, 0);
	u64("18446744073709551620", false, 0);
	u64("99999999999999999999", false, 0);
	u64("00000000000000000000000001", true, 1);
}

/* --- buf --- */

static void
buf_limits(void **unused)
{
	char memory[8];
	struct buf b;

	(void)unused;
	memset(memory, '#', sizeof(memory));
	buf_init(&b, memory, 4);
	buf_put(&b, "abcd", 4);
	assert_int_equal(b.err, ERR_OK); /* full is no error */
	buf_put(&b, "", 0);
	buf_put(&b, NULL, 0);
	assert_int_equal(b.err, ERR_OK);
	buf_char(&b, 'e');
	assert_int_equal(b.err, ERR_LIMIT);
	assert_true(span_is(buf_get(&b), "abcd"));
	assert_memory_equal(memory, "abcd####", 8);

	buf_init(&b, memory, 4);
	buf_str(&b, "ab");
	buf_str(&b, "cde"); /* all or nothing */
	assert_int_equal(b.err, ERR_LIMIT);
	assert_true(span_is(buf_get(&b), "ab"));
	buf_char(&b, 'c'); /* would fit, but the error sticks */
	assert_true(span_is(buf_get(&b), "ab"));
	buf_init(&b, NULL, 0);
	buf_str(&b, "");
	assert_int_equal(b.err, ERR_OK);
	assert_string_equal(buf_cstr(&b), "");
	assert_int_equal(b.err, ERR_LIMIT);
}

static void
buf_cstring(void **unused)
{
	char memory[4];
	struct buf b;

	(void)unused;
	BUF_INIT(&b, memory);
	buf_str(&b, "abc");
	assert_string_equal(buf_cstr(&b), "abc");
	assert_int_equal(b.n, 3);
	buf_char(&b, 'd');
	assert_int_equal(b.err, ERR_OK);
	assert_string_equal(buf_cstr(&b), "");
	assert_int_equal(b.err, ERR_LIMIT);
}

static void
buf_numbers(void **unused)
{
	char memory[64];
	struct buf b;

	(void)unused;
	BUF_INIT(&b, memory);
	buf_u64(&b, 0);
	buf_char(&b, ' ');
	buf_u64(&b, UINT64_MAX);
	buf_char(&b, ' ');
	buf_hex(&b, "\0\x7f\x80\xff", 4);
	assert_string_equal(buf_cstr(&b), "0 18446744073709551615 007f80ff");
	buf_init(&b, memory, 3);
	buf_hex(&b, "\1\2", 2); /* whole bytes only */
	assert_int_equal(b.n, 2);
	assert_int_equal(b.err, ERR_LIMIT);
}

/* --- fmt --- */

/* The C library is the judge where it has the same directives. */
static void
like_libc(const char *format, ...)
{
	char want[256], have[256];
	struct buf b;
	va_list ap, again;

	va_start(ap, format);
	va_copy(again, ap);
	vsnprintf(want, sizeof(want), format, ap);
	BUF_INIT(&b, have);
	fmt_v(&b, format, again);
	va_end(again);
	va_end(ap);
	assert_int_equal(b.err, ERR_OK);
	assert_string_equal(buf_cstr(&b), want);
}

static void
fmt_numbers(void **unused)
{
	static const int values[] = {0, 1, -1, 9, 10, -10, 12345, INT32_MAX,
		INT32_MIN};

	(void)unused;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		int v = values[i];

		like_libc("%d|%i|%u|%x", v, v, (unsigned)v, (unsigned)v);
		like_libc("%8d|%-8d|%08d|%2d|%02d", v, v, v, v, v);
		like_libc("%ld|%lu|%lld|%llu|%llx", (long)v, (unsigned long)v,
			(long long)v, (unsigned long long)v,
			(unsigned long long)v);
	}
	like_libc("%zu|%5zu|%-5zu|%05zu", (size_t)7, (size_t)7, (size_t)7,
		(size_t)7);
	like_libc("%lld|%llu|%llx", (long long)INT64_MIN,
		(unsigned long long)UINT64_MAX, (unsigned long long)UINT64_MAX);
	like_libc("%08x|%-8x|%8x|%020llx", 0xabcu, 0xabcu, 0xabcu, 1ull);
}

/* Not looked at by the compiler. */
static void
odd_fmt(struct buf *b, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fmt_v(b, format, ap);
	va_end(ap);
}

static void
fmt_text(void **unused)
{
	char memory[16];
	struct buf b;

	(void)unused;
	like_libc("%s|%5s|%-5s|%2s", "abc", "abc", "abc", "abc");
	like_libc("%.*s|%.*s|%.*s", 2, "abc", 0, "abc", 9, "abc");
	like_libc("%c%c|%%|100%%", 'a', 'z');
	like_libc("plain");
	like_libc("%.*s", -1, "all of it");
	BUF_INIT(&b, memory);
	odd_fmt(&b, "%s", (const char *)NULL);
	assert_string_equal(buf_cstr(&b), "(null)");
}

/* A slice without its NUL is not read beyond. */
static void
fmt_slice(void **unused)
{
	char memory[16];
	char *copy = guard_copy("abc", 3);
	struct buf b;

	(void)unused;
	BUF_INIT(&b, memory);
	buf_fmt(&b, "%.*s|%5.*s", 3, copy, 2, copy);
	guard_free(copy);
	assert_string_equal(buf_cstr(&b), "abc|   ab");
}

static void
fmt_odd(void **unused)
{
	char memory[16];
	struct buf b;

	(void)unused;
	BUF_INIT(&b, memory);
	odd_fmt(&b, "a%q%"); /* shows, does not crash */
	assert_string_equal(buf_cstr(&b), "a%q");
}

static void
fmt_limits(void **unused)
{
	char memory[8];
	struct buf b;

	(void)unused;
	buf_init(&b, memory, 5);
	buf_fmt(&b, "%s", "abcde");
	assert_int_equal(b.err, ERR_OK);
	buf_init(&b, memory, 5);
	buf_fmt(&b, "ab%s%d", "cdef", 1); /* what fits, for the eye */
	assert_int_equal(b.err, ERR_LIMIT);
	assert_true(span_is(buf_get(&b), "abcde"));
	buf_init(&b, memory, 5);
	buf_fmt(&b, "%d", 123456); /* half a number would be a lie */
	assert_int_equal(b.err, ERR_LIMIT);
	assert_int_equal(b.n, 0);
	buf_init(&b, memory, 5);
	buf_fmt(&b, "%9d", 1);
	assert_int_equal(b.err, ERR_LIMIT);
}

/* --- err --- */

static void
errors(void **unused)
{
	(void)unused;
	for (int e = 0; e >= ERR_PRIVACY; e--) {
		assert_string_not_equal(err_text((enum err)e), "unknown error");
		for (int other = 0; other > e; other--) {
			assert_string_not_equal(err_text((enum err)e),
				err_text((enum err)other));
		}
		assert_int_equal(err_scope((enum err)e) == SCOPE_NONE,
			e >= ERR_END);
	}
	assert_string_equal(err_text((enum err)(ERR_PRIVACY - 1)),
		"unknown error");
	assert_int_equal(err_scope((enum err)1), SCOPE_PROGRAM);
	assert_int_equal(err_scope(ERR_REFUSED), SCOPE_MESSAGE);
	assert_int_equal(err_scope(ERR_GUARD), SCOPE_FOLDER);
	assert_int_equal(err_scope(ERR_NET), SCOPE_CONNECTION);
	assert_int_equal(err_scope(ERR_SPACE), SCOPE_ACCOUNT);
	assert_int_equal(err_scope(ERR_CONF), SCOPE_PROGRAM);
}

static void
details(void **unused)
{
	char longer[1100];

	(void)unused;
	assert_int_equal(err_set(ERR_LIMIT, "%s is %d", "CFG_X", 7), ERR_LIMIT);
	assert_string_equal(err_detail(), "CFG_X is 7");
	err_set(ERR_IO, "newer");
	assert_string_equal(err_detail(), "newer");
	err_clear();
	assert_string_equal(err_detail(), "");
	memset(longer, 'x', sizeof(longer));
	longer[998] = '\0';
	err_set(ERR_IO, "%s", longer);
	assert_int_equal(strlen(err_detail()), 998);
	longer[998] = 'x';
	longer[1099] = '\0';
	err_set(ERR_IO, "%s", longer);
	assert_int_equal(strlen(err_detail()), 999);
}

/* --- log --- */

static char line[1200];
static enum log_level line_level;

static void
sink(void *user, enum log_level level, struct span text)
{
	assert_ptr_equal(user, line);
	assert_true(text.n < sizeof(line));
	memcpy(line, text.p, text.n);
	line[text.n] = '\0';
	line_level = level;
}

static void
logging(void **unused)
{
	char longer[1100];

	(void)unused;
	log_to(NULL, NULL);
	assert_false(log_wants(LOG_ERROR));
	log_msg(LOG_ERROR, "to nobody");
	log_to(sink, line);
	log_limit(LOG_WARN);
	assert_true(log_wants(LOG_WARN));
	assert_false(log_wants(LOG_INFO));
	log_msg(LOG_WARN, "%s %u", "a", 1u);
	assert_string_equal(line, "a 1");
	assert_int_equal(line_level, LOG_WARN);
	log_msg(LOG_INFO, "not this");
	assert_string_equal(line, "a 1");
	memset(longer, 'x', sizeof(longer));
	longer[1000] = '\0';
	log_msg(LOG_ERROR, "%s", longer);
	assert_int_equal(strlen(line), 1000);
	assert_int_equal(line[999], 'x');
	longer[1000] = 'x';
	longer[1001] = '\0';
	log_msg(LOG_ERROR, "%s", longer);
	assert_int_equal(strlen(line), 1003);
	assert_string_equal(line + 1000, "...");
	log_to(NULL, NULL);
	log_limit(LOG_INFO);
}

/* --- crc32 --- */

static void
checksums(void **unused)
{
	static const uint8_t zeros[32], ones[32] = {[0 ... 31] = 0xff};
	uint8_t up[32];

	(void)unused;
	for (unsigned i = 0; i < 32; i++) {
		up[i] = (uint8_t)i;
	}
	assert_int_equal(crc32(0, NULL, 0), 0);
	assert_int_equal(crc32(0, "123456789", 9), 0xcbf43926);
	assert_int_equal(crc32(0, "a", 1), 0xe8b7be43);
	assert_int_equal(crc32(0, "abc", 3), 0x352441c2);
	assert_int_equal(crc32(0,
		"The quick brown fox jumps over the lazy dog", 43), 0x414fa339);
	assert_int_equal(crc32(0, zeros, 32), 0x190a55ad);
	assert_int_equal(crc32(0, ones, 32), 0xff6cab0b);
	assert_int_equal(crc32(0, up, 32), 0x91267e8a);
	assert_int_equal(crc32(77, NULL, 0), 77);
	for (size_t at = 0; at <= 9; at++) { /* in two pieces */
		uint32_t c = crc32(CRC32_START, "123456789", at);

		assert_int_equal(crc32(c, &"123456789"[at], 9 - at),
			crc32(CRC32_START, "123456789", 9));
	}
}

/* What a disk full of zeros holds is never valid. */
static void
zeros_are_invalid(void **unused)
{
	static const uint8_t zeros[4096];

	(void)unused;
	for (size_t n = 1; n <= sizeof(zeros); n++) {
		assert_int_not_equal(crc32(CRC32_START, zeros, n), 0);
	}
}

/* --- le --- */

static void
numbers_on_disk(void **unused)
{
	uint8_t p[8];
	static const uint64_t values[] = {0, 1, 0x80, 0xff, 0x0102030405060708,
		0x8000000080000000, UINT64_MAX};

	(void)unused;
	le_put32(p, 0x01020384);
	assert_memory_equal(p, "\x84\x03\x02\x01", 4);
	be_put32(p, 0x01020384);
	assert_memory_equal(p, "\x01\x02\x03\x84", 4);
	le_put64(p, 0x0102030405060788);
	assert_memory_equal(p, "\x88\x07\x06\x05\x04\x03\x02\x01", 8);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		uint64_t v = values[i];

		le_put64(p, v);
		assert_true(le_get64(p) == v);
		le_put32(p, (uint32_t)v);
		assert_int_equal(le_get32(p), (uint32_t)v);
		be_put32(p, (uint32_t)v);
		assert_int_equal(be_get32(p), (uint32_t)v);
	}
}

/* Big-endian numbers compare as bytes as they do as numbers. */
static void
big_endian_order(void **unused)
{
	static const uint32_t v[] = {0, 1, 255, 256, 65535, 65536, 0x7fffffff,
		0x80000000, UINT32_MAX};

	(void)unused;
	for (size_t i = 1; i < sizeof(v) / sizeof(v[0]); i++) {
		uint8_t a[4], b[4];

		be_put32(a, v[i - 1]);
		be_put32(b, v[i]);
		assert_true(memcmp(a, b, 4) < 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(span_compare),
		cmocka_unit_test(span_lists),
		cmocka_unit_test(span_parts),
		cmocka_unit_test(span_numbers),
		cmocka_unit_test(buf_limits),
		cmocka_unit_test(buf_cstring),
		cmocka_unit_test(buf_numbers),
		cmocka_unit_test(fmt_numbers),
		cmocka_unit_test(fmt_text),
		cmocka_unit_test(fmt_slice),
		cmocka_unit_test(fmt_odd),
		cmocka_unit_test(fmt_limits),
		cmocka_unit_test(errors),
		cmocka_unit_test(details),
		cmocka_unit_test(logging),
		cmocka_unit_test(checksums),
		cmocka_unit_test(zeros_are_invalid),
		cmocka_unit_test(numbers_on_disk),
		cmocka_unit_test(big_endian_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
