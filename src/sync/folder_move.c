/*
 * folder_move: a file that a mail program moved here from another folder is
 * copied on the server instead of being sent.
 *
 * Its name still tells the folder it was in (FMD5) and its UID there. If that
 * folder's records have this UID with the same size and header key, and the
 * server opens it with the UIDVALIDITY of those records, UID COPY brings the
 * message here; COPYUID (RFC 4315 3) tells that it did. Which UID it has now
 * is found by its header key: servers have told wrong ones, and the question
 * what is there is asked anyway. It is never UID MOVE:
 * the original goes when its own folder finds the file gone, by the rules for
 * deletions; so what is copied may as well be a copy.
 *
 * It is a step of a group of uploads (folder_up.c), between its intents and
 * its APPENDs, and ends with this mailbox selected again: what was copied is
 * STORED, what was not stays READY, what may have been is REFUSED, which is
 * looked for by header key before it is sent. Two waits for each folder that
 * files come from, but the last SELECT goes with the last COPY.
 */
#include <string.h>

#include "sync/folder_part.h"
#include "sync/folders.h"

enum { CHOOSE, COPY, BACK };

#define NOT_TOLD UINT16_MAX
/* Bytes of a line that a mailbox name of n bytes leaves to the UIDs. */
#define AROUND(n) (CFG_CMD_LINE - 64 - 2 * (n))

/* The folder that files come from, by its state. Others may be at work in it:
 * it is only read. */
struct source {
	fs_fd dir;
	struct head head;
	char fmd5[33];
	struct folders_id_lines id;
	struct table table;
};

/* The folder that the name of u tells, if that is another one than this, and
 * than the one that was looked for last. */
static bool
foreign(struct folder *f, const struct upload *u, char fmd5[33])
{
	struct maildir_name n;
	struct intent i;
	const char *at;

	if (folder_up_intent(f, u, &i) != ERR_OK) {
		return false;
	}
	maildir_name_parse(&n, span_of(i.name), f->fmd5, f->job->infosep);
	at = strstr(i.name, ",FMD5=");
	if (n.uid == 0 || !n.has_fmd5 || n.ours || at == NULL ||
		memcmp(at + 6, f->move.last, 32) == 0) {
		return false;
	}
	memcpy(fmd5, at + 6, 32); /* has_fmd5: so many are there */
	fmd5[32] = '\0';
	memcpy(f->move.last, fmd5, 32);
	return true;
}

static void
source_close(struct source *s)
{
	table_close(&s->table);
	fs_close(&s->dir);
}

static bool
source_open(struct folder *f, const char *name, const char *fmd5,
	struct source *s)
{
	uint8_t id[16];
	struct buf b;

	memset(&s->table, 0, sizeof(s->table));
	if (strlen(name) != 32 ||
		fs_open_dir(f->job->states, name, &s->dir) != ERR_OK) {
		return false;
	}
	BUF_INIT(&b, s->fmd5);
	if (head_load(s->dir, &s->head) == ERR_OK &&
		s->head.uidvalidity != 0 && s->head.restored == 0) {
		buf_hex(&b, s->head.fmd5, 16);
	}
	if (strcmp(buf_cstr(&b), fmd5) == 0 &&
		folders_read_id(f->job->states, name, &s->id) &&
		!span_eq(s->id.name, f->job->remote)) {
		folder_identity(f->job, s->id.name, id);
		if (memcmp(id, s->head.identity, 16) == 0 &&
			table_peek(&s->table, s->dir) == ERR_OK) {
			return true;
		}
	}
	source_close(s);
	return false;
}

static bool
source_find(struct folder *f, const char *fmd5, struct source *s)
{
	struct fs_walk walk;
	const char *name;
	enum fs_type type;
	bool found = false;

	if (fs_walk_open(&walk, f->job->states, ".", f->walk_buf,
		sizeof(f->walk_buf)) != ERR_OK) {
		return false;
	}
	while (!found && fs_walk_next(&walk, &name, &type) == ERR_OK) {
		found = source_open(f, name, fmd5, s);
	}
	fs_walk_close(&walk);
	return found;
}

/* The upload that is to be copied, or is, from this UID. */
static struct upload *
from_uid(struct folder *f, uint32_t uid, enum upload_state state)
{
	for (uint32_t i = 0; i < f->up.n; i++) {
		if (f->uploads[i].state == state && f->uploads[i].uid == uid) {
			return &f->uploads[i];
		}
	}
	return NULL;
}

/* Not by COPY, or not known whether. */
static void
give_up(struct upload *u, enum upload_state state)
{
	u->uid = 0;
	u->limit = CFG_APPEND_MESSAGES;
	u->state = (uint8_t)state;
}

/* Is u a message of s, and which? */
static bool
is_of(struct folder *f, struct source *s, const struct upload *u,
	struct rec *r)
{
	struct maildir_name n;
	struct intent i;
	uint32_t recno;

	if (folder_up_intent(f, u, &i) != ERR_OK) {
		return false;
	}
	maildir_name_parse(&n, span_of(i.name), s->fmd5, f->job->infosep);
	return n.ours && table_find(&s->table, n.uid, r, &recno) == ERR_OK &&
		r->state == REC_PRESENT && r->mkey == u->mkey &&
		r->size == u->size;
}

/* What was agreed of its flags, as far as this folder can keep them. */
static uint8_t
agreed(const struct folder *f, const struct rec *r)
{
	return (uint8_t)(r->flags & MAILDIR_FLAGS_SYSTEM &
		f->policy.permanent);
}

/* What of the group is a message of s; limit holds its flags meanwhile. */
static uint32_t
take(struct folder *f, struct source *s)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < f->up.n; i++) {
		struct upload *u = &f->uploads[i];
		struct rec r;

		if (u->state == UPLOAD_READY && is_of(f, s, u, &r) &&
			from_uid(f, r.uid, UPLOAD_COPY) == NULL) {
			u->uid = r.uid;
			u->limit = agreed(f, &r);
			u->state = UPLOAD_COPY;
			taken++;
		}
	}
	return taken;
}

void
folder_move_recovered(struct folder *f)
{
	struct source s;
	char fmd5[33];
	struct rec r;

	memset(f->move.last, 0, sizeof(f->move.last));
	for (uint32_t at = 0; at < f->up.n; at++) {
		if (!foreign(f, &f->uploads[at], fmd5) ||
			!source_find(f, fmd5, &s)) {
			continue;
		}
		for (uint32_t i = at; i < f->up.n; i++) {
			if (is_of(f, &s, &f->uploads[i], &r)) {
				f->uploads[i].flags = agreed(f, &r);
			}
		}
		source_close(&s);
	}
}

static enum err
examine(struct folder *f, const struct source *s)
{
	enum err e = imap_begin(f->conn, IMAP_CMD_SELECT, 0);

	if (e == ERR_OK) {
		imap_text(f->conn, "EXAMINE ");
		imap_mailbox(f->conn, s->id.name);
		e = imap_end(f->conn, 0);
	}
	if (e == ERR_OK) {
		f->move.away = f->moved = true;
		f->move.busy++;
		f->move.is = 0;
		f->move.want = s->head.uidvalidity;
		f->move.step = COPY;
	}
	return e;
}

/* The next folder that something of the group comes from; ERR_END: none. */
static enum err
choose(struct folder *f)
{
	struct source s;
	char fmd5[33];
	enum err e = ERR_END;

	while (e == ERR_END && f->move.at < f->up.n && !f->stopping) {
		const struct upload *u = &f->uploads[f->move.at++];

		if (u->state == UPLOAD_READY && foreign(f, u, fmd5) &&
			source_find(f, fmd5, &s)) {
			e = take(f, &s) > 0 ? examine(f, &s) : ERR_END;
			source_close(&s);
		}
	}
	return e;
}

/* The lowest UID above `uid` that is to be copied, 0 if there is none. */
static uint32_t
next_uid(const struct folder *f, uint32_t uid)
{
	uint32_t least = 0;

	for (uint32_t i = 0; i < f->up.n; i++) {
		const struct upload *u = &f->uploads[i];

		if (u->state == UPLOAD_COPY && u->uid > uid &&
			(least == 0 || u->uid < least)) {
			least = u->uid;
		}
	}
	return least;
}

/* As many of them as one command holds. */
static enum err
copy(struct folder *f)
{
	struct imap_set set;
	uint32_t uid = 0, most = (uint32_t)(AROUND(f->job->remote.n) / 11);
	enum err e = imap_begin(f->conn, IMAP_CMD_COPY, 0);

	if (e != ERR_OK) {
		return e;
	}
	imap_text(f->conn, "UID COPY ");
	imap_set_begin(f->conn, &set);
	while ((uid = next_uid(f, uid)) != 0 && most-- > 0 &&
		imap_set_add(&set, uid) == ERR_OK) {
		struct upload *u = from_uid(f, uid, UPLOAD_COPY);

		u->state = UPLOAD_SENT;
		u->first = NOT_TOLD;
	}
	imap_set_end(f->conn, &set);
	imap_text(f->conn, " ");
	imap_mailbox(f->conn, f->job->remote);
	f->move.from = f->move.to = 0;
	f->move.bad = false;
	f->move.busy++;
	f->up.sent = f->touched = true;
	folder_up_sent(f);
	f->move.step = uid == 0 ? CHOOSE : COPY;
	return imap_end(f->conn, 1 << 20);
}

static enum err
source_opened(struct folder *f)
{
	if (f->move.is == f->move.want) {
		return copy(f);
	}
	for (uint32_t i = 0; i < f->up.n; i++) {
		if (f->uploads[i].state == UPLOAD_COPY) {
			give_up(&f->uploads[i], UPLOAD_READY);
		}
	}
	f->move.step = CHOOSE;
	return ERR_OK;
}

enum err
folder_move_step(struct folder *f)
{
	enum err e;

	if (f->renewed == 0 || !imap_conn_has(f->conn, IMAP_CAP(UIDPLUS)) ||
		f->job->remote.n > (CFG_CMD_LINE - 256) / 2) {
		return ERR_END;
	}
	switch (f->move.step) {
	case CHOOSE:
		if (imap_room(f->conn) < CFG_CMD_LINE + 64 ||
			(!f->move.away && imap_conn_busy(f->conn))) {
			return ERR_AGAIN;
		}
		e = choose(f);
		if (e == ERR_END && f->move.away) {
			f->move.step = BACK;
			f->move.is = 0;
			e = folder_select_send(f, FOLDER_COOKIE_UP, 0, 0);
		}
		return e;
	case COPY:
		return f->move.busy > 0 ? ERR_AGAIN : source_opened(f);
	case BACK:
	default:
		return f->move.away ? ERR_AGAIN : ERR_END;
	}
}

/* [COPYUID validity from to]: as many of the one as of the other. */
static void
copied(struct folder *f, const struct imap_event *ev)
{
	uint32_t uid = ev->lo;
	struct upload *u;

	f->move.bad |= ev->code != IMAP_CODE_COPYUID ||
		ev->value != f->uidvalidity || uid == 0 ||
		ev->hi - uid >= CFG_UPLOADS;
	if (ev->set != 0) {
		f->move.to += ev->hi - uid + 1;
		return;
	}
	for (; !f->move.bad && uid <= ev->hi; uid++) {
		u = from_uid(f, uid, UPLOAD_SENT);
		f->move.bad = u == NULL || u->first != NOT_TOLD;
		if (!f->move.bad) {
			u->first = 0;
			f->move.from++;
		}
	}
}

static void
copy_done(struct folder *f, const struct imap_event *ev)
{
	bool good = ev->status == IMAP_OK && !f->move.bad &&
		f->move.from > 0 && f->move.from == f->move.to;

	for (uint32_t i = 0; i < f->up.n; i++) {
		struct upload *u = &f->uploads[i];

		if (u->state != UPLOAD_SENT) {
			continue;
		}
		u->copied = good && u->first != NOT_TOLD;
		u->flags = u->copied ? (uint8_t)u->limit : u->flags;
		give_up(u, !good ? UPLOAD_REFUSED : u->copied ? UPLOAD_STORED
			: UPLOAD_READY); /* it was gone there */
	}
}

enum err
folder_move_event(struct folder *f, const struct imap_event *ev)
{
	if (ev->kind == IMAP_EV_UIDSET && ev->cmd == IMAP_CMD_COPY) {
		copied(f, ev);
	} else if (ev->kind == IMAP_EV_EXISTS) {
		f->exists = ev->num; /* the last is of this folder */
	} else if (ev->kind == IMAP_EV_STATUS || ev->kind == IMAP_EV_TAGGED) {
		if (ev->code == IMAP_CODE_UIDVALIDITY) {
			f->move.is = (uint32_t)ev->value;
		}
	}
	if (ev->kind != IMAP_EV_TAGGED) {
		return ERR_OK;
	}
	f->move.busy -= f->move.busy > 0;
	if (ev->cmd == IMAP_CMD_COPY) {
		copy_done(f, ev); /* and the rest of it may follow */
	} else if (ev->cookie == FOLDER_COOKIE_UP) {
		f->move.away = false;
		if (ev->status != IMAP_OK || f->move.is != f->uidvalidity) {
			return err_set(ERR_REFUSED, "the server does not open "
				"it again: %s", f->conn->text);
		}
	} else if (ev->status != IMAP_OK) {
		f->move.is = 0;
	}
	return ERR_OK;
}
