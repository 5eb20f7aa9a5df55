/* span: slices of bytes; see span.h. */
#include <string.h>

#include "base/span.h"

struct span
span_of(const char *cstr)
{
	return (struct span){cstr, cstr != NULL ? strlen(cstr) : 0};
}

bool
span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static char
fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool
span_ieq(struct span a, struct span b)
{
	if (a.n != b.n) {
		return false;
	}
	for (size_t i = 0; i < a.n; i++) {
		if (fold(a.p[i]) != fold(b.p[i])) {
			return false;
		}
	}
	return true;
}

bool
span_is(struct span a, const char *cstr)
{
	return span_eq(a, span_of(cstr));
}

/* Most words differ in their first byte: no length is counted before. */
bool
span_iis(struct span a, const char *cstr)
{
	size_t i = 0;

	while (i < a.n && cstr[i] != '\0' && fold(a.p[i]) == fold(cstr[i])) {
		i++;
	}
	return i == a.n && cstr[i] == '\0';
}

bool
span_starts(struct span a, struct span prefix)
{
	return a.n >= prefix.n && span_eq(span_upto(a, prefix.n), prefix);
}

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span
span_trim(struct span a)
{
	while (a.n > 0 && blank(a.p[0])) {
		a.p++;
		a.n--;
	}
	while (a.n > 0 && blank(a.p[a.n - 1])) {
		a.n--;
	}
	return a;
}

struct span
span_from(struct span a, size_t at)
{
	if (at > a.n) {
		at = a.n;
	}
	return (struct span){at == 0 ? a.p : a.p + at, a.n - at};
}

struct span
span_upto(struct span a, size_t n)
{
	return (struct span){a.p, n < a.n ? n : a.n};
}

size_t
span_find(struct span a, char c)
{
	const char *hit = a.n > 0 ? memchr(a.p, c, a.n) : NULL;

	return hit != NULL ? (size_t)(hit - a.p) : a.n;
}

int
span_word(struct span a, const char *words)
{
	struct span rest = span_of(words);

	for (int i = 0; rest.n > 0; i++) {
		size_t n = span_find(rest, ' ');

		if (span_ieq(span_upto(rest, n), a)) {
			return i;
		}
		rest = span_from(rest, n + 1);
	}
	return -1;
}

struct span
span_nth(const char *words, unsigned i)
{
	struct span rest = span_of(words);

	for (; i > 0; i--) {
		rest = span_from(rest, span_find(rest, ' ') + 1);
	}
	return span_upto(rest, span_find(rest, ' '));
}

bool
span_u64(struct span a, uint64_t *out)
{
	uint64_t v = 0;

	if (a.n == 0) {
		return false;
	}
	for (size_t i = 0; i < a.n; i++) {
		unsigned digit = (unsigned char)a.p[i] - (unsigned)'0';

		if (digit > 9 || v > (UINT64_MAX - digit) / 10) {
			return false;
		}
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}

bool
span_u32(struct span a, uint32_t *out)
{
	uint64_t v;

	if (!span_u64(a, &v) || v > UINT32_MAX) {
		return false;
	}
	*out = (uint32_t)v;
	return true;
}
