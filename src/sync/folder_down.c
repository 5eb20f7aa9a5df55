/*
 * folder_down: brings the WANTED messages, newest first, in sets of up to
 * CFG_SET_MESSAGES or about CFG_SET_BYTES, as many in flight as the line needs
 * to never wait. Of a set only the range of its records is kept: which of them
 * a message is, and whether it came before, the table knows. What the sets left
 * unanswered is asked for alone once more (some servers refuse a whole set for
 * one bad message), then reported and left WANTED for the next run. While the
 * line is not known sets are small (imap_line_ask()), and they tell how fast it
 * is.
 */
#include <string.h>

#include "sync/folder_part.h"

/* So many sets may be in flight, or sets of so many times what one may ask
 * for, and of twice that on a line that is known: what comes in a round trip,
 * whether messages are large or small. */
#define DEEP IMAP_LINE_DEEP

/* For those who measure the line. */
static void
note_oldest(struct folder *f)
{
	int64_t oldest = 0;

	for (uint32_t i = 0; i < FOLDER_SETS; i++) {
		const struct want_set *w = &f->sets[i];

		if (w->busy && (oldest == 0 || w->sent_ms < oldest)) {
			oldest = w->sent_ms;
		}
	}
	f->conn->asked_ms = oldest;
}

/* Takes the WANTED records from the end down, as UIDs that descend (the end of
 * the table need not be in order: then the set ends there). Returns the number
 * of ranges. */
static uint32_t
gather(struct folder *f, struct want_set *w, uint64_t most)
{
	uint32_t max = f->down.alone ? 1 : CFG_SET_MESSAGES, n = 0;
	struct want_range *last = f->ranges;
	struct rec r;

	/* Else each look behind what waits there would be a read. */
	(void)table_flush(&f->table);
	w->hi = f->down.at;
	for (; f->down.at > 0 && f->down.left > 0 && w->left < max &&
		w->bytes < most; f->down.at--) {
		if (table_get(&f->table, f->down.at - 1, &r) != ERR_OK ||
			r.state != REC_WANTED ||
			(CFG_RESUME && r.uid == f->down.resumed)) {
			continue;
		}
		if (n == 0 || r.uid != last->lo - 1) {
			if (n == FOLDER_RANGES ||
				(n > 0 && r.uid >= last->lo)) {
				break;
			}
			last = &f->ranges[n++];
			last->hi = r.uid;
		}
		last->lo = r.uid;
		w->bytes += r.size + 64;
		w->left++;
		f->down.left--;
	}
	w->lo = f->down.at;
	f->down.asked_n += w->left;
	f->down.asked += w->bytes;
	return n;
}

/* The rest of a message that was cut off, alone and first. */
static uint32_t
take_part(struct folder *f, struct want_set *w)
{
	struct rec r;

	if (table_find(&f->table, f->part.uid, &r, &w->lo) != ERR_OK ||
		r.state != REC_WANTED) {
		folder_resume_forget(f);
		return 0;
	}
	f->down.resumed = r.uid;
	f->down.left -= f->down.left > 0;
	f->ranges[0] = (struct want_range){r.uid, r.uid};
	w->hi = w->lo + 1;
	w->left = 1;
	w->part = true;
	w->bytes = f->part.size - f->part.have;
	return 1;
}

static enum err
send_set(struct folder *f, struct want_set *w, uint32_t n)
{
	struct imap_set uids;
	enum err e;

	imap_text(f->conn, "UID FETCH ");
	imap_set_begin(f->conn, &uids);
	while (n-- > 0) {
		(void)imap_set_add_range(&uids, f->ranges[n].lo,
			f->ranges[n].hi);
	}
	imap_set_end(f->conn, &uids);
	imap_text(f->conn, " (UID FLAGS INTERNALDATE BODY.PEEK[]");
	if (CFG_RESUME && w->part) {
		imap_text(f->conn, "<");
		imap_number(f->conn, f->part.have);
		imap_text(f->conn, ".");
		imap_number(f->conn, f->part.size - f->part.have + 1);
		imap_text(f->conn, ">");
	}
	imap_text(f->conn, ")");
	e = imap_end(f->conn, w->bytes);
	if (e == ERR_OK) {
		w->next = w->lo;
		w->busy = true;
		w->sent_ms = f->now_ms;
		f->down.busy++;
		f->down.flying += w->bytes;
		note_oldest(f);
	}
	return e;
}

/* One more set; ERR_END if there is no more to ask for. */
static enum err
fill(struct folder *f, uint64_t most)
{
	struct want_set *w = f->sets;
	bool part = CFG_RESUME && f->part.uid != 0 && f->down.resumed == 0;
	uint32_t n = 0;
	enum err e;

	if (!part && (f->down.left == 0 || f->down.at == 0)) {
		return ERR_END;
	}
	while (w->busy) {
		w++;
	}
	e = imap_begin(f->conn, IMAP_CMD_BODIES, (uint32_t)(w - f->sets));
	if (e != ERR_OK) {
		return e;
	}
	memset(w, 0, sizeof(*w));
	if (part) {
		n = take_part(f, w);
	}
	if (n == 0) {
		n = gather(f, w, most);
	}
	if (n == 0) {
		imap_drop(f->conn);
		return ERR_END;
	}
	return send_set(f, w, n);
}

static enum err
begin(struct folder *f)
{
	uint32_t todo = f->stats.down_todo - f->stats.down, taken = 0, lowest;
	enum err e = CFG_FRESH > 0 ? folder_fresh_take(f, &taken, &lowest)
				   : ERR_OK;

	f->down.at = f->table.count;
	if (CFG_FRESH > 0 && taken > 0 && lowest == f->table.count - taken) {
		f->down.at = lowest; /* the newest, all of them */
	} else if (e == ERR_OK && taken > 0 && taken < todo) {
		e = folder_flush(f, true); /* no record says WANTED now */
	}
	f->down.begun = true;
	folder_arena_take(f); /* folder_body.c writes through it */
	UNPOISON(f->sets, sizeof(f->sets));
	memset(f->sets, 0, sizeof(f->sets));
	f->down.left = todo - taken;
	f->sync_few = f->job->durability == FOLDER_BATCH &&
		f->down.left < folder_syncfs_from(f);
	return e;
}

/* Once more, one by one. */
static enum err
begin_again(struct folder *f)
{
	f->down.alone = true;
	f->down.at = f->table.count;
	f->down.left = f->down.missed;
	f->down.resumed = 0;
	return folder_flush(f, true); /* WANTED is now what did not come */
}

bool
folder_down_last(const struct folder *f)
{
	return f->down.begun && (f->down.left == 0 || f->down.at == 0) &&
		(f->down.missed == 0 || f->down.alone) && !f->down.pause;
}

bool
folder_pause(struct folder *f, bool yes)
{
	bool goes_on = f->down.pause && !yes;

	f->down.pause = yes;
	return goes_on;
}

uint64_t
folder_down_expects(const struct folder *f)
{
	return f->down.asked_n > 0
		? f->down.asked / f->down.asked_n * f->down.left : 0;
}

/* What is on the way cannot be compressed any more: while the line is not
 * known that is what four small sets ask for, or one large message; what one
 * asks for, where other connections have asked for so much. */
static bool
has_room(const struct folder *f, uint64_t most)
{
	bool known = most == CFG_SET_BYTES;
	uint64_t deep = known ? 2 * DEEP :
		CFG_COMPRESS && f->conn->few ? 1 : DEEP;

	return f->down.busy < FOLDER_SETS && (f->down.flying < deep * most ||
		(known && f->down.busy < DEEP));
}

enum err
folder_down_step(struct folder *f)
{
	uint64_t most = CFG_COMPRESS ? imap_line_ask(f->conn) : CFG_SET_BYTES;
	enum err e = ERR_OK;

	if (f->stopping && (!f->body.open ||
		(CFG_RESUME && folder_resume_worth(f)))) {
		return err_set(ERR_STOPPED, "stopped");
	}
	if (CFG_FRESH > 0 && f->early.busy) {
		return ERR_AGAIN;
	}
	if (!f->down.begun) {
		e = begin(f);
		if (e != ERR_OK) {
			return e;
		}
	}
	while (e == ERR_OK && !f->stopping && !f->down.pause &&
		has_room(f, most)) {
		e = fill(f, most);
	}
	if (e != ERR_OK && e != ERR_END && e != ERR_AGAIN) {
		return e;
	}
	if (e == ERR_AGAIN || f->down.busy > 0 || f->down.pause) {
		return ERR_AGAIN;
	}
	if (f->down.missed > 0 && !f->down.alone) {
		return begin_again(f);
	}
	folder_body_drop(f); /* unasked: the arena is for others now */
	folder_arena_drop(f);
	folder_enter(f, FOLDER_UP);
	return folder_flush(f, true);
}

static bool
in_ring(const struct folder *f, uint32_t recno)
{
	for (uint32_t i = 0; i < f->pend_n; i++) {
		if (f->pend[i].recno == recno) {
			return true;
		}
	}
	return false;
}

/* The set that asked for a message that has not come before, and its record.
 * Servers answer in order, as a rule: the first guess is behind the last one. */
static struct want_set *
find(struct folder *f, uint32_t uid, struct rec *r, uint32_t *recno)
{
	*recno = f->down.next;
	if ((table_get(&f->table, *recno, r) != ERR_OK || r->uid != uid) &&
		table_find(&f->table, uid, r, recno) != ERR_OK) {
		return NULL;
	}
	for (uint32_t i = 0; i < FOLDER_SETS && r->state == REC_WANTED; i++) {
		struct want_set *w = &f->sets[i];

		if (w->busy && *recno >= w->lo && *recno < w->hi &&
			(w->part || uid != f->down.resumed)) {
			return *recno < w->next && in_ring(f, *recno) ? NULL
								      : w;
		}
	}
	return NULL;
}

static enum err
flush_if_due(struct folder *f)
{
	if (f->job->durability == FOLDER_ALWAYS) {
		return folder_flush(f, true);
	}
	if (f->pend_new >= CFG_RING / 2 - 1 || f->pend_bytes >= 16u << 20) {
		return folder_flush(f, false);
	}
	return ERR_OK;
}

enum err
folder_down_arrived(struct folder *f, uint32_t recno, uint32_t flags,
	const struct fresh_body *b)
{
	struct pend *p = folder_pend_add(f, PEND_DOWN, b->uid, recno);

	p->flags = flags & MAILDIR_FLAGS_SYSTEM;
	/* What RFC822.SIZE said may have been an estimate. */
	p->size = b->bytes < TABLE_SIZE_MAX ? (uint32_t)b->bytes
					    : TABLE_SIZE_MAX;
	p->tmp = b->tmp;
	p->date = b->date;
	p->mkey = b->mkey;
	p->synced = b->synced;
	f->pend_bytes += b->bytes;
	return flush_if_due(f);
}

static enum err
arrived(struct folder *f, const struct imap_event *ev)
{
	const struct imap_fetch *fetch = &ev->fetch;
	struct fresh_body b;
	struct want_set *w;
	uint32_t recno;
	struct rec r;
	enum err e;

	if (!fetch->has_uid || !f->body.open || f->body.bad ||
		f->body.fd == FS_NONE ||
		(w = find(f, fetch->uid, &r, &recno)) == NULL ||
		(f->body.bytes == 0 && r.size > 0)) {
		/* unasked, twice, without a body or with as good as none */
		folder_body_drop(f);
		return ERR_OK;
	}
	e = folder_body_complete(f, fetch);
	if (e != ERR_OK) {
		return e;
	}
	w->left--;
	f->down.next = recno + 1;
	if (w->next <= recno) {
		w->next = recno + 1;
	}
	b = (struct fresh_body){.uid = r.uid, .tmp = f->body.tmp,
		.bytes = f->body.bytes,
		.date = fetch->has_date ? fetch->internaldate : 0,
		.mkey = sync_key_get(&f->body.key), .synced = f->sync_few};
	return folder_down_arrived(f, recno,
		fetch->has_flags ? fetch->flags : r.flags, &b);
}

static void
set_answered(struct folder *f, const struct imap_event *ev)
{
	struct want_set *w;
	struct rec r;

	if (ev->cookie >= FOLDER_SETS || !f->sets[ev->cookie].busy) {
		return;
	}
	w = &f->sets[ev->cookie];
	w->busy = false;
	f->down.busy--;
	f->down.flying -= w->bytes;
	note_oldest(f);
	if (CFG_RESUME && w->part) {
		folder_resume_forget(f); /* unless it was used up */
	}
	if (!f->down.alone) {
		f->down.missed += w->left;
	} else if (w->left > 0 &&
		table_get(&f->table, w->lo, &r) == ERR_OK) {
		folder_message_failed(f, r.uid, ev->status == IMAP_OK
			? "the server sent nothing for it; next run"
			: f->conn->text);
	}
}

enum err
folder_down_event(struct folder *f, const struct imap_event *ev)
{
	if (ev->kind == IMAP_EV_FETCH_END) {
		return arrived(f, ev);
	}
	if (ev->kind == IMAP_EV_TAGGED) {
		set_answered(f, ev);
	}
	return ERR_OK;
}
