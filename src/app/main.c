/*
 * main: command line, configuration, and the one event loop: step every
 * running account until none can move, then wait for what they wait for.
 */
#include <string.h>

#include "app/about.h"
#include "app/account.h"
#include "app/cli.h"
#include "app/outcome.h"
#include "app/show_cert.h"
#include "app/ui.h"
#include "base/fmt.h"
#include "base/log.h"
#include "port/arena.h"
#include "port/sys.h"

static struct conf main_conf;
static struct conf_general main_general;
static struct account main_accounts[CFG_ACCOUNT_SLOTS];

const struct mem_row main_mem[] = {
	{"main_accounts", sizeof(main_accounts),
		"accounts at work: options, list of folders"},
	{"main_conf", sizeof(main_conf), "the configuration file being read"},
	{"main_general", sizeof(main_general), "its [general] section"},
	{NULL, 0, NULL},
};

struct run {
	const struct cli *cli;
	struct account_options options;
	const char *names; /* comma list of accounts */
	unsigned next, slots;
	struct io_counts counts;
	uint64_t found; /* see struct account */
	bool cut_short; /* an account ended before its last folder */
	struct folder_stats total;
	bool stop_told;
};

static int
usage(enum err e)
{
	log_msg(LOG_ERROR, "%s (%s)", err_detail(), CLI_OPTIONS);
	(void)e;
	return EXIT_USAGE;
}

static int
no_config(void)
{
	ui_out(SPAN("wherry found no configuration. It looks for\n"
		"  ~/.config/wherry/wherry.conf, /etc/wherry.conf,\n"
		"  ~/.config/offlineimap/config and ~/.offlineimaprc,\n"
		"or takes the file you name: wherry -c FILE.\n"
		"A dozen lines are enough: see the README or wherry.conf.example.\n"
		));
	return EXIT_CONFIG;
}

static enum folder_durability
durability(enum conf_fsync f)
{
	switch (f) {
	case CONF_FSYNC_ALWAYS:
		return FOLDER_ALWAYS;
	case CONF_FSYNC_OFF:
		return FOLDER_OFF;
	case CONF_FSYNC_BATCH:
	default:
		return FOLDER_BATCH;
	}
}

static void
collect(struct run *r, const struct account *a)
{
	r->found |= a->found;
	r->cut_short = r->cut_short || !a->all_seen;
	r->counts.rx += a->counts.rx;
	r->counts.tx += a->counts.tx;
	r->counts.raw_rx += a->counts.raw_rx;
	r->counts.raw_tx += a->counts.raw_tx;
	r->counts.turns += a->counts.turns;
	r->total.down += a->total.down;
	r->total.up += a->total.up;
	r->total.flags_local += a->total.flags_local;
	r->total.flags_remote += a->total.flags_remote;
	r->total.del_local += a->total.del_local;
	r->total.del_remote += a->total.del_remote;
}

/* Starts the next account in a free slot; false if there is none left. */
static bool
start_next(struct run *r, struct account *a)
{
	char name[128];
	struct buf b;

	BUF_INIT(&b, name);
	if (conf_account_name(r->names, r->next, &b) != ERR_OK) {
		return false;
	}
	r->next++;
	buf_cstr(&b);
	if (account_begin(a, &main_conf, name, &r->options, sys_now_ms()) ==
		ERR_CONF && a->conf.name[0] == '\0') {
		memcpy(a->conf.name, name, strlen(name) + 1);
	}
	return true;
}

static void
show(const struct account *a, int64_t now_ms)
{
	char text[1200];
	struct buf b;

	if (CFG_PROGRESS && ui_is_live()) {
		BUF_INIT(&b, text);
		account_progress(a, now_ms, &b);
		ui_live(buf_get(&b), now_ms);
	}
}

/* One round over all slots: true if anything moved. */
static bool
round_of(struct run *r, bool *alive)
{
	bool moved = false;
	uint32_t n = 0;

	for (unsigned i = 0; i < r->slots; i++) {
		struct account *a = &main_accounts[i];
		enum err e;

		if (a->phase == ACCOUNT_FREE &&
			(sys_stopping() || !start_next(r, a))) {
			continue;
		}
		n++;
		if (sys_stopping()) {
			account_stop(a);
		}
		e = account_step(a, sys_now_ms());
		if (e == ERR_END) {
			collect(r, a);
			a->phase = ACCOUNT_FREE;
		}
		moved = moved || e != ERR_AGAIN;
		if (e != ERR_END) {
			show(a, sys_now_ms());
		}
	}
	*alive = n > 0;
	r->options.accounts = n > 0 ? n : 1;
	return moved;
}

static void
wait_for_any(void)
{
	/* An account without a connection may wait for a command. */
	struct net_poll p[CFG_CONNECTIONS + CFG_ACCOUNT_SLOTS];
	int64_t now = sys_now_ms(), first = now + 1000;
	size_t n = 0;

	for (int i = 0; i < CFG_ACCOUNT_SLOTS; i++) {
		n += account_poll(&main_accounts[i], p + n, &first);
	}
	(void)net_poll(p, n, first > now ? (int)(first - now) : 0);
}

static void
loop(struct run *r)
{
	bool alive = true;

	while (alive) {
		if (!round_of(r, &alive) && alive) {
			wait_for_any();
		}
		if (sys_stopping() && !r->stop_told) {
			r->stop_told = true;
			log_msg(LOG_INFO, "stopping after this message");
		}
	}
}

/* A name of -f that no account has is most likely misspelt. */
static void
check_asked(const struct run *r)
{
	struct span list = span_of(r->cli->folders);

	for (unsigned i = 0; i < ACCOUNT_ASKED && list.n > 0; i++) {
		size_t comma = span_find(list, ',');
		struct span one = span_trim(span_upto(list, comma));

		if (one.n > 0 && !r->cut_short && !(r->found >> i & 1)) {
			log_msg(LOG_ERROR, "-f %.*s: no account has such a "
				"folder", (int)one.n, one.p);
			outcome_exit(EXIT_FAILED);
		}
		list = span_from(list, comma + 1);
	}
}

static void
stats(const struct run *r, int64_t started_ms)
{
	struct sys_usage u;
	struct arena_usage arena;
	char text[700];
	struct buf b;
	int64_t ms = sys_now_ms() - started_ms;

	sys_usage(&u);
	BUF_INIT(&b, text);
	buf_fmt(&b, "stats: wall %lld.%03lld s, cpu %llu ms, peak %llu KiB, "
		"received %llu bytes, sent %llu bytes, round trips %llu, "
		"written %llu bytes, down %u, up %u, flags %u, deleted %u\n",
		(long long)ms / 1000, (long long)ms % 1000,
		(unsigned long long)(u.user_ms + u.system_ms),
		(unsigned long long)u.peak_kib,
		(unsigned long long)r->counts.rx,
		(unsigned long long)r->counts.tx,
		(unsigned long long)r->counts.turns,
		(unsigned long long)fs_written(), r->total.down, r->total.up,
		r->total.flags_local + r->total.flags_remote,
		r->total.del_local + r->total.del_remote);
	if (CFG_COMPRESS && r->counts.raw_tx != r->counts.tx) {
		buf_fmt(&b, "stats: uncompressed that is received %llu bytes, "
			"sent %llu bytes\n",
			(unsigned long long)r->counts.raw_rx,
			(unsigned long long)r->counts.raw_tx);
	}
	arena_usage(&arena);
	if (arena.size > 0) {
		buf_fmt(&b, "stats: arena in use %zu, most %zu of %zu bytes\n",
			arena.used, arena.peak, arena.size);
	}
	ui_out(buf_get(&b));
}

/* How many accounts at once. */
static void
share(struct run *r)
{
	uint32_t most = main_general.max_accounts;
	char name[128];
	struct buf b;

	BUF_INIT(&b, name);
	while (r->slots < CFG_ACCOUNT_SLOTS &&
		(most == 0 || r->slots < most) &&
		conf_account_name(r->names, r->slots, &b) == ERR_OK) {
		r->slots++;
		b.n = 0;
	}
	r->options.accounts = r->slots;
}

/* Reads [general], and looks at the accounts before anything is done. */
static enum err
configure(const struct cli *cli)
{
	enum err e = conf_general(&main_conf, &main_general);

	if (e == ERR_OK && cli->ui == NULL && main_general.ui[0] != '\0') {
		if (ui_begin(main_general.ui, cli->wire) != ERR_OK) {
			log_msg(LOG_WARN, "%s; using ttyui", err_detail());
		}
	}
	return e == ERR_OK ? conf_check_accounts(&main_conf, cli->accounts) : e;
}

static int
sync_all(const struct cli *cli)
{
	int64_t started = sys_now_ms();
	struct run r = {.cli = cli};
	enum err e = conf_open(&main_conf, &main_accounts[0].work, cli->config);

	if (e == ERR_NOENT && cli->config == NULL) {
		return no_config();
	}
	if (e == ERR_OK) {
		e = configure(cli);
	}
	if (e != ERR_OK) {
		log_msg(LOG_ERROR, "%s", err_detail()[0] != '\0' ? err_detail()
			: err_text(e));
		return EXIT_CONFIG;
	}
	r.names = cli->accounts != NULL ? cli->accounts
					: main_general.accounts;
	r.options = (struct account_options){
		.metadata = main_general.metadata,
		.only_folders = cli->folders,
		.socktimeout_s = main_general.socktimeout_s,
		.durability = durability(main_general.fsync),
		.dry_run = cli->dry_run};
	conf_lend(&main_conf, NULL);
	share(&r);
	sys_signals();
	loop(&r);
	check_asked(&r);
	conf_close(&main_conf);
	if (CFG_STATS && cli->stats) {
		stats(&r, started);
	}
	return outcome_status();
}

static int
dispatch(const struct cli *cli)
{
	switch (cli->verb) {
	case CLI_HELP:
		ui_out(span_of(cli_help));
		return 0;
	case CLI_VERSION:
		ui_out(SPAN("wherry " WHERRY_VERSION "\n"));
		return 0;
	case CLI_ABOUT:
		about();
		return 0;
	case CLI_SHOW_CERT:
		sys_signals();
		return CFG_SHOW_CERT ? show_cert(cli->target) : EXIT_USAGE;
	case CLI_SYNC:
	default:
		return sync_all(cli);
	}
}

int
main(int argc, char **argv)
{
	struct cli cli;
	enum err e = cli_parse(&cli, argc, argv), u;
	int status;

	u = ui_begin(cli.ui, cli.wire);
	if (u != ERR_OK) {
		char why[200];
		struct buf b;

		BUF_INIT(&b, why);
		buf_str(&b, err_detail());
		(void)ui_begin(NULL, false);
		u = err_set(u, "%.*s", (int)b.n, b.p);
	}
	if (e == ERR_OK) {
		e = u;
	}
	if (e == ERR_OK && cli.log != NULL) {
		e = ui_log_file(cli.log);
		if (e != ERR_OK) {
			log_msg(LOG_ERROR, "-l %s: %s", cli.log, err_detail());
			return EXIT_CANNOT_WRITE;
		}
	}
	status = e == ERR_OK ? dispatch(&cli) : usage(e);
	ui_end();
	return status;
}
