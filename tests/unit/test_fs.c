/* The disk contract against a real directory below $TMPDIR or /tmp. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "port/fs.h"
#include "port/posix/posix.h"

static char root[256];
static fs_fd dir;

static int
make_root(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(root, sizeof(root), "%s/wherry-fs-XXXXXX",
		tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(root) == NULL) {
		return -1;
	}
	err_clear();
	return fs_open_dir(FS_CWD, root, &dir) == ERR_OK ? 0 : -1;
}

static int
drop_root(void **state)
{
	char command[300];

	(void)state;
	fs_close(&dir);
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command) == 0 ? 0 : -1;
}

static void
put_file(const char *name, const char *text)
{
	fs_fd fd;

	assert_int_equal(fs_open(dir, name, FS_WRITE | FS_CREATE | FS_TRUNC,
				 0600, &fd), ERR_OK);
	assert_int_equal(fs_write(fd, text, strlen(text)), ERR_OK);
	fs_close(&fd);
	assert_int_equal(fd, FS_NONE);
}

static void
expect_file(const char *name, const char *text)
{
	char have[64];
	size_t got;
	fs_fd fd;

	assert_int_equal(fs_open(dir, name, FS_READ, 0, &fd), ERR_OK);
	assert_int_equal(fs_read(fd, have, sizeof(have), &got), ERR_OK);
	assert_int_equal(got, strlen(text));
	assert_memory_equal(have, text, got);
	fs_close(&fd);
}

static void
read_and_write(void **state)
{
	uint64_t before = fs_written(), size;
	char have[16];
	size_t got;
	fs_fd fd;

	(void)state;
	assert_int_equal(fs_open(dir, "f", FS_READ | FS_WRITE | FS_CREATE |
				 FS_EXCL, 0600, &fd), ERR_OK);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(fs_write(fd, "hello", 5), ERR_OK);
	assert_int_equal(fs_pwrite(fd, "J", 1, 0), ERR_OK);
	assert_int_equal(fs_pwrite(fd, "xyz", 3, 4096), ERR_OK);
	assert_int_equal(fs_written() - before, 9);
	assert_int_equal(fs_size(fd, &size), ERR_OK);
	assert_int_equal(size, 4099);
	assert_int_equal(fs_pread(fd, have, sizeof(have), 4097, &got), ERR_OK);
	assert_int_equal(got, 2);
	assert_memory_equal(have, "yz", 2);
	assert_int_equal(fs_pread(fd, have, sizeof(have), 9999, &got), ERR_OK);
	assert_int_equal(got, 0);
	assert_int_equal(fs_truncate(fd, 5), ERR_OK);
	assert_int_equal(fs_sync(fd), ERR_OK);
	fs_close(&fd);
	expect_file("f", "Jello");
	assert_int_equal(fs_sync_names(dir), ERR_OK);
}

/* What a file is opened for: to the end, from nothing, through a link. */
static void
ways_to_open(void **state)
{
	struct fs_stat st;
	char have[8];
	size_t got;
	fs_fd fd;

	(void)state;
	put_file("f", "one");
	assert_int_equal(fs_open(dir, "f", FS_READ | FS_WRITE | FS_APPEND, 0,
				 &fd), ERR_OK);
	assert_int_equal(fs_write(fd, "two", 3), ERR_OK);
	assert_int_equal(fs_pread(fd, have, 8, 0, &got), ERR_OK);
	assert_int_equal(got, 6);
	fs_close(&fd);
	expect_file("f", "onetwo");
	assert_int_equal(symlinkat("f", dir, "link"), 0);
	assert_int_equal(fs_open(dir, "link", FS_WRITE | FS_TRUNC, 0, &fd),
		ERR_OK);
	assert_int_equal(fs_read(fd, have, 8, &got), ERR_IO); /* write only */
	fs_close(&fd);
	expect_file("f", "");
	/* the end is no error, however often it is met */
	assert_int_equal(fs_open(dir, "f", FS_READ, 0, &fd), ERR_OK);
	assert_int_equal(fs_read(fd, have, 8, &got), ERR_OK);
	assert_int_equal(got, 0);
	assert_int_equal(fs_read(fd, have, 8, &got), ERR_OK);
	assert_int_equal(got, 0);
	assert_int_equal(fs_write(fd, "x", 1), ERR_IO); /* read only */
	fs_close(&fd);
	/* modes are cut by the umask, descriptors end with exec */
	assert_int_equal(fs_open(dir, "g", FS_WRITE | FS_CREATE, 0666, &fd),
		ERR_OK);
	assert_int_equal(fs_fstat(fd, &st), ERR_OK);
	assert_int_equal(st.mode, 0644);
	fs_close(&fd);
	assert_int_equal(fs_mkdir(dir, "d", 0777), ERR_OK);
	assert_int_equal(fs_stat(dir, "d", &st), ERR_OK);
	assert_int_equal(st.mode, 0755);
	assert_int_equal(fs_open_dir(dir, "d", &fd), ERR_OK);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	fs_close(&fd);
}

/* A directory is held, not its path: who moves it does not confuse us. */
static void
directory_that_moves(void **state)
{
	struct fs_stat st;
	fs_fd sub, fd;

	(void)state;
	assert_int_equal(fs_mkdir(dir, "old", 0700), ERR_OK);
	assert_int_equal(fs_open_dir(dir, "old", &sub), ERR_OK);
	assert_int_equal(fs_rename(dir, "old", dir, "new"), ERR_OK);
	assert_int_equal(fs_mkdir(dir, "old", 0700), ERR_OK);
	assert_int_equal(fs_open(sub, "f", FS_WRITE | FS_CREATE, 0600, &fd),
		ERR_OK);
	fs_close(&fd);
	fs_close(&sub);
	assert_int_equal(fs_stat(dir, "new/f", &st), ERR_OK);
	assert_int_equal(fs_stat(dir, "old/f", &st), ERR_NOENT);
}

static void
on_signal(int sig)
{
	(void)sig;
}

enum { MUCH = 300000 };

/* A child that interrupts us all the time, takes what we write slowly and
 * gives what we read late. */
static pid_t
slow_peer(const int *in, const int *out)
{
	pid_t pid = fork();
	char piece[4000];
	int taken = 0;
	ssize_t r;

	if (pid != 0) {
		return pid;
	}
	alarm(30);
	while (taken < MUCH) {
		kill(getppid(), SIGUSR1);
		usleep(200);
		r = read(in[0], piece, sizeof(piece));
		taken += r > 0 ? (int)r : 0;
	}
	for (int i = 0; i < 20; i++) {
		kill(getppid(), SIGUSR1);
		usleep(2000);
	}
	_exit(write(out[1], "late", 4) == 4 ? 0 : 1);
}

/* A handler without SA_RESTART, as a debugger or a profiler sets one. */
static void
interrupted_and_short(void **state)
{
	static char much[MUCH];
	struct sigaction sa = {.sa_handler = on_signal}, old;
	int in[2], out[2], status;
	char have[8];
	size_t got;
	pid_t pid;

	(void)state;
	sigaction(SIGUSR1, &sa, &old);
	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	pid = slow_peer(in, out);
	uint64_t before = fs_written();
	assert_int_equal(fs_write(in[1], much, MUCH), ERR_OK);
	assert_int_equal(fs_written() - before, MUCH);
	assert_int_equal(fs_read(out[0], have, sizeof(have), &got), ERR_OK);
	assert_int_equal(got, 4);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	sigaction(SIGUSR1, &old, NULL);
	for (int i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
	}
}

/* In a child: a process out of descriptors, and one without the rights. */
static void
errors_of_the_process(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(fs_mkdir(dir, "closed", 0), ERR_OK);
	pid = fork();
	if (pid == 0) {
		struct rlimit few = {32, 32};
		enum err e = ERR_OK;
		fs_fd fd;

		if (setuid(65534) != 0 && getuid() == 0) {
			_exit(2);
		}
		if (fs_open(dir, "closed/f", FS_WRITE | FS_CREATE, 0600,
			&fd) != ERR_PERM || strstr(err_detail(),
			"closed/f") == NULL) {
			_exit(3);
		}
		if (setrlimit(RLIMIT_NOFILE, &few) != 0) {
			_exit(0); /* under tests/e2e/nosys */
		}
		for (int i = 0; i < 32 && e == ERR_OK; i++) {
			e = fs_open(FS_CWD, "/dev/null", FS_READ, 0, &fd);
		}
		if (e != ERR_LIMIT) {
			_exit(4);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
errors_are_sorted(void **state)
{
	char name[CFG_NAME + 64];
	fs_fd fd = 99;
	size_t got;

	(void)state;
	assert_int_equal(fs_open(dir, "none", FS_READ, 0, &fd), ERR_NOENT);
	assert_int_equal(fd, FS_NONE);
	assert_non_null(strstr(err_detail(), "open none: No such file"));
	put_file("f", "x");
	assert_int_equal(fs_open(dir, "f", FS_WRITE | FS_CREATE | FS_EXCL,
				 0600, &fd), ERR_EXIST);
	assert_int_equal(fs_open(dir, "f/g", FS_READ, 0, &fd), ERR_NOENT);
	assert_int_equal(fs_open_dir(dir, "f", &fd), ERR_NOENT);
	assert_int_equal(fs_unlink(dir, "none"), ERR_NOENT);
	assert_int_equal(fs_rmdir(dir, "none"), ERR_NOENT);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(fs_open(dir, name, FS_READ, 0, &fd), ERR_LIMIT);
	assert_int_equal(fs_open(FS_CWD, "/dev/full", FS_WRITE, 0, &fd),
		ERR_OK);
	assert_int_equal(fs_write(fd, "x", 1), ERR_SPACE);
	fs_close(&fd);
	assert_int_equal(fs_read(FS_NONE, name, 1, &got), ERR_IO);
	fs_close(&fd); /* FS_NONE is ignored */
}

static void
directories(void **state)
{
	char path[512], longer[CFG_PATH + 2];
	struct fs_stat st;

	(void)state;
	snprintf(path, sizeof(path), "%s/a//b/c/", root);
	assert_int_equal(fs_mkdirs(path, 0700), ERR_OK);
	assert_int_equal(fs_mkdirs(path, 0700), ERR_OK);
	assert_int_equal(fs_stat(dir, "a/b/c", &st), ERR_OK);
	assert_int_equal(st.type, FS_DIR);
	assert_int_equal(st.mode, 0700);
	assert_int_equal(fs_mkdir(dir, "a", 0700), ERR_EXIST);
	assert_int_equal(fs_rmdir(dir, "a"), ERR_EXIST); /* not empty */
	put_file("file", "");
	snprintf(path, sizeof(path), "%s/file/d", root);
	assert_int_not_equal(fs_mkdirs(path, 0700), ERR_OK);
	snprintf(path, sizeof(path), "%s/file", root);
	assert_int_equal(fs_mkdirs(path, 0700), ERR_EXIST);
	memset(longer, '/', sizeof(longer));
	longer[CFG_PATH] = '\0';
	assert_int_equal(fs_mkdirs(longer, 0700), ERR_LIMIT);
	assert_non_null(strstr(err_detail(), "CFG_PATH"));
	longer[CFG_PATH - 1] = '\0'; /* just fits; "////" is the root */
	assert_int_equal(fs_mkdirs(longer, 0700), ERR_OK);
}

static void
stat_and_times(void **state)
{
	struct fs_stat a, b;
	fs_fd fd;

	(void)state;
	put_file("f", "1234567");
	assert_int_equal(fs_open(dir, "f", FS_READ | FS_WRITE, 0, &fd),
		ERR_OK);
	assert_int_equal(fs_set_mtime(fd, 5000000000, 0), ERR_OK);
	assert_int_equal(fs_fstat(fd, &a), ERR_OK);
	fs_close(&fd);
	assert_int_equal(fs_stat(dir, "f", &b), ERR_OK);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(a.type, FS_FILE);
	assert_int_equal(a.mode, 0600);
	assert_int_equal(a.size, 7);
	assert_int_equal(a.mtime_s, 5000000000);
	assert_int_equal(a.mtime_ns, 0);
	assert_true(a.ctime_s > 1600000000);
	assert_true(a.ino != 0);
	/* the time of reading is left alone */
	struct stat was, is;
	assert_int_equal(fs_open(dir, "f", FS_READ | FS_WRITE, 0, &fd),
		ERR_OK);
	assert_int_equal(fstat(fd, &was), 0);
	usleep(20000);
	assert_int_equal(fs_set_mtime(fd, 1, 0), ERR_OK);
	assert_int_equal(fstat(fd, &is), 0);
	assert_memory_equal(&was.st_atim, &is.st_atim, sizeof(is.st_atim));
	fs_close(&fd);
	/* links are followed, broken ones are not there */
	assert_int_equal(symlinkat("f", dir, "link"), 0);
	assert_int_equal(symlinkat("nowhere", dir, "broken"), 0);
	assert_int_equal(fs_stat(dir, "link", &b), ERR_OK);
	assert_int_equal(b.ino, a.ino);
	assert_int_equal(fs_stat(dir, "broken", &b), ERR_NOENT);
}

typedef enum err renamer(fs_fd from, const char *a, fs_fd to, const char *b);

static void
check_renamer(renamer *rename_it)
{
	struct fs_stat st;
	fs_fd sub;

	put_file("a", "one");
	put_file("b", "two");
	fs_mkdir(dir, "sub", 0700);
	assert_int_equal(fs_open_dir(dir, "sub", &sub), ERR_OK);
	assert_int_equal(rename_it(dir, "a", dir, "b"), ERR_EXIST);
	expect_file("a", "one");
	expect_file("b", "two");
	assert_int_equal(rename_it(dir, "a", sub, "c"), ERR_OK);
	expect_file("sub/c", "one");
	assert_int_equal(fs_stat(dir, "a", &st), ERR_NOENT);
	assert_int_equal(rename_it(dir, "a", dir, "d"), ERR_NOENT);
	assert_int_equal(fs_rename(sub, "c", dir, "b"), ERR_OK); /* replaces */
	expect_file("b", "one");
	assert_int_equal(fs_stat(sub, "c", &st), ERR_NOENT);
	/* a directory, and one that is there */
	fs_mkdir(sub, "d1", 0700);
	fs_mkdir(sub, "d2", 0700);
	assert_int_equal(rename_it(sub, "d1", sub, "d2"), ERR_EXIST);
	assert_int_equal(rename_it(sub, "d1", sub, "d3"), ERR_OK);
	assert_int_equal(fs_stat(sub, "d3", &st), ERR_OK);
	fs_close(&sub);
}

static void
rename_by_call(void **state)
{
	(void)state;
	check_renamer(fs_rename_new);
}

static void
rename_by_look(void **state)
{
	(void)state;
	check_renamer(posix_rename_look);
	/* a broken link is something that would be replaced */
	put_file("a", "one");
	assert_int_equal(symlinkat("nowhere", dir, "broken"), 0);
	assert_int_equal(posix_rename_look(dir, "a", dir, "broken"),
		ERR_EXIST);
}

enum { MANY = 5000 };

struct walker {
	enum err (*open)(struct fs_walk *w, fs_fd dir, const char *name,
		void *buf, size_t cap);
	enum err (*next)(struct fs_walk *w, const char **name,
		enum fs_type *type);
	void (*close)(struct fs_walk *w);
};
static struct walker by_system = {fs_walk_open, fs_walk_next, fs_walk_close};
static struct walker by_opendir = {posix_walk_open, posix_walk_next,
	posix_walk_close};

static void
sees_all(const struct walker *walk)
{
	static unsigned char seen[MANY];
	char name[64], buf[1024];
	const char *entry;
	struct fs_walk w;
	enum fs_type type;
	int i, extra = 0;
	enum err e;
	fs_fd fd;

	memset(seen, 0, sizeof(seen));
	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%d.M%dP1_%d.host:2,S", i, i, i);
		fs_open(dir, name, FS_WRITE | FS_CREATE, 0600, &fd);
		fs_close(&fd);
	}
	/* twice: the second walk starts at the beginning again */
	for (int turn = 1; turn <= 2; turn++) {
		assert_int_equal(walk->open(&w, dir, ".", buf, sizeof(buf)),
			ERR_OK);
		while ((e = walk->next(&w, &entry, &type)) == ERR_OK) {
			assert_int_equal(type, FS_FILE);
			i = atoi(entry);
			assert_in_range(i, 0, MANY - 1);
			seen[i]++;
		}
		assert_int_equal(e, ERR_END);
		assert_int_equal(walk->next(&w, &entry, &type), ERR_END);
		walk->close(&w);
		for (i = 0; i < MANY; i++) {
			extra += seen[i] != turn;
		}
	}
	assert_int_equal(extra, 0);
}

static void
types_and_limits(const struct walker *walk)
{
	char buf[1024], name[256];
	int files = 0, dirs = 0, others = 0;
	const char *entry;
	struct fs_walk w;
	enum fs_type type;
	fs_fd sub;

	put_file("f", "");
	fs_mkdir(dir, "d", 0700);
	assert_int_equal(symlinkat("f", dir, "to-f"), 0);
	assert_int_equal(symlinkat("d", dir, "to-d"), 0);
	assert_int_equal(symlinkat("nowhere", dir, "broken"), 0);
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	assert_int_equal(walk->open(&w, dir, ".", buf, sizeof(buf)), ERR_OK);
	while (walk->next(&w, &entry, &type) == ERR_OK) {
		files += type == FS_FILE;
		dirs += type == FS_DIR;
		others += type == FS_OTHER;
	}
	walk->close(&w);
	assert_int_equal(files, 2);
	assert_int_equal(dirs, 2);
	assert_int_equal(others, 2);
	/* the longest name fits in 1 KiB, and a buffer too small is told */
	memset(name, 'n', 255);
	name[255] = '\0';
	fs_open_dir(dir, "d", &sub);
	assert_int_equal(fs_mkdir(sub, name, 0700), ERR_OK);
	assert_int_equal(walk->open(&w, sub, ".", buf, sizeof(buf)), ERR_OK);
	assert_int_equal(walk->next(&w, &entry, &type), ERR_OK);
	assert_int_equal(strlen(entry), 255);
	walk->close(&w);
	assert_int_equal(walk->open(&w, sub, ".", buf, 100), ERR_OK);
	enum err e = ERR_OK;
	while (e == ERR_OK) {
		e = walk->next(&w, &entry, &type);
	}
	assert_int_equal(e, ERR_LIMIT);
	walk->close(&w);
	fs_close(&sub);
	/* only a directory can be walked */
	fs_open(dir, "f", FS_READ, 0, &sub);
	assert_int_not_equal(walk->open(&w, sub, ".", buf, sizeof(buf)), ERR_OK);
	walk->close(&w);
	fs_close(&sub);
}

static void
walk_sees_all(void **state)
{
	(void)state;
	sees_all(&by_system);
}

static void
opendir_sees_all(void **state)
{
	(void)state;
	sees_all(&by_opendir);
}

static void
walk_types_and_limits(void **state)
{
	(void)state;
	types_and_limits(&by_system);
}

static void
opendir_types_and_limits(void **state)
{
	(void)state;
	types_and_limits(&by_opendir);
}

/* Deletions follow from what a walk did not show, so: what is there from the
 * beginning to the end of a walk is shown once, whatever else comes and goes
 * meanwhile. */
static void
untouched_seen_once(const struct walker *walk)
{
	static unsigned char seen[MANY];
	char name[64], buf[1024];
	const char *entry;
	struct fs_walk w;
	enum fs_type type;
	int wrong = 0;
	fs_fd fd;

	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%d", i);
		put_file(name, "");
	}
	assert_int_equal(walk->open(&w, dir, ".", buf, sizeof(buf)), ERR_OK);
	for (int n = 0; walk->next(&w, &entry, &type) == ERR_OK; n++) {
		if (entry[0] != 'x') {
			seen[atoi(entry)]++;
		}
		snprintf(name, sizeof(name), "%d", n * 10 % MANY);
		fs_unlink(dir, name); /* the tenth ones, in the end */
		snprintf(name, sizeof(name), "x%d", n);
		if (n < MANY) {
			fs_open(dir, name, FS_WRITE | FS_CREATE, 0600, &fd);
			fs_close(&fd);
		}
	}
	walk->close(&w);
	for (int i = 0; i < MANY; i++) {
		wrong += i % 10 == 0 ? seen[i] > 1 : seen[i] != 1;
	}
	assert_int_equal(wrong, 0);
}

static void
walk_while_others_work(void **state)
{
	(void)state;
	untouched_seen_once(&by_system);
}

static void
opendir_while_others_work(void **state)
{
	(void)state;
	untouched_seen_once(&by_opendir);
}

/* A child takes a lock of one kind and says so, then waits to be killed. */
static pid_t
child_lock(const char *path, bool use_flock)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int ends[2];
	char c = 0;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		alarm(20); /* should the test fail and not end us */
		int fd = open(path, O_RDWR | O_CREAT, 0600);
		int r = use_flock ? flock(fd, LOCK_EX | LOCK_NB) :
				    fcntl(fd, F_SETLK, &fl);

		if (write(ends[1], r == 0 ? "y" : "n", 1) != 1) {
			_exit(1);
		}
		for (;;) {
			pause();
		}
	}
	assert_true(pid > 0);
	assert_int_equal(read(ends[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	close(ends[0]);
	close(ends[1]);
	return pid;
}

static enum err
try_lock(fs_fd *fd)
{
	enum err e = fs_open(dir, "lock", FS_READ | FS_WRITE | FS_CREATE,
		0600, fd);

	return e == ERR_OK ? fs_lock(*fd) : e;
}

static void
lock_of_each_kind(void **state)
{
	char path[300];
	fs_fd fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/lock", root);
	for (int kind = 0; kind <= 1; kind++) {
		pid_t pid = child_lock(path, kind == 1);

		assert_int_equal(try_lock(&fd), ERR_LOCKED);
		fs_close(&fd);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		/* gone with its holder */
		assert_int_equal(try_lock(&fd), ERR_OK);
		fs_close(&fd);
	}
}

/* Whether another process can have the lock, by fcntl or flock. */
static int
other_gets(const char *path, bool use_flock)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open(path, O_RDWR);
		int r = use_flock ? flock(fd, LOCK_EX | LOCK_NB) :
				    fcntl(fd, F_SETLK, &fl);

		_exit(r == 0 ? 1 : 0);
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static void
lock_keeps_others_out(void **state)
{
	char path[300];
	fs_fd fd, again;

	(void)state;
	snprintf(path, sizeof(path), "%s/lock", root);
	assert_int_equal(try_lock(&fd), ERR_OK);
	assert_int_equal(other_gets(path, false), 0);
	assert_int_equal(other_gets(path, true), 0);
	/* closing another fd of the file must not drop it; of the one kind only
	 * where locks of open files exist */
	assert_int_equal(fs_open(dir, "lock", FS_READ, 0, &again), ERR_OK);
	fs_close(&again);
	assert_int_equal(other_gets(path, true), 0);
	assert_int_equal(other_gets(path, false),
		posix_lock_open_file(fd) == 0 ? 0 : 1);
	fs_close(&fd);
	assert_int_equal(other_gets(path, false), 1);
	assert_int_equal(other_gets(path, true), 1);
}

static void
sync_all_where_trusted(void **state)
{
	fs_fd proc, shm;

	(void)state;
	enum err e = fs_sync_all(dir, 60000);

	if (e != ERR_UNSUPPORTED) { /* not a promise: under tests/e2e/nosys */
		assert_int_equal(e, ERR_OK);
		assert_true(fs_sync_all_trusted(dir));
	}
	assert_int_equal(fs_open_dir(FS_CWD, "/proc", &proc), ERR_OK);
	assert_false(fs_sync_all_trusted(proc));
	assert_int_equal(fs_sync_all(proc, 60000), ERR_UNSUPPORTED);
	/* Once too slow, not again there; another disk is another matter. */
	(void)fs_sync_all(dir, -1);
	assert_int_equal(fs_sync_all(dir, 60000), ERR_UNSUPPORTED);
	if (e == ERR_OK && fs_open_dir(FS_CWD, "/dev/shm", &shm) == ERR_OK) {
		struct fs_stat here, there;

		assert_int_equal(fs_fstat(dir, &here), ERR_OK);
		assert_int_equal(fs_fstat(shm, &there), ERR_OK);
		if (here.dev != there.dev && fs_sync_all_trusted(shm)) {
			assert_int_equal(fs_sync_all(shm, 60000), ERR_OK);
		}
		fs_close(&shm);
	}
	fs_close(&proc);
}

/* `after` milliseconds behind a stamp of 10.5 s that has nanoseconds or none. */
static int64_t
wait_after(int64_t after, bool fine)
{
	struct fs_stamp s = {.mtime_s = 10, .ctime_s = 10}, now = {0};

	if (fine) {
		s.mtime_ns = 400000000;
		s.ctime_ns = 500000000;
		after += 500;
	}
	after += 10000;
	now.mtime_s = now.ctime_s = after / 1000;
	now.mtime_ns = now.ctime_ns = (uint32_t)(after % 1000) * 1000000;
	return fs_stamp_wait(&s, &now);
}

static void
stamps_and_grain(void **state)
{
	struct fs_stamp a, b;
	fs_fd proc;

	(void)state;
	assert_int_equal(wait_after(0, true), 100);
	assert_int_equal(wait_after(99, true), 1);
	assert_int_equal(wait_after(100, true), 0);
	assert_int_equal(wait_after(0, false), 2100);
	assert_int_equal(wait_after(2099, false), 1);
	assert_int_equal(wait_after(2100, false), 0);
	/* a clock that lags a little, and one that was set back */
	assert_int_equal(wait_after(-100, true), 200);
	assert_int_equal(wait_after(-1000, true), 1100);
	assert_int_equal(wait_after(-1001, true), 0);

	assert_int_equal(fs_stamp(dir, ".", &a), ERR_OK);
	assert_true(fs_stamp_wait(&a, NULL) <= 2100);
	while (fs_stamp_wait(&a, NULL) > 0) {
		usleep(1000);
	}
	put_file("f", "x");
	assert_int_equal(fs_stamp(dir, ".", &b), ERR_OK);
	assert_memory_not_equal(&a, &b, sizeof(a));
	assert_true(a.ino == b.ino && a.dev == b.dev);
	assert_int_equal(fs_stamp(dir, "none", &a), ERR_NOENT);

	assert_int_equal(fs_open_dir(FS_CWD, "/proc", &proc), ERR_OK);
	assert_false(fs_stamps_trusted(proc));
	fs_close(&proc);
	assert_false(fs_stamps_trusted(FS_NONE));
}

static void
watched(void **state)
{
	fs_fd sub[2], watch;
	uint64_t sum = 0, want;

	(void)state;
	assert_int_equal(fs_mkdir(dir, "a", 0700), ERR_OK);
	assert_int_equal(fs_mkdir(dir, "b", 0700), ERR_OK);
	assert_int_equal(fs_open_dir(dir, "a", &sub[0]), ERR_OK);
	assert_int_equal(fs_open_dir(dir, "b", &sub[1]), ERR_OK);
	if (fs_watch_open(sub, &watch) != ERR_OK) { /* not in every build */
		assert_int_equal(watch, FS_NONE);
		assert_int_not_equal(fs_watch_sum(watch, &sum), ERR_OK);
		fs_close(&sub[0]);
		fs_close(&sub[1]);
		skip();
	}
	put_file("a/1", "x");
	assert_int_equal(fs_rename_new(sub[0], "1", sub[1], "2"), ERR_OK);
	assert_int_equal(fs_unlink(sub[1], "2"), ERR_OK);
	put_file("a/1", "y");
	put_file("c", "z"); /* elsewhere */
	want = 2 * fs_watch_mark(0, true, "1") + fs_watch_mark(0, false, "1") +
		fs_watch_mark(1, true, "2") + fs_watch_mark(1, false, "2");
	fs_watch_settle(sub[0]);
	assert_int_equal(fs_watch_sum(watch, &sum), ERR_OK);
	assert_true(sum == want);
	assert_int_equal(fs_watch_sum(watch, &sum), ERR_OK);
	assert_true(sum == want); /* told once */
	assert_true(fs_watch_mark(0, true, "1") != fs_watch_mark(1, true, "1"));

	/* The directory goes away: nothing is known any more. */
	assert_int_equal(fs_unlink(sub[0], "1"), ERR_OK);
	assert_int_equal(fs_rmdir(dir, "a"), ERR_OK);
	fs_close(&sub[0]);
	assert_int_not_equal(fs_watch_sum(watch, &sum), ERR_OK);
	fs_watch_close(&watch);
	assert_int_equal(watch, FS_NONE);

	/* The next one knows nothing of what came before it, read or not. */
	assert_int_equal(fs_mkdir(dir, "a", 0700), ERR_OK);
	assert_int_equal(fs_open_dir(dir, "a", &sub[0]), ERR_OK);
	assert_int_equal(fs_watch_open(sub, &watch), ERR_OK);
	put_file("a/3", "x");
	fs_watch_close(&watch);
	put_file("a/4", "x");
	assert_int_equal(fs_watch_open(sub, &watch), ERR_OK);
	put_file("b/5", "x");
	sum = 0;
	assert_int_equal(fs_watch_sum(watch, &sum), ERR_OK);
	assert_true(sum == fs_watch_mark(1, true, "5"));
	fs_watch_close(&watch);
	fs_close(&sub[0]);
	fs_close(&sub[1]);
}

/* Many at once, and many one after the other: descriptors do not add up. */
static void
watches(void **state)
{
	fs_fd sub[2], watch[CFG_CONNECTIONS + 1];
	uint64_t sum;

	(void)state;
	assert_int_equal(fs_open_dir(dir, ".", &sub[0]), ERR_OK);
	assert_int_equal(fs_mkdir(dir, "w", 0700), ERR_OK);
	assert_int_equal(fs_open_dir(dir, "w", &sub[1]), ERR_OK);
	for (unsigned round = 0; CFG_WATCH && round < 5000; round++) {
		unsigned n = round == 0 ? CFG_CONNECTIONS : 1;

		for (unsigned i = 0; i < n; i++) {
			if (fs_watch_open(sub, &watch[i]) != ERR_OK) {
				skip();
			}
		}
		if (round == 0) {
			assert_int_equal(fs_watch_open(sub, &watch[n]),
				ERR_UNSUPPORTED);
			put_file("w/1", "x");
		}
		for (unsigned i = 0; i < n; i++) {
			sum = 0;
			assert_int_equal(fs_watch_sum(watch[i], &sum), ERR_OK);
			assert_true(sum == (round > 0 ? 0
				: fs_watch_mark(1, true, "1")));
			fs_watch_close(&watch[i]);
		}
	}
	fs_close(&sub[0]);
	fs_close(&sub[1]);
}

#define WITH_ROOT(f) cmocka_unit_test_setup_teardown(f, make_root, drop_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ROOT(read_and_write),
		WITH_ROOT(ways_to_open),
		WITH_ROOT(directory_that_moves),
		WITH_ROOT(interrupted_and_short),
		WITH_ROOT(errors_are_sorted),
		WITH_ROOT(errors_of_the_process),
		WITH_ROOT(directories),
		WITH_ROOT(stat_and_times),
		WITH_ROOT(rename_by_call),
		WITH_ROOT(rename_by_look),
		WITH_ROOT(walk_sees_all),
		WITH_ROOT(opendir_sees_all),
		WITH_ROOT(walk_types_and_limits),
		WITH_ROOT(opendir_types_and_limits),
		WITH_ROOT(walk_while_others_work),
		WITH_ROOT(opendir_while_others_work),
		WITH_ROOT(lock_of_each_kind),
		WITH_ROOT(lock_keeps_others_out),
		WITH_ROOT(sync_all_where_trusted),
		WITH_ROOT(stamps_and_grain),
		WITH_ROOT(watched),
		WITH_ROOT(watches),
	};

	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
