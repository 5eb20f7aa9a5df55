/*
 * mem: the table of wherry's memory. Every static object of 256 bytes or more
 * is one row; `wherry -V` prints them with their sum, a test compares the
 * rows with the objects in the binary.
 */
#ifndef WHERRY_BASE_MEM_H
#define WHERRY_BASE_MEM_H

#include <stddef.h>

struct mem_row {
	const char *name; /* the object's symbol, or object.member */
	size_t bytes;
	const char *what;
};

/* Rows of the modules that have any; arrays end with a NULL name. */
extern const struct mem_row err_mem, log_mem, ui_mem, pool_mem;
extern const struct mem_row main_mem[], tls_mem[], arena_mem[];

#endif
