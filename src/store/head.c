/*
 * head: two slots of 512 bytes, at 0 and at 4096, written in turn.
 *
 * Generation g stands in slot g & 1, so that the slots alternate without any
 * other bookkeeping; a slot of the wrong parity is not valid. Generations
 * compare as serial numbers, which survives their wrap. head_save() looks at
 * the disk before it numbers: a caller that started over with a zeroed struct
 * would else write a generation that the old slots beat.
 *
 * A slot that was written without a flush says so (`loose`), and is the one
 * that is written next, two generations on: so there is always a slot that is
 * durable and that nobody writes to.
 */
#include <string.h>

#include "base/le.h"
#include "store/fields.h"
#include "store/head.h"

#define SLOT 512u
#define APART 4096u
#define VERSION 4u
#define OLDEST 2u /* in which no slot was loose; until 3 none was restored */
#define NAME "head"

static const uint8_t magic[8] = {'W', 'H', 'E', 'R', 'R', 'Y', 'h', 'd'};

#define F(at, member) FIELD(at, struct head, member)
#define STAMP(at, i) F(at, stamp[i].dev), F(at + 8, stamp[i].ino), \
	F(at + 16, stamp[i].mtime_s), F(at + 24, stamp[i].ctime_s), \
	F(at + 32, stamp[i].mtime_ns), F(at + 36, stamp[i].ctime_ns)

static const struct field fields[] = {
	F(12, generation), F(16, uidvalidity), F(20, uidnext), F(24, messages),
	F(28, unseen), F(32, alive), F(36, restored), F(48, modseq),
	STAMP(56, 0), STAMP(96, 1), F(136, boot_id), F(152, fmd5),
	F(168, identity), F(184, listed_at)};

static void
enc(const struct head *h, uint8_t p[SLOT])
{
	memset(p, 0, SLOT);
	memcpy(p, magic, sizeof(magic));
	le_put32(p + 8, VERSION);
	fields_put(FIELDS(fields), h, p);
	p[44] = (uint8_t)h->mode;
	p[45] = h->stamp_clean ? 1 : 0;
	p[46] = h->unflushed ? 1 : 0;
	p[47] = h->loose ? 1 : 0;
	fields_seal(p, SLOT);
}

static bool
dec(struct head *h, const uint8_t p[SLOT], unsigned slot)
{
	if (memcmp(p, magic, sizeof(magic)) != 0 ||
		le_get32(p + 8) - OLDEST > VERSION - OLDEST ||
		!fields_sealed(p, SLOT) || (p[12] & 1) != slot ||
		p[44] > HEAD_INITIAL || p[45] > 1) {
		return false;
	}
	fields_get(FIELDS(fields), h, p);
	h->mode = (enum head_mode)p[44];
	h->stamp_clean = p[45] != 0;
	h->unflushed = p[46] != 0;
	h->loose = p[47] != 0;
	return true;
}

/* Newest valid slot of an open file; ERR_NOENT if there is none. A slot that
 * the disk cannot read is as good as damaged: the other one may do. */
static enum err
newest(fs_fd fd, struct head *h)
{
	enum err e = ERR_NOENT;
	enum err failed = ERR_OK;

	for (unsigned slot = 0; slot < 2; slot++) {
		uint8_t p[SLOT];
		struct head one;
		size_t got;
		enum err r = fs_pread(fd, p, SLOT, slot * APART, &got);

		if (r != ERR_OK) {
			failed = r;
			continue;
		}
		if (got == 0) {
			break; /* the file ends before it */
		}
		if (got != SLOT || !dec(&one, p, slot)) {
			continue;
		}
		if (e == ERR_NOENT ||
			(int32_t)(one.generation - h->generation) > 0) {
			*h = one;
			e = ERR_OK;
		}
	}
	return e == ERR_NOENT && failed != ERR_OK ? failed : e;
}

bool
head_due(uint32_t listed_at, uint32_t every_s, int64_t now_s)
{
	return now_s < (int64_t)listed_at ||
		now_s - (int64_t)listed_at >= (int64_t)every_s;
}

enum err
head_load(fs_fd dir, struct head *h)
{
	fs_fd fd;
	enum err e = fs_open(dir, NAME, FS_READ, 0, &fd);

	if (e != ERR_OK) {
		return e;
	}
	e = newest(fd, h);
	fs_close(&fd);
	return e;
}

/* The number of the next generation. If the newest slot was damaged since it
 * was read, the caller's number would lead to the only good one. */
static uint32_t
next_generation(const struct head *old, uint32_t last)
{
	uint32_t n = (int32_t)(old->generation - last) > 0 ? old->generation
							    : last;

	n++;
	return n + (((n ^ old->generation) & 1) == (old->loose ? 1u : 0u));
}

enum err
head_save(fs_fd dir, struct head *h, bool durable)
{
	uint8_t p[SLOT];
	struct head old;
	struct head now = *h;
	bool name_too = true;
	fs_fd fd;
	enum err e = fs_open(dir, NAME, FS_READ | FS_WRITE | FS_CREATE, 0600,
		&fd);

	if (e != ERR_OK) {
		return e;
	}
	if (newest(fd, &old) == ERR_OK) {
		now.generation = next_generation(&old, h->generation);
		/* The second save syncs the name again, in case the first
		 * was killed between its two flushes. */
		name_too = old.generation <= 1;
		durable = durable || old.uidvalidity != h->uidvalidity;
	} else {
		now.generation++;
		durable = true;
	}
	now.loose = !durable;
	enc(&now, p);
	e = fs_pwrite(fd, p, SLOT, (now.generation & 1) * APART);
	if (e == ERR_OK && durable) {
		e = fs_sync(fd);
	}
	fs_close(&fd);
	if (e == ERR_OK && durable && name_too) {
		e = fs_sync_names(dir);
	}
	if (e == ERR_OK) {
		h->generation = now.generation;
		h->loose = now.loose;
	}
	return e;
}
