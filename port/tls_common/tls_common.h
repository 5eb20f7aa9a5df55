/*
 * tls_common: what the TLS backends share. Nothing here knows a library: it
 * works on DER (tls_der.h) and on files.
 */
#ifndef WHERRY_PORT_TLS_COMMON_H
#define WHERRY_PORT_TLS_COMMON_H

#include "port/tls.h"
#include "port/tls_common/tls_der.h"

/* ---- given by the backend ---- */

/* DER of the i-th certificate of the peer's chain; n = 0 after the last. */
struct span tls_peer_der(const struct tls *t, unsigned i);

/* ---- states ---- */

enum tls_state {
	TLS_FREE,
	TLS_SHAKE, /* handshake or verification not done */
	TLS_UP,	   /* the peer is who it should be: data may flow */
	TLS_SHOWN, /* handshake done, nothing verified: no data */
	TLS_FAILED /* for a reason that is kept */
};
/* No data in any state but TLS_UP: the error, kept is that of TLS_FAILED. */
enum err tls_no_data(enum tls_state state, enum err kept);
enum err tls_no_slot(void);
/* Clears keys; not to be left out by an optimizing compiler. */
void tls_wipe(void *p, size_t n);

/* ---- what comes ---- */

/* Both libraries ask for the five bytes before a record and then for the rest
 * of it. What is behind that in the socket is read along, so that a record
 * costs one call; and who got less than there was room for has seen the end of
 * it, and asks again only after he waited. */
struct tls_ahead {
	uint8_t at, n;
	bool dry;
	char bytes[96];
};
/* As net_read(), but ERR_AGAIN may come before anybody asked the socket. Never
 * while bytes lie here. */
enum err tls_ahead_read(struct tls_ahead *a, int fd, void *p, size_t cap,
	size_t *n);

/* ---- offers ---- */

#define TLS_SUITES 20

/* Cipher suites of TLS 1.2 in the order to offer, the same for all libraries;
 * returns how many. Without instructions for AES in the CPU (that the library
 * uses) ChaCha20 is several times faster and comes first. */
size_t tls_suites(uint16_t out[TLS_SUITES], bool fast_aes);

/* ---- what is to be verified ---- */

bool tls_wants_prints(const struct tls_verify *v);
bool tls_wants_chain(const struct tls_verify *v);
/* Whether v can be verified at all: host, CA file, fingerprints. ERR_CONF. */
enum err tls_verify_check(const struct tls_verify *v);
/* The name to verify and to ask for (RFC 6066 3); NULL if the host is a
 * literal address, which ip then holds (n = 0 if it is neither). */
struct tls_ip {
	char bytes[16];
	size_t n;
};
const char *tls_host_name(const struct tls_verify *v, struct tls_ip *ip);

/* ERR_OK if leaf's digest is in the list, ERR_CERT, ERR_CONF. */
enum err tls_match_prints(const char *list, struct span leaf);

/* The i-th certificate has n bytes: ERR_LIMIT if that is too much. */
enum err tls_check_limits(unsigned i, size_t n);

/* What is wrong with a chain. */
enum {
	TLS_EXPIRED = 1,
	TLS_FUTURE = 2,
	TLS_PURPOSE = 4,
	TLS_WEAK_DIGEST = 8,
	TLS_WEAK_KEY = 16,
	TLS_OTHER = 32,
	TLS_OTHER_HOST = 64,
	TLS_UNTRUSTED = 128
};
/* TLS_EXPIRED or TLS_FUTURE at v->now, or 0. */
unsigned tls_judge_dates(const struct tls_cert *c, const struct tls_verify *v);
/* Findings about the leaf that no library is asked for. */
unsigned tls_judge_leaf(const struct tls_cert *c, const struct tls_verify *v);
/* Of two results of verification the one that is told. */
unsigned tls_better(unsigned a, unsigned b);
/* The error of findings, with its text. too_long: see struct tls_ca. */
enum err tls_refuse(unsigned findings, const struct tls_verify *v,
	unsigned too_long);

/* What is in a certificate, in lines; nothing if that cannot be read. */
void tls_describe(struct span der, struct buf *out);

/* ---- roots of a PEM file, one at a time through static buffers ---- */

#define TLS_CA_TEXT 1024 /* bytes of a CA file read at a time */
#define TLS_CA_ROWS \
	{"ca_text", TLS_CA_TEXT, "CA bundle being read"}, \
	{"ca_der", CFG_CERT_DER, "one CA certificate"}

struct tls_ca {
	int fd;
	size_t at, n;	   /* unread part of the read buffer */
	size_t der_n;	   /* certificate being collected */
	unsigned too_long; /* certificates over CFG_CERT_DER, left out */
};
/* The file of roots that v means. ERR_CONF. */
enum err tls_ca_open(struct tls_ca *ca, const struct tls_verify *v);
/* The next certificate whose subject is one of the n issuers; valid until the
 * next call. ERR_END after the last, ERR_CONF. */
enum err tls_ca_next(struct tls_ca *ca, const struct span *issuers, size_t n,
	struct tls_cert *root);
void tls_ca_close(struct tls_ca *ca);

#endif
