/* imap_compress: when COMPRESS is worth its round trip. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "imap/imap_conn.h"

#if CFG_COMPRESS

#define KIB 1024ull
#define MIB (1024 * KIB)

static const struct {
	enum imap_compress option;
	uint32_t rate, rtt_ms; /* bytes per ms */
	uint64_t expect;
	bool pays;
	const char *why;
} rows[] = {
	{IMAP_COMPRESS_YES, 0, 0, 0, true, "yes is yes"},
	{IMAP_COMPRESS_YES, 100000, 1, 0, true, "also on a fast line"},
	{IMAP_COMPRESS_NO, 100, 1, 900 * MIB, false, "no is no"},
	{IMAP_COMPRESS_AUTO, 0, 0, 900 * MIB, false, "this machine"},
	{IMAP_COMPRESS_AUTO, 0, 9, 900 * MIB, false, "next door"},
	{IMAP_COMPRESS_AUTO, 0, 10, 4 * MIB, true, "not so near: a guess"},
	{IMAP_COMPRESS_AUTO, 0, 100, 4 * MIB, true, "far, and a first sync"},
	{IMAP_COMPRESS_AUTO, 0, 100, 0, false, "far, and nothing known"},
	{IMAP_COMPRESS_AUTO, 0, 100, 500 * 109, false, "500 folders: 13 ms"},
	{IMAP_COMPRESS_AUTO, 0, 100, 10000 * 109, true, "10,000: 260 ms"},
	{IMAP_COMPRESS_AUTO, 250, 100, 300 * 109, false, "300 at 2 Mbit/s"},
	{IMAP_COMPRESS_AUTO, 125, 100, 300 * 109, true, "300 at 1 Mbit/s"},
	{IMAP_COMPRESS_AUTO, 250, 40, 300 * 109, true, "or in a short wait"},
	{IMAP_COMPRESS_AUTO, 24999, 20, 4 * MIB, true, "below 200 Mbit/s"},
	{IMAP_COMPRESS_AUTO, 25000, 20, 900 * MIB, false, "not below"},
	{IMAP_COMPRESS_AUTO, 2500, 0, 4 * MIB, true, "slow although near"},
	{IMAP_COMPRESS_AUTO, 2500, 1000, 4 * MIB, true, "1,006 ms for 1,000"},
	{IMAP_COMPRESS_AUTO, 2500, 1007, 4 * MIB, false, "for 1,007"},
	{IMAP_COMPRESS_AUTO, 1, UINT32_MAX, UINT64_MAX, true, "no overflow"},
	{IMAP_COMPRESS_AUTO, 2500, UINT32_MAX, 4 * MIB, false, "no answer yet"},
};

static void
decision(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct imap_line line = {.compress = rows[i].option,
			.rate = rows[i].rate, .expect = rows[i].expect};

		if (imap_compress_pays(&line, rows[i].rtt_ms) !=
			rows[i].pays) {
			fail_msg("%s", rows[i].why);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decision),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int
main(void)
{
	puts("skipped: built without CFG_COMPRESS");
	return 0;
}

#endif
