/*
 * journal: see journal.h; the lines are in doc/FORMATS.md.
 *
 * The checksum of a line starts from its place in the file, so that a line
 * left over from before the last clearing can never pass for a new one behind
 * a torn write. Opening walks the lines and cuts the file behind the last good
 * one, so that what is added next is not lost behind rubbish.
 *
 * The file is made by the first journal_add(): most folders never need it. Its
 * header alone is what journal_clear() leaves, when the name was durable: then
 * a run with one group of uploads has one flush here.
 */
#include <string.h>

#include "base/buf.h"
#include "base/crc32.h"
#include "base/log.h"
#include "store/journal.h"

#define NAME "journal"
#define ASIDE "journal.bad"
#define FIRST "wherry-journal "
#define HEADER FIRST "1\n"
#define HEADER_LEN (sizeof(HEADER) - 1)
/* checksum, letter, four numbers, key, blanks, name with every byte as %XX */
#define LINE (96u + 3u * CFG_NAME)

static uint32_t
checksum(struct span text, uint64_t at)
{
	uint32_t start = CRC32_START ^ (uint32_t)at ^ (uint32_t)(at >> 32);

	return crc32(start, text.p, text.n);
}

static void
hex32(struct buf *b, uint32_t v)
{
	uint8_t p[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16),
		(uint8_t)(v >> 8), (uint8_t)v};

	buf_hex(b, p, sizeof(p));
}

static void
put_name(struct buf *b, struct span name)
{
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = (uint8_t)name.p[i];

		if (c > ' ' && c != '%' && c != 0x7f) {
			buf_char(b, (char)c);
		} else {
			buf_char(b, '%');
			buf_hex(b, &c, 1);
		}
	}
}

/* Lower-case hex of exactly n digits. */
static bool
get_hex(struct span s, size_t n, uint64_t *out)
{
	*out = 0;
	if (s.n != n) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		char c = s.p[i];
		unsigned d;

		if (c >= '0' && c <= '9') {
			d = (unsigned)(c - '0');
		} else if (c >= 'a' && c <= 'f') {
			d = (unsigned)(c - 'a') + 10;
		} else {
			return false;
		}
		*out = *out << 4 | d;
	}
	return true;
}

static bool
get_name(struct span s, char out[CFG_NAME])
{
	size_t n = 0;
	uint64_t c;

	for (size_t i = 0; i < s.n; i++) {
		c = (uint8_t)s.p[i];
		if (c == '%') {
			if (!get_hex(span_upto(span_from(s, i + 1), 2), 2,
				    &c) ||
				c == 0) {
				return false;
			}
			i += 2;
		}
		if (n + 1 >= CFG_NAME) {
			return false;
		}
		out[n++] = (char)(uint8_t)c;
	}
	out[n] = '\0';
	return n > 0;
}

/* The next field, up to a blank or the end. */
static struct span
field(struct span *rest)
{
	size_t n = span_find(*rest, ' ');
	struct span f = span_upto(*rest, n);

	*rest = span_from(*rest, n + 1);
	return f;
}

/* line: without its LF. */
static bool
parse(struct intent *out, struct span line, uint64_t at)
{
	uint64_t crc;
	uint32_t where;
	struct span rest = line;

	memset(out, 0, sizeof(*out));
	if (!get_hex(field(&rest), 8, &crc) || crc != checksum(rest, at) ||
		!span_is(field(&rest), "A") ||
		!span_u32(field(&rest), &out->uidvalidity) ||
		!span_u32(field(&rest), &out->uidnext) ||
		!span_u32(field(&rest), &out->size) ||
		!get_hex(field(&rest), 16, &out->mkey) ||
		!span_u32(field(&rest), &where) || where > UINT8_MAX) {
		return false;
	}
	out->where = (uint8_t)where;
	return get_name(rest, out->name);
}

/* Reads the line at *at; ERR_END if there is no good one. */
static enum err
read_line(const struct journal *j, uint64_t *at, struct intent *out)
{
	char p[LINE];
	size_t n = 0;
	size_t got = 1;
	struct span line;

	while (n < sizeof(p) && got > 0) {
		enum err e = fs_pread(j->fd, p + n, sizeof(p) - n, *at + n,
			&got);

		if (e != ERR_OK) {
			return e;
		}
		n += got;
	}
	line.p = p;
	line.n = span_find((struct span){p, n}, '\n');
	if (line.n == n || !parse(out, line, *at)) {
		return ERR_END;
	}
	*at += line.n + 1;
	return ERR_OK;
}

/* ERR_OK: lines may follow. ERR_END: rubbish. ERR_CORRUPT: another version. */
static enum err
check_header(const struct journal *j)
{
	char p[HEADER_LEN];
	struct span first = SPAN(FIRST);
	size_t got;
	enum err e = fs_pread(j->fd, p, sizeof(p), 0, &got);

	if (e != ERR_OK) {
		return e;
	}
	if (got == HEADER_LEN && memcmp(p, HEADER, HEADER_LEN) == 0) {
		return ERR_OK;
	}
	if (got == HEADER_LEN &&
		span_starts((struct span){p, got}, first)) {
		return err_set(ERR_CORRUPT,
			"journal was written by another version of wherry");
	}
	return ERR_END;
}

/* A file whose first line never became whole was never acted on. Anything
 * else under that name is kept for a person to see. */
static enum err
drop_rubbish(struct journal *j, uint64_t size)
{
	char p[HEADER_LEN];
	bool zero = true;
	size_t got;
	enum err e = fs_pread(j->fd, p, sizeof(p), 0, &got);

	if (e != ERR_OK) {
		return e;
	}
	for (size_t i = 0; i < got; i++) {
		zero = zero && p[i] == 0;
	}
	if (zero || (size < HEADER_LEN && memcmp(p, HEADER, got) == 0)) {
		return fs_truncate(j->fd, 0);
	}
	log_msg(LOG_WARN, "a damaged journal was set aside as %s", ASIDE);
	fs_close(&j->fd);
	return fs_rename(j->dir, NAME, j->dir, ASIDE);
}

static enum err
heal(struct journal *j)
{
	struct intent i;
	uint64_t size;
	uint64_t at = HEADER_LEN;
	enum err e = fs_size(j->fd, &size);

	if (e != ERR_OK || size == 0) {
		return e;
	}
	e = check_header(j);
	if (e == ERR_END) {
		/* Lines have checksums of their own: a damaged header alone
		 * must not lose an intent. */
		e = read_line(j, &at, &i);
		if (e == ERR_END) {
			return drop_rubbish(j, size);
		}
		if (e == ERR_OK) {
			e = fs_pwrite(j->fd, HEADER, HEADER_LEN, 0);
		}
	}
	while (e == ERR_OK) {
		e = read_line(j, &at, &i);
	}
	if (e != ERR_END) {
		return e;
	}
	j->size = at > HEADER_LEN ? at : 0;
	j->named = size == HEADER_LEN;
	return j->size < size && !j->named ? fs_truncate(j->fd, j->size)
					   : ERR_OK;
}

void
journal_new(struct journal *j, fs_fd dir)
{
	memset(j, 0, sizeof(*j));
	j->dir = dir;
	j->fd = FS_NONE;
	j->opened = true;
}

enum err
journal_open(struct journal *j, fs_fd dir)
{
	enum err e;

	journal_new(j, dir);
	e = fs_open(dir, NAME, FS_READ | FS_WRITE, 0, &j->fd);
	if (e != ERR_OK) {
		j->fd = FS_NONE;
		return e == ERR_NOENT ? ERR_OK : e;
	}
	e = heal(j);
	if (e != ERR_OK) {
		journal_close(j);
	}
	return e;
}

void
journal_close(struct journal *j)
{
	if (j->opened) {
		fs_close(&j->fd);
	}
	j->size = 0;
	j->opened = false;
}

bool
journal_empty(const struct journal *j)
{
	return j->size == 0;
}

static enum err
create(struct journal *j)
{
	enum err e = ERR_OK;

	if (j->fd == FS_NONE) {
		e = fs_open(j->dir, NAME, FS_READ | FS_WRITE | FS_CREATE, 0600,
			&j->fd);
		if (e != ERR_OK) {
			j->fd = FS_NONE;
		}
	}
	return e;
}

uint64_t
journal_begin(void)
{
	return HEADER_LEN;
}

uint64_t
journal_end(const struct journal *j)
{
	return j->size > 0 ? j->size : HEADER_LEN;
}

enum err
journal_add(struct journal *j, const struct intent *i)
{
	char text[LINE];
	char line[HEADER_LEN + LINE];
	struct buf t;
	struct buf l;
	struct span name;
	uint64_t at = journal_end(j);
	enum err e;

	if (memchr(i->name, '\0', CFG_NAME) == NULL) {
		return err_set(ERR_LIMIT, "CFG_NAME");
	}
	name = span_of(i->name);
	if (name.n == 0) {
		return err_set(ERR_SYNTAX, "an intent without a name");
	}
	BUF_INIT(&t, text);
	buf_fmt(&t, "A %u %u %u ", i->uidvalidity, i->uidnext, i->size);
	hex32(&t, (uint32_t)(i->mkey >> 32));
	hex32(&t, (uint32_t)i->mkey);
	buf_fmt(&t, " %u ", (unsigned)i->where);
	put_name(&t, name);

	BUF_INIT(&l, line);
	buf_str(&l, j->size == 0 ? HEADER : "");
	hex32(&l, checksum(buf_get(&t), at));
	buf_char(&l, ' ');
	buf_span(&l, buf_get(&t));
	buf_char(&l, '\n');
	if (t.err != ERR_OK || l.err != ERR_OK) {
		return err_set(ERR_LIMIT, "CFG_NAME");
	}
	e = create(j);
	if (e == ERR_OK) {
		e = fs_pwrite(j->fd, line, l.n, j->size);
	}
	if (e == ERR_OK) {
		j->size += l.n;
		j->dirty = true;
	}
	return e;
}

static enum err
commit_name(struct journal *j)
{
	enum err e = j->named ? ERR_OK : fs_sync_names(j->dir);

	j->named = e == ERR_OK;
	return e;
}

enum err
journal_commit(struct journal *j)
{
	enum err e;

	if (!j->dirty) {
		return ERR_OK;
	}
	e = fs_sync(j->fd);
	if (e == ERR_OK) {
		e = commit_name(j);
	}
	if (e == ERR_OK) {
		j->dirty = false;
	}
	return e;
}

enum err
journal_read(struct journal *j, uint64_t *at, struct intent *out)
{
	if (*at == 0) {
		*at = HEADER_LEN;
	}
	if (j->fd == FS_NONE || *at >= j->size) {
		return ERR_END;
	}
	return read_line(j, at, out);
}

enum err
journal_clear(struct journal *j, bool durable)
{
	enum err e;

	if (j->size == 0) {
		return ERR_OK;
	}
	e = commit_name(j);
	if (e == ERR_OK) {
		e = fs_truncate(j->fd, HEADER_LEN);
	}
	if (e == ERR_OK) {
		j->size = 0;
		j->dirty = false;
		e = durable ? fs_sync(j->fd) : ERR_OK;
	}
	return e;
}
