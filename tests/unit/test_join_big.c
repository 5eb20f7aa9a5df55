/*
 * The join of the folder machine over ten million listed messages, files and
 * records: what it decides, and that its memory does not grow. Only if
 * WHERRY_BIG=1 (it writes 700 MB of spill and table).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "peak.h"
#include "scratch.h"
#include "sync/folder_part.h"

#define MESSAGES 10000000u
#define EVERY 1000u
#define GROWTH_KIB 256

static struct folder folder;
static struct folder_job job;
static struct scratch dir;

/* Of every thousand one is new there, one gone here, one gone there. */
static bool
is_new(uint32_t uid)
{
	return uid % EVERY == 1;
}

static bool
listed(uint32_t uid)
{
	return uid % EVERY != 3;
}

static bool
here(uint32_t uid)
{
	return uid % EVERY != 2 && !is_new(uid);
}

static void
put_local(struct folder *f, uint32_t uid)
{
	struct local l = {.uid = uid, .flags = uid & MAILDIR_S,
		.name.time = uid, .name.seq = uid, .name.kind = MAILDIR_OWN,
		.where = MAILDIR_CUR};
	uint8_t rec[LOCAL_REC];

	folder_local_enc(&l, rec);
	assert_int_equal(sort_put(&f->local_sort, rec), ERR_OK);
}

static void
put_listed(struct folder *f, uint32_t uid)
{
	struct listed s = {.uid = uid, .flags = uid & IMAP_FLAG_SEEN,
		.size = 1000};
	uint8_t rec[LISTED_REC];

	folder_listed_enc(&s, rec);
	assert_int_equal(sort_put(&f->list.open, rec), ERR_OK);
}

static void
put_record(struct folder *f, uint32_t uid)
{
	struct rec r = {.uid = uid, .flags = uid & MAILDIR_S, .size = 1000,
		.state = REC_PRESENT, .name.kind = 3};
	uint32_t recno;

	assert_int_equal(table_append(&f->table, &r, &recno), ERR_OK);
}

static void
begin(struct folder *f)
{
	memset(f, 0, sizeof(*f));
	job = (struct folder_job){.state = dir.dir, .root = dir.dir,
		.title = "big", .infosep = ':', .durability = FOLDER_OFF};
	f->job = &job;
	f->policy = (struct plan_policy){true, true, true, true,
		IMAP_FLAGS_SYSTEM};
	f->old_head.uidvalidity = 1;
	f->list.open_sent = f->list.open_done = f->list.sorting = true;
	f->local_sorting = true;
	folder_spills_begin(f);
	assert_int_equal(table_open(&f->table, dir.dir), ERR_OK);
	sort_begin(&f->list.open, f->open_arena, sizeof(f->open_arena),
		LISTED_REC, 4, dir.dir, "listing");
	sort_begin(&f->local_sort, f->arena, sizeof(f->arena), LOCAL_REC, 4,
		dir.dir, "local");
}

static void
test_ten_million(void **st)
{
	struct folder *f = &folder;
	long before;
	enum err e = ERR_OK;

	(void)st;
	scratch_make(&dir);
	begin(f);
	memset(f->table_buf, 1, sizeof(f->table_buf));
	memset(f->walk_buf, 1, sizeof(f->walk_buf));
	memset(f->arena, 1, sizeof(f->arena));
	memset(f->open_arena, 1, sizeof(f->open_arena));
	memset(f->doomed_buf, 1, sizeof(f->doomed_buf));
	(void)peak();
	before = peak();
	for (uint32_t i = 0; i < MESSAGES; i++) {
		/* files come in no order: 7368787 has no factor 2 or 5 */
		uint32_t uid = (uint32_t)((uint64_t)i * 7368787u % MESSAGES) +
			1;

		if (here(uid)) {
			put_local(f, uid);
		}
		if (listed(i + 1)) {
			put_listed(f, i + 1);
			f->exists++;
		}
		if (!is_new(i + 1)) {
			put_record(f, i + 1);
		}
	}
	assert_int_equal(sort_finish(&f->local_sort), ERR_OK);
	assert_int_equal(folder_join_begin(f), ERR_OK);
	while (e == ERR_OK && f->phase == FOLDER_JOIN) {
		e = folder_join_step(f);
	}
	assert_int_equal(e, ERR_OK);
	assert_int_equal(f->phase, FOLDER_DOWN);
	assert_false(f->incomplete);
	assert_int_equal(f->list.seen, f->exists);
	assert_int_equal(f->alive, MESSAGES - MESSAGES / EVERY);
	assert_int_equal(f->doomed_remote, MESSAGES / EVERY);
	assert_int_equal(f->doomed_local, MESSAGES / EVERY);
	assert_int_equal(f->stats.down_todo, MESSAGES / EVERY);
	assert_int_equal(f->pend_n, 0);
	printf("%u records: %.1f bytes written for each, peak %ld KiB more\n",
		MESSAGES, (double)fs_written() / MESSAGES, peak() - before);
	assert_true(peak() - before < GROWTH_KIB);
	folder_spills_end(f);
	table_close(&f->table);
	scratch_free(&dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ten_million),
	};

	if (getenv("WHERRY_BIG") == NULL) {
		puts("skipped: set WHERRY_BIG=1");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
