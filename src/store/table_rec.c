/*
 * table_rec: a record and its 32 bytes; see doc/FORMATS.md.
 *
 * The checksum has 8 bits, all that a record can spare, so it is a CRC-8 and
 * not a part of a CRC-32: a CRC of this width finds every single wrong bit,
 * every two wrong bits but one pair, and every burst of 8 bits, which cut
 * pieces of a longer one do not. It starts from 0xff: 32 zeroes, or any
 * number of leading ones, are not valid.
 */
#include "base/le.h"
#include "store/table.h"

#define CRC_AT 19u
#define MKEY_BITS 56
#define FLAGS_MASK 0x7fffffffu

/* x^8 + x^4 + x^3 + x^2 + 1: what the low and the high half of a byte add */
static const uint8_t low[16] = {0x00, 0x1d, 0x3a, 0x27, 0x74, 0x69, 0x4e, 0x53,
	0xe8, 0xf5, 0xd2, 0xcf, 0x9c, 0x81, 0xa6, 0xbb};
static const uint8_t high[16] = {0x00, 0xcd, 0x87, 0x4a, 0x13, 0xde, 0x94, 0x59,
	0x26, 0xeb, 0xa1, 0x6c, 0x35, 0xf8, 0xb2, 0x7f};

static unsigned
add(unsigned c, const uint8_t *p, size_t n)
{
	for (; n > 0; n--) {
		c ^= *p++;
		c = (unsigned)low[c & 15] ^ high[c >> 4];
	}
	return c;
}

/* Of all bytes but its own. */
static uint8_t
checksum(const uint8_t p[TABLE_REC])
{
	unsigned c = add(0xff, p, CRC_AT);

	return (uint8_t)add(c, p + CRC_AT + 1, TABLE_REC - CRC_AT - 1);
}

void
rec_enc(const struct rec *r, uint8_t out[TABLE_REC])
{
	uint32_t size = r->size > TABLE_SIZE_MAX ? TABLE_SIZE_MAX : r->size;

	le_put32(out, r->uid);
	le_put32(out + 4, r->flags & FLAGS_MASK);
	le_put32(out + 8, size | (uint32_t)r->state << 30);
	le_put64(out + 12, r->mkey & (((uint64_t)1 << MKEY_BITS) - 1));
	le_put32(out + 20, r->name.time);
	le_put32(out + 24, r->name.seq);
	le_put32(out + 28, (r->name.pid & TABLE_PID_MAX) | (uint32_t)r->name.host << 22 |
		(uint32_t)r->name.kind << 30);
	out[CRC_AT] = checksum(out);
}

enum err
rec_dec(struct rec *r, const uint8_t in[TABLE_REC])
{
	uint32_t size = le_get32(in + 8);
	uint32_t name = le_get32(in + 28);

	r->uid = le_get32(in);
	r->flags = le_get32(in + 4);
	if (in[CRC_AT] != checksum(in) || r->uid == 0 ||
		r->flags > FLAGS_MASK) {
		return ERR_CORRUPT;
	}
	r->size = size & TABLE_SIZE_MAX;
	r->state = (enum rec_state)(size >> 30);
	r->mkey = le_get64(in + 12) & (((uint64_t)1 << MKEY_BITS) - 1);
	r->name.time = le_get32(in + 20);
	r->name.seq = le_get32(in + 24);
	r->name.pid = name & TABLE_PID_MAX;
	r->name.host = (uint8_t)(name >> 22);
	r->name.kind = (uint8_t)(name >> 30);
	return ERR_OK;
}
