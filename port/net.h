/*
 * net: TCP without waiting. Nothing here blocks but net_poll().
 */
#ifndef WHERRY_PORT_NET_H
#define WHERRY_PORT_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define NET_ADDRS 8

struct net_addr {
	uint8_t bytes[28]; /* struct sockaddr_in or _in6 */
	uint32_t len;
};

/* Name resolution in a short-lived child, so that it can be given up at any
 * time. fd is readable when there is an answer. host is a name or a literal
 * IPv4 or IPv6 address (literals need no child and are ready at once).
 * net_resolve_step: ERR_AGAIN, ERR_OK with addrs filled (in the order to try),
 * ERR_NET with detail. net_resolve_stop ends the child in every case. */
struct net_resolve {
	int fd;
	int pid;
	uint32_t got;
	uint32_t count;
	struct net_addr addrs[NET_ADDRS];
	char raw[NET_ADDRS * 32 + 8];
};
enum err net_resolve_start(struct net_resolve *r, const char *host,
	uint16_t port);
enum err net_resolve_step(struct net_resolve *r);
void net_resolve_stop(struct net_resolve *r);

/* Starts connecting (non-blocking, TCP_NODELAY, keepalive, close-on-exec). */
enum err net_connect(const struct net_addr *addr, int *fd);
/* Whether what is sent there stays on this machine. */
bool net_is_loopback(const struct net_addr *addr);
/* After the fd became writable: ERR_OK, ERR_AGAIN, or ERR_NET with detail. */
enum err net_connected(int fd);

/* ERR_OK with *n > 0; ERR_AGAIN; ERR_END (peer closed, read only);
 * ERR_NET. Never SIGPIPE. */
enum err net_read(int fd, void *p, size_t cap, size_t *n);
/* The same; what is there beyond cap goes into more, *n counts both. */
enum err net_read_on(int fd, void *p, size_t cap, void *more, size_t more_cap,
	size_t *n);
enum err net_write(int fd, const void *p, size_t len, size_t *n);
void net_close(int *fd);

enum { NET_IN = 1, NET_OUT = 2 };
struct net_poll {
	int fd;	    /* -1 is ignored */
	int want;   /* NET_IN | NET_OUT */
	int ready;  /* out: NET_IN | NET_OUT (errors and hang-ups set both) */
};
/* Waits until something is ready, timeout_ms passed (0: no wait; -1: for
 * ever), or a signal came. Only an unusable argument is an error. */
enum err net_poll(struct net_poll *p, size_t n, int timeout_ms);

#endif
