/*
 * table_part: what the files of the table share; nobody else includes it.
 */
#ifndef WHERRY_STORE_TABLE_PART_H
#define WHERRY_STORE_TABLE_PART_H

#include "store/table.h"

/* Records of the file, not of those that wait in the window. */
enum err table_read(struct table *t, uint32_t recno, uint32_t n, uint8_t *to);
/* Moves the window to [recno, end), as many as fit; what waits is written. */
enum err table_look(struct table *t, uint32_t recno, uint32_t end,
	uint32_t *n);

#endif
