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
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

#define CAME (IN_CREATE | IN_MOVED_TO)
#define WENT (IN_DELETE | IN_MOVED_FROM)
#define EVENT_MAX (sizeof(struct inotify_event) + NAME_MAX + 1)

/* Closing an inotify descriptor waits some milliseconds for the kernel's
 * readers of old watches; removing a watch does not. So descriptors stay, one
 * for each folder at work, and what comes for a number that is not a watch's
 * any more was left by the folder before. */
static struct {
	int fd; /* and 1; 0: none yet */
	int dir[2];
	bool used;
} pool[CFG_CONNECTIONS];

static bool
set_watch(fs_fd w, int i, fs_fd dir)
{
	char path[32];
	struct buf b;

	BUF_INIT(&b, path);
	buf_str(&b, "/proc/self/fd/");
	buf_u64(&b, (uint64_t)dir);
	pool[w].dir[i] = inotify_add_watch(pool[w].fd - 1, buf_cstr(&b),
		CAME | WENT | IN_ONLYDIR);
	return pool[w].dir[i] > 0;
}

enum err
fs_watch_open(const fs_fd dirs[2], fs_fd *watch)
{
	fs_fd w = 0;

	while (w < CFG_CONNECTIONS && pool[w].used) {
		w++;
	}
	*watch = FS_NONE;
	if (w < CFG_CONNECTIONS && pool[w].fd == 0) {
		pool[w].fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC) + 1;
	}
	if (w == CFG_CONNECTIONS || pool[w].fd == 0) {
		return err_set(ERR_UNSUPPORTED, "no inotify here");
	}
	pool[w].used = true;
	*watch = w;
	if (!set_watch(w, 0, dirs[0]) || !set_watch(w, 1, dirs[1])) {
		fs_watch_close(watch);
		return err_set(ERR_UNSUPPORTED, "no watch");
	}
	return ERR_OK;
}

void
fs_watch_close(fs_fd *watch)
{
	for (int i = 0; i < 2 && *watch != FS_NONE; i++) {
		(void)inotify_rm_watch(pool[*watch].fd - 1,
			pool[*watch].dir[i]);
		pool[*watch].dir[i] = 0;
		pool[*watch].used = false;
	}
	*watch = FS_NONE;
}

/* In one read(): n bytes of events. */
static bool
sum_events(const int dir[2], const char *p, size_t n, uint64_t *sum)
{
	struct inotify_event ev;

	for (; n >= sizeof(ev); n -= sizeof(ev) + ev.len) {
		memcpy(&ev, p, sizeof(ev));
		p += sizeof(ev) + ev.len;
		if (ev.wd > 0 && ev.wd != dir[0] && ev.wd != dir[1]) {
			continue;
		}
		if ((ev.mask & (CAME | WENT)) == 0 || ev.len == 0) {
			return false; /* overflow, or the watch is gone */
		}
		*sum += fs_watch_mark(ev.wd == dir[1], (ev.mask & CAME) != 0,
			p - ev.len);
	}
	return true;
}

enum err
fs_watch_sum(fs_fd watch, uint64_t *sum)
{
	char events[2048];
	ssize_t n;

	do { /* until there was room for another one */
		n = read(pool[watch].fd - 1, events, sizeof(events));
		if (n < 0 && errno == EINTR) {
			n = sizeof(events);
			continue;
		}
		if (n < 0 && errno == EAGAIN) {
			return ERR_OK;
		}
		if (n <= 0 || !sum_events(pool[watch].dir, events, (size_t)n,
			sum)) {
			return err_set(ERR_LIMIT, "events were lost");
		}
	} while ((size_t)n > sizeof(events) - EVENT_MAX);
	return ERR_OK;
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

void
fs_watch_close(fs_fd *watch)
{
	*watch = FS_NONE;
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
