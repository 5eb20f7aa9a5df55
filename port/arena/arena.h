/*
 * arena: a first-fit allocator over one block of memory of the caller's.
 * What it promises stands in port/arena.h. A zero-filled struct with base
 * (a multiple of 16) and size set is ready.
 */
#ifndef WHERRY_PORT_ARENA_ARENA_H
#define WHERRY_PORT_ARENA_ARENA_H

#include <stddef.h>
#include <stdint.h>

enum { ARENA_ALIGN = 16 };

struct arena {
	unsigned char *base;
	uint32_t size;
	/* Private. Offsets count from base; 0 is "none". */
	uint32_t top;  /* end of the last allocated block */
	uint32_t last; /* size of that block */
	uint32_t high; /* the highest top so far */
	uint32_t free; /* first free block below top, by address */
	uint32_t used, refused;
};

/* NULL if there is no room. n may be 0: an address of its own is given. */
void *arena_get(struct arena *a, size_t n);
/* count * n bytes of zeros; NULL also if the product is too large. */
void *arena_get_zeros(struct arena *a, size_t count, size_t n);
/* At a multiple of align, a power of two. */
void *arena_get_aligned(struct arena *a, size_t align, size_t n);
/* As realloc(); p may be NULL. On NULL the old memory is as it was. */
void *arena_resize(struct arena *a, void *p, size_t n);
/* p may be NULL. Ends the program if p is not allocated. */
void arena_put(struct arena *a, void *p);
/* Bytes that may be used at p: what was asked for or a few more. */
size_t arena_room(const struct arena *a, const void *p);

#endif
