/*
 * folder_select: opens the mailbox. Behind SELECT, in the same flight, goes
 * what the server is asked to list (folder_list.c).
 *
 * A server that says BAD to a SELECT with QRESYNC or CONDSTORE offered what
 * it does not know: it is asked again without. What was pipelined behind such
 * a SELECT is of another mailbox or of none; its answers are let in first and
 * not looked at.
 */
#include <string.h>

#include "sync/folder_part.h"

bool
folder_has_qresync(const struct folder *f)
{
	return f->conn->enabled && imap_conn_has(f->conn, IMAP_CAP(QRESYNC));
}

enum err
folder_select_send(struct folder *f, uint32_t cookie, uint64_t since,
	uint32_t below)
{
	bool examine = f->job->remote_readonly || f->job->dry_run;
	enum err e = imap_begin(f->conn, IMAP_CMD_SELECT, cookie);

	if (e != ERR_OK) {
		return e;
	}
	imap_text(f->conn, examine ? "EXAMINE " : "SELECT ");
	imap_mailbox(f->conn, f->job->remote);
	if (since > 0) {
		imap_text(f->conn, " (QRESYNC (");
		imap_number(f->conn, f->uidvalidity != 0 ? f->uidvalidity
			: f->base.uidvalidity);
		imap_text(f->conn, " ");
		imap_number(f->conn, since);
		if (below > 0) {
			imap_text(f->conn, " 1:");
			imap_number(f->conn, below - 1);
		}
		imap_text(f->conn, "))");
	} else if (imap_conn_has(f->conn, IMAP_CAP(CONDSTORE))) {
		imap_text(f->conn, " (CONDSTORE)");
	}
	return imap_end(f->conn, since > 0 ? 1 << 20 : 0);
}

static enum err
send_select(struct folder *f)
{
	bool delta = f->list.kind == LIST_QRESYNC;
	enum err e = folder_select_send(f, 0, delta ? f->base.modseq : 0,
		f->base.uidnext);

	if (e == ERR_OK) {
		e = folder_list_pump(f);
	}
	return CFG_FRESH > 0 && e == ERR_OK ? folder_fresh_send(f) : e;
}

static enum err
send_create(struct folder *f)
{
	enum err e = imap_begin(f->conn, IMAP_CMD_CREATE, 0);

	if (e != ERR_OK) {
		return e;
	}
	imap_text(f->conn, "CREATE ");
	imap_mailbox(f->conn, f->job->remote);
	return imap_end(f->conn, 0);
}

enum err
folder_select_begin(struct folder *f)
{
	enum err e;

	f->uidvalidity = f->uidnext = f->exists = 0;
	f->has_uidnext = f->has_permanent = f->read_only = false;
	f->select_done = f->grown = false;
	f->moved = f->touched = f->retry = false;
	f->modseq = 0;
	folder_enter(f, FOLDER_SELECT);
	e = imap_enable(f->conn);
	if (e != ERR_OK) {
		return e;
	}
	folder_list_begin(f);
	return !f->job->has_remote && f->pass == 0 ? send_create(f)
						   : send_select(f);
}

/* From this UID on records and names are not believed, until a run has
 * compared them with the messages that are there now. */
static enum err
restored(struct folder *f, uint32_t from)
{
	struct head h = f->old_head;

	if (f->head.restored != 0 && f->head.restored <= from) {
		return ERR_OK;
	}
	f->head.restored = h.restored = from;
	return f->job->dry_run ? ERR_OK : head_save(f->job->state, &h, true);
}

static enum err
check_validity(struct folder *f)
{
	uint32_t next = f->head.uidnext > f->table.last_uid
		? f->head.uidnext : f->table.last_uid + 1;
	enum err e = ERR_OK;

	if (f->uidvalidity == 0) {
		return err_set(ERR_UNSUPPORTED,
			"the server gives no UIDVALIDITY, without which nothing "
			"can be synced safely");
	}
	if (f->head.uidvalidity != 0 &&
		f->head.uidvalidity != f->uidvalidity) {
		return err_set(ERR_UIDVALIDITY,
			"the server renumbered this folder (UIDVALIDITY was %u, "
			"is %u); it was left alone on both sides",
			f->head.uidvalidity, f->uidvalidity);
	}
	if (f->head.uidvalidity != 0 && f->has_uidnext &&
		f->uidnext < next) {
		e = restored(f, f->uidnext);
		return e != ERR_OK ? e : err_set(ERR_UIDVALIDITY,
			"the server's next UID went back from %u to %u: it was "
			"restored from a backup; the folder is left alone on "
			"both sides until it has come there again", next,
			f->uidnext);
	}
	if (f->head.uidvalidity != 0 && f->modseq != 0 &&
		f->modseq < f->head.modseq) {
		e = restored(f, FOLDER_UID_MAX);
		f->retry = f->list.kind != LIST_WINDOWS;
	}
	if (e == ERR_OK && f->head.restored != 0) {
		f->policy.pull_deletes = f->policy.push_deletes = false;
		if (f->pass == 0) {
			log_msg(LOG_WARN, "%s: restored from a backup? All is "
				"compared; deletions wait for the next run",
				f->job->title);
		}
	}
	return e;
}

static void
selected(struct folder *f)
{
	f->select_done = true;
	f->opened = f->exists;
	f->distrust = f->distrust || (f->list.kind != LIST_WINDOWS &&
		f->modseq < f->base.modseq);
	f->policy.permanent = f->has_permanent
		? f->permanent & IMAP_FLAGS_SYSTEM : IMAP_FLAGS_SYSTEM;
	if (f->read_only && f->policy.push) {
		f->policy.push = false;
		if (!f->job->dry_run) {
			log_msg(LOG_INFO, "%s: read-only on the server; local "
				"changes stay local", f->job->title);
		}
	}
	f->err = check_validity(f);
}

static void
select_code(struct folder *f, const struct imap_event *ev)
{
	switch (ev->code) {
	case IMAP_CODE_UIDVALIDITY:
		f->uidvalidity = (uint32_t)ev->value;
		break;
	case IMAP_CODE_UIDNEXT:
		f->uidnext = (uint32_t)ev->value;
		f->has_uidnext = f->uidnext > 0;
		break;
	case IMAP_CODE_HIGHESTMODSEQ:
		f->modseq = ev->value;
		break;
	case IMAP_CODE_PERMANENTFLAGS:
		f->permanent = ev->flags;
		f->has_permanent = true;
		break;
	case IMAP_CODE_READONLY:
		f->read_only = true;
		break;
	default:
		break;
	}
}

void
folder_select_event(struct folder *f, const struct imap_event *ev)
{
	if (ev->kind == IMAP_EV_STATUS) {
		if (!f->select_done && !f->retry) {
			select_code(f, ev);
		}
		return;
	}
	if (ev->kind != IMAP_EV_TAGGED) {
		return;
	}
	if (ev->cmd == IMAP_CMD_CREATE) {
		if (ev->status != IMAP_OK &&
			ev->code != IMAP_CODE_ALREADYEXISTS &&
			!f->job->perhaps) { /* SELECT will tell */
			f->err = err_set(ERR_REFUSED,
				"the server did not create it: %s",
				f->conn->text);
			return;
		}
		f->err = send_select(f);
		return;
	}
	if (ev->status == IMAP_BAD &&
		imap_conn_has(f->conn, IMAP_CAP(CONDSTORE))) {
		imap_conn_refuse(f->conn, IMAP_CAP(QRESYNC) |
			(f->list.kind == LIST_QRESYNC ? 0
				: IMAP_CAP(CONDSTORE)), IMAP_BAD);
		f->retry = true;
		return;
	}
	if (ev->status != IMAP_OK) {
		f->err = err_set(ERR_REFUSED, "the server does not open it: %s",
			f->conn->text);
		return;
	}
	select_code(f, ev);
	if (f->job->remote_readonly || f->job->dry_run) {
		f->read_only = false; /* EXAMINE says so by itself */
	}
	selected(f);
}

enum err
folder_select_step(struct folder *f)
{
	if (f->retry && !imap_conn_busy(f->conn)) {
		folder_list_end(f);
		return folder_select_begin(f);
	}
	if (!f->select_done || f->retry) {
		return ERR_AGAIN;
	}
	if (!journal_empty(&f->journal) && !f->job->dry_run) {
		return folder_recover_begin(f);
	}
	return folder_scan_begin(f);
}
