/*
 * imap_compress: whether a connection is compressed, and the switch.
 *
 * COMPRESS costs one round trip in which nothing else may be under way, and a
 * server deflates no more than some 25 MB/s on a core that it may want for
 * something else. It saves about three fifths of what is received. So it pays
 * on a line that is known to be slow, where that much takes longer to arrive
 * than the round trip.
 *
 * The rate is what all connections received while one of them had asked for
 * more, long enough before for it to be on the way, and none of it waited here
 * for us: what came then came as fast as the line brings it, or as the server
 * does. That the line is fast is seen from one burst (io_line.c), whatever the
 * server did before. That it is slow takes three intervals, each of a round
 * trip or more, that agree, and no burst: TCP begins slowly, and doubles what
 * it sends with every round trip; and a server who has too much to do comes up
 * with nothing now and much then.
 */
#include "base/log.h"
#include "imap/imap_conn.h"

#if CFG_COMPRESS

#define FAST 10000u /* bytes per ms: 80 Mbit/s */
#define SLOW_MS 50u
#define SLOW_BYTES (64u << 10) /* a few TLS records */
#define SLOW_TIMES 3u
#define DOUBT_TIMES 6u /* of one that was fast */
#define ASK (64u << 10)

bool
imap_compress_pays(const struct imap_line *line, uint64_t expect,
	uint32_t rtt_ms)
{
	if (line->compress != IMAP_COMPRESS_AUTO) {
		return line->compress == IMAP_COMPRESS_YES;
	}
	return line->rate > 0 && line->rate < FAST &&
		expect / 5 * 3 / line->rate > rtt_ms;
}

bool
imap_compress_could(const struct imap_conn *c)
{
	return imap_conn_has(c, IMAP_CAP(COMPRESS_DEFLATE)) &&
		!c->io.compressed;
}

bool
imap_compress_reserve(struct imap_conn *c)
{
	return c->io.flate != NULL || io_compress_reserve(&c->io);
}

void
imap_compress_answer(struct imap_conn *c)
{
	bool on = c->ev.status == IMAP_OK;

	io_compress(&c->io, on);
	imap_conn_refuse(c, IMAP_CAP(COMPRESS_DEFLATE),
		c->ev.status); /* once is enough */
	log_msg(LOG_DEBUG, "%s: %s", c->login->host,
		on ? "compressed" : "refuses to compress");
}

/* As much as came so far, in four sets, and no more than a fast line brings in
 * a round trip: what is under way on a line that turns out to be slow cannot be
 * compressed any more. Four of the least are two bursts, so that there can be
 * one. */
uint64_t
imap_line_ask(const struct imap_conn *c)
{
	const struct imap_line *line = &c->login->line;
	uint64_t n = c->io.counts.raw_rx / 4;
	uint64_t most = (uint64_t)FAST * c->rtt_ms / 4;

	if (line->compress != IMAP_COMPRESS_AUTO || line->rate != 0 ||
		!imap_compress_could(c)) {
		return CFG_SET_BYTES;
	}
	n = n < most ? n : most;
	n = n < CFG_SET_BYTES ? n : CFG_SET_BYTES;
	return n > ASK ? n : ASK;
}

void
imap_line_look(const struct imap_line *line, struct imap_conn *c,
	int64_t now_ms, struct imap_seen *seen)
{
	seen->full = seen->full || (c->asked_ms != 0 && c->inflight_n > 0 &&
		now_ms - c->asked_ms + 1 >= (int64_t)c->rtt_ms);
	seen->packed = seen->packed || c->io.compressed;
	seen->empty = seen->empty || c->io.empty_ms >= line->since_ms;
	if (seen->burst < c->io.burst) {
		seen->burst = c->io.burst;
	}
	c->io.burst = 0;
}

/* What is compressed can only show that the line is faster than believed: the
 * server's deflate may be what it waits for. */
static void
interval(struct imap_line *line, uint32_t rate, bool packed)
{
	bool same = rate <= line->last + line->last / 4 &&
		rate >= line->last - line->last / 4;

	line->steady = rate >= FAST ? 0 : same ? line->steady + 1 : 1;
	line->last = rate;
	if (packed ? rate > line->rate : rate >= FAST || line->steady >=
		(line->rate < FAST ? SLOW_TIMES : DOUBT_TIMES)) {
		line->rate = rate;
	}
}

void
imap_line_seen(struct imap_line *line, const struct imap_seen *seen,
	uint64_t rx, int64_t now_ms)
{
	uint64_t n = rx - line->since_rx;
	uint64_t ms = (uint64_t)(now_ms - line->since_ms) + 1;
	bool over = line->open && ms > SLOW_MS && ms > line->rtt &&
		n >= SLOW_BYTES;

	if (seen->burst >= FAST) {
		line->rate = seen->burst;
		line->steady = 0;
		over = true;
	} else if (over && (seen->empty || n / ms >= FAST)) {
		interval(line, (uint32_t)(n / ms) + 1, seen->packed);
	}
	if (!seen->full || !line->open || over) {
		line->open = seen->full;
		line->since_ms = now_ms;
		line->since_rx = rx;
	}
}

#endif
