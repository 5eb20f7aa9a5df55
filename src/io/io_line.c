/* io_line: how quick and how fast the line to a server is. */
#include "io/io_flate.h"
#include "io/io_stream.h"

#if CFG_COMPRESS

#define STRETCH (256u * 1024)
#define STRETCH_MS 100u
#define PAUSE_MS 50

void
io_line_answered(struct io_stream *s, int64_t now_ms)
{
	uint32_t ms = (uint32_t)(now_ms + s->timeout_ms - s->deadline_ms) + 1;

	if (s->answer_ms == 0 || ms < s->answer_ms) {
		s->answer_ms = ms;
	}
}

/* The rate of the line, from stretches of input between which nobody waited
 * for long; long enough to hold what came while nobody read. Compressed, it
 * would be that of the server's deflate. */
void
io_line_read(struct io_stream *s, int64_t now_ms, size_t n)
{
	uint32_t rate, ms = (uint32_t)(now_ms - s->stretch_ms);

	if (n == 0) {
		s->empty_ms = s->empty_ms < 0 ? now_ms : s->empty_ms;
		return;
	}
	if (s->stretch == 0 ||
		(s->empty_ms >= 0 && now_ms - s->empty_ms > PAUSE_MS)) {
		s->stretch_ms = now_ms;
		s->stretch = 0;
	}
	s->empty_ms = -1;
	s->stretch += (uint32_t)n;
	if (s->stretch < STRETCH || ms < STRETCH_MS) {
		return;
	}
	rate = s->stretch / ms;
	s->rate = rate > s->rate ? rate : s->rate - (s->rate - rate) / 8;
	s->stretch = 0;
}

#endif
