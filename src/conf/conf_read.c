/*
 * conf_read: Python's ConfigParser grammar, read byte by byte through a small
 * buffer. No line is ever held: names go to arrays of CFG_NAME, a value goes
 * to whoever asks for it, everything else is stepped over. So the longest line
 * does not matter, only the longest value that is wanted.
 *
 * Indentation decides: a text line that is indented deeper than the line of
 * the current key belongs to that key's value, whatever it holds. Blank lines
 * inside a value are empty lines of it, comment lines vanish. To see where a
 * value ends its reader must look into the next line; `at_text` remembers that
 * the indentation of a line has been read and its text has not.
 */
#include <string.h>

#include "conf/conf_read.h"

enum line { LINE_END, LINE_BLANK, LINE_COMMENT, LINE_TEXT };

#define NO_BYTE (-1)

/* The first error sticks; later reads see the end of the file. */
static void
fail(struct conf *c, const char *reason)
{
	if (c->err == ERR_OK) {
		c->err = err_set(ERR_CONF, "%s:%lu: %s", c->path,
			(unsigned long)c->line, reason);
	}
}

static void
fail_limit(struct conf *c, const char *what)
{
	if (c->err == ERR_OK) {
		c->err = err_set(ERR_LIMIT,
			"%s:%lu: %s is longer than CFG_NAME (%d bytes)",
			c->path, (unsigned long)c->line, what, CFG_NAME - 1);
	}
}

static int
peek_raw(struct conf *c)
{
	if (c->err != ERR_OK) {
		return NO_BYTE;
	}
	if (c->io_at == c->io_n) {
		size_t got;

		if (c->io_last) {
			return NO_BYTE;
		}

		c->err = fs_pread(c->fd, c->w->io, sizeof(c->w->io),
			c->io_pos, &got);
		if (c->err != ERR_OK || got == 0) {
			return NO_BYTE;
		}
		c->io_pos += got;
		c->io_at = 0;
		c->io_n = got;
		c->io_last = got < sizeof(c->w->io);
	}
	return c->w->io[c->io_at];
}

/* To a place in the file. One that fits into io is read once. */
static void
go_to(struct conf *c, uint64_t at)
{
	bool here = c->io_pos == c->io_n && at <= c->io_n;

	c->io_at = here ? (size_t)at : 0;
	if (!here) {
		c->io_n = 0;
		c->io_pos = at;
		c->io_last = false;
	}
}

/* The next byte with CR and CR LF as LF, not taken. */
static int
peek(struct conf *c)
{
	int b = peek_raw(c);

	if (b == 0) {
		fail(c, "a NUL byte: this is not a text file");
		return NO_BYTE;
	}
	return b == '\r' ? '\n' : b;
}

static int
get(struct conf *c)
{
	int b = peek(c);

	if (b == NO_BYTE) {
		return b;
	}
	if (c->w->io[c->io_at++] == '\r' && peek_raw(c) == '\n') {
		c->io_at++;
	}
	if (b == '\n') {
		c->line++;
	}
	return b;
}

/* What Python strips, as far as it is ASCII and ends no line. */
static bool
is_blank(int b)
{
	return b == ' ' || b == '\t' || b == '\v' || b == '\f' ||
		(b >= 0x1c && b <= 0x1f);
}

static void
skip_line(struct conf *c)
{
	int b;

	do {
		b = get(c);
	} while (b != NO_BYTE && b != '\n');
}

/* Reads the indentation of a line, and all of it if it holds no text. */
static enum line
begin_line(struct conf *c)
{
	c->indent = 0;
	while (is_blank(peek(c))) {
		get(c);
		c->indent++;
	}
	switch (peek(c)) {
	case NO_BYTE:
		return LINE_END;
	case '\n':
		get(c);
		return LINE_BLANK;
	case '#':
	case ';':
		skip_line(c);
		return LINE_COMMENT;
	default:
		return LINE_TEXT;
	}
}

void
conf_read_begin(struct conf *c)
{
	go_to(c, 0);
	c->line = 1;
	c->in_line = c->at_text = c->in_key = c->in_section = false;
	c->err = ERR_OK;
	/* a byte order mark */
	if (peek_raw(c) == 0xef && c->io_n >= 3 && c->w->io[1] == 0xbb &&
		c->w->io[2] == 0xbf) {
		c->io_at = 3;
	}
}

/* "[name]", up to the last bracket of the line, as Python's greedy pattern
 * takes it; what stands behind it does not count. */
static enum conf_item
read_section(struct conf *c)
{
	size_t n = 0, close = 0;
	int b;

	c->item_line = c->line;
	get(c);
	for (b = peek(c); b != NO_BYTE && b != '\n'; b = peek(c)) {
		if (b == ']') {
			close = n;
		}
		if (n < CFG_NAME) {
			c->section[n] = (char)b;
		}
		n++;
		get(c);
	}
	if (close == 0) {
		fail(c, "a section header is written [name]");
		return CONF_END;
	}
	if (close >= CFG_NAME) {
		fail_limit(c, "a section's name");
		return CONF_END;
	}
	c->section[close] = '\0';
	c->in_section = true;
	c->in_key = false;
	c->in_line = true;
	return c->err == ERR_OK ? CONF_SECTION : CONF_END;
}

static enum conf_item
read_key(struct conf *c)
{
	size_t n = 0, kept = 0;
	int b;

	c->item_line = c->line;
	if (!c->in_section) {
		fail(c, "text before the first [section]");
		return CONF_END;
	}
	for (b = peek(c); b != '=' && b != ':'; b = peek(c)) {
		if (b == NO_BYTE || b == '\n') {
			fail(c, "a line without = (an option is written "
				"name = value; a line that goes on is "
				"indented)");
			return CONF_END;
		}
		if (n >= CFG_NAME - 1) {
			fail_limit(c, "an option's name");
			return CONF_END;
		}
		c->key[n++] = (char)(b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b);
		kept = is_blank(b) ? kept : n;
		get(c);
	}
	if (kept == 0) {
		fail(c, "an option without a name");
		return CONF_END;
	}
	get(c);
	c->key[kept] = '\0';
	c->in_key = true;
	c->in_line = true;
	return CONF_KEY;
}

enum conf_item
conf_read_next(struct conf *c)
{
	if (c->in_line) {
		c->in_line = false;
		skip_line(c);
	}
	while (c->err == ERR_OK) {
		if (!c->at_text) {
			enum line kind = begin_line(c);

			if (kind == LINE_END) {
				break;
			}
			if (kind != LINE_TEXT) {
				continue;
			}
		}
		c->at_text = false;
		if (c->in_key && c->indent > c->key_indent) {
			skip_line(c);
			continue;
		}
		c->key_indent = c->indent;
		return peek(c) == '[' ? read_section(c) : read_key(c);
	}
	return CONF_END;
}

/* Where a value goes. n counts what did not fit, too. */
struct sink {
	char *p;
	size_t cap, n;
};

static void
put(struct sink *s, int b)
{
	if (s->n < s->cap) {
		s->p[s->n] = (char)b;
	}
	s->n++;
}

/* The rest of the line, without blanks at either end. */
static void
read_text(struct conf *c, struct sink *s)
{
	size_t kept;
	int b;

	while (is_blank(peek(c))) {
		get(c);
	}
	kept = s->n;
	for (b = get(c); b != NO_BYTE && b != '\n'; b = get(c)) {
		put(s, b);
		kept = is_blank(b) ? kept : s->n;
	}
	s->n = kept;
}

enum err
conf_read_value(struct conf *c, char *p, size_t cap, size_t *n)
{
	struct sink s = {p, cap, 0};
	size_t kept;
	enum line kind;

	c->in_line = false;
	read_text(c, &s);
	kept = s.n;
	while ((kind = begin_line(c)) != LINE_END) {
		if (kind == LINE_TEXT && c->indent <= c->key_indent) {
			c->at_text = true;
			break;
		}
		if (kind != LINE_COMMENT) {
			put(&s, '\n');
		}
		if (kind == LINE_TEXT) {
			read_text(c, &s);
			kept = s.n;
		}
	}
	if (c->err == ERR_OK && kept > cap) {
		c->err = err_set(ERR_LIMIT, "%s:%lu: [%s] %s: longer than "
			"CFG_VALUE (%d bytes)", c->path,
			(unsigned long)c->item_line, c->section, c->key,
			CFG_VALUE);
	}
	*n = kept;
	c->most = s.n > c->most ? s.n : c->most;
	return c->err;
}

void
conf_read_mark(const struct conf *c, struct conf_mark *m)
{
	m->at = c->io_pos - (c->io_n - c->io_at);
	m->line = c->line;
	m->indent = c->indent;
	m->key_indent = c->key_indent;
	m->in_line = c->in_line;
	m->at_text = c->at_text;
	m->in_key = c->in_key;
	m->in_section = c->in_section;
	memcpy(m->section, c->section, sizeof(m->section));
}

void
conf_read_seek(struct conf *c, const struct conf_mark *m)
{
	go_to(c, m->at);
	c->line = m->line;
	c->indent = m->indent;
	c->key_indent = m->key_indent;
	c->in_line = m->in_line;
	c->at_text = m->at_text;
	c->in_key = m->in_key;
	c->in_section = m->in_section;
	c->err = ERR_OK;
	memcpy(c->section, m->section, sizeof(c->section));
}

enum err
conf_read_find(struct conf *c, const char *section, const char *key, char *p,
	size_t cap, size_t *n, uint32_t *line, bool *has_section)
{
	enum conf_item item;
	bool found = false;

	*has_section = false;
	conf_read_begin(c);
	while ((item = conf_read_next(c)) != CONF_END) {
		if (strcmp(c->section, section) != 0) {
			continue;
		}
		*has_section = true;
		if (item == CONF_KEY && strcmp(c->key, key) == 0) {
			found = true;
			*line = c->item_line;
			conf_read_value(c, p, cap, n);
		}
	}
	if (c->err != ERR_OK) {
		return c->err;
	}
	return found ? ERR_OK : ERR_NOENT;
}

uint32_t
conf_read_section_line(struct conf *c, const char *section)
{
	enum conf_item item;

	conf_read_begin(c);
	while ((item = conf_read_next(c)) != CONF_END) {
		if (item == CONF_SECTION && strcmp(c->section, section) == 0) {
			return c->item_line;
		}
	}
	return 0;
}
