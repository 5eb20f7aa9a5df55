/*
 * The disk, where Linux has better calls than POSIX.
 *
 * The walk reads directory entries straight into the caller's buffer:
 * opendir() would allocate. renameat2() is called by number, since not every
 * libc knows it, and kernels before 3.15 and some file systems refuse it.
 *
 * Kernels of small machines begin at 2.6.32, and sandboxes refuse calls that
 * they do not know, with ENOSYS or EPERM. Whatever came later has a way
 * without it here.
 *
 * syncfs() reports write errors only since Linux 5.8, and means nothing good
 * on network and user-space file systems, so it is trusted by a list. In tmpfs
 * nothing can be made durable, and nothing is written that could fail.
 */
#define _GNU_SOURCE
#include "port/posix/posix.h"
#include "port/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

/* From linux/magic.h, which is not installed everywhere. */
#define MAGIC_EXT4 0xEF53u
#define MAGIC_XFS 0x58465342u
#define MAGIC_BTRFS 0x9123683Eu
#define MAGIC_F2FS 0xF2F52010u
#define MAGIC_TMPFS 0x01021994u
#define MAGIC_NFS 0x6969u
#define MAGIC_CIFS 0xFF534D42u
#define MAGIC_SMB2 0xFE534D42u

/* Local file systems that take the times of a directory from the kernel's
 * clock at every change. */
static const uint32_t local[] = {MAGIC_EXT4, MAGIC_XFS, MAGIC_BTRFS,
	MAGIC_F2FS, 0x01021994u /* tmpfs */, 0x794C7630u /* overlayfs */,
	0x24051905u /* UBIFS */, 0x72B6u /* JFFS2 */};

#define NOREPLACE 1u /* RENAME_NOREPLACE */

/* struct linux_dirent64: u64 inode, i64 offset, u16 length, u8 type, name. */
enum { ENT_LENGTH = 16, ENT_TYPE = 18, ENT_NAME = 19 };
enum { TYPE_DIR = 4, TYPE_FILE = 8 };

enum err
fs_walk_open(struct fs_walk *w, fs_fd dir, const char *name, void *buf,
	size_t cap)
{
	enum err e;

	memset(w, 0, sizeof(*w));
	w->fd = FS_NONE;
	/* Opened even if it is `dir`: its own place in the directory. */
	e = fs_open_dir(dir, name, &w->fd);
	w->buf = buf;
	w->cap = cap;
	return e;
}

static enum err
fill(struct fs_walk *w)
{
	long r;

	do {
		r = syscall(SYS_getdents64, w->fd, w->buf, w->cap);
	} while (r < 0 && errno == EINTR);
	if (r < 0 && errno == EINVAL) {
		return err_set(ERR_LIMIT,
			"directory entry longer than the %zu bytes of a walk",
			w->cap);
	}
	if (r < 0) {
		return posix_fail("read directory", NULL);
	}
	w->at = 0;
	w->n = (size_t)r;
	return r == 0 ? ERR_END : ERR_OK;
}

enum err
fs_walk_next(struct fs_walk *w, const char **name, enum fs_type *type)
{
	const char *ent;
	uint16_t length;
	enum err e;

	for (;;) {
		if (w->at >= w->n) {
			e = fill(w);
			if (e != ERR_OK) {
				return e;
			}
		}
		ent = w->buf + w->at;
		memcpy(&length, ent + ENT_LENGTH, sizeof(length));
		w->at += length;
		*name = ent + ENT_NAME;
		if (strcmp(*name, ".") != 0 && strcmp(*name, "..") != 0) {
			break;
		}
	}
	switch (ent[ENT_TYPE]) {
	case TYPE_FILE:
		*type = FS_FILE;
		break;
	case TYPE_DIR:
		*type = FS_DIR;
		break;
	default: /* a link, or a file system that does not say */
		*type = posix_type_of(w->fd, *name);
		break;
	}
	return ERR_OK;
}

void
fs_walk_close(struct fs_walk *w)
{
	fs_close(&w->fd);
	w->at = w->n = 0;
}

/* Not there: too old a kernel, a file system that cannot, a sandbox. EPERM
 * may also be meant; then the other way meets it, too. */
static bool
is_missing(int e)
{
	return e == ENOSYS || e == EINVAL || e == EOPNOTSUPP || e == EPERM;
}

enum err
fs_rename_new(fs_fd from, const char *a, fs_fd to, const char *b)
{
	long r;

	do {
		r = syscall(SYS_renameat2, posix_at(from), a, posix_at(to), b,
			NOREPLACE);
	} while (r != 0 && errno == EINTR);
	if (r == 0) {
		return ERR_OK;
	}
	if (is_missing(errno)) {
		return posix_rename_look(from, a, to, b);
	}
	return posix_fail("rename", a);
}

static bool
magic_of(fs_fd fd, uint32_t *magic)
{
	struct statfs st;

	if (fstatfs(fd, &st) != 0) {
		return false;
	}
	*magic = (uint32_t)st.f_type;
	return true;
}

static bool
kernel_since(unsigned want_major, unsigned want_minor)
{
	struct utsname u;
	unsigned part[2] = {0, 0};
	unsigned i = 0;
	const char *c;

	if (uname(&u) != 0) {
		return false;
	}
	for (c = u.release; i < 2 && (*c == '.' || (*c >= '0' && *c <= '9'));
		c++) {
		if (*c == '.') {
			i++;
		} else {
			part[i] = part[i] * 10 + (unsigned)(*c - '0');
		}
	}
	return part[0] > want_major ||
		(part[0] == want_major && part[1] >= want_minor);
}

bool
fs_sync_all_trusted(fs_fd dir)
{
	static int reports; /* 1 yes, -1 no: the kernel stays the same */
	uint32_t magic;

	if (reports == 0) {
		reports = kernel_since(5, 8) ? 1 : -1;
	}
	if (reports < 0 || !magic_of(dir, &magic)) {
		return false;
	}
	return magic == MAGIC_EXT4 || magic == MAGIC_XFS ||
		magic == MAGIC_BTRFS || magic == MAGIC_F2FS ||
		magic == MAGIC_TMPFS;
}

/* Disks on which it has to write what others wrote, too. Of more than there is
 * room for the last ones. */
static uint64_t slow[4];
static unsigned slow_n;

static bool
is_slow(const struct fs_stat *st)
{
	for (unsigned i = 0; i < slow_n && i < 4; i++) {
		if (slow[i] == st->dev) {
			return true;
		}
	}
	return false;
}

enum err
fs_sync_all(fs_fd dir, int64_t most_ms)
{
	int64_t begun = sys_now_ms();
	struct fs_stat st = {0};
	int r;

	if (fs_fstat(dir, &st) != ERR_OK || is_slow(&st) ||
		!fs_sync_all_trusted(dir)) {
		return err_set(ERR_UNSUPPORTED,
			"syncfs is not relied on for this file system");
	}
	do {
		r = syncfs(dir);
	} while (r != 0 && errno == EINTR);
	if (r != 0 && is_missing(errno)) {
		return err_set(ERR_UNSUPPORTED, "no syncfs here");
	}
	if (sys_now_ms() - begun > most_ms) {
		slow[slow_n++ % 4] = st.dev;
	}
	return r == 0 ? ERR_OK : posix_fail("sync file system", NULL);
}

void
fs_sync_start(fs_fd fd)
{
	(void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

bool
fs_stamps_trusted(fs_fd dir)
{
	uint32_t magic;

	if (!magic_of(dir, &magic)) {
		return false;
	}
	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
		if (local[i] == magic) {
			return true;
		}
	}
	return false;
}

/* Times of files are taken from the coarse clock, which goes in ticks of up to
 * 10 ms (since 6.13 they are sometimes a little ahead of it): when it is past
 * a stamp, whatever changes from now on gets another one. */
int64_t
posix_file_clock(struct fs_stamp *now)
{
	struct timespec t = {0, 0};
	bool coarse = clock_gettime(CLOCK_REALTIME_COARSE, &t) == 0;

	if (!coarse) {
		(void)clock_gettime(CLOCK_REALTIME, &t);
	}
	now->ctime_s = (int64_t)t.tv_sec;
	now->ctime_ns = (uint32_t)t.tv_nsec;
	return coarse ? 2 : 100;
}

int
posix_lock_open_file(fs_fd fd)
{
	struct flock fl; /* 64-bit offsets, posix.h saw to that */

	memset(&fl, 0, sizeof(fl));
	fl.l_type = F_WRLCK;
	fl.l_whence = SEEK_SET;
	return fcntl(fd, F_OFD_SETLK, &fl);
}

/* On network file systems flock() is emulated with the lock of fcntl(). */
int
posix_lock_flock(fs_fd fd)
{
	uint32_t magic;

	if (magic_of(fd, &magic) && (magic == MAGIC_NFS ||
		magic == MAGIC_CIFS || magic == MAGIC_SMB2)) {
		errno = EINVAL;
		return -1;
	}
	return flock(fd, LOCK_EX | LOCK_NB);
}
