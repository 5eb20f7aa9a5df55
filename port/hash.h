/*
 * hash: digests, from the TLS library that the build chose.
 */
#ifndef WHERRY_PORT_HASH_H
#define WHERRY_PORT_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* RFC 1321; names in a Maildir, not security. */
void hash_md5(const void *p, size_t n, uint8_t out[16]);
/* RFC 2104 with MD5; CRAM-MD5 only. */
void hash_hmac_md5(const void *key, size_t key_n, const void *p, size_t n,
	uint8_t out[16]);
/* SHA-256 of n bytes. */
void hash_sha256(const void *p, size_t n, uint8_t out[32]);

#endif
