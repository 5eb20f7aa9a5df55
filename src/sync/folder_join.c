/*
 * folder_join: the three-way join. Takes the smallest UID of listing, files
 * and records, asks sync_plan() what follows and starts it.
 *
 * It runs until the ring of results is full, then lets it drain (renames
 * durable, records written) and goes on: resumable, in fixed memory. Changes
 * of flags that the server has to take are spilled, and sent when it is
 * through (folder_store.c). What follows from an absence is only spilled, and
 * settled after the join (folder_doom.c), if the listing turned out complete:
 * as many messages seen as the server says there are.
 */
#include <string.h>

#include "sync/folder_part.h"

#define SLICE 4000 /* UIDs per step */

enum err
folder_join_begin(struct folder *f)
{
	f->have_s = f->have_l = f->have_t = false;
	f->end_s = f->end_t = false;
	f->end_l = f->stamp.recorded;
	f->alive = f->forgotten = f->renewed = 0;
	f->doomed_local = f->doomed_remote = 0;
	f->there = f->unseen = f->wanted = 0;
	f->last_s = f->cover_hi = 0;
	f->join_records = f->table.count;
	f->list.seen = 0;
	f->proof.n = 0;
	f->stats.down_todo = f->stats.down;
	table_read_begin(&f->reader, &f->table, 0, f->join_records,
		f->table_buf, sizeof(f->table_buf));
	folder_enter(f, FOLDER_JOIN);
	return ERR_OK;
}

static enum err
pull_s(struct folder *f)
{
	enum err e = ERR_OK;

	while (!f->have_s && !f->end_s) {
		e = folder_list_next(f, &f->s);
		if (e == ERR_END) {
			f->end_s = true;
			return ERR_OK;
		}
		if (e != ERR_OK) {
			return e;
		}
		if (f->s.hi != 0) {
			f->have_s = true;
		} else if (f->s.uid != f->last_s) {
			f->have_s = true; /* else the same one said twice */
			f->last_s = f->s.uid;
			f->list.seen++;
		}
	}
	return e;
}

static enum err
pull_t(struct folder *f)
{
	enum err e;

	if (f->have_t || f->end_t) {
		return ERR_OK;
	}
	e = table_read_next(&f->reader, &f->t, &f->t_recno);
	f->have_t = e == ERR_OK;
	f->end_t = e == ERR_END;
	return e == ERR_END ? ERR_OK : e;
}

static enum err
want(struct folder *f, const struct listed *s, uint32_t recno)
{
	struct rec r = {.uid = s->uid, .flags = s->flags, .size = s->size,
		.state = REC_WANTED, .name.kind = NAME_NONE};

	f->stats.down_todo++;
	return folder_record(f, recno, &r);
}

/* Restored from a backup: the UID may be another message's than the record
 * says. Below the first that was given anew it is so if the size tells. */
static bool
suspect(const struct folder *f, const struct rec *t, const struct listed *s)
{
	uint32_t size = s->size < TABLE_SIZE_MAX ? s->size : TABLE_SIZE_MAX;

	return f->head.restored != 0 && t != NULL &&
		(t->uid >= f->head.restored || (t->state == REC_PRESENT &&
			size != 0 && t->size != 0 && size != t->size));
}

/* Its file was recorded and not flushed, and the system started anew: lost, and
 * not removed by anybody. */
static enum err
fetch_again(struct folder *f, struct plan_case *c)
{
	if (!f->doubt || !c->t || c->l || c->state != REC_PRESENT ||
		!f->policy.pull) {
		return ERR_OK;
	}
	f->t.state = c->state = REC_WANTED;
	return f->job->dry_run ? ERR_OK
			       : folder_record(f, f->t_recno, &f->t);
}

static void
told_flags(struct folder *f, uint32_t l_flags, const struct plan *p)
{
	if (!f->told_flags && f->policy.push && p->t_flags != p->l_flags &&
		(l_flags & ~f->policy.permanent) != 0) {
		f->told_flags = true;
		log_msg(LOG_INFO, "%s: the server does not keep all flags; "
			"those stay local", f->job->title);
	}
}

/* Flags of a known or adopted message: rename now, STORE later, record last. */
enum err
folder_agree(struct folder *f, const struct plan *p, struct local *l,
	const struct rec *t, const struct listed *s, uint32_t recno)
{
	uint32_t had = l->flags & MAILDIR_FLAGS_SYSTEM;
	struct rec r = t != NULL ? *t : (struct rec){.name.kind = NAME_NONE};
	struct pend pend = {.what = PEND_FLAGS, .stage = PEND_ACTED,
		.uid = l->uid, .recno = recno, .flags = p->t_flags,
		.add = (uint8_t)p->store_add, .del = (uint8_t)p->store_del};
	enum err e = ERR_OK;

	if (p->l_flags != had) {
		e = folder_reflag(f, l, p->l_flags);
		if (e == ERR_NOENT || e == ERR_EXIST || e == ERR_LIMIT) {
			folder_message_failed(f, l->uid,
				"its file could not be renamed; next run");
			return ERR_OK;
		}
		f->stats.flags_local++;
	}
	if (e == ERR_OK && (t == NULL || t->state != REC_PRESENT)) {
		e = folder_name_to_rec(f, l, &r.name);
	}
	if (e != ERR_OK) {
		return e;
	}
	told_flags(f, had, p);
	folder_stamp_flags(f, l->flags, p->t_flags);
	pend.size = r.size != 0 ? r.size : s->size;
	pend.mkey = r.mkey;
	pend.name = r.name;
	if (pend.add | pend.del) {
		f->stats.flags_remote++;
		return folder_store_add(f, &pend);
	}
	*folder_pend_add(f, PEND_FLAGS, l->uid, recno) = pend;
	return ERR_OK;
}

static enum err
adopt(struct folder *f, const struct plan *p, struct local *l,
	const struct rec *t, const struct listed *s, uint32_t recno)
{
	bool known = f->job->known_validity != 0 &&
		f->job->known_validity == f->uidvalidity;

	if ((folder_join_pick_own(l) || known) && f->head.restored == 0) {
		f->stats.adopted++;
		return folder_agree(f, p, l, t, s, recno);
	}
	return folder_proof_add(f, s, l, t, recno);
}

static const char *
plan_words(enum plan_act act)
{
	switch (act) {
	case PLAN_WANT:
	case PLAN_DOWNLOAD:
		return "download";
	case PLAN_ADOPT:
		return "adopt the file that is there";
	case PLAN_FLAGS:
		return "bring flags together";
	case PLAN_DELETE_REMOTE:
		return "delete on the server (its file is gone)";
	case PLAN_DELETE_LOCAL:
		return "delete the file (gone on the server)";
	case PLAN_NEW:
		return "upload again (unknown to the server)";
	default:
		return NULL;
	}
}

/* A record that there is no file for says what the server says of it; one of
 * a message that was thought to be gone, that it is left there. */
static enum err
keep_up(struct folder *f, const struct rec *t, const struct listed *s,
	uint32_t recno)
{
	struct rec r = *t;

	r.state = r.state == REC_GONE ? REC_HELD : r.state;
	r.flags = (r.flags & ~MAILDIR_FLAGS_SYSTEM) | s->flags;
	return r.state == t->state && r.flags == t->flags ? ERR_OK
		: folder_record(f, recno, &r);
}

static enum err
act(struct folder *f, const struct plan *p, struct local *l,
	const struct rec *t, const struct listed *s, uint32_t uid,
	uint32_t recno)
{
	if (f->job->dry_run) {
		if (plan_words(p->act) != NULL) {
			log_msg(LOG_INFO, "[DRYRUN] %s: message %u: %s",
				f->job->title, uid, plan_words(p->act));
		}
		return ERR_OK;
	}
	switch (p->act) {
	case PLAN_DELETE_REMOTE:
		return folder_doom(f, DOOM_REMOTE, uid, recno, NULL);
	case PLAN_WANT:
		return want(f, s, recno);
	case PLAN_DOWNLOAD:
		f->stats.down_todo++;
		return keep_up(f, t, s, recno);
	case PLAN_ADOPT:
		return adopt(f, p, l, t, s, recno);
	case PLAN_FLAGS:
		return folder_agree(f, p, l, t, s, recno);
	case PLAN_DELETE_LOCAL:
		/* Wanted, never brought: only our own name proves the file. */
		return folder_doom(f, t->state != REC_WANTED ||
			folder_join_pick_own(l) ? DOOM_LOCAL : DOOM_NEW, uid,
			recno, l);
	case PLAN_NEW:
		if (f->list.kind != LIST_WINDOWS) {
			f->distrust = true; /* only after a full listing */
			return ERR_OK;
		}
		return folder_doom(f, DOOM_NEW, uid, recno, l);
	case PLAN_FORGET:
		f->forgotten += t->state == REC_PRESENT;
		return folder_doom(f, DOOM_FORGET, uid, recno, NULL);
	case PLAN_NONE:
	default:
		return t != NULL && s->uid != 0 && l->uid == 0
			? keep_up(f, t, s, recno) : ERR_OK;
	}
}

/* What both sides last agreed on for this UID. */
static const struct rec *
take_recorded(struct folder *f, uint32_t uid, struct plan_case *c)
{
	if (!f->have_t || f->t.uid != uid) {
		return NULL;
	}
	c->t = true;
	c->state = f->t.state;
	c->t_flags = f->t.flags & MAILDIR_FLAGS_SYSTEM;
	folder_count(f, &f->t, 1);
	return &f->t;
}

/* The server's side of this UID: told, or implied by a delta. */
static bool
take_listed(struct folder *f, uint32_t uid, const struct rec *t,
	struct listed *out)
{
	bool told = f->have_s && f->s.uid == uid;

	if (told) {
		*out = f->s;
		f->have_s = false;
		f->distrust = f->distrust ||
			(f->list.kind != LIST_WINDOWS && uid < f->base.uidnext &&
				!folder_list_implied(f, uid)); /* and gone */
	} else if (t != NULL && t->state != REC_GONE &&
		folder_list_implied(f, uid)) {
		*out = (struct listed){.uid = uid, .size = t->size,
			.flags = t->flags & MAILDIR_FLAGS_SYSTEM};
		f->list.seen++;
	}
	return out->uid != 0;
}

/* Its record alone was looked at, and the plan wants the file itself. */
static bool
wants_file(const struct folder *f, const struct plan *plan, uint32_t l_flags)
{
	return f->stamp.recorded && (plan->act == PLAN_DELETE_LOCAL ||
		(plan->act == PLAN_FLAGS && plan->l_flags != l_flags));
}

/* It has not the name that the record t tells: this UID comes again, after a
 * scan. */
static enum err
misnamed(struct folder *f, const struct rec *t, bool told, bool implied)
{
	folder_count(f, t, -1);
	f->have_s = f->have_s || told;
	f->list.seen -= implied;
	return folder_stamp_late(f);
}

static enum err
join_uid(struct folder *f, uint32_t uid)
{
	struct plan_case c = {0};
	struct plan plan;
	struct local l = {0};
	struct listed s = {0};
	bool told = f->have_s && f->s.uid == uid;
	const struct rec *t = take_recorded(f, uid, &c);
	uint32_t recno = t != NULL ? f->t_recno : NO_RECORD;
	enum err e;

	e = folder_join_pick(f, uid, t, &l, &c.l);
	if (e == ERR_OK) {
		e = fetch_again(f, &c);
	}
	if (e != ERR_OK) {
		return e;
	}
	c.l_flags = l.flags & MAILDIR_FLAGS_SYSTEM;
	c.s = take_listed(f, uid, t, &s);
	c.s_flags = s.flags;
	c.t = c.t && !suspect(f, t, &s);
	sync_plan(&c, &f->policy, &plan);
	f->left = f->left || (c.s && !f->policy.pull &&
		(c.l ? plan.t_flags != c.s_flags : !c.t));
	if (wants_file(f, &plan, c.l_flags)) {
		e = folder_local_recorded(f, t, true, &l);
		if (e != ERR_OK) {
			return e != ERR_NOENT ? e :
				misnamed(f, t, told, c.s && !told);
		}
	}
	folder_stamp_case(f, &c, plan.act);
	f->alive += c.state == REC_PRESENT;
	e = act(f, &plan, &l, c.t ? t : NULL, &s, uid, recno);
	if (e == ERR_OK && t != NULL && !c.t && t->state != REC_GONE &&
		(plan.act == PLAN_NONE || plan.act == PLAN_NEW)) {
		e = folder_doom(f, DOOM_FORGET, uid, recno, NULL);
	}
	f->have_t = f->have_t && t == NULL;
	return e;
}

/* As many seen as there are? A folder that is suddenly empty is asked for
 * once more; of a delta everything has to add up, or it is not believed. */
static bool
adds_up(const struct folder *f)
{
	if (f->list.kind != LIST_WINDOWS) {
		if (f->distrust || f->reader.bad > 0 ||
			f->list.seen != f->list.exists) {
			return false;
		}
	} else if (f->list.seen != f->exists) {
		return false;
	}
	return f->list.seen > 0 || f->alive <= f->forgotten || f->pass > 0;
}

static enum err
finish(struct folder *f)
{
	enum err e = ERR_OK;

	folder_local_end(f);
	folder_list_end(f);
	f->incomplete = f->incomplete || !adds_up(f);
	if (sync_plan_too_many(f->renewed, f->alive) && f->policy.push) {
		return err_set(ERR_GUARD,
			"%u files bear the UID of a message that the server "
			"does not have here; they were not uploaded. If they "
			"are to be, remove \",U=...\" from their names",
			f->renewed);
	}
	if (!f->incomplete && !f->job->dry_run) {
		e = folder_doom_settle(f);
	}
	folder_enter(f, f->job->dry_run || (f->incomplete &&
		f->list.kind != LIST_WINDOWS) ? FOLDER_CLOSE : FOLDER_DOWN);
	return e;
}

/* The streams ended: first what the join started has to be done with. */
static enum err
end_of_join(struct folder *f)
{
	if (f->proof.n > 0) {
		folder_enter(f, FOLDER_PROOF);
		return ERR_OK;
	}
	if (f->pend_n > 0 || f->store.begun) {
		folder_store_begin(f);
		return ERR_OK;
	}
	return finish(f);
}

bool
folder_join_ends(const struct folder *f)
{
	return f->end_s && f->end_l && f->end_t && !f->have_s && !f->have_l &&
		!f->have_t && f->proof.n == 0 && f->fresh.count == 0 &&
		f->stats.down_todo == f->stats.down && f->renewed == 0 &&
		f->doomed_remote == 0;
}

static enum err
pull(struct folder *f)
{
	enum err e = pull_s(f);

	if (e == ERR_OK) {
		e = folder_join_pick_next(f);
	}
	return e == ERR_OK ? pull_t(f) : e;
}

/* The smallest of the UIDs that were pulled; a range of the listing, which
 * stands for none, only covers. */
static enum err
join_least(struct folder *f)
{
	uint32_t uid = f->have_s && f->s.hi == 0 ? f->s.uid : UINT32_MAX;

	uid = f->have_l && f->l.uid < uid ? f->l.uid : uid;
	uid = f->have_t && f->t.uid < uid ? f->t.uid : uid;
	if (f->have_s && f->s.hi != 0 && f->s.uid <= uid) {
		f->cover_hi = f->s.hi > f->cover_hi ? f->s.hi : f->cover_hi;
		f->have_s = false;
		return ERR_OK;
	}
	return join_uid(f, uid);
}

enum err
folder_join_step(struct folder *f)
{
	enum err e = ERR_OK;

	if (f->stopping) {
		return err_set(ERR_STOPPED, "stopped");
	}
	for (int i = 0; i < SLICE && e == ERR_OK && f->phase == FOLDER_JOIN;
		i++) {
		if (folder_pend_full(f)) {
			e = folder_flush(f, true);
			continue;
		}
		if (f->proof.n >= FOLDER_PROOFS) {
			folder_enter(f, FOLDER_PROOF);
			return ERR_OK;
		}
		e = pull(f);
		if (e != ERR_OK) {
			break;
		}
		if (!f->have_s && !f->have_l && !f->have_t) {
			return end_of_join(f);
		}
		e = join_least(f);
	}
	return e;
}
