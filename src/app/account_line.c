/*
 * account_line: what is known of the line to a server, and what is going to
 * come over it: what decides about compression (imap/imap_compress.c).
 *
 * The file "line" remembers the rate and the number of folders of the last
 * run that wrote anything. It is a hint: what cannot be read is not known.
 */
#include "app/account.h"
#include "base/crc32.h"
#include "base/le.h"
#include "base/log.h"

#if CFG_COMPRESS

#define LINE "line"
#define LINE_BYTES 16
#define MAGIC 0x314e4c57u /* "WLN1" */
#define FOLDER_BYTES 109  /* of LIST with STATUS */
#define BULK (4u << 20)	  /* of a folder that was never synced, or more */
#define SLOW 6000u	  /* bytes per ms; of one lane that is not compressed */

static uint32_t
checksum(const uint8_t *p)
{
	return crc32(CRC32_START, p, LINE_BYTES - 4);
}

void
account_line_begin(struct account *a)
{
	struct imap_line *line = &a->login.line;
	uint8_t p[LINE_BYTES];
	fs_fd fd = FS_NONE;
	size_t n = 0;

	line->compress = (enum imap_compress)a->conf.compress;
	if (fs_open(a->state, LINE, FS_READ, 0, &fd) == ERR_OK &&
		fs_read(fd, p, sizeof(p), &n) == ERR_OK && n == sizeof(p) &&
		le_get32(p) == MAGIC && le_get32(p + 12) == checksum(p)) {
		line->rate = le_get32(p + 4);
		line->expect = (uint64_t)le_get32(p + 8) * FOLDER_BYTES;
		a->line_folders = le_get32(p + 8);
	}
	a->line_rate = line->rate;
	fs_close(&fd);
}

/* A quarter more or less is as good as the same. */
static bool
differs(uint32_t a, uint32_t b)
{
	return a > b ? a - b > b / 4 : b - a > a / 4;
}

void
account_line_keep(struct account *a)
{
	uint32_t rate = a->line_seen != 0 ? a->line_seen : a->line_rate;
	uint8_t p[LINE_BYTES];
	fs_fd fd = FS_NONE;

	if (a->options->dry_run || fs_written() == a->written ||
		(!differs(rate, a->line_rate) &&
		!differs(a->folders.remote_n, a->line_folders))) {
		return;
	}
	le_put32(p, MAGIC);
	le_put32(p + 4, rate);
	le_put32(p + 8, a->folders.remote_n);
	le_put32(p + 12, checksum(p));
	if (fs_open(a->state, LINE, FS_WRITE | FS_CREATE, 0600, &fd) ==
		ERR_OK) {
		(void)fs_pwrite(fd, p, sizeof(p), 0);
	}
	fs_close(&fd);
}

/* Lanes share the line, so their rates add up. */
void
account_line_closed(struct account *a, const struct imap_conn *c)
{
	a->line_seen += c->io.rate;
}

/* A first sync fetches all there is. Else as much may follow as came. */
void
account_line_expect(struct account *a, const struct imap_conn *c)
{
	struct imap_line *line = &a->login.line;

	if (a->line_rate == 0 && c != NULL && c->io.rate != 0) {
		line->rate = c->io.rate;
	}
	if (c != NULL && c->rtt_ms < line->rtt - 1u) {
		line->rtt = c->rtt_ms + 1;
	}
	line->expect = a->have && !a->entry.has_state ? BULK :
		c != NULL ? c->io.counts.raw_rx : 0;
}

bool
account_line_is_full(const struct account *a, uint32_t lanes)
{
	const struct imap_line *line = &a->login.line;
	struct lane *l = NULL;

	if (lanes < CFG_COMPRESS_CONNECTIONS || line->rate == 0 ||
		line->rate >= SLOW) {
		return false;
	}
	while ((l = pool_next(a, l)) != NULL && !l->conn.io.compressed) {
	}
	return l != NULL;
}

#endif
