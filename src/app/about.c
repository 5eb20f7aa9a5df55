/*
 * about: prints the version, the features built in, and the memory table with
 * its sum; see base/mem.h.
 */
#include "app/about.h"
#include "app/ui.h"
#include "base/buf.h"
#include "base/mem.h"
#include "config.h"
#include "io/io_flate.h"
#include "port/tls.h"

static const struct {
	const char *name;
	bool on;
} features[] = {
	{"cram-md5", HAS_CRAM_MD5},
	{"folderfilter", CFG_FILTERS},
	{"remotepasscmd", CFG_PASSCMD},
	{"prompt", CFG_PROMPT},
	{"show-cert", CFG_SHOW_CERT},
	{"progress", CFG_PROGRESS},
	{"advice", CFG_ADVICE},
	{"resume", CFG_RESUME},
	{"stats", CFG_STATS},
	{"compress", CFG_COMPRESS},
	{"reconnect", CFG_RECONNECT > 0},
	{"watch", CFG_WATCH},
	{"moves", CFG_MOVES},
	{"help", CFG_HELP},
	{"passwd", CFG_PASSWD},
	{"reasons", CFG_REASONS},
};

/* "built with: a b", or "without" those that are off; nothing if none is. */
static void
list(struct buf *b, const char *title, bool on)
{
	size_t n = 0;

	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		if (features[i].on == on) {
			buf_fmt(b, "%s %s", n++ == 0 ? title : "",
				features[i].name);
		}
	}
	buf_str(b, n > 0 ? "\n" : "");
}

static void
row(const struct mem_row *r, size_t *sum)
{
	char text[200];
	struct buf b;

	BUF_INIT(&b, text);
	buf_fmt(&b, "%9zu  %-16s %s\n", r->bytes, r->name, r->what);
	ui_out(buf_get(&b));
	*sum += r->bytes;
}

void
about(void)
{
	static const struct mem_row *const single[] = {&err_mem, &log_mem,
		&ui_mem, &pool_mem};
	char text[600];
	size_t sum = 0;
	struct buf b;

	BUF_INIT(&b, text);
	buf_fmt(&b, "wherry %s, %s, CA bundle %s\n",
		WHERRY_VERSION, tls_version(),
		tls_system_ca()[0] != '\0' ? tls_system_ca() : "not found");
	list(&b, "built with:", true);
	list(&b, "built without:", false);
	buf_str(&b, "\n    bytes  object\n");
	ui_out(buf_get(&b));
	for (const struct mem_row *r = main_mem; r->name != NULL; r++) {
		row(r, &sum);
	}
	for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++) {
		row(single[i], &sum);
	}
	if (CFG_COMPRESS) {
		row(&io_flate_mem, &sum);
	}
	for (const struct mem_row *r = tls_mem; r->name != NULL; r++) {
		row(r, &sum);
	}
	for (const struct mem_row *r = arena_mem; r->name != NULL; r++) {
		row(r, &sum);
	}
	b.n = 0;
	buf_fmt(&b, "%9zu  sum\n", sum);
	ui_out(buf_get(&b));
}
