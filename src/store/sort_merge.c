/*
 * sort_merge: many runs become one stream.
 *
 * The arena holds k inputs, a heap of k input numbers, k buffers and
 * one for output, none under 1 KiB. Runs are merged in groups of neighbours,
 * and of equal records the one from the earlier run goes first: stable again.
 * While more runs are left than inputs fit (fan_in), a pass merges from one
 * spill file to the other. A last pass merges only as many runs as it must;
 * the rest stays where it is, and the final merge, which sort_next() drives,
 * reads from both files.
 *
 * With 20-byte records a 64 KiB arena holds 2,978 of them and merges 60 runs:
 * one pass to 178,000 records, two to 10.7 million, three to 640 million.
 */
#include <string.h>

#include "base/le.h"
#include "store/sort_part.h"

#define BUFFER 1024u /* least bytes per run */

static size_t
least_buffer(const struct sort *s)
{
	return (BUFFER + s->rec_size - 1) / s->rec_size * s->rec_size;
}

static uint32_t
fan_in(const struct sort *s)
{
	size_t buffer = least_buffer(s);
	size_t n = (s->arena_size - buffer) /
		(buffer + sizeof(struct sort_input) + sizeof(uint16_t));

	return n > UINT16_MAX ? UINT16_MAX : (uint32_t)n;
}

/* Divides the arena for k inputs; what is left over makes buffers larger. */
static void
divide(struct sort *s, size_t k)
{
	uint8_t *end = s->arena + s->arena_size;

	s->in = (void *)s->arena;
	s->heap = (void *)(s->in + k);
	s->buffers = (uint8_t *)(s->heap + k);
	s->buf_size = (size_t)(end - s->buffers) / (k + 1) / s->rec_size *
		s->rec_size;
	s->inputs = 0;
	s->heap_n = 0;
	s->out_n = 0;
}

static uint8_t *
front(const struct sort *s, size_t i)
{
	return s->buffers + i * s->buf_size + s->in[i].pos * s->rec_size;
}

static bool
before(const struct sort *s, uint16_t a, uint16_t b)
{
	int c = memcmp(front(s, a), front(s, b), s->key_len);

	return c != 0 ? c < 0 : a < b;
}

static void
sift(struct sort *s)
{
	uint16_t *h = s->heap;
	uint16_t v = h[0];
	size_t i = 0;
	size_t child;

	while ((child = 2 * i + 1) < s->heap_n) {
		if (child + 1 < s->heap_n &&
			before(s, h[child + 1], h[child])) {
			child++;
		}
		if (!before(s, h[child], v)) {
			break;
		}
		h[i] = h[child];
		i = child;
	}
	h[i] = v;
}

static enum err
refill(struct sort *s, size_t i)
{
	struct sort_input *in = &s->in[i];
	size_t n = s->buf_size / s->rec_size;
	enum err e;

	if (n > in->left) {
		n = (size_t)in->left;
	}
	e = sort_spill_read(s, in->file, s->buffers + i * s->buf_size,
		n * s->rec_size, in->at);
	if (e != ERR_OK) {
		return e;
	}
	in->at += n * s->rec_size;
	in->left -= n;
	in->pos = 0;
	in->n = (uint32_t)n;
	return ERR_OK;
}

/* Adds the next n runs of a file, from *at on, as inputs. */
static enum err
add_inputs(struct sort *s, unsigned file, uint64_t *at, uint32_t n,
	uint64_t *total)
{
	uint8_t header[SORT_RUN_HEADER];
	enum err e;

	for (uint32_t k = 0; k < n; k++) {
		size_t i = s->inputs++;
		uint64_t count;

		e = sort_spill_read(s, file, header, SORT_RUN_HEADER, *at);
		if (e != ERR_OK) {
			return e;
		}
		count = le_get64(header);
		if (count == 0 || count > s->end[file] / s->rec_size) {
			return err_set(ERR_IO, "%s.%u is damaged", s->name,
				file);
		}
		s->in[i] = (struct sort_input){
			.at = *at + SORT_RUN_HEADER, .left = count, .file = file};
		e = refill(s, i);
		if (e != ERR_OK) {
			return e;
		}
		*at += SORT_RUN_HEADER + count * s->rec_size;
		*total += count;
	}
	return ERR_OK;
}

static void
make_heap(struct sort *s)
{
	for (size_t i = 0; i < s->inputs; i++) {
		size_t at = s->heap_n++;

		s->heap[at] = (uint16_t)i;
		while (at > 0 && before(s, s->heap[at], s->heap[(at - 1) / 2])) {
			uint16_t up = s->heap[(at - 1) / 2];

			s->heap[(at - 1) / 2] = s->heap[at];
			s->heap[at] = up;
			at = (at - 1) / 2;
		}
	}
}

/* Copies the first record of all inputs to rec and steps over it. */
enum err
sort_merge_take(struct sort *s, void *rec)
{
	size_t i = s->heap[0];
	struct sort_input *in = &s->in[i];
	enum err e;

	memcpy(rec, front(s, i), s->rec_size);
	in->pos++;
	if (in->pos == in->n && in->left > 0) {
		e = refill(s, i);
		if (e != ERR_OK) {
			return e;
		}
	}
	if (in->pos == in->n) {
		s->heap[0] = s->heap[--s->heap_n];
	}
	if (s->heap_n > 0) {
		sift(s);
	}
	return ERR_OK;
}

/* Merges the inputs into one run at the end of file `to`. */
static enum err
merge(struct sort *s, unsigned to, uint64_t total)
{
	uint8_t *out = s->buffers + s->inputs * s->buf_size;
	uint8_t header[SORT_RUN_HEADER];
	enum err e;

	le_put64(header, total);
	e = sort_spill_write(s, to, header, SORT_RUN_HEADER);
	if (e != ERR_OK) {
		return e;
	}
	make_heap(s);
	while (s->heap_n > 0) {
		e = sort_merge_take(s, out + s->out_n);
		if (e != ERR_OK) {
			return e;
		}
		s->out_n += s->rec_size;
		if (s->out_n == s->buf_size || s->heap_n == 0) {
			e = sort_spill_write(s, to, out, s->out_n);
			if (e != ERR_OK) {
				return e;
			}
			s->out_n = 0;
		}
	}
	return ERR_OK;
}

/* One pass from file s->from to the other: a whole one if yet another will
 * be needed, else just until `most` runs are left in both together. Afterwards
 * *made runs stand in the other file, *left from *at on in this one. */
static enum err
pass(struct sort *s, uint32_t most, uint32_t *made, uint32_t *left,
	uint64_t *at)
{
	bool whole = s->runs > (uint64_t)most * most;
	uint32_t excess = whole ? UINT32_MAX : s->runs - most;
	unsigned to = 1 - s->from;
	enum err e = sort_spill_make(s, to);

	*made = 0;
	*left = s->runs;
	*at = 0;
	while (e == ERR_OK && *left > 0 && excess > 0) {
		uint32_t k = *left < most ? *left : most;
		uint64_t total = 0;

		if (k - 1 > excess) {
			k = excess + 1;
		}
		divide(s, k);
		e = add_inputs(s, s->from, at, k, &total);
		if (e == ERR_OK) {
			e = merge(s, to, total);
		}
		*left -= k;
		*made += 1;
		excess -= whole ? 0 : k - 1;
	}
	return e;
}

enum err
sort_merge_runs(struct sort *s)
{
	uint32_t most = fan_in(s);
	uint32_t made = 0;
	uint32_t left = s->runs;
	uint64_t total = 0;
	uint64_t at = 0;
	uint64_t zero = 0;
	enum err e;

	while (made + left > most) {
		e = pass(s, most, &made, &left, &at);
		if (e != ERR_OK) {
			return e;
		}
		if (left == 0) {
			s->from = 1 - s->from;
			s->runs = left = made;
			made = 0;
			at = 0;
			e = fs_truncate(s->spill[1 - s->from], 0);
			if (e != ERR_OK) {
				return e;
			}
		}
	}
	divide(s, made + left);
	e = ERR_OK;
	if (made > 0) {
		e = add_inputs(s, 1 - s->from, &zero, made, &total);
	}
	if (e == ERR_OK) {
		e = add_inputs(s, s->from, &at, left, &total);
	}
	if (e == ERR_OK && total != s->count) {
		e = err_set(ERR_IO, "%s: records were lost", s->name);
	}
	if (e == ERR_OK) {
		make_heap(s);
	}
	return e;
}
