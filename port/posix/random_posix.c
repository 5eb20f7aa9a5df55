/*
 * Randomness from devices, for systems without a call for it.
 *
 * Old kernels answer from /dev/urandom before their generator is seeded, so
 * /dev/random is waited for first; it is not read from, which would take from
 * the little that such a machine has. What is not a device is not believed:
 * in a changed root anything may have these names. There is no weaker source
 * behind this one.
 */
#include "port/posix/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "port/sys.h"

enum { LOOK_MS = 1000 }; /* a stop that comes between two looks is seen */

static enum err
open_device(const char *dev, const char *name, fs_fd *fd)
{
	char path[256];
	struct stat st;
	struct buf b;

	*fd = FS_NONE;
	BUF_INIT(&b, path);
	buf_fmt(&b, "%s/%s", dev, name);
	buf_cstr(&b);
	if (b.err == ERR_OK) { /* O_NONBLOCK: should it be a pipe */
		*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	}
	if (*fd >= 0 && fstat(*fd, &st) == 0 && S_ISCHR(st.st_mode)) {
		return ERR_OK;
	}
	fs_close(fd);
	return err_set(ERR_UNSUPPORTED, "no random numbers: this kernel gives "
		"them by devices only, and %s is none", path);
}

static enum err
wait_seeded(const char *dev)
{
	struct pollfd p = {.events = POLLIN};
	fs_fd fd;
	enum err e = open_device(dev, "random", &fd);
	int r = 0;

	p.fd = fd;
	while (e == ERR_OK && r == 0) {
		r = poll(&p, 1, LOOK_MS);
		if (r < 0 && (errno == EINTR || errno == EAGAIN)) {
			r = 0;
		}
		if (r < 0) {
			e = posix_fail("wait for random numbers", NULL);
		} else if (r == 0 && sys_stopping()) {
			e = err_set(ERR_STOPPED, "stopped");
		}
	}
	if (e == ERR_OK && (p.revents & POLLIN) == 0) {
		e = err_set(ERR_UNSUPPORTED, "no random numbers: the kernel's "
			"generator cannot be waited for");
	}
	fs_close(&fd);
	return e;
}

enum err
posix_random(const char *dev, void *p, size_t n)
{
	static bool seeded;
	char *c = p;
	fs_fd fd;
	size_t got;
	enum err e;

	if (!seeded) {
		e = wait_seeded(dev);
		if (e != ERR_OK) {
			return e;
		}
	}
	e = open_device(dev, "urandom", &fd);
	seeded = seeded || e == ERR_OK;
	while (e == ERR_OK && n > 0) {
		e = fs_read(fd, c, n, &got);
		if (e == ERR_OK && got == 0) {
			e = err_set(ERR_IO, "no random numbers: the device "
				"gives none");
		}
		c += got;
		n -= got;
	}
	fs_close(&fd);
	return e;
}
