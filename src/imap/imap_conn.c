/*
 * imap_conn: the ring of commands and the pull of events.
 *
 * A command is built in a line buffer and moved to the stream when it is
 * whole, so that a line that does not fit was never half sent. Tags are
 * numbers ("w17"); the ring finds the command of a tag, in any order, since
 * servers may finish pipelined commands out of order.
 *
 * Deadlines. The silence of the peer is bounded while something is in flight
 * or unsent. The oldest command also has a budget as a whole, counted from
 * when it became the oldest: a server that drips one byte before every
 * deadline is given up too. Announced literals extend the budget, since a
 * large message on a slow line is no fault.
 */
#include <string.h>

#include "base/codec.h"
#include "base/log.h"
#include "imap/imap_conn.h"

#define LOGOUT_MS 3000

enum err
imap_conn_open(struct imap_conn *c, const struct imap_login *login,
	int64_t now_ms)
{
	c->caps = 0;
	c->append_limit = c->bad = 0;
	c->refused = login->without;
	c->state = CONN_OPENING;
	c->err = ERR_OK;
	c->login = login;
	c->next_tag = 1;
	c->inflight_n = 0;
	memset(c->inflight, 0, sizeof(c->inflight));
	c->now_ms = c->heard_ms = c->turn_ms = now_ms;
	c->extra_ms = c->asked_ms = 0;
	c->literal_left = 0;
	c->literal = c->building = c->more = false;
	c->wanted = false;
	c->script = SCRIPT_NONE;
	c->fence = 0;
	c->got_caps = c->enabled = c->named = c->later = c->few =
		c->hold = false;
	c->rtt_ms = login->line.rtt - 1u;
	c->told_ms = UINT32_MAX;
	c->mech = c->mechs_tried = 0;
	c->text[0] = '\0';
	imap_resp_init(&c->resp);
	buf_init(&c->line, c->line_mem, sizeof(c->line_mem));
	return imap_conn_fail(c,
		io_open(&c->io, login->host, login->port, login->ssl,
			&login->verify, now_ms, login->timeout_ms));
}

/* Keeps the first error; returns the one that is kept. */
enum err
imap_conn_fail(struct imap_conn *c, enum err e)
{
	if (c->err == ERR_OK && e != ERR_OK && e != ERR_AGAIN) {
		c->err = e;
	}
	return c->err != ERR_OK ? c->err : e;
}

bool
imap_conn_ready(const struct imap_conn *c)
{
	return c->err == ERR_OK && c->state == CONN_READY;
}

bool
imap_conn_has(const struct imap_conn *c, uint64_t caps)
{
	return (c->caps & caps) == caps;
}

void
imap_conn_refuse(struct imap_conn *c, uint64_t caps, enum imap_status status)
{
	c->bad |= status == IMAP_BAD ? caps & c->caps : 0;
	c->refused |= caps;
	c->caps &= ~caps;
}

bool
imap_conn_busy(const struct imap_conn *c)
{
	return CFG_AHEAD && c->fence != 0 ? !imap_ahead_held(c)
		: c->inflight_n > 0;
}

static struct imap_inflight *
oldest(struct imap_conn *c)
{
	struct imap_inflight *best = NULL;

	for (size_t i = 0; i < CFG_INFLIGHT; i++) {
		struct imap_inflight *f = &c->inflight[i];

		if (f->tag != 0 && (best == NULL || f->tag < best->tag)) {
			best = f;
		}
	}
	return best;
}

static int64_t
silence_deadline(const struct imap_conn *c)
{
	return c->heard_ms + c->login->timeout_ms;
}

static bool
waiting(const struct imap_conn *c)
{
	return c->inflight_n > 0 || !io_flushed(&c->io) ||
		c->state == CONN_GREETING;
}

/* Of the oldest command, as the last step saw it: answers that came since then
 * may be here, and were not read for want of time of ours. */
static enum err
check_budget(struct imap_conn *c)
{
	const struct imap_inflight *f = oldest(c);

	if (f != NULL && c->now_ms >= c->turn_ms + f->budget_ms + c->extra_ms) {
		return err_set(ERR_TIMEOUT,
			"%s: a command was not answered in %lld seconds",
			c->login->host,
			(long long)(f->budget_ms + c->extra_ms) / 1000);
	}
	return ERR_OK;
}

static enum err
check_deadlines(struct imap_conn *c)
{
	if (waiting(c) && c->now_ms >= silence_deadline(c)) {
		return err_set(ERR_TIMEOUT,
			"%s: no answer for %d seconds (option socktimeout)",
			c->login->host, c->login->timeout_ms / 1000);
	}
	return check_budget(c);
}

/* Nobody listens now. */
static bool
held(const struct imap_conn *c)
{
	return (CFG_CONNECTIONS > 1 && c->hold && c->state == CONN_GREETING) ||
		(CFG_AHEAD && imap_ahead_held(c));
}

int
imap_conn_poll(struct imap_conn *c, int *want, int64_t *deadline_ms)
{
	int fd = io_poll_fd(&c->io, want, deadline_ms);

	if (held(c)) {
		*want &= NET_OUT;
		return *want != 0 ? fd : -1;
	}
	if (waiting(c) &&
		(*deadline_ms < 0 || *deadline_ms > silence_deadline(c))) {
		*deadline_ms = silence_deadline(c);
	}
	if (io_ready(&c->io) || io_in(&c->io).n > 0) {
		*deadline_ms = 0;
	}
	return fd;
}

struct imap_inflight *
imap_conn_inflight(struct imap_conn *c, uint32_t tag)
{
	for (size_t i = 0; i < CFG_INFLIGHT; i++) {
		if (c->inflight[i].tag == tag) {
			return &c->inflight[i];
		}
	}
	return NULL;
}

/* Adds to an event what the connection knows: which command it belongs to. */
static enum err
attribute(struct imap_conn *c, struct imap_event *ev)
{
	struct imap_inflight *f = ev->tag != 0
		? imap_conn_inflight(c, ev->tag) : NULL;

	ev->cmd = f != NULL ? f->cmd : IMAP_CMD_NONE;
	ev->cookie = f != NULL ? f->cookie : 0;
	if (ev->kind == IMAP_EV_BODY_BEGIN) {
		c->extra_ms += (int64_t)(ev->size / 1024) * 1000;
	}
	if (ev->kind != IMAP_EV_TAGGED) {
		return ERR_OK;
	}
	if (f == NULL) {
		return err_set(ERR_PROTO,
			"%s: answer to a command that was never sent",
			c->login->host);
	}
	if (CFG_AHEAD && c->fence != 0 && ev->tag >= c->fence) {
		return err_set(ERR_PROTO, "%s: a SELECT was answered before "
			"the commands in front of it", c->login->host);
	}
	if (ev->cmd == IMAP_CMD_ENABLE && ev->status != IMAP_OK) {
		imap_conn_refuse(c, IMAP_CAP(QRESYNC), ev->status);
	}
	if ((c->state < CONN_READY || ev->cmd == IMAP_CMD_ID) &&
		c->now_ms - c->turn_ms < c->told_ms) {
		c->told_ms = (uint32_t)(c->now_ms - c->turn_ms);
		c->rtt_ms = c->told_ms < c->rtt_ms ? c->told_ms : c->rtt_ms;
	}
	f->tag = 0;
	c->inflight_n--;
	c->turn_ms = c->now_ms;
	c->extra_ms = 0;
	return ERR_OK;
}

static bool
holds(struct span text, struct span what)
{
	while (what.n > 0 && text.n >= what.n) {
		if (span_starts(text, what)) {
			return true;
		}
		text = span_from(text, 1);
	}
	return false;
}

/* Some servers repeat the line that they refuse. What repeats the password, or
 * the last word of the login (which is in c->line still), is not shown. */
static struct span
discreet(const struct imap_conn *c, struct span text)
{
	struct span word = buf_get(&c->line);

	if (c->state != CONN_AUTH) {
		return text;
	}
	while (span_find(word, ' ') < word.n) {
		word = span_from(word, span_find(word, ' ') + 1);
	}
	if (holds(text, span_of(c->login->pass)) || holds(text, word)) {
		return SPAN("(its answer repeats the login; not shown)");
	}
	return text;
}

static void
log_login(const struct imap_event *ev, struct span text)
{
	struct span status = span_nth(IMAP_STATUS_WORDS, ev->status);

	log_msg(LOG_WIRE, "S: (to the login) %.*s %.*s", (int)status.n,
		status.p, (int)text.n, text.p);
}

/* What every user of a connection would do: capabilities, BYE, ALERT. */
static enum err
note(struct imap_conn *c, const struct imap_event *ev)
{
	struct span text;

	if (ev->kind == IMAP_EV_CAPABILITY) {
		c->caps = ev->caps & ~c->refused;
		c->append_limit = ev->append_limit;
		c->got_caps = true;
	}
	if (ev->kind != IMAP_EV_STATUS && ev->kind != IMAP_EV_TAGGED) {
		return ERR_OK;
	}
	text = discreet(c, ev->text);
	if (c->state == CONN_AUTH) {
		log_login(ev, text);
	}
	if (ev->status == IMAP_NO || ev->status == IMAP_BAD ||
		ev->status == IMAP_BYE) {
		struct buf b;

		buf_init(&b, c->text, sizeof(c->text) - 1);
		escape(&b, span_upto(text, 400));
		c->text[b.n] = '\0';
	}
	if (ev->code == IMAP_CODE_ALERT) {
		log_msg(LOG_WARN, "%s says: %.*s", c->login->host,
			(int)text.n, text.p);
	}
	if (ev->kind == IMAP_EV_STATUS && ev->status == IMAP_BYE &&
		c->state != CONN_LOGOUT) {
		return err_set(ERR_NET, "%s closed the connection: %s",
			c->login->host, c->text);
	}
	return ERR_OK;
}

/* Answers to a login are logged by note(), which sees them whole. */
static void
log_input(const struct imap_conn *c, struct span used, enum err e)
{
	if (!log_wants(LOG_WIRE) || used.n == 0 ||
		(c->state == CONN_AUTH && (e != ERR_OK ||
			c->ev.kind != IMAP_EV_CAPABILITY)) ||
		(e == ERR_OK && c->ev.kind == IMAP_EV_BODY_DATA)) {
		return;
	}
	used = span_trim(span_upto(used, 400));
	log_msg(LOG_WIRE, "S: %.*s", (int)used.n, used.p);
}

/* One event from what was received; ERR_AGAIN if that is no whole one. */
static enum err
pull(struct imap_conn *c)
{
	for (;;) {
		struct span in = io_in(&c->io);
		size_t used = 0;
		enum err e;

		if (in.n == 0) {
			return ERR_AGAIN;
		}
		e = imap_resp_push(&c->resp, in, &used, &c->ev);
		log_input(c, span_upto(in, used), e);
		io_ack(&c->io, used);
		if (e == ERR_AGAIN) {
			continue;
		}
		if (e == ERR_OK) {
			e = attribute(c, &c->ev);
		}
		if (e == ERR_OK) {
			e = note(c, &c->ev);
		}
		return imap_conn_fail(c, e);
	}
}

enum err
imap_conn_next(struct imap_conn *c, struct imap_event **ev)
{
	if (c->err != ERR_OK) {
		return c->err;
	}
	for (;;) {
		enum err e = CFG_AHEAD && imap_ahead_held(c) ? ERR_AGAIN
							     : pull(c);

		if (e != ERR_OK) {
			return e;
		}
		*ev = &c->ev;
		if (c->ev.kind == IMAP_EV_TAGGED &&
			(c->ev.cmd == IMAP_CMD_ID ||
				c->ev.cmd == IMAP_CMD_ENABLE)) {
			continue; /* sent by us, of no interest to anyone */
		}
		if (c->ev.kind != IMAP_EV_CAPABILITY &&
			c->ev.kind != IMAP_EV_ENABLED) {
			return ERR_OK;
		}
	}
}

/* Before READY and after LOGOUT the session uses the events itself. */
static enum err
run_session(struct imap_conn *c)
{
	enum err e = ERR_AGAIN;

	if ((c->state == CONN_OPENING || c->state == CONN_SECURING) &&
		io_state(&c->io) == IO_UP) {
		e = imap_conn_fail(c, imap_session_up(c));
	}
	while (c->err == ERR_OK && c->state != CONN_READY && !held(c) &&
		c->state != CONN_OPENING && c->state != CONN_SECURING &&
		c->state != CONN_DONE) {
		enum err got = pull(c);

		if (got == ERR_AGAIN) {
			break;
		}
		if (got == ERR_OK) {
			got = imap_session_event(c);
		}
		if (got != ERR_OK) {
			return imap_conn_fail(c, got);
		}
		e = ERR_OK;
	}
	return c->err != ERR_OK ? c->err : e;
}

/* The stream does not know whom it talks to; people want to. */
static enum err
name_peer(const struct imap_conn *c, enum err e)
{
	char why[600];
	struct buf b;

	if (holds(span_of(err_detail()), span_of(c->login->host))) {
		return e;
	}
	BUF_INIT(&b, why);
	buf_str(&b, err_detail());
	return err_set(e, "%s:%u: %.*s", c->login->host, c->login->port,
		(int)b.n, b.p);
}

enum err
imap_conn_step(struct imap_conn *c, int64_t now_ms)
{
	enum err moved, ran;

	if (c->err != ERR_OK || c->state == CONN_CLOSED) {
		return c->err != ERR_OK ? c->err : ERR_END;
	}
	if (held(c)) {
		c->heard_ms = c->turn_ms = c->now_ms = now_ms;
	}
	/* Also of a server that never lets us wait. */
	if (check_budget(c) != ERR_OK) {
		return imap_conn_fail(c, ERR_TIMEOUT);
	}
	c->now_ms = now_ms;
	moved = io_step(&c->io, now_ms);
	/* A greeting is one line: it has the time of one silence in all. */
	if (moved == ERR_OK && c->state != CONN_GREETING) {
		c->heard_ms = now_ms;
	}
	ran = run_session(c);
	if (c->state == CONN_DONE) {
		return ERR_END;
	}
	if (moved == ERR_END && io_in(&c->io).n == 0) {
		moved = c->state == CONN_LOGOUT ? ERR_END :
			err_set(ERR_NET, "%s closed the connection",
				c->login->host);
	}
	if (moved != ERR_OK && moved != ERR_AGAIN) {
		return imap_conn_fail(c, name_peer(c, moved));
	}
	if (moved == ERR_OK || ran == ERR_OK) {
		return c->err; /* told at once: others have errors too */
	}
	return imap_conn_fail(c, ran != ERR_AGAIN ? ran :
		check_deadlines(c) == ERR_OK ? ERR_AGAIN : ERR_TIMEOUT);
}

void
imap_conn_logout(struct imap_conn *c, int64_t now_ms)
{
	if (!imap_conn_ready(c) ||
		imap_simple(c, IMAP_CMD_LOGOUT, "LOGOUT") != ERR_OK) {
		imap_conn_fail(c, ERR_END);
		return;
	}
	c->state = CONN_LOGOUT;
	c->now_ms = c->heard_ms = now_ms;
	for (size_t i = 0; i < CFG_INFLIGHT; i++) {
		c->inflight[i].budget_ms = LOGOUT_MS;
	}
}

void
imap_conn_close(struct imap_conn *c)
{
	if (c->state != CONN_CLOSED) {
		io_close(&c->io);
		/* there was a password in it */
		memset(c->line_mem, 0, sizeof(c->line_mem));
		c->state = CONN_CLOSED;
	}
}
