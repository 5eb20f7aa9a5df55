/*
 * conf: opening, and values.
 *
 * %(name)s is expanded without recursion: `work` is a stack of text that is
 * still to be read, growing down from its end. A value that is to be inserted
 * is put on top of it; `ends` remembers where each inserted text ends, because
 * a %( that begins in one text may not end in another. The bytes below the
 * stack are free, so a value is read there first and then moved up to the
 * stack. Nothing is copied twice and CFG_VALUE bounds what is in flight.
 */
#include <string.h>

#include "base/log.h"
#include "conf/conf.h"
#include "conf/conf_read.h"

#define DEPTH 10 /* as Python */

#define READABLE_BY_OTHERS 044u

/* One pass over the file: its grammar, and whether it holds a password. */
static enum err
look_through(struct conf *c, bool *secret)
{
	enum conf_item item;

	*secret = false;
	conf_read_begin(c);
	while ((item = conf_read_next(c)) != CONF_END) {
		if (item == CONF_KEY && strcmp(c->key, "remotepass") == 0) {
			*secret = true;
		}
	}
	return c->err;
}

static enum err
open_path(struct conf *c, const char *path)
{
	struct span s = span_of(path);

	if (s.n >= sizeof(c->path)) {
		return err_set(ERR_LIMIT,
			"configuration file's name: CFG_PATH");
	}
	memcpy(c->path, path, s.n + 1);
	return fs_open(FS_CWD, c->path, FS_READ, 0, &c->fd);
}

/* Opens the first of the usual places that exists. */
static enum err
open_usual(struct conf *c)
{
	struct buf b;
	enum err e;

	for (unsigned i = 0; i < CONF_PLACES; i++) {
		BUF_INIT(&b, c->w->work);
		e = conf_place(i, &b);
		if (e == ERR_OK) {
			e = open_path(c, buf_cstr(&b));
		}
		if (e != ERR_NOENT) {
			return e;
		}
	}
	return err_set(ERR_NOENT, "no configuration file; looked for "
		"wherry/wherry.conf and offlineimap/config in ~/.config, "
		"/etc/wherry.conf, ~/.offlineimaprc");
}

/* Whether the file that is open is one that OfflineIMAP would find. */
static bool
is_offlineimap(struct conf *c)
{
	struct buf b;

	for (unsigned i = CONF_PLACES_OWN; i < CONF_PLACES; i++) {
		BUF_INIT(&b, c->w->work);
		if (conf_place(i, &b) == ERR_OK &&
			span_is(buf_get(&b), c->path)) {
			return true;
		}
	}
	return false;
}

enum err
conf_open(struct conf *c, struct conf_work *w, const char *path)
{
	struct fs_stat st;
	struct buf b;
	bool secret;
	enum err e;

	memset(c, 0, offsetof(struct conf, path));
	c->path[0] = '\0';
	c->w = w;
	c->fd = FS_NONE;
	if (path == NULL) {
		e = open_usual(c);
	} else {
		BUF_INIT(&b, c->w->work);
		e = conf_expand_path(path, &b);
		if (e == ERR_OK) {
			e = open_path(c, buf_cstr(&b));
		}
	}
	if (e == ERR_OK) {
		c->offlineimap = is_offlineimap(c);
		e = look_through(c, &secret);
	}
	if (e == ERR_OK) {
		e = fs_fstat(c->fd, &st);
	}
	if (e != ERR_OK) {
		conf_close(c);
		return e;
	}
	if (secret && (st.mode & READABLE_BY_OTHERS)) {
		log_msg(LOG_WARN, "%s holds a password and others can read it: "
			"chmod 600 it", c->path);
	}
	return ERR_OK;
}

void
conf_lend(struct conf *c, struct conf_work *w)
{
	size_t most = c->most < CFG_VALUE ? c->most : CFG_VALUE;

	if (c->w != NULL) { /* passwords came through: as far as texts went */
		memset(c->w->work, 0, most);
		memset(c->w->work + CFG_VALUE - c->deep, 0, c->deep);
		memset(c->w->io, 0, sizeof(c->w->io));
		memset(c->w->value, 0, most);
	}
	c->most = c->deep = 0;
	c->io_n = c->io_at = 0;
	c->io_pos = 0;
	c->io_last = false;
	c->w = w;
}

void
conf_close(struct conf *c)
{
	fs_close(&c->fd);
	conf_lend(c, NULL);
}

/* The text still to be read is work[at..CFG_VALUE). */
struct expand {
	struct conf *c;
	const char *section, *key;
	uint32_t line;
	size_t at;
	unsigned depth;		  /* texts on the stack */
	size_t ends[DEPTH + 1]; /* ends[0] is the bottom one's */
};

static enum err
bad(const struct expand *x, const char *reason)
{
	return err_set(ERR_CONF, "%s:%lu: [%s] %s: %s", x->c->path,
		(unsigned long)x->line, x->section, x->key, reason);
}

/* Puts a raw value, of the section or else of [DEFAULT], on the stack. */
static enum err
push(struct expand *x, const char *key, uint32_t *line)
{
	struct conf *c = x->c;
	size_t n = 0, end = x->at;
	bool has_section, has_default;
	enum err e;

	e = conf_read_find(c, x->section, key, c->w->work, x->at, &n, line,
		&has_section);
	if (e == ERR_NOENT && has_section) {
		e = conf_read_find(c, "DEFAULT", key, c->w->work, x->at, &n, line,
			&has_default);
	}
	if (e != ERR_OK) {
		return e;
	}
	if (x->depth > DEPTH || (x->depth == DEPTH &&
		memchr(c->w->work, '%', n) != NULL)) {
		return bad(x, "%(...)s deeper than 10, or in a circle");
	}
	x->at = end - n;
	if (CFG_VALUE - x->at > c->deep) {
		c->deep = CFG_VALUE - x->at;
	}
	memmove(c->w->work + x->at, c->w->work, n);
	x->ends[x->depth++] = end;
	return ERR_OK;
}

/* work[at] is '%': expands it. */
static enum err
expand_percent(struct expand *x, struct buf *out)
{
	const char *p = x->c->w->work + x->at;
	size_t left = x->ends[x->depth - 1] - x->at, n = 2;
	char name[CFG_NAME];
	uint32_t line;
	enum err e;

	if (left >= 2 && p[1] == '%') {
		buf_char(out, '%');
		x->at += 2;
		return ERR_OK;
	}
	if (left < 2 || p[1] != '(') {
		return bad(x, "a % alone: write %% for a percent sign");
	}
	for (; n < left && p[n] != ')' && n - 2 < sizeof(name) - 1; n++) {
		name[n - 2] = (char)(p[n] >= 'A' && p[n] <= 'Z' ?
				p[n] - 'A' + 'a' : p[n]);
	}
	if (n == 2 || n + 1 >= left || p[n] != ')' || p[n + 1] != 's') {
		return bad(x, "%( without )s: write %% for a percent sign");
	}
	name[n - 2] = '\0';
	x->at += n + 2;
	e = push(x, name, &line);
	if (e == ERR_NOENT) {
		return err_set(ERR_CONF, "%s:%lu: [%s] %s: %%(%s)s: no such "
			"option in this section or in [DEFAULT]", x->c->path,
			(unsigned long)x->line, x->section, x->key, name);
	}
	return e;
}

/* Plain text up to the next % or the end of the text on top. */
static void
copy_plain(struct expand *x, struct buf *out)
{
	struct span s = {x->c->w->work + x->at, x->ends[x->depth - 1] - x->at};
	size_t n = span_find(s, '%');

	buf_span(out, span_upto(s, n));
	x->at += n;
}

enum err
conf_get(struct conf *c, const char *section, const char *key, struct buf *out,
	uint32_t *line)
{
	struct expand x = {.c = c, .section = section, .key = key,
		.at = CFG_VALUE};
	enum err e = push(&x, key, &x.line);

	while (e == ERR_OK && x.depth > 0) {
		if (x.at == x.ends[x.depth - 1]) {
			x.depth--;
		} else if (c->w->work[x.at] == '%') {
			e = expand_percent(&x, out);
		} else {
			copy_plain(&x, out);
		}
	}
	if (e == ERR_OK && line != NULL) {
		*line = x.line;
	}
	if (e == ERR_OK && out->err != ERR_OK) {
		return err_set(ERR_LIMIT, "%s:%lu: [%s] %s: longer than the "
			"%zu bytes there are for it%s", c->path,
			(unsigned long)x.line, section, key, out->cap,
			out->cap >= CFG_VALUE ? " (CFG_VALUE)" : "");
	}
	return e;
}

bool
conf_has_section(struct conf *c, const char *section)
{
	return conf_read_section_line(c, section) != 0;
}
