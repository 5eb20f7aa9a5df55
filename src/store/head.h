/*
 * head: the summary of a folder's state, in two slots that are written in
 * turn (sequence number and CRC; the newest valid one counts), 4 KiB apart so
 * that one torn write cannot take both. Bytes: doc/FORMATS.md.
 */
#ifndef WHERRY_STORE_HEAD_H
#define WHERRY_STORE_HEAD_H

#include <stdbool.h>

#include "base/err.h"
#include "port/fs.h"

enum head_mode { HEAD_NORMAL, HEAD_INITIAL };

struct head {
	uint32_t generation; /* of commits */
	uint32_t uidvalidity; /* of the records */
	/* The agreed status: what STATUS said of the server when the folder's
	 * records and files were all that is there, with every UID below
	 * uidnext recorded. Only a run that leaves nothing to be done writes
	 * it, all of it at once; uidnext 0: none yet. modseq 0: the server has
	 * no HIGHESTMODSEQ for this folder. */
	uint32_t uidnext, messages, unseen;
	uint32_t alive; /* records that stood for a file at the stamps */
	/* The mailbox was restored from a backup: from this UID on they may be
	 * those of other messages than the records and names say, and what is
	 * below is to be compared; 0: it was not. */
	uint32_t restored;
	uint64_t modseq;
	uint32_t listed_at; /* last listing of every message with its flags that
			     * turned out complete: seconds since 1970 */
	enum head_mode mode;
	bool stamp_clean; /* the Maildir was then as the records say */
	struct fs_stamp stamp[2]; /* new/, cur/ */
	uint8_t boot_id[16];	  /* the boot that the stamps are of */
	bool unflushed; /* files were recorded in that boot without a flush */
	bool loose; /* written without a flush; private */
	uint8_t fmd5[16];
	uint8_t identity[16]; /* MD5 of "server\nuser\nremote folder" */
};

/* Reads the newest valid slot: ERR_OK; ERR_NOENT if there is no file or both
 * slots are empty or invalid (start over). */
enum err head_load(fs_fd dir, struct head *h);
/* Is it time for such a listing? Not every run needs one, but what it told is
 * not believed for longer than every_s; a time in the future is not believed
 * at all. */
bool head_due(uint32_t listed_at, uint32_t every_s, int64_t now_s);
/* Writes the slot that is not the last durable one, and makes it durable; or
 * leaves that to the system: then a power cut brings back the last durable
 * head, or any since. The first one, and one of another UIDVALIDITY, are always
 * durable. */
enum err head_save(fs_fd dir, struct head *h, bool durable);

#endif
