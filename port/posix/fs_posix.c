/*
 * The disk with calls that every POSIX.1-2008 system has. Walking, renaming
 * without replacing, flushing a whole file system and the other kinds of lock
 * are the system's own (port/linux/).
 *
 * Every call that a signal may interrupt is repeated, every short write is
 * continued: the callers think in whole operations. Directories are held open
 * and names are looked up below them (the *at calls), so a path that is moved
 * while we work still means the same directory.
 */
#include "port/posix/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h> /* renameat() is there, nothing else is used */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"

#ifdef __APPLE__ /* Darwin's names for them */
#define st_mtim st_mtimespec
#define st_ctim st_ctimespec
#endif

static uint64_t written;

int
posix_at(fs_fd dir)
{
	return dir == FS_CWD ? AT_FDCWD : dir;
}

enum err
fs_open_dir(fs_fd dir, const char *name, fs_fd *out)
{
	int fd;

	do {
		fd = openat(posix_at(dir), name,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0) {
		*out = FS_NONE;
		return posix_fail("open directory", name);
	}
	*out = fd;
	return ERR_OK;
}

enum err
fs_mkdir(fs_fd dir, const char *name, unsigned mode)
{
	if (mkdirat(posix_at(dir), name, (mode_t)mode) != 0) {
		return posix_fail("mkdir", name);
	}
	return ERR_OK;
}

/* What is there already may refuse mkdir with any error (EROFS, EACCES on an
 * automounter's root), so the look decides, not the error. */
static enum err
make_one(const char *path, unsigned mode)
{
	struct stat st;
	int e;

	if (mkdir(path, (mode_t)mode) == 0) {
		return ERR_OK;
	}
	e = errno;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		return ERR_OK;
	}
	errno = e;
	return posix_fail("mkdir", path);
}

enum err
fs_mkdirs(const char *path, unsigned mode)
{
	char part[CFG_PATH];
	size_t n = strlen(path), i;
	enum err e;

	if (n >= sizeof(part)) {
		return err_set(ERR_LIMIT, "path longer than CFG_PATH: %s",
			path);
	}
	memcpy(part, path, n + 1);
	for (i = 1; i < n; i++) {
		if (part[i] != '/' || part[i - 1] == '/') {
			continue;
		}
		part[i] = '\0';
		e = make_one(part, mode);
		if (e != ERR_OK) {
			return e;
		}
		part[i] = '/';
	}
	return make_one(part, mode);
}

enum err
fs_rmdir(fs_fd dir, const char *name)
{
	if (unlinkat(posix_at(dir), name, AT_REMOVEDIR) != 0) {
		return posix_fail("rmdir", name);
	}
	return ERR_OK;
}

static int
open_flags(int flags)
{
	int f = O_CLOEXEC | O_NOCTTY;

	if ((flags & FS_READ) != 0 && (flags & FS_WRITE) != 0) {
		f |= O_RDWR;
	} else if ((flags & FS_WRITE) != 0) {
		f |= O_WRONLY;
	} else {
		f |= O_RDONLY;
	}
	f |= (flags & FS_CREATE) != 0 ? O_CREAT : 0;
	f |= (flags & FS_EXCL) != 0 ? O_EXCL : 0;
	f |= (flags & FS_TRUNC) != 0 ? O_TRUNC : 0;
	f |= (flags & FS_APPEND) != 0 ? O_APPEND : 0;
	return f;
}

enum err
fs_open(fs_fd dir, const char *name, int flags, unsigned mode, fs_fd *out)
{
	int fd;

	do {
		fd = openat(posix_at(dir), name, open_flags(flags),
			(mode_t)mode);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0) {
		*out = FS_NONE;
		return posix_fail("open", name);
	}
	*out = fd;
	return ERR_OK;
}

void
fs_close(fs_fd *fd)
{
	if (*fd >= 0) {
		/* Not repeated when interrupted: Linux has closed it then,
		 * and what must be durable was flushed by fs_sync. */
		close(*fd);
	}
	*fd = FS_NONE;
}

enum err
fs_read(fs_fd fd, void *p, size_t n, size_t *got)
{
	ssize_t r;

	*got = 0;
	do {
		r = read(fd, p, n);
	} while (r < 0 && errno == EINTR);
	if (r < 0) {
		return posix_fail("read", NULL);
	}
	*got = (size_t)r;
	return ERR_OK;
}

enum err
fs_pread(fs_fd fd, void *p, size_t n, uint64_t at, size_t *got)
{
	ssize_t r;

	*got = 0;
	do {
		r = pread(fd, p, n, (off_t)at);
	} while (r < 0 && errno == EINTR);
	if (r < 0) {
		return posix_fail("read", NULL);
	}
	*got = (size_t)r;
	return ERR_OK;
}

enum err
fs_write(fs_fd fd, const void *p, size_t n)
{
	const char *c = p;
	ssize_t r;

	while (n > 0) {
		r = write(fd, c, n);
		if (r < 0 && errno == EINTR) {
			continue;
		}
		if (r < 0) {
			return posix_fail("write", NULL);
		}
		written += (uint64_t)r;
		c += r;
		n -= (size_t)r;
	}
	return ERR_OK;
}

enum err
fs_pwrite(fs_fd fd, const void *p, size_t n, uint64_t at)
{
	const char *c = p;
	ssize_t r;

	while (n > 0) {
		r = pwrite(fd, c, n, (off_t)at);
		if (r < 0 && errno == EINTR) {
			continue;
		}
		if (r < 0) {
			return posix_fail("write", NULL);
		}
		written += (uint64_t)r;
		c += r;
		n -= (size_t)r;
		at += (uint64_t)r;
	}
	return ERR_OK;
}

uint64_t
fs_written(void)
{
	return written;
}

static void
fill_stat(const struct stat *st, struct fs_stat *out)
{
	memset(out, 0, sizeof(*out));
	out->type = S_ISREG(st->st_mode) ? FS_FILE :
		S_ISDIR(st->st_mode)     ? FS_DIR :
					   FS_OTHER;
	out->mode = (uint32_t)(st->st_mode & 07777);
	out->dev = (uint64_t)st->st_dev;
	out->ino = (uint64_t)st->st_ino;
	out->size = (uint64_t)st->st_size;
	out->mtime_s = (int64_t)st->st_mtim.tv_sec;
	out->mtime_ns = (uint32_t)st->st_mtim.tv_nsec;
	out->ctime_s = (int64_t)st->st_ctim.tv_sec;
	out->ctime_ns = (uint32_t)st->st_ctim.tv_nsec;
}

enum err
fs_stamp(fs_fd dir, const char *name, struct fs_stamp *out)
{
	struct fs_stat st;
	enum err e = fs_stat(dir, name, &st);

	if (e == ERR_OK) {
		*out = (struct fs_stamp){.dev = st.dev, .ino = st.ino,
			.mtime_s = st.mtime_s, .mtime_ns = st.mtime_ns,
			.ctime_s = st.ctime_s, .ctime_ns = st.ctime_ns};
	}
	return e;
}

static int64_t
stamp_ms(const struct fs_stamp *s)
{
	int64_t m = s->mtime_s * 1000 + s->mtime_ns / 1000000;
	int64_t c = s->ctime_s * 1000 + s->ctime_ns / 1000000;

	return m > c ? m : c;
}

/* A stamp of the future (the clock was set back) is moved by any change: to
 * the present. */
int64_t
fs_stamp_wait(const struct fs_stamp *s, const struct fs_stamp *now)
{
	struct fs_stamp clock = {0};
	int64_t grain = 100, age;

	if (now == NULL) {
		grain = posix_file_clock(&clock);
		now = &clock;
	}
	if (s->mtime_ns == 0 && s->ctime_ns == 0) {
		grain = 2100; /* it counts in seconds, perhaps in two */
	}
	age = stamp_ms(now) - stamp_ms(s);
	return age >= -1000 && age < grain ? grain - age : 0;
}

/* FNV-1a, of which no value is 0 here. */
uint64_t
fs_watch_mark(int dir, bool came, const char *name)
{
	uint64_t h = 0xcbf29ce484222325u + (came ? 2u : 0u) + (unsigned)dir;

	for (; *name != '\0'; name++) {
		h = (h ^ (unsigned char)*name) * 0x100000001b3u;
	}
	return h | 1;
}

enum fs_type
posix_type_of(fs_fd dir, const char *name)
{
	struct stat st;

	if (fstatat(posix_at(dir), name, &st, 0) != 0) {
		return FS_OTHER;
	}
	if (S_ISREG(st.st_mode)) {
		return FS_FILE;
	}
	return S_ISDIR(st.st_mode) ? FS_DIR : FS_OTHER;
}

enum err
fs_stat(fs_fd dir, const char *name, struct fs_stat *out)
{
	struct stat st;

	if (fstatat(posix_at(dir), name, &st, 0) != 0) {
		return posix_fail("stat", name);
	}
	fill_stat(&st, out);
	return ERR_OK;
}

enum err
fs_fstat(fs_fd fd, struct fs_stat *out)
{
	struct stat st;

	if (fstat(fd, &st) != 0) {
		return posix_fail("stat", NULL);
	}
	fill_stat(&st, out);
	return ERR_OK;
}

enum err
fs_size(fs_fd fd, uint64_t *size)
{
	struct stat st;

	*size = 0;
	if (fstat(fd, &st) != 0) {
		return posix_fail("stat", NULL);
	}
	*size = (uint64_t)st.st_size;
	return ERR_OK;
}

enum err
fs_truncate(fs_fd fd, uint64_t size)
{
	int r;

	do {
		r = ftruncate(fd, (off_t)size);
	} while (r != 0 && errno == EINTR);
	return r == 0 ? ERR_OK : posix_fail("truncate", NULL);
}

enum err
fs_set_mtime(fs_fd fd, int64_t unix_s, uint32_t ns)
{
	struct timespec ts[2];

	memset(ts, 0, sizeof(ts));
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_sec = (time_t)unix_s;
	ts[1].tv_nsec = (long)ns;
	if (futimens(fd, ts) != 0) {
		return posix_fail("set time", NULL);
	}
	return ERR_OK;
}

enum err
fs_rename(fs_fd from, const char *a, fs_fd to, const char *b)
{
	if (renameat(posix_at(from), a, posix_at(to), b) != 0) {
		return posix_fail("rename", a);
	}
	return ERR_OK;
}

enum err
posix_rename_look(fs_fd from, const char *a, fs_fd to, const char *b)
{
	struct stat st;

	if (fstatat(posix_at(to), b, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		return err_set(ERR_EXIST, "rename %s: %s exists", a, b);
	}
	if (errno != ENOENT) {
		return posix_fail("rename", b);
	}
	return fs_rename(from, a, to, b);
}

enum err
fs_unlink(fs_fd dir, const char *name)
{
	if (unlinkat(posix_at(dir), name, 0) != 0) {
		return posix_fail("unlink", name);
	}
	return ERR_OK;
}

/* fdatasync flushes a file's data and size and leaves its times alone, which
 * spares a journal commit for records that are overwritten in place; for the
 * names of a directory only fsync promises anything. */
static bool
flushed(fs_fd fd, bool names)
{
	int r;

	do {
		r = names ? fsync(fd) : fdatasync(fd);
	} while (r != 0 && errno == EINTR);
	return r == 0;
}

enum err
fs_sync(fs_fd fd)
{
	return flushed(fd, false) ? ERR_OK : posix_fail("sync", NULL);
}

enum err
fs_sync_names(fs_fd dir)
{
	if (flushed(dir, true) || errno == EINVAL || errno == ENOSYS ||
		errno == EOPNOTSUPP) {
		return ERR_OK; /* or this file system cannot, nor need it */
	}
	return posix_fail("sync", NULL);
}

/* Locks of the open file where the system has them: closing another fd of
 * the same file does not drop those. They and classic fcntl locks exclude
 * each other. */
static int
lock_fcntl(fs_fd fd)
{
	struct flock fl;
	int r = posix_lock_open_file(fd);

	if (r == 0 || errno != EINVAL) {
		return r;
	}
	memset(&fl, 0, sizeof(fl));
	fl.l_type = F_WRLCK;
	fl.l_whence = SEEK_SET;
	return fcntl(fd, F_SETLK, &fl);
}

static bool
lock_is_busy(int e)
{
	return e == EAGAIN || e == EACCES || e == EWOULDBLOCK;
}

/* This file system, or this system, has no such lock. */
static bool
lock_is_missing(int e)
{
	return e == ENOLCK || e == ENOSYS || e == EOPNOTSUPP || e == EINVAL;
}

enum err
fs_lock(fs_fd fd)
{
	bool have;

	have = lock_fcntl(fd) == 0;
	if (!have && lock_is_busy(errno)) {
		return err_set(ERR_LOCKED, "another process holds the lock");
	}
	if (!have && !lock_is_missing(errno)) {
		return posix_fail("lock", NULL);
	}
	if (posix_lock_flock(fd) == 0) {
		return ERR_OK;
	}
	if (lock_is_busy(errno)) {
		return err_set(ERR_LOCKED, "another process holds the lock");
	}
	if (have) {
		return ERR_OK; /* one kind is what this file system has */
	}
	return err_set(ERR_UNSUPPORTED, "lock: %s", strerror(errno));
}
