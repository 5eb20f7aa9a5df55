/*
 * codec: base64, modified UTF-7, IMAP dates and escaping.
 *
 * All decoders are strict, so that each value has one spelling and decoding
 * followed by encoding gives back the same bytes. For mailbox names that is
 * no pedantry: a name that came back differently would be another mailbox.
 * Whoever meets a name that is not well-formed keeps it as bytes.
 *
 * A decoder that finds an error takes back what it had put into the buf.
 */
#include "base/codec.h"

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

int
base64_digit(char c, char last)
{
	if (c >= 'A' && c <= 'Z') {
		return c - 'A';
	}
	if (c >= 'a' && c <= 'z') {
		return c - 'a' + 26;
	}
	if (c >= '0' && c <= '9') {
		return c - '0' + 52;
	}
	if (c == '+') {
		return 62;
	}
	return c == last ? 63 : -1;
}

static enum err
fail(struct buf *out, size_t keep)
{
	out->n = keep;
	return ERR_SYNTAX;
}

void
base64_enc(struct buf *out, struct span in)
{
	while (in.n > 0) {
		const unsigned char *u = (const unsigned char *)in.p;
		unsigned long bits = (unsigned long)u[0] << 16;
		char four[4] = {0, 0, '=', '='};

		bits |= in.n > 1 ? (unsigned long)u[1] << 8 : 0;
		bits |= in.n > 2 ? u[2] : 0;
		four[0] = base64_digits[bits >> 18];
		four[1] = base64_digits[bits >> 12 & 63];
		if (in.n > 1) {
			four[2] = base64_digits[bits >> 6 & 63];
		}
		if (in.n > 2) {
			four[3] = base64_digits[bits & 63];
		}
		buf_put(out, four, 4);
		in = span_from(in, 3);
	}
}

/* One group of four; pad is how many '=' end it. */
static bool
put_group(struct buf *out, const char *four, size_t pad)
{
	unsigned long bits = 0;
	char three[3];

	for (size_t i = 0; i < 4; i++) {
		int d = i < 4 - pad ? base64_digit(four[i], '/') : 0;

		if (d < 0) {
			return false;
		}
		bits = bits << 6 | (unsigned long)d;
	}
	if ((pad == 1 && (bits & 0xff) != 0) ||
		(pad == 2 && (bits & 0xffff) != 0)) {
		return false;
	}
	three[0] = (char)(bits >> 16);
	three[1] = (char)(bits >> 8);
	three[2] = (char)bits;
	buf_put(out, three, 3 - pad);
	return true;
}

enum err
base64_dec(struct buf *out, struct span in)
{
	size_t keep = out->n;

	if (in.n % 4 != 0) {
		return fail(out, keep);
	}
	for (; in.n > 0; in = span_from(in, 4)) {
		size_t pad = 0;

		if (in.n == 4 && in.p[3] == '=') {
			pad = in.p[2] == '=' ? 2 : 1;
		}
		if (!put_group(out, in.p, pad)) {
			return fail(out, keep);
		}
	}
	return out->err;
}

/* The length of the UTF-8 character at the start of s and its code point;
 * 0 if there is none: truncated, overlong, a surrogate or too large. */
static size_t
take_utf8(struct span s, uint32_t *point)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char c = s.n > 0 ? (unsigned char)s.p[0] : 0xff;
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	uint32_t v = n == 1 ? c : (uint32_t)c & (0x7fu >> n);

	if (c > 0xf4 || (c >= 0x80 && c < 0xc2) || n > s.n) {
		return 0;
	}
	for (size_t i = 1; i < n; i++) {
		unsigned char more = (unsigned char)s.p[i];

		if ((more & 0xc0) != 0x80) {
			return 0;
		}
		v = v << 6 | (more & 0x3fu);
	}
	if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000)) {
		return 0;
	}
	*point = v;
	return n;
}

static void
put_utf8(struct buf *out, uint32_t v)
{
	char c[4];

	if (v < 0x80) {
		buf_char(out, (char)v);
	} else if (v < 0x800) {
		c[0] = (char)(0xc0 | v >> 6);
		c[1] = (char)(0x80 | (v & 0x3f));
		buf_put(out, c, 2);
	} else if (v < 0x10000) {
		c[0] = (char)(0xe0 | v >> 12);
		c[1] = (char)(0x80 | (v >> 6 & 0x3f));
		c[2] = (char)(0x80 | (v & 0x3f));
		buf_put(out, c, 3);
	} else {
		c[0] = (char)(0xf0 | v >> 18);
		c[1] = (char)(0x80 | (v >> 12 & 0x3f));
		c[2] = (char)(0x80 | (v >> 6 & 0x3f));
		c[3] = (char)(0x80 | (v & 0x3f));
		buf_put(out, c, 4);
	}
}

static bool
printable(uint32_t v)
{
	return v >= 0x20 && v <= 0x7e;
}

/* One UTF-16 unit of a shifted run; *high is the open high surrogate or 0. */
static bool
put_unit(struct buf *out, uint32_t unit, uint32_t *high)
{
	if (unit >= 0xdc00 && unit < 0xe000) {
		if (*high == 0) {
			return false;
		}
		put_utf8(out, 0x10000 + ((*high & 0x3ff) << 10) +
			(unit & 0x3ff));
		*high = 0;
		return true;
	}
	if (*high != 0 || unit == 0 || printable(unit)) {
		return false;
	}
	if (unit >= 0xd800 && unit < 0xdc00) {
		*high = unit;
	} else {
		put_utf8(out, unit);
	}
	return true;
}

/* A shifted run without its '&' and '-'. Between 16-bit units at most four
 * bits may be left over, and they are zero. */
static bool
dec_run(struct buf *out, struct span run)
{
	uint32_t bits = 0, high = 0;
	unsigned have = 0;

	for (size_t i = 0; i < run.n; i++) {
		int d = base64_digit(run.p[i], ',');

		if (d < 0) {
			return false;
		}
		bits = bits << 6 | (uint32_t)d;
		have += 6;
		if (have >= 16) {
			have -= 16;
			if (!put_unit(out, bits >> have & 0xffff, &high)) {
				return false;
			}
			bits &= (1u << have) - 1;
		}
	}
	return high == 0 && have < 6 && bits == 0;
}

enum err
mutf7_dec(struct buf *out, struct span name)
{
	size_t keep = out->n;
	bool after_run = false;

	while (name.n > 0) {
		struct span run;

		if (name.p[0] != '&') {
			if (!printable((unsigned char)name.p[0])) {
				return fail(out, keep);
			}
			buf_char(out, name.p[0]);
			name = span_from(name, 1);
			after_run = false;
			continue;
		}
		name = span_from(name, 1);
		run = span_upto(name, span_find(name, '-'));
		/* two runs in a row should have been one: RFC 3501 5.1.3 */
		if (run.n == name.n || (run.n > 0 && after_run)) {
			return fail(out, keep);
		}
		if (run.n == 0) {
			buf_char(out, '&');
		} else if (!dec_run(out, run)) {
			return fail(out, keep);
		}
		after_run = run.n > 0;
		name = span_from(name, run.n + 1);
	}
	return out->err;
}

/* The bits of a run on their way out, six at a time. */
struct run {
	uint32_t bits;
	unsigned have;
	bool open;
};

static void
put_digit(struct buf *out, uint32_t d)
{
	buf_char(out, d == 63 ? ',' : base64_digits[d]);
}

static void
enc_unit(struct buf *out, struct run *r, uint32_t unit)
{
	if (!r->open) {
		buf_char(out, '&');
		*r = (struct run){0, 0, true};
	}
	r->bits = r->bits << 16 | unit;
	r->have += 16;
	while (r->have >= 6) {
		r->have -= 6;
		put_digit(out, r->bits >> r->have & 63);
	}
	r->bits &= (1u << r->have) - 1;
}

static void
close_run(struct buf *out, struct run *r)
{
	if (!r->open) {
		return;
	}
	if (r->have > 0) {
		put_digit(out, r->bits << (6 - r->have) & 63);
	}
	buf_char(out, '-');
	r->open = false;
}

enum err
mutf7_enc(struct buf *out, struct span utf8)
{
	size_t keep = out->n;
	struct run r = {0, 0, false};

	while (utf8.n > 0) {
		uint32_t v = 0;
		size_t n = take_utf8(utf8, &v);

		if (n == 0 || v == 0) {
			return fail(out, keep);
		}
		utf8 = span_from(utf8, n);
		if (printable(v)) {
			close_run(out, &r);
			buf_char(out, (char)v);
			if (v == '&') {
				buf_char(out, '-');
			}
		} else if (v < 0x10000) {
			enc_unit(out, &r, v);
		} else {
			enc_unit(out, &r, 0xd800 + ((v - 0x10000) >> 10));
			enc_unit(out, &r, 0xdc00 + ((v - 0x10000) & 0x3ff));
		}
	}
	close_run(out, &r);
	return out->err;
}

/* n digits at the start of *s, which is moved past them. */
static bool
take_number(struct span *s, size_t n, uint32_t *v)
{
	if (!span_u32(span_upto(*s, n), v) || s->n < n) {
		return false;
	}
	*s = span_from(*s, n);
	return true;
}

static bool
take_char(struct span *s, char c)
{
	if (s->n == 0 || s->p[0] != c) {
		return false;
	}
	*s = span_from(*s, 1);
	return true;
}

static bool
take_month(struct span *s, uint32_t *month)
{
	struct span three = span_upto(*s, 3);

	for (uint32_t m = 0; m < 12; m++) {
		if (span_ieq(three, (struct span){months + 3 * m, 3})) {
			*month = m + 1;
			*s = span_from(*s, 3);
			return true;
		}
	}
	return false;
}

static bool
take_zone(struct span *s, int64_t *east_s)
{
	uint32_t hours, minutes;
	bool west = s->n > 0 && s->p[0] == '-';

	if (!take_char(s, west ? '-' : '+') || !take_number(s, 2, &hours) ||
		!take_number(s, 2, &minutes) || hours > 23 || minutes > 59) {
		return false;
	}
	*east_s = (int64_t)(hours * 60 + minutes) * 60;
	if (west) {
		*east_s = -*east_s;
	}
	return true;
}

static bool
leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t
month_days(int64_t year, uint32_t month)
{
	if (month == 2) {
		return leap(year) ? 29 : 28;
	}
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* Days from 0000-01-01 (Gregorian, year 0 is a leap year) to year-01-01. */
static int64_t
days_before(int64_t year)
{
	if (year == 0) {
		return 0;
	}
	year--;
	return 366 + year * 365 + year / 4 - year / 100 + year / 400;
}

#define DAY_S 86400
#define EPOCH_DAYS 719528 /* days_before(1970) */

enum err
date_dec(struct span text, int64_t *unix_s)
{
	uint32_t day, month, year, h, m, sec;
	int64_t east_s, days;

	while (take_char(&text, ' ')) {
	}
	if (!take_number(&text, span_find(text, '-') == 1 ? 1 : 2, &day) ||
		!take_char(&text, '-') || !take_month(&text, &month) ||
		!take_char(&text, '-') || !take_number(&text, 4, &year) ||
		!take_char(&text, ' ') || !take_number(&text, 2, &h) ||
		!take_char(&text, ':') || !take_number(&text, 2, &m) ||
		!take_char(&text, ':') || !take_number(&text, 2, &sec) ||
		!take_char(&text, ' ') || !take_zone(&text, &east_s) ||
		text.n > 0) {
		return ERR_SYNTAX;
	}
	/* 60: a leap second */
	if (day < 1 || day > month_days(year, month) || h > 23 || m > 59 ||
		sec > 60) {
		return ERR_SYNTAX;
	}
	days = days_before(year) - EPOCH_DAYS + day - 1;
	for (uint32_t i = 1; i < month; i++) {
		days += month_days(year, i);
	}
	*unix_s = days * DAY_S + h * 3600 + m * 60 + sec - east_s;
	return ERR_OK;
}

void
date_enc(struct buf *out, int64_t unix_s)
{
	static const int64_t first = -62167219200, last = 253402300799;
	int64_t days, s, year;
	uint32_t month = 1;

	unix_s = unix_s < first ? first : unix_s > last ? last : unix_s;
	days = (unix_s - first) / DAY_S;
	s = (unix_s - first) % DAY_S;
	year = days / 366; /* never above the true one */
	while (days_before(year + 1) <= days) {
		year++;
	}
	days -= days_before(year);
	while (days >= month_days(year, month)) {
		days -= month_days(year, month);
		month++;
	}
	buf_fmt(out, "%02u-%.*s-%04u %02u:%02u:%02u +0000",
		(unsigned)days + 1, 3, months + 3 * (month - 1),
		(unsigned)year, (unsigned)(s / 3600),
		(unsigned)(s / 60 % 60), (unsigned)(s % 60));
}

/* Control characters in Unicode's sense, and those that turn the direction
 * of the text or break the line: a terminal obeys them. */
static bool
unfit(uint32_t v)
{
	return v < 0x20 || (v >= 0x7f && v < 0xa0) ||
		(v >= 0x2028 && v <= 0x202e) || (v >= 0x2066 && v <= 0x2069);
}

void
escape(struct buf *out, struct span text)
{
	while (text.n > 0) {
		uint32_t v = 0;
		size_t n = take_utf8(text, &v);
		bool raw = n > 0 && !unfit(v);

		n = n > 0 ? n : 1;
		if (raw) {
			buf_put(out, text.p, n);
		} else {
			for (size_t i = 0; i < n; i++) {
				buf_str(out, "\\x");
				buf_hex(out, text.p + i, 1);
			}
		}
		text = span_from(text, n);
	}
}
