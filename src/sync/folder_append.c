/*
 * folder_append: uploads on the line.
 *
 * One APPEND takes as many messages as it may: with MULTIAPPEND (RFC 3502) all
 * or none of them are stored, so they share one answer. Several APPENDs are
 * in flight, as far as their literals need not wait for the server.
 *
 * A NO to several says nothing about which of them it means. They are first
 * looked for, like uploads whose answer was lost: what is not there goes up
 * again, half as many at a time, until the one that is refused stands alone.
 *
 * The length is announced before the bytes. A file that turns out longer or
 * shorter leaves the server waiting inside a literal, so the connection ends:
 * the server drops what it has, and nothing of it is stored.
 */
#include <string.h>

#include "sync/folder_part.h"

/* How many from the next one on go with one command; they are SENT then. */
static void
take(struct folder *f)
{
	uint32_t i = f->up.next, first = i;
	uint32_t limit = imap_conn_has(f->conn, IMAP_CAP(MULTIAPPEND))
		? f->uploads[i].limit : 1;
	uint64_t bytes = 0;

	while (i < f->up.n && i - first < limit &&
		f->uploads[i].state == UPLOAD_READY) {
		struct upload *u = &f->uploads[i];

		bytes += u->size;
		if (i > first && (bytes > CFG_APPEND_BYTES ||
			!imap_nonsync(f->conn, f->uploads[first].size) ||
			!imap_nonsync(f->conn, u->size))) {
			break;
		}
		u->state = UPLOAD_SENT;
		u->first = (uint16_t)first;
		i++;
	}
	f->up.last = i;
}

/* Flags and date, and the announcement of the literal. */
static enum err
announce(struct folder *f)
{
	struct upload *u = &f->uploads[f->up.next];
	struct fs_stat st;
	enum err e = fs_fstat(f->up.fd, &st);

	imap_text(f->conn, " ");
	imap_flags(f->conn, u->flags);
	imap_text(f->conn, " ");
	if (e == ERR_OK && st.mtime_s > 0) {
		imap_text(f->conn, "\"");
		date_enc(&f->conn->line, st.mtime_s);
		imap_text(f->conn, "\" ");
	}
	e = imap_end_literal(f->conn, u->size, &f->up.waiting);
	f->up.sending = e == ERR_OK;
	f->up.cr = false;
	f->up.left = u->size;
	return e;
}

/* Opens the next file; ERR_NOENT: it was renamed meanwhile, next run. */
static enum err
open_next(struct folder *f)
{
	struct upload *u = &f->uploads[f->up.next];
	struct intent i;
	enum err e = folder_up_intent(f, u, &i);

	if (e == ERR_OK) {
		e = fs_open(f->box.sub[i.where], i.name, FS_READ, 0,
			&f->up.fd);
	}
	if (e == ERR_NOENT) {
		u->state = UPLOAD_FAILED;
		f->stats.waiting++;
		f->up.next++;
	}
	return e;
}

static enum err
begin(struct folder *f)
{
	enum err e;

	if (f->uploads[f->up.next].state != UPLOAD_READY) {
		f->up.next++;
		return ERR_OK;
	}
	if (imap_room(f->conn) < CFG_CMD_LINE + 64) {
		return ERR_AGAIN;
	}
	e = open_next(f);
	if (e != ERR_OK) {
		return e == ERR_NOENT ? ERR_OK : e;
	}
	e = imap_begin(f->conn, IMAP_CMD_APPEND, f->up.next);
	if (e != ERR_OK) {
		fs_close(&f->up.fd);
		return e;
	}
	take(f);
	f->up.open = f->up.sent = true;
	f->up.busy++;
	imap_text(f->conn, "APPEND ");
	imap_mailbox(f->conn, f->job->remote);
	return announce(f);
}

/* Behind a message: the next one of this APPEND, or its end. */
static enum err
go_on(struct folder *f)
{
	enum err e;

	while (f->stopping && f->up.last > f->up.next) {
		f->uploads[--f->up.last].state = UPLOAD_FAILED;
	}
	/* Refused already: what was not announced need not be sent. */
	if (f->up.next == f->up.last ||
		f->uploads[f->up.next].state != UPLOAD_SENT) {
		f->up.open = false;
		f->up.next = f->up.last;
		folder_up_sent(f);
		return imap_literal_end(f->conn);
	}
	if (imap_room(f->conn) < IMAP_SET_BEHIND) {
		return ERR_AGAIN;
	}
	e = open_next(f);
	if (e != ERR_OK) {
		return e == ERR_NOENT ? ERR_OK : e;
	}
	e = imap_literal_more(f->conn);
	return e == ERR_OK ? announce(f) : e;
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

/* Sends as much of the open file as there is room for. */
static enum err
pump(struct folder *f)
{
	size_t room = imap_room(f->conn), n = 0;
	size_t half = (room < sizeof(f->walk_buf) ? room
						  : sizeof(f->walk_buf)) / 2;
	char *out = f->walk_buf, *in = out + half;
	enum err e;

	if (f->up.waiting || half < 256) {
		return ERR_AGAIN;
	}
	e = fs_read(f->up.fd, in, half, &n);
	if (e != ERR_OK) {
		return e;
	}
	if (n == 0 && f->up.left == 0) {
		fs_close(&f->up.fd);
		f->up.sending = false;
		f->up.next++;
		return ERR_OK;
	}
	n = to_crlf(f, in, n, out);
	if (n == 0 || n > f->up.left) {
		return err_set(ERR_NET, "a file changed its size while it was "
			"sent; the connection was given up");
	}
	f->up.left -= n;
	f->stats.up_bytes += n;
	return imap_literal(f->conn, out, n);
}

/* The n-th upload of the command `first` that waits for its answer. */
static struct upload *
member(struct folder *f, uint32_t first, uint32_t n)
{
	for (uint32_t i = first; i < f->up.n; i++) {
		struct upload *u = &f->uploads[i];

		if (u->state == UPLOAD_SENT && u->first == first &&
			n-- == 0) {
			return u;
		}
	}
	return NULL;
}

static bool
collapses(const struct folder *f)
{
	return imap_conn_has(f->conn, IMAP_CAP(XGM_EXT1));
}

/* UIDs come in the order of the messages (RFC 4315 3). */
void
folder_append_event(struct folder *f, const struct imap_event *ev)
{
	uint32_t uid = ev->lo;
	struct upload *u;

	if (ev->code != IMAP_CODE_APPENDUID || ev->value != f->uidvalidity ||
		ev->lo == 0) {
		return;
	}
	do {
		u = member(f, ev->cookie, f->up.told);
		if (u != NULL && (uid >= f->up.u0 || collapses(f))) {
			u->uid = uid;
		}
		f->up.told++;
	} while (u != NULL && uid++ < ev->hi);
}

/* Nothing more of this folder is sent, but what is under way to its end. */
static void
drop_rest(struct folder *f)
{
	for (uint32_t i = f->up.next; i < f->up.n; i++) {
		if (f->uploads[i].state == UPLOAD_READY) {
			f->uploads[i].state = UPLOAD_FAILED;
		}
	}
}

enum err
folder_append_step(struct folder *f)
{
	if (f->up.sending) {
		return pump(f);
	}
	if (f->up.open) {
		return go_on(f);
	}
	if (f->stopping || f->up.full) {
		drop_rest(f);
	}
	return f->up.next < f->up.n ? begin(f) : ERR_END;
}

/* Nothing of this APPEND was stored, says the server. */
static void
refused(struct folder *f, const struct imap_event *ev, uint32_t n)
{
	struct intent i = {.name = ""};
	struct upload *u;

	if (n > 1 && ev->status == IMAP_BAD) {
		imap_conn_refuse(f->conn, IMAP_CAP(MULTIAPPEND), IMAP_BAD);
	}
	while ((u = member(f, ev->cookie, 0)) != NULL) {
		u->state = n > 1 ? UPLOAD_REFUSED : UPLOAD_FAILED;
		u->limit = (uint16_t)((n + 1) / 2);
		u->uid = 0;
		(void)folder_up_intent(f, u, &i);
	}
	if (n > 1) {
		return;
	}
	f->stats.failed++;
	log_msg(LOG_ERROR, "%s: the server did not take %s: %s",
		f->job->title, i.name, f->conn->text);
	if (ev->code == IMAP_CODE_OVERQUOTA) {
		f->up.eof = f->up.full = true; /* nor the others */
	}
}

/* A literal that was announced as non-synchronising has to be sent all the
 * same (RFC 7888 4); one that waits for "+" is not sent at all. */
static void
take_back(struct folder *f, uint32_t first)
{
	if (f->up.sending && f->up.waiting &&
		f->uploads[f->up.next].first == first) {
		imap_literal_drop(f->conn);
		fs_close(&f->up.fd);
		f->up.sending = f->up.waiting = f->up.open = false;
		f->up.next = f->up.last;
	}
}

/* As many UIDs as messages, ascending (RFC 3501 2.3.1.1), and of no message
 * that is known: else none of them is believed. Gmail keeps equal messages
 * once, under their old UID. */
static bool
credible(struct folder *f, uint32_t first, uint32_t n)
{
	uint32_t last = 0;

	if (f->up.told != n) {
		return false;
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct upload *u = member(f, first, i);

		if (!collapses(f) && (u->uid <= last ||
			folder_up_taken(f, u->uid))) {
			f->up.doubt = true;
			return false;
		}
		last = u->uid;
	}
	return true;
}

enum err
folder_append_done(struct folder *f, const struct imap_event *ev)
{
	uint32_t n = 0;
	struct upload *u;
	bool good;

	f->up.busy -= f->up.busy > 0;
	while (member(f, ev->cookie, n) != NULL) {
		n++;
	}
	good = credible(f, ev->cookie, n);
	f->up.told = 0;
	if (ev->status == IMAP_OK) {
		while ((u = member(f, ev->cookie, 0)) != NULL) {
			u->uid = good ? u->uid : 0;
			u->state = u->uid != 0 ? UPLOAD_KNOWN : UPLOAD_STORED;
		}
		return ERR_OK;
	}
	if (ev->code == IMAP_CODE_TRYCREATE) {
		return err_set(ERR_REFUSED, "the folder vanished on the "
			"server: %s", f->conn->text);
	}
	refused(f, ev, n);
	take_back(f, ev->cookie);
	return ERR_OK;
}
