/*
 * folder_body: one message from the wire to a file in tmp/, or one header
 * into a key, a few KiB at a time whatever the size. CR LF becomes LF; that is
 * all that ever changes. A body may come before its UID: the file has a number
 * until it is known whose it is.
 */
#include <string.h>

#include "sync/folder_part.h"

/* The sorter's arena is free while messages come: what is to be written
 * gathers in its first bytes, so that most messages are one write. */
#define OUT FOLDER_BODY_OUT
/* In blocks (folder_local_cut). */
#define EARLY_OUT (sizeof(((struct folder *)0)->early_out) & ~(size_t)511)
_Static_assert(OUT <= CFG_SORT_ARENA, "the sort arena holds the output");

/* Of the file in tmp/. */
void
folder_body_name(const struct folder *f, struct buf *out)
{
	if (CFG_RESUME && f->body.kept.uid != 0) {
		folder_resume_name(f, &f->body.kept, out);
	} else {
		folder_tmp_name(f->body.tmp, out);
	}
}

void
folder_body_drop(struct folder *f)
{
	char name[FOLDER_TMP_NAME];
	struct buf b;

	if (!f->body.open) {
		return;
	}
	f->body.open = f->body.cr = false;
	if (f->body.fd != FS_NONE) {
		fs_close(&f->body.fd);
		BUF_INIT(&b, name);
		folder_body_name(f, &b);
		(void)fs_unlink(f->box.tmp, name);
	}
}

void
folder_body_write(struct folder *f)
{
	if (f->body.out_n > 0 && f->body.err == ERR_OK &&
		f->body.fd != FS_NONE) {
		f->body.err = fs_write(f->body.fd, f->body.out, f->body.out_n);
	}
	f->body.file_n += f->body.out_n;
	f->body.out_n = 0;
}

static void
put(struct folder *f, char c)
{
	if (f->body.out_n == f->body.out_max) {
		folder_body_write(f);
	}
	f->body.out[f->body.out_n++] = (uint8_t)c;
}

/* A stretch without CR, as it is. */
static void
put_span(struct folder *f, struct span s)
{
	while (s.n > 0) {
		size_t room = f->body.out_max - f->body.out_n;
		size_t n = s.n < room ? s.n : room;

		memcpy(f->body.out + f->body.out_n, s.p, n);
		f->body.out_n += n;
		s = span_from(s, n);
		if (f->body.out_n == f->body.out_max) {
			folder_body_write(f);
		}
	}
}

static void
convert(struct folder *f, struct span data)
{
	while (data.n > 0) {
		size_t n = span_find(data, '\r');

		if (f->body.cr && data.p[0] != '\n') {
			put(f, '\r');
		}
		f->body.cr = n < data.n;
		put_span(f, span_upto(data, n));
		data = span_from(data, n < data.n ? n + 1 : n);
	}
}

static void
begin(struct folder *f, const struct imap_event *ev)
{
	char name[32];
	struct buf b;

	folder_body_drop(f); /* a second body in one answer: the last counts */
	f->body.open = true;
	f->body.bad = ev->nil;
	f->body.cr = false;
	f->body.uid = ev->fetch.has_uid ? ev->fetch.uid : 0;
	f->body.bytes = f->body.file_n = 0;
	f->body.size = ev->size;
	f->body.kept.uid = 0;
	f->body.kept.have = 0;
	f->body.out_n = 0;
	f->body.err = ERR_OK;
	f->body.fd = FS_NONE;
	f->body.early = CFG_FRESH > 0 && f->early.busy && f->select_done &&
		ev->section == IMAP_SECTION_ALL && !ev->partial;
	f->body.out = f->body.early && !f->early.blind ? f->early_out
						       : f->arena;
	f->body.out_max = f->body.out == f->arena ? OUT : EARLY_OUT;
	f->body.is_key = !f->body.early &&
		(f->phase != FOLDER_DOWN || !f->down.begun);
	sync_key_init(&f->body.key);
	if (f->body.is_key || ev->nil || ev->section != IMAP_SECTION_ALL) {
		return;
	}
	f->body.tmp = ++f->tmp_seq;
	if (CFG_RESUME && ev->partial) {
		f->body.err = folder_resume_open(f, ev);
		return;
	}
	BUF_INIT(&b, name);
	folder_tmp_name(f->body.tmp, &b);
	f->body.err = fs_open(f->box.tmp, name,
		FS_WRITE | FS_CREATE | FS_TRUNC, 0666, &f->body.fd);
}

/* What was kept of it was kept for nothing: a number is enough from here. */
static enum err
no_part(struct folder *f)
{
	char from[FOLDER_TMP_NAME], to[FOLDER_TMP_NAME];
	struct buf a, b;
	enum err e;

	BUF_INIT(&a, from);
	BUF_INIT(&b, to);
	folder_body_name(f, &a);
	folder_tmp_name(f->body.tmp, &b);
	e = fs_rename(f->box.tmp, from, f->box.tmp, to);
	f->body.kept.uid = e == ERR_OK ? 0 : f->body.kept.uid;
	return e;
}

enum err
folder_body_complete(struct folder *f, const struct imap_fetch *fetch)
{
	enum err e = ERR_OK;

	if (fetch->has_date) {
		e = fs_set_mtime(f->body.fd, fetch->internaldate, 0);
	}
	if (e == ERR_OK && (f->sync_each || f->sync_few ||
		(CFG_RESUME && f->body.kept.uid != 0))) { /* see BLOCK there */
		e = fs_sync(f->body.fd);
	} else if (f->sync_start) {
		fs_sync_start(f->body.fd);
	}
	if (CFG_RESUME && e == ERR_OK && f->body.kept.uid != 0) {
		e = no_part(f);
	}
	if (e == ERR_OK) {
		fs_close(&f->body.fd);
		f->body.open = false;
	}
	return e;
}

static enum err
take(struct folder *f, const struct imap_event *ev)
{
	switch (ev->kind) {
	case IMAP_EV_FETCH_BEGIN:
		folder_body_drop(f);
		return ERR_OK;
	case IMAP_EV_BODY_BEGIN:
		begin(f, ev);
		return f->body.err;
	case IMAP_EV_BODY_DATA:
		f->body.bytes += ev->data.n;
		sync_key_push(&f->body.key, ev->data);
		if (f->body.fd != FS_NONE) {
			convert(f, ev->data);
			f->stats.down_bytes += ev->data.n;
			if (CFG_RESUME) {
				folder_resume_step(f);
			}
		}
		return f->body.err;
	case IMAP_EV_BODY_END:
		if (f->body.cr) {
			put(f, '\r');
		}
		folder_body_write(f);
		return f->body.err;
	default:
		return ERR_OK;
	}
}

/* One that came with the listing may fail: it is asked for again, and then it
 * is told why. */
enum err
folder_body_event(struct folder *f, const struct imap_event *ev)
{
	enum err e = take(f, ev);

	if (CFG_FRESH > 0 && e != ERR_OK && f->body.early) {
		folder_body_drop(f);
		f->body.err = e = ERR_OK;
		err_clear();
	}
	return e;
}
