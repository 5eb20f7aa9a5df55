/*
 * folder_fresh: bodies of few new messages come with the listing that tells
 * them, so that they cost no wait of their own.
 *
 * In a folder that both sides agreed on, the UIDs from the UIDNEXT of then are
 * new mail: what is there of the first CFG_FRESH of them is asked for behind
 * the listing, in its flight. Each body becomes a file in tmp/ and a row here,
 * and that is all it is: no evidence, no record. What the join then wants to
 * be downloaded and lies here has arrived; what it does not want is removed.
 * Whatever goes wrong with such a body, it is as if it had not been asked for:
 * the message is fetched like any other, and what is to be said of it is said
 * there.
 *
 * Of a folder that is new here everything is wanted, and no UID is known: the
 * newest are asked for by their numbers, of which STATUS told the last. They
 * are good for that one command, whose answers tell UIDs; a number that is
 * none any more makes it fail, and one that is another message's by now brings
 * that one. Where nobody told how many there are (INBOX, behind LIST, on a line
 * that is not known) the first are asked for, which fails if there are fewer.
 */
#include "sync/folder_part.h"

/* All that can be new is in that range, or nobody knows better. */
static bool
few(const struct folder *f)
{
	return f->job->uidnext <= f->base.uidnext + CFG_FRESH;
}

/* From where on there can be new mail; 0: nowhere, or nobody knows. */
static uint32_t
from(struct folder *f)
{
	uint32_t lo = f->base.uidnext;

	f->early.most = CFG_FRESH;
	if (!f->job->has_local && f->table.count == 0) {
		f->early.whole = f->job->count > 0 &&
			f->job->count - 1 <= f->job->blind;
		f->early.blind = f->job->count != 1 && f->job->blind > 0;
		f->early.most = FOLDER_UID_MAX;
		return f->early.blind ? 1 : 0;
	}
	return lo > FOLDER_UID_MAX - CFG_FRESH || !few(f) ||
		lo <= f->table.last_uid ? 0 : lo;
}

enum err
folder_fresh_send(struct folder *f)
{
	uint32_t last = f->job->count > 0 ? f->job->count - 1 : f->job->blind;
	uint32_t lo;
	enum err e;

	f->early.busy = false; /* before a mailbox is selected again */
	if (f->pass > 0 || !f->policy.pull || f->job->dry_run ||
		f->part.uid != 0 || !journal_empty(&f->journal) ||
		(lo = from(f)) == 0) {
		return ERR_OK;
	}
	e = imap_begin_short(f->conn, IMAP_CMD_BODIES, FOLDER_COOKIE_FRESH,
		FOLDER_FETCH_LINE);
	if (e != ERR_OK) {
		return e == ERR_AGAIN ? ERR_OK : e;
	}
	if (f->early.blind) {
		imap_text(f->conn, "FETCH ");
		imap_number(f->conn, f->early.whole ? 1
			: last - f->job->blind + 1);
		imap_text(f->conn, ":");
		imap_number(f->conn, last);
		UNPOISON(f->arena, FOLDER_BODY_OUT);
	} else {
		folder_fetch_range(f, lo, lo + CFG_FRESH - 1);
	}
	imap_text(f->conn, " (UID INTERNALDATE BODY.PEEK[])");
	e = imap_end(f->conn, CFG_SET_BYTES);
	/* Who was ahead and wrong has nothing on the line. */
	f->early.busy = e == ERR_OK;
	f->early.lo = lo;
	f->sync_few = f->early.blind &&
		f->job->durability == FOLDER_BATCH &&
		(f->early.whole ? last : f->job->blind) < folder_syncfs_from(f);
	return e;
}

bool
folder_fresh_whole(const struct folder *f)
{
	return CFG_FRESH > 0 && f->early.whole;
}

bool
folder_fresh_covers(const struct folder *f)
{
	return CFG_FRESH > 0 && f->early.lo != 0 && f->job->uidnext != 0;
}

static bool
expected(const struct folder *f, const struct imap_fetch *fetch)
{
	for (uint32_t i = 0; i < f->early.n; i++) {
		if (f->fresh_bodies[i].uid == fetch->uid) {
			return false;
		}
	}
	return fetch->has_uid && fetch->uid >= f->early.lo &&
		fetch->uid - f->early.lo < f->early.most &&
		f->early.n < FOLDER_FRESH;
}

void
folder_fresh_arrived(struct folder *f, const struct imap_fetch *fetch)
{
	if (f->body.fd == FS_NONE || f->body.bad || !expected(f, fetch) ||
		folder_body_complete(f, fetch) != ERR_OK) {
		folder_body_drop(f);
		return;
	}
	f->fresh_bodies[f->early.n++] = (struct fresh_body){
		.uid = fetch->uid, .tmp = f->body.tmp, .bytes = f->body.bytes,
		.date = fetch->has_date ? fetch->internaldate : 0,
		.mkey = sync_key_get(&f->body.key), .synced = f->sync_few};
}

static void
forget(struct folder *f, const struct fresh_body *b)
{
	char name[FOLDER_TMP_NAME];
	struct buf n;

	BUF_INIT(&n, name);
	folder_tmp_name(b->tmp, &n);
	(void)fs_unlink(f->box.tmp, name);
}

void
folder_fresh_end(struct folder *f)
{
	while (f->early.n > 0) {
		forget(f, &f->fresh_bodies[--f->early.n]);
	}
}

/* The record is of a message that lies here? */
static enum err
take(struct folder *f, const struct rec *r, uint32_t recno, uint32_t *taken)
{
	for (uint32_t i = 0; i < f->early.n; i++) {
		struct fresh_body b = f->fresh_bodies[i];

		if (b.uid == r->uid && (b.bytes > 0 || r->size == 0)) {
			f->fresh_bodies[i] = f->fresh_bodies[--f->early.n];
			++*taken;
			return folder_down_arrived(f, recno, r->flags, &b);
		}
	}
	return ERR_OK;
}

enum err
folder_fresh_take(struct folder *f, uint32_t *taken, uint32_t *lowest)
{
	uint32_t at = f->table.count;
	struct rec r;
	enum err e = ERR_OK;

	*taken = 0;
	/* Else each look behind what waits there would be a read. */
	(void)table_flush(&f->table);
	while (e == ERR_OK && f->early.n > 0 && at > f->join_records) {
		if (table_get(&f->table, --at, &r) == ERR_OK &&
			r.state == REC_WANTED) {
			e = take(f, &r, at, taken);
		}
	}
	*lowest = at;
	folder_fresh_end(f);
	return e;
}
