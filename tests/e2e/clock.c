/*
 * clock: preloaded into a program, its clock says what WHERRY_TEST_CLOCK_AT
 * holds (seconds since 1970), and goes on from there. The monotonic clock,
 * which waits are measured with, goes WHERRY_TEST_CLOCK_SPEED times as fast,
 * and waits of poll() are as much shorter; with 0 it stands still, and nothing
 * takes any time.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long long
shift(void)
{
	static long long by;
	static int known;
	const char *at = getenv("WHERRY_TEST_CLOCK_AT");
	struct timespec now;

	if (!known && at != NULL &&
		syscall(SYS_clock_gettime, CLOCK_REALTIME, &now) == 0) {
		by = atoll(at) - (long long)now.tv_sec;
	}
	known = 1;
	return by;
}

static int
speed(void)
{
	const char *by = getenv("WHERRY_TEST_CLOCK_SPEED");

	return by == NULL ? 1 : atoi(by);
}

/* By way of the call of the kernel, as the libc's own is this one's name. */
int
poll(struct pollfd *p, nfds_t n, int timeout_ms)
{
	int by = speed() > 0 ? speed() : 1;
	struct timespec t = {timeout_ms / by / 1000,
		timeout_ms / by % 1000 * 1000000L};

	return (int)syscall(SYS_ppoll, p, n, timeout_ms < 0 ? NULL : &t, NULL,
		0);
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	int r = (int)syscall(SYS_clock_gettime, id, ts);

	if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
		ts->tv_sec += (time_t)shift();
	}
	if (r == 0 && id == CLOCK_MONOTONIC && speed() != 1) {
		long long ns = (ts->tv_sec * 1000000000LL + ts->tv_nsec) *
			speed() + (speed() == 0 ? 1000000000000LL : 0);

		ts->tv_sec = (time_t)(ns / 1000000000);
		ts->tv_nsec = (long)(ns % 1000000000);
	}
	return r;
}

time_t
time(time_t *out)
{
	struct timespec ts = {0, 0};

	clock_gettime(CLOCK_REALTIME, &ts);
	if (out != NULL) {
		*out = ts.tv_sec;
	}
	return ts.tv_sec;
}

int
gettimeofday(struct timeval *tv, void *zone)
{
	struct timespec ts = {0, 0};

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = (suseconds_t)(ts.tv_nsec / 1000);
	return 0;
}
