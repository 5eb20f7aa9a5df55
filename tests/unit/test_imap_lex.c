/*
 * imap_lex: what each mode makes of the same bytes, fed whole and byte by
 * byte from copies that end at a guard page. Whole lines are in
 * test_imap_resp.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "guard.h"
#include "imap/imap_lex.h"

static struct imap_lex lex;

static void
put_token(struct buf *b, const struct imap_tok *t)
{
	static const char signs[] = "$as()[]r.l.e";

	switch (t->kind) {
	case IMAP_TOK_ATOM:
	case IMAP_TOK_STRING:
		buf_fmt(b, "%c<%.*s>%s", signs[t->kind], (int)t->s.n, t->s.p,
			t->cut ? "cut" : "");
		break;
	case IMAP_TOK_TEXT:
		buf_fmt(b, "text<%.*s>", (int)t->s.n, t->s.p);
		break;
	case IMAP_TOK_RANGE:
		buf_fmt(b, "%u:%u%s", (unsigned)t->lo, (unsigned)t->hi,
			t->last ? ";" : ",");
		break;
	case IMAP_TOK_LITERAL:
		buf_fmt(b, "l%u", (unsigned)t->size);
		break;
	case IMAP_TOK_DATA:
		buf_span(b, t->s);
		break;
	default:
		buf_char(b, signs[t->kind]);
	}
}

static enum err
feed(unsigned mode, struct span in, struct buf *out)
{
	char *copy = guard_copy(in.p, in.n);
	struct span rest = {copy, in.n};
	struct imap_tok t;
	enum err e = ERR_OK;

	while (e == ERR_OK) {
		size_t used;

		e = imap_lex_next(&lex, mode, rest, &used, &t);
		rest = span_from(rest, used);
		if (e == ERR_OK) {
			put_token(out, &t);
		}
	}
	assert_true(e != ERR_AGAIN || rest.n == 0);
	guard_free(copy);
	return e;
}

static void
expect(unsigned mode, const char *in, const char *want, enum err end)
{
	char memory[512];

	for (size_t step = 1; step <= 1000; step += 999) {
		struct span rest = span_of(in);
		enum err e = ERR_AGAIN;
		struct buf out;

		BUF_INIT(&out, memory);
		imap_lex_init(&lex);
		while (rest.n > 0 && e == ERR_AGAIN) {
			e = feed(mode, span_upto(rest, step), &out);
			rest = span_from(rest, step);
		}
		if (e != end || !span_is(buf_get(&out), want)) {
			fail_msg("%s in mode %u: %d %.*s, not %s", in, mode, e,
				(int)out.n, out.p, want);
		}
	}
}

static void
test_plain(void **state)
{
	(void)state;
	expect(IMAP_LEX_PLAIN, "a (b\tc)\r\n", "a<a>(a<b>a<c>)$", ERR_AGAIN);
	expect(IMAP_LEX_PLAIN, "a[b] \\Seen *\n", "a<a[b]>a<\\Seen>a<*>$",
		ERR_AGAIN);
	expect(IMAP_LEX_PLAIN, "\"q \\\" \\\\ \\x\"\"\"\n", "s<q \" \\ \\x>s<>$",
		ERR_AGAIN);
	expect(IMAP_LEX_PLAIN, "{3}\r\na\nb{0+}\n~{1}\r\n)\n",
		"s<a\nb>s<>s<)>$", ERR_AGAIN);
	expect(IMAP_LEX_PLAIN, "a{2}\nbc~ ~a {x {1 {} {1}b\n",
		"a<a>s<bc>a<~>a<~a>a<{x>a<{1>a<{}>a<{1}b>$", ERR_AGAIN);
	expect(IMAP_LEX_PLAIN, "a \"b\n", "a<a>", ERR_PROTO);
	expect(IMAP_LEX_PLAIN, "a \"b\\\r\n", "a<a>", ERR_PROTO);
	expect(IMAP_LEX_PLAIN, "no end", "a<no>", ERR_AGAIN);
}

static void
test_brackets_and_names(void **state)
{
	(void)state;
	expect(IMAP_LEX_LBRACKET, "BODY[x] [\n", "a<BODY>[a<x]>[$", ERR_AGAIN);
	expect(IMAP_LEX_RBRACKET, "a[b]] c]\n", "a<a[b>]]a<c>]$", ERR_AGAIN);
	expect(IMAP_LEX_NAME, "a(b)\"c{1} (\n", "a<a(b)\"c{1}>($", ERR_AGAIN);
	expect(IMAP_LEX_NAME, "\"a b\" {1}\r\nc d\n", "s<a b>s<c>a<d>$",
		ERR_AGAIN);
}

static void
test_set(void **state)
{
	(void)state;
	expect(IMAP_LEX_SET, "1:3,5 7\n", "1:3,5:5;7:7;$", ERR_AGAIN);
	expect(IMAP_LEX_SET, "3:1,4294967295,4294967296,0,1:,2x,:3\n",
		"1:3,4294967295:4294967295,0:0,0:0,0:0,0:0,a<:3>$", ERR_AGAIN);
	expect(IMAP_LEX_SET | IMAP_LEX_RBRACKET, "1] (2) a1 *\n",
		"1:1;](2:2;)a<a1>a<*>$", ERR_AGAIN);
}

static void
test_text(void **state)
{
	(void)state;
	expect(IMAP_LEX_TEXT, "  a \"b {3} \r\n\r\n", "text<a \"b {3}>text<>",
		ERR_AGAIN);
	expect(IMAP_LEX_TEXT, "[x] y\n", "text<[x] y>", ERR_AGAIN);
	expect(IMAP_LEX_LEAD, " [x\n", "[text<x>", ERR_AGAIN);
}

static void
test_stream_and_skip(void **state)
{
	(void)state;
	expect(IMAP_LEX_STREAM, "{5}\r\nab\ncd) {0}\n\n", "l5ab\ncde)l0e$",
		ERR_AGAIN);
	expect(IMAP_LEX_SKIP, "ab \"q\" ({3}\r\n\"((x) \"lone\n",
		"a<>s<>(s<>a<>)s<>$", ERR_AGAIN);
}

static void
test_limit(void **state)
{
	static char in[CFG_TOKEN + 3], memory[CFG_TOKEN + 16];
	struct buf out;

	(void)state;
	memset(in, 'x', sizeof(in));
	for (size_t n = CFG_TOKEN; n <= CFG_TOKEN + 1; n++) {
		bool over = n > CFG_TOKEN;

		BUF_INIT(&out, memory);
		imap_lex_init(&lex);
		in[n] = ' ';
		assert_int_equal(feed(IMAP_LEX_PLAIN, (struct span){in, n + 1},
			&out), over ? ERR_LIMIT : ERR_AGAIN);
		assert_int_equal(out.n, over ? 0 : n + 3);
		/* the error sticks */
		assert_int_equal(feed(IMAP_LEX_PLAIN, SPAN("a "), &out),
			over ? ERR_LIMIT : ERR_AGAIN);
		BUF_INIT(&out, memory);
		imap_lex_init(&lex);
		assert_int_equal(feed(IMAP_LEX_SOFT, (struct span){in, n + 1},
			&out), ERR_AGAIN);
		assert_int_equal(out.n, CFG_TOKEN + (over ? 6 : 3));
		in[n] = 'x';
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_brackets_and_names),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_stream_and_skip),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
