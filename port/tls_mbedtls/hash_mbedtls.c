/*
 * Digests from mbedTLS's md layer, which has had the same calls in every
 * release. A library built without a digest refuses it.
 */
#include <mbedtls/md.h>
#include <string.h>

#include "port/hash.h"

static const mbedtls_md_info_t *
sha_of(size_t n)
{
	mbedtls_md_type_t type = n == 20 ? MBEDTLS_MD_SHA1 :
		n == 28 ? MBEDTLS_MD_SHA224 : n == 32 ? MBEDTLS_MD_SHA256 :
		n == 48 ? MBEDTLS_MD_SHA384 : n == 64 ? MBEDTLS_MD_SHA512 :
		MBEDTLS_MD_NONE;

	return mbedtls_md_info_from_type(type);
}

static enum err
said(int r)
{
	return r == 0 ? ERR_OK : err_set(ERR_UNSUPPORTED,
		"this mbedTLS was built without the digest");
}

/* All zero on a library without MD5: the unit test of this file fails then. */
void
hash_md5(const void *p, size_t n, uint8_t out[16])
{
	memset(out, 0, 16);
	(void)mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_MD5), p, n, out);
}

enum err
hash_sha(const void *p, size_t n, void *out, size_t out_n)
{
	return said(mbedtls_md(sha_of(out_n), p, n, out));
}

enum err
hash_hmac_md5(const void *key, size_t key_n, const void *p, size_t n,
	uint8_t out[16])
{
	return said(mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_MD5),
		key, key_n, p, n, out));
}
