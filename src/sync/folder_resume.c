/*
 * folder_resume: a message that was cut off goes on where it ended.
 *
 * What has come of it stays in tmp/, under a name that says what it is:
 *
 *	wherry.<uidvalidity>.<uid>.<have>.<bytes>.<size>
 *
 * have: bytes of the literal, bytes: what they became in the file (line ends
 * are shorter there), size: of the whole literal. The file gets such a name
 * only after its data was synced, so the name is never ahead of the data,
 * whatever died; until then it is a number, which nobody takes up again. What
 * lies behind `bytes` is cut off. The rest is asked for alone, with one byte
 * more than is missing: an answer of any other size, or that begins elsewhere,
 * is not this message, and it is fetched whole.
 */
#include <string.h>

#include "sync/folder_part.h"

#define LEAST (64u << 10) /* bytes that are worth keeping */
#define STEP (8u << 20)	  /* bytes after which they are kept meanwhile */

void
folder_resume_name(const struct folder *f, const struct part *p,
	struct buf *out)
{
	const uint64_t n[] = {f->head.uidvalidity, p->uid, p->have, p->bytes,
		p->size};

	buf_str(out, FOLDER_TMP);
	for (unsigned i = 0; i < 5; i++) {
		if (i > 0) {
			buf_char(out, '.');
		}
		buf_u64(out, n[i]);
	}
	buf_cstr(out);
}

static bool
parse(const struct folder *f, const char *name, struct part *p)
{
	struct span s = span_from(span_of(name), sizeof(FOLDER_TMP) - 1);
	uint64_t n[5];

	for (unsigned i = 0; i < 5; i++) {
		size_t at = span_find(s, '.');

		if (!span_u64(span_upto(s, at), &n[i]) ||
			(at == s.n) != (i == 4)) {
			return false;
		}
		s = span_from(s, at + 1);
	}
	*p = (struct part){(uint32_t)n[1], n[2], n[3], n[4]};
	return n[0] != 0 && n[0] == f->head.uidvalidity && n[1] != 0 &&
		n[1] <= UINT32_MAX && p->have >= LEAST && p->have < p->size &&
		p->bytes <= p->have && p->size < UINT64_MAX;
}

void
folder_resume_forget(struct folder *f)
{
	char name[FOLDER_TMP_NAME];
	struct buf b;

	if (f->part.uid != 0) {
		BUF_INIT(&b, name);
		folder_resume_name(f, &f->part, &b);
		(void)fs_unlink(f->box.tmp, name);
		f->part.uid = 0;
	}
}

bool
folder_resume_found(struct folder *f, const char *name)
{
	struct part p;

	if (!parse(f, name, &p) ||
		(f->part.uid != 0 && p.have <= f->part.have)) {
		return false;
	}
	folder_resume_forget(f); /* one is kept: the longest */
	f->part = p;
	return true;
}

/* The header once more, for its key. */
static enum err
read_key(struct folder *f)
{
	uint64_t at = 0;
	size_t got = 1;
	enum err e = ERR_OK;

	while (e == ERR_OK && got > 0 && at < f->part.bytes &&
		!sync_key_done(&f->body.key)) {
		uint64_t left = f->part.bytes - at;

		e = fs_pread(f->body.fd, f->arena,
			left < 4096 ? (size_t)left : 4096, at, &got);
		sync_key_push(&f->body.key, (struct span){
			(const char *)f->arena, got});
		at += got;
	}
	return e;
}

enum err
folder_resume_open(struct folder *f, const struct imap_event *ev)
{
	const struct part *p = &f->part;
	char name[FOLDER_TMP_NAME];
	uint64_t size = 0;
	struct buf b;
	enum err e;

	f->body.bad = true;
	if (p->uid == 0 || ev->value != p->have ||
		ev->size != p->size - p->have ||
		(ev->fetch.has_uid && ev->fetch.uid != p->uid)) {
		return ERR_OK; /* not what was asked for: passes by */
	}
	BUF_INIT(&b, name);
	folder_resume_name(f, p, &b);
	e = fs_open(f->box.tmp, name, FS_READ | FS_WRITE | FS_APPEND, 0,
		&f->body.fd);
	if (e == ERR_OK) {
		e = fs_size(f->body.fd, &size);
	}
	if (e == ERR_OK && size >= p->bytes) {
		e = fs_truncate(f->body.fd, p->bytes);
		e = e == ERR_OK ? read_key(f) : e;
		f->body.bad = e != ERR_OK;
	}
	if (f->body.bad) {
		fs_close(&f->body.fd);
		return ERR_OK;
	}
	f->body.kept = *p;
	f->body.uid = p->uid;
	f->body.size = p->size;
	f->body.bytes = p->have;
	f->body.file_n = p->bytes;
	f->part.uid = 0;
	return ERR_OK;
}

bool
folder_resume_worth(const struct folder *f)
{
	return f->body.open && f->body.fd != FS_NONE && !f->body.bad &&
		f->body.err == ERR_OK && f->body.uid != 0 &&
		f->body.bytes >= f->body.kept.have + LEAST &&
		f->body.bytes < f->body.size;
}

enum err
folder_resume_save(struct folder *f)
{
	struct part p = {f->body.uid, f->body.bytes - f->body.cr, 0,
		f->body.size};
	char from[FOLDER_TMP_NAME], to[FOLDER_TMP_NAME];
	struct buf a, b;
	enum err e;

	folder_body_write(f);
	p.bytes = f->body.file_n;
	BUF_INIT(&a, from);
	BUF_INIT(&b, to);
	e = f->body.err;
	if (CFG_FRESH > 0 && e == ERR_OK && f->old_head.uidvalidity == 0) {
		e = folder_head_begin(f); /* the name means nothing without */
	}
	folder_body_name(f, &a);
	folder_resume_name(f, &p, &b);
	if (e == ERR_OK) {
		e = fs_sync(f->body.fd);
	}
	if (e == ERR_OK) {
		e = fs_rename(f->box.tmp, from, f->box.tmp, to);
	}
	if (e == ERR_OK) {
		f->body.kept = p;
		f->stats.kept += p.have > f->part.have; /* found once */
	}
	return e;
}

void
folder_resume_step(struct folder *f)
{
	if (f->body.bytes >= f->body.kept.have + STEP &&
		folder_resume_worth(f)) {
		f->body.err = folder_resume_save(f);
	}
}

void
folder_resume_keep(struct folder *f)
{
	if (folder_resume_worth(f)) {
		(void)folder_resume_save(f);
	}
	if (f->body.open && f->body.kept.uid != 0) {
		fs_close(&f->body.fd);
		f->body.open = false;
	}
}
