/* log: one line at a time to one sink; see log.h. */
#include <string.h>

#include "base/fmt.h"
#include "base/log.h"
#include "base/mem.h"

#define LINE 1000

static char log_line[LINE + 4];

const struct mem_row log_mem = {"log_line", sizeof(log_line),
	"the line being logged"};

static log_sink *log_out;
static void *log_user;
static enum log_level log_most = LOG_INFO;

void
log_to(log_sink *sink, void *user)
{
	log_out = sink;
	log_user = user;
}

void
log_limit(enum log_level most)
{
	log_most = most;
}

bool
log_wants(enum log_level level)
{
	return log_out != NULL && level <= log_most;
}

void
log_msg(enum log_level level, const char *format, ...)
{
	struct buf b;
	va_list ap;

	if (!log_wants(level)) {
		return;
	}
	buf_init(&b, log_line, LINE);
	va_start(ap, format);
	fmt_v(&b, format, ap);
	va_end(ap);
	if (b.err != ERR_OK) {
		memcpy(log_line + b.n, "...", 3);
		b.n += 3;
	}
	log_out(log_user, level, buf_get(&b));
}
