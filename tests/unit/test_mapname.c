/*
 * mapname: keys and names of both sides. Tables of what people have, the
 * refusals, the limits at N and N + 1, and one property over thousands of
 * made-up names: mapping a name to the other side does not change its key.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config.h"
#include "guard.h"
#include "sync/mapname.h"

typedef enum err mapping(const struct mapname *m, struct span name,
	struct buf *out);

static struct mapname
map(const char *prefix, char remote_sep, char local_sep)
{
	return (struct mapname){span_of(prefix), remote_sep, local_sep};
}

/* want NULL: ERR_SYNTAX, with a reason. */
static void
expect(mapping *f, const struct mapname *m, const char *name, const char *want)
{
	char memory[4 * CFG_TOKEN];
	char *copy = guard_copy(name, strlen(name));
	struct buf out;
	enum err e;

	BUF_INIT(&out, memory);
	err_clear();
	e = f(m, (struct span){copy, strlen(name)}, &out);
	guard_free(copy);
	if (want == NULL) {
		if (e != ERR_SYNTAX || err_detail()[0] == '\0') {
			fail_msg("\"%s\" was not refused: %d", name, e);
		}
		return;
	}
	if (e != ERR_OK || !span_is(buf_get(&out), want)) {
		fail_msg("\"%s\" gave %d \"%.*s\", not \"%s\"", name, e,
			(int)out.n, memory, want);
	}
}

static void
keys_of_remote(void **unused)
{
	struct mapname m = map("", '/', '.');

	(void)unused;
	expect(mapname_key_remote, &m, "INBOX", "INBOX\1");
	expect(mapname_key_remote, &m, "inbox", "INBOX\1");
	expect(mapname_key_remote, &m, "InBoX/Sub", "INBOX\1Sub\1");
	expect(mapname_key_remote, &m, "Sub/inbox", "Sub\1inbox\1");
	expect(mapname_key_remote, &m, "INBOXES", "INBOXES\1");
	expect(mapname_key_remote, &m, "a/b/c", "a\1b\1c\1");
	expect(mapname_key_remote, &m, "a.b", "a.b\1");
	expect(mapname_key_remote, &m, "Entw&APw-rfe", "Entw\303\274rfe\1");
	expect(mapname_key_remote, &m, "A&-B", "A&B\1");
	m.remote_sep = '\0'; /* no hierarchy: one part, whatever is in it */
	expect(mapname_key_remote, &m, "a/b", "a/b\1");
}

static void
keys_of_local(void **unused)
{
	struct mapname m = map("", '/', '.');

	(void)unused;
	expect(mapname_key_local, &m, "inbox", "INBOX\1");
	expect(mapname_key_local, &m, "a.b.c", "a\1b\1c\1");
	expect(mapname_key_local, &m, "Entw&APw-rfe", "Entw\303\274rfe\1");
	expect(mapname_key_local, &m, "Entw\303\274rfe", "Entw\303\274rfe\1");
	expect(mapname_key_local, &m, "A&B", "A&B\1");
	m.local_sep = '/';
	expect(mapname_key_local, &m, "a.b/c", "a.b\1c\1");
}

static void
prefix_inbox(void **unused)
{
	struct mapname m = map("INBOX.", '.', '/');

	(void)unused;
	expect(mapname_key_remote, &m, "INBOX", "INBOX\1");
	expect(mapname_key_remote, &m, "INBOX.Sent", "Sent\1");
	expect(mapname_key_remote, &m, "inbox.Sent.2024", "Sent\0012024\1");
	expect(mapname_key_remote, &m, "Other.x", "Other\1x\1");
	expect(mapname_key_local, &m, "INBOX/Sent", "Sent\1");
	expect(mapname_key_local, &m, "Sent", "Sent\1");
	expect(mapname_key_local, &m, "INBOX", "INBOX\1");
	/* the server writes it with the prefix, and so it is called here */
	expect(mapname_to_local, &m, "INBOX.Sent", "INBOX/Sent");
	expect(mapname_to_remote, &m, "INBOX/Sent", "INBOX.Sent");
	expect(mapname_to_remote, &m, "Sent", "INBOX.Sent");
	expect(mapname_to_remote, &m, "Sent/2024", "INBOX.Sent.2024");
	expect(mapname_to_remote, &m, "INBOX", "INBOX");
	expect(mapname_to_remote, &m, "inbox", "inbox");
}

/* A folder INBOX below the prefix is not the INBOX. */
static void
inbox_below_the_prefix(void **unused)
{
	struct mapname m = map("INBOX.", '.', '.');

	(void)unused;
	expect(mapname_key_remote, &m, "INBOX.INBOX", "INBOX\1INBOX\1");
	expect(mapname_key_remote, &m, "INBOX.inbox.x", "INBOX\1inbox\1x\1");
	expect(mapname_key_local, &m, "INBOX.INBOX", "INBOX\1INBOX\1");
	expect(mapname_to_remote, &m, "INBOX.INBOX", "INBOX.INBOX");
	m = map("Mail/", '/', '/');
	expect(mapname_key_remote, &m, "Mail/a", "a\1");
	expect(mapname_key_remote, &m, "Mail/INBOX", "Mail\1INBOX\1");
	expect(mapname_key_remote, &m, "INBOX/a", "INBOX\1a\1");
	/* what is below INBOX here is below INBOX there */
	expect(mapname_to_remote, &m, "INBOX/a", "INBOX/a");
	expect(mapname_to_remote, &m, "a", "Mail/a");
}

static void
separators(void **unused)
{
	struct mapname m = map("", '/', '.');

	(void)unused;
	expect(mapname_to_local, &m, "a/b", "a.b");
	expect(mapname_to_remote, &m, "a.b", "a/b");
	m = map("", '.', '/');
	expect(mapname_to_local, &m, "a.b", "a/b");
	expect(mapname_to_remote, &m, "a/b", "a.b");
	m = map("", '\\', '.'); /* Exchange of old */
	expect(mapname_to_local, &m, "a\\b", "a.b");
	m = map("", '\0', '.');
	expect(mapname_to_local, &m, "a", "a");
	expect(mapname_to_remote, &m, "a", "a");
	expect(mapname_to_remote, &m, "a.b", NULL);
}

static void
encodings(void **unused)
{
	struct mapname m = map("", '/', '.');

	(void)unused;
	/* from the server as it writes it; from people in UTF-8 */
	expect(mapname_to_local, &m, "Entw&APw-rfe", "Entw&APw-rfe");
	expect(mapname_to_remote, &m, "Entw&APw-rfe", "Entw&APw-rfe");
	expect(mapname_to_remote, &m, "Entw\303\274rfe", "Entw&APw-rfe");
	expect(mapname_to_remote, &m, "A&B", "A&-B");
	expect(mapname_to_remote, &m, "A&-B", "A&-B");
	expect(mapname_to_remote, &m, "a.\303\274", "a/&APw-");
	expect(mapname_to_remote, &m, "\303", NULL);
	expect(mapname_key_local, &m, "\303", NULL);
	expect(mapname_key_remote, &m, "\377", NULL);
}

static void
refusals_of_keys(void **unused)
{
	static const char *const names[] = {"", ".", "..", "/", "/a", "a/",
		"a//b", "a/./b", "a/../b", "..", "a\tb", "a\nb", "\1", "a/\177",
		"a&AAE-b", "a&AAo-b", "a&AH8-b"};
	struct mapname m = map("", '/', '/');

	(void)unused;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		expect(mapname_key_remote, &m, names[i], NULL);
		expect(mapname_key_local, &m, names[i], NULL);
	}
}

static void
refusals_of_local(void **unused)
{
	static const char *const names[] = {"", "a/", "/a", "a//b", "a/..",
		"cur", "a/new", "tmp/a", ".wherry", ".wherry-x", "a/.wherry",
		"a.b", "a\rb"};
	struct mapname m = map("", '/', '.');

	(void)unused;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		expect(mapname_to_local, &m, names[i], NULL);
	}
	expect(mapname_to_local, &m, "Cur", "Cur");
	m = map("", '.', '.');
	expect(mapname_to_local, &m, "a/b", NULL); /* never a path by chance */
	assert_non_null(strstr(err_detail(), "\"/\""));
}

static void
refusals_of_remote(void **unused)
{
	static const char *const names[] = {"", ".", "a.", ".a", "a..b", "a/b",
		"a\nb"};
	struct mapname m = map("", '/', '.');

	(void)unused;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		expect(mapname_to_remote, &m, names[i], NULL);
	}
}

/* --- limits --- */

static enum err
into(mapping *f, const struct mapname *m, const char *name, size_t cap)
{
	char memory[4 * CFG_TOKEN];
	struct buf out;

	buf_init(&out, memory, cap);
	err_clear();
	return f(m, span_of(name), &out);
}

/* The result needs n bytes: n do, n - 1 are ERR_LIMIT with the knob. */
static void
needs(mapping *f, const struct mapname *m, const char *name, size_t n)
{
	assert_int_equal(into(f, m, name, n), ERR_OK);
	for (size_t less = 0; less < n; less++) {
		if (into(f, m, name, less) != ERR_LIMIT ||
			strstr(err_detail(), "CFG_TOKEN") == NULL) {
			fail_msg("\"%s\" into %zu bytes: \"%s\"", name, less,
				err_detail());
		}
	}
}

static void
limits(void **unused)
{
	static const char cjk[] =
		"&ZeVnLIqeZeVnLIqeZeVnLIqe-"; /* 26 bytes for 27 of UTF-8 */
	struct mapname m = map("", '/', '.');

	(void)unused;
	needs(mapname_key_remote, &m, "a/bc", 5);
	needs(mapname_key_remote, &m, "inbox", 6);
	needs(mapname_key_remote, &m, cjk, 28);
	needs(mapname_key_local, &m, "a.\303\274", 5);
	needs(mapname_to_local, &m, "a/bc", 4);
	needs(mapname_to_remote, &m, "a.bc", 4);
	needs(mapname_to_remote, &m, "\303\274", 5);
	m.prefix = SPAN("INBOX/");
	needs(mapname_to_remote, &m, "a", 7);
}

static void
token_length(void **unused)
{
	char name[CFG_TOKEN + 2];
	struct mapname m = map("", '/', '/');

	(void)unused;
	for (size_t i = 0; i < sizeof(name); i++) {
		name[i] = i % 100 == 50 ? '/' : 'x';
	}
	name[CFG_TOKEN] = '\0';
	assert_int_equal(into(mapname_to_local, &m, name, CFG_TOKEN), ERR_OK);
	assert_int_equal(into(mapname_key_remote, &m, name, CFG_TOKEN + 1),
		ERR_OK);
	name[CFG_TOKEN] = 'x';
	name[CFG_TOKEN + 1] = '\0';
	assert_int_equal(into(mapname_to_local, &m, name, CFG_TOKEN),
		ERR_LIMIT);
	assert_int_equal(into(mapname_key_remote, &m, name, CFG_TOKEN + 1),
		ERR_LIMIT);
}

static void
component_length(void **unused)
{
	char name[300];
	struct mapname m = map("", '/', '/');

	(void)unused;
	memset(name, 'x', sizeof(name));
	name[255] = '\0';
	assert_int_equal(into(mapname_to_local, &m, name, 1024), ERR_OK);
	name[255] = 'x';
	name[256] = '\0';
	assert_int_equal(into(mapname_to_local, &m, name, 1024), ERR_SYNTAX);
}

/* --- the property --- */

static uint32_t seed = 1;

static uint32_t
roll(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static void
make_name(char *out, size_t cap, char sep)
{
	static const char *const parts[] = {"INBOX", "inbox", "Sent", "a", "b c",
		"Entw&APw-rfe", "\303\274", "A&B", "A&-B", "cur", ".", "x.y",
		"x/y", "Mail", "&ZeVnLIqe-", "", ".hidden", "a\\b"};
	struct buf b;
	uint32_t n = 1 + roll(3);

	buf_init(&b, out, cap);
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0) {
			buf_char(&b, sep);
		}
		buf_str(&b, parts[roll(sizeof(parts) / sizeof(parts[0]))]);
	}
	buf_cstr(&b);
}

static bool
same_key(mapping *key_a, const char *a, mapping *key_b, const char *b,
	const struct mapname *m)
{
	char ka[512], kb[512];
	struct buf x, y;
	enum err ea, eb;

	BUF_INIT(&x, ka);
	BUF_INIT(&y, kb);
	ea = key_a(m, span_of(a), &x);
	eb = key_b(m, span_of(b), &y);
	return ea != ERR_OK || /* left out before it is mapped */
		(eb == ERR_OK && span_eq(buf_get(&x), buf_get(&y)));
}

static void
one_name(const struct mapname *m, unsigned *mapped)
{
	char name[256], other[512];
	struct buf b;

	make_name(name, sizeof(name), m->remote_sep ? m->remote_sep : '+');
	BUF_INIT(&b, other);
	if (mapname_to_local(m, span_of(name), &b) == ERR_OK) {
		++*mapped;
		buf_cstr(&b);
		if (!same_key(mapname_key_remote, name, mapname_key_local,
			other, m)) {
			fail_msg("there \"%s\", here \"%s\": other keys "
				"(prefix %.*s, %c %c)", name, other,
				(int)m->prefix.n, m->prefix.p, m->remote_sep,
				m->local_sep);
		}
	}
	make_name(name, sizeof(name), m->local_sep);
	BUF_INIT(&b, other);
	if (mapname_to_remote(m, span_of(name), &b) == ERR_OK) {
		++*mapped;
		buf_cstr(&b);
		if (!same_key(mapname_key_local, name, mapname_key_remote,
			other, m)) {
			fail_msg("here \"%s\", there \"%s\": other keys "
				"(prefix %.*s, %c %c)", name, other,
				(int)m->prefix.n, m->prefix.p, m->remote_sep,
				m->local_sep);
		}
	}
}

static void
mapping_keeps_the_key(void **unused)
{
	static const char remote_seps[] = {'/', '.', '\\', '\0'};
	static const char *const prefixes[] = {"", "INBOX?", "Mail?"};
	unsigned mapped = 0;

	(void)unused;
	for (unsigned i = 0; i < 24000; i++) {
		char prefix[16], rs = remote_seps[i % 4];
		struct mapname m = map("", rs, i / 4 % 2 ? '/' : '.');
		char *mark;

		strcpy(prefix, prefixes[i / 8 % 3]);
		mark = strchr(prefix, '?');
		if (mark != NULL) {
			*mark = rs != '\0' ? rs : '.';
		}
		m.prefix = span_of(prefix);
		one_name(&m, &mapped);
	}
	assert_true(mapped > 10000); /* not everything was refused */
}

static void
titles(void **unused)
{
	char memory[64];
	struct buf b;

	(void)unused;
	BUF_INIT(&b, memory);
	mapname_title(SPAN("Entw&APw-rfe"), &b);
	assert_true(span_is(buf_get(&b), "Entw\303\274rfe"));
	BUF_INIT(&b, memory);
	mapname_title(SPAN("a\033[1m&B"), &b);
	assert_null(memchr(memory, 27, b.n));
	BUF_INIT(&b, memory);
	mapname_title(SPAN("\377"), &b);
	assert_true(span_is(buf_get(&b), "\\xff"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_of_remote),
		cmocka_unit_test(keys_of_local),
		cmocka_unit_test(prefix_inbox),
		cmocka_unit_test(inbox_below_the_prefix),
		cmocka_unit_test(separators),
		cmocka_unit_test(encodings),
		cmocka_unit_test(refusals_of_keys),
		cmocka_unit_test(refusals_of_local),
		cmocka_unit_test(refusals_of_remote),
		cmocka_unit_test(limits),
		cmocka_unit_test(token_length),
		cmocka_unit_test(component_length),
		cmocka_unit_test(mapping_keeps_the_key),
		cmocka_unit_test(titles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
