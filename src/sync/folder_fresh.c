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
 */
#include "sync/folder_part.h"

/* All that can be new is in that range, or nobody knows better. */
static bool
few(const struct folder *f)
{
	return f->job->uidnext <= f->base.uidnext + CFG_FRESH;
}

enum err
folder_fresh_send(struct folder *f)
{
	uint32_t lo = f->base.uidnext;
	enum err e;

	f->early.busy = false; /* before a mailbox is selected again */
	if (lo == 0 || lo > FOLDER_UID_MAX - CFG_FRESH || !few(f) ||
		lo <= f->table.last_uid || f->pass > 0 || !f->policy.pull ||
		f->job->dry_run || f->part.uid != 0 ||
		!journal_empty(&f->journal)) {
		return ERR_OK;
	}
	e = imap_begin_short(f->conn, IMAP_CMD_BODIES, FOLDER_COOKIE_FRESH,
		FOLDER_FETCH_LINE);
	if (e != ERR_OK) {
		return e == ERR_AGAIN ? ERR_OK : e;
	}
	folder_fetch_range(f, lo, lo + CFG_FRESH - 1);
	imap_text(f->conn, " (UID INTERNALDATE BODY.PEEK[])");
	e = imap_end(f->conn, CFG_SET_BYTES);
	/* Who was ahead and wrong has nothing on the line. */
	f->early.busy = e == ERR_OK;
	f->early.lo = lo;
	return e;
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
		fetch->uid - f->early.lo < FOLDER_FRESH &&
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
		.mkey = sync_key_get(&f->body.key)};
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

enum err
folder_fresh_take(struct folder *f, uint32_t *taken)
{
	enum err e = ERR_OK;

	*taken = 0;
	while (e == ERR_OK && f->early.n > 0) {
		struct fresh_body b = f->fresh_bodies[--f->early.n];
		struct want w = {.uid = b.uid};
		struct rec r;

		e = table_find(&f->table, b.uid, &r, &w.recno);
		if (e == ERR_OK && r.state == REC_WANTED &&
			(b.bytes > 0 || r.size == 0)) {
			w.size = r.size;
			w.flags = (uint8_t)(r.flags & MAILDIR_FLAGS_SYSTEM);
			e = folder_down_arrived(f, &w, &b);
			++*taken;
		} else {
			forget(f, &b);
			e = e == ERR_NOENT ? ERR_OK : e;
		}
	}
	return e;
}
