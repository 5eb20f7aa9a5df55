/*
 * maildir: one folder on disk: its four directories, its files, its scan.
 * Blocking. Other programs change it at the same time; nothing here assumes
 * that a name seen before is still there.
 */
#ifndef WHERRY_MAILDIR_MAILDIR_H
#define WHERRY_MAILDIR_MAILDIR_H

#include "base/err.h"
#include "base/span.h"
#include "config.h"
#include "maildir/maildir_name.h"
#include "port/fs.h"

enum maildir_where { MAILDIR_NEW, MAILDIR_CUR, MAILDIR_TMP };

struct maildir {
	fs_fd top, sub[2], tmp; /* sub[MAILDIR_NEW], sub[MAILDIR_CUR] */
	char infosep;
	/* private: a watch on both, what we changed, what was changed */
	fs_fd watch;
	uint64_t ours, all;
	bool renamed[2]; /* we changed sub[] since the caller cleared it */
};

/* name below root ("a/b" for nested; any depth), opened. ERR_NOENT if one of
 * cur, new, tmp is missing (then it is no folder). */
enum err maildir_open(struct maildir *m, fs_fd root, const char *name);
/* Makes what is missing of it (0700 cut by the umask), parents too. */
enum err maildir_create(fs_fd root, const char *name);
void maildir_close(struct maildir *m);

/* fs_rename_new() and fs_unlink() of a message. Whoever changes the folder by
 * other calls counts as somebody else, below. */
enum err maildir_rename(struct maildir *m, enum maildir_where from,
	const char *a, enum maildir_where to, const char *b);
enum err maildir_unlink(struct maildir *m, enum maildir_where where,
	const char *name);
/* From now on changes are watched, where that is possible. */
void maildir_watch(struct maildir *m);
/* Reads what was seen, so that it does not become too much. */
void maildir_watch_read(struct maildir *m);
/* Nobody else changed new/ or cur/ since maildir_watch(), nor did so before
 * stamps were taken that we have: known for certain. */
bool maildir_alone(struct maildir *m);

/* Walks new/ then cur/. Dot files are left out. walk_buf as in fs_walk. */
struct maildir_scan {
	struct maildir *m;
	struct fs_walk walk;
	void *buf;
	size_t cap;
	int where;
	bool open;
};
void maildir_scan_begin(struct maildir_scan *s, struct maildir *m, void *buf,
	size_t cap);
/* ERR_OK with *where and *name (valid until the next call), ERR_END, error. */
enum err maildir_scan_next(struct maildir_scan *s, enum maildir_where *where,
	const char **name);
void maildir_scan_end(struct maildir_scan *s);

/* Stamps of new/ and cur/. Equal ones mean that nothing changed between the
 * two looks, if the file system is one to be trusted with that and the first
 * look was later than the grain of its times (maildir_stamp_wait). */
struct maildir_stamp {
	struct fs_stamp sub[2];
};
enum err maildir_stamp(const struct maildir *m, struct maildir_stamp *out);
bool maildir_stamp_eq(const struct maildir_stamp *a,
	const struct maildir_stamp *b);
/* As fs_stamp_wait, for both. With `foreign` the file system has a clock of
 * its own: it is read from a file made for that in tmp/; -1 if it cannot be
 * made. */
int64_t maildir_stamp_wait(const struct maildir *m,
	const struct maildir_stamp *s, bool foreign);

/* Makes *s, just taken of local directories, a stamp that no change can leave,
 * without waiting for the grain: mtime goes back by less than a tick, to a
 * time that no clock shows. Who changed a name between the two looks cannot be
 * seen by it; a watch tells. ERR_UNSUPPORTED: its times are too coarse. */
enum err maildir_stamp_mark(const struct maildir *m, struct maildir_stamp *s,
	uint32_t salt);

/* Which stamps are to be believed below root: those of local file systems, or
 * with trust_mtime all. */
struct maildir_trust {
	fs_fd root;
	bool all, local;
	uint64_t dev; /* of root */
};
void maildir_trust_begin(struct maildir_trust *t, fs_fd root,
	bool trust_mtime);
/* Is a stamp on this file system to be believed? */
bool maildir_trust_dev(const struct maildir_trust *t, uint64_t dev);
/* The stamps of a folder that is not open, by two looks. ERR_UNSUPPORTED:
 * not to be believed, the folder has to be opened; so is any other error. */
enum err maildir_trust_stamp(const struct maildir_trust *t, const char *name,
	struct maildir_stamp *out);
/* The same of an open folder: may its stamps be believed? */
bool maildir_trusted(const struct maildir *m, bool trust_mtime);

/* Is this directory entry of a root a folder name that wherry accepts as one
 * component? No "", ".", "..", "cur", "new", "tmp", no ".wherry...", no '/'
 * and no NUL. */
bool maildir_component_ok(struct span component);

#endif
