/*
 * sort: external merge sort of fixed-size records in a fixed arena.
 *
 * A record's first key_len bytes are its key and sort by memcmp (store
 * numbers there big-endian); equal keys keep their order of arrival.
 * Records fill the arena; a full arena is sorted and written as a run to a
 * spill file; sort_next() merges the runs, in more than one pass if there are
 * more runs than buffers. If everything fits in the arena no file is made.
 * Any number of records is sorted in the same memory.
 *
 * Call order: sort_begin, sort_put..., sort_finish, sort_next..., sort_end.
 * Blocking (disk). The first error sticks.
 */
#ifndef WHERRY_STORE_SORT_H
#define WHERRY_STORE_SORT_H

#include "base/err.h"
#include "base/span.h"
#include "config.h"
#include "port/fs.h"

struct sort {
	/* private */
	uint8_t *arena;
	size_t arena_size, rec_size, key_len;
	fs_fd dir;
	char name[32];
	fs_fd spill[2];
	enum err err;
	uint64_t count;	 /* records put */
	uint64_t spilled; /* bytes written */
	uint32_t runs;
	size_t fill;	 /* records in the arena */
	int phase;
	struct {
		uint64_t at[2]; /* see sort.c */
		uint32_t n[4];
	} priv;
};

/* arena: arena_size bytes, owned by the caller, busy until sort_end().
 * dir, name: where spill files may be made ("<name>.0", "<name>.1"); leftovers
 * of those names are replaced. rec_size 4 to 256. arena_size >= 16 records and
 * 4096 bytes. */
void sort_begin(struct sort *s, void *arena, size_t arena_size,
	size_t rec_size, size_t key_len, fs_fd dir, const char *name);
enum err sort_put(struct sort *s, const void *rec);
enum err sort_finish(struct sort *s);
/* ERR_OK with a record in rec (rec_size bytes), ERR_END after the last. */
enum err sort_next(struct sort *s, void *rec);
/* Always call it: closes and removes the spill files. */
void sort_end(struct sort *s);

#endif
