/*
 * Clock, environment, terminal, use of resources. Nothing here is on a hot
 * path.
 */
#include "port/posix/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <termios.h>
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

int64_t
sys_time_ms(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_REALTIME, &t) != 0) {
		return sys_time() * 1000;
	}
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

uint32_t
sys_pid(void)
{
	return (uint32_t)getpid();
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

/* One line, waited for with net_poll() so that a signal ends the question and
 * the terminal gets its echo back. */
static enum err
read_line(int fd, char *p, size_t cap)
{
	struct net_poll wait = {.fd = fd, .want = NET_IN};
	size_t n = 0;
	ssize_t r;
	char c;

	for (;;) {
		net_poll(&wait, 1, -1);
		if (sys_stopping()) {
			return ERR_STOPPED;
		}
		if (wait.ready == 0) {
			continue;
		}
		r = read(fd, &c, 1);
		if (r < 0 && errno == EINTR) {
			continue;
		}
		if (r <= 0) {
			return err_set(ERR_END, "no answer");
		}
		if (c == '\n' || c == '\r') {
			p[n] = '\0';
			return ERR_OK;
		}
		if (n + 1 >= cap) {
			return err_set(ERR_LIMIT,
				"answer longer than %zu bytes", cap - 1);
		}
		p[n++] = c;
	}
}

enum err
sys_ask_secret(const char *prompt, char *p, size_t cap)
{
	struct termios old, quiet;
	enum err e;
	int fd;

	fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || tcgetattr(fd, &old) != 0) {
		if (fd >= 0) {
			close(fd);
		}
		return err_set(ERR_UNSUPPORTED, "no terminal to ask on");
	}
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	tcsetattr(fd, TCSAFLUSH, &quiet);
	sys_write(fd, prompt, strlen(prompt));
	e = read_line(fd, p, cap);
	tcsetattr(fd, TCSAFLUSH, &old);
	sys_write(fd, "\n", 1);
	close(fd);
	if (e != ERR_OK && cap > 0) {
		memset(p, 0, cap);
	}
	return e;
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
