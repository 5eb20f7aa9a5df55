/*
 * Is the peer who it should be? Asked once, between the handshake and the
 * first byte of ours, of a chain that the library has parsed but not judged:
 *
 *   limits        length of the chain, size of each certificate
 *   fingerprints  the leaf's digest is in the list
 *   chain         for each root whose name is the issuer of a certificate in
 *                 the chain: does the library find a valid path to it, today,
 *                 for this host? One that says yes is enough.
 *
 * The library has judged the leaf's key usage during the handshake; those of
 * its findings are added, since the later check cannot see them.
 */
#include "port/tls_mbedtls/tls_mbedtls.h"

#include <arpa/inet.h>
#include <mbedtls/asn1.h>
#include <mbedtls/md.h>
#include <string.h>

#include "config.h"

enum { DIGEST_MAX = 64 };

/* Findings of the handshake that count: all but those that the missing roots
 * and the name check cause, which are asked again here. */
#define SHAKE_FLAGS \
	((uint32_t)(MBEDTLS_X509_BADCERT_KEY_USAGE | \
		MBEDTLS_X509_BADCERT_EXT_KEY_USAGE | \
		MBEDTLS_X509_BADCERT_NS_CERT_TYPE | \
		MBEDTLS_X509_BADCERT_BAD_MD | MBEDTLS_X509_BADCERT_BAD_PK | \
		MBEDTLS_X509_BADCERT_BAD_KEY))

static bool
is_set(const char *s)
{
	return s != NULL && s[0] != '\0';
}

static bool
wants_chain(const struct tls_verify *v)
{
	return is_set(v->ca_file) || !is_set(v->fingerprints);
}

/* ---- fingerprints ---- */

static mbedtls_md_type_t
type_of(size_t n)
{
	switch (n) {
	case 20:
		return MBEDTLS_MD_SHA1;
	case 28:
		return MBEDTLS_MD_SHA224;
	case 32:
		return MBEDTLS_MD_SHA256;
	case 48:
		return MBEDTLS_MD_SHA384;
	case 64:
		return MBEDTLS_MD_SHA512;
	default:
		return MBEDTLS_MD_NONE;
	}
}

static int
nibble(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Takes the next entry of a list into out. ERR_END after the last. */
static enum err
next_print(const char **list, unsigned char out[DIGEST_MAX], size_t *n)
{
	const char *p = *list, *start = p;
	size_t digits = 0;
	int v;

	for (; *p != '\0' && *p != ','; p++) {
		if (*p == ':' || *p == ' ' || *p == '\t' || *p == '\n' ||
			*p == '\r') {
			continue;
		}
		v = nibble(*p);
		if (v < 0 || digits >= 2 * (size_t)DIGEST_MAX) {
			goto bad;
		}
		out[digits / 2] = (unsigned char)(digits % 2 == 0 ?
				v << 4 : out[digits / 2] | v);
		digits++;
	}
	*n = digits / 2;
	*list = *p == ',' ? p + 1 : p;
	if (digits == 0) {
		return *p == ',' ? ERR_AGAIN : ERR_END;
	}
	if (digits % 2 == 0 && type_of(*n) != MBEDTLS_MD_NONE) {
		return ERR_OK;
	}
bad:
	while (*p != '\0' && *p != ',') {
		p++;
	}
	return err_set(ERR_CONF, "cert_fingerprint: \"%.*s\" is not a SHA-1, "
		"-224, -256, -384 or -512 digest in hex", (int)(p - start),
		start);
}

static enum err
check_prints(const char *list)
{
	unsigned char print[DIGEST_MAX];
	size_t n, entries = 0;
	enum err e;

	do {
		e = next_print(&list, print, &n);
		entries += e == ERR_OK;
	} while (e == ERR_OK || e == ERR_AGAIN);
	if (e == ERR_END && entries == 0) {
		return err_set(ERR_CONF, "cert_fingerprint: no digest in it");
	}
	return e == ERR_END ? ERR_OK : e;
}

static enum err
match_prints(const char *list, const mbedtls_x509_crt *leaf)
{
	unsigned char print[DIGEST_MAX], have[DIGEST_MAX];
	const mbedtls_md_info_t *info;
	size_t n;
	enum err e;

	do {
		e = next_print(&list, print, &n);
		if (e != ERR_OK) {
			continue;
		}
		info = mbedtls_md_info_from_type(type_of(n));
		if (info != NULL &&
			mbedtls_md(info, leaf->raw.p, leaf->raw.len, have) ==
				0 &&
			memcmp(print, have, n) == 0) {
			return ERR_OK;
		}
	} while (e == ERR_OK || e == ERR_AGAIN);
	if (e != ERR_END) {
		return e;
	}
	return err_set(ERR_CERT,
		"the server's certificate matches no cert_fingerprint");
}

/* ---- host ---- */

bool
tls_host_is_ip(const char *host, unsigned char bytes[16], size_t *n)
{
	*n = 0;
	if (!is_set(host)) {
		return false;
	}
	if (inet_pton(AF_INET, host, bytes) == 1) {
		*n = 4;
	} else if (inet_pton(AF_INET6, host, bytes) == 1) {
		*n = 16;
	}
	return *n > 0;
}

/* RFC 5280 4.2.1.6: an address is matched with iPAddress names only. */
static bool
names_ip(const mbedtls_x509_crt *leaf, const unsigned char *ip, size_t n)
{
	const mbedtls_x509_sequence *s;

	for (s = &leaf->subject_alt_names; s != NULL; s = s->next) {
		if ((s->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK) ==
				MBEDTLS_X509_SAN_IP_ADDRESS &&
			s->buf.len == n && memcmp(s->buf.p, ip, n) == 0) {
			return true;
		}
	}
	return false;
}

/* ---- chain ---- */

static enum err
check_limits(const mbedtls_x509_crt *chain)
{
	const mbedtls_x509_crt *c;
	unsigned n = 0;

	for (c = chain; c != NULL; c = c->next) {
		if (c->raw.len > CFG_CERT_DER) {
			return err_set(ERR_LIMIT, "the server's certificate %u "
				"has %zu bytes, CFG_CERT_DER is %d", n,
				c->raw.len, CFG_CERT_DER);
		}
		n++;
	}
	if (n > CFG_CERT_CHAIN) {
		return err_set(ERR_LIMIT, "the server sent %u certificates, "
			"CFG_CERT_CHAIN is %d", n, CFG_CERT_CHAIN);
	}
	return ERR_OK;
}

struct finding {
	uint32_t flag;
	const char *text;
};

static const struct finding findings[] = {
	{MBEDTLS_X509_BADCERT_NOT_TRUSTED,
		"no root in the file of trusted certificates signed it"},
	{MBEDTLS_X509_BADCERT_CN_MISMATCH, "it is for another host name"},
	{MBEDTLS_X509_BADCERT_EXPIRED, "it has expired"},
	{MBEDTLS_X509_BADCERT_FUTURE, "it is not valid yet"},
	{MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE |
			MBEDTLS_X509_BADCERT_NS_CERT_TYPE,
		"it is not for servers"},
	{MBEDTLS_X509_BADCERT_BAD_MD, "its signature uses a weak digest"},
	{MBEDTLS_X509_BADCERT_BAD_PK | MBEDTLS_X509_BADCERT_BAD_KEY,
		"a key in its chain is too weak"},
};

static enum err
refuse(uint32_t flags, const struct tls_verify *v, unsigned too_long)
{
	char text[300];
	struct buf b;
	size_t i;

	if (flags == MBEDTLS_X509_BADCERT_FUTURE) {
		return err_set(ERR_CLOCK, "the certificate of %s is not valid "
			"yet: the clock may not be set", v->host);
	}
	BUF_INIT(&b, text);
	for (i = 0; i < sizeof(findings) / sizeof(findings[0]); i++) {
		if ((flags & findings[i].flag) != 0) {
			buf_str(&b, b.n > 0 ? ", " : "");
			buf_str(&b, findings[i].text);
		}
	}
	if (b.n == 0) {
		buf_fmt(&b, "verification failed (0x%x)", (unsigned)flags);
	}
	if (too_long > 0 &&
		(flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0) {
		buf_fmt(&b, " (%u certificates there are longer than "
			"CFG_CERT_DER)", too_long);
	}
	return err_set(ERR_CERT, "certificate of %s: %s", v->host,
		buf_cstr(&b));
}

/* Findings for one root; all of them if the library could not say. */
static uint32_t
judge(const mbedtls_x509_crt *chain, const unsigned char *der, size_t n,
	const char *name)
{
	mbedtls_x509_crt root;
	uint32_t flags = 0;
	int r;

	mbedtls_x509_crt_init(&root);
	if (mbedtls_x509_crt_parse_der_nocopy(&root, der, n) != 0) {
		mbedtls_x509_crt_free(&root);
		return MBEDTLS_X509_BADCERT_NOT_TRUSTED;
	}
	/* The chain is only read; the library's signature lacks the const. */
	r = mbedtls_x509_crt_verify((mbedtls_x509_crt *)(uintptr_t)chain,
		&root, NULL, name, &flags, NULL, NULL);
	mbedtls_x509_crt_free(&root);
	if (r != 0 && flags == 0) {
		flags = MBEDTLS_X509_BADCERT_OTHER;
	}
	return flags;
}

static bool
is_better(uint32_t a, uint32_t b)
{
	const uint32_t lost = MBEDTLS_X509_BADCERT_NOT_TRUSTED;

	return (a & lost) != (b & lost) ? (a & lost) == 0 : a < b;
}

static enum err
check_chain(const struct tls *t, const mbedtls_x509_crt *chain)
{
	const struct tls_verify *v = t->verify;
	/* What the handshake found without roots stands for "no root". */
	uint32_t shaken = mbedtls_ssl_get_verify_result(&t->ssl);
	uint32_t extra = shaken & SHAKE_FLAGS, flags, best;
	unsigned char ip[16];
	const unsigned char *der;
	const char *path, *name = v->host;
	struct tls_ca ca;
	size_t n;
	enum err e;

	if (tls_host_is_ip(v->host, ip, &n)) {
		name = NULL;
		extra |= names_ip(chain, ip, n) ?
			0 : (uint32_t)MBEDTLS_X509_BADCERT_CN_MISMATCH;
	}
	best = extra | MBEDTLS_X509_BADCERT_NOT_TRUSTED |
		(shaken & (MBEDTLS_X509_BADCERT_EXPIRED |
			MBEDTLS_X509_BADCERT_FUTURE));
	if (name != NULL) {
		best |= shaken & MBEDTLS_X509_BADCERT_CN_MISMATCH;
	}
	e = tls_ca_path(v, &path);
	if (e == ERR_OK) {
		e = tls_ca_open(&ca, path);
	}
	if (e != ERR_OK) {
		return e;
	}
	while (best != 0 &&
		(e = tls_ca_next(&ca, chain, &der, &n)) == ERR_OK) {
		flags = extra | judge(chain, der, n, name);
		best = is_better(flags, best) ? flags : best;
	}
	tls_ca_close(&ca);
	if (best == 0) {
		return ERR_OK;
	}
	return e == ERR_END ? refuse(best, v, ca.too_long) : e;
}

enum err
tls_verify_peer(const struct tls *t)
{
	const struct tls_verify *v = t->verify;
	const mbedtls_x509_crt *chain = tls_chain(t);
	enum err e;

	if (chain == NULL) {
		return err_set(ERR_CERT, "the server sent no certificate");
	}
	e = check_limits(chain);
	if (e == ERR_OK && is_set(v->fingerprints)) {
		e = match_prints(v->fingerprints, chain);
	}
	if (e == ERR_OK && wants_chain(v)) {
		e = check_chain(t, chain);
	}
	return e;
}

enum err
tls_verify_check(const struct tls_verify *v)
{
	struct tls_ca ca;
	const char *path;
	enum err e = ERR_OK;

	if (v->trust_nothing) {
		return ERR_OK;
	}
	if (is_set(v->fingerprints)) {
		e = check_prints(v->fingerprints);
	}
	if (e != ERR_OK || !wants_chain(v)) {
		return e;
	}
	if (!is_set(v->host)) {
		return err_set(ERR_CONF, "no host name to verify");
	}
	e = tls_ca_path(v, &path);
	if (e == ERR_OK) {
		e = tls_ca_open(&ca, path);
	}
	if (e == ERR_OK) {
		tls_ca_close(&ca);
	}
	return e;
}
