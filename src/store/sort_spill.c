/*
 * sort_spill: the sorter's two files, made when they are needed.
 *
 * Runs stand one behind the other in a spill file, each with its number of
 * records (8 bytes, little-endian) in front, so that no list of runs is kept
 * in memory: the merge walks from header to header.
 */
#include <string.h>

#include "store/sort_part.h"

static void
spill_name(const struct sort *s, unsigned which, char name[sizeof(s->name)])
{
	size_t n = span_of(s->name).n;

	memcpy(name, s->name, n);
	name[n] = '.';
	name[n + 1] = (char)('0' + which);
	name[n + 2] = '\0';
}

enum err
sort_spill_make(struct sort *s, unsigned which)
{
	char name[sizeof(s->name)];

	s->end[which] = 0;
	if (s->spill[which] != FS_NONE) {
		return fs_truncate(s->spill[which], 0);
	}
	spill_name(s, which, name);
	return fs_open(s->dir, name, FS_READ | FS_WRITE | FS_CREATE | FS_TRUNC,
		0600, &s->spill[which]);
}

enum err
sort_spill_write(struct sort *s, unsigned which, const void *p, size_t n)
{
	enum err e = fs_pwrite(s->spill[which], p, n, s->end[which]);

	if (e == ERR_OK) {
		s->end[which] += n;
		s->spilled += n;
	}
	return e;
}

enum err
sort_spill_read(struct sort *s, unsigned which, void *p, size_t n, uint64_t at)
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

void
sort_spill_remove(struct sort *s)
{
	char name[sizeof(s->name)];

	for (unsigned i = 0; i < 2; i++) {
		if (s->spill[i] != FS_NONE) {
			fs_close(&s->spill[i]);
			spill_name(s, i, name);
			(void)fs_unlink(s->dir, name);
		}
	}
}
