/*
 * io_stream: a bounded duplex byte stream, plain or TLS, over a socket.
 *
 * Two fixed buffers. The owner reads through a window (io_in, io_ack) and
 * writes by io_put; io_step moves bytes as far as they go without waiting.
 * The first error sticks. All addresses of a name are tried in turn.
 *
 * Call order: io_open, then io_step until io_state says IO_UP, then in any
 * order io_in/io_ack/io_put/io_step, io_starttls once on a plain stream,
 * io_compress once, io_close always.
 */
#ifndef WHERRY_IO_IO_STREAM_H
#define WHERRY_IO_IO_STREAM_H

#include "base/err.h"
#include "base/span.h"
#include "config.h"
#include "port/net.h"
#include "port/tls.h"

enum io_state {
	IO_CLOSED,
	IO_RESOLVE,
	IO_CONNECT,
	IO_HANDSHAKE,
	IO_UP,
	IO_EOF, /* peer closed; buffered input can still be read */
	IO_FAILED
};

struct io_counts {
	uint64_t rx, tx;	 /* bytes inside TLS, as they travelled */
	uint64_t raw_rx, raw_tx; /* bytes of IMAP; differ if compressed */
	uint64_t turns; /* times it read after having written: round trips */
};

struct io_stream {
	/* private */
	enum io_state state;
	enum err err;
	int fd;
	struct tls *tls;
	bool want_tls;
	bool retried;
	bool sent_since_read;
	bool compressed;
	bool dry; /* empty, and nobody waited since */
	struct io_flate *flate; /* leased: compressed, or about to be */
	int timeout_ms;
	int want_read, want_write; /* what TLS waits for to go on */
	const struct tls_verify *verify;
	uint32_t addr;
	int64_t deadline_ms;
	int64_t empty_ms;     /* when it was last found so */
	/* io_line.c: what had come by then; the fastest that much came since
	 * (bytes per ms), for whoever takes it; the quickest of connecting and
	 * handshake (ms, and 1) */
	uint32_t empty_rx, burst, answer_ms;
	struct io_counts counts;
	size_t in_at, in_n, out_at, out_n;
	size_t out_most; /* so far out was ever filled */
	struct net_resolve resolve;
	char in[CFG_IO_IN];
	char out[CFG_IO_OUT];
};

/* Starts. tls: handshake right after connecting. verify, host: must live as
 * long as the stream. timeout_ms bounds resolving, connecting and handshake
 * each. */
enum err io_open(struct io_stream *s, const char *host, uint16_t port,
	bool tls, const struct tls_verify *verify, int64_t now_ms,
	int timeout_ms);
/* Moves what can be moved. ERR_OK: something moved or changed; ERR_AGAIN:
 * wait for io_poll_fd(); else the sticky error (ERR_END once the peer has
 * closed and all input was taken). */
enum err io_step(struct io_stream *s, int64_t now_ms);
enum io_state io_state(const struct io_stream *s);
/* What to poll: *want is NET_IN|NET_OUT; *deadline_ms -1 if none. Returns the
 * fd or -1. io_ready(): do not wait, step again (TLS holds plain bytes). */
int io_poll_fd(struct io_stream *s, int *want, int64_t *deadline_ms);
bool io_ready(const struct io_stream *s);

struct span io_in(const struct io_stream *s); /* unread input */
void io_ack(struct io_stream *s, size_t n);   /* n bytes of it were used */
size_t io_room(const struct io_stream *s);    /* free bytes for io_put */
/* All n or ERR_LIMIT; check io_room first. */
enum err io_put(struct io_stream *s, const void *p, size_t n);
bool io_flushed(const struct io_stream *s);   /* all output left */
uint64_t io_line_rx(void); /* CFG_COMPRESS: what all streams have received */

/* Plain stream to TLS: ERR_PROTO if any plain byte is still unread (it was
 * received before the handshake and must not count as protected). Then step
 * until IO_UP again. */
enum err io_starttls(struct io_stream *s, int64_t now_ms, int timeout_ms);
/* COMPRESS=DEFLATE (RFC 4978). Reserve before it is asked for: false if all
 * CFG_COMPRESS_CONNECTIONS are taken. When the server has agreed, and nothing
 * is unsent, io_compress(true): input that is still unread counts as
 * compressed already. io_compress(false) gives back what was reserved. */
bool io_compress_reserve(struct io_stream *s);
void io_compress(struct io_stream *s, bool on);
/* The TLS connection, also one that was refused, to describe its peer; NULL
 * if there is none. */
const struct tls *io_tls(const struct io_stream *s);
bool io_is_tls(const struct io_stream *s); /* TLS is up and verified */
void io_close(struct io_stream *s);

#endif
