/*
 * folder_list: what the server has, as a stream in the order of UIDs.
 *
 * In windows. A closed window covers CFG_WINDOW known records (UIDs lo to hi,
 * of which the server can only have fewer than we know); its answers are kept
 * in memory, sorted, and joined once its tagged OK is there. The open window,
 * from the first unknown UID to 4294967295, can have any number of answers: it
 * goes through an external sort. Back-pressure is not sending the next window.
 * More answers than a closed window has room for mean that records were lost:
 * the listing is then incomplete, and the next pass lists everything through
 * the open window.
 *
 * As a delta, counted from the status that both sides agreed on (f->base):
 * what is new from its UIDNEXT on, and of what is below it only what changed.
 * QRESYNC (RFC 7162 3.2.5) tells both changes and what vanished, in the answer
 * to SELECT. CONDSTORE tells changes; the number of messages tells whether
 * some are gone, and only then a search tells which are left. All of it goes
 * through the external sort, since no such answer can be paused or bounded:
 * a message, or a range of UIDs, is one record.
 */
#include <string.h>

#include "sync/folder_part.h"

#define COOKIE_OPEN 0xffffu
#define COOKIE_CHANGED 0xfffcu
/* Decides how, before anything is sent. */
void
folder_list_begin(struct folder *f)
{
	const struct folder_status *b = &f->base;
	bool full = f->list.full || f->head.restored != 0;

	memset(&f->list, 0, sizeof(f->list));
	f->list.full = full;
	if (full || f->distrust || b->modseq == 0 || b->uidnext < 2 ||
		b->uidvalidity != f->head.uidvalidity ||
		!table_sorted(&f->table)) {
		return;
	}
	f->list.kind = folder_has_qresync(f) ? LIST_QRESYNC :
		imap_conn_has(f->conn, IMAP_CAP(CONDSTORE)) ? LIST_CONDSTORE
							     : LIST_WINDOWS;
	f->list.next_lo = f->list.kind != LIST_WINDOWS ? b->uidnext : 0;
}

void
folder_fetch_range(struct folder *f, uint32_t lo, uint32_t hi)
{
	imap_text(f->conn, "UID FETCH ");
	imap_number(f->conn, lo);
	imap_text(f->conn, ":");
	imap_number(f->conn, hi);
}

enum err
folder_list_send(struct folder *f, uint32_t lo, uint32_t hi, uint32_t cookie,
	uint64_t since, bool size, uint64_t expect)
{
	enum err e = imap_begin_short(f->conn, IMAP_CMD_LISTING, cookie,
		FOLDER_FETCH_LINE);

	if (e != ERR_OK) {
		return e;
	}
	folder_fetch_range(f, lo, hi);
	imap_text(f->conn, size ? " (UID FLAGS RFC822.SIZE)" : " (UID FLAGS)");
	if (since > 0) {
		imap_text(f->conn, " (CHANGEDSINCE ");
		imap_number(f->conn, since);
		imap_text(f->conn, ")");
	}
	return imap_end(f->conn, expect);
}

/* UID of the last good record before `end`, 0 if none from `at` on. */
static uint32_t
last_uid_before(struct folder *f, uint32_t at, uint32_t end)
{
	struct rec r;

	while (end > at) {
		if (table_get(&f->table, --end, &r) == ERR_OK) {
			return r.uid;
		}
	}
	return 0;
}

static enum err
send_open(struct folder *f)
{
	enum err e = ERR_OK;

	if (!f->list.sorting) {
		UNPOISON(f->open_arena, sizeof(f->open_arena));
		sort_begin(&f->list.open, f->open_arena,
			sizeof(f->open_arena), LISTED_REC, 5, f->job->state,
			"listing");
		f->list.sorting = true;
	}
	if (f->list.kind == LIST_CONDSTORE && !f->list.changed_sent) {
		e = folder_list_send(f, 1, f->base.uidnext - 1,
			COOKIE_CHANGED, f->base.modseq, false, 1 << 20);
		f->list.changed_sent = e == ERR_OK;
	}
	if (e == ERR_OK) {
		e = folder_list_send(f, f->list.next_lo, FOLDER_UID_MAX,
			COOKIE_OPEN, 0, true, 1 << 20);
	}
	if (e == ERR_OK) {
		f->list.open_sent = true;
		f->list.open_lo = f->list.next_lo;
	}
	return e;
}

static enum err
send_closed(struct folder *f)
{
	uint32_t at = f->list.next_rec;
	uint32_t end = f->table.count - at > CFG_WINDOW ? at + CFG_WINDOW
							 : f->table.count;
	uint32_t hi = last_uid_before(f, at, end);
	uint32_t slot = (f->list.head + f->list.count) % CFG_WINDOWS;
	enum err e = ERR_OK;

	if (hi >= f->list.next_lo && hi < FOLDER_UID_MAX) {
		e = folder_list_send(f, f->list.next_lo, hi, slot, 0, false,
			CFG_WINDOW * 64);
		if (e != ERR_OK) {
			return e;
		}
		memset(&f->list.win[slot], 0, sizeof(f->list.win[slot]));
		f->list.win[slot].lo = f->list.next_lo;
		f->list.win[slot].hi = hi;
		f->list.count++;
		f->list.next_lo = hi + 1;
	}
	f->list.next_rec = end;
	return e;
}

enum err
folder_list_pump(struct folder *f)
{
	enum err e = ERR_OK;

	if (f->list.next_lo == 0) {
		f->list.next_lo = 1;
		f->list.next_rec = f->list.full ? f->table.count : 0;
	}
	while (e == ERR_OK && !f->list.open_sent) {
		if (f->list.kind != LIST_WINDOWS ||
			f->list.next_rec >= f->table.count) {
			e = send_open(f);
		} else if (f->list.count < CFG_WINDOWS) {
			e = send_closed(f);
		} else {
			break;
		}
	}
	return e == ERR_AGAIN ? ERR_OK : e;
}

void
folder_listed_enc(const struct listed *s, uint8_t out[LISTED_REC])
{
	memset(out, 0, LISTED_REC);
	be_put32(out, s->uid);
	out[4] = s->hi == 0; /* ranges come before messages */
	out[5] = s->flags & IMAP_FLAGS_SYSTEM;
	le_put32(out + 8, s->hi != 0 ? s->hi : s->size);
}

static void
enc_listed(const struct imap_event *ev, uint8_t out[LISTED_REC])
{
	struct listed s = {.uid = ev->fetch.uid, .flags = ev->fetch.flags,
		.size = ev->fetch.has_size ? ev->fetch.size : 0};

	folder_listed_enc(&s, out);
}

static void
into_window(struct folder *f, const struct imap_event *ev)
{
	uint8_t *to;

	for (uint32_t i = 0; i < f->list.count; i++) {
		uint32_t slot = (f->list.head + i) % CFG_WINDOWS;

		if (ev->fetch.uid < f->list.win[slot].lo ||
			ev->fetch.uid > f->list.win[slot].hi) {
			continue;
		}
		if (f->list.win[slot].sorted) {
			return; /* being joined: the next run sees it */
		}
		if (f->list.win[slot].n == CFG_WINDOW) {
			f->incomplete = true;
			return;
		}
		to = f->windows[slot] + LISTED_REC * f->list.win[slot].n++;
		UNPOISON(to, LISTED_REC);
		enc_listed(ev, to);
		return;
	}
}

enum err
folder_list_range(struct folder *f, uint32_t lo, uint32_t hi)
{
	uint8_t rec[LISTED_REC];

	folder_listed_enc(&(struct listed){.uid = lo, .hi = hi}, rec);
	return sort_put(&f->list.open, rec);
}

/* UIDs of a VANISHED, or those that a search found; what is no UID, or comes
 * when the listing is being joined, is no evidence. */
static enum err
range(struct folder *f, uint32_t lo, uint32_t hi)
{
	if (lo == 0 || hi < lo || f->list.open_sorted) {
		f->distrust = true;
		return ERR_OK;
	}
	if (lo >= f->base.uidnext) {
		return ERR_OK; /* that part is listed */
	}
	if (f->list.kind == LIST_QRESYNC) {
		return folder_list_range(f, lo, hi);
	}
	/* A search says numbers: most of them follow each other. */
	if (f->list.run_lo != 0 && lo == f->list.run_hi + 1) {
		f->list.run_hi = hi;
		return ERR_OK;
	}
	if (f->list.run_lo != 0) {
		enum err e = folder_list_range(f, f->list.run_lo,
			f->list.run_hi);

		if (e != ERR_OK) {
			return e;
		}
	}
	f->list.run_lo = lo;
	f->list.run_hi = hi;
	return ERR_OK;
}

/* In the answer to a SELECT with QRESYNC, what was said before UIDVALIDITY may
 * be of the mailbox before. A SELECT that could not be trusted is made good by
 * a listing. */
static bool
of_select(struct folder *f)
{
	if (f->list.kind == LIST_QRESYNC && !f->retry && f->list.sorting &&
		!f->list.open_sorted) {
		if (f->uidvalidity == f->base.uidvalidity) {
			return true;
		}
		f->distrust = f->distrust || f->uidvalidity == 0;
	}
	return false;
}

static enum err
vanished(struct folder *f, const struct imap_event *ev)
{
	return (ev->earlier || f->select_done) && of_select(f)
		? range(f, ev->lo, ev->hi) : ERR_OK;
}

static enum err
search_done(struct folder *f, const struct imap_event *ev)
{
	enum err e = ERR_OK;

	if (CFG_SEARCH_GAPS > 0 && ev->cookie > 0) {
		folder_ranges_event(f, ev);
		return ERR_OK;
	}
	f->list.search_done = true;
	if (ev->status == IMAP_OK) {
		if (f->list.run_lo != 0) {
			e = folder_list_range(f, f->list.run_lo,
				f->list.run_hi);
		}
		return CFG_SEARCH_GAPS > 0 && e == ERR_OK
			? folder_ranges_end(f) : e;
	}
	f->list.ranges = 0;
	if (ev->status == IMAP_BAD &&
		imap_conn_has(f->conn, IMAP_CAP(ESEARCH))) {
		imap_conn_refuse(f->conn, IMAP_CAP(ESEARCH), IMAP_BAD);
		f->list.search_sent = f->list.search_done = false;
	} else {
		f->distrust = true;
	}
	return ERR_OK;
}

static enum err
window_done(struct folder *f, const struct imap_event *ev)
{
	if (ev->cmd == IMAP_CMD_SEARCH) {
		return search_done(f, ev);
	}
	if (f->retry) {
		return ERR_OK;
	}
	if (ev->cookie == COOKIE_CHANGED) {
		f->list.changed_done = true;
		if (ev->status != IMAP_OK) {
			f->distrust = true;
			imap_conn_refuse(f->conn, ev->status == IMAP_BAD
				? IMAP_CAP(CONDSTORE) : 0, ev->status);
		}
		return ERR_OK;
	}
	if (ev->status != IMAP_OK) {
		return err_set(ERR_REFUSED, "the server does not list it: %s",
			f->conn->text);
	}
	if (ev->cookie == COOKIE_OPEN) {
		f->list.open_done = true;
	} else if (ev->cookie < CFG_WINDOWS) {
		f->list.win[ev->cookie].done = true;
	}
	return ERR_OK;
}

enum err
folder_list_event(struct folder *f, const struct imap_event *ev)
{
	uint8_t rec[LISTED_REC];
	uint32_t uid = ev->fetch.uid;

	switch (ev->kind) {
	case IMAP_EV_TAGGED:
		return window_done(f, ev);
	case IMAP_EV_VANISHED:
		return vanished(f, ev);
	case IMAP_EV_SEARCH:
	case IMAP_EV_ESEARCH:
		return f->list.search_sent ? range(f, ev->lo, ev->hi) : ERR_OK;
	case IMAP_EV_ESEARCH_END:
		if (CFG_SEARCH_GAPS > 0) {
			folder_ranges_event(f, ev);
		}
		return ERR_OK;
	default:
		break;
	}
	if (!ev->fetch.has_uid || !ev->fetch.has_flags || uid == 0 ||
		(!f->select_done &&
			(!of_select(f) || uid >= f->base.uidnext))) {
		return ERR_OK; /* of another mailbox, or not what was asked */
	}
	if (f->has_uidnext && uid >= f->uidnext && !f->grown && f->select_done) {
		f->incomplete = true; /* cannot be: no evidence of anything */
		return ERR_OK;
	}
	if (f->list.kind == LIST_WINDOWS && (!f->list.open_sent ||
		uid < f->list.open_lo)) {
		into_window(f, ev);
		return ERR_OK;
	}
	if (f->list.open_sorted || !f->list.sorting) {
		return ERR_OK;
	}
	f->list.fresh += uid >= f->base.uidnext;
	enc_listed(ev, rec);
	return sort_put(&f->list.open, rec);
}

void
folder_listed_dec(struct listed *out, const uint8_t in[LISTED_REC])
{
	out->uid = be_get32(in);
	out->flags = in[5];
	out->size = le_get32(in + 8);
	out->hi = in[4] == 0 ? out->size : 0;
}

/* Sorts a window in place: nearly sorted as servers answer, so insertion. */
static void
sort_window(uint8_t *recs, uint32_t n)
{
	uint8_t x[LISTED_REC];

	for (uint32_t i = 1; i < n; i++) {
		uint32_t j = i;

		memcpy(x, recs + i * LISTED_REC, LISTED_REC);
		while (j > 0 &&
			memcmp(recs + (j - 1) * LISTED_REC, x, 4) > 0) {
			memcpy(recs + j * LISTED_REC,
				recs + (j - 1) * LISTED_REC, LISTED_REC);
			j--;
		}
		memcpy(recs + j * LISTED_REC, x, LISTED_REC);
	}
}

/* From the oldest closed window; ERR_END when it is used up. */
static enum err
next_closed(struct folder *f, struct listed *out)
{
	uint32_t slot = f->list.head;

	if (!f->list.win[slot].done) {
		return ERR_AGAIN;
	}
	if (!f->list.win[slot].sorted) {
		sort_window(f->windows[slot], f->list.win[slot].n);
		f->list.win[slot].sorted = true;
	}
	if (f->list.win[slot].at == f->list.win[slot].n) {
		return ERR_END;
	}
	folder_listed_dec(out,
		f->windows[slot] + LISTED_REC * f->list.win[slot].at++);
	return ERR_OK;
}

static enum err
next_open(struct folder *f, struct listed *out)
{
	uint8_t rec[LISTED_REC];
	enum err e = ERR_OK;

	if (!f->list.open_done) {
		return ERR_AGAIN;
	}
	if (!f->list.open_sorted) {
		f->list.open_sorted = true;
		f->list.exists = f->exists;
		e = sort_finish(&f->list.open);
	}
	if (e == ERR_OK) {
		e = sort_next(&f->list.open, rec);
	}
	if (e == ERR_OK) {
		folder_listed_dec(out, rec);
	}
	return e;
}

static enum err
send_search(struct folder *f)
{
	enum err e = imap_begin(f->conn, IMAP_CMD_SEARCH, 0);

	if (e != ERR_OK) {
		return e;
	}
	imap_text(f->conn, imap_conn_has(f->conn, IMAP_CAP(ESEARCH))
		? "UID SEARCH RETURN (ALL) UID " : "UID SEARCH UID ");
	if (CFG_SEARCH_GAPS > 0 && f->list.ranges > 0) {
		folder_ranges_set(f);
	} else {
		imap_text(f->conn, "1:");
		imap_number(f->conn, f->base.uidnext - 1);
	}
	f->list.search_sent = true;
	return imap_end(f->conn, 1 << 20);
}

/* Is something gone? The number tells; which, a search does. */
static enum err
look_for_gone(struct folder *f)
{
	enum err e;

	if (!f->list.open_done || !f->list.changed_done) {
		return ERR_AGAIN;
	}
	if (f->distrust || f->list.search_done || f->exists >=
		(uint64_t)f->base.messages + f->list.fresh) {
		return ERR_OK;
	}
	if (f->list.search_sent) {
		return ERR_AGAIN;
	}
	e = CFG_SEARCH_GAPS > 0 ? folder_ranges_step(f) : ERR_OK;
	if (e == ERR_OK) {
		f->list.searched = true;
		e = send_search(f);
	}
	return e == ERR_OK ? ERR_AGAIN : e;
}

bool
folder_list_implied(const struct folder *f, uint32_t uid)
{
	bool covered = uid <= f->cover_hi;

	return f->list.kind != LIST_WINDOWS && uid < f->base.uidnext &&
		(f->list.searched ? covered : !covered);
}

enum err
folder_list_next(struct folder *f, struct listed *out)
{
	enum err e = ERR_END;

	if (f->list.kind == LIST_CONDSTORE && f->list.open_sent &&
		!f->list.open_sorted) {
		e = look_for_gone(f);
		if (e != ERR_OK) {
			return e;
		}
	}
	while (f->list.count > 0) {
		e = next_closed(f, out);
		if (e != ERR_END) {
			return e;
		}
		POISON(f->windows[f->list.head],
			sizeof(f->windows[f->list.head]));
		f->list.head = (f->list.head + 1) % CFG_WINDOWS;
		f->list.count--;
		e = folder_list_pump(f);
		if (e != ERR_OK) {
			return e;
		}
	}
	if (!f->list.open_sent) {
		e = folder_list_pump(f);
		return e == ERR_OK ? ERR_AGAIN : e;
	}
	return next_open(f, out);
}

void
folder_list_end(struct folder *f)
{
	if (f->list.sorting) {
		sort_end(&f->list.open);
		POISON(f->open_arena, sizeof(f->open_arena));
		f->list.sorting = false;
	}
}
