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
	uint32_t rate = a->login.line.rate;
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

/* A first sync fetches all there is. */
void
account_line_expect(struct account *a)
{
	a->login.line.expect = a->have && !a->entry.has_state ? BULK : 0;
}

/* A further lane would not be compressed, and others are. */
bool
account_line_is_full(const struct account *a)
{
	const struct imap_line *line = &a->login.line;
	const struct lane *l = NULL;

	if (line->rate == 0 || line->rate >= SLOW ||
		pool_count(a) < CFG_COMPRESS_CONNECTIONS) {
		return false;
	}
	while ((l = pool_next(a, l)) != NULL &&
		(l->conn.io.flate == NULL || l->phase == LANE_LOGOUT)) {
	}
	return l != NULL;
}

/* Of what this lane is going to receive: what is left of its folder, and a
 * first sync of another one; else as much as it received so far may follow. */
static uint64_t
expects(const struct lane *l)
{
	const struct account *a = l->account;
	bool begun = l->phase == LANE_FOLDER && l->folder.down.begun;
	uint64_t n = begun ? folder_down_expects(&l->folder)
			   : l->conn.io.counts.raw_rx;

	return (!begun || a->left > 0) && !l->entry.has_state && n < BULK
		? BULK : n;
}

/* While the line is not known, all lanes together ask for little more than one
 * may. */
static bool
others_ask(const struct lane *l)
{
	uint64_t most = imap_line_ask(&l->conn), n = 0;
	const struct lane *o = NULL;

	while ((o = pool_next(l->account, o)) != NULL) {
		n += o != l && o->folder_open ? o->folder.down.flying : 0;
	}
	return most < CFG_SET_BYTES && n >= IMAP_LINE_DEEP * most;
}

static void
measure(struct lane *l, int64_t now_ms)
{
	struct account *a = l->account;
	struct imap_line *line = &a->login.line;
	struct imap_seen seen = {0};
	uint32_t known = line->rate;

	if (line->rtt > l->conn.rtt_ms + 1 || line->rtt == 0) {
		line->rtt = l->conn.rtt_ms + 1;
	}
	for (l = NULL; (l = pool_next(a, l)) != NULL;) {
		imap_line_look(line, &l->conn, now_ms, &seen);
	}
	imap_line_seen(line, &seen, io_line_rx(), now_ms);
	if (line->rate != known) {
		log_msg(LOG_DEBUG, "%s: the line brings %u kB/s",
			a->conf.host, line->rate);
	}
}

enum account_line
account_line_look(struct lane *l, int64_t now_ms)
{
	struct account *a = l->account;
	struct imap_line *line = &a->login.line;

	measure(l, now_ms);
	l->conn.few = others_ask(l);
	if (!imap_compress_could(&l->conn) ||
		!imap_compress_pays(line, expects(l), l->conn.rtt_ms)) {
		return LINE_STAYS;
	}
	return imap_compress_reserve(&l->conn) ? LINE_COMPRESS :
		account_line_is_full(a) ? LINE_LEAVE : LINE_STAYS;
}

#endif
