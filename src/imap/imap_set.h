/*
 * imap_set: builds a uid-set ("1:4,7,9:12", RFC 3501 9 sequence-set) of
 * ascending UIDs in bounded memory. Never "*" (it means the last
 * message on an empty match); the end is 4294967295.
 */
#ifndef WHERRY_IMAP_IMAP_SET_H
#define WHERRY_IMAP_IMAP_SET_H

#include "base/buf.h"

struct imap_set {
	struct buf out; /* private: text without the open range */
	uint32_t lo, hi; /* open range; lo 0 if none */
	uint32_t count;
};

void imap_set_init(struct imap_set *s, void *memory, size_t cap);
/* uid must be above the last one (ERR_SYNTAX). ERR_LIMIT if it would not fit;
 * the set is then as it was, and another set must be begun. */
enum err imap_set_add(struct imap_set *s, uint32_t uid);
enum err imap_set_add_range(struct imap_set *s, uint32_t lo, uint32_t hi);
/* The text; closes the open range. Nothing may be added after it. */
struct span imap_set_text(struct imap_set *s);

#endif
