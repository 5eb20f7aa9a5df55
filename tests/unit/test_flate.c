/*
 * inflate and deflate: every split of the input, every room, every cut, and a
 * malformed stream of every kind. Beside zlib: tests/e2e/test_flate.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc32.h"
#include "flate/deflate.h"
#include "flate/inflate.h"
#include "flate_sample.h"
#include "guard.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct inflate in;
static struct deflate out;
static char made[65536];
static size_t made_n;

static void
drain(size_t most)
{
	while (inflate_out(&in).n > 0 && most > 0) {
		struct span s = span_upto(inflate_out(&in), most);

		assert_true(made_n + s.n <= sizeof(made));
		memcpy(made + made_n, s.p, s.n);
		made_n += s.n;
		most -= s.n;
		inflate_ack(&in, s.n);
	}
}

/* Feeds what is left of s, of which no more than `room` is made and `taken`
 * acknowledged at a time. */
static enum err
feed(struct span s, size_t room, size_t taken)
{
	enum err e;

	do {
		size_t used;

		e = inflate_push(&in, s, room, &used);
		assert_true(used <= s.n);
		s = span_from(s, used);
		assert_true(inflate_room(&in) <= INFLATE_WINDOW);
		drain(taken);
	} while (e == ERR_OK);
	drain(INFLATE_WINDOW);
	assert_true(e != ERR_AGAIN || s.n == 0);
	return e;
}

static void
begin(void)
{
	/* nothing of an earlier stream may matter */
	memset(&in, 0xa5, sizeof(in));
	inflate_init(&in);
	made_n = 0;
}

static void
expect(const struct sample *x, enum err e)
{
	if (e != ERR_END || made_n != x->length ||
		crc32(0, made, made_n) != x->crc) {
		fail_msg("%s: %d, %zu bytes", x->name, e, made_n);
	}
}

static void
every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(samples); i++) {
		const struct sample *x = &samples[i];

		for (size_t cut = 0; cut <= x->n; cut++) {
			char *a = guard_copy(x->stream, cut);
			char *b = guard_copy(x->stream + cut, x->n - cut);
			enum err e;

			begin();
			e = feed((struct span){a, cut}, 1 << 20, 1 << 20);
			if (cut < x->n) {
				assert_int_equal(e, ERR_AGAIN);
				e = feed((struct span){b, x->n - cut}, 1 << 20,
					1 << 20);
			}
			expect(x, e);
			guard_free(a);
			guard_free(b);
		}
	}
}

static void
every_room(void **state)
{
	static const size_t rooms[] = {1, 2, 3, 5, 7, 11, 31, 64, 257, 258, 259,
		300, 1000, 32767, 32768, 32769};

	(void)state;
	for (size_t i = 0; i < COUNT(samples); i++) {
		const struct sample *x = &samples[i];

		for (size_t r = 0; r < COUNT(rooms); r++) {
			for (size_t taken = 1; taken < 40000; taken *= 33) {
				if (x->length / taken > 20000) {
					continue;
				}
				begin();
				expect(x, feed((struct span){x->stream, x->n},
						rooms[r], taken));
			}
			/* and byte by byte */
			enum err e = ERR_AGAIN;

			begin();
			for (size_t k = 0; k < x->n; k++) {
				assert_int_equal(e, ERR_AGAIN);
				e = feed((struct span){x->stream + k, 1},
					rooms[r], 1 << 20);
			}
			expect(x, e);
		}
	}
}

/* What is cut off waits for the rest; nothing is made up. */
static void
every_truncation(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(samples); i++) {
		const struct sample *x = &samples[i];

		for (size_t n = 0; n < x->n; n++) {
			begin();
			assert_int_equal(feed((struct span){x->stream, n},
				1 << 20, 1 << 20), ERR_AGAIN);
			assert_true(made_n <= x->length);
		}
	}
}

/* A window that nobody empties fills, and no further. */
static void
full_window(void **state)
{
	const struct sample *x = &samples[5];
	struct span s = {x->stream, x->n};
	size_t used;

	(void)state;
	assert_string_equal(x->name, "far");
	begin();
	assert_int_equal(inflate_push(&in, s, 1 << 20, &used), ERR_OK);
	assert_int_equal(inflate_room(&in), 0);
	assert_int_equal(inflate_out(&in).n, INFLATE_WINDOW);
	s = span_from(s, used);
	assert_int_equal(inflate_push(&in, s, 1 << 20, &used), ERR_OK);
	assert_int_equal(used, 0);
	drain(1);
	assert_int_equal(inflate_push(&in, s, 1 << 20, &used), ERR_OK);
	assert_int_equal(inflate_room(&in), 0);
	s = span_from(s, used);
	expect(x, feed(s, 1 << 20, 1000));
}

/* Streams written in bits, lowest first: "value:bits" in order. */
struct bits {
	uint8_t p[400];
	size_t n;
};

static void
put(struct bits *b, unsigned v, unsigned n)
{
	for (; n > 0; n--, v >>= 1) {
		b->p[b->n / 8] |= (uint8_t)((v & 1) << b->n % 8);
		b->n++;
	}
}

static void
put_code(struct bits *b, unsigned v, unsigned n)
{
	while (n > 0) {
		put(b, v >> --n & 1, 1);
	}
}

/* Head of a dynamic block whose code lengths are all of 5 bits but the first
 * ones, so that any length can be written with put_code(i, 5). */
static struct bits
dynamic(unsigned literals, unsigned distances)
{
	struct bits b = {.n = 0};

	put(&b, 1, 1);
	put(&b, 2, 2);
	put(&b, literals - 257, 5);
	put(&b, distances - 1, 5);
	put(&b, 15, 4);
	/* 13 symbols of 4 bits and 6 of 5: complete. 16, 17, 18, 0 and 8, 7
	 * first in the order, so these six have 5 bits. */
	for (int i = 0; i < 19; i++) {
		put(&b, i < 6 ? 5 : 4, 3);
	}
	return b;
}

/* By symbol: 1..6, 9..15 have 4 bits (codes 0..12), then 0, 7, 8, 16, 17, 18
 * have 5 (26..31). */
static void
put_length(struct bits *b, unsigned v)
{
	static const uint8_t five[] = {0, 7, 8, 16, 17, 18};

	for (unsigned i = 0; i < 6; i++) {
		if (five[i] == v) {
			put_code(b, 26 + i, 5);
			return;
		}
	}
	put_code(b, v < 7 ? v - 1 : v - 3, 4);
}

static void
zeros(struct bits *b, unsigned n)
{
	while (n > 0) {
		unsigned k = n > 138 ? 138 : n;

		if (k < 11) {
			put_length(b, 0);
			n--;
			continue;
		}
		put_length(b, 18);
		put(b, k - 11, 7);
		n -= k;
	}
}

/* The verdict, behind which there is always more input. */
static enum err
verdict(const struct bits *b)
{
	char *copy = guard_copy(b->p, b->n / 8 + 8);
	enum err e, again;

	begin();
	e = feed((struct span){copy, b->n / 8 + 8}, 1 << 20, 1 << 20);
	again = feed((struct span){copy, 1}, 1 << 20, 1 << 20);
	if (e == ERR_SYNTAX || e == ERR_END) {
		assert_int_equal(again, e); /* sticks */
	}
	guard_free(copy);
	return e;
}

static void
malformed_blocks(void **state)
{
	struct bits b = {.n = 0};

	(void)state;
	put(&b, 7, 3); /* type 3 */
	assert_int_equal(verdict(&b), ERR_SYNTAX);
	b = (struct bits){.n = 0};
	put(&b, 1, 8); /* stored, LEN and NLEN disagree */
	put(&b, 5, 16);
	put(&b, 0xfffb, 16);
	assert_int_equal(verdict(&b), ERR_SYNTAX);
	for (unsigned s = 286; s < 288; s++) { /* lengths that are none */
		b = (struct bits){.n = 0};
		put(&b, 3, 3);
		put_code(&b, 0x30 + 'x', 8);
		put_code(&b, 0xc0 + s - 280, 8);
		put_code(&b, 0, 5);
		assert_int_equal(verdict(&b), ERR_SYNTAX);
	}
	for (unsigned d = 30; d < 32; d++) { /* distances that are none */
		b = (struct bits){.n = 0};
		put(&b, 3, 3);
		put_code(&b, 0x30 + 'x', 8);
		put_code(&b, 1, 7);
		put_code(&b, d, 5);
		assert_int_equal(verdict(&b), ERR_SYNTAX);
	}
}

static void
distance_beyond_history(void **state)
{
	struct bits b;

	(void)state;
	for (unsigned d = 0; d < 4; d++) { /* after three literals */
		b = (struct bits){.n = 0};
		put(&b, 3, 3);
		for (int i = 0; i < 3; i++) {
			put_code(&b, 0x30 + 'a' + i, 8);
		}
		put_code(&b, 1, 7); /* length 3 */
		put_code(&b, d, 5); /* distance d + 1 */
		put_code(&b, 0, 7);
		assert_int_equal(verdict(&b), d < 3 ? ERR_END : ERR_SYNTAX);
		if (d == 2) {
			assert_memory_equal(made, "abcabc", 6);
		}
	}
}

static void
malformed_codes(void **state)
{
	struct bits b;

	(void)state;
	b = dynamic(287, 1); /* too many */
	assert_int_equal(verdict(&b), ERR_SYNTAX);
	b = dynamic(257, 31);
	assert_int_equal(verdict(&b), ERR_SYNTAX);
	b = dynamic(257, 1); /* repeat of nothing */
	put_length(&b, 16);
	put(&b, 0, 2);
	assert_int_equal(verdict(&b), ERR_SYNTAX);
	b = dynamic(257, 1); /* no end of block */
	put_length(&b, 1);
	put_length(&b, 1);
	zeros(&b, 256);
	assert_int_equal(verdict(&b), ERR_SYNTAX);
	b = dynamic(257, 1); /* a run beyond the last length */
	zeros(&b, 256);
	put_length(&b, 1);
	put_length(&b, 18);
	put(&b, 0, 7);
	assert_int_equal(verdict(&b), ERR_SYNTAX);
	for (unsigned l = 1; l < 3; l++) { /* one code: of 1 bit, or too few */
		b = dynamic(257, 1);
		zeros(&b, 256);
		put_length(&b, l);
		zeros(&b, 1);
		assert_int_equal(verdict(&b), l == 1 ? ERR_END : ERR_SYNTAX);
	}
	b = dynamic(257, 1); /* three codes of one bit */
	put_length(&b, 1);
	put_length(&b, 1);
	zeros(&b, 254);
	put_length(&b, 1);
	zeros(&b, 1);
	assert_int_equal(verdict(&b), ERR_SYNTAX);
	b = (struct bits){.n = 0}; /* the code of lengths: incomplete, none */
	put(&b, 5, 3);
	put(&b, 0, 14);
	put(&b, 1, 3);
	put(&b, 0, 9);
	assert_int_equal(verdict(&b), ERR_SYNTAX);
	b.p[2] = 0;
	assert_int_equal(verdict(&b), ERR_SYNTAX);
}

/* A match in a block that has no distances, and one that has a single one. */
static void
unassigned_codes(void **state)
{
	struct bits b;

	(void)state;
	for (unsigned d = 0; d < 2; d++) {
		for (unsigned code = 0; code < 2; code++) {
			b = dynamic(258, 1);
			put_length(&b, 2);
			zeros(&b, 255);
			put_length(&b, 2);
			put_length(&b, 1);
			put_length(&b, d);
			put_code(&b, 2, 2);    /* literal 0 */
			put_code(&b, 0, 1);    /* length 3 */
			put_code(&b, code, 1); /* distance 1, if it is one */
			put_code(&b, 3, 2);    /* end */
			assert_int_equal(verdict(&b), d == 1 && code == 0
				? ERR_END : ERR_SYNTAX);
		}
	}
}

/* Compresses in pieces of so many bytes, with a flush behind each, and inflates
 * all there is after each. */
static void
round_trip(const char *p, size_t n, size_t piece)
{
	begin();
	deflate_init(&out);
	for (size_t at = 0; at < n; at += piece) {
		size_t k = piece < n - at ? piece : n - at;
		char *raw = guard_copy(p + at, k);
		char room[DEFLATE_BOUND];
		struct buf b;

		BUF_INIT(&b, room);
		deflate_put(&out, (struct span){raw, k}, &b);
		deflate_flush(&out, &b);
		assert_int_equal(b.err, ERR_OK);
		assert_int_equal(feed(buf_get(&b), 1 << 20, 1 << 20),
			ERR_AGAIN);
		assert_int_equal(made_n, at + k);
		guard_free(raw);
	}
	assert_memory_equal(made, p, n);
}

static void
what_is_deflated(void **state)
{
	static const size_t pieces[] = {1, 2, 3, 4, 5, 258, 259, 511,
		DEFLATE_CHUNK};
	static char data[30000];
	uint32_t seed = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++) {
		seed = seed * 1664525 + 1013904223;
		data[i] = (char)(i < 10000 ? (uint32_t)"w17 UID FETCH 1:99 (FLAGS)\r\n"[
			i % 28] : i < 20000 ? seed >> 24 : seed >> 30);
	}
	memcpy(data + 19000, data + 14000, 900);
	for (size_t i = 0; i < COUNT(pieces); i++) {
		round_trip(data, pieces[i] < 3 ? 12000 : sizeof(data),
			pieces[i]);
	}
}

/* Bytes that do not compress, and no byte more than the bound. */
static void
deflate_bound(void **state)
{
	char room[DEFLATE_BOUND], raw[DEFLATE_CHUNK];
	uint32_t seed = 7;
	struct buf b;

	(void)state;
	deflate_init(&out);
	for (int i = 0; i < 300; i++) {
		for (size_t k = 0; k < sizeof(raw); k++) {
			seed = seed * 1664525 + 1013904223;
			raw[k] = (char)(0x90 | seed >> 25);
		}
		BUF_INIT(&b, room);
		deflate_put(&out, (struct span){raw, sizeof(raw)}, &b);
		if (i % 3 == 0) {
			deflate_flush(&out, &b);
		}
		assert_int_equal(b.err, ERR_OK);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_split),
		cmocka_unit_test(every_room),
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(full_window),
		cmocka_unit_test(malformed_blocks),
		cmocka_unit_test(distance_beyond_history),
		cmocka_unit_test(malformed_codes),
		cmocka_unit_test(unassigned_codes),
		cmocka_unit_test(what_is_deflated),
		cmocka_unit_test(deflate_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
