/*
 * The part of verification that is the same for every library: what can be
 * verified, dates, addresses, limits, and what a person is told.
 */
#include "port/tls_common/tls_common.h"

#include <arpa/inet.h>

#include "config.h"

static bool
is_set(const char *s)
{
	return s != NULL && s[0] != '\0';
}

bool
tls_wants_prints(const struct tls_verify *v)
{
	return is_set(v->fingerprints);
}

bool
tls_wants_chain(const struct tls_verify *v)
{
	return is_set(v->ca_file) || !is_set(v->fingerprints);
}

const char *
tls_host_name(const struct tls_verify *v, struct tls_ip *ip)
{
	ip->n = 0;
	if (!is_set(v->host)) {
		return NULL;
	}
	if (inet_pton(AF_INET, v->host, ip->bytes) == 1) {
		ip->n = 4;
	} else if (inet_pton(AF_INET6, v->host, ip->bytes) == 1) {
		ip->n = 16;
	}
	return ip->n > 0 ? NULL : v->host;
}

enum err
tls_check_limits(unsigned i, size_t n)
{
	if (i >= CFG_CERT_CHAIN) {
		return err_set(ERR_LIMIT, "the server sent more certificates "
			"than %d, which is CFG_CERT_CHAIN", CFG_CERT_CHAIN);
	}
	if (n > CFG_CERT_DER) {
		return err_set(ERR_LIMIT, "the server's certificate %u has "
			"%zu bytes, CFG_CERT_DER is %d", i, n, CFG_CERT_DER);
	}
	return ERR_OK;
}

unsigned
tls_judge_dates(const struct tls_cert *c, const struct tls_verify *v)
{
	return v->now < c->from ? TLS_FUTURE :
		v->now > c->until ? TLS_EXPIRED : 0;
}

unsigned
tls_judge_leaf(const struct tls_cert *c, const struct tls_verify *v)
{
	struct tls_ip ip;
	unsigned found = 0;

	if (tls_host_name(v, &ip) == NULL &&
		!tls_cert_names_ip(c, (struct span){ip.bytes, ip.n})) {
		found |= TLS_OTHER_HOST;
	}
	if (!tls_cert_for_servers(c)) {
		found |= TLS_PURPOSE;
	}
	return found;
}

unsigned
tls_better(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

struct finding {
	unsigned flag;
	const char *text;
};

static const struct finding findings[] = {
	{TLS_UNTRUSTED,
		"no root in the file of trusted certificates signed it"},
	{TLS_OTHER_HOST, "it is for another host name"},
	{TLS_EXPIRED, "it has expired"},
	{TLS_FUTURE, "it is not valid yet"},
	{TLS_PURPOSE, "it is not for servers"},
	{TLS_WEAK_DIGEST, "its signature uses a weak digest"},
	{TLS_WEAK_KEY, "a key in its chain is too weak"},
	{TLS_OTHER, "its chain is malformed or cannot be used"},
};

enum err
tls_refuse(unsigned found, const struct tls_verify *v, unsigned too_long)
{
	char text[300];
	struct buf b;
	size_t i;

	if (found == TLS_FUTURE) {
		return err_set(ERR_CLOCK, "the certificate of %s is not valid "
			"yet: the clock of this machine is not set", v->host);
	}
	BUF_INIT(&b, text);
	for (i = 0; i < sizeof(findings) / sizeof(findings[0]); i++) {
		if ((found & findings[i].flag) != 0) {
			buf_str(&b, b.n > 0 ? ", " : "");
			buf_str(&b, findings[i].text);
		}
	}
	if (too_long > 0 && (found & TLS_UNTRUSTED) != 0) {
		buf_fmt(&b, " (%u certificates there are longer than "
			"CFG_CERT_DER)", too_long);
	}
	return err_set(ERR_CERT, "certificate of %s: %s", v->host,
		buf_cstr(&b));
}
