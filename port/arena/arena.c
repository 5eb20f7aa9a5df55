/*
 * Blocks lie without gaps from the start of the arena up to `top`, each with
 * a header of 8 bytes: its size and that of the block before it, so that both
 * neighbours can be found. A header stands 8 bytes before a multiple of 16,
 * the memory that is handed out on it. Two free neighbours are always one
 * block, and a free block never lies right below `top`: `top` is lowered
 * instead. What is above the highest `top` so far has never been touched.
 *
 * Free blocks are chained in the order of their addresses, through their own
 * first 8 bytes, and the first that is large enough is taken. So memory is
 * used from the bottom, and the search is over free blocks only: a few dozen
 * in the middle of a handshake, never more than half of all blocks.
 *
 * Since an arena is only ever extended when nothing below fits, its size has
 * no influence on where things go: `high` is the least size that would do.
 */
#include "port/arena/arena.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct block {
	uint32_t size; /* with this header; the lowest bit: in use */
	uint32_t before;
	uint32_t next, prev; /* of a free block: the chain */
};

enum { HEAD = 8, USED = 1, LEAST = 16, FIRST = ARENA_ALIGN - HEAD };

_Static_assert(sizeof(struct block) == LEAST, "a free block has its links");

/* Anything may be broken here, so: no buffers, no formatting. */
static void
fault(void)
{
	static const char text[] = "wherry: memory was freed that is not "
		"allocated; this is a fault in the program\n";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0) {
		abort();
	}
	abort();
}

static struct block *
at(const struct arena *a, uint32_t off)
{
	return (struct block *)(void *)(a->base + off);
}

static uint32_t
size_of(const struct block *b)
{
	return b->size & ~(uint32_t)USED;
}

/* The size field of the neighbour behind is told about a block's size. */
static void
tell_size(struct arena *a, uint32_t off)
{
	uint32_t size = size_of(at(a, off));

	if (off + size == a->top) {
		a->last = size;
	} else {
		at(a, off + size)->before = size;
	}
}

static void
chain(struct arena *a, uint32_t off)
{
	uint32_t prev = 0, next = a->free;

	while (next != 0 && next < off) {
		prev = next;
		next = at(a, next)->next;
	}
	at(a, off)->prev = prev;
	at(a, off)->next = next;
	if (next != 0) {
		at(a, next)->prev = off;
	}
	if (prev != 0) {
		at(a, prev)->next = off;
	} else {
		a->free = off;
	}
}

static void
unchain(struct arena *a, uint32_t off)
{
	const struct block *b = at(a, off);

	if (b->next != 0) {
		at(a, b->next)->prev = b->prev;
	}
	if (b->prev != 0) {
		at(a, b->prev)->next = b->next;
	} else {
		a->free = b->next;
	}
}

/* Is there an allocated block at this offset? Whatever lies there is not
 * believed unless both neighbours agree with it. */
static bool
is_block(const struct arena *a, uint32_t off)
{
	const struct block *b = at(a, off);
	uint32_t size = size_of(b);

	if ((b->size & (ARENA_ALIGN - 1)) != USED || size < LEAST ||
		size > a->top - off || b->before > off - FIRST ||
		b->before % ARENA_ALIGN != 0) {
		return false;
	}
	if (b->before == 0 ? off != FIRST :
		size_of(at(a, off - b->before)) != b->before) {
		return false;
	}
	return off + size == a->top ? a->last == size :
		at(a, off + size)->before == size;
}

/* The offset of the allocated block that p stands for; else it ends here. */
static uint32_t
block_of(const struct arena *a, const void *p)
{
	uintptr_t base = (uintptr_t)a->base, here = (uintptr_t)p;
	uint32_t off = 0;

	if (here < base + ARENA_ALIGN || here >= base + a->top ||
		(here - base) % ARENA_ALIGN != 0) {
		fault();
	} else {
		off = (uint32_t)(here - base) - HEAD;
	}
	if (!is_block(a, off)) {
		fault();
	}
	return off;
}

/* Size of a block for n bytes; 0 if no arena could have it. */
static uint32_t
block_for(const struct arena *a, size_t n)
{
	if (n > a->size) {
		return 0;
	}
	return ((uint32_t)n + HEAD + ARENA_ALIGN - 1) &
		~(uint32_t)(ARENA_ALIGN - 1);
}

static uint32_t
reuse(struct arena *a, uint32_t size)
{
	uint32_t off;

	for (off = a->free; off != 0; off = at(a, off)->next) {
		if (at(a, off)->size >= size) {
			unchain(a, off);
			at(a, off)->size |= USED;
			break;
		}
	}
	return off;
}

static uint32_t
extend(struct arena *a, uint32_t size)
{
	uint32_t off = a->top == 0 ? FIRST : a->top;
	struct block *b;

	if (off > a->size || size > a->size - off) {
		return 0;
	}
	b = at(a, off);
	b->size = size | USED;
	b->before = a->last;
	a->last = size;
	a->top = off + size;
	a->high = a->top > a->high ? a->top : a->high;
	return off;
}

/* Makes an allocated block free, one with its free neighbours. */
static void
release(struct arena *a, uint32_t off)
{
	struct block *b = at(a, off), *next;
	uint32_t size = size_of(b), before = b->before;

	b->size = size;
	if (off + size < a->top) {
		next = at(a, off + size);
		if ((next->size & USED) == 0) {
			unchain(a, off + size);
			b->size += next->size;
			next->size = 0; /* no header any more */
		}
	}
	if (before != 0 && (at(a, off - before)->size & USED) == 0) {
		size = b->size;
		b->size = 0;
		off -= before;
		unchain(a, off);
		b = at(a, off);
		b->size += size;
	}
	if (off + b->size == a->top) {
		a->top = off;
		a->last = b->before;
		return;
	}
	tell_size(a, off);
	chain(a, off);
}

/* Cuts an allocated block in two at size; gives the offset of the rear. */
static uint32_t
divide(struct arena *a, uint32_t off, uint32_t size)
{
	struct block *b = at(a, off), *rear = at(a, off + size);

	rear->size = (size_of(b) - size) | USED;
	rear->before = size;
	b->size = size | USED;
	tell_size(a, off + size);
	return off + size;
}

/* Gives back what an allocated block has beyond size. */
static void
trim(struct arena *a, uint32_t off, uint32_t size)
{
	if (size_of(at(a, off)) - size >= LEAST) {
		release(a, divide(a, off, size));
	}
}

/* An allocated block of at least that size, not yet trimmed; 0 if none. */
static uint32_t
find(struct arena *a, uint32_t size)
{
	uint32_t off = size == 0 ? 0 : reuse(a, size);

	if (off == 0 && size != 0) {
		off = extend(a, size);
	}
	a->refused += off == 0;
	return off;
}

void *
arena_get(struct arena *a, size_t n)
{
	uint32_t size = block_for(a, n), off = find(a, size);

	if (off == 0) {
		return NULL;
	}
	trim(a, off, size);
	a->used += size_of(at(a, off));
	return a->base + off + HEAD;
}

void *
arena_get_zeros(struct arena *a, size_t count, size_t n)
{
	uint32_t dirty = a->high, from;
	unsigned char *p;

	if (n != 0 && count > (size_t)-1 / n) {
		a->refused++;
		return NULL;
	}
	n *= count;
	p = arena_get(a, n);
	if (p == NULL) {
		return NULL;
	}
	/* What had never been touched before is zero already. */
	from = (uint32_t)(p - a->base);
	if (from < dirty) {
		memset(p, 0, n < dirty - from ? n : dirty - from);
	}
	return p;
}

void *
arena_get_aligned(struct arena *a, size_t align, size_t n)
{
	uint32_t size = block_for(a, n), off, gap;
	uintptr_t here;

	if (align <= ARENA_ALIGN || size == 0) {
		return arena_get(a, n);
	}
	off = find(a, align > a->size ? 0 : block_for(a, n + align));
	if (off == 0) {
		return NULL;
	}
	here = (uintptr_t)a->base + off + HEAD;
	gap = (uint32_t)((align - here % align) % align);
	if (gap > 0) {
		uint32_t rear = divide(a, off, gap);

		release(a, off);
		off = rear;
	}
	trim(a, off, size);
	a->used += size_of(at(a, off));
	return a->base + off + HEAD;
}

/* Lets an allocated block grow over what is free behind it, if it is enough;
 * false: nothing has changed. */
static bool
grow(struct arena *a, uint32_t off, uint32_t size)
{
	struct block *b = at(a, off), *next;
	uint32_t end = off + size_of(b);

	if (end == a->top) {
		if (size > a->size - off) {
			return false;
		}
		b->size = size | USED;
		a->last = size;
		a->top = off + size;
		a->high = a->top > a->high ? a->top : a->high;
		return true;
	}
	next = at(a, end);
	if ((next->size & USED) != 0 || size_of(b) + next->size < size) {
		return false;
	}
	unchain(a, end);
	b->size += next->size;
	next->size = 0;
	tell_size(a, off);
	return true;
}

void *
arena_resize(struct arena *a, void *p, size_t n)
{
	uint32_t off, old, size = block_for(a, n);
	void *fresh;

	if (p == NULL) {
		return arena_get(a, n);
	}
	off = block_of(a, p);
	old = size_of(at(a, off));
	if (size != 0 && (size <= old || grow(a, off, size))) {
		trim(a, off, size);
		a->used += size_of(at(a, off)) - old;
		return p;
	}
	fresh = arena_get(a, n);
	if (fresh != NULL) {
		memcpy(fresh, p, old - HEAD);
		arena_put(a, p);
	}
	return fresh;
}

void
arena_put(struct arena *a, void *p)
{
	uint32_t off;

	if (p != NULL) {
		off = block_of(a, p);
		a->used -= size_of(at(a, off));
		release(a, off);
	}
}

size_t
arena_room(const struct arena *a, const void *p)
{
	return p == NULL ? 0 : size_of(at(a, block_of(a, p))) - HEAD;
}
