/*
 * span: a slice of bytes that somebody else owns. Not NUL-terminated.
 */
#ifndef WHERRY_BASE_SPAN_H
#define WHERRY_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
	const char *p;
	size_t n;
};

#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})

struct span span_of(const char *cstr);		  /* NULL gives n = 0 */
bool span_eq(struct span a, struct span b);	  /* bytes */
bool span_ieq(struct span a, struct span b);	  /* ASCII case folded */
bool span_is(struct span a, const char *cstr);	  /* bytes */
bool span_iis(struct span a, const char *cstr);	  /* ASCII case folded */
bool span_starts(struct span a, struct span prefix);
struct span span_trim(struct span a);		  /* blanks, tabs, CR, LF */
struct span span_from(struct span a, size_t at);  /* a[at..], clipped */
struct span span_upto(struct span a, size_t n);   /* a[..n], clipped */
size_t span_find(struct span a, char c);	  /* index, or a.n */

/* A list of words in one string, each but the last with a blank behind it: the
 * index of the one that a is (ASCII case folded), or -1; and the i-th, which
 * must be there. Costs no pointer per word. */
int span_word(struct span a, const char *words);
struct span span_nth(const char *words, unsigned i);

/* Whole span is a decimal number that fits; else false. */
bool span_u32(struct span a, uint32_t *out);
bool span_u64(struct span a, uint64_t *out);

#endif
