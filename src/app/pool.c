/* pool: the process has CFG_CONNECTIONS connections, whoever uses them. */
#include "app/account.h"

static struct imap_conn pool_conns[CFG_CONNECTIONS];
static bool leased[CFG_CONNECTIONS];

const struct mem_row pool_mem = {"pool_conns", sizeof(pool_conns),
	"connections: buffers, parser, commands in flight"};

struct imap_conn *
pool_lease(void)
{
	for (int i = 0; i < CFG_CONNECTIONS; i++) {
		if (!leased[i]) {
			leased[i] = true;
			return &pool_conns[i];
		}
	}
	return NULL;
}

void
pool_release(struct imap_conn *c)
{
	leased[c - pool_conns] = false;
}
