/*
 * tls_bearssl: what the files of this directory share. Not for others.
 */
#ifndef WHERRY_PORT_TLS_BEARSSL_H
#define WHERRY_PORT_TLS_BEARSSL_H

#include <bearssl.h>

#include "config.h"
#include "port/tls_common/tls_common.h"

/* Records come with up to 16 KiB; ours are of 4. The rest is header, padding
 * and MAC. */
#define TLS_IN BR_SSL_BUFSIZE_INPUT
#define TLS_OUT (4096 + 85)

struct tls {
	const br_x509_class *x509; /* first: the engine's handle of our checks */
	enum tls_state state;
	enum err err;
	int fd;
	int want;
	size_t written; /* bytes of a write that are not all on their way */
	const struct tls_verify *verify;
	struct tls_ahead ahead;

	/* the chain, as far as it has come */
	enum err verdict;  /* ERR_OK as long as nothing speaks against it */
	unsigned certs;	   /* that came */
	unsigned found;	   /* TLS_EXPIRED, ... */
	unsigned too_long; /* roots that could not be looked at */
	bool trusted;	   /* a root has signed for it */
	size_t leaf_n, der_n;
	char leaf[CFG_CERT_DER]; /* the server's own certificate */
	char der[CFG_CERT_DER];	 /* the one of the others that is coming */

	br_ssl_client_context client;
	br_x509_minimal_context check;
	unsigned char in[TLS_IN], out[TLS_OUT];
};

/* Curves, ciphers and signatures for the engine; true if AES is fast. */
bool tls_ciphers(br_ssl_engine_context *engine);

extern const br_x509_class tls_x509_class;
/* Bytes of tls_x509.c's own. */
#define TLS_SHOWN_BYTES ((size_t)CFG_CERT_CHAIN * CFG_CERT_DER)
/* The chain that t kept is not needed any more. */
void tls_x509_forget(const struct tls *t);

#endif
