/*
 * Watching directories by inotify. A watch is set through /proc/self/fd, since
 * there is no call that takes a directory that is open; without /proc there is
 * no watch.
 *
 * An event is put into the queue before the call that caused it returns, and
 * while the directory is locked. So our own are all there when we read, and
 * whoever has moved the stamp of a directory without having told it yet still
 * holds its lock: looking up a name that nobody has asked for waits for that.
 */
#define _GNU_SOURCE
#include "port/posix/posix.h"

#include "config.h"

#if CFG_WATCH
#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

#define CAME (IN_CREATE | IN_MOVED_TO)
#define WENT (IN_DELETE | IN_MOVED_FROM)

enum err
fs_watch_open(const fs_fd dirs[2], fs_fd *watch)
{
	char path[32];
	struct buf b;

	*watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (*watch < 0) {
		*watch = FS_NONE;
		return err_set(ERR_UNSUPPORTED, "no inotify here");
	}
	for (int i = 0; i < 2; i++) {
		BUF_INIT(&b, path);
		buf_str(&b, "/proc/self/fd/");
		buf_u64(&b, (uint64_t)dirs[i]);
		if (inotify_add_watch(*watch, buf_cstr(&b),
			CAME | WENT | IN_ONLYDIR) != i + 1) {
			fs_close(watch);
			return err_set(ERR_UNSUPPORTED, "no watch");
		}
	}
	return ERR_OK;
}

/* In one read(): n bytes of events. */
static bool
sum_events(const char *p, size_t n, uint64_t *sum)
{
	struct inotify_event ev;

	while (n >= sizeof(ev)) {
		memcpy(&ev, p, sizeof(ev));
		if ((ev.mask & (CAME | WENT)) == 0 || ev.len == 0) {
			return false; /* overflow, or the watch is gone */
		}
		*sum += fs_watch_mark(ev.wd - 1, (ev.mask & CAME) != 0,
			p + sizeof(ev));
		p += sizeof(ev) + ev.len;
		n -= sizeof(ev) + ev.len;
	}
	return true;
}

enum err
fs_watch_sum(fs_fd watch, uint64_t *sum)
{
	char events[2048];
	ssize_t n;

	for (;;) {
		n = read(watch, events, sizeof(events));
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0 && errno == EAGAIN) {
			return ERR_OK;
		}
		if (n <= 0 || !sum_events(events, (size_t)n, sum)) {
			return err_set(ERR_LIMIT, "events were lost");
		}
	}
}

void
fs_watch_settle(fs_fd dir)
{
	struct timespec now = {0, 0};
	char name[64];
	struct stat st;
	struct buf b;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	BUF_INIT(&b, name);
	buf_str(&b, ".wherry.");
	buf_u64(&b, (uint64_t)getpid());
	buf_char(&b, '.');
	buf_u64(&b, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
	(void)fstatat(dir, buf_cstr(&b), &st, 0);
}

#else /* for systems without, too */

enum err
fs_watch_open(const fs_fd dirs[2], fs_fd *watch)
{
	(void)dirs;
	*watch = FS_NONE;
	return ERR_UNSUPPORTED;
}

enum err
fs_watch_sum(fs_fd watch, uint64_t *sum)
{
	(void)watch;
	(void)sum;
	return ERR_UNSUPPORTED;
}

void
fs_watch_settle(fs_fd dir)
{
	(void)dir;
}
#endif
