/*
 * folder_pend: results on their way to become records.
 *
 * Order of durability (one flush per batch): the data of the downloads of
 * this batch and the names of the one before become durable by one syncfs;
 * then records of what was acted before; then the downloads get their names
 * (PEND_UNSENT to PEND_ACTED), whose durability the next flush brings. Where
 * syncfs cannot be trusted every file is synced when it is complete, and the
 * directories here.
 *
 * Records and head get no flush of their own unless fsync = always: one that a
 * power cut takes back is found again by the name of its file.
 */
#include <string.h>

#include "sync/folder_part.h"

bool
folder_pend_full(const struct folder *f)
{
	return f->pend_n >= (f->store.begun ? CFG_RING / 2 : CFG_RING) - 1;
}

struct pend *
folder_pend_add(struct folder *f, enum pend_what what, uint32_t uid,
	uint32_t recno)
{
	struct pend *p = &f->pend[f->pend_n++];

	f->pend_new++;
	memset(p, 0, sizeof(*p));
	p->what = (uint8_t)what;
	p->uid = uid;
	p->recno = recno;
	p->name.kind = NAME_NONE;
	return p;
}

/* A record means something only under its UIDVALIDITY, so the head that tells
 * it is durable before the first one; and so is it before one that may outlive
 * its file in a power cut. */
enum err
folder_head_begin(struct folder *f)
{
	struct head h = f->old_head;
	enum err e;

	if (h.uidvalidity == 0) {
		f->head.uidvalidity = f->uidvalidity;
		f->head.mode = HEAD_INITIAL; /* until a whole run has ended */
		h = f->head;
	}
	if (f->job->durability == FOLDER_OFF && !h.unflushed) {
		folder_stamp_boot(f, &h);
		folder_stamp_boot(f, &f->head);
		h.unflushed = f->head.unflushed = true;
	}
	e = head_save(f->job->state, &h, true);
	if (e == ERR_OK) {
		f->old_head = h;
	}
	return e;
}

void
folder_count(struct folder *f, const struct rec *r, int by)
{
	uint32_t n = (uint32_t)by; /* modulo 2^32, as what it is added to */

	f->there += r->state != REC_GONE ? n : 0;
	f->unseen += r->state != REC_GONE && !(r->flags & MAILDIR_S) ? n : 0;
	f->wanted += r->state == REC_WANTED ? n : 0;
}

enum err
folder_record(struct folder *f, uint32_t recno, const struct rec *r)
{
	struct rec old;

	if (f->old_head.uidvalidity == 0 ||
		(f->job->durability == FOLDER_OFF && !f->head.unflushed)) {
		enum err e = folder_head_begin(f);

		if (e != ERR_OK) {
			return e;
		}
	}
	f->table_touched = true;
	if (recno == NO_RECORD) {
		folder_count(f, r, 1);
		return table_append(&f->table, r, &recno);
	}
	if (table_get(&f->table, recno, &old) == ERR_OK) {
		folder_count(f, &old, -1);
	}
	folder_count(f, r, 1);
	return table_put(&f->table, recno, r);
}

void
folder_tmp_name(uint32_t tmp, struct buf *out)
{
	buf_str(out, FOLDER_TMP);
	buf_u64(out, tmp);
	buf_cstr(out);
}

/* What an earlier run left in tmp/, but for a message to go on with; nobody
 * else uses our prefix there, and the folder is locked. */
void
folder_tmp_clean(struct folder *f)
{
	struct fs_walk w;
	const char *name;
	enum fs_type type;

	if (f->job->dry_run || fs_walk_open(&w, f->box.tmp, ".", f->walk_buf,
		sizeof(f->walk_buf)) != ERR_OK) {
		return;
	}
	while (fs_walk_next(&w, &name, &type) == ERR_OK) {
		if (span_starts(span_of(name), SPAN(FOLDER_TMP)) &&
			!(CFG_RESUME && folder_resume_found(f, name))) {
			(void)fs_unlink(f->box.tmp, name);
		}
	}
	fs_walk_close(&w);
}

/* The data of what lies in tmp/, file by file. */
static enum err
sync_arrived(struct folder *f)
{
	enum err e = ERR_OK;

	for (uint32_t i = 0; i < f->pend_n && e == ERR_OK; i++) {
		const struct pend *p = &f->pend[i];
		char name[32];
		struct buf b;
		fs_fd fd = FS_NONE;

		if (p->what != PEND_DOWN || p->stage != PEND_UNSENT ||
			p->synced) {
			continue;
		}
		BUF_INIT(&b, name);
		folder_tmp_name(p->tmp, &b);
		e = fs_open(f->box.tmp, name, FS_READ, 0, &fd);
		if (e == ERR_OK) {
			e = fs_sync(fd);
		}
		fs_close(&fd);
	}
	return e;
}

/* The names that these results stand on: ours, and where messages neither came
 * nor were sent perhaps those that somebody else gave. */
static enum err
sync_names(struct folder *f, bool others)
{
	enum err e = ERR_OK;

	for (uint32_t i = 0; i < f->pend_n; i++) {
		others = others || (f->pend[i].what != PEND_DOWN &&
			f->pend[i].what != PEND_UP);
	}
	for (int i = MAILDIR_NEW; i <= MAILDIR_CUR && e == ERR_OK; i++) {
		if (others || f->box.renamed[i]) {
			e = fs_sync_names(f->box.sub[i]);
			f->box.renamed[i] = f->box.renamed[i] && e != ERR_OK;
		}
	}
	return e;
}

/* Results from which on syncfs is used. It also pays for what others wrote, so
 * only for a batch worth it; a folder that is new is one of many in a first
 * sync, where each flush is one of thousands. */
uint32_t
folder_syncfs_from(const struct folder *f)
{
	return f->job->fresh ? 4 : 16;
}

/* And only as long as what others wrote is not too much. */
static enum err
make_durable(struct folder *f, bool others)
{
	enum err e = ERR_UNSUPPORTED;

	if (f->job->durability == FOLDER_OFF) { /* else it is sent again */
		return f->stats.up > 0 ? sync_names(f, others) : ERR_OK;
	}
	if (!f->sync_each && f->pend_n >= folder_syncfs_from(f)) {
		e = fs_sync_all(f->box.tmp,
			(int64_t)f->pend_n * CFG_SYNCFS_MS);
		f->sync_start = e == ERR_UNSUPPORTED;
	}
	if (e == ERR_UNSUPPORTED) { /* by itself, also in a sandbox */
		e = f->sync_each ? ERR_OK : sync_arrived(f);
		e = e == ERR_OK ? sync_names(f, others) : e;
	}
	return e == ERR_OK && folder_always(f) ? heap_sync(&f->heap) : e;
}

static enum rec_state
state_of(const struct pend *p)
{
	switch (p->what) {
	case PEND_GONE:
		return REC_GONE;
	case PEND_LEFT:
		return REC_HELD; /* GONE would be dropped and come back */
	default:
		return REC_PRESENT;
	}
}

static enum err
write_record(struct folder *f, const struct pend *p)
{
	struct rec r = {.uid = p->uid, .flags = p->flags, .size = p->size,
		.state = state_of(p), .mkey = p->mkey, .name = p->name};

	return folder_record(f, p->recno, &r);
}

/* "<uidvalidity>.<host name>", with its number in the heap. */
static enum err
own_host(struct folder *f, struct buf *out, struct rec_name *name)
{
	size_t from = out->n;
	enum err e = ERR_OK;

	buf_u64(out, f->uidvalidity);
	buf_char(out, '.');
	buf_str(out, f->job->hostname);
	if (!f->host_known) {
		e = heap_host(&f->heap, span_from(buf_get(out), from),
			&f->host);
		f->host_known = e == ERR_OK;
	}
	name->host = f->host;
	if (e == ERR_LIMIT) { /* all host numbers taken: no name recorded */
		*name = (struct rec_name){.kind = NAME_NONE};
		e = ERR_OK;
	}
	return e;
}

static enum err
own_base(struct folder *f, struct pend *p, struct buf *out)
{
	uint32_t date = p->date > 0 && p->date <= UINT32_MAX
		? (uint32_t)p->date : 0;

	p->name = (struct rec_name){.time = date, .seq = p->uid,
		.kind = MAILDIR_OWN};
	buf_u64(out, date);
	buf_char(out, '_');
	buf_u64(out, p->uid);
	buf_char(out, '.');
	return own_host(f, out, &p->name);
}

/* A complete file in tmp/ gets its name. */
static enum err
deliver(struct folder *f, struct pend *p)
{
	char base_text[CFG_NAME], name[CFG_NAME], tmp[32];
	enum maildir_where to = p->flags & MAILDIR_S ? MAILDIR_CUR
						     : MAILDIR_NEW;
	struct buf base, n, t;
	enum err e;

	BUF_INIT(&base, base_text);
	BUF_INIT(&n, name);
	BUF_INIT(&t, tmp);
	e = own_base(f, p, &base);
	maildir_name_build(&n, buf_get(&base), p->uid, f->fmd5,
		f->job->infosep, p->flags);
	buf_cstr(&n);
	folder_tmp_name(p->tmp, &t);
	if (e == ERR_OK) {
		e = base.err != ERR_OK ? base.err : n.err;
	}
	if (e == ERR_OK) {
		e = maildir_rename(&f->box, MAILDIR_TMP, tmp, to, name);
	}
	if (e == ERR_EXIST) { /* delivered before a crash: the same message */
		e = fs_unlink(f->box.tmp, tmp);
	}
	if (e == ERR_OK) {
		p->stage = PEND_ACTED;
		f->stats.down++;
	}
	return e;
}

/* One round: durable, records of what was acted, names of what arrived. On an
 * error the entries not dealt with stay as they are: never a record for a
 * file that did not get its name, or for one whose flush failed. */
static enum err
flush_once(struct folder *f, bool final)
{
	uint32_t keep = 0;
	bool wrote = false;
	enum err e = make_durable(f, false);

	if (e != ERR_OK) {
		/* A second flush would say that all is well although this one
		 * lost data: nothing of this batch is recorded. */
		f->pend_n = f->pend_new = 0;
		return e;
	}
	for (uint32_t i = 0; i < f->pend_n; i++) {
		struct pend p = f->pend[i];
		bool stays = e != ERR_OK;

		if (e == ERR_OK && p.stage == PEND_ACTED) {
			e = write_record(f, &p);
			wrote = true;
			stays = e != ERR_OK;
		} else if (e == ERR_OK && p.stage == PEND_UNSENT) {
			stays = p.what == PEND_DOWN || !final;
			e = p.what == PEND_DOWN ? deliver(f, &p) : ERR_OK;
		}
		if (stays) {
			f->pend[keep++] = p;
		}
	}
	maildir_watch_read(&f->box);
	f->pend_n = keep;
	f->pend_new = 0;
	f->pend_bytes = 0;
	/* The window is clean for the looks of the next set. */
	return e == ERR_OK && wrote ? table_flush(&f->table) : e;
}

/* Their names are those that somebody gave before the join: one flush makes
 * all of them durable. */
enum err
folder_store_records(struct folder *f)
{
	enum err e = folder_flush(f, true);
	struct pend p;

	if (!f->store.begun || e != ERR_OK) {
		return e;
	}
	e = make_durable(f, true);
	if (e == ERR_OK) {
		e = spill_rewind(&f->store.spill);
	}
	while (e == ERR_OK && (e = folder_store_next(f, &p)) == ERR_OK) {
		e = folder_store_failed(f, &p) ? ERR_OK : write_record(f, &p);
	}
	maildir_watch_read(&f->box);
	return e == ERR_END ? table_flush(&f->table) : e;
}

bool
folder_always(const struct folder *f)
{
	return f->job->durability == FOLDER_ALWAYS;
}

enum err
folder_settle(struct folder *f)
{
	return !f->table_touched ? ERR_OK : folder_always(f)
		? table_sync(&f->table) : table_settle(&f->table);
}

enum err
folder_flush(struct folder *f, bool final)
{
	enum err e = ERR_OK;

	/* The second round records what the first one named. */
	for (int i = 0; i < (final ? 2 : 1) && e == ERR_OK; i++) {
		if (f->pend_n > 0) {
			e = flush_once(f, final);
		}
	}
	return e;
}
