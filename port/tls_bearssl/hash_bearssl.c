/* Digests from BearSSL. */
#include <bearssl.h>

#include "port/hash.h"

static void
digest(const br_hash_class *c, const void *p, size_t n, void *out)
{
	br_hash_compat_context h;

	c->init(&h.vtable);
	c->update(&h.vtable, p, n);
	c->out(&h.vtable, out);
}

void
hash_md5(const void *p, size_t n, uint8_t out[16])
{
	digest(&br_md5_vtable, p, n, out);
}

enum err
hash_sha(const void *p, size_t n, void *out, size_t out_n)
{
	const br_hash_class *c = out_n == 20 ? &br_sha1_vtable :
		out_n == 28 ? &br_sha224_vtable :
		out_n == 32 ? &br_sha256_vtable :
		out_n == 48 ? &br_sha384_vtable :
		out_n == 64 ? &br_sha512_vtable : NULL;

	if (c == NULL) {
		return err_set(ERR_UNSUPPORTED, "no digest has %zu bytes",
			out_n);
	}
	digest(c, p, n, out);
	return ERR_OK;
}

enum err
hash_hmac_md5(const void *key, size_t key_n, const void *p, size_t n,
	uint8_t out[16])
{
	br_hmac_key_context k;
	br_hmac_context h;

	br_hmac_key_init(&k, &br_md5_vtable, key, key_n);
	br_hmac_init(&h, &k, 16);
	br_hmac_update(&h, p, n);
	br_hmac_out(&h, out);
	return ERR_OK;
}
