/* imap_cram: the answer to a challenge of CRAM-MD5 (RFC 2195). */
#include <string.h>

#include "base/codec.h"
#include "imap/imap_conn.h"
#include "port/hash.h"

#if HAS_CRAM_MD5

void
imap_cram_response(const struct imap_login *login, struct span challenge,
	struct buf *out)
{
	char clear[768], answer[512];
	uint8_t digest[16];
	struct buf b, a;

	BUF_INIT(&b, clear);
	BUF_INIT(&a, answer);
	if (base64_dec(&b, challenge) != ERR_OK) {
		out->err = ERR_PROTO;
		return;
	}
	out->err = hash_hmac_md5(login->pass, strlen(login->pass), b.p, b.n,
		digest);
	if (out->err != ERR_OK) {
		return;
	}
	buf_str(&a, login->user);
	buf_char(&a, ' ');
	buf_hex(&a, digest, sizeof(digest));
	base64_enc(out, buf_get(&a));
}

#endif
