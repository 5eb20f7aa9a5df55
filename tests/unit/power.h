/*
 * power: port/fs.h on a disk in memory whose power can be cut at any call.
 *
 * What was not synced is lost, kept, or kept in part: each written sector and
 * the size of a file for itself, and of the changes to the directory the first
 * so many. A name is durable only once the directory was synced, even if the
 * file was. If power.tears, a block of 4 KiB that was being written may be
 * rubbish. After the cut every call fails with ERR_IO until power_on().
 *
 * A test that includes this gets these functions in place of the port's.
 */
#ifndef WHERRY_TEST_POWER_H
#define WHERRY_TEST_POWER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/fs.h"

#define POWER_FILES 24
#define POWER_SIZE (192u * 1024)
#define POWER_SECTOR 512u
#define POWER_SECTORS (POWER_SIZE / POWER_SECTOR)
#define POWER_DIR 1000
#define POWER_LOG 256

enum power_mood { POWER_LOSE, POWER_KEEP, POWER_PART };

struct power_file {
	uint8_t now[POWER_SIZE], disk[POWER_SIZE];
	uint64_t size_now, size_disk;
	bool dirty[POWER_SECTORS];
};

struct power_name {
	char name[32];
	int file; /* -1: free */
};

struct power_change { /* from vanishes, to is file; either may be "" */
	char from[32], to[32];
	int file;
};

static struct {
	struct power_file file[POWER_FILES];
	int files;
	struct power_name now[POWER_FILES], disk[POWER_FILES];
	struct power_change log[POWER_LOG];
	int log_n;
	long calls, cut_at; /* cut_at 0: never */
	bool dead, tears;
	enum power_mood mood;
	uint64_t seed;
} power;

static inline uint32_t
power_rnd(uint32_t below)
{
	power.seed = power.seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(power.seed >> 33) % below;
}

/* An empty disk that will be cut at that call. */
static inline void
power_new(long cut_at, enum power_mood mood, uint64_t seed)
{
	for (int i = 0; i < power.files; i++) {
		memset(&power.file[i], 0, sizeof(power.file[i]));
	}
	for (int i = 0; i < POWER_FILES; i++) {
		power.now[i].file = power.disk[i].file = -1;
	}
	power.files = 0;
	power.log_n = 0;
	power.calls = 0;
	power.cut_at = cut_at;
	power.dead = power.tears = false;
	power.mood = mood;
	power.seed = seed;
}

static inline struct power_name *
power_find(struct power_name *in, const char *name)
{
	for (int i = 0; i < POWER_FILES; i++) {
		if (in[i].file >= 0 && strcmp(in[i].name, name) == 0) {
			return &in[i];
		}
	}
	return NULL;
}

static inline void
power_change(struct power_name *in, const struct power_change *c)
{
	struct power_name *n = power_find(in, c->from);

	if (n != NULL) {
		n->file = -1;
	}
	if (c->to[0] == '\0') {
		return;
	}
	n = power_find(in, c->to);
	for (int i = 0; n == NULL && i < POWER_FILES; i++) {
		n = in[i].file < 0 ? &in[i] : NULL;
	}
	if (n == NULL) {
		abort();
	}
	snprintf(n->name, sizeof(n->name), "%s", c->to);
	n->file = c->file;
}

static inline void
power_log(const char *from, const char *to, int file)
{
	struct power_change *c = &power.log[power.log_n++];

	if (power.log_n > POWER_LOG) {
		abort();
	}
	snprintf(c->from, sizeof(c->from), "%s", from);
	snprintf(c->to, sizeof(c->to), "%s", to);
	c->file = file;
	power_change(power.now, c);
}

/* What survives of one file. */
static inline void
power_settle(struct power_file *f)
{
	uint64_t size = f->size_disk;

	if (power.mood == POWER_KEEP ||
	    (power.mood == POWER_PART && power_rnd(3) == 0)) {
		size = f->size_now;
	} else if (power.mood == POWER_PART && f->size_now > size) {
		size += power_rnd((uint32_t)(f->size_now - size) + 1);
	}
	for (uint32_t i = 0; power.tears && i < POWER_SECTORS; i++) {
		if (f->dirty[i] && power.mood == POWER_PART &&
		    power_rnd(3) == 0) {
			memset(f->disk + i / 8 * 8 * POWER_SECTOR, 0x5a,
			    8 * POWER_SECTOR);
			f->dirty[i] = false;
		}
	}
	for (uint32_t i = 0; i < POWER_SECTORS; i++) {
		bool kept = power.mood == POWER_KEEP ||
		    (power.mood == POWER_PART && power_rnd(2) == 0);

		if (f->dirty[i] && kept) {
			memcpy(f->disk + i * POWER_SECTOR,
			    f->now + i * POWER_SECTOR, POWER_SECTOR);
		}
		f->dirty[i] = false;
	}
	memset(f->disk + size, 0, POWER_SIZE - size);
	memcpy(f->now, f->disk, POWER_SIZE);
	f->size_now = f->size_disk = size;
}

/* Power is back: the disk is what survived. */
static inline void
power_on(void)
{
	int kept = power.mood == POWER_KEEP ? power.log_n : 0;

	if (power.mood == POWER_PART) {
		kept = (int)power_rnd((uint32_t)power.log_n + 1);
	}
	for (int i = 0; i < kept; i++) {
		power_change(power.disk, &power.log[i]);
	}
	memcpy(power.now, power.disk, sizeof(power.now));
	power.log_n = 0;
	for (int i = 0; i < power.files; i++) {
		power_settle(&power.file[i]);
	}
	power.dead = false;
	power.cut_at = 0;
}

/* true: go on. At the cut, a change may still be half done (`torn`). */
static inline bool
power_call(bool *torn)
{
	*torn = false;
	if (power.dead) {
		return false;
	}
	power.calls++;
	if (power.calls == power.cut_at) {
		power.dead = true;
		*torn = power.mood == POWER_PART;
		return *torn;
	}
	return true;
}

static inline enum err
power_result(void)
{
	return power.dead ? err_set(ERR_IO, "the power is off") : ERR_OK;
}

/* --- the contract --- */

enum err
fs_open(fs_fd dir, const char *name, int flags, unsigned mode, fs_fd *out)
{
	struct power_name *n = power_find(power.now, name);
	bool torn;

	(void)dir;
	(void)mode;
	if (!power_call(&torn)) {
		return power_result();
	}
	if (n == NULL && (flags & FS_CREATE) == 0) {
		return ERR_NOENT;
	}
	if (n == NULL) {
		if (power.files == POWER_FILES) {
			abort();
		}
		power_log("", name, power.files++);
		n = power_find(power.now, name);
	}
	*out = n->file;
	if ((flags & FS_TRUNC) != 0 && power.file[n->file].size_now > 0) {
		return fs_truncate(*out, 0);
	}
	return power_result();
}

void
fs_close(fs_fd *fd)
{
	*fd = FS_NONE;
}

enum err
fs_pread(fs_fd fd, void *p, size_t n, uint64_t at, size_t *got)
{
	struct power_file *f = &power.file[fd];

	if (power.dead) {
		return power_result();
	}
	*got = at >= f->size_now ? 0 : (size_t)(f->size_now - at);
	*got = *got < n ? *got : n;
	memcpy(p, f->now + at, *got);
	return ERR_OK;
}

static inline void
power_touch(struct power_file *f, uint64_t at, uint64_t end)
{
	for (uint64_t i = at / POWER_SECTOR; i * POWER_SECTOR < end; i++) {
		f->dirty[i] = true;
	}
}

enum err
fs_pwrite(fs_fd fd, const void *p, size_t n, uint64_t at)
{
	struct power_file *f = &power.file[fd];
	bool torn;

	if (!power_call(&torn)) {
		return power_result();
	}
	if (at + n > POWER_SIZE) {
		abort();
	}
	memcpy(f->now + at, p, n);
	power_touch(f, at, at + n);
	if (at + n > f->size_now) {
		f->size_now = at + n;
	}
	return power_result();
}

enum err
fs_truncate(fs_fd fd, uint64_t size)
{
	struct power_file *f = &power.file[fd];
	bool torn;

	if (!power_call(&torn)) {
		return power_result();
	}
	if (size < f->size_now) {
		memset(f->now + size, 0, f->size_now - size);
		power_touch(f, size, f->size_now);
	}
	f->size_now = size;
	return power_result();
}

enum err
fs_size(fs_fd fd, uint64_t *size)
{
	*size = power.file[fd].size_now;
	return power_result();
}

enum err
fs_fstat(fs_fd fd, struct fs_stat *out)
{
	memset(out, 0, sizeof(*out));
	out->size = power.file[fd].size_now;
	out->mtime_s = 1700000000 + power.calls;
	return power_result();
}

enum err
fs_rename(fs_fd from, const char *a, fs_fd to, const char *b)
{
	struct power_name *n = power_find(power.now, a);
	bool torn;

	(void)from;
	(void)to;
	if (!power_call(&torn)) {
		return power_result();
	}
	if (n == NULL) {
		return ERR_NOENT;
	}
	power_log(a, b, n->file);
	return power_result();
}

enum err
fs_unlink(fs_fd dir, const char *name)
{
	bool torn;

	(void)dir;
	if (power_find(power.now, name) == NULL) {
		return ERR_NOENT;
	}
	if (!power_call(&torn)) {
		return power_result();
	}
	power_log(name, "", -1);
	return power_result();
}

enum err
fs_sync(fs_fd fd)
{
	bool torn;

	if (!power_call(&torn) || torn) {
		return power_result();
	}
	if (fd == POWER_DIR) {
		memcpy(power.disk, power.now, sizeof(power.disk));
		power.log_n = 0;
		return ERR_OK;
	}
	memcpy(power.file[fd].disk, power.file[fd].now, POWER_SIZE);
	power.file[fd].size_disk = power.file[fd].size_now;
	memset(power.file[fd].dirty, 0, sizeof(power.file[fd].dirty));
	return ERR_OK;
}

enum err
fs_sync_names(fs_fd dir)
{
	return fs_sync(dir);
}

#endif
