/* conf_filter: folderfilter expressions, as Python evaluates them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "conf/conf.h"
#include "guard.h"

#if CFG_FILTERS

static enum err
run(const char *expression, const char *folder, size_t n, bool *accept)
{
	char *e = guard_copy(expression, strlen(expression) + 1);
	char *f = guard_copy(folder, n);
	enum err err = conf_filter(e, (struct span){f, n}, accept);

	guard_free(e);
	guard_free(f);
	return err;
}

#define yes(expression, folder) check(expression, folder, true, __LINE__)
#define no(expression, folder) check(expression, folder, false, __LINE__)

static void
check(const char *expression, const char *folder, bool want, int line)
{
	bool accept = !want;
	enum err e = run(expression, folder, strlen(folder), &accept);

	if (e != ERR_OK || accept != want) {
		fail_msg("line %d: %s on %s: %d %d %s", line, expression,
			folder, e, accept, e != ERR_OK ? err_detail() : "");
	}
}

static void
bad(const char *expression, const char *reason)
{
	bool accept;
	enum err e = run(expression, "INBOX", 5, &accept);

	if (e != ERR_CONF || strstr(err_detail(), reason) == NULL) {
		fail_msg("%s: %d %s", expression, e, err_detail());
	}
}

static void
lists(void **state)
{
	(void)state;
	yes("", "INBOX");
	yes("lambda f: f in ['INBOX', 'Sent']", "INBOX");
	yes("lambda f: f in ['INBOX', 'Sent']", "Sent");
	no("lambda f: f in ['INBOX', 'Sent']", "INBO");
	no("lambda f: f in ['INBOX', 'Sent']", "INBOXX");
	no("lambda f: f in ['INBOX', 'Sent']", "inbox");
	no("lambda f: f in ['INBOX', 'Sent']", "");
	no("lambda f: f not in ['INBOX', 'Sent']", "Sent");
	yes("lambda f: f not in ['INBOX', 'Sent']", "Other");
	yes("lambda f: f not in []", "x");
	no("lambda f: f in []", "x");
	no("lambda f: f in ()", "x");
	yes("lambda f: f in ['']", "");
	yes("lambda foldername:foldername in['a',]", "a");
	yes("lambda _x1: _x1 in ('a', 'b')", "b");
	yes("lambda f: f in ('a',)", "a");
	no("lambda f: f in ('abc',)", "b"); /* a tuple */
	yes("lambda f: f == 'a'", "a");
	no("lambda f: f == 'a'", "b");
	no("lambda f: f != 'a'", "a");
	yes("lambda f: f != 'a'", "b");
}

static void
substrings(void **state)
{
	(void)state;
	no("lambda f: f not in '[Gmail]/All Mail'", "All");
	yes("lambda f: f not in '[Gmail]/All Mail'", "INBOX");
	no("lambda f: f not in '[Gmail]/All Mail'", "[Gmail]/All Mail");
	yes("lambda f: f in 'abab' 'abac'", "ababac");
	yes("lambda f: f in ('abc')", "b"); /* no tuple */
	yes("lambda f: f in ('ab' 'c')", "bc");
	yes("lambda f: f in 'x'", "");
	yes("lambda f: f in ''", "");
	no("lambda f: f in ''", "x");
	no("lambda f: f in 'abc'", "abcd");
	yes("lambda f: f in 'abc'", "c");
	yes("lambda f: f in 'aaab'", "aab");
}

static void
literals(void **state)
{
	(void)state;
	yes("lambda f: f in [\"it's\"]", "it's");
	yes("lambda f: f in ['a' 'b', 'c']", "ab"); /* a lost comma */
	no("lambda f: f in ['a' 'b', 'c']", "b");
	yes("lambda f: f in ['a' \"b\" r'c' '''d''']", "abcd");
	yes("lambda f: f in [u'a', r'b', b'c', R'd', U'e', rb'f', Br'g']",
		"g");
	yes("lambda f: f in ['''a'b\"\nc''']", "a'b\"\nc");
	yes("lambda f: f in [\"\"\"a\"\"b\"\"\"]", "a\"\"b");
	yes("lambda f: f in ['']", "");
	yes("lambda f: f in ['''''']", "");
	yes("lambda f: f in ['a\\'b', 'c']", "a'b");
	yes("lambda f: f in ['\\[Gmail\\]']", "\\[Gmail\\]"); /* kept */
	yes("lambda f: f in ['\\\\1']", "\\1");
	yes("lambda f: f in ['\\a\\b\\f\\n\\r\\t\\v\\\"']", "\a\b\f\n\r\t\v\"");
	yes("lambda f: f in ['\\101\\60\\7x']", "A0\ax");
	yes("lambda f: f in ['\\x41\\x6f']", "Ao");
	yes("lambda f: f in ['\\xe4']", "\xc3\xa4");
	yes("lambda f: f in ['\\u00e4']", "\xc3\xa4");
	yes("lambda f: f in ['\\u20ac\\U0001F600']",
		"\xe2\x82\xac\xf0\x9f\x98\x80");
	yes("lambda f: f in [b'\\u00e4']", "\\u00e4");
	yes("lambda f: f in [b'\\xe4']", "\xe4");
	yes("lambda f: f in ['\xc3\xa4']", "\xc3\xa4");
	yes("lambda f: f in [r'a\\n\\'b']", "a\\n\\'b");
	yes("lambda f: f in ['a\\\nb']", "ab"); /* the line goes on */
	yes("lambda f: f in ['# no comment']", "# no comment");
}

static void
blanks(void **state)
{
	(void)state;
	yes("lambda f: f in [\n'a',\n'b',\n]", "b");
	yes("lambda f:\nf\nin\n['a']", "a");
	yes("lambda f: f in \\\n['a', \\\n 'b']", "b");
	yes("lambda f: f in [ # the ones\n 'a', # one ['x']\n 'b' ] # end",
		"b");
	no("lambda f: f in [ # 'x',\n 'a']", "x");
	yes("\n lambda f : f not\tin[ 'a' ] \n", "b");
	yes("lambda f: f in ['a'\n'b']", "ab");
}

static void
refused(void **state)
{
	(void)state;
	bad("f in ['a']", "not a lambda at \"f in");
	bad("only_mine", "not a lambda");
	bad("lambda f: re.search('x', f)", "not understood at \"re.search");
	bad("lambda f: not f in ['a']", "not understood at \"not f");
	bad("lambda f: f in ['a'] and f != 'b'", "at \"and f");
	bad("lambda f: g in ['a']", "at \"g in");
	bad("lambda f, g: f in ['a']", "one parameter");
	bad("lambda: True", "one parameter");
	bad("lambda f: True", "not understood at \"True");
	bad("lambda f: f", "not understood at \"\"");
	bad("lambda f: f.lower() in ['a']", "at \".lower");
	bad("lambda f: f not ['a']", "not understood");
	bad("lambda f: f in [a]", "not a string at \"a]");
	bad("lambda f: f in ['a', 5]", "not a string at \"5]");
	bad("lambda f: f in ['a'", "no comma");
	bad("lambda f: f in ['a',", "ends too early");
	bad("lambda f: f in [", "ends too early");
	bad("lambda f: f in ['a',, 'b']", "not a string at \", 'b'");
	bad("lambda f: f in [,]", "not a string");
	bad("lambda f: f in ['a'; 'b']", "no comma at \"; 'b'");
	bad("lambda f: f in ['a')", "no comma");
	bad("lambda f: f in ['a", "closing quote");
	bad("lambda f: f in ['a\nb']", "not closed on its line");
	bad("lambda f: f in '''a''", "closing quote");
	bad("lambda f: f in ['\\x4']", "hexadecimal");
	bad("lambda f: f in ['\\u12']", "hexadecimal");
	bad("lambda f: f in ['\\ud800']", "no such character");
	bad("lambda f: f in ['\\U00110000']", "no such character");
	bad("lambda f: f in ['\\N{BULLET}']", "\\N");
	bad("lambda f: f in [f'a']", "not a string");
	bad("lambda f: f in ['a']]", "at \"]");
	bad("lambda f: f in {'a'}", "not a list");
	bad("lambda f: f in folders", "not a list");
	bad("lambda f: f in 'a', 'b'", "at \", 'b'");
	bad("lambda f: f == g", "not a string");
	bad("lambda f: f in ['a' \\ 'b']", "no comma");
	bad("lambda", "one parameter");
	bad(" ", "not a lambda");
}

/* Cut anywhere, an expression is an error or an answer, and ends there. */
static void
every_cut(void **state)
{
	static const char whole[] = "lambda f: f not in (u'a\\x41', '''b''' "
		"'\\u20ac', \\\n r'c\\'') # x";
	char cut[sizeof(whole)];
	bool accept;

	(void)state;
	for (size_t n = 1; n < sizeof(whole); n++) {
		memcpy(cut, whole, n);
		cut[n] = '\0';
		run(cut, "a", 1, &accept);
	}
	yes(whole, "b");
	no(whole, "aA");
}

static void
long_lists(void **state)
{
	static char e[CFG_VALUE + 1];
	size_t n;

	(void)state;
	n = (size_t)snprintf(e, sizeof(e), "lambda f: f in [");
	for (int i = 0; n + 20 < sizeof(e); i++) {
		n += (size_t)snprintf(e + n, sizeof(e) - n, "'f%d',", i);
	}
	snprintf(e + n, sizeof(e) - n, "'last']");
	yes(e, "last");
	yes(e, "f77");
	no(e, "f");
	/* one huge string, and a name that nearly fits everywhere */
	memset(e, 'a', sizeof(e) - 1);
	memcpy(e, "lambda f: f in '", 16);
	e[CFG_VALUE - 1] = '\'';
	e[CFG_VALUE] = '\0';
	no(e, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
	yes(e, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}

#else

static void
switched_off(void **state)
{
	bool accept = false;

	(void)state;
	assert_int_equal(conf_filter("", SPAN("a"), &accept), ERR_OK);
	assert_true(accept);
	assert_int_equal(conf_filter("lambda f: f == 'a'", SPAN("a"), &accept),
		ERR_CONF);
	assert_non_null(strstr(err_detail(), "CFG_FILTERS"));
}

#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
#if CFG_FILTERS
		cmocka_unit_test(lists),
		cmocka_unit_test(substrings),
		cmocka_unit_test(literals),
		cmocka_unit_test(blanks),
		cmocka_unit_test(refused),
		cmocka_unit_test(every_cut),
		cmocka_unit_test(long_lists),
#else
		cmocka_unit_test(switched_off),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
