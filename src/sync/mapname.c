/*
 * mapname: component by component; see mapname.h.
 *
 * A name in the Maildir may be modified UTF-7 (OfflineIMAP's way) or plain
 * UTF-8 (a person's way). It counts as modified UTF-7 if it decodes; else as
 * UTF-8.
 */
#include <string.h>

#include "base/codec.h"
#include "sync/mapname.h"

/* Cuts the next component off *rest. */
static struct span
cut(struct span *rest, char sep)
{
	size_t at = sep != '\0' ? span_find(*rest, sep) : rest->n;
	struct span one = span_upto(*rest, at);

	*rest = span_from(*rest, at < rest->n ? at + 1 : at);
	return one;
}

static enum err
decode(struct span part, struct buf *out)
{
	size_t at = out->n;
	enum err e = mutf7_dec(out, part);
	char scratch[2 * 1024];
	struct buf check;

	if (e == ERR_OK) {
		return out->err;
	}
	BUF_INIT(&check, scratch);
	e = mutf7_enc(&check, part); /* is it UTF-8? */
	out->n = at;
	out->err = ERR_OK;
	if (e != ERR_OK) {
		return err_set(ERR_SYNTAX, "its name is neither modified UTF-7 "
			"nor UTF-8");
	}
	buf_span(out, part);
	return out->err;
}

static enum err
check_part(struct span part)
{
	if (part.n == 0 || span_is(part, ".") || span_is(part, "..")) {
		return err_set(ERR_SYNTAX,
			"its name has an empty part, \".\" or \"..\"");
	}
	for (size_t i = 0; i < part.n; i++) {
		if ((unsigned char)part.p[i] < 0x20 || part.p[i] == 0x7f) {
			return err_set(ERR_SYNTAX,
				"its name has a control character");
		}
	}
	return ERR_OK;
}

static enum err
make_key(struct span name, char sep, struct buf *out)
{
	size_t start = out->n;
	bool first = true;
	enum err e = ERR_OK;

	do {
		struct span part = cut(&name, sep);

		e = check_part(part);
		if (e == ERR_OK && first && span_iis(part, "INBOX")) {
			buf_str(out, "INBOX");
		} else if (e == ERR_OK) {
			e = decode(part, out);
		}
		buf_char(out, '\1');
		first = false;
	} while (e == ERR_OK && name.n > 0);
	if (e == ERR_OK && out->err != ERR_OK) {
		e = err_set(out->err, "its name is longer than CFG_TOKEN");
	}
	(void)start;
	return e;
}

static bool
starts_fold(struct span name, struct span prefix)
{
	return prefix.n > 0 && name.n > prefix.n &&
		span_ieq(span_upto(name, prefix.n), prefix);
}

enum err
mapname_key_remote(const struct mapname *m, struct span name, struct buf *out)
{
	if (starts_fold(name, m->prefix)) {
		name = span_from(name, m->prefix.n);
	}
	return make_key(name, m->remote_sep, out);
}

/* The prefix as it looks in the Maildir. */
static struct span
local_prefix(const struct mapname *m, char *memory, size_t cap)
{
	struct buf b;

	buf_init(&b, memory, cap);
	for (size_t i = 0; i < m->prefix.n; i++) {
		char c = m->prefix.p[i];

		buf_char(&b, c == m->remote_sep ? m->local_sep : c);
	}
	return b.err == ERR_OK ? buf_get(&b) : (struct span){NULL, 0};
}

enum err
mapname_key_local(const struct mapname *m, struct span name, struct buf *out)
{
	char memory[128];
	struct span prefix = local_prefix(m, memory, sizeof(memory));

	if (starts_fold(name, prefix)) {
		name = span_from(name, prefix.n);
	}
	return make_key(name, m->local_sep, out);
}

static bool
part_fits_disk(struct span part)
{
	return !span_is(part, "cur") && !span_is(part, "new") &&
		!span_is(part, "tmp") && part.n < 256 &&
		!span_starts(part, SPAN(".wherry"));
}

static bool
has_char(struct span s, char c)
{
	return c != '\0' && span_find(s, c) < s.n;
}

enum err
mapname_to_local(const struct mapname *m, struct span name, struct buf *out)
{
	size_t at = out->n;

	do {
		struct span part = cut(&name, m->remote_sep);
		enum err e = check_part(part);

		if (e != ERR_OK) {
			return e;
		}
		if (!part_fits_disk(part)) {
			return err_set(ERR_SYNTAX, "\"%.*s\" cannot be a folder "
				"name in a Maildir", (int)part.n, part.p);
		}
		if (has_char(part, m->local_sep) || has_char(part, '/')) {
			return err_set(ERR_SYNTAX, "its name has a \"%c\" inside "
				"a part, which is the separator here (option "
				"sep)", m->local_sep);
		}
		if (out->n > at) {
			buf_char(out, m->local_sep);
		}
		buf_span(out, part);
	} while (name.n > 0);
	return out->err;
}

enum err
mapname_to_remote(const struct mapname *m, struct span name, struct buf *out)
{
	char memory[128], scratch[1024];
	bool plain = !starts_fold(name,
		local_prefix(m, memory, sizeof(memory)));
	bool first = true;

	if (plain && !span_iis(name, "INBOX")) {
		buf_span(out, m->prefix);
	}
	do {
		struct span part = cut(&name, m->local_sep);
		enum err e = check_part(part);
		struct buf try;

		BUF_INIT(&try, scratch);
		if (e != ERR_OK) {
			return e;
		}
		if (!first && m->remote_sep == '\0') {
			return err_set(ERR_SYNTAX,
				"the server has no folders inside folders");
		}
		if (has_char(part, m->remote_sep)) {
			return err_set(ERR_SYNTAX, "its name has a \"%c\", which "
				"separates folders on the server",
				m->remote_sep);
		}
		if (!first) {
			buf_char(out, m->remote_sep);
		}
		if (mutf7_dec(&try, part) == ERR_OK) {
			buf_span(out, part);
		} else if (mutf7_enc(out, part) != ERR_OK) {
			return err_set(ERR_SYNTAX, "its name is neither modified "
				"UTF-7 nor UTF-8");
		}
		first = false;
	} while (name.n > 0);
	return out->err;
}

void
mapname_title(struct span name, struct buf *out)
{
	char memory[1024];
	struct buf b;

	BUF_INIT(&b, memory);
	if (mutf7_dec(&b, name) == ERR_OK && b.err == ERR_OK) {
		escape(out, buf_get(&b));
	} else {
		escape(out, name);
	}
}
