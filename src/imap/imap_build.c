/*
 * imap_build: the sending half of imap_conn: commands and literals. The
 * functions are declared in imap_conn.h.
 */
#include <string.h>

#include "base/log.h"
#include "imap/imap_conn.h"

enum err
imap_begin_short(struct imap_conn *c, enum imap_cmd cmd, uint32_t cookie,
	size_t n)
{
	struct imap_inflight *f = imap_conn_inflight(c, 0);
	bool script = CFG_AHEAD && c->script != SCRIPT_NONE;

	if (c->err != ERR_OK) {
		return c->err;
	}
	if (script) {
		f = &c->scripted;
	} else if (CFG_AHEAD && c->fence != 0) {
		c->wanted = true;
		return ERR_AGAIN;
	}
	if (f == NULL || c->literal || c->building ||
		(!script && io_room(&c->io) < n + 64)) {
		return ERR_AGAIN;
	}
	buf_init(&c->line, c->line_mem, sizeof(c->line_mem));
	f->tag = c->next_tag;
	f->cmd = (uint8_t)cmd;
	f->cookie = cookie;
	c->building = true;
	if (!script) {
		buf_fmt(&c->line, "w%u ", c->next_tag);
	}
	return ERR_OK;
}

struct imap_inflight *
imap_conn_building(struct imap_conn *c)
{
	return CFG_AHEAD && c->script != SCRIPT_NONE ? &c->scripted
		: imap_conn_inflight(c, c->next_tag);
}

enum err
imap_begin(struct imap_conn *c, enum imap_cmd cmd, uint32_t cookie)
{
	return imap_begin_short(c, cmd, cookie, CFG_CMD_LINE);
}

enum err
imap_simple(struct imap_conn *c, enum imap_cmd cmd, const char *text)
{
	enum err e = imap_begin_short(c, cmd, 0, strlen(text));

	if (e != ERR_OK) {
		return e;
	}
	imap_text(c, text);
	return imap_end(c, 0);
}

void
imap_text(struct imap_conn *c, const char *text)
{
	buf_str(&c->line, text);
}

void
imap_span(struct imap_conn *c, struct span s)
{
	buf_span(&c->line, s);
}

void
imap_number(struct imap_conn *c, uint64_t v)
{
	buf_u64(&c->line, v);
}

void
imap_mailbox(struct imap_conn *c, struct span name)
{
	buf_char(&c->line, '"');
	for (size_t i = 0; i < name.n; i++) {
		char ch = name.p[i];

		if (ch == '\0' || ch == '\r' || ch == '\n') {
			c->line.err = ERR_SYNTAX;
		}
		if (ch == '"' || ch == '\\') {
			buf_char(&c->line, '\\');
		}
		buf_char(&c->line, ch);
	}
	buf_char(&c->line, '"');
}

void
imap_flags(struct imap_conn *c, uint32_t flags)
{
	const char *blank = "";

	buf_char(&c->line, '(');
	for (unsigned i = 0; i < 5; i++) {
		if (flags >> i & 1) {
			buf_str(&c->line, blank);
			buf_span(&c->line,
				span_nth(IMAP_FLAG_WORDS, i));
			blank = " ";
		}
	}
	buf_char(&c->line, ')');
}

void
imap_set_begin(struct imap_conn *c, struct imap_set *set)
{
	size_t n = c->line.n;

	imap_set_init(set, c->line.p + n,
		c->line.cap > n + IMAP_SET_BEHIND
			? c->line.cap - n - IMAP_SET_BEHIND : 0);
}

void
imap_set_end(struct imap_conn *c, struct imap_set *set)
{
	c->line.n += imap_set_text(set).n;
}

void
imap_drop(struct imap_conn *c)
{
	imap_conn_building(c)->tag = 0;
	c->building = false;
}

/* Takes back a command that cannot be sent. */
static enum err
take_back(struct imap_conn *c, enum err e)
{
	imap_drop(c);
	if (e == ERR_SYNTAX) {
		return err_set(e, "a name with a line break or NUL in it");
	}
	return err_set(e, "a command is longer than CFG_CMD_LINE (%d bytes)",
		CFG_CMD_LINE);
}

static void
log_line(struct imap_conn *c, enum imap_cmd cmd)
{
	if (!log_wants(LOG_WIRE)) {
		return;
	}
	if (cmd == IMAP_CMD_AUTH) {
		log_msg(LOG_WIRE, "C: (login, not shown)");
		return;
	}
	log_msg(LOG_WIRE, "C: %.*s", (int)c->line.n, c->line.p);
}

/* The time that the line may take for so many bytes. */
static int64_t
budget(uint64_t expect)
{
	return (int64_t)(expect / 1024) * 1000;
}

static enum err
put_line(struct imap_conn *c, enum imap_cmd cmd)
{
	enum err e;

	log_line(c, cmd);
	e = io_put(&c->io, c->line.p, c->line.n);
	return imap_conn_fail(c, e == ERR_OK ? io_put(&c->io, "\r\n", 2) : e);
}

static enum err
send(struct imap_conn *c, uint64_t expect)
{
	struct imap_inflight *f = imap_conn_building(c);

	if (c->line.err != ERR_OK) {
		return take_back(c, c->line.err);
	}
	c->building = false;
	f->budget_ms = (int64_t)CFG_COMMAND_FACTOR * c->login->timeout_ms +
		budget(expect);
	if (CFG_AHEAD && c->script != SCRIPT_NONE) {
		return imap_ahead_line(c);
	}
	if (c->inflight_n == 0) {
		c->turn_ms = c->now_ms;
		c->heard_ms = c->now_ms;
		c->extra_ms = 0;
	}
	c->inflight_n++;
	c->next_tag++;
	return put_line(c, f->cmd);
}

enum err
imap_end(struct imap_conn *c, uint64_t expect)
{
	return send(c, expect);
}

static enum err
wrong_size(struct imap_conn *c)
{
	return imap_conn_fail(c,
		err_set(ERR_SYNTAX, "literal of another size"));
}

/* A large literal waits for "+" anyhow: it can be refused before its bytes
 * (RFC 7888 4 and 5). */
bool
imap_nonsync(const struct imap_conn *c, uint64_t n)
{
	return (imap_conn_has(c, IMAP_CAP(LITERAL_PLUS)) &&
			n <= CFG_APPEND_BYTES) ||
		(imap_conn_has(c, IMAP_CAP(LITERAL_MINUS)) && n <= 4096);
}

enum err
imap_literal_more(struct imap_conn *c)
{
	if (!c->literal || c->literal_left > 0) {
		return wrong_size(c);
	}
	if (io_room(&c->io) < IMAP_SET_BEHIND) {
		return ERR_AGAIN;
	}
	c->literal = false;
	c->more = true;
	buf_init(&c->line, c->line_mem, IMAP_SET_BEHIND - 2);
	return ERR_OK;
}

/* The rest of a line of which a part was sent already; its command may even
 * be answered by now. */
static enum err
send_more(struct imap_conn *c, uint64_t expect)
{
	struct imap_inflight *f = imap_conn_inflight(c, c->next_tag - 1);

	c->more = false;
	if (c->line.err != ERR_OK) {
		return imap_conn_fail(c, c->line.err);
	}
	if (f != NULL) {
		f->budget_ms += budget(expect);
	}
	return put_line(c, IMAP_CMD_APPEND);
}

enum err
imap_end_literal(struct imap_conn *c, uint64_t n, bool *wait)
{
	bool plus = imap_nonsync(c, n);
	enum err e;

	buf_fmt(&c->line, "{%llu%s}", (unsigned long long)n, plus ? "+" : "");
	e = c->more ? send_more(c, n) : send(c, n);
	if (e == ERR_OK) {
		c->literal = true;
		c->literal_left = n;
		*wait = !plus;
	}
	return e;
}

size_t
imap_room(const struct imap_conn *c)
{
	size_t room = io_room(&c->io);

	return room > 2 ? room - 2 : 0; /* the CRLF that ends the command */
}

enum err
imap_literal(struct imap_conn *c, const void *p, size_t n)
{
	if (!c->literal || n > c->literal_left) {
		return wrong_size(c);
	}
	c->literal_left -= n;
	return imap_conn_fail(c, io_put(&c->io, p, n));
}

enum err
imap_literal_end(struct imap_conn *c)
{
	if (!c->literal || c->literal_left > 0) {
		return wrong_size(c);
	}
	c->literal = false;
	return imap_conn_fail(c, io_put(&c->io, "\r\n", 2));
}

void
imap_literal_drop(struct imap_conn *c)
{
	c->literal = false;
	c->literal_left = 0;
}

/* A line inside a command: an answer to a challenge. Never logged. */
enum err
imap_conn_raw(struct imap_conn *c, struct span line)
{
	enum err e;

	if (io_room(&c->io) < line.n + 2) {
		return err_set(ERR_LIMIT, "an answer to a login challenge is "
			"longer than CFG_IO_OUT (%d)", CFG_IO_OUT);
	}
	buf_init(&c->line, c->line_mem, sizeof(c->line_mem));
	buf_span(&c->line, line); /* to know it if it is repeated */
	log_msg(LOG_WIRE, "C: (login, not shown)");
	e = io_put(&c->io, line.p, line.n);
	return e == ERR_OK ? io_put(&c->io, "\r\n", 2) : e;
}
