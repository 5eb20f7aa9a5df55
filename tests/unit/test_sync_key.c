/*
 * sync_key: one message gives one key in whatever form it is read, and
 * another message another. Every form is fed whole, in every two pieces and
 * byte by byte, from a copy that ends at a guard page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "guard.h"
#include "sync/sync_key.h"

static uint64_t
in_two(const char *p, size_t n, size_t at, struct sync_key *k)
{
	sync_key_init(k);
	sync_key_push(k, (struct span){p, at});
	sync_key_push(k, (struct span){p + at, n - at});
	return sync_key_get(k);
}

/* The key, the same for every split. */
static uint64_t
key_n(const char *text, size_t n, struct sync_key *k)
{
	char *p = guard_copy(text, n);
	struct sync_key other;
	uint64_t v = in_two(p, n, 0, k);

	for (size_t at = 1; at <= n; at++) {
		if (in_two(p, n, at, &other) != v ||
			sync_key_done(&other) != sync_key_done(k) ||
			sync_key_has_id(&other) != sync_key_has_id(k)) {
			fail_msg("split at %zu: another key", at);
		}
	}
	sync_key_init(&other);
	for (size_t i = 0; i < n; i++) {
		(void)sync_key_get(&other); /* looking changes nothing */
		sync_key_push(&other, (struct span){p + i, 1});
	}
	assert_true(sync_key_get(&other) == v);
	guard_free(p);
	assert_true(v > 0 && v < (uint64_t)1 << 56);
	return v;
}

static uint64_t
key(const char *text)
{
	struct sync_key k;

	return key_n(text, strlen(text), &k);
}

#define SAME(a, b) assert_true(key(a) == key(b))
#define DIFFERENT(a, b) assert_true(key(a) != key(b))

#define ID "Message-ID: <1@example.org>\n"
#define DATE "Date: Mon, 1 Jan 2024 00:00:00 +0000\n"
#define FROM "From: A <a@example.org>\n"
#define SUBJECT "Subject: one two\n"

static const char whole[] = "Return-Path: <a@example.org>\n"
	"Received: from x by y; Mon, 1 Jan 2024\n"
	"\tfor <b@example.org>\n" FROM "To: b@example.org\n" SUBJECT DATE ID
	"Content-Type: text/plain\n\nSubject: not this one\nbody\n";

static void
line_ends(void **unused)
{
	(void)unused;
	SAME(ID DATE FROM SUBJECT "\nbody\n",
		"Message-ID: <1@example.org>\r\n"
		"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
		"From: A <a@example.org>\r\n"
		"Subject: one two\r\n\r\nbody\r\n");
}

static void
reply_and_whole_message(void **unused)
{
	(void)unused;
	SAME(whole, ID DATE FROM SUBJECT "\n");
	SAME(whole, "MESSAGE-ID: <1@example.org>\r\n"
		"DATE: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
		"FROM: A <a@example.org>\r\nSUBJECT: one two\r\n\r\n");
}

static void
order(void **unused)
{
	(void)unused;
	SAME(whole, SUBJECT FROM DATE ID "\n");
	SAME(whole, DATE SUBJECT ID FROM "\n");
	/* but a value stays with its field */
	DIFFERENT("Subject: a\nFrom: b\n\n", "Subject: b\nFrom: a\n\n");
}

static void
folding(void **unused)
{
	(void)unused;
	SAME("Subject: one two\n\n", "Subject: one\n two\n\n");
	SAME("Subject: one two\n\n", "Subject: one\r\n\ttwo\r\n\r\n");
	SAME("Subject: one two\n\n", "Subject:\n one  \n\t two\n\n");
	SAME("Subject: one two\n\n", "Subject: one \t two \n\n");
	SAME("Subject: one two\n\n", "Subject : one two\n\n");
	SAME("Subject: one two\n\n", "Subject: one two\n \n\n");
	DIFFERENT("Subject: one two\n\n", "Subject: onetwo\n\n");
	DIFFERENT("Subject: one\n two\n\n", "Subject: one\ntwo\n\n");
}

static void
what_counts(void **unused)
{
	(void)unused;
	DIFFERENT(ID DATE FROM SUBJECT "\n", ID DATE FROM "\n");
	DIFFERENT(ID DATE FROM SUBJECT "\n",
		ID DATE FROM "Subject: one twO\n\n");
	DIFFERENT(ID DATE FROM SUBJECT "\n", ID DATE FROM "Subject:\n\n");
	DIFFERENT(ID DATE FROM SUBJECT "\n",
		"Message-ID: <2@example.org>\n" DATE FROM SUBJECT "\n");
	DIFFERENT("Date: 1\n\n", "Date: 2\n\n");
	DIFFERENT("From: a\n\n", "From: b\n\n");
	DIFFERENT(SUBJECT SUBJECT "\n", SUBJECT "\n");
}

static void
what_does_not(void **unused)
{
	(void)unused;
	SAME(SUBJECT "X-Status: O\n folded\n\n", SUBJECT "\n");
	SAME("Subjects: a\n" SUBJECT "\n", SUBJECT "\n");
	SAME("Subjec: a\n" SUBJECT "\n", SUBJECT "\n");
	SAME("Message-ID-: a\nMessage-IDs: b\n" SUBJECT "\n", SUBJECT "\n");
	SAME("no colon at all\n" SUBJECT "\n", SUBJECT "\n");
	SAME("From a@example.org Mon Jan  1 00:00:00 2024\n" SUBJECT "\n",
		SUBJECT "\n");
	/* a folded line of another field is not a field */
	SAME("To: a\n Subject: b\n" SUBJECT "\n", SUBJECT "\n");
	SAME(" Subject: b\n" SUBJECT "\n", SUBJECT "\n");
}

static void
body_does_not(void **unused)
{
	struct sync_key k;
	uint64_t v;

	(void)unused;
	SAME(SUBJECT "\nFrom: x\n", SUBJECT "\nFrom: y\n");
	v = key_n(SUBJECT "\n", strlen(SUBJECT "\n"), &k);
	assert_true(sync_key_done(&k));
	sync_key_push(&k, SPAN("From: z\n\n"));
	assert_true(sync_key_get(&k) == v);
}

static void
no_blank_line(void **unused)
{
	struct sync_key k;

	(void)unused;
	SAME(SUBJECT, SUBJECT "\n");
	SAME("Subject: one two", SUBJECT "\n"); /* no line end either */
	SAME("Subject: one two\r", SUBJECT "\n");
	(void)key_n(SUBJECT, strlen(SUBJECT), &k);
	assert_false(sync_key_done(&k));
}

static void
no_header(void **unused)
{
	struct sync_key k;

	(void)unused;
	assert_true(key("") == 1); /* never 0, which means unknown */
	assert_true(key("\nSubject: body\n") == 1);
	assert_true(key("\r\n") == 1);
	assert_true(key("just text without any structure\n") == 1);
	(void)key_n("\n", 1, &k);
	assert_true(sync_key_done(&k));
	assert_false(sync_key_has_id(&k));
}

static void
nul_and_eight_bit(void **unused)
{
	static const char a[] = "Subject: \0\xff\xfe\n\n";
	static const char b[] = "Subject: \0\xff\xfd\n\n";
	struct sync_key k;

	(void)unused;
	assert_true(key_n(a, sizeof(a) - 1, &k) != key_n(b, sizeof(b) - 1, &k));
}

static bool
has_id(const char *text)
{
	struct sync_key k;

	(void)key_n(text, strlen(text), &k);
	return sync_key_has_id(&k);
}

static void
message_id(void **unused)
{
	(void)unused;
	assert_true(has_id(whole));
	assert_true(has_id("message-id:x\n\n"));
	assert_true(has_id("Message-ID:\n <1@example.org>\n\n"));
	assert_false(has_id(DATE FROM SUBJECT "\n"));
	assert_false(has_id("Subject: Message-ID: <1@example.org>\n\n"));
	assert_false(has_id(SUBJECT "\nMessage-ID: <1@example.org>\n"));
	/* one that is there but empty identifies nothing */
	assert_false(has_id("Message-ID:\n" SUBJECT "\n"));
	assert_false(has_id("Message-ID: \t\n \n" SUBJECT "\n"));
}

/* Long values and names cost no memory and lose nothing. */
static void
long_values(void **unused)
{
	static char a[5000], b[5000];
	struct sync_key k;

	(void)unused;
	memset(a, 'x', sizeof(a));
	memcpy(a, "Subject: ", 9);
	memcpy(b, a, sizeof(a));
	b[sizeof(b) - 1] = 'y';
	assert_true(key_n(a, sizeof(a), &k) != key_n(b, sizeof(b), &k));
	memset(a, 'x', sizeof(a)); /* one name without an end */
	assert_true(key_n(a, sizeof(a), &k) == 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_ends),
		cmocka_unit_test(reply_and_whole_message),
		cmocka_unit_test(order),
		cmocka_unit_test(folding),
		cmocka_unit_test(what_counts),
		cmocka_unit_test(what_does_not),
		cmocka_unit_test(body_does_not),
		cmocka_unit_test(no_blank_line),
		cmocka_unit_test(no_header),
		cmocka_unit_test(nul_and_eight_bit),
		cmocka_unit_test(message_id),
		cmocka_unit_test(long_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
