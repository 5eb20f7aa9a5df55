/*
 * imap_lex: one function per state, each of which takes what it can from the
 * input and says whether a token is ready, another state goes on, or more
 * input is needed. Nothing is looked at twice and nothing is put back: an atom
 * ends before the byte that ends it, which stays in the input.
 *
 * Tolerated beyond the grammar: any number of blanks, CR as a blank, LF alone
 * as the end of a line, 8-bit and control bytes in atoms and strings, a
 * backslash in a quoted string that escapes nothing (it stands for itself),
 * and a brace that announces no literal (it is part of an atom). When
 * skipping, also a quoted string that the end of the line ends: the human
 * text of a response that we do not know may hold a lone quote.
 */
#include <string.h>

#include "imap/imap_lex.h"

enum state { IDLE, ATOM, QUOTED, ESCAPED, BRACE, COLLECT, STREAM, SET, TEXT };

enum step {
	STEP_ON,    /* the state that is set now goes on */
	STEP_TOKEN, /* a token is ready */
	STEP_INPUT, /* the input is used up */
	STEP_FAIL   /* l->err is set */
};

/* Parts of "{12+}" CRLF. */
enum phase { PHASE_OPEN, PHASE_DIGITS, PHASE_PLUS, PHASE_CLOSED, PHASE_CR };

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool
ends_atom(unsigned mode, char c)
{
	switch (c) {
	case ' ':
	case '\t':
	case '\r':
	case '\n':
		return true;
	case '(':
	case ')':
	case '{':
	case '"':
		return (mode & IMAP_LEX_NAME) == 0;
	case '[':
		return (mode & IMAP_LEX_LBRACKET) != 0;
	case ']':
		return (mode & IMAP_LEX_RBRACKET) != 0;
	default:
		return false;
	}
}

/* Letters, digits and most signs, in any mode. */
static bool
plain(char c)
{
	return c > ')' && c != '[' && c != ']' && c != '{';
}

/* n is at most in->n. */
static struct span
take(struct span *in, size_t n)
{
	struct span taken = {in->p, n};

	in->p += n;
	in->n -= n;
	return taken;
}

/* false: the token is too long, l->err is set. */
static bool
append(struct imap_lex *l, unsigned mode, struct span s)
{
	l->length += s.n;
	if ((mode & IMAP_LEX_SKIP) != 0) {
		return true;
	}
	if (s.n > sizeof(l->token) - l->n) {
		if ((mode & IMAP_LEX_SOFT) == 0) {
			l->err = err_set(ERR_LIMIT, "CFG_TOKEN: the server "
				"sent a name or string of more than %d bytes",
				CFG_TOKEN);
			return false;
		}
		l->cut = true;
		s.n = sizeof(l->token) - l->n;
	}
	if (s.n > 0) {
		memcpy(l->token + l->n, s.p, s.n);
	}
	l->n += s.n;
	return true;
}

static enum step
emit(struct imap_lex *l, struct imap_tok *t, enum imap_tok_kind kind)
{
	*t = (struct imap_tok){.kind = kind, .s = {l->token, l->n},
		.cut = l->cut, .first = l->first};
	l->state = IDLE;
	return STEP_TOKEN;
}

static enum step
emit_sign(struct imap_lex *l, struct imap_tok *t, enum imap_tok_kind kind,
	struct span *in)
{
	take(in, 1);
	*t = (struct imap_tok){.kind = kind};
	l->state = IDLE;
	return STEP_TOKEN;
}

static enum step
enter(struct imap_lex *l, enum state state)
{
	l->state = (uint8_t)state;
	return STEP_ON;
}

/* What begins with c, which is no blank; words of the modes apart. */
static enum step
begin_token(struct imap_lex *l, unsigned mode, struct span *in,
	struct imap_tok *t, char c)
{
	switch (c) {
	case '\n':
		return emit_sign(l, t, IMAP_TOK_EOL, in);
	case '(':
		return emit_sign(l, t, IMAP_TOK_LPAR, in);
	case ')':
		return emit_sign(l, t, IMAP_TOK_RPAR, in);
	case '[':
		return (mode & IMAP_LEX_LBRACKET) != 0
			? emit_sign(l, t, IMAP_TOK_LBRACKET, in)
			: enter(l, ATOM);
	case ']':
		return (mode & IMAP_LEX_RBRACKET) != 0
			? emit_sign(l, t, IMAP_TOK_RBRACKET, in)
			: enter(l, ATOM);
	case '"':
		take(in, 1);
		return enter(l, QUOTED);
	case '{':
		l->phase = PHASE_OPEN;
		l->literal_left = 0;
		l->bad = false;
		if (!append(l, mode, take(in, 1))) {
			return STEP_FAIL;
		}
		return enter(l, BRACE);
	default:
		return enter(l, ATOM);
	}
}

static enum step
idle(struct imap_lex *l, unsigned mode, struct span *in, struct imap_tok *t)
{
	char c;

	while (in->n > 0 && is_blank(in->p[0])) {
		take(in, 1);
	}
	if (in->n == 0) {
		return STEP_INPUT;
	}
	c = in->p[0];
	if ((mode & IMAP_LEX_SET) != 0 && c == ',') {
		take(in, 1);
		return STEP_ON;
	}
	l->n = 0;
	l->length = 0;
	l->cut = false;
	l->first = c;
	if ((mode & IMAP_LEX_LEAD) != 0 && c == '[') {
		return emit_sign(l, t, IMAP_TOK_LBRACKET, in);
	}
	if ((mode & (IMAP_LEX_LEAD | IMAP_LEX_TEXT)) != 0) {
		return enter(l, TEXT);
	}
	if ((mode & IMAP_LEX_SET) != 0 && c >= '0' && c <= '9') {
		l->num[0] = l->num[1] = 0;
		l->part = 0;
		l->bad = l->digits = false;
		return enter(l, SET);
	}
	return begin_token(l, mode, in, t, c);
}

static enum step
atom(struct imap_lex *l, unsigned mode, struct span *in, struct imap_tok *t)
{
	size_t n = 0;

	while (n < in->n && (plain(in->p[n]) || !ends_atom(mode, in->p[n]))) {
		n++;
	}
	if (!append(l, mode, take(in, n))) {
		return STEP_FAIL;
	}
	if (in->n == 0) {
		return STEP_INPUT;
	}
	/* literal8, RFC 3516: ~{12} */
	if (in->p[0] == '{' && l->length == 1 && l->first == '~') {
		return begin_token(l, mode, in, t, '{');
	}
	return emit(l, t, IMAP_TOK_ATOM);
}

static enum step
quoted(struct imap_lex *l, unsigned mode, struct span *in, struct imap_tok *t)
{
	size_t n = 0;

	while (n < in->n && in->p[n] != '"' && in->p[n] != '\\' &&
		in->p[n] != '\r' && in->p[n] != '\n') {
		n++;
	}
	if (!append(l, mode, take(in, n))) {
		return STEP_FAIL;
	}
	if (in->n == 0) {
		return STEP_INPUT;
	}
	if (in->p[0] == '\\') {
		take(in, 1);
		return enter(l, ESCAPED);
	}
	if (in->p[0] == '"') {
		take(in, 1);
		return emit(l, t, IMAP_TOK_STRING);
	}
	if ((mode & IMAP_LEX_SKIP) != 0) {
		return emit(l, t, IMAP_TOK_STRING);
	}
	l->err = err_set(ERR_PROTO,
		"the server ended a line inside a quoted string");
	return STEP_FAIL;
}

static enum step
escaped(struct imap_lex *l, unsigned mode, struct span *in, struct imap_tok *t)
{
	bool known;

	(void)t;
	if (in->n == 0) {
		return STEP_INPUT;
	}
	known = in->p[0] == '"' || in->p[0] == '\\';
	/* "\Deleted" for "\\Deleted" happens */
	if (!known && !append(l, mode, SPAN("\\"))) {
		return STEP_FAIL;
	}
	if (known && !append(l, mode, take(in, 1))) {
		return STEP_FAIL;
	}
	return enter(l, QUOTED);
}

static enum step
begin_literal(struct imap_lex *l, unsigned mode, struct imap_tok *t)
{
	if (l->bad) {
		l->err = err_set(ERR_PROTO,
			"the server announced a literal of absurd size");
		return STEP_FAIL;
	}
	l->n = 0;
	l->length = 0;
	l->cut = false;
	if ((mode & IMAP_LEX_STREAM) == 0) {
		return enter(l, COLLECT);
	}
	*t = (struct imap_tok){.kind = IMAP_TOK_LITERAL,
		.size = l->literal_left};
	l->state = STREAM;
	return STEP_TOKEN;
}

/* The phase after c, or -1 if c does not continue a literal's announcement. */
static int
next_phase(const struct imap_lex *l, char c)
{
	bool digits = l->phase == PHASE_DIGITS;

	if (c >= '0' && c <= '9') {
		return digits || l->phase == PHASE_OPEN ? PHASE_DIGITS : -1;
	}
	if (c == '+') {
		return digits ? PHASE_PLUS : -1;
	}
	if (c == '}') {
		return digits || l->phase == PHASE_PLUS ? PHASE_CLOSED : -1;
	}
	return c == '\r' && l->phase == PHASE_CLOSED ? PHASE_CR : -1;
}

static enum step
brace(struct imap_lex *l, unsigned mode, struct span *in, struct imap_tok *t)
{
	while (in->n > 0) {
		char c = in->p[0];
		int phase = next_phase(l, c);

		if (c == '\n' && l->phase >= PHASE_CLOSED) {
			take(in, 1);
			return begin_literal(l, mode, t);
		}
		if (phase < 0) {
			/* a CR that was passed over was a blank */
			return l->phase == PHASE_CR ? emit(l, t, IMAP_TOK_ATOM)
						    : enter(l, ATOM);
		}
		l->phase = (uint8_t)phase;
		if (phase == PHASE_CR) {
			take(in, 1);
			continue;
		}
		if (phase == PHASE_DIGITS) {
			l->bad = l->bad || l->literal_left > INT64_MAX / 10 - 1;
			l->literal_left = l->literal_left * 10 +
				(uint64_t)(c - '0');
		}
		if (!append(l, mode, take(in, 1))) {
			return STEP_FAIL;
		}
	}
	return STEP_INPUT;
}

static struct span
take_literal(struct imap_lex *l, struct span *in)
{
	struct span s = take(in, in->n < l->literal_left
			? in->n : (size_t)l->literal_left);

	l->literal_left -= s.n;
	return s;
}

static enum step
collect(struct imap_lex *l, unsigned mode, struct span *in, struct imap_tok *t)
{
	if (!append(l, mode, take_literal(l, in))) {
		return STEP_FAIL;
	}
	return l->literal_left > 0 ? STEP_INPUT : emit(l, t, IMAP_TOK_STRING);
}

static enum step
stream(struct imap_lex *l, unsigned mode, struct span *in, struct imap_tok *t)
{
	(void)mode;
	if (l->literal_left == 0) {
		return emit(l, t, IMAP_TOK_DATA_END);
	}
	if (in->n == 0) {
		return STEP_INPUT;
	}
	*t = (struct imap_tok){.kind = IMAP_TOK_DATA,
		.s = take_literal(l, in)};
	return STEP_TOKEN;
}

static enum step
emit_range(struct imap_lex *l, struct span *in, struct imap_tok *t)
{
	bool comma = in->p[0] == ',';
	uint32_t a, b;

	l->bad = l->bad || !l->digits;
	if (comma) {
		take(in, 1);
	}
	a = l->bad ? 0 : (uint32_t)l->num[0];
	b = l->bad ? 0 : (uint32_t)l->num[l->part];
	*t = (struct imap_tok){.kind = IMAP_TOK_RANGE, .lo = a < b ? a : b,
		.hi = a < b ? b : a, .last = !comma};
	l->state = IDLE;
	return STEP_TOKEN;
}

static bool
ends_range(char c)
{
	return is_blank(c) || c == '\n' || c == ',' || c == '(' || c == ')' ||
		c == ']';
}

static enum step
set(struct imap_lex *l, unsigned mode, struct span *in, struct imap_tok *t)
{
	(void)mode;
	for (; in->n > 0; take(in, 1)) {
		char c = in->p[0];

		if (ends_range(c)) {
			return emit_range(l, in, t);
		}
		if (c >= '0' && c <= '9') {
			uint64_t v = l->num[l->part] * 10 + (uint64_t)(c - '0');

			l->bad = l->bad || v > UINT32_MAX;
			l->num[l->part] = l->bad ? 0 : v;
			l->digits = true;
		} else if (c == ':' && l->part == 0) {
			l->part = 1;
			l->digits = false;
		} else {
			l->bad = true;
		}
	}
	return STEP_INPUT;
}

static enum step
text(struct imap_lex *l, unsigned mode, struct span *in, struct imap_tok *t)
{
	size_t n = span_find(*in, '\n');
	struct span part = take(in, n);

	(void)mode;
	for (size_t i = 0; i < part.n && l->n < IMAP_LEX_TEXT_MOST; i++) {
		if (part.p[i] != '\r') {
			l->token[l->n++] = part.p[i];
		}
	}
	if (in->n == 0) {
		return STEP_INPUT;
	}
	take(in, 1);
	emit(l, t, IMAP_TOK_TEXT);
	t->s = span_trim(t->s);
	return STEP_TOKEN;
}

static enum step
advance(struct imap_lex *l, unsigned mode, struct span *in, struct imap_tok *t)
{
	switch ((enum state)l->state) {
	case IDLE:
		return idle(l, mode, in, t);
	case ATOM:
		return atom(l, mode, in, t);
	case QUOTED:
		return quoted(l, mode, in, t);
	case ESCAPED:
		return escaped(l, mode, in, t);
	case BRACE:
		return brace(l, mode, in, t);
	case COLLECT:
		return collect(l, mode, in, t);
	case STREAM:
		return stream(l, mode, in, t);
	case SET:
		return set(l, mode, in, t);
	case TEXT:
		return text(l, mode, in, t);
	}
	return STEP_FAIL;
}

void
imap_lex_init(struct imap_lex *l)
{
	memset(l, 0, sizeof(*l));
}

bool
imap_lex_between(const struct imap_lex *l)
{
	return l->state == IDLE;
}

enum err
imap_lex_next(struct imap_lex *l, unsigned mode, struct span in, size_t *used,
	struct imap_tok *t)
{
	struct span rest = in;
	enum step step = l->err == ERR_OK ? STEP_ON : STEP_FAIL;

	while (step == STEP_ON) {
		step = advance(l, mode, &rest, t);
	}
	*used = in.n - rest.n;
	if (step == STEP_FAIL) {
		return l->err;
	}
	return step == STEP_TOKEN ? ERR_OK : ERR_AGAIN;
}
