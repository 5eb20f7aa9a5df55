/*
 * account: one account as a machine that is stepped and can be started again:
 * locks, password, first connection, folder list; then one stream of folders,
 * of which every free lane takes the next.
 */
#ifndef WHERRY_APP_ACCOUNT_H
#define WHERRY_APP_ACCOUNT_H

#include "app/lane.h"
#include "app/moment.h"
#include "conf/conf.h"
#include "port/proc.h"
#include "sync/folders.h"

#define ACCOUNT_ASKED 64 /* names of -f whose absence is noticed */

struct account_options {
	const char *metadata;
	const char *only_folders; /* -f; NULL all */
	uint32_t socktimeout_s;
	uint32_t accounts; /* at work, this one too */
	enum folder_durability durability;
	bool dry_run;
};

enum account_phase {
	ACCOUNT_FREE,
	ACCOUNT_PASSWORD,
	ACCOUNT_CONNECT,
	ACCOUNT_LIST,
	ACCOUNT_WORK,
	ACCOUNT_DONE
};

struct account {
	enum account_phase phase;
	const struct account_options *options;
	enum err err;
	int64_t started_ms, deadline_ms;
	struct moment moment; /* at which its certificate was judged */
	uint64_t written;     /* fs_written() when it began */
	fs_fd root, state, lock, marker;
	struct proc cmd;
	bool cmd_runs, stopping, told;
	bool asks_status; /* with LIST */
	bool listed;   /* LIST was answered */
	bool begun_early; /* INBOX, behind LIST: tried once */
	bool quiet;    /* nothing differs: its work is done */
	bool troubled; /* something has to be told about a folder */
	bool all_seen; /* the list of folders came to its end */
	bool have;     /* entry and title wait for a lane */
	bool wants;    /* one more lane, and there was none for it */
	size_t pass_n;
	uint64_t found; /* bit i: it has the i-th folder of -f */
	uint32_t folder_no, folder_count;
	uint32_t left; /* names in the list yet, about */
	uint32_t bad;  /* capabilities that the server knows nothing of */
	struct imap_login login;
	uint32_t line_rate, line_folders; /* as remembered */
	struct io_counts counts; /* of the connections that are closed */
	struct folder_stats total;
	int asked;	   /* enum in account_list.c */
	uint32_t status_n; /* STATUS commands in flight */
	struct catalog_set synced;
	struct folders_now now;
	struct lane *first; /* the one that logs in and lists */
	struct catalog table;
	struct spill later; /* folders that come once more, behind all others */
	uint8_t later_buf[CFG_MOVES ? 2 * CFG_TOKEN + 64 : 1];
	struct folder_entry entry;
	char pass[512]; /* what is above is zeroed at the begin */
	char hostname[128];
	char title[1024];
	union {
		struct conf_work work; /* until its options are read */
		struct folders folders;
	};
	struct conf_account conf; /* most of its end is never touched */
};

enum err account_begin(struct account *a, struct conf *conf, const char *name,
	const struct account_options *options, int64_t now_ms);
/* ERR_OK progress, ERR_AGAIN wait for account_poll(), ERR_END it is done (what
 * it amounts to went to outcome). */
enum err account_step(struct account *a, int64_t now_ms);
/* Adds what it waits for to p[], returns how many: one for each of its
 * connections, or one before it has any. */
size_t account_poll(const struct account *a, struct net_poll *p,
	int64_t *deadline_ms);
void account_stop(struct account *a); /* between two messages */
/* account_lanes.c: how many lanes are of use where the line takes so long, and
 * so long the shortest answer: of any kind (or nothing was heard, as yet)
 * before folders are listed, then of the server itself. */
uint32_t account_lanes(uint32_t line_ms, uint32_t answer_ms, bool listed);
#define ACCOUNT_FAR_MS 20 /* longer than a quick server near by takes */
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
/* account_line.c: the line, for the decision about compression: at the begin,
 * before a further lane connects, and at the end. Full: a further lane would
 * not be compressed, and would take what the others need. Look: what follows
 * for a lane that is at work, or is to begin with its next folder. */
enum account_line { LINE_STAYS, LINE_COMPRESS, LINE_LEAVE };
void account_line_begin(struct account *a);
void account_line_expect(struct account *a);
void account_line_keep(struct account *a);
bool account_line_is_full(const struct account *a);
enum account_line account_line_look(struct lane *l, int64_t now_ms);
/* account_advice.c: after a refused login */
void account_advise(const struct account *a);
/* account_caps.c: what the server offers and does not know. Without: what the
 * last sessions found. Note: what this connection found; blame: it then got by
 * without. Keep: at the end, for the next session. */
uint64_t account_caps_without(struct account *a);
void account_caps_note(struct account *a, struct imap_conn *c, bool blame);
void account_caps_keep(struct account *a);
/* account_list.c: from the login to the stream of folders, and what of it is
 * remembered for the next run (complete: it saw all of them). */
enum err account_list_begin(struct account *a);
enum err account_list_step(struct account *a, int64_t now_ms);
void account_list_end(struct account *a, bool complete);
/* A folder is at work, and has ended: h is its head if both sides agree. */
void account_row_begin(struct account *a, const struct folder_entry *f);
void account_row_end(struct account *a, const struct folder_entry *f,
	const struct head *h);
/* account_retry.c: what follows from the end of a connection. Lane l failed
 * with e: it waits, to connect again (false: of no use). */
bool account_retry(struct account *a, struct lane *l, enum err e,
	int64_t now_ms);
/* The same of one of many, in phase `was`, that may be given up too: others
 * then take its folder (false: there are none). */
bool account_survives(struct account *a, struct lane *l, enum lane_phase was,
	enum err e, int64_t now_ms);
/* No folder is left that a lane could take. */
bool account_is_through(struct account *a);
/* A folder of a lane that was given up is a->entry again. */
bool account_take_back(struct account *a);
/* The account ends with e: names the folders that wait for the next run. */
void account_tell_lost(const struct account *a, enum err e);
/* account_folder.c: is a->entry one that was asked for, by its names? */
enum err account_accepts(struct account *a, bool *yes);
/* Its name for people. */
void account_title(const struct folder_entry *f, char *out, size_t size);
/* Which folder comes next. ERR_OK: one name further, and if
 * a->have one waits for a lane; ERR_END: none is left. */
enum err account_look(struct account *a);
/* Deletions on the server wait until all folders had their turn, as others may
 * have got those files (sync/folder_move.c): is that so now, and a folder of
 * which some wait. */
bool account_puts_off(const struct account *a);
void account_put_off(struct account *a, const struct folder_entry *f);

#endif
