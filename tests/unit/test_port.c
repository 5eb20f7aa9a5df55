/* The contracts of a port but for the disk (test_fs.c) and TLS (test_tls.c):
 * names, sockets, commands, signals, clocks, people, randomness, digests.
 * doc/PORTING.md says which promise is tested where. */
#define _DEFAULT_SOURCE
#define _XOPEN_SOURCE 700 /* terminals */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "config.h"
#include "port/fs.h"
#include "port/hash.h"
#include "port/net.h"
#include "port/posix/posix.h"
#include "port/proc.h"
#include "port/sys.h"

static enum err
resolve(struct net_resolve *r, const char *host)
{
	struct net_poll p = {.want = NET_IN};
	int64_t until = sys_now_ms() + 20000;
	enum err e = net_resolve_start(r, host, 993);

	while (e == ERR_OK && (e = net_resolve_step(r)) == ERR_AGAIN &&
		sys_now_ms() < until) {
		p.fd = r->fd;
		net_poll(&p, 1, 1000);
		e = ERR_OK;
	}
	return e;
}

static void
literals_need_no_child(void **state)
{
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;
	struct net_resolve r;

	(void)state;
	assert_int_equal(net_resolve_start(&r, "192.0.2.7", 143), ERR_OK);
	assert_int_equal(r.pid, -1);
	assert_int_equal(r.fd, -1);
	assert_int_equal(net_resolve_step(&r), ERR_OK);
	assert_int_equal(r.count, 1);
	memcpy(&v4, r.addrs[0].bytes, sizeof(v4));
	assert_int_equal(v4.sin_family, AF_INET);
	assert_int_equal(ntohs(v4.sin_port), 143);
	assert_int_equal(ntohl(v4.sin_addr.s_addr), 0xC0000207);
	net_resolve_stop(&r);
	assert_int_equal(net_resolve_start(&r, "::1", 993), ERR_OK);
	assert_int_equal(net_resolve_step(&r), ERR_OK);
	memcpy(&v6, r.addrs[0].bytes, sizeof(v6));
	assert_int_equal(v6.sin6_family, AF_INET6);
	assert_int_equal(ntohs(v6.sin6_port), 993);
	net_resolve_stop(&r);
}

static bool
stays_here(const char *address)
{
	struct net_resolve r;
	bool here;

	assert_int_equal(net_resolve_start(&r, address, 143), ERR_OK);
	assert_int_equal(net_resolve_step(&r), ERR_OK);
	here = net_is_loopback(&r.addrs[0]);
	net_resolve_stop(&r);
	return here;
}

static void
loopback_is_told(void **state)
{
	(void)state;
	assert_true(stays_here("127.0.0.1"));
	assert_true(stays_here("127.255.255.254"));
	assert_true(stays_here("::1"));
	assert_false(stays_here("126.255.255.255"));
	assert_false(stays_here("128.0.0.1"));
	assert_false(stays_here("0.0.0.0"));
	assert_false(stays_here("::"));
	assert_false(stays_here("::2"));
	assert_false(stays_here("2001:db8::1"));
}

static void
names_by_a_child(void **state)
{
	struct net_resolve r;

	(void)state;
	assert_int_equal(resolve(&r, "localhost"), ERR_OK);
	assert_true(r.count >= 1);
	assert_int_equal(r.pid, -1); /* reaped */
	assert_int_equal(r.fd, -1);
	assert_int_equal(net_resolve_step(&r), ERR_OK);
	net_resolve_stop(&r);
	assert_int_equal(resolve(&r, "no such name.invalid"), ERR_NET);
	assert_non_null(strstr(err_detail(), "resolve: "));
	/* given up at once, and the child is gone */
	assert_int_equal(net_resolve_start(&r, "localhost", 1), ERR_OK);
	pid_t pid = r.pid;
	net_resolve_stop(&r);
	assert_int_equal(kill(pid, 0), -1);
	net_resolve_stop(&r);
	/* killed from outside */
	assert_int_equal(net_resolve_start(&r, "localhost", 1), ERR_OK);
	kill(r.pid, SIGSTOP);
	kill(r.pid, SIGKILL);
	while (net_resolve_step(&r) == ERR_AGAIN) {
	}
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child left */
}

static int
listen_on(struct net_addr *a)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t n = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, n), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &n), 0);
	memset(a, 0, sizeof(*a));
	memcpy(a->bytes, &in, n);
	a->len = n;
	return fd;
}

static void
connect_read_write(void **state)
{
	struct net_poll p = {.want = NET_OUT};
	static char big[1 << 16];
	struct net_addr a;
	char have[16];
	size_t n, sent = 0;
	int l = listen_on(&a), c, s, on = 0;
	socklen_t on_n = sizeof(on);
	enum err e;

	(void)state;
	assert_int_equal(net_connect(&a, &c), ERR_OK);
	p.fd = c;
	assert_int_equal(net_poll(&p, 1, 5000), ERR_OK);
	assert_int_equal(p.ready, NET_OUT);
	assert_int_equal(net_connected(c), ERR_OK);
	/* a command is one small record: it must not wait for an answer */
	assert_int_equal(getsockopt(c, IPPROTO_TCP, TCP_NODELAY, &on, &on_n),
		0);
	assert_int_not_equal(on, 0);
	s = accept(l, NULL, NULL);
	assert_int_equal(net_read(c, have, sizeof(have), &n), ERR_AGAIN);
	assert_int_equal(net_write(c, "ping", 4, &n), ERR_OK);
	assert_int_equal(read(s, have, sizeof(have)), 4);
	while ((e = net_write(c, big, sizeof(big), &n)) == ERR_OK) {
		sent += n;
	}
	assert_int_equal(e, ERR_AGAIN);
	assert_true(sent > 0);
	close(s); /* with unread data: reset */
	p.want = NET_IN;
	net_poll(&p, 1, 5000);
	assert_int_equal(net_read(c, have, sizeof(have), &n), ERR_NET);
	assert_non_null(strstr(err_detail(), "read: "));
	signal(SIGPIPE, SIG_DFL); /* must not be raised */
	assert_int_equal(net_write(c, "x", 1, &n), ERR_NET);
	net_close(&c);
	assert_int_equal(c, -1);
	net_close(&c);
	close(l);
}

/* What is behind the first bytes comes along, into another place. */
static void
read_in_two_places(void **state)
{
	char have[4], more[4];
	int s[2];
	size_t n;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
		s), 0);
	assert_int_equal(net_read_on(s[0], have, 2, more, 4, &n), ERR_AGAIN);
	assert_int_equal(write(s[1], "abcdefghi", 9), 9);
	assert_int_equal(net_read_on(s[0], have, 2, more, 4, &n), ERR_OK);
	assert_int_equal(n, 6);
	assert_memory_equal(have, "ab", 2);
	assert_memory_equal(more, "cdef", 4);
	assert_int_equal(net_read_on(s[0], have, 4, more, 4, &n), ERR_OK);
	assert_int_equal(n, 3);
	assert_memory_equal(have, "ghi", 3);
	close(s[1]);
	assert_int_equal(net_read_on(s[0], have, 4, more, 4, &n), ERR_END);
	close(s[0]);
}

static void
nobody_listens(void **state)
{
	struct net_addr a;
	struct net_poll p = {.want = NET_OUT};
	int l = listen_on(&a), c;

	(void)state;
	close(l);
	assert_int_equal(net_connect(&a, &c), ERR_OK);
	p.fd = c;
	net_poll(&p, 1, 5000);
	assert_int_equal(net_connected(c), ERR_NET);
	net_close(&c);
	if (getenv("WHERRY_SO_ERROR") != NULL) {
		skip(); /* cross/run.sh */
	}
	assert_non_null(strstr(err_detail(), "refused"));
}

/* What a new connection is, and that nothing about it waits. */
static void
sockets(void **state)
{
	struct net_addr a, nowhere = {.len = 0};
	struct net_poll p = {.want = NET_IN};
	int l = listen_on(&a), c, s, on = 0;
	socklen_t n = sizeof(on);
	int64_t t0 = sys_now_ms();

	(void)state;
	assert_int_equal(net_connect(&nowhere, &c), ERR_NET);
	assert_int_equal(c, -1);
	assert_int_equal(net_connect(&a, &c), ERR_OK);
	assert_true((fcntl(c, F_GETFD) & FD_CLOEXEC) != 0);
	assert_true((fcntl(c, F_GETFL) & O_NONBLOCK) != 0);
	assert_int_equal(getsockopt(c, IPPROTO_TCP, TCP_NODELAY, &on, &n), 0);
	assert_true(on != 0);
	assert_int_equal(getsockopt(c, SOL_SOCKET, SO_KEEPALIVE, &on, &n), 0);
	assert_true(on != 0);
	s = accept(l, NULL, NULL);
	/* a hang-up sets both, so that whoever waits for either looks */
	shutdown(s, SHUT_RDWR);
	close(s);
	p.fd = c;
	p.want = NET_IN | NET_OUT;
	do {
		net_poll(&p, 1, 5000);
	} while (p.ready == NET_OUT && sys_now_ms() - t0 < 5000);
	assert_int_equal(p.ready, NET_IN | NET_OUT);
	/* nothing wanted: not even a hang-up ends the wait */
	p.want = 0;
	t0 = sys_now_ms();
	net_poll(&p, 1, 50);
	assert_int_equal(p.ready, 0);
	assert_true(sys_now_ms() - t0 >= 49);
	net_close(&c);
	/* an address that swallows everything: started, and not waited for */
	t0 = sys_now_ms();
	assert_int_equal(net_resolve_start(&(struct net_resolve){0},
		"192.0.2.1", 993), ERR_OK);
	assert_true(sys_now_ms() - t0 < 10000);
	close(l);
}

static void
end_of_stream(void **state)
{
	struct net_addr a;
	int l = listen_on(&a), c, s;
	char have[4];
	size_t n;
	enum err e;

	(void)state;
	assert_int_equal(net_connect(&a, &c), ERR_OK);
	s = accept(l, NULL, NULL);
	assert_int_equal(write(s, "ab", 2), 2);
	close(s);
	while ((e = net_read(c, have, 4, &n)) == ERR_AGAIN) {
	}
	assert_int_equal(e, ERR_OK);
	assert_int_equal(n, 2);
	while ((e = net_read(c, have, 4, &n)) == ERR_AGAIN) {
	}
	assert_int_equal(e, ERR_END);
	net_close(&c);
	close(l);
}

static void
poll_arguments(void **state)
{
	struct net_poll p[2 * CFG_CONNECTIONS + 9];
	int64_t t0 = sys_now_ms();
	size_t i;

	(void)state;
	for (i = 0; i < 2 * CFG_CONNECTIONS + 9; i++) {
		p[i] = (struct net_poll){.fd = -1, .want = NET_IN,
			.ready = 3};
	}
	assert_int_equal(net_poll(p, 2 * CFG_CONNECTIONS + 8, 50), ERR_OK);
	assert_true(sys_now_ms() - t0 >= 49);
	assert_int_equal(p[0].ready, 0);
	assert_int_equal(net_poll(p, 2 * CFG_CONNECTIONS + 9, 0), ERR_LIMIT);
	assert_int_equal(net_poll(NULL, 0, 0), ERR_OK);
	p[0].fd = 999; /* not open: ready, so that the error is seen */
	assert_int_equal(net_poll(p, 1, 0), ERR_OK);
	assert_int_equal(p[0].ready, NET_IN | NET_OUT);
}

static int
run(const char *command, char *out, size_t cap, size_t *n)
{
	struct net_poll wait = {.want = NET_IN};
	struct proc p;
	size_t got;
	int status;
	enum err e;

	*n = 0;
	assert_int_equal(proc_start(&p, command), ERR_OK);
	wait.fd = p.fd;
	while ((e = net_read(p.fd, out + *n, cap - *n, &got)) != ERR_END) {
		assert_true(e == ERR_OK || e == ERR_AGAIN);
		*n += got;
		net_poll(&wait, 1, 1000);
	}
	while ((e = proc_wait(&p, &status)) == ERR_AGAIN) {
	}
	assert_int_equal(e, ERR_OK);
	proc_stop(&p);
	return status;
}

static void
commands(void **state)
{
	char out[256];
	struct proc p;
	int status;
	fs_fd fd;
	size_t n;

	(void)state;
	assert_int_equal(run("echo hello; cat; exit 7", out, 256, &n), 7);
	assert_int_equal(n, 6);
	assert_memory_equal(out, "hello\n", 6);
	assert_int_equal(run("kill -9 $$", out, 256, &n), 128 + 9);
	assert_int_equal(run("/no/such/thing 2>/dev/null", out, 256, &n),
		127);
	/* signals are as a fresh program has them */
	sys_signals();
	assert_int_equal(run("kill -PIPE $$; exit 0", out, 256, &n),
		128 + SIGPIPE);
	/* what we have open is not inherited */
	assert_int_equal(fs_open(FS_CWD, "/dev/null", FS_READ, 0, &fd),
		ERR_OK);
	snprintf(out, sizeof(out), "test -e /proc/self/fd/%d", fd);
	assert_int_equal(run(out, out + 100, 100, &n), 1);
	fs_close(&fd);
	assert_int_equal(proc_start(&p, "exec sleep 100"), ERR_OK);
	assert_int_equal(proc_wait(&p, &status), ERR_AGAIN);
	proc_stop(&p);
	assert_int_equal(p.pid, -1);
	assert_int_equal(p.fd, -1);
	assert_int_equal(proc_start(&p, "trap '' TERM; echo; sleep 2; sleep 2"),
		ERR_OK);
	while (net_read(p.fd, out, 1, &n) == ERR_AGAIN) {
	}
	proc_stop(&p); /* does not end when asked to */
	assert_int_equal(p.pid, -1);
	assert_int_equal(proc_wait(&p, &status), ERR_IO);
	proc_stop(&p);
}

/* In a child: signals are set for the whole process. */
static int
poll_under_signal(int sig, bool before)
{
	int ends[2], status;
	pid_t pid = fork();

	if (pid == 0) {
		struct net_poll p = {.want = NET_IN};
		int64_t t0 = sys_now_ms();

		if (pipe(ends) != 0) {
			_exit(9);
		}
		p.fd = ends[0];
		sys_signals();
		if (sys_stopping()) {
			_exit(2);
		}
		if (before) {
			raise(sig);
		} else if (fork() == 0) {
			usleep(100000);
			kill(getppid(), sig);
			_exit(0);
		}
		net_poll(&p, 1, 10000);
		if (!sys_stopping() || sys_now_ms() - t0 > 9000) {
			_exit(3);
		}
		/* the next wait waits again */
		t0 = sys_now_ms();
		net_poll(&p, 1, 100);
		_exit(p.ready == 0 && sys_now_ms() - t0 >= 99 ? 0 : 4);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

static void
signals_end_a_wait(void **state)
{
	(void)state;
	assert_int_equal(poll_under_signal(SIGTERM, false), 0);
	assert_int_equal(poll_under_signal(SIGTERM, true), 0);
	assert_int_equal(poll_under_signal(SIGINT, false), 0);
	assert_int_equal(poll_under_signal(SIGHUP, true), 0);
}

static void
second_interrupt_ends(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		sys_signals();
		raise(SIGTERM);
		raise(SIGTERM);
		raise(SIGINT);
		raise(SIGINT);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
}

/* Mail is never written to where somebody closed standard error. */
static void
standard_descriptors(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		int ends[2];

		close(0);
		close(1);
		close(2);
		sys_signals();
		if (pipe(ends) != 0 || ends[0] <= 2) {
			_exit(1);
		}
		_exit(signal(SIGPIPE, SIG_DFL) == SIG_IGN ? 0 : 2);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	/* where there is no /dev, this takes its place (tests/e2e) */
	status = posix_null();
	assert_true(status > 2);
	assert_true(read(status, &pid, 1) <= 0);
	close(status);
}

static void
clocks(void **state)
{
	int64_t a, s;

	(void)state;
	net_poll(NULL, 0, 0); /* a signal of the tests before, if any */
	a = sys_now_ms();
	s = sys_time();
	net_poll(NULL, 0, 30);
	assert_in_range(sys_now_ms() - a, 29, 20000);
	assert_in_range(sys_time() - s, 0, 20);
}

/* Everything is written, also where somebody set O_NONBLOCK; what cannot be
 * written is dropped. */
static void
writing_to_people(void **state)
{
	static char much[300000];
	int ends[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	pid = fork();
	if (pid == 0) {
		char piece[5000];
		size_t n = 0;
		ssize_t r;

		close(ends[1]);
		do {
			usleep(500);
			r = read(ends[0], piece, sizeof(piece));
			n += r > 0 ? (size_t)r : 0;
		} while (r > 0);
		_exit(n == sizeof(much) ? 0 : 1);
	}
	sys_write(ends[1], much, sizeof(much));
	close(ends[1]);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	sys_write(ends[1], much, 1); /* closed: dropped */
	close(ends[0]);
}

static void
system_facts(void **state)
{
	char p[CFG_PATH], a[600], b[600];
	struct sys_usage u;

	(void)state;
	assert_true(sys_time() > 1600000000);
	sys_usage(&u);
	assert_in_range(u.peak_kib, 100, 1 << 24);
	setenv("HOME", "/home/somebody", 1);
	assert_int_equal(sys_home(p, sizeof(p)), ERR_OK);
	assert_string_equal(p, "/home/somebody");
	assert_int_equal(sys_home(p, 15), ERR_OK);
	assert_int_equal(sys_home(p, 14), ERR_LIMIT);
	unsetenv("HOME");
	assert_null(sys_getenv("HOME"));
	assert_int_equal(sys_home(p, sizeof(p)),
		CFG_PASSWD ? ERR_OK : ERR_NOENT);
	sys_hostname(p, sizeof(p));
	assert_true(p[0] != '\0');
	sys_hostname(p, 3);
	assert_true(strlen(p) <= 2);
	memset(a, 0, sizeof(a));
	memset(b, 0, sizeof(b));
	assert_int_equal(sys_random(a, sizeof(a)), ERR_OK);
	assert_int_equal(sys_random(b, sizeof(b)), ERR_OK);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_memory_not_equal(a, a + 300, 300);
	setenv("COLUMNS", "132", 1);
	assert_int_equal(sys_columns(-1), 132);
	setenv("COLUMNS", "x", 1);
	assert_int_equal(sys_columns(-1), 80);
	assert_false(sys_isatty(-1));
	memset(a, 0, 32);
	if (sys_boot_id((uint8_t *)a)) { /* not without /proc */
		assert_true(sys_boot_id((uint8_t *)a + 16));
		assert_memory_equal(a, a + 16, 16);
		assert_memory_not_equal(a, b + 16, 16);
	}
}

/* The devices of old kernels, in a folder of ours: what is no device is not
 * read, whatever it holds. */
static void
random_by_devices(void **state)
{
	char root[] = "/tmp/wherry-dev-XXXXXX", path[64];
	char p[32] = {0}, zero[32] = {0};

	(void)state;
	assert_non_null(mkdtemp(root));
	assert_int_equal(posix_random(root, p, sizeof(p)), ERR_UNSUPPORTED);
	assert_non_null(strstr(err_detail(), "no random numbers"));
	snprintf(path, sizeof(path), "%s/random", root);
	assert_int_equal(symlink("/dev/zero", path), 0); /* "seeded" */
	assert_int_equal(posix_random(root, p, sizeof(p)), ERR_UNSUPPORTED);
	assert_non_null(strstr(err_detail(), "/urandom"));
	unlink(path);
	close(open(path, O_WRONLY | O_CREAT, 0600));
	assert_int_equal(posix_random(root, p, sizeof(p)), ERR_UNSUPPORTED);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	alarm(20); /* it must not be waited for */
	assert_int_equal(posix_random(root, p, sizeof(p)), ERR_UNSUPPORTED);
	alarm(0);
	unlink(path);
	rmdir(root);
	assert_memory_equal(p, zero, sizeof(p));
	assert_int_equal(posix_random("/dev", p, sizeof(p)), ERR_OK);
	assert_memory_not_equal(p, zero, sizeof(p));
	assert_memory_not_equal(p, p + 16, 16);
}

/* The terminal's other end: what it shows, and whether it has echo. */
static int
answer_on(int master, const char *text, char *shown, size_t cap)
{
	struct termios t;
	size_t n = 0;
	ssize_t r;

	while (n + 1 < cap && memchr(shown, '?', n) == NULL) {
		r = read(master, shown + n, cap - 1 - n);
		if (r <= 0) {
			break;
		}
		n += (size_t)r;
	}
	shown[n] = '\0';
	if (tcgetattr(master, &t) != 0 || (t.c_lflag & ECHO) != 0) {
		return 1;
	}
	return write(master, text, strlen(text)) == (ssize_t)strlen(text) ?
		0 : 2;
}

static int
asked(const char *text, char *have, size_t cap)
{
	char shown[200] = {0};
	int master = posix_openpt(O_RDWR | O_NOCTTY), status, ends[2];
	struct termios t;
	pid_t pid;

	assert_true(master >= 0 && grantpt(master) == 0 &&
		unlockpt(master) == 0 && pipe(ends) == 0);
	pid = fork();
	if (pid == 0) {
		enum err e;

		setsid();
		if (open(ptsname(master), O_RDWR) < 0) {
			_exit(100);
		}
		e = sys_ask_secret("word?", have, cap);
		if (write(ends[1], have, cap) != (ssize_t)cap) {
			_exit(101);
		}
		pause(); /* keeps the terminal as it is */
		_exit(-e);
	}
	alarm(20);
	assert_int_equal(answer_on(master, text, shown, sizeof(shown)), 0);
	assert_int_equal(read(ends[0], have, cap), cap);
	assert_int_equal(tcgetattr(master, &t), 0);
	assert_true((t.c_lflag & ECHO) != 0); /* given back */
	alarm(0);
	assert_string_equal(shown, "word?");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(master);
	close(ends[0]);
	close(ends[1]);
	return 0;
}

static void
secrets(void **state)
{
	char have[8];

	(void)state;
	memset(have, 'x', sizeof(have));
	asked("hidden7\n", have, sizeof(have));
	assert_string_equal(have, "hidden7");
	/* one more than fits is no secret cut short */
	memset(have, 'x', sizeof(have));
	asked("hidden78\n", have, sizeof(have));
	assert_string_equal(have, "");
}

static void
no_terminal(void **state)
{
	char p[16];
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		setsid(); /* leaves the terminal, if there is one */
		_exit(sys_ask_secret("?", p, sizeof(p)) == ERR_UNSUPPORTED ?
				0 : 1);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
expect_hex(const uint8_t *p, size_t n, const char *hex)
{
	char have[129];

	for (size_t i = 0; i < n; i++) {
		snprintf(have + 2 * i, 3, "%02x", p[i]);
	}
	assert_string_equal(have, hex);
}

/* FIPS 180-2 and its change notice. */
static void
sha_of_abc(void)
{
	static const char *const want[] = {
		"a9993e364706816aba3e25717850c26c9cd0d89d",
		"23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f200"
		"15ad",
		"cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff"
		"5bed8086072ba1e7cc2358baeca134c825a7",
		"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55"
		"d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94f"
		"a54ca49f",
	};
	uint8_t out[64];
	size_t i, n;

	for (i = 0; i < 5; i++) {
		n = strlen(want[i]) / 2;
		assert_int_equal(hash_sha("abc", 3, out, n), ERR_OK);
		expect_hex(out, n, want[i]);
	}
}

static void
digests(void **state)
{
	uint8_t out[32];

	(void)state;
	hash_md5("", 0, out); /* RFC 1321 A.5 */
	expect_hex(out, 16, "d41d8cd98f00b204e9800998ecf8427e");
	hash_md5("message digest", 14, out);
	expect_hex(out, 16, "f96b697d7cb7938d525a2f31aaf161d0");
	/* RFC 2195 2 */
	hash_md5("1234567890123456789012345678901234567890123456789012345678"
		"9012345678901234567890", 80, out);
	expect_hex(out, 16, "57edf4a22be3c955ac49da2e2107b67a");
	assert_int_equal(hash_sha("abc", 3, out, 31), ERR_UNSUPPORTED);
	if (hash_sha("abc", 3, out, 32) == ERR_UNSUPPORTED) {
		/* a build without a TLS library says so and has no more */
		assert_int_equal(hash_hmac_md5("k", 1, "x", 1, out),
			ERR_UNSUPPORTED);
		return;
	}
	/* RFC 2195 2 */
	assert_int_equal(hash_hmac_md5("tanstaaftanstaaf", 16,
		"<1896.697170952@postoffice.reston.mci.net>", 42, out), ERR_OK);
	expect_hex(out, 16, "b913a602c7eda7a495b4e6e7334d3890");
	sha_of_abc();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(literals_need_no_child),
		cmocka_unit_test(names_by_a_child),
		cmocka_unit_test(loopback_is_told),
		cmocka_unit_test(connect_read_write),
		cmocka_unit_test(read_in_two_places),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(sockets),
		cmocka_unit_test(end_of_stream),
		cmocka_unit_test(poll_arguments),
		cmocka_unit_test(commands),
		cmocka_unit_test(signals_end_a_wait),
		cmocka_unit_test(second_interrupt_ends),
		cmocka_unit_test(standard_descriptors),
		cmocka_unit_test(clocks),
		cmocka_unit_test(writing_to_people),
		cmocka_unit_test(system_facts),
		cmocka_unit_test(random_by_devices),
		cmocka_unit_test(secrets),
		cmocka_unit_test(no_terminal),
		cmocka_unit_test(digests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
