/*
 * Randomness and memory use from Linux. getrandom() waits until the kernel's
 * generator is seeded and needs no /dev. Kernels before 3.17 and sandboxes
 * that do not know it leave the devices.
 */
#define _GNU_SOURCE
#include "port/posix/posix.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/span.h"
#include "port/sys.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#define AT_HWCAP_AES (1UL << 3) /* <asm/hwcap.h> */
#endif

enum { CHUNK = 256 }; /* getrandom gives this much without interruption */

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
		if (r < 0 && (errno == ENOSYS || errno == EPERM)) {
			return posix_random("/dev", c, n);
		}
		if (r <= 0) {
			return posix_fail("getrandom", NULL);
		}
		c += r;
		n -= (size_t)r;
	}
	return ERR_OK;
}

/* "d8f0d3ea-...": 32 hex digits and blanks or dashes. */
static bool
read_boot_id(uint8_t id[16])
{
	char text[64];
	size_t got = 0, n = 0;
	fs_fd fd;

	if (fs_open(FS_CWD, "/proc/sys/kernel/random/boot_id", FS_READ, 0,
		&fd) != ERR_OK) {
		return false;
	}
	(void)fs_read(fd, text, sizeof(text), &got);
	fs_close(&fd);
	memset(id, 0, 16);
	for (size_t i = 0; i < got && n < 32; i++) {
		unsigned c = (unsigned char)text[i] | 0x20;

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) {
			c = c >= 'a' ? c - 'a' + 10 : c - '0';
			id[n / 2] |= (uint8_t)(n % 2 ? c : c << 4);
			n++;
		}
	}
	return n == 32;
}

bool
sys_boot_id(uint8_t id[16])
{
	static uint8_t kept[16];
	static bool known; /* every folder asks */

	known = known || read_boot_id(kept);
	memcpy(id, kept, sizeof(kept));
	return known;
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

uint64_t
posix_peak_kib(void)
{
	struct rusage ru;
	uint64_t kib = 0;

	if (read_peak(&kib)) {
		return kib;
	}
	return getrusage(RUSAGE_SELF, &ru) == 0 ? (uint64_t)ru.ru_maxrss : 0;
}

#if defined(__x86_64__) || defined(__i386__)
bool
sys_has_aes(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_AES) != 0;
}
#elif defined(__aarch64__)
bool
sys_has_aes(void)
{
	return (getauxval(AT_HWCAP) & AT_HWCAP_AES) != 0;
}
#else
bool
sys_has_aes(void)
{
	return false; /* none that the libraries would use */
}
#endif
