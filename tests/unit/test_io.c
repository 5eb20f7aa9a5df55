/* Streams over real loopback sockets; the server is a child or this process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/io_flate.h"
#include "io/io_stream.h"
#include "port/sys.h"

static struct io_stream s;
static int listener = -1, peer = -1;
static uint16_t port;

static int
set_up(void **state)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t n = sizeof(in);

	(void)state;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&in, n) != 0 ||
		listen(listener, 1) != 0 ||
		getsockname(listener, (struct sockaddr *)&in, &n) != 0) {
		return -1;
	}
	port = ntohs(in.sin_port);
	peer = -1;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	io_close(&s);
	io_close(&s); /* twice is harmless */
	close(listener);
	if (peer >= 0) {
		close(peer);
	}
	return 0;
}

/* Waits as an owner does. */
static void
wait_for(void)
{
	struct net_poll p;
	int64_t deadline;

	p.fd = io_poll_fd(&s, &p.want, &deadline);
	if (!io_ready(&s)) {
		net_poll(&p, 1, 1000);
	}
}

static enum err
until(enum io_state state)
{
	int64_t end = sys_now_ms() + 10000;
	enum err e = ERR_OK;

	while (io_state(&s) != state && (e == ERR_OK || e == ERR_AGAIN)) {
		if (sys_now_ms() > end) {
			return ERR_TIMEOUT;
		}
		e = io_step(&s, sys_now_ms());
		if (e == ERR_AGAIN) {
			wait_for();
		}
	}
	return io_state(&s) == state ? ERR_OK : e;
}

static void
up(void)
{
	assert_int_equal(io_open(&s, "127.0.0.1", port, false, NULL,
				 sys_now_ms(), 5000), ERR_OK);
	assert_int_equal(io_state(&s), IO_RESOLVE);
	assert_true(io_ready(&s));
	assert_int_equal(until(IO_UP), ERR_OK);
	peer = accept(listener, NULL, NULL);
	assert_false(io_is_tls(&s));
}

static void
settle(size_t unread)
{
	int i;

	for (i = 0; i < 200 && io_in(&s).n < unread; i++) {
		if (io_step(&s, sys_now_ms()) == ERR_AGAIN) {
			wait_for();
		}
	}
}

static void
echo(void **state)
{
	int64_t deadline;
	char have[16];
	int want;

	(void)state;
	up();
	assert_int_equal(io_step(&s, 0), ERR_AGAIN);
	assert_int_equal(io_poll_fd(&s, &want, &deadline), s.fd);
	assert_int_equal(want, NET_IN);
	assert_int_equal(deadline, -1);
	assert_int_equal(io_put(&s, "ping\r\n", 6), ERR_OK);
	assert_false(io_flushed(&s));
	io_poll_fd(&s, &want, &deadline);
	assert_int_equal(want, NET_IN | NET_OUT);
	assert_int_equal(io_step(&s, 0), ERR_OK);
	assert_true(io_flushed(&s));
	assert_int_equal(read(peer, have, 16), 6);
	assert_int_equal(write(peer, "pong\r\n", 6), 6);
	settle(6);
	assert_true(span_is(io_in(&s), "pong\r\n"));
	io_ack(&s, 4);
	assert_true(span_is(io_in(&s), "\r\n"));
	io_ack(&s, 99); /* clipped */
	assert_int_equal(io_in(&s).n, 0);
	assert_int_equal(s.counts.tx, 6);
	assert_int_equal(s.counts.rx, 6);
	assert_int_equal(s.counts.turns, 1);
}

static void
turns_are_round_trips(void **state)
{
	char have[16];

	(void)state;
	up();
	assert_int_equal(write(peer, "* OK", 4), 4);
	settle(4);
	assert_int_equal(s.counts.turns, 0); /* the greeting is none */
	for (int i = 1; i <= 3; i++) {
		io_ack(&s, 99);
		io_put(&s, "a", 1);
		io_put(&s, "b", 1);
		io_step(&s, 0);
		assert_int_equal(read(peer, have, 16), 2);
		assert_int_equal(write(peer, "x", 1), 1);
		settle(1);
		assert_int_equal(write(peer, "y", 1), 1);
		settle(2);
		assert_int_equal(s.counts.turns, i);
	}
}

static void
output_limit(void **state)
{
	static char data[CFG_IO_OUT + 1];

	(void)state;
	up();
	assert_int_equal(io_room(&s), CFG_IO_OUT);
	assert_int_equal(io_put(&s, data, CFG_IO_OUT + 1), ERR_LIMIT);
	assert_non_null(strstr(err_detail(), "CFG_IO_OUT"));
	assert_int_equal(io_put(&s, data, CFG_IO_OUT), ERR_OK);
	assert_int_equal(io_room(&s), 0);
	assert_int_equal(io_put(&s, data, 1), ERR_LIMIT);
	assert_int_equal(io_put(&s, data, 0), ERR_OK);
	assert_int_equal(until(IO_UP), ERR_OK); /* not sticky */
	io_step(&s, 0);
	assert_true(io_flushed(&s));
	assert_int_equal(io_room(&s), CFG_IO_OUT);
}

/* Much more than the buffers of both sides, in both directions at once; the
 * bytes arrive in order and none is lost. */
/* Who had nothing is not asked again before the clock moves or somebody
 * waits. */
static void
dry(void **state)
{
	int64_t now = sys_now_ms(), deadline;
	int want;

	(void)state;
	up();
	assert_int_equal(io_step(&s, now), ERR_AGAIN);
	assert_int_equal(send(peer, "a", 1, 0), 1);
	assert_int_equal(io_step(&s, now), ERR_AGAIN);
	assert_int_equal(io_step(&s, now + 1), ERR_OK);
	assert_int_equal(io_in(&s).n, 1);
	assert_int_equal(io_step(&s, now + 1), ERR_AGAIN);
	assert_int_equal(send(peer, "b", 1, 0), 1);
	io_poll_fd(&s, &want, &deadline);
	assert_int_equal(io_step(&s, now + 1), ERR_OK);
	assert_int_equal(io_in(&s).n, 2);
}

static void
bulk(void **state)
{
	enum { TOTAL = 3000000 };
	static char chunk[3000], back[70000];
	size_t put = 0, got = 0, seen = 0;
	int64_t end = sys_now_ms() + 20000;
	size_t i, n;
	ssize_t r;

	(void)state;
	up();
	while ((got < TOTAL || seen < TOTAL) && sys_now_ms() < end) {
		n = TOTAL - put < sizeof(chunk) ? TOTAL - put : sizeof(chunk);
		if (n > io_room(&s)) {
			n = io_room(&s);
		}
		for (i = 0; i < n; i++) {
			chunk[i] = (char)((put + i) * 7 % 251);
		}
		assert_int_equal(io_put(&s, chunk, n), ERR_OK);
		put += n;
		assert_true(io_step(&s, sys_now_ms()) >= ERR_AGAIN);
		if (seen < TOTAL &&
			(r = recv(peer, back, sizeof(back), MSG_DONTWAIT)) >
				0) {
			for (i = 0; i < (size_t)r; i++) {
				if (back[i] != (char)((seen + i) * 7 % 251)) {
					fail_msg("byte %zu is wrong", seen + i);
				}
			}
			seen += (size_t)r;
			/* and back again */
			assert_int_equal(send(peer, back, (size_t)r, 0), r);
		}
		struct span in = io_in(&s);
		for (i = 0; i < in.n; i++) {
			if (in.p[i] != (char)((got + i) * 7 % 251)) {
				fail_msg("byte %zu came back wrong", got + i);
			}
		}
		/* leave a few unread, so that the window moves */
		n = in.n > 5 && got + in.n < TOTAL ? in.n - 3 : in.n;
		io_ack(&s, n);
		got += n;
	}
	assert_int_equal(seen, TOTAL);
	assert_int_equal(got, TOTAL);
	assert_int_equal(s.counts.tx, TOTAL);
	assert_int_equal(s.counts.rx, TOTAL);
}

static void
input_limit(void **state)
{
	static char data[CFG_IO_IN + 10];
	int64_t deadline;
	int want;

	(void)state;
	up();
	assert_int_equal(write(peer, data, sizeof(data)), sizeof(data));
	settle(CFG_IO_IN);
	assert_int_equal(io_in(&s).n, CFG_IO_IN);
	/* full: nothing to wait for, nothing is lost */
	assert_int_equal(io_step(&s, 0), ERR_AGAIN);
	assert_int_equal(io_poll_fd(&s, &want, &deadline), -1);
	assert_int_equal(want, 0);
	io_ack(&s, 1);
	settle(CFG_IO_IN);
	assert_int_equal(io_in(&s).n, CFG_IO_IN);
	io_ack(&s, CFG_IO_IN);
	settle(9);
	assert_int_equal(io_in(&s).n, 9);
}

static void
end_of_stream(void **state)
{
	(void)state;
	up();
	assert_int_equal(write(peer, "* BYE", 5), 5);
	close(peer);
	peer = -1;
	assert_int_equal(until(IO_EOF), ERR_OK);
	assert_true(span_is(io_in(&s), "* BYE")); /* still to be read */
	assert_int_equal(io_step(&s, 0), ERR_AGAIN);
	io_ack(&s, 5);
	assert_true(io_ready(&s));
	assert_int_equal(io_step(&s, 0), ERR_END);
	assert_int_equal(io_step(&s, 0), ERR_END);
}

static void
reset_is_sticky(void **state)
{
	struct linger hard = {.l_onoff = 1, .l_linger = 0};

	(void)state;
	up();
	setsockopt(peer, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(peer);
	peer = -1;
	assert_int_equal(until(IO_EOF), ERR_NET);
	assert_int_equal(io_state(&s), IO_FAILED);
	assert_int_equal(io_step(&s, 0), ERR_NET);
	assert_int_equal(io_put(&s, "x", 1), ERR_NET);
}

static void
nobody_listens(void **state)
{
	(void)state;
	close(listener);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(io_open(&s, "127.0.0.1", port, false, NULL,
				 sys_now_ms(), 5000), ERR_OK);
	assert_int_equal(until(IO_UP), ERR_NET);
	if (getenv("WHERRY_SO_ERROR") != NULL) {
		skip(); /* cross/run.sh */
	}
	assert_non_null(strstr(err_detail(), "refused"));
}

/* The first addresses refuse; the last one answers. */
static void
next_address(void **state)
{
	struct net_addr good;

	(void)state;
	assert_int_equal(io_open(&s, "127.0.0.1", port, false, NULL,
				 sys_now_ms(), 5000), ERR_OK);
	good = s.resolve.addrs[0];
	s.resolve.addrs[2] = good;
	good.bytes[2] = 0; /* port 1 */
	good.bytes[3] = 1;
	s.resolve.addrs[0] = good;
	memset(good.bytes, 0xff, 2); /* no such family: fails at once */
	s.resolve.addrs[1] = good;
	s.resolve.count = 3;
	assert_int_equal(until(IO_UP), ERR_OK);
	assert_int_equal(s.addr, 2);
}

static void
by_name(void **state)
{
	(void)state;
	/* ::1 is usually first and refuses */
	assert_int_equal(io_open(&s, "localhost", port, false, NULL,
				 sys_now_ms(), 5000), ERR_OK);
	assert_int_equal(until(IO_UP), ERR_OK);
	io_close(&s);
	assert_int_equal(io_open(&s, "no such name.invalid", port, false, NULL,
				 sys_now_ms(), 5000), ERR_OK);
	assert_int_equal(until(IO_UP), ERR_NET);
}

static void
deadlines(void **state)
{
	int64_t now = sys_now_ms(), deadline;
	struct tls_verify v = {.host = "x", .trust_nothing = true};
	enum err e;
	int want;

	(void)state;
	if (tls_features() == 0) {
		skip();
	}
	/* handshake: the server accepts and says nothing */
	assert_int_equal(io_open(&s, "127.0.0.1", port, true, &v, now, 5000),
		ERR_OK);
	io_poll_fd(&s, &want, &deadline);
	assert_int_equal(deadline, now + 5000);
	assert_int_equal(until(IO_HANDSHAKE), ERR_OK);
	do {
		e = io_step(&s, now);
	} while (e == ERR_OK);
	assert_int_equal(e, ERR_AGAIN);
	io_poll_fd(&s, &want, &deadline);
	assert_int_equal(want, NET_IN);
	assert_int_equal(io_step(&s, deadline - 1), ERR_AGAIN);
	assert_int_equal(io_step(&s, deadline), ERR_TIMEOUT);
	assert_non_null(strstr(err_detail(), "5 seconds"));
	assert_int_equal(io_step(&s, now), ERR_TIMEOUT);
	io_close(&s);
	/* connecting: TEST-NET-1 does not answer (or is refused at once) */
	assert_int_equal(io_open(&s, "192.0.2.1", port, false, NULL, now,
				 5000), ERR_OK);
	while ((e = io_step(&s, now)) == ERR_OK) {
	}
	if (e == ERR_AGAIN) {
		e = io_step(&s, now + 5000);
	}
	assert_true(e == ERR_TIMEOUT || e == ERR_NET);
	assert_int_equal(io_state(&s), IO_FAILED);
}

static void
starttls_refuses_plain_bytes(void **state)
{
	struct tls_verify v = {.host = "x", .trust_nothing = true};

	(void)state;
	up();
	assert_int_equal(write(peer, "a1 OK\r\na2 OK\r\n", 14), 14);
	settle(14);
	io_ack(&s, 7);
	s.verify = &v;
	assert_int_equal(io_starttls(&s, 0, 5000), ERR_PROTO);
	assert_int_equal(io_state(&s), IO_FAILED);
	assert_int_equal(io_step(&s, 0), ERR_PROTO);
}

static void
starttls_needs_an_empty_output(void **state)
{
	struct tls_verify v = {.host = "x", .trust_nothing = true};

	(void)state;
	up();
	s.verify = &v;
	io_put(&s, "a2 LOGIN", 8);
	assert_int_equal(io_starttls(&s, 0, 5000), ERR_PROTO);
}

static void
starttls_starts_the_handshake(void **state)
{
	struct tls_verify v = {.host = "x", .trust_nothing = true};
	unsigned char hello[8];

	(void)state;
	if (tls_features() == 0) {
		skip();
	}
	up();
	s.verify = &v;
	assert_int_equal(io_starttls(&s, sys_now_ms(), 5000), ERR_OK);
	assert_int_equal(io_state(&s), IO_HANDSHAKE);
	assert_false(io_is_tls(&s));
	io_step(&s, sys_now_ms());
	assert_int_equal(read(peer, hello, 8), 8);
	assert_int_equal(hello[0], 22); /* handshake record */
	assert_int_equal(write(peer, "* OK plain text\r\n", 17), 17);
	assert_int_equal(until(IO_UP), ERR_TLS);
	assert_non_null(strstr(err_detail(), "not TLS"));
	assert_false(io_is_tls(&s));
}

/* The peer of a compressed stream. */
static struct inflate theirs;
static struct deflate ours;

/* Compresses p into room, whole and flushed. */
static size_t
pack(const char *p, size_t n, char *room, size_t cap)
{
	struct buf b;

	buf_init(&b, room, cap);
	for (size_t at = 0; at < n; at += DEFLATE_CHUNK) {
		size_t k = n - at < DEFLATE_CHUNK ? n - at : DEFLATE_CHUNK;

		deflate_put(&ours, (struct span){p + at, k}, &b);
	}
	deflate_flush(&ours, &b);
	assert_int_equal(b.err, ERR_OK);
	return b.n;
}

static bool
compressed(void)
{
	if (!CFG_COMPRESS) {
		return false;
	}
	deflate_init(&ours);
	inflate_init(&theirs);
	up();
	assert_true(io_compress_reserve(&s));
	return true;
}

/* What came with the answer to COMPRESS is compressed already; what was put
 * then can be read by the peer at once. */
static void
compress_begins_behind_the_answer(void **state)
{
	char room[600], have[600];
	size_t n, used;
	ssize_t r;

	(void)state;
	if (!compressed()) {
		skip();
	}
	memcpy(room, "w3 OK\r\n", 7);
	n = 7 + pack("* OK first\r\n", 12, room + 7, sizeof(room) - 7);
	assert_int_equal(write(peer, room, n), n);
	settle(n);
	assert_int_equal(io_in(&s).n, n);
	io_ack(&s, 7);
	io_compress(&s, true);
	assert_int_equal(io_in(&s).n, 0);
	assert_true(io_ready(&s));
	assert_int_equal(io_step(&s, 0), ERR_OK);
	assert_true(span_is(io_in(&s), "* OK first\r\n"));
	assert_false(io_ready(&s));
	io_ack(&s, 12);
	assert_int_equal(s.counts.rx, n);
	assert_int_equal(s.counts.raw_rx, 7 + 12);
	for (int i = 0; i < 3; i++) {
		const char *line = "w4 NOOP NOOP NOOP NOOP NOOP\r\n";

		assert_int_equal(io_put(&s, line, strlen(line)), ERR_OK);
		assert_false(io_flushed(&s));
		assert_int_equal(io_step(&s, 0), ERR_OK);
		assert_true(io_flushed(&s));
		r = read(peer, have, sizeof(have));
		assert_int_equal(inflate_push(&theirs,
			(struct span){have, (size_t)r}, 1000, &used),
			ERR_AGAIN);
		assert_true(span_is(inflate_out(&theirs), line));
		inflate_ack(&theirs, 1000);
	}
	assert_int_equal(s.counts.raw_tx, 3 * 29);
	assert_true(s.counts.tx < 3 * 29);
}

/* More than all buffers hold, and a reader that takes it slowly: in order,
 * whole, and the server has to wait meanwhile. */
static void
compress_bulk(void **state)
{
	enum { TOTAL = 400000, PART = 4096 };
	static char raw[PART], room[2 * PART];
	size_t got = 0, sent = 0, ready = 0, at = 0, i;
	int64_t end = sys_now_ms() + 20000;

	(void)state;
	if (!compressed()) {
		skip();
	}
	io_compress(&s, true);
	while (got < TOTAL && sys_now_ms() < end) {
		struct span in;
		ssize_t r;

		if (ready == 0 && sent < TOTAL) {
			for (i = 0; i < PART; i++, sent++) {
				raw[i] = (char)(sent * 7 % 251 + sent / 999);
			}
			ready = pack(raw, PART, room, sizeof(room));
			at = 0;
		}
		r = ready > 0 ? send(peer, room + at, ready, MSG_DONTWAIT) : 0;
		if (r > 0) {
			at += (size_t)r;
			ready -= (size_t)r;
		}
		assert_true(io_step(&s, 0) >= ERR_AGAIN);
		in = span_upto(io_in(&s), 5000);
		for (i = 0; i < in.n; i++, got++) {
			if (in.p[i] != (char)(got * 7 % 251 + got / 999)) {
				fail_msg("byte %zu is wrong", got);
			}
		}
		io_ack(&s, in.n);
	}
	assert_true(got >= TOTAL);
	assert_true(s.counts.raw_rx >= TOTAL);
}

/* A little that makes much is made as it is taken. */
static void
compress_bomb(void **state)
{
	static char raw[DEFLATE_CHUNK], room[CFG_IO_IN];
	size_t n = 0, got = 0;
	struct buf b;

	(void)state;
	if (!compressed()) {
		skip();
	}
	io_compress(&s, true);
	for (int i = 0; i < 40 && CFG_DEFLATE_WINDOW > 0; i++) {
		BUF_INIT(&b, room);
		for (int k = 0; k < 20; k++) {
			deflate_put(&ours, (struct span){raw, sizeof(raw)},
				&b);
			n += sizeof(raw);
		}
		assert_int_equal(write(peer, b.p, b.n), b.n);
	}
	BUF_INIT(&b, room);
	deflate_flush(&ours, &b);
	assert_int_equal(write(peer, b.p, b.n), b.n);
	for (int i = 0; i < 2000; i++) { /* nobody takes any */
		(void)io_step(&s, 0);
		assert_true(inflate_room(&s.flate->in) <= INFLATE_WINDOW);
	}
	for (int i = 0; i < 200000 && got < n; i++) {
		struct span in = span_upto(io_in(&s), 777);

		got += in.n;
		io_ack(&s, in.n);
		(void)io_step(&s, 0);
	}
	assert_int_equal(got, CFG_DEFLATE_WINDOW > 0 ? n : 0);
}

/* What is left when the server goes can still be read. */
static void
compress_end(void **state)
{
	char room[600];
	size_t n;

	(void)state;
	if (!compressed()) {
		skip();
	}
	io_compress(&s, true);
	n = pack("* BYE\r\n", 7, room, sizeof(room));
	assert_int_equal(write(peer, room, n), n);
	close(peer);
	peer = -1;
	assert_int_equal(until(IO_EOF), ERR_OK);
	assert_true(span_is(io_in(&s), "* BYE\r\n"));
	assert_int_equal(io_step(&s, 0), ERR_AGAIN);
	io_ack(&s, 7);
	assert_true(io_ready(&s));
	assert_int_equal(io_step(&s, 0), ERR_END);
}

static void
compress_damaged(void **state)
{
	(void)state;
	if (!compressed()) {
		skip();
	}
	io_compress(&s, true);
	assert_int_equal(write(peer, "\377plain", 6), 6);
	assert_int_equal(until(IO_EOF), ERR_PROTO);
	assert_non_null(strstr(err_detail(), "usecompression"));
	assert_int_equal(io_state(&s), IO_FAILED);
	assert_int_equal(io_step(&s, 0), ERR_PROTO);
}

/* CFG_COMPRESS_CONNECTIONS of them; closing gives one back, and so does a
 * server that refuses. */
static void
compress_limit(void **state)
{
	enum { MOST = CFG_COMPRESS_CONNECTIONS < CFG_CONNECTIONS
		? CFG_COMPRESS_CONNECTIONS : CFG_CONNECTIONS };
	static struct io_stream more[MOST];

	(void)state;
	up();
	if (!CFG_COMPRESS) {
		assert_false(io_compress_reserve(&s));
		return;
	}
	for (int i = 0; i < MOST; i++) {
		more[i].fd = -1;
		more[i].resolve.fd = more[i].resolve.pid = -1;
		more[i].state = IO_UP;
		assert_true(io_compress_reserve(&more[i]));
	}
	assert_false(io_compress_reserve(&s));
	io_compress(&s, true); /* of no effect */
	assert_false(s.compressed);
	io_compress(&more[0], false);
	assert_true(io_compress_reserve(&s));
	assert_false(io_compress_reserve(&more[0]));
	io_close(&s);
	assert_true(io_compress_reserve(&more[0]));
	for (int i = 0; i < MOST; i++) {
		io_close(&more[i]);
	}
}

#if CFG_COMPRESS
/* What came since the stream was found empty, and only if that is much. */
static void
bursts(void **state)
{
	enum { MUCH = 128 << 10 };

	(void)state;
	memset(&s, 0, sizeof(s));
	s.fd = s.resolve.fd = s.resolve.pid = -1;
	s.empty_ms = 1000;
	io_line_read(&s, 0, 1000);
	io_line_read(&s, MUCH - 1, 1001);
	assert_int_equal(s.burst, 0);
	io_line_read(&s, MUCH, 1001);
	assert_int_equal(s.burst, MUCH / 2);
	io_line_read(&s, MUCH, 1003); /* slower ones do not count */
	assert_int_equal(s.burst, MUCH / 2);
	s.burst = 0;
	s.counts.rx = 3 * MUCH;
	s.empty_ms = 1100;
	io_line_read(&s, 0, 1100); /* however long it waited before that */
	for (int i = 1; i <= 4; i++) {
		io_line_read(&s, MUCH / 4, 1199);
		assert_int_equal(s.burst, i < 4 ? 0 : MUCH / 100);
		s.counts.rx += MUCH / 4;
	}
}
#endif

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(echo),
		CASE(turns_are_round_trips),
		CASE(output_limit),
		CASE(dry),
		CASE(bulk),
		CASE(input_limit),
		CASE(end_of_stream),
		CASE(reset_is_sticky),
		CASE(nobody_listens),
		CASE(next_address),
		CASE(by_name),
		CASE(deadlines),
		CASE(starttls_refuses_plain_bytes),
		CASE(starttls_needs_an_empty_output),
		CASE(starttls_starts_the_handshake),
		CASE(compress_begins_behind_the_answer),
		CASE(compress_bulk),
		CASE(compress_bomb),
		CASE(compress_end),
		CASE(compress_damaged),
		CASE(compress_limit),
#if CFG_COMPRESS
		CASE(bursts),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
