/*
 * sync_key: the header key of a message: 56 bits over Message-ID, Date, From
 * and Subject, the same for a file, a whole message from the server and the
 * reply to HEADER_FIELDS, whatever the line ends, folding and order of fields.
 * Pure; fed in pieces of any size.
 */
#ifndef WHERRY_SYNC_SYNC_KEY_H
#define WHERRY_SYNC_SYNC_KEY_H

#include "base/span.h"

/* What to ask a server for, to get the same key. */
#define SYNC_KEY_FIELDS \
	"BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE FROM SUBJECT)]"

struct sync_key {
	uint64_t sum, field;
	uint32_t state, name_n;
	bool blank, message_id;
	char name[12];
};

void sync_key_init(struct sync_key *k);
void sync_key_push(struct sync_key *k, struct span data);
/* The header ended; more data changes nothing. */
bool sync_key_done(const struct sync_key *k);
/* 1 to 2^56 - 1. May be called without the end of the header seen. */
uint64_t sync_key_get(const struct sync_key *k);
/* true if the header had a Message-ID (not an empty one): then the key alone
 * is proof enough of identity for one UID. */
bool sync_key_has_id(const struct sync_key *k);

#endif
