/*
 * folders: which folders there are: the server's LIST, the directories of the
 * Maildir and the states of earlier runs as three spilled streams, sorted by
 * key and joined. Any number of folders in fixed memory; INBOX comes first.
 * Blocking (disk). LIST lines are added as they come.
 */
#ifndef WHERRY_SYNC_FOLDERS_H
#define WHERRY_SYNC_FOLDERS_H

#include "config.h"
#include "store/sort.h"
#include "store/spill.h"
#include "sync/mapname.h"

#define FOLDERS_REC 44u

/* One folder, as far as it exists. */
struct folder_entry {
	bool has_remote, has_local, has_state;
	bool remote_twice, local_twice; /* different names, one key */
	uint32_t attrs;			/* IMAP_ATTR_* */
	char remote[CFG_TOKEN + 1], local[CFG_TOKEN + 1]; /* NUL-terminated */
};

struct folders {
	struct mapname map;
	struct sort sort;
	struct spill names;
	bool open, have;
	uint32_t remote_n, refused; /* listed; reported and left out */
	uint8_t next[FOLDERS_REC];
	char prefix[128];
	uint8_t names_buf[CFG_FILE_BUF];
	uint8_t arena[CFG_FOLDERS_ARENA];
	uint8_t level_buf[2][CFG_FILE_BUF];
	char walk_buf[CFG_FILE_BUF / 2];
};

/* dir: where spill files may be. */
void folders_begin(struct folders *s, fs_fd dir, char local_sep);
/* From NAMESPACE, before the first folders_remote(). */
void folders_namespace(struct folders *s, struct span prefix);
/* One LIST line. What cannot be mapped is reported, counted, left out. */
enum err folders_remote(struct folders *s, struct span name, char sep,
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

#endif
