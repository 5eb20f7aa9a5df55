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

static void
send_text(struct folder *f, struct span set, bool add, uint32_t mask)
{
	imap_text(f->conn, "UID STORE ");
	imap_span(f->conn, set);
	imap_text(f->conn, add ? " +FLAGS.SILENT " : " -FLAGS.SILENT ");
	imap_flags(f->conn, mask);
}

/* One command for the entries from store_at on that have this change; moves
 * on to the next kind of change when there are none left. */
static enum err
send_next(struct folder *f)
{
	bool add = f->store_mask < 32;
	uint32_t mask = f->store_mask & 31, i = f->store_at;
	char memory[CFG_CMD_LINE - 128];
	struct imap_set set;
	enum err e;

	imap_set_init(&set, memory, sizeof(memory));
	for (; mask != 0 && i < f->pend_n; i++) {
		if (change(&f->pend[i], add) == mask &&
			imap_set_add(&set, f->pend[i].uid) != ERR_OK) {
			break;
		}
	}
	if (set.count > 0) {
		e = imap_begin(f->conn, IMAP_CMD_STORE, f->store_mask);
		if (e != ERR_OK) {
			return e;
		}
		send_text(f, imap_set_text(&set), add, mask);
		e = imap_end(f->conn, set.count * 64);
		if (e != ERR_OK) {
			return e;
		}
		f->store_busy++;
	}
	f->store_at = i;
	if (mask == 0 || i >= f->pend_n) {
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
