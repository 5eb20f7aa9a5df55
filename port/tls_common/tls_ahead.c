/* tls_ahead: what comes from the socket, a record in one call. */
#include <string.h>

#include "port/net.h"
#include "port/tls_common/tls_common.h"

enum err
tls_ahead_read(struct tls_ahead *a, int fd, void *p, size_t cap, size_t *n)
{
	enum err e;

	*n = a->n < cap ? a->n : cap;
	if (*n > 0) {
		memcpy(p, a->bytes + a->at, *n);
		a->at = (uint8_t)(a->at + *n);
		a->n = (uint8_t)(a->n - *n);
		return ERR_OK;
	}
	if (a->dry) {
		a->dry = false;
		return ERR_AGAIN;
	}
	e = net_read_on(fd, p, cap, a->bytes, sizeof(a->bytes), n);
	if (e == ERR_OK) {
		a->dry = *n < cap + sizeof(a->bytes);
		a->at = 0;
		a->n = (uint8_t)(*n > cap ? *n - cap : 0);
		*n -= a->n;
	}
	return e;
}
