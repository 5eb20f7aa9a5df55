/*
 * fmt: the part of printf that wherry uses, without stdio, floats or
 * allocation: %s %.*s %c %d %i %u %x %ld %lu %lld %llu %llx %zu %%, with a
 * width and a 0 or - flag for numbers and %s.
 */
#ifndef WHERRY_BASE_FMT_H
#define WHERRY_BASE_FMT_H

#include <stdarg.h>
#include "base/buf.h"

void fmt_v(struct buf *b, const char *format, va_list ap);

#endif
