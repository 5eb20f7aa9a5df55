/*
 * What mbedTLS allocates for one connection at most, bytes: its two record
 * buffers and the rest.
 */
#ifndef WHERRY_TLS_ARENA_H
#define WHERRY_TLS_ARENA_H

#include <mbedtls/version.h>

#include <mbedtls/ssl.h>

#define TLS_ARENA \
	(MBEDTLS_SSL_IN_CONTENT_LEN + MBEDTLS_SSL_OUT_CONTENT_LEN + 24576)

#endif
