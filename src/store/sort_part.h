/*
 * sort_part: what the files of the sorter share; nobody else includes it.
 */
#ifndef WHERRY_STORE_SORT_PART_H
#define WHERRY_STORE_SORT_PART_H

#include "store/sort.h"

#define SORT_RUN_HEADER 8u /* number of records, before each run */

struct sort_input {
	uint64_t at;   /* where in the file the next refill is */
	uint64_t left; /* records that are not in the buffer yet */
	uint32_t pos, n; /* records of the buffer: next, all */
	uint32_t file;
};

/* Makes file 0 or 1, or empties it. */
enum err sort_spill_make(struct sort *s, unsigned which);
/* At the file's end. */
enum err sort_spill_write(struct sort *s, unsigned which, const void *p,
	size_t n);
/* All n bytes; ERR_IO if the file is shorter. */
enum err sort_spill_read(struct sort *s, unsigned which, void *p, size_t n,
	uint64_t at);
void sort_spill_remove(struct sort *s);

/* Merges the runs of file 0 until the rest can be merged by sort_merge_take,
 * while s->heap_n > 0. */
enum err sort_merge_runs(struct sort *s);
/* Copies the first record of all inputs to rec and steps over it. */
enum err sort_merge_take(struct sort *s, void *rec);

#endif
