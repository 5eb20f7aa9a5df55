/*
 * guard: a copy that ends at a page nobody may touch, so that reading one
 * byte too far is a fault and not luck.
 */
#ifndef WHERRY_TEST_GUARD_H
#define WHERRY_TEST_GUARD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The mapping is found again from the copy: the page before its first page
 * holds the sizes. Layout: [sizes page][data pages, copy at the end][no]. */
struct guard_map {
	void *base;
	size_t length;
};

static inline size_t
guard_page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* A copy of n bytes at p; n may be 0. Free it with guard_free(). */
static inline char *
guard_copy(const void *p, size_t n)
{
	size_t page = guard_page();
	size_t data = (n + page - 1) / page * page;
	struct guard_map m;
	char *base;
	char *copy;

	m.length = page + data + page;
	base = mmap(NULL, m.length, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED) {
		perror("guard_copy");
		abort();
	}
	m.base = base;
	memcpy(base, &m, sizeof(m));
	copy = base + page + data - n;
	if (n > 0) {
		memcpy(copy, p, n);
	}
	if (mprotect(base + page + data, page, PROT_NONE) != 0) {
		perror("guard_copy");
		abort();
	}
	return copy;
}

/* Give back a copy of guard_copy(), of any size. NULL is fine. */
static inline void
guard_free(char *copy)
{
	size_t page = guard_page();
	char *first;
	struct guard_map m;

	if (copy == NULL) {
		return;
	}
	/* An empty copy stands on the forbidden page, right behind the sizes;
	 * any other begins in the first data page. */
	first = copy - (size_t)copy % page;
	memcpy(&m, first - page, sizeof(m));
	if (m.base != first - page) {
		fprintf(stderr, "guard_free: not a guarded copy\n");
		abort();
	}
	if (munmap(m.base, m.length) != 0) {
		perror("guard_free");
		abort();
	}
}

#endif
