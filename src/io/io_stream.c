/*
 * A connection as two buffers and one state. Every step asks the port for what
 * does not block and returns; who waits, and for how long, is decided above.
 *
 *   IO_RESOLVE -> IO_CONNECT -> IO_HANDSHAKE -> IO_UP -> IO_EOF
 *                  ^      |      (only TLS)      |
 *                  +------+ next address         +-> io_starttls: HANDSHAKE
 *
 * enter() is the only place that changes the state, and sets the deadline of
 * the new one. Every failure is IO_FAILED with the first error kept.
 *
 * The input buffer is compacted when its end is near and the output buffer
 * when room is asked for, so both give contiguous windows without a ring.
 *
 * Where the stream is compressed the two buffers hold what is behind and
 * before compression: input as it came, which a step inflates as far as the
 * window has room, so that whoever reads slowly makes the server wait here,
 * too; and output as it was put.
 */
#include "io/io_stream.h"

#include <string.h>

#include "io/io_flate.h"

/* A macro: without CFG_COMPRESS no compiler may want what is behind it. */
#define compressed(s) (CFG_COMPRESS && (s)->compressed)

static void
enter(struct io_stream *s, enum io_state state, int64_t now_ms)
{
	s->state = state;
	if (state == IO_RESOLVE || state == IO_CONNECT ||
		state == IO_HANDSHAKE) {
		s->deadline_ms = now_ms + s->timeout_ms;
	} else {
		s->deadline_ms = -1;
	}
}

static enum err
fail(struct io_stream *s, enum err e)
{
	if (s->err == ERR_OK) {
		s->err = e;
	}
	s->state = IO_FAILED;
	s->deadline_ms = -1;
	return s->err;
}

enum err
io_open(struct io_stream *s, const char *host, uint16_t port, bool tls,
	const struct tls_verify *verify, int64_t now_ms, int timeout_ms)
{
	enum err e;

	memset(s, 0, offsetof(struct io_stream, in));
	s->fd = -1;
	s->resolve.fd = -1;
	s->resolve.pid = -1;
	s->want_tls = tls;
	s->verify = verify;
	s->timeout_ms = timeout_ms;
	enter(s, IO_RESOLVE, now_ms);
	e = net_resolve_start(&s->resolve, host, port);
	return e == ERR_OK ? ERR_OK : fail(s, e);
}

/* A build without TLS leaves nobody a choice but to switch it off, so that
 * this does not say any more that a password may go out in clear. What TLS
 * itself has to say, it says. */
static enum err
no_encryption(struct io_stream *s)
{
	return s->want_tls ? tls_open(&s->tls, -1, s->verify) :
		err_set(ERR_PRIVACY, "this wherry was built without TLS and "
			"connects to this machine alone, where a tunnel may "
			"begin");
}

/* Starts with the address s->addr or a later one. The error of the last
 * address is the one that is reported. */
static enum err
connect_next(struct io_stream *s, int64_t now_ms, enum err last)
{
	enum err e = last;

	net_close(&s->fd);
	while (s->addr < s->resolve.count) {
		if (tls_features() == 0 &&
			!net_is_loopback(&s->resolve.addrs[s->addr])) {
			e = no_encryption(s);
			s->addr++;
			continue;
		}
		e = net_connect(&s->resolve.addrs[s->addr], &s->fd);
		if (e == ERR_OK) {
			enter(s, IO_CONNECT, now_ms);
			return ERR_OK;
		}
		s->addr++;
	}
	return fail(s, e);
}

static enum err
step_resolve(struct io_stream *s, int64_t now_ms)
{
	enum err e = net_resolve_step(&s->resolve);

	if (e == ERR_AGAIN) {
		return e;
	}
	if (e != ERR_OK) {
		return fail(s, e);
	}
	s->addr = 0;
	return connect_next(s, now_ms, err_set(ERR_NET, "no address"));
}

static enum err
start_tls(struct io_stream *s, int64_t now_ms)
{
	enum err e = tls_open(&s->tls, s->fd, s->verify);

	if (e != ERR_OK) {
		return fail(s, e);
	}
	enter(s, IO_HANDSHAKE, now_ms);
	return ERR_OK;
}

static enum err
step_connect(struct io_stream *s, int64_t now_ms)
{
	enum err e = net_connected(s->fd);

	if (e == ERR_AGAIN) {
		return e;
	}
	if (e != ERR_OK) {
		s->addr++;
		return connect_next(s, now_ms, e);
	}
	/* Here a proxy may have answered, which is not the server. */
	if (CFG_COMPRESS && !net_is_loopback(&s->resolve.addrs[s->addr])) {
		io_line_answered(s, now_ms);
	}
	if (s->want_tls) {
		return start_tls(s, now_ms);
	}
	enter(s, IO_UP, now_ms);
	return ERR_OK;
}

static enum err
step_handshake(struct io_stream *s, int64_t now_ms)
{
	enum err e = tls_handshake(s->tls);

	if (e == ERR_AGAIN) {
		return e;
	}
	/* Once more where the library asks for it; not after STARTTLS, since
	 * the owner's session on the plain stream would be gone. */
	if (e != ERR_OK && s->want_tls && !s->retried &&
		tls_retry(s->tls)) {
		s->retried = true;
		tls_close(&s->tls);
		return connect_next(s, now_ms, e);
	}
	if (e != ERR_OK) {
		return fail(s, e);
	}
	if (CFG_COMPRESS) {
		io_line_answered(s, now_ms);
	}
	enter(s, IO_UP, now_ms);
	return ERR_OK;
}

/* n bytes of what was put have gone, to the server or through deflate. */
static void
out_taken(struct io_stream *s, size_t n)
{
	s->out_at += n;
	s->out_n -= n;
	if (s->out_n == 0) {
		s->out_at = 0;
	}
	s->counts.raw_tx += n;
}

static enum err
step_write(struct io_stream *s)
{
	struct span raw = {s->out + s->out_at, s->out_n}, p = raw;
	size_t n = 0;
	enum err e;

	if (compressed(s)) {
		out_taken(s, io_flate_pack(s->flate, raw));
		p = (struct span){s->flate->ready + s->flate->at, s->flate->n};
	}
	if (p.n == 0) {
		return ERR_AGAIN;
	}
	s->want_write = NET_OUT;
	e = s->tls != NULL ? tls_write(s->tls, p.p, p.n, &n) :
			     net_write(s->fd, p.p, p.n, &n);
	if (e == ERR_AGAIN && s->tls != NULL) {
		s->want_write = tls_want(s->tls);
	}
	if (e != ERR_OK) {
		return e;
	}
	if (compressed(s)) {
		s->flate->at += n;
		s->flate->n -= n;
	} else {
		out_taken(s, n);
	}
	s->counts.tx += n;
	s->sent_since_read = true;
	return ERR_OK;
}

/* Room at the end of the input buffer, made by moving what is unread once
 * little is left there: no tiny reads, and no moving for every one. */
static size_t
make_room(struct io_stream *s)
{
	size_t room = sizeof(s->in) - s->in_at - s->in_n;

	if (s->in_at > 0 && room < sizeof(s->in) / 4) {
		memmove(s->in, s->in + s->in_at, s->in_n);
		s->in_at = 0;
	}
	return sizeof(s->in) - s->in_at - s->in_n;
}

static enum err
step_read(struct io_stream *s, int64_t now_ms)
{
	size_t room = make_room(s), n = 0;
	char *at = s->in + s->in_at + s->in_n;
	enum err e;

	/* One stream has nothing while others have much: not asked each time,
	 * but every millisecond, and whenever somebody waited. */
	if (room == 0 || (s->dry && s->empty_ms == now_ms)) {
		return ERR_AGAIN;
	}
	s->want_read = NET_IN;
	e = s->tls != NULL ? tls_read(s->tls, at, room, &n) :
			     net_read(s->fd, at, room, &n);
	s->dry = e == ERR_AGAIN;
	if (s->dry) {
		s->empty_ms = now_ms;
	}
	if (CFG_COMPRESS && (e == ERR_OK || e == ERR_AGAIN)) {
		io_line_read(s, n, now_ms);
	}
	if (e == ERR_AGAIN && s->tls != NULL) {
		s->want_read = tls_want(s->tls);
	}
	if (e != ERR_OK) {
		return e;
	}
	s->in_n += n;
	s->counts.rx += n;
	if (s->sent_since_read) {
		s->counts.turns++;
		s->sent_since_read = false;
	}
	return ERR_OK;
}

static void
in_taken(struct io_stream *s, size_t n)
{
	s->in_at += n;
	s->in_n -= n;
	if (s->in_n == 0) {
		s->in_at = 0;
	}
}

/* There is input, or what stopped for want of room, and room now. */
static bool
inflatable(const struct io_stream *s)
{
	return compressed(s) && (s->in_n > 0 || s->flate->stopped) &&
		inflate_room(&s->flate->in) > 0;
}

/* What came, made readable. ERR_END: the server has ended the compression,
 * after which nothing may come. */
static enum err
step_inflate(struct io_stream *s)
{
	size_t used, room;
	enum err e;

	if (!CFG_COMPRESS || !inflatable(s)) {
		return ERR_AGAIN;
	}
	room = inflate_room(&s->flate->in);
	e = inflate_push(&s->flate->in, (struct span){s->in + s->in_at,
		s->in_n}, room, &used);
	in_taken(s, used);
	s->flate->stopped = e == ERR_OK;
	s->counts.raw_rx += room - inflate_room(&s->flate->in);
	if (e == ERR_SYNTAX) {
		return err_set(ERR_PROTO, "what the server compressed cannot "
			"be read; `usecompression = no` does without");
	}
	return e == ERR_END ? e : ERR_OK;
}

/* Reads even if writing failed: a server that hangs up usually says why. */
static enum err
step_up(struct io_stream *s, int64_t now_ms)
{
	enum err w = step_write(s), r = step_read(s, now_ms);

	if (r == ERR_OK || r == ERR_AGAIN) {
		enum err i = step_inflate(s);

		r = i == ERR_AGAIN ? r : i;
	}
	if (r == ERR_END) {
		enter(s, IO_EOF, now_ms);
		return ERR_OK;
	}
	if (r != ERR_OK && r != ERR_AGAIN) {
		return fail(s, r);
	}
	if (w != ERR_OK && w != ERR_AGAIN && r == ERR_AGAIN) {
		return fail(s, w);
	}
	return w == ERR_OK || r == ERR_OK ? ERR_OK : ERR_AGAIN;
}

static enum err
step_eof(struct io_stream *s)
{
	enum err e = step_inflate(s);

	if (e != ERR_AGAIN && e != ERR_END) {
		return e == ERR_OK ? e : fail(s, e);
	}
	if (io_in(s).n > 0) {
		return ERR_AGAIN;
	}
	return err_set(ERR_END, "the server closed the connection");
}

static const char *
doing(enum io_state state)
{
	switch (state) {
	case IO_RESOLVE:
		return "resolving the name";
	case IO_CONNECT:
		return "connecting";
	default:
		return "the TLS handshake";
	}
}

static enum err
late(struct io_stream *s, int64_t now_ms)
{
	enum err e = err_set(ERR_TIMEOUT, "%s took longer than %d seconds",
		doing(s->state), s->timeout_ms / 1000);

	if (s->state == IO_CONNECT && s->addr + 1 < s->resolve.count) {
		s->addr++;
		return connect_next(s, now_ms, e);
	}
	return fail(s, e);
}

enum err
io_step(struct io_stream *s, int64_t now_ms)
{
	enum err e;

	switch (s->state) {
	case IO_RESOLVE:
		e = step_resolve(s, now_ms);
		break;
	case IO_CONNECT:
		e = step_connect(s, now_ms);
		break;
	case IO_HANDSHAKE:
		e = step_handshake(s, now_ms);
		break;
	case IO_UP:
		return step_up(s, now_ms);
	case IO_EOF:
		return step_eof(s);
	case IO_CLOSED:
		return err_set(ERR_NET, "the connection is closed");
	case IO_FAILED:
	default:
		return s->err;
	}
	if (e == ERR_AGAIN && now_ms >= s->deadline_ms) {
		return late(s, now_ms);
	}
	return e;
}

enum io_state
io_state(const struct io_stream *s)
{
	return s->state;
}

int
io_poll_fd(struct io_stream *s, int *want, int64_t *deadline_ms)
{
	*want = 0;
	s->dry = false;
	*deadline_ms = s->deadline_ms;
	switch (s->state) {
	case IO_RESOLVE:
		*want = NET_IN;
		return s->resolve.fd;
	case IO_CONNECT:
		*want = NET_OUT;
		return s->fd;
	case IO_HANDSHAKE:
		*want = tls_want(s->tls);
		return s->fd;
	case IO_UP:
		if (s->in_n < sizeof(s->in)) {
			*want |= s->want_read != 0 ? s->want_read : NET_IN;
		}
		if (!io_flushed(s)) {
			*want |= s->want_write != 0 ? s->want_write : NET_OUT;
		}
		return *want != 0 ? s->fd : -1;
	default:
		return -1;
	}
}

bool
io_ready(const struct io_stream *s)
{
	switch (s->state) {
	case IO_RESOLVE:
		return s->resolve.fd < 0; /* a literal address */
	case IO_UP:
		return (s->in_n < sizeof(s->in) && s->tls != NULL &&
			tls_pending(s->tls)) || inflatable(s);
	case IO_EOF:
		return io_in(s).n == 0;
	default:
		return false;
	}
}

struct span
io_in(const struct io_stream *s)
{
	return compressed(s) ? inflate_out(&s->flate->in) :
		(struct span){s->in + s->in_at, s->in_n};
}

void
io_ack(struct io_stream *s, size_t n)
{
	if (compressed(s)) {
		inflate_ack(&s->flate->in, n);
		return;
	}
	n = n < s->in_n ? n : s->in_n;
	in_taken(s, n);
	s->counts.raw_rx += n;
}

size_t
io_room(const struct io_stream *s)
{
	return sizeof(s->out) - s->out_n;
}

enum err
io_put(struct io_stream *s, const void *p, size_t n)
{
	if (s->err != ERR_OK) {
		return s->err;
	}
	if (n > io_room(s)) {
		return err_set(ERR_LIMIT, "%zu bytes to send, %zu free of "
			"CFG_IO_OUT (%d)", n, io_room(s), CFG_IO_OUT);
	}
	if (n > sizeof(s->out) - s->out_at - s->out_n) {
		memmove(s->out, s->out + s->out_at, s->out_n);
		s->out_at = 0;
	}
	memcpy(s->out + s->out_at + s->out_n, p, n);
	s->out_n += n;
	n = s->out_at + s->out_n;
	s->out_most = n > s->out_most ? n : s->out_most;
	return ERR_OK;
}

bool
io_flushed(const struct io_stream *s)
{
	return s->out_n == 0 && (!compressed(s) || s->flate->n == 0);
}

bool
io_compress_reserve(struct io_stream *s)
{
	if (CFG_COMPRESS && s->flate == NULL && s->state == IO_UP) {
		s->flate = io_flate_lease();
		return s->flate != NULL;
	}
	return false;
}

void
io_compress(struct io_stream *s, bool on)
{
	if (!CFG_COMPRESS || s->flate == NULL) {
		return;
	}
	s->compressed = on;
	if (!on) {
		io_flate_release(&s->flate);
	}
}

enum err
io_starttls(struct io_stream *s, int64_t now_ms, int timeout_ms)
{
	if (s->state != IO_UP || s->tls != NULL) {
		return fail(s, s->err != ERR_OK ? s->err :
			err_set(ERR_PROTO, "STARTTLS on a stream that is %s",
				s->tls != NULL ? "TLS already" : "not up"));
	}
	if (s->in_n > 0) {
		return fail(s, err_set(ERR_PROTO, "%zu bytes of plain text "
			"behind the answer to STARTTLS", s->in_n));
	}
	if (s->out_n > 0) {
		return fail(s, err_set(ERR_PROTO, "unsent plain text before "
			"the TLS handshake"));
	}
	s->timeout_ms = timeout_ms;
	return start_tls(s, now_ms);
}

bool
io_is_tls(const struct io_stream *s)
{
	return s->tls != NULL && (s->state == IO_UP || s->state == IO_EOF);
}

void
io_close(struct io_stream *s)
{
	if (s->state == IO_CLOSED) {
		return; /* all zero counts as closed */
	}
	net_resolve_stop(&s->resolve);
	io_compress(s, false);
	tls_close(&s->tls);
	net_close(&s->fd);
	s->state = IO_CLOSED;
	s->deadline_ms = -1;
	s->in_n = s->out_n = 0;
	s->in_at = s->out_at = 0;
	memset(s->out, 0, s->out_most); /* there was a password in it */
}

const struct tls *
io_tls(const struct io_stream *s)
{
	return s->tls;
}
