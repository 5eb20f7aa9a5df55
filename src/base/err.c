/*
 * err: texts, scopes and the newest detail. The detail is one static line:
 * there is one thread, and a detail is read where the error is reported.
 */
#include "base/err.h"
#include "base/buf.h"
#include "base/fmt.h"
#include "base/mem.h"

#define DETAIL 1000

static char err_line[DETAIL];

const struct mem_row err_mem = {"err_line", sizeof(err_line),
	"the newest error's detail"};

struct row {
	int8_t err;
	uint8_t scope;
	char text[42];
};

static const struct row rows[] = {
	{ERR_OK, SCOPE_NONE, "no error"},
	{ERR_AGAIN, SCOPE_NONE, "nothing yet"},
	{ERR_END, SCOPE_NONE, "end"},
	{ERR_IO, SCOPE_ACCOUNT, "input/output error"},
	{ERR_NOENT, SCOPE_MESSAGE, "not found"},
	{ERR_EXIST, SCOPE_MESSAGE, "exists already"},
	{ERR_SPACE, SCOPE_ACCOUNT, "no space left"},
	{ERR_READONLY, SCOPE_ACCOUNT, "read-only"},
	{ERR_PERM, SCOPE_ACCOUNT, "permission denied"},
	{ERR_LIMIT, SCOPE_FOLDER, "a limit was reached"},
	{ERR_SYNTAX, SCOPE_MESSAGE, "malformed input"},
	{ERR_PROTO, SCOPE_CONNECTION, "the server broke the protocol"},
	{ERR_NET, SCOPE_CONNECTION, "network error"},
	{ERR_TIMEOUT, SCOPE_CONNECTION, "timed out"},
	{ERR_TLS, SCOPE_ACCOUNT, "TLS failed"},
	{ERR_CERT, SCOPE_ACCOUNT, "the server's certificate is not accepted"},
	{ERR_CLOCK, SCOPE_ACCOUNT, "the clock is not set"},
	{ERR_AUTH, SCOPE_ACCOUNT, "login refused"},
	{ERR_REFUSED, SCOPE_MESSAGE, "the server refused"},
	{ERR_CORRUPT, SCOPE_FOLDER, "a state file is damaged"},
	{ERR_LOCKED, SCOPE_ACCOUNT, "locked by another process"},
	{ERR_CONF, SCOPE_PROGRAM, "configuration error"},
	{ERR_STOPPED, SCOPE_PROGRAM, "stopped by a signal"},
	{ERR_UNSUPPORTED, SCOPE_MESSAGE, "not supported here"},
	{ERR_UIDVALIDITY, SCOPE_FOLDER, "the server renumbered the folder"},
	{ERR_GUARD, SCOPE_FOLDER, "a safety brake stopped it"},
	{ERR_USAGE, SCOPE_PROGRAM, "wrong use"},
	{ERR_PRIVACY, SCOPE_ACCOUNT, "would have sent a secret in clear"},
};

static const struct row *
find(enum err e)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].err == e) {
			return &rows[i];
		}
	}
	return NULL;
}

const char *
err_text(enum err e)
{
	const struct row *r = find(e);

	return r != NULL ? r->text : "unknown error";
}

enum err_scope
err_scope(enum err e)
{
	const struct row *r = find(e);

	return r != NULL ? (enum err_scope)r->scope : SCOPE_PROGRAM;
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
