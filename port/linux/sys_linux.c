/*
 * Randomness and memory use from Linux. getrandom() waits until the kernel's
 * generator is seeded and needs no /dev; kernels before 3.17 have only
 * /dev/urandom, where reading /dev/random once is the way to wait for a seed.
 */
#include "port/posix/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/span.h"
#include "port/sys.h"

enum { CHUNK = 256 }; /* getrandom gives this much without interruption */

static enum err
read_device(const char *path, char *p, size_t n)
{
	fs_fd fd;
	size_t got;
	enum err e;

	e = fs_open(FS_CWD, path, FS_READ, 0, &fd);
	while (e == ERR_OK && n > 0) {
		e = fs_read(fd, p, n, &got);
		if (e == ERR_OK && got == 0) {
			e = err_set(ERR_IO, "read %s: nothing", path);
		}
		p += got;
		n -= got;
	}
	fs_close(&fd);
	return e;
}

static enum err
random_old(char *p, size_t n)
{
	static bool seeded;
	char one;

	if (!seeded) {
		enum err e = read_device("/dev/random", &one, 1);

		if (e != ERR_OK) {
			return e;
		}
		seeded = true;
	}
	return read_device("/dev/urandom", p, n);
}

enum err
sys_random(void *p, size_t n)
{
	char *c = p;
	long r;

	while (n > 0) {
		r = syscall(SYS_getrandom, c, n < CHUNK ? n : CHUNK, 0);
		if (r < 0 && errno == EINTR) {
			continue;
		}
		if (r < 0 && errno == ENOSYS) {
			return random_old(c, n);
		}
		if (r <= 0) {
			return posix_fail("getrandom", NULL);
		}
		c += r;
		n -= (size_t)r;
	}
	return ERR_OK;
}

/* "VmHWM:     1234 kB". ru_maxrss would count the shell that started us. */
static bool
peak_of(struct span text, uint64_t *kib)
{
	struct span key = SPAN("\nVmHWM:");
	size_t i;

	for (i = 0; i < text.n; i++) {
		if (span_starts(span_from(text, i), key)) {
			text = span_trim(span_from(text, i + key.n));
			text = span_upto(text, span_find(text, '\n'));
			text = span_upto(text, span_find(text, ' '));
			return span_u64(text, kib);
		}
	}
	return false;
}

static bool
read_peak(uint64_t *kib)
{
	char text[2048];
	size_t got = 0, n = 0;
	fs_fd fd;

	if (fs_open(FS_CWD, "/proc/self/status", FS_READ, 0, &fd) != ERR_OK) {
		return false;
	}
	while (n < sizeof(text) &&
		fs_read(fd, text + n, sizeof(text) - n, &got) == ERR_OK &&
		got > 0) {
		n += got;
	}
	fs_close(&fd);
	return peak_of((struct span){text, n}, kib);
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
		out->peak_kib = (uint64_t)ru.ru_maxrss;
	}
	read_peak(&out->peak_kib);
}
