/*
 * folder_ahead: folders that follow each other without a wait between them.
 *
 * What a folder begins with depends on its head and on how long its table is,
 * and on nothing that the server says: so it can be sent while another folder
 * is at work. It is what folder_select_begin() sends, written down instead.
 *
 * Behind it another mailbox is selected. If the folder at work needs a command
 * after all, imap_begin() refuses it, and the folder goes back: what is ahead
 * is answered and not looked at, and the mailbox is selected again. What was
 * told of it in between was told to nobody, so it counts as moved, and the
 * closing SELECT (folder_close.c) tells all since the first one.
 */
#include "sync/folder_part.h"

#if CFG_AHEAD

enum err
folder_ahead_lines(struct folder *f, struct imap_conn *conn,
	const struct folder_job *job, struct buf *out)
{
	enum err e = ERR_OK;

	folder_clear(f, conn, job);
	if (job->state != FS_NONE) {
		e = head_load(job->state, &f->head);
		f->table.count = table_size(job->state, &f->table.last_uid);
	}
	if (!job->has_remote || (e != ERR_OK && e != ERR_NOENT)) {
		return ERR_LIMIT;
	}
	f->table.sorted = true;
	folder_base(f);
	folder_list_begin(f);
	if (f->list.kind == LIST_WINDOWS && f->table.count > 0) {
		return ERR_LIMIT; /* what is asked is in the table */
	}
	imap_ahead_record(conn, out);
	e = folder_select_begin(f);
	imap_ahead_recorded(conn);
	folder_list_end(f);
	return e == ERR_OK && out->err == ERR_OK ? ERR_OK : ERR_LIMIT;
}

bool
folder_ahead_ready(const struct folder *f)
{
	if (f->err != ERR_OK || f->stopping || f->incomplete ||
		f->job->dry_run || folder_ahead_back(f)) {
		return false;
	}
	if (folder_closing_asked(f)) {
		return true;
	}
	switch (f->phase) {
	case FOLDER_SELECT:
		return f->job->quiet && f->list.open_sent && f->pass == 0 &&
			!f->retry && journal_empty(&f->journal);
	case FOLDER_DOWN:
		return folder_down_last(f) && f->fresh.count == 0 &&
			f->doomed_remote == 0 && !f->touched && !f->moved;
	case FOLDER_CLOSE:
		return f->stamp.wait_ms != 0;
	default:
		return false;
	}
}

enum err
folder_ahead_begun(struct folder *f, enum err e)
{
	imap_ahead_replayed(f->conn, e == ERR_OK);
	return e == ERR_AGAIN && f->conn->wanted ? ERR_OK : e;
}

bool
folder_ahead_back(const struct folder *f)
{
	return f->back != FOLDER_BACK_NONE || f->conn->wanted;
}

/* All was answered: the mailbox is selected, for the listing that was about to
 * begin or to go on where it was. */
static enum err
reselect(struct folder *f)
{
	enum err e;

	if (f->phase == FOLDER_SELECT) {
		f->back = FOLDER_BACK_NONE;
		folder_list_end(f);
		return folder_select_begin(f);
	}
	folder_closing_end(f); /* it was asked too early */
	e = folder_select_send(f, 0, 0, 0);
	if (e == ERR_OK) {
		f->back = FOLDER_BACK_SELECT;
		f->moved = true;
	}
	return e;
}

enum err
folder_ahead_step(struct folder *f)
{
	if (f->back == FOLDER_BACK_NONE) {
		f->conn->wanted = false;
		f->back = FOLDER_BACK_OWN;
	}
	if (imap_conn_busy(f->conn)) {
		return ERR_AGAIN;
	}
	switch (f->back) {
	case FOLDER_BACK_OWN:
		imap_ahead_drop(f->conn);
		f->back = FOLDER_BACK_OTHERS;
		return ERR_OK;
	case FOLDER_BACK_OTHERS:
		return reselect(f);
	default:
		f->back = FOLDER_BACK_NONE;
		return ERR_OK;
	}
}

/* What is said before the UIDVALIDITY, or is no answer to this SELECT, may be
 * of any mailbox. */
enum err
folder_ahead_event(struct folder *f, const struct imap_event *ev)
{
	if (f->back == FOLDER_BACK_OTHERS) {
		return ERR_OK;
	}
	if (ev->kind == IMAP_EV_EXISTS) {
		f->exists = ev->num;
		f->grown = true;
	}
	if (ev->kind != IMAP_EV_STATUS && ev->kind != IMAP_EV_TAGGED) {
		return ERR_OK;
	}
	if (ev->code == IMAP_CODE_UIDVALIDITY) {
		f->back = ev->value == f->uidvalidity ? FOLDER_BACK_KNOWN
						      : FOLDER_BACK_SELECT;
	}
	if (ev->kind == IMAP_EV_STATUS ||
		(ev->status == IMAP_OK && f->back == FOLDER_BACK_KNOWN)) {
		return ERR_OK;
	}
	return err_set(ERR_REFUSED, "the server does not open it again: %s",
		f->conn->text);
}

#endif
