/*
 * flate: inflate and deflate as a filter, for test_flate.py to hold against
 * zlib.
 *
 * Reads cases until the end: mode ('i' or 'd'), length, piece, room (little-
 * endian, 32 bits each), and the bytes. Writes for each: verdict, length, and
 * the bytes. Input goes in pieces of so many bytes; 'i' makes so much output
 * at a time, 'd' flushes after each piece.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/le.h"
#include "flate/deflate.h"
#include "flate/inflate.h"

static struct inflate in;
static struct deflate out;
static uint8_t *made;
static size_t made_n, made_cap;

static void
keep(struct span s)
{
	while (made_n + s.n > made_cap) {
		made_cap = made_cap * 2 + 65536;
		made = realloc(made, made_cap);
	}
	for (size_t i = 0; i < s.n; i++) {
		made[made_n++] = (uint8_t)s.p[i];
	}
}

static enum err
do_inflate(const char *p, size_t n, size_t piece, size_t room)
{
	enum err e = ERR_AGAIN;

	inflate_init(&in);
	for (size_t at = 0; at < n && e == ERR_AGAIN;) {
		size_t part = piece < n - at ? piece : n - at, used;

		do {
			struct span s = {p + at, part};

			e = inflate_push(&in, s, room, &used);
			at += used;
			part -= used;
			while (inflate_out(&in).n > 0) {
				keep(inflate_out(&in));
				inflate_ack(&in, inflate_out(&in).n);
			}
		} while (e == ERR_OK);
	}
	return e;
}

static enum err
do_deflate(const char *p, size_t n, size_t piece)
{
	char memory[DEFLATE_BOUND];
	struct buf b;

	deflate_init(&out);
	for (size_t at = 0; at < n;) {
		size_t part = piece < n - at ? piece : n - at;

		for (size_t done = 0; done < part;) {
			size_t k = part - done < DEFLATE_CHUNK ? part - done
				: DEFLATE_CHUNK;

			BUF_INIT(&b, memory);
			deflate_put(&out, (struct span){p + at + done, k}, &b);
			done += k;
			if (done == part) {
				deflate_flush(&out, &b);
			}
			if (b.err != ERR_OK) {
				return b.err;
			}
			keep(buf_get(&b));
		}
		at += part;
	}
	return ERR_OK;
}

int
main(void)
{
	uint8_t head[13], answer[8];

	while (fread(head, 1, 13, stdin) == 13) {
		uint32_t n = le_get32(head + 1), piece = le_get32(head + 5);
		char *p = malloc(n + 1);
		enum err e;

		if (p == NULL || fread(p, 1, n, stdin) != n) {
			return 1;
		}
		made_n = 0;
		e = head[0] == 'i' ? do_inflate(p, n, piece,
			le_get32(head + 9)) : do_deflate(p, n, piece);
		free(p);
		le_put32(answer, (uint32_t)e);
		le_put32(answer + 4, (uint32_t)made_n);
		fwrite(answer, 1, 8, stdout);
		fwrite(made, 1, made_n, stdout);
		fflush(stdout);
	}
	return 0;
}
