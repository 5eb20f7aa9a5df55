/*
 * codec: small text codecs of the protocols. Pure, bounded, no allocation.
 */
#ifndef WHERRY_BASE_CODEC_H
#define WHERRY_BASE_CODEC_H

#include "base/buf.h"

/* base64, RFC 4648 4. dec: ERR_SYNTAX for anything but one well-formed
 * string. */
void base64_enc(struct buf *out, struct span in);
enum err base64_dec(struct buf *out, struct span in);

/* Modified UTF-7 mailbox names, RFC 3501 5.1.3, to and from UTF-8.
 * dec: ERR_SYNTAX for malformed input (bad base64, lone surrogate, raw 8-bit,
 * an encoded printable ASCII). enc: ERR_SYNTAX for malformed UTF-8. */
enum err mutf7_dec(struct buf *out, struct span name);
enum err mutf7_enc(struct buf *out, struct span utf8);

/* IMAP date-time, RFC 3501 9: "dd-Mon-yyyy hh:mm:ss +zzzz" (leading blank or
 * zero of the day), without the quotes, to seconds since 1970 UTC. */
enum err date_dec(struct span text, int64_t *unix_s);
/* Always written in UTC, "+0000". */
void date_enc(struct buf *out, int64_t unix_s);

/* Appends text fit for a terminal or log: control bytes, ESC and bytes that
 * are not UTF-8 become \xNN. */
void escape(struct buf *out, struct span text);

#endif
