/*
 * folder_up: new files to the server, never twice.
 *
 * In batches of CFG_UPLOADS: measure (size as it will be sent, header key);
 * write the intents and make them durable; only then APPEND, pipelined where
 * the server takes LITERAL+; the UID from APPENDUID (RFC 4315 3), else by the
 * header keys of what is new; the server is asked whether it lists them (only
 * then may a later absence mean a deletion, and only then is the UID believed);
 * the file gets its UID; a flush; records; the journal is emptied
 * (folder_place.c). What a crash or a wrong UID leaves of this is settled by
 * folder_recover.c.
 */
#include <string.h>

#include "port/sys.h"
#include "sync/folder_part.h"

enum { GATHER, SEND, ANSWERS, RESOLVE, CONFIRM, CONFIRMING, PLACE, RECORD };

#define TAGS_LEN 64 /* ",U=4294967295,FMD5=<32>:2,DFRST" and a bit */

static const char *
refusal(const struct folder *f, const char *name, uint64_t size, bool nul)
{
	struct maildir_name n;

	maildir_name_parse(&n, span_of(name), f->fmd5, f->job->infosep);
	if (size == 0) {
		return "is empty; servers refuse empty messages";
	}
	if (nul) {
		return "has a NUL byte, which IMAP cannot carry";
	}
	if (f->conn->append_limit != 0 && size > f->conn->append_limit) {
		return "is larger than the server takes (APPENDLIMIT)";
	}
	if (size > UINT32_MAX) {
		return "is larger than 4 GiB";
	}
	if (n.stem.n + TAGS_LEN >= CFG_NAME) {
		return "has a name too long for a UID to be added; rename it";
	}
	return NULL;
}

static void
refuse(struct folder *f, const char *name, const char *why)
{
	f->stats.failed++;
	log_msg(LOG_ERROR, "%s: not uploaded: %s %s", f->job->title, name,
		why);
}

/* One file into the batch; what cannot be sent is told and left. */
static enum err
prepare(struct folder *f, enum maildir_where where, const char *name)
{
	struct upload *u = &f->uploads[f->up.n];
	struct maildir_name n;
	struct sync_key key;
	uint64_t size = 0;
	bool nul = false;
	const char *why;
	enum err e;

	for (uint32_t i = 0; i < f->up.n; i++) {
		if (span_is(span_of(name), f->uploads[i].intent.name) &&
			f->uploads[i].intent.where == where) {
			return ERR_OK; /* readdir said it twice */
		}
	}
	memset(u, 0, sizeof(*u));
	e = folder_measure(f, where, name, &key, &size, &nul, &u->date);
	if (e == ERR_NOENT) {
		f->stats.waiting++; /* renamed since the scan: next run */
		return ERR_OK;
	}
	if (e != ERR_OK) {
		refuse(f, name, err_detail());
		return err_scope(e) >= SCOPE_ACCOUNT && e != ERR_PERM ? e
								       : ERR_OK;
	}
	why = refusal(f, name, size, nul);
	if (why != NULL) {
		refuse(f, name, why);
		return ERR_OK;
	}
	maildir_name_parse(&n, span_of(name), f->fmd5, f->job->infosep);
	u->flags = n.flags & MAILDIR_FLAGS_SYSTEM & f->policy.permanent;
	u->intent = (struct intent){.uidvalidity = f->uidvalidity,
		.uidnext = f->up.u0, .size = (uint32_t)size,
		.mkey = sync_key_get(&key), .where = (uint8_t)where};
	memcpy(u->intent.name, name, strlen(name) + 1);
	u->state = UPLOAD_READY;
	f->up.n++;
	return journal_add(&f->journal, &u->intent);
}

static enum err
gather(struct folder *f)
{
	const uint8_t *p;
	size_t n;
	enum err e = ERR_OK;

	f->up.n = f->up.next = f->up.busy = 0;
	while (e == ERR_OK && f->up.n < CFG_UPLOADS && !f->up.eof) {
		e = spill_next(&f->fresh, &p, &n);
		if (e == ERR_END) {
			f->up.eof = true;
			e = ERR_OK;
		} else if (e == ERR_OK) {
			e = prepare(f, (enum maildir_where)p[0],
				(const char *)p + 1);
		}
	}
	if (e == ERR_OK && f->up.n > 0) {
		e = journal_commit(&f->journal);
	}
	f->up.step = SEND;
	return e;
}

static void
append_line(struct folder *f, const struct upload *u)
{
	imap_text(f->conn, "APPEND ");
	imap_mailbox(f->conn, f->job->remote);
	imap_text(f->conn, " ");
	imap_flags(f->conn, u->flags);
	imap_text(f->conn, " ");
	if (u->date > 0) {
		imap_text(f->conn, "\"");
		date_enc(&f->conn->line, u->date);
		imap_text(f->conn, "\" ");
	}
}

static enum err
open_upload(struct folder *f)
{
	struct upload *u = &f->uploads[f->up.next];
	enum err e;

	if (imap_room(f->conn) < CFG_CMD_LINE + 64) {
		return ERR_AGAIN;
	}
	e = fs_open(f->box.sub[u->intent.where], u->intent.name, FS_READ, 0,
		&f->up.fd);
	if (e == ERR_NOENT) {
		u->state = UPLOAD_FAILED; /* renamed meanwhile: next run */
		f->stats.waiting++;
		f->up.next++;
		return ERR_OK;
	}
	if (e == ERR_OK) {
		e = imap_begin(f->conn, IMAP_CMD_APPEND, f->up.next);
	}
	if (e != ERR_OK) {
		fs_close(&f->up.fd);
		return e;
	}
	append_line(f, u);
	e = imap_end_literal(f->conn, u->intent.size, &f->up.waiting);
	f->up.sending = e == ERR_OK;
	f->up.cr = false;
	f->up.left = u->intent.size;
	f->up.busy += e == ERR_OK;
	u->state = UPLOAD_SENT;
	return e;
}

/* LF to CR LF; `in` may be the second half of `out`: what is written never
 * overtakes what is read. Returns the new length. */
static size_t
to_crlf(struct folder *f, const char *in, size_t n, char *out)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		if (in[i] == '\n' && !f->up.cr) {
			out[at++] = '\r';
		}
		f->up.cr = in[i] == '\r';
		out[at++] = in[i];
	}
	return at;
}

static enum err
changed(void)
{
	return err_set(ERR_NET, "a file changed its size while it was sent; the "
		"connection was given up");
}

static enum err
close_upload(struct folder *f)
{
	if (f->up.left > 0) {
		return changed();
	}
	fs_close(&f->up.fd);
	f->up.sending = false;
	f->up.next++;
	/* From here on the server may store it even if the line breaks: the
	 * journal's age counts from now. */
	if (f->journal.fd != FS_NONE) {
		(void)fs_set_mtime(f->journal.fd, sys_time());
	}
	return imap_literal_end(f->conn);
}

/* Sends as much of the open file as there is room for. */
static enum err
pump(struct folder *f)
{
	char out[2048], *in = out + sizeof(out) / 2;
	size_t n = 0;
	enum err e;

	if (f->up.waiting || imap_room(f->conn) < sizeof(out)) {
		return ERR_AGAIN;
	}
	e = fs_read(f->up.fd, in, sizeof(out) / 2, &n);
	if (e != ERR_OK) {
		return e;
	}
	if (n == 0) {
		return close_upload(f);
	}
	n = to_crlf(f, in, n, out);
	if (n > f->up.left) {
		return changed();
	}
	f->up.left -= n;
	f->stats.up_bytes += n;
	return imap_literal(f->conn, out, n);
}

static enum err
send_all(struct folder *f)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && f->up.next < f->up.n) {
		if (f->up.sending) {
			e = pump(f);
		} else if (f->stopping) {
			f->up.n = f->up.next;
		} else {
			e = open_upload(f);
		}
	}
	if (e == ERR_OK) {
		f->up.step = ANSWERS;
	}
	return e;
}

static bool
any(const struct folder *f, enum upload_state state)
{
	for (uint32_t i = 0; i < f->up.n; i++) {
		if (f->uploads[i].state == state) {
			return true;
		}
	}
	return false;
}

static void
sort_uids(uint32_t *uids, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++) {
		uint32_t x = uids[i], j = i;

		for (; j > 0 && uids[j - 1] > x; j--) {
			uids[j] = uids[j - 1];
		}
		uids[j] = x;
	}
}

static enum err
confirm(struct folder *f)
{
	uint32_t uids[CFG_UPLOADS], n = 0;
	struct imap_set set;
	enum err e = imap_begin(f->conn, IMAP_CMD_LISTING, FOLDER_COOKIE_UP);

	if (e != ERR_OK) {
		return e;
	}
	for (uint32_t i = 0; i < f->up.n; i++) {
		if (f->uploads[i].state == UPLOAD_KNOWN) {
			uids[n++] = f->uploads[i].uid;
		}
	}
	sort_uids(uids, n);
	imap_text(f->conn, "UID FETCH ");
	imap_set_begin(f->conn, &set);
	for (uint32_t i = 0; i < n; i++) {
		(void)imap_set_add(&set, uids[i]); /* equal ones: once */
	}
	imap_set_end(f->conn, &set);
	imap_text(f->conn, " (UID FLAGS)");
	f->up.step = CONFIRMING;
	f->up.busy++;
	return imap_end(f->conn, 0);
}

/* A UID that the server does not list is not one: found by key, or held. */
static void
doubt(struct folder *f)
{
	for (uint32_t i = 0; i < f->up.n; i++) {
		if (f->uploads[i].state == UPLOAD_KNOWN) {
			f->uploads[i].state = UPLOAD_STORED;
			f->uploads[i].uid = 0;
		}
	}
}

static int
after_answers(const struct folder *f)
{
	if (any(f, UPLOAD_STORED) && !f->up.asked) {
		return RESOLVE;
	}
	return any(f, UPLOAD_KNOWN) ? CONFIRM : PLACE;
}

static enum err
all_done(struct folder *f)
{
	if (f->stopping) {
		return err_set(ERR_STOPPED, "stopped");
	}
	folder_enter(f, FOLDER_DELETE);
	return ERR_OK;
}

static enum err
first_step(struct folder *f)
{
	if (f->stopping || f->up.hold || !f->policy.push || f->up.eof) {
		return all_done(f);
	}
	if (f->up.u0 == 0) {
		f->up.u0 = f->has_uidnext ? f->uidnext : f->table.last_uid + 1;
		enum err e = spill_rewind(&f->fresh);

		if (e != ERR_OK) {
			return e;
		}
	}
	return gather(f);
}

enum err
folder_up_step(struct folder *f)
{
	enum err e;

	switch (f->up.step) {
	case GATHER:
		return first_step(f);
	case SEND:
		return send_all(f);
	case ANSWERS:
		if (f->up.busy > 0) {
			return ERR_AGAIN;
		}
		f->up.asked = false;
		f->up.step = after_answers(f);
		return ERR_OK;
	case RESOLVE:
		e = folder_recover_ask(f);
		if (e == ERR_OK) {
			f->up.step = after_answers(f);
		}
		return e;
	case CONFIRM:
		return confirm(f);
	case CONFIRMING:
		if (f->up.busy > 0) {
			return ERR_AGAIN;
		}
		doubt(f);
		f->up.step = after_answers(f);
		return ERR_OK;
	case PLACE:
		f->up.step = RECORD;
		return folder_up_place(f);
	case RECORD:
	default:
		f->up.step = GATHER;
		return folder_up_record(f);
	}
}

/* From the recovery: the batch of uploads[] has its UIDs. */
enum err
folder_up_resume(struct folder *f)
{
	f->up.recovering = true;
	f->up.step = after_answers(f);
	folder_enter(f, FOLDER_UP);
	return ERR_OK;
}

static enum err
appended(struct folder *f, const struct imap_event *ev)
{
	struct upload *u = &f->uploads[ev->cookie % CFG_UPLOADS];

	f->up.busy -= f->up.busy > 0;
	if (ev->status == IMAP_OK) {
		u->state = u->uid != 0 ? UPLOAD_KNOWN : UPLOAD_STORED;
		return ERR_OK;
	}
	u->state = UPLOAD_FAILED;
	f->stats.failed++;
	log_msg(LOG_ERROR, "%s: the server did not take %s: %s",
		f->job->title, u->intent.name, f->conn->text);
	if (ev->code == IMAP_CODE_OVERQUOTA) {
		f->up.eof = true; /* no room for the others either */
	}
	/* A literal that was announced as LITERAL+ has to be sent all the same
	 * (RFC 7888 4); one that waits for "+" is not sent at all. */
	if (f->up.sending && f->up.next == ev->cookie && f->up.waiting) {
		imap_literal_drop(f->conn);
		fs_close(&f->up.fd);
		f->up.sending = f->up.waiting = false;
		f->up.next++;
	}
	return ERR_OK;
}

static void
uid_of_append(struct folder *f, const struct imap_event *ev)
{
	struct upload *u = &f->uploads[ev->cookie % CFG_UPLOADS];

	if (ev->cmd == IMAP_CMD_APPEND && ev->code == IMAP_CODE_APPENDUID &&
		ev->value == f->uidvalidity && ev->lo == ev->hi &&
		ev->lo > 0 && (ev->lo >= f->up.u0 ||
			imap_conn_has(f->conn, IMAP_CAP(XGM_EXT1)))) {
		u->uid = ev->lo;
	}
}

enum err
folder_up_event(struct folder *f, const struct imap_event *ev)
{
	switch (ev->kind) {
	case IMAP_EV_UIDSET:
		uid_of_append(f, ev);
		return ERR_OK;
	case IMAP_EV_CONTINUE:
		f->up.waiting = false;
		return ERR_OK;
	case IMAP_EV_FETCH_END:
		for (uint32_t i = 0; i < f->up.n; i++) {
			if (ev->fetch.has_uid &&
				f->uploads[i].uid == ev->fetch.uid &&
				f->uploads[i].state == UPLOAD_KNOWN) {
				f->uploads[i].state = UPLOAD_SEEN;
				f->uploads[i].flags &= ev->fetch.has_flags
					? ev->fetch.flags : 0;
			}
		}
		return ERR_OK;
	case IMAP_EV_TAGGED:
		if (ev->cmd == IMAP_CMD_APPEND) {
			return appended(f, ev);
		}
		f->up.busy -= f->up.busy > 0;
		return ERR_OK;
	default:
		return ERR_OK;
	}
}
