/*
 * tls: a TLS client over a connected non-blocking socket. One implementation
 * is linked: port/tls_mbedtls, port/tls_bearssl or port/tls_none, where
 * tls_open() always says ERR_UNSUPPORTED. TLS 1.2 or later, always.
 *
 * Nothing is sent by the user of a connection before tls_handshake() said
 * ERR_OK, and that is said only after the peer was verified.
 */
#ifndef WHERRY_PORT_TLS_H
#define WHERRY_PORT_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct tls; /* from a static pool of CFG_CONNECTIONS in the implementation */

/* How the peer is verified. Strings stay the caller's and must live as long
 * as the connection.
 *   ca_file set            chain and host name against that PEM file (also if
 *                          it is the self-signed server certificate itself)
 *   fingerprints set       the certificate's digest must be in the list
 *   both set               both must hold
 *   neither                chain and host name against the system's bundle */
struct tls_verify {
	const char *host;	  /* SNI and host name check */
	const char *ca_file;	  /* NULL or "": see above. "OS-DEFAULT": system */
	const char *fingerprints; /* comma list of hex SHA-1, -224, -256, -384 or
				   * -512 of the DER certificate; colons, blanks
				   * and case ignored */
	int64_t now;		  /* seconds since 1970 UTC at which the dates
				   * of certificates are judged; no library's
				   * clock is asked */
	bool trust_nothing;	  /* show-cert: handshake only, verify nothing,
				   * and refuse tls_read/tls_write */
};

/* What this build can do; 0 without TLS. */
enum {
	TLS_HAS_12 = 1,
	TLS_HAS_13 = 2,
	TLS_HAS_FRAGMENTS = 4 /* handshake messages in many records */
};
unsigned tls_features(void);

/* Takes a slot; ERR_LIMIT when none is free. fd stays the caller's. */
enum err tls_open(struct tls **out, int fd, const struct tls_verify *v);
/* ERR_AGAIN (poll for tls_want()), ERR_OK, or ERR_TLS, ERR_CERT, ERR_CLOCK,
 * ERR_LIMIT with one line in err_detail(). ERR_CLOCK: all is well but that a
 * certificate is not valid yet, so the machine's clock is not set. */
enum err tls_handshake(struct tls *t);
/* After a failed handshake: a new connection to the same server may work at
 * once (a known flaw of the library was met and is avoided from now on). */
bool tls_retry(const struct tls *t);
/* tls_read: ERR_AGAIN may be a guess that nothing is there: wait, ask again. */
enum err tls_read(struct tls *t, void *p, size_t cap, size_t *n);
enum err tls_write(struct tls *t, const void *p, size_t len, size_t *n);
/* NET_IN and/or NET_OUT that the last ERR_AGAIN waits for. */
int tls_want(const struct tls *t);
/* tls_read() has something to go on with that is not in the socket any more. */
bool tls_pending(const struct tls *t);
/* Sends close_notify if it can without waiting; frees the slot. */
void tls_close(struct tls **t);

/* About the peer, after the handshake got that far (also after ERR_CERT):
 * what a person needs to decide. Lines end in LF. */
enum err tls_describe_peer(const struct tls *t, struct buf *out);
/* SHA-256 of the peer's certificate, upper-case hex with colons as the value
 * of cert_fingerprint. */
enum err tls_fingerprint(const struct tls *t, struct buf *out);
/* i-th certificate of the peer's chain as PEM, ERR_END after the last; of
 * more than the first one only with trust_nothing. The buffer must hold 4 KiB * 4 / 3 and a bit: 6 KiB. */
enum err tls_peer_pem(const struct tls *t, unsigned i, struct buf *out);

/* Library name and version, and where the system's CA bundle was found. */
const char *tls_version(void);
const char *tls_system_ca(void); /* "" if none */

#endif
