/*
 * deflate: one look at the newest place that begins with the same four bytes,
 * and no second. The window keeps the last CFG_DEFLATE_WINDOW bytes before the
 * chunk at hand; when a chunk does not fit behind them they move down.
 */
#include <string.h>

#include "base/le.h"
#include "flate/deflate.h"

#define LONGEST 258u
#define SHORTEST 4u

void
deflate_init(struct deflate *z)
{
	memset(z, 0, offsetof(struct deflate, window));
}

static void
bits(struct deflate *z, struct buf *out, uint32_t v, uint32_t n)
{
	z->hold |= v << z->bits;
	for (z->bits += n; z->bits >= 8; z->bits -= 8) {
		buf_char(out, (char)z->hold);
		z->hold >>= 8;
	}
}

/* A code goes out with its highest bit first. */
static void
code(struct deflate *z, struct buf *out, uint32_t v, uint32_t n)
{
	uint32_t r = 0;

	for (uint32_t i = 0; i < n; i++) {
		r |= (v >> i & 1) << (n - 1 - i);
	}
	bits(z, out, r, n);
}

/* RFC 1951 3.2.6: literals, end of block and lengths. */
static void
symbol(struct deflate *z, struct buf *out, uint32_t s)
{
	if (s < 144) {
		code(z, out, 0x30 + s, 8);
	} else if (s < 256) {
		code(z, out, 0x190 + s - 144, 9);
	} else if (s < 280) {
		code(z, out, s - 256, 7);
	} else {
		code(z, out, 0xc0 + s - 280, 8);
	}
}

static void
match(struct deflate *z, struct buf *out, uint32_t length, uint32_t distance)
{
	uint32_t v = length - 3, extra = 0;

	if (length == LONGEST) {
		symbol(z, out, 285);
	} else {
		while (v >> extra >= 8) {
			extra++;
		}
		symbol(z, out, 257 + extra * 4 + (v >> extra));
		bits(z, out, v & ((1u << extra) - 1), extra);
	}
	v = distance - 1;
	for (extra = 0; v >> extra >= 4;) {
		extra++;
	}
	code(z, out, extra * 2 + (v >> extra), 5);
	bits(z, out, v & ((1u << extra) - 1), extra);
}

static uint32_t
common(const uint8_t *a, const uint8_t *b, uint32_t most)
{
	uint32_t n = 0;

	while (n < most && a[n] == b[n]) {
		n++;
	}
	return n;
}

/* Remembers place i, and tells the one before it with the same hash. */
static uint32_t
note(struct deflate *z, uint32_t i)
{
	uint32_t h = (le_get32(z->window + i) * 2654435761u) >> 23;
	uint32_t before = z->newest[h];

	z->newest[h] = (uint16_t)(i + 1);
	return before;
}

/* Room for n bytes behind the window. */
static void
slide(struct deflate *z, uint32_t n)
{
	uint32_t by;

	if (z->n + n <= sizeof(z->window)) {
		return;
	}
	by = z->n + n - (uint32_t)sizeof(z->window);
	z->n -= by;
	memmove(z->window, z->window + by, z->n);
	for (uint32_t i = 0; i < DEFLATE_HASH; i++) {
		z->newest[i] = (uint16_t)(z->newest[i] > by
			? z->newest[i] - by : 0);
	}
}

static void
store(struct deflate *z, struct span raw, struct buf *out)
{
	uint32_t n = (uint32_t)raw.n;

	bits(z, out, 0, 3 + (5u - z->bits) % 8);
	bits(z, out, n, 16);
	bits(z, out, n ^ 0xffff, 16);
	buf_span(out, raw);
}

void
deflate_put(struct deflate *z, struct span raw, struct buf *out)
{
	uint32_t i, end;

	if (CFG_DEFLATE_WINDOW == 0) {
		store(z, raw, out);
		return;
	}
	slide(z, (uint32_t)raw.n);
	memcpy(z->window + z->n, raw.p, raw.n);
	if (!z->open) {
		bits(z, out, 2, 3);
		z->open = true;
	}
	end = z->n + (uint32_t)raw.n;
	for (i = z->n; i < end;) {
		uint32_t before = end - i >= SHORTEST ? note(z, i) : 0, n = 0;

		if (before != 0) {
			n = common(z->window + before - 1, z->window + i,
				end - i < LONGEST ? end - i : LONGEST);
		}
		if (n < SHORTEST) {
			symbol(z, out, z->window[i++]);
			continue;
		}
		match(z, out, n, i + 1 - before);
		for (n += i++; i < n; i++) {
			if (end - i >= SHORTEST) {
				note(z, i);
			}
		}
	}
	z->n = end;
}

void
deflate_flush(struct deflate *z, struct buf *out)
{
	if (z->open) {
		symbol(z, out, 256);
		z->open = false;
	}
	store(z, (struct span){"", 0}, out);
}
