/*
 * codec: small text codecs of the protocols. Pure, bounded, no allocation.
 * A decoder that fails takes back what it had put into out; when out is full
 * the result is ERR_LIMIT, which is out's own.
 */
#ifndef WHERRY_BASE_CODEC_H
#define WHERRY_BASE_CODEC_H

#include "base/buf.h"

/* base64, RFC 4648 4. dec: ERR_SYNTAX for anything but one well-formed
 * string. */
void base64_enc(struct buf *out, struct span in);
enum err base64_dec(struct buf *out, struct span in);
/* The value of one digit, or -1. last is '/' or, for UTF-7, ','. */
int base64_digit(char c, char last);

/* Modified UTF-7 mailbox names, RFC 3501 5.1.3, to and from UTF-8.
 * dec: ERR_SYNTAX for malformed input (bad base64, lone surrogate, raw 8-bit
 * or control bytes, an encoded printable ASCII, two runs in a row, a NUL), so
 * that what decodes is encoded to the same bytes again.
 * enc: ERR_SYNTAX for malformed UTF-8 or a NUL. */
enum err mutf7_dec(struct buf *out, struct span name);
enum err mutf7_enc(struct buf *out, struct span utf8);

/* IMAP date-time, RFC 3501 9: "dd-Mon-yyyy hh:mm:ss +zzzz" (leading blank or
 * zero of the day, or neither), without the quotes, to seconds since 1970
 * UTC. */
enum err date_dec(struct span text, int64_t *unix_s);
/* Always written in UTC, "+0000"; the nearest of the years 0 to 9999. */
void date_enc(struct buf *out, int64_t unix_s);

/* Appends text fit for a terminal or log: control characters (C1 and those
 * that turn the direction of text too), ESC and bytes that are not UTF-8
 * become \xNN. */
void escape(struct buf *out, struct span text);

#endif
