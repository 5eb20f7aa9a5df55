/*
 * posix: what the files of port/posix/ and of one system's own directory
 * (port/linux/) share. Include it first: it chooses the system's feature set,
 * here POSIX.1-2008 and nothing else, and 64-bit times and offsets also on
 * 32-bit machines. A system's own files ask for more before they include it.
 */
#ifndef WHERRY_PORT_POSIX_POSIX_H
#define WHERRY_PORT_POSIX_POSIX_H

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#if defined(__APPLE__) && !defined(_DARWIN_C_SOURCE)
#define _DARWIN_C_SOURCE /* else POSIX hides st_mtimespec and SO_NOSIGPIPE */
#endif
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif
#ifndef _TIME_BITS
#define _TIME_BITS 64
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>
#include <time.h>

#include "base/err.h"
#include "port/fs.h"

_Static_assert(sizeof(off_t) == 8, "needs 64-bit file offsets: "
	"-D_FILE_OFFSET_BITS=64 before the first header");
_Static_assert(sizeof(time_t) == 8, "needs 64-bit times: "
	"-D_TIME_BITS=64, which glibc has since 2.34, or musl");

/* errno as our error, with "call name: reason" as its detail. name may be
 * NULL. */
enum err posix_fail(const char *call, const char *name);
/* NULL if the user database has none. */
const char *posix_passwd_home(void);
/* The same for the network: always ERR_NET. */
enum err posix_net_fail(const char *call);

/* A directory of fs.h as the system counts it. */
int posix_at(fs_fd dir);

/* A new descriptor that gives and takes nothing. */
int posix_null(void);
/* pipe(2), both ends close-on-exec. */
enum err posix_pipe(int ends[2]);
/* For descriptors that open() did not make. There is one thread, so nobody
 * forks between the call that made it and this. */
void posix_cloexec(int fd);
void posix_nonblock(int fd);
/* fork(2); in the child signals are as a fresh program has them. */
pid_t posix_fork(void);
/* Read end of the pipe that a signal writes to; -1 before sys_signals().
 * posix_signal_drain empties it. */
int posix_signal_fd(void);
void posix_signal_drain(void);

/* Renaming without replacing for systems that have no call for it: a look,
 * then the rename. Not link() and unlink(): a crash between those leaves one
 * message with two names, and then it is two messages. */
enum err posix_rename_look(fs_fd from, const char *a, fs_fd to,
	const char *b);

/* Walking by fdopendir(), which allocates: for systems that have no call that
 * fills a buffer of the caller. The same contract as fs_walk_*. */
enum err posix_walk_open(struct fs_walk *w, fs_fd dir, const char *name,
	void *buf, size_t cap);
enum err posix_walk_next(struct fs_walk *w, const char **name,
	enum fs_type *type);
void posix_walk_close(struct fs_walk *w);
/* What name in the directory is, links followed; FS_OTHER if that cannot be
 * seen. */
enum fs_type posix_type_of(fs_fd dir, const char *name);

/* Randomness from <dev>/urandom ("/dev"), once <dev>/random was readable:
 * that is when the generator of an old kernel is seeded. ERR_UNSUPPORTED if
 * either is missing or no device. ERR_STOPPED by a signal that asks to stop. */
enum err posix_random(const char *dev, void *p, size_t n);

/* Given by the system's own directory, besides what of port/fs.h and
 * port/sys.h is not in port/posix/: the two other kinds of lock, -1 with
 * errno if refused. EINVAL: there is none of that kind here.
 * posix_lock_open_file: fcntl() locks that belong to the open file.
 * posix_lock_flock: flock(), unless it is the fcntl() lock under another name,
 * with which a process would lock itself out. */
int posix_lock_open_file(fs_fd fd);
int posix_lock_flock(fs_fd fd);
/* The clock that times of local files are taken from, into the ctime of *now;
 * the grain of such times by it, in milliseconds. */
int64_t posix_file_clock(struct fs_stamp *now);
/* Peak of resident memory in KiB; 0 if the system does not tell. */
uint64_t posix_peak_kib(void);

#endif
