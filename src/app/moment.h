/*
 * moment: the time at which certificates are judged. Machines without a
 * clock of their own start in 1970, or where they were switched off, and a
 * certificate that was renewed since is "not valid yet" for them. So it is
 * the latest of three that count: what the clock says, the day this version
 * was released (WHERRY_STAMP), and the newest state of the account.
 *
 * It only moves forward from the clock, so no certificate is accepted that
 * was over by then, and none is ever accepted unseen.
 */
#ifndef WHERRY_APP_MOMENT_H
#define WHERRY_APP_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"

/* A state further ahead of a clock that may be right does not count: once the
 * clock itself was wrong, and what was written then must not make good
 * certificates "expired" for years. No public certificate lives longer. */
#define MOMENT_AHEAD_S (400 * INT64_C(86400))

enum moment_source { MOMENT_CLOCK, MOMENT_RELEASE, MOMENT_STATE };

struct moment {
	int64_t clock, at; /* what it says; what is used. Seconds since 1970 */
	enum moment_source source;
};

/* Pure. state is 0 if there is none. A clock before release is not set. */
void moment_of(struct moment *m, int64_t clock, int64_t release,
	int64_t state);
/* Whether the state may remember m, given what it remembers now: a time that
 * the clock told, and a day newer, or one that was too far ahead to count. */
bool moment_is_news(const struct moment *m, int64_t state);

/* Logs what the clock says and what was used instead. state names the file
 * whose time that of the state is. */
void moment_tell(const struct moment *m, enum log_level level,
	const char *state);

#endif
