/*
 * folder_up: new files to the server, never twice.
 *
 * In groups of CFG_UPLOADS: measure (size as it will be sent, header key);
 * write the intents and make them durable; only then COPY what was moved here
 * (folder_move.c) and APPEND the rest (folder_append.c); the UIDs from COPYUID
 * and APPENDUID (RFC 4315 3), else by the header keys of what is new. Behind
 * the APPENDs, in the same flight, the server is asked what it lists from the
 * old UIDNEXT on: only then may a later absence mean a deletion, and only then
 * is a UID believed. The files get their UIDs; a flush; records; the journal is
 * emptied (folder_place.c). What a crash or a wrong UID leaves of this is
 * settled by folder_recover.c.
 *
 * An upload in hand is a few bytes: its name is read again from its intent.
 */
#include <string.h>

#include "port/sys.h"
#include "sync/folder_part.h"

enum { GATHER, MOVE, SEND, CHECK, ANSWERS, RESOLVE, CONFIRM, CONFIRMING, PLACE,
	RECORD };

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

enum err
folder_up_intent(struct folder *f, const struct upload *u, struct intent *out)
{
	uint64_t at = u->at;

	return journal_read(&f->journal, &at, out);
}

/* readdir may say a file twice. */
static bool
twice(struct folder *f, const struct intent *i)
{
	struct intent other;

	for (uint32_t j = 0; j < f->up.n; j++) {
		const struct upload *u = &f->uploads[j];

		if (u->mkey == i->mkey && u->size == i->size &&
			folder_up_intent(f, u, &other) == ERR_OK &&
			span_is(span_of(other.name), i->name)) {
			return true;
		}
	}
	return false;
}

/* One file into the group; what cannot be sent is told and left. */
static enum err
prepare(struct folder *f, enum maildir_where where, const char *name)
{
	struct upload *u = &f->uploads[f->up.n];
	struct intent i = {.uidvalidity = f->uidvalidity,
		.uidnext = f->up.u0, .where = (uint8_t)where};
	struct maildir_name n;
	struct sync_key key;
	uint64_t size = 0;
	bool nul = false;
	const char *why;
	enum err e;

	e = folder_measure(f, where, name, &key, &size, &nul, NULL);
	if (e == ERR_NOENT) {
		f->stats.waiting++; /* renamed since the scan: next run */
		return ERR_OK;
	}
	if (e != ERR_OK && err_scope(e) >= SCOPE_ACCOUNT && e != ERR_PERM) {
		return e;
	}
	why = e != ERR_OK ? err_detail() : refusal(f, name, size, nul);
	if (why != NULL) {
		f->stats.failed++;
		log_msg(LOG_ERROR, "%s: not uploaded: %s %s", f->job->title,
			name, why);
		return ERR_OK;
	}
	i.size = (uint32_t)size;
	i.mkey = sync_key_get(&key);
	memcpy(i.name, name, strlen(name) + 1);
	if (twice(f, &i)) {
		return ERR_OK;
	}
	maildir_name_parse(&n, span_of(name), f->fmd5, f->job->infosep);
	*u = (struct upload){.mkey = i.mkey, .size = i.size,
		.at = (uint32_t)journal_end(&f->journal),
		.limit = CFG_APPEND_MESSAGES, .state = UPLOAD_READY,
		.flags = (uint8_t)(n.flags & MAILDIR_FLAGS_SYSTEM &
			f->policy.permanent)};
	f->up.n++;
	return journal_add(&f->journal, &i);
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
	f->up.sent = f->up.asked = f->up.doubt = false;
	memset(&f->move, 0, sizeof(f->move));
	f->up.step = CFG_MOVES ? MOVE : SEND;
	return e;
}

void
folder_up_sent(struct folder *f)
{
	if (f->journal.fd != FS_NONE) { /* its age counts from now */
		(void)fs_set_mtime(f->journal.fd, sys_time(), 0);
	}
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
change(struct folder *f, enum upload_state from, enum upload_state to)
{
	for (uint32_t i = 0; i < f->up.n; i++) {
		if (f->uploads[i].state == from) {
			f->uploads[i].state = (uint8_t)to;
		}
	}
}

/* The lowest UID above `uid` that is KNOWN, 0 if there is none. */
static uint32_t
next_known(const struct folder *f, uint32_t uid)
{
	uint32_t least = 0;

	for (uint32_t i = 0; i < f->up.n; i++) {
		const struct upload *u = &f->uploads[i];

		if (u->state == UPLOAD_KNOWN && u->uid > uid &&
			(least == 0 || u->uid < least)) {
			least = u->uid;
		}
	}
	return least;
}

/* Those that were not listed by then, by name. */
static enum err
confirm(struct folder *f)
{
	struct imap_set set;
	uint32_t uid = 0;
	enum err e = imap_begin(f->conn, IMAP_CMD_LISTING, FOLDER_COOKIE_UP);

	if (e != ERR_OK) {
		return e;
	}
	imap_text(f->conn, "UID FETCH ");
	imap_set_begin(f->conn, &set);
	while ((uid = next_known(f, uid)) != 0 &&
		imap_set_add(&set, uid) == ERR_OK) {
		f->up.upto = uid;
	}
	imap_set_end(f->conn, &set);
	imap_text(f->conn, " (UID FLAGS RFC822.SIZE)");
	f->up.step = CONFIRMING;
	f->up.busy++;
	return imap_end(f->conn, 0);
}

/* A UID that the server does not list is not one: found by key, or held. */
static void
doubt(struct folder *f)
{
	for (uint32_t i = 0; i < f->up.n; i++) {
		struct upload *u = &f->uploads[i];

		if (u->state == UPLOAD_KNOWN && u->uid <= f->up.upto) {
			u->state = UPLOAD_STORED;
			u->uid = 0;
		}
	}
}

static int
after_answers(struct folder *f)
{
	if (any(f, UPLOAD_KNOWN)) {
		return CONFIRM;
	}
	if (f->up.doubt) { /* who told one wrong UID has told none */
		change(f, UPLOAD_SEEN, UPLOAD_STORED);
		f->up.doubt = f->up.asked = false;
	}
	if (!f->up.asked && (any(f, UPLOAD_STORED) ||
		any(f, UPLOAD_REFUSED))) {
		return RESOLVE;
	}
	if (any(f, UPLOAD_REFUSED)) { /* and are not there */
		change(f, UPLOAD_REFUSED, UPLOAD_READY);
		f->up.next = 0;
		f->up.sent = f->up.asked = false;
		return SEND;
	}
	return PLACE;
}

static enum err
first_step(struct folder *f)
{
	enum err e;

	if (f->stopping) {
		return err_set(ERR_STOPPED, "stopped");
	}
	if (f->up.hold || !f->policy.push || f->up.eof) {
		if (CFG_MOVES && f->job->later) {
			f->stats.later = f->doomed_remote;
		}
		f->left |= f->stats.later > 0;
		f->stamp.differs |= f->stats.later > 0;
		folder_enter(f, f->stats.later > 0 ? FOLDER_CLOSE
						   : FOLDER_DELETE);
		return ERR_OK;
	}
	if (f->up.u0 == 0) {
		f->up.u0 = f->has_uidnext ? f->uidnext : f->table.last_uid + 1;
		e = spill_rewind(&f->fresh);
		if (e != ERR_OK) {
			return e;
		}
	}
	return gather(f);
}

static enum err
send_all(struct folder *f)
{
	enum err e = ERR_OK;

	while (e == ERR_OK) {
		e = folder_append_step(f);
	}
	if (e != ERR_END) {
		return e;
	}
	f->up.step = f->up.sent ? CHECK : ANSWERS;
	return ERR_OK;
}

/* In the flight of the APPENDs: what is there now. Behind the last of them,
 * what closes the folder tells that too. What was copied is found by its key
 * alone, whatever the server said of it. */
static enum err
check(struct folder *f)
{
	bool told = imap_conn_has(f->conn, IMAP_CAP(UIDPLUS));
	bool keys = !told || any(f, UPLOAD_STORED) || any(f, UPLOAD_REFUSED);
	bool last = told && f->up.eof && f->doomed.count == 0 && !f->left &&
		!f->stopping;
	enum err e = last && !keys ? folder_closing_send(f)
				   : folder_recover_ask(f, keys);

	if (e == ERR_OK) {
		f->up.step = ANSWERS;
	}
	if (e == ERR_OK && last && keys) {
		folder_closing_early(f);
	}
	return e;
}

static enum err
wait(struct folder *f)
{
	if (f->up.busy > 0 || f->closing.busy > 0) {
		return ERR_AGAIN;
	}
	f->up.step = after_answers(f);
	return ERR_OK;
}

enum err
folder_up_step(struct folder *f)
{
	enum err e;

	switch (f->up.step) {
	case GATHER:
		return first_step(f);
	case MOVE:
		e = CFG_MOVES ? folder_move_step(f) : ERR_END;
		f->up.step = e == ERR_END ? SEND : MOVE;
		return e == ERR_END ? ERR_OK : e;
	case SEND:
		return send_all(f);
	case CHECK:
		return check(f);
	case RESOLVE:
		e = folder_recover_ask(f, true);
		f->up.step = e == ERR_OK ? ANSWERS : RESOLVE;
		return e;
	case ANSWERS:
		return wait(f);
	case CONFIRM:
		return confirm(f);
	case CONFIRMING:
		if (f->up.busy > 0) {
			return ERR_AGAIN;
		}
		doubt(f);
		f->up.step = ANSWERS;
		return ERR_OK;
	case PLACE:
		f->up.step = RECORD;
		return folder_place_all(f);
	case RECORD:
	default:
		f->up.step = GATHER;
		return folder_place_record(f);
	}
}

/* From the recovery: the group of uploads[] has its UIDs. */
enum err
folder_up_resume(struct folder *f)
{
	f->up.recovering = true;
	f->up.step = ANSWERS;
	folder_enter(f, FOLDER_UP);
	return ERR_OK;
}

/* The size tells a wrong UID in time: the key is asked for only then. Gmail's
 * may be another copy of the message, with other headers. */
void
folder_up_listed(struct folder *f, const struct imap_fetch *fetch)
{
	for (uint32_t i = 0; i < f->up.n; i++) {
		struct upload *u = &f->uploads[i];

		if (fetch->has_uid && fetch->has_size &&
			u->uid == fetch->uid && u->state == UPLOAD_KNOWN) {
			folder_up_seen(u, fetch);
			f->up.doubt |= fetch->size != u->size &&
				!imap_conn_has(f->conn, IMAP_CAP(XGM_EXT1));
		}
	}
}

enum err
folder_up_event(struct folder *f, const struct imap_event *ev)
{
	switch (ev->kind) {
	case IMAP_EV_UIDSET:
		if (ev->cmd == IMAP_CMD_APPEND) {
			folder_append_event(f, ev);
		}
		return ERR_OK;
	case IMAP_EV_CONTINUE:
		f->up.waiting = false;
		return ERR_OK;
	case IMAP_EV_TAGGED:
		if (ev->cmd == IMAP_CMD_APPEND) {
			return folder_append_done(f, ev);
		}
		f->up.busy -= f->up.busy > 0;
		return ERR_OK;
	default:
		return ERR_OK;
	}
}
