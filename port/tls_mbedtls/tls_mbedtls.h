/*
 * tls_mbedtls: what the files of this directory share. Not for others.
 */
#ifndef WHERRY_PORT_TLS_MBEDTLS_H
#define WHERRY_PORT_TLS_MBEDTLS_H

#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>

#include "port/tls_common/tls_common.h"

struct tls {
	enum tls_state state;
	enum err err;
	int fd;
	int want;
	bool again;   /* tls_retry() */
	size_t retry; /* bytes of the write that has to be repeated */
	const struct tls_verify *verify;
	struct tls_ahead ahead;
	mbedtls_ssl_context ssl;
	mbedtls_ssl_config conf;
};

/* After the handshake: is the peer acceptable? */
enum err tls_verify_peer(const struct tls *t);
/* The peer's chain, NULL if none came. */
const mbedtls_x509_crt *tls_chain(const struct tls *t);

#endif
