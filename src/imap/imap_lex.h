/*
 * imap_lex: bytes to tokens of the IMAP grammar (RFC 3501 9), resumable at
 * any byte. Tokens are at most CFG_TOKEN bytes, but literals, which are
 * delivered in pieces, and sets, which are delivered range by range.
 *
 * The owner of this file designs struct imap_lex (complete type here, one
 * token buffer of CFG_TOKEN) and its push function.
 */
#ifndef WHERRY_IMAP_IMAP_LEX_H
#define WHERRY_IMAP_IMAP_LEX_H

#include "base/err.h"
#include "base/span.h"
#include "config.h"

struct imap_lex {
	enum err err;
	uint32_t state;
	uint64_t literal_left;
	char token[CFG_TOKEN];
	size_t n;
};

#endif
