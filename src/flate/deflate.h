/*
 * deflate: encodes raw DEFLATE (RFC 1951) for what a client sends: commands,
 * and now and then mail. Matches of four bytes or more within the last
 * CFG_DEFLATE_WINDOW bytes, in the fixed code; where that is 0, stored blocks.
 */
#ifndef WHERRY_FLATE_DEFLATE_H
#define WHERRY_FLATE_DEFLATE_H

#include "base/buf.h"
#include "config.h"

#define DEFLATE_CHUNK 512u /* most that deflate_put() takes */
/* Most that a chunk and a flush make, with what was kept before them. */
#define DEFLATE_BOUND (DEFLATE_CHUNK * 9 / 8 + 16)
#define DEFLATE_HASH (CFG_DEFLATE_WINDOW > 0 ? 512u : 1u)

struct deflate {
	/* private */
	uint32_t hold, bits;
	uint32_t n; /* of window */
	bool open;  /* a block is */
	uint16_t newest[DEFLATE_HASH]; /* place in window, and 1 */
	uint8_t window[CFG_DEFLATE_WINDOW + DEFLATE_CHUNK];
};

void deflate_init(struct deflate *z);
/* Encodes raw, of DEFLATE_CHUNK bytes at most. The last of it may stay here
 * until deflate_flush(), which ends at a byte (an empty stored block, as zlib's
 * Z_SYNC_FLUSH). out: room for DEFLATE_BOUND for both. */
void deflate_put(struct deflate *z, struct span raw, struct buf *out);
void deflate_flush(struct deflate *z, struct buf *out);

#endif
