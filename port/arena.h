/*
 * arena: the memory of the libraries. wherry itself allocates nothing; the
 * TLS library and libc do, and in the program `wherry` they do it in one
 * static block: malloc() and its family are ours there (port/arena). A build
 * with ARENA=libc, and every program that links libwherry.a alone, has libc's
 * allocator instead (port/arena_libc), and then all numbers here are 0.
 *
 * Promises: a block that is full gives NULL and ENOMEM, never memory from
 * elsewhere; what was never handed out is never touched, so it is not
 * resident; every address is a multiple of 16; freeing what is not allocated
 * (twice, or an address from elsewhere) ends the program with a line on
 * standard error. One thread only: there are no locks.
 */
#ifndef WHERRY_PORT_ARENA_H
#define WHERRY_PORT_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena_usage {
	size_t size;	  /* bytes there are; 0 with libc's allocator */
	size_t used;	  /* bytes handed out now, with their headers */
	size_t peak;	  /* bytes from the start that were ever touched: the
			   * least size that would have been enough */
	uint32_t refused; /* allocations that found no room, since the start */
};

/* Whoever sees a library fail and `refused` grown meanwhile knows why: that
 * is ERR_LIMIT, and the knob to name is CFG_ARENA. */
void arena_usage(struct arena_usage *out);

#endif
