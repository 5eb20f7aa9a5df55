/* account_progress: where an account stands, in one line. */
#include "app/account.h"

#if CFG_PROGRESS

/* The folders at work, and the sum over them. */
void
account_progress(const struct account *a, int64_t now_ms, struct buf *out)
{
	uint64_t bytes = a->total.down_bytes;
	int64_t ms = now_ms - a->started_ms;
	uint32_t done = 0, todo = 0;
	const struct lane *l = NULL;

	buf_fmt(out, "%s: ", a->conf.name);
	if (a->phase != ACCOUNT_WORK) {
		buf_str(out, a->phase < ACCOUNT_LIST ? "connecting"
						     : "listing");
		return;
	}
	buf_fmt(out, "folder %u of %u", a->folder_no, a->folder_count);
	while ((l = pool_next(a, l)) != NULL) {
		const struct folder_stats *s = &l->folder.stats;

		if (l->folder_open) {
			buf_fmt(out, " %s", l->title);
			done += s->down;
			todo += s->down_todo;
			bytes += s->down_bytes;
		}
	}
	if (todo > 0) {
		buf_fmt(out, "  %u/%u", done, todo);
	}
	if (ms > 500 && bytes > 0) {
		buf_fmt(out, "  %llu KiB  %llu KiB/s",
			(unsigned long long)(bytes / 1024),
			(unsigned long long)(bytes * 1000 / 1024 /
				(uint64_t)ms));
	}
	if (todo > done && done > 0 && ms > 2000) {
		buf_fmt(out, "  %llu s left", (unsigned long long)
			((uint64_t)ms * (todo - done) / done / 1000));
	}
}

#endif
