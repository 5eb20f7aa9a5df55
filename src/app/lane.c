/*
 * lane: see lane.h. A folder's error ends the folder, one of the connection
 * the lane, and the last lane's and one of the disk the account (err_scope()
 * knows which is which). A folder under which the connection broke is begun
 * again, by this lane or another: account_retry.c. There is one
 * line for the reason of an error and there are several lanes, so what went
 * wrong with a folder is told when it happens, not when its answers have come.
 */
#include "app/account.h"
#include "app/outcome.h"
#include "base/log.h"

bool
lane_has_folder(const struct lane *l)
{
	return l->chosen || (CFG_AHEAD && lane_ahead_waits(l));
}

enum err
lane_connect(struct lane *l, int64_t now_ms)
{
	l->phase = LANE_CONNECT;
	if (CFG_AHEAD) {
		lane_ahead_reset(l);
	}
	return imap_conn_open(&l->conn, &l->account->login, now_ms);
}

static enum err
connect_step(struct lane *l, int64_t now_ms)
{
	enum err e = imap_conn_step(&l->conn, now_ms);

	if ((e == ERR_OK || e == ERR_AGAIN) && imap_conn_ready(&l->conn)) {
		l->phase = l->folder_open ? LANE_FOLDER : LANE_IDLE;
		if (CFG_RECONNECT && l->tries > 0) {
			log_msg(LOG_DEBUG, "account %s: connected again",
				l->account->conf.name);
		}
		l->was_ready = true;
		e = ERR_OK;
	} else if (e != ERR_OK && e != ERR_AGAIN && l->folder_open) {
		lane_folder_lost(l, e); /* it was about to be compressed */
	}
	return e;
}

static enum err
wait_step(struct lane *l, int64_t now_ms)
{
	if (!lane_has_folder(l) && account_is_through(l->account)) {
		return ERR_END;
	}
	return now_ms < l->wait_ms ? ERR_AGAIN : lane_connect(l, now_ms);
}

/* A folder for this lane, out of the account's. */
static enum err
choose(struct lane *l, int64_t now_ms)
{
	struct account *a = l->account;
	enum err e = account_look(a);

	if (CFG_AHEAD && e == ERR_END && !a->stopping && lane_ahead_steal(a)) {
		e = ERR_OK;
	}
	if (e == ERR_OK && a->have) {
		lane_folder_take(l);
	}
	if (e == ERR_END) {
		imap_conn_logout(&l->conn, now_ms);
		l->phase = LANE_LOGOUT;
		e = ERR_OK;
	}
	return e;
}

/* Whether the connection is to be compressed, or left to others that are, as
 * soon as nothing is in flight. True: the lane has another step to do. */
static bool
line_step(struct lane *l, int64_t now_ms)
{
	enum account_line what = account_line_look(l, now_ms);
	bool open = l->phase == LANE_FOLDER;

	l->holds = what != LINE_STAYS;
	if (l->conn.fence != 0) { /* in flight until this folder is done */
		what = LINE_STAYS;
	}
	if (open && folder_pause(&l->folder, what != LINE_STAYS)) {
		return true;
	}
	if (what == LINE_STAYS || l->conn.inflight_n > 0) {
		return false;
	}
	if (what == LINE_COMPRESS && imap_compress(&l->conn)) {
		l->phase = LANE_CONNECT;
		return true;
	}
	if (what == LINE_LEAVE) {
		if (open && l->folder.early.n > 0) {
			return false; /* they become messages first */
		}
		if (open) {
			lane_folder_lost(l, ERR_NET); /* others go on with it */
			err_clear();
		}
		pool_close(l);
		l->phase = LANE_LOST;
		return true;
	}
	return l->conn.err != ERR_OK;
}

static enum err
idle_step(struct lane *l, int64_t now_ms)
{
	enum err e;

	if (CFG_AHEAD && l->drops) {
		return lane_ahead_drop_step(l, now_ms);
	}
	/* A small send buffer has no room for a command until ID is gone. */
	if (io_room(&l->conn.io) < CFG_CMD_LINE + 64) {
		return imap_conn_step(&l->conn, now_ms);
	}
	if (CFG_AHEAD && !l->chosen) {
		lane_ahead_take(l);
	}
	if (!l->chosen) {
		return choose(l, now_ms);
	}
	if (CFG_COMPRESS && line_step(l, now_ms)) {
		return ERR_OK;
	}
	/* Only the answer to ID is in front of that. */
	if (CFG_AHEAD && CFG_COMPRESS && l->holds && !lane_ahead_is_early(l)) {
		l->drops = true;
		return ERR_OK;
	}
	e = CFG_AHEAD ? lane_ahead_fill(l) : ERR_END;
	if (e == ERR_END) {
		lane_folder_begin(l);
		e = ERR_OK;
	}
	return e;
}

/* Nothing else is wrong with the folder. */
static bool
broke(const struct lane *l, enum err e)
{
	return !l->told && e == l->conn.err && l->folder.err == e &&
		(e == ERR_NET || e == ERR_TIMEOUT || e == ERR_TLS);
}

/* First, since another lane may have seen by now how fast the line is; once
 * more behind what it waits for. */
static bool
line_first(struct lane *l, bool again, int64_t now_ms)
{
	return (l->holds || !again) && l->folder.phase != FOLDER_DONE &&
		l->folder.err == ERR_OK && l->conn.err == ERR_OK &&
		line_step(l, now_ms);
}

static enum err
folder_phase_step(struct lane *l, int64_t now_ms)
{
	enum err e;

	if (CFG_COMPRESS && line_first(l, false, now_ms)) {
		return ERR_OK;
	}
	e = folder_step(&l->folder, now_ms);
	if (broke(l, e)) {
		l->phase = LANE_IDLE;
		lane_folder_lost(l, e);
		return e;
	}
	if (CFG_COMPRESS && (e == ERR_OK || e == ERR_AGAIN) &&
		line_first(l, true, now_ms)) {
		return ERR_OK;
	}
	if (CFG_AHEAD && (e == ERR_OK || e == ERR_AGAIN)) {
		lane_ahead_step(l);
	}
	if (l->folder.err != ERR_OK) {
		lane_folder_failed(l, l->folder.err);
	}
	if (e == ERR_OK || e == ERR_AGAIN) {
		return e;
	}
	lane_folder_end(l);
	l->phase = LANE_IDLE;
	if (e == ERR_STOPPED) {
		return ERR_END;
	}
	if (e != ERR_END && err_scope(e) >= SCOPE_CONNECTION) {
		l->account->told = true;
		return e;
	}
	if (l->conn.err != ERR_OK) { /* of no use to the next folder */
		return err_set(l->conn.err, "the connection is lost");
	}
	l->tries = 0;
	return ERR_OK;
}

static enum err
logout_step(struct lane *l, int64_t now_ms)
{
	uint64_t turns = l->conn.io.counts.turns;
	enum err e = imap_conn_step(&l->conn, now_ms);

	/* All was answered before it: nobody waits for the goodbye. */
	if (io_flushed(&l->conn.io)) {
		l->conn.io.counts.turns = turns;
		return ERR_END;
	}
	return e == ERR_OK || e == ERR_AGAIN ? e : ERR_END;
}

enum err
lane_step(struct lane *l, int64_t now_ms)
{
	if (l->account->stopping && l->phase <= LANE_LOST &&
		!l->folder_open) {
		outcome_exit(lane_has_folder(l) ? EXIT_TEMPORARY : EXIT_CONVERGED);
		return ERR_END;
	}
	switch (l->phase) {
	case LANE_CONNECT:
		return connect_step(l, now_ms);
	case LANE_WAIT:
		return wait_step(l, now_ms);
	case LANE_LOST:
		return lane_has_folder(l) ? ERR_AGAIN : ERR_END;
	case LANE_IDLE:
		return idle_step(l, now_ms);
	case LANE_FOLDER:
		return folder_phase_step(l, now_ms);
	case LANE_LOGOUT:
	default:
		return logout_step(l, now_ms);
	}
}

static void
sooner(int64_t *deadline_ms, int64_t one)
{
	if (one >= 0 && (*deadline_ms < 0 || one < *deadline_ms)) {
		*deadline_ms = one;
	}
}

void
lane_poll(struct lane *l, struct net_poll *p, int64_t *deadline_ms)
{
	int64_t one = -1;

	if (l->phase == LANE_WAIT || l->phase == LANE_LOST) {
		*p = (struct net_poll){.fd = -1};
		one = l->phase == LANE_WAIT ? l->wait_ms : -1;
	} else {
		p->fd = imap_conn_poll(&l->conn, &p->want, &one);
	}
	sooner(deadline_ms, one);
	if (l->folder_open) {
		sooner(deadline_ms, folder_deadline(&l->folder));
	}
}

void
lane_stop(struct lane *l)
{
	if (l->folder_open) {
		folder_stop(&l->folder);
	}
}
