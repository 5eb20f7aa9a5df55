/*
 * Which of BearSSL's implementations are linked. It has up to three of a
 * cipher or curve; each that is named here is in the program. With
 * CFG_FAST_CRYPTO those that its defaults name: the fastest for the machine,
 * and a portable one beside it where the processor is asked at run time. Else
 * one of each, the smallest that is constant in time.
 */
#include "port/tls_bearssl/tls_bearssl.h"

/* X25519 has code of its own in any case; the curves of NIST share theirs. */
static const br_ec_impl *
of(int curve)
{
	return curve == BR_EC_curve25519 ? &br_ec_c25519_i31 :
		&br_ec_prime_i31;
}

static const unsigned char *
generator(int curve, size_t *n)
{
	return of(curve)->generator(curve, n);
}

static const unsigned char *
order(int curve, size_t *n)
{
	return of(curve)->order(curve, n);
}

static size_t
xoff(int curve, size_t *n)
{
	return of(curve)->xoff(curve, n);
}

static uint32_t
mul(unsigned char *g, size_t g_n, const unsigned char *x, size_t x_n,
	int curve)
{
	return of(curve)->mul(g, g_n, x, x_n, curve);
}

static size_t
mulgen(unsigned char *r, const unsigned char *x, size_t x_n, int curve)
{
	return of(curve)->mulgen(r, x, x_n, curve);
}

static uint32_t
muladd(unsigned char *a, const unsigned char *b, size_t n,
	const unsigned char *x, size_t x_n, const unsigned char *y, size_t y_n,
	int curve)
{
	return of(curve)->muladd(a, b, n, x, x_n, y, y_n, curve);
}

static const br_ec_impl curves = {
	(uint32_t)1 << BR_EC_curve25519 | (uint32_t)1 << BR_EC_secp256r1 |
		(uint32_t)1 << BR_EC_secp384r1 |
		(uint32_t)1 << BR_EC_secp521r1,
	generator, order, xoff, mul, mulgen, muladd,
};

static void
small_ones(br_ssl_engine_context *engine)
{
	bool wide = sizeof(size_t) == 8;

	br_ssl_engine_set_ec(engine, &curves);
	br_ssl_engine_set_ecdsa(engine, br_ecdsa_i31_vrfy_asn1);
	br_ssl_engine_set_gcm(engine, &br_sslrec_in_gcm_vtable,
		&br_sslrec_out_gcm_vtable);
	br_ssl_engine_set_aes_ctr(engine, wide ? &br_aes_ct64_ctr_vtable :
		&br_aes_ct_ctr_vtable);
	br_ssl_engine_set_ghash(engine, wide ? br_ghash_ctmul64 :
		br_ghash_ctmul);
	br_ssl_engine_set_chapol(engine, &br_sslrec_in_chapol_vtable,
		&br_sslrec_out_chapol_vtable);
	br_ssl_engine_set_chacha20(engine, br_chacha20_ct_run);
	br_ssl_engine_set_poly1305(engine, br_poly1305_ctmul_run);
}

bool
tls_ciphers(br_ssl_engine_context *engine)
{
	/* i31 is what ECDSA needs anyway; i62 would be 2 KiB more for a
	 * millisecond in a handshake. */
	br_ssl_engine_set_rsavrfy(engine, br_rsa_i31_pkcs1_vrfy);
	if (!CFG_FAST_CRYPTO) {
		small_ones(engine);
		return false;
	}
	br_ssl_engine_set_default_ecdsa(engine);
	br_ssl_engine_set_default_aes_gcm(engine);
	br_ssl_engine_set_default_chapol(engine);
	return br_aes_x86ni_ctr_get_vtable() != NULL;
}
