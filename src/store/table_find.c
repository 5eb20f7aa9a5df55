/*
 * table_find: the search.
 *
 * The search looks at blocks and not at single records, since reading 1 KiB
 * costs what reading 32 bytes does. It guesses by interpolation and halves in
 * turn, so that any distribution ends after 2 log2 n blocks and the usual one,
 * UIDs that are nearly even, after two.
 */
#include "store/table_part.h"

struct range { /* records [lo, hi); their uids are above ulo, below uhi */
	uint32_t lo, hi;
	uint64_t ulo, uhi;
};

/* Looks into the block at `start`, or the first one behind it that has a good
 * record, and narrows the range by it. ERR_AGAIN: not there yet. */
static enum err
probe(struct table *t, struct range *g, uint32_t start, uint32_t uid,
	struct rec *out, uint32_t *recno)
{
	struct rec r;
	uint32_t n;
	uint32_t last = 0;

	for (uint32_t at = start; at < g->hi; at += n) {
		enum err e = table_look(t, at, g->hi, &n);

		if (e != ERR_OK) {
			return e;
		}
		for (uint32_t i = 0; i < n; i++) {
			if (rec_dec(&r, t->block + i * TABLE_REC) != ERR_OK) {
				continue;
			}
			if (r.uid == uid) {
				*out = r;
				*recno = at + i;
				return ERR_OK;
			}
			if (r.uid > uid) {
				if (last != 0) {
					return ERR_NOENT;
				}
				g->hi = start;
				g->uhi = r.uid;
				return ERR_AGAIN;
			}
			last = r.uid;
		}
		if (last != 0) {
			g->lo = at + n;
			g->ulo = last;
			return ERR_AGAIN;
		}
	}
	g->hi = start;
	return ERR_AGAIN;
}

static enum err
search(struct table *t, uint32_t uid, struct rec *out, uint32_t *recno)
{
	struct range g = {0, t->ordered, 0, (uint64_t)t->last_uid + 1};
	bool halve = false;

	while (g.lo < g.hi && uid > g.ulo && uid < g.uhi) {
		uint32_t span = g.hi - g.lo;
		uint32_t off = span / 2;
		enum err e;

		if (!halve) {
			off = (uint32_t)((uid - g.ulo) * span /
				(g.uhi - g.ulo));
			off = off < span ? off : span - 1;
		}
		halve = !halve;
		off -= off < TABLE_BLOCK / 2 ? off : TABLE_BLOCK / 2;
		e = probe(t, &g, g.lo + off, uid, out, recno);
		if (e != ERR_AGAIN) {
			return e;
		}
	}
	return ERR_NOENT;
}

enum err
table_find(struct table *t, uint32_t uid, struct rec *out, uint32_t *recno)
{
	struct rec r;
	enum err e;

	for (uint32_t end = t->count; end > t->ordered;) {
		uint32_t n = end - t->ordered;

		n = n < TABLE_BLOCK ? n : TABLE_BLOCK;
		e = table_look(t, end - n, end, &n);
		if (e != ERR_OK) {
			return e;
		}
		for (uint32_t i = n; i-- > 0;) {
			if (rec_dec(&r, t->block + i * TABLE_REC) == ERR_OK &&
				r.uid == uid) {
				*out = r;
				*recno = end - n + i;
				return ERR_OK;
			}
		}
		end -= n;
	}
	return search(t, uid, out, recno);
}
