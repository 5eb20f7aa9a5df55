/*
 * Lists of fingerprints: digests of the leaf in hex, with commas between.
 */
#include "port/tls_common/tls_common.h"

#include "port/hash.h"
#include "port/sys.h"

enum { DIGEST_MAX = 64 };

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

static bool
is_digest(size_t n)
{
	return n == 20 || n == 28 || n == 32 || n == 48 || n == 64;
}

/* Takes the next entry of a list into out. ERR_END after the last, ERR_AGAIN
 * for an empty one. */
static enum err
next_print(struct span *list, char out[DIGEST_MAX], size_t *n)
{
	struct span entry = span_upto(*list, span_find(*list, ','));
	size_t digits = 0, i;
	int v;

	if (list->n == 0) {
		return ERR_END;
	}
	*list = span_from(*list, entry.n + 1);
	entry = span_trim(entry);
	for (i = 0; i < entry.n; i++) {
		if (entry.p[i] == ':' || entry.p[i] == ' ' ||
			entry.p[i] == '\t') {
			continue;
		}
		v = nibble(entry.p[i]);
		if (v < 0 || digits >= 2 * (size_t)DIGEST_MAX) {
			digits = 1; /* no digest has one digit */
			break;
		}
		out[digits / 2] = (char)(digits % 2 == 0 ?
			v << 4 : out[digits / 2] | v);
		digits++;
	}
	*n = digits / 2;
	if (digits == 0) {
		return ERR_AGAIN;
	}
	if (digits % 2 == 0 && is_digest(*n)) {
		return ERR_OK;
	}
	return err_set(ERR_CONF, "cert_fingerprint: \"%.*s\" is not a SHA-1, "
		"-224, -256, -384 or -512 digest in hex", (int)entry.n,
		entry.p);
}

/* Goes through the whole list, so that a good entry does not excuse a bad
 * one. leaf.n = 0: only whether it is one. */
static enum err
walk(const char *text, struct span leaf)
{
	struct span list = span_of(text);
	char print[DIGEST_MAX], have[DIGEST_MAX];
	bool any = false, match = false;
	size_t n = 0;
	enum err e;

	do {
		e = next_print(&list, print, &n);
		any = any || e == ERR_OK;
		if (e == ERR_OK && leaf.n > 0) {
			match = match ||
				(hash_sha(leaf.p, leaf.n, have, n) == ERR_OK &&
					span_eq((struct span){have, n},
						(struct span){print, n}));
		}
	} while (e == ERR_OK || e == ERR_AGAIN);
	if (e != ERR_END) {
		return e;
	}
	if (!any) {
		return err_set(ERR_CONF, "cert_fingerprint: no digest in it");
	}
	return match || leaf.n == 0 ? ERR_OK : err_set(ERR_CERT,
		"the server's certificate matches no cert_fingerprint");
}

enum err
tls_match_prints(const char *list, struct span leaf)
{
	return leaf.n > 0 ? walk(list, leaf) :
		err_set(ERR_CERT, "the server sent no certificate");
}

/* Also the first to ask for randomness: where there is none, that is said
 * here in words, and not later in a number of the library's. */
enum err
tls_verify_check(const struct tls_verify *v)
{
	struct tls_ca ca;
	char probe;
	enum err e = sys_random(&probe, sizeof(probe));

	if (e != ERR_OK || v->trust_nothing) {
		return e;
	}
	if (tls_wants_prints(v)) {
		e = walk(v->fingerprints, (struct span){NULL, 0});
	}
	if (e != ERR_OK || !tls_wants_chain(v)) {
		return e;
	}
	if (v->host == NULL || v->host[0] == '\0') {
		return err_set(ERR_CONF, "no host name to verify");
	}
	e = tls_ca_open(&ca, v);
	if (e == ERR_OK) {
		tls_ca_close(&ca);
	}
	return e;
}
