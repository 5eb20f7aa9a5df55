/*
 * folder_join_pick: all files of one UID, which come one behind the other. One
 * of them is joined; what becomes of the others is decided at once: they stay
 * as they are, or are new messages.
 */
#include "sync/folder_part.h"

enum err
folder_join_pick_next(struct folder *f)
{
	enum err e;

	if (f->have_l || f->end_l) {
		return ERR_OK;
	}
	e = folder_local_next(f, &f->l);
	while (e == ERR_OK && f->l.uid < f->stamp.late) {
		e = folder_local_next(f, &f->l); /* joined as recorded */
	}
	f->have_l = e == ERR_OK;
	f->end_l = e == ERR_END;
	return e == ERR_END ? ERR_OK : e;
}

static enum err
same_content(struct folder *f, const struct local *a, const struct local *b,
	bool *same)
{
	char name[CFG_NAME];
	struct sync_key key[2];
	uint64_t size[2];
	const struct local *l[2] = {a, b};
	struct buf n;
	enum err e = ERR_OK;

	for (int i = 0; i < 2 && e == ERR_OK; i++) {
		BUF_INIT(&n, name);
		e = folder_local_name(f, l[i], &n);
		buf_cstr(&n);
		if (e == ERR_OK) {
			e = folder_measure(f, l[i]->where, name, &key[i],
				&size[i], NULL, NULL);
		}
	}
	*same = e == ERR_OK && size[0] == size[1] &&
		sync_key_get(&key[0]) == sync_key_get(&key[1]);
	return e;
}

/* A second file for a UID: a copy that a mail program made (left alone and
 * told), another message under a copied name, or one that was moved here from
 * another folder (both new). */
static enum err
extra_file(struct folder *f, const struct local *l, const struct local *first)
{
	char name[CFG_NAME];
	struct buf b;
	bool same = false;
	enum err e;

	if (f->job->dry_run) {
		return ERR_OK;
	}
	if (l->bits & LOCAL_FOREIGN) {
		BUF_INIT(&b, name);
		e = folder_local_name(f, l, &b);
		buf_cstr(&b);
		f->renewed++;
		return e != ERR_OK ? e : folder_add_fresh(f, l->where, name);
	}
	f->stamp.differs = true;
	e = same_content(f, l, first, &same);
	if (e == ERR_OK && same) {
		log_msg(LOG_WARN, "%s: two equal files for message %u; the "
			"second is left alone", f->job->title, l->uid);
		return ERR_OK;
	}
	if (e == ERR_OK) {
		e = folder_strip(f, l, name);
	}
	if (e == ERR_OK) {
		return folder_add_fresh(f, l->where, name);
	}
	return e == ERR_NOENT ? ERR_OK : e;
}

bool
folder_join_pick_own(const struct local *l)
{
	return (l->bits & LOCAL_WHOLE) == 0 && l->name.kind == MAILDIR_OWN;
}

/* As large as the message is at least; of one that is there and not known to
 * be smaller, as large as can be. */
static uint32_t
size_of(const struct folder *f, uint32_t uid, const struct rec *t)
{
	bool told = f->have_s && f->s.uid == uid && f->s.hi == 0;

	return t != NULL ? t->size : !told ? 0 :
		f->s.size != 0 ? f->s.size : UINT32_MAX;
}

/* One of the record's name counts most, then one that is of this folder. */
static int
rank_of(struct folder *f, const struct local *l, const struct rec *t, bool more)
{
	int rank = l->bits & LOCAL_FOREIGN ? 0 : 1;

	if (t != NULL && (rank == 0 || more) && folder_same_name(f, l, t)) {
		rank += 2; /* two folders may have equal names */
	}
	return rank;
}

enum err
folder_join_pick(struct folder *f, uint32_t uid, const struct rec *t,
	struct local *out, bool *has)
{
	int best = -1;
	enum err e = ERR_OK;

	*has = false;
	if (f->stamp.recorded) {
		*has = t != NULL && t->state == REC_PRESENT;
		return *has ? folder_local_recorded(f, t, false, out) : ERR_OK;
	}
	while (e == ERR_OK && f->have_l && f->l.uid == uid) {
		struct local l = f->l;
		bool cut = false;
		int rank;

		f->have_l = false;
		e = folder_join_pick_next(f);
		if (e == ERR_OK && f->doubt && folder_join_pick_own(&l)) {
			e = folder_local_cut(f, &l, size_of(f, uid, t), &cut);
		}
		if (cut) {
			continue;
		}
		rank = rank_of(f, &l, t,
			*has || (f->have_l && f->l.uid == uid));
		if (e == ERR_OK && *has) {
			e = rank > best ? extra_file(f, out, &l)
					: extra_file(f, &l, out);
		}
		if (rank > best) {
			best = rank;
			*out = l;
		}
		*has = true;
	}
	if (e == ERR_OK && *has && best == 0) {
		e = extra_file(f, out, out);
		*has = false;
	}
	return e;
}
