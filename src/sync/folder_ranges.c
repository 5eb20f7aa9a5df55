/*
 * folder_ranges: where messages vanished, if the server only tells how many are
 * left (CONDSTORE without QRESYNC), and to name those that are left would take
 * long because their UIDs have many gaps.
 *
 * What is known is cut into ranges of equally many messages. The server counts
 * each of them (RFC 4731 3.1), all in one flight, and only where a number
 * differs it is asked which ones are left. Equal numbers mean equal sets: a
 * UID below the base's UIDNEXT that is on the server has a record.
 */
#include "sync/folder_part.h"

#if CFG_SEARCH_GAPS > 0

#define RANGES 64u

struct range {
	uint32_t hi, known, there;
};

static struct range *
ranges(struct folder *f)
{
	_Static_assert(RANGES * sizeof(struct range) <=
		CFG_WINDOW * LISTED_REC, "a delta has no windows");
	return (struct range *)(void *)f->windows;
}

static uint32_t
lowest(struct folder *f, uint32_t i)
{
	return i == 0 ? 1 : ranges(f)[i - 1].hi + 1;
}

static bool
differs(struct folder *f, uint32_t i)
{
	return ranges(f)[i].there != ranges(f)[i].known;
}

/* How many ranges there are to count; 0: to name all is shorter. */
static uint32_t
cut(struct folder *f)
{
	uint32_t all = f->base.messages, n = 0, known = 0, gaps = 0;
	struct range *r = ranges(f);
	struct rec t = {.uid = 0};

	if (!imap_conn_has(f->conn, IMAP_CAP(ESEARCH)) || all == 0 ||
		f->table.count < CFG_SEARCH_GAPS ||
		(uint64_t)all + f->list.fresh - f->exists > RANGES / 4) {
		return 0;
	}
	for (uint32_t i = 0; i < f->table.count; i++) {
		uint32_t last = t.uid;

		if (table_get(&f->table, i, &t) != ERR_OK ||
			t.uid >= f->base.uidnext || t.uid <= last) {
			break;
		}
		if (t.state == REC_GONE) {
			t.uid = last;
			continue;
		}
		if (known == all) {
			return 0;
		}
		if (known++ % ((all - 1) / RANGES + 1) == 0) {
			r[n++] = (struct range){.there = UINT32_MAX};
		}
		r[n - 1].hi = t.uid;
		r[n - 1].known++;
		gaps += t.uid - last > 1;
	}
	if (known < all || gaps < CFG_SEARCH_GAPS) {
		return 0;
	}
	r[n - 1].hi = f->base.uidnext - 1;
	return n;
}

static enum err
send_count(struct folder *f, uint32_t i)
{
	enum err e = imap_begin_short(f->conn, IMAP_CMD_SEARCH, i + 1, 64);

	if (e == ERR_OK) {
		imap_text(f->conn, "UID SEARCH RETURN (COUNT) UID ");
		imap_number(f->conn, lowest(f, i));
		imap_text(f->conn, ":");
		imap_number(f->conn, ranges(f)[i].hi);
		e = imap_end(f->conn, 0);
	}
	return e;
}

enum err
folder_ranges_step(struct folder *f)
{
	uint32_t i = 0;
	enum err e = ERR_OK;

	if (!f->list.cut) {
		f->list.cut = true;
		UNPOISON(f->windows, sizeof(f->windows));
		f->list.ranges = f->list.uncounted = cut(f);
	}
	while (e == ERR_OK && f->list.counting < f->list.ranges) {
		e = send_count(f, f->list.counting);
		f->list.counting += e == ERR_OK;
	}
	if (e != ERR_OK || f->list.uncounted > 0) {
		return e == ERR_OK ? ERR_AGAIN : e;
	}
	while (i < f->list.ranges && !differs(f, i)) {
		i++;
	}
	if (i == f->list.ranges) {
		f->list.ranges = 0; /* then it is elsewhere */
	}
	return ERR_OK;
}

void
folder_ranges_event(struct folder *f, const struct imap_event *ev)
{
	if (ev->cookie == 0 || ev->cookie > f->list.ranges) {
		return;
	}
	if (ev->kind == IMAP_EV_TAGGED) {
		f->list.uncounted--;
	} else if (ev->has_count) {
		ranges(f)[ev->cookie - 1].there = ev->count;
	}
}

void
folder_ranges_set(struct folder *f)
{
	struct imap_set set;

	imap_set_begin(f->conn, &set);
	for (uint32_t i = 0; i < f->list.ranges; i++) {
		if (differs(f, i)) {
			(void)imap_set_add_range(&set, lowest(f, i),
				ranges(f)[i].hi);
		}
	}
	imap_set_end(f->conn, &set);
}

enum err
folder_ranges_end(struct folder *f)
{
	enum err e = ERR_OK;

	for (uint32_t i = 0; i < f->list.ranges && e == ERR_OK; i++) {
		if (!differs(f, i)) {
			e = folder_list_range(f, lowest(f, i),
				ranges(f)[i].hi);
		}
	}
	f->list.ranges = 0;
	POISON(f->windows, sizeof(f->windows));
	return e;
}

#endif
