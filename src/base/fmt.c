/*
 * fmt: a small printf. One directive at a time: flags, width, precision (only
 * for %s), length (l, ll, z), conversion. Unknown conversions are copied as
 * they stand, so that a mistake shows.
 */
#include <string.h>

#include "base/fmt.h"

struct directive {
	bool zero, left;
	unsigned width, lengths;
	bool size;
	int precision;
};

static const char *
parse(const char *f, struct directive *d, va_list *ap)
{
	*d = (struct directive){.precision = -1};
	for (; *f == '0' || *f == '-'; f++) {
		d->zero = d->zero || *f == '0';
		d->left = d->left || *f == '-';
	}
	for (; *f >= '0' && *f <= '9'; f++) {
		d->width = d->width * 10 + (unsigned)(*f - '0');
	}
	if (f[0] == '.' && f[1] == '*') {
		d->precision = va_arg(*ap, int);
		f += 2;
	}
	for (; *f == 'l' || *f == 'z'; f++) {
		d->lengths += *f == 'l';
		d->size = d->size || *f == 'z';
	}
	return f;
}

static void
pad(struct buf *b, char c, size_t have, unsigned width)
{
	for (; have < width; have++) {
		buf_char(b, c);
	}
}

static void
text(struct buf *b, const struct directive *d, const char *s)
{
	size_t n;

	if (s == NULL) {
		s = "(null)";
	}
	if (d->precision >= 0) {
		const char *nul = memchr(s, '\0', (size_t)d->precision);

		n = nul != NULL ? (size_t)(nul - s) : (size_t)d->precision;
	} else {
		n = strlen(s);
	}
	if (!d->left) {
		pad(b, ' ', n, d->width);
	}
	if (b->err == ERR_OK && n > b->cap - b->n) {
		n = b->cap - b->n; /* what fits, for the eye; the error stays */
		buf_put(b, s, n);
		b->err = ERR_LIMIT;
	}
	buf_put(b, s, n);
	if (d->left) {
		pad(b, ' ', n, d->width);
	}
}

static void
number(struct buf *b, const struct directive *d, uint64_t v, bool negative,
	unsigned base)
{
	char digits[24];
	size_t at = sizeof(digits), n;

	do {
		digits[--at] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v > 0);
	n = sizeof(digits) - at + negative;
	if (!d->left && !d->zero) {
		pad(b, ' ', n, d->width);
	}
	if (negative) {
		buf_char(b, '-');
	}
	if (!d->left && d->zero) {
		pad(b, '0', n, d->width);
	}
	buf_put(b, digits + at, sizeof(digits) - at);
	if (d->left) {
		pad(b, ' ', n, d->width);
	}
}

static uint64_t
get_unsigned(const struct directive *d, va_list *ap)
{
	if (d->size) {
		return va_arg(*ap, size_t);
	}
	if (d->lengths >= 2) {
		return va_arg(*ap, unsigned long long);
	}
	if (d->lengths == 1) {
		return va_arg(*ap, unsigned long);
	}
	return va_arg(*ap, unsigned);
}

static int64_t
get_signed(const struct directive *d, va_list *ap)
{
	if (d->lengths >= 2) {
		return va_arg(*ap, long long);
	}
	if (d->lengths == 1) {
		return va_arg(*ap, long);
	}
	return va_arg(*ap, int);
}

static void
convert(struct buf *b, const struct directive *d, char conversion, va_list *ap)
{
	int64_t v;

	switch (conversion) {
	case 's':
		text(b, d, va_arg(*ap, const char *));
		break;
	case 'c':
		buf_char(b, (char)va_arg(*ap, int));
		break;
	case 'd':
	case 'i':
		v = get_signed(d, ap);
		number(b, d, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0, 10);
		break;
	case 'u':
		number(b, d, get_unsigned(d, ap), false, 10);
		break;
	case 'x':
		number(b, d, get_unsigned(d, ap), false, 16);
		break;
	default:
		buf_char(b, '%');
		buf_char(b, conversion);
		break;
	}
}

void
fmt_v(struct buf *b, const char *format, va_list ap)
{
	va_list args;

	va_copy(args, ap);
	for (const char *f = format; *f != '\0'; f++) {
		struct directive d;

		if (*f != '%') {
			buf_char(b, *f);
			continue;
		}
		if (*++f == '%') {
			buf_char(b, '%');
			continue;
		}
		f = parse(f, &d, &args);
		if (*f == '\0') {
			break;
		}
		convert(b, &d, *f, &args);
	}
	va_end(args);
}
