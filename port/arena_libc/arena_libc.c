/* No arena: libc's allocator serves the libraries; see port/arena.h. */
#include "base/mem.h"
#include "port/arena.h"

const struct mem_row arena_mem[] = {{NULL, 0, NULL}};

void
arena_usage(struct arena_usage *out)
{
	*out = (struct arena_usage){0, 0, 0, 0};
}
