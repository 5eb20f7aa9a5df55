/* table: records, healing, search, reading. The rewrite: test_table_sort.c. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <cmocka.h>

#include "base/le.h"
#include "table_sample.h"

static void
test_rec_round_trip(void **st)
{
	uint8_t p[TABLE_REC];
	struct rec r, q;

	(void)st;
	for (uint32_t i = 1; i < 1000; i++) {
		r = sample(i);
		rec_enc(&r, p);
		assert_int_equal(rec_dec(&q, p), ERR_OK);
		same(&q, &r);
	}
	for (int s = REC_WANTED; s <= REC_HELD; s++) {
		for (uint8_t kind = 0; kind < 4; kind++) {
			r = (struct rec){UINT32_MAX, 0x7fffffff,
				TABLE_SIZE_MAX, (enum rec_state)s,
				0xffffffffffffffu, {UINT32_MAX, UINT32_MAX,
				TABLE_PID_MAX, 255, kind}};
			rec_enc(&r, p);
			assert_int_equal(rec_dec(&q, p), ERR_OK);
			same(&q, &r);
		}
	}
	/* N + 1: saturated or cut, never spilled into the next field */
	r.size = TABLE_SIZE_MAX + 1;
	r.flags = UINT32_MAX;
	r.mkey = UINT64_MAX;
	r.name.pid = TABLE_PID_MAX + 6;
	r.name.host = 0;
	rec_enc(&r, p);
	assert_int_equal(rec_dec(&q, p), ERR_OK);
	assert_int_equal(q.size, TABLE_SIZE_MAX);
	assert_int_equal(q.state, REC_HELD);
	assert_int_equal(q.flags, 0x7fffffff);
	assert_true(q.mkey == 0xffffffffffffffu);
	assert_int_equal(q.name.pid, 5);
	assert_int_equal(q.name.host, 0);
	assert_int_equal(q.name.kind, 3);
}

/* Every byte of a record with every other value: found. */
static void
test_rec_every_byte(void **st)
{
	uint8_t p[TABLE_REC];
	struct rec r = sample(12345), q;

	(void)st;
	rec_enc(&r, p);
	for (size_t i = 0; i < TABLE_REC; i++) {
		for (unsigned x = 1; x < 256; x++) {
			p[i] ^= (uint8_t)x;
			assert_int_equal(rec_dec(&q, p), ERR_CORRUPT);
			p[i] ^= (uint8_t)x;
		}
	}
	assert_int_equal(rec_dec(&q, p), ERR_OK);
	memset(p, 0, sizeof(p));
	assert_int_equal(rec_dec(&q, p), ERR_CORRUPT);
	memset(p, 0xff, sizeof(p));
	assert_int_equal(rec_dec(&q, p), ERR_CORRUPT);
	r.uid = 0;
	rec_enc(&r, p);
	assert_int_equal(rec_dec(&q, p), ERR_CORRUPT);
}

/* The bytes are a format: doc/FORMATS.md says the same. */
static void
test_bytes(void **st)
{
	static const uint8_t want[TABLE_REC - 1] = {
		4, 3, 2, 1, 0x14, 0x13, 0x12, 0x11, 0x24, 0x23, 0x22, 0x61,
		0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31};
	struct rec r = {.uid = 0x01020304, .flags = 0x11121314,
		.size = 0x21222324, .state = REC_PRESENT,
		.mkey = 0x31323334353637, .name.time = 0x41424344,
		.name.seq = 0x51525354, .name.pid = 0x212223, .name.host = 0x61,
		.name.kind = 2};
	uint8_t p[TABLE_HEAD + TABLE_REC];
	struct table t;

	(void)st;
	make_table(&t);
	assert_int_equal(table_append(&t, &r, NULL), ERR_OK);
	assert_int_equal(table_sync(&t), ERR_OK);
	table_close(&t);
	assert_int_equal(scratch_read(&dir, "table", p, sizeof(p)),
	    sizeof(p));
	assert_memory_equal(p, "WHERRYtb\x01\0\0\0\x20\0\0\0", 16);
	assert_memory_equal(p + TABLE_HEAD, want, 19);
	assert_int_equal(le_get32(p + TABLE_HEAD + 20), r.name.time);
	assert_int_equal(le_get32(p + TABLE_HEAD + 24), r.name.seq);
	assert_int_equal(le_get32(p + TABLE_HEAD + 28),
	    0x212223u | 0x61u << 22 | 2u << 30);
}

static void
test_append_get(void **st)
{
	static const uint32_t counts[] = {0, 1, 31, 32, 33, 63, 64, 65, 1000};
	struct table t;
	struct rec r, want = sample(3);

	(void)st;
	for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
		uint32_t n = counts[k];

		fill_table(&t, n, 3);
		for (int again = 0; again < 2; again++) {
			assert_int_equal(t.count, n);
			assert_int_equal(t.last_uid, n * 3);
			assert_true(table_sorted(&t));
			assert_false(t.healed);
			for (uint32_t i = 0; i < n; i++) {
				want = sample((i + 1) * 3);
				assert_int_equal(table_get(&t, i, &r),
				    ERR_OK);
				same(&r, &want);
			}
			assert_int_equal(table_get(&t, n, &r), ERR_NOENT);
			assert_int_equal(table_get(&t, UINT32_MAX, &r),
			    ERR_NOENT);
			assert_int_equal(table_put(&t, n, &want), ERR_NOENT);
			assert_int_equal(table_sync(&t), ERR_OK);
			table_close(&t);
			assert_int_equal(table_open(&t, dir.dir), ERR_OK);
		}
		table_close(&t);
	}
	make_table(&t);
	r = sample(1);
	r.uid = 0;
	assert_int_equal(table_append(&t, &r, NULL), ERR_CORRUPT);
	assert_int_equal(t.count, 0);
	table_close(&t);
}

/* Replaced on the disk and in the block that still waits. */
static void
test_put(void **st)
{
	struct table t;
	struct rec r, q;

	(void)st;
	fill_table(&t, 70, 1);
	for (uint32_t i = 0; i < 70; i += 3) {
		r = sample(i + 1);
		r.flags ^= 0x155;
		r.state = REC_GONE;
		assert_int_equal(table_put(&t, i, &r), ERR_OK);
	}
	assert_true(table_sorted(&t));
	assert_int_equal(table_sync(&t), ERR_OK);
	table_close(&t);
	assert_int_equal(table_open(&t, dir.dir), ERR_OK);
	for (uint32_t i = 0; i < 70; i++) {
		r = sample(i + 1);
		if (i % 3 == 0) {
			r.flags ^= 0x155;
			r.state = REC_GONE;
		}
		assert_int_equal(table_get(&t, i, &q), ERR_OK);
		same(&q, &r);
	}
	table_close(&t);
}

/* Another uid in the same place breaks the order, also for the next run, and
 * also if the header had promised it. */
static void
test_put_breaks_order(void **st)
{
	struct table t;
	struct rec r = sample(900000), q;
	uint32_t recno;

	(void)st;
	fill_table(&t, 10000, 1);
	assert_int_equal(table_sync(&t), ERR_OK);
	assert_int_equal(t.ordered_disk, 10000);
	assert_int_equal(table_put(&t, 100, &r), ERR_OK);
	assert_false(table_sorted(&t));
	/* killed here, without a sync */
	assert_int_equal(table_flush(&t), ERR_OK);
	table_close(&t);
	assert_int_equal(table_open(&t, dir.dir), ERR_OK);
	assert_false(table_sorted(&t));
	assert_int_equal(t.last_uid, 900000);
	assert_int_equal(table_find(&t, 900000, &q, &recno), ERR_OK);
	assert_int_equal(recno, 100);
	assert_int_equal(table_find(&t, 5000, &q, &recno), ERR_OK);
	assert_int_equal(recno, 4999);
	assert_int_equal(table_find(&t, 101, &q, &recno), ERR_NOENT);
	r.uid = 0;
	assert_int_equal(table_put(&t, 7, &r), ERR_CORRUPT);
	table_close(&t);
}

/* Any mixture of looks and changes sees what was put last, whatever waits in
 * the window, and so does who opens the file again. */
static void
test_mixed(void **st)
{
	static struct rec model[300];
	struct table t;
	struct rec r;
	uint32_t n = 0, recno, seed = 1;

	(void)st;
	make_table(&t);
	for (int i = 0; i < 20000; i++) {
		seed = seed * 1103515245u + 12345u;
		uint32_t x = seed >> 8, at = n > 0 ? (x >> 4) % n : 0;

		if (n < 300 && (n == 0 || x % 16 == 0)) {
			model[n] = sample(n * 2 + 1);
			assert_int_equal(table_append(&t, &model[n], &recno),
			    ERR_OK);
			assert_int_equal(recno, n);
			n++;
		} else if (x % 16 < 6) {
			model[at].flags = x & 31;
			assert_int_equal(table_put(&t, at, &model[at]),
			    ERR_OK);
		} else if (x % 16 < 12) {
			assert_int_equal(table_get(&t, at, &r), ERR_OK);
			same(&r, &model[at]);
		} else if (x % 16 < 14) {
			assert_int_equal(table_find(&t, at * 2 + 1, &r,
			    &recno), ERR_OK);
			assert_int_equal(recno, at);
			same(&r, &model[at]);
		} else if (x % 256 == 14) {
			assert_int_equal(table_sync(&t), ERR_OK);
			table_close(&t);
			assert_int_equal(table_open(&t, dir.dir), ERR_OK);
			assert_int_equal(t.count, n);
		}
	}
	assert_true(table_sorted(&t));
	table_close(&t);
}

/* What others have written is found, in order or not, and a torn end is left
 * as it is. */
static void
test_peek(void **st)
{
	struct table t, look;
	struct rec r = sample(7), q;
	struct fs_stat was, is;
	uint32_t recno;

	(void)st;
	scratch_empty(&dir);
	assert_int_equal(table_peek(&look, dir.dir), ERR_NOENT);
	table_close(&look);
	fill_table(&t, 5000, 10);
	assert_int_equal(table_append(&t, &r, &recno), ERR_OK);
	assert_int_equal(table_flush(&t), ERR_OK);
	assert_int_equal(fs_pwrite(t.fd, "torn", 4, 32 + 5001 * TABLE_REC),
	    ERR_OK);
	assert_int_equal(fs_stat(dir.dir, "table", &was), ERR_OK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(table_peek(&look, dir.dir), ERR_OK);
		for (uint32_t uid = 10; uid <= 50000; uid += 610) {
			struct rec want = sample(uid);

			assert_int_equal(table_find(&look, uid, &q, &recno),
			    ERR_OK);
			same(&q, &want);
		}
		assert_int_equal(table_find(&look, 7, &q, &recno), ERR_OK);
		assert_int_equal(table_find(&look, 8, &q, &recno), ERR_NOENT);
		table_close(&look);
		if (i == 0) {
			assert_int_equal(table_sync(&t), ERR_OK);
		}
	}
	assert_int_equal(fs_stat(dir.dir, "table", &is), ERR_OK);
	assert_true(is.size == was.size);
	table_close(&t);
}

/* A run of changes is written once; one change is one record. */
static void
test_runs(void **st)
{
	struct table t;
	struct rec r;
	uint64_t before;

	(void)st;
	fill_table(&t, 256, 1);
	assert_int_equal(table_sync(&t), ERR_OK);
	before = fs_written();
	r = sample(101);
	assert_int_equal(table_put(&t, 100, &r), ERR_OK);
	assert_int_equal(table_sync(&t), ERR_OK);
	assert_int_equal(fs_written() - before, TABLE_REC);
	before = fs_written();
	for (uint32_t i = 0; i < 256; i++) {
		assert_int_equal(table_get(&t, i, &r), ERR_OK);
		r.state = REC_GONE;
		assert_int_equal(table_put(&t, i, &r), ERR_OK);
	}
	assert_int_equal(table_sync(&t), ERR_OK);
	assert_int_equal(fs_written() - before, 256 * TABLE_REC);
	table_close(&t);
}

/* Cut at every length: whole records stay, and appending goes on. */
static void
test_truncation(void **st)
{
	static uint8_t p[TABLE_HEAD + 40 * TABLE_REC];
	struct table t;
	struct rec r, want;

	(void)st;
	fill_table(&t, 40, 2);
	assert_int_equal(table_sync(&t), ERR_OK);
	table_close(&t);
	assert_int_equal(scratch_read(&dir, "table", p, sizeof(p)),
	    sizeof(p));
	for (size_t cut = 0; cut <= sizeof(p); cut++) {
		uint32_t n = cut < TABLE_HEAD ? 0
			: (uint32_t)((cut - TABLE_HEAD) / TABLE_REC);
		bool odd = cut < TABLE_HEAD ? cut > 0 : cut % TABLE_REC != 0;

		scratch_write(&dir, "table", p, cut);
		assert_int_equal(table_open(&t, dir.dir), ERR_OK);
		assert_int_equal(t.count, n);
		assert_int_equal(t.last_uid, n * 2);
		assert_int_equal(t.healed, odd);
		assert_true(table_sorted(&t));
		want = sample(1000);
		assert_int_equal(table_append(&t, &want, NULL), ERR_OK);
		assert_int_equal(table_sync(&t), ERR_OK);
		table_close(&t);
		assert_int_equal(table_open(&t, dir.dir), ERR_OK);
		assert_false(t.healed);
		assert_int_equal(t.count, n + 1);
		assert_int_equal(table_get(&t, n, &r), ERR_OK);
		same(&r, &want);
		table_close(&t);
	}
	assert_false(scratch_has(&dir, "table.bad"));
}

/* Size without data: zeroes from any place on. Whole zero records are cut, a
 * torn one is a bad record. */
static void
test_zeroed_tail(void **st)
{
	static uint8_t p[TABLE_HEAD + 70 * TABLE_REC];
	struct table t;
	struct rec r;

	(void)st;
	fill_table(&t, 70, 2);
	assert_int_equal(table_sync(&t), ERR_OK);
	table_close(&t);
	scratch_read(&dir, "table", p, sizeof(p));
	for (size_t from = sizeof(p); from-- > TABLE_HEAD;) {
		uint32_t whole = (uint32_t)((from - TABLE_HEAD) / TABLE_REC);

		p[from] = 0;
		scratch_write(&dir, "table", p, sizeof(p));
		assert_int_equal(table_open(&t, dir.dir), ERR_OK);
		assert_true(t.count == whole || t.count == whole + 1);
		if (whole < 69) {
			assert_true(t.healed);
		}
		for (uint32_t i = 0; i < whole; i++) {
			assert_int_equal(table_get(&t, i, &r), ERR_OK);
			assert_int_equal(r.uid, (i + 1) * 2);
		}
		if (t.count > whole) {
			/* harmless if only zeroes were overwritten */
			enum err e = table_get(&t, whole, &r);

			assert_true(e == ERR_CORRUPT ||
			    r.uid == (whole + 1) * 2);
		}
		table_close(&t);
	}
	assert_false(scratch_has(&dir, "table.bad"));
}

/* Every byte of the header: the records stay, or the file is set aside; the
 * promise of order is never believed from a damaged header. */
static void
test_header_bytes(void **st)
{
	static uint8_t p[TABLE_HEAD + 5000 * TABLE_REC];
	struct table t;
	uint8_t bad;

	(void)st;
	fill_table(&t, 5000, 2);
	assert_int_equal(table_sync(&t), ERR_OK);
	table_close(&t);
	scratch_read(&dir, "table", p, sizeof(p));
	assert_int_equal(le_get32(p + 16), 5000);
	for (long i = 0; i < TABLE_HEAD; i++) {
		scratch_empty(&dir);
		scratch_write(&dir, "table", p, sizeof(p));
		bad = p[i] ^ 0x11;
		scratch_poke(&dir, "table", i, &bad, 1);
		assert_int_equal(table_open(&t, dir.dir), ERR_OK);
		assert_true(table_sorted(&t));
		if (i < 16) {
			assert_int_equal(t.count, 0);
			assert_true(t.healed);
			assert_int_equal(scratch_size(&dir, "table.bad"),
			    sizeof(p));
		} else {
			assert_int_equal(t.count, 5000);
			assert_int_equal(t.last_uid, 10000);
		}
		table_close(&t);
	}
}

static void
test_foreign_files(void **st)
{
	static const uint8_t zero[4096];
	static const char *const left[] = {"table.new", "table.sort.0",
		"table.sort.1"};
	struct table t;

	(void)st;
	scratch_empty(&dir);
	scratch_write(&dir, "table", zero, sizeof(zero));
	for (size_t i = 0; i < 3; i++) {
		scratch_write(&dir, left[i], zero, sizeof(zero));
	}
	assert_int_equal(table_open(&t, dir.dir), ERR_OK);
	assert_int_equal(t.count, 0);
	assert_true(t.healed);
	assert_int_equal(scratch_count(&dir), 2); /* table, table.bad */
	table_close(&t);
	/* a later version's records are not ours to read */
	fill_table(&t, 3, 1);
	assert_int_equal(table_sync(&t), ERR_OK);
	table_close(&t);
	scratch_poke(&dir, "table", 8, "\x02", 1);
	assert_int_equal(table_open(&t, dir.dir), ERR_OK);
	assert_int_equal(t.count, 0);
	assert_true(scratch_has(&dir, "table.bad"));
	table_close(&t);
	/* a directory in the way */
	scratch_empty(&dir);
	assert_int_equal(mkdirat(dir.dir, "table", 0700), 0);
	assert_int_not_equal(table_open(&t, dir.dir), ERR_OK);
	table_close(&t);
	assert_int_equal(unlinkat(dir.dir, "table", AT_REMOVEDIR), 0);
}

/* The header never promises more order than is on the disk: cut the file
 * anywhere after the promise, break the order, and look. */
static void
test_promise(void **st)
{
	struct table t;
	struct rec r;

	(void)st;
	for (uint32_t keep = 0; keep < 9000; keep += 1111) {
		fill_table(&t, 9000, 2);
		assert_int_equal(table_sync(&t), ERR_OK);
		assert_int_equal(t.ordered_disk, 9000);
		table_close(&t);
		scratch_cut(&dir, "table", TABLE_HEAD + keep * TABLE_REC);
		assert_int_equal(table_open(&t, dir.dir), ERR_OK);
		assert_int_equal(t.count, keep);
		assert_int_equal(t.ordered_disk, keep);
		r = sample(1);
		assert_int_equal(table_append(&t, &r, NULL), ERR_OK);
		assert_int_equal(table_sorted(&t), keep == 0);
		for (uint32_t i = 0; i < 100; i++) {
			r = sample(50000 + i);
			assert_int_equal(table_append(&t, &r, NULL), ERR_OK);
		}
		assert_int_equal(table_sync(&t), ERR_OK);
		table_close(&t);
		assert_int_equal(table_open(&t, dir.dir), ERR_OK);
		assert_int_equal(table_sorted(&t), keep == 0);
		assert_int_equal(t.last_uid, 50099);
		table_close(&t);
	}
}

static uint32_t
spread(uint32_t i, int how)
{
	switch (how) {
	case 0:
		return i + 1;
	case 1:
		return i * 7 + 3;
	case 2: /* all but a few at the far end */
		return i < 5 ? i + 1 : 0xffff0000u + i;
	case 3: /* steps */
		return i / 100 * 1000000 + i % 100 + 1;
	default: /* ever wider */
		return i * i + 1;
	}
}

static void
test_find(void **st)
{
	static const uint32_t counts[] = {0, 1, 2, 31, 32, 33, 100, 3000};
	struct table t;
	struct rec r;
	uint32_t recno;

	(void)st;
	for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
		for (int how = 0; how < 5; how++) {
			make_table(&t);
			for (uint32_t i = 0; i < counts[k]; i++) {
				r = sample(spread(i, how));
				assert_int_equal(table_append(&t, &r, NULL),
				    ERR_OK);
			}
			for (uint32_t i = 0; i < counts[k]; i++) {
				uint32_t uid = spread(i, how);

				assert_int_equal(table_find(&t, uid, &r,
				    &recno), ERR_OK);
				assert_int_equal(r.uid, uid);
				assert_int_equal(recno, i);
				if (spread(i + 1, how) != uid + 1) {
					assert_int_equal(table_find(&t,
					    uid + 1, &r, &recno), ERR_NOENT);
				}
			}
			assert_int_equal(table_find(&t, UINT32_MAX, &r,
			    &recno), ERR_NOENT);
			table_close(&t);
		}
	}
}

/* Bad records on the way: every good one is found, no bad one is. */
static void
test_find_past_bad(void **st)
{
	static const uint8_t bad[TABLE_REC] = {1};
	struct table t;
	struct rec r;
	uint32_t recno;

	(void)st;
	for (int how = 0; how < 4; how++) {
		fill_table(&t, 1000, 3);
		assert_int_equal(table_sync(&t), ERR_OK);
		table_close(&t);
		for (uint32_t i = 0; i < 1000; i++) {
			if (is_bad(i, how)) {
				scratch_poke(&dir, "table", TABLE_HEAD +
				    (long)i * TABLE_REC, bad, TABLE_REC);
			}
		}
		assert_int_equal(table_open(&t, dir.dir), ERR_OK);
		assert_int_equal(t.count, 1000);
		assert_true(table_sorted(&t));
		for (uint32_t i = 0; i < 1000; i++) {
			enum err e = table_find(&t, (i + 1) * 3, &r, &recno);

			assert_int_equal(e, is_bad(i, how) ? ERR_NOENT
							   : ERR_OK);
			assert_int_equal(table_find(&t, i * 3 + 1, &r,
			    &recno), ERR_NOENT);
		}
		table_close(&t);
	}
}

/* Behind the sorted part the last written counts. */
static void
test_find_unsorted(void **st)
{
	struct table t;
	struct rec r;
	uint32_t recno;

	(void)st;
	fill_table(&t, 200, 2);
	for (uint32_t i = 0; i < 100; i++) {
		r = sample(i * 4 + 2);
		r.size = 777;
		assert_int_equal(table_append(&t, &r, NULL), ERR_OK);
	}
	assert_false(table_sorted(&t));
	for (uint32_t i = 0; i < 200; i++) {
		uint32_t uid = (i + 1) * 2;

		assert_int_equal(table_find(&t, uid, &r, &recno), ERR_OK);
		assert_int_equal(recno, i % 2 == 0 ? 200 + i / 2 : i);
		assert_int_equal(r.size == 777, i % 2 == 0);
	}
	table_close(&t);
}

static void
test_reader(void **st)
{
	static uint8_t buf[10 * TABLE_REC + 5];
	struct table_reader in;
	struct table t;
	struct rec r;
	uint32_t recno;

	(void)st;
	fill_table(&t, 100, 1);
	for (size_t cap = TABLE_REC; cap <= sizeof(buf); cap += 9) {
		for (uint32_t from = 0; from <= 101; from += 7) {
			table_read_begin(&in, &t, from, UINT32_MAX, buf, cap);
			for (uint32_t i = from; i < 100; i++) {
				assert_int_equal(table_read_next(&in, &r,
				    &recno), ERR_OK);
				assert_int_equal(recno, i);
				assert_int_equal(r.uid, i + 1);
			}
			assert_int_equal(table_read_next(&in, &r, &recno),
			    ERR_END);
			assert_int_equal(in.bad, 0);
		}
	}
	table_read_begin(&in, &t, 10, 20, buf, sizeof(buf));
	for (uint32_t i = 10; i < 20; i++) {
		assert_int_equal(table_read_next(&in, &r, &recno), ERR_OK);
	}
	assert_int_equal(table_read_next(&in, &r, NULL), ERR_END);
	table_read_begin(&in, &t, 0, 20, buf, TABLE_REC - 1);
	assert_int_equal(table_read_next(&in, &r, NULL), ERR_USAGE);
	/* cleared under the reader */
	table_read_begin(&in, &t, 0, 100, buf, sizeof(buf));
	assert_int_equal(table_read_next(&in, &r, NULL), ERR_OK);
	assert_int_equal(table_clear(&t), ERR_OK);
	assert_int_equal(table_read_next(&in, &r, NULL), ERR_END);
	table_close(&t);
}

/* A damaged record whose checksum happens to fit. */
static void
test_reader_disorder(void **st)
{
	static uint8_t buf[1024];
	uint8_t p[TABLE_REC];
	struct table_reader in;
	struct table t;
	struct rec r = sample(5000);
	uint32_t n = 0, recno;

	(void)st;
	fill_table(&t, 9000, 1);
	assert_int_equal(table_sync(&t), ERR_OK);
	table_close(&t);
	rec_enc(&r, p);
	scratch_poke(&dir, "table", TABLE_HEAD + 40 * TABLE_REC, p,
	    TABLE_REC);
	assert_int_equal(table_open(&t, dir.dir), ERR_OK);
	assert_true(table_sorted(&t)); /* the header says so */
	table_read_begin(&in, &t, 0, t.count, buf, sizeof(buf));
	while (table_read_next(&in, &r, &recno) == ERR_OK) {
		n++;
	}
	assert_false(table_sorted(&t));
	assert_int_equal(in.bad, 1);
	assert_int_equal(n, 8999);
	/* the search does not trust the order any more, nor does the disk */
	for (uint32_t uid = 1; uid <= 9000; uid += 13) {
		assert_int_equal(table_find(&t, uid, &r, &recno),
		    uid == 41 ? ERR_NOENT : ERR_OK);
	}
	assert_int_equal(table_find(&t, 42, &r, &recno), ERR_OK);
	r = sample(9001);
	assert_int_equal(table_append(&t, &r, NULL), ERR_OK);
	assert_int_equal(table_sync(&t), ERR_OK);
	table_close(&t);
	assert_int_equal(table_open(&t, dir.dir), ERR_OK);
	assert_false(table_sorted(&t));
	table_close(&t);
}

static void
test_clear(void **st)
{
	struct table t;
	struct rec r;

	(void)st;
	for (uint32_t n = 0; n < 9000; n += 2999) {
		fill_table(&t, n, 1);
		if (n > 3000) {
			assert_int_equal(table_sync(&t), ERR_OK);
		}
		assert_int_equal(table_clear(&t), ERR_OK);
		assert_int_equal(t.count, 0);
		assert_int_equal(t.last_uid, 0);
		assert_int_equal(scratch_size(&dir, "table"), TABLE_HEAD);
		r = sample(1);
		assert_int_equal(table_append(&t, &r, NULL), ERR_OK);
		assert_int_equal(table_sync(&t), ERR_OK);
		table_close(&t);
		assert_int_equal(table_open(&t, dir.dir), ERR_OK);
		assert_int_equal(t.count, 1);
		assert_false(t.healed);
		table_close(&t);
	}
}

/* The disk is full: the error is told, and what was there before stays. */
static void
test_full_disk(void **st)
{
	struct rlimit was, now;
	struct table t;
	struct rec r;
	enum err e = ERR_OK;

	(void)st;
	fill_table(&t, 64, 1);
	assert_int_equal(table_sync(&t), ERR_OK);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	now = was;
	now.rlim_cur = 4000;
	setrlimit(RLIMIT_FSIZE, &now);
	for (uint32_t i = 65; i < 1000 && e == ERR_OK; i++) {
		r = sample(i);
		e = table_append(&t, &r, NULL);
	}
	setrlimit(RLIMIT_FSIZE, &was);
	assert_int_not_equal(e, ERR_OK);
	table_close(&t);
	assert_int_equal(table_open(&t, dir.dir), ERR_OK);
	assert_true(t.count >= 64 && t.count < 130);
	for (uint32_t i = 0; i < t.count; i++) {
		assert_int_equal(table_get(&t, i, &r), ERR_OK);
		assert_int_equal(r.uid, i + 1);
	}
	table_close(&t);
}

static void
test_close_of_nothing(void **st)
{
	struct table t;

	(void)st;
	memset(&t, 0, sizeof(t));
	table_close(&t);
	table_build_abort(&t);
	assert_true(fcntl(0, F_GETFD) >= 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rec_round_trip),
		cmocka_unit_test(test_rec_every_byte),
		cmocka_unit_test(test_peek),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_append_get),
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_put_breaks_order),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_zeroed_tail),
		cmocka_unit_test(test_header_bytes),
		cmocka_unit_test(test_foreign_files),
		cmocka_unit_test(test_promise),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_find_past_bad),
		cmocka_unit_test(test_find_unsorted),
		cmocka_unit_test(test_reader),
		cmocka_unit_test(test_reader_disorder),
		cmocka_unit_test(test_clear),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_close_of_nothing),
	};
	int failed;

	scratch_make(&dir);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	scratch_free(&dir);
	return failed;
}
