/*
 * table: the records of a folder: what both sides last agreed on, one record
 * of 32 bytes per message, sorted by UID. The bytes are in doc/FORMATS.md.
 *
 * A record never runs ahead of its file or of the server: the caller makes
 * durable first what a record says. Losing records is harmless. A record
 * whose CRC is wrong is skipped and counted (`bad`); a torn or zeroed tail is
 * cut at open.
 *
 * New records go to the end. As long as their UIDs ascend the table stays
 * sorted; else table_sorted() is false and table_rewrite() puts it in order
 * (through the external sort, into a new file that replaces the old one
 * durably). Blocking.
 */
#ifndef WHERRY_STORE_TABLE_H
#define WHERRY_STORE_TABLE_H

#include "base/err.h"
#include "config.h"
#include "port/fs.h"

#define TABLE_REC 32u

enum rec_state {
	REC_WANTED,  /* known to the server, not yet here */
	REC_PRESENT, /* on both sides */
	REC_GONE,    /* deleted; dropped by the next rewrite */
	REC_HELD     /* known, not wanted: too large, filtered, failing */
};

struct rec {
	uint32_t uid;	/* > 0 */
	uint32_t flags; /* bits 0..4 system, 5..30 letters; both sides agree */
	uint32_t size;	/* RFC822.SIZE, saturates at 2^30 - 1 */
	enum rec_state state;
	uint64_t mkey;	/* 56 bits: header key; 0 unknown */
	/* the base name in its Maildir (struct maildir_base, and heap.h) */
	uint32_t n_time, n_seq;
	uint32_t pid; /* 22 bits */
	uint8_t host; /* index in hosts */
	uint8_t kind; /* 0 own, 1 OfflineIMAP, 2 n_seq<<32|n_time is an offset in
		       * names; 3 no name known */
};

void rec_enc(const struct rec *r, uint8_t out[TABLE_REC]);
/* ERR_CORRUPT if the checksum or a field is wrong. */
enum err rec_dec(struct rec *r, const uint8_t in[TABLE_REC]);

struct table {
	fs_fd dir, fd;
	uint32_t count;	   /* records in the file, bad ones too */
	uint32_t last_uid; /* highest so far; 0 if none */
	bool sorted;
	bool dirty;	   /* written since the last table_sync */
};

/* Opens "table" in dir, makes an empty one if missing or unusable (a wrong
 * file header is set aside as "table.bad"). */
enum err table_open(struct table *t, fs_fd dir);
void table_close(struct table *t);
enum err table_get(struct table *t, uint32_t recno, struct rec *out);
enum err table_put(struct table *t, uint32_t recno, const struct rec *r);
enum err table_append(struct table *t, const struct rec *r, uint32_t *recno);
/* Makes everything put so far durable. */
enum err table_sync(struct table *t);
/* Finds uid: ERR_OK, ERR_NOENT. Only in a sorted table; bad records on the
 * way are stepped over. */
enum err table_find(struct table *t, uint32_t uid, struct rec *out,
	uint32_t *recno);
bool table_sorted(const struct table *t);
/* Sorts by UID, drops GONE and bad records, of equal UIDs keeps the last
 * written, drops uids not below uid_limit unless that is 0. Atomic. */
enum err table_rewrite(struct table *t, void *arena, size_t arena_size);
/* Removes all records. */
enum err table_clear(struct table *t);

/* Reads records [at, end) in order through a buffer of the caller. Bad ones
 * are skipped and counted. ERR_END. */
struct table_reader {
	struct table *t;
	uint32_t at, end; /* record numbers */
	uint8_t *buf;
	size_t cap;	  /* bytes, multiple of TABLE_REC */
	uint32_t buf_at, buf_n;
	uint32_t bad;
};
void table_read_begin(struct table_reader *r, struct table *t, uint32_t at,
	uint32_t end, void *buf, size_t cap);
enum err table_read_next(struct table_reader *r, struct rec *out,
	uint32_t *recno);

#endif
