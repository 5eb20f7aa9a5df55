/*
 * imap_conn: one connection to an IMAP server as a machine that is stepped:
 * connect, secure, log in (imap_session.c), then commands and events.
 *
 * Several commands may be in flight (a ring of CFG_INFLIGHT); each carries a
 * kind and a cookie that come back with its events. Every read has a deadline
 * (login->timeout_ms of silence) and so has every command as a whole. The
 * first error sticks; imap_conn_close() always.
 *
 * Call order: imap_conn_open; imap_conn_step until imap_conn_ready; then
 * imap_begin ... imap_end for a command, imap_conn_step to move bytes,
 * imap_conn_next for events until ERR_AGAIN; wait for imap_conn_poll.
 */
#ifndef WHERRY_IMAP_IMAP_CONN_H
#define WHERRY_IMAP_IMAP_CONN_H

#include "config.h"
#include "imap/imap_resp.h"
#include "imap/imap_set.h"
#include "io/io_stream.h"

enum imap_cmd {
	IMAP_CMD_NONE,
	IMAP_CMD_CAPABILITY,
	IMAP_CMD_STARTTLS,
	IMAP_CMD_AUTH,
	IMAP_CMD_ID,
	IMAP_CMD_ENABLE,
	IMAP_CMD_LOGOUT,
	IMAP_CMD_COMPRESS,
	/* those of the users of a ready connection */
	IMAP_CMD_NOOP,
	IMAP_CMD_NAMESPACE,
	IMAP_CMD_LIST,
	IMAP_CMD_STATUS,
	IMAP_CMD_CREATE,
	IMAP_CMD_SELECT,
	IMAP_CMD_LISTING, /* UID FETCH of flags */
	IMAP_CMD_KEYS,	  /* UID FETCH of header keys */
	IMAP_CMD_BODIES,  /* UID FETCH of messages */
	IMAP_CMD_STORE,
	IMAP_CMD_EXPUNGE,
	IMAP_CMD_APPEND,
	IMAP_CMD_COPY,
	IMAP_CMD_SEARCH
};

/* imap_conn.script: commands are sent, written down, or found to be sent. */
enum { SCRIPT_NONE, SCRIPT_RECORD, SCRIPT_REPLAY };

enum imap_compress { IMAP_COMPRESS_AUTO, IMAP_COMPRESS_NO, IMAP_COMPRESS_YES };

/* What decides about COMPRESS. It may change during a connection's life. */
struct imap_line {
	enum imap_compress compress; /* as configured */
	uint32_t rate;	 /* bytes per ms, as it was seen to work; 0 unknown */
	uint64_t expect; /* bytes that a new connection is going to receive */
	uint32_t rtt;	 /* ms, of another connection; and 1, 0 unknown */
	/* the interval that is measured (imap_line_seen) */
	bool open;
	int64_t since_ms; /* when all streams had received so much: */
	uint64_t since_rx;
	uint32_t last, steady; /* bytes per ms before; so often as now */
};

/* Where and as whom. Strings stay the caller's, for the connection's life. */
struct imap_login {
	const char *host;
	uint16_t port;
	bool ssl, starttls;
	const char *user, *pass;
	const char *auth; /* mechanisms in order, comma list; "" default */
	struct tls_verify verify;
	struct imap_line line;
	int timeout_ms; /* of silence */
	uint64_t without; /* capabilities that do not count */
};

enum imap_conn_state {
	CONN_CLOSED,
	CONN_OPENING,	/* resolve, connect, implicit TLS */
	CONN_GREETING,
	CONN_CAPABILITY, /* before anything else, or after STARTTLS */
	CONN_STARTTLS,
	CONN_SECURING,
	CONN_AUTH,
	CONN_CAPABILITY_AFTER, /* of the logged-in state */
	CONN_COMPRESS,
	CONN_READY,
	CONN_LOGOUT,
	CONN_DONE
};

struct imap_inflight {
	uint32_t tag; /* 0: free */
	uint32_t cookie;
	int64_t budget_ms;
	uint8_t cmd;
};

struct imap_conn {
	/* private, but caps and append_limit may be read when ready */
	uint64_t caps, append_limit;
	uint64_t refused; /* capabilities that turned out to be none */
	uint64_t bad; /* those of them that were answered by BAD, since the
		       * user of the connection looked and set it to 0 */
	enum imap_conn_state state;
	enum err err;
	const struct imap_login *login;
	uint32_t next_tag, inflight_n;
	int64_t now_ms, heard_ms, turn_ms; /* last progress; oldest's start */
	int64_t extra_ms;		   /* granted to the oldest command */
	uint32_t rtt_ms;  /* shortest answer: to TLS, to the login, to ID */
	uint32_t told_ms; /* the same, of commands alone: of the server itself */
	/* Of messages, by their user: when the oldest FETCH that is not
	 * answered was sent, 0 none. */
	int64_t asked_ms;
	uint64_t literal_left;
	bool literal, building, more;
	uint8_t mech, mechs_tried; /* of the login, see imap_session.c */
	bool mech_used; /* the password went out */
	bool got_caps, enabled, named;
	bool later; /* the login was refused, for now */
	bool few; /* by the user: while the line is not known, others ask */
	bool hold; /* by the user: nothing goes on behind the greeting */
	/* imap_ahead.c */
	bool wanted;	    /* a command was refused by the fence */
	uint8_t script;	    /* what becomes of a command that is built */
	uint32_t fence;	    /* first tag of what is ahead, 0 none */
	uint32_t replay_tag; /* of the next line of replay */
	struct span replay;
	struct buf *record;
	struct imap_inflight scripted; /* the one being built in a script */
	struct buf line;
	struct imap_event ev;
	struct imap_inflight inflight[CFG_INFLIGHT];
	struct imap_resp resp;
	char text[512];	 /* why the server says no, for people */
	char line_mem[CFG_CMD_LINE + 64];
	struct io_stream io;
};

enum err imap_conn_open(struct imap_conn *c, const struct imap_login *login,
	int64_t now_ms);
/* ERR_OK: progress was made; ERR_AGAIN: wait for imap_conn_poll. */
enum err imap_conn_step(struct imap_conn *c, int64_t now_ms);
bool imap_conn_ready(const struct imap_conn *c);
bool imap_conn_has(const struct imap_conn *c, uint64_t caps);
/* The server refused, by an answer of this status, what it offers: the
 * connection does without from here on. BAD is remembered (c->bad). */
void imap_conn_refuse(struct imap_conn *c, uint64_t caps,
	enum imap_status status);
/* ENABLE QRESYNC (RFC 7162 3.2.3), once, before the first SELECT, if the
 * server has it; nobody waits for its answer. ERR_AGAIN as imap_begin. */
enum err imap_enable(struct imap_conn *c);
/* COMPRESS=DEFLATE (CFG_COMPRESS; imap_compress.c). Could: the server offers
 * it, and it is not on. Pays: with this shortest answer, if so many bytes are
 * going to be received. Reserve: there is memory for it, and kept for this
 * connection. Then imap_compress(), once it is ready and nothing is in flight.
 * True: it is under way; step until the connection is ready again. */
bool imap_compress_could(const struct imap_conn *c);
bool imap_compress_pays(const struct imap_line *line, uint64_t expect,
	uint32_t rtt_ms);
bool imap_compress_reserve(struct imap_conn *c);
bool imap_compress(struct imap_conn *c);
/* How fast the line is (imap_compress.c). How many bytes of messages to ask
 * for at once, while that is not known. Seen: what is so of all connections of
 * a line at this moment (imap_line_look() adds one), when all streams had
 * received rx; the more often, the sooner it is known. */
struct imap_seen {
	bool full;	/* what one asked for is on the way since a round trip */
	bool packed;	/* one is compressed */
	bool empty;	/* one had nothing to bring, since the last interval */
	uint32_t burst; /* bytes per ms, of one, while it was never empty */
};
#define IMAP_LINE_DEEP 4u /* so many times that in flight, unless few */
uint64_t imap_line_ask(const struct imap_conn *c);
void imap_line_look(const struct imap_line *line, struct imap_conn *c,
	int64_t now_ms, struct imap_seen *seen);
void imap_line_seen(struct imap_line *line, const struct imap_seen *seen,
	uint64_t rx, int64_t now_ms);
/* The next event of a ready connection; *ev is valid until the next call.
 * TAGGED, UIDSET, ESEARCH events of a command carry its cmd and cookie. */
enum err imap_conn_next(struct imap_conn *c, struct imap_event **ev);
/* As io_poll_fd. */
int imap_conn_poll(struct imap_conn *c, int *want,
	int64_t *deadline_ms);
/* Commands in flight; with a fence, those in front of it. */
bool imap_conn_busy(const struct imap_conn *c);
/* Sends LOGOUT; step until ERR_END (at most 3 s), then close. */
void imap_conn_logout(struct imap_conn *c, int64_t now_ms);
void imap_conn_close(struct imap_conn *c);

/* Builds one command. imap_begin: ERR_AGAIN when the ring or the send buffer
 * is full or a literal is open. The parts go to a line buffer; an overflow is
 * ERR_LIMIT (CFG_CMD_LINE) at imap_end, and nothing was sent.
 * expect: bytes that the command is known to transfer, for its deadline. */
enum err imap_begin(struct imap_conn *c, enum imap_cmd cmd, uint32_t cookie);
/* The same for a command that is known to be at most n bytes without its
 * tag: it waits for no more room than that. */
enum err imap_begin_short(struct imap_conn *c, enum imap_cmd cmd,
	uint32_t cookie, size_t n);
/* A whole command that takes no argument. */
enum err imap_simple(struct imap_conn *c, enum imap_cmd cmd, const char *text);
void imap_text(struct imap_conn *c, const char *text);
void imap_span(struct imap_conn *c, struct span s);
void imap_number(struct imap_conn *c, uint64_t v);
/* A mailbox name as a quoted string. A name with NUL, CR or LF makes
 * imap_end fail with ERR_SYNTAX. */
void imap_mailbox(struct imap_conn *c, struct span name);
/* Flags as a parenthesised list of the five system flags. */
void imap_flags(struct imap_conn *c, uint32_t flags);
enum err imap_end(struct imap_conn *c, uint64_t expect);
/* Gives up a command that was begun; nothing of it was sent. */
void imap_drop(struct imap_conn *c);

/* A set of UIDs as the next part of the command, written in its place: it is
 * for imap_set_add() between the two calls, when nothing else is added to the
 * command. It leaves IMAP_SET_BEHIND bytes for what comes behind it. */
#define IMAP_SET_BEHIND 160
void imap_set_begin(struct imap_conn *c, struct imap_set *set);
void imap_set_end(struct imap_conn *c, struct imap_set *set);

/* Ends the line with a literal of n bytes: "{n+}" if imap_nonsync(), else "{n}"
 * (then *wait is true: send nothing before IMAP_EV_CONTINUE).
 * Then imap_literal() n bytes in all, in pieces of at most imap_room(), and
 * imap_literal_end(). imap_literal_drop(): the server answered NO to a
 * synchronising literal of which nothing was sent.
 * Instead of imap_literal_end(), imap_literal_more() goes on with the line, up
 * to another imap_end_literal(). ERR_AGAIN: no room for the line. */
bool imap_nonsync(const struct imap_conn *c, uint64_t n);
enum err imap_literal_more(struct imap_conn *c);
enum err imap_end_literal(struct imap_conn *c, uint64_t n, bool *wait);
size_t imap_room(const struct imap_conn *c);
enum err imap_literal(struct imap_conn *c, const void *p, size_t n);
enum err imap_literal_end(struct imap_conn *c);
void imap_literal_drop(struct imap_conn *c);

/* imap_ahead.c (CFG_AHEAD): commands of the next user of the connection, sent
 * while the one before is at work. They are recorded as lines, sent behind a
 * fence, and taken over by building them once more.
 * The fence: who comes first gets no events but those of commands in front
 * of it, and imap_begin says ERR_AGAIN, since another mailbox is selected
 * behind it, and notes it in `wanted`. What lies behind is not read. */
void imap_ahead_record(struct imap_conn *c, struct buf *lines);
void imap_ahead_recorded(struct imap_conn *c);
/* All of the lines, or ERR_AGAIN; *tag is that of the first. */
enum err imap_ahead_send(struct imap_conn *c, struct span lines, uint32_t *tag);
/* The next user begins: commands that are built are those of the lines, which
 * were sent from this tag on; fence: of what is ahead of it, 0 none. Then
 * imap_ahead_replayed(); !ok: it failed before. If they are others, all that
 * is in flight is behind the fence and wanted, and imap_end says ERR_AGAIN. */
void imap_ahead_replay(struct imap_conn *c, struct span lines, uint32_t tag,
	uint32_t fence);
void imap_ahead_replayed(struct imap_conn *c, bool ok);
/* Gives up what is ahead: all answers are events again, for nobody. */
void imap_ahead_drop(struct imap_conn *c);
/* Nothing is to be read before the next user comes. */
bool imap_ahead_held(const struct imap_conn *c);

/* Between imap_conn.c and imap_session.c */
/* The command that is being built. */
struct imap_inflight *imap_conn_building(struct imap_conn *c);
/* imap_ahead.c: the line that was built, in a script. */
enum err imap_ahead_line(struct imap_conn *c);
/* The entry with this tag (0: a free one); NULL if there is none. */
struct imap_inflight *imap_conn_inflight(struct imap_conn *c, uint32_t tag);
enum err imap_session_event(struct imap_conn *c);
enum err imap_session_up(struct imap_conn *c);
enum err imap_conn_fail(struct imap_conn *c, enum err e);
enum err imap_conn_raw(struct imap_conn *c, struct span line);
/* imap_compress.c: what follows from the server's answer. */
void imap_compress_answer(struct imap_conn *c);
/* imap_cram.c: in base64, as it goes out; out->err says what was wrong. */
void imap_cram_response(const struct imap_login *login, struct span challenge,
	struct buf *out);

#endif
