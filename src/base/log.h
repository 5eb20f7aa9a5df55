/*
 * log: what the program says, by level, to one sink that app/ installs. The
 * sink is the only call upwards in the house. Text that came from a server or
 * a disk goes through escape() in the sink; callers pass it as it is.
 */
#ifndef WHERRY_BASE_LOG_H
#define WHERRY_BASE_LOG_H

#include "base/span.h"

enum log_level {
	LOG_ERROR, /* a message, folder or account failed */
	LOG_WARN,  /* needs a person's eye, nothing failed */
	LOG_INFO,  /* what is happening, one line per thing */
	LOG_DEBUG, /* more */
	LOG_WIRE   /* `-d imap`: lines on the wire, secrets never */
};

typedef void log_sink(void *user, enum log_level level, struct span text);

/* user is passed back; sink NULL silences. */
void log_to(log_sink *sink, void *user);
/* printf subset of fmt.h; longer than 1,000 bytes is cut with "...". */
void log_msg(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* true if a line of this level would be shown (to spare building it). */
bool log_wants(enum log_level level);
void log_limit(enum log_level most);

#endif
