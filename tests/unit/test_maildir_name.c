/* maildir_name: names are split, built again, and never lose what is not
 * ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "guard.h"
#include "maildir/maildir_name.h"

#define MD5 "7e33429f656f1e6e9d79b29c3f82c57e"
#define MD5X "00000000000000000000000000000000"

static char text[1024];
static char *held;

/* Parses a copy that ends at a guard page. */
static struct maildir_name
parse_n(const char *s, size_t n, char infosep)
{
	struct maildir_name m;

	guard_free(held);
	held = guard_copy(s, n);
	maildir_name_parse(&m, (struct span){held, n}, MD5, infosep);
	return m;
}

static struct maildir_name
parse(const char *s)
{
	return parse_n(s, strlen(s), ':');
}

static const char *
reflag(const char *s, uint32_t flags)
{
	struct maildir_name m = parse(s);
	struct buf b;

	BUF_INIT(&b, text);
	maildir_name_reflag(&b, &m, ':', flags);
	return buf_cstr(&b);
}

static const char *
strip(const char *s)
{
	struct maildir_name m = parse(s);
	struct buf b;

	BUF_INIT(&b, text);
	maildir_name_strip(&b, &m);
	return buf_cstr(&b);
}

static const char *
build(const char *base, uint32_t uid, uint32_t flags)
{
	struct buf b;

	BUF_INIT(&b, text);
	maildir_name_build(&b, span_of(base), uid, MD5, ':', flags);
	return buf_cstr(&b);
}

#define assert_span(s, str) \
	do { \
		assert_int_equal((s).n, strlen(str)); \
		assert_memory_equal((s).p, (str), (s).n); \
	} while (0)

static void
offlineimap_name(void **state)
{
	const char *s =
		"1700000000_3.4711.box,U=42,FMD5=" MD5 ":2,FSad";
	struct maildir_name m = parse(s);

	(void)state;
	assert_span(m.stem, "1700000000_3.4711.box,U=42,FMD5=" MD5);
	assert_span(m.base, "1700000000_3.4711.box");
	assert_span(m.info, "2,FSad");
	assert_int_equal(m.infosep, ':');
	assert_int_equal(m.uid, 42);
	assert_true(m.has_fmd5);
	assert_true(m.ours);
	assert_true(m.plain_stem);
	assert_false(m.foreign_info);
	assert_int_equal(m.flags, MAILDIR_F | MAILDIR_S | MAILDIR_LETTER('a') |
			MAILDIR_LETTER('d'));
	assert_string_equal(build("1700000000_3.4711.box", 42, m.flags), s);
}

static void
other_separator(void **state)
{
	const char *s = "1_2.3.h,U=7,FMD5=" MD5 "!2,S";
	struct maildir_name m = parse_n(s, strlen(s), '!');
	struct buf b;

	(void)state;
	assert_true(m.ours);
	assert_int_equal(m.infosep, '!');
	assert_int_equal(m.flags, MAILDIR_S);
	BUF_INIT(&b, text);
	maildir_name_reflag(&b, &m, ':', MAILDIR_R);
	assert_string_equal(buf_cstr(&b), "1_2.3.h,U=7,FMD5=" MD5 "!2,R");
	/* Where the folder uses ':', it counts if there is none. */
	m = parse(s);
	assert_int_equal(m.infosep, '!');
	assert_int_equal(m.flags, MAILDIR_S);
	m = parse("1_2.3!2,h,U=7,FMD5=" MD5 ":2,F");
	assert_int_equal(m.infosep, ':');
	assert_int_equal(m.flags, MAILDIR_F);
	assert_int_equal(m.uid, 7);
	s = "1_2.3:2,h,U=7,FMD5=" MD5 "!2,F";
	m = parse_n(s, strlen(s), '!');
	assert_int_equal(m.infosep, '!');
	assert_int_equal(m.flags, MAILDIR_F);
}

static void
foreign_names(void **state)
{
	struct maildir_name m = parse("1700000000.R123_1.host:2,RS"); /* mutt */

	(void)state;
	assert_int_equal(m.uid, 0);
	assert_false(m.ours);
	assert_false(m.has_fmd5);
	assert_false(m.plain_stem);
	assert_int_equal(m.flags, MAILDIR_R | MAILDIR_S);
	assert_span(m.base, "1700000000.R123_1.host");
	/* Dovecot, with its sizes behind ours */
	m = parse("1.M2P3.h,U=5,FMD5=" MD5 ",S=123,W=130:2,Sab");
	assert_true(m.ours);
	assert_int_equal(m.uid, 5);
	assert_false(m.plain_stem);
	assert_span(m.base, "1.M2P3.h,U=5,FMD5=" MD5 ",S=123,W=130");
	/* and before them */
	m = parse("1.M2P3.h,S=123,W=130,U=5,FMD5=" MD5 ":2,");
	assert_true(m.ours);
	assert_true(m.plain_stem);
	assert_span(m.base, "1.M2P3.h,S=123,W=130");
	/* no info */
	m = parse("1_2.3.h,U=5,FMD5=" MD5);
	assert_true(m.ours);
	assert_true(m.plain_stem);
	assert_int_equal(m.infosep, 0);
	assert_false(m.foreign_info);
	/* another folder's */
	m = parse("1_2.3.h,U=5,FMD5=" MD5X ":2,");
	assert_false(m.ours);
	assert_true(m.has_fmd5);
	assert_true(m.plain_stem);
	assert_span(m.base, "1_2.3.h");
	/* both */
	m = parse("1_2.3.h,FMD5=" MD5 ",U=5,FMD5=" MD5X ":2,");
	assert_true(m.ours);
	assert_true(m.plain_stem);
	/* colons in the host name */
	m = parse("1_2.3.h:80,U=5,FMD5=" MD5 ":2,S");
	assert_true(m.ours);
	assert_span(m.base, "1_2.3.h:80");
	/* info version 1 is not ours to read */
	m = parse("name:1,S");
	assert_int_equal(m.infosep, 0);
	assert_int_equal(m.flags, 0);
	assert_span(m.stem, "name:1,S");
	/* nothing at all */
	m = parse("");
	assert_int_equal(m.stem.n, 0);
	assert_int_equal(m.uid, 0);
}

static uint32_t
uid_of(const char *field)
{
	char s[256];
	struct maildir_name m;

	snprintf(s, sizeof(s), "1_2.3.h%s:2,", field);
	m = parse(s);
	return m.uid;
}

static void
uid_fields(void **state)
{
	struct maildir_name m;

	(void)state;
	assert_int_equal(uid_of(",U=1"), 1);
	assert_int_equal(uid_of(",U=4294967295"), UINT32_MAX);
	assert_int_equal(uid_of(",U=4294967296"), 0);
	assert_int_equal(uid_of(",U=99999999999999999999999999999999"), 0);
	assert_int_equal(uid_of(",U=18446744073709551617"), 0);
	assert_int_equal(uid_of(",U=0"), 0);
	assert_int_equal(uid_of(",U="), 0);
	assert_int_equal(uid_of(",U=-5"), 0);
	assert_int_equal(uid_of(",U=x,U=5"), 5); /* the first with digits */
	assert_int_equal(uid_of(",U=5x"), 5);
	assert_int_equal(uid_of("U=5"), 0);
	assert_int_equal(uid_of(",u=5"), 0);
	assert_int_equal(uid_of(",U=5,U=7"), 5);
	/* the first is no UID: the second does not count either */
	assert_int_equal(uid_of(",U=4294967296,U=7"), 0);
	/* two of them: the tail is not the one that counts */
	m = parse("1_2.3.h,U=5,U=7,FMD5=" MD5 ":2,");
	assert_true(m.ours);
	assert_int_equal(m.uid, 5);
	assert_false(m.plain_stem);
	/* leading zeros count but would not be written again */
	m = parse("1_2.3.h,U=007,FMD5=" MD5 ":2,");
	assert_true(m.ours);
	assert_int_equal(m.uid, 7);
	assert_false(m.plain_stem);
}

static void
fmd5_fields(void **state)
{
	struct maildir_name m = parse("h,U=5,FMD5=7e33:2,");

	(void)state;
	assert_false(m.has_fmd5);
	assert_false(m.ours);
	m = parse("h,U=5,FMD5=7E33429f656f1e6e9d79b29c3f82c57e:2,");
	assert_true(m.has_fmd5);
	assert_false(m.ours);
	assert_false(m.plain_stem);
	m = parse("h,U=5,FMD5=7g33429f656f1e6e9d79b29c3f82c57e:2,");
	assert_false(m.has_fmd5);
	m = parse("h,U=0,FMD5=" MD5 ":2,");
	assert_true(m.has_fmd5);
	assert_false(m.ours);
	m = parse("h,FMD5=" MD5 ":2,"); /* and no U= */
	assert_false(m.ours);
	assert_false(m.plain_stem);
	m = parse("h,FMD5=" MD5 ",U=3:2,"); /* the other way round */
	assert_true(m.ours);
	assert_false(m.plain_stem);
	m = parse("h,U=5,FMD5=" MD5 "x:2,"); /* a substring is enough */
	assert_true(m.ours);
	assert_false(m.plain_stem);
}

static void
info_letters(void **state)
{
	struct maildir_name m = parse("h:2,SR");

	(void)state;
	assert_true(m.foreign_info); /* not sorted */
	assert_int_equal(m.flags, MAILDIR_S | MAILDIR_R);
	m = parse("h:2,SS");
	assert_true(m.foreign_info);
	assert_int_equal(m.flags, MAILDIR_S);
	m = parse("h:2,PS");
	assert_true(m.foreign_info);
	assert_int_equal(m.flags, MAILDIR_S);
	m = parse("h:2,S,S=5");
	assert_true(m.foreign_info);
	assert_int_equal(m.flags, MAILDIR_S);
	m = parse("h:2,DFRSTabcdefghijklmnopqrstuvwxyz");
	assert_false(m.foreign_info);
	assert_int_equal(m.flags, 0x7fffffff);
	m = parse("h:2,");
	assert_false(m.foreign_info);
	assert_int_equal(m.info.n, 2);
	m = parse("h:2,S:2,R"); /* the first counts */
	assert_int_equal(m.flags, MAILDIR_S);
	assert_span(m.stem, "h");
	m = parse("h:2");
	assert_span(m.stem, "h:2");
	m = parse(":2,S");
	assert_int_equal(m.stem.n, 0);
	assert_int_equal(m.flags, MAILDIR_S);
	m = parse("h:2,\xc3\xa4S");
	assert_int_equal(m.flags, 0);
	assert_true(m.foreign_info);
}

static void
reflagging(void **state)
{
	const uint32_t s = MAILDIR_S, r = MAILDIR_R, f = MAILDIR_F;

	(void)state;
	assert_string_equal(reflag("h:2,", s), "h:2,S");
	assert_string_equal(reflag("h", s), "h:2,S");
	assert_string_equal(reflag("h", 0), "h:2,");
	assert_string_equal(reflag("h:2,RS", s), "h:2,S");
	assert_string_equal(reflag("h:2,S", r | s | f), "h:2,FRS");
	/* foreign letters stay where they are */
	assert_string_equal(reflag("h:2,PS", r | s), "h:2,PRS");
	assert_string_equal(reflag("h:2,PS", 0), "h:2,P");
	assert_string_equal(reflag("h:2,ZP", s), "h:2,SZP");
	/* unsorted and doubled letters stay unless they are taken away */
	assert_string_equal(reflag("h:2,SRS", s | r), "h:2,SRS");
	assert_string_equal(reflag("h:2,SRS", r), "h:2,R");
	assert_string_equal(reflag("h:2,SR", s | r | f), "h:2,FSR");
	/* what stands behind the letters */
	assert_string_equal(reflag("h:2,S,X=1", r), "h:2,R,X=1");
	assert_string_equal(reflag("h:2,1S", r), "h:2,R1S");
	assert_string_equal(reflag("h:2,S:2,R", f), "h:2,F:2,R");
	/* fields of others */
	assert_string_equal(reflag("h,S=123,W=130:2,Sb", s),
		"h,S=123,W=130:2,S");
	assert_string_equal(reflag("h,U=5,FMD5=" MD5 ",S=1:2,", f | s),
		"h,U=5,FMD5=" MD5 ",S=1:2,FS");
	assert_string_equal(reflag("h:2,Sa", s | MAILDIR_LETTER('z')),
		"h:2,Sz");
	assert_string_equal(reflag("name:1,S", s), "name:1,S:2,S");
	assert_string_equal(reflag("h\xff\x01:2,", s), "h\xff\x01:2,S");
}

static void
stripping(void **state)
{
	(void)state;
	assert_string_equal(strip("h,U=5,FMD5=" MD5 ":2,S"), "h:2,S");
	assert_string_equal(strip("h,U=5,FMD5=" MD5X ":2,SR,x"), "h:2,SR,x");
	assert_string_equal(strip("h,S=1,U=5,FMD5=" MD5 ",W=2:2,"),
		"h,S=1,W=2:2,");
	assert_string_equal(strip("h,U=5,U=6,FMD5=" MD5), "h");
	assert_string_equal(strip("h"), "h");
	assert_string_equal(strip("h,"), "h,");
	assert_string_equal(strip("h,,U=1"), "h,");
	assert_string_equal(strip("h,U,U=5=7:2,"), "h,U:2,");
	assert_string_equal(strip("h,U=x:2,"), "h,U=x:2,");
	assert_string_equal(strip("h,FMD5=12:2,"), "h,FMD5=12:2,");
	assert_string_equal(strip("U=5:2,"), "U=5:2,");
}

/* What holds for every name, whatever its bytes. */
static void
check_any(const char *s, size_t size)
{
	char again[1024];
	struct maildir_name m = parse_n(s, size, ':'), k;
	struct buf b;

	/* the same flags: the same bytes, if it has an info */
	BUF_INIT(&b, again);
	maildir_name_reflag(&b, &m, ':', m.flags);
	assert_int_equal(b.err, ERR_OK);
	if (m.infosep != 0) {
		assert_int_equal(b.n, size);
		assert_memory_equal(again, s, size);
	}
	/* other flags: they are read again, the stem is the same */
	for (uint32_t f = 1; f != 0; f <<= 1) {
		uint32_t want = (m.flags ^ f) & 0x7fffffff;

		BUF_INIT(&b, again);
		maildir_name_reflag(&b, &m, ':', want);
		maildir_name_parse(&k, buf_get(&b), MD5, ':');
		assert_int_equal(k.flags, want);
		assert_true(span_eq(k.stem, m.stem));
		assert_int_equal(k.uid, m.uid);
		assert_int_equal(k.ours, m.ours);
	}
	/* ours and plain: built again from its parts */
	if (m.ours && m.plain_stem && m.infosep == ':' && !m.foreign_info) {
		BUF_INIT(&b, again);
		maildir_name_build(&b, m.base, m.uid,
			m.stem.p + m.stem.n - 32, ':', m.flags);
		assert_int_equal(b.n, size);
		assert_memory_equal(again, s, size);
	}
	BUF_INIT(&b, again);
	maildir_name_strip(&b, &m);
	maildir_name_parse(&k, buf_get(&b), MD5, ':');
	assert_int_equal(k.uid, 0);
	assert_false(k.has_fmd5);
	assert_int_equal(k.flags, m.flags);
}

static void
any_name(void **state)
{
	static const char *const pieces[] = {",U=", "5", "0", ",FMD5=", MD5,
		MD5X, ":2,", "S", "R", "P", "a", ",", ":", "U", "=", "_", ".",
		"\xff", "4294967295", ",S=1", "1_2.3.h"};
	uint32_t seed = 12345;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char s[512];
		size_t n = 0;

		seed = seed * 1664525 + 1013904223;
		for (uint32_t i = 0; i < 12; i++) {
			const char *p;

			seed = seed * 1664525 + 1013904223;
			p = pieces[(seed >> 16) % 21];
			if (n + strlen(p) > 200) {
				break;
			}
			memcpy(s + n, p, strlen(p));
			n += strlen(p);
		}
		check_any(s, n);
	}
}

static void
build_limits(void **state)
{
	char memory[64];
	struct buf b;
	size_t want = strlen(build("h", 5, MAILDIR_S));

	(void)state;
	buf_init(&b, memory, want);
	maildir_name_build(&b, SPAN("h"), 5, MD5, ':', MAILDIR_S);
	assert_int_equal(b.err, ERR_OK);
	buf_init(&b, memory, want - 1);
	maildir_name_build(&b, SPAN("h"), 5, MD5, ':', MAILDIR_S);
	assert_int_equal(b.err, ERR_LIMIT);
}

static enum maildir_kind
kind_of(const char *base, uint32_t uidvalidity)
{
	char *copy = guard_copy(base, strlen(base)), again[128];
	struct maildir_base b;
	struct buf out;

	maildir_base_parse(&b, (struct span){copy, strlen(base)}, uidvalidity);
	BUF_INIT(&out, again);
	maildir_base_build(&out, &b);
	assert_string_equal(buf_cstr(&out), base); /* always the same bytes */
	guard_free(copy);
	return b.kind;
}

static void
base_names(void **state)
{
	struct maildir_base b;

	(void)state;
	assert_int_equal(kind_of("1700000000_3.4711.box", 0), MAILDIR_OIMAP);
	assert_int_equal(kind_of("1700000000_3.4711.box", 4711), MAILDIR_OWN);
	assert_int_equal(kind_of("1_3.4194303.box", 9), MAILDIR_OIMAP);
	assert_int_equal(kind_of("1_3.4194304.box", 9), MAILDIR_OTHER);
	assert_int_equal(kind_of("1_3.4194304.box", 4194304), MAILDIR_OWN);
	assert_int_equal(kind_of("1_3.4294967295.box", UINT32_MAX),
		MAILDIR_OWN);
	assert_int_equal(kind_of("4294967295_4294967295.1.a.b.c", 0),
		MAILDIR_OIMAP);
	assert_int_equal(kind_of("4294967296_1.1.h", 0), MAILDIR_OTHER);
	assert_int_equal(kind_of("99999999999999999999_1.1.h", 0),
		MAILDIR_OTHER);
	assert_int_equal(kind_of("01_1.1.h", 0), MAILDIR_OTHER);
	assert_int_equal(kind_of("0_0.0.h", 0), MAILDIR_OIMAP);
	assert_int_equal(kind_of("1_1.00.h", 0), MAILDIR_OTHER);
	assert_int_equal(kind_of("1_1.1.", 0), MAILDIR_OTHER);
	assert_int_equal(kind_of("1_1.1", 0), MAILDIR_OTHER);
	assert_int_equal(kind_of("1.M2P3.h", 0), MAILDIR_OTHER);
	assert_int_equal(kind_of("_1.1.h", 0), MAILDIR_OTHER);
	assert_int_equal(kind_of("", 0), MAILDIR_OTHER);
	maildir_base_parse(&b, SPAN("7_8.9.h.x"), 0);
	assert_int_equal(b.time, 7);
	assert_int_equal(b.seq, 8);
	assert_int_equal(b.pid, 9);
	assert_span(b.host, "h.x");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offlineimap_name),
		cmocka_unit_test(other_separator),
		cmocka_unit_test(foreign_names),
		cmocka_unit_test(uid_fields),
		cmocka_unit_test(fmd5_fields),
		cmocka_unit_test(info_letters),
		cmocka_unit_test(reflagging),
		cmocka_unit_test(stripping),
		cmocka_unit_test(any_name),
		cmocka_unit_test(build_limits),
		cmocka_unit_test(base_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
