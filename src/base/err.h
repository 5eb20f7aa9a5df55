/*
 * err: the one list of errors. ERR_OK is 0, errors are negative, and "nothing
 * yet, come again" is ERR_AGAIN, which is no error.
 *
 * Connections, parsers and builders keep their first error and return it from
 * every later call. Which error skips a message, stops a folder or ends an
 * account is decided in one place: err_scope().
 */
#ifndef WHERRY_BASE_ERR_H
#define WHERRY_BASE_ERR_H

enum err {
	ERR_OK = 0,
	ERR_AGAIN = -1,	      /* nothing yet: wait for input, room or time */
	ERR_END = -2,	      /* end of a stream, list or directory */
	ERR_IO = -3,	      /* the disk failed */
	ERR_NOENT = -4,	      /* no such file or folder */
	ERR_EXIST = -5,	      /* it is there already */
	ERR_SPACE = -6,	      /* disk or quota full */
	ERR_READONLY = -7,    /* read-only file system or mailbox */
	ERR_PERM = -8,	      /* permission denied */
	ERR_LIMIT = -9,	      /* a compiled limit; err_detail() names the knob */
	ERR_SYNTAX = -10,     /* input that is not what it should be */
	ERR_PROTO = -11,      /* the server broke the protocol */
	ERR_NET = -12,	      /* resolving, connecting, lost connection */
	ERR_TIMEOUT = -13,    /* a deadline passed */
	ERR_TLS = -14,	      /* handshake or record failed */
	ERR_CERT = -15,	      /* certificate not accepted */
	ERR_CLOCK = -16,      /* certificate only "not yet valid": clock not set */
	ERR_AUTH = -17,	      /* login refused */
	ERR_REFUSED = -18,    /* the server answered NO or BAD */
	ERR_CORRUPT = -19,    /* checksum or structure of a state file */
	ERR_LOCKED = -20,     /* another process holds the lock */
	ERR_CONF = -21,	      /* configuration */
	ERR_STOPPED = -22,    /* a signal asked to stop */
	ERR_UNSUPPORTED = -23, /* this build or system cannot do it */
	ERR_UIDVALIDITY = -24, /* the server renumbered the folder */
	ERR_GUARD = -25,      /* a safety brake: a person has to look */
	ERR_USAGE = -26,      /* command line */
	ERR_PRIVACY = -27     /* would have sent a secret in clear */
};

/* What an error ends, from the smallest to the largest. */
enum err_scope {
	SCOPE_NONE,
	SCOPE_MESSAGE,
	SCOPE_FOLDER,
	SCOPE_CONNECTION,
	SCOPE_ACCOUNT,
	SCOPE_PROGRAM
};

/* Short English text of e, never NULL. */
const char *err_text(enum err e);

/* What e ends; the only place that decides it. */
enum err_scope err_scope(enum err e);

/* Remembers one line of detail for people (printf subset of fmt.h) and
 * returns e: `return err_set(ERR_LIMIT, "CFG_TOKEN");`. The newest wins. */
enum err err_set(enum err e, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The newest detail, "" if none. Valid until the next err_set(). */
const char *err_detail(void);
void err_clear(void);

#endif
