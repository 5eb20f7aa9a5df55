/*
 * imap_lex: bytes to tokens of the IMAP grammar (RFC 3501 9), resumable at
 * any byte. Tokens are at most CFG_TOKEN bytes, but literals, which can be
 * delivered in pieces, and sets, which are delivered range by range.
 *
 * The grammar of IMAP depends on where one is, so the caller says with each
 * call what it is ready for: the same mode until a token comes.
 */
#ifndef WHERRY_IMAP_IMAP_LEX_H
#define WHERRY_IMAP_IMAP_LEX_H

#include "base/err.h"
#include "base/span.h"
#include "config.h"

/* Longest human text that is kept, bytes. */
#define IMAP_LEX_TEXT_MOST (CFG_TOKEN < 512 ? CFG_TOKEN : 512)

enum imap_tok_kind {
	IMAP_TOK_EOL,	  /* CRLF or a bare LF */
	IMAP_TOK_ATOM,	  /* s; numbers and flags too */
	IMAP_TOK_STRING,  /* s: quoted (without its escapes) or a literal */
	IMAP_TOK_LPAR,	  /* ( */
	IMAP_TOK_RPAR,	  /* ) */
	IMAP_TOK_LBRACKET, /* [, if asked for */
	IMAP_TOK_RBRACKET, /* ], if asked for */
	IMAP_TOK_RANGE,	  /* lo <= hi, last; 0 0 if it is no range of UIDs */
	IMAP_TOK_TEXT,	  /* s: the rest of the line, its end included */
	IMAP_TOK_LITERAL, /* size: announced; then comes: */
	IMAP_TOK_DATA,	  /* s: a piece of it, in the caller's input */
	IMAP_TOK_DATA_END /* all of it was delivered */
};

/* What the caller is ready for. Blanks between tokens are never delivered. */
enum imap_lex_mode {
	IMAP_LEX_PLAIN = 0,
	IMAP_LEX_LBRACKET = 1, /* [ ends an atom and is a token */
	IMAP_LEX_RBRACKET = 2, /* ] likewise */
	IMAP_LEX_NAME = 4,     /* an atom goes on to the next blank */
	IMAP_LEX_SET = 8,      /* what begins with a digit is a RANGE */
	IMAP_LEX_STREAM = 16,  /* literals as LITERAL, DATA.., DATA_END */
	IMAP_LEX_SOFT = 32,    /* a token that is too long is cut (tok.cut) */
	IMAP_LEX_SKIP = 64,    /* keep nothing: s is empty, no limits */
	IMAP_LEX_TEXT = 128,   /* the rest of the line as TEXT */
	IMAP_LEX_LEAD = 256    /* the same, but LBRACKET if it begins with [ */
};

struct imap_tok {
	enum imap_tok_kind kind;
	struct span s; /* valid until the next token that is stored */
	uint64_t size;
	uint32_t lo, hi;
	bool last; /* RANGE: no comma follows */
	bool cut;
	char first; /* first byte of an ATOM, also when skipping */
};

struct imap_lex {
	enum err err;
	uint8_t state, phase, part; /* private, all of it */
	bool cut, bad, digits;
	char first;
	uint64_t literal_left, length, num[2];
	size_t n;
	char token[CFG_TOKEN];
};

void imap_lex_init(struct imap_lex *l);
/* Uses *used bytes of in. ERR_OK: t is a token. ERR_AGAIN: all of in was used.
 * ERR_PROTO (a quoted string without its end, an absurd literal) and
 * ERR_LIMIT (CFG_TOKEN) stick. */
enum err imap_lex_next(struct imap_lex *l, unsigned mode, struct span in,
	size_t *used, struct imap_tok *t);
/* true between two tokens: nothing of one was begun. */
bool imap_lex_between(const struct imap_lex *l);

#endif
