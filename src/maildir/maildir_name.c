/*
 * maildir_name: splitting and building file names in a Maildir.
 *
 * A name has two halves. The stem ends at the first "<infosep>2,", as it does
 * for OfflineIMAP and Dovecot; an infosep that is not followed by "2," belongs
 * to the stem (host names may hold colons), so that giving such a file flags
 * does not change its stem. Where there is none, the other one counts that it
 * could have been (maildir-windows-compatible): its letters are flags, too.
 * After "2," come letters, and after the letters whatever another program put
 * there.
 *
 * The stem is a list of fields at commas. The first field is nobody's
 * business; of the others U=<digits> and FMD5=<32 hex> are known. Whole fields
 * are what maildir_name_strip() drops: to cut less could join the rest to a
 * field that was not there before (",U,U=5=7").
 */
#include <string.h>

#include "maildir/maildir_name.h"

#define FMD5_HEX 32u

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_lower_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool
is_hex(char c)
{
	return is_lower_hex(c) || (c >= 'A' && c <= 'F');
}

static bool
is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* The flag of a letter, 0 if it is none of ours. */
static uint32_t
bit_of(char c)
{
	switch (c) {
	case 'T':
		return MAILDIR_T;
	case 'D':
		return MAILDIR_D;
	case 'F':
		return MAILDIR_F;
	case 'R':
		return MAILDIR_R;
	case 'S':
		return MAILDIR_S;
	default:
		return c >= 'a' && c <= 'z' ? MAILDIR_LETTER(c) : 0;
	}
}

/* The letters in ASCII order, which is the order of a name. */
static const char order[] = "DFRSTabcdefghijklmnopqrstuvwxyz";

/* Digits at the start of s; *value is 0 if there are none, if they do not fit
 * or if they are not a UID. */
static size_t
scan_uid(struct span s, uint32_t *value)
{
	uint64_t v = 0;
	size_t n = 0;

	for (; n < s.n && is_digit(s.p[n]); n++) {
		if (v <= UINT32_MAX) {
			v = v * 10 + (uint64_t)(s.p[n] - '0');
		}
	}
	*value = v <= UINT32_MAX ? (uint32_t)v : 0;
	return n;
}

/* The field that starts at the comma s.p[at]: all up to the next comma. */
static struct span
field_at(struct span s, size_t at)
{
	struct span rest = span_from(s, at + 1);

	return span_upto(rest, span_find(rest, ','));
}

static bool
is_uid_field(struct span f)
{
	return span_starts(f, SPAN("U=")) && f.n > 2 && is_digit(f.p[2]);
}

static bool
is_fmd5_field(struct span f)
{
	if (!span_starts(f, SPAN("FMD5=")) || f.n < 5 + FMD5_HEX) {
		return false;
	}
	for (size_t i = 0; i < FMD5_HEX; i++) {
		if (!is_hex(f.p[5 + i])) {
			return false;
		}
	}
	return true;
}

/* Finds uid, has_fmd5 and ours in the fields of the stem. */
static void
read_fields(struct maildir_name *n, const char *fmd5)
{
	bool uid_seen = false, mine = false;

	for (size_t at = span_find(n->stem, ','); at < n->stem.n;) {
		struct span f = field_at(n->stem, at);

		if (is_uid_field(f) && !uid_seen) {
			scan_uid(span_from(f, 2), &n->uid);
			uid_seen = true;
		} else if (is_fmd5_field(f)) {
			n->has_fmd5 = true;
			mine = mine || memcmp(f.p + 5, fmd5, FMD5_HEX) == 0;
		}
		at += 1 + f.n;
	}
	n->ours = n->uid != 0 && mine;
}

/* Length of ",U=<uid>,FMD5=<32 lower-case hex>" at the end of the stem, if
 * building that field again gives the same bytes; else 0. */
static size_t
plain_tail(const struct maildir_name *n)
{
	const size_t md5 = sizeof(",FMD5=") - 1 + FMD5_HEX;
	char memory[16];
	struct buf want;
	struct span s = n->stem, head;

	if (n->uid == 0 || s.n < md5 ||
		memcmp(s.p + s.n - md5, ",FMD5=", 6) != 0) {
		return 0;
	}
	for (size_t i = s.n - FMD5_HEX; i < s.n; i++) {
		if (!is_lower_hex(s.p[i])) {
			return 0;
		}
	}
	BUF_INIT(&want, memory);
	buf_str(&want, ",U=");
	buf_u64(&want, n->uid);
	head = span_upto(s, s.n - md5);
	if (head.n < want.n ||
		memcmp(head.p + head.n - want.n, memory, want.n) != 0) {
		return 0;
	}
	return md5 + want.n;
}

/* Reads the letters of info, which starts with "2,". */
static void
read_letters(struct maildir_name *n)
{
	size_t i;
	char last = '\0';

	for (i = 2; i < n->info.n && is_letter(n->info.p[i]); i++) {
		char c = n->info.p[i];
		uint32_t bit = bit_of(c);

		if (bit == 0 || c <= last) {
			n->foreign_info = true;
		}
		n->flags |= bit;
		last = c;
	}
	if (i < n->info.n) {
		n->foreign_info = true;
	}
}

void
maildir_name_parse(struct maildir_name *n, struct span file, const char *fmd5,
	char infosep)
{
	size_t tail;

	memset(n, 0, sizeof(*n));
	n->stem = file;
	for (size_t i = 0; i + 2 < file.n && n->infosep != infosep; i++) {
		int other = file.p[i] ^ infosep; /* 0: it is this one */

		if ((other == 0 || (other == (':' ^ '!') && n->infosep == 0)) &&
			file.p[i + 1] == '2' && file.p[i + 2] == ',') {
			n->stem = span_upto(file, i);
			n->info = span_from(file, i + 1);
			n->infosep = file.p[i];
		}
	}
	read_letters(n);
	read_fields(n, fmd5);
	tail = plain_tail(n);
	n->plain_stem = tail > 0;
	n->base = span_upto(n->stem, n->stem.n - tail);
}

void
maildir_name_build(struct buf *out, struct span base, uint32_t uid,
	const char *fmd5, char infosep, uint32_t flags)
{
	buf_span(out, base);
	buf_str(out, ",U=");
	buf_u64(out, uid);
	buf_str(out, ",FMD5=");
	buf_put(out, fmd5, FMD5_HEX);
	buf_char(out, infosep);
	buf_str(out, "2,");
	for (const char *c = order; flags != 0 && *c != '\0'; c++) {
		if (flags & bit_of(*c)) {
			buf_char(out, *c);
			flags &= ~bit_of(*c);
		}
	}
}

/* Puts the letters of `add` from *next on that sort before c. */
static void
put_added(struct buf *out, uint32_t add, const char **next, char c)
{
	for (; **next != '\0' && **next < c; (*next)++) {
		if (add & bit_of(**next)) {
			buf_char(out, **next);
		}
	}
}

void
maildir_name_reflag(struct buf *out, const struct maildir_name *n,
	char infosep, uint32_t flags)
{
	uint32_t add = flags & ~n->flags;
	const char *next = order;
	size_t i = n->info.n < 2 ? n->info.n : 2;

	buf_span(out, n->stem);
	buf_char(out, n->infosep != 0 ? n->infosep : infosep);
	buf_str(out, "2,");
	for (; i < n->info.n && is_letter(n->info.p[i]); i++) {
		char c = n->info.p[i];
		uint32_t bit = bit_of(c);

		put_added(out, add, &next, c);
		if (bit == 0 || (flags & bit)) {
			buf_char(out, c);
		}
	}
	put_added(out, add, &next, '\x7f');
	buf_span(out, span_from(n->info, i));
}

void
maildir_name_strip(struct buf *out, const struct maildir_name *n)
{
	size_t at = span_find(n->stem, ',');

	buf_span(out, span_upto(n->stem, at));
	while (at < n->stem.n) {
		struct span f = field_at(n->stem, at);

		if (!is_uid_field(f) && !is_fmd5_field(f)) {
			buf_char(out, ',');
			buf_span(out, f);
		}
		at += 1 + f.n;
	}
	if (n->infosep != 0) {
		buf_char(out, n->infosep);
		buf_span(out, n->info);
	}
}

/* Takes "<number><end>" off the front of *s: only a number that is written
 * the same way again (no leading zeros, fits). */
static bool
take_number(struct span *s, char end, uint32_t *out)
{
	uint64_t v = 0;
	size_t n = 0;

	for (; n < s->n && n < 11 && is_digit(s->p[n]); n++) {
		v = v * 10 + (uint64_t)(s->p[n] - '0');
	}
	if (n == 0 || n >= s->n || s->p[n] != end || v > UINT32_MAX ||
		(n > 1 && s->p[0] == '0')) {
		return false;
	}
	*out = (uint32_t)v;
	*s = span_from(*s, n + 1);
	return true;
}

void
maildir_base_parse(struct maildir_base *b, struct span base,
	uint32_t uidvalidity)
{
	uint32_t time, seq, third;

	memset(b, 0, sizeof(*b));
	b->kind = MAILDIR_OTHER;
	b->host = base;
	if (!take_number(&base, '_', &time) || !take_number(&base, '.', &seq) ||
		!take_number(&base, '.', &third) || base.n == 0) {
		return;
	}
	if (uidvalidity != 0 && third == uidvalidity) {
		b->kind = MAILDIR_OWN;
	} else if (third < (uint32_t)1 << 22) {
		b->kind = MAILDIR_OIMAP;
	} else {
		return;
	}
	b->time = time;
	b->seq = seq;
	b->pid = third;
	b->host = base;
}

void
maildir_base_build(struct buf *out, const struct maildir_base *b)
{
	if (b->kind != MAILDIR_OTHER) {
		buf_u64(out, b->time);
		buf_char(out, '_');
		buf_u64(out, b->seq);
		buf_char(out, '.');
		buf_u64(out, b->pid);
		buf_char(out, '.');
	}
	buf_span(out, b->host);
}
