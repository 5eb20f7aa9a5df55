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
#define TABLE_BLOCK 32u /* records read or written at once */
#define TABLE_SIZE_MAX ((1u << 30) - 1)
#define TABLE_PID_MAX ((1u << 22) - 1)

enum rec_state {
	REC_WANTED,  /* known to the server, not yet here */
	REC_PRESENT, /* on both sides */
	REC_GONE,    /* deleted; dropped by the next rewrite */
	REC_HELD     /* known, not wanted: too large, filtered, failing */
};

/* The base name in its Maildir (struct maildir_base, and heap.h). Kinds are
 * MAILDIR_OWN, MAILDIR_OIMAP and these: */
enum {
	NAME_KEPT = 2, /* seq<<32|time is an offset where the text is kept */
	NAME_NONE = 3  /* no name known */
};
struct rec_name {
	uint32_t time, seq;
	uint32_t pid; /* 22 bits */
	uint8_t host; /* index in hosts */
	uint8_t kind;
};

static inline struct rec_name
rec_name_kept(uint64_t offset)
{
	return (struct rec_name){.time = (uint32_t)offset,
		.seq = (uint32_t)(offset >> 32), .kind = NAME_KEPT};
}

static inline uint64_t
rec_name_offset(const struct rec_name *n)
{
	return (uint64_t)n->seq << 32 | n->time;
}

struct rec {
	uint32_t uid;	/* > 0 */
	uint32_t flags; /* bits 0..4 system, 5..30 letters; both sides agree */
	uint32_t size;	/* RFC822.SIZE, saturates at 2^30 - 1 */
	enum rec_state state;
	uint64_t mkey;	/* 56 bits: header key; 0 unknown */
	struct rec_name name;
};

/* What is over a field's width is cut off (size: saturated). */
void rec_enc(const struct rec *r, uint8_t out[TABLE_REC]);
/* ERR_CORRUPT if the checksum or a field is wrong. */
enum err rec_dec(struct rec *r, const uint8_t in[TABLE_REC]);

struct table {
	fs_fd dir, fd;
	uint32_t count;	   /* records in the table, bad ones too */
	uint32_t last_uid; /* highest so far; 0 if none */
	bool sorted;
	bool dirty;	   /* written since the last table_sync */
	bool healed;	   /* table_open threw something away: list all */
	/* private */
	bool named;	   /* the directory entry is durable */
	bool opened;	   /* fd is ours */
	uint32_t base, held; /* the window: records [base, base + held) */
	uint32_t lo, hi;   /* of them [lo, hi) are to be written; equal: none */
	uint32_t ordered;  /* the first so many ascend */
	uint32_t ordered_disk; /* as the file's header says */
	uint8_t block[TABLE_BLOCK * TABLE_REC]; /* the window */
};

/* Opens "table" in dir, makes an empty one if missing or unusable (a wrong
 * file header is set aside as "table.bad"). Removes what a killed rewrite
 * left. table_new: dir is known to be empty. */
enum err table_new(struct table *t, fs_fd dir);
enum err table_open(struct table *t, fs_fd dir);
/* To look into a table that others may be at work in: ERR_NOENT if there is
 * none that can be used. Only table_find() and table_close() after it. */
enum err table_peek(struct table *t, fs_fd dir);
/* How many records the table in dir has, about, and the UID of the last one, 0
 * if that is not to be read; nothing is opened or healed. */
uint32_t table_size(fs_fd dir, uint32_t *last_uid);
/* Drops what was not synced and still waits in memory. A zeroed struct is
 * fine. */
void table_close(struct table *t);
/* ERR_NOENT beyond the end, ERR_CORRUPT if it is a bad record. */
enum err table_get(struct table *t, uint32_t recno, struct rec *out);
/* Replaces a record in place. Its uid stays the same as a rule; another one
 * is written too, but then the table counts as unsorted. */
enum err table_put(struct table *t, uint32_t recno, const struct rec *r);
enum err table_append(struct table *t, const struct rec *r, uint32_t *recno);
/* Makes everything put so far durable. */
enum err table_sync(struct table *t);
/* Hands it to the system, which makes it durable in its own time and order;
 * now and then durably, so that the order of many records is known. */
enum err table_settle(struct table *t);
/* Finds uid: ERR_OK, ERR_NOENT. Fast in a sorted table; behind the sorted part
 * it looks at every record, the last written first. Bad records on the way
 * are stepped over. */
enum err table_find(struct table *t, uint32_t uid, struct rec *out,
	uint32_t *recno);
bool table_sorted(const struct table *t);
/* Sorts by UID, drops GONE and bad records, of equal UIDs keeps the last
 * written. Atomic: until the new file is durable the old one stands. Record
 * numbers change. arena_size 8192 or more. */
enum err table_rewrite(struct table *t, void *arena, size_t arena_size);
/* Removes all records, durably. */
enum err table_clear(struct table *t);

/* A new table beside the old one: table_append() to it, then commit puts it in
 * the old one's place atomically and t is the new one; abort forgets it. n is
 * used up by both. */
enum err table_build(struct table *n, const struct table *t);
enum err table_build_commit(struct table *t, struct table *n);
void table_build_abort(struct table *n);

/* Reads records [at, end) in order through a buffer of the caller. Bad ones
 * are skipped and counted; so is, in a sorted table, one that is out of order
 * (and the table then counts as unsorted). Records that are put meanwhile may
 * be seen as they were. ERR_END. */
struct table_reader {
	struct table *t;
	uint32_t at, end; /* record numbers */
	uint8_t *buf;
	size_t cap;	  /* bytes, multiple of TABLE_REC */
	uint32_t buf_at, buf_n;
	uint32_t bad;
	uint32_t last_uid;
};
void table_read_begin(struct table_reader *r, struct table *t, uint32_t at,
	uint32_t end, void *buf, size_t cap);
enum err table_read_next(struct table_reader *r, struct rec *out,
	uint32_t *recno);

/* Writes what waits in the window; not durably. */
enum err table_flush(struct table *t);

#endif
