/*
 * imap_compress: whether a connection is compressed, and the switch.
 *
 * COMPRESS costs one round trip in which nothing else may be under way, and
 * servers deflate no more than about 25 MB/s. It saves about three fifths of
 * what is received. So it pays where that much takes longer to arrive than the
 * round trip, at the rate at which the line was seen to work. Where no rate is
 * known a line is taken for a slow one if its round trip is long: what is next
 * door answers in less than 10 ms, its own work included.
 */
#include "base/log.h"
#include "imap/imap_conn.h"

#if CFG_COMPRESS

#define FAST 25000u /* bytes per ms: a server deflates no faster */
#define GUESS 2500u /* where only the round trip is known: 20 Mbit/s */
#define NEAR_MS 10u

bool
imap_compress_pays(const struct imap_line *line, uint32_t rtt_ms)
{
	uint32_t rate = line->rate;

	if (line->compress != IMAP_COMPRESS_AUTO) {
		return line->compress == IMAP_COMPRESS_YES;
	}
	if (rate == 0) {
		rate = rtt_ms < NEAR_MS ? FAST : GUESS;
	}
	return rate < FAST && line->expect / 5 * 3 / rate > rtt_ms;
}

bool
imap_compress_wanted(struct imap_conn *c, const struct imap_line *line)
{
	return imap_conn_has(c, IMAP_CAP(COMPRESS_DEFLATE)) &&
		!c->io.compressed && imap_compress_pays(line, c->rtt_ms) &&
		io_compress_reserve(&c->io);
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

#endif
