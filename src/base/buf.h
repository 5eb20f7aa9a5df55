/*
 * buf: builds bytes in memory that the caller owns. The first error sticks:
 * a buf that overflowed holds what fitted before, and says ERR_LIMIT.
 */
#ifndef WHERRY_BASE_BUF_H
#define WHERRY_BASE_BUF_H

#include "base/err.h"
#include "base/span.h"

struct buf {
	char *p;
	size_t n, cap;
	enum err err;
};

void buf_init(struct buf *b, void *memory, size_t cap);
#define BUF_INIT(b, array) buf_init((b), (array), sizeof(array))
void buf_put(struct buf *b, const void *p, size_t n);
void buf_span(struct buf *b, struct span s);
void buf_str(struct buf *b, const char *cstr);
void buf_char(struct buf *b, char c);
void buf_u64(struct buf *b, uint64_t v);
void buf_hex(struct buf *b, const void *p, size_t n); /* lower case */
/* printf subset, see fmt.h */
void buf_fmt(struct buf *b, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
struct span buf_get(const struct buf *b);
/* NUL-terminates (not counted in n) and returns p; "" and ERR_LIMIT if there
 * is no room for the NUL. */
const char *buf_cstr(struct buf *b);

#endif
