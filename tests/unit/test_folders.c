/*
 * folders: a temporary root with Maildirs, a state directory and LIST lines,
 * joined by key. Few and many, flat and nested, the same folder under two
 * names, and what cannot take part.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "scratch.h"
#include "sync/folders.h"

static struct scratch top; /* root/, state/ and work/ are in it */
static fs_fd root, state, work;
static struct folders folders;
static char said[4096]; /* what was logged */

static void
sink(void *user, enum log_level level, struct span text)
{
	(void)user;
	(void)level;
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%.*s\n",
		(int)text.n, text.p);
}

static fs_fd
make_dir(const char *name)
{
	fs_fd fd;

	assert_int_equal(fs_mkdir(top.dir, name, 0700), ERR_OK);
	assert_int_equal(fs_open_dir(top.dir, name, &fd), ERR_OK);
	return fd;
}

static int
setup(void **unused)
{
	(void)unused;
	scratch_make(&top);
	root = make_dir("root");
	state = make_dir("state");
	work = make_dir("work");
	said[0] = '\0';
	log_to(sink, NULL);
	return 0;
}

static int
teardown(void **unused)
{
	char command[600];

	(void)unused;
	folders_end(&folders);
	log_to(NULL, NULL);
	fs_close(&root);
	fs_close(&state);
	fs_close(&work);
	snprintf(command, sizeof(command), "rm -rf '%s'", top.path);
	return system(command);
}

static void
begin(char local_sep)
{
	folders_begin(&folders, work, local_sep);
}

/* A Maildir at path below the root. */
static void
box(const char *path)
{
	static const char *const parts[] = {"", "/cur", "/new", "/tmp"};
	char name[1600];

	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "%s/root/%s%s", top.path, path,
			parts[i]);
		if (mkdir(name, 0700) != 0 && i > 0) {
			fail_msg("mkdir %s", name);
		}
	}
}

static void
plain_dir(const char *path)
{
	char name[1600];

	snprintf(name, sizeof(name), "%s/root/%s", top.path, path);
	assert_int_equal(mkdir(name, 0700), 0);
}

/* A state of an earlier run; md5 is 32 letters, it is not looked at. */
static void
old_state(const char *md5, const char *id, bool head)
{
	char path[600];
	FILE *f;

	snprintf(path, sizeof(path), "%s/state/%s", top.path, md5);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/state/%s/id", top.path, md5);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(id, f);
	fclose(f);
	if (head) {
		snprintf(path, sizeof(path), "%s/state/%s/head", top.path, md5);
		f = fopen(path, "w");
		assert_non_null(f);
		fputs("x", f);
		fclose(f);
	}
}

#define ATTR 16u /* any bit of LIST: it is only passed on */
#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B32 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void
listed(const char *name, char sep, uint32_t attrs)
{
	assert_int_equal(folders_remote(&folders, span_of(name), sep, attrs),
		ERR_OK);
}

static void
look(void)
{
	assert_int_equal(folders_local(&folders, root), ERR_OK);
	assert_int_equal(folders_state(&folders, state), ERR_OK);
	assert_int_equal(folders_sort(&folders), ERR_OK);
}

static struct folder_entry entry;

/* The next one is this: R, L, S say on which sides it is. */
static void
next_is(const char *remote, const char *local, const char *sides)
{
	assert_int_equal(folders_next(&folders, &entry), ERR_OK);
	if (strcmp(entry.remote, remote) != 0 ||
		strcmp(entry.local, local) != 0 ||
		entry.has_remote != (strchr(sides, 'R') != NULL) ||
		entry.has_local != (strchr(sides, 'L') != NULL) ||
		entry.has_state != (strchr(sides, 'S') != NULL) ||
		entry.remote_twice != (strchr(sides, 'r') != NULL) ||
		entry.local_twice != (strchr(sides, 'l') != NULL)) {
		fail_msg("\"%s\" \"%s\" R%d L%d S%d r%d l%d, not \"%s\" \"%s\" "
			"%s", entry.remote, entry.local, entry.has_remote,
			entry.has_local, entry.has_state, entry.remote_twice,
			entry.local_twice, remote, local, sides);
	}
}

static void
no_more(void)
{
	assert_int_equal(folders_next(&folders, &entry), ERR_END);
	assert_int_equal(folders_next(&folders, &entry), ERR_END);
}

static void
nothing_at_all(void **unused)
{
	(void)unused;
	begin('.');
	look();
	no_more();
}

static void
three_streams(void **unused)
{
	(void)unused;
	begin('.');
	listed("Zeta", '/', 0);
	listed("a/b", '/', ATTR);
	listed("INBOX", '/', 0);
	listed("both", '/', 0);
	box("INBOX");
	box("both");
	box("here.only");
	old_state(A32, "host\nuser\nboth\n/\n", true);
	old_state(B32, "host\nuser\nnowhere\n/\n", true);
	look();
	next_is("INBOX", "INBOX", "RL"); /* first, whatever its letter */
	next_is("Zeta", "Zeta", "R");
	next_is("a/b", "a.b", "R");
	assert_int_equal(entry.attrs, ATTR);
	next_is("both", "both", "RLS");
	assert_int_equal(entry.attrs, 0);
	next_is("here/only", "here.only", "L");
	next_is("nowhere", "nowhere", "S");
	no_more();
}

static void
no_boxes(void **unused)
{
	char path[600];
	FILE *f;

	(void)unused;
	plain_dir("half");
	plain_dir("half/cur");
	plain_dir("half/new");
	plain_dir("empty");
	snprintf(path, sizeof(path), "%s/root/file", top.path);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	box("real");
	begin('.');
	listed("INBOX", '/', 0);
	look();
	next_is("INBOX", "INBOX", "R");
	next_is("real", "real", "L");
	no_more();
}

static void
inbox_in_any_case(void **unused)
{
	(void)unused;
	box("Inbox");
	begin('.');
	listed("INBOX", '/', 0);
	old_state(A32, "h\nu\ninbox\n/\n", true);
	look();
	next_is("INBOX", "Inbox", "RLS");
	no_more();
}

static void
prefix(void **unused)
{
	(void)unused;
	box("Sent");	     /* made by a person */
	box("INBOX.Drafts"); /* made by OfflineIMAP */
	begin('.');
	folders_namespace(&folders, SPAN("INBOX."));
	listed("INBOX", '.', 0);
	listed("INBOX.Sent", '.', 0);
	listed("INBOX.Drafts", '.', 0);
	listed("INBOX.New", '.', 0);
	box("Mine");
	look();
	next_is("INBOX", "INBOX", "R");
	next_is("INBOX.Drafts", "INBOX.Drafts", "RL");
	next_is("INBOX.Mine", "Mine", "L");
	next_is("INBOX.New", "INBOX.New", "R");
	next_is("INBOX.Sent", "Sent", "RL");
	no_more();
}

static void
one_key_two_names(void **unused)
{
	(void)unused;
	box("\303\274");
	box("&APw-");
	begin('.');
	listed("inbox", '/', 0);
	listed("INBOX", '/', 0);
	look();
	next_is("inbox", "inbox", "Rr");
	assert_int_equal(folders_next(&folders, &entry), ERR_OK);
	assert_true(entry.local_twice && entry.has_local);
	assert_string_equal(entry.remote, "&APw-");
	no_more();
}

static void
the_same_line_twice(void **unused)
{
	(void)unused;
	begin('.');
	listed("a", '/', 0); /* LIST and LSUB both tell it */
	listed("a", '/', ATTR);
	listed("a/", '/', 0); /* as some servers write a parent */
	look();
	next_is("a", "a", "R");
	assert_int_equal(entry.attrs, ATTR);
	no_more();
}

/* Names that share more than the part of the key in the record. */
static void
long_common_start(void **unused)
{
	unsigned seen = 0;

	(void)unused;
	box("a-rather-long-name-of-a-list-0");
	box("a-rather-long-name-of-a-list-2");
	begin('.');
	for (int i = 0; i < 3; i++) {
		char name[64];

		snprintf(name, sizeof(name), "a-rather-long-name-of-a-list-%d",
			i);
		listed(name, '/', 0);
	}
	look();
	for (int i = 0; i < 3; i++) {
		char last;

		assert_int_equal(folders_next(&folders, &entry), ERR_OK);
		assert_string_equal(entry.remote, entry.local);
		last = entry.remote[strlen(entry.remote) - 1];
		assert_int_equal(entry.has_local, last != '1');
		assert_false(entry.remote_twice);
		seen |= 1u << (last - '0');
	}
	assert_int_equal(seen, 7);
	no_more();
}

static void
nested(void **unused)
{
	char path[400] = "d";

	(void)unused;
	box("a");
	box("a/b");
	box("a/b/c");
	plain_dir("x");
	box("x/y"); /* below one that is no folder */
	plain_dir("d");
	for (int i = 0; i < 40; i++) {
		strcat(path, "/d");
		if (i < 39) {
			plain_dir(path);
		}
	}
	box(path); /* 41 deep */
	begin('/');
	listed("INBOX", '.', 0);
	listed("a.b", '.', 0);
	look();
	next_is("INBOX", "INBOX", "R");
	next_is("a", "a", "L");
	next_is("a.b", "a/b", "RL");
	next_is("a.b.c", "a/b/c", "L");
	assert_int_equal(folders_next(&folders, &entry), ERR_OK);
	assert_string_equal(entry.local, path);
	next_is("x.y", "x/y", "L");
	no_more();
}

/* With '.' as separator nothing below a folder is one. */
static void
flat_does_not_descend(void **unused)
{
	(void)unused;
	box("a");
	box("a/b");
	begin('.');
	look();
	next_is("a", "a", "L");
	no_more();
}

static void
left_out(void **unused)
{
	(void)unused;
	begin('/');
	listed("good", '/', 0);
	listed("a//b", '/', 0);
	listed("..", '/', 0);
	listed("bad\377", '/', 0);
	box("bad\377");
	look();
	assert_int_equal(folders.refused, 4);
	assert_non_null(strstr(said, "a//b"));
	assert_null(memchr(said, '\377', strlen(said)));
	next_is("good", "good", "R");
	no_more();
}

/* On the server only, with a name that cannot be had here: it is told by
 * whoever wants to make it. */
static void
not_mappable(void **unused)
{
	(void)unused;
	begin('.');
	listed("a.b", '/', 0);
	listed("cur", '/', 0);
	look();
	next_is("a.b", "", "R");
	assert_non_null(strstr(err_detail(), "separator"));
	next_is("cur", "", "R");
	assert_non_null(strstr(err_detail(), "cannot be a folder"));
	no_more();
}

static void
name_length(void **unused)
{
	char name[CFG_TOKEN + 2];

	(void)unused;
	for (size_t i = 0; i < sizeof(name); i++) {
		name[i] = i % 100 == 50 ? '/' : 'x';
	}
	begin('/');
	assert_int_equal(folders_remote(&folders,
		(struct span){name, CFG_TOKEN}, '/', 0), ERR_OK);
	assert_int_equal(folders.refused, 0);
	assert_int_equal(folders_remote(&folders,
		(struct span){name, CFG_TOKEN + 1}, '/', 0), ERR_OK);
	assert_int_equal(folders.refused, 1);
	assert_non_null(strstr(said, "CFG_TOKEN"));
	look();
	assert_int_equal(folders_next(&folders, &entry), ERR_OK);
	assert_int_equal(strlen(entry.remote), CFG_TOKEN);
	assert_string_equal(entry.local, entry.remote);
	no_more();
}

static void
states_that_do_not_count(void **unused)
{
	(void)unused;
	old_state(A32, "host\nuser\nnever-recorded\n/\n", false);
	old_state(B32, "host\nuser\n", true); /* torn */
	old_state("short", "host\nuser\nother\n/\n", true);
	assert_int_equal(fs_mkdir(state, "cccccccccccccccccccccccccccccccc",
		0700), ERR_OK); /* without an id */
	begin('.');
	listed("INBOX", '/', 0);
	look();
	next_is("INBOX", "INBOX", "R");
	no_more();
}

static void
no_hierarchy(void **unused)
{
	(void)unused;
	box("a.b");
	begin('.');
	listed("INBOX", '\0', 0);
	listed("a", '\0', 0);
	look();
	next_is("INBOX", "INBOX", "R");
	next_is("a", "a", "R");
	next_is("", "a.b", "L"); /* cannot be made there */
	no_more();
}

/* More than fits in any buffer: 3,000 on the server, every second here, every
 * third with a state. */
static void
many(void **unused)
{
	char last[64] = "";

	(void)unused;
	begin('/');
	for (int i = 0; i < 3000; i++) {
		char name[64], id[128], md5[40];
		int k = i * 1009 % 3000; /* not in order */

		snprintf(name, sizeof(name), "list.%04d", k);
		listed(name, '.', 0);
		snprintf(name, sizeof(name), "list/%04d", k);
		if (i == 0) {
			plain_dir("list");
		}
		if (k % 2 == 0) {
			box(name);
		}
		if (k % 3 == 0) {
			snprintf(md5, sizeof(md5), "%032d", k);
			snprintf(id, sizeof(id), "h\nu\nlist.%04d\n.\n", k);
			old_state(md5, id, true);
		}
	}
	look();
	for (int i = 0; i < 3000; i++) {
		int k;

		assert_int_equal(folders_next(&folders, &entry), ERR_OK);
		assert_true(strcmp(entry.remote, last) > 0);
		strcpy(last, entry.remote);
		k = atoi(entry.remote + 5);
		assert_int_equal(k, i);
		assert_true(entry.has_remote);
		assert_int_equal(entry.has_local, k % 2 == 0);
		assert_int_equal(entry.has_state, k % 3 == 0);
		assert_int_equal(atoi(entry.local + 5), k);
	}
	no_more();
	folders_end(&folders);
	assert_int_equal(rmdir(strcat(strcpy(said, top.path), "/work")), 0);
	assert_int_equal(fs_mkdir(top.dir, "work", 0700), ERR_OK);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_at_all),
		TEST(three_streams),
		TEST(no_boxes),
		TEST(inbox_in_any_case),
		TEST(prefix),
		TEST(one_key_two_names),
		TEST(the_same_line_twice),
		TEST(long_common_start),
		TEST(nested),
		TEST(flat_does_not_descend),
		TEST(left_out),
		TEST(not_mappable),
		TEST(name_length),
		TEST(states_that_do_not_count),
		TEST(no_hierarchy),
		TEST(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
