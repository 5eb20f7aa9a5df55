/*
 * What the backends do alike besides verifying: cipher suites, states.
 */
#include "port/tls_common/tls_common.h"

#include <string.h>

#include "config.h"

/* IANA's numbers. ECDHE with AEAD: what every server of today has. */
static const uint16_t chacha[] = {
	0xCCA9, 0xCCA8, /* ECDHE-ECDSA-, ECDHE-RSA-CHACHA20-POLY1305 */
};
static const uint16_t gcm[] = {
	0xC02B, 0xC02F, /* ECDHE-ECDSA-, ECDHE-RSA-AES128-GCM-SHA256 */
	0xC02C, 0xC030, /* the same with AES256 and SHA384 */
};
/* CFG_OLD_CIPHERS: without AEAD, then without forward secrecy. */
static const uint16_t old[] = {
	0xC023, 0xC027, 0xC024, 0xC028, /* ECDHE AES CBC, SHA256 and SHA384 */
	0xC009, 0xC013, 0xC00A, 0xC014, /* ECDHE AES CBC, SHA1 */
	0x009C, 0x009D,			/* RSA AES GCM */
	0x003C, 0x003D, 0x002F, 0x0035, /* RSA AES CBC */
};

_Static_assert(sizeof(chacha) + sizeof(gcm) + sizeof(old) <=
	TLS_SUITES * sizeof(uint16_t), "TLS_SUITES");

size_t
tls_suites(uint16_t out[TLS_SUITES], bool fast_aes)
{
	enum {
		C = sizeof(chacha) / sizeof(chacha[0]),
		G = sizeof(gcm) / sizeof(gcm[0]),
		O = sizeof(old) / sizeof(old[0])
	};

	memcpy(out + (fast_aes ? G : 0), chacha, sizeof(chacha));
	memcpy(out + (fast_aes ? 0 : C), gcm, sizeof(gcm));
	memcpy(out + C + G, old, sizeof(old));
	return CFG_OLD_CIPHERS ? C + G + O : C + G;
}

enum err
tls_no_data(enum tls_state state, enum err kept)
{
	return state == TLS_FAILED ? kept :
		err_set(ERR_PRIVACY, "TLS: the server was not verified");
}

enum err
tls_no_slot(void)
{
	return err_set(ERR_LIMIT, "no free TLS connection: "
		"CFG_CONNECTIONS is %d", CFG_CONNECTIONS);
}

void
tls_wipe(void *p, size_t n)
{
	volatile unsigned char *c = p;

	while (n-- > 0) {
		*c++ = 0;
	}
}
