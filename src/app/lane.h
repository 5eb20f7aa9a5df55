/*
 * lane: a connection at work for an account, and the folder that it brings
 * together. The process has CFG_CONNECTIONS of them (pool.c), whoever uses
 * them. The first lane of an account logs in and lists; further ones connect
 * beside it when there are folders for them.
 */
#ifndef WHERRY_APP_LANE_H
#define WHERRY_APP_LANE_H

#include "base/mem.h"
#include "imap/imap_conn.h"
#include "port/net.h"
#include "sync/folder.h"
#include "sync/folders.h"

enum lane_phase {
	LANE_CONNECT, /* until the connection is ready */
	LANE_WAIT,    /* until it connects again */
	LANE_LOST,    /* given up: others take what it had */
	LANE_IDLE,    /* wants a folder */
	LANE_FOLDER,
	LANE_LOGOUT
};

struct account;

/* A folder behind the one at work, and what was sent of it before its time. In
 * lane.next_mem, in the same order: the entry but for its names, the names, and
 * the lines. */
struct lane_next {
	uint32_t tag;	  /* of its first command; 0: nothing was sent */
	uint16_t names_n; /* on the server, here: each with its NUL */
	uint16_t lines_n; /* 0: it has to wait for its turn */
	bool quiet;	  /* nothing else is going to be sent of it */
	bool full;	  /* all its mail is going to come */
	uint64_t refused; /* of the connection, when the lines were made */
};
#define LANE_NAMES 420
#define LANE_LINES 384
#define LANE_NEXT_MEM (CFG_AHEAD * 180 + 640)

struct lane {
	struct account *account; /* NULL: free */
	enum lane_phase phase;
	bool folder_open, told; /* told: the folder's error, already */
	bool chosen;  /* entry is the folder to begin, or to begin again */
	bool was_ready;
	uint32_t tries;   /* in a row to connect again, without progress */
	int64_t wait_ms;  /* when the next one begins */
	bool drops; /* idle, and answers come that are nobody's */
	bool holds; /* sends nothing ahead: it is to be compressed, or left */
	fs_fd state;            /* of its folder */
	struct folder_job job;
	struct folder_entry entry;
	char title[1024];
#if CFG_AHEAD
	uint32_t next_n; /* folders behind this one */
	size_t next_used;
	struct lane_next next[CFG_AHEAD];
	char next_mem[LANE_NEXT_MEM];
	struct lane_next own; /* of the folder at work, when it begins */
	char own_lines[LANE_LINES];
#endif
	struct imap_conn conn;
	struct folder folder;
};

/* Starts to connect as account->login says. */
enum err lane_connect(struct lane *l, int64_t now_ms);
/* ERR_OK progress, ERR_AGAIN wait for lane_poll(), ERR_END of no more use;
 * else what ends the account. */
enum err lane_step(struct lane *l, int64_t now_ms);
/* Fills p, and *deadline_ms if it has an earlier one (-1 is none). */
void lane_poll(struct lane *l, struct net_poll *p,
	int64_t *deadline_ms);
void lane_stop(struct lane *l); /* between two messages */
/* One that it has yet to begin. */
bool lane_has_folder(const struct lane *l);

/* lane_folder.c: takes account->entry; from it to a folder at work, and its
 * end */
void lane_folder_take(struct lane *l);
void lane_folder_begin(struct lane *l);
/* How many messages may be asked for before it is opened. */
void lane_folder_blind(const struct lane *l, struct folder_entry *f);
/* The same where nobody told how many there are: so many of the first, if that
 * is how the line becomes known, and nothing of it is here. */
void lane_folder_probe(const struct lane *l, struct folder_entry *f);
/* Of the folder that this entry is; state FS_NONE: without its own. */
struct folder_job lane_folder_job(const struct lane *l,
	const struct folder_entry *f, fs_fd state);
/* The directory of its state. With `made` it is made if it is not there, and
 * *made tells that. */
enum err lane_folder_state(const struct lane *l, const struct folder_entry *f,
	bool *made, fs_fd *out);
void lane_folder_failed(struct lane *l, enum err e);
void lane_folder_end(struct lane *l);
/* The connection broke with e: ends the folder, which is to be begun again. */
void lane_folder_lost(struct lane *l, enum err e);
/* Of a lane that is given up, the next folder that it had is account->entry
 * again; false if there is none. */
bool lane_hand_back(struct lane *l);

/* lane_ahead.c (CFG_AHEAD): the folders that come next */
/* The first of them, if there is one, is the entry. */
void lane_ahead_take(struct lane *l);
bool lane_ahead_waits(const struct lane *l); /* there is one */
/* Looks for one more: ERR_OK, or ERR_END if there is to be none. */
enum err lane_ahead_fill(struct lane *l);
/* Behind LIST, which is not answered: sends what account->entry, which becomes
 * the lane's, begins with. If that is the folder that the lane takes then, it
 * has begun; else lane_ahead_drop(). */
void lane_ahead_early(struct lane *l);
bool lane_ahead_is_early(const struct lane *l);
/* Before and after folder_begin(). */
void lane_ahead_begin(struct lane *l);
void lane_ahead_begun(struct lane *l);
/* The entry did not come so far: what was sent for it and behind it is let
 * in. */
void lane_ahead_drop(struct lane *l);
enum err lane_ahead_drop_step(struct lane *l, int64_t now_ms);
/* Sends what may be sent. */
void lane_ahead_step(struct lane *l);
void lane_ahead_clear(struct lane *l); /* a new lane */
/* A new connection: nothing is ahead on it. */
void lane_ahead_reset(struct lane *l);
/* The last of them is account->entry; false if there is none. */
bool lane_ahead_give(struct lane *l);
/* The same of one that has it for later, and has not sent anything of it. */
bool lane_ahead_steal(struct account *a);

/* pool.c */
struct lane *pool_lease(struct account *a); /* NULL when all are in use */
/* Beside those that a has, is there one for it? Every other account at work
 * keeps one for its first, and as long as another one wants more, none takes
 * more than its share. */
bool pool_spare(const struct account *a);
void pool_close(struct lane *l); /* its connection */
void pool_release(struct lane *l);
/* The lanes of an account, one after the other: NULL for the first, NULL
 * behind the last. */
struct lane *pool_next(const struct account *a, const struct lane *l);
uint32_t pool_count(const struct account *a);

#endif
