/*
 * folder_store: the server's part of pending flag changes. Entries with the
 * same change share one UID STORE +FLAGS.SILENT or -FLAGS.SILENT; deltas, not
 * whole lists, so that they commute with other clients. When all answers are
 * there the results are flushed and the join goes on.
 */
#include "sync/folder_part.h"

#define OP_DONE 64u /* 32 masks to add, then 32 to take away */

void
folder_store_begin(struct folder *f)
{
	f->store_mask = 0;
	f->store_at = 0;
	f->store_busy = 0;
	folder_enter(f, FOLDER_STORE);
}

static uint32_t
change(const struct pend *p, bool add)
{
	return p->what == PEND_FLAGS && p->stage == PEND_UNSENT
		? (add ? p->add : p->del) : 0;
}

/* Entries from *at on that have this change, as many as one command takes;
 * *at moves behind them. Returns how many there are. */
static uint32_t
put_set(struct folder *f, bool add, uint32_t mask, uint32_t *at)
{
	struct imap_set set;

	imap_set_begin(f->conn, &set);
	for (; *at < f->pend_n; ++*at) {
		if (change(&f->pend[*at], add) == mask &&
			imap_set_add(&set, f->pend[*at].uid) != ERR_OK) {
			break;
		}
	}
	imap_set_end(f->conn, &set);
	return set.count;
}

static enum err
send_one(struct folder *f, uint32_t *at)
{
	bool add = f->store_mask < 32;
	uint32_t mask = f->store_mask & 31, n;
	enum err e;

	while (*at < f->pend_n && change(&f->pend[*at], add) != mask) {
		++*at;
	}
	if (*at == f->pend_n) {
		return ERR_OK;
	}
	e = imap_begin(f->conn, IMAP_CMD_STORE, f->store_mask);
	if (e != ERR_OK) {
		return e;
	}
	imap_text(f->conn, "UID STORE ");
	n = put_set(f, add, mask, at);
	imap_text(f->conn, add ? " +FLAGS.SILENT " : " -FLAGS.SILENT ");
	imap_flags(f->conn, mask);
	e = imap_end(f->conn, n * 64);
	f->store_busy += e == ERR_OK;
	return e;
}

/* One command for the entries from store_at on that have this change; moves
 * on to the next kind of change when there are none left. */
static enum err
send_next(struct folder *f)
{
	uint32_t mask = f->store_mask & 31, at = f->store_at;
	enum err e = mask != 0 ? send_one(f, &at) : ERR_OK;

	if (e != ERR_OK) {
		return e;
	}
	f->store_at = at;
	if (mask == 0 || at >= f->pend_n) {
		f->store_at = 0;
		f->store_mask++;
	}
	return ERR_OK;
}

static enum err
answered(struct folder *f)
{
	for (uint32_t i = 0; i < f->pend_n; i++) {
		if (f->pend[i].what == PEND_FLAGS &&
			f->pend[i].stage == PEND_UNSENT) {
			f->pend[i].stage = PEND_ACTED;
		}
	}
	folder_enter(f, FOLDER_JOIN);
	return folder_flush(f, true);
}

enum err
folder_store_step(struct folder *f)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && f->store_mask < OP_DONE) {
		e = send_next(f);
	}
	if (e != ERR_OK) {
		return e;
	}
	if (f->store_busy > 0 && folder_join_ends(f)) {
		folder_closing_early(f);
	}
	return f->store_busy > 0 ? ERR_AGAIN : answered(f);
}

enum err
folder_store_event(struct folder *f, const struct imap_event *ev)
{
	bool add = ev->cookie < 32;

	if (ev->kind != IMAP_EV_TAGGED) {
		return ERR_OK;
	}
	f->store_busy -= f->store_busy > 0;
	if (ev->status == IMAP_OK) {
		return ERR_OK;
	}
	f->stats.failed++;
	log_msg(LOG_ERROR, "%s: the server did not change flags: %s; tried "
		"again next run", f->job->title, f->conn->text);
	for (uint32_t i = 0; i < f->pend_n; i++) {
		if (change(&f->pend[i], add) == (ev->cookie & 31)) {
			f->pend[i].stage = PEND_DROPPED;
		}
	}
	return ERR_OK;
}
