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

struct parts {
	struct span rest;
	char sep; /* 0: one part */
	bool more;
};

static struct parts
parts_of(struct span name, char sep)
{
	return (struct parts){name, sep, true};
}

/* A name that is empty or ends in a separator has an empty last part. */
static bool
next(struct parts *p, struct span *part)
{
	size_t at = p->sep != '\0' ? span_find(p->rest, p->sep) : p->rest.n;
	bool had = p->more;

	*part = span_upto(p->rest, at);
	p->more = had && at < p->rest.n;
	p->rest = span_from(p->rest, at + 1);
	return had;
}

static enum err
too_long(void)
{
	return err_set(ERR_LIMIT, "its name is longer than CFG_TOKEN");
}

static enum err
no_text(void)
{
	return err_set(ERR_SYNTAX, "its name is neither modified UTF-7 nor "
		"UTF-8");
}

/* The codecs judge to the end even if there is no room for the result. */
static bool
is_text(enum err (*codec)(struct buf *out, struct span in), struct span part)
{
	char scratch[16];
	struct buf b;

	BUF_INIT(&b, scratch);
	return codec(&b, part) != ERR_SYNTAX;
}

static enum err
decode(struct span part, struct buf *out)
{
	enum err e;

	if (out->err != ERR_OK) {
		return out->err;
	}
	e = mutf7_dec(out, part);
	if (e != ERR_SYNTAX) {
		return e;
	}
	if (!is_text(mutf7_enc, part)) { /* is it UTF-8? */
		return no_text();
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
	struct parts parts = parts_of(name, sep);
	struct span part;
	bool first = true;
	enum err e = ERR_OK;

	while (e == ERR_OK && next(&parts, &part)) {
		size_t at = out->n;

		e = check_part(part);
		if (e == ERR_OK && first && span_iis(part, "INBOX")) {
			buf_str(out, "INBOX");
		} else if (e == ERR_OK) {
			e = decode(part, out);
		}
		if (e == ERR_OK) { /* modified UTF-7 can hide anything */
			e = check_part(span_from(buf_get(out), at));
		}
		buf_char(out, '\1');
		first = false;
	}
	return e == ERR_LIMIT || out->err != ERR_OK ? too_long() : e;
}

static bool
starts_fold(struct span name, struct span prefix)
{
	return prefix.n > 0 && name.n > prefix.n &&
		span_ieq(span_upto(name, prefix.n), prefix);
}

static bool
in_inbox(struct span name, char sep)
{
	struct parts parts = parts_of(name, sep);
	struct span part;

	return next(&parts, &part) && span_iis(part, "INBOX");
}

/* A folder INBOX below the prefix keeps it, not to be taken for the INBOX. */
static struct span
without(struct span prefix, struct span name, char sep)
{
	struct span rest = span_from(name, prefix.n);

	return starts_fold(name, prefix) && !in_inbox(rest, sep) ? rest : name;
}

enum err
mapname_key_remote(const struct mapname *m, struct span name, struct buf *out)
{
	return make_key(without(m->prefix, name, m->remote_sep),
		m->remote_sep, out);
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

	return make_key(without(prefix, name, m->local_sep), m->local_sep,
		out);
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

static enum err
part_to_local(const struct mapname *m, struct span part)
{
	enum err e = check_part(part);

	if (e != ERR_OK) {
		return e;
	}
	if (!part_fits_disk(part)) {
		return err_set(ERR_SYNTAX, "\"%.*s\" cannot be a folder name in "
			"a Maildir", (int)part.n, part.p);
	}
	if (has_char(part, m->local_sep)) {
		return err_set(ERR_SYNTAX, "its name has a \"%c\" inside a part, "
			"which is the separator here (option sep)",
			m->local_sep);
	}
	if (has_char(part, '/')) {
		return err_set(ERR_SYNTAX, "its name has a \"/\" inside a part");
	}
	return ERR_OK;
}

enum err
mapname_to_local(const struct mapname *m, struct span name, struct buf *out)
{
	struct parts parts = parts_of(name, m->remote_sep);
	struct span part;
	bool first = true;

	while (next(&parts, &part)) {
		enum err e = part_to_local(m, part);

		if (e != ERR_OK) {
			return e;
		}
		if (!first) {
			buf_char(out, m->local_sep);
		}
		buf_span(out, part);
		first = false;
	}
	return out->err != ERR_OK ? too_long() : ERR_OK;
}

static enum err
part_to_remote(const struct mapname *m, struct span part, bool first,
	struct buf *out)
{
	enum err e = check_part(part);

	if (e != ERR_OK) {
		return e;
	}
	if (!first && m->remote_sep == '\0') {
		return err_set(ERR_SYNTAX,
			"the server has no folders inside folders");
	}
	if (has_char(part, m->remote_sep)) {
		return err_set(ERR_SYNTAX, "its name has a \"%c\", which "
			"separates folders on the server", m->remote_sep);
	}
	if (!first) {
		buf_char(out, m->remote_sep);
	}
	if (is_text(mutf7_dec, part)) {
		buf_span(out, part);
	} else if (out->err == ERR_OK && mutf7_enc(out, part) == ERR_SYNTAX) {
		return no_text();
	}
	return ERR_OK;
}

enum err
mapname_to_remote(const struct mapname *m, struct span name, struct buf *out)
{
	char memory[128];
	struct span prefix = local_prefix(m, memory, sizeof(memory));
	struct parts parts = parts_of(name, m->local_sep);
	struct span part;
	bool first = true;

	if (!starts_fold(name, prefix) && !in_inbox(name, m->local_sep)) {
		buf_span(out, m->prefix);
	}
	while (next(&parts, &part)) {
		enum err e = part_to_remote(m, part, first, out);

		if (e != ERR_OK) {
			return e;
		}
		first = false;
	}
	return out->err != ERR_OK ? too_long() : ERR_OK;
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
