/*
 * posix: what the files of port/posix/ and port/linux/ share. Include it
 * first: it chooses the system's feature set (64-bit times and offsets also
 * on 32-bit machines).
 */
#ifndef WHERRY_PORT_POSIX_POSIX_H
#define WHERRY_PORT_POSIX_POSIX_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif
#ifndef _TIME_BITS
#define _TIME_BITS 64
#endif

#include <stdbool.h>
#include <stddef.h>

#include <sys/types.h>
#include <time.h>

#include "base/err.h"
#include "port/fs.h"

_Static_assert(sizeof(off_t) == 8, "needs 64-bit file offsets");
_Static_assert(sizeof(time_t) == 8, "needs 64-bit times");

/* errno as our error, with "call name: reason" as its detail. name may be
 * NULL. */
enum err posix_fail(const char *call, const char *name);
/* The same for the network: always ERR_NET. */
enum err posix_net_fail(const char *call);

/* A directory of fs.h as the system counts it. */
int posix_at(fs_fd dir);

/* pipe(2), both ends close-on-exec. */
enum err posix_pipe(int ends[2]);
/* fork(2); in the child signals are as a fresh program has them. */
pid_t posix_fork(void);
/* Read end of the pipe that a signal writes to; -1 before sys_signals().
 * posix_signal_drain empties it. */
int posix_signal_fd(void);
void posix_signal_drain(void);

/* Renaming without replacing for systems that have no call for it: link and
 * unlink, and where the file system has no hard links, a look before a
 * rename. */
enum err posix_rename_link(fs_fd from, const char *a, fs_fd to,
	const char *b);
enum err posix_rename_look(fs_fd from, const char *a, fs_fd to,
	const char *b);

/* Given by the system's own directory: true where flock() is emulated with
 * the same lock as fcntl(), so that a process would lock itself out. */
bool posix_flock_is_fcntl(fs_fd fd);

#endif
