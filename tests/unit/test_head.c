/* head: two slots in turn, and every way to lose one or both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/crc32.h"
#include "base/le.h"
#include "scratch.h"
#include "store/head.h"

#define SLOT 512
#define APART 4096

static struct scratch dir;

static struct head
sample(void)
{
	struct head h;

	memset(&h, 0, sizeof(h));
	h.uidvalidity = 0xfffffffeu;
	h.uidnext = 0x01020304;
	h.messages = 5;
	h.unseen = 6;
	h.alive = 7;
	h.restored = 8;
	h.modseq = 0x7fffffffffffffffu;
	h.listed_at = 0xf1020304;
	h.mode = HEAD_INITIAL;
	h.stamp_clean = true;
	for (unsigned i = 0; i < 2; i++) {
		h.unflushed = i == 1;
		h.stamp[i].dev = 0xf0f1f2f3f4f5f6f7u + i;
		h.stamp[i].ino = 0xe0e1e2e3e4e5e6e7u + i;
		h.stamp[i].mtime_s = -1 - (int64_t)i;
		h.stamp[i].ctime_s = INT64_MAX - (int64_t)i;
		h.stamp[i].mtime_ns = 999999999 - i;
		h.stamp[i].ctime_ns = 1 + i;
	}
	for (unsigned i = 0; i < 16; i++) {
		h.boot_id[i] = (uint8_t)(i + 1);
		h.fmd5[i] = (uint8_t)(i + 101);
		h.identity[i] = (uint8_t)(i + 201);
	}
	return h;
}

static void
same(const struct head *a, const struct head *b)
{
	assert_int_equal(a->generation, b->generation);
	assert_int_equal(a->uidvalidity, b->uidvalidity);
	assert_int_equal(a->uidnext, b->uidnext);
	assert_int_equal(a->messages, b->messages);
	assert_int_equal(a->unseen, b->unseen);
	assert_int_equal(a->alive, b->alive);
	assert_int_equal(a->restored, b->restored);
	assert_true(a->modseq == b->modseq);
	assert_int_equal(a->listed_at, b->listed_at);
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->stamp_clean, b->stamp_clean);
	assert_memory_equal(a->stamp, b->stamp, sizeof(a->stamp));
	assert_memory_equal(a->boot_id, b->boot_id, 16);
	assert_memory_equal(a->fmd5, b->fmd5, 16);
	assert_memory_equal(a->identity, b->identity, 16);
}

/* Saves uidnext 1, 2, ... n, so generation == uidnext. */
static void
save_some(uint32_t n)
{
	struct head h = sample();

	scratch_empty(&dir);
	for (uint32_t i = 1; i <= n; i++) {
		h.uidnext = i;
		assert_int_equal(head_save(dir.dir, &h, true), ERR_OK);
		assert_int_equal(h.generation, i);
	}
}

static void
expect(uint32_t uidnext)
{
	struct head h;

	memset(&h, 0xaa, sizeof(h));
	assert_int_equal(head_load(dir.dir, &h), ERR_OK);
	assert_int_equal(h.uidnext, uidnext);
}

static void
test_round_trip(void **st)
{
	struct head h = sample(), r;

	(void)st;
	scratch_empty(&dir);
	assert_int_equal(head_load(dir.dir, &r), ERR_NOENT);
	assert_int_equal(head_save(dir.dir, &h, true), ERR_OK);
	for (int i = 0; i < 5; i++) {
		memset(&r, 0xaa, sizeof(r));
		assert_int_equal(head_load(dir.dir, &r), ERR_OK);
		same(&h, &r);
		h.uidnext++;
		h.stamp_clean = !h.stamp_clean;
		h.mode = (enum head_mode)(i % 2);
		assert_int_equal(head_save(dir.dir, &h, true), ERR_OK);
	}
	assert_int_equal(scratch_size(&dir, "head"), APART + SLOT);
}

/* The bytes are a format: doc/FORMATS.md says the same. */
static void
test_bytes(void **st)
{
	struct head h = sample();
	uint8_t p[APART + SLOT];

	(void)st;
	scratch_empty(&dir);
	assert_int_equal(head_save(dir.dir, &h, true), ERR_OK);
	assert_int_equal(scratch_read(&dir, "head", p, sizeof(p)),
	    sizeof(p));
	assert_memory_equal(p + APART, "WHERRYhd\x04\0\0\0\x01\0\0\0", 16);
	assert_int_equal(le_get32(p + APART + 16), h.uidvalidity);
	assert_int_equal(le_get32(p + APART + 36), h.restored);
	assert_int_equal(le_get32(p + APART + 40), 0);
	assert_int_equal(p[APART + 44], HEAD_INITIAL);
	assert_int_equal(p[APART + 45], 1);
	assert_int_equal(p[APART + 47], 0);
	assert_true(le_get64(p + APART + 48) == h.modseq);
	assert_true(le_get64(p + APART + 56) == h.stamp[0].dev);
	assert_int_equal(le_get32(p + APART + 132), h.stamp[1].ctime_ns);
	assert_memory_equal(p + APART + 136, h.boot_id, 16);
	assert_memory_equal(p + APART + 152, h.fmd5, 16);
	assert_memory_equal(p + APART + 168, h.identity, 16);
	assert_int_equal(le_get32(p + APART + 184), h.listed_at);
	assert_int_equal(le_get32(p + APART + 508),
	    crc32(CRC32_START, p + APART, 508));
}

/* Saved without a flush: the slot that is known to be durable stays as it is,
 * however often. */
static void
test_loose(void **st)
{
	struct head h = sample();
	uint8_t p[APART + SLOT], first[SLOT];

	(void)st;
	scratch_empty(&dir);
	assert_int_equal(head_save(dir.dir, &h, false), ERR_OK);
	assert_false(h.loose); /* the first one never is */
	(void)scratch_read(&dir, "head", p, sizeof(p));
	memcpy(first, p + APART, SLOT);
	for (uint32_t i = 0; i < 5; i++) {
		h.uidnext = i;
		/* The flush of the last one is of that slot, too. */
		assert_int_equal(head_save(dir.dir, &h, i == 4), ERR_OK);
		assert_int_equal(h.generation, 2 + 2 * i);
		(void)scratch_read(&dir, "head", p, sizeof(p));
		assert_int_equal(p[47], i < 4);
		assert_memory_equal(p + APART, first, SLOT);
		expect(i);
	}
	h.uidnext = 7;
	assert_int_equal(head_save(dir.dir, &h, false), ERR_OK);
	assert_int_equal(h.generation, 11);
	h.uidvalidity++; /* nor is one of another UIDVALIDITY */
	assert_int_equal(head_save(dir.dir, &h, false), ERR_OK);
	assert_false(h.loose);
	assert_int_equal(h.generation, 13);
}

static void
test_due(void **st)
{
	(void)st;
	assert_true(head_due(0, 604800, 1800000000));
	assert_false(head_due(1800000000, 604800, 1800000000));
	assert_false(head_due(1800000000, 604800, 1800604799));
	assert_true(head_due(1800000000, 604800, 1800604800));
	assert_true(head_due(1800000000, 0, 1800000000));
	assert_true(head_due(1800000001, 604800, 1800000000));
	assert_true(head_due(UINT32_MAX, UINT32_MAX, 0));
}

/* Every byte of the newest slot: the one before counts. */
static void
test_every_byte(void **st)
{
	uint8_t p[APART + SLOT], bad;

	(void)st;
	for (uint32_t n = 2; n <= 3; n++) {
		long slot = (n & 1) * APART;

		save_some(n);
		scratch_read(&dir, "head", p, sizeof(p));
		for (long i = 0; i < SLOT; i++) {
			for (unsigned x = 1; x < 256; x = x * 3 + 1) {
				bad = (uint8_t)(p[slot + i] ^ x);
				scratch_poke(&dir, "head", slot + i, &bad, 1);
				expect(n - 1);
			}
			scratch_poke(&dir, "head", slot + i, p + slot + i, 1);
			expect(n);
		}
	}
}

/* Cut at every length: a slot counts if and only if it is whole, and the next
 * save works. */
static void
test_truncation(void **st)
{
	uint8_t p[APART + SLOT];
	struct head h;

	(void)st;
	save_some(3); /* 2 at 0, 3 at 4096 */
	scratch_read(&dir, "head", p, sizeof(p));
	for (long n = 0; n <= APART + SLOT; n += n < SLOT + 2 ||
		n >= APART - 2 ? 1 : 97) {
		scratch_write(&dir, "head", p, (size_t)n);
		memset(&h, 0, sizeof(h));
		if (n < SLOT) {
			assert_int_equal(head_load(dir.dir, &h), ERR_NOENT);
		} else {
			expect(n < APART + SLOT ? 2 : 3);
			assert_int_equal(head_load(dir.dir, &h), ERR_OK);
		}
		h.uidnext = 77;
		assert_int_equal(head_save(dir.dir, &h, true), ERR_OK);
		expect(77);
	}
}

/* A save that was torn at any byte: the old head or the new one, never less,
 * and never one that is neither. */
static void
test_torn_save(void **st)
{
	uint8_t old[APART + SLOT], now[APART + SLOT];
	struct head h;

	(void)st;
	for (uint32_t n = 2; n <= 3; n++) {
		long slot = ((n + 1) & 1) * APART;

		save_some(n);
		scratch_read(&dir, "head", old, sizeof(old));
		assert_int_equal(head_load(dir.dir, &h), ERR_OK);
		h.uidnext = n + 1;
		assert_int_equal(head_save(dir.dir, &h, true), ERR_OK);
		scratch_read(&dir, "head", now, sizeof(now));
		for (size_t cut = 0; cut <= SLOT; cut++) {
			scratch_write(&dir, "head", old, sizeof(old));
			scratch_poke(&dir, "head", slot, now + slot, cut);
			expect(memcmp(old + slot + cut, now + slot + cut,
			    SLOT - cut) == 0 ? n + 1 : n);
		}
	}
}

static void
test_both_torn(void **st)
{
	static const uint8_t zero[SLOT], ones[4] = {255, 255, 255, 255};
	struct head h;

	(void)st;
	for (int what = 0; what < 2; what++) {
		save_some(9);
		for (long at = 0; at <= APART; at += APART) {
			scratch_poke(&dir, "head", at + (what ? 100 : 0),
			    what ? ones : zero, what ? 4 : SLOT);
		}
		assert_int_equal(head_load(dir.dir, &h), ERR_NOENT);
		/* Starting over. */
		h = sample();
		h.uidnext = 50;
		assert_int_equal(head_save(dir.dir, &h, true), ERR_OK);
		assert_int_equal(h.generation, 1);
		expect(50);
		h.uidnext = 51;
		assert_int_equal(head_save(dir.dir, &h, true), ERR_OK);
		expect(51);
	}
}

/* A zeroed struct must not write a number that an old slot beats. */
static void
test_starts_over(void **st)
{
	struct head h = sample();

	(void)st;
	save_some(10);
	h.uidnext = 1000;
	assert_int_equal(head_save(dir.dir, &h, true), ERR_OK);
	assert_int_equal(h.generation, 11);
	expect(1000);
}

/* The slot that was read went bad meanwhile: the only good one is spared, so
 * a torn write still leaves one. */
static void
test_spares_the_good_one(void **st)
{
	static const uint8_t zero[SLOT];
	struct head h;

	(void)st;
	for (uint32_t n = 4; n <= 5; n++) {
		save_some(n);
		assert_int_equal(head_load(dir.dir, &h), ERR_OK);
		scratch_poke(&dir, "head", (n & 1) * APART, zero, SLOT);
		expect(n - 1);
		h.uidnext = 100;
		assert_int_equal(head_save(dir.dir, &h, true), ERR_OK);
		expect(100);
		scratch_poke(&dir, "head", (h.generation & 1) * APART, zero,
		    SLOT);
		expect(n - 1);
	}
}

static void
test_wrap(void **st)
{
	struct head h = sample();

	(void)st;
	scratch_empty(&dir);
	h.generation = UINT32_MAX - 3;
	for (uint32_t i = 0; i < 8; i++) {
		h.uidnext = i;
		assert_int_equal(head_save(dir.dir, &h, true), ERR_OK);
		expect(i);
	}
	assert_int_equal(h.generation, 4);
}

/* A slot with a good checksum that is not ours. */
static void
test_foreign(void **st)
{
	static const struct {
		unsigned at;
		uint8_t value;
	} wrong[] = {{0, 'w'}, {8, 1}, {8, 5}, {11, 1}, {12, 2}, {44, 2}, {44, 3},
	    {45, 2}};
	uint8_t p[APART + SLOT];
	struct head h;

	(void)st;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		save_some(1);
		scratch_read(&dir, "head", p, sizeof(p));
		p[APART + wrong[i].at] = wrong[i].value;
		le_put32(p + APART + 508,
		    crc32(CRC32_START, p + APART, 508));
		scratch_write(&dir, "head", p, sizeof(p));
		assert_int_equal(head_load(dir.dir, &h), ERR_NOENT);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_loose),
		cmocka_unit_test(test_due),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_torn_save),
		cmocka_unit_test(test_both_torn),
		cmocka_unit_test(test_starts_over),
		cmocka_unit_test(test_spares_the_good_one),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_foreign),
	};
	int failed;

	scratch_make(&dir);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	scratch_free(&dir);
	return failed;
}
