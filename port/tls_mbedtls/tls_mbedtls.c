/*
 * TLS over mbedTLS 2.28 or 3.x.
 *
 * The library's own verification is not used as it stands: it wants all roots
 * in memory, and its check of the host name is off unless a name was set. The
 * handshake runs with verification "optional" and no roots, and the peer is
 * judged by tls_verify_peer() before the state says TLS_UP; tls_read and
 * tls_write do nothing in any other state. Until then not one byte of ours
 * has left.
 *
 * Randomness is the kernel's, asked for each time: no seed to keep, nothing
 * to be duplicated by a fork.
 */
#include "port/tls_mbedtls/tls_mbedtls.h"

#include <mbedtls/net_sockets.h>
#include <string.h>

#include "base/crc32.h"
#include "base/mem.h"
#include "config.h"
#include "port/arena.h"
#include "port/net.h"
#include "port/sys.h"

#if MBEDTLS_VERSION_NUMBER < 0x021C0000
#error "mbedTLS 2.28 or later is needed"
#endif

#if MBEDTLS_VERSION_NUMBER >= 0x03000000 && defined(MBEDTLS_PSA_CRYPTO_C)
#include <psa/crypto.h>
#define START_CRYPTO() (psa_crypto_init() == PSA_SUCCESS)
#else
#define START_CRYPTO() true
#endif

#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#define SET_MIN_VERSION(conf) \
	mbedtls_ssl_conf_min_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_2)
#else
#define SET_MIN_VERSION(conf) \
	mbedtls_ssl_conf_min_version(conf, MBEDTLS_SSL_MAJOR_VERSION_3, \
		MBEDTLS_SSL_MINOR_VERSION_3)
#endif

#ifdef MBEDTLS_SSL_SESSION_TICKETS
#define NO_TICKETS(conf) \
	mbedtls_ssl_conf_session_tickets(conf, \
		MBEDTLS_SSL_SESSION_TICKETS_DISABLED)
#else
#define NO_TICKETS(conf) ((void)0)
#endif

#if defined(MBEDTLS_SSL_PROTO_TLS1_3) && MBEDTLS_VERSION_NUMBER >= 0x03000000
#define HAS_TLS13 1
#define CAP_AT_12(conf) \
	mbedtls_ssl_conf_max_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_2)
#else
#define HAS_TLS13 0
#define CAP_AT_12(conf) ((void)0)
#endif

/* 3.6.x says so after each ticket unless told otherwise; 2.28 has none. */
#ifdef MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET
#define IS_TICKET(r) ((r) == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
#else
#define IS_TICKET(r) false
#endif

/* Whether the library uses the CPU's instructions for AES, if there are any. */
#if defined(MBEDTLS_AESNI_C) || defined(MBEDTLS_AESCE_C)
#define USES_AES_CPU true
#else
#define USES_AES_CPU false
#endif

/* 3.6.3 began to reassemble them. */
#if MBEDTLS_VERSION_NUMBER >= 0x03060300
#define FRAGMENTS TLS_HAS_FRAGMENTS
#else
#define FRAGMENTS 0
#endif

enum { R_ILLEGAL = -0x6600 };

static struct tls tls_pool[CFG_CONNECTIONS];

const struct mem_row tls_mem[] = {
	{"tls_pool", sizeof(tls_pool),
		"TLS connections (the library's own memory besides)"},
	TLS_CA_ROWS,
	{NULL, 0, NULL},
};

/* mbedTLS 3.6.6 with TLS 1.3 refuses the key exchange of TLS 1.2 servers with
 * RSA certificates. Such a failure switches later connections to that host to
 * TLS 1.2, which is verified just as well; an attacker could cause no more than
 * that. The last such host is remembered, by a sum of its name. */
static bool any_old;
static uint32_t old_host;

static uint32_t
sum_of(const struct tls_verify *v)
{
	struct span host = span_of(v->host);

	return crc32(CRC32_START, host.p, host.n);
}

static bool
only_12(const struct tls_verify *v)
{
	return any_old && old_host == sum_of(v);
}

struct reason {
	int code;
	const char *text;
};

/* Numbers, since the names changed between 2.28 and 3.x. */
static const struct reason reasons[] = {
	{-0x7780, "the server refused the handshake"},
	{-0x6E80, "no common TLS version: 1.2 or later is needed"},
	{-0x7200, "the answer is not TLS: is the port right?"},
	{-0x7700, "an unexpected message from the server"},
	{-0x7100, "a record that is malformed or too long"},
	{-0x7080, "a message that this mbedTLS cannot take (fragmented?)"},
	{-0x7180, "a record was damaged on its way"},
	{-0x6E00, "no common parameters for the handshake"},
	{-0x7380, "no common cipher"},
	{-0x7800, "no shared certificate type or a malformed chain"},
	{-0x7A00, "the server's certificate is malformed"},
	{R_ILLEGAL, "the server's key exchange is malformed"},
};

static enum err
explain(const char *what, int r)
{
	unsigned code = (unsigned)-r;
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].code == r) {
			return err_set(ERR_TLS, "%s: %s (-0x%04x)", what,
				reasons[i].text, code);
		}
	}
	return err_set(ERR_TLS, "%s: mbedTLS error -0x%04x", what, code);
}

static int
give_random(void *unused, unsigned char *p, size_t n)
{
	(void)unused;
	return sys_random(p, n) == ERR_OK ?
		0 : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int
send_some(void *user, const unsigned char *p, size_t n)
{
	struct tls *t = user;
	size_t sent;
	enum err e = net_write(t->fd, p, n, &sent);

	if (e == ERR_AGAIN) {
		return MBEDTLS_ERR_SSL_WANT_WRITE;
	}
	return e == ERR_OK ? (int)sent : MBEDTLS_ERR_NET_SEND_FAILED;
}

static int
receive_some(void *user, unsigned char *p, size_t n)
{
	struct tls *t = user;
	size_t got;
	enum err e = tls_ahead_read(&t->ahead, t->fd, p, n, &got);

	if (e == ERR_AGAIN) {
		return MBEDTLS_ERR_SSL_WANT_READ;
	}
	if (e == ERR_END) {
		return 0;
	}
	return e == ERR_OK ? (int)got : MBEDTLS_ERR_NET_RECV_FAILED;
}

/* Allocations that had been refused before the call of the library that is
 * being looked at. */
static uint32_t refused;

static void
begin_call(void)
{
	struct arena_usage memory;

	arena_usage(&memory);
	refused = memory.refused;
}

/* The library has a dozen words for "no memory", and a root that it could not
 * parse for want of it is just one that does not fit: whatever failed, it is
 * this if an allocation was refused meanwhile. */
static enum err
memory_or(enum err e)
{
	struct arena_usage memory;

	arena_usage(&memory);
	if (memory.refused == refused) {
		return e;
	}
	return err_set(ERR_LIMIT, "TLS: the library needs more memory than "
		"the %zu bytes of CFG_ARENA", memory.size);
}

static enum err
fail(struct tls *t, enum err e)
{
	e = memory_or(e);
	t->state = TLS_FAILED;
	t->err = e;
	return e;
}

/* What the library returned, as our error; the sticky ones stick. */
static enum err
result(struct tls *t, const char *what, int r)
{
	switch (r) {
	case MBEDTLS_ERR_SSL_WANT_READ:
		t->want = NET_IN;
		return ERR_AGAIN;
	case MBEDTLS_ERR_SSL_WANT_WRITE:
		t->want = NET_OUT;
		return ERR_AGAIN;
	case MBEDTLS_ERR_NET_SEND_FAILED:
	case MBEDTLS_ERR_NET_RECV_FAILED:
		return fail(t, ERR_NET); /* net_* left the detail */
	case MBEDTLS_ERR_SSL_CONN_EOF:
		return fail(t, err_set(ERR_NET,
			"%s: the server closed the connection", what));
	case MBEDTLS_ERR_SSL_ALLOC_FAILED:
		return fail(t, err_set(ERR_LIMIT, "%s: out of memory", what));
	default:
		return fail(t, explain(what, r));
	}
}

#ifdef MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG
/* PSA asks here if the library was built that way. */
psa_status_t
mbedtls_psa_external_get_random(
	mbedtls_psa_external_random_context_t *unused, uint8_t *p, size_t cap,
	size_t *n)
{
	(void)unused;
	*n = 0;
	if (sys_random(p, cap) != ERR_OK) {
		return PSA_ERROR_INSUFFICIENT_ENTROPY;
	}
	*n = cap;
	return PSA_SUCCESS;
}
#endif

unsigned
tls_features(void)
{
	return TLS_HAS_12 | (HAS_TLS13 ? TLS_HAS_13 : 0) | FRAGMENTS;
}

/* The library keeps a pointer to its list. */
static const int *
suites(void)
{
	static int list[3 + TLS_SUITES + 1];
	static const int of_13[2][3] = { /* ChaCha20, AES128-GCM, AES256-GCM */
		{0x1303, 0x1301, 0x1302},
		{0x1301, 0x1302, 0x1303},
	};
	bool fast = USES_AES_CPU && sys_has_aes();
	uint16_t of_12[TLS_SUITES];
	size_t n = tls_suites(of_12, fast);

	memcpy(list, of_13[fast], sizeof(of_13[fast]));
	for (list[3 + n] = 0; n > 0; n--) {
		list[2 + n] = of_12[n - 1];
	}
	return list;
}

static enum err
set_up(struct tls *t)
{
	struct tls_ip ip;
	int r;

	r = mbedtls_ssl_config_defaults(&t->conf, MBEDTLS_SSL_IS_CLIENT,
		MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
	if (r != 0) {
		return result(t, "TLS", r);
	}
	SET_MIN_VERSION(&t->conf);
	mbedtls_ssl_conf_ciphersuites(&t->conf, suites());
	NO_TICKETS(&t->conf);
	if (only_12(t->verify)) {
		CAP_AT_12(&t->conf);
	}
	mbedtls_ssl_conf_authmode(&t->conf, MBEDTLS_SSL_VERIFY_OPTIONAL);
	mbedtls_ssl_conf_rng(&t->conf, give_random, NULL);
	r = mbedtls_ssl_setup(&t->ssl, &t->conf);
	if (r != 0) {
		return result(t, "TLS", r);
	}
	/* NULL says that no name is to be checked: 3.6 insists on a word. */
	r = mbedtls_ssl_set_hostname(&t->ssl, tls_host_name(t->verify, &ip));
	if (r != 0) {
		return result(t, "TLS host name", r);
	}
	mbedtls_ssl_set_bio(&t->ssl, t, send_some, receive_some, NULL);
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
	begin_call();
	if (!START_CRYPTO()) {
		return memory_or(err_set(ERR_TLS,
			"TLS: mbedTLS did not start"));
	}
	for (i = 0; i < CFG_CONNECTIONS && t == NULL; i++) {
		t = tls_pool[i].state == TLS_FREE ? &tls_pool[i] : NULL;
	}
	if (t == NULL) {
		return tls_no_slot();
	}
	memset(t, 0, sizeof(*t));
	t->state = TLS_SHAKE;
	t->fd = fd;
	t->verify = v;
	t->want = NET_OUT;
	mbedtls_ssl_init(&t->ssl);
	mbedtls_ssl_config_init(&t->conf);
	e = set_up(t);
	*out = t;
	if (e != ERR_OK) {
		tls_close(out);
	}
	return e;
}

/* The server is told why it is left; that may fail, we leave anyway. */
static void
send_refusal(struct tls *t)
{
	(void)mbedtls_ssl_send_alert_message(&t->ssl,
		MBEDTLS_SSL_ALERT_LEVEL_FATAL, MBEDTLS_SSL_ALERT_MSG_BAD_CERT);
}

enum err
tls_handshake(struct tls *t)
{
	enum err e;
	int r;

	if (t->state == TLS_FAILED) {
		return t->err;
	}
	if (t->state != TLS_SHAKE) {
		return ERR_OK;
	}
	begin_call();
	do {
		r = mbedtls_ssl_handshake(&t->ssl);
	} while (IS_TICKET(r));
	if (r == R_ILLEGAL && HAS_TLS13 && !only_12(t->verify)) {
		any_old = true;
		old_host = sum_of(t->verify);
		t->again = true;
	}
	if (r != 0) {
		return result(t, "TLS handshake", r);
	}
	if (t->verify->trust_nothing) {
		t->state = TLS_SHOWN;
		return ERR_OK;
	}
	e = tls_verify_peer(t);
	if (e != ERR_OK) {
		send_refusal(t);
		return fail(t, e);
	}
	t->state = TLS_UP;
	return ERR_OK;
}

bool
tls_retry(const struct tls *t)
{
	return t->again;
}

enum err
tls_read(struct tls *t, void *p, size_t cap, size_t *n)
{
	int r;

	*n = 0;
	if (t->state != TLS_UP) {
		return tls_no_data(t->state, t->err);
	}
	begin_call();
	do {
		r = mbedtls_ssl_read(&t->ssl, p, cap);
	} while (IS_TICKET(r));
	if (r > 0) {
		*n = (size_t)r;
		return ERR_OK;
	}
	/* Without close_notify it is an end too: IMAP says itself where its
	 * data ends. */
	if (r == 0 || r == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY ||
		r == MBEDTLS_ERR_SSL_CONN_EOF) {
		return ERR_END;
	}
	return result(t, "TLS read", r);
}

/* A write that could not be finished is in the library's buffer already, and
 * the next call only flushes it but returns the length that *it* is given. So
 * it is given the length of the first one. */
enum err
tls_write(struct tls *t, const void *p, size_t len, size_t *n)
{
	int r;

	*n = 0;
	if (t->state != TLS_UP) {
		return tls_no_data(t->state, t->err);
	}
	if (t->retry > 0) {
		len = t->retry;
	}
	if (len == 0) {
		return ERR_OK;
	}
	begin_call();
	do {
		r = mbedtls_ssl_write(&t->ssl, p, len);
	} while (IS_TICKET(r));
	t->retry = r == MBEDTLS_ERR_SSL_WANT_READ ||
		r == MBEDTLS_ERR_SSL_WANT_WRITE ? len : 0;
	if (r > 0) {
		*n = (size_t)r;
		return ERR_OK;
	}
	return result(t, "TLS write", r);
}

int
tls_want(const struct tls *t)
{
	return t->want;
}

bool
tls_pending(const struct tls *t)
{
	return t->state == TLS_UP && (t->ahead.n > 0 ||
		mbedtls_ssl_get_bytes_avail(&t->ssl) > 0);
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
		(void)mbedtls_ssl_close_notify(&t->ssl);
	}
	mbedtls_ssl_free(&t->ssl);
	mbedtls_ssl_config_free(&t->conf);
	tls_wipe(t, sizeof(*t));
}

const mbedtls_x509_crt *
tls_chain(const struct tls *t)
{
	return mbedtls_ssl_get_peer_cert(&t->ssl);
}

struct span
tls_peer_der(const struct tls *t, unsigned i)
{
	const mbedtls_x509_crt *c = tls_chain(t);

	for (; c != NULL && i > 0; i--) {
		c = c->next;
	}
	return c == NULL ? (struct span){NULL, 0} :
		(struct span){(const char *)c->raw.p, c->raw.len};
}

#ifdef MBEDTLS_VERSION_C
const char *
tls_version(void)
{
	static char text[24];

	if (text[0] == '\0') {
		mbedtls_version_get_string_full(text);
	}
	return text;
}
#else
const char *
tls_version(void)
{
	return MBEDTLS_VERSION_STRING_FULL;
}
#endif
