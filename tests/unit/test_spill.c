/* spill: entries in memory and on disk, in order and at random. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <cmocka.h>

#include "guard.h"
#include "scratch.h"
#include "store/spill.h"

#define CAP 8192
#define MAX 2000

static struct scratch dir;
static uint64_t offsets[MAX];
static uint8_t *buffer;

static size_t
length_of(uint32_t i)
{
	return i % 97 == 96 ? 4096 : i * 7919 % 61 + 1;
}

static void
make(uint8_t *p, uint32_t i)
{
	for (size_t k = 0; k < length_of(i); k++) {
		p[k] = (uint8_t)(i * 31 + k);
	}
}

static void
check_get(struct spill *s, uint32_t i)
{
	uint8_t want[4096], got[4096];
	size_t n = 0;

	make(want, i);
	memset(got, 0xee, sizeof(got));
	assert_int_equal(spill_get(s, offsets[i], got, length_of(i), &n),
	    ERR_OK);
	assert_int_equal(n, length_of(i));
	assert_memory_equal(got, want, n);
	if (n > 1) {
		assert_int_equal(spill_get(s, offsets[i], got, n - 1, &n),
		    ERR_LIMIT);
	}
}

static void
add_all(struct spill *s, uint32_t count)
{
	uint8_t p[4096];

	spill_begin(s, dir.dir, "t", buffer, CAP);
	for (uint32_t i = 0; i < count; i++) {
		make(p, i);
		assert_int_equal(spill_add(s, p, length_of(i), &offsets[i]),
		    ERR_OK);
		/* while writing: the newest, an old one */
		check_get(s, i);
		check_get(s, i / 3);
	}
	assert_int_equal(s->count, count);
}

static void
read_all(struct spill *s, uint32_t count)
{
	uint8_t want[4096];
	const uint8_t *p;
	size_t n;

	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(spill_next(s, &p, &n), ERR_OK);
		make(want, i);
		assert_int_equal(n, length_of(i));
		assert_memory_equal(p, want, n);
		if (i % 5 == 0) { /* random access does not move the stream */
			check_get(s, i);
			check_get(s, count - 1 - i);
			check_get(s, 0);
		}
	}
	assert_int_equal(spill_next(s, &p, &n), ERR_END);
	assert_int_equal(spill_next(s, &p, &n), ERR_END);
}

static void
test_round_trip(void **st)
{
	static const uint32_t counts[] = {0, 1, 2, 50, 96, 97, 98, 190, 300,
		MAX};
	struct spill s;

	(void)st;
	for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
		add_all(&s, counts[k]);
		assert_int_equal(spill_rewind(&s), ERR_OK);
		read_all(&s, counts[k]);
		assert_int_equal(spill_rewind(&s), ERR_OK);
		read_all(&s, counts[k]);
		spill_end(&s);
		assert_int_equal(scratch_count(&dir), 0);
	}
}

/* Exactly full stays in memory; one byte more makes the file. */
static void
test_full_buffer(void **st)
{
	static const uint8_t p[4096];
	struct spill s;
	const uint8_t *q;
	size_t n;

	(void)st;
	for (size_t more = 0; more < 2; more++) {
		spill_begin(&s, dir.dir, "t", buffer, CAP);
		assert_int_equal(spill_add(&s, p, 4096, NULL), ERR_OK);
		assert_int_equal(spill_add(&s, p, 4092 + more, NULL), ERR_OK);
		assert_int_equal(scratch_count(&dir), (int)more);
		assert_int_equal(spill_rewind(&s), ERR_OK);
		assert_int_equal(scratch_count(&dir), (int)more);
		assert_int_equal(spill_next(&s, &q, &n), ERR_OK);
		assert_int_equal(n, 4096);
		assert_int_equal(spill_next(&s, &q, &n), ERR_OK);
		assert_int_equal(n, 4092 + more);
		assert_int_equal(spill_next(&s, &q, &n), ERR_END);
		spill_end(&s);
		assert_int_equal(scratch_count(&dir), 0);
	}
}

static void
test_limits(void **st)
{
	static uint8_t p[4097];
	struct spill s;
	const uint8_t *q;
	size_t n;

	(void)st;
	spill_begin(&s, dir.dir, "t", buffer, CAP);
	assert_int_equal(spill_add(&s, p, 4096, NULL), ERR_OK);
	assert_int_equal(spill_add(&s, p, 4097, NULL), ERR_LIMIT);
	assert_int_equal(spill_add(&s, p, 1, NULL), ERR_LIMIT);
	assert_int_equal(spill_rewind(&s), ERR_LIMIT);
	spill_end(&s);
	spill_begin(&s, dir.dir, "t", buffer, CAP);
	assert_int_equal(spill_add(&s, p, 0, NULL), ERR_LIMIT);
	spill_end(&s);
	spill_begin(&s, dir.dir, "t", buffer, 511);
	assert_int_equal(spill_add(&s, p, 1, NULL), ERR_USAGE);
	spill_end(&s);
	for (size_t i = 510; i <= 511; i++) { /* just fits; one more */
		enum err want = i == 510 ? ERR_OK : ERR_LIMIT;

		spill_begin(&s, dir.dir, "t", buffer, 512);
		assert_int_equal(spill_add(&s, p, 1, NULL), ERR_OK);
		assert_int_equal(spill_add(&s, p, i, NULL), want);
		assert_int_equal(spill_rewind(&s), want);
		assert_int_equal(spill_next(&s, &q, &n), want);
		assert_int_equal(spill_next(&s, &q, &n), want);
		assert_true(want != ERR_OK || n == 510);
		spill_end(&s);
	}
	spill_begin(&s, dir.dir, "a-name-of-31-bytes-fits-exactly", buffer,
	    CAP);
	assert_int_equal(spill_add(&s, p, 1, NULL), ERR_OK);
	assert_int_equal(spill_next(&s, &q, &n), ERR_USAGE);
	spill_end(&s);
	spill_begin(&s, dir.dir, "a-name-of-32-bytes-does-not-fit!", buffer,
	    CAP);
	assert_int_equal(spill_add(&s, p, 1, NULL), ERR_USAGE);
	spill_end(&s);
	spill_begin(&s, dir.dir, "t", buffer, CAP);
	assert_int_equal(spill_rewind(&s), ERR_OK);
	assert_int_equal(spill_add(&s, p, 1, NULL), ERR_USAGE);
	spill_end(&s);
}

/* Offsets that are none: an error or some entry's bytes, never a read outside
 * (the buffer ends at a guard page). */
static void
test_wild_offsets(void **st)
{
	uint8_t out[4096];
	struct spill s;
	size_t n;

	(void)st;
	for (uint32_t count = 10; count <= 400; count += 390) {
		add_all(&s, count);
		for (int reading = 0; reading < 2; reading++) {
			uint64_t end = reading ? s.size : s.size + s.n;
			const uint8_t *p;

			if (reading) { /* the buffer is a window now */
				assert_int_equal(spill_next(&s, &p, &n),
				    ERR_OK);
			}
			for (uint64_t o = 0; o < end + 4; o++) {
				enum err e = spill_get(&s, o, out, 4096, &n);

				assert_true(e == ERR_OK || e == ERR_CORRUPT);
				assert_true(e != ERR_OK || n <= 4096);
				assert_true(e != ERR_OK || o < end || s.size == 0);
			}
			assert_int_equal(spill_get(&s, UINT64_MAX, out, 4096,
			    &n), ERR_CORRUPT);
			assert_int_equal(spill_get(&s, UINT64_MAX - 1, out,
			    4096, &n), ERR_CORRUPT);
			check_get(&s, count - 1);
			assert_int_equal(spill_rewind(&s), ERR_OK);
		}
		spill_end(&s);
	}
}

/* A file that was cut or scribbled on: an error that sticks. */
static void
test_damaged(void **st)
{
	static const uint8_t bad[][2] = {{0, 0}, {1, 16}, {255, 255}};
	struct spill s;
	const uint8_t *p;
	size_t n;
	enum err e;

	(void)st;
	for (size_t k = 0; k <= sizeof(bad) / sizeof(bad[0]); k++) {
		add_all(&s, 400);
		assert_int_equal(spill_rewind(&s), ERR_OK);
		if (k == 0) {
			scratch_cut(&dir, "t", 9000);
		} else {
			scratch_poke(&dir, "t", (long)offsets[7], bad[k - 1],
			    2);
		}
		while ((e = spill_next(&s, &p, &n)) == ERR_OK) {
			assert_true(n <= 4096);
		}
		assert_int_equal(e, ERR_IO);
		assert_int_equal(spill_next(&s, &p, &n), ERR_IO);
		spill_end(&s);
		assert_int_equal(scratch_count(&dir), 0);
	}
}

static void
test_leftovers(void **st)
{
	static const uint8_t junk[100000] = {9, 9, 9};
	struct spill s;

	(void)st;
	scratch_write(&dir, "t", junk, sizeof(junk));
	add_all(&s, 400);
	assert_int_equal(spill_rewind(&s), ERR_OK);
	read_all(&s, 400);
	spill_end(&s);
	assert_int_equal(scratch_count(&dir), 0);
}

static void
test_full_disk(void **st)
{
	struct rlimit was, now;
	struct spill s;
	uint8_t p[100] = {0};
	enum err e = ERR_OK;

	(void)st;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	now = was;
	now.rlim_cur = 10000;
	setrlimit(RLIMIT_FSIZE, &now);
	spill_begin(&s, dir.dir, "t", buffer, CAP);
	for (int i = 0; i < 1000 && e == ERR_OK; i++) {
		e = spill_add(&s, p, sizeof(p), NULL);
	}
	setrlimit(RLIMIT_FSIZE, &was);
	assert_int_not_equal(e, ERR_OK);
	assert_int_equal(spill_add(&s, p, 1, NULL), e);
	assert_int_equal(spill_rewind(&s), e);
	spill_end(&s);
	assert_int_equal(scratch_count(&dir), 0);
}

static void
test_end_of_nothing(void **st)
{
	struct spill s;

	(void)st;
	memset(&s, 0, sizeof(s));
	spill_end(&s);
	assert_true(fcntl(0, F_GETFD) >= 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_full_buffer),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_wild_offsets),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_leftovers),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_end_of_nothing),
	};
	static const uint8_t zero[CAP];
	int failed;

	buffer = (uint8_t *)guard_copy(zero, CAP);
	scratch_make(&dir);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	scratch_free(&dir);
	guard_free((char *)buffer);
	return failed;
}
