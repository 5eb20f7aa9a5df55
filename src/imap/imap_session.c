/*
 * imap_session: from the first byte to a connection that is ready: greeting,
 * STARTTLS, login, capabilities, COMPRESS, ID. One function enters a state (and sends),
 * one decides on an event.
 *
 * Rules that keep secrets safe (RFC 8314, RFC 3501 11.1): STARTTLS that was
 * asked for is required; what a server said before TLS is forgotten; a
 * PREAUTH greeting before TLS ends the connection; no password goes out
 * before TLS is up unless the configuration switched off both ssl and
 * starttls; nothing is ever sent behind AUTHENTICATE before its answer (Cyrus
 * drops it).
 */
#include <string.h>

#include "base/codec.h"
#include "base/log.h"
#include "imap/imap_conn.h"

enum {
	MECH_NONE,
	MECH_PLAIN,
	MECH_LOGIN,
	MECH_CRAM_MD5,
	MECH_LAST = HAS_CRAM_MD5 ? MECH_CRAM_MD5 : MECH_LOGIN
};

static const struct mech {
	char name[sizeof("CRAM-MD5")];
	uint64_t cap;
} mechs[] = {
	[MECH_NONE] = {"", 0},
	[MECH_PLAIN] = {"PLAIN", IMAP_CAP(AUTH_PLAIN)},
	[MECH_LOGIN] = {"LOGIN", 0},
	[MECH_CRAM_MD5] = {"CRAM-MD5", IMAP_CAP(AUTH_CRAM_MD5)},
};

static enum err
ask_capabilities(struct imap_conn *c, enum imap_conn_state state)
{
	c->got_caps = false;
	c->state = state;
	return imap_simple(c, IMAP_CMD_CAPABILITY, "CAPABILITY");
}

static bool
usable(const struct imap_conn *c, uint8_t mech)
{
	if (c->mechs_tried >> mech & 1) {
		return false;
	}
	if (mech == MECH_LOGIN) {
		return !imap_conn_has(c, IMAP_CAP(LOGINDISABLED));
	}
	return imap_conn_has(c, mechs[mech].cap);
}

/* The next mechanism of the configured order that the server offers. */
static uint8_t
choose(const struct imap_conn *c)
{
	const char *order = c->login->auth;
	struct span list;

	if (order == NULL || order[0] == '\0') {
		order = io_is_tls(&c->io) ? "PLAIN,LOGIN,CRAM-MD5"
					  : "CRAM-MD5,PLAIN,LOGIN";
	}
	for (list = span_of(order); list.n > 0;) {
		size_t comma = span_find(list, ',');
		struct span one = span_trim(span_upto(list, comma));

		for (uint8_t m = MECH_PLAIN; m <= MECH_LAST; m++) {
			if (span_iis(one, mechs[m].name) && usable(c, m)) {
				return m;
			}
		}
		list = span_from(list, comma + 1);
	}
	return MECH_NONE;
}

static void
plain_response(struct imap_conn *c, struct buf *out)
{
	char clear[1024];
	struct buf b;

	BUF_INIT(&b, clear);
	buf_char(&b, '\0');
	buf_str(&b, c->login->user);
	buf_char(&b, '\0');
	buf_str(&b, c->login->pass);
	base64_enc(out, buf_get(&b));
	if (b.err != ERR_OK) {
		out->err = b.err;
	}
	memset(clear, 0, sizeof(clear));
}

static void
quoted(struct imap_conn *c, const char *text)
{
	imap_mailbox(c, span_of(text)); /* same quoting, same refusals */
}

static enum err
no_mechanism(struct imap_conn *c)
{
	if (c->mechs_tried != 0) {
		return err_set(ERR_AUTH, "%s refused the login of %s: %s",
			c->login->host, c->login->user, c->text);
	}
	if (imap_conn_has(c, IMAP_CAP(LOGINDISABLED)) &&
		!io_is_tls(&c->io)) {
		return err_set(ERR_PRIVACY,
			"%s refuses passwords without encryption; use "
			"`ssl = yes` or `starttls = yes`", c->login->host);
	}
	return err_set(ERR_AUTH,
		"%s offers no login mechanism that can be used "
		"(auth_mechanisms; %s)", c->login->host, HAS_CRAM_MD5
			? "PLAIN, LOGIN and CRAM-MD5 are built in"
			: "PLAIN and LOGIN are built in, CRAM-MD5 is not: "
			  "CFG_CRAM_MD5");
}

static enum err
log_in(struct imap_conn *c)
{
	enum err e;

	if (!io_is_tls(&c->io) && (c->login->ssl || c->login->starttls)) {
		return err_set(ERR_PRIVACY, "%s: TLS is not up",
			c->login->host);
	}
	c->mech = choose(c);
	if (c->mech == MECH_NONE) {
		return no_mechanism(c);
	}
	c->mechs_tried |= (uint8_t)(1u << c->mech);
	c->state = CONN_AUTH;
	c->got_caps = false;
	c->mech_used = c->mech == MECH_LOGIN || (c->mech == MECH_PLAIN &&
		imap_conn_has(c, IMAP_CAP(SASL_IR)));
	e = imap_begin(c, IMAP_CMD_AUTH, 0);
	if (e != ERR_OK) {
		return e;
	}
	if (c->mech == MECH_LOGIN) {
		imap_text(c, "LOGIN ");
		quoted(c, c->login->user);
		imap_text(c, " ");
		quoted(c, c->login->pass);
	} else {
		imap_text(c, "AUTHENTICATE ");
		imap_text(c, mechs[c->mech].name);
		if (c->mech == MECH_PLAIN &&
			imap_conn_has(c, IMAP_CAP(SASL_IR))) {
			imap_text(c, " ");
			plain_response(c, &c->line);
		}
	}
	return imap_end(c, 0);
}

static enum err
answer_challenge(struct imap_conn *c)
{
	char text[1600];
	struct buf b;
	enum err e;

	BUF_INIT(&b, text);
	c->mech_used = true;
	if (c->mech == MECH_PLAIN) {
		plain_response(c, &b);
	} else if (HAS_CRAM_MD5 && c->mech == MECH_CRAM_MD5) {
		imap_cram_response(c->login, c->ev.text, &b);
	} else {
		return err_set(ERR_PROTO, "%s: unexpected challenge",
			c->login->host);
	}
	e = b.err == ERR_OK ? imap_conn_raw(c, buf_get(&b)) :
		b.err == ERR_UNSUPPORTED ? b.err : /* it has said why */
		err_set(b.err, "%s: login challenge cannot be answered",
			c->login->host);
	memset(text, 0, sizeof(text));
	return e;
}

/* A refused login: temporary trouble, wrong credentials, or only this
 * mechanism. */
static enum err
login_refused(struct imap_conn *c)
{
	switch (c->ev.code) {
	case IMAP_CODE_UNAVAILABLE:
	case IMAP_CODE_INUSE:
	case IMAP_CODE_LIMIT:
	case IMAP_CODE_SERVERBUG:
	case IMAP_CODE_THROTTLED:
		c->later = true;
		return err_set(ERR_NET, "%s cannot log in %s now: %s",
			c->login->host, c->login->user, c->text);
	case IMAP_CODE_PRIVACYREQUIRED:
		return err_set(ERR_PRIVACY, "%s wants encryption first: %s",
			c->login->host, c->text);
	case IMAP_CODE_AUTHENTICATIONFAILED:
	case IMAP_CODE_AUTHORIZATIONFAILED:
	case IMAP_CODE_EXPIRED:
	case IMAP_CODE_CONTACTADMIN:
		return err_set(ERR_AUTH, "%s refused the login of %s: %s",
			c->login->host, c->login->user, c->text);
	default:
		break;
	}
	/* The same password by another mechanism would only count as a further
	 * wrong one; what was refused before it went out may be tried. */
	if (c->ev.status == IMAP_NO && c->mech_used) {
		return err_set(ERR_AUTH, "%s refused the login of %s: %s",
			c->login->host, c->login->user, c->text);
	}
	return log_in(c);
}

/* Nothing may follow COMPRESS before its answer (RFC 4978 3). */
static enum err
compress(struct imap_conn *c)
{
	c->state = CONN_COMPRESS;
	return imap_simple(c, IMAP_CMD_COMPRESS, "COMPRESS DEFLATE");
}

bool
imap_compress(struct imap_conn *c)
{
	return CFG_COMPRESS && imap_conn_ready(c) && c->inflight_n == 0 &&
		io_flushed(&c->io) && imap_conn_fail(c, compress(c)) == ERR_OK;
}

/* Logged in and the capabilities known: say who we are (some servers refuse
 * SELECT without it), without waiting. */
static enum err
ready(struct imap_conn *c)
{
	const struct imap_line *line = &c->login->line;

	if (CFG_COMPRESS && imap_compress_could(c) &&
		imap_compress_pays(line, line->expect, c->rtt_ms) &&
		imap_compress_reserve(c)) {
		return compress(c);
	}
	c->state = CONN_READY;
	if (c->named || !imap_conn_has(c, IMAP_CAP(ID))) {
		return ERR_OK;
	}
	c->named = true;
	return imap_simple(c, IMAP_CMD_ID,
		"ID (\"name\" \"wherry\" \"version\" \"" WHERRY_VERSION "\")");
}

enum err
imap_enable(struct imap_conn *c)
{
	enum err e = ERR_OK;

	if (!c->enabled &&
		imap_conn_has(c, IMAP_CAP(ENABLE) | IMAP_CAP(QRESYNC))) {
		e = imap_simple(c, IMAP_CMD_ENABLE, "ENABLE QRESYNC");
		c->enabled = e == ERR_OK;
	}
	return e;
}

static enum err
logged_in(struct imap_conn *c)
{
	if (c->got_caps) {
		return ready(c);
	}
	return ask_capabilities(c, CONN_CAPABILITY_AFTER);
}

/* STARTTLS is on by default: on a stream that is TLS already it says nothing. */
static bool
to_secure(const struct imap_conn *c)
{
	return c->login->starttls && !io_is_tls(&c->io);
}

/* Capabilities of the unauthenticated state are known: secure or log in. */
static enum err
secure_or_log_in(struct imap_conn *c)
{
	if (!to_secure(c)) {
		return log_in(c);
	}
	if (!imap_conn_has(c, IMAP_CAP(STARTTLS))) {
		return err_set(ERR_PRIVACY,
			"%s does not offer STARTTLS; nothing was sent in clear. "
			"`ssl = yes` (port 993) may work; `starttls = no` with "
			"`ssl = no` would allow to go on without encryption",
			c->login->host);
	}
	c->state = CONN_STARTTLS;
	return imap_simple(c, IMAP_CMD_STARTTLS, "STARTTLS");
}

/* The stream is up: first contact, or after STARTTLS. */
enum err
imap_session_up(struct imap_conn *c)
{
	if (c->state == CONN_SECURING) {
		c->caps = 0; /* what was said before TLS does not count */
		return ask_capabilities(c, CONN_CAPABILITY);
	}
	c->state = CONN_GREETING;
	c->heard_ms = c->now_ms;
	if (c->io.answer_ms > 0 && c->io.answer_ms - 1 < c->rtt_ms) {
		c->rtt_ms = c->io.answer_ms - 1;
	}
	return ERR_OK;
}

static enum err
greeting(struct imap_conn *c)
{
	bool secure = io_is_tls(&c->io) ||
		(!c->login->ssl && !c->login->starttls);

	if (c->ev.kind != IMAP_EV_STATUS) {
		return c->ev.kind == IMAP_EV_CAPABILITY ? ERR_OK :
			err_set(ERR_PROTO, "%s does not speak IMAP",
				c->login->host);
	}
	if (c->ev.status == IMAP_PREAUTH) {
		return secure ? logged_in(c) :
			err_set(ERR_PRIVACY,
				"%s logged in by itself before TLS",
				c->login->host);
	}
	if (c->ev.status != IMAP_OK) {
		return err_set(ERR_NET, "%s: %s", c->login->host, c->text);
	}
	if (c->got_caps &&
		(!to_secure(c) || imap_conn_has(c, IMAP_CAP(STARTTLS)))) {
		return secure_or_log_in(c);
	}
	return ask_capabilities(c, CONN_CAPABILITY);
}

static enum err
starttls_answer(struct imap_conn *c)
{
	enum err e;

	if (c->ev.status != IMAP_OK) {
		return err_set(ERR_PRIVACY, "%s refused STARTTLS: %s",
			c->login->host, c->text);
	}
	c->state = CONN_SECURING;
	e = io_starttls(&c->io, c->now_ms, c->login->timeout_ms);
	if (e == ERR_PROTO) {
		return err_set(e,
			"%s sent data in clear behind its STARTTLS answer; "
			"somebody may be tampering with the line",
			c->login->host);
	}
	return e;
}

static enum err
tagged(struct imap_conn *c)
{
	switch (c->state) {
	case CONN_CAPABILITY:
		return secure_or_log_in(c);
	case CONN_STARTTLS:
		return starttls_answer(c);
	case CONN_AUTH:
		return c->ev.status == IMAP_OK ? logged_in(c)
					       : login_refused(c);
	case CONN_CAPABILITY_AFTER:
		return ready(c);
	case CONN_COMPRESS:
		if (CFG_COMPRESS && c->ev.cmd == IMAP_CMD_COMPRESS) {
			imap_compress_answer(c);
		}
		return ready(c);
	case CONN_LOGOUT:
		if (c->ev.cmd == IMAP_CMD_LOGOUT) {
			c->state = CONN_DONE;
		}
		return ERR_OK;
	default:
		return ERR_OK;
	}
}

enum err
imap_session_event(struct imap_conn *c)
{
	if (c->state == CONN_GREETING) {
		return greeting(c);
	}
	if (c->ev.kind == IMAP_EV_TAGGED) {
		return tagged(c);
	}
	if (c->ev.kind == IMAP_EV_CONTINUE && c->state == CONN_AUTH) {
		return answer_challenge(c);
	}
	return ERR_OK;
}
