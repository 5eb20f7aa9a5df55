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

bool
pool_spare(const struct account *a)
{
	uint32_t free = 0, begun = 0, n = a->options->accounts;
	bool wanted = a->first != NULL; /* others may yet begin to want */

	for (int i = 0; i < CFG_CONNECTIONS; i++) {
		const struct account *b = pool_lanes[i].account;

		free += b == NULL;
		begun += b != NULL && pool_next(b, NULL) == &pool_lanes[i];
		wanted = wanted || (b != NULL && b != a &&
			(b->wants || b->phase == ACCOUNT_LIST));
	}
	return free + begun > n &&
		(!wanted || pool_count(a) < CFG_CONNECTIONS / n);
}

struct lane *
pool_lease(struct account *a)
{
	struct lane *l = pool_next(NULL, NULL);

	if (l != NULL) {
		l->account = a;
		l->phase = LANE_CONNECT;
		l->folder_open = l->told = l->chosen = l->was_ready = false;
		l->tries = 0;
		l->state = FS_NONE;
		if (CFG_AHEAD) {
			lane_ahead_clear(l);
		}
	}
	return l;
}

void
pool_close(struct lane *l)
{
	struct io_counts *sum = &l->account->counts, *c = &l->conn.io.counts;

	sum->rx += c->rx;
	sum->tx += c->tx;
	sum->raw_rx += c->raw_rx;
	sum->raw_tx += c->raw_tx;
	sum->turns += c->turns;
	*c = (struct io_counts){0};
	imap_conn_close(&l->conn);
}

void
pool_release(struct lane *l)
{
	pool_close(l);
	l->account = NULL;
}
