/*
 * The check of the server's chain, between BearSSL's handshake and its X.509
 * engine ("minimal"). That engine wants all roots beforehand; here each
 * certificate is first collected, then the roots that bear its issuer's name
 * are looked up in the file, and the engine gets the certificate with one of
 * them at a time. Trying another root means to give it the certificate once
 * more, from the state before: that state is plain memory and is copied.
 *
 * It stops at the first flaw, while people are to be told all of them, and
 * says the same of dates past and dates to come. So it is given a date that
 * suits each certificate, and the dates are judged here; and it is asked
 * again without the host name if that is what it found wrong.
 *
 * All this happens inside the handshake: a server that does not pass gets no
 * further message of ours.
 */
#include "port/tls_bearssl/tls_bearssl.h"

#include <string.h>

enum {
	MIN_RSA = 256,	 /* bytes of a modulus, for a chain that is judged */
	EPOCH = 719528,	 /* days from year 0 to 1970 */
	DAY_S = 86400
};

static br_x509_minimal_context x509_saved;

/* The certificates after the first, for show-cert alone. */
static char x509_shown[TLS_SHOWN_BYTES];
static size_t shown_n[CFG_CERT_CHAIN];
static const struct tls *shown_by;

static struct tls *
tls_of(const br_x509_class **handle)
{
	return (struct tls *)(void *)handle;
}

static bool
is_judged(const struct tls *t)
{
	return !t->verify->trust_nothing && tls_wants_chain(t->verify);
}

void
tls_x509_forget(const struct tls *t)
{
	if (shown_by == t) {
		shown_by = NULL;
	}
}

struct span
tls_peer_der(const struct tls *t, unsigned i)
{
	size_t at = 0, k;

	if (i == 0) {
		return (struct span){t->leaf, t->leaf_n};
	}
	if (shown_by != t || i >= CFG_CERT_CHAIN) {
		return (struct span){NULL, 0};
	}
	for (k = 1; k < i; k++) {
		at += shown_n[k];
	}
	return (struct span){x509_shown + at, shown_n[i]};
}

/* ---- roots as BearSSL wants them ---- */

/* RSAPublicKey ::= SEQUENCE { modulus, exponent }, RFC 8017 A.1.1 */
static bool
rsa_key(struct span bits, br_rsa_public_key *key)
{
	struct span pair, n, e;

	if (!tls_der_take(&bits, DER_SEQUENCE, &pair) ||
		!tls_der_take(&pair, DER_INTEGER, &n) ||
		!tls_der_take(&pair, DER_INTEGER, &e)) {
		return false;
	}
	while (n.n > 0 && n.p[0] == 0) {
		n = span_from(n, 1);
	}
	/* BearSSL only reads them; its structure lacks the const. */
	key->n = (unsigned char *)(uintptr_t)n.p;
	key->nlen = n.n;
	key->e = (unsigned char *)(uintptr_t)e.p;
	key->elen = e.n;
	return n.n > 0 && e.n > 0;
}

static bool
ec_key(struct span curve, struct span bits, br_ec_public_key *key)
{
	key->curve = span_eq(curve, SPAN("\x2A\x86\x48\xCE\x3D\x03\x01\x07")) ?
			BR_EC_secp256r1 :
		span_eq(curve, SPAN("\x2B\x81\x04\x00\x22")) ?
			BR_EC_secp384r1 :
		span_eq(curve, SPAN("\x2B\x81\x04\x00\x23")) ?
			BR_EC_secp521r1 : 0;
	key->q = (unsigned char *)(uintptr_t)bits.p;
	key->qlen = bits.n;
	return key->curve != 0;
}

/* SubjectPublicKeyInfo, RFC 5280 4.1.2.7 */
static bool
key_of(struct span info, br_x509_pkey *key)
{
	struct span kind, bits, oid, curve;

	if (!tls_der_take(&info, DER_SEQUENCE, &kind) ||
		!tls_der_take(&info, DER_BITS, &bits) ||
		!tls_der_take(&kind, DER_OID, &oid) || bits.n < 1 ||
		bits.p[0] != 0) {
		return false;
	}
	bits = span_from(bits, 1);
	if (span_is(oid, "\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01")) {
		key->key_type = BR_KEYTYPE_RSA;
		return rsa_key(bits, &key->key.rsa);
	}
	key->key_type = BR_KEYTYPE_EC;
	return span_is(oid, "\x2A\x86\x48\xCE\x3D\x02\x01") &&
		tls_der_take(&kind, DER_OID, &curve) &&
		ec_key(curve, bits, &key->key.ec);
}

/* A root signs others, or is the very certificate that the server shows. */
static bool
anchor_of(const struct tls_cert *root, struct span shown,
	br_x509_trust_anchor *out)
{
	bool itself = span_eq(root->der, shown);

	out->dn.data = (unsigned char *)(uintptr_t)root->subject.p;
	out->dn.len = root->subject.n;
	out->flags = itself ? 0 : BR_X509_TA_CA;
	return (itself || root->ca) && key_of(root->key, &out->pkey);
}

static unsigned
judge_root(const struct tls *t, const struct tls_cert *root,
	const br_x509_trust_anchor *anchor)
{
	unsigned found = tls_judge_dates(root, t->verify);

	if (anchor->pkey.key_type == BR_KEYTYPE_RSA &&
		anchor->pkey.key.rsa.nlen < MIN_RSA) {
		found |= TLS_WEAK_KEY;
	}
	return found;
}

/* ---- one certificate ---- */

/* Gives it to the engine, with the root to try or NULL. */
static void
feed(struct tls *t, struct span der, const br_x509_trust_anchor *anchor)
{
	const br_x509_class **c = &t->check.vtable;

	t->check.trust_anchors = anchor;
	t->check.trust_anchors_num = anchor != NULL;
	(*c)->start_cert(c, (uint32_t)der.n);
	(*c)->append(c, (const unsigned char *)der.p, der.n);
	(*c)->end_cert(c);
	t->check.trust_anchors = NULL;
	t->check.trust_anchors_num = 0;
}

/* The first second of c is the time that the engine goes by. */
static void
suit_date(struct tls *t, const struct tls_cert *c)
{
	int64_t s = c->from + EPOCH * (int64_t)DAY_S;

	br_x509_minimal_set_time(&t->check, (uint32_t)(s / DAY_S),
		(uint32_t)(s % DAY_S));
}

/* The same, and once more without a host name if that does not match. */
static void
examine(struct tls *t, struct span der, const br_x509_trust_anchor *anchor)
{
	t->check = x509_saved;
	feed(t, der, anchor);
	if (t->check.err == BR_ERR_X509_BAD_SERVER_NAME) {
		t->found |= TLS_OTHER_HOST;
		x509_saved.server_name = NULL;
		t->check = x509_saved;
		feed(t, der, anchor);
	}
}

static enum err
try_roots(struct tls *t, const struct tls_cert *c)
{
	unsigned best = TLS_UNTRUSTED;
	br_x509_trust_anchor anchor;
	struct tls_cert root;
	struct tls_ca ca;
	bool fed = false;
	enum err e = tls_ca_open(&ca, t->verify);

	if (e != ERR_OK) {
		return e;
	}
	while (best != 0 &&
		(e = tls_ca_next(&ca, &c->issuer, 1, &root)) == ERR_OK) {
		if (!anchor_of(&root, c->der, &anchor)) {
			continue;
		}
		fed = true;
		examine(t, c->der, &anchor);
		if (t->check.err == BR_ERR_X509_OK) {
			best = tls_better(best,
				judge_root(t, &root, &anchor));
		}
	}
	tls_ca_close(&ca);
	t->too_long += ca.too_long;
	if (!fed) {
		examine(t, c->der, NULL);
	}
	if (best != TLS_UNTRUSTED) {
		t->trusted = true;
		t->found |= best;
		t->check.err = BR_ERR_X509_OK; /* the last one tried may
						* have been another */
	}
	return e == ERR_END ? ERR_OK : e;
}

static enum err
judge(struct tls *t, struct span der)
{
	struct tls_cert c;

	if (!tls_cert_parse(&c, der)) {
		t->found |= TLS_OTHER;
		t->check.err = BR_ERR_X509_UNEXPECTED;
		return ERR_OK;
	}
	t->found |= tls_judge_dates(&c, t->verify);
	if (t->certs == 1) {
		t->found |= tls_judge_leaf(&c, t->verify);
	}
	suit_date(t, &c);
	x509_saved = t->check;
	return try_roots(t, &c);
}

static void
keep_shown(struct tls *t, struct span der)
{
	size_t at = 0;
	unsigned i;

	if (!t->verify->trust_nothing || (shown_by != NULL && shown_by != t)) {
		return;
	}
	if (shown_by == NULL) {
		memset(shown_n, 0, sizeof(shown_n));
		shown_by = t;
	}
	for (i = 0; i < t->certs; i++) {
		at += shown_n[i];
	}
	memcpy(x509_shown + at, der.p, der.n);
	shown_n[t->certs] = der.n;
}

/* ---- what the handshake calls ---- */

static void
start_chain(const br_x509_class **handle, const char *unused)
{
	struct tls *t = tls_of(handle);
	br_x509_minimal_context *c = &t->check;
	struct tls_ip ip;
	bool judged = is_judged(t);

	(void)unused; /* is what we gave for the handshake */
	br_x509_minimal_init(c, &br_sha256_vtable, NULL, 0);
	br_x509_minimal_set_rsa(c, br_ssl_engine_get_rsavrfy(&t->client.eng));
	br_x509_minimal_set_ecdsa(c, br_ssl_engine_get_ec(&t->client.eng),
		br_ssl_engine_get_ecdsa(&t->client.eng));
	br_x509_minimal_set_hash(c, br_sha256_ID, &br_sha256_vtable);
	br_x509_minimal_set_hash(c, br_sha384_ID, &br_sha384_vtable);
	br_x509_minimal_set_hash(c, br_sha512_ID, &br_sha512_vtable);
	if (judged) {
		br_x509_minimal_set_minrsa(c, MIN_RSA);
	}
	c->vtable->start_chain(&c->vtable,
		judged ? tls_host_name(t->verify, &ip) : NULL);
	t->verdict = ERR_OK;
	t->certs = t->found = t->too_long = 0;
	t->trusted = false;
	t->leaf_n = 0;
}

static void
start_cert(const br_x509_class **handle, uint32_t n)
{
	struct tls *t = tls_of(handle);

	t->der_n = 0;
	if (t->verdict == ERR_OK) {
		t->verdict = tls_check_limits(t->certs, n);
	}
}

static void
append(const br_x509_class **handle, const unsigned char *p, size_t n)
{
	struct tls *t = tls_of(handle);
	bool leaf = t->certs == 0;
	size_t *at = leaf ? &t->leaf_n : &t->der_n;

	if (t->verdict == ERR_OK && n <= CFG_CERT_DER - *at) {
		memcpy((leaf ? t->leaf : t->der) + *at, p, n);
		*at += n;
	}
}

static void
end_cert(const br_x509_class **handle)
{
	struct tls *t = tls_of(handle);
	struct span der = {t->der, t->der_n};

	if (t->verdict != ERR_OK) {
		return;
	}
	if (t->certs == 0) {
		der = tls_peer_der(t, 0);
	} else {
		keep_shown(t, der);
	}
	t->certs++;
	if (!is_judged(t)) {
		if (t->certs == 1) { /* for its key */
			struct tls_cert c = {.from = 0};

			(void)tls_cert_parse(&c, der);
			suit_date(t, &c);
			feed(t, der, NULL);
		}
	} else if (!t->trusted && t->check.err == 0) {
		t->verdict = judge(t, der);
	}
}

static unsigned
finding_of(unsigned r)
{
	switch (r) {
	case 0:
		return 0;
	case BR_ERR_X509_NOT_TRUSTED:
	case BR_ERR_X509_BAD_SIGNATURE:
	case BR_ERR_X509_DN_MISMATCH:
	case BR_ERR_X509_WRONG_KEY_TYPE:
	case BR_ERR_X509_NOT_CA:
	case BR_ERR_X509_FORBIDDEN_KEY_USAGE:
		return TLS_UNTRUSTED;
	case BR_ERR_X509_EXPIRED:
		return TLS_EXPIRED;
	case BR_ERR_X509_WEAK_PUBLIC_KEY:
		return TLS_WEAK_KEY;
	default:
		return TLS_OTHER;
	}
}

static enum err
verdict_of(struct tls *t, unsigned r)
{
	const struct tls_verify *v = t->verify;
	enum err e = ERR_OK;

	if (t->verdict != ERR_OK || v->trust_nothing) {
		return t->verdict;
	}
	if (t->certs == 0) {
		return err_set(ERR_CERT, "the server sent no certificate");
	}
	if (tls_wants_prints(v)) {
		e = tls_match_prints(v->fingerprints, tls_peer_der(t, 0));
	}
	if (e == ERR_OK && tls_wants_chain(v)) {
		t->found |= finding_of(r);
		e = t->found == 0 && t->trusted ? ERR_OK :
			tls_refuse(t->found, v, t->too_long);
	}
	return e;
}

/* 0 lets the handshake go on. */
static unsigned
end_chain(const br_x509_class **handle)
{
	struct tls *t = tls_of(handle);
	const br_x509_class **c = &t->check.vtable;
	unsigned r = (*c)->end_chain(c);

	t->verdict = verdict_of(t, r);
	if (t->verdict != ERR_OK) {
		return BR_ERR_X509_NOT_TRUSTED;
	}
	return r == BR_ERR_X509_NOT_TRUSTED ? 0 : r;
}

static const br_x509_pkey *
get_pkey(const br_x509_class *const *handle, unsigned *usages)
{
	const struct tls *t = (const struct tls *)(const void *)handle;
	const br_x509_class *const *c = &t->check.vtable;

	return (*c)->get_pkey(c, usages);
}

const br_x509_class tls_x509_class = {
	sizeof(struct tls),
	start_chain,
	start_cert,
	append,
	end_cert,
	end_chain,
	get_pkey,
};
