/* about: prints the memory table with its sum; see base/mem.h. */
#include "app/about.h"
#include "app/ui.h"
#include "base/buf.h"
#include "base/mem.h"
#include "config.h"
#include "port/tls.h"

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
	char text[400];
	size_t sum = 0;
	struct buf b;

	BUF_INIT(&b, text);
	buf_fmt(&b, "wherry %s, %s, CA bundle %s\n\n    bytes  object\n",
		WHERRY_VERSION, tls_version(),
		tls_system_ca()[0] != '\0' ? tls_system_ca() : "not found");
	ui_out(buf_get(&b));
	for (const struct mem_row *r = main_mem; r->name != NULL; r++) {
		row(r, &sum);
	}
	for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++) {
		row(single[i], &sum);
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
