/*
 * folder_doom: what follows from an absence.
 *
 * That a message is missing proves nothing while the listing may still turn
 * out to lack others too. So the join only spills what it would do, and how
 * much of it there is; afterwards records are forgotten and files made new
 * here, and what is to be deleted waits for the last phase (folder_delete.c).
 */
#include "sync/folder_part.h"

void
folder_doomed_dec(struct doomed *d, const uint8_t *p)
{
	d->what = (enum doom)p[0];
	d->uid = le_get32(p + 4);
	d->recno = le_get32(p + 8);
	folder_local_dec(&d->l, p + 12);
}

enum err
folder_doom(struct folder *f, enum doom what, uint32_t uid, uint32_t recno,
	const struct local *l)
{
	static const struct local none;
	uint8_t p[DOOMED_REC] = {0};

	p[0] = (uint8_t)what;
	le_put32(p + 4, uid);
	le_put32(p + 8, recno);
	folder_local_enc(l != NULL ? l : &none, p + 12);
	f->doomed_remote += what == DOOM_REMOTE;
	f->doomed_local += what == DOOM_LOCAL;
	f->renewed += what == DOOM_NEW;
	return spill_add(&f->doomed, p, sizeof(p), NULL);
}

static enum err
settle_one(struct folder *f, const struct doomed *d)
{
	char name[CFG_NAME];
	struct rec r;
	enum err e;

	if (d->what == DOOM_FORGET) {
		if (sync_plan_too_many(f->doomed_local,
			f->alive - f->forgotten)) {
			f->stamp.differs = true;
			return ERR_OK; /* the same mishap may be behind it */
		}
		e = table_get(&f->table, d->recno, &r);
		if (e == ERR_OK) {
			r.state = REC_GONE;
			e = folder_record(f, d->recno, &r);
		}
		return e;
	}
	if (d->what != DOOM_NEW) {
		return ERR_OK;
	}
	e = folder_strip(f, &d->l, name);
	if (e == ERR_OK) {
		e = folder_add_fresh(f, d->l.where, name);
	}
	f->stamp.differs |= e == ERR_NOENT;
	return e == ERR_NOENT ? ERR_OK : e;
}

enum err
folder_doom_settle(struct folder *f)
{
	const uint8_t *p;
	struct doomed d;
	size_t n;
	enum err e = spill_rewind(&f->doomed);

	while (e == ERR_OK && (e = spill_next(&f->doomed, &p, &n)) == ERR_OK) {
		folder_doomed_dec(&d, p);
		e = settle_one(f, &d);
	}
	return e == ERR_END ? ERR_OK : e;
}
