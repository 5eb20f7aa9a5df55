/*
 * spill: one buffer and, if it overflows, one file.
 *
 * The spill is one stream of entries, each a length (2 bytes, little-endian)
 * and its bytes; the offset of an entry is its place in that stream. While
 * writing, the buffer is the stream's tail: `size` bytes are in the file, `n`
 * follow in the buffer. While reading, the buffer is a window of n bytes that
 * ends at `pos`; an entry that is not whole in the window moves the window to
 * the entry's start. A stream that never left the buffer is read where it is.
 */
#include <string.h>

#include "store/spill.h"

#define ENTRY 4096u
#define LEAST 512u
#define LENGTH 2u

static enum err
fail(struct spill *s, enum err e)
{
	if (s->err == ERR_OK) {
		s->err = e;
	}
	return s->err;
}

void
spill_begin(struct spill *s, fs_fd dir, const char *name, void *buf, size_t cap)
{
	struct span label = span_of(name);

	memset(s, 0, sizeof(*s));
	s->dir = dir;
	s->fd = FS_NONE;
	s->buf = buf;
	s->cap = cap;
	if (label.n == 0 || label.n >= sizeof(s->name) || cap < LEAST) {
		fail(s, err_set(ERR_USAGE, "spill: name or buffer"));
		return;
	}
	memcpy(s->name, label.p, label.n);
}

/* Moves what waits in the buffer to the file. */
static enum err
flush(struct spill *s)
{
	enum err e;

	if (s->n == 0) {
		return ERR_OK;
	}
	if (s->fd == FS_NONE) {
		e = fs_open(s->dir, s->name,
			FS_READ | FS_WRITE | FS_CREATE | FS_TRUNC, 0600,
			&s->fd);
		if (e != ERR_OK) {
			s->fd = FS_NONE;
			return e;
		}
	}
	e = fs_pwrite(s->fd, s->buf, s->n, s->size);
	if (e == ERR_OK) {
		s->size += s->n;
		s->n = 0;
	}
	return e;
}

enum err
spill_add(struct spill *s, const void *p, size_t n, uint64_t *offset)
{
	enum err e;

	if (s->err != ERR_OK) {
		return s->err;
	}
	if (s->reading) {
		return fail(s, err_set(ERR_USAGE, "spill: add after rewind"));
	}
	if (n == 0 || n > ENTRY || n > s->cap - LENGTH) {
		return fail(s, err_set(ERR_LIMIT, "an entry of %zu bytes in %s",
			n, s->name));
	}
	if (LENGTH + n > s->cap - s->n) {
		e = flush(s);
		if (e != ERR_OK) {
			return fail(s, e);
		}
	}
	if (offset != NULL) {
		*offset = s->size + s->n;
	}
	s->buf[s->n] = (uint8_t)n;
	s->buf[s->n + 1] = (uint8_t)(n >> 8);
	memcpy(s->buf + s->n + LENGTH, p, n);
	s->n += LENGTH + n;
	s->count++;
	return ERR_OK;
}

enum err
spill_rewind(struct spill *s)
{
	enum err e;

	if (s->err != ERR_OK) {
		return s->err;
	}
	if (!s->reading && s->size > 0) {
		e = flush(s);
		if (e != ERR_OK) {
			return fail(s, e);
		}
	}
	s->reading = true;
	s->at = 0;
	s->pos = s->size;
	if (s->size > 0) {
		s->n = 0;
		s->pos = 0;
	}
	return ERR_OK;
}

static enum err
read_all(struct spill *s, void *p, size_t n, uint64_t at)
{
	uint8_t *to = p;
	size_t got;
	enum err e;

	while (n > 0) {
		e = fs_pread(s->fd, to, n, at, &got);
		if (e != ERR_OK) {
			return e;
		}
		if (got == 0) {
			return err_set(ERR_IO, "%s is cut short", s->name);
		}
		to += got;
		at += got;
		n -= got;
	}
	return ERR_OK;
}

static size_t
length(const uint8_t *p)
{
	return (size_t)p[0] | (size_t)p[1] << 8;
}

/* true if the entry at s->at is whole in the buffer. */
static bool
whole(const struct spill *s)
{
	size_t have = s->n - s->at;

	return have >= LENGTH && have - LENGTH >= length(s->buf + s->at);
}

enum err
spill_next(struct spill *s, const uint8_t **p, size_t *n)
{
	uint64_t here;
	size_t want;
	enum err e;

	if (s->err != ERR_OK) {
		return s->err;
	}
	if (!s->reading) {
		return fail(s, err_set(ERR_USAGE, "spill: next before rewind"));
	}
	if (!whole(s) && s->size > 0) {
		here = s->pos - (s->n - s->at);
		want = s->size - here < s->cap ? (size_t)(s->size - here)
					       : s->cap;
		e = read_all(s, s->buf, want, here);
		if (e != ERR_OK) {
			return fail(s, e);
		}
		s->pos = here + want;
		s->n = want;
		s->at = 0;
	}
	if (s->at == s->n) {
		return ERR_END;
	}
	if (!whole(s) || length(s->buf + s->at) == 0 ||
		length(s->buf + s->at) > ENTRY) {
		return fail(s, err_set(ERR_IO, "%s is damaged", s->name));
	}
	*n = length(s->buf + s->at);
	*p = s->buf + s->at + LENGTH;
	s->at += LENGTH + *n;
	return ERR_OK;
}

/* Copies n bytes at an offset of the stream, from the buffer or the file. */
static enum err
fetch(struct spill *s, uint64_t offset, void *out, size_t n)
{
	bool memory = s->size == 0 || (!s->reading && offset >= s->size);
	uint64_t end = s->size + (memory ? s->n : 0);

	if (offset > end || n > end - offset) {
		return err_set(ERR_CORRUPT, "no entry at that place of %s",
			s->name);
	}
	if (memory) {
		memcpy(out, s->buf + (offset - s->size), n);
		return ERR_OK;
	}
	return read_all(s, out, n, offset);
}

enum err
spill_get(struct spill *s, uint64_t offset, void *out, size_t cap, size_t *n)
{
	uint8_t head[LENGTH];
	enum err e;

	if (s->err != ERR_OK) {
		return s->err;
	}
	e = fetch(s, offset, head, LENGTH);
	if (e != ERR_OK) {
		return e;
	}
	*n = length(head);
	if (*n == 0 || *n > ENTRY) {
		return err_set(ERR_CORRUPT, "no entry at that place of %s",
			s->name);
	}
	if (*n > cap) {
		return err_set(ERR_LIMIT, "an entry of %zu bytes in %s", *n,
			s->name);
	}
	return fetch(s, offset + LENGTH, out, *n);
}

void
spill_end(struct spill *s)
{
	if (s->cap == 0) {
		return; /* never begun: fd may be a zero that is not ours */
	}
	if (s->fd != FS_NONE) {
		fs_close(&s->fd);
		(void)fs_unlink(s->dir, s->name);
	}
	s->n = s->at = 0;
	s->size = 0;
	s->reading = false;
}
