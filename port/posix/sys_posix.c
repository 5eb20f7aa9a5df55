/*
 * Clock, environment, terminal, use of resources. Nothing here is on a hot
 * path.
 */
#include "port/posix/posix.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/span.h"
#include "config.h"
#include "port/net.h"
#include "port/sys.h"

int64_t
sys_now_ms(void)
{
	struct timespec ts = {0, 0};

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
sys_time(void)
{
	return (int64_t)time(NULL);
}

const char *
sys_getenv(const char *name)
{
	return getenv(name);
}

enum err
sys_home(char *p, size_t cap)
{
	const char *home = getenv("HOME");

	if (CFG_PASSWD && (home == NULL || home[0] == '\0')) {
		home = posix_passwd_home();
	}
	if (home == NULL || home[0] == '\0') {
		return err_set(ERR_NOENT, "no home directory: set HOME");
	}
	if (strlen(home) >= cap) {
		return err_set(ERR_LIMIT, "HOME is longer than CFG_PATH");
	}
	memcpy(p, home, strlen(home) + 1);
	return ERR_OK;
}

void
sys_hostname(char *p, size_t cap)
{
	static const char fallback[] = "localhost";

	if (cap == 0) {
		return;
	}
	if (gethostname(p, cap) == 0) {
		p[cap - 1] = '\0';
		if (p[0] != '\0') {
			return;
		}
	}
	memcpy(p, fallback, cap < sizeof(fallback) ? cap : sizeof(fallback));
	p[cap - 1] = '\0';
}

void
sys_write(int fd, const void *p, size_t n)
{
	const char *c = p;
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	ssize_t r;

	while (n > 0) {
		r = write(fd, c, n);
		if (r < 0 && errno == EAGAIN) {
			poll(&wait, 1, -1); /* somebody made it non-blocking */
			continue;
		}
		if (r < 0 && errno == EINTR) {
			continue;
		}
		if (r <= 0) {
			return;
		}
		c += r;
		n -= (size_t)r;
	}
}

bool
sys_isatty(int fd)
{
	return isatty(fd) == 1;
}

int
sys_columns(int fd)
{
	const char *env = getenv("COLUMNS");
	struct winsize w;
	uint32_t v;

	if (ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col > 0) {
		return w.ws_col;
	}
	if (span_u32(span_of(env), &v) && v > 0 && v <= 10000) {
		return (int)v;
	}
	return 80;
}

static uint64_t
to_ms(const struct timeval *tv)
{
	return (uint64_t)tv->tv_sec * 1000 + (uint64_t)tv->tv_usec / 1000;
}

void
sys_usage(struct sys_usage *out)
{
	struct rusage ru;

	memset(out, 0, sizeof(*out));
	if (getrusage(RUSAGE_SELF, &ru) == 0) {
		out->user_ms = to_ms(&ru.ru_utime);
		out->system_ms = to_ms(&ru.ru_stime);
	}
	out->peak_kib = posix_peak_kib();
}
