/*
 * folder_store: the server's part of flag changes. The join only spills them,
 * however many there are; behind it those with the same change share UID STORE
 * +FLAGS.SILENT or -FLAGS.SILENT, as many as one line names, all of them in one
 * flight. Deltas, not whole lists, so that they commute with other clients.
 * When all answers are there, one flush, and the records.
 *
 * The buffer of the spill is half of the ring: what needs no answer passes
 * through the other half meanwhile.
 */
#include <string.h>

#include "sync/folder_part.h"

#define OP_DONE 64u /* 32 masks to add, then 32 to take away */

enum err
folder_store_add(struct folder *f, const struct pend *p)
{
	struct pend *half = f->pend + CFG_RING / 2;
	enum err e = ERR_OK;

	if (!f->store.begun) {
		if (folder_pend_full(f) || f->pend_n > CFG_RING / 2 - 1) {
			e = folder_flush(f, true);
		}
		memset(&f->store, 0, sizeof(f->store));
		spill_begin(&f->store.spill, f->job->state, "spill.flags",
			half, sizeof(f->pend) - CFG_RING / 2 * sizeof(*half));
		f->store.begun = true;
	}
	f->store.used[0] |= 1u << p->add;
	f->store.used[1] |= 1u << p->del;
	return e == ERR_OK ? spill_add(&f->store.spill, p, sizeof(*p), NULL)
			   : e;
}

void
folder_store_end(struct folder *f)
{
	if (f->store.begun) {
		spill_end(&f->store.spill);
		f->store.begun = false;
	}
}

void
folder_store_begin(struct folder *f)
{
	f->store.change = f->store.begun ? 0 : OP_DONE;
	f->store.busy = 0;
	folder_enter(f, FOLDER_STORE);
}

enum err
folder_store_next(struct folder *f, struct pend *p)
{
	const uint8_t *at;
	size_t n;
	enum err e = spill_next(&f->store.spill, &at, &n);

	if (e == ERR_OK) {
		memcpy(p, at, sizeof(*p));
	}
	return e;
}

bool
folder_store_failed(const struct folder *f, const struct pend *p)
{
	return ((f->store.failed[0] >> p->add & 1) |
		(f->store.failed[1] >> p->del & 1)) != 0;
}

/* Is there one more that has the change? It is in store.next then. */
static enum err
look(struct folder *f)
{
	struct pend *p = &f->store.next;
	uint32_t mask = f->store.change & 31;
	enum err e = ERR_OK;

	while (!f->store.held && e == ERR_OK) {
		e = folder_store_next(f, p);
		f->store.held = e == ERR_OK &&
			(f->store.change < 32 ? p->add : p->del) == mask;
	}
	return e;
}

/* As many of them as one command takes. */
static enum err
send_one(struct folder *f)
{
	struct imap_set set;
	enum err e = imap_begin(f->conn, IMAP_CMD_STORE, f->store.change);

	if (e != ERR_OK) {
		return e;
	}
	imap_text(f->conn, "UID STORE ");
	imap_set_begin(f->conn, &set);
	while (e == ERR_OK &&
		imap_set_add(&set, f->store.next.uid) == ERR_OK) {
		f->store.held = false;
		e = look(f);
	}
	imap_set_end(f->conn, &set);
	imap_text(f->conn, f->store.change < 32 ? " +FLAGS.SILENT "
						: " -FLAGS.SILENT ");
	imap_flags(f->conn, f->store.change & 31);
	if (e != ERR_OK && e != ERR_END) {
		imap_drop(f->conn);
		return e;
	}
	e = imap_end(f->conn, set.count * 64);
	f->store.busy += e == ERR_OK;
	return e;
}

/* All that there are of one change, then the next one. */
static enum err
send_change(struct folder *f)
{
	uint32_t mask = f->store.change & 31;
	enum err e = ERR_END;

	if (mask != 0 &&
		(f->store.used[f->store.change / 32] >> mask & 1) != 0) {
		e = f->store.reading ? ERR_OK : spill_rewind(&f->store.spill);
		f->store.reading = e == ERR_OK;
		while (e == ERR_OK && (e = look(f)) == ERR_OK) {
			e = send_one(f);
		}
	}
	if (e == ERR_END) {
		f->store.reading = false;
		f->store.change++;
		e = ERR_OK;
	}
	return e;
}

static enum err
answered(struct folder *f)
{
	enum err e = folder_store_records(f);

	folder_store_end(f);
	folder_enter(f, FOLDER_JOIN);
	return e;
}

enum err
folder_store_step(struct folder *f)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && f->store.change < OP_DONE) {
		e = send_change(f);
	}
	if (e != ERR_OK) {
		return e;
	}
	if (f->store.busy > 0 && folder_join_ends(f)) {
		folder_closing_early(f);
	}
	return f->store.busy > 0 ? ERR_AGAIN : answered(f);
}

enum err
folder_store_event(struct folder *f, const struct imap_event *ev)
{
	if (ev->kind != IMAP_EV_TAGGED) {
		return ERR_OK;
	}
	f->store.busy -= f->store.busy > 0;
	if (ev->status != IMAP_OK) {
		f->store.failed[ev->cookie / 32 & 1] |= 1u << (ev->cookie & 31);
		f->stats.failed++;
		log_msg(LOG_ERROR, "%s: the server did not change flags: %s; "
			"tried again next run", f->job->title, f->conn->text);
	}
	return ERR_OK;
}
