/* pool: the process has CFG_CONNECTIONS lanes, whoever uses them. */
#include "app/account.h"

static struct lane pool_lanes[CFG_CONNECTIONS];

const struct mem_row pool_mem = {"pool_lanes", sizeof(pool_lanes),
	"connections, each with a folder: buffers, parser, sorter, rings"};

/* What lies free has no account, so NULL looks for that. */
struct lane *
pool_next(const struct account *a, const struct lane *l)
{
	for (int i = l != NULL ? (int)(l - pool_lanes) + 1 : 0;
		i < CFG_CONNECTIONS; i++) {
		if (pool_lanes[i].account == a) {
			return &pool_lanes[i];
		}
	}
	return NULL;
}

uint32_t
pool_count(const struct account *a)
{
	const struct lane *l = NULL;
	uint32_t n = 0;

	while ((l = pool_next(a, l)) != NULL) {
		n++;
	}
	return n;
}

struct lane *
pool_lease(struct account *a)
{
	struct lane *l = pool_next(NULL, NULL);

	if (l != NULL) {
		l->account = a;
		l->phase = LANE_CONNECT;
		l->folder_open = l->told = false;
		l->state = FS_NONE;
	}
	return l;
}

void
pool_release(struct lane *l)
{
	struct io_counts *sum = &l->account->counts;

	sum->rx += l->conn.io.counts.rx;
	sum->tx += l->conn.io.counts.tx;
	sum->raw_rx += l->conn.io.counts.raw_rx;
	sum->raw_tx += l->conn.io.counts.raw_tx;
	sum->turns += l->conn.io.counts.turns;
	if (CFG_COMPRESS) {
		account_line_closed(l->account, &l->conn);
	}
	imap_conn_close(&l->conn);
	l->account = NULL;
}
