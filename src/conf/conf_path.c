/*
 * conf_path: where files are: the places of the configuration, the default of
 * metadata, and "~" and "$NAME" in paths, which are expanded as Python's
 * expanduser and expandvars do, but for two things that Python leaves in the
 * path as they stand and that would make strange directories: an unset
 * variable, and the home of somebody else.
 */
#include <string.h>

#include "conf/conf.h"
#include "port/sys.h"

static enum err
put_home(struct buf *out)
{
	char *home = out->p + out->n;
	size_t n;
	enum err e = sys_home(home, out->cap - out->n);

	if (e == ERR_OK) {
		n = strlen(home);
		while (n > 1 && home[n - 1] == '/') {
			n--;
		}
		out->n += n;
	}
	return e;
}

/* $name, or ~/fallback if it is unset, empty or not absolute. */
static enum err
put_xdg(struct buf *out, const char *name, const char *fallback)
{
	const char *dir = sys_getenv(name);
	enum err e = ERR_OK;

	if (dir != NULL && dir[0] == '/') {
		buf_str(out, dir);
	} else {
		e = put_home(out);
		buf_str(out, fallback);
	}
	return e;
}

enum err
conf_place(unsigned i, struct buf *out)
{
	enum err e;

	switch (i) {
	case 0:
		e = put_xdg(out, "XDG_CONFIG_HOME", "/.config");
		buf_str(out, "/wherry/wherry.conf");
		break;
	case 1:
		e = ERR_OK;
		buf_str(out, "/etc/wherry.conf");
		break;
	case 2:
		e = put_xdg(out, "XDG_CONFIG_HOME", "/.config");
		buf_str(out, "/offlineimap/config");
		break;
	default:
		e = put_home(out);
		buf_str(out, "/.offlineimaprc");
		break;
	}
	if (e == ERR_OK && out->err != ERR_OK) {
		e = err_set(ERR_LIMIT, "configuration file's name: CFG_PATH");
	}
	return e;
}

enum err
conf_default_metadata(bool offlineimap, struct buf *out)
{
	enum err e;

	if (offlineimap) {
		e = put_home(out);
		buf_str(out, "/.offlineimap");
	} else {
		e = put_xdg(out, "XDG_STATE_HOME", "/.local/state");
		buf_str(out, "/wherry");
	}
	return e;
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || c == '_';
}

/* in begins with '$'. Returns how many bytes of it the variable takes. */
static size_t
put_variable(struct span in, struct buf *out, enum err *e)
{
	char name[CFG_NAME];
	struct span s = span_from(in, 1);
	const char *value;
	size_t n = 0, close = 0;
	struct buf b;

	if (s.n > 0 && s.p[0] == '{') {
		s = span_from(s, 1);
		n = span_find(s, '}');
		close = n < s.n ? 2 : 0;
		n = close > 0 ? n : 0;
	} else {
		while (n < s.n && is_word(s.p[n])) {
			n++;
		}
	}
	if (n == 0) { /* a dollar sign and nothing more */
		buf_char(out, '$');
		return 1;
	}
	BUF_INIT(&b, name);
	buf_span(&b, span_upto(s, n));
	value = sys_getenv(buf_cstr(&b));
	if (value == NULL) {
		*e = err_set(ERR_CONF, "$%.*s is not set", (int)n, s.p);
	} else {
		buf_str(out, value);
	}
	return 1 + n + close;
}

enum err
conf_expand_path(const char *in, struct buf *out)
{
	struct span s = span_of(in);
	enum err e = ERR_OK;

	if (s.n > 0 && s.p[0] == '~') {
		if (s.n > 1 && s.p[1] != '/') {
			return err_set(ERR_CONF,
				"~user is not supported: write the path");
		}
		e = put_home(out);
		s = span_from(s, 1);
	}
	while (e == ERR_OK && s.n > 0) {
		size_t n = span_find(s, '$');

		buf_span(out, span_upto(s, n));
		s = span_from(s, n);
		if (s.n > 0) {
			s = span_from(s, put_variable(s, out, &e));
		}
	}
	if (e == ERR_OK && out->err != ERR_OK) {
		e = err_set(ERR_LIMIT, "a path longer than CFG_PATH");
	}
	return e;
}
