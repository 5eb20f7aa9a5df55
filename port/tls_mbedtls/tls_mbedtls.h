/*
 * tls_mbedtls: what the files of this directory share. Not for others.
 */
#ifndef WHERRY_PORT_TLS_MBEDTLS_H
#define WHERRY_PORT_TLS_MBEDTLS_H

#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>

#include "port/tls.h"

enum tls_state {
	TLS_FREE,
	TLS_SHAKE, /* handshake or verification not done */
	TLS_UP,	   /* the peer is who it should be: data may flow */
	TLS_SHOWN, /* handshake done, nothing verified: no data */
	TLS_FAILED /* err is why */
};

#define TLS_CA_TEXT 1024 /* bytes of a CA file read at a time */

struct tls {
	enum tls_state state;
	enum err err;
	int fd;
	int want;
	bool again;   /* tls_retry() */
	size_t retry; /* bytes of the write that has to be repeated */
	const struct tls_verify *verify;
	mbedtls_ssl_context ssl;
	mbedtls_ssl_config conf;
};

/* Whether v can be verified at all: host, CA file, fingerprints. ERR_CONF. */
enum err tls_verify_check(const struct tls_verify *v);
/* After the handshake: is the peer acceptable? */
enum err tls_verify_peer(const struct tls *t);
/* The peer's chain, NULL if none came. */
const mbedtls_x509_crt *tls_chain(const struct tls *t);

/* True if host is a literal address; then bytes holds its *n bytes. */
bool tls_host_is_ip(const char *host, unsigned char bytes[16], size_t *n);

/* The file that holds the accepted roots. ERR_CONF. */
enum err tls_ca_path(const struct tls_verify *v, const char **path);

/* Roots of a PEM file, one at a time through one static buffer. */
struct tls_ca {
	int fd;
	size_t at, n;	   /* unread part of the read buffer */
	size_t der_n;	   /* certificate being collected */
	unsigned too_long; /* certificates over CFG_CERT_DER, left out */
};
enum err tls_ca_open(struct tls_ca *ca, const char *path);
/* The next certificate whose subject is the issuer of one of the chain;
 * valid until the next call. ERR_END after the last, ERR_CONF. */
enum err tls_ca_next(struct tls_ca *ca, const mbedtls_x509_crt *chain,
	const unsigned char **der, size_t *n);
void tls_ca_close(struct tls_ca *ca);

#endif
