/*
 * sort: external merge sort, see sort.h for interface and call order. The runs
 * are merged in sort_merge.c.
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
 * A spill file that lost or changed bytes while it was away must not pass: a
 * record that is missing from a server's listing is a message deleted there.
 * So the records that leave the arena and those that come back are summed by
 * a hash each, order apart, and the sums and counts have to agree at the end.
 * Until ERR_END nothing may be concluded from a record's absence.
 */
#include <string.h>

#include "base/le.h"
#include "store/sort_part.h"

enum { FILLING, FROM_ARENA, FROM_RUNS, ENDED };

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
close_run(struct sort *s)
{
	uint8_t header[SORT_RUN_HEADER];

	if (s->runs == 0) {
		return ERR_OK;
	}
	le_put64(header, s->run_n);
	return fs_pwrite(s->spill[0], header, SORT_RUN_HEADER, s->run_at);
}

/* Writes the arena: as the next part of the open run if it follows, else as
 * the start of another. */
static enum err
write_arena(struct sort *s)
{
	enum err e;

	sort_arena(s);
	if (s->runs == 0 || memcmp(s->last, s->arena, s->key_len) > 0) {
		e = s->runs == 0 ? sort_spill_make(s, 0) : close_run(s);
		if (e != ERR_OK) {
			return e;
		}
		if (s->runs == UINT32_MAX) {
			return err_set(ERR_LIMIT, "CFG_SORT_ARENA");
		}
		s->runs++;
		s->run_at = s->end[0];
		s->run_n = 0;
		s->end[0] += SORT_RUN_HEADER;
	}
	e = sort_spill_write(s, 0, s->arena, s->fill * s->rec_size);
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
		e = sort_merge_runs(s);
	}
	return fail(s, e);
}

/* The next record of the merge; ERR_END only if all of them came back. */
static enum err
next_merged(struct sort *s, void *rec)
{
	enum err e;

	if (s->heap_n > 0) {
		e = sort_merge_take(s, rec);
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
	/* Of a struct that was never begun, spill[] may be all zero. */
	if (s->name[0] != '\0') {
		sort_spill_remove(s);
	}
	s->phase = ENDED;
}
