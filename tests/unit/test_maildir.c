/* maildir: folders on a real disk, below a fresh directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "maildir/maildir.h"

static char top[] = "/tmp/test_maildir.XXXXXX";
static fs_fd root;

static int
set_up(void **state)
{
	(void)state;
	strcpy(top, "/tmp/test_maildir.XXXXXX");
	assert_non_null(mkdtemp(top));
	assert_int_equal(fs_open_dir(FS_CWD, top, &root), ERR_OK);
	return 0;
}

static int
tear_down(void **state)
{
	char command[64];

	(void)state;
	fs_close(&root);
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

static void
touch(const char *name)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", top, name);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static int
is_dir(const char *name)
{
	char path[512];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", top, name);
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void
create_and_open(void **state)
{
	struct maildir m;

	(void)state;
	assert_int_equal(maildir_open(&m, root, "INBOX"), ERR_NOENT);
	assert_int_equal(m.top, FS_NONE);
	assert_int_equal(maildir_create(root, "INBOX"), ERR_OK);
	assert_true(is_dir("INBOX/cur") && is_dir("INBOX/new") &&
		is_dir("INBOX/tmp"));
	assert_int_equal(maildir_create(root, "INBOX"), ERR_OK); /* again */
	assert_int_equal(maildir_open(&m, root, "INBOX"), ERR_OK);
	assert_int_equal(m.infosep, ':');
	maildir_close(&m);
	maildir_close(&m); /* harmless */
	/* nested, parents are no folders */
	assert_int_equal(maildir_create(root, "a/b/c"), ERR_OK);
	assert_int_equal(maildir_open(&m, root, "a/b/c"), ERR_OK);
	maildir_close(&m);
	assert_int_equal(maildir_open(&m, root, "a/b"), ERR_NOENT);
	/* the root itself */
	assert_int_equal(maildir_open(&m, root, ""), ERR_NOENT);
	assert_int_equal(maildir_create(root, ""), ERR_OK);
	assert_int_equal(maildir_open(&m, root, ""), ERR_OK);
	maildir_close(&m);
}

static void
mends_a_half_folder(void **state)
{
	static const char *const part[] = {"cur", "new", "tmp"};
	struct maildir m;

	(void)state;
	assert_int_equal(maildir_create(root, "x"), ERR_OK);
	for (int i = 0; i < 3; i++) {
		char path[512];

		snprintf(path, sizeof(path), "%s/x/%s", top, part[i]);
		assert_int_equal(rmdir(path), 0);
		assert_int_equal(maildir_open(&m, root, "x"), ERR_NOENT);
		assert_int_equal(maildir_create(root, "x"), ERR_OK);
		assert_int_equal(maildir_open(&m, root, "x"), ERR_OK);
		maildir_close(&m);
	}
	/* a file in the way */
	touch("f");
	assert_int_equal(maildir_open(&m, root, "f"), ERR_NOENT);
	assert_int_not_equal(maildir_create(root, "f"), ERR_OK);
}

static void
refuses_names(void **state)
{
	static const char *const bad[] = {"..", "../x", "/x", "a//b", "a/",
		"cur", "a/new", "tmp/b", ".", ".wherry", ".wherry-state/x"};
	char name[CFG_NAME + 1];
	struct maildir m;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(maildir_create(root, bad[i]), ERR_SYNTAX);
		assert_int_equal(maildir_open(&m, root, bad[i]), ERR_SYNTAX);
	}
	memset(name, 'x', sizeof(name));
	name[CFG_NAME - 1] = '\0';
	assert_int_equal(maildir_create(root, name), ERR_OK);
	assert_int_equal(maildir_open(&m, root, name), ERR_OK);
	maildir_close(&m);
	name[CFG_NAME - 1] = 'x';
	name[CFG_NAME] = '\0';
	assert_int_equal(maildir_create(root, name), ERR_LIMIT);
	assert_non_null(strstr(err_detail(), "CFG_NAME"));
}

static void
path_limit(void **state)
{
	static char name[CFG_PATH + 1];

	(void)state;
	for (size_t i = 0; i < CFG_PATH; i++) {
		name[i] = i % 101 == 100 ? '/' : 'd';
	}
	name[CFG_PATH] = '\0';
	assert_int_equal(maildir_create(root, name), ERR_LIMIT);
	assert_non_null(strstr(err_detail(), "CFG_PATH"));
	name[CFG_PATH - 1] = '\0';
	assert_int_equal(maildir_create(root, name), ERR_OK);
}

static void
components(void **state)
{
	char name[CFG_NAME + 1];

	(void)state;
	assert_true(maildir_component_ok(SPAN("INBOX")));
	assert_true(maildir_component_ok(SPAN(".Sent")));
	assert_true(maildir_component_ok(SPAN("...")));
	assert_true(maildir_component_ok(SPAN("Cur")));
	assert_true(maildir_component_ok(SPAN("curious")));
	assert_true(maildir_component_ok(SPAN("\xc3\xa4 b")));
	assert_false(maildir_component_ok(SPAN("")));
	assert_false(maildir_component_ok(SPAN("a/b")));
	assert_false(maildir_component_ok(SPAN("a\0b")));
	assert_false(maildir_component_ok(SPAN(".wherry")));
	memset(name, 'x', sizeof(name));
	assert_true(maildir_component_ok((struct span){name, CFG_NAME - 1}));
	assert_false(maildir_component_ok((struct span){name, CFG_NAME}));
}

static void
scanning(void **state)
{
	static char walk[4096];
	struct maildir m;
	struct maildir_scan s;
	enum maildir_where where, last = MAILDIR_NEW;
	const char *name;
	int seen_new = 0, seen_cur = 0;

	(void)state;
	assert_int_equal(maildir_create(root, "b"), ERR_OK);
	assert_int_equal(maildir_open(&m, root, "b"), ERR_OK);
	maildir_scan_begin(&s, &m, walk, sizeof(walk));
	assert_int_equal(maildir_scan_next(&s, &where, &name), ERR_END);
	assert_int_equal(maildir_scan_next(&s, &where, &name), ERR_END);
	maildir_scan_end(&s);
	for (int i = 0; i < 300; i++) {
		char path[64];

		snprintf(path, sizeof(path), "b/%s/%d.m:2,",
			i % 3 ? "cur" : "new", i);
		touch(path);
	}
	touch("b/new/.hidden");
	touch("b/tmp/half");
	assert_int_equal(fs_mkdir(m.sub[MAILDIR_CUR], "dir", 0700), ERR_OK);
	maildir_scan_begin(&s, &m, walk, sizeof(walk));
	while (maildir_scan_next(&s, &where, &name) == ERR_OK) {
		assert_true(where >= last);
		last = where;
		seen_new += where == MAILDIR_NEW;
		seen_cur += where == MAILDIR_CUR;
		assert_non_null(strstr(name, ".m:2,"));
		assert_int_equal(atoi(name) % 3 == 0, where == MAILDIR_NEW);
	}
	assert_int_equal(seen_new, 100);
	assert_int_equal(seen_cur, 200);
	/* given up half way, then begun again from the start */
	maildir_scan_begin(&s, &m, walk, sizeof(walk));
	assert_int_equal(maildir_scan_next(&s, &where, &name), ERR_OK);
	maildir_scan_end(&s);
	maildir_scan_end(&s);
	maildir_scan_begin(&s, &m, walk, sizeof(walk));
	for (seen_new = 0; maildir_scan_next(&s, &where, &name) == ERR_OK;) {
		seen_new++;
	}
	assert_int_equal(seen_new, 300);
	maildir_scan_end(&s);
	maildir_close(&m);
}

static void
stamps(void **state)
{
	struct maildir m;
	struct maildir_stamp a, b;
	const struct timespec pause = {.tv_nsec = 20000000};

	(void)state;
	assert_int_equal(maildir_create(root, "s"), ERR_OK);
	assert_int_equal(maildir_open(&m, root, "s"), ERR_OK);
	assert_int_equal(maildir_stamp(&m, &a), ERR_OK);
	assert_int_equal(maildir_stamp(&m, &b), ERR_OK);
	assert_true(maildir_stamp_eq(&a, &b));
	nanosleep(&pause, NULL);
	touch("s/cur/1");
	assert_int_equal(maildir_stamp(&m, &b), ERR_OK);
	assert_false(maildir_stamp_eq(&a, &b));
	a = b;
	a.sub[MAILDIR_NEW].ino++;
	assert_false(maildir_stamp_eq(&a, &b));
	a = b;
	a.sub[MAILDIR_CUR].mtime_ns++;
	assert_false(maildir_stamp_eq(&a, &b));
	a = b;
	a.sub[MAILDIR_CUR].dev++;
	assert_false(maildir_stamp_eq(&a, &b));
	a = b;
	a.sub[MAILDIR_NEW].ctime_s++;
	assert_false(maildir_stamp_eq(&a, &b));
	maildir_close(&m);
	assert_int_not_equal(maildir_stamp(&m, &b), ERR_OK);
}

/* What a change is worth that comes right after a look. */
static void
stamps_settle(void **state)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	struct maildir_stamp a, b;
	struct maildir m;
	char name[32];
	int64_t wait;

	(void)state;
	assert_int_equal(maildir_create(root, "s"), ERR_OK);
	assert_int_equal(maildir_open(&m, root, "s"), ERR_OK);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "s/%s/%d", i & 1 ? "cur" : "new",
			i);
		touch(name);
		assert_int_equal(maildir_stamp(&m, &a), ERR_OK);
		while ((wait = maildir_stamp_wait(&m, &a, false)) > 0) {
			assert_true(wait <= 1002);
			nanosleep(&pause, NULL);
		}
		assert_int_equal(wait, 0);
		assert_int_equal(fs_unlink(root, name), ERR_OK);
		assert_int_equal(maildir_stamp(&m, &b), ERR_OK);
		assert_false(maildir_stamp_eq(&a, &b));
	}
	/* The file system's own clock; nothing stays of the question. */
	assert_int_equal(maildir_stamp(&m, &a), ERR_OK);
	wait = maildir_stamp_wait(&m, &a, true);
	assert_true(wait >= 0 && wait <= 100);
	assert_int_equal(fs_rmdir(root, "s/tmp"), ERR_OK);
	maildir_close(&m);
}

/* The same without waiting; on tmpfs most of these changes would leave the
 * stamp as it is. */
static void
stamps_marked(void **state)
{
	struct maildir_stamp a, b;
	struct maildir m;
	char name[32];
	int marked = 0;

	(void)state;
	assert_int_equal(maildir_create(root, "s"), ERR_OK);
	assert_int_equal(maildir_open(&m, root, "s"), ERR_OK);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "s/%s/%d", i & 1 ? "cur" : "new",
			i);
		touch(name);
		assert_int_equal(maildir_stamp(&m, &a), ERR_OK);
		if (maildir_stamp_mark(&m, &a, (uint32_t)i) != ERR_OK) {
			continue; /* a whole second, or a coarse file system */
		}
		marked++;
		assert_int_equal(maildir_stamp(&m, &b), ERR_OK);
		assert_true(maildir_stamp_eq(&a, &b));
		assert_int_equal(fs_unlink(root, name), ERR_OK);
		assert_int_equal(maildir_stamp(&m, &b), ERR_OK);
		assert_false(maildir_stamp_eq(&a, &b));
	}
	printf("%d of 200 stamps could be marked\n", marked);
	maildir_close(&m);
}

static void
stamps_from_outside(void **state)
{
	char path[CFG_PATH + 1];
	struct maildir_stamp a, b;
	struct maildir_trust t;
	struct maildir m;

	(void)state;
	maildir_trust_begin(&t, root, false);
	t.local = true; /* wherever the tests run */
	assert_int_equal(maildir_create(root, "s/t"), ERR_OK);
	assert_int_equal(maildir_create(root, ""), ERR_OK);
	assert_int_equal(maildir_trust_stamp(&t, "s/t", &a), ERR_OK);
	assert_int_equal(maildir_open(&m, root, "s/t"), ERR_OK);
	assert_int_equal(maildir_stamp(&m, &b), ERR_OK);
	assert_true(maildir_stamp_eq(&a, &b));
	assert_int_equal(maildir_trusted(&m, false), fs_stamps_trusted(root));
	assert_true(maildir_trusted(&m, true));
	maildir_close(&m);
	assert_int_equal(maildir_trust_stamp(&t, "", &a), ERR_OK);
	assert_false(maildir_stamp_eq(&a, &b));
	assert_int_equal(maildir_trust_stamp(&t, "none", &a), ERR_NOENT);

	/* Not on this file system, or on one that is not known. */
	t.dev++;
	assert_int_equal(maildir_trust_stamp(&t, "s/t", &a), ERR_UNSUPPORTED);
	t.all = true;
	assert_int_equal(maildir_trust_stamp(&t, "s/t", &a), ERR_OK);
	t.all = t.local = false;
	t.dev--;
	assert_int_equal(maildir_trust_stamp(&t, "s/t", &a), ERR_UNSUPPORTED);

	for (size_t i = 0; i < sizeof(path) - 1; i++) {
		path[i] = i % 2 == 0 ? 'x' : '/';
	}
	path[CFG_PATH - 5] = '\0'; /* with "/new" and a NUL: all there is */
	assert_int_not_equal(maildir_trust_stamp(&t, path, &a), ERR_LIMIT);
	path[CFG_PATH - 5] = 'x';
	path[CFG_PATH - 4] = '\0';
	assert_int_equal(maildir_trust_stamp(&t, path, &a), ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(create_and_open, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(mends_a_half_folder, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(refuses_names, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(path_limit, set_up,
			tear_down),
		cmocka_unit_test(components),
		cmocka_unit_test_setup_teardown(scanning, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stamps, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stamps_settle, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(stamps_marked, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(stamps_from_outside, set_up,
			tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
