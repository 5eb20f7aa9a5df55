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

/* UIDNEXT before the first of the uploads: none of them is below it. */
static uint32_t
oldest(const struct folder *f)
{
	uint32_t u0 = UINT32_MAX;

	for (uint32_t i = 0; i < f->up.n; i++) {
		if (f->uploads[i].intent.uidnext < u0) {
			u0 = f->uploads[i].intent.uidnext;
		}
	}
	return u0;
}

/* NOOP first: until then a server need not show what has just arrived. */
static enum err
refresh(struct folder *f)
{
	enum err e = imap_begin(f->conn, IMAP_CMD_NOOP, 0);

	if (e == ERR_OK) {
		imap_text(f->conn, "NOOP");
		e = imap_end(f->conn, 0);
	}
	return e;
}

static enum err
send_keys(struct folder *f)
{
	uint32_t u0 = oldest(f);
	enum err e = imap_begin(f->conn, IMAP_CMD_KEYS, 0);

	if (e != ERR_OK) {
		return e;
	}
	imap_text(f->conn, "UID FETCH ");
	imap_number(f->conn, u0 > 0 ? u0 : 1);
	imap_text(f->conn, ":4294967295 (UID RFC822.SIZE " SYNC_KEY_FIELDS ")");
	f->up.resolve = true;
	f->up.asked = true;
	return imap_end(f->conn, 1 << 20);
}

/* ERR_AGAIN until the question went out and its answer came. */
enum err
folder_recover_ask(struct folder *f)
{
	enum err e;

	if (!f->up.asked) {
		e = refresh(f);
		if (e == ERR_OK) {
			e = send_keys(f);
		}
		return e == ERR_OK ? ERR_AGAIN : e;
	}
	return f->up.resolve ? ERR_AGAIN : ERR_OK;
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

static bool
taken(struct folder *f, uint32_t uid)
{
	for (uint32_t i = 0; i < f->up.used_n; i++) {
		if (f->used[i] == uid) {
			return true;
		}
	}
	for (uint32_t i = 0; i < f->up.n; i++) {
		if (f->uploads[i].uid == uid) {
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

		if (u->state != UPLOAD_STORED || u->intent.mkey != key ||
			fetch->uid < u->intent.uidnext) {
			continue;
		}
		if (fetch->has_size && fetch->size == u->intent.size) {
			return u;
		}
		alike = u;
		n++;
	}
	return n == 1 ? alike : NULL;
}

enum err
folder_recover_event(struct folder *f, const struct imap_event *ev)
{
	struct upload *u;

	if (ev->kind == IMAP_EV_TAGGED) {
		f->up.resolve = false;
		return ev->status == IMAP_OK ? ERR_OK :
			err_set(ERR_REFUSED, "the server does not show what "
				"was uploaded: %s", f->conn->text);
	}
	if (ev->kind != IMAP_EV_FETCH_END) {
		return ERR_OK;
	}
	if (ev->fetch.has_uid && ev->fetch.uid > 0 && f->body.open &&
		!f->body.bad && !taken(f, ev->fetch.uid)) {
		u = match(f, sync_key_get(&f->body.key), &ev->fetch);
		if (u != NULL) {
			u->uid = ev->fetch.uid;
			u->state = UPLOAD_KNOWN;
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

static enum err
load(struct folder *f)
{
	struct intent i;
	uint64_t at = 0;
	enum err e = ERR_OK;

	f->up.n = 0;
	while (f->up.n < CFG_UPLOADS &&
		(e = journal_read(&f->journal, &at, &i)) == ERR_OK) {
		struct upload *u = &f->uploads[f->up.n];
		enum maildir_where where;
		char found[CFG_NAME];

		if (i.uidvalidity != f->uidvalidity) {
			continue;
		}
		e = folder_find_stem(f, i.name, &where, found);
		if (e == ERR_NOENT) {
			continue; /* it has its UID already, or is gone */
		}
		if (e != ERR_OK) {
			return e;
		}
		memset(u, 0, sizeof(*u));
		u->intent = i;
		u->intent.where = (uint8_t)where;
		memcpy(u->intent.name, found, strlen(found) + 1);
		u->state = UPLOAD_STORED; /* perhaps */
		f->up.n++;
	}
	return e == ERR_END || e == ERR_NOENT ? ERR_OK : e;
}

enum err
folder_recover_begin(struct folder *f)
{
	enum err e = load(f);

	if (e == ERR_OK && f->up.n == 0) {
		e = journal_clear(&f->journal);
		return e == ERR_OK ? folder_scan_begin(f) : e;
	}
	if (e == ERR_OK) {
		e = note_used(f, oldest(f));
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

static bool
young(struct folder *f)
{
	struct fs_stat st;
	int64_t now = sys_time();

	return fs_stat(f->job->state, "journal", &st) == ERR_OK &&
		now >= st.mtime_s && now - st.mtime_s < CFG_APPEND_SETTLE_S;
}

enum err
folder_recover_step(struct folder *f)
{
	uint32_t lost = 0;
	enum err e = folder_recover_ask(f);

	if (e != ERR_OK) {
		return e;
	}
	for (uint32_t i = 0; i < f->up.n; i++) {
		struct upload *u = &f->uploads[i];

		if (u->state == UPLOAD_STORED) {
			u->state = UPLOAD_FAILED;
			lost++;
		}
		u->flags = 0; /* not known what both sides have: a union */
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
