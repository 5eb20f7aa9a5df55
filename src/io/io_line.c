/* io_line: how quick the line to a server is, and what came over all lines. */
#include "io/io_flate.h"
#include "io/io_stream.h"

#if CFG_COMPRESS

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
io_line_read(size_t n)
{
	line_rx += n;
}

uint64_t
io_line_rx(void)
{
	return line_rx;
}

#endif
