/*
 * journal: intents that must survive a crash: one text line each with its
 * CRC. Durable before the act (journal_commit), dropped after it is recorded
 * (journal_clear). A torn or damaged line ends the journal: what follows was
 * never acted on.
 */
#ifndef WHERRY_STORE_JOURNAL_H
#define WHERRY_STORE_JOURNAL_H

#include "base/err.h"
#include "base/span.h"
#include "config.h"
#include "port/fs.h"

/* An upload that may have reached the server. */
struct intent {
	uint32_t uidvalidity;
	uint32_t uidnext; /* before the APPEND: look from here on */
	uint32_t size;	  /* as sent, CRLF */
	uint64_t mkey;
	uint8_t where;	  /* enum maildir_where */
	char name[CFG_NAME]; /* file name when it was sent, NUL-terminated */
};

struct journal {
	fs_fd dir, fd;	/* FS_NONE until the first journal_add() */
	uint64_t size;	/* of header and good lines; 0 if there are none */
	bool dirty;	/* added since the last journal_commit */
	bool named;	/* the directory entry is durable */
	bool opened;	/* private: fd is ours */
};

/* Cuts off what is torn. A missing file is an empty journal, and is made only
 * by the first journal_add(). ERR_CORRUPT: from another version of wherry.
 * journal_new: dir is known to be empty. */
void journal_new(struct journal *j, fs_fd dir);
enum err journal_open(struct journal *j, fs_fd dir);
/* A zeroed struct is fine. */
void journal_close(struct journal *j);
bool journal_empty(const struct journal *j);
/* Where the first intent is and the next one will be, for journal_read(). */
uint64_t journal_begin(void);
uint64_t journal_end(const struct journal *j);
/* ERR_LIMIT: the name does not end within CFG_NAME. */
enum err journal_add(struct journal *j, const struct intent *i);
/* Makes the added lines durable. */
enum err journal_commit(struct journal *j);
/* at: 0 at first; moves on. ERR_END at the end or the first bad line. */
enum err journal_read(struct journal *j, uint64_t *at, struct intent *out);
/* Empties it. If that is not to be durable, a power cut may bring back what was
 * settled, all of it or a part, until the next journal_commit(). */
enum err journal_clear(struct journal *j, bool durable);

#endif
