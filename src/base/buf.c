/* buf: a builder over the caller's memory; see buf.h. */
#include <string.h>

#include "base/buf.h"
#include "base/fmt.h"

void
buf_init(struct buf *b, void *memory, size_t cap)
{
	b->p = memory;
	b->n = 0;
	b->cap = cap;
	b->err = ERR_OK;
}

void
buf_put(struct buf *b, const void *p, size_t n)
{
	if (b->err != ERR_OK) {
		return;
	}
	if (n > b->cap - b->n) {
		b->err = ERR_LIMIT;
		return;
	}
	if (n > 0) {
		memcpy(b->p + b->n, p, n);
	}
	b->n += n;
}

void
buf_span(struct buf *b, struct span s)
{
	buf_put(b, s.p, s.n);
}

void
buf_str(struct buf *b, const char *cstr)
{
	buf_span(b, span_of(cstr));
}

void
buf_char(struct buf *b, char c)
{
	buf_put(b, &c, 1);
}

void
buf_u64(struct buf *b, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	buf_put(b, digits + at, sizeof(digits) - at);
}

void
buf_hex(struct buf *b, const void *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *u = p;

	for (size_t i = 0; i < n; i++) {
		char two[2] = {digits[u[i] >> 4], digits[u[i] & 15]};

		buf_put(b, two, 2);
	}
}

void
buf_fmt(struct buf *b, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fmt_v(b, format, ap);
	va_end(ap);
}

struct span
buf_get(const struct buf *b)
{
	return (struct span){b->p, b->n};
}

const char *
buf_cstr(struct buf *b)
{
	if (b->n >= b->cap) {
		b->err = ERR_LIMIT;
	}
	if (b->err != ERR_OK) {
		return "";
	}
	b->p[b->n] = '\0';
	return b->p;
}
