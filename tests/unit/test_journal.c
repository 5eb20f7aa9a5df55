/* journal: what was committed is read back; nothing else ever is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scratch.h"
#include "store/journal.h"

static struct scratch dir;

static struct intent
sample(uint32_t i)
{
	struct intent t;

	memset(&t, 0, sizeof(t));
	t.uidvalidity = 4000000000u + i;
	t.uidnext = 17 + i;
	t.size = 123456 * i;
	t.mkey = 0x00a1b2c3d4e5f607u + i;
	t.where = (uint8_t)(i & 1);
	snprintf(t.name, sizeof(t.name), "%u_%u.host,U=1:2,%s",
	    1700000000u + i, i, i % 3 == 0 ? "S %\n\x7f\xff" : "");
	return t;
}

static void
same(const struct intent *a, const struct intent *b)
{
	assert_int_equal(a->uidvalidity, b->uidvalidity);
	assert_int_equal(a->uidnext, b->uidnext);
	assert_int_equal(a->size, b->size);
	assert_true(a->mkey == b->mkey);
	assert_int_equal(a->where, b->where);
	assert_string_equal(a->name, b->name);
}

/* An empty directory with a journal of n lines; returns its bytes. */
static size_t
write_some(uint32_t n, uint8_t *bytes, size_t cap)
{
	struct journal j;

	scratch_empty(&dir);
	assert_int_equal(journal_open(&j, dir.dir), ERR_OK);
	assert_true(journal_empty(&j));
	assert_false(scratch_has(&dir, "journal"));
	for (uint32_t i = 0; i < n; i++) {
		struct intent t = sample(i);

		assert_int_equal(journal_add(&j, &t), ERR_OK);
	}
	assert_int_equal(journal_commit(&j), ERR_OK);
	assert_int_equal(journal_empty(&j), n == 0);
	journal_close(&j);
	return bytes == NULL ? 0
			     : (size_t)scratch_read(&dir, "journal", bytes, cap);
}

/* How many intents are there? Each has to be the sample of its place. */
static uint32_t
read_some(struct journal *j)
{
	struct intent t, want;
	uint64_t at = 0;
	uint32_t n = 0;
	enum err e;

	while ((e = journal_read(j, &at, &t)) == ERR_OK) {
		want = sample(n++);
		same(&t, &want);
	}
	assert_int_equal(e, ERR_END);
	assert_int_equal(journal_empty(j), n == 0);
	return n;
}

static void
test_round_trip(void **st)
{
	struct journal j;

	(void)st;
	for (uint32_t n = 0; n < 40; n++) {
		write_some(n, NULL, 0);
		assert_int_equal(journal_open(&j, dir.dir), ERR_OK);
		assert_int_equal(read_some(&j), n);
		assert_int_equal(read_some(&j), n);
		assert_int_equal(journal_clear(&j, true), ERR_OK);
		assert_int_equal(read_some(&j), 0);
		journal_close(&j);
		assert_int_equal(journal_open(&j, dir.dir), ERR_OK);
		assert_int_equal(read_some(&j), 0);
		journal_close(&j);
	}
}

/* The text is a format: doc/FORMATS.md says the same. */
static void
test_bytes(void **st)
{
	static const char want[] = "A 4000000000 17 0 00a1b2c3d4e5f607 0 "
		"1700000000_0.host,U=1:2,S%20%25%0a%7f\xff\n";
	uint8_t p[4096];
	size_t n;

	(void)st;
	n = write_some(1, p, sizeof(p));
	assert_int_equal(n, 17 + 9 + strlen(want));
	assert_memory_equal(p, "wherry-journal 1\n", 17);
	assert_memory_equal(p + 26, want, strlen(want));
}

/* After any cut: the whole lines, and adding goes on behind them. */
static void
test_truncation(void **st)
{
	uint8_t p[4096];
	size_t n = write_some(4, p, sizeof(p));
	struct journal j;

	(void)st;
	for (size_t cut = 0; cut <= n; cut++) {
		uint32_t lines = 0;
		struct intent t;

		for (size_t i = 0; i < cut; i++) {
			lines += i >= 17 && p[i] == '\n';
		}
		scratch_empty(&dir);
		scratch_write(&dir, "journal", p, cut);
		assert_int_equal(journal_open(&j, dir.dir), ERR_OK);
		assert_int_equal(read_some(&j), lines);
		t = sample(lines);
		assert_int_equal(journal_add(&j, &t), ERR_OK);
		assert_int_equal(journal_commit(&j), ERR_OK);
		journal_close(&j);
		assert_int_equal(journal_open(&j, dir.dir), ERR_OK);
		assert_int_equal(read_some(&j), lines + 1);
		journal_close(&j);
		assert_int_equal(scratch_count(&dir), 1);
	}
}

/* An intent is read again from where it went. */
static void
test_places(void **st)
{
	uint64_t at[4];
	struct intent t, got;
	struct journal j;

	(void)st;
	scratch_empty(&dir);
	assert_int_equal(journal_open(&j, dir.dir), ERR_OK);
	for (uint32_t i = 0; i < 4; i++) {
		t = sample(i);
		at[i] = journal_end(&j);
		assert_int_equal(journal_add(&j, &t), ERR_OK);
	}
	assert_int_equal(at[0], journal_begin());
	for (uint32_t i = 4; i-- > 0;) {
		t = sample(i);
		assert_int_equal(journal_read(&j, &at[i], &got), ERR_OK);
		same(&t, &got);
	}
	assert_int_equal(at[3], journal_end(&j));
	assert_int_equal(journal_read(&j, &at[3], &got), ERR_END);
	journal_close(&j);
}

/* Size without data: zeroes from any place on. */
static void
test_zeroed_tail(void **st)
{
	uint8_t p[4096];
	size_t n = write_some(3, p, sizeof(p));
	struct journal j;

	(void)st;
	for (size_t from = n; from-- > 0;) {
		uint32_t lines = 0;

		p[from] = 0;
		for (size_t i = 17; i < from; i++) {
			lines += p[i] == '\n';
		}
		scratch_empty(&dir);
		scratch_write(&dir, "journal", p, n);
		if (from > 0 && from < 17 && from >= 15) {
			/* "wherry-journal " is whole: might be another
			 * version's, which is not ours to touch */
			assert_int_equal(journal_open(&j, dir.dir),
			    ERR_CORRUPT);
			continue;
		}
		assert_int_equal(journal_open(&j, dir.dir), ERR_OK);
		assert_int_equal(read_some(&j), lines);
		journal_close(&j);
	}
}

/* Every byte of every line, changed: that line and what follows is gone, what
 * is before stays; never an intent that was not written. */
static void
test_every_byte(void **st)
{
	uint8_t p[4096];
	size_t n = write_some(3, p, sizeof(p));
	struct journal j;

	(void)st;
	for (size_t i = 17; i < n; i++) {
		for (unsigned x = 1; x < 256; x = x * 2 + (x == 4)) {
			uint8_t was = p[i];
			uint32_t lines = 0;

			for (size_t k = 17; k < i; k++) {
				lines += p[k] == '\n';
			}
			p[i] ^= (uint8_t)x;
			scratch_write(&dir, "journal", p, n);
			p[i] = was;
			assert_int_equal(journal_open(&j, dir.dir), ERR_OK);
			assert_int_equal(read_some(&j), lines);
			journal_close(&j);
		}
	}
}

/* The header: repaired if a good line follows, or refused as another
 * version's; no intent is lost in silence. */
static void
test_damaged_header(void **st)
{
	uint8_t p[4096];
	size_t n = write_some(3, p, sizeof(p));
	struct journal j;

	(void)st;
	for (size_t i = 0; i < 17; i++) {
		uint8_t was = p[i];
		enum err e;

		p[i] ^= 0x21;
		scratch_write(&dir, "journal", p, n);
		p[i] = was;
		e = journal_open(&j, dir.dir);
		if (i >= 15) {
			assert_int_equal(e, ERR_CORRUPT);
			assert_int_equal(scratch_size(&dir, "journal"), n);
			continue;
		}
		assert_int_equal(e, ERR_OK);
		assert_int_equal(read_some(&j), 3);
		journal_close(&j);
		assert_int_equal(journal_open(&j, dir.dir), ERR_OK);
		assert_int_equal(read_some(&j), 3);
		journal_close(&j);
	}
}

static void
test_foreign(void **st)
{
	static const char text[] = "Dear diary, this is no journal of yours.\n";
	char p[100];
	struct journal j;

	(void)st;
	scratch_empty(&dir);
	scratch_write(&dir, "journal", text, strlen(text));
	assert_int_equal(journal_open(&j, dir.dir), ERR_OK);
	assert_int_equal(read_some(&j), 0);
	assert_int_equal(scratch_read(&dir, "journal.bad", p, sizeof(p)),
	    strlen(text));
	assert_memory_equal(p, text, strlen(text));
	struct intent t = sample(0);
	assert_int_equal(journal_add(&j, &t), ERR_OK);
	assert_int_equal(journal_commit(&j), ERR_OK);
	assert_int_equal(read_some(&j), 1);
	journal_close(&j);
	/* another version: kept, refused */
	scratch_write(&dir, "journal", "wherry-journal 2\nstuff\n", 23);
	assert_int_equal(journal_open(&j, dir.dir), ERR_CORRUPT);
	assert_non_null(strstr(err_detail(), "version"));
	assert_int_equal(scratch_size(&dir, "journal"), 23);
}

/* A line of the right bytes in another place is left over from before. */
static void
test_line_out_of_place(void **st)
{
	uint8_t p[4096];
	size_t n = write_some(1, p, sizeof(p));
	struct journal j;

	(void)st;
	memcpy(p + n, p + 17, n - 17);
	scratch_write(&dir, "journal", p, 2 * n - 17);
	assert_int_equal(journal_open(&j, dir.dir), ERR_OK);
	assert_int_equal(read_some(&j), 1);
	journal_close(&j);
	assert_int_equal(scratch_size(&dir, "journal"), n);
}

static void
test_names(void **st)
{
	struct journal j;
	struct intent t = sample(1), r;
	uint64_t at;

	(void)st;
	scratch_empty(&dir);
	for (unsigned c = 1; c < 256; c++) {
		memset(t.name, (int)c, CFG_NAME - 1);
		t.name[CFG_NAME - 1] = '\0';
		t.uidvalidity = t.uidnext = t.size = UINT32_MAX;
		t.mkey = UINT64_MAX;
		t.where = UINT8_MAX;
		assert_int_equal(journal_open(&j, dir.dir), ERR_OK);
		assert_int_equal(journal_add(&j, &t), ERR_OK);
		at = 0;
		assert_int_equal(journal_read(&j, &at, &r), ERR_OK);
		same(&t, &r);
		assert_int_equal(journal_clear(&j, true), ERR_OK);
		journal_close(&j);
	}
	assert_int_equal(journal_open(&j, dir.dir), ERR_OK);
	memset(t.name, 'x', CFG_NAME); /* N + 1 */
	assert_int_equal(journal_add(&j, &t), ERR_LIMIT);
	assert_non_null(strstr(err_detail(), "CFG_NAME"));
	t.name[0] = '\0';
	assert_int_equal(journal_add(&j, &t), ERR_SYNTAX);
	assert_true(journal_empty(&j));
	journal_close(&j);
}

/* What is settled leaves the header, which says that the name is durable; with
 * anything else in it nobody knows. */
static void
test_named(void **st)
{
	struct journal j;
	struct intent t = sample(1);

	(void)st;
	scratch_empty(&dir);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(journal_open(&j, dir.dir), ERR_OK);
		assert_int_equal(j.named, i == 1);
		assert_int_equal(journal_add(&j, &t), ERR_OK);
		assert_int_equal(journal_commit(&j), ERR_OK);
		assert_true(j.named);
		if (i == 0) {
			assert_int_equal(journal_clear(&j, false), ERR_OK);
			assert_int_equal(scratch_size(&dir, "journal"), 17);
		}
		journal_close(&j);
	}
	scratch_write(&dir, "journal", "", 0);
	assert_int_equal(journal_open(&j, dir.dir), ERR_OK);
	assert_false(j.named);
	journal_close(&j);
}

static void
test_close_of_nothing(void **st)
{
	struct journal j;

	(void)st;
	memset(&j, 0, sizeof(j));
	journal_close(&j);
	assert_true(fcntl(0, F_GETFD) >= 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_zeroed_tail),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_damaged_header),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_line_out_of_place),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_named),
		cmocka_unit_test(test_close_of_nothing),
	};
	int failed;

	scratch_make(&dir);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	scratch_free(&dir);
	return failed;
}
