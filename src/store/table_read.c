/*
 * table_read: the table as a stream, and the rewrite that is made of it.
 *
 * A table that is in order is rewritten by copying it. If it turns out not to
 * be (a damaged record whose checksum happens to fit), or was never said to be,
 * it goes through the external sort, where a record is its own 32 bytes with
 * the uid turned big-endian in front. The sort keeps equal uids in the order
 * they were written in; of each such group the last one stands for all, so a
 * GONE that was written later also takes its forerunner along.
 */
#include <string.h>

#include "base/le.h"
#include "store/sort.h"
#include "store/table.h"

#define SORT_NAME "table.sort"
#define READ_BUF 2048u
#define LEAST (READ_BUF + SORT_ARENA_LEAST)

void
table_read_begin(struct table_reader *r, struct table *t, uint32_t at,
	uint32_t end, void *buf, size_t cap)
{
	memset(r, 0, sizeof(*r));
	r->t = t;
	r->at = at;
	r->end = end < t->count ? end : t->count;
	r->buf = buf;
	r->cap = cap;
	r->buf_at = at;
}

static enum err
refill(struct table_reader *r)
{
	uint32_t left = r->end - r->at;
	size_t room = r->cap / TABLE_REC;
	uint32_t n = left < room ? left : (uint32_t)room;
	size_t want = (size_t)n * TABLE_REC;
	size_t have = 0;
	size_t got;
	enum err e = table_flush(r->t);

	if (n == 0) {
		return err_set(ERR_USAGE, "table: a buffer under one record");
	}
	while (e == ERR_OK && have < want) {
		e = fs_pread(r->t->fd, r->buf + have, want - have,
			((uint64_t)r->at + 1) * TABLE_REC + have, &got);
		if (e == ERR_OK && got == 0) {
			e = err_set(ERR_CORRUPT, "table became shorter");
		}
		have += e == ERR_OK ? got : 0;
	}
	r->buf_at = r->at;
	r->buf_n = e == ERR_OK ? n : 0;
	return e;
}

enum err
table_read_next(struct table_reader *r, struct rec *out, uint32_t *recno)
{
	/* A table that was cleared or rewritten has other records. */
	if (r->end > r->t->count) {
		r->end = r->t->count;
	}
	while (r->at < r->end) {
		uint32_t here = r->at;

		if (here - r->buf_at >= r->buf_n) {
			enum err e = refill(r);

			if (e != ERR_OK) {
				return e;
			}
		}
		r->at++;
		if (rec_dec(out, r->buf + (here - r->buf_at) * TABLE_REC) !=
			ERR_OK) {
			r->bad++;
			continue;
		}
		if (r->t->sorted && out->uid <= r->last_uid) {
			r->t->sorted = false;
			if (r->t->ordered > here) {
				r->t->ordered = here;
			}
			r->bad++;
			continue;
		}
		r->last_uid = out->uid;
		if (recno != NULL) {
			*recno = here;
		}
		return ERR_OK;
	}
	return ERR_END;
}

/* Appends the last record of each group of equal uids, unless it is GONE.
 * Call it with NULL at the end. */
static enum err
keep(struct table *n, struct rec *held, const struct rec *r)
{
	enum err e = ERR_OK;

	if (held->uid != 0 && held->state != REC_GONE &&
		(r == NULL || r->uid != held->uid)) {
		e = table_append(n, held, NULL);
	}
	if (r != NULL) {
		*held = *r;
	}
	return e;
}

/* ERR_CORRUPT with t->sorted false: it was not in order after all. */
static enum err
copy(struct table *n, struct table *t, void *arena, size_t arena_size)
{
	struct table_reader in;
	struct rec held = {0};
	struct rec r;
	enum err e;

	table_read_begin(&in, t, 0, t->count, arena,
		arena_size / TABLE_REC * TABLE_REC);
	while ((e = table_read_next(&in, &r, NULL)) == ERR_OK) {
		e = keep(n, &held, &r);
		if (e != ERR_OK) {
			return e;
		}
	}
	if (e == ERR_END && !t->sorted) {
		return ERR_CORRUPT;
	}
	return e == ERR_END ? keep(n, &held, NULL) : e;
}

static enum err
fill(struct sort *s, struct table *t, void *buf)
{
	struct table_reader in;
	uint8_t p[TABLE_REC];
	struct rec r;
	enum err e;

	table_read_begin(&in, t, 0, t->count, buf, READ_BUF);
	while ((e = table_read_next(&in, &r, NULL)) == ERR_OK) {
		rec_enc(&r, p);
		be_put32(p, r.uid);
		e = sort_put(s, p);
		if (e != ERR_OK) {
			return e;
		}
	}
	return e == ERR_END ? sort_finish(s) : e;
}

static enum err
drain(struct table *n, struct sort *s)
{
	struct rec held = {0};
	uint8_t p[TABLE_REC];
	struct rec r;
	enum err e;

	while ((e = sort_next(s, p)) == ERR_OK) {
		le_put32(p, be_get32(p));
		if (rec_dec(&r, p) != ERR_OK) {
			return err_set(ERR_IO, "a record changed while the "
				"table was sorted");
		}
		e = keep(n, &held, &r);
		if (e != ERR_OK) {
			return e;
		}
	}
	return e == ERR_END ? keep(n, &held, NULL) : e;
}

static enum err
sort_all(struct table *n, struct table *t, uint8_t *arena, size_t arena_size)
{
	struct sort s;
	enum err e;

	sort_begin(&s, arena + READ_BUF, arena_size - READ_BUF, TABLE_REC,
		sizeof(uint32_t), t->dir, SORT_NAME);
	e = fill(&s, t, arena);
	if (e == ERR_OK) {
		e = drain(n, &s);
	}
	sort_end(&s);
	return e;
}

enum err
table_rewrite(struct table *t, void *arena, size_t arena_size)
{
	struct table n;
	bool was_sorted = t->sorted;
	enum err e;

	if (arena_size < LEAST) {
		return err_set(ERR_LIMIT, "CFG_SORT_ARENA is too small");
	}
	e = table_build(&n, t);
	if (e == ERR_OK && was_sorted) {
		e = copy(&n, t, arena, arena_size);
		if (e == ERR_CORRUPT && !t->sorted) {
			table_build_abort(&n);
			was_sorted = false;
			e = table_build(&n, t);
		}
	}
	if (e == ERR_OK && !was_sorted) {
		e = sort_all(&n, t, arena, arena_size);
	}
	if (e != ERR_OK) {
		table_build_abort(&n);
		return e;
	}
	return table_build_commit(t, &n);
}
