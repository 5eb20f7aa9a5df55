/*
 * account_lanes: how many connections a line is good for, where the user has
 * not said so. Where nobody waits for the line, further ones only cost both
 * processors.
 */
#include "app/account.h"

#define NEAR_MS 3    /* of the line */
#define NEAR_LANES 2 /* one works while the other one waits for its disk */

uint32_t
account_lanes(uint32_t line_ms, uint32_t answer_ms, bool listed)
{
	return answer_ms < ACCOUNT_FAR_MS && (!listed || line_ms < NEAR_MS) &&
		CFG_CONNECTIONS > NEAR_LANES ? NEAR_LANES : CFG_CONNECTIONS;
}
