/*
 * catalog: rows found again among few and many, updated in place, appended and
 * sorted in; every bit turned, every length cut: a row that comes back is one
 * that was put, or none comes back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config.h"
#include "peak.h"
#include "port/hash.h"
#include "scratch.h"
#include "store/catalog.h"

#define HEADER 128

static struct scratch dir;
static struct catalog cat;
static uint8_t arena[CFG_FOLDERS_ARENA];

static int
setup(void **state)
{
	(void)state;
	scratch_make(&dir);
	catalog_open(&cat, dir.dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	catalog_close(&cat);
	scratch_free(&dir);
	return 0;
}

static void
reopen(void)
{
	catalog_close(&cat);
	catalog_open(&cat, dir.dir);
}

static void
commit(void)
{
	assert_int_equal(catalog_commit(&cat, arena, sizeof(arena)), ERR_OK);
}

/* Row of folder number i as it was after change number `change` of it. */
static struct catalog_row
row(uint32_t i, uint32_t change)
{
	struct catalog_row r;

	memset(&r, 0, sizeof(r));
	hash_md5(&i, sizeof(i), r.id);
	hash_md5(r.id, 16, r.stamps);
	r.local = 0x8070605040302010u + i;
	r.config = 0xf1e2d3c4b5a69788u + change;
	r.modseq = 0x7fffffffffffffffu - i;
	r.uidvalidity = 0xfffffffeu - i;
	r.uidnext = i + 1000;
	r.messages = i;
	r.unseen = change;
	r.listed_at = 0x80000001u;
	r.agreed = (i + change) % 2 == 0;
	r.stamped = change % 2 == 0;
	return r;
}

static bool
same(const struct catalog_row *a, const struct catalog_row *b)
{
	return memcmp(a->id, b->id, 16) == 0 &&
		memcmp(a->stamps, b->stamps, 16) == 0 && a->local == b->local &&
		a->config == b->config && a->modseq == b->modseq &&
		a->uidvalidity == b->uidvalidity && a->uidnext == b->uidnext &&
		a->messages == b->messages && a->unseen == b->unseen &&
		a->listed_at == b->listed_at && a->agreed == b->agreed &&
		a->stamped == b->stamped;
}

static void
put(uint32_t i, uint32_t change)
{
	struct catalog_row r = row(i, change);

	assert_int_equal(catalog_put(&cat, &r), ERR_OK);
}

static bool
has(uint32_t i, uint32_t change)
{
	struct catalog_row want = row(i, change), got;

	if (catalog_find(&cat, want.id, &got) != ERR_OK) {
		return false;
	}
	assert_true(same(&want, &got));
	return true;
}

static void
fill(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		put(i, 0);
	}
	commit();
}

static void
nothing(void **state)
{
	(void)state;
	assert_false(has(0, 0));
	assert_false(cat.whole.valid);
	assert_int_equal(scratch_count(&dir), 0);
}

static void
put_and_found(void **state)
{
	(void)state;
	for (uint32_t n = 1; n < 70; n++) {
		put(n - 1, 0);
		if (n % 3 == 0) {
			commit();
		}
		reopen(); /* a tail is not lost by a run that was killed */
		commit();
		for (uint32_t i = 0; i < n; i++) {
			assert_true(has(i, 0));
		}
		assert_false(has(n, 0));
		assert_int_equal(scratch_size(&dir, "folders"),
			HEADER + n * CATALOG_ROW);
		assert_int_equal(scratch_count(&dir), 1);
	}
}

/* In place, and only if there is anything to write. */
static void
costs(void **state)
{
	uint64_t before;

	(void)state;
	fill(50);
	before = fs_written();
	put(7, 0);
	commit();
	assert_int_equal(fs_written() - before, 0);
	put(7, 1);
	assert_int_equal(fs_written() - before, CATALOG_ROW);
	commit();
	assert_int_equal(fs_written() - before, CATALOG_ROW);
	assert_true(has(7, 1));
	cat.whole.valid = true;
	commit();
	assert_int_equal(fs_written() - before, CATALOG_ROW + HEADER);
	commit();
	assert_int_equal(fs_written() - before, CATALOG_ROW + HEADER);
}

/* The newest of several that wait behind the order. */
static void
twice_in_a_tail(void **state)
{
	(void)state;
	fill(5);
	for (uint32_t change = 0; change < 4; change++) {
		put(9, change);
		put(10, 3 - change);
	}
	commit();
	assert_true(has(9, 3));
	assert_true(has(10, 0));
	assert_int_equal(cat.rows, 7);
}

static void
whole_is_kept(void **state)
{
	struct catalog_whole w = {.valid = true, .stamped = true,
		.config = 0x0102030405060708u, .remote = {5, 6},
		.local = {7, 0xffffffffffffffffu}, .synced = {8, 9},
		.tops = {10, 0xfffffffffffffff5u}};

	(void)state;
	hash_md5("x", 1, w.stamp);
	fill(3);
	cat.whole = w;
	commit();
	reopen();
	assert_true(cat.whole.valid && cat.whole.stamped);
	assert_true(cat.whole.config == w.config);
	assert_true(catalog_set_eq(&cat.whole.remote, &w.remote));
	assert_true(catalog_set_eq(&cat.whole.local, &w.local));
	assert_true(catalog_set_eq(&cat.whole.synced, &w.synced));
	assert_true(catalog_set_eq(&cat.whole.tops, &w.tops));
	assert_memory_equal(cat.whole.stamp, w.stamp, 16);
	put(4, 0); /* and over a rewrite */
	commit();
	reopen();
	assert_true(cat.whole.valid && has(4, 0));
	assert_true(catalog_set_eq(&cat.whole.synced, &w.synced));
}

static void
refused_is_kept(void **state)
{
	struct catalog_refused r = {1u << 31, 1u << 7, 0xfedcba98u};

	(void)state;
	cat.refused = r;
	commit(); /* in a table without rows, too */
	reopen();
	assert_memory_equal(&cat.refused, &r, sizeof(r));
	assert_false(cat.whole.valid);
	fill(3);
	reopen();
	assert_memory_equal(&cat.refused, &r, sizeof(r));
}

static void
sets(void **state)
{
	struct catalog_set a = {0, 0}, b = {0, 0};
	struct catalog_row r;

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		r = row(i, 0);
		catalog_set_add(&a, r.id);
		r = row(99 - i, 0);
		catalog_set_add(&b, r.id);
	}
	assert_true(catalog_set_eq(&a, &b));
	r = row(100, 0);
	catalog_set_add(&a, r.id);
	assert_false(catalog_set_eq(&a, &b));
	r = row(101, 0);
	catalog_set_add(&b, r.id);
	assert_false(catalog_set_eq(&a, &b));
}

/* What is found is what was put, or is not found, whatever bit is turned. */
static void
every_bit(void **state)
{
	enum { ROWS = 6 };
	static uint8_t file[HEADER + ROWS * CATALOG_ROW];
	uint32_t lost = 0;

	(void)state;
	fill(ROWS);
	cat.whole.valid = true;
	cat.whole.config = 77;
	cat.refused.twice = 5;
	commit();
	assert_int_equal(scratch_read(&dir, "folders", file, sizeof(file)),
		sizeof(file));
	for (size_t bit = 0; bit < sizeof(file) * 8; bit++) {
		uint32_t found = 0;

		file[bit / 8] ^= (uint8_t)(1u << bit % 8);
		scratch_write(&dir, "folders", file, sizeof(file));
		file[bit / 8] ^= (uint8_t)(1u << bit % 8);
		reopen();
		assert_true(!cat.whole.valid || cat.whole.config == 77);
		for (uint32_t i = 0; i < ROWS; i++) {
			found += has(i, 0);
		}
		assert_true(found < ROWS);
		if (bit < HEADER * 8) {
			assert_false(cat.whole.valid);
			assert_int_equal(cat.refused.twice, 0);
			assert_int_equal(found, 0);
		}
		lost += ROWS - found;
	}
	assert_true(lost > 0);
}

static void
every_length(void **state)
{
	enum { ROWS = 4 };
	static uint8_t file[HEADER + ROWS * CATALOG_ROW];

	(void)state;
	fill(ROWS);
	scratch_read(&dir, "folders", file, sizeof(file));
	for (size_t n = 0; n < sizeof(file); n++) {
		scratch_write(&dir, "folders", file, n);
		reopen();
		for (uint32_t i = 0; i < ROWS; i++) {
			(void)has(i, 0);
		}
		fill(ROWS); /* and it is whole again */
		for (uint32_t i = 0; i < ROWS; i++) {
			assert_true(has(i, 0));
		}
	}
}

/* Zeroes, as after a power cut, and other files. */
static void
not_a_table(void **state)
{
	static uint8_t junk[4096];

	(void)state;
	for (int what = 0; what < 3; what++) {
		memset(junk, what == 0 ? 0 : what == 1 ? 0xff : 'W',
			sizeof(junk));
		scratch_write(&dir, "folders", junk, sizeof(junk));
		scratch_write(&dir, "folders.new", junk, 100);
		reopen();
		assert_false(has(0, 0));
		fill(3);
		assert_true(has(0, 0) && has(1, 0) && has(2, 0));
		assert_int_equal(scratch_size(&dir, "folders"),
			HEADER + 3 * CATALOG_ROW);
	}
}

static void
many(void **state)
{
	long first = 0;

	(void)state;
	for (uint32_t n = 10000; n <= 100000; n *= 10) {
		scratch_empty(&dir);
		reopen();
		fill(n);
		for (uint32_t i = 0; i < n; i += 101) {
			assert_true(has(i, 0));
		}
		for (uint32_t i = n; i < n + 1000; i++) {
			assert_false(has(i, 0));
		}
		for (uint32_t i = 0; i < n; i += 1000) {
			put(i, 1);
			put(n + i, 1);
		}
		commit();
		for (uint32_t i = 0; i < n; i += 500) {
			assert_true(has(i, i % 1000 == 0));
		}
		assert_true(has(n + 1000, 1));
		assert_int_equal(scratch_count(&dir), 1);
		first = first == 0 ? peak() : first;
	}
	assert_true(peak() - first <= 256); /* 90,000 rows have 11 MB */
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {CASE(nothing), CASE(put_and_found),
		CASE(costs), CASE(twice_in_a_tail), CASE(whole_is_kept),
		CASE(refused_is_kept), CASE(sets), CASE(every_bit), CASE(every_length),
		CASE(not_a_table), CASE(many)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
