/*
 * folder_delete: deletions, last of all and only on positive evidence.
 *
 * The listing was complete (else we are not here). The brake refuses more
 * than a mishap should cause. A missing file gets a second look: readdir can
 * miss files that are being renamed, so a candidate counts only if a further
 * scan misses it too and new/ and cur/ did not change during that scan. On
 * the server messages get \Deleted and, where `expunge` allows, UID EXPUNGE
 * of exactly these UIDs (RFC 4315 2.1); without UIDPLUS a plain EXPUNGE only
 * if nothing else is marked \Deleted there, else they stay marked.
 */
#include <string.h>

#include "sync/folder_part.h"

#define CHUNK 256u
#define LOOKS 4u

enum { CHECK, READ, LOOK, MARK, EXPUNGE, MARKED, SEARCHED, EXPUNGED, RECORD };

struct candidate {
	uint32_t uid, recno;
	bool back, shown;
};

static struct candidate *
candidates(struct folder *f)
{
	_Static_assert(CHUNK * sizeof(struct candidate) <= CFG_SORT_ARENA,
		"a chunk of deletions lives in the sort arena");
	return (struct candidate *)(void *)f->arena;
}

static bool
brake(struct folder *f, uint32_t n, const char *where)
{
	uint32_t alive = f->alive - f->forgotten; /* gone on both sides */

	if (n == 0 || !sync_plan_too_many(n, alive)) {
		return false;
	}
	f->stats.guarded += n;
	log_msg(LOG_ERROR, "%s: %u of %u messages would be deleted %s; that "
		"looks like a mishap, so nothing was deleted. Look what became "
		"of them; until then this folder's deletions are held back",
		f->job->title, n, alive, where);
	return true;
}

static enum err
check(struct folder *f)
{
	bool local = f->doomed_local > 0 &&
		!brake(f, f->doomed_local, "here");
	bool remote = f->doomed_remote > 0 &&
		!brake(f, f->doomed_remote, "on the server");

	if (f->incomplete || f->stopping || (!local && !remote)) {
		folder_enter(f, FOLDER_CLOSE);
		return ERR_OK;
	}
	f->del.refused = (local ? 0 : 1u << DOOM_LOCAL) |
		(remote ? 0 : 1u << DOOM_REMOTE);
	f->del.step = READ;
	f->del.n = 0;
	UNPOISON(f->arena, CHUNK * sizeof(struct candidate));
	return spill_rewind(&f->doomed);
}

static enum err
record_gone(struct folder *f, enum pend_what what, uint32_t uid,
	uint32_t recno)
{
	struct pend *p;
	struct rec r;

	if (table_get(&f->table, recno, &r) != ERR_OK || r.uid != uid) {
		return ERR_OK;
	}
	p = folder_pend_add(f, what, uid, recno);
	p->flags = r.flags | (what == PEND_LEFT ? MAILDIR_T : 0);
	p->size = r.size;
	p->mkey = r.mkey;
	p->stage = PEND_ACTED;
	return folder_pend_full(f) ? folder_flush(f, true) : ERR_OK;
}

static enum err
remove_file(struct folder *f, const struct doomed *d)
{
	char name[CFG_NAME];
	struct buf b;
	enum err e;

	BUF_INIT(&b, name);
	e = folder_local_name(f, &d->l, &b);
	buf_cstr(&b);
	if (e == ERR_OK) {
		e = maildir_unlink(&f->box, (enum maildir_where)d->l.where,
			name);
	}
	if (e == ERR_NOENT) {
		f->stamp.differs = true;
		return ERR_OK; /* renamed meanwhile: next run */
	}
	if (e == ERR_OK) {
		f->stats.del_local++;
		e = record_gone(f, PEND_GONE, d->uid, d->recno);
	}
	return e;
}

/* Reads on until a chunk of server deletions is full or the plan ends. */
static enum err
read_plan(struct folder *f)
{
	const uint8_t *p;
	struct doomed d;
	size_t n;
	enum err e = ERR_OK;

	while (e == ERR_OK && f->del.n < CHUNK) {
		e = spill_next(&f->doomed, &p, &n);
		if (e != ERR_OK) {
			break;
		}
		folder_doomed_dec(&d, p);
		if (f->del.refused >> d.what & 1) {
			continue;
		}
		if (d.what == DOOM_LOCAL) {
			e = remove_file(f, &d);
		} else if (d.what == DOOM_REMOTE) {
			candidates(f)[f->del.n++] = (struct candidate){
				.uid = d.uid, .recno = d.recno};
		}
	}
	if (e != ERR_OK && e != ERR_END) {
		return e;
	}
	if (f->del.n > 0) {
		f->del.step = LOOK;
		return ERR_OK;
	}
	folder_arena_drop(f);
	folder_enter(f, FOLDER_CLOSE);
	return folder_flush(f, true);
}

static struct candidate *
find(struct folder *f, uint32_t uid)
{
	struct candidate *c = candidates(f);
	uint32_t lo = 0, hi = f->del.n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (c[mid].uid < uid) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	return lo < f->del.n && c[lo].uid == uid ? &c[lo] : NULL;
}

/* Waits once until stamps mean something. */
static enum err
settle_stamps(struct folder *f)
{
	struct maildir_stamp s;
	int64_t wait;
	enum err e;

	if (f->del.wait_ms != 0) {
		return f->now_ms >= f->del.wait_ms ? ERR_OK : ERR_AGAIN;
	}
	e = maildir_stamp(&f->box, &s);
	wait = maildir_stamp_wait(&f->box, &s, f->foreign);
	f->del.wait_ms = f->now_ms + wait + 10; /* both clocks round down */
	return e != ERR_OK ? e : wait > 0 ? ERR_AGAIN : ERR_OK;
}

static enum err
look_again(struct folder *f)
{
	struct maildir_stamp before, after;
	struct maildir_scan scan;
	enum maildir_where where;
	const char *name;
	enum err e = maildir_stamp(&f->box, &before);
	bool changed;

	if (e != ERR_OK) {
		return e;
	}
	maildir_scan_begin(&scan, &f->box, f->walk_buf, sizeof(f->walk_buf));
	while ((e = maildir_scan_next(&scan, &where, &name)) == ERR_OK) {
		struct maildir_name n;
		struct candidate *c;

		maildir_name_parse(&n, span_of(name), f->fmd5,
			f->job->infosep);
		c = n.uid != 0 ? find(f, n.uid) : NULL;
		if (c != NULL) {
			c->back = true;
			f->left = true; /* its flags were not looked at */
			f->stamp.differs = true; /* its flags are not known */
		}
	}
	maildir_scan_end(&scan);
	if (e == ERR_END) {
		e = maildir_stamp(&f->box, &after);
	}
	f->del.wait_ms = 0;
	if (e != ERR_OK) {
		return e;
	}
	changed = !maildir_stamp_eq(&before, &after);
	if (changed || maildir_stamp_wait(&f->box, &after, f->foreign) != 0) {
		/* As young as before: time was lost behind now_ms, or the
		 * file system's clock lags on a busy machine. */
		if (!changed && f->del.looks++ < LOOKS) {
			return ERR_OK; /* settles again */
		}
		log_msg(LOG_INFO, "%s: files changed during the second look; "
			"deletions wait for the next run", f->job->title);
		f->stats.waiting += f->del.n;
		f->del.n = 0;
		f->del.refused |= 1u << DOOM_REMOTE;
		f->del.step = READ;
		return ERR_OK;
	}
	f->del.looks = 0;
	f->del.step = MARK;
	return ERR_OK;
}

/* All of f->del.n fit: config.h sees to that. Returns how many there are. */
static uint32_t
put_set(struct folder *f)
{
	struct imap_set set;

	imap_set_begin(f->conn, &set);
	for (uint32_t i = 0; i < f->del.n; i++) {
		if (!candidates(f)[i].back) {
			(void)imap_set_add(&set, candidates(f)[i].uid);
		}
	}
	imap_set_end(f->conn, &set);
	return set.count;
}

/* Marks them \Deleted. */
static enum err
mark(struct folder *f)
{
	bool plus = imap_conn_has(f->conn, IMAP_CAP(UIDPLUS));
	enum err e = imap_begin(f->conn, IMAP_CMD_STORE, 0);

	if (e != ERR_OK) {
		return e;
	}
	imap_text(f->conn, "UID STORE ");
	if (put_set(f) == 0) {
		imap_drop(f->conn);
		f->del.n = 0;
		f->del.step = READ;
		return ERR_OK;
	}
	f->del.expunge = f->job->expunge && !plus;
	imap_text(f->conn, " +FLAGS.SILENT (\\Deleted)");
	e = imap_end(f->conn, 0);
	f->del.busy = 1;
	f->del.moved = true; /* STORE accepted, until it says no */
	f->del.expunged = f->job->expunge;
	f->del.step = f->job->expunge && plus ? EXPUNGE : MARKED;
	return e;
}

/* Right behind the STORE: UID EXPUNGE of the same UIDs. */
static enum err
expunge(struct folder *f)
{
	enum err e = imap_begin(f->conn, IMAP_CMD_EXPUNGE, 1);

	if (e != ERR_OK) {
		return e;
	}
	imap_text(f->conn, "UID EXPUNGE ");
	(void)put_set(f);
	f->del.busy++;
	f->del.step = MARKED;
	return imap_end(f->conn, 0);
}

static enum err
simple(struct folder *f, const char *text, uint32_t cookie, int step)
{
	enum err e = imap_begin(f->conn, IMAP_CMD_EXPUNGE, cookie);

	if (e != ERR_OK) {
		return e;
	}
	imap_text(f->conn, text);
	f->del.busy = 1;
	f->del.step = step;
	return imap_end(f->conn, 0);
}

/* Without UIDPLUS: who else is marked? */
static enum err
marked(struct folder *f)
{
	if (f->del.busy > 0) {
		return ERR_AGAIN;
	}
	if (!f->del.moved || !f->del.expunge) {
		f->del.step = RECORD;
		return ERR_OK;
	}
	f->del.others = false;
	for (uint32_t i = 0; i < f->del.n; i++) {
		candidates(f)[i].shown = candidates(f)[i].back;
	}
	return simple(f, "UID SEARCH DELETED", 2, SEARCHED);
}

static enum err
searched(struct folder *f)
{
	if (f->del.busy > 0) {
		return ERR_AGAIN;
	}
	for (uint32_t i = 0; i < f->del.n; i++) {
		/* An answer that lacks ours may lack those of others. */
		f->del.others |= !candidates(f)[i].shown;
	}
	if (f->del.others) {
		f->del.expunged = false;
		log_msg(LOG_INFO, "%s: other messages may be \\Deleted too "
			"and the server has no UIDPLUS; ours stay marked",
			f->job->title);
		f->del.step = RECORD;
		return ERR_OK;
	}
	return simple(f, "EXPUNGE", 1, EXPUNGED);
}

static enum err
record(struct folder *f)
{
	enum err e = ERR_OK;

	for (uint32_t i = 0; i < f->del.n && e == ERR_OK; i++) {
		struct candidate c = candidates(f)[i];

		if (f->del.moved && !c.back) {
			f->stats.del_remote++;
			e = record_gone(f, f->del.expunged ? PEND_GONE
				: PEND_LEFT, c.uid, c.recno);
		}
	}
	f->del.n = 0;
	f->del.step = READ;
	return e == ERR_OK ? folder_flush(f, true) : e;
}

enum err
folder_delete_step(struct folder *f)
{
	enum err e;

	switch (f->del.step) {
	case CHECK:
		return check(f);
	case READ:
		return f->stopping ? err_set(ERR_STOPPED, "stopped")
				   : read_plan(f);
	case LOOK:
		e = settle_stamps(f);
		return e == ERR_OK ? look_again(f) : e;
	case MARK:
		e = mark(f);
		if (e != ERR_OK || f->del.step != EXPUNGE) {
			return e;
		}
		/* fall through */
	case EXPUNGE:
		e = expunge(f);
		if (e == ERR_OK && f->del.n < CHUNK) {
			folder_closing_early(f);
		}
		return e;
	case MARKED:
		return marked(f);
	case SEARCHED:
		return searched(f);
	case EXPUNGED:
		if (f->del.busy > 0) {
			return ERR_AGAIN;
		}
		f->del.step = RECORD;
		return ERR_OK;
	case RECORD:
	default:
		return record(f);
	}
}

enum err
folder_delete_event(struct folder *f, const struct imap_event *ev)
{
	if (ev->kind == IMAP_EV_SEARCH) {
		struct candidate *c = find(f, ev->lo);

		f->del.others = f->del.others || c == NULL || c->back;
		if (c != NULL) {
			c->shown = true;
		}
		return ERR_OK;
	}
	if (ev->kind != IMAP_EV_TAGGED) {
		return ERR_OK;
	}
	f->del.busy -= f->del.busy > 0;
	if (ev->status == IMAP_OK) {
		return ERR_OK;
	}
	if (ev->cmd == IMAP_CMD_STORE) {
		f->del.moved = false;
		f->stats.failed++;
		log_msg(LOG_ERROR, "%s: the server did not delete %u messages: "
			"%s", f->job->title, f->del.n, f->conn->text);
	} else if (ev->cookie == 2) {
		f->del.others = true; /* not known: leave them marked */
	} else {
		f->del.expunged = false;
		log_msg(LOG_WARN, "%s: the server did not expunge; the messages "
			"stay marked \\Deleted there: %s", f->job->title,
			f->conn->text);
	}
	return ERR_OK;
}
