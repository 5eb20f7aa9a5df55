/*
 * account: one account as a machine that is stepped and can be started again:
 * locks, password, connection, folder list, folders one by one, logout.
 */
#ifndef WHERRY_APP_ACCOUNT_H
#define WHERRY_APP_ACCOUNT_H

#include "app/moment.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "imap/imap_conn.h"
#include "port/net.h"
#include "port/proc.h"
#include "sync/folder.h"
#include "sync/folders.h"

#define ACCOUNT_ASKED 64 /* names of -f whose absence is noticed */

struct account_options {
	const char *metadata;
	const char *only_folders; /* -f; NULL all */
	uint32_t socktimeout_s;
	enum folder_durability durability;
	bool dry_run;
};

enum account_phase {
	ACCOUNT_FREE,
	ACCOUNT_PASSWORD,
	ACCOUNT_CONNECT,
	ACCOUNT_LIST,
	ACCOUNT_NEXT,
	ACCOUNT_FOLDER,
	ACCOUNT_LOGOUT,
	ACCOUNT_DONE
};

struct account {
	enum account_phase phase;
	const struct account_options *options;
	enum err err;
	int64_t started_ms, deadline_ms;
	struct moment moment; /* at which its certificate was judged */
	uint64_t written;     /* fs_written() when it began */
	fs_fd root, state, folder_state, lock, marker;
	struct proc cmd;
	bool cmd_runs, conn_open, folder_open, stopping, told;
	bool asked;    /* for the namespace */
	bool all_seen; /* no folder was left when it ended */
	size_t pass_n;
	uint64_t found; /* bit i: it has the i-th folder of -f */
	uint32_t folder_no, folder_count;
	struct imap_login login;
	struct io_counts counts; /* of the connection, when it is closed */
	struct folder_stats total;
	struct folder_job job;
	struct folder_entry entry;
	struct conf_account conf;
	char pass[512];
	char hostname[128];
	char title[1024];
	struct folders folders;
	struct folder folder;
	struct imap_conn *conn; /* leased from the pool */
};

enum err account_begin(struct account *a, struct conf *conf, const char *name,
	const struct account_options *options, int64_t now_ms);
/* ERR_OK progress, ERR_AGAIN wait for account_poll(), ERR_END it is done (what
 * it amounts to went to outcome). */
enum err account_step(struct account *a, int64_t now_ms);
int account_poll(const struct account *a, int *want, int64_t *deadline_ms);
void account_stop(struct account *a); /* between two messages */
/* account_progress.c: one line of where it stands. */
void account_progress(const struct account *a, int64_t now_ms,
	struct buf *out);

/* account_open.c: places, locks, password */
enum err account_open(struct account *a);
enum err account_mark_root(struct account *a);
void account_close(struct account *a);
/* The times that are known when the connection is made, and after it: the
 * state remembers one at which a certificate was good. */
void account_moment(struct account *a);
void account_keep_moment(const struct account *a);
enum err account_password_begin(struct account *a, int64_t now_ms);
/* Keeps the first line of what is in pass. */
void account_password_line(struct account *a);
/* account_passcmd.c: the password from a command */
enum err account_passcmd_begin(struct account *a, int64_t now_ms);
enum err account_passcmd_step(struct account *a, int64_t now_ms);
/* account_advice.c: after a refused login */
void account_advise(const struct account *a);
/* account_folder.c: which folder next, with what rights */
enum err account_next(struct account *a);
void account_folder_done(struct account *a, enum err e);

/* pool.c: connections, CFG_CONNECTIONS of them for the whole process */
struct imap_conn *pool_lease(void); /* NULL when all are in use */
void pool_release(struct imap_conn *c);

#endif
