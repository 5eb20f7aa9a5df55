/*
 * folder_close: the status that both sides agreed on, for the next run to
 * compare with what STATUS says, and to count a delta from.
 *
 * The records say what the server has; if they say as many messages as it
 * does, and all of its changes were taken over, its status is agreed. A run
 * that changed nothing there takes it from its SELECT. After a change of ours
 * it is asked for behind it, by another SELECT, and with it what changed since
 * the first one (what is new, where there is no HIGHESTMODSEQ): that is our
 * own changes and uploads, which the records have, or somebody else's, and
 * then there is another pass. What vanished is not compared: no UID is on the
 * server that is neither told nor recorded, so equal numbers mean equal sets.
 */
#include <string.h>

#include "port/sys.h"
#include "sync/folder_part.h"

enum { NOT_ASKED, SELECTED, ASKED };

static enum err
send_select(struct folder *f, bool qresync, bool up)
{
	enum err e = folder_select_send(f, FOLDER_COOKIE_CLOSING,
		qresync ? f->modseq : 0, 0);

	if (e == ERR_OK) {
		UNPOISON(f->windows, sizeof(f->windows));
		sort_begin(&f->closing.sort, f->windows, sizeof(f->windows),
			LISTED_REC, 4, f->job->state, "closing");
		f->closing.sorting = true;
		f->closing.step = qresync && !up ? ASKED : SELECTED;
		f->closing.busy++;
	}
	return e;
}

enum err
folder_closing_send(struct folder *f)
{
	bool up = f->phase == FOLDER_UP; /* then the sizes of a group, too */
	bool qresync = f->modseq > 0 && folder_has_qresync(f);
	bool delta = !qresync && f->modseq > 0 &&
		imap_conn_has(f->conn, IMAP_CAP(CONDSTORE));
	uint32_t lo = qresync ? f->up.u0 : delta ? 1 :
		f->has_uidnext ? f->uidnext : f->list.open_lo;
	enum err e = ERR_OK;

	if (f->closing.step == NOT_ASKED) {
		e = send_select(f, qresync, up);
	}
	if (e == ERR_OK && f->closing.step == SELECTED) {
		e = folder_list_send(f, lo, FOLDER_UID_MAX,
			FOLDER_COOKIE_CLOSING, delta ? f->modseq : 0, up,
			1 << 20);
		if (e == ERR_OK) {
			f->closing.step = ASKED;
			f->closing.busy++;
		}
	}
	return e;
}

bool
folder_closing_asked(const struct folder *f)
{
	return f->closing.step == ASKED && !f->closing.failed;
}

void
folder_closing_early(struct folder *f)
{
	if (!f->left && !f->stopping && !f->job->dry_run) {
		(void)folder_closing_send(f); /* an error sticks */
	}
}

static void
take_code(struct folder_status *is, const struct imap_event *ev)
{
	switch (ev->code) {
	case IMAP_CODE_UIDVALIDITY:
		is->uidvalidity = (uint32_t)ev->value;
		break;
	case IMAP_CODE_UIDNEXT:
		is->uidnext = (uint32_t)ev->value;
		break;
	case IMAP_CODE_HIGHESTMODSEQ:
		is->modseq = ev->value;
		break;
	default:
		break;
	}
}

enum err
folder_closing_event(struct folder *f, const struct imap_event *ev)
{
	struct listed s = {.uid = ev->fetch.uid, .flags = ev->fetch.flags};
	uint8_t rec[LISTED_REC];

	if (ev->kind == IMAP_EV_FETCH_END) {
		if (!ev->fetch.has_uid || !ev->fetch.has_flags ||
			!f->closing.sorting) {
			return ERR_OK;
		}
		folder_listed_enc(&s, rec);
		return sort_put(&f->closing.sort, rec);
	}
	take_code(&f->closing.is, ev);
	/* What was said before it may be an answer to something else. */
	f->closing.open = f->closing.is.uidvalidity != 0;
	if (ev->kind == IMAP_EV_TAGGED) {
		f->closing.busy -= f->closing.busy > 0;
		f->closing.failed = f->closing.failed ||
			ev->status != IMAP_OK;
	}
	return ERR_OK;
}

void
folder_closing_end(struct folder *f)
{
	if (f->closing.sorting) {
		sort_end(&f->closing.sort);
		POISON(f->windows, sizeof(f->windows));
	}
	memset(&f->closing, 0, sizeof(f->closing));
}

/* All that was told is what the records say? */
static enum err
compare(struct folder *f, bool *same)
{
	uint8_t p[LISTED_REC];
	struct listed s;
	struct rec r;
	uint32_t recno;
	enum err e = folder_flush(f, true);

	if (e == ERR_OK && !table_sorted(&f->table)) {
		e = folder_sort_table(f);
	}
	if (e == ERR_OK) {
		e = sort_finish(&f->closing.sort);
	}
	while (e == ERR_OK && *same &&
		(e = sort_next(&f->closing.sort, p)) == ERR_OK) {
		folder_listed_dec(&s, p);
		e = table_find(&f->table, s.uid, &r, &recno);
		*same = e == ERR_OK && r.state != REC_GONE &&
			(r.flags & MAILDIR_FLAGS_SYSTEM) == s.flags;
		e = e == ERR_NOENT ? ERR_OK : e;
	}
	return e == ERR_END ? ERR_OK : e;
}

/* A listing of everything was complete. Not written for its own sake: a run
 * that finds nothing writes nothing, unless it was time for it. */
static void
note_listed(struct folder *f)
{
	struct head *h = &f->head;
	int64_t now = sys_time();

	if (f->list.kind == LIST_WINDOWS && now > 0 && now <= UINT32_MAX &&
		(f->table_touched || head_due(h->listed_at, f->modseq > 0
			? f->job->audit_s : f->job->flag_check_s, now))) {
		h->listed_at = (uint32_t)now;
	}
}

static void
agree(struct folder *f, const struct folder_status *is)
{
	struct head *h = &f->head;

	h->uidnext = is->uidnext > 0 ? is->uidnext : f->table.last_uid + 1;
	h->messages = is->messages;
	h->unseen = f->unseen;
	h->modseq = is->modseq;
	f->agreed = true;
}

enum err
folder_closing_step(struct folder *f, bool *same)
{
	struct folder_status opened = {f->uidvalidity,
		f->has_uidnext ? f->uidnext : 0, f->opened, f->modseq};
	struct folder_status *is = &opened;
	enum err e = ERR_OK;

	*same = true;
	note_listed(f);
	if (f->left || (f->wanted > 0 && f->policy.pull)) {
		return ERR_OK; /* not all was taken over */
	}
	if (f->touched || f->moved || f->closing.step != NOT_ASKED) {
		e = folder_closing_send(f);
		if (e != ERR_OK || f->closing.busy > 0) {
			return e == ERR_OK ? ERR_AGAIN : e;
		}
		e = compare(f, same);
		is = &f->closing.is;
		is->messages = f->exists;
	}
	if (e == ERR_OK && !*same) { /* all up to SELECT is recorded */
		f->base = opened;
	} else if (e == ERR_OK && !f->closing.failed &&
		is->messages == f->there &&
		is->uidvalidity == f->uidvalidity) {
		agree(f, is);
	}
	return e;
}
