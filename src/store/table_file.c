/*
 * table_file: the file of a table: its header, opening and healing it, a new
 * one in its place.
 *
 * Whether a table is sorted cannot be seen without reading it, so the header
 * says how many records from the first on are in order (`ordered`). The number
 * may be too small, which costs some reading at open, but never too large: it
 * is raised only after those records are durable, and it is lowered durably
 * before an order is broken. It is not kept exact, to spare the flash: it
 * follows in steps (table_sync).
 */
#include <string.h>

#include "base/crc32.h"
#include "base/le.h"
#include "base/log.h"
#include "store/table_part.h"

#define NAME "table"
#define ASIDE "table.bad"
#define BUILD "table.new"
#define VERSION 1u

static const uint8_t magic[8] = {'W', 'H', 'E', 'R', 'R', 'Y', 't', 'b'};

/* --- the header --- */

enum err
table_put_header(struct table *t, uint32_t ordered)
{
	uint8_t p[TABLE_HEADER] = {0};
	enum err e;

	memcpy(p, magic, sizeof(magic));
	le_put32(p + 8, VERSION);
	le_put32(p + 12, TABLE_REC);
	le_put32(p + 16, ordered);
	le_put32(p + 28, crc32(CRC32_START, p, 28));
	e = fs_pwrite(t->fd, p, TABLE_HEADER, 0);
	if (e == ERR_OK) {
		t->ordered_disk = ordered;
	}
	return e;
}

enum err
table_limit_order(struct table *t, uint32_t recno)
{
	enum err e = ERR_OK;

	if (t->ordered_disk > recno) {
		e = table_put_header(t, recno);
		if (e == ERR_OK) {
			e = fs_sync(t->fd);
		}
	}
	if (e == ERR_OK && t->ordered > recno) {
		t->ordered = recno;
	}
	return e;
}

/* The file is empty, and so is the table. */
static enum err
start_empty(struct table *t)
{
	t->count = t->ordered = 0;
	t->held = t->lo = t->hi = 0;
	t->last_uid = 0;
	t->sorted = true;
	t->dirty = true;
	return table_put_header(t, 0);
}

static enum err
cut_all(struct table *t)
{
	enum err e = fs_truncate(t->fd, 0);

	return e == ERR_OK ? start_empty(t) : e;
}

/* --- opening --- */

static enum err
open_file(struct table *t, const char *name, int flags)
{
	enum err e = fs_open(t->dir, name,
		FS_READ | FS_WRITE | FS_CREATE | flags, 0600, &t->fd);

	t->opened = e == ERR_OK;
	if (e != ERR_OK) {
		t->fd = FS_NONE;
	}
	return e;
}

static bool
all_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != 0) {
			return false;
		}
	}
	return true;
}

/* A power cut can leave a file that has its size and not its data. */
static enum err
cut_zeroes(struct table *t)
{
	uint32_t end = t->count;

	while (end > 0) {
		uint32_t n = end < TABLE_BLOCK ? end : TABLE_BLOCK;
		enum err e = table_look(t, end - n, end, &n);

		if (e != ERR_OK) {
			return e;
		}
		while (n > 0 && all_zero(t->block + (n - 1) * TABLE_REC,
				       TABLE_REC)) {
			n--;
			end--;
		}
		if (n > 0) {
			break;
		}
	}
	t->count = end;
	t->held = 0;
	return ERR_OK;
}

/* Steps over the records from `from` on: how far does the order go, and which
 * is the highest uid? */
static enum err
scan_order(struct table *t, uint32_t from)
{
	uint32_t n;
	struct rec r;

	for (uint32_t at = from; at < t->count; at += n) {
		enum err e = table_look(t, at, t->count, &n);

		if (e != ERR_OK) {
			return e;
		}
		for (uint32_t i = 0; i < n; i++) {
			bool good = rec_dec(&r, t->block + i * TABLE_REC) ==
				ERR_OK;

			if (good && r.uid <= t->last_uid) {
				t->sorted = false;
			}
			if (good && r.uid > t->last_uid) {
				t->last_uid = r.uid;
			}
			if (t->sorted) {
				t->ordered = at + i + 1;
			}
		}
	}
	return ERR_OK;
}

/* The highest uid of the part that is in order is the last good one. */
static enum err
last_of_ordered(struct table *t)
{
	struct rec r;

	for (uint32_t end = t->ordered; end > 0 && t->last_uid == 0;) {
		uint32_t n = end < TABLE_BLOCK ? end : TABLE_BLOCK;
		enum err e = table_look(t, end - n, end, &n);

		if (e != ERR_OK) {
			return e;
		}
		for (uint32_t i = n; i-- > 0 && t->last_uid == 0;) {
			if (rec_dec(&r, t->block + i * TABLE_REC) == ERR_OK) {
				t->last_uid = r.uid;
			}
		}
		end -= n;
	}
	return ERR_OK;
}

/* true if the header is ours; a wrong checksum only costs the order. */
static bool
dec_header(struct table *t, const uint8_t p[TABLE_HEADER])
{
	if (memcmp(p, magic, sizeof(magic)) != 0 ||
		le_get32(p + 8) != VERSION || le_get32(p + 12) != TABLE_REC) {
		return false;
	}
	t->ordered_disk = 0;
	if (le_get32(p + 28) == crc32(CRC32_START, p, 28)) {
		t->ordered_disk = le_get32(p + 16);
	}
	return true;
}

static enum err
make_file(struct table *t, const char *name)
{
	enum err e = open_file(t, name, FS_TRUNC);

	return e == ERR_OK ? start_empty(t) : e;
}

static enum err
set_aside(struct table *t)
{
	enum err e;

	log_msg(LOG_WARN, "a damaged table was set aside as %s", ASIDE);
	fs_close(&t->fd);
	e = fs_rename(t->dir, NAME, t->dir, ASIDE);
	t->healed = true;
	return e == ERR_OK ? make_file(t, NAME) : e;
}

/* A file of at least a header, whose header is ours. */
static enum err
heal(struct table *t, uint64_t size)
{
	enum err e;

	t->count = (uint32_t)((size - TABLE_HEADER) / TABLE_REC);
	e = cut_zeroes(t);
	if (e == ERR_OK && table_place(t->count) != size) {
		t->healed = true;
		t->dirty = true;
		e = fs_truncate(t->fd, table_place(t->count));
	}
	if (e == ERR_OK) {
		e = table_limit_order(t, t->count);
	}
	t->ordered = t->ordered_disk;
	t->sorted = true;
	if (e == ERR_OK) {
		e = last_of_ordered(t);
	}
	return e == ERR_OK ? scan_order(t, t->ordered) : e;
}

/* What of the header there is, *got bytes of it. */
static enum err
get_header(struct table *t, uint8_t p[TABLE_HEADER], size_t *got, uint64_t *size)
{
	size_t n = 1;
	enum err e = fs_size(t->fd, size);

	*got = 0;
	while (e == ERR_OK && *got < TABLE_HEADER && n > 0) {
		e = fs_pread(t->fd, p + *got, TABLE_HEADER - *got, *got, &n);
		*got += e == ERR_OK ? n : 0;
	}
	return e;
}

enum err
table_peek(struct table *t, fs_fd dir)
{
	uint8_t p[TABLE_HEADER];
	uint64_t size;
	size_t got;
	enum err e;

	memset(t, 0, sizeof(*t));
	e = fs_open(dir, NAME, FS_READ, 0, &t->fd);
	if (e != ERR_OK) {
		return e;
	}
	t->opened = true;
	e = get_header(t, p, &got, &size);
	if (e != ERR_OK || got < TABLE_HEADER || !dec_header(t, p)) {
		return e != ERR_OK ? e : ERR_NOENT;
	}
	t->count = (uint32_t)((size - TABLE_HEADER) / TABLE_REC);
	t->ordered = t->ordered_disk < t->count ? t->ordered_disk : t->count;
	return last_of_ordered(t);
}

static enum err
load(struct table *t)
{
	uint8_t p[TABLE_HEADER];
	uint64_t size;
	size_t got;
	enum err e = get_header(t, p, &got, &size);

	if (e != ERR_OK) {
		return e;
	}
	if (got < TABLE_HEADER) {
		/* New, or torn before it held a record. */
		t->healed = size > 0;
		return t->healed ? cut_all(t) : start_empty(t);
	}
	if (!dec_header(t, p) || (size - TABLE_HEADER) / TABLE_REC > UINT32_MAX) {
		return set_aside(t);
	}
	return heal(t, size);
}

enum err
table_new(struct table *t, fs_fd dir)
{
	memset(t, 0, sizeof(*t));
	t->dir = dir;
	return make_file(t, NAME);
}

enum err
table_open(struct table *t, fs_fd dir)
{
	enum err e;

	memset(t, 0, sizeof(*t));
	t->dir = dir;
	(void)fs_unlink(dir, BUILD);
	(void)fs_unlink(dir, "table.sort.0");
	(void)fs_unlink(dir, "table.sort.1");
	e = open_file(t, NAME, 0);
	if (e == ERR_OK) {
		e = load(t);
	}
	if (e != ERR_OK) {
		table_close(t);
	}
	return e;
}

uint32_t
table_size(fs_fd dir, uint32_t *last_uid)
{
	uint8_t last[TABLE_REC] = {0};
	uint64_t size = 0;
	fs_fd fd = FS_NONE;
	struct rec r;
	size_t got;

	if (fs_open(dir, NAME, FS_READ, 0, &fd) == ERR_OK) {
		(void)fs_size(fd, &size);
	}
	size = size > TABLE_HEADER ? (size - TABLE_HEADER) / TABLE_REC : 0;
	if (size > 0) {
		(void)fs_pread(fd, last, sizeof(last),
			TABLE_HEADER + (size - 1) * TABLE_REC, &got);
	}
	fs_close(&fd);
	*last_uid = rec_dec(&r, last) == ERR_OK ? r.uid : 0;
	return size <= UINT32_MAX ? (uint32_t)size : 0;
}

void
table_close(struct table *t)
{
	if (t->opened) {
		fs_close(&t->fd);
	}
	t->opened = false;
	t->count = t->ordered = 0;
	t->held = t->lo = t->hi = 0;
}

enum err
table_clear(struct table *t)
{
	enum err e = table_limit_order(t, 0);

	if (e == ERR_OK) {
		e = cut_all(t);
	}
	return e == ERR_OK ? table_sync(t) : e;
}

/* --- a new file beside the old one --- */

enum err
table_build(struct table *n, const struct table *t)
{
	enum err e;

	memset(n, 0, sizeof(*n));
	n->dir = t->dir;
	e = make_file(n, BUILD);
	if (e != ERR_OK) {
		table_build_abort(n);
	}
	return e;
}

void
table_build_abort(struct table *n)
{
	if (n->opened) {
		fs_close(&n->fd);
		n->opened = false;
		(void)fs_unlink(n->dir, BUILD);
	}
}

enum err
table_build_commit(struct table *t, struct table *n)
{
	enum err e = table_flush(n);

	/* Header and records become durable together, before the name. */
	if (e == ERR_OK) {
		e = table_put_header(n, n->ordered);
	}
	if (e == ERR_OK) {
		e = fs_sync(n->fd);
	}
	if (e == ERR_OK) {
		e = fs_rename(n->dir, BUILD, n->dir, NAME);
	}
	if (e != ERR_OK) {
		table_build_abort(n);
		return e;
	}
	n->healed = t->healed;
	n->dirty = true;
	fs_close(&t->fd);
	*t = *n;
	n->fd = FS_NONE;
	n->opened = false;
	e = fs_sync_names(t->dir);
	if (e == ERR_OK) {
		t->named = true;
		t->dirty = false;
	}
	return e;
}
