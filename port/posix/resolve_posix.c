/*
 * Names to addresses. getaddrinfo() blocks for as long as it likes and
 * allocates, so it runs in a child that writes one fixed record into a pipe:
 * the parent can wait for it with everything else, and giving up is a kill.
 * The record is smaller than what a pipe takes in one piece.
 *
 * Record: u32 result of getaddrinfo, u32 count, count * struct net_addr.
 */
#include "port/posix/posix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "port/arena.h"
#include "port/net.h"

enum { RECORD_HEAD = 8, CHILD_FDS = 256 };

_Static_assert(sizeof(struct net_addr) == 32, "32 bytes per address");
_Static_assert(sizeof(struct sockaddr_in6) <= 28, "sockaddr_in6 fits");

static bool
literal(struct net_resolve *r, const char *host, uint16_t port)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct net_addr *a = &r->addrs[0];

	memset(&v4, 0, sizeof(v4));
	memset(&v6, 0, sizeof(v6));
	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
		v4.sin_family = AF_INET;
		v4.sin_port = htons(port);
		memcpy(a->bytes, &v4, sizeof(v4));
		a->len = (uint32_t)sizeof(v4);
	} else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
		v6.sin6_family = AF_INET6;
		v6.sin6_port = htons(port);
		memcpy(a->bytes, &v6, sizeof(v6));
		a->len = (uint32_t)sizeof(v6);
	} else {
		return false;
	}
	r->count = 1;
	return true;
}

/* The child must not keep our locks alive should we die before it. */
static void
drop_fds(int keep)
{
	int fd;

	for (fd = 3; fd < CHILD_FDS; fd++) {
		if (fd != keep) {
			close(fd);
		}
	}
}

static void
answer(int fd, const char *host, const char *port)
{
	char rec[sizeof(((struct net_resolve *)0)->raw)];
	struct addrinfo hints, *list = NULL, *ai;
	struct arena_usage before, after;
	struct net_addr a;
	uint32_t count = 0;
	int32_t res;

	memset(rec, 0, sizeof(rec));
	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_NUMERICSERV;
	arena_usage(&before);
	res = getaddrinfo(host, port, &hints, &list);
	arena_usage(&after);
	if (res != 0 && after.refused != before.refused) {
		res = EAI_MEMORY; /* glibc: "not known" for want of a buffer */
	}
	for (ai = list; res == 0 && ai != NULL && count < NET_ADDRS;
		ai = ai->ai_next) {
		if (ai->ai_addrlen > sizeof(a.bytes)) {
			continue;
		}
		memset(&a, 0, sizeof(a));
		memcpy(a.bytes, ai->ai_addr, ai->ai_addrlen);
		a.len = (uint32_t)ai->ai_addrlen;
		memcpy(rec + RECORD_HEAD + count * sizeof(a), &a, sizeof(a));
		count++;
	}
	memcpy(rec, &res, sizeof(res));
	memcpy(rec + 4, &count, sizeof(count));
	if (write(fd, rec, sizeof(rec)) != (ssize_t)sizeof(rec)) {
		_exit(1);
	}
	_exit(0);
}

enum err
net_resolve_start(struct net_resolve *r, const char *host, uint16_t port)
{
	char digits[8];
	struct buf b;
	int ends[2];
	enum err e;
	pid_t pid;

	memset(r, 0, sizeof(*r));
	r->fd = -1;
	r->pid = -1;
	if (literal(r, host, port)) {
		return ERR_OK;
	}
	BUF_INIT(&b, digits);
	buf_u64(&b, port);
	buf_cstr(&b);
	e = posix_pipe(ends);
	if (e != ERR_OK) {
		return e;
	}
	pid = posix_fork();
	if (pid == 0) {
		drop_fds(ends[1]);
		answer(ends[1], host, digits);
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return posix_net_fail("fork");
	}
	posix_nonblock(ends[0]);
	r->fd = ends[0];
	r->pid = (int)pid;
	return ERR_OK;
}

static enum err
take(struct net_resolve *r)
{
	int32_t res;
	uint32_t count;

	memcpy(&res, r->raw, sizeof(res));
	memcpy(&count, r->raw + 4, sizeof(count));
	if (res == EAI_MEMORY) {
		return err_set(ERR_LIMIT,
			"resolve: no memory left: CFG_ARENA");
	}
	if (res != 0) {
		return err_set(ERR_NET, "resolve: %s", gai_strerror(res));
	}
	if (count == 0 || count > NET_ADDRS) {
		return err_set(ERR_NET, "resolve: no address");
	}
	memcpy(r->addrs, r->raw + RECORD_HEAD,
		count * sizeof(r->addrs[0]));
	r->count = count;
	return ERR_OK;
}

enum err
net_resolve_step(struct net_resolve *r)
{
	enum err e;
	size_t n;

	if (r->count > 0) {
		return ERR_OK;
	}
	if (r->fd < 0) {
		return err_set(ERR_NET, "resolve: not started");
	}
	while (r->got < sizeof(r->raw)) {
		e = net_read(r->fd, r->raw + r->got, sizeof(r->raw) - r->got,
			&n);
		if (e == ERR_AGAIN) {
			return e;
		}
		if (e != ERR_OK) {
			net_resolve_stop(r);
			return err_set(ERR_NET, "resolve: no answer");
		}
		r->got += (uint32_t)n;
	}
	net_resolve_stop(r);
	return take(r);
}

void
net_resolve_stop(struct net_resolve *r)
{
	net_close(&r->fd);
	if (r->pid > 0) {
		kill(r->pid, SIGKILL);
		while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR) {
		}
	}
	r->pid = -1;
}
