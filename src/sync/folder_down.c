/*
 * folder_down: brings the WANTED messages, newest first, in sets of up to
 * CFG_SET_MESSAGES or about CFG_SET_BYTES, up to four sets in flight so that
 * the line never waits. What a set leaves unanswered is asked for alone once
 * more (some servers refuse a whole set for one bad message), then reported
 * and left WANTED for the next run. While the line is not known sets are small
 * (imap_line_ask()), and they tell how fast it is.
 */
#include <string.h>

#include "sync/folder_part.h"

/* f may be const, and then the set is. */
#define SET(f, slot) \
	((slot) < 2 ? &(f)->sets[slot] : &(f)->more[(slot) - 2])

/* Gathered downwards into the end of the set: as good as sorted, but the end
 * of the table need not be in order. */
static void
sort_set(struct want_set *w)
{
	for (uint32_t i = 1; i < w->n; i++) {
		struct want x = w->m[i];
		uint32_t j = i;

		for (; j > 0 && w->m[j - 1].uid > x.uid; j--) {
			w->m[j] = w->m[j - 1];
		}
		w->m[j] = x;
	}
}

/* For those who measure the line. */
static void
note_oldest(struct folder *f)
{
	int64_t oldest = 0;

	for (uint32_t i = 0; i < f->down.slots; i++) {
		const struct want_set *w = SET(f, i);

		if (w->busy && (oldest == 0 || w->sent_ms < oldest)) {
			oldest = w->sent_ms;
		}
	}
	f->conn->asked_ms = oldest;
}

static enum err
send_set(struct folder *f, uint32_t slot)
{
	struct want_set *w = SET(f, slot);
	struct imap_set uids;
	enum err e = imap_begin(f->conn, IMAP_CMD_BODIES, slot);

	if (e != ERR_OK) {
		return e;
	}
	sort_set(w);
	imap_text(f->conn, "UID FETCH ");
	imap_set_begin(f->conn, &uids);
	for (uint32_t i = 0; i < w->n; i++) {
		(void)imap_set_add(&uids, w->m[i].uid); /* equal ones: once */
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
		w->busy = true;
		w->sent_ms = f->now_ms;
		note_oldest(f);
	}
	return e;
}

/* Fills a set from the records, from the end down. */
static void
gather(struct folder *f, struct want_set *w)
{
	uint32_t at = CFG_SET_MESSAGES;
	uint64_t most = CFG_COMPRESS ? imap_line_ask(f->conn) : CFG_SET_BYTES;
	struct rec r;

	/* Else each look behind what waits there would be a read. */
	(void)table_flush(&f->table);
	w->bytes = 0;
	w->alone = w->part = false;
	while (f->down.at > 0 && f->down.left > 0 && at > 0 &&
		w->bytes < most) {
		f->down.at--;
		if (table_get(&f->table, f->down.at, &r) != ERR_OK ||
			r.state != REC_WANTED ||
			(CFG_RESUME && r.uid == f->down.resumed)) {
			continue;
		}
		w->m[--at] = (struct want){.uid = r.uid,
			.recno = f->down.at, .size = r.size,
			.flags = (uint8_t)(r.flags & MAILDIR_FLAGS_SYSTEM)};
		w->bytes += r.size + 64;
		f->down.left--;
	}
	w->n = w->left = CFG_SET_MESSAGES - at;
	w->next = 0;
	f->down.asked_n += w->n;
	f->down.asked += w->bytes;
	memmove(w->m, w->m + at, w->n * sizeof(w->m[0]));
}

/* The rest of a message that was cut off, alone and first. */
static void
take_part(struct folder *f, struct want_set *w)
{
	struct rec r;
	uint32_t recno;

	if (table_find(&f->table, f->part.uid, &r, &recno) != ERR_OK ||
		r.state != REC_WANTED) {
		folder_resume_forget(f);
		return;
	}
	f->down.resumed = r.uid;
	f->down.left -= f->down.left > 0;
	w->m[0] = (struct want){.uid = r.uid, .recno = recno, .size = r.size,
		.flags = (uint8_t)(r.flags & MAILDIR_FLAGS_SYSTEM)};
	w->n = w->left = 1;
	w->next = 0;
	w->alone = false;
	w->part = true;
	w->bytes = f->part.size - f->part.have;
}

static enum err
fill(struct folder *f, uint32_t slot)
{
	struct want_set *w = SET(f, slot);

	if (CFG_RESUME && w->n == 0 && f->part.uid != 0 &&
		f->down.resumed == 0) {
		take_part(f, w);
	}
	if (w->n == 0) { /* else gathered before, but there was no room */
		gather(f, w);
	}
	if (w->n > 0) {
		return send_set(f, slot);
	}
	if (f->down.again_at < f->down.again_n) {
		w->m[0] = f->again[f->down.again_at++];
		w->m[0].got = 0;
		w->n = w->left = 1;
		w->next = 0;
		w->alone = true;
		w->part = false;
		w->bytes = CFG_SET_BYTES;
		return send_set(f, slot);
	}
	return ERR_END;
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
	f->down.slots = 2;
	if (!f->closing.sorting) {
		UNPOISON(f->more, sizeof(f->more));
		f->down.slots += FOLDER_MORE;
	}
	for (uint32_t i = 0; i < f->down.slots; i++) {
		SET(f, i)->busy = false;
		SET(f, i)->n = 0;
	}
	f->down.left = todo - taken;
	f->sync_few = f->job->durability == FOLDER_BATCH &&
		f->down.left < folder_syncfs_from(f);
	f->down.again_n = f->down.again_at = 0;
	return e;
}

bool
folder_down_last(const struct folder *f)
{
	bool all = f->down.begun && (f->down.left == 0 || f->down.at == 0) &&
		f->down.again_at == f->down.again_n && !f->down.pause;

	for (uint32_t i = 0; all && i < f->down.slots; i++) {
		const struct want_set *w = SET(f, i);

		all = w->n == 0 || w->busy;
	}
	return all;
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
 * known that is four sets, or one large message. */
static bool
enough(const struct folder *f)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < f->down.slots; i++) {
		n += SET(f, i)->busy ? SET(f, i)->bytes : 0;
	}
	return CFG_COMPRESS && n >= 4 * imap_line_ask(f->conn) &&
		imap_line_ask(f->conn) < CFG_SET_BYTES;
}

enum err
folder_down_step(struct folder *f)
{
	bool busy = false;

	if (f->stopping && (!f->body.open ||
		(CFG_RESUME && folder_resume_worth(f)))) {
		return err_set(ERR_STOPPED, "stopped");
	}
	if (CFG_FRESH > 0 && f->early.busy) {
		return ERR_AGAIN;
	}
	if (!f->down.begun) {
		enum err e = begin(f);

		if (e != ERR_OK) {
			return e;
		}
	}
	for (uint32_t i = 0; i < f->down.slots; i++) {
		enum err e = ERR_END;

		if (!SET(f, i)->busy && !f->stopping && !f->down.pause &&
			!enough(f)) {
			e = fill(f, i);
		}
		if (e != ERR_OK && e != ERR_END && e != ERR_AGAIN) {
			return e;
		}
		busy = busy || SET(f, i)->busy || e == ERR_AGAIN;
	}
	if (busy || f->down.pause) {
		return ERR_AGAIN;
	}
	if (f->down.slots > 2) {
		POISON(f->more, sizeof(f->more));
	}
	folder_arena_drop(f);
	folder_enter(f, FOLDER_UP);
	return folder_flush(f, true);
}

/* Servers answer in order, as a rule: the search begins behind the last hit. */
static struct want *
find(struct folder *f, uint32_t uid, struct want_set **of)
{
	for (uint32_t i = 0; i < f->down.slots; i++) {
		struct want_set *w = SET(f, i);

		if (!w->busy || w->n == 0 || uid < w->m[0].uid ||
			uid > w->m[w->n - 1].uid) {
			continue;
		}
		for (uint32_t j = 0; j < w->n; j++) {
			uint32_t at = w->next;

			w->next = at + 1 < w->n ? at + 1 : 0;
			if (w->m[at].uid == uid) {
				*of = w;
				return &w->m[at];
			}
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
folder_down_arrived(struct folder *f, const struct want *w,
	const struct fresh_body *b)
{
	struct pend *p = folder_pend_add(f, PEND_DOWN, w->uid, w->recno);

	p->flags = w->flags;
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
	struct want_set *of = NULL;
	struct want *w = fetch->has_uid ? find(f, fetch->uid, &of) : NULL;
	struct fresh_body b;
	enum err e;

	if (w == NULL || w->got || !f->body.open || f->body.bad ||
		f->body.fd == FS_NONE) {
		folder_body_drop(f); /* unasked, twice, or without a body */
		return ERR_OK;
	}
	if (f->body.bytes == 0 && w->size > 0) {
		folder_body_drop(f); /* as good as none */
		return ERR_OK;
	}
	e = folder_body_complete(f, fetch);
	if (e != ERR_OK) {
		return e;
	}
	w->got = 1;
	of->left--;
	if (fetch->has_flags) {
		w->flags = (uint8_t)(fetch->flags & MAILDIR_FLAGS_SYSTEM);
	}
	b = (struct fresh_body){.tmp = f->body.tmp, .bytes = f->body.bytes,
		.date = fetch->has_date ? fetch->internaldate : 0,
		.mkey = sync_key_get(&f->body.key), .synced = f->sync_few};
	return folder_down_arrived(f, w, &b);
}

static void
set_answered(struct folder *f, const struct imap_event *ev)
{
	struct want_set *w;

	if (ev->cookie >= f->down.slots) {
		return;
	}
	w = SET(f, ev->cookie);
	w->busy = false;
	note_oldest(f);
	if (CFG_RESUME && w->part) {
		folder_resume_forget(f); /* unless it was used up */
	}
	for (uint32_t j = 0; j < w->n && w->left > 0; j++) {
		if (w->m[j].got) {
			continue;
		}
		if (!w->alone && f->down.again_n < CFG_SET_MESSAGES) {
			f->again[f->down.again_n++] = w->m[j];
			continue;
		}
		folder_message_failed(f, w->m[j].uid,
			ev->status == IMAP_OK
				? "the server sent nothing for it; next run"
				: f->conn->text);
	}
	w->n = 0;
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
