/*
 * show_cert: the certificates that a server presents, as PEM on standard
 * output, with what a person checks on standard error. Nothing is verified
 * and nothing is sent. Implicit TLS (port 993 unless given).
 */
#include <string.h>

#include "app/account.h"
#include "app/outcome.h"
#include "app/show_cert.h"
#include "app/ui.h"
#include "base/log.h"
#include "port/sys.h"

#if CFG_SHOW_CERT

static enum err
parse(const char *target, char *host, size_t cap, uint16_t *port)
{
	struct span s = span_of(target);
	struct span rest;
	uint32_t n = 993;

	if (s.n > 0 && s.p[0] == '[') { /* [IPv6]:port */
		size_t close = span_find(s, ']');

		rest = span_from(s, close + 1);
		s = span_from(span_upto(s, close), 1);
	} else {
		rest = span_from(s, span_find(s, ':'));
		s = span_upto(s, span_find(s, ':'));
	}
	if (rest.n > 0 && (rest.p[0] != ':' ||
		!span_u32(span_from(rest, 1), &n))) {
		n = 0;
	}
	if (s.n == 0 || s.n >= cap || n == 0 || n > 65535) {
		return err_set(ERR_USAGE, "show-cert needs HOST[:PORT], not %s",
			target);
	}
	memcpy(host, s.p, s.n);
	host[s.n] = '\0';
	*port = (uint16_t)n;
	return ERR_OK;
}

static enum err
shake_hands(struct io_stream *s)
{
	enum err e = ERR_OK;

	while ((e == ERR_OK || e == ERR_AGAIN) && io_state(s) != IO_UP) {
		struct net_poll p = {.fd = -1};
		int64_t deadline, now = sys_now_ms();

		e = io_step(s, now);
		if (e == ERR_AGAIN) {
			p.fd = io_poll_fd(s, &p.want, &deadline);
			(void)net_poll(&p, 1, deadline < 0 ? -1 :
				deadline > now ? (int)(deadline - now) : 0);
		}
		if (sys_stopping()) {
			e = ERR_STOPPED;
		}
	}
	return e == ERR_AGAIN ? ERR_OK : e;
}

static enum err
print(const struct tls *t)
{
	char text[CFG_CERT_DER / 5 * 7 + 200]; /* base64 in lines: 1.36 times */
	struct buf b;
	struct span line, rest;
	enum err e;

	BUF_INIT(&b, text);
	(void)tls_describe_peer(t, &b); /* what fits */
	for (rest = buf_get(&b); rest.n > 0;) {
		line = span_upto(rest, span_find(rest, '\n'));
		log_msg(LOG_INFO, "%.*s", (int)line.n, line.p);
		rest = span_from(rest, line.n + 1);
	}
	BUF_INIT(&b, text);
	if (tls_fingerprint(t, &b) == ERR_OK) {
		log_msg(LOG_INFO, "cert_fingerprint = %.*s", (int)b.n, b.p);
	}
	for (unsigned i = 0;; i++) {
		BUF_INIT(&b, text);
		e = tls_peer_pem(t, i, &b);
		if (e != ERR_OK) {
			break;
		}
		ui_out(buf_get(&b));
	}
	return e == ERR_END ? ERR_OK : err_set(e, "a certificate is longer "
		"than CFG_CERT_DER (%d)", CFG_CERT_DER);
}

int
show_cert(const char *target)
{
	char host[256];
	uint16_t port = 0;
	struct tls_verify verify = {.host = host,
		.now = sys_time(), .trust_nothing = true};
	struct imap_conn *c;
	enum err e = parse(target, host, sizeof(host), &port);

	if (e == ERR_USAGE) {
		log_msg(LOG_ERROR, "%s", err_detail());
		return EXIT_USAGE;
	}
	c = &pool_next(NULL, NULL)->conn; /* all are free */
	e = io_open(&c->io, host, port, true, &verify, sys_now_ms(),
		CFG_SILENCE_S * 1000);
	if (e == ERR_OK) {
		e = shake_hands(&c->io);
	}
	if (e == ERR_OK) {
		e = print(io_tls(&c->io));
	}
	if (e != ERR_OK) {
		log_msg(LOG_ERROR, "%s:%u: %s", host, port, err_detail());
		outcome_err(e);
	}
	io_close(&c->io);
	return outcome_status();
}

#endif
