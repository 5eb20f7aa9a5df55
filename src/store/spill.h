/*
 * spill: a temporary file written once in order and read back in order, of
 * variable-length entries (1 to 4,096 bytes, and two bytes less than the
 * buffer), through a buffer of the caller.
 * Removed at the end; not durable. Entries also have an offset to get one
 * again at random.
 */
#ifndef WHERRY_STORE_SPILL_H
#define WHERRY_STORE_SPILL_H

#include "base/err.h"
#include "base/span.h"
#include "port/fs.h"

struct spill {
	fs_fd dir, fd; /* the file is made at the first flush of a full buffer or
			* at spill_rewind with something to read back */
	char name[32];
	uint8_t *buf;
	size_t cap, n, at;
	uint64_t size;	 /* bytes flushed */
	uint64_t pos;	 /* read position of the buffer's end */
	uint32_t count;	 /* entries added */
	bool reading;
	enum err err;
};

/* cap 512 or more. Leftovers of that name are replaced. No file is made as
 * long as all entries fit in the buffer. */
void spill_begin(struct spill *s, fs_fd dir, const char *name, void *buf,
	size_t cap);
enum err spill_add(struct spill *s, const void *p, size_t n, uint64_t *offset);
/* From writing to reading from the start; may be called again. */
enum err spill_rewind(struct spill *s);
/* *p points into the buffer, valid until the next call. ERR_END. */
enum err spill_next(struct spill *s, const uint8_t **p, size_t *n);
/* Random access while reading or writing; copies into out (cap bytes). */
enum err spill_get(struct spill *s, uint64_t offset, void *out, size_t cap,
	size_t *n);
/* A zeroed struct is fine. */
void spill_end(struct spill *s);

#endif
