/* sort: order, stability, any number of records in any arena, failures. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <cmocka.h>

#include "base/le.h"
#include "scratch.h"
#include "store/sort.h"

static struct scratch dir;
static uint8_t memory[65536 + 8];

static uint64_t state;

static uint32_t
rnd(void)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33);
}

/* A record: key of 4 bytes, number of arrival, the rest by them. */
static void
make(uint8_t *rec, size_t size, size_t key_len, uint32_t key, uint32_t no)
{
	memset(rec, (int)(key + no), size);
	be_put32(rec, key);
	if (size >= key_len + 4) {
		le_put32(rec + key_len, no);
	}
}

enum order { RANDOM, ASCENDING, DESCENDING, EQUAL, FEW, STEPS };

static uint32_t
key_of(enum order o, uint32_t i, uint32_t n)
{
	switch (o) {
	case ASCENDING:
		return i / 2;
	case DESCENDING:
		return n - i;
	case EQUAL:
		return 7;
	case FEW:
		return rnd() % 5;
	case STEPS:
		return i % 1000;
	default:
		return rnd();
	}
}

static void
run(size_t arena, size_t size, uint32_t n, enum order o, size_t skew)
{
	struct sort s;
	uint8_t rec[256], prev[256], want[256];
	uint64_t sum_in = 0, sum_out = 0;
	uint32_t count = 0;

	state = 42;
	sort_begin(&s, memory + skew, arena, size, 4, dir.dir, "t");
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = key_of(o, i, n);

		make(rec, size, 4, k, i);
		sum_in += (uint64_t)k * 31 + (size >= 8 ? i : 0);
		assert_int_equal(sort_put(&s, rec), ERR_OK);
	}
	assert_int_equal(sort_finish(&s), ERR_OK);
	while (sort_next(&s, rec) == ERR_OK) {
		uint32_t no = size >= 8 ? le_get32(rec + 4) : 0;

		sum_out += (uint64_t)be_get32(rec) * 31 + no;
		if (size >= 8) {
			make(want, size, 4, be_get32(rec), no);
			assert_memory_equal(rec, want, size);
		}
		if (count > 0) {
			int c = memcmp(prev, rec, 4);

			assert_true(c <= 0);
			if (c == 0 && size >= 8) {
				assert_true(le_get32(prev + 4) < no);
			}
		}
		memcpy(prev, rec, size);
		count++;
	}
	assert_int_equal(sort_next(&s, rec), ERR_END);
	assert_int_equal(count, n);
	assert_true(sum_in == sum_out);
	sort_end(&s);
	assert_int_equal(scratch_count(&dir), 0);
}

static void
test_sizes(void **st)
{
	static const size_t sizes[] = {4, 5, 8, 20, 24, 32, 171, 200, 255,
		256};

	(void)st;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (int o = RANDOM; o <= STEPS; o++) {
			run(4096, sizes[i], 0, (enum order)o, 0);
			run(4096, sizes[i], 1, (enum order)o, 0);
			run(4096, sizes[i], 2, (enum order)o, 1);
			run(4096, sizes[i], 3000, (enum order)o, 3);
		}
	}
}

/* Every number of records around the arena's and the merge's edges. The
 * least arena merges 2 or 3 runs, so all sorts of passes come up. */
static void
test_edges(void **st)
{
	struct sort s;
	size_t room;

	(void)st;
	sort_begin(&s, memory, 4096, 20, 4, dir.dir, "t");
	room = s.room;
	sort_end(&s);
	assert_int_equal(room, 4096 / 22);
	for (uint32_t runs = 1; runs < 30; runs++) {
		for (int d = -1; d <= 1; d++) {
			run(4096, 20, (uint32_t)(runs * room) + (uint32_t)d,
			    RANDOM, 0);
		}
	}
	sort_begin(&s, memory, 4096, 256, 4, dir.dir, "t");
	room = s.room;
	sort_end(&s);
	for (uint32_t runs = 1; runs < 40; runs++) {
		run(4096, 256, (uint32_t)(runs * room), DESCENDING, 0);
		run(4103, 256, (uint32_t)(runs * room) + 1, FEW, 5);
	}
}

static void
test_passes(void **st)
{
	(void)st;
	run(65536, 20, 200000, RANDOM, 0); /* just over one pass */
	run(4096, 20, 100000, RANDOM, 0);  /* many passes */
	run(16384, 4, 100000, RANDOM, 0);
}

/* In memory no file; sorted input one run, which costs n bytes and no more. */
static void
test_cheap(void **st)
{
	struct sort s;
	uint8_t rec[20] = {0};

	(void)st;
	sort_begin(&s, memory, 65536, 20, 4, dir.dir, "t");
	for (size_t i = 0; i < s.room; i++) {
		be_put32(rec, rnd());
		assert_int_equal(sort_put(&s, rec), ERR_OK);
	}
	assert_int_equal(sort_finish(&s), ERR_OK);
	assert_int_equal(scratch_count(&dir), 0);
	assert_int_equal(s.spilled, 0);
	sort_end(&s);

	sort_begin(&s, memory, 65536, 20, 4, dir.dir, "t");
	for (uint32_t i = 0; i < 300000; i++) {
		be_put32(rec, i / 3);
		assert_int_equal(sort_put(&s, rec), ERR_OK);
	}
	assert_int_equal(sort_finish(&s), ERR_OK);
	assert_int_equal(s.runs, 1);
	assert_int_equal(s.spilled, 300000 * 20);
	assert_true(scratch_has(&dir, "t.0"));
	assert_false(scratch_has(&dir, "t.1"));
	sort_end(&s);
	assert_int_equal(scratch_count(&dir), 0);
}

/* More runs than inputs by one: only a few are merged beforehand. */
static void
test_last_pass_is_small(void **st)
{
	struct sort s;
	uint8_t rec[20] = {0};
	uint64_t bytes;
	uint32_t n = 0;

	(void)st;
	sort_begin(&s, memory, 65536, 20, 4, dir.dir, "t");
	for (size_t i = 0; i < s.room * 61; i++) {
		be_put32(rec, rnd());
		assert_int_equal(sort_put(&s, rec), ERR_OK);
	}
	assert_int_equal(sort_finish(&s), ERR_OK);
	bytes = s.count * 20;
	assert_true(s.spilled < bytes + bytes / 20);
	while (sort_next(&s, rec) == ERR_OK) {
		n++;
	}
	assert_int_equal(n, s.count);
	sort_end(&s);
}

static void
test_leftovers(void **st)
{
	static const uint8_t junk[5000] = {1};

	(void)st;
	scratch_write(&dir, "t.0", junk, sizeof(junk));
	scratch_write(&dir, "t.1", junk, sizeof(junk));
	run(4096, 20, 5000, RANDOM, 0);
}

static void
test_misuse(void **st)
{
	struct sort s;
	uint8_t rec[256] = {0};

	(void)st;
	sort_begin(&s, memory, 4095, 20, 4, dir.dir, "t");
	assert_int_equal(sort_put(&s, rec), ERR_LIMIT);
	assert_non_null(strstr(err_detail(), "CFG_SORT_ARENA"));
	assert_int_equal(sort_finish(&s), ERR_LIMIT);
	assert_int_equal(sort_next(&s, rec), ERR_LIMIT);
	sort_end(&s);
	sort_begin(&s, memory, 4096, 257, 4, dir.dir, "t");
	assert_int_equal(sort_finish(&s), ERR_USAGE);
	sort_end(&s);
	sort_begin(&s, memory, 4096, 3, 3, dir.dir, "t");
	assert_int_equal(sort_finish(&s), ERR_USAGE);
	sort_end(&s);
	sort_begin(&s, memory, 4096, 20, 21, dir.dir, "t");
	assert_int_equal(sort_finish(&s), ERR_USAGE);
	sort_end(&s);
	sort_begin(&s, memory, 4096, 20, 20, dir.dir,
	    "a-name-of-more-than-29-bytes-x");
	assert_int_equal(sort_finish(&s), ERR_USAGE);
	sort_end(&s);
	sort_begin(&s, memory, 4096, 20, 20, dir.dir,
	    "a-name-of-exactly-29-bytes-xx");
	assert_int_equal(sort_finish(&s), ERR_OK);
	assert_int_equal(sort_put(&s, rec), ERR_USAGE);
	sort_end(&s);
	sort_begin(&s, memory, 4096, 20, 20, dir.dir, "t");
	assert_int_equal(sort_next(&s, rec), ERR_USAGE);
	sort_end(&s);
}

/* The disk takes only so many bytes: an error, once and for ever, and no
 * file stays. */
static void
test_full_disk(void **st)
{
	struct rlimit was, now;
	struct sort s;
	uint8_t rec[20] = {0};
	enum err e = ERR_OK;

	(void)st;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	for (rlim_t limit = 0; limit < 60000; limit += 1777) {
		now = was;
		now.rlim_cur = limit;
		setrlimit(RLIMIT_FSIZE, &now);
		sort_begin(&s, memory, 4096, 20, 4, dir.dir, "t");
		e = ERR_OK;
		for (uint32_t i = 0; i < 4000 && e == ERR_OK; i++) {
			be_put32(rec, rnd());
			e = sort_put(&s, rec);
		}
		if (e == ERR_OK) {
			e = sort_finish(&s);
		}
		setrlimit(RLIMIT_FSIZE, &was);
		assert_int_not_equal(e, ERR_OK);
		assert_int_not_equal(e, ERR_END);
		assert_int_equal(sort_put(&s, rec), e);
		assert_int_equal(sort_next(&s, rec), e);
		sort_end(&s);
		assert_int_equal(scratch_count(&dir), 0);
	}
}

enum damage { CUT_WHILE_FILLING, ZERO_HEADER, CUT_WHILE_MERGING, ZERO_RECORD,
	FLIP_KEY, FLIP_REST, DAMAGES };

/* Cut while filling: the next run is written behind the cut, and the hole
 * between is zeroes with a good header in front. */
static void
damage(enum damage what)
{
	static const uint8_t zero[20];

	switch (what) {
	case CUT_WHILE_FILLING:
		scratch_cut(&dir, "t.0", 4000);
		break;
	case ZERO_HEADER:
		scratch_poke(&dir, "t.0", 0, zero, 8);
		break;
	case CUT_WHILE_MERGING:
		scratch_cut(&dir, "t.0", 3000);
		break;
	case ZERO_RECORD:
		scratch_poke(&dir, "t.0", 8 + 20 * 100, zero, 20);
		break;
	case FLIP_KEY:
		scratch_poke(&dir, "t.0", 8 + 20 * 100 + 3, "\xff", 1);
		break;
	default:
		scratch_poke(&dir, "t.0", 8 + 20 * 100 + 19, "\xff", 1);
		break;
	}
}

/* Somebody cuts or scribbles the spill file: an error, before the end is
 * reached, that sticks. */
static void
test_damaged_spill(void **st)
{
	struct sort s;
	uint8_t rec[20] = {0};
	enum err e = ERR_OK;

	(void)st;
	for (int what = 0; what < DAMAGES; what++) {
		sort_begin(&s, memory, 4096, 20, 4, dir.dir, "t");
		for (uint32_t i = 0; i < 500; i++) {
			be_put32(rec, 1000 - i);
			assert_int_equal(sort_put(&s, rec), ERR_OK);
		}
		if (what == CUT_WHILE_MERGING) {
			assert_int_equal(sort_finish(&s), ERR_OK);
			damage(CUT_WHILE_MERGING);
			e = ERR_OK;
		} else {
			damage((enum damage)what);
			e = sort_finish(&s);
		}
		while (e == ERR_OK) {
			e = sort_next(&s, rec);
		}
		assert_int_equal(e, ERR_IO);
		assert_int_equal(sort_next(&s, rec), ERR_IO);
		sort_end(&s);
	}
}

/* A struct that was only zeroed has no files: fd 0 is somebody else's. */
static void
test_end_of_nothing(void **st)
{
	struct sort s;

	(void)st;
	memset(&s, 0, sizeof(s));
	sort_end(&s);
	assert_true(fcntl(0, F_GETFD) >= 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_passes),
		cmocka_unit_test(test_cheap),
		cmocka_unit_test(test_last_pass_is_small),
		cmocka_unit_test(test_leftovers),
		cmocka_unit_test(test_misuse),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_damaged_spill),
		cmocka_unit_test(test_end_of_nothing),
	};
	int failed;

	scratch_make(&dir);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	scratch_free(&dir);
	return failed;
}
