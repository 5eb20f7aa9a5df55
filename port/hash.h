/*
 * hash: digests, from the TLS library that the build chose.
 */
#ifndef WHERRY_PORT_HASH_H
#define WHERRY_PORT_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* RFC 1321; names in a Maildir, not security. Every build has it. */
void hash_md5(const void *p, size_t n, uint8_t out[16]);
/* RFC 2104 with MD5; CRAM-MD5 only. ERR_UNSUPPORTED in a build without it. */
enum err hash_hmac_md5(const void *key, size_t key_n, const void *p, size_t n,
	uint8_t out[16]);
/* SHA-1, -224, -256, -384 or -512: the one with out_n bytes. ERR_UNSUPPORTED
 * for any other length, and in a build without TLS. */
enum err hash_sha(const void *p, size_t n, void *out, size_t out_n);

#endif
