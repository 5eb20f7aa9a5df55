/*
 * Any bytes as a compressed stream: inflated whole, and in pieces and rooms
 * that the first bytes choose, they give the same output and the same verdict.
 * And any bytes deflated are those bytes when they are inflated. Pieces are
 * copies of their exact size, so that a sanitizer sees one byte read too far.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32.h"
#include "flate/deflate.h"
#include "flate/inflate.h"

#define MOST (4u << 20) /* of output: a little input makes much */

struct sum {
	uint32_t crc;
	size_t n;
};

static struct inflate whole, split;
static struct deflate out;
static uint32_t seed;

static uint32_t
any(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static enum err
feed(struct inflate *z, const uint8_t *p, size_t n, bool whole_room,
	struct sum *s)
{
	char *copy = malloc(n > 0 ? n : 1);
	struct span rest = {copy, n};
	enum err e = ERR_OK;

	if (copy == NULL) {
		abort();
	}
	memcpy(copy, n > 0 ? (const void *)p : "", n);
	while (e == ERR_OK && s->n < MOST) {
		size_t used, before = rest.n;
		struct span made;

		e = inflate_push(z, rest, whole_room ? INFLATE_WINDOW :
			1 + any(400), &used);
		rest = span_from(rest, used);
		made = inflate_out(z);
		made.n = whole_room || e != ERR_OK ? made.n :
			made.n - any((uint32_t)made.n + 1) / 2;
		if (e == ERR_OK && used == 0 && made.n == 0 &&
			before == rest.n && inflate_room(z) == 0) {
			abort(); /* stuck */
		}
		while (made.n > 0) {
			s->crc = crc32(s->crc, made.p, made.n);
			s->n += made.n;
			inflate_ack(z, made.n);
			made = whole_room || e != ERR_OK ? inflate_out(z) :
				(struct span){NULL, 0};
		}
	}
	free(copy);
	return e;
}

static void
inflate_both(const uint8_t *data, size_t size)
{
	struct sum a = {0, 0}, b = {0, 0};
	enum err ea, eb = ERR_AGAIN;
	size_t n;

	inflate_init(&whole);
	inflate_init(&split);
	ea = feed(&whole, data, size, true, &a);
	for (size_t at = 0; at < size && eb == ERR_AGAIN; at += n) {
		n = 1 + any(9);
		n = n < size - at ? n : size - at;
		eb = feed(&split, data + at, n, false, &b);
	}
	if (a.n >= MOST || b.n >= MOST || size == 0) {
		return;
	}
	if (ea != eb || a.n != b.n || a.crc != b.crc) {
		fprintf(stderr, "whole: %d, %zu bytes; split: %d, %zu bytes\n",
			ea, a.n, eb, b.n);
		abort();
	}
}

static void
there_and_back(const uint8_t *data, size_t size)
{
	struct sum want = {crc32(0, data, size), size}, have = {0, 0};
	char room[DEFLATE_BOUND];
	struct buf b;
	size_t n;

	deflate_init(&out);
	inflate_init(&whole);
	for (size_t at = 0; at < size; at += n) {
		n = 1 + any(DEFLATE_CHUNK);
		n = n < size - at ? n : size - at;
		BUF_INIT(&b, room);
		deflate_put(&out, (struct span){(const char *)data + at, n},
			&b);
		if (at + n == size || any(3) == 0) {
			deflate_flush(&out, &b);
		}
		if (b.err != ERR_OK || feed(&whole, (uint8_t *)room, b.n, true,
			&have) != ERR_AGAIN) {
			abort();
		}
	}
	if (size < MOST && (have.n != want.n || have.crc != want.crc)) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	seed = crc32(1, data, size < 64 ? size : 64);
	inflate_both(data, size);
	there_and_back(data, size);
	return 0;
}
