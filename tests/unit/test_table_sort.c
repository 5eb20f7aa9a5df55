/* table_rewrite and table_build: any table becomes one that is sorted, and an
 * interrupted rewrite changes nothing. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <cmocka.h>

#include "table_sample.h"

#define UIDS 3000u
#define LEAST (2048 + 4096)

static uint8_t arena[65536];

/* What the rewritten table has to be: per uid the last written record. */
static struct rec model[UIDS + 1];

static uint64_t state;

static uint32_t
rnd(void)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33);
}

static void
append(struct table *t, uint32_t uid, enum rec_state s, uint32_t mark)
{
	struct rec r = sample(uid);

	r.state = s;
	r.name.seq = mark;
	assert_int_equal(table_append(t, &r, NULL), ERR_OK);
	model[uid] = r;
}

static void
check_model(struct table *t)
{
	struct rec r;
	uint32_t at = 0;

	assert_true(table_sorted(t));
	for (uint32_t uid = 1; uid <= UIDS; uid++) {
		if (model[uid].uid == 0 || model[uid].state == REC_GONE) {
			continue;
		}
		assert_int_equal(table_get(t, at, &r), ERR_OK);
		same(&r, &model[uid]);
		at++;
	}
	assert_int_equal(t->count, at);
}

/* As it is now, and as the next run will see it. */
static void
check_twice(struct table *t)
{
	check_model(t);
	assert_int_equal(scratch_count(&dir), 1);
	table_close(t);
	assert_int_equal(table_open(t, dir.dir), ERR_OK);
	assert_false(t->healed);
	check_model(t);
}

/* n records with uids of any order, duplicates, GONE. */
static void
fill_random(struct table *t, uint32_t n)
{
	make_table(t);
	memset(model, 0, sizeof(model));
	for (uint32_t i = 0; i < n; i++) {
		append(t, rnd() % UIDS + 1, (enum rec_state)(rnd() & 3), i);
	}
}

/* From nothing to many times what the arena holds. */
static void
test_random(void **st)
{
	static const uint32_t counts[] = {0, 1, 2, 31, 32, 33, 100, 121, 122,
		500, 2000, 20000};
	struct table t;

	(void)st;
	for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
		state = 7 + k;
		for (size_t size = LEAST; size <= sizeof(arena);
		    size += sizeof(arena) - LEAST) {
			fill_random(&t, counts[k]);
			assert_int_equal(table_rewrite(&t, arena, size),
			    ERR_OK);
			/* said in the header, so nobody has to look */
			assert_int_equal(t.ordered_disk, t.count);
			check_twice(&t);
			append(&t, UIDS, REC_PRESENT, 1);
			assert_int_equal(table_rewrite(&t, arena, size),
			    ERR_OK);
			check_twice(&t);
			table_close(&t);
		}
	}
}

/* A sorted one only loses what is GONE. */
static void
test_sorted(void **st)
{
	struct table t;

	(void)st;
	for (uint32_t n = 0; n <= UIDS; n += 250) {
		make_table(&t);
		memset(model, 0, sizeof(model));
		for (uint32_t i = 1; i <= n; i++) {
			append(&t, i, (enum rec_state)(i & 3), i);
		}
		assert_true(table_sorted(&t));
		assert_int_equal(table_rewrite(&t, arena, LEAST), ERR_OK);
		check_twice(&t);
		table_close(&t);
	}
	/* nothing left */
	make_table(&t);
	memset(model, 0, sizeof(model));
	append(&t, 5, REC_GONE, 1);
	assert_int_equal(table_rewrite(&t, arena, LEAST), ERR_OK);
	assert_int_equal(t.count, 0);
	assert_int_equal(t.last_uid, 0);
	check_twice(&t);
	table_close(&t);
}

/* GONE that was written later takes its forerunner along, and the other way
 * round a message that came back stays. */
static void
test_last_counts(void **st)
{
	struct table t;

	(void)st;
	make_table(&t);
	memset(model, 0, sizeof(model));
	append(&t, 10, REC_PRESENT, 1);
	append(&t, 20, REC_GONE, 2);
	append(&t, 10, REC_GONE, 3);
	append(&t, 20, REC_HELD, 4);
	append(&t, 20, REC_WANTED, 5);
	assert_int_equal(table_rewrite(&t, arena, LEAST), ERR_OK);
	assert_int_equal(t.count, 1);
	check_twice(&t);
	table_close(&t);
}

static void
test_bad_records(void **st)
{
	static const uint8_t bad[TABLE_REC] = {1};
	struct table t;

	(void)st;
	for (int how = 0; how < 4; how++) {
		for (int sorted = 0; sorted < 2; sorted++) {
			make_table(&t);
			memset(model, 0, sizeof(model));
			for (uint32_t i = 0; i < 1000; i++) {
				append(&t, sorted ? i + 1 : 1000 - i,
				    REC_PRESENT, i);
			}
			assert_int_equal(table_sync(&t), ERR_OK);
			for (uint32_t i = 0; i < 1000; i++) {
				if (is_bad(i, how)) {
					model[sorted ? i + 1 : 1000 - i].uid
					    = 0;
					scratch_poke(&dir, "table",
					    TABLE_HEAD + (long)i * TABLE_REC,
					    bad, TABLE_REC);
				}
			}
			assert_int_equal(table_rewrite(&t, arena, LEAST),
			    ERR_OK);
			check_twice(&t);
			table_close(&t);
		}
	}
}

/* The header promises an order that a damaged record breaks. */
static void
test_broken_promise(void **st)
{
	uint8_t p[TABLE_REC];
	struct table t;

	(void)st;
	for (uint32_t at = 0; at < 5; at++) {
		struct rec r = sample(at == 0 ? 2000 : 1);

		make_table(&t);
		memset(model, 0, sizeof(model));
		for (uint32_t i = 1; i <= UIDS; i++) {
			append(&t, i, REC_PRESENT, i);
		}
		assert_int_equal(table_sync(&t), ERR_OK);
		table_close(&t);
		r.name.seq = 99;
		rec_enc(&r, p);
		scratch_poke(&dir, "table", TABLE_HEAD + (long)at * 700 *
		    TABLE_REC, p, TABLE_REC);
		model[at * 700 + 1].uid = 0;
		/* of the two with one uid the later place wins */
		if (at != 0) {
			model[1] = r;
		}
		assert_int_equal(table_open(&t, dir.dir), ERR_OK);
		t.sorted = true;
		t.ordered = t.count;
		assert_int_equal(table_rewrite(&t, arena, LEAST), ERR_OK);
		check_twice(&t);
		table_close(&t);
	}
}

static void
test_arena_limit(void **st)
{
	struct table t;

	(void)st;
	state = 3;
	fill_random(&t, 300);
	assert_int_equal(table_rewrite(&t, arena, LEAST - 1), ERR_LIMIT);
	assert_non_null(strstr(err_detail(), "CFG_SORT_ARENA"));
	assert_int_equal(t.count, 300);
	assert_int_equal(table_rewrite(&t, arena + 1, LEAST), ERR_OK);
	check_twice(&t);
	table_close(&t);
}

/* The disk is full at any point: the old table stands, in memory and on the
 * disk, and no file is left over. */
static void
test_full_disk(void **st)
{
	struct rlimit was, now;
	struct table t;
	struct rec r;
	uint32_t failed = 0;

	(void)st;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	for (rlim_t limit = 0; limit < 70000; limit += 1500) {
		enum err e;

		state = 11;
		fill_random(&t, 2000);
		assert_int_equal(table_sync(&t), ERR_OK);
		now = was;
		now.rlim_cur = limit;
		setrlimit(RLIMIT_FSIZE, &now);
		e = table_rewrite(&t, arena, LEAST);
		setrlimit(RLIMIT_FSIZE, &was);
		assert_int_equal(scratch_count(&dir), 1);
		if (e == ERR_OK) {
			check_twice(&t);
			table_close(&t);
			continue;
		}
		failed++;
		for (int again = 0; again < 2; again++) {
			assert_int_equal(t.count, 2000);
			for (uint32_t i = 0; i < t.count; i += 37) {
				assert_int_equal(table_get(&t, i, &r),
				    ERR_OK);
				assert_int_equal(r.name.seq, i);
			}
			table_close(&t);
			assert_int_equal(table_open(&t, dir.dir), ERR_OK);
		}
		table_close(&t);
	}
	assert_true(failed > 10);
}

/* A new table beside the old one: nothing happens until the commit. */
static void
test_build(void **st)
{
	struct table t, n;
	struct rec r = sample(500);

	(void)st;
	fill_table(&t, 100, 1);
	assert_int_equal(table_sync(&t), ERR_OK);
	assert_int_equal(table_build(&n, &t), ERR_OK);
	assert_int_equal(table_append(&n, &r, NULL), ERR_OK);
	assert_int_equal(t.count, 100);
	table_build_abort(&n);
	table_build_abort(&n);
	assert_int_equal(scratch_count(&dir), 1);
	assert_int_equal(t.count, 100);
	/* killed before the commit */
	assert_int_equal(table_build(&n, &t), ERR_OK);
	assert_int_equal(table_append(&n, &r, NULL), ERR_OK);
	assert_int_equal(table_sync(&n), ERR_OK);
	table_close(&n);
	table_close(&t);
	assert_int_equal(scratch_count(&dir), 2);
	assert_int_equal(table_open(&t, dir.dir), ERR_OK);
	assert_int_equal(t.count, 100);
	assert_int_equal(scratch_count(&dir), 1);
	/* committed */
	assert_int_equal(table_build(&n, &t), ERR_OK);
	assert_int_equal(table_append(&n, &r, NULL), ERR_OK);
	assert_int_equal(table_build_commit(&t, &n), ERR_OK);
	assert_int_equal(t.count, 1);
	assert_int_equal(t.last_uid, 500);
	table_build_abort(&n); /* used up: must not close t's file */
	r = sample(501);
	assert_int_equal(table_append(&t, &r, NULL), ERR_OK);
	assert_int_equal(table_sync(&t), ERR_OK);
	table_close(&t);
	assert_int_equal(table_open(&t, dir.dir), ERR_OK);
	assert_int_equal(t.count, 2);
	assert_int_equal(scratch_count(&dir), 1);
	table_close(&t);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_sorted),
		cmocka_unit_test(test_last_counts),
		cmocka_unit_test(test_bad_records),
		cmocka_unit_test(test_broken_promise),
		cmocka_unit_test(test_arena_limit),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_build),
	};
	int failed;

	scratch_make(&dir);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	scratch_free(&dir);
	return failed;
}
