/*
 * catalog: the table of an account's folders: for each what was agreed when
 * its last run ended, so that a folder of which nothing differs need not be
 * opened. A cache: a row that is missing, damaged or of another configuration
 * only means that its folder is processed. Rows of fixed size are sorted by
 * id, found with few small reads, updated in place; what is new is appended
 * and sorted in by catalog_commit(). No memory grows with the folders.
 * Blocking (disk). Bytes: doc/FORMATS.md.
 *
 * Nothing is flushed. A row is written after the head that it repeats; the
 * stamps count within one boot only, see `stamps`.
 */
#ifndef WHERRY_STORE_CATALOG_H
#define WHERRY_STORE_CATALOG_H

#include "base/err.h"
#include "port/fs.h"

#define CATALOG_ROW 96u

/* A set of names, whatever their order. */
struct catalog_set {
	uint32_t n;
	uint64_t sum; /* of the first eight bytes of their MD5 */
};

struct catalog_row {
	uint8_t id[16];	   /* MD5 of the folder's name on the server */
	uint8_t stamps[16]; /* MD5 of stamps of new/ and cur/, and boot_id */
	uint64_t local;	   /* first eight bytes of the MD5 of its path here */
	uint64_t config;   /* the configuration under which it ended */
	uint64_t modseq;   /* 0: none */
	uint32_t uidvalidity, uidnext, messages, unseen;
	uint32_t listed_at; /* of the head */
	bool agreed;	   /* its last run ended complete */
	bool stamped;	   /* stamps are those of that end, and clean */
};

/* Which folders there were at the end of a run that had nothing to tell about
 * any of them: as long as that is so, rows decide. */
struct catalog_whole {
	bool valid, stamped;
	uint64_t config;
	struct catalog_set remote; /* all that the server lists */
	struct catalog_set local;  /* all that are here, by path */
	struct catalog_set synced; /* those that were synced, by id */
	uint8_t stamp[16];	   /* MD5 of the stamp of the root, and boot_id */
	struct catalog_set tops;   /* the same of every directory below it, where
				    * folders may lie in folders */
};

/* What the server offers and does not know, as bits that mean nothing here:
 * in one session, and again in another. at: when that was last added to. */
struct catalog_refused {
	uint32_t once, twice, at;
};

struct catalog {
	/* private, but whole and refused may be read, and set before
	 * catalog_commit() */
	fs_fd dir, fd;
	uint32_t rows, tail; /* sorted; behind them */
	struct catalog_whole whole;
	struct catalog_refused refused;
};

void catalog_set_add(struct catalog_set *s, const uint8_t md5[16]);
bool catalog_set_eq(const struct catalog_set *a, const struct catalog_set *b);

/* Opens what there is; a file that is missing or not understood is an empty
 * table, which the next write replaces. dir stays the caller's. */
void catalog_open(struct catalog *c, fs_fd dir);
/* ERR_OK, or ERR_NOENT if there is no row that can be believed. */
enum err catalog_find(struct catalog *c, const uint8_t id[16],
	struct catalog_row *out);
/* Writes the row, unless it stands there already. One that is new is found
 * after the next commit. */
enum err catalog_put(struct catalog *c, const struct catalog_row *row);
/* Sorts in what was appended, and writes whole and refused; writes nothing if
 * nothing is new. arena as in sort_begin(), in use until the return. */
enum err catalog_commit(struct catalog *c, void *arena, size_t size);
void catalog_close(struct catalog *c);

#endif
