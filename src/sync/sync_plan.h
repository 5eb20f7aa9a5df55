/*
 * sync_plan: the three-way table. For one UID: is it on the server (S), in
 * the Maildir (L), in our records (T), with which flags; what follows. Pure,
 * complete over every combination, knows neither network nor disk.
 */
#ifndef WHERRY_SYNC_SYNC_PLAN_H
#define WHERRY_SYNC_SYNC_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "store/table.h"

/* What may be done to which side. */
struct plan_policy {
	bool pull;	   /* change the Maildir */
	bool push;	   /* change the server */
	bool pull_deletes; /* deletions on the server remove files */
	bool push_deletes; /* removed files delete on the server */
	uint32_t permanent; /* flags that the server keeps */
};

struct plan_case {
	bool s, l, t;
	enum rec_state state; /* of t */
	uint32_t s_flags, l_flags, t_flags; /* five system bits */
};

enum plan_act {
	PLAN_NONE,
	PLAN_WANT,	    /* record as WANTED, download later */
	PLAN_DOWNLOAD,	    /* WANTED already */
	PLAN_ADOPT,	    /* file and message belong together, if proven */
	PLAN_FLAGS,	    /* bring flags together */
	PLAN_DELETE_REMOTE, /* candidate: the file is gone */
	PLAN_DELETE_LOCAL,  /* candidate: the message is gone */
	PLAN_FORGET,	    /* gone on both sides: record GONE */
	PLAN_NEW	    /* a file unknown to server and records: upload */
};

struct plan {
	enum plan_act act;
	uint32_t store_add, store_del; /* flags to set and clear on the server */
	uint32_t l_flags;	       /* flags that the file shall have */
	uint32_t t_flags;	       /* flags to record afterwards */
};

void sync_plan(const struct plan_case *c, const struct plan_policy *p,
	struct plan *out);

/* The brake: more deletions (or uploads of files that bear a UID) than a
 * mishap should be able to cause: above max(50, 20 %) of `alive`, or all of
 * more than 20. */
bool sync_plan_too_many(uint64_t n, uint64_t alive);

#endif
