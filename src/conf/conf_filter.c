/*
 * conf_filter: the folderfilter expressions that people write, evaluated while
 * they are parsed. There is no tree and no buffer: a Python string literal is
 * decoded one byte at a time by a struct that can be copied, so that comparing
 * (and, for a substring, comparing again from the next byte) needs no room for
 * the decoded text.
 *
 *   "lambda" NAME ":" NAME ( "in" | "not" "in" | "==" | "!=" ) operand
 *   operand: "[" strings "]" | "(" strings ")" | STRING { STRING }
 *
 * Python's traps are kept: adjacent literals join, ('x') is a string and not a
 * tuple, "in" a string looks for a substring, an unknown escape keeps its
 * backslash. Newlines, comments and backslash-newline count as blanks, also
 * where Python would want brackets around them.
 */
#include <string.h>

#include "conf/conf.h"

#if CFG_FILTERS

#define FORMS "understood are: lambda f: f in ['a', 'b'], not in, == and !="

static enum err
refuse(const char *reason, const char *at, const char *end)
{
	struct span s = {at, (size_t)(end - at)};

	s = span_upto(s, span_find(s, '\n'));
	return err_set(ERR_CONF, "%s at \"%.*s\" (%s)", reason,
		(int)(s.n < 40 ? s.n : 40), s.p, FORMS);
}

/* Blanks, newlines, comments, backslash-newline. */
static const char *
skip(const char *p, const char *end)
{
	while (p < end) {
		if (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\f') {
			p++;
		} else if (*p == '\\' && end - p > 1 && p[1] == '\n') {
			p += 2;
		} else if (*p == '#') {
			while (p < end && *p != '\n') {
				p++;
			}
		} else {
			break;
		}
	}
	return p;
}

/* Adjacent string literals, decoded byte by byte. */
struct text {
	const char *p, *end;
	char quote; /* 0: between two literals */
	bool triple, raw, bytes;
	uint8_t out[4]; /* decoded, not yet given */
	unsigned at, n;
	const char *bad; /* what is wrong with it, or NULL */
};

#define TEXT_END (-1)

/* Length of prefix and opening quote of a literal at p, 0 if there is none. */
static size_t
opens(const char *p, const char *end, struct text *t)
{
	const char *q = p;

	t->raw = t->bytes = t->triple = false;
	for (; end - q > 0 && q - p < 2 && *q != '\'' && *q != '"'; q++) {
		char c = (char)(*q | 0x20);

		if (c != 'r' && c != 'u' && c != 'b') {
			return 0;
		}
		t->raw = t->raw || c == 'r';
		t->bytes = t->bytes || c == 'b';
	}
	if (q == end || (*q != '\'' && *q != '"')) {
		return 0;
	}
	t->quote = *q++;
	if (end - q >= 2 && q[0] == t->quote && q[1] == t->quote) {
		t->triple = true;
		q += 2;
	}
	return (size_t)(q - p);
}

static void
give(struct text *t, unsigned byte)
{
	t->out[t->n++] = (uint8_t)byte;
}

/* A code point as UTF-8. */
static void
give_point(struct text *t, uint32_t u)
{
	if (u > 0x10ffff || (u >= 0xd800 && u <= 0xdfff)) {
		t->bad = "no such character";
	} else if (u < 0x80 || (t->bytes && u < 0x100)) {
		give(t, u);
	} else if (u < 0x800) {
		give(t, 0xc0 | u >> 6);
		give(t, 0x80 | (u & 0x3f));
	} else if (u < 0x10000) {
		give(t, 0xe0 | u >> 12);
		give(t, 0x80 | (u >> 6 & 0x3f));
		give(t, 0x80 | (u & 0x3f));
	} else {
		give(t, 0xf0 | u >> 18);
		give(t, 0x80 | (u >> 12 & 0x3f));
		give(t, 0x80 | (u >> 6 & 0x3f));
		give(t, 0x80 | (u & 0x3f));
	}
}

static int
digit_of(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* Up to `most` digits of a base. All of them must be there if `exact`. */
static void
number(struct text *t, int base, int most, bool exact)
{
	uint32_t u = 0;
	int n = 0;

	for (; n < most && t->p < t->end && digit_of(*t->p) < base; n++) {
		u = u * (uint32_t)base + (uint32_t)digit_of(*t->p++);
	}
	if (exact && n < most) {
		t->bad = "an escape without its hexadecimal digits";
	} else {
		give_point(t, u);
	}
}

/* t->p is behind a backslash that counts. */
static void
escape(struct text *t)
{
	static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
	const char *hit;
	char c = *t->p;

	if (c >= '0' && c <= '7') {
		number(t, 8, 3, false);
		return;
	}
	t->p++;
	hit = c != '\0' ? strchr(from, c) : NULL;
	if (c == '\n') { /* the line goes on */
		return;
	} else if (hit != NULL) {
		give(t, (uint8_t)to[hit - from]);
	} else if (c == 'x') {
		number(t, 16, 2, true);
	} else if (c == 'u' && !t->bytes) {
		number(t, 16, 4, true);
	} else if (c == 'U' && !t->bytes) {
		number(t, 16, 8, true);
	} else if (c == 'N' && !t->bytes) {
		t->bad = "\\N{...} is not understood";
	} else { /* Python keeps the backslash */
		give(t, '\\');
		give(t, (uint8_t)c);
	}
}

/* Inside a literal: takes one character, or the closing quote. */
static void
step_inside(struct text *t)
{
	char c = *t->p;

	if (c == t->quote && !t->triple) {
		t->p++;
		t->quote = 0;
	} else if (c == t->quote && t->end - t->p >= 3 && t->p[1] == c &&
		t->p[2] == c) {
		t->p += 3;
		t->quote = 0;
	} else if (c == '\n' && !t->triple) {
		t->bad = "a string that is not closed on its line";
	} else if (c == '\\' && t->end - t->p >= 2) {
		t->p++;
		if (!t->raw) {
			escape(t);
		} else {
			give(t, '\\');
			give(t, (uint8_t)*t->p++);
		}
	} else {
		give(t, (uint8_t)c);
		t->p++;
	}
}

/* The next byte, or TEXT_END: of the text (p is behind its last literal) or,
 * if t->bad is set, of patience. */
static int
next(struct text *t)
{
	while (t->bad == NULL) {
		if (t->at < t->n) {
			return t->out[t->at++];
		}
		t->at = t->n = 0;
		if (t->quote != 0) {
			if (t->p == t->end) {
				t->bad = "a string without its closing quote";
				break;
			}
			step_inside(t);
		} else {
			const char *p = skip(t->p, t->end);
			size_t n = opens(p, t->end, t);

			if (n == 0) {
				break;
			}
			t->p = p + n;
		}
	}
	return TEXT_END;
}

/* What an expression is read with. */
struct lexer {
	const char *p, *end;
	struct span folder;
};

static bool
is_string(const struct lexer *x)
{
	struct text t;

	return opens(x->p, x->end, &t) > 0;
}

/* Reads the literals at x->p: are they the folder's name? */
static enum err
equals(struct lexer *x, bool *equal)
{
	struct text t = {.p = x->p, .end = x->end};
	size_t n = 0;
	bool same = true;
	int b;

	for (b = next(&t); b != TEXT_END; b = next(&t)) {
		same = same && n < x->folder.n &&
			(uint8_t)x->folder.p[n] == b;
		n++;
	}
	if (t.bad != NULL) {
		return refuse(t.bad, x->p, x->end);
	}
	*equal = same && n == x->folder.n;
	x->p = t.p;
	return ERR_OK;
}

/* Does the text from here begin with the folder's name? */
static bool
begins(struct text t, struct span folder)
{
	for (size_t i = 0; i < folder.n; i++) {
		if (next(&t) != (uint8_t)folder.p[i]) {
			return false;
		}
	}
	return true;
}

/* Reads the literals at x->p: is the folder's name somewhere in them? */
static enum err
contains(struct lexer *x, bool *inside)
{
	struct text t = {.p = x->p, .end = x->end};

	*inside = begins(t, x->folder);
	while (next(&t) != TEXT_END) {
		*inside = *inside || begins(t, x->folder);
	}
	if (t.bad != NULL) {
		return refuse(t.bad, x->p, x->end);
	}
	x->p = t.p;
	return ERR_OK;
}

/* Takes a sign or word if it is there. */
static bool
take(struct lexer *x, const char *word)
{
	const char *p = skip(x->p, x->end);
	size_t n = strlen(word);

	if ((size_t)(x->end - p) < n || memcmp(p, word, n) != 0) {
		return false;
	}
	x->p = p + n;
	return true;
}

static bool
is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
		(c >= '0' && c <= '9') || (uint8_t)c >= 0x80;
}

/* Takes a name; n = 0 if there is none. */
static struct span
take_name(struct lexer *x)
{
	const char *p = skip(x->p, x->end), *q = p;

	while (q < x->end && is_name(*q) && (q > p || *q < '0' || *q > '9')) {
		q++;
	}
	if (q > p) {
		x->p = q;
	}
	return (struct span){p, (size_t)(q - p)};
}

/* Takes a name if it is this one. */
static bool
take_word(struct lexer *x, const char *word)
{
	struct lexer y = *x;

	if (!span_is(take_name(&y), word)) {
		return false;
	}
	*x = y;
	return true;
}

/* What stands where a string should be. */
static enum err
no_string(const struct lexer *x)
{
	const char *p = skip(x->p, x->end);

	return refuse(p == x->end ? "the expression ends too early" :
			"not a string", p, x->end);
}

/* The rest of a list or tuple behind its bracket: is the name a member? A
 * tuple needs a comma: (x) is x, and then *is_text is set. */
static enum err
member(struct lexer *x, char close, bool *found, bool *is_text)
{
	const char closing[2] = {close, '\0'};
	unsigned strings = 0;
	bool equal, comma = true, commas = false;
	enum err e;

	*found = false;
	while (!take(x, closing)) {
		x->p = skip(x->p, x->end);
		if (!comma || !is_string(x)) {
			return comma ? no_string(x) :
				refuse("no comma", x->p, x->end);
		}
		e = equals(x, &equal);
		if (e != ERR_OK) {
			return e;
		}
		*found = *found || equal;
		strings++;
		comma = take(x, ",");
		commas = commas || comma;
	}
	*is_text = close == ')' && strings == 1 && !commas;
	return ERR_OK;
}

/* The operand of "in". */
static enum err
operand(struct lexer *x, bool *found)
{
	struct lexer text;
	bool is_text = false;
	enum err e;

	if (take(x, "[")) {
		return member(x, ']', found, &(bool){false});
	}
	x->p = skip(x->p, x->end);
	if (is_string(x)) {
		return contains(x, found);
	}
	if (!take(x, "(")) {
		return refuse("not a list, tuple or string", x->p, x->end);
	}
	text = *x;
	text.p = skip(text.p, text.end);
	e = member(x, ')', found, &is_text);
	if (e == ERR_OK && is_text) {
		e = contains(&text, found);
	}
	return e;
}

/* The operator and what stands on its right. */
static enum err
compare(struct lexer *x, bool *accept)
{
	bool not_in, hit = false;
	enum err e;

	if (take(x, "==") || take(x, "!=")) {
		bool unequal = x->p[-2] == '!';

		x->p = skip(x->p, x->end);
		if (!is_string(x)) {
			return no_string(x);
		}
		e = equals(x, &hit);
		*accept = hit != unequal;
		return e;
	}
	not_in = take_word(x, "not");
	if (!take_word(x, "in")) {
		const char *p = skip(x->p, x->end);

		return refuse("not understood", p, x->end);
	}
	e = operand(x, &hit);
	*accept = hit != not_in;
	return e;
}

enum err
conf_filter(const char *expression, struct span folder, bool *accept)
{
	struct span all = span_of(expression), parameter, name;
	struct lexer x = {all.p, all.p + all.n, folder};
	const char *p;
	enum err e;

	*accept = true;
	if (all.n == 0) {
		return ERR_OK;
	}
	if (!take_word(&x, "lambda")) {
		p = skip(x.p, x.end);
		return refuse("not a lambda", p, x.end);
	}
	parameter = take_name(&x);
	if (parameter.n == 0 || !take(&x, ":")) {
		p = skip(x.p, x.end);
		return refuse("a lambda of one parameter is wanted", p, x.end);
	}
	p = skip(x.p, x.end);
	name = take_name(&x);
	if (name.n == 0 || !span_eq(name, parameter)) {
		return refuse("not understood", p, x.end);
	}
	e = compare(&x, accept);
	if (e != ERR_OK) {
		return e;
	}
	p = skip(x.p, x.end);
	if (p != x.end) {
		return refuse("not understood", p, x.end);
	}
	return ERR_OK;
}

#else

/* conf_check() stops a configuration that has one: what a filter leaves out
 * is not synced here by chance. */
enum err
conf_filter(const char *expression, struct span folder, bool *accept)
{
	(void)folder;
	*accept = expression[0] == '\0';
	return *accept ? ERR_OK : err_set(ERR_CONF,
		"this wherry was built without it (CFG_FILTERS)");
}

#endif
