/*
 * table: single records. Its file: table_file.c. Search: table_find.c.
 *
 * A window of up to 32 records that follow each other is in `block`: those that
 * were read or changed last, or new ones at the end. What changed in it is
 * written by one call when the window moves on, so a run of records costs one
 * read and one write. That is never ahead of anything, only behind.
 */
#include "store/table_part.h"

#define LAG 4096u /* records: so far behind the header may be */

enum err
table_read(struct table *t, uint32_t recno, uint32_t n, uint8_t *to)
{
	uint64_t at = table_place(recno);
	size_t left = (size_t)n * TABLE_REC;
	size_t got;

	while (left > 0) {
		enum err e = fs_pread(t->fd, to, left, at, &got);

		if (e != ERR_OK) {
			return e;
		}
		if (got == 0) {
			return err_set(ERR_CORRUPT, "table became shorter");
		}
		to += got;
		at += got;
		left -= got;
	}
	return ERR_OK;
}

enum err
table_look(struct table *t, uint32_t recno, uint32_t end, uint32_t *n)
{
	enum err e = table_flush(t);

	if (e != ERR_OK) {
		return e;
	}
	*n = end - recno < TABLE_BLOCK ? end - recno : TABLE_BLOCK;
	e = table_read(t, recno, *n, t->block);
	t->base = recno;
	t->held = e == ERR_OK ? *n : 0;
	return e;
}

enum err
table_flush(struct table *t)
{
	enum err e = ERR_OK;

	if (t->lo < t->hi) {
		e = fs_pwrite(t->fd,
			t->block + (size_t)(t->lo - t->base) * TABLE_REC,
			(size_t)(t->hi - t->lo) * TABLE_REC,
			table_place(t->lo));
		t->dirty = true;
	}
	if (e == ERR_OK) {
		t->lo = t->hi = 0;
	}
	return e;
}

/* Where record recno is in the window; NULL if it is not. */
static uint8_t *
within(struct table *t, uint32_t recno)
{
	return recno - t->base < t->held
		? t->block + (recno - t->base) * TABLE_REC : NULL;
}

/* Moves the window to record recno, unless it is there. */
static enum err
move(struct table *t, uint32_t recno)
{
	uint32_t n;

	return within(t, recno) != NULL ? ERR_OK
		: table_look(t, recno - recno % TABLE_BLOCK, t->count, &n);
}

static void
put(struct table *t, uint32_t recno, const struct rec *r)
{
	rec_enc(r, within(t, recno));
	if (t->lo == t->hi || recno < t->lo) {
		t->lo = recno;
	}
	if (recno >= t->hi) {
		t->hi = recno + 1;
	}
}

enum err
table_get(struct table *t, uint32_t recno, struct rec *out)
{
	uint8_t p[TABLE_REC];
	const uint8_t *at = p;
	enum err e;

	if (recno >= t->count) {
		return err_set(ERR_NOENT, "table has no record %u", recno);
	}
	/* What waits in the window is not sent away for one look elsewhere. */
	e = t->lo < t->hi && within(t, recno) == NULL
		? table_read(t, recno, 1, p) : move(t, recno);
	if (e != ERR_OK) {
		return e;
	}
	if (within(t, recno) != NULL) {
		at = within(t, recno);
	}
	if (rec_dec(out, at) != ERR_OK) {
		return err_set(ERR_CORRUPT, "record %u of table is damaged",
			recno);
	}
	return ERR_OK;
}

enum err
table_put(struct table *t, uint32_t recno, const struct rec *r)
{
	struct rec old;
	enum err e;

	if (r->uid == 0) {
		return err_set(ERR_CORRUPT, "a record without uid");
	}
	if (recno >= t->count) {
		return err_set(ERR_NOENT, "table has no record %u", recno);
	}
	e = move(t, recno);
	if (e != ERR_OK) {
		return e;
	}
	if (rec_dec(&old, within(t, recno)) != ERR_OK || old.uid != r->uid) {
		e = table_limit_order(t, recno);
		if (e != ERR_OK) {
			return e;
		}
		t->sorted = false;
		t->last_uid = r->uid > t->last_uid ? r->uid : t->last_uid;
	}
	put(t, recno, r);
	return ERR_OK;
}

enum err
table_append(struct table *t, const struct rec *r, uint32_t *recno)
{
	enum err e;

	if (r->uid == 0) {
		return err_set(ERR_CORRUPT, "a record without uid");
	}
	if (t->count == UINT32_MAX) {
		return err_set(ERR_LIMIT, "more than 2^32 - 1 records");
	}
	if (t->held == TABLE_BLOCK || t->base + t->held != t->count) {
		e = table_flush(t);
		if (e != ERR_OK) {
			return e;
		}
		t->base = t->count;
		t->held = 0;
	}
	t->held++;
	put(t, t->count, r);
	if (r->uid <= t->last_uid) {
		t->sorted = false;
	} else {
		t->last_uid = r->uid;
	}
	if (recno != NULL) {
		*recno = t->count;
	}
	t->count++;
	t->dirty = true;
	if (t->sorted) {
		t->ordered = t->count;
	}
	return ERR_OK;
}

/* The header says so much less than is true that it is time to raise it. */
static bool
lags(const struct table *t)
{
	return t->ordered < t->ordered_disk ||
		t->ordered - t->ordered_disk >= LAG;
}

enum err
table_sync(struct table *t)
{
	enum err e = table_flush(t);

	if (e != ERR_OK || !t->dirty) {
		return e;
	}
	e = fs_sync(t->fd);
	if (e == ERR_OK && !t->named) {
		e = fs_sync_names(t->dir);
		t->named = e == ERR_OK;
	}
	if (e == ERR_OK) {
		t->dirty = false;
		if (lags(t)) {
			e = table_put_header(t, t->ordered);
		}
	}
	return e;
}

enum err
table_settle(struct table *t)
{
	return lags(t) ? table_sync(t) : table_flush(t);
}

bool
table_sorted(const struct table *t)
{
	return t->sorted;
}
