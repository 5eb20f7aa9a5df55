/*
 * table_part: what the files of the table share; nobody else includes it.
 */
#ifndef WHERRY_STORE_TABLE_PART_H
#define WHERRY_STORE_TABLE_PART_H

#include "store/table.h"

#define TABLE_HEADER 32u

/* Where record recno is in the file. */
static inline uint64_t
table_place(uint32_t recno)
{
	return TABLE_HEADER + (uint64_t)recno * TABLE_REC;
}

/* Records of the file, not of those that wait in the window. */
enum err table_read(struct table *t, uint32_t recno, uint32_t n, uint8_t *to);
/* Moves the window to [recno, end), as many as fit; what waits is written. */
enum err table_look(struct table *t, uint32_t recno, uint32_t end,
	uint32_t *n);

/* The header says that the first `ordered` records are in order: they are
 * durable. */
enum err table_put_header(struct table *t, uint32_t ordered);
/* The order is about to break at recno: the disk must not claim it longer. */
enum err table_limit_order(struct table *t, uint32_t recno);

#endif
