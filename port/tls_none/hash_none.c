/*
 * MD5 (RFC 1321) for the names in a Maildir; nothing that protects anything.
 */
#include "port/hash.h"

#include <string.h>

static const uint32_t sines[64] = { /* floor(2^32 * |sin(i + 1)|) */
	0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a,
	0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be,
	0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340,
	0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
	0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8,
	0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c,
	0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
	0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
	0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92,
	0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1,
	0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

static const uint8_t turns[16] = {
	7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21,
};

static uint32_t
mix(unsigned round, uint32_t b, uint32_t c, uint32_t d)
{
	switch (round) {
	case 0:
		return (b & c) | (~b & d);
	case 1:
		return (b & d) | (c & ~d);
	case 2:
		return b ^ c ^ d;
	default:
		return c ^ (b | ~d);
	}
}

/* Which of the 16 words step i of a round takes: i * step + first. */
static unsigned
word_of(unsigned i)
{
	static const uint8_t step[] = {1, 5, 3, 7}, first[] = {0, 1, 5, 0};

	return (i * step[i / 16] + first[i / 16]) % 16;
}

static void
block(uint32_t state[4], const uint8_t *p)
{
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3], x;
	uint32_t w[16];
	unsigned i, turn;

	for (i = 0; i < 16; i++) {
		w[i] = (uint32_t)p[4 * i] | (uint32_t)p[4 * i + 1] << 8 |
			(uint32_t)p[4 * i + 2] << 16 |
			(uint32_t)p[4 * i + 3] << 24;
	}
	for (i = 0; i < 64; i++) {
		x = a + mix(i / 16, b, c, d) + sines[i] + w[word_of(i)];
		turn = turns[i / 16 * 4 + i % 4];
		a = d;
		d = c;
		c = b;
		b += x << turn | x >> (32 - turn);
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
}

void
hash_md5(const void *data, size_t n, uint8_t out[16])
{
	uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
	const uint8_t *p = data;
	uint8_t last[128] = {0};
	uint64_t bits = (uint64_t)n * 8;
	size_t i, end;

	for (; n >= 64; n -= 64, p += 64) {
		block(state, p);
	}
	memcpy(last, p, n);
	last[n] = 0x80;
	end = n < 56 ? 64 : 128;
	for (i = 0; i < 8; i++) {
		last[end - 8 + i] = (uint8_t)(bits >> (8 * i));
	}
	block(state, last);
	if (end == 128) {
		block(state, last + 64);
	}
	for (i = 0; i < 16; i++) {
		out[i] = (uint8_t)(state[i / 4] >> (8 * (i % 4)));
	}
}

enum err
hash_hmac_md5(const void *key, size_t key_n, const void *p, size_t n,
	uint8_t out[16])
{
	(void)key;
	(void)key_n;
	(void)p;
	(void)n;
	memset(out, 0, 16);
	return err_set(ERR_UNSUPPORTED, "CRAM-MD5 is not in this build, which "
		"has no TLS: set auth_mechanisms = PLAIN");
}

enum err
hash_sha(const void *p, size_t n, void *out, size_t out_n)
{
	(void)p;
	(void)n;
	memset(out, 0, out_n);
	return err_set(ERR_UNSUPPORTED, "no SHA in this build: it has no TLS");
}
