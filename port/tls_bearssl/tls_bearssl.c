/*
 * TLS 1.2 over BearSSL 0.6: no heap, everything in a static pool.
 *
 * The library's engine does no I/O: it has four windows, of records to send
 * and received and of data to send and received. What is here carries bytes
 * between them, the socket and the caller. The server is judged in the
 * handshake (tls_x509.c), before our key exchange leaves; tls_read and
 * tls_write do nothing before the state is TLS_UP.
 */
#include "port/tls_bearssl/tls_bearssl.h"

#include <string.h>

#include "base/mem.h"
#include "port/net.h"
#include "port/sys.h"

static struct tls tls_pool[CFG_CONNECTIONS];

const struct mem_row tls_mem[] = {
	{"tls_pool", sizeof(tls_pool), "TLS connections, all of them"},
	{"x509_saved", sizeof(br_x509_minimal_context),
		"state of the check of a chain"},
	{"x509_shown", TLS_SHOWN_BYTES, "chain of show-cert"},
	TLS_CA_ROWS,
	{NULL, 0, NULL},
};

struct reason {
	int code;
	const char *text;
};

static const struct reason reasons[] = {
	{BR_ERR_RECV_FATAL_ALERT + BR_ALERT_HANDSHAKE_FAILURE,
		"the server refused the handshake"},
	{BR_ERR_RECV_FATAL_ALERT + BR_ALERT_PROTOCOL_VERSION,
		"the server does not speak TLS 1.2"},
	/* which of the two, the library does not say */
	{BR_ERR_UNSUPPORTED_VERSION, "the answer is not TLS (is the port "
		"right?), or older than the 1.2 that is needed"},
	{BR_ERR_UNEXPECTED, "an unexpected message from the server"},
	{BR_ERR_BAD_LENGTH, "a record that is malformed or too long"},
	{BR_ERR_TOO_LARGE, "a record that is malformed or too long"},
	{BR_ERR_BAD_MAC, "a record was damaged on its way"},
	{BR_ERR_BAD_CIPHER_SUITE, "no common cipher"},
	{BR_ERR_BAD_SIGNATURE, "the server's key exchange is malformed"},
	{BR_ERR_X509_UNSUPPORTED, "the server's certificate has a key or "
		"signature that BearSSL cannot use"},
};

static enum err
explain(const char *what, int r)
{
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].code == r) {
			return err_set(ERR_TLS, "%s: %s (%d)", what,
				reasons[i].text, r);
		}
	}
	return err_set(ERR_TLS, "%s: BearSSL error %d", what, r);
}

static enum err
fail(struct tls *t, enum err e)
{
	t->state = TLS_FAILED;
	t->err = e;
	return e;
}

/* The engine has stopped: why? */
static enum err
stopped(struct tls *t, const char *what)
{
	int r = br_ssl_engine_last_error(&t->client.eng);

	if (t->verdict != ERR_OK) {
		return fail(t, t->verdict); /* with its detail */
	}
	return fail(t, r != BR_ERR_OK ? explain(what, r) : err_set(ERR_NET,
		"%s: the server closed the connection", what));
}

/* Sends the records that are ready. */
static enum err
push(struct tls *t)
{
	br_ssl_engine_context *engine = &t->client.eng;
	unsigned char *p;
	size_t n, sent;
	enum err e;

	while ((p = br_ssl_engine_sendrec_buf(engine, &n)) != NULL) {
		e = net_write(t->fd, p, n, &sent);
		if (e == ERR_AGAIN) {
			t->want = NET_OUT;
			return e;
		}
		if (e != ERR_OK) {
			return fail(t, ERR_NET); /* net_* left the detail */
		}
		br_ssl_engine_sendrec_ack(engine, sent);
	}
	return ERR_OK;
}

/* Receives a part of a record. ERR_END: no more will come. */
static enum err
pull(struct tls *t)
{
	br_ssl_engine_context *engine = &t->client.eng;
	unsigned char *p;
	size_t n, got;
	enum err e;

	p = br_ssl_engine_recvrec_buf(engine, &n);
	if (p == NULL) { /* something else has to be done first */
		t->want = 0;
		return ERR_AGAIN;
	}
	e = tls_ahead_read(&t->ahead, t->fd, p, n, &got);
	if (e == ERR_AGAIN) {
		t->want = NET_IN;
	} else if (e == ERR_OK) {
		br_ssl_engine_recvrec_ack(engine, got);
	} else if (e != ERR_END) {
		fail(t, ERR_NET);
		e = ERR_NET;
	}
	return e;
}

unsigned
tls_features(void)
{
	return TLS_HAS_12 | TLS_HAS_FRAGMENTS;
}

static enum err
set_up(struct tls *t)
{
	br_ssl_engine_context *engine = &t->client.eng;
	struct tls_ip ip;
	char seed[32];
	enum err e = sys_random(seed, sizeof(seed));
	uint16_t suites[TLS_SUITES];

	if (e != ERR_OK) {
		return e;
	}
	br_ssl_client_zero(&t->client);
	br_ssl_engine_set_versions(engine, BR_TLS12, BR_TLS12);
	br_ssl_engine_set_suites(engine, suites,
		tls_suites(suites, tls_ciphers(engine)));
	br_ssl_engine_set_hash(engine, br_sha256_ID, &br_sha256_vtable);
	br_ssl_engine_set_hash(engine, br_sha384_ID, &br_sha384_vtable);
	br_ssl_engine_set_hash(engine, br_sha512_ID, &br_sha512_vtable);
	br_ssl_engine_set_prf_sha256(engine, &br_tls12_sha256_prf);
	br_ssl_engine_set_prf_sha384(engine, &br_tls12_sha384_prf);
	if (CFG_OLD_CIPHERS) {
		br_ssl_engine_set_default_aes_cbc(engine);
		br_ssl_engine_set_hash(engine, br_sha1_ID, &br_sha1_vtable);
		br_ssl_client_set_rsapub(&t->client, br_rsa_i31_public);
	}
	br_ssl_engine_add_flags(engine, BR_OPT_NO_RENEGOTIATION);
	br_ssl_engine_set_x509(engine, &t->x509);
	br_ssl_engine_set_buffers_bidi(engine, t->in, sizeof(t->in), t->out,
		sizeof(t->out));
	/* The kernel's randomness is all that is wanted. */
	engine->rng_os_rand_done = 1;
	br_ssl_engine_inject_entropy(engine, seed, sizeof(seed));
	memset(seed, 0, sizeof(seed));
	if (br_ssl_client_reset(&t->client, tls_host_name(t->verify, &ip),
		    0) == 0) {
		return explain("TLS", br_ssl_engine_last_error(engine));
	}
	return ERR_OK;
}

enum err
tls_open(struct tls **out, int fd, const struct tls_verify *v)
{
	struct tls *t = NULL;
	enum err e;
	size_t i;

	*out = NULL;
	e = tls_verify_check(v);
	if (e != ERR_OK) {
		return e;
	}
	for (i = 0; i < CFG_CONNECTIONS && t == NULL; i++) {
		t = tls_pool[i].state == TLS_FREE ? &tls_pool[i] : NULL;
	}
	if (t == NULL) {
		return tls_no_slot();
	}
	t->x509 = &tls_x509_class;
	t->state = TLS_SHAKE;
	t->fd = fd;
	t->want = NET_OUT;
	t->written = 0;
	t->verify = v;
	t->verdict = ERR_OK;
	t->certs = 0;
	t->leaf_n = 0;
	e = set_up(t);
	*out = t;
	if (e != ERR_OK) {
		t->state = TLS_FAILED;
		tls_close(out);
	}
	return e;
}

enum err
tls_handshake(struct tls *t)
{
	unsigned state;
	enum err e = ERR_OK;

	if (t->state == TLS_FAILED) {
		return t->err;
	}
	while (t->state == TLS_SHAKE && e == ERR_OK) {
		state = br_ssl_engine_current_state(&t->client.eng);
		if ((state & BR_SSL_CLOSED) != 0) {
			return stopped(t, "TLS handshake");
		}
		if ((state & BR_SSL_SENDREC) != 0) {
			e = push(t);
		} else if ((state & BR_SSL_SENDAPP) != 0) {
			t->state = t->verify->trust_nothing ?
				TLS_SHOWN : TLS_UP;
		} else {
			e = pull(t);
		}
	}
	return e == ERR_END ? fail(t, err_set(ERR_NET,
		"TLS handshake: the server closed the connection")) : e;
}

bool
tls_retry(const struct tls *t)
{
	(void)t;
	return false;
}

enum err
tls_read(struct tls *t, void *p, size_t cap, size_t *n)
{
	br_ssl_engine_context *engine = &t->client.eng;
	unsigned char *from;
	enum err e = ERR_OK;
	size_t have;
	int stuck;

	*n = 0;
	if (t->state != TLS_UP) {
		return tls_no_data(t->state, t->err);
	}
	while (e == ERR_OK) {
		from = br_ssl_engine_recvapp_buf(engine, &have);
		if (from != NULL) {
			*n = have < cap ? have : cap;
			memcpy(p, from, *n);
			br_ssl_engine_recvapp_ack(engine, *n);
			return ERR_OK;
		}
		if (br_ssl_engine_current_state(engine) == BR_SSL_CLOSED) {
			return br_ssl_engine_last_error(engine) == BR_ERR_OK ?
				ERR_END : stopped(t, "TLS read");
		}
		/* A server that is busy sending does not take what we have
		 * for it before we take that. */
		e = push(t);
		stuck = e == ERR_AGAIN ? NET_OUT : 0;
		if (e == ERR_OK || e == ERR_AGAIN) {
			e = pull(t);
		}
		if (e == ERR_AGAIN) {
			t->want |= stuck;
		}
	}
	/* Without close_notify it is an end too: IMAP says itself where its
	 * data ends. */
	return e;
}

/* What is taken is said to be taken once it is on its way, so that nobody
 * has to come again for the rest: until then the caller repeats the call. */
enum err
tls_write(struct tls *t, const void *p, size_t len, size_t *n)
{
	br_ssl_engine_context *engine = &t->client.eng;
	unsigned char *to;
	size_t room;
	enum err e;

	*n = 0;
	if (t->state != TLS_UP) {
		return tls_no_data(t->state, t->err);
	}
	if (len == 0) {
		return ERR_OK;
	}
	while (t->written == 0) {
		e = push(t);
		if (e != ERR_OK) {
			return e;
		}
		to = br_ssl_engine_sendapp_buf(engine, &room);
		if (to == NULL) {
			return stopped(t, "TLS write");
		}
		t->written = len < room ? len : room;
		memcpy(to, p, t->written);
		br_ssl_engine_sendapp_ack(engine, t->written);
		br_ssl_engine_flush(engine, 0);
	}
	e = push(t);
	if (e == ERR_OK) {
		*n = t->written;
		t->written = 0;
	}
	return e;
}

int
tls_want(const struct tls *t)
{
	return t->want;
}

bool
tls_pending(const struct tls *t)
{
	const br_ssl_engine_context *engine = &t->client.eng;
	size_t n;

	return t->state == TLS_UP &&
		(br_ssl_engine_recvapp_buf(engine, &n) != NULL ||
			(t->ahead.n > 0 && /* and it can be taken now */
				br_ssl_engine_recvrec_buf(engine, &n) != NULL));
}

void
tls_close(struct tls **tp)
{
	struct tls *t = *tp;

	*tp = NULL;
	if (t == NULL) {
		return;
	}
	if (t->state == TLS_UP || t->state == TLS_SHOWN) {
		br_ssl_engine_close(&t->client.eng);
		(void)push(t);
	}
	tls_x509_forget(t);
	tls_wipe(t, offsetof(struct tls, in));
	t->state = TLS_FREE;
}

const char *
tls_version(void)
{
	return "BearSSL";
}
