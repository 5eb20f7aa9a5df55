/*
 * The store under power cuts: every script is cut at every call of the disk,
 * several times with other luck, and what was promised before has to be there
 * afterwards, and nothing that was never written. Without WHERRY_BIG=1, as
 * under valgrind and in qemu, each cut has one of the lucks, in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "power.h"
#include "store/head.h"
#include "store/heap.h"
#include "store/journal.h"
#include "store/table.h"

#define UIDS 6000u

static uint8_t arena[16384];

/* Runs script at every cut, then check; at last without a cut. */
static void
every_cut(enum err (*script)(void), void (*check)(void), int lucks)
{
	bool all = getenv("WHERRY_BIG") != NULL;

	for (long cut = 1;; cut++) {
		enum err e = ERR_OK;
		bool was_cut = false;
		int luck = all ? 0 : (int)(cut % lucks);
		int end = all ? lucks : luck + 1;

		for (; luck < end; luck++) {
			enum power_mood m = luck < 2 ? (enum power_mood)luck
						     : POWER_PART;

			power_new(cut, m, (uint64_t)cut * 101 + (uint64_t)luck);
			e = script();
			was_cut = power.dead;
			power_on();
			check();
		}
		/* An error of the disk is never swallowed. */
		assert_int_equal(e, was_cut ? ERR_IO : ERR_OK);
		if (!was_cut) {
			assert_true(cut > 10);
			return;
		}
	}
}

/* --- table --- */

/* Of each uid: the last content that was promised, and all tried since. */
static struct {
	uint32_t promised[UIDS]; /* flags + 1; 0: none */
	uint32_t tried[UIDS];	 /* bit per value of flags */
	bool absent[UIDS];	 /* promised not to be there */
} model;

static struct rec
record(uint32_t uid, uint32_t flags)
{
	return (struct rec){.uid = uid, .flags = flags, .state = REC_PRESENT,
		.mkey = uid * 77u, .size = uid, .name.kind = 3};
}

static enum err
add(struct table *t, uint32_t uid, uint32_t flags)
{
	struct rec r = record(uid, flags);

	model.tried[uid] |= 1u << flags;
	model.absent[uid] = false;
	return table_append(t, &r, NULL);
}

static enum err
change(struct table *t, uint32_t recno, uint32_t uid, uint32_t flags)
{
	struct rec r = record(uid, flags);

	model.tried[uid] |= 1u << flags;
	model.absent[uid] = false;
	return table_put(t, recno, &r);
}

/* What the table holds is durable now. */
static enum err
promise(struct table *t)
{
	static uint8_t buf[4096];
	struct table_reader in;
	struct rec r;
	enum err e = table_sync(t);

	if (e != ERR_OK) {
		return e;
	}
	memset(&model.promised, 0, sizeof(model.promised));
	memset(&model.tried, 0, sizeof(model.tried));
	table_read_begin(&in, t, 0, t->count, buf, sizeof(buf));
	while (table_read_next(&in, &r, NULL) == ERR_OK) {
		model.promised[r.uid] = r.flags + 1;
		model.tried[r.uid] = 1u << r.flags;
	}
	for (uint32_t u = 0; u < UIDS; u++) {
		model.absent[u] = model.promised[u] == 0;
	}
	return ERR_OK;
}

static void
check_table(void)
{
	static uint8_t buf[4096];
	static bool seen[UIDS];
	struct table t;
	struct table_reader in;
	struct rec r, found;
	uint32_t recno;
	bool sorted;

	assert_int_equal(table_open(&t, POWER_DIR), ERR_OK);
	sorted = t.sorted;
	memset(seen, 0, sizeof(seen));
	table_read_begin(&in, &t, 0, t.count, buf, sizeof(buf));
	while (table_read_next(&in, &r, NULL) == ERR_OK) {
		assert_true(r.uid < UIDS);
		assert_int_equal(r.mkey, r.uid * 77u);
		assert_true((model.tried[r.uid] >> r.flags & 1) != 0);
		assert_false(model.absent[r.uid]);
		seen[r.uid] = true;
	}
	/* The header never claims an order that is not there. */
	assert_int_equal(t.sorted, sorted);
	for (uint32_t u = 1; u < UIDS; u++) {
		assert_true(seen[u] || model.promised[u] == 0);
		if (u % 97 == 1 || u < 12) {
			assert_int_equal(table_find(&t, u, &found, &recno),
			    seen[u] ? ERR_OK : ERR_NOENT);
		}
	}
	assert_int_equal(table_rewrite(&t, arena, sizeof(arena)), ERR_OK);
	assert_true(table_sorted(&t));
	table_close(&t);
}

static enum err
script_small(void)
{
	struct table t;
	enum err e;

	memset(&model, 0, sizeof(model));
	e = table_open(&t, POWER_DIR);
	for (uint32_t u = 10; u < 50 && e == ERR_OK; u++) {
		e = add(&t, u, 1);
	}
	e = e == ERR_OK ? promise(&t) : e;
	e = e == ERR_OK ? change(&t, 3, 13, 2) : e;
	e = e == ERR_OK ? change(&t, 39, 49, 3) : e;
	e = e == ERR_OK ? promise(&t) : e;
	for (uint32_t u = 9; u > 2 && e == ERR_OK; u--) {
		e = add(&t, u, 4);
	}
	e = e == ERR_OK ? promise(&t) : e;
	e = e == ERR_OK ? table_rewrite(&t, arena, sizeof(arena)) : e;
	for (uint32_t u = 60; u < 160 && e == ERR_OK; u++) {
		e = add(&t, u, 1);
	}
	e = e == ERR_OK ? promise(&t) : e;
	table_close(&t);
	return e;
}

/* Enough records for the header to say that they are in order; then the order
 * is broken in place, and by clearing and filling again. */
static enum err
script_order(void)
{
	struct table t;
	enum err e;

	memset(&model, 0, sizeof(model));
	e = table_open(&t, POWER_DIR);
	for (uint32_t u = 100; u < 4300 && e == ERR_OK; u++) {
		e = add(&t, u, 1);
	}
	e = e == ERR_OK ? promise(&t) : e;
	/* The header was written behind that flush; this one carries it. */
	e = e == ERR_OK ? change(&t, 5, 105, 2) : e;
	e = e == ERR_OK ? promise(&t) : e;
	if (e == ERR_OK) {
		model.promised[150] = 0; /* is written over */
		e = change(&t, 50, 5000, 2);
	}
	e = e == ERR_OK ? promise(&t) : e;
	if (e == ERR_OK) {
		memset(model.promised, 0, sizeof(model.promised));
		e = table_clear(&t);
	}
	e = e == ERR_OK ? promise(&t) : e;
	for (uint32_t u = 4300; u > 4000 && e == ERR_OK; u--) {
		e = add(&t, u, 3);
	}
	e = e == ERR_OK ? promise(&t) : e;
	table_close(&t);
	return e;
}

/* Records that are left to the system after some that are durable: what is
 * there is one of those that were written, whatever became of the others. */
static enum err
script_settle(void)
{
	struct table t;
	enum err e;

	memset(&model, 0, sizeof(model));
	e = table_open(&t, POWER_DIR);
	for (uint32_t u = 10; u < 30 && e == ERR_OK; u++) {
		e = add(&t, u, 1);
	}
	e = e == ERR_OK ? promise(&t) : e;
	for (uint32_t round = 0; round < 4 && e == ERR_OK; round++) {
		/* May be lost, with what the record said before. */
		e = change(&t, 3 + round, 13 + round, 2);
		for (uint32_t u = 0; u < 30 && e == ERR_OK; u++) {
			e = add(&t, 30 + round * 30 + u, 3);
		}
		e = e == ERR_OK ? table_settle(&t) : e;
	}
	for (uint32_t u = 150; u < 4300 && e == ERR_OK; u++) {
		e = add(&t, u, 1);
	}
	e = e == ERR_OK ? table_settle(&t) : e;
	assert_true(e != ERR_OK || !t.dirty); /* so many are made durable */
	e = e == ERR_OK ? promise(&t) : e;
	table_close(&t);
	return e;
}

static void
test_table_settle(void **st)
{
	(void)st;
	every_cut(script_settle, check_table, 20);
}

static void
test_table(void **st)
{
	(void)st;
	every_cut(script_small, check_table, 40);
}

static void
test_table_order(void **st)
{
	(void)st;
	every_cut(script_order, check_table, 10);
}

/* --- journal --- */

static uint32_t first, promised, added; /* intents [first, promised) stand */
static uint32_t settled; /* from here on they may come back */
static bool durably;

static enum err
intend(struct journal *j, uint32_t n)
{
	enum err e = ERR_OK;

	for (uint32_t i = 0; i < n && e == ERR_OK; i++) {
		struct intent x = {.uidvalidity = 1, .uidnext = added + 1,
			.size = added * 3, .mkey = added};

		snprintf(x.name, sizeof(x.name), "%0*u", (int)(added % 200),
		    added);
		added++;
		e = journal_add(j, &x);
	}
	e = e == ERR_OK ? journal_commit(j) : e;
	if (e == ERR_OK) {
		promised = added;
		settled = first;
	}
	return e;
}

static enum err
script_journal(void)
{
	struct journal j;
	enum err e;

	settled = first = promised = added = 0;
	e = journal_open(&j, POWER_DIR);
	for (uint32_t round = 0; round < 6 && e == ERR_OK; round++) {
		e = intend(&j, 3 + round * 7);
		e = e == ERR_OK ? intend(&j, 1) : e;
		if (e == ERR_OK && round < 5) {
			promised = first; /* while it is being cleared */
			e = journal_clear(&j, durably);
			first = promised = e == ERR_OK ? added : first;
			settled = durably ? first : settled;
		}
	}
	journal_close(&j);
	return e;
}

static void
check_journal(void)
{
	struct journal j;
	struct intent x;
	uint64_t at = 0;
	uint32_t n = 0;
	uint32_t before = 0;

	assert_int_equal(journal_open(&j, POWER_DIR), ERR_OK);
	while (journal_read(&j, &at, &x) == ERR_OK) {
		assert_true(x.mkey >= settled && x.mkey < added);
		assert_true(n == 0 || x.mkey == before + 1u ||
		    (!durably && promised == first));
		assert_true(n > 0 || promised == first || x.mkey == first);
		assert_int_equal(x.size, x.mkey * 3);
		before = (uint32_t)x.mkey;
		n++;
	}
	if (promised > first) {
		assert_true(n >= promised - first);
	}
	assert_int_equal(journal_empty(&j), n == 0);
	/* Goes on where it stopped. */
	memset(&x, 0, sizeof(x));
	x.name[0] = 'x';
	x.mkey = 999999;
	assert_int_equal(journal_add(&j, &x), ERR_OK);
	assert_int_equal(journal_commit(&j), ERR_OK);
	journal_close(&j);
	assert_int_equal(journal_open(&j, POWER_DIR), ERR_OK);
	for (at = 0; n > 0; n--) {
		assert_int_equal(journal_read(&j, &at, &x), ERR_OK);
	}
	assert_int_equal(journal_read(&j, &at, &x), ERR_OK);
	assert_int_equal(x.mkey, 999999);
	assert_int_equal(journal_read(&j, &at, &x), ERR_END);
	journal_close(&j);
}

static void
test_journal(void **st)
{
	(void)st;
	durably = true;
	every_cut(script_journal, check_journal, 40);
	durably = false; /* what was settled may come back, never what is new */
	every_cut(script_journal, check_journal, 40);
}

/* --- head --- */

/* All durable; or some, others left to the system, and blocks torn. */
static bool loose;

static enum err
script_head(void)
{
	struct head h = {.uidvalidity = 9};
	enum err e = ERR_OK;

	power.tears = loose;
	promised = added = 0;
	for (uint32_t i = 1; i < (loose ? 30 : 12) && e == ERR_OK; i++) {
		bool durable = !loose || i % 7 == 3 || i % 11 == 0;

		added = h.uidnext = h.messages = i;
		e = head_save(POWER_DIR, &h, durable);
		promised = e == ERR_OK && (durable || i == 1) ? i : promised;
	}
	return e;
}

/* The last durable one, or any since. */
static bool
load_head(struct head *h)
{
	enum err e = head_load(POWER_DIR, h);

	if (promised == 0 && e == ERR_NOENT) {
		return false;
	}
	assert_int_equal(e, ERR_OK);
	assert_true(h->uidnext >= promised && h->uidnext <= added);
	assert_int_equal(h->messages, h->uidnext);
	return true;
}

static void
check_head(void)
{
	struct head h;

	if (!load_head(&h)) {
		return;
	}
	if (!loose) {
		assert_int_equal(h.generation, h.uidnext);
		assert_int_equal(head_save(POWER_DIR, &h, true), ERR_OK);
		return;
	}
	/* So it stays when that one is followed by others, and another cut. */
	for (uint32_t i = 0; i < 3; i++) {
		h.uidnext = h.messages = ++added;
		assert_int_equal(head_save(POWER_DIR, &h, false), ERR_OK);
		assert_int_equal(head_load(POWER_DIR, &h), ERR_OK);
		assert_int_equal(h.uidnext, added);
	}
	power_on();
	assert_true(load_head(&h));
}

static void
test_head(void **st)
{
	(void)st;
	loose = false;
	every_cut(script_head, check_head, 60);
	loose = true;
	every_cut(script_head, check_head, 200);
}

/* --- heap --- */

static uint64_t offset[64];
static uint8_t host[64];

static struct span
text(uint32_t i, char out[64])
{
	snprintf(out, 64, "text-%u-%0*u", i, (int)(i % 40), i);
	return span_of(out);
}

static enum err
script_heap(void)
{
	struct heap h;
	char s[64];
	enum err e;

	promised = added = 0;
	e = heap_open(&h, POWER_DIR);
	while (added < 24 && e == ERR_OK) {
		e = heap_add_name(&h, text(added, s), &offset[added]);
		e = e == ERR_OK ? heap_host(&h, text(added, s), &host[added])
				: e;
		added++;
		if (e == ERR_OK && added % 4 == 0) {
			e = heap_sync(&h);
			promised = e == ERR_OK ? added : promised;
		}
	}
	heap_close(&h);
	return e;
}

static void
check_heap(void)
{
	struct heap h;
	struct buf b;
	char s[64], got[64];
	uint64_t at;
	uint8_t index;

	assert_int_equal(heap_open(&h, POWER_DIR), ERR_OK);
	for (int again = 0; again < 2; again++) {
		for (uint32_t i = 0; i < promised; i++) {
			struct span want = text(i, s);

			BUF_INIT(&b, got);
			assert_int_equal(heap_get_name(&h, offset[i], &b),
			    ERR_OK);
			assert_true(span_eq(buf_get(&b), want));
			BUF_INIT(&b, got);
			assert_int_equal(heap_get_host(&h, host[i], &b),
			    ERR_OK);
			assert_true(span_eq(buf_get(&b), want));
		}
		/* What is added now does not touch what was promised. */
		assert_int_equal(heap_add_name(&h, SPAN("new"), &at), ERR_OK);
		assert_int_equal(heap_host(&h, SPAN("new"), &index), ERR_OK);
	}
	heap_close(&h);
}

static void
test_heap(void **st)
{
	(void)st;
	every_cut(script_heap, check_heap, 40);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_order),
		cmocka_unit_test(test_table_settle),
		cmocka_unit_test(test_journal),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_heap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
