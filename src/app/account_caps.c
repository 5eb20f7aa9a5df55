/*
 * account_caps: extensions that the server offers and does not know. A
 * connection does without from the first BAD on. What two sessions found so,
 * each of which then got by without, the account does without for 30 days:
 * servers are updated. It is kept in the header of the table of folders, and
 * as that it may be lost.
 */
#include "app/account.h"
#include "base/log.h"
#include "port/sys.h"
#include "store/head.h"

#define FORGET_S (30u * 86400u)

_Static_assert(IMAP_CAP_COMPRESS_DEFLATE < 32, "what can be refused is kept");

uint64_t
account_caps_without(struct account *a)
{
	struct catalog_refused *r = &a->table.refused;

	if (head_due(r->at, FORGET_S, sys_time())) {
		r->once = r->twice = 0;
	}
	return r->twice;
}

void
account_caps_note(struct account *a, struct imap_conn *c, bool blame)
{
	a->bad |= blame ? (uint32_t)c->bad : 0;
	c->bad = 0;
}

void
account_caps_keep(struct account *a)
{
	struct catalog_refused *r = &a->table.refused;
	uint32_t again = a->bad & r->once & ~r->twice;

	if (a->bad == 0) {
		return;
	}
	r->once |= a->bad;
	r->twice |= again;
	r->at = (uint32_t)sys_time();
	for (unsigned i = 0; i < 32; i++) {
		struct span word = imap_resp_cap_word(i);

		if (again >> i & 1) {
			log_msg(LOG_INFO, "account %s: the server offers %.*s "
				"and says BAD to it; done without for 30 days",
				a->conf.name, (int)word.n, word.p);
		}
	}
}
