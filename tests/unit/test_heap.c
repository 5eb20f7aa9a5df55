/* heap: names and hosts, damage to any byte of them, and lost files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scratch.h"
#include "store/heap.h"

#define HEADER 24
#define SLOT 208

static struct scratch dir;

static void
open_it(struct heap *h)
{
	memset(h, 0xaa, sizeof(*h));
	assert_int_equal(heap_open(h, dir.dir), ERR_OK);
}

static struct span
name_of(uint32_t i, char text[CFG_NAME])
{
	size_t n = i % 10 == 9 ? CFG_NAME - 1 : i * 37 % 90 + 1;

	for (size_t k = 0; k < n; k++) {
		text[k] = (char)(i * 13 + k);
	}
	return (struct span){text, n};
}

static void
has_name(struct heap *h, uint64_t offset, uint32_t i)
{
	char text[CFG_NAME], out[CFG_NAME];
	struct span want = name_of(i, text);
	struct buf b;

	BUF_INIT(&b, out);
	assert_int_equal(heap_get_name(h, offset, &b), ERR_OK);
	assert_true(span_eq(buf_get(&b), want));
}

static enum err
get_name(struct heap *h, uint64_t offset)
{
	char out[CFG_NAME];
	struct buf b;

	BUF_INIT(&b, out);
	return heap_get_name(h, offset, &b);
}

static void
add_names(struct heap *h, uint64_t *offsets, uint32_t n)
{
	char text[CFG_NAME];

	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(heap_add_name(h, name_of(i, text),
		    &offsets[i]), ERR_OK);
	}
	assert_int_equal(heap_sync(h), ERR_OK);
}

static void
test_names(void **st)
{
	uint64_t offsets[200];
	struct heap h;

	(void)st;
	scratch_empty(&dir);
	open_it(&h);
	assert_int_equal(get_name(&h, 0), ERR_CORRUPT);
	assert_int_equal(get_name(&h, HEADER), ERR_CORRUPT);
	assert_int_equal(scratch_count(&dir), 0);
	add_names(&h, offsets, 200);
	for (int again = 0; again < 2; again++) {
		for (uint32_t i = 0; i < 200; i++) {
			has_name(&h, offsets[i], i);
		}
		heap_close(&h);
		open_it(&h);
	}
	/* any other number is nothing */
	for (uint64_t o = 0; o < 3000; o++) {
		bool real = false;

		for (uint32_t i = 0; i < 200; i++) {
			real = real || h.names_base + o == offsets[i];
		}
		if (!real) {
			assert_int_equal(get_name(&h, h.names_base + o),
			    ERR_CORRUPT);
		}
		assert_int_equal(get_name(&h, o), ERR_CORRUPT);
	}
	assert_int_equal(get_name(&h, UINT64_MAX), ERR_CORRUPT);
	assert_int_equal(get_name(&h, h.names_base + h.names_size),
	    ERR_CORRUPT);
	heap_close(&h);
}

static void
test_name_limits(void **st)
{
	char text[CFG_NAME];
	uint64_t o;
	struct heap h;

	(void)st;
	scratch_empty(&dir);
	memset(text, 'x', sizeof(text));
	open_it(&h);
	assert_int_equal(heap_add_name(&h, (struct span){text, 0}, &o),
	    ERR_SYNTAX);
	assert_int_equal(heap_add_name(&h, (struct span){text, CFG_NAME}, &o),
	    ERR_LIMIT);
	assert_non_null(strstr(err_detail(), "CFG_NAME"));
	assert_int_equal(scratch_count(&dir), 0);
	assert_int_equal(heap_add_name(&h,
	    (struct span){text, CFG_NAME - 1}, &o), ERR_OK);
	assert_int_equal(get_name(&h, o), ERR_OK);
	heap_close(&h);
}

/* Every byte of an entry: that entry is ERR_CORRUPT, the others stay. */
static void
test_name_bytes(void **st)
{
	uint64_t offsets[3];
	uint8_t p[1024], bad;
	struct heap h;

	(void)st;
	scratch_empty(&dir);
	open_it(&h);
	add_names(&h, offsets, 3);
	assert_true(scratch_read(&dir, "names", p, sizeof(p)) > 0);
	for (uint64_t o = offsets[1]; o < offsets[2]; o++) {
		long at = (long)(o - h.names_base);

		for (unsigned x = 1; x < 256; x++) {
			bad = (uint8_t)(p[at] ^ x);
			scratch_poke(&dir, "names", at, &bad, 1);
			assert_int_equal(get_name(&h, offsets[1]),
			    ERR_CORRUPT);
			has_name(&h, offsets[0], 0);
			has_name(&h, offsets[2], 2);
		}
		scratch_poke(&dir, "names", at, p + at, 1);
	}
	has_name(&h, offsets[1], 1);
	heap_close(&h);
}

/* Cut at every length: whole entries stay, and adding goes on. */
static void
test_name_truncation(void **st)
{
	uint64_t offsets[3], o;
	uint8_t p[1024];
	long n;
	char text[CFG_NAME];
	struct heap h;

	(void)st;
	scratch_empty(&dir);
	open_it(&h);
	add_names(&h, offsets, 3);
	heap_close(&h);
	n = scratch_read(&dir, "names", p, sizeof(p));
	for (long cut = 0; cut <= n; cut++) {
		scratch_write(&dir, "names", p, (size_t)cut);
		open_it(&h);
		for (uint32_t i = 0; i < 3; i++) {
			uint64_t end = i < 2 ? offsets[i + 1] - h.names_base
					     : (uint64_t)n;

			if (cut >= HEADER && (uint64_t)cut >= end) {
				has_name(&h, offsets[i], i);
			} else {
				assert_int_equal(get_name(&h, offsets[i]),
				    ERR_CORRUPT);
			}
		}
		assert_int_equal(heap_add_name(&h, name_of(7, text), &o),
		    ERR_OK);
		has_name(&h, o, 7);
		assert_int_equal(heap_sync(&h), ERR_OK);
		heap_close(&h);
		open_it(&h);
		has_name(&h, o, 7);
		heap_close(&h);
	}
	assert_false(scratch_has(&dir, "names.bad"));
}

/* A file that was lost, or whose header was damaged: its offsets mean nothing
 * in the next one. */
static void
test_lost_names(void **st)
{
	uint64_t old[20], now[20];
	uint8_t byte;
	struct heap h;

	(void)st;
	for (long at = -1; at < HEADER; at++) {
		scratch_empty(&dir);
		open_it(&h);
		add_names(&h, old, 20);
		heap_close(&h);
		if (at < 0) {
			assert_int_equal(unlinkat(dir.dir, "names", 0), 0);
		} else {
			uint8_t p[HEADER];

			scratch_read(&dir, "names", p, sizeof(p));
			byte = p[at] ^ 0x10;
			scratch_poke(&dir, "names", at, &byte, 1);
		}
		usleep(20000); /* files have the kernel's coarse clock */
		open_it(&h);
		assert_int_equal(scratch_has(&dir, "names.bad"), at >= 0);
		add_names(&h, now, 20);
		for (uint32_t i = 0; i < 20; i++) {
			assert_int_equal(get_name(&h, old[i]), ERR_CORRUPT);
			has_name(&h, now[i], i);
		}
		heap_close(&h);
	}
}

/* --- hosts --- */

static uint8_t
add_host(struct heap *h, const char *host)
{
	uint8_t i = 255;

	assert_int_equal(heap_host(h, span_of(host), &i), ERR_OK);
	return i;
}

static void
host_of(uint32_t i, char out[300])
{
	snprintf(out, 300, "host-%u.%.*s", i, (int)(i % 50),
	    "a.very.long.domain.name.that.goes.on.and.on.and.on.example");
}

static void
has_host(struct heap *h, uint8_t index, const char *want)
{
	char out[HEAP_HOST_LEN];
	struct buf b;

	BUF_INIT(&b, out);
	assert_int_equal(heap_get_host(h, index, &b), ERR_OK);
	assert_true(span_eq(buf_get(&b), span_of(want)));
}

static enum err
get_host(struct heap *h, uint8_t index)
{
	char out[HEAP_HOST_LEN];
	struct buf b;

	BUF_INIT(&b, out);
	return heap_get_host(h, index, &b);
}

/* 255 fit and are found again, the next is ERR_LIMIT. */
static void
test_hosts(void **st)
{
	char text[300];
	uint8_t index;
	struct heap h;

	(void)st;
	scratch_empty(&dir);
	open_it(&h);
	assert_int_equal(get_host(&h, 0), ERR_CORRUPT);
	for (int again = 0; again < 3; again++) {
		for (uint32_t i = 0; i < HEAP_HOSTS; i++) {
			host_of(i, text);
			assert_int_equal(add_host(&h, text), i);
			assert_int_equal(add_host(&h, text), i);
			has_host(&h, (uint8_t)i, text);
		}
		for (uint32_t i = HEAP_HOSTS; i-- > 0;) {
			host_of(i, text);
			has_host(&h, (uint8_t)i, text);
			has_host(&h, (uint8_t)i, text);
		}
		assert_int_equal(heap_host(&h, SPAN("one more"), &index),
		    ERR_LIMIT);
		assert_non_null(strstr(err_detail(), "HEAP_HOSTS"));
		assert_int_equal(get_host(&h, 255), ERR_CORRUPT);
		assert_int_equal(heap_sync(&h), ERR_OK);
		heap_close(&h);
		open_it(&h);
	}
	heap_close(&h);
	assert_int_equal(scratch_size(&dir, "hosts"),
	    HEADER + (long)HEAP_HOSTS * SLOT);
}

static void
test_host_limits(void **st)
{
	char text[HEAP_HOST_LEN + 1];
	uint8_t i;
	struct heap h;

	(void)st;
	scratch_empty(&dir);
	memset(text, 'h', sizeof(text));
	open_it(&h);
	assert_int_equal(heap_host(&h, (struct span){text, 0}, &i),
	    ERR_SYNTAX);
	assert_int_equal(heap_host(&h,
	    (struct span){text, HEAP_HOST_LEN + 1}, &i), ERR_LIMIT);
	assert_int_equal(scratch_count(&dir), 0);
	assert_int_equal(heap_host(&h, (struct span){text, HEAP_HOST_LEN},
	    &i), ERR_OK);
	heap_close(&h);
	open_it(&h);
	assert_int_equal(get_host(&h, i), ERR_OK);
	heap_close(&h);
}

/* Every byte of the middle slot: only it is lost, its index is not given to
 * another host, and the host gets a new one. */
static void
test_host_bytes(void **st)
{
	uint8_t p[HEADER + 3 * SLOT], bad;
	struct heap h;

	(void)st;
	scratch_empty(&dir);
	open_it(&h);
	add_host(&h, "alpha");
	add_host(&h, "beta");
	add_host(&h, "gamma");
	heap_close(&h);
	assert_int_equal(scratch_read(&dir, "hosts", p, sizeof(p)),
	    sizeof(p));
	for (long i = 0; i < SLOT; i++) {
		bad = p[HEADER + SLOT + i] ^ 0x41;
		scratch_write(&dir, "hosts", p, sizeof(p));
		scratch_poke(&dir, "hosts", HEADER + SLOT + i, &bad, 1);
		open_it(&h);
		has_host(&h, 0, "alpha");
		assert_int_equal(get_host(&h, 1), ERR_CORRUPT);
		has_host(&h, 2, "gamma");
		assert_int_equal(add_host(&h, "beta"), 3);
		assert_int_equal(add_host(&h, "gamma"), 2);
		heap_close(&h);
	}
}

static void
test_host_truncation(void **st)
{
	uint8_t p[HEADER + 3 * SLOT];
	struct heap h;

	(void)st;
	scratch_empty(&dir);
	open_it(&h);
	add_host(&h, "alpha");
	add_host(&h, "beta");
	add_host(&h, "gamma");
	heap_close(&h);
	scratch_read(&dir, "hosts", p, sizeof(p));
	for (size_t cut = 0; cut <= sizeof(p); cut++) {
		uint8_t whole = cut < HEADER ? 0
					     : (uint8_t)((cut - HEADER) / SLOT);

		scratch_write(&dir, "hosts", p, cut);
		open_it(&h);
		assert_int_equal(get_host(&h, whole), ERR_CORRUPT);
		assert_int_equal(add_host(&h, "delta"), whole);
		assert_int_equal(heap_sync(&h), ERR_OK);
		heap_close(&h);
		open_it(&h);
		has_host(&h, whole, "delta");
		heap_close(&h);
	}
	assert_false(scratch_has(&dir, "hosts.bad"));
}

static void
test_foreign(void **st)
{
	static const char text[] = "not a file of wherry, but long enough.";
	struct heap h;

	(void)st;
	scratch_empty(&dir);
	scratch_write(&dir, "names", text, sizeof(text));
	scratch_write(&dir, "hosts", text, sizeof(text));
	open_it(&h);
	assert_int_equal(scratch_size(&dir, "names.bad"), sizeof(text));
	assert_int_equal(scratch_size(&dir, "hosts.bad"), sizeof(text));
	assert_int_equal(scratch_count(&dir), 2);
	assert_int_equal(add_host(&h, "alpha"), 0);
	heap_close(&h);
}

static void
test_close_of_nothing(void **st)
{
	struct heap h;

	(void)st;
	memset(&h, 0, sizeof(h));
	heap_close(&h);
	assert_true(fcntl(0, F_GETFD) >= 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_name_limits),
		cmocka_unit_test(test_name_bytes),
		cmocka_unit_test(test_name_truncation),
		cmocka_unit_test(test_lost_names),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_host_limits),
		cmocka_unit_test(test_host_bytes),
		cmocka_unit_test(test_host_truncation),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_close_of_nothing),
	};
	int failed;

	scratch_make(&dir);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	scratch_free(&dir);
	return failed;
}
