/* account_progress: where an account stands, in one line. */
#include "app/account.h"

#if CFG_PROGRESS

void
account_progress(const struct account *a, int64_t now_ms, struct buf *out)
{
	const struct folder_stats *s = &a->folder.stats;
	int64_t ms = now_ms - a->started_ms;
	uint64_t bytes = a->total.down_bytes + s->down_bytes;
	uint32_t left;

	buf_fmt(out, "%s: ", a->conf.name);
	if (a->phase != ACCOUNT_FOLDER) {
		buf_str(out, a->phase < ACCOUNT_LIST ? "connecting" :
			a->phase < ACCOUNT_LOGOUT ? "listing" : "logging out");
		return;
	}
	buf_fmt(out, "folder %u of %u %s", a->folder_no, a->folder_count,
		a->title);
	if (s->down_todo > 0) {
		buf_fmt(out, "  %u/%u", s->down, s->down_todo);
	}
	if (ms > 500 && bytes > 0) {
		buf_fmt(out, "  %llu KiB  %llu KiB/s",
			(unsigned long long)(bytes / 1024),
			(unsigned long long)(bytes * 1000 / 1024 /
				(uint64_t)ms));
	}
	left = s->down_todo > s->down ? s->down_todo - s->down : 0;
	if (left > 0 && s->down > 0 && ms > 2000) {
		buf_fmt(out, "  %llu s left", (unsigned long long)
			((uint64_t)ms * left / s->down / 1000));
	}
}

#endif
