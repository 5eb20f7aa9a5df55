/* A password from the terminal; on 32 bits a static program with it has what
 * libc does about calls of old kernels, too. */
#include "port/posix/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "port/net.h"
#include "port/sys.h"

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
