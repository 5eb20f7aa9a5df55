/*
 * err: texts, scopes and the newest detail. The detail is one static line:
 * there is one thread, and a detail is read where the error is reported.
 */
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/buf.h"
#include "base/fmt.h"
#include "base/mem.h"

#define DETAIL 1000

static char err_line[DETAIL];

const struct mem_row err_mem = {"err_line", sizeof(err_line),
	"the newest error's detail"};

/* In the order of enum err: what it ends, and its text. One string of all,
 * since rows would be as long as the longest. */
static const uint8_t scopes[] = {
	[-ERR_OK] = SCOPE_NONE,
	[-ERR_AGAIN] = SCOPE_NONE,
	[-ERR_END] = SCOPE_NONE,
	[-ERR_IO] = SCOPE_ACCOUNT,
	[-ERR_NOENT] = SCOPE_MESSAGE,
	[-ERR_EXIST] = SCOPE_MESSAGE,
	[-ERR_SPACE] = SCOPE_ACCOUNT,
	[-ERR_READONLY] = SCOPE_ACCOUNT,
	[-ERR_PERM] = SCOPE_ACCOUNT,
	[-ERR_LIMIT] = SCOPE_FOLDER,
	[-ERR_SYNTAX] = SCOPE_MESSAGE,
	[-ERR_PROTO] = SCOPE_CONNECTION,
	[-ERR_NET] = SCOPE_CONNECTION,
	[-ERR_TIMEOUT] = SCOPE_CONNECTION,
	[-ERR_TLS] = SCOPE_ACCOUNT,
	[-ERR_CERT] = SCOPE_ACCOUNT,
	[-ERR_CLOCK] = SCOPE_ACCOUNT,
	[-ERR_AUTH] = SCOPE_ACCOUNT,
	[-ERR_REFUSED] = SCOPE_MESSAGE,
	[-ERR_CORRUPT] = SCOPE_FOLDER,
	[-ERR_LOCKED] = SCOPE_ACCOUNT,
	[-ERR_CONF] = SCOPE_PROGRAM,
	[-ERR_STOPPED] = SCOPE_PROGRAM,
	[-ERR_UNSUPPORTED] = SCOPE_MESSAGE,
	[-ERR_UIDVALIDITY] = SCOPE_FOLDER,
	[-ERR_GUARD] = SCOPE_FOLDER,
	[-ERR_USAGE] = SCOPE_PROGRAM,
	[-ERR_PRIVACY] = SCOPE_ACCOUNT,
};
#define COUNT (int)sizeof(scopes)

static const char texts[] =
	"no error\0"
	"nothing yet\0"
	"end\0"
	"input/output error\0"
	"not found\0"
	"exists already\0"
	"no space left\0"
	"read-only\0"
	"permission denied\0"
	"a limit was reached\0"
	"malformed input\0"
	"the server broke the protocol\0"
	"network error\0"
	"timed out\0"
	"TLS failed\0"
	"the server's certificate is not accepted\0"
	"the clock is not set\0"
	"login refused\0"
	"the server refused\0"
	"a state file is damaged\0"
	"locked by another process\0"
	"configuration error\0"
	"stopped by a signal\0"
	"not supported here\0"
	"the server renumbered the folder\0"
	"a safety brake stopped it\0"
	"wrong use\0"
	"would have sent a secret in clear\0";

const char *
err_text(enum err e)
{
	const char *p = texts;

	if (e > 0 || -(int)e >= COUNT) {
		return "unknown error";
	}
	for (int i = e; i < 0; i++) {
		p += strlen(p) + 1;
	}
	return p;
}

enum err_scope
err_scope(enum err e)
{
	return e > 0 || -(int)e >= COUNT ? SCOPE_PROGRAM :
		(enum err_scope)scopes[-(int)e];
}

enum err
err_set(enum err e, const char *format, ...)
{
	struct buf b;
	va_list ap;

	buf_init(&b, err_line, sizeof(err_line) - 1);
	va_start(ap, format);
	fmt_v(&b, format, ap);
	va_end(ap);
	err_line[b.n] = '\0';
	return e;
}

const char *
err_detail(void)
{
	return err_line;
}

void
err_clear(void)
{
	err_line[0] = '\0';
}
