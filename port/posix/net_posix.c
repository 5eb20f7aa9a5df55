/*
 * TCP without waiting. Only net_poll() waits, and every signal that asks the
 * program to stop ends that wait: the handler writes into a pipe that is
 * polled along, so a signal between a look at sys_stopping() and the wait is
 * not missed.
 */
#include "port/posix/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "config.h"
#include "port/net.h"

/* Every connection, a resolver or command of each, and a few for tests. */
enum { POLL_MAX = 2 * CFG_CONNECTIONS + 8 };

/* A peer that vanished must not be waited for longer than this. */
enum { KEEP_IDLE_S = 120, KEEP_EACH_S = 30, UNACKED_MS = 60000 };

/* All of these are improvements, none is needed: SIGPIPE is ignored by
 * sys_signals(), and every wait has a deadline above. */
static const struct {
	int level, name, value;
} options[] = {
	{IPPROTO_TCP, TCP_NODELAY, 1},
	{SOL_SOCKET, SO_KEEPALIVE, 1},
#if defined(TCP_KEEPIDLE)
	{IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S},
#elif defined(TCP_KEEPALIVE) /* Darwin's name for it */
	{IPPROTO_TCP, TCP_KEEPALIVE, KEEP_IDLE_S},
#endif
#ifdef TCP_KEEPINTVL
	{IPPROTO_TCP, TCP_KEEPINTVL, KEEP_EACH_S},
#endif
#ifdef TCP_USER_TIMEOUT
	{IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKED_MS},
#endif
#ifdef SO_NOSIGPIPE /* where MSG_NOSIGNAL is missing */
	{SOL_SOCKET, SO_NOSIGPIPE, 1},
#endif
};

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

static void
tune(int fd)
{
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		(void)setsockopt(fd, options[i].level, options[i].name,
			&options[i].value, sizeof(options[i].value));
	}
}

bool
net_is_loopback(const struct net_addr *addr)
{
	struct sockaddr_storage ss;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	memset(&ss, 0, sizeof(ss));
	memcpy(&ss, addr->bytes, sizeof(addr->bytes));
	if (ss.ss_family == AF_INET) {
		memcpy(&v4, addr->bytes, sizeof(v4));
		return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
	}
	memcpy(&v6, addr->bytes, sizeof(v6));
	return ss.ss_family == AF_INET6 &&
		memcmp(&v6.sin6_addr, &in6addr_loopback, 16) == 0;
}

enum err
net_connect(const struct net_addr *addr, int *fd)
{
	struct sockaddr_storage ss;
	enum err e;
	int s, r;

	*fd = -1;
	memset(&ss, 0, sizeof(ss));
	memcpy(&ss, addr->bytes,
		addr->len < sizeof(addr->bytes) ? addr->len :
						  sizeof(addr->bytes));
	s = socket(ss.ss_family, SOCK_STREAM, 0);
	if (s < 0) {
		return posix_net_fail("socket");
	}
	posix_cloexec(s);
	posix_nonblock(s);
	tune(s);
	/* An interrupted connect goes on by itself, as one in progress. */
	r = connect(s, (const struct sockaddr *)&ss, (socklen_t)addr->len);
	if (r != 0 && errno != EINPROGRESS && errno != EINTR) {
		e = posix_net_fail("connect");
		close(s);
		return e;
	}
	*fd = s;
	return ERR_OK;
}

enum err
net_connected(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int e = 0;
	socklen_t n = sizeof(e);

	if (poll(&p, 1, 0) <= 0) {
		return ERR_AGAIN;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n) != 0) {
		return posix_net_fail("connect");
	}
	if (e != 0) {
		errno = e;
		return posix_net_fail("connect");
	}
	return ERR_OK;
}

/* read(), not recv(): the output of a command is read with it too. */
enum err
net_read_on(int fd, void *p, size_t cap, void *more, size_t more_cap,
	size_t *n)
{
	struct iovec to[2] = {{p, cap}, {more, more_cap}};
	ssize_t r;

	*n = 0;
	do {
		r = readv(fd, to, more_cap > 0 ? 2 : 1);
	} while (r < 0 && errno == EINTR);
	if (r > 0) {
		*n = (size_t)r;
		return ERR_OK;
	}
	if (r == 0) {
		return ERR_END;
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK) {
		return ERR_AGAIN;
	}
	return posix_net_fail("read");
}

enum err
net_read(int fd, void *p, size_t cap, size_t *n)
{
	return net_read_on(fd, p, cap, NULL, 0, n);
}

enum err
net_write(int fd, const void *p, size_t len, size_t *n)
{
	ssize_t r;

	*n = 0;
	do {
		r = send(fd, p, len, MSG_NOSIGNAL);
	} while (r < 0 && errno == EINTR);
	if (r >= 0) {
		*n = (size_t)r;
		return ERR_OK;
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK) {
		return ERR_AGAIN;
	}
	return posix_net_fail("write");
}

void
net_close(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
	}
	*fd = -1;
}

static void
fill_poll(struct pollfd *pfd, const struct net_poll *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		pfd[i].fd = p[i].fd;
		pfd[i].events = 0;
		pfd[i].revents = 0;
		if ((p[i].want & NET_IN) != 0) {
			pfd[i].events |= POLLIN;
		}
		if ((p[i].want & NET_OUT) != 0) {
			pfd[i].events |= POLLOUT;
		}
		if (p[i].want == 0) {
			/* Nothing asked: a hang-up would end every wait. */
			pfd[i].fd = -1;
		}
	}
}

static int
ready_of(short revents)
{
	int ready = 0;

	if ((revents & POLLIN) != 0) {
		ready |= NET_IN;
	}
	if ((revents & POLLOUT) != 0) {
		ready |= NET_OUT;
	}
	if ((revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) {
		ready = NET_IN | NET_OUT;
	}
	return ready;
}

enum err
net_poll(struct net_poll *p, size_t n, int timeout_ms)
{
	struct pollfd pfd[POLL_MAX + 1];
	size_t i;
	int r;

	if (n > POLL_MAX) {
		return err_set(ERR_LIMIT, "polling more than CFG_CONNECTIONS");
	}
	fill_poll(pfd, p, n);
	pfd[n].fd = posix_signal_fd();
	pfd[n].events = POLLIN;
	pfd[n].revents = 0;
	r = poll(pfd, (nfds_t)(n + 1), timeout_ms < 0 ? -1 : timeout_ms);
	for (i = 0; i < n; i++) {
		p[i].ready = r > 0 ? ready_of(pfd[i].revents) : 0;
	}
	if (r < 0 || pfd[n].revents != 0) {
		/* One wait is ended per signal; what is done in the course of
		 * stopping may wait again. */
		posix_signal_drain();
	}
	return ERR_OK;
}
