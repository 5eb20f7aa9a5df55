/*
 * fs: the disk, as wherry needs it. Every call blocks. Names are NUL-
 * terminated and relative to an open directory (`dir`), so that no path is
 * longer than CFG_NAME below a root that was opened once; FS_CWD with an
 * absolute path opens that root. Symbolic links are followed.
 *
 * Errors are the enum of base/err.h (ERR_SPACE for ENOSPC and EDQUOT,
 * ERR_READONLY for EROFS, ...); err_detail() then holds "call name: reason".
 * Interrupted calls are repeated; short writes are continued.
 */
#ifndef WHERRY_PORT_FS_H
#define WHERRY_PORT_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef int fs_fd;
#define FS_NONE (-1)
#define FS_CWD (-100)

enum {
	FS_READ = 1,
	FS_WRITE = 2,
	FS_CREATE = 4,
	FS_EXCL = 8,
	FS_TRUNC = 16,
	FS_APPEND = 32 /* every write goes to the end */
};

enum fs_type { FS_FILE, FS_DIR, FS_OTHER };

struct fs_stat {
	enum fs_type type;
	uint32_t mode; /* permission bits */
	uint64_t dev, ino, size;
	int64_t mtime_s, ctime_s;
	uint32_t mtime_ns, ctime_ns;
};

/* Of a directory: it moves when a name in it comes, goes or changes. No
 * padding, so that two of them compare as bytes. */
struct fs_stamp {
	uint64_t dev, ino;
	int64_t mtime_s, ctime_s;
	uint32_t mtime_ns, ctime_ns;
};

/* Directories. mode is cut by the umask. */
enum err fs_open_dir(fs_fd dir, const char *name, fs_fd *out);
enum err fs_mkdir(fs_fd dir, const char *name, unsigned mode); /* ERR_EXIST */
/* Makes what is missing of path, as mkdir -p. */
enum err fs_mkdirs(const char *path, unsigned mode);
enum err fs_rmdir(fs_fd dir, const char *name);

/* Files. New files get mode cut by the umask. close-on-exec always. */
enum err fs_open(fs_fd dir, const char *name, int flags, unsigned mode,
	fs_fd *out);
void fs_close(fs_fd *fd); /* FS_NONE is ignored; sets FS_NONE */
/* Up to n bytes; *got 0 is the end of the file. */
enum err fs_read(fs_fd fd, void *p, size_t n, size_t *got);
enum err fs_pread(fs_fd fd, void *p, size_t n, uint64_t at, size_t *got);
/* All n bytes or an error. */
enum err fs_write(fs_fd fd, const void *p, size_t n);
enum err fs_pwrite(fs_fd fd, const void *p, size_t n, uint64_t at);
enum err fs_size(fs_fd fd, uint64_t *size);
enum err fs_truncate(fs_fd fd, uint64_t size);
enum err fs_set_mtime(fs_fd fd, int64_t unix_s, uint32_t ns);
enum err fs_stat(fs_fd dir, const char *name, struct fs_stat *out);
enum err fs_fstat(fs_fd fd, struct fs_stat *out);

/* Renames and refuses with ERR_EXIST to replace anything. One step: whenever
 * the power is cut, the file has one of the two names. Where the system has no
 * such call the port looks before it renames: who takes the name in between
 * is replaced, and names in a Maildir are made so that nobody does. */
enum err fs_rename_new(fs_fd from, const char *a, fs_fd to, const char *b);
/* Renames and replaces. */
enum err fs_rename(fs_fd from, const char *a, fs_fd to, const char *b);
enum err fs_unlink(fs_fd dir, const char *name);

/* Durability. fs_sync: data and size of a file; fs_sync_names: the names of a
 * directory.
 * fs_sync_all: everything written to the file system that holds dir (syncfs);
 * only where fs_sync_all_trusted() (local ext4, xfs, btrfs, f2fs on Linux 5.8
 * or later, which report write errors), else ERR_UNSUPPORTED; and so it is on a
 * disk where it once took longer than most_ms, because others write much there,
 * until the program ends. fs_sync_start: begins to write a file's data and does
 * not wait; promises nothing, but a later fs_sync is quicker. */
enum err fs_sync(fs_fd fd);
enum err fs_sync_names(fs_fd dir);
enum err fs_sync_all(fs_fd dir, int64_t most_ms);
void fs_sync_start(fs_fd fd);
bool fs_sync_all_trusted(fs_fd dir);

/* Stamps. fs_stamps_trusted: does the file system that holds dir move the
 * stamp of a directory at every change, whoever makes it? Only local ones that
 * are known; false is always right. fs_stamp_wait: milliseconds until no change
 * can leave this stamp as it is because it comes within the grain of its
 * times; 0: a change from now on moves it. By the times of `now`, a file that
 * was just written there; NULL, for local ones, is the system's clock. */
enum err fs_stamp(fs_fd dir, const char *name, struct fs_stamp *out);
bool fs_stamps_trusted(fs_fd dir);
int64_t fs_stamp_wait(const struct fs_stamp *s, const struct fs_stamp *now);

/* A watch counts the names that come to and go from two directories, whoever
 * moves them: each adds fs_watch_mark() of it to a sum, so that one who adds
 * up his own knows whether there were others. fs_watch_open: ERR_UNSUPPORTED
 * where there is none (CFG_WATCH is 0, CFG_CONNECTIONS of them are open); what
 * it gives is no descriptor. fs_watch_sum: adds what happened
 * since it was last called, and does not wait; any error: some are lost.
 * fs_watch_settle: whoever changed dir before has told it when this returns. */
enum err fs_watch_open(const fs_fd dirs[2], fs_fd *watch);
void fs_watch_close(fs_fd *watch); /* FS_NONE is ignored; sets FS_NONE */
enum err fs_watch_sum(fs_fd watch, uint64_t *sum);
void fs_watch_settle(fs_fd dir);
uint64_t fs_watch_mark(int dir, bool came, const char *name);

/* Advisory lock of a whole file, both kinds (fcntl and flock), without
 * waiting: ERR_LOCKED if another process has either. Gone with the fd. */
enum err fs_lock(fs_fd fd);

/* Walks a directory, name in dir ("." for dir itself); entries "." and ".." are
 * left out. The name of an entry is valid until the next call. buf belongs to
 * the caller, 1 KiB or more, for the whole walk. Order is the file system's.
 * ERR_END after the last. */
struct fs_walk {
	fs_fd fd; /* of the directory, to look at; the rest is private */
	char *buf;
	size_t cap, at, n;
	void *sys;
};
enum err fs_walk_open(struct fs_walk *w, fs_fd dir, const char *name, void *buf,
	size_t cap);
enum err fs_walk_next(struct fs_walk *w, const char **name,
	enum fs_type *type);
void fs_walk_close(struct fs_walk *w);

/* Bytes that this process has written to files since it started. */
uint64_t fs_written(void);

#endif
