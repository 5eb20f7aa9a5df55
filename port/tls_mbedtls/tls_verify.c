/*
 * Is the peer who it should be? Asked once, between the handshake and the
 * first byte of ours, of a chain that the library has parsed but not judged:
 *
 *   limits        length of the chain, size of each certificate
 *   fingerprints  the leaf's digest is in the list
 *   chain         for each root whose name is the issuer of a certificate in
 *                 the chain: does the library find a valid path to it for
 *                 this host? One that says yes is enough.
 *
 * The library has judged the leaf's key usage during the handshake; those of
 * its findings are added, since the later check cannot see them. Dates are
 * judged here and not by the library, whose clock is the machine's.
 */
#include "port/tls_mbedtls/tls_mbedtls.h"

#include "config.h"

/* Findings of the handshake that count: all but those that the missing roots
 * and the name check cause, which are asked again here. */
#define SHAKE_FINDINGS (TLS_PURPOSE | TLS_WEAK_DIGEST | TLS_WEAK_KEY)

#define DATE_FLAGS \
	((uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | \
		MBEDTLS_X509_BADCERT_FUTURE))

struct meaning {
	uint32_t flags;
	unsigned finding;
};

static const struct meaning meanings[] = {
	{MBEDTLS_X509_BADCERT_NOT_TRUSTED, TLS_UNTRUSTED},
	{MBEDTLS_X509_BADCERT_CN_MISMATCH, TLS_OTHER_HOST},
	{MBEDTLS_X509_BADCERT_EXPIRED, TLS_EXPIRED},
	{MBEDTLS_X509_BADCERT_FUTURE, TLS_FUTURE},
	{MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE |
			MBEDTLS_X509_BADCERT_NS_CERT_TYPE, TLS_PURPOSE},
	{MBEDTLS_X509_BADCERT_BAD_MD, TLS_WEAK_DIGEST},
	{MBEDTLS_X509_BADCERT_BAD_PK | MBEDTLS_X509_BADCERT_BAD_KEY,
		TLS_WEAK_KEY},
};

static unsigned
findings_of(uint32_t flags)
{
	unsigned found = 0;
	size_t i;

	for (i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		if ((flags & meanings[i].flags) != 0) {
			found |= meanings[i].finding;
			flags &= ~meanings[i].flags;
		}
	}
	return flags != 0 ? found | TLS_OTHER : found;
}

static struct span
der_of(const mbedtls_x509_buf *b)
{
	return (struct span){(const char *)b->p, b->len};
}

/* Called for each certificate of the path: its dates are for us to judge. */
static int
judge_one(void *user, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
	const struct tls_verify *v = user;
	struct tls_cert c;
	unsigned found;

	(void)depth;
	*flags &= ~DATE_FLAGS;
	if (!tls_cert_parse(&c, der_of(&crt->raw))) {
		*flags |= MBEDTLS_X509_BADCERT_OTHER;
		return 0;
	}
	found = tls_judge_dates(&c, v);
	*flags |= found == TLS_EXPIRED ? MBEDTLS_X509_BADCERT_EXPIRED :
		found == TLS_FUTURE ? MBEDTLS_X509_BADCERT_FUTURE : 0;
	return 0;
}

/* Findings for one root; TLS_OTHER if the library could not say. */
static unsigned
judge(const struct tls *t, struct span der, const char *name)
{
	mbedtls_x509_crt root;
	uint32_t flags = 0;
	int r;

	mbedtls_x509_crt_init(&root);
	if (mbedtls_x509_crt_parse_der_nocopy(&root,
		    (const unsigned char *)der.p, der.n) != 0) {
		mbedtls_x509_crt_free(&root);
		return TLS_UNTRUSTED;
	}
	/* All is only read; the library's signature lacks the const. */
	r = mbedtls_x509_crt_verify(
		(mbedtls_x509_crt *)(uintptr_t)tls_chain(t), &root, NULL, name,
		&flags, judge_one, (void *)(uintptr_t)t->verify);
	mbedtls_x509_crt_free(&root);
	return findings_of(flags) | (r != 0 && flags == 0 ? TLS_OTHER : 0);
}

static enum err
check_roots(const struct tls *t, const struct span *issuers, size_t n,
	const struct tls_cert *leaf)
{
	const struct tls_verify *v = t->verify;
	unsigned shaken = findings_of(mbedtls_ssl_get_verify_result(&t->ssl));
	unsigned extra = tls_judge_leaf(leaf, v) | (shaken & SHAKE_FINDINGS);
	unsigned best = extra | TLS_UNTRUSTED | tls_judge_dates(leaf, v);
	struct tls_cert root;
	struct tls_ip ip;
	struct tls_ca ca;
	const char *name = tls_host_name(v, &ip);
	enum err e = tls_ca_open(&ca, v);

	/* What the handshake found without roots stands for "no root". */
	if (name != NULL) {
		best |= shaken & TLS_OTHER_HOST;
	}
	if (e != ERR_OK) {
		return e;
	}
	while (best != 0 &&
		(e = tls_ca_next(&ca, issuers, n, &root)) == ERR_OK) {
		best = tls_better(best, extra | judge(t, root.der, name));
	}
	tls_ca_close(&ca);
	if (best == 0) {
		return ERR_OK;
	}
	return e == ERR_END ? tls_refuse(best, v, ca.too_long) : e;
}

static enum err
check_chain(const struct tls *t)
{
	const mbedtls_x509_crt *c;
	struct span issuers[CFG_CERT_CHAIN];
	struct tls_cert leaf;
	size_t n = 0;

	if (!tls_cert_parse(&leaf, tls_peer_der(t, 0))) {
		return tls_refuse(TLS_OTHER, t->verify, 0);
	}
	for (c = tls_chain(t); c != NULL && n < CFG_CERT_CHAIN; c = c->next) {
		issuers[n++] = der_of(&c->issuer_raw);
	}
	return check_roots(t, issuers, n, &leaf);
}

static enum err
check_limits(const struct tls *t)
{
	struct span der;
	enum err e = ERR_OK;
	unsigned i;

	for (i = 0; e == ERR_OK && (der = tls_peer_der(t, i)).n > 0; i++) {
		e = tls_check_limits(i, der.n);
	}
	return e;
}

enum err
tls_verify_peer(const struct tls *t)
{
	const struct tls_verify *v = t->verify;
	enum err e;

	if (tls_chain(t) == NULL) {
		return err_set(ERR_CERT, "the server sent no certificate");
	}
	e = check_limits(t);
	if (e == ERR_OK && tls_wants_prints(v)) {
		e = tls_match_prints(v->fingerprints, tls_peer_der(t, 0));
	}
	if (e == ERR_OK && tls_wants_chain(v)) {
		e = check_chain(t);
	}
	return e;
}
