/*
 * inflate: a machine over blocks, with one atom: the literal, or the match of
 * length and distance. An atom has at most 48 bits, and 56 fit in `hold`, so
 * that it is decoded whole or not at all: nothing but the bits is kept where
 * the input ends in the middle of one, and the same loop serves long input and
 * single bytes.
 *
 * A code is decoded by a table of its short codes (symbol and length in one
 * number; 0: none), and a longer one, or an unassigned one, by comparing its
 * 15 bits, first bit highest, with the end of each length.
 */
#include <string.h>

#include "base/le.h"
#include "flate/inflate.h"

#define MASK (INFLATE_WINDOW - 1)
#define END_OF_BLOCK 256
#define ATOM 48 /* bits, at most */

enum {
	HEAD, /* of a block */
	STORED_LENGTH,
	STORED,
	COUNTS, /* of a dynamic block */
	CODE_LENGTHS,
	LENGTHS,
	CODES, /* literals and matches */
	DONE,
	BAD
};

struct input {
	const uint8_t *p, *end;
};

void
inflate_init(struct inflate *z)
{
	memset(z, 0, offsetof(struct inflate, literal));
}

static unsigned
reverse(unsigned code, unsigned bits)
{
	unsigned r = code;

	r = (r & 0x5555) << 1 | (r >> 1 & 0x5555);
	r = (r & 0x3333) << 2 | (r >> 2 & 0x3333);
	r = (r & 0x0f0f) << 4 | (r >> 4 & 0x0f0f);
	r = (r & 0x00ff) << 8 | (r >> 8 & 0x00ff);
	return r >> (16 - bits);
}

/* The code of n lengths. False if too many codes are asked for, or too few:
 * that may be only where there is one of one bit, or none at all (and then
 * using it is an error). */
static bool
build(struct inflate_code *c, const uint8_t *length, unsigned n,
	uint16_t *fast, unsigned bits, uint16_t *symbols)
{
	uint16_t count[16] = {0}, next[16], code = 0, index = 0;
	int left = 1;

	for (unsigned i = 0; i < n; i++) {
		count[length[i]]++;
	}
	for (unsigned l = 1; l < 16; l++) {
		code = (uint16_t)(code << 1);
		next[l] = code;
		c->base[l] = (uint16_t)(index - code);
		code = (uint16_t)(code + count[l]);
		index = (uint16_t)(index + count[l]);
		c->limit[l] = (uint16_t)((unsigned)code << (15 - l));
		left = left * 2 - count[l];
		if (left < 0) {
			return false;
		}
	}
	if (left > 0 && index > 0 && (index > 1 || count[1] == 0)) {
		return false;
	}
	memset(fast, 0, sizeof(*fast) << bits);
	for (unsigned i = 0; i < n; i++) {
		unsigned l = length[i];

		if (l == 0) {
			continue;
		}
		code = next[l]++;
		symbols[(uint16_t)(code + c->base[l])] = (uint16_t)i;
		for (unsigned k = reverse(code, l); l <= bits && k < 1u << bits;
			k += 1u << l) {
			fast[k] = (uint16_t)(i << 4 | l);
		}
	}
	return true;
}

/* Symbol and length of the code at the lowest bits of hold; 0 if those bits
 * (15 of them at most) are none. */
static inline unsigned
look(uint64_t hold, const struct inflate_code *c, const uint16_t *fast,
	unsigned bits, const uint16_t *symbols)
{
	unsigned entry = fast[hold & ((1u << bits) - 1)], code, l;

	if (entry != 0) {
		return entry;
	}
	code = reverse((unsigned)hold & 0x7fff, 15);
	for (l = bits + 1; l < 16; l++) {
		if (code < c->limit[l]) {
			code = (code >> (15 - l)) + c->base[l];
			return (unsigned)symbols[(uint16_t)code] << 4 | l;
		}
	}
	return 0;
}

/* Bits from input, enough for an atom if there is that much. What lies in hold
 * above its bits is what comes next in the input, and is read again. */
static inline void
fill(struct input *in, uint64_t *hold, uint32_t *bits)
{
	if (*bits >= ATOM) {
		return;
	}
	if (in->end - in->p >= 8) {
		*hold |= le_get64(in->p) << *bits;
		in->p += (63 - *bits) >> 3;
		*bits |= 56;
		return;
	}
	while (*bits <= 56 && in->p < in->end) {
		*hold |= (uint64_t)*in->p++ << *bits;
		*bits += 8;
	}
}

/* That the next n bits are there. */
static bool
need(struct inflate *z, struct input *in, unsigned n)
{
	while (z->bits < n && in->p < in->end) {
		z->hold |= (uint64_t)*in->p++ << z->bits;
		z->bits += 8;
	}
	return z->bits >= n;
}

static unsigned
take(struct inflate *z, unsigned n)
{
	unsigned v = (unsigned)(z->hold & (((uint64_t)1 << n) - 1));

	z->hold >>= n;
	z->bits -= n;
	return v;
}

static enum err
bad(struct inflate *z)
{
	z->state = BAD;
	return ERR_SYNTAX;
}

static void
made(struct inflate *z, uint32_t n)
{
	z->at = (z->at + n) & MASK;
	z->unread += n;
	z->history += n;
	if (z->history > INFLATE_WINDOW) {
		z->history = INFLATE_WINDOW;
	}
}

static enum err
fixed_codes(struct inflate *z)
{
	uint8_t *l = z->lengths;

	if (!z->fixed) {
		memset(l, 8, 144);
		memset(l + 144, 9, 112);
		memset(l + 256, 7, 24);
		memset(l + 280, 8, 8);
		memset(l + 288, 5, 32);
		(void)build(&z->literal, l, 288, z->literal_fast,
			INFLATE_LITERAL_BITS, z->literal_symbols);
		(void)build(&z->dist, l + 288, 32, z->dist_fast,
			INFLATE_DISTANCE_BITS, z->dist_symbols);
		z->fixed = true;
	}
	z->state = CODES;
	return ERR_OK;
}

static enum err
head(struct inflate *z, struct input *in)
{
	if (z->last) {
		z->state = DONE;
		return ERR_END;
	}
	if (!need(z, in, 3)) {
		return ERR_AGAIN;
	}
	z->last = take(z, 1);
	switch (take(z, 2)) {
	case 0:
		take(z, z->bits & 7);
		z->state = STORED_LENGTH;
		return ERR_OK;
	case 1:
		return fixed_codes(z);
	case 2:
		z->state = COUNTS;
		z->fixed = false;
		return ERR_OK;
	default:
		return bad(z);
	}
}

static enum err
stored_length(struct inflate *z, struct input *in)
{
	if (!need(z, in, 32)) {
		return ERR_AGAIN;
	}
	z->left = take(z, 16);
	if (z->left != (take(z, 16) ^ 0xffff)) {
		return bad(z);
	}
	z->state = STORED;
	return ERR_OK;
}

/* As much of a stored block as there is, first what is in hold already, and
 * room for up to the end of the window. */
static enum err
stored(struct inflate *z, struct input *in, uint32_t room)
{
	uint32_t n = INFLATE_WINDOW - z->at;
	size_t there = (size_t)(in->end - in->p);

	if (z->left == 0) {
		z->state = HEAD;
		return ERR_OK;
	}
	n = n < z->left ? n : z->left;
	n = n < room ? n : room;
	if (z->bits >= 8) {
		z->window[z->at] = (uint8_t)take(z, 8);
		n = 1;
	} else {
		n = n < there ? n : (uint32_t)there;
		memcpy(z->window + z->at, in->p, n);
		in->p += n;
	}
	z->left -= n;
	made(z, n);
	return n > 0 ? ERR_OK : ERR_AGAIN;
}

static enum err
counts(struct inflate *z, struct input *in)
{
	if (!need(z, in, 14)) {
		return ERR_AGAIN;
	}
	z->literals = (uint16_t)(take(z, 5) + 257);
	z->distances = (uint16_t)(take(z, 5) + 1);
	z->left = take(z, 4) + 4;
	z->read = 0;
	memset(z->lengths, 0, 19);
	z->state = CODE_LENGTHS;
	return z->literals > 286 || z->distances > 30 ? bad(z) : ERR_OK;
}

/* The code of the lengths; it lives where the one of distances will. */
static enum err
code_lengths(struct inflate *z, struct input *in)
{
	static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11,
		4, 12, 3, 13, 2, 14, 1, 15};

	while (z->read < z->left) {
		if (!need(z, in, 3)) {
			return ERR_AGAIN;
		}
		z->lengths[order[z->read++]] = (uint8_t)take(z, 3);
	}
	if (!build(&z->dist, z->lengths, 19, z->dist_fast,
		INFLATE_DISTANCE_BITS, z->dist_symbols) ||
		z->dist.limit[7] != 1u << 15) { /* not complete */
		return bad(z);
	}
	z->read = 0;
	z->left = 0;
	z->state = LENGTHS;
	return ERR_OK;
}

static enum err
dynamic_codes(struct inflate *z)
{
	if (z->lengths[END_OF_BLOCK] == 0 ||
		!build(&z->literal, z->lengths, z->literals, z->literal_fast,
			INFLATE_LITERAL_BITS, z->literal_symbols) ||
		!build(&z->dist, z->lengths + z->literals, z->distances,
			z->dist_fast, INFLATE_DISTANCE_BITS,
			z->dist_symbols)) {
		return bad(z);
	}
	z->state = CODES;
	return ERR_OK;
}

/* One length, or a run of equal ones; they overwrite the lengths of their own
 * code, which is built by now. */
static enum err
lengths(struct inflate *z, struct input *in)
{
	static const uint8_t extra[3] = {2, 3, 7}, least[3] = {3, 3, 11};
	unsigned entry, bits, n = 1;
	uint8_t value;

	if (z->read == z->literals + z->distances) {
		return dynamic_codes(z);
	}
	(void)need(z, in, 14);
	entry = look(z->hold, &z->dist, z->dist_fast, INFLATE_DISTANCE_BITS,
		z->dist_symbols);
	bits = entry & 15;
	value = (uint8_t)(entry >> 4);
	if (bits + (value > 15 ? extra[value - 16] : 0) > z->bits) {
		return ERR_AGAIN;
	}
	take(z, bits);
	if (value > 15) {
		n = least[value - 16] + take(z, extra[value - 16]);
		if (value == 16 && z->read == 0) {
			return bad(z);
		}
		value = value == 16 ? z->lengths[z->read - 1] : 0;
	}
	if (z->read + n > (unsigned)z->literals + z->distances) {
		return bad(z);
	}
	memset(z->lengths + z->read, value, n);
	z->read = (uint16_t)(z->read + n);
	return ERR_OK;
}

/* n bytes from `distance` behind `at`; where the two overlap, bytes that were
 * just made are copied again. */
static void
copy(uint8_t *window, uint32_t at, uint32_t distance, uint32_t n)
{
	uint32_t from = (at - distance) & MASK;

	at &= MASK;
	if (distance >= n && from + n <= INFLATE_WINDOW &&
		at + n <= INFLATE_WINDOW) {
		memmove(window + at, window + from, n);
		return;
	}
	while (n-- > 0) {
		window[at++ & MASK] = window[from++ & MASK];
	}
}

/* What is missing of a match that met the end of the room. */
static uint32_t
rest_of_match(struct inflate *z, uint32_t room)
{
	uint32_t n = z->left < room ? z->left : room;

	copy(z->window, z->at, z->distance, n);
	z->left -= n;
	made(z, n);
	return n;
}

/* The match at z->distance, behind n bytes, as far as there is room: how long
 * that is. The rest is left. */
static inline uint32_t
put_match(struct inflate *z, uint32_t n, uint32_t length, uint32_t room)
{
	z->left = length > room ? length - room : 0;
	length -= z->left;
	copy(z->window, z->at + n, z->distance, length);
	return length;
}

/* The length and distance of a match, whose first symbol is known: bits that
 * they take, 0 if they are not all there, or more than 64 if they are wrong.
 * Codes of lengths from 265 on share their extra bits by fours, those of
 * distances from 4 on by twos. */
static inline uint32_t
match(struct inflate *z, uint64_t hold, uint32_t bits, unsigned entry,
	uint32_t *length)
{
	unsigned s = (entry >> 4) - 257, used = entry & 15, extra = 0;
	uint32_t n = 3 + s;

	if (s >= 29) {
		return 65;
	}
	if (s == 28) {
		n = 258;
	} else if (s >= 8) {
		extra = s / 4 - 1;
		n = 3 + ((4 + s % 4) << extra) +
			((unsigned)(hold >> used) & ((1u << extra) - 1));
	}
	used += extra;
	entry = look(hold >> used, &z->dist, z->dist_fast,
		INFLATE_DISTANCE_BITS, z->dist_symbols);
	if (entry == 0) {
		return bits >= used + 15 ? 65 : 0;
	}
	*length = n;
	used += entry & 15;
	s = entry >> 4;
	extra = s < 4 ? 0 : s / 2 - 1;
	if (s >= 30) {
		return 65;
	}
	n = s < 4 ? s + 1 : 1 + ((2 + s % 2) << extra) +
		((unsigned)(hold >> used) & ((1u << extra) - 1));
	z->distance = n;
	used += extra;
	return used <= bits ? used : 0;
}

static enum err
codes(struct inflate *z, struct input *in, uint32_t room)
{
	uint32_t bits, n = rest_of_match(z, room), at, total = z->history;
	enum err e = ERR_OK;
	uint64_t hold;

	room -= n;
	bits = z->bits;
	hold = z->hold;
	at = z->at;
	n = 0; /* made here */
	while (n < room) {
		uint32_t used, length;
		unsigned entry;

		fill(in, &hold, &bits);
		entry = look(hold, &z->literal, z->literal_fast,
			INFLATE_LITERAL_BITS, z->literal_symbols);
		used = entry & 15;
		if (used > bits || (entry == 0 && bits < 15)) {
			e = ERR_AGAIN;
			break;
		}
		if (entry >> 4 < END_OF_BLOCK && entry != 0) {
			z->window[(at + n++) & MASK] = (uint8_t)(entry >> 4);
		} else if (entry >> 4 == END_OF_BLOCK) {
			z->state = HEAD;
			room = n; /* leave */
		} else {
			used = entry == 0 ? 65 :
				match(z, hold, bits, entry, &length);
			if (used == 0) {
				e = ERR_AGAIN;
				break;
			}
			if (used > 64 || z->distance > total + n) {
				e = bad(z);
				break;
			}
			n += put_match(z, n, length, room - n);
		}
		hold >>= used;
		bits -= used;
	}
	z->hold = bits > 0 ? hold & (~(uint64_t)0 >> (64 - bits)) : 0;
	z->bits = bits;
	made(z, n);
	return e;
}

static enum err
step(struct inflate *z, struct input *in, uint32_t room)
{
	switch (z->state) {
	case HEAD:
		return head(z, in);
	case STORED_LENGTH:
		return stored_length(z, in);
	case STORED:
		return stored(z, in, room);
	case COUNTS:
		return counts(z, in);
	case CODE_LENGTHS:
		return code_lengths(z, in);
	case LENGTHS:
		return lengths(z, in);
	case CODES:
		return codes(z, in, room);
	case DONE:
		return ERR_END;
	default:
		return ERR_SYNTAX;
	}
}

enum err
inflate_push(struct inflate *z, struct span s, size_t room, size_t *used)
{
	struct input in = {(const uint8_t *)s.p, (const uint8_t *)s.p + s.n};
	uint32_t stop = z->unread + (uint32_t)(room < inflate_room(z)
		? room : inflate_room(z));
	enum err e = ERR_OK;

	/* Without room the next byte of output is not even looked at. */
	while (e == ERR_OK && z->unread < stop) {
		e = step(z, &in, stop - z->unread);
	}
	*used = s.n - (size_t)(in.end - in.p);
	return e;
}

struct span
inflate_out(const struct inflate *z)
{
	uint32_t from = (z->at - z->unread) & MASK;
	uint32_t n = INFLATE_WINDOW - from;

	return (struct span){(const char *)z->window + from,
		n < z->unread ? n : z->unread};
}

void
inflate_ack(struct inflate *z, size_t n)
{
	z->unread -= n < z->unread ? (uint32_t)n : z->unread;
}

size_t
inflate_room(const struct inflate *z)
{
	return INFLATE_WINDOW - z->unread;
}
