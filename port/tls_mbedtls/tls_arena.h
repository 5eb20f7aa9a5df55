/*
 * What mbedTLS allocates for one connection at most, bytes: its two record
 * buffers and the rest. The least arenas that were enough for a handshake and
 * a sync (--stats; see arena.c why that is the least):
 *
 *	                          EC P-256    RSA-4096, two certificates
 *	3.6, ours (16K in/4K out)   30,984      41,320
 *	2.28 of Debian (16K/16K)    46,040      51,512
 *
 * Each further certificate of a chain is kept: 2 to 4 KiB.
 */
#ifndef WHERRY_TLS_ARENA_H
#define WHERRY_TLS_ARENA_H

#include <mbedtls/version.h>

#include <mbedtls/ssl.h>

#define TLS_ARENA \
	(MBEDTLS_SSL_IN_CONTENT_LEN + MBEDTLS_SSL_OUT_CONTENT_LEN + 24576)

#endif
