/*
 * folder_recover: uploads whose fate is not known: the journal of a run that
 * died, or an OK without APPENDUID. Everything from the UIDNEXT before the
 * upload on is listed with its header key; what is neither in our records nor
 * bears a local file's UID is a candidate; the k-th equal upload gets the k-th
 * equal candidate, so that identical copies stay several.
 *
 * An APPEND whose last byte left is stored even if the line broke at once, and
 * a slow server may still be storing it. So what is not found is sent again
 * only CFG_APPEND_SETTLE_S after the intent was written; until then the
 * folder's uploads wait for the next run.
 */
#include <string.h>

#include "port/sys.h"
#include "sync/folder_part.h"

/* NOOP first: until then a server need not show what has just arrived. */
enum err
folder_recover_ask(struct folder *f, bool keys)
{
	enum err e = imap_begin(f->conn, IMAP_CMD_NOOP, 0);

	if (e == ERR_OK) {
		imap_text(f->conn, "NOOP");
		e = imap_end(f->conn, 0);
	}
	if (e == ERR_OK) {
		e = imap_begin(f->conn, keys ? IMAP_CMD_KEYS
					     : IMAP_CMD_LISTING,
			FOLDER_COOKIE_UP);
	}
	if (e != ERR_OK) {
		return e;
	}
	imap_text(f->conn, "UID FETCH ");
	imap_number(f->conn, f->up.u0 > 0 ? f->up.u0 : 1);
	imap_text(f->conn, keys
		? ":4294967295 (UID FLAGS RFC822.SIZE " SYNC_KEY_FIELDS ")"
		: ":4294967295 (UID FLAGS RFC822.SIZE)");
	f->up.asked = f->up.asked || keys;
	f->up.busy++;
	return imap_end(f->conn, 1 << 20);
}

bool
folder_recorded(struct folder *f, uint32_t uid)
{
	struct rec r;
	uint32_t recno;

	if (table_sorted(&f->table)) {
		return table_find(&f->table, uid, &r, &recno) == ERR_OK;
	}
	for (recno = 0; recno < f->table.count; recno++) {
		if (table_get(&f->table, recno, &r) == ERR_OK && r.uid == uid) {
			return true;
		}
	}
	return false;
}

bool
folder_up_taken(struct folder *f, uint32_t uid)
{
	for (uint32_t i = 0; i < f->up.used_n; i++) {
		if (f->used[i] == uid) {
			return true;
		}
	}
	for (uint32_t i = 0; i < f->up.n; i++) {
		const struct upload *u = &f->uploads[i];

		if (u->uid == uid && (u->state == UPLOAD_KNOWN ||
			u->state == UPLOAD_SEEN)) {
			return true;
		}
	}
	return folder_recorded(f, uid);
}

/* The upload that this message is; the size may differ where a server
 * rewrites, but then the key has to be the only one. */
static struct upload *
match(struct folder *f, uint64_t key, const struct imap_fetch *fetch)
{
	struct upload *alike = NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->up.n; i++) {
		struct upload *u = &f->uploads[i];

		if ((u->state != UPLOAD_STORED && u->state != UPLOAD_REFUSED) ||
			u->mkey != key || fetch->uid < f->up.u0) {
			continue;
		}
		if (fetch->has_size && fetch->size == u->size) {
			return u;
		}
		alike = u;
		n++;
	}
	return n == 1 ? alike : NULL;
}

void
folder_up_seen(struct upload *u, const struct imap_fetch *fetch)
{
	u->uid = fetch->uid;
	u->state = UPLOAD_SEEN;
	if (!u->copied) {
		u->flags &= (uint8_t)(fetch->has_flags ? fetch->flags : 0);
	}
}

/* A server that rewrites headers shows a key that is nobody's. Then the UID
 * that it told is the best there is, if it is no other message's. */
static void
believe(struct folder *f)
{
	for (uint32_t i = 0; i < f->up.n; i++) {
		struct upload *u = &f->uploads[i];

		if (u->state == UPLOAD_STORED && u->uid != 0 &&
			!folder_up_taken(f, u->uid)) {
			u->state = UPLOAD_SEEN;
		}
	}
}

enum err
folder_recover_event(struct folder *f, const struct imap_event *ev)
{
	struct upload *u;

	if (ev->kind == IMAP_EV_TAGGED) {
		f->up.busy -= f->up.busy > 0;
		believe(f);
		return ev->status == IMAP_OK ? ERR_OK :
			err_set(ERR_REFUSED, "the server does not show what "
				"was uploaded: %s", f->conn->text);
	}
	if (ev->kind != IMAP_EV_FETCH_END) {
		return ERR_OK;
	}
	if (ev->fetch.has_uid && ev->fetch.uid > 0 && f->body.open &&
		!f->body.bad && !folder_up_taken(f, ev->fetch.uid)) {
		u = match(f, sync_key_get(&f->body.key), &ev->fetch);
		if (u != NULL) {
			folder_up_seen(u, &ev->fetch);
		}
	}
	folder_body_drop(f);
	return ERR_OK;
}

/* UIDs from the oldest intent on that local files bear already and that are
 * in no record (at most one batch of uploads can be like that). */
static enum err
note_used(struct folder *f, uint32_t u0)
{
	struct maildir_scan scan;
	enum maildir_where where;
	const char *name;
	enum err e;

	f->up.used_n = 0;
	maildir_scan_begin(&scan, &f->box, f->walk_buf, sizeof(f->walk_buf));
	while ((e = maildir_scan_next(&scan, &where, &name)) == ERR_OK) {
		struct maildir_name n;

		maildir_name_parse(&n, span_of(name), f->fmd5,
			f->job->infosep);
		if (!n.ours || n.uid < u0 || folder_recorded(f, n.uid)) {
			continue;
		}
		if (f->up.used_n == CFG_UPLOADS) {
			e = ERR_LIMIT;
			break;
		}
		f->used[f->up.used_n++] = n.uid;
	}
	maildir_scan_end(&scan);
	return e == ERR_END ? ERR_OK : e;
}

/* A group of what the journal says of files that bear no UID yet. */
static enum err
load(struct folder *f)
{
	struct intent i;
	uint64_t from;
	enum err e = ERR_OK;

	f->up.n = f->up.u0 = f->up.busy = 0;
	while (f->up.n < CFG_UPLOADS) {
		struct upload *u = &f->uploads[f->up.n];
		enum maildir_where where;
		char found[CFG_NAME];

		from = f->up.at != 0 ? f->up.at : journal_begin();
		e = journal_read(&f->journal, &f->up.at, &i);
		if (e == ERR_OK && i.uidvalidity == f->uidvalidity) {
			e = folder_find_stem(f, i.name, &where, found);
		}
		if (e == ERR_NOENT || (e == ERR_OK &&
			i.uidvalidity != f->uidvalidity)) {
			continue; /* it has its UID already, or is gone */
		}
		if (e != ERR_OK) {
			break;
		}
		*u = (struct upload){.mkey = i.mkey, .size = i.size,
			.at = (uint32_t)from, .state = UPLOAD_STORED};
		if (f->up.n++ == 0 || i.uidnext < f->up.u0) {
			f->up.u0 = i.uidnext;
		}
	}
	if (e == ERR_END) {
		f->up.at = 0;
	}
	return e == ERR_END ? ERR_OK : e;
}

enum err
folder_recover_begin(struct folder *f)
{
	enum err e = load(f);

	if (e == ERR_OK && f->up.n == 0) {
		f->up.recovering = true;
		return folder_place_end(f);
	}
	if (e == ERR_OK) {
		e = note_used(f, f->up.u0);
	}
	if (e == ERR_LIMIT) {
		/* The records are lost too: adopt the files first; their UIDs
		 * are known then, and the next run recovers. */
		log_msg(LOG_WARN, "%s: %u uploads of an interrupted run are "
			"looked for in the next run, when the files that are "
			"here are known again", f->job->title, f->up.n);
		f->up.hold = true;
		f->stats.waiting += f->up.n;
		f->up.n = 0;
		return folder_scan_begin(f);
	}
	folder_enter(f, FOLDER_RECOVER);
	f->up.asked = false;
	return e;
}

/* A clock that was set back tells no age: it counts from now. */
static bool
young(struct folder *f)
{
	struct fs_stat st;
	int64_t now = sys_time();

	if (fs_stat(f->job->state, "journal", &st) != ERR_OK) {
		return false;
	}
	if (now < st.mtime_s) {
		folder_up_sent(f);
	}
	return now - st.mtime_s < CFG_APPEND_SETTLE_S;
}

enum err
folder_recover_step(struct folder *f)
{
	uint32_t lost = 0;

	if (!f->up.asked) {
		enum err e = folder_recover_ask(f, true);

		return e == ERR_OK ? ERR_AGAIN : e;
	}
	if (f->up.busy > 0) {
		return ERR_AGAIN;
	}
	for (uint32_t i = 0; i < f->up.n; i++) {
		struct upload *u = &f->uploads[i];

		if (u->state == UPLOAD_STORED) {
			u->state = UPLOAD_FAILED;
			lost++;
		}
		u->flags = 0; /* not known what both sides have: a union */
	}
	if (CFG_MOVES) {
		folder_move_recovered(f);
	}
	if (lost > 0 && young(f)) {
		f->up.hold = true;
		f->stats.waiting += lost;
		log_msg(LOG_WARN, "%s: %u uploads of an interrupted run may "
			"still be arriving; they are looked for again after "
			"%d seconds", f->job->title, lost,
			CFG_APPEND_SETTLE_S);
	}
	return folder_up_resume(f);
}
