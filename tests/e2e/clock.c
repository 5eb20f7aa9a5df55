/*
 * clock: preloaded into a program, its clock says what WHERRY_TEST_CLOCK
 * holds (seconds since 1970), and goes on from there. The monotonic clock,
 * which waits are measured with, stays as it is.
 */
#define _GNU_SOURCE
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
	const char *at = getenv("WHERRY_TEST_CLOCK");
	struct timespec now;

	if (!known && at != NULL &&
		syscall(SYS_clock_gettime, CLOCK_REALTIME, &now) == 0) {
		by = atoll(at) - (long long)now.tv_sec;
	}
	known = 1;
	return by;
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	int r = (int)syscall(SYS_clock_gettime, id, ts);

	if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
		ts->tv_sec += (time_t)shift();
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
