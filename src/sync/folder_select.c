/*
 * folder_select: opens the mailbox and lists it in windows of UIDs.
 *
 * Behind SELECT, in the same flight, go up to CFG_WINDOWS listing commands.
 * A closed window covers CFG_WINDOW known records (UIDs lo to hi, of which the
 * server can only have fewer than we know); its answers are kept in memory,
 * sorted, and joined once its tagged OK is there. The open window, from the
 * first unknown UID to 4294967295, can have any number of answers: it goes
 * through an external sort. Back-pressure is not sending the next window.
 *
 * More answers than a closed window has room for mean that records were lost:
 * the listing is then incomplete, and the next pass lists everything through
 * the open window.
 */
#include <string.h>

#include "sync/folder_part.h"

#define UID_MAX 4294967295u
#define COOKIE_OPEN 0xffffu

static enum err
send_select(struct folder *f)
{
	bool examine = f->job->remote_readonly || f->job->dry_run;
	enum err e = imap_begin(f->conn, IMAP_CMD_SELECT, 0);

	if (e != ERR_OK) {
		return e;
	}
	imap_text(f->conn, examine ? "EXAMINE " : "SELECT ");
	imap_mailbox(f->conn, f->job->remote);
	return imap_end(f->conn, 0);
}

static enum err
send_create(struct folder *f)
{
	enum err e = imap_begin(f->conn, IMAP_CMD_CREATE, 0);

	if (e != ERR_OK) {
		return e;
	}
	imap_text(f->conn, "CREATE ");
	imap_mailbox(f->conn, f->job->remote);
	return imap_end(f->conn, 0);
}

enum err
folder_select_begin(struct folder *f)
{
	enum err e;

	f->uidvalidity = f->uidnext = f->exists = 0;
	f->has_uidnext = f->has_permanent = f->read_only = false;
	f->select_done = f->grown = false;
	folder_enter(f, FOLDER_SELECT);
	if (!f->job->has_remote && f->pass == 0) {
		return send_create(f);
	}
	e = send_select(f);
	return e == ERR_OK ? folder_list_pump(f) : e;
}

static enum err
check_validity(struct folder *f)
{
	if (f->uidvalidity == 0) {
		return err_set(ERR_UNSUPPORTED,
			"the server gives no UIDVALIDITY, without which nothing "
			"can be synced safely");
	}
	if (f->head.uidvalidity != 0 &&
		f->head.uidvalidity != f->uidvalidity) {
		return err_set(ERR_UIDVALIDITY,
			"the server renumbered this folder (UIDVALIDITY was %u, "
			"is %u); it was left alone on both sides",
			f->head.uidvalidity, f->uidvalidity);
	}
	if (f->head.uidvalidity != 0 && f->has_uidnext &&
		f->uidnext < f->head.uidnext) {
		return err_set(ERR_UIDVALIDITY,
			"the server's next UID went back from %u to %u: it was "
			"restored from a backup; the folder was left alone on "
			"both sides", f->head.uidnext, f->uidnext);
	}
	return ERR_OK;
}

static void
selected(struct folder *f)
{
	f->select_done = true;
	f->policy.permanent = f->has_permanent
		? f->permanent & IMAP_FLAGS_SYSTEM : IMAP_FLAGS_SYSTEM;
	if (f->read_only && f->policy.push) {
		f->policy.push = false;
		if (!f->job->dry_run) {
			log_msg(LOG_INFO, "%s: read-only on the server; local "
				"changes stay local", f->job->title);
		}
	}
	f->err = check_validity(f);
}

static void
select_code(struct folder *f, const struct imap_event *ev)
{
	switch (ev->code) {
	case IMAP_CODE_UIDVALIDITY:
		f->uidvalidity = (uint32_t)ev->value;
		break;
	case IMAP_CODE_UIDNEXT:
		f->uidnext = (uint32_t)ev->value;
		f->has_uidnext = f->uidnext > 0;
		break;
	case IMAP_CODE_PERMANENTFLAGS:
		f->permanent = ev->flags;
		f->has_permanent = true;
		break;
	case IMAP_CODE_READONLY:
		f->read_only = true;
		break;
	default:
		break;
	}
}

void
folder_select_event(struct folder *f, const struct imap_event *ev)
{
	enum err e;

	if (ev->kind == IMAP_EV_STATUS) {
		if (!f->select_done) {
			select_code(f, ev);
		}
		return;
	}
	if (ev->kind != IMAP_EV_TAGGED) {
		return;
	}
	if (ev->cmd == IMAP_CMD_CREATE) {
		if (ev->status != IMAP_OK &&
			ev->code != IMAP_CODE_ALREADYEXISTS) {
			f->err = err_set(ERR_REFUSED,
				"the server did not create it: %s",
				f->conn->text);
			return;
		}
		e = send_select(f);
		f->err = e == ERR_OK ? folder_list_pump(f) : e;
		return;
	}
	if (ev->status != IMAP_OK) {
		f->err = err_set(ERR_REFUSED, "the server does not open it: %s",
			f->conn->text);
		return;
	}
	select_code(f, ev);
	if (f->job->remote_readonly || f->job->dry_run) {
		f->read_only = false; /* EXAMINE says so by itself */
	}
	selected(f);
}

enum err
folder_select_step(struct folder *f)
{
	if (!f->select_done) {
		return ERR_AGAIN;
	}
	if (!journal_empty(&f->journal) && !f->job->dry_run) {
		return folder_recover_begin(f);
	}
	return folder_scan_begin(f);
}

static enum err
send_window(struct folder *f, uint32_t lo, uint32_t hi, uint32_t cookie,
	bool size, uint64_t expect)
{
	enum err e = imap_begin(f->conn, IMAP_CMD_LISTING, cookie);

	if (e != ERR_OK) {
		return e;
	}
	imap_text(f->conn, "UID FETCH ");
	imap_number(f->conn, lo);
	imap_text(f->conn, ":");
	imap_number(f->conn, hi);
	imap_text(f->conn, size ? " (UID FLAGS RFC822.SIZE)" : " (UID FLAGS)");
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
	enum err e = send_window(f, f->list.next_lo, UID_MAX, COOKIE_OPEN,
		true, 1 << 20);

	if (e == ERR_OK) {
		f->list.open_sent = true;
		f->list.open_lo = f->list.next_lo;
		UNPOISON(f->open_arena, sizeof(f->open_arena));
		sort_begin(&f->list.open, f->open_arena,
			sizeof(f->open_arena), LISTED_REC, 4, f->job->state,
			"listing");
		f->list.sorting = true;
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

	if (hi >= f->list.next_lo && hi < UID_MAX) {
		e = send_window(f, f->list.next_lo, hi, slot, false,
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
		if (f->list.next_rec >= f->table.count) {
			e = send_open(f);
		} else if (f->list.count < CFG_WINDOWS) {
			e = send_closed(f);
		} else {
			break;
		}
	}
	return e == ERR_AGAIN ? ERR_OK : e;
}

static void
enc_listed(const struct imap_event *ev, uint8_t out[LISTED_REC])
{
	be_put32(out, ev->fetch.uid);
	le_put32(out + 4, ev->fetch.flags & IMAP_FLAGS_SYSTEM);
	le_put32(out + 8, ev->fetch.has_size ? ev->fetch.size : 0);
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

static enum err
window_done(struct folder *f, const struct imap_event *ev)
{
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

	if (ev->kind == IMAP_EV_TAGGED) {
		return window_done(f, ev);
	}
	if (!f->select_done || !ev->fetch.has_uid || !ev->fetch.has_flags ||
		ev->fetch.uid == 0) {
		return ERR_OK; /* of another mailbox, or not what was asked */
	}
	if (f->has_uidnext && ev->fetch.uid >= f->uidnext && !f->grown) {
		f->incomplete = true; /* cannot be: no evidence of anything */
		return ERR_OK;
	}
	if (!f->list.open_sent || ev->fetch.uid < f->list.open_lo) {
		into_window(f, ev);
		return ERR_OK;
	}
	if (f->list.open_sorted || !f->list.sorting) {
		return ERR_OK;
	}
	enc_listed(ev, rec);
	return sort_put(&f->list.open, rec);
}

static void
dec_listed(const uint8_t *p, struct listed *out)
{
	out->uid = be_get32(p);
	out->flags = le_get32(p + 4);
	out->size = le_get32(p + 8);
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
	dec_listed(f->windows[slot] + LISTED_REC * f->list.win[slot].at++,
		out);
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
		e = sort_finish(&f->list.open);
	}
	if (e == ERR_OK) {
		e = sort_next(&f->list.open, rec);
	}
	if (e == ERR_OK) {
		dec_listed(rec, out);
	}
	return e;
}

enum err
folder_list_next(struct folder *f, struct listed *out)
{
	enum err e = ERR_END;

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
