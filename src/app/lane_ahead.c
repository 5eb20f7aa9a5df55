/*
 * lane_ahead: the folders that a lane does next, and their first commands on
 * the line while the one before is at work.
 *
 * How many: CFG_AHEAD, but no more than this lane's share of the folders that
 * are left, or the others would have nothing to do; a lane that has nothing
 * takes what another one has not sent. Behind a folder of which nothing is
 * known but changes of the server's (job.quiet) the next one goes out at once,
 * else when it has sent its last command. So it does behind one that is new
 * here and whose few messages were asked for with the listing; but that is
 * work for all lanes, and each keeps to its share.
 */
#include <string.h>

#include "app/account.h"

#if CFG_AHEAD

#define UNKNOWN 8 /* new folders ahead, while the line is not known */
#define IS offsetof(struct folder_entry, remote) /* all but names */

static size_t
size_of(const struct lane_next *n)
{
	return IS + n->names_n + n->lines_n;
}

/* Into what is free of the memory; 0: no room. */
static uint16_t
pack(struct lane *l, const struct folder_entry *f)
{
	size_t remote = strlen(f->remote) + 1, local = strlen(f->local) + 1;
	char *to = l->next_mem + l->next_used;

	if (remote + local > LANE_NAMES ||
		IS + remote + local > sizeof(l->next_mem) - l->next_used) {
		return 0;
	}
	memcpy(to, f, IS);
	memcpy(to + IS, f->remote, remote);
	memcpy(to + IS + remote, f->local, local);
	return (uint16_t)(remote + local);
}

static void
unpack(const char *from, struct folder_entry *to)
{
	size_t remote = strlen(from + IS) + 1;

	memcpy(to, from, IS);
	memcpy(to->remote, from + IS, remote);
	memcpy(to->local, from + IS + remote, strlen(from + IS + remote) + 1);
}

/* What is ahead has been given up? */
static void
forget(struct lane *l)
{
	for (uint32_t i = 0; i < l->next_n && l->conn.fence == 0; i++) {
		l->next[i].tag = 0;
	}
}

void
lane_ahead_take(struct lane *l)
{
	size_t n;

	l->own.tag = 0;
	if (l->next_n == 0) {
		return;
	}
	forget(l);
	unpack(l->next_mem, &l->entry);
	l->own = l->next[0];
	n = size_of(&l->own);
	memcpy(l->own_lines, l->next_mem + n - l->own.lines_n, l->own.lines_n);
	l->next_n--;
	l->next_used -= n;
	memmove(l->next, l->next + 1, l->next_n * sizeof(l->next[0]));
	memmove(l->next_mem, l->next_mem + n, l->next_used);
	account_title(&l->entry, l->title, sizeof(l->title));
	l->chosen = true;
	l->account->folder_no++;
}

bool
lane_ahead_waits(const struct lane *l)
{
	return l->next_n > 0;
}

/* Its share of what is left in the list; of new folders, and of what it took. */
static uint32_t
depth(const struct lane *l, uint32_t took)
{
	const struct account *a = l->account;
	uint32_t lanes = CFG_CONNECTIONS + 1 - a->options->accounts;

	if (a->conf.max_lanes != 0 && a->conf.max_lanes < lanes) {
		lanes = a->conf.max_lanes;
	}
	lanes = (took + a->left + a->have + lanes - 1) / lanes;
	return lanes < CFG_AHEAD ? lanes : CFG_AHEAD;
}

/* Nothing has changed here, and what the server has to tell comes in the first
 * flight: the folder that was just looked at, or has begun, sends nothing
 * else. A guess, by what STATUS and the stamps say. */
static bool
quiet(const struct lane *l, const struct folder_entry *e)
{
	const struct folders_now *now = &l->account->now;
	const struct folder *f = &l->folder;
	const struct head *h = &f->head;
	struct maildir_stamp stamp;

	if (folder_fresh_whole(f)) {
		return true;
	}
	return f->list.kind == LIST_QRESYNC && h->stamp_clean &&
		((e->uidnext != 0 && e->uidnext <= f->base.uidnext) ||
			folder_fresh_covers(f)) && now->has_boot_id &&
		memcmp(h->boot_id, now->boot_id, 16) == 0 &&
		maildir_trust_stamp(&now->trust, e->local, &stamp) == ERR_OK &&
		memcmp(h->stamp, stamp.sub, sizeof(stamp.sub)) == 0;
}

/* What has no room in mem is without. */
static void
make_lines(struct lane *l, const struct folder_entry *f, char *mem,
	size_t size, struct lane_next *to)
{
	fs_fd state = FS_NONE;
	struct folder_job job;
	struct buf b;

	to->refused = l->conn.refused;
	if (f->has_state &&
		lane_folder_state(l, f, NULL, &state) != ERR_OK) {
		return;
	}
	job = lane_folder_job(l, f, state);
	buf_init(&b, mem, size < LANE_LINES ? size : LANE_LINES);
	if (imap_enable(&l->conn) == ERR_OK &&
		folder_ahead_lines(&l->folder, &l->conn, &job, &b) == ERR_OK) {
		to->lines_n = (uint16_t)b.n;
		to->quiet = quiet(l, f);
		to->full = folder_fresh_whole(&l->folder);
	}
	fs_close(&state);
}

void
lane_ahead_early(struct lane *l)
{
	l->entry = l->account->entry;
	l->own = (struct lane_next){.lines_n = 0};
	make_lines(l, &l->account->entry, l->own_lines, sizeof(l->own_lines),
		&l->own);
	if (l->own.lines_n > 0 && imap_ahead_send(&l->conn,
		(struct span){l->own_lines, l->own.lines_n}, &l->own.tag) !=
		ERR_OK) {
		l->own.tag = 0;
	}
}

bool
lane_ahead_is_early(const struct lane *l)
{
	return l->own.tag != 0;
}

enum err
lane_ahead_fill(struct lane *l)
{
	struct account *a = l->account;
	uint32_t n = l->next_n;
	struct lane_next *to = &l->next[n];
	bool full = n > 0 && l->next[n - 1].full;
	bool more = n > 0 && l->next[n - 1].quiet && !full;
	enum err e;

	if (n >= (more ? CFG_AHEAD : depth(l, full ? n : 0)) ||
		(n > 0 && l->next[n - 1].lines_n == 0)) {
		return ERR_END;
	}
	e = account_look(a);
	if (e == ERR_OK && a->have) {
		size_t at = l->next_used + IS;

		if (CFG_FRESH > 0) {
			lane_folder_blind(l, &a->entry);
		}
		*to = (struct lane_next){.names_n = pack(l, &a->entry)};
		if (to->names_n == 0) {
			return ERR_END;
		}
		at += to->names_n;
		make_lines(l, &a->entry, l->next_mem + at,
			sizeof(l->next_mem) - at, to);
		a->have = false;
		l->next_n++;
		l->next_used += size_of(to);
	}
	return e;
}

void
lane_ahead_begin(struct lane *l)
{
	if (l->own.tag != 0) {
		imap_ahead_replay(&l->conn,
			(struct span){l->own_lines, l->own.lines_n},
			l->own.tag, l->next_n > 0 ? l->next[0].tag : 0);
		l->own.tag = 0;
	}
}

void
lane_ahead_drop(struct lane *l)
{
	if (l->own.tag != 0) {
		imap_ahead_drop(&l->conn);
		l->drops = true;
		l->own.tag = 0;
	}
}

enum err
lane_ahead_drop_step(struct lane *l, int64_t now_ms)
{
	struct imap_event *ev;
	enum err e = imap_conn_step(&l->conn, now_ms), got = e;

	while (got == ERR_OK || got == ERR_AGAIN) {
		got = imap_conn_next(&l->conn, &ev);
		if (got != ERR_OK) {
			break;
		}
		e = ERR_OK;
	}
	if (got == ERR_AGAIN && !imap_conn_busy(&l->conn)) {
		l->drops = false;
		return ERR_OK;
	}
	return got == ERR_AGAIN ? e : got;
}

void
lane_ahead_begun(struct lane *l)
{
	l->job.quiet = l->folder.err == ERR_OK && quiet(l, &l->entry);
	lane_ahead_step(l);
}

void
lane_ahead_step(struct lane *l)
{
	bool after = folder_ahead_ready(&l->folder) && !l->holds;
	const char *at = l->next_mem;
	uint32_t most = CFG_COMPRESS && CFG_FRESH > 0 &&
		imap_line_ask(&l->conn) < CFG_SET_BYTES ? UNKNOWN : CFG_AHEAD;

	forget(l);
	for (uint32_t i = 0; i < l->next_n && after; i++) {
		struct lane_next *to = &l->next[i];

		at += size_of(to);
		after = to->tag != 0 || (to->lines_n > 0 &&
			to->refused == l->conn.refused &&
			imap_ahead_send(&l->conn,
				(struct span){at - to->lines_n, to->lines_n},
				&to->tag) == ERR_OK);
		after = after && to->quiet && (!to->full || i + 1 < most);
	}
}

void
lane_ahead_clear(struct lane *l)
{
	l->next_n = 0;
	l->next_used = 0;
}

void
lane_ahead_reset(struct lane *l)
{
	l->drops = false;
	l->own.tag = 0;
	for (uint32_t i = 0; i < l->next_n; i++) {
		l->next[i].tag = 0;
	}
}

bool
lane_ahead_give(struct lane *l)
{
	struct account *a = l->account;

	if (l->next_n == 0) {
		return false;
	}
	l->next_used -= size_of(&l->next[--l->next_n]);
	unpack(l->next_mem + l->next_used, &a->entry);
	account_title(&a->entry, a->title, sizeof(a->title));
	a->have = true;
	return true;
}

bool
lane_ahead_steal(struct account *a)
{
	struct lane *l = NULL;

	while ((l = pool_next(a, l)) != NULL) {
		if (l->next_n > 0 && l->next[l->next_n - 1].tag == 0) {
			return lane_ahead_give(l);
		}
	}
	return false;
}

#endif
