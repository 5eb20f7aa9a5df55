/*
 * Ten million records of 20 bytes in an arena of 64 KiB: order, stability,
 * count, checksum, and that memory does not grow. Only if WHERRY_BIG=1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <cmocka.h>

#include "base/le.h"
#include "peak.h"
#include "scratch.h"
#include "store/sort.h"

#define RECORDS 10000000u
#define GROWTH_KIB 256

static uint8_t arena[65536];

static uint64_t
mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static uint64_t
sum_of(const uint8_t *rec)
{
	return mix(le_get64(rec) ^ mix(le_get64(rec + 8)) ^ le_get32(rec + 16));
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Sorts them; checks order and stability; returns the number that came. */
static uint32_t
drain(struct sort *s, uint64_t *sum)
{
	uint8_t rec[20], prev[20] = {0};
	uint32_t n = 0;
	enum err e;

	while ((e = sort_next(s, rec)) == ERR_OK) {
		int c = n > 0 ? memcmp(prev, rec, 4) : -1;

		if (c > 0 || (c == 0 &&
			      le_get32(prev + 4) >= le_get32(rec + 4))) {
			fail_msg("out of order at %u", n);
		}
		*sum += sum_of(rec);
		memcpy(prev, rec, sizeof(rec));
		n++;
	}
	assert_int_equal(e, ERR_END);
	return n;
}

static void
test_ten_million(void **st)
{
	static struct sort s;
	static struct scratch dir;
	uint8_t rec[20];
	uint64_t in = 0, out = 0;
	long before, grew;
	double t0, t1, t2;

	(void)st;
	scratch_make(&dir);
	memset(arena, 1, sizeof(arena)); /* its pages count before */
	(void)peak();			 /* so does what stdio takes */
	before = peak();
	t0 = seconds();
	sort_begin(&s, arena, sizeof(arena), 20, 4, dir.dir, "big");
	for (uint32_t i = 0; i < RECORDS; i++) {
		uint64_t r = mix(i + 1);

		be_put32(rec, (uint32_t)r % 50000000u);
		le_put32(rec + 4, i);
		le_put64(rec + 8, r);
		le_put32(rec + 16, (uint32_t)(r >> 7));
		in += sum_of(rec);
		if (sort_put(&s, rec) != ERR_OK) {
			fail_msg("%s", err_detail());
		}
	}
	t1 = seconds();
	assert_int_equal(sort_finish(&s), ERR_OK);
	assert_int_equal(drain(&s, &out), RECORDS);
	assert_true(in == out);
	t2 = seconds();
	grew = peak() - before;
	printf("%llu MB written, fill %.1f s, merge %.1f s, peak grew %ld "
	       "KiB\n", (unsigned long long)(s.spilled / 1000000), t1 - t0,
	    t2 - t1, grew);
	sort_end(&s);
	assert_int_equal(scratch_count(&dir), 0);
	scratch_free(&dir);
	assert_true(grew < GROWTH_KIB);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ten_million),
	};
	const char *big = getenv("WHERRY_BIG");

	if (big == NULL || strcmp(big, "1") != 0) {
		printf("skipped: WHERRY_BIG=1 sorts %u records\n", RECORDS);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
