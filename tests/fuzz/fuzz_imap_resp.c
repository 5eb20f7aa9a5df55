/*
 * Any bytes as a server's: fed whole, and fed in pieces of sizes that the
 * first bytes choose, they must give the same events. The pieces are copies
 * of their exact size, so that a sanitizer sees one byte read too far.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/imap_events.h"

static char whole_memory[1 << 20], split_memory[1 << 20];
static struct imap_resp whole, split;

static enum err
feed_copy(struct events *e, struct imap_resp *r, const uint8_t *p, size_t n)
{
	char *copy = malloc(n > 0 ? n : 1);
	enum err err;

	if (copy == NULL) {
		abort();
	}
	if (n > 0) {
		memcpy(copy, p, n);
	}
	err = events_feed(e, r, (struct span){copy, n});
	free(copy);
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct events a = {.count = 0}, b = {.count = 0};
	uint32_t seed = 1;
	size_t at = 0;

	for (size_t i = 0; i < size && i < 64; i++) {
		seed = seed * 31 + data[i];
	}
	BUF_INIT(&a.out, whole_memory);
	BUF_INIT(&b.out, split_memory);
	imap_resp_init(&whole);
	imap_resp_init(&split);
	(void)feed_copy(&a, &whole, data, size);
	while (at < size) {
		size_t n;

		seed = seed * 1664525 + 1013904223;
		n = 1 + (seed >> 24) % 7;
		n = n < size - at ? n : size - at;
		if (feed_copy(&b, &split, data + at, n) != ERR_AGAIN) {
			break;
		}
		at += n;
	}
	if (a.out.n != b.out.n || memcmp(a.out.p, b.out.p, a.out.n) != 0 ||
		imap_resp_between(&whole) != imap_resp_between(&split)) {
		fprintf(stderr, "whole:\n%.*s\nsplit:\n%.*s\n", (int)a.out.n,
			a.out.p, (int)b.out.n, b.out.p);
		abort();
	}
	return 0;
}
