/*
 * sync_plan: the three-way table, all of it. Flags first: each bit is decided
 * by itself, shown over every value of three times five bits; from there on
 * one bit that is \Deleted and one that is not stand for all. Then every
 * presence, record state, flag value and policy is planned, carried out on a
 * model of both sides, and planned again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "maildir/maildir_name.h"
#include "sync/sync_plan.h"

#define BITS 31u

static const struct plan_policy all = {true, true, true, true, BITS};

static struct plan
plan_of(const struct plan_case *c, const struct plan_policy *p)
{
	struct plan out;

	memset(&out, 0xa5, sizeof(out));
	sync_plan(c, p, &out);
	return out;
}

static void
bad(const struct plan_case *c, const struct plan_policy *p, const char *what)
{
	fail_msg("%s: S%d L%d T%d state %d flags %x/%x/%x pull %d push %d "
		"deletes %d/%d permanent %x", what, c->s, c->l, c->t,
		(int)c->state, (unsigned)c->s_flags, (unsigned)c->l_flags,
		(unsigned)c->t_flags, p->pull, p->push, p->pull_deletes,
		p->push_deletes, (unsigned)p->permanent);
}

/* --- the table, row by row, with everything allowed --- */

struct row {
	int s, l, t;
	enum rec_state state;
	enum plan_act act;
};

static const struct row rows[] = {
	{0, 0, 0, REC_WANTED, PLAN_NONE},
	{1, 0, 0, REC_WANTED, PLAN_WANT},
	{0, 1, 0, REC_WANTED, PLAN_NEW},
	{1, 1, 0, REC_WANTED, PLAN_ADOPT},
	{0, 0, 1, REC_WANTED, PLAN_FORGET},
	{0, 0, 1, REC_PRESENT, PLAN_FORGET},
	{0, 0, 1, REC_GONE, PLAN_NONE},
	{0, 0, 1, REC_HELD, PLAN_FORGET},
	{1, 0, 1, REC_WANTED, PLAN_DOWNLOAD},
	{1, 0, 1, REC_PRESENT, PLAN_DELETE_REMOTE},
	{1, 0, 1, REC_GONE, PLAN_NONE},
	{1, 0, 1, REC_HELD, PLAN_NONE},
	{0, 1, 1, REC_WANTED, PLAN_DELETE_LOCAL},
	{0, 1, 1, REC_PRESENT, PLAN_DELETE_LOCAL},
	{0, 1, 1, REC_GONE, PLAN_NEW},
	{0, 1, 1, REC_HELD, PLAN_NEW},
	{1, 1, 1, REC_WANTED, PLAN_ADOPT},
	{1, 1, 1, REC_PRESENT, PLAN_NONE},
	{1, 1, 1, REC_GONE, PLAN_ADOPT},
	{1, 1, 1, REC_HELD, PLAN_ADOPT},
};

static void
every_row(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct plan_case c = {r->s, r->l, r->t, r->state, 16, 16, 16};

		if (plan_of(&c, &all).act != r->act) {
			bad(&c, &all, "another act than the table's");
		}
	}
}

/* --- bits are independent of each other --- */

static void
one_bit_at_a_time(const struct plan_case *c, const struct plan_policy *p)
{
	struct plan whole = plan_of(c, p);
	struct plan sum = {.act = PLAN_NONE};
	bool changes = false;

	for (uint32_t bit = 1; bit <= 16; bit <<= 1) {
		struct plan_case one = *c;
		struct plan_policy q = *p;
		struct plan part;

		one.s_flags &= bit;
		one.l_flags &= bit;
		one.t_flags &= bit;
		q.permanent &= bit;
		part = plan_of(&one, &q);
		changes = changes || part.act == PLAN_FLAGS;
		sum.store_add |= part.store_add;
		sum.store_del |= part.store_del;
		sum.l_flags |= part.l_flags;
		sum.t_flags |= part.t_flags;
	}
	if (sum.store_add != whole.store_add ||
		sum.store_del != whole.store_del ||
		sum.l_flags != whole.l_flags || sum.t_flags != whole.t_flags ||
		(whole.act != PLAN_ADOPT &&
			(whole.act == PLAN_FLAGS) != changes)) {
		bad(c, p, "the bits are not independent");
	}
}

static void
bits_are_independent(void **unused)
{
	static const uint32_t masks[] = {0, 1, 14, 21, 30, 31};

	(void)unused;
	for (uint32_t v = 0; v < 32768; v++) {
		for (unsigned k = 0; k < 4 * 6; k++) {
			struct plan_policy p = {k & 1, k >> 1 & 1, true, true,
				masks[k >> 2]};
			struct plan_case c = {true, true, true, REC_PRESENT,
				v & 31, v >> 5 & 31, v >> 10};

			one_bit_at_a_time(&c, &p);
			c.state = REC_GONE; /* adoption */
			one_bit_at_a_time(&c, &p);
		}
	}
}

/* Two bits that are of one kind are treated alike. */
static void
all_but_deleted_are_alike(void **unused)
{
	(void)unused;
	for (unsigned v = 0; v < 8 * 8; v++) {
		struct plan_policy p = {v >> 3 & 1, v >> 4 & 1, true, true, 0};
		struct plan first = {.act = PLAN_NONE};

		for (uint32_t bit = 2; bit <= 16; bit <<= 1) {
			struct plan_case c = {true, true, true, REC_HELD,
				v & 1 ? bit : 0, v & 2 ? bit : 0,
				v & 4 ? bit : 0};
			struct plan x;

			p.permanent = v >> 5 & 1 ? bit : 0;
			x = plan_of(&c, &p);
			if (bit == 2) {
				first = x;
				continue;
			}
			assert_int_equal(x.store_add / bit,
				first.store_add / 2);
			assert_int_equal(x.store_del / bit,
				first.store_del / 2);
			assert_int_equal(x.l_flags / bit, first.l_flags / 2);
			assert_int_equal(x.t_flags / bit, first.t_flags / 2);
		}
	}
}

/* --- every case, with two bits: \Deleted (1) and \Seen (16) --- */

#define CASES (8u * 4u * 64u)
#define POLICIES 64u

static uint32_t
two_bits(unsigned v)
{
	return (v & 1 ? MAILDIR_T : 0) | (v & 2 ? MAILDIR_S : 0);
}

static struct plan_case
case_of(unsigned v)
{
	return (struct plan_case){v & 1, v >> 1 & 1, v >> 2 & 1,
		(enum rec_state)(v >> 3 & 3), two_bits(v >> 5), two_bits(v >> 7),
		two_bits(v >> 9)};
}

static struct plan_policy
policy_of(unsigned v)
{
	return (struct plan_policy){v & 1, v >> 1 & 1, v >> 2 & 1, v >> 3 & 1,
		two_bits(v >> 4)};
}

typedef void check(const struct plan_case *c, const struct plan_policy *p,
	const struct plan *plan);

static void
for_all(check *f)
{
	for (unsigned i = 0; i < CASES; i++) {
		for (unsigned k = 0; k < POLICIES; k++) {
			struct plan_case c = case_of(i);
			struct plan_policy p = policy_of(k);
			struct plan plan = plan_of(&c, &p);

			f(&c, &p, &plan);
		}
	}
}

static void
check_deletes(const struct plan_case *c, const struct plan_policy *p,
	const struct plan *plan)
{
	bool remote = c->s && !c->l && c->t && c->state == REC_PRESENT &&
		p->push && p->push_deletes;
	bool local = c->l && !c->s && c->t && (c->state == REC_PRESENT ||
		c->state == REC_WANTED) && p->pull && p->pull_deletes;

	if ((plan->act == PLAN_DELETE_REMOTE) != remote ||
		(plan->act == PLAN_DELETE_LOCAL) != local) {
		bad(c, p, "a deletion without its reasons, or none with them");
	}
}

static void
deletes_only_with_reason(void **unused)
{
	(void)unused;
	for_all(check_deletes);
}

static void
check_sides(const struct plan_case *c, const struct plan_policy *p,
	const struct plan *plan)
{
	bool changes_l = plan->act == PLAN_WANT || plan->act == PLAN_DOWNLOAD ||
		plan->act == PLAN_DELETE_LOCAL || plan->l_flags != c->l_flags;
	bool changes_s = plan->act == PLAN_NEW ||
		plan->act == PLAN_DELETE_REMOTE || plan->store_add != 0 ||
		plan->store_del != 0;
	uint32_t stored = plan->store_add | plan->store_del;

	if ((changes_l && !p->pull) || (changes_s && !p->push)) {
		bad(c, p, "a side is changed that may not be");
	}
	if ((stored & ~p->permanent) != 0 ||
		(plan->store_add & plan->store_del) != 0) {
		bad(c, p, "a flag is stored that the server does not keep");
	}
	if ((plan->store_add & c->s_flags) != 0 ||
		(plan->store_del & ~c->s_flags) != 0) {
		bad(c, p, "a flag is stored that is so already");
	}
	if ((stored != 0 || plan->l_flags != c->l_flags) &&
		plan->act != PLAN_FLAGS && plan->act != PLAN_ADOPT) {
		bad(c, p, "flags change under another act");
	}
}

static void
policy_is_kept(void **unused)
{
	(void)unused;
	for_all(check_sides);
}

/* --- a model: the two sides and the record --- */

struct world {
	struct plan_case c;
	bool renewed; /* went to the server under a UID of its own ... */
	struct plan_case other; /* ... and is this there */
};

/* The body of a message came. */
static void
fetch(struct plan_case *c)
{
	c->l = c->t = true;
	c->state = REC_PRESENT;
	c->l_flags = c->t_flags = c->s_flags;
}

static void
upload(struct world *w, const struct plan_policy *p)
{
	uint32_t kept = w->c.l_flags & p->permanent;

	w->renewed = true;
	w->other = (struct plan_case){true, true, true, REC_PRESENT, kept,
		w->c.l_flags, kept};
	w->c.l = false;
	w->c.l_flags = 0;
}

/* expunge: deleted on the server means gone there, else only marked. */
static void
carry_out(struct world *w, const struct plan_policy *p, bool expunge)
{
	struct plan plan = plan_of(&w->c, p);

	switch (plan.act) {
	case PLAN_WANT:
	case PLAN_DOWNLOAD:
		fetch(&w->c);
		break;
	case PLAN_ADOPT:
	case PLAN_FLAGS:
		w->c.s_flags = (w->c.s_flags | plan.store_add) &
			~plan.store_del;
		w->c.l_flags = plan.l_flags;
		w->c.t = true;
		w->c.state = REC_PRESENT;
		w->c.t_flags = plan.t_flags;
		break;
	case PLAN_DELETE_REMOTE:
		w->c.s = !expunge;
		w->c.s_flags |= MAILDIR_T;
		w->c.state = REC_GONE;
		break;
	case PLAN_DELETE_LOCAL:
		w->c.l = false;
		w->c.state = REC_GONE;
		break;
	case PLAN_FORGET:
		w->c.state = REC_GONE;
		break;
	case PLAN_NEW:
		upload(w, p);
		break;
	case PLAN_NONE:
	default:
		break;
	}
}

static void
check_settled(const struct plan_case *c, const struct plan_policy *p,
	const struct plan *plan)
{
	for (int expunge = 0; expunge < 2; expunge++) {
		struct world w = {.c = *c};
		enum plan_act left;

		carry_out(&w, p, expunge);
		left = plan_of(&w.c, p).act;
		/* A HELD message whose file was put back and sent as new: its
		 * old record is closed one run later; nothing else happens. */
		if (left == PLAN_FORGET && plan->act == PLAN_NEW) {
			assert_int_equal(w.c.state, REC_HELD);
			carry_out(&w, p, expunge);
			left = plan_of(&w.c, p).act;
		}
		if (left != PLAN_NONE) {
			bad(c, p, "a second run would do something again");
		}
		if (w.renewed && plan_of(&w.other, p).act != PLAN_NONE) {
			bad(c, p, "a second run would touch the upload");
		}
	}
}

static void
a_second_run_does_nothing(void **unused)
{
	(void)unused;
	for_all(check_settled);
}

static void
check_kept(const struct plan_case *c, const struct plan_policy *p,
	const struct plan *plan)
{
	struct world w = {.c = *c};
	bool before = c->s || c->l, after;
	bool deleted = plan->act == PLAN_DELETE_LOCAL ||
		plan->act == PLAN_DELETE_REMOTE;

	carry_out(&w, p, true);
	after = w.c.s || w.c.l || (w.renewed && w.other.s && w.other.l);
	if (before && !after && !deleted) {
		bad(c, p, "a message is nowhere any more");
	}
	if (deleted && !(c->t && c->s != c->l)) {
		bad(c, p, "a message was deleted that nobody deleted");
	}
}

static void
no_message_is_lost(void **unused)
{
	(void)unused;
	for_all(check_kept);
}

/* --- flags: blocked changes --- */

/* Nobody's change is taken back, whatever may not be carried over. */
static void
check_not_undone(const struct plan_case *c, const struct plan_policy *p,
	const struct plan *plan)
{
	struct world w = {.c = *c};
	uint32_t s_changed = c->s_flags ^ c->t_flags;
	uint32_t l_changed = c->l_flags ^ c->t_flags;

	if (!c->s || !c->l || !c->t || c->state != REC_PRESENT) {
		return;
	}
	(void)plan;
	for (int i = 0; i < 3; i++) {
		carry_out(&w, p, true);
		if (((w.c.s_flags ^ c->s_flags) & s_changed) != 0 ||
			((w.c.l_flags ^ c->l_flags) & l_changed) != 0) {
			bad(c, p, "a change was undone");
		}
	}
	carry_out(&w, &all, true); /* and it arrives as soon as it may */
	if (w.c.s_flags != w.c.l_flags || w.c.t_flags != w.c.s_flags ||
		w.c.s_flags != (c->t_flags ^ (s_changed | l_changed))) {
		bad(c, p, "a blocked change never arrived");
	}
}

static void
blocked_changes_wait(void **unused)
{
	(void)unused;
	for_all(check_not_undone);
}

/* The record never says more than what a side has. */
static void
check_record(const struct plan_case *c, const struct plan_policy *p,
	const struct plan *plan)
{
	struct world w = {.c = *c};
	uint32_t agreed;

	if (plan->act != PLAN_ADOPT && plan->act != PLAN_FLAGS) {
		return;
	}
	carry_out(&w, p, true);
	agreed = ~(w.c.s_flags ^ w.c.l_flags);
	if (((w.c.t_flags ^ w.c.s_flags) & agreed & BITS) != 0) {
		bad(c, p, "both sides agree and the record does not");
	}
}

static void
record_says_what_both_have(void **unused)
{
	(void)unused;
	for_all(check_record);
}

static void
adoption_is_a_union(void **unused)
{
	(void)unused;
	for (unsigned v = 0; v < 1024; v++) {
		uint32_t s = v & 31, l = v >> 5;
		struct plan_case c = {true, true, false, REC_WANTED, s, l, 0};
		struct plan x = plan_of(&c, &all);
		uint32_t m = ((s | l) & ~1u) | (s & l & 1u);

		assert_int_equal(x.act, PLAN_ADOPT);
		assert_int_equal(x.l_flags, m);
		assert_int_equal(x.t_flags, m);
		assert_int_equal((s | x.store_add) & ~x.store_del, m);
	}
}

/* What an old record said about flags does not count in an adoption. */
static void
adoption_forgets_the_record(void **unused)
{
	(void)unused;
	for (unsigned v = 0; v < 32768; v++) {
		struct plan_case c = {true, true, true, REC_GONE, v & 31,
			v >> 5 & 31, v >> 10};
		struct plan a = plan_of(&c, &all), b;

		c.t = false;
		b = plan_of(&c, &all);
		assert_int_equal(a.l_flags, b.l_flags);
		assert_int_equal(a.t_flags, b.t_flags);
		assert_int_equal(a.store_add, b.store_add);
		assert_int_equal(a.store_del, b.store_del);
	}
}

/* --- the brake --- */

static void
brake(void **unused)
{
	(void)unused;
	assert_false(sync_plan_too_many(0, 0));
	assert_false(sync_plan_too_many(50, 0));
	assert_true(sync_plan_too_many(51, 0));
	assert_false(sync_plan_too_many(50, 250));
	assert_true(sync_plan_too_many(51, 250));
	assert_false(sync_plan_too_many(50, 254));
	assert_true(sync_plan_too_many(51, 254));
	assert_false(sync_plan_too_many(51, 255));
	assert_true(sync_plan_too_many(52, 255));
	assert_false(sync_plan_too_many(200, 1000));
	assert_true(sync_plan_too_many(201, 1000));
	assert_false(sync_plan_too_many(UINT64_MAX / 5, UINT64_MAX));
	assert_true(sync_plan_too_many(UINT64_MAX / 5 + 1, UINT64_MAX));
}

static void
brake_on_all(void **unused)
{
	(void)unused;
	assert_false(sync_plan_too_many(0, 21));
	for (uint64_t alive = 1; alive <= 20; alive++) {
		assert_false(sync_plan_too_many(alive, alive));
	}
	for (uint64_t alive = 21; alive <= 60; alive++) {
		assert_true(sync_plan_too_many(alive, alive));
		assert_int_equal(sync_plan_too_many(alive - 1, alive),
			alive - 1 > 50);
	}
	assert_true(sync_plan_too_many(22, 21)); /* more than there are */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(bits_are_independent),
		cmocka_unit_test(all_but_deleted_are_alike),
		cmocka_unit_test(deletes_only_with_reason),
		cmocka_unit_test(policy_is_kept),
		cmocka_unit_test(a_second_run_does_nothing),
		cmocka_unit_test(no_message_is_lost),
		cmocka_unit_test(blocked_changes_wait),
		cmocka_unit_test(record_says_what_both_have),
		cmocka_unit_test(adoption_is_a_union),
		cmocka_unit_test(adoption_forgets_the_record),
		cmocka_unit_test(brake),
		cmocka_unit_test(brake_on_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
