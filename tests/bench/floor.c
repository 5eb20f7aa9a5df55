/*
 * floor: the least that a client could do, to compare with.
 *
 *	floor fetch HOST PORT USER PASSWORD CA DIR
 *	floor list HOST PORT USER PASSWORD CA
 *
 * fetch: login, list, then in one flight for all folders EXAMINE and one
 * UID FETCH of everything; each message is written to tmp/ and renamed. Line
 * ends stay, nothing is remembered, nothing made durable, nothing checked.
 * list: LOGIN, LIST-STATUS and LOGOUT in one flight behind the greeting.
 *
 * It talks to the benchmark's own Dovecot only.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDERS = 100000 };

static SSL *tls;
static char in[256 << 10];
static size_t in_at, in_end;
static char *folders[FOLDERS];
static int n_folders;

static void
fail(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	ERR_print_errors_fp(stderr);
	exit(1);
}

static void
dial(const char *host, const char *port, const char *ca)
{
	struct addrinfo hint = {.ai_socktype = SOCK_STREAM}, *found;
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int fd, on = 1;

	if (getaddrinfo(host, port, &hint, &found) != 0) {
		fail("resolve");
	}
	do {
		fd = socket(found->ai_family, SOCK_STREAM, 0);
	} while (connect(fd, found->ai_addr, found->ai_addrlen) != 0 &&
	    (found = found->ai_next) != NULL);
	if (found == NULL) {
		fail("connect");
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1) {
		fail("CA");
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	tls = SSL_new(ctx);
	SSL_set1_host(tls, host);
	SSL_set_fd(tls, fd);
	if (SSL_connect(tls) != 1) {
		fail("TLS");
	}
}

static void
put(const char *text, size_t n)
{
	if (n > 0 && SSL_write(tls, text, (int)n) <= 0) {
		fail("write");
	}
}

static void
fill(void)
{
	int n;

	memmove(in, in + in_at, in_end - in_at);
	in_end -= in_at;
	in_at = 0;
	if (in_end == sizeof(in)) {
		fail("long line");
	}
	n = SSL_read(tls, in + in_end, (int)(sizeof(in) - in_end));
	if (n <= 0) {
		fail("read");
	}
	in_end += (size_t)n;
}

/* The next line without its CRLF, good until the next call. */
static char *
get(void)
{
	size_t seen = 0;
	char *lf, *line;

	for (;;) {
		lf = memchr(in + in_at + seen, '\n', in_end - in_at - seen);
		if (lf != NULL) {
			break;
		}
		seen = in_end - in_at;
		fill();
	}
	line = in + in_at;
	in_at = (size_t)(lf - in) + 1;
	*lf = '\0';
	if (lf > line && lf[-1] == '\r') {
		lf[-1] = '\0';
	}
	return line;
}

/* Skips to the tagged answer. */
static void
wait_ok(const char *tag)
{
	size_t n = strlen(tag);

	for (;;) {
		char *line = get();

		if (strncmp(line, tag, n) == 0 && line[n] == ' ') {
			if (strncmp(line + n, " OK", 3) != 0) {
				fprintf(stderr, "floor: %s\n", line);
				exit(1);
			}
			return;
		}
	}
}

static void
list(void)
{
	static const char line[] = "b LIST \"\" *\r\n";

	put(line, sizeof(line) - 1);
	for (;;) {
		char *l = get(), *name;

		if (strncmp(l, "b ", 2) == 0) {
			return;
		}
		if (strncmp(l, "* LIST (", 8) != 0 ||
		    strstr(l, "Noselect") != NULL || n_folders == FOLDERS) {
			continue;
		}
		name = strrchr(l, ' ') + 1;
		folders[n_folders++] = strdup(name);
	}
}

/* One literal of n bytes into tmp/, then to its place. */
static void
message(const char *dir, const char *folder, unsigned number, size_t n)
{
	char tmp[512], to[512];
	int fd;

	snprintf(tmp, sizeof(tmp), "%s/%s/tmp/%u", dir, folder, number);
	snprintf(to, sizeof(to), "%s/%s/cur/%u.floor,U=%u:2,S", dir, folder,
	    number, number);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0) {
		fail(tmp);
	}
	while (n > 0) {
		size_t have = in_end - in_at < n ? in_end - in_at : n;

		if (have == 0) {
			fill();
			continue;
		}
		if (write(fd, in + in_at, have) != (ssize_t)have) {
			fail("write");
		}
		in_at += have;
		n -= have;
	}
	close(fd);
	if (rename(tmp, to) != 0) {
		fail(to);
	}
}

static void
fetch_folder(const char *dir, const char *folder, int i)
{
	static const char *const part[] = {"", "/tmp", "/cur", "/new"};
	char path[512], tag[16];
	unsigned number = 0;
	size_t k, n;

	for (k = 0; k < 4; k++) {
		snprintf(path, sizeof(path), "%s/%s%s", dir, folder, part[k]);
		mkdir(path, 0700);
	}
	snprintf(tag, sizeof(tag), "e%d", i);
	wait_ok(tag);
	snprintf(tag, sizeof(tag), "f%d ", i);
	for (;;) {
		char *line = get(), *open;

		if (strncmp(line, tag, strlen(tag)) == 0) {
			return;
		}
		n = strlen(line);
		open = n > 0 && line[n - 1] == '}' ? strrchr(line, '{') : NULL;
		if (open != NULL) {
			message(dir, folder, ++number,
			    strtoul(open + 1, NULL, 10));
		}
	}
}

static void
fetch(const char *dir)
{
	char *all = malloc((size_t)n_folders * 640 + 1);
	size_t n = 0;
	int i;

	for (i = 0; i < n_folders; i++) {
		n += (size_t)sprintf(all + n, "e%d EXAMINE %.256s\r\nf%d UID "
		    "FETCH 1:4294967295 (UID FLAGS INTERNALDATE BODY.PEEK[])"
		    "\r\n", i, folders[i], i);
	}
	put(all, n);
	for (i = 0; i < n_folders; i++) {
		fetch_folder(dir, folders[i], i);
	}
}

int
main(int argc, char **argv)
{
	static const char status[] = "c LIST \"\" * RETURN (STATUS (MESSAGES "
	    "UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ))\r\nd LOGOUT\r\n";
	char login[256];
	int n;

	if (argc < 7) {
		return 64;
	}
	dial(argv[2], argv[3], argv[6]);
	get(); /* the greeting */
	n = snprintf(login, sizeof(login), "a LOGIN \"%s\" \"%s\"\r\n%s",
	    argv[4], argv[5], argc == 7 ? status : "");
	put(login, (size_t)n);
	wait_ok("a");
	if (argc == 7) {
		wait_ok("c");
		return 0;
	}
	list();
	fetch(argv[7]);
	/* Sent last and alone: behind FETCH it costs Dovecot the tail. */
	put("d LOGOUT\r\n", 10);
	return 0;
}
