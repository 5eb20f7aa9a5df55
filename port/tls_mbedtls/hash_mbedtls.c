/*
 * Digests from mbedTLS's md layer, which has had the same calls in every
 * release. Failing is impossible for data in memory unless the library was
 * built without the digest; then the result is all zero, and the unit test of
 * this file fails on such a build.
 */
#include <mbedtls/md.h>
#include <string.h>

#include "port/hash.h"

static void
digest(mbedtls_md_type_t type, const void *p, size_t n, uint8_t *out,
	size_t out_n)
{
	const mbedtls_md_info_t *info = mbedtls_md_info_from_type(type);

	memset(out, 0, out_n);
	if (info != NULL) {
		(void)mbedtls_md(info, p, n, out);
	}
}

void
hash_md5(const void *p, size_t n, uint8_t out[16])
{
	digest(MBEDTLS_MD_MD5, p, n, out, 16);
}

void
hash_sha256(const void *p, size_t n, uint8_t out[32])
{
	digest(MBEDTLS_MD_SHA256, p, n, out, 32);
}

void
hash_hmac_md5(const void *key, size_t key_n, const void *p, size_t n,
	uint8_t out[16])
{
	const mbedtls_md_info_t *info =
		mbedtls_md_info_from_type(MBEDTLS_MD_MD5);

	memset(out, 0, 16);
	if (info != NULL) {
		(void)mbedtls_md_hmac(info, key, key_n, p, n, out);
	}
}
