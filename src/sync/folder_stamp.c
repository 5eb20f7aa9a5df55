/*
 * folder_stamp: when new/ and cur/ need not be read.
 *
 * At the end of a run that leaves every file as its record says, the stamps of
 * both directories go into the head. If they are the same at the next run, the
 * same boot, then nobody has changed a name since, and the records tell what
 * the files are (LOCAL_RECORDED). Three things make that true: the file system
 * is one whose stamps move at every change; nothing came between what we know
 * of the files and the stamp, which a watch shows or, without one, a stamp
 * that is the same as before the scan; and the stamp is older than the grain
 * of its times, or a later change could have the same.
 *
 * The records are counted before they are taken for the files, and only what
 * was counted beside a stamp goes into the head with it (alive): one that was
 * lost since would be a file that is fetched twice.
 */
#include <string.h>

#include "port/sys.h"
#include "sync/folder_part.h"

#define PATIENCE_MS 100 /* for the grain, at most */

/* Counts the records that stand for a file; false if one is damaged. */
static bool
count(struct folder *f, uint32_t *n)
{
	struct table_reader reader;
	struct rec r;
	uint32_t recno;
	enum err e;

	*n = 0;
	table_read_begin(&reader, &f->table, 0, f->table.count, f->table_buf,
		sizeof(f->table_buf));
	while ((e = table_read_next(&reader, &r, &recno)) == ERR_OK) {
		*n += r.state == REC_PRESENT;
	}
	return e == ERR_END && reader.bad == 0;
}

/* Are these the stamps of the head, of this boot? */
static bool
same(const struct folder *f, const struct maildir_stamp *s)
{
	return f->head.stamp_clean &&
		memcmp(f->head.boot_id, f->boot_id, 16) == 0 &&
		memcmp(f->head.stamp, s->sub, sizeof(s->sub)) == 0;
}

/* Does the watch tell all? It does not know of other machines. */
static bool
watched(const struct folder *f)
{
	return f->box.watch != FS_NONE && !f->foreign;
}

static bool
past_grain(struct folder *f, const struct maildir_stamp *s, int64_t *wait)
{
	*wait = maildir_stamp_wait(&f->box, s, f->foreign);
	return *wait == 0;
}

/* Else it is made so that it need not be: who changes a name meanwhile is told
 * by the watch. */
static bool
is_unique(struct folder *f, struct maildir_stamp *s, int64_t *wait)
{
	return past_grain(f, s, wait) || (watched(f) &&
		!f->job->local_readonly && maildir_stamp_mark(&f->box, s,
			f->head.generation) == ERR_OK);
}

void
folder_stamp_begin(struct folder *f)
{
	uint32_t n;
	int64_t wait;

	memset(&f->stamp, 0, sizeof(f->stamp));
	f->stamp.up = f->stats.up;
	f->stamp.usable = (!f->foreign || f->job->trust_mtime) &&
		f->boot_known;
	if (!f->stamp.usable) {
		return;
	}
	maildir_watch(&f->box);
	f->stamp.usable = maildir_stamp(&f->box, &f->stamp.first) == ERR_OK;
	f->stamp.recorded = f->stamp.usable && same(f, &f->stamp.first) &&
		f->head.restored == 0 && !f->table.healed && count(f, &n) &&
		n == f->head.alive;
	f->stamp.first_old = f->stamp.usable && !f->stamp.recorded &&
		!watched(f) && past_grain(f, &f->stamp.first, &wait);
}

void
folder_stamp_boot(const struct folder *f, struct head *h)
{
	h->stamp_clean = h->stamp_clean &&
		memcmp(h->boot_id, f->boot_id, 16) == 0;
	memcpy(h->boot_id, f->boot_id, 16);
}

enum err
folder_stamp_late(struct folder *f)
{
	f->stamp.recorded = f->end_l = false;
	f->stamp.late = f->t.uid;
	return folder_scan_start(f);
}

void
folder_stamp_case(struct folder *f, const struct plan_case *c,
	enum plan_act act)
{
	bool present = c->t && c->state == REC_PRESENT;

	if (act == PLAN_NONE && (c->l != present ||
		(present && c->l_flags != c->t_flags))) {
		f->stamp.differs = true;
	}
}

void
folder_stamp_flags(struct folder *f, uint32_t file, uint32_t rec)
{
	f->stamp.differs |= ((file ^ rec) & MAILDIR_FLAGS_SYSTEM) != 0;
}

/* Every file is as its record says, so far as this run knows. */
static bool
all_recorded(const struct folder *f)
{
	const struct folder_stats *s = &f->stats;

	return f->stamp.usable && !f->stamp.differs && !f->incomplete &&
		!f->stopping && !f->up.hold && s->failed == 0 &&
		s->waiting == 0 && s->guarded == 0 &&
		s->up - f->stamp.up == s->up_todo;
}

/* Nobody but us has changed names since before the scan. */
static bool
alone(struct folder *f, const struct maildir_stamp *now)
{
	return watched(f) ? maildir_alone(&f->box)
			  : f->stamp.first_old &&
			maildir_stamp_eq(&f->stamp.first, now);
}

enum err
folder_stamp_close(struct folder *f)
{
	struct maildir_stamp now;
	int64_t wait;
	enum err e = folder_flush(f, true);

	if (e == ERR_OK && f->doubt && !f->incomplete && !f->stopping) {
		/* What is there now has survived. */
		f->head.unflushed = f->job->durability == FOLDER_OFF &&
			f->table_touched;
		folder_stamp_boot(f, &f->head);
		f->doubt = false;
	}
	if (e != ERR_OK || !f->stamp.usable) {
		return e;
	}
	e = maildir_stamp(&f->box, &now);
	if (e != ERR_OK || !all_recorded(f)) {
		if (e == ERR_OK && same(f, &now) && f->stamp.differs) {
			f->head.stamp_clean = false;
		}
		return e;
	}
	if (f->stamp.recorded && same(f, &now)) {
		return ERR_OK; /* and they are clean since then */
	}
	if (!is_unique(f, &now, &wait)) {
		f->stamp.patience += wait > 0 ? wait + 1 : PATIENCE_MS;
		f->stamp.wait_ms = f->now_ms + wait + 1;
		return f->stamp.patience < PATIENCE_MS ? ERR_AGAIN : ERR_OK;
	}
	if (alone(f, &now) && count(f, &f->head.alive)) {
		memcpy(f->head.stamp, now.sub, sizeof(now.sub));
		folder_stamp_boot(f, &f->head);
		f->head.stamp_clean = true;
	}
	return ERR_OK;
}
