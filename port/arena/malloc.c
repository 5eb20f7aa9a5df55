/*
 * malloc() and its family over one static block, for everything that is
 * linked into the program: the TLS library, libc, what libc loads. This file
 * is compiled with -fno-builtin, or the compiler would make of our calloc() a
 * call of calloc(). glibc and musl both let a program bring its own, if it
 * brings the whole family.
 *
 * Nothing is initialized at run time: libc allocates before main() begins.
 * After fork() the child has a copy of the arena as of everything.
 */
#include <errno.h>
#include <stddef.h>

#include "base/mem.h"
#include "config.h"
#include "port/arena.h"
#include "port/arena/arena.h"
#include "tls_arena.h" /* of the TLS port that is linked */

/* What libc allocates by itself: getpwuid() where HOME is not set, and
 * getaddrinfo(), in a child that is forked before its connection has any TLS.
 * glibc loads what nsswitch.conf names and needs 64 KiB for an answer of a
 * name server, most of all for one that says no. */
enum { LIBC_NEEDS = 16384 };
#ifdef __GLIBC__
enum { RESOLVE_NEEDS = 73728 };
#else
enum { RESOLVE_NEEDS = 0 };
#endif

/* A quarter more than was measured: the next certificate may be longer. */
enum { EACH = TLS_ARENA + TLS_ARENA / 4 };
#if CFG_ARENA > 0
#define ARENA_SIZE CFG_ARENA
#else
#define ARENA_SIZE \
	(LIBC_NEEDS + (CFG_CONNECTIONS - 1) * EACH + \
		((int)EACH > (int)RESOLVE_NEEDS ? (int)EACH : (int)RESOLVE_NEEDS))
#endif

static _Alignas(ARENA_ALIGN) unsigned char arena_block[ARENA_SIZE];

static struct arena arena = {.base = arena_block, .size = ARENA_SIZE};

const struct mem_row arena_mem[] = {
	{"arena_block", sizeof(arena_block),
		"memory of the TLS library and libc"},
	{NULL, 0, NULL},
};

void *malloc(size_t n);
void *calloc(size_t count, size_t n);
void *realloc(void *p, size_t n);
void free(void *p);
void *aligned_alloc(size_t align, size_t n);
void *memalign(size_t align, size_t n);
void *valloc(size_t n);
void *pvalloc(size_t n);
int posix_memalign(void **out, size_t align, size_t n);
size_t malloc_usable_size(void *p);

enum { PAGE = 4096 };

static void *
told(void *p)
{
	if (p == NULL) {
		errno = ENOMEM;
	}
	return p;
}

void *
malloc(size_t n)
{
	return told(arena_get(&arena, n));
}

void *
calloc(size_t count, size_t n)
{
	return told(arena_get_zeros(&arena, count, n));
}

void *
realloc(void *p, size_t n)
{
	return told(arena_resize(&arena, p, n));
}

void
free(void *p)
{
	int kept = errno;

	arena_put(&arena, p);
	errno = kept;
}

void *
memalign(size_t align, size_t n)
{
	if (align == 0 || (align & (align - 1)) != 0) {
		errno = EINVAL;
		return NULL;
	}
	return told(arena_get_aligned(&arena, align, n));
}

void *
aligned_alloc(size_t align, size_t n)
{
	return memalign(align, n);
}

void *
valloc(size_t n)
{
	return memalign(PAGE, n);
}

void *
pvalloc(size_t n)
{
	return n > ARENA_SIZE ? told(NULL) :
		memalign(PAGE, (n + PAGE - 1) & ~(size_t)(PAGE - 1));
}

int
posix_memalign(void **out, size_t align, size_t n)
{
	void *p;

	if (align < sizeof(void *) || (align & (align - 1)) != 0) {
		return EINVAL;
	}
	p = arena_get_aligned(&arena, align, n);
	if (p == NULL) {
		return ENOMEM;
	}
	*out = p;
	return 0;
}

size_t
malloc_usable_size(void *p)
{
	return arena_room(&arena, p);
}

void
arena_usage(struct arena_usage *out)
{
	out->size = arena.size;
	out->used = arena.used;
	out->peak = arena.high;
	out->refused = arena.refused;
}
