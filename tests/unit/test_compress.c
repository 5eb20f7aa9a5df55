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
	{IMAP_COMPRESS_AUTO, 0, 0, 900 * MIB, false, "not known"},
	{IMAP_COMPRESS_AUTO, 0, 100, 900 * MIB, false, "nor by its distance"},
	{IMAP_COMPRESS_AUTO, 2500, 100, 0, false, "slow, and nothing to come"},
	{IMAP_COMPRESS_AUTO, 2500, 100, 500 * 109, false, "500 folders: 13 ms"},
	{IMAP_COMPRESS_AUTO, 2500, 100, 10000 * 109, true, "10,000: 260 ms"},
	{IMAP_COMPRESS_AUTO, 250, 100, 300 * 109, false, "300 at 2 Mbit/s"},
	{IMAP_COMPRESS_AUTO, 125, 100, 300 * 109, true, "300 at 1 Mbit/s"},
	{IMAP_COMPRESS_AUTO, 250, 40, 300 * 109, true, "or in a short wait"},
	{IMAP_COMPRESS_AUTO, 9999, 20, 4 * MIB, true, "below 80 Mbit/s"},
	{IMAP_COMPRESS_AUTO, 10000, 20, 900 * MIB, false, "not below"},
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
			.rate = rows[i].rate};

		if (imap_compress_pays(&line, rows[i].expect,
			rows[i].rtt_ms) !=
			rows[i].pays) {
			fail_msg("%s", rows[i].why);
		}
	}
}

/* What comes, and what is believed of the line after each. */
struct answer {
	int64_t ms; /* since the one before */
	uint64_t n; /* bytes that came in between */
	bool idle, packed, late;
	uint32_t burst, rate;
};

static void
see(uint32_t rtt_ms, uint32_t known, const struct answer *a, size_t n)
{
	struct imap_line line = {.rate = known, .rtt = rtt_ms + 1};
	int64_t now = 1000;
	uint64_t rx = 77;

	for (size_t i = 0; i < n; i++) {
		const struct imap_seen seen = {.full = !a[i].idle,
			.packed = a[i].packed, .empty = !a[i].late,
			.burst = a[i].burst};

		now += a[i].ms;
		rx += a[i].n;
		imap_line_seen(&line, &seen, rx, now);
		/* The clock counts whole milliseconds. */
		if (line.rate < a[i].rate / 10 * 9 ||
			line.rate > a[i].rate) {
			fail_msg("answer %zu: %u, not %u", i, line.rate,
				a[i].rate);
		}
	}
}

#define SEE(rtt, known, ...) do { \
	const struct answer rows_[] = {{.n = 900 * KIB, .rate = known}, \
		__VA_ARGS__}; \
	see(rtt, known, rows_, sizeof(rows_) / sizeof(rows_[0])); \
} while (0)
#define GOT(t, bytes, r) {.ms = (t), .n = (bytes), .rate = (r)}
#define IDLE(t, bytes) {.ms = (t), .n = (bytes), .idle = true}
#define PACKED(t, bytes, r) \
	{.ms = (t), .n = (bytes), .rate = (r), .packed = true}
#define LATE(t, bytes, r) \
	{.ms = (t), .n = (bytes), .rate = (r), .late = true}
#define BURST(t, bytes, r) \
	{.ms = (t), .n = (bytes), .rate = (r), .burst = (r)}

static void
measured(void **state)
{
	(void)state;
	/* Slow: three intervals. What came before them does not count. */
	SEE(1, 0, GOT(60, 150000, 0), GOT(60, 140000, 0), GOT(60, 150000, 2500),
		GOT(90, 90000, 2500), GOT(90, 90000, 2500),
		GOT(90, 90000, 1000));
	/* They are made of as many answers as it takes, */
	SEE(1, 0, GOT(30, 75000, 0), GOT(30, 75000, 0), GOT(30, 75000, 0),
		GOT(30, 75000, 0), GOT(30, 75000, 0), GOT(30, 75000, 2500));
	/* and of some records of TLS, however long these take. */
	SEE(1, 0, GOT(60, 0, 0), GOT(60, 16384, 0), GOT(60, 0, 0),
		GOT(340, 49152, 0), GOT(520, 65535, 0), GOT(0, 1, 0),
		GOT(100, 16384, 0), GOT(420, 49152, 126));
	/* Fast: at once, if it came at once. */
	SEE(1, 0, BURST(10, 128 * KIB, 13107));
	SEE(1, 0, GOT(60, 150000, 0), GOT(60, 140000, 0),
		BURST(60, 150000, 13000), GOT(60, 150000, 13000));
	/* A round trip in which nothing was asked for is not measured, */
	SEE(100, 0, IDLE(1, 0), IDLE(100, MIB), IDLE(100, MIB), IDLE(100, MIB));
	/* nor is what is shorter than one, */
	SEE(200, 0, IDLE(100, 250000), GOT(100, 0, 0), IDLE(100, 250000),
		GOT(100, 0, 0), GOT(250, 625000, 0), GOT(250, 625000, 0),
		GOT(250, 625000, 2500));
	/* nor what waited for us. */
	SEE(1, 0, LATE(60, 150000, 0), LATE(60, 150000, 0),
		LATE(60, 150000, 0), GOT(60, 150000, 0), GOT(60, 150000, 0),
		LATE(60, 150000, 0), GOT(60, 150000, 2500));
	/* TCP begins slowly, and that is no slow line; */
	SEE(100, 0, GOT(110, 28 * KIB, 0), GOT(110, 56 * KIB, 0),
		GOT(110, 112 * KIB, 0), GOT(110, 224 * KIB, 0),
		GOT(110, 448 * KIB, 0), GOT(110, 896 * KIB, 0),
		GOT(110, 1792 * KIB, 16532));
	/* nor is one whose ends have too much to do; */
	SEE(1, 0, GOT(60, 150000, 0), GOT(60, 300000, 0), GOT(60, 150000, 0),
		GOT(60, 300000, 0), GOT(60, 300000, 0), GOT(60, 100000, 0),
		GOT(60, 100000, 0));
	/* nor a fast one that stops, unless that goes on: six times. */
	SEE(1, 0, BURST(10, 400000, 40000), GOT(100, 90000, 40000),
		GOT(100, 90000, 40000), BURST(10, 400000, 40000),
		GOT(100, 90000, 40000), GOT(100, 90000, 40000),
		GOT(100, 90000, 40000), GOT(100, 90000, 40000),
		GOT(100, 90000, 40000), GOT(100, 90000, 900));
	/* Compressed, it can turn out to be faster, never slower. */
	SEE(1, 2500, PACKED(100, 100000, 2500), PACKED(100, 100000, 2500),
		PACKED(100, 100000, 2500), PACKED(100, 500000, 5000),
		BURST(20, 300000, 15000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decision),
		cmocka_unit_test(measured),
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
