/*
 * inflate: decodes raw DEFLATE (RFC 1951) in fixed memory, 34 KiB in all.
 *
 * What comes in may be cut anywhere, and it stops at any byte of output. The
 * window of 32 KiB, which every stream may refer back to, is the output
 * buffer as well: what was made stays in it until it is acknowledged, and no
 * more is made than there is room for. Any stream that is malformed is an
 * error; nothing outside of the input and the window is ever touched.
 *
 * Call order: inflate_init; then inflate_push, inflate_out and inflate_ack in
 * any order.
 */
#ifndef WHERRY_FLATE_INFLATE_H
#define WHERRY_FLATE_INFLATE_H

#include "base/err.h"
#include "base/span.h"

#define INFLATE_WINDOW 32768u
#define INFLATE_LITERAL_BITS 9 /* of a code that one look decodes */
#define INFLATE_DISTANCE_BITS 7

/* A canonical code beyond its table of short codes. */
struct inflate_code {
	uint16_t limit[16]; /* first code of 15 bits that is longer than i */
	uint16_t base[16];  /* symbol index minus code, of length i */
};

struct inflate {
	/* private */
	uint64_t hold; /* bits that were taken and not used, lowest first */
	uint32_t bits;
	uint32_t at, unread, history; /* of the window */
	uint32_t left;		      /* bytes of a stored block, of a match */
	uint32_t distance;
	uint16_t literals, distances, read; /* lengths of a dynamic block */
	uint8_t state;
	bool last, fixed;
	struct inflate_code literal, dist;
	uint16_t literal_fast[1 << INFLATE_LITERAL_BITS];
	uint16_t dist_fast[1 << INFLATE_DISTANCE_BITS];
	uint16_t literal_symbols[288], dist_symbols[32];
	uint8_t lengths[320];
	uint8_t window[INFLATE_WINDOW];
};

void inflate_init(struct inflate *z);
/* Takes from `in` (*used bytes) and makes at most `room` bytes of output, and
 * no more than the window holds. ERR_OK: stopped for want of room; ERR_AGAIN:
 * all of `in` is used; ERR_END: the last block has ended, and what follows it
 * is not looked at; ERR_SYNTAX, from then on always: not DEFLATE. */
enum err inflate_push(struct inflate *z, struct span in, size_t room,
	size_t *used);
/* Output that was not acknowledged: the first contiguous part of it. */
struct span inflate_out(const struct inflate *z);
void inflate_ack(struct inflate *z, size_t n);
size_t inflate_room(const struct inflate *z); /* for inflate_push */

#endif
