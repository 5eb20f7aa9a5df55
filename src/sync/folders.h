/*
 * folders: which folders there are: the server's LIST, the directories of the
 * Maildir and the states of earlier runs as three spilled streams, sorted by
 * key and joined. Any number of folders in fixed memory; INBOX comes first.
 * Blocking (disk). LIST lines are added as they come.
 *
 * With a table of the last run (folders_compare) STATUS lines are compared
 * with it as they come, and a folder of which nothing differs is `same`. If
 * the table knows the last whole run, only what differs is kept at all, and
 * folders_settled() says whether nothing else is to be known: else everything
 * has to be listed once more.
 */
#ifndef WHERRY_SYNC_FOLDERS_H
#define WHERRY_SYNC_FOLDERS_H

#include "config.h"
#include "imap/imap_resp.h"
#include "maildir/maildir.h"
#include "store/catalog.h"
#include "store/head.h"
#include "store/sort.h"
#include "store/spill.h"
#include "sync/mapname.h"

#define FOLDERS_REC 44u

/* One folder, as far as it exists. */
struct folder_entry {
	bool has_remote, has_local, has_state;
	bool perhaps; /* on the server: no answer came to its CREATE */
	bool remote_twice, local_twice; /* different names, one key */
	bool same; /* nothing differs from what the table says */
	uint8_t blind; /* messages that may be asked for before it is opened */
	uint32_t attrs;			/* IMAP_ATTR_* */
	uint32_t uidnext; /* of its STATUS; 0 not known */
	uint32_t count; /* by STATUS its messages, and 1, if it has no row */
	char remote[CFG_TOKEN + 1], local[CFG_TOKEN + 1]; /* NUL-terminated */
};

/* What else the table is compared with. */
struct folders_now {
	uint64_t config; /* of all options that decide about folders */
	uint32_t audit_s, flag_check_s;
	int64_t time_s;
	bool has_boot_id;
	uint8_t boot_id[16];
	struct maildir_trust trust;
};

struct folders {
	bool open, have;
	uint32_t remote_n, refused; /* listed; reported and left out */
	/* what is compared with the table; NULL without one */
	struct catalog *table;
	const struct folders_now *now;
	bool compare;	/* only what differs is kept */
	bool unknown;	/* something is not as the last whole run left it */
	bool restamped; /* all is, but for stamps of directories */
	bool loose;	/* one that is counted has no stamp that counts */
	uint32_t differ;
	uint32_t changed; /* of them here */
	struct catalog_set listed, synced, tops;
	struct catalog_set *count; /* local folders are only counted */
	struct fs_walk asking;
	bool asks, asked;
	struct spill names;
	struct mapname map;
	struct sort sort;
	uint8_t next[FOLDERS_REC];
	char prefix[128];
	/* A few folders touch both ends of the arena, and the begin of what is
	 * behind it: this order makes that few pages. */
	uint8_t arena[CFG_FOLDERS_ARENA];
	char walk_buf[CFG_FILE_BUF / 2];
	uint8_t names_buf[CFG_FILE_BUF];
	uint8_t level_buf[2][CFG_FILE_BUF];
};

/* dir: where spill files may be. */
void folders_begin(struct folders *s, fs_fd dir, char local_sep);
/* From now on STATUS lines are compared with table. now, table: as long as s
 * is in use. all: no matter what the last whole run knew. */
void folders_compare(struct folders *s, struct catalog *table,
	const struct folders_now *now, bool all);
/* From NAMESPACE, before the first folders_remote(). */
void folders_namespace(struct folders *s, struct span prefix);
/* One LIST line. What cannot be mapped is reported, counted, left out. */
enum err folders_remote(struct folders *s, struct span name, char sep,
	uint32_t attrs);
/* One STATUS line of a folder that is to be synced, and its name here; asked:
 * it was asked for by name. */
enum err folders_status(struct folders *s, const struct folder_entry *f,
	const struct imap_mailbox_status *is, bool asked);
/* One name after the other to ask STATUS for, where LIST does not give it:
 * those that have a state and a row. out of CFG_TOKEN + 1; ERR_END. */
enum err folders_ask(struct folders *s, fs_fd state, char *out);
/* After the last line: are the folders those of the last whole run, on both
 * sides, so that what differs is all there is to do? some: not all of them
 * were to be compared. */
bool folders_settled(struct folders *s, fs_fd root, bool some);
/* The last whole run is this one: sets *w, but for remote and synced. */
void folders_whole(struct folders *s, fs_fd root, struct catalog_whole *w);
/* How many folders here changed since the table was written, as far as a short
 * look tells: at most so many, below root, of those whose stamps are to be
 * believed. A guess, of which nothing follows for mail. Before folders_begin().
 */
uint32_t folders_touched(struct folders *s, const struct catalog *table,
	const struct maildir_trust *t, uint32_t most);
/* A folder that the table knows, by its names, is not any more here as it was
 * agreed, or was not agreed. After folders_compare(). */
bool folders_changed_here(const struct folders *s,
	const struct folder_entry *f);
/* MD5 of a folder's name; INBOX in any case is one. */
void folders_id(struct span name, uint8_t id[16]);
/* The row of a folder as its head says; h NULL: nothing is agreed. */
void folders_row(const struct folders_now *now, const char *remote,
	const char *local, const struct head *h, struct catalog_row *out);
/* One more in the set of what is listed: a folder that was made there. */
void folders_listed(struct folders *s, struct span name, char sep,
	uint32_t attrs);
/* Walks the root; a directory is a folder if it has cur, new and tmp. */
enum err folders_local(struct folders *s, fs_fd root);
/* Walks the state directory: every "<md5>/id". */
enum err folders_state(struct folders *s, fs_fd state);
enum err folders_sort(struct folders *s);
/* ERR_END after the last. Names that are missing on one side are the mapped
 * ones ("" if that cannot be: err_detail() says why). */
enum err folders_next(struct folders *s, struct folder_entry *out);
void folders_end(struct folders *s);

/* Between folders.c and folders_known.c */
enum folders_from { FROM_REMOTE = 1, FROM_LOCAL, FROM_STATE, FROM_SAME,
	FROM_KNOWN, FROM_COUNT };
enum err folders_add(struct folders *s, enum folders_from from,
	struct span key, struct span name, char sep, uint32_t attrs);
bool folders_is_box(fs_fd root, const char *path);
/* One more of the directories below the root. */
void folders_top(struct folders *s, const struct fs_stamp *stamp);
/* Third and fourth line of the "id" in this directory of the state; the text
 * is read into buf. false if it is torn. */
struct folders_id_lines {
	char text[CFG_TOKEN + 1024];
	struct span name;
	char sep;
};
bool folders_read_id(fs_fd state, const char *dir,
	struct folders_id_lines *out);

#endif
