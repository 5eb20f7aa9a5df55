/*
 * catalog: a header of 128 bytes, rows in order of their ids, and a tail of
 * rows that came since in the order they came.
 *
 * Ids are digests, so they are spread evenly: the first few probes of a search
 * interpolate and read what lies around, which finds a row of 10,000 in about
 * two reads; then it bisects, which bounds it whatever the ids are. A damaged
 * row may lead a search astray. It then finds nothing, never another row: id
 * and checksum of what is found are right, or it is not found.
 */
#include <string.h>

#include "base/le.h"
#include "store/catalog.h"
#include "store/fields.h"
#include "store/sort.h"

#define HEADER 128u
#define ROW CATALOG_ROW
#define VERSION 3u
#define NAME "folders"
#define NEW_NAME "folders.new"
#define GUESSES 4
#define RUN 16 /* rows in a read */

enum { AGREED = 1, STAMPED = 2 };
enum { VALID = 1, ROOT_STAMPED = 2 };

static const uint8_t magic[8] = {'W', 'H', 'E', 'R', 'R', 'Y', 'f', 'o'};

#define R(at, member) FIELD(at, struct catalog_row, member)
#define C(at, member) FIELD(at, struct catalog, member)
#define SET(at, member) C(at, whole.member.sum), C(at + 8, whole.member.n)

static const struct field row_fields[] = {
	R(0, id), R(16, stamps), R(32, local), R(40, config), R(48, modseq),
	R(56, uidvalidity), R(60, uidnext), R(64, messages), R(68, unseen),
	R(72, listed_at)};

static const struct field header_fields[] = {
	C(12, rows), C(96, refused.once), C(100, refused.twice),
	C(104, refused.at), C(24, whole.config), SET(32, remote),
	SET(48, local), SET(64, synced), C(80, whole.stamp),
	SET(108, tops)};
#define ALWAYS 4 /* the first so many; the others if whole.valid */

static void
enc(const struct catalog_row *r, uint8_t p[ROW])
{
	memset(p, 0, ROW);
	fields_put(FIELDS(row_fields), r, p);
	p[76] = (uint8_t)((r->agreed ? AGREED : 0) |
		(r->stamped ? STAMPED : 0));
	fields_seal(p, ROW);
}

static void
dec(struct catalog_row *r, const uint8_t p[ROW])
{
	fields_get(FIELDS(row_fields), r, p);
	r->agreed = (p[76] & AGREED) != 0;
	r->stamped = (p[76] & STAMPED) != 0;
}

static void
enc_header(const struct catalog *c, uint8_t p[HEADER])
{
	const struct catalog_whole *w = &c->whole;

	memset(p, 0, HEADER);
	memcpy(p, magic, sizeof(magic));
	le_put32(p + 8, VERSION);
	if (w->valid) {
		p[16] = (uint8_t)(VALID | (w->stamped ? ROOT_STAMPED : 0));
	}
	fields_put(header_fields, w->valid ? FIELDS_N(header_fields) : ALWAYS,
		c, p);
	fields_seal(p, HEADER);
}

static bool
dec_header(struct catalog *c, const uint8_t p[HEADER])
{
	struct catalog_whole *w = &c->whole;

	if (memcmp(p, magic, sizeof(magic)) != 0 ||
		le_get32(p + 8) != VERSION || !fields_sealed(p, HEADER)) {
		return false;
	}
	fields_get(FIELDS(header_fields), c, p);
	w->valid = (p[16] & VALID) != 0;
	w->stamped = (p[16] & ROOT_STAMPED) != 0;
	return true;
}

void
catalog_set_add(struct catalog_set *s, const uint8_t md5[16])
{
	s->n++;
	s->sum += le_get64(md5);
}

bool
catalog_set_eq(const struct catalog_set *a, const struct catalog_set *b)
{
	return a->n == b->n && a->sum == b->sum;
}

static uint64_t
place(uint64_t i)
{
	return HEADER + i * ROW;
}

static bool
read_at(struct catalog *c, uint64_t at, uint8_t *p, size_t n)
{
	size_t got;

	return fs_pread(c->fd, p, n, at, &got) == ERR_OK && got == n;
}

void
catalog_open(struct catalog *c, fs_fd dir)
{
	uint8_t p[HEADER];
	uint64_t size, n;

	memset(c, 0, sizeof(*c));
	c->dir = dir;
	if (fs_open(dir, NAME, FS_READ | FS_WRITE, 0, &c->fd) != ERR_OK) {
		c->fd = FS_NONE;
		return;
	}
	if (!read_at(c, 0, p, HEADER) || !dec_header(c, p) ||
		fs_size(c->fd, &size) != ERR_OK) {
		catalog_close(c);
		return;
	}
	n = (size - HEADER) / ROW;
	c->rows = n < c->rows ? (uint32_t)n : c->rows;
	n -= c->rows; /* a run that was killed may have left a tail */
	c->tail = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

void
catalog_close(struct catalog *c)
{
	fs_close(&c->fd);
	memset(&c->whole, 0, sizeof(c->whole));
	c->rows = c->tail = 0;
}

/* Where the row of id is, and its bytes, which may be damaged behind the id. */
static bool
search(struct catalog *c, const uint8_t id[16], uint32_t *at, uint8_t p[ROW])
{
	uint64_t key = be_get32(id), from = 0, to = (uint64_t)1 << 32;
	uint32_t lo = 0, hi = c->rows;
	uint8_t run[RUN * ROW];

	for (int i = 0; lo < hi; i++) {
		uint64_t n = hi - lo;
		uint32_t skip = (uint32_t)(i < GUESSES && key >= from &&
			key < to ? (key - from) * n / (to - from) : n / 2);
		const uint8_t *row = run;

		*at = lo + (skip > RUN / 2 ? skip - RUN / 2 : 0);
		n = hi - *at < RUN ? hi - *at : RUN;
		if (!read_at(c, place(*at), run, (size_t)n * ROW)) {
			return false;
		}
		for (; n > 0; n--, ++*at, row += ROW) {
			int order = memcmp(id, row, 16);

			if (order == 0) {
				memcpy(p, row, ROW);
				return true;
			}
			if (order < 0) {
				hi = *at;
				to = (uint64_t)be_get32(row) + 1;
				break;
			}
			lo = *at + 1;
			from = be_get32(row);
		}
	}
	return false;
}

enum err
catalog_find(struct catalog *c, const uint8_t id[16], struct catalog_row *out)
{
	uint8_t p[ROW];
	uint32_t at;

	if (!search(c, id, &at, p) || !fields_sealed(p, ROW)) {
		return ERR_NOENT;
	}
	dec(out, p);
	return ERR_OK;
}

static enum err
write_header(struct catalog *c, fs_fd fd)
{
	uint8_t p[HEADER];

	enc_header(c, p);
	return fs_pwrite(fd, p, HEADER, 0);
}

/* A file to write to, if there is none that was understood. */
static enum err
need_file(struct catalog *c)
{
	enum err e;

	if (c->fd != FS_NONE) {
		return ERR_OK;
	}
	e = fs_open(c->dir, NAME, FS_READ | FS_WRITE | FS_CREATE | FS_TRUNC,
		0600, &c->fd);
	return e == ERR_OK ? write_header(c, c->fd) : e;
}

enum err
catalog_put(struct catalog *c, const struct catalog_row *row)
{
	uint8_t now[ROW], old[ROW];
	uint32_t at;
	enum err e;

	enc(row, now);
	if (search(c, row->id, &at, old)) {
		return memcmp(now, old, ROW) == 0 ? ERR_OK :
			fs_pwrite(c->fd, now, ROW, place(at));
	}
	e = need_file(c);
	if (e == ERR_OK) {
		e = fs_pwrite(c->fd, now, ROW, place((uint64_t)c->rows +
			c->tail));
	}
	if (e == ERR_OK) {
		c->tail++;
	}
	return e;
}

/* All rows that are whole, into the sorter. */
static enum err
feed(struct catalog *c, struct sort *s)
{
	uint64_t n = (uint64_t)c->rows + c->tail;
	uint8_t p[ROW];
	enum err e = ERR_OK;

	for (uint64_t i = 0; i < n && e == ERR_OK; i++) {
		if (read_at(c, place(i), p, ROW) && fields_sealed(p, ROW)) {
			e = sort_put(s, p);
		}
	}
	return e == ERR_OK ? sort_finish(s) : e;
}

/* From the sorter into the new file; of equal ids the last that came. */
static enum err
drain(struct sort *s, fs_fd fd, uint32_t *rows)
{
	uint8_t p[2][ROW];
	unsigned now = 0;
	enum err e = sort_next(s, p[now]);

	*rows = 0;
	while (e == ERR_OK) {
		e = sort_next(s, p[1 - now]);
		if (e != ERR_OK && e != ERR_END) {
			return e;
		}
		if (e == ERR_END || memcmp(p[0], p[1], 16) != 0) {
			enum err w = fs_pwrite(fd, p[now], ROW, place(*rows));

			if (w != ERR_OK) {
				return w;
			}
			(*rows)++;
		}
		now = 1 - now;
	}
	return e == ERR_END ? ERR_OK : e;
}

static enum err
rewrite(struct catalog *c, void *arena, size_t size)
{
	struct sort s;
	fs_fd fd;
	enum err e = fs_open(c->dir, NEW_NAME,
		FS_READ | FS_WRITE | FS_CREATE | FS_TRUNC, 0600, &fd);

	if (e != ERR_OK) {
		return e;
	}
	sort_begin(&s, arena, size, ROW, 16, c->dir, "folders.sort");
	e = feed(c, &s);
	if (e == ERR_OK) {
		e = drain(&s, fd, &c->rows);
	}
	sort_end(&s);
	if (e == ERR_OK) {
		e = write_header(c, fd);
	}
	if (e == ERR_OK) {
		e = fs_rename(c->dir, NEW_NAME, c->dir, NAME);
	}
	fs_close(&c->fd);
	c->fd = fd;
	c->tail = 0;
	if (e != ERR_OK) {
		catalog_close(c);
	}
	return e;
}

enum err
catalog_commit(struct catalog *c, void *arena, size_t size)
{
	uint8_t now[HEADER], old[HEADER];
	enum err e;

	if (c->tail > 0) {
		return rewrite(c, arena, size);
	}
	e = need_file(c);
	enc_header(c, now);
	if (e == ERR_OK && (!read_at(c, 0, old, HEADER) ||
		memcmp(now, old, HEADER) != 0)) {
		e = fs_pwrite(c->fd, now, HEADER, 0);
	}
	return e;
}
