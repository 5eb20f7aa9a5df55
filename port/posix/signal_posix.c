/*
 * Signals that ask to stop. The handler sets a flag and writes one byte into
 * a pipe which net_poll() watches. Calls on the disk are restarted by the
 * system (SA_RESTART); a wait for the network is not.
 *
 * A second SIGINT ends the program at once: whoever presses Ctrl-C twice
 * means it, and an interruption is safe at any point.
 */
#include "port/posix/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "port/sys.h"

static volatile sig_atomic_t stopping;
static int wake[2] = {-1, -1};

static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP};
enum { STOP_SIGNALS = sizeof(stop_signals) / sizeof(stop_signals[0]) };

enum err
posix_pipe(int ends[2])
{
	if (pipe(ends) != 0) {
		return posix_fail("pipe", NULL);
	}
	posix_cloexec(ends[0]);
	posix_cloexec(ends[1]);
	return ERR_OK;
}

void
posix_cloexec(int fd)
{
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void
posix_nonblock(int fd)
{
	int now = fcntl(fd, F_GETFL);

	(void)fcntl(fd, F_SETFL, (now < 0 ? 0 : now) | O_NONBLOCK);
}

static void
on_stop(int sig)
{
	int e = errno;
	ssize_t r;

	(void)sig;
	stopping = 1;
	r = write(wake[1], "", 1);
	(void)r; /* full: then it is readable already */
	errno = e;
}

/* In a jail there may be no /dev: then a pipe whose other end is closed. It
 * ends at once for who reads, and who writes gets an error. */
int
posix_null(void)
{
	int fd = open("/dev/null", O_RDWR), ends[2];

	if (fd >= 0 || pipe(ends) != 0) {
		return fd;
	}
	close(ends[1]);
	return ends[0];
}

/* A program started with a standard descriptor closed would open a mail file
 * as number 2 and write its messages into it. */
static void
fill_standard(void)
{
	int fd;

	do {
		fd = posix_null();
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0) {
		close(fd);
	}
}

void
sys_signals(void)
{
	struct sigaction sa;
	size_t i;

	fill_standard();
	if (wake[0] < 0 && posix_pipe(wake) == ERR_OK) {
		posix_nonblock(wake[0]);
		posix_nonblock(wake[1]);
	}
	memset(&sa, 0, sizeof(sa));
	sigemptyset(&sa.sa_mask);
	sa.sa_handler = on_stop;
	for (i = 0; i < STOP_SIGNALS; i++) {
		sa.sa_flags = SA_RESTART;
		if (stop_signals[i] == SIGINT) {
			sa.sa_flags |= (int)SA_RESETHAND;
		}
		sigaction(stop_signals[i], &sa, NULL);
	}
	sa.sa_flags = 0;
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
}

bool
sys_stopping(void)
{
	return stopping != 0;
}

/* A signal that reaches the child before it has dropped our handlers would be
 * swallowed, and would wake us through the shared pipe. So they wait. */
pid_t
posix_fork(void)
{
	sigset_t block, old;
	pid_t pid;
	size_t i;

	sigemptyset(&block);
	for (i = 0; i < STOP_SIGNALS; i++) {
		sigaddset(&block, stop_signals[i]);
	}
	sigprocmask(SIG_BLOCK, &block, &old);
	pid = fork();
	if (pid == 0) {
		for (i = 0; i < STOP_SIGNALS; i++) {
			signal(stop_signals[i], SIG_DFL);
		}
		signal(SIGPIPE, SIG_DFL);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	return pid;
}

int
posix_signal_fd(void)
{
	return wake[0];
}

void
posix_signal_drain(void)
{
	char sink[16];

	while (read(wake[0], sink, sizeof(sink)) > 0) {
	}
}
