/*
 * io_flate: both directions of a compressed stream (RFC 4978), for as many
 * streams at once as CFG_COMPRESS_CONNECTIONS. Private to io/, but for the
 * row of the memory table.
 */
#ifndef WHERRY_IO_IO_FLATE_H
#define WHERRY_IO_IO_FLATE_H

#include "base/mem.h"
#include "flate/deflate.h"
#include "flate/inflate.h"

struct io_flate {
	bool leased;
	bool stopped; /* inflate, for want of room */
	size_t at, n; /* of ready */
	struct inflate in;
	struct deflate out;
	char ready[DEFLATE_BOUND]; /* compressed, to be sent */
};

struct io_flate *io_flate_lease(void); /* NULL when all are in use */
void io_flate_release(struct io_flate **f);
/* Compresses from the front of raw, if all that was ready has been sent; once
 * raw is used up, so that the peer can read it all. Returns bytes used. */
size_t io_flate_pack(struct io_flate *f, struct span raw);

/* io_line.c: connected, or shaken hands; n bytes were read, 0: there were none
 */
struct io_stream;
void io_line_answered(struct io_stream *s, int64_t now_ms);
void io_line_read(struct io_stream *s, size_t n, int64_t now_ms);

extern const struct mem_row io_flate_mem;

#endif
