/*
 * sort: external merge sort, see sort.h for interface and call order.
 *
 * Filling. Records lie at the start of the arena in order of arrival; at its
 * end stands an index of one uint16_t per record. A full arena is sorted by a
 * heapsort of the index (no recursion, no extra memory, no bad case). Equal
 * keys compare by index, which is the order of arrival: that makes it stable.
 * The records are then moved into place along the cycles of the permutation,
 * each once, and written in one piece.
 *
 * Input that is in order already costs one comparison per record: `ordered`
 * skips the heapsort, and an arena that follows the last record of the run
 * before it lengthens that run instead of beginning another. A sorted input
 * of any length is one run, which is read back without a merge.
 *
 * Runs stand one behind the other in a spill file, each with its number of
 * records (8 bytes, little-endian) in front, so that no list of runs is kept
 * in memory: the merge walks from header to header.
 *
 * Merging. The arena holds k inputs, a heap of k input numbers, k buffers and
 * one for output, none under 1 KiB. Runs are merged in groups of neighbours,
 * and of equal records the one from the earlier run goes first: stable again.
 * While more runs are left than inputs fit (fan_in), a pass merges from one
 * spill file to the other. A last pass merges only as many runs as it must;
 * the rest stays where it is, and the final merge, which sort_next() drives,
 * reads from both files.
 *
 * A spill file that lost or changed bytes while it was away must not pass: a
 * record that is missing from a server's listing is a message deleted there.
 * So the records that leave the arena and those that come back are summed by
 * a hash each, order apart, and the sums and counts have to agree at the end.
 * Until ERR_END nothing may be concluded from a record's absence.
 *
 * With 20-byte records a 64 KiB arena holds 2,978 of them and merges 60 runs:
 * one pass to 178,000 records, two to 10.7 million, three to 640 million.
 */
#include <string.h>

#include "base/le.h"
#include "store/sort.h"

#define HEADER 8u
#define BUFFER 1024u /* least bytes per run */

enum { FILLING, FROM_ARENA, FROM_RUNS, ENDED };

struct sort_input {
	uint64_t at;   /* where in the file the next refill is */
	uint64_t left; /* records that are not in the buffer yet */
	uint32_t pos, n; /* records of the buffer: next, all */
	uint32_t file;
};

/* FNV-1a: only accidents have to be found. */
static uint64_t
hash(const uint8_t *rec, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < n; i++) {
		h = (h ^ rec[i]) * 0x100000001b3u;
	}
	return h;
}

static enum err
fail(struct sort *s, enum err e)
{
	if (e != ERR_OK && s->err == ERR_OK) {
		s->err = e;
	}
	return s->err;
}

void
sort_begin(struct sort *s, void *arena, size_t arena_size, size_t rec_size,
	size_t key_len, fs_fd dir, const char *name)
{
	size_t skip = (size_t)(-(uintptr_t)arena & 7u);
	struct span label = span_of(name);

	memset(s, 0, sizeof(*s));
	s->dir = dir;
	s->spill[0] = s->spill[1] = FS_NONE;
	s->rec_size = rec_size;
	s->key_len = key_len;
	s->ordered = true;
	s->phase = FILLING;
	if (rec_size < 4 || rec_size > SORT_REC || key_len > rec_size ||
		label.n == 0 || label.n + 3 > sizeof(s->name)) {
		fail(s, err_set(ERR_USAGE, "sort: record, key or name"));
		return;
	}
	if (arena_size < SORT_ARENA_LEAST || arena_size < 16 * rec_size) {
		fail(s, err_set(ERR_LIMIT, "CFG_SORT_ARENA is too small"));
		return;
	}
	memcpy(s->name, label.p, label.n);
	s->arena = (uint8_t *)arena + skip;
	s->arena_size = (arena_size - skip) & ~(size_t)7;
	s->room = s->arena_size / (rec_size + sizeof(s->index[0]));
	if (s->room > UINT16_MAX) {
		s->room = UINT16_MAX;
	}
	s->index = (void *)(s->arena + s->arena_size -
		s->room * sizeof(s->index[0]));
}

/* --- sorting what is in the arena --- */

static bool
less(const struct sort *s, uint16_t a, uint16_t b)
{
	int c = memcmp(s->arena + a * s->rec_size,
		s->arena + b * s->rec_size, s->key_len);

	return c != 0 ? c < 0 : a < b;
}

/* Puts the heap below root in order: the hole goes down to a leaf along the
 * larger children, then the value climbs from there, which saves nearly half
 * of the comparisons. */
static void
sink(const struct sort *s, size_t root, size_t n)
{
	uint16_t *ix = s->index;
	uint16_t v = ix[root];
	size_t i = root;
	size_t child;

	while ((child = 2 * i + 1) < n) {
		if (child + 1 < n && less(s, ix[child], ix[child + 1])) {
			child++;
		}
		ix[i] = ix[child];
		i = child;
	}
	while (i > root && less(s, ix[(i - 1) / 2], v)) {
		ix[i] = ix[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	ix[i] = v;
}

/* index[k] says which record belongs at k: moves them all there. */
static void
permute(struct sort *s)
{
	uint8_t held[SORT_REC];
	size_t size = s->rec_size;

	for (size_t k = 0; k < s->fill; k++) {
		size_t to = k;

		if (s->index[k] == k) {
			continue;
		}
		memcpy(held, s->arena + k * size, size);
		while (s->index[to] != k) {
			size_t from = s->index[to];

			memcpy(s->arena + to * size, s->arena + from * size,
				size);
			s->index[to] = (uint16_t)to;
			to = from;
		}
		memcpy(s->arena + to * size, held, size);
		s->index[to] = (uint16_t)to;
	}
}

static void
sort_arena(struct sort *s)
{
	size_t n = s->fill;

	if (s->ordered) {
		return;
	}
	for (size_t i = 0; i < n; i++) {
		s->index[i] = (uint16_t)i;
	}
	for (size_t i = n / 2; i-- > 0;) {
		sink(s, i, n);
	}
	while (n-- > 1) {
		uint16_t top = s->index[0];

		s->index[0] = s->index[n];
		s->index[n] = top;
		sink(s, 0, n);
	}
	permute(s);
}

/* --- spill files --- */

static enum err
make_spill(struct sort *s, unsigned which)
{
	char name[sizeof(s->name)];
	size_t n = span_of(s->name).n;

	s->end[which] = 0;
	if (s->spill[which] != FS_NONE) {
		return fs_truncate(s->spill[which], 0);
	}
	memcpy(name, s->name, n);
	name[n] = '.';
	name[n + 1] = (char)('0' + which);
	name[n + 2] = '\0';
	return fs_open(s->dir, name, FS_READ | FS_WRITE | FS_CREATE | FS_TRUNC,
		0600, &s->spill[which]);
}

static enum err
spill_write(struct sort *s, unsigned which, const void *p, size_t n)
{
	enum err e = fs_pwrite(s->spill[which], p, n, s->end[which]);

	if (e == ERR_OK) {
		s->end[which] += n;
		s->spilled += n;
	}
	return e;
}

static enum err
spill_read(struct sort *s, unsigned which, void *p, size_t n, uint64_t at)
{
	uint8_t *to = p;
	size_t got;
	enum err e;

	while (n > 0) {
		e = fs_pread(s->spill[which], to, n, at, &got);
		if (e != ERR_OK) {
			return e;
		}
		if (got == 0) {
			return err_set(ERR_IO, "%s.%u is cut short", s->name,
				which);
		}
		to += got;
		at += got;
		n -= got;
	}
	return ERR_OK;
}

static enum err
close_run(struct sort *s)
{
	uint8_t header[HEADER];

	if (s->runs == 0) {
		return ERR_OK;
	}
	le_put64(header, s->run_n);
	return fs_pwrite(s->spill[0], header, HEADER, s->run_at);
}

/* Writes the arena: as the next part of the open run if it follows, else as
 * the start of another. */
static enum err
write_arena(struct sort *s)
{
	enum err e;

	sort_arena(s);
	if (s->runs == 0 || memcmp(s->last, s->arena, s->key_len) > 0) {
		e = s->runs == 0 ? make_spill(s, 0) : close_run(s);
		if (e != ERR_OK) {
			return e;
		}
		if (s->runs == UINT32_MAX) {
			return err_set(ERR_LIMIT, "CFG_SORT_ARENA");
		}
		s->runs++;
		s->run_at = s->end[0];
		s->run_n = 0;
		s->end[0] += HEADER;
	}
	e = spill_write(s, 0, s->arena, s->fill * s->rec_size);
	if (e != ERR_OK) {
		return e;
	}
	memcpy(s->last, s->arena + (s->fill - 1) * s->rec_size, s->rec_size);
	for (size_t i = 0; i < s->fill; i++) {
		s->sum += hash(s->arena + i * s->rec_size, s->rec_size);
	}
	s->run_n += s->fill;
	s->fill = 0;
	s->ordered = true;
	return ERR_OK;
}

enum err
sort_put(struct sort *s, const void *rec)
{
	uint8_t *to;

	if (s->err != ERR_OK) {
		return s->err;
	}
	if (s->phase != FILLING) {
		return fail(s, err_set(ERR_USAGE, "sort: put after finish"));
	}
	if (s->fill == s->room) {
		enum err e = write_arena(s);

		if (e != ERR_OK) {
			return fail(s, e);
		}
	}
	to = s->arena + s->fill * s->rec_size;
	if (s->fill > 0 && s->ordered &&
		memcmp(to - s->rec_size, rec, s->key_len) > 0) {
		s->ordered = false;
	}
	memcpy(to, rec, s->rec_size);
	s->fill++;
	s->count++;
	return ERR_OK;
}

/* --- merging --- */

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
	e = spill_read(s, in->file, s->buffers + i * s->buf_size,
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
	uint8_t header[HEADER];
	enum err e;

	for (uint32_t k = 0; k < n; k++) {
		size_t i = s->inputs++;
		uint64_t count;

		e = spill_read(s, file, header, HEADER, *at);
		if (e != ERR_OK) {
			return e;
		}
		count = le_get64(header);
		if (count == 0 || count > s->end[file] / s->rec_size) {
			return err_set(ERR_IO, "%s.%u is damaged", s->name,
				file);
		}
		s->in[i] = (struct sort_input){
			.at = *at + HEADER, .left = count, .file = file};
		e = refill(s, i);
		if (e != ERR_OK) {
			return e;
		}
		*at += HEADER + count * s->rec_size;
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
static enum err
take(struct sort *s, void *rec)
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
	uint8_t header[HEADER];
	enum err e;

	le_put64(header, total);
	e = spill_write(s, to, header, HEADER);
	if (e != ERR_OK) {
		return e;
	}
	make_heap(s);
	while (s->heap_n > 0) {
		e = take(s, out + s->out_n);
		if (e != ERR_OK) {
			return e;
		}
		s->out_n += s->rec_size;
		if (s->out_n == s->buf_size || s->heap_n == 0) {
			e = spill_write(s, to, out, s->out_n);
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
	enum err e = make_spill(s, to);

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

static enum err
merge_runs(struct sort *s)
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

enum err
sort_finish(struct sort *s)
{
	enum err e = ERR_OK;

	if (s->err != ERR_OK) {
		return s->err;
	}
	if (s->phase != FILLING) {
		return fail(s, err_set(ERR_USAGE, "sort: finished twice"));
	}
	if (s->runs == 0) {
		sort_arena(s);
		s->phase = FROM_ARENA;
		return ERR_OK;
	}
	s->phase = FROM_RUNS;
	if (s->fill > 0) {
		e = write_arena(s);
	}
	if (e == ERR_OK) {
		e = close_run(s);
	}
	if (e == ERR_OK) {
		e = merge_runs(s);
	}
	return fail(s, e);
}

/* The next record of the merge; ERR_END only if all of them came back. */
static enum err
next_merged(struct sort *s, void *rec)
{
	enum err e;

	if (s->heap_n > 0) {
		e = take(s, rec);
		if (e == ERR_OK) {
			s->sum -= hash(rec, s->rec_size);
		}
		return e;
	}
	if (s->sum != 0) {
		return err_set(ERR_IO, "%s: records changed on the disk",
			s->name);
	}
	return ERR_END;
}

enum err
sort_next(struct sort *s, void *rec)
{
	enum err e;

	if (s->err != ERR_OK) {
		return s->err;
	}
	switch (s->phase) {
	case FROM_ARENA:
		if (s->at == s->fill) {
			return ERR_END;
		}
		memcpy(rec, s->arena + s->at * s->rec_size, s->rec_size);
		s->at++;
		return ERR_OK;
	case FROM_RUNS:
		e = next_merged(s, rec);
		return e == ERR_END ? e : fail(s, e);
	default:
		return fail(s, err_set(ERR_USAGE, "sort: next before finish"));
	}
}

void
sort_end(struct sort *s)
{
	char name[sizeof(s->name)];
	size_t n = span_of(s->name).n;

	if (n == 0) {
		return; /* never begun: spill[] may be all zero */
	}
	for (unsigned i = 0; i < 2; i++) {
		if (s->spill[i] == FS_NONE) {
			continue;
		}
		fs_close(&s->spill[i]);
		memcpy(name, s->name, n);
		name[n] = '.';
		name[n + 1] = (char)('0' + i);
		name[n + 2] = '\0';
		(void)fs_unlink(s->dir, name);
	}
	s->phase = ENDED;
}
