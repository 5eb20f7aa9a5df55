/* io_flate: a pool, since most connections stay as they are. */
#include "io/io_flate.h"

#if CFG_COMPRESS

#define FLATES (CFG_COMPRESS_CONNECTIONS < CFG_CONNECTIONS \
	? CFG_COMPRESS_CONNECTIONS : CFG_CONNECTIONS)

static struct io_flate io_flates[FLATES];

const struct mem_row io_flate_mem = {"io_flates", sizeof(io_flates),
	"compressed connections: window, codes"};

struct io_flate *
io_flate_lease(void)
{
	for (int i = 0; i < FLATES; i++) {
		struct io_flate *f = &io_flates[i];

		if (!f->leased) {
			f->leased = true;
			f->stopped = false;
			f->at = f->n = 0;
			inflate_init(&f->in);
			deflate_init(&f->out);
			return f;
		}
	}
	return NULL;
}

void
io_flate_release(struct io_flate **f)
{
	if (*f != NULL) {
		(*f)->leased = false;
		*f = NULL;
	}
}

size_t
io_flate_pack(struct io_flate *f, struct span raw)
{
	struct span chunk = span_upto(raw, DEFLATE_CHUNK);
	struct buf b;

	if (f->n > 0 || raw.n == 0) {
		return 0;
	}
	BUF_INIT(&b, f->ready);
	deflate_put(&f->out, chunk, &b);
	if (chunk.n == raw.n) {
		deflate_flush(&f->out, &b);
	}
	f->at = 0;
	f->n = b.n;
	return chunk.n;
}

#endif
