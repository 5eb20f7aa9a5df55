/*
 * mapname: names of one folder on both sides. Pure.
 *
 * A folder's key is what it is called whoever writes it: its components in
 * UTF-8, without the server's namespace prefix (Courier's and Cyrus' "INBOX.")
 * and with INBOX in capitals. Server and Maildir folders with equal keys are
 * one folder. A folder new to the Maildir is called as the server writes it
 * (modified UTF-7, prefix and all, as OfflineIMAP does); one new to the server
 * gets modified UTF-7 and the prefix.
 */
#ifndef WHERRY_SYNC_MAPNAME_H
#define WHERRY_SYNC_MAPNAME_H

#include "base/buf.h"

struct mapname {
	struct span prefix; /* of the personal namespace, "" if none */
	char remote_sep;    /* 0: the server has no hierarchy */
	char local_sep;	    /* '.' or '/' */
};

/* The key; components end in 0x01. ERR_SYNTAX: a component is empty, "." or
 * "..", or not text; ERR_LIMIT: out is full. */
enum err mapname_key_remote(const struct mapname *m, struct span name,
	struct buf *out);
enum err mapname_key_local(const struct mapname *m, struct span name,
	struct buf *out);

/* Name in the Maildir of a server folder: separators replaced. ERR_SYNTAX
 * with a reason in err_detail() if it cannot be told apart from another. */
enum err mapname_to_local(const struct mapname *m, struct span name,
	struct buf *out);
/* Name on the server of a Maildir folder. */
enum err mapname_to_remote(const struct mapname *m, struct span name,
	struct buf *out);
/* For people: UTF-8, escaped. */
void mapname_title(struct span name, struct buf *out);

#endif
