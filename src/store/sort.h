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

#define SORT_REC 256u	      /* longest record */
#define SORT_ARENA_LEAST 4096u

struct sort_input;

struct sort {
	/* private */
	uint8_t *arena;
	size_t arena_size, rec_size, key_len;
	fs_fd dir;
	char name[32];
	fs_fd spill[2];
	enum err err;
	uint64_t count;	  /* records put */
	uint64_t sum;	  /* of hashes: spilled, not yet back */
	uint64_t spilled; /* bytes written to spill files */
	uint32_t runs;	  /* in file `from`, complete or not */
	size_t fill;	  /* records in the arena */
	int phase;	  /* enum in sort.c */

	/* filling */
	uint16_t *index;  /* at the arena's end, one per record */
	size_t room;	  /* records that fit */
	bool ordered;	  /* those in the arena came in order */
	uint8_t last[SORT_REC]; /* last record of the run being written */
	uint64_t run_at;  /* where that run's header is */
	uint64_t run_n;	  /* records in it so far */
	uint64_t end[2];  /* of the spill files */

	/* merging */
	unsigned from;	  /* the spill file being read */
	struct sort_input *in;
	uint16_t *heap;
	uint8_t *buffers; /* one per input, then one for output */
	size_t buf_size, inputs, heap_n, out_n;

	/* from the arena */
	size_t at;
};

/* arena: arena_size bytes, owned by the caller, busy until sort_end(). Any
 * alignment. dir, name: where spill files may be made ("<name>.0",
 * "<name>.1"; name at most 29 bytes); leftovers of those names are replaced.
 * rec_size 4 to 256, key_len at most rec_size. arena_size >= 16 records and
 * 4096 bytes, else ERR_LIMIT from the first call that can say so. */
void sort_begin(struct sort *s, void *arena, size_t arena_size,
	size_t rec_size, size_t key_len, fs_fd dir, const char *name);
enum err sort_put(struct sort *s, const void *rec);
enum err sort_finish(struct sort *s);
/* ERR_OK with a record in rec (rec_size bytes), ERR_END after the last. What a
 * damaged spill file lost is found at the end (ERR_IO) at the latest, so that
 * a record is absent is known only with ERR_END. */
enum err sort_next(struct sort *s, void *rec);
/* Always call it: closes and removes the spill files. A zeroed struct is
 * fine. */
void sort_end(struct sort *s);

#endif
