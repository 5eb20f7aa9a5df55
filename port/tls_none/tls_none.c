/*
 * No TLS: every connection that wants it is refused. Plain ones are for this
 * machine alone (io_stream.c sees to that), where a tunnel may end.
 */
#include "port/tls.h"

#include "base/mem.h"

const struct mem_row tls_mem[] = {
	{NULL, 0, NULL},
};

unsigned
tls_features(void)
{
	return 0;
}

enum err
tls_open(struct tls **out, int fd, const struct tls_verify *v)
{
	(void)fd;
	(void)v;
	*out = NULL;
	return err_set(ERR_UNSUPPORTED, "this wherry was built without TLS: "
		"take a build that has it, or let a tunnel on this machine "
		"encrypt (stunnel, ssh -L), with remotehost = localhost, "
		"ssl = no and starttls = no");
}

/* No connection ever gets as far as the rest. */
static enum err
none(void)
{
	return err_set(ERR_UNSUPPORTED, "no TLS in this build");
}

enum err
tls_handshake(struct tls *t)
{
	(void)t;
	return none();
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
	(void)t;
	(void)p;
	(void)cap;
	*n = 0;
	return none();
}

enum err
tls_write(struct tls *t, const void *p, size_t len, size_t *n)
{
	(void)t;
	(void)p;
	(void)len;
	*n = 0;
	return none();
}

int
tls_want(const struct tls *t)
{
	(void)t;
	return 0;
}

bool
tls_pending(const struct tls *t)
{
	(void)t;
	return false;
}

void
tls_close(struct tls **t)
{
	*t = NULL;
}

enum err
tls_describe_peer(const struct tls *t, struct buf *out)
{
	(void)t;
	(void)out;
	return none();
}

enum err
tls_fingerprint(const struct tls *t, struct buf *out)
{
	(void)t;
	(void)out;
	return none();
}

enum err
tls_peer_pem(const struct tls *t, unsigned i, struct buf *out)
{
	(void)t;
	(void)i;
	(void)out;
	return none();
}

const char *
tls_version(void)
{
	return "without TLS";
}

const char *
tls_system_ca(void)
{
	return "";
}
