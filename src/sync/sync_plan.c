/*
 * sync_plan: the decisions of the three-way table.
 *
 * Flags. Each bit has one agreed value t; a side that differs from t has
 * changed it. Bits are binary, so two changes cannot contradict each other:
 * m = t ^ ((s ^ t) | (l ^ t)). Where a change may not be carried over (a
 * read-only side, a flag that the server does not keep), t takes the value of
 * the side that stays behind: the difference then remains a change of the
 * other side, is tried again when it becomes possible, and is never undone.
 *
 * Adoption (a file that bears the UID, no record) uses the same rule with a t
 * that makes the merge a union, except for \Deleted, which needs both.
 *
 * Presence. What may not be carried over leaves the record as it is. GONE
 * stays GONE while the server still lists the message: it was left \Deleted
 * there, and does not come back. A file with the UID of a GONE record was put
 * back by somebody and is a new message.
 */
#include "sync/sync_plan.h"

#define DELETED 1u

static void
merge(const struct plan_case *c, uint32_t t, const struct plan_policy *p,
	struct plan *out)
{
	uint32_t s = c->s_flags, l = c->l_flags;
	uint32_t m = t ^ ((s ^ t) | (l ^ t));
	uint32_t push = p->push ? (m ^ s) & p->permanent : 0;
	uint32_t pull = p->pull ? m ^ l : 0;
	uint32_t keep_s = (m ^ s) & ~push, keep_l = (m ^ l) & ~pull;

	out->store_add = push & m;
	out->store_del = push & ~m;
	out->l_flags = l ^ pull;
	out->t_flags = (m & ~(keep_s | keep_l)) | (s & keep_s) | (l & keep_l);
}

static void
adopt(const struct plan_case *c, const struct plan_policy *p, struct plan *out)
{
	uint32_t both = c->s_flags & c->l_flags;
	uint32_t either = c->s_flags | c->l_flags;

	merge(c, (both & ~DELETED) | (either & DELETED), p, out);
	out->act = PLAN_ADOPT;
}

static void
known(const struct plan_case *c, const struct plan_policy *p, struct plan *out)
{
	merge(c, c->t_flags, p, out);
	if (out->store_add != 0 || out->store_del != 0 ||
		out->l_flags != c->l_flags || out->t_flags != c->t_flags) {
		out->act = PLAN_FLAGS;
	}
}

static enum plan_act
only_server(const struct plan_case *c, const struct plan_policy *p)
{
	if (!c->t) {
		return p->pull ? PLAN_WANT : PLAN_NONE;
	}
	switch (c->state) {
	case REC_WANTED:
		return p->pull ? PLAN_DOWNLOAD : PLAN_NONE;
	case REC_PRESENT:
		return p->push && p->push_deletes ? PLAN_DELETE_REMOTE
						  : PLAN_NONE;
	case REC_GONE:
	case REC_HELD:
	default:
		return PLAN_NONE;
	}
}

static enum plan_act
only_local(const struct plan_case *c, const struct plan_policy *p)
{
	bool seen_there = c->t &&
		(c->state == REC_PRESENT || c->state == REC_WANTED);

	if (seen_there) {
		return p->pull && p->pull_deletes ? PLAN_DELETE_LOCAL
						  : PLAN_NONE;
	}
	return p->push ? PLAN_NEW : PLAN_NONE;
}

void
sync_plan(const struct plan_case *c, const struct plan_policy *p,
	struct plan *out)
{
	*out = (struct plan){.act = PLAN_NONE,
		.l_flags = c->l_flags,
		.t_flags = c->t_flags};
	if (c->s && c->l) {
		if (c->t && c->state == REC_PRESENT) {
			known(c, p, out);
		} else {
			adopt(c, p, out);
		}
	} else if (c->s) {
		out->act = only_server(c, p);
	} else if (c->l) {
		out->act = only_local(c, p);
	} else if (c->t && c->state != REC_GONE) {
		out->act = PLAN_FORGET;
	}
}

bool
sync_plan_too_many(uint64_t n, uint64_t alive)
{
	uint64_t most = alive / 5 > 50 ? alive / 5 : 50;

	return n > most || (alive > 20 && n >= alive);
}
