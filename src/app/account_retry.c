/*
 * account_retry: a connection that broke is made again, after a delay that
 * doubles while nothing moves forward; the lane keeps the folder that it had,
 * and begins it again. Progress is a record that was written, a part of a
 * message that was kept, a folder that ended, or the list of folders.
 *
 * Only what passes by itself is tried again: what was ready and broke, and a
 * server that says, before it is ready, that it has no room now. One that
 * nobody answers for at all is a matter of the next run.
 */
#include "app/account.h"
#include "base/log.h"

static bool
passes(const struct lane *l, enum err e)
{
	if (l->was_ready) {
		return e == ERR_NET || e == ERR_TIMEOUT || e == ERR_TLS;
	}
	return e == ERR_NET && (l->conn.later ||
		l->conn.state == CONN_GREETING);
}

bool
account_retry(struct account *a, struct lane *l, enum err e, int64_t now_ms)
{
	int64_t ms = CFG_RECONNECT_MS, most = CFG_RECONNECT_MAX_S * 1000;

	if (!CFG_RECONNECT || a->stopping || l->tries >= a->conf.retries ||
		!passes(l, e)) {
		return false;
	}
	for (uint32_t i = l->tries; i > 0 && ms < most; i--) {
		ms *= 2;
	}
	ms = ms < most ? ms : most;
	l->tries++;
	log_msg(LOG_WARN, "%s%s: %s; trying again in %lld s (%u of %u)",
		l->chosen ? "" : "account ",
		l->chosen ? l->title : a->conf.name,
		err_detail()[0] != '\0' ? err_detail() : err_text(e),
		(long long)(ms + 999) / 1000, l->tries, a->conf.retries);
	pool_close(l);
	l->phase = LANE_WAIT;
	l->wait_ms = now_ms + ms;
	a->told = false;
	return true;
}

bool
account_is_through(struct account *a)
{
	return a->all_seen && account_look(a) == ERR_END;
}

/* Lanes that are going to look for a folder once more. */
static uint32_t
others(const struct account *a, const struct lane *than)
{
	const struct lane *l = NULL;
	uint32_t n = 0;

	while ((l = pool_next(a, l)) != NULL) {
		n += l != than && l->phase != LANE_LOST &&
			l->phase != LANE_LOGOUT;
	}
	return n;
}

/* No further lane is tried after it: a login that is refused is most often the
 * server's bound on connections. */
static bool
spare(struct account *a, struct lane *l, enum err e)
{
	uint32_t left = others(a, l);

	if (left == 0) { /* perhaps nothing is left for it to do */
		return !lane_has_folder(l) && account_is_through(a);
	}
	log_msg(LOG_INFO, "account %s: goes on with %u connection%s: %s",
		a->conf.name, left, left > 1 ? "s" : "",
		err_detail()[0] != '\0' ? err_detail() : err_text(e));
	a->conf.max_lanes = left;
	a->told = false;
	return true;
}

bool
account_survives(struct account *a, struct lane *l, enum lane_phase was,
	enum err e, int64_t now_ms)
{
	bool extra = CFG_CONNECTIONS > 1 && e != ERR_STOPPED &&
		(was <= LANE_WAIT || l->conn.err != ERR_OK ||
		err_scope(e) == SCOPE_CONNECTION);

	if ((l->was_ready || !extra || !spare(a, l, e)) &&
		!account_retry(a, l, e, now_ms) &&
		(!l->was_ready || !extra || !spare(a, l, e))) {
		return false;
	}
	if (l->phase != LANE_WAIT) {
		pool_close(l);
		l->phase = LANE_LOST;
	}
	return true;
}

bool
account_take_back(struct account *a)
{
	struct lane *l = NULL;

	while (CFG_CONNECTIONS > 1 && (l = pool_next(a, l)) != NULL) {
		if (l->phase == LANE_LOST && lane_hand_back(l)) {
			return true;
		}
	}
	return false;
}

void
account_tell_lost(const struct account *a, enum err e)
{
	const struct lane *l = NULL;
	bool behind = a->have || !a->all_seen;

	if (a->phase != ACCOUNT_WORK || e == ERR_OK || e == ERR_STOPPED) {
		return;
	}
	while ((l = pool_next(a, l)) != NULL) {
		if (l->chosen || l->folder_open) {
			log_msg(LOG_WARN, "%s: waits for the next run",
				l->title);
		}
		behind = behind || (CFG_AHEAD && lane_ahead_waits(l));
	}
	if (behind) {
		log_msg(LOG_WARN, "account %s: the folders behind it wait for "
			"the next run", a->conf.name);
	}
}
