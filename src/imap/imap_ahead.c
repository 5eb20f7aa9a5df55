/*
 * imap_ahead: the fence, and lines that are sent before their time.
 *
 * A mailbox is selected for everything behind its SELECT, so nothing that
 * belongs in front of the fence may be sent any more: imap_begin() is the one
 * place that all commands pass, and refuses it. Events are pulled one by one,
 * so what is behind the fence stays where it is received, and in the end with
 * the server, until its owner comes.
 *
 * The owner builds its commands like any other. They are compared with the
 * lines that were sent, so nothing rests on the guess of what they would be.
 */
#include "imap/imap_conn.h"

#if CFG_AHEAD

bool
imap_ahead_held(const struct imap_conn *c)
{
	if (c->fence == 0) {
		return false;
	}
	for (size_t i = 0; i < CFG_INFLIGHT; i++) {
		if (c->inflight[i].tag != 0 && c->inflight[i].tag < c->fence) {
			return false;
		}
	}
	return true;
}

void
imap_ahead_record(struct imap_conn *c, struct buf *lines)
{
	c->record = lines;
	c->script = SCRIPT_RECORD;
}

void
imap_ahead_recorded(struct imap_conn *c)
{
	c->script = SCRIPT_NONE;
	c->building = false;
}

static struct span
take_line(struct span *lines)
{
	struct span one = span_upto(*lines, span_find(*lines, '\n'));

	*lines = span_from(*lines, one.n + 1);
	return one;
}

enum err
imap_ahead_send(struct imap_conn *c, struct span lines, uint32_t *tag)
{
	uint32_t fence = c->fence;
	size_t n = 0;
	struct span rest = lines;
	enum err e = ERR_OK;

	for (; rest.n > 0; n++) {
		(void)take_line(&rest);
	}
	/* A place in the ring, a tag and a line's end for each. */
	if (n + c->inflight_n > CFG_INFLIGHT || c->literal ||
		io_room(&c->io) < lines.n + (n + 1) * 64) {
		return ERR_AGAIN;
	}
	*tag = c->next_tag;
	c->fence = 0;
	for (rest = lines; rest.n > 0 && e == ERR_OK;) {
		struct span one = take_line(&rest);

		e = imap_begin_short(c, IMAP_CMD_NONE, 0, one.n);
		if (e == ERR_OK) {
			imap_span(c, one);
			e = imap_end(c, 0);
		}
	}
	c->fence = fence != 0 ? fence : *tag;
	return imap_conn_fail(c, e);
}

void
imap_ahead_replay(struct imap_conn *c, struct span lines, uint32_t tag,
	uint32_t fence)
{
	c->replay = lines;
	c->replay_tag = tag;
	c->fence = fence;
	c->wanted = false;
	c->script = SCRIPT_REPLAY;
}

/* Other commands than those that were sent. */
static enum err
differ(struct imap_conn *c)
{
	c->script = SCRIPT_NONE;
	c->fence = 1; /* whatever is in flight is of no use */
	c->wanted = true;
	return ERR_AGAIN;
}

enum err
imap_ahead_line(struct imap_conn *c)
{
	struct span line = buf_get(&c->line);
	struct imap_inflight *f;

	if (c->script == SCRIPT_RECORD) {
		buf_span(c->record, line);
		buf_char(c->record, '\n');
		return ERR_OK;
	}
	f = imap_conn_inflight(c, c->replay_tag++);
	if (f == NULL || !span_eq(take_line(&c->replay), line)) {
		return differ(c);
	}
	f->cmd = c->scripted.cmd;
	f->cookie = c->scripted.cookie;
	f->budget_ms = c->scripted.budget_ms;
	if (c->replay.n == 0) {
		c->script = SCRIPT_NONE;
	}
	return ERR_OK;
}

void
imap_ahead_replayed(struct imap_conn *c, bool ok)
{
	if (c->script == SCRIPT_REPLAY && ok) {
		(void)differ(c);
	}
	c->script = SCRIPT_NONE;
}

void
imap_ahead_drop(struct imap_conn *c)
{
	c->fence = 0;
	c->wanted = false;
}

#endif
