/*
 * account: the phases of one account; see account.h. The first lane is
 * stepped here until the folders are listed; then all are stepped alike, and
 * more of them connect beside it. An account ends with its last lane, or at
 * once when something happens that no lane of it could live with. A connection
 * that broke is made again (account_retry.c).
 */
#include <string.h>

#include "app/account.h"
#include "app/outcome.h"
#include "base/log.h"
#include "port/sys.h"

#define EARLY (2 * CFG_CONNECTIONS) /* folders; more make no difference */

enum err
account_begin(struct account *a, struct conf *conf, const char *name,
	const struct account_options *options, int64_t now_ms)
{
	enum err e;

	memset(a, 0, offsetof(struct account, pass));
	a->pass[0] = a->title[0] = '\0';
	a->options = options;
	a->root = a->state = a->lock = a->marker = FS_NONE;
	a->started_ms = now_ms;
	a->written = fs_written();
	a->table.dir = a->table.fd = FS_NONE;
	a->phase = ACCOUNT_PASSWORD;
	conf_lend(conf, &a->work);
	e = conf_account(conf, name, &a->conf);
	conf_lend(conf, NULL);
	a->folders.open = false;
	if (e == ERR_LIMIT) {
		e = ERR_CONF; /* too long: no later run will take it */
	}
	if (e == ERR_OK) {
		log_msg(LOG_INFO, "*** Processing account %s", a->conf.name);
		e = account_open(a);
	}
	if (e == ERR_OK) {
		catalog_open(&a->table, a->state);
	}
	if (e == ERR_OK) {
		e = account_password_begin(a, now_ms);
	}
	if (e == ERR_OK) {
		a->phase = ACCOUNT_CONNECT;
	}
	a->err = e == ERR_AGAIN ? ERR_OK : e;
	return a->err;
}

/* A person decides about the certificate, or the clock, with this in hand. */
static void
describe_peer(const struct account *a, enum err e)
{
	const struct tls *t = io_tls(&a->first->conn.io);
	char text[3000];
	struct span rest;
	struct buf b;

	if (t == NULL) {
		return;
	}
	BUF_INIT(&b, text);
	(void)tls_describe_peer(t, &b); /* what fits */
	for (rest = buf_get(&b); rest.n > 0;) {
		size_t end = span_find(rest, '\n');

		log_msg(LOG_ERROR, "  %.*s", (int)end, rest.p);
		rest = span_from(rest, end + 1);
	}
	if (e == ERR_CLOCK || a->moment.source != MOMENT_CLOCK) {
		moment_tell(&a->moment, LOG_ERROR, "wherry/root");
	}
	if (e == ERR_CLOCK) {
		log_msg(LOG_ERROR, "Set the clock, or wait until it is set "
			"(NTP), and run wherry again. Nothing was sent.");
		return;
	}
	BUF_INIT(&b, text);
	if (tls_fingerprint(t, &b) == ERR_OK) {
		log_msg(LOG_ERROR, "If this is your server, put this line into "
			"[Repository %s]:", a->conf.remote_repo);
		log_msg(LOG_ERROR, "  cert_fingerprint = %.*s", (int)b.n, b.p);
	}
}

/* The account ends; e is why, ERR_OK if all is done. */
static enum err
end(struct account *a, enum err e, int64_t now_ms)
{
	int64_t s = (now_ms - a->started_ms) / 1000;
	struct lane *l;

	if (e != ERR_OK && e != ERR_STOPPED) {
		if (!a->told) {
			log_msg(LOG_ERROR, "account %s: %s", a->conf.name,
				err_detail()[0] != '\0' ? err_detail()
							: err_text(e));
		}
		outcome_err(e);
	}
	account_tell_lost(a, e);
	if (a->first != NULL && (e == ERR_CERT || e == ERR_CLOCK)) {
		describe_peer(a, e);
	}
	if (CFG_ADVICE && e == ERR_AUTH) {
		account_advise(a);
	}
	if (e == ERR_OK) {
		account_keep_moment(a);
		account_caps_keep(a);
	}
	while ((l = pool_next(a, NULL)) != NULL) {
		lane_folder_end(l);
		pool_release(l);
	}
	spill_end(&a->later);
	account_list_end(a, e == ERR_OK && a->all_seen);
	if (CFG_COMPRESS && e == ERR_OK) {
		account_line_keep(a);
	}
	account_close(a);
	a->phase = ACCOUNT_DONE;
	log_msg(LOG_INFO, "*** Finished account '%s' in %lld:%02lld",
		a->conf.name, (long long)s / 60, (long long)s % 60);
	return ERR_END;
}

/* How much there is to do, as far as it can be told already: what changed
 * here, or in a first sync all there is. */
static void
look_early(struct account *a)
{
	const char *asked = a->options->only_folders;

	a->left = 0;
	if (CFG_CONNECTIONS == 1 || a->root == FS_NONE) {
		return;
	}
	if (a->table.rows == 0) {
		a->left = asked == NULL ? EARLY : 1;
		for (; asked != NULL && *asked != '\0'; asked++) {
			a->left += *asked == ',';
		}
	} else if (asked == NULL) {
		maildir_trust_begin(&a->now.trust, a->root,
			a->conf.trust_mtime);
		a->left = folders_touched(&a->folders, &a->table,
			&a->now.trust, EARLY);
	}
}

static enum err
connect_begin(struct account *a, int64_t now_ms)
{
	uint32_t s = a->options->socktimeout_s != 0 ? a->options->socktimeout_s
						     : CFG_SILENCE_S;
	enum err e;

	a->first = pool_lease(a);
	if (a->first == NULL) {
		return ERR_AGAIN; /* one comes back when an account ends */
	}
	account_moment(a);
	a->login = (struct imap_login){.host = a->conf.host,
		.port = a->conf.port, .ssl = a->conf.ssl,
		.starttls = a->conf.starttls, .user = a->conf.user,
		.pass = a->pass, .auth = a->conf.auth,
		.verify = {.host = a->conf.host, .ca_file = a->conf.ca_file,
			.fingerprints = a->conf.fingerprint,
			.now = a->moment.at},
		.timeout_ms = (int)(s < 86400 ? s : 86400) * 1000,
		.without = account_caps_without(a)};
	if (CFG_COMPRESS) {
		account_line_begin(a);
	}
	log_msg(LOG_INFO, "Establishing connection to %s:%u (%s)",
		a->conf.host, a->conf.port, a->conf.remote_repo);
	e = lane_connect(a->first, now_ms);
	look_early(a); /* while the line is on its way */
	return e;
}

static enum err
connect_step(struct account *a, int64_t now_ms)
{
	enum err e = a->first == NULL ? connect_begin(a, now_ms) : ERR_OK;

	if (e == ERR_OK && a->first->phase <= LANE_WAIT) {
		e = lane_step(a->first, now_ms);
	} else if (e == ERR_OK) { /* sending the first of what it asks */
		e = imap_conn_step(&a->first->conn, now_ms);
	}
	if ((e == ERR_OK || e == ERR_AGAIN) && a->first != NULL &&
		a->first->phase == LANE_IDLE) {
		e = account_list_begin(a);
	}
	return e;
}

static uint32_t
least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* The shortest answer of any kind; UINT32_MAX: there was none. */
static uint32_t
shortest(const struct imap_conn *c)
{
	return least(c->io.answer_ms - 1u, c->rtt_ms);
}

/* How many the line is good for. Who is on this machine may pass on what comes
 * to a server that is not: by himself he shows nothing. */
static uint32_t
useful(const struct account *a, int64_t now_ms)
{
	uint32_t line = UINT32_MAX, told = UINT32_MAX, ms;
	const struct lane *l = NULL;

	if (a->phase != ACCOUNT_WORK) {
		ms = shortest(&a->first->conn);
		return account_lanes(0, ms != UINT32_MAX ? ms :
			(uint32_t)(now_ms - a->first->conn.heard_ms), false);
	}
	while ((l = pool_next(a, l)) != NULL) {
		const struct imap_conn *c = &l->conn;

		if (c->told_ms == UINT32_MAX) {
			continue;
		}
		told = least(told, c->told_ms);
		line = net_is_loopback(&c->io.resolve.addrs[c->io.addr])
			? 0 : least(line, shortest(c));
	}
	return account_lanes(line, told, true);
}

/* How many lanes are worth what they cost, of n that there are. Each that is on
 * its way already stands for two folders, since logging in takes as long as one
 * or two small ones. Without a word of the user the line decides. */
static uint32_t
worth(const struct account *a, uint32_t n, uint32_t coming, int64_t now_ms)
{
	if (coming > 0 && a->left < 2 * coming) {
		return n;
	}
	return a->conf.max_lanes != 0 ? a->conf.max_lanes :
		useful(a, now_ms);
}

/* The first lane is on its way, and there is work for others. */
static bool
begins(const struct account *a)
{
	return CFG_CONNECTIONS > 1 && a->left > 0 && a->first != NULL &&
		a->first->phase == LANE_CONNECT && a->first->conn.io.fd >= 0;
}

/* When silence will have shown that the server is far; -1: it is known, or
 * makes no difference. */
static int64_t
silent_until(const struct account *a)
{
	const struct imap_conn *c;
	int64_t far;

	if (!begins(a) || a->conf.max_lanes != 0) {
		return -1;
	}
	c = &a->first->conn;
	far = c->heard_ms + ACCOUNT_FAR_MS;
	return shortest(c) == UINT32_MAX && c->now_ms < far ? far : -1;
}

/* A folder waits, or is going to, and all lanes are at work: a further one may
 * connect. */
static enum err
widen(struct account *a, int64_t now_ms)
{
	uint32_t n = pool_count(a), coming = 0;
	struct lane *l;

	for (l = NULL; (l = pool_next(a, l)) != NULL;) {
		if (l->phase == LANE_IDLE) {
			return ERR_AGAIN; /* takes it */
		}
		coming += l->phase == LANE_CONNECT;
		if (l->phase == LANE_WAIT) {
			return ERR_AGAIN; /* the server has enough of us */
		}
	}
	if (n >= worth(a, n, coming, now_ms) || (CFG_COMPRESS &&
		account_line_is_full(a))) {
		return ERR_AGAIN;
	}
	a->wants = !pool_spare(a);
	if (a->wants) {
		return ERR_AGAIN;
	}
	if (CFG_COMPRESS && a->first == NULL) {
		account_line_expect(a);
	}
	return lane_connect(pool_lease(a), now_ms);
}

/* Work that can be told before the server lists anything: further lanes
 * connect beside the first one, and behind it, so that it is not the one for
 * whom a server has no room. They log in when that has, since the password may
 * be wrong. */
static enum err
early_step(struct account *a, enum err e, int64_t now_ms)
{
	struct lane *l;

	if ((e != ERR_OK && e != ERR_AGAIN) || a->first == NULL) {
		return e;
	}
	if (begins(a)) {
		e = widen(a, now_ms) == ERR_OK ? ERR_OK : e;
	}
	for (l = NULL; (l = pool_next(a, l)) != NULL;) {
		enum err ran = ERR_AGAIN;

		if (l != a->first && l->phase == LANE_CONNECT) {
			l->conn.hold = a->phase == ACCOUNT_CONNECT;
			ran = lane_step(l, now_ms);
		}
		if (ran != ERR_OK && ran != ERR_AGAIN) {
			if (!account_survives(a, l, LANE_CONNECT, ran,
				now_ms)) {
				return ran;
			}
			ran = ERR_OK;
		}
		e = ran == ERR_OK ? ERR_OK : e;
	}
	return e;
}

/* Those that connect yet, and are more than there are folders. */
static void
drop(struct account *a)
{
	uint32_t n = pool_count(a);
	struct lane *l = NULL;

	while ((l = pool_next(a, l)) != NULL) {
		if (l != a->first && l->phase == LANE_CONNECT && n > a->left) {
			pool_release(l);
			n--;
		}
	}
}

static enum err
work_step(struct account *a, int64_t now_ms)
{
	enum err all = ERR_AGAIN, e;
	struct lane *l;

	for (l = NULL; (l = pool_next(a, l)) != NULL;) {
		enum lane_phase was = l->phase;

		e = lane_step(l, now_ms);
		if (e == ERR_END) {
			pool_release(l);
			e = ERR_OK;
		}
		if (e != ERR_OK && e != ERR_AGAIN) {
			if (!account_survives(a, l, was, e, now_ms)) {
				return e;
			}
			e = ERR_OK;
		}
		all = e == ERR_OK ? e : all;
	}
	if (pool_next(a, NULL) == NULL) {
		return a->stopping ? ERR_STOPPED : ERR_END;
	}
	a->wants = false;
	e = account_look(a);
	if (CFG_CONNECTIONS > 1 && e == ERR_OK && a->have) {
		e = widen(a, now_ms);
	}
	return e == ERR_END || e == ERR_AGAIN ? all : e;
}

static enum err
run(struct account *a, int64_t now_ms)
{
	enum err e;

	switch (a->phase) {
	case ACCOUNT_PASSWORD:
		e = CFG_PASSCMD ? account_passcmd_step(a, now_ms) : ERR_OK;
		if (e == ERR_OK) {
			a->phase = ACCOUNT_CONNECT;
		}
		return e;
	case ACCOUNT_CONNECT:
		return early_step(a, connect_step(a, now_ms), now_ms);
	case ACCOUNT_LIST:
		e = early_step(a, account_list_step(a, now_ms), now_ms);
		if (CFG_CONNECTIONS > 1 && a->phase == ACCOUNT_WORK) {
			drop(a);
		}
		return e;
	case ACCOUNT_WORK:
		return work_step(a, now_ms);
	default:
		return ERR_END;
	}
}

enum err
account_step(struct account *a, int64_t now_ms)
{
	enum err e = a->err;

	if (a->phase == ACCOUNT_DONE || a->phase == ACCOUNT_FREE) {
		return ERR_END;
	}
	if (e == ERR_OK && a->stopping && a->phase != ACCOUNT_WORK) {
		e = err_set(ERR_STOPPED, "stopped");
	}
	if (e == ERR_OK) {
		e = run(a, now_ms);
	}
	if (e == ERR_OK || e == ERR_AGAIN) {
		return e;
	}
	if (a->first != NULL && account_retry(a, a->first, e, now_ms)) {
		a->phase = ACCOUNT_CONNECT;
		a->left = 0; /* alone from now on */
		drop(a);
		return ERR_OK;
	}
	return end(a, e == ERR_END ? ERR_OK : e, now_ms);
}

size_t
account_poll(const struct account *a, struct net_poll *p,
	int64_t *deadline_ms)
{
	struct lane *l = NULL;
	int64_t soon;
	size_t n = 0;

	if (a->phase == ACCOUNT_PASSWORD) {
		*deadline_ms = a->deadline_ms;
		p->fd = a->cmd.fd;
		p->want = NET_IN;
		return 1;
	}
	while ((l = pool_next(a, l)) != NULL) {
		/* Before the list is there, nobody listens to the others. */
		if (a->first == NULL || l == a->first ||
			l->phase != LANE_IDLE) {
			lane_poll(l, &p[n++], deadline_ms);
		}
	}
	soon = silent_until(a);
	if (soon >= 0 && (*deadline_ms < 0 || soon < *deadline_ms)) {
		*deadline_ms = soon;
	}
	return n;
}

void
account_stop(struct account *a)
{
	struct lane *l = NULL;

	a->stopping = true;
	while ((l = pool_next(a, l)) != NULL) {
		lane_stop(l);
	}
}
