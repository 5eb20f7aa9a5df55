/*
 * io_line: how quick the line to a server is, and what came over all lines.
 *
 * What is read after a stream was found empty was on the line since then: so
 * much in so little time shows a fast one, whatever its ends had to do before,
 * and what waited here because we were busy is not taken for it.
 */
#include "io/io_flate.h"
#include "io/io_stream.h"

#if CFG_COMPRESS

#define BURST (128u << 10) /* bytes */

static uint64_t line_rx;

void
io_line_answered(struct io_stream *s, int64_t now_ms)
{
	uint32_t ms = (uint32_t)(now_ms + s->timeout_ms - s->deadline_ms) + 1;

	if (s->answer_ms == 0 || ms < s->answer_ms) {
		s->answer_ms = ms;
	}
}

void
io_line_read(struct io_stream *s, size_t n, int64_t now_ms)
{
	uint32_t rx = (uint32_t)(s->counts.rx + n), since = rx - s->empty_rx;

	line_rx += n;
	if (n == 0) {
		s->empty_rx = rx;
	} else if (since >= BURST) {
		uint32_t rate = since / (uint32_t)(now_ms - s->empty_ms + 1);

		s->burst = rate > s->burst ? rate : s->burst;
	}
}

uint64_t
io_line_rx(void)
{
	return line_rx;
}

#endif
