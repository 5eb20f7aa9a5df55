/*
 * folder_events: hands each event of the server to the part that waits for it.
 *
 * Whose an answer is: its command and cookie say it; where two parts send the
 * same, the phase.
 */
#include "sync/folder_part.h"

/* Changes of the mailbox that a server may announce at any time. */
static void
note_mailbox(struct folder *f, const struct imap_event *ev)
{
	uint32_t n;

	switch (ev->kind) {
	case IMAP_EV_EXISTS:
		f->exists = ev->num;
		f->moved = f->moved || f->select_done;
		f->grown = f->select_done;
		break;
	case IMAP_EV_EXPUNGE:
		f->exists -= f->exists > 0;
		f->moved = true;
		break;
	case IMAP_EV_VANISHED:
		n = ev->hi - ev->lo;
		if (!ev->earlier) {
			f->moved = true;
			f->exists -= n < f->exists ? n + 1 : f->exists;
		}
		break;
	default:
		break;
	}
}

/* The listing was sent with SELECT: its answers may come in any phase up to
 * the join. */
static enum err
fetch_end(struct folder *f, const struct imap_event *ev)
{
	if (CFG_FRESH > 0 && f->body.open && f->body.early) {
		folder_fresh_arrived(f, &ev->fetch);
		return ERR_OK;
	}
	if (f->phase == FOLDER_UP) {
		folder_up_listed(f, &ev->fetch);
	}
	if (f->closing.open && !ev->fetch.has_body) {
		return folder_closing_event(f, ev);
	}
	switch (f->phase) {
	case FOLDER_RECOVER:
		return ev->fetch.has_body ? folder_recover_event(f, ev)
					  : folder_list_event(f, ev);
	case FOLDER_DOWN:
		return folder_down_event(f, ev);
	case FOLDER_UP:
		if (ev->fetch.has_body) {
			return folder_recover_event(f, ev);
		}
		return f->up.recovering ? folder_list_event(f, ev) : ERR_OK;
	case FOLDER_SELECT:
	case FOLDER_SCAN:
	case FOLDER_JOIN:
	case FOLDER_STORE:
	case FOLDER_PROOF:
		return ev->fetch.has_body ? folder_proof_event(f, ev)
					  : folder_list_event(f, ev);
	default:
		return ERR_OK;
	}
}

static enum err
tagged(struct folder *f, const struct imap_event *ev)
{
	if ((ev->cmd == IMAP_CMD_SELECT || ev->cmd == IMAP_CMD_LISTING) &&
		ev->cookie == FOLDER_COOKIE_CLOSING) {
		return folder_closing_event(f, ev);
	}
	if (ev->cmd == IMAP_CMD_STORE || ev->cmd == IMAP_CMD_EXPUNGE ||
		ev->cmd == IMAP_CMD_APPEND) {
		f->touched = true;
		if (f->closing.open && f->closing.busy == 0) {
			folder_closing_end(f); /* it was asked too early */
		}
	}
	switch (ev->cmd) {
	case IMAP_CMD_CREATE:
	case IMAP_CMD_SELECT:
		folder_select_event(f, ev);
		return f->err;
	case IMAP_CMD_SEARCH:
		return folder_list_event(f, ev);
	case IMAP_CMD_LISTING:
		return ev->cookie == FOLDER_COOKIE_UP
			? folder_up_event(f, ev) : folder_list_event(f, ev);
	case IMAP_CMD_KEYS:
		return f->phase == FOLDER_RECOVER || f->phase == FOLDER_UP
			? folder_recover_event(f, ev)
			: folder_proof_event(f, ev);
	case IMAP_CMD_BODIES:
		if (ev->cookie == FOLDER_COOKIE_FRESH) {
			f->early.busy = false;
			return ERR_OK;
		}
		return folder_down_event(f, ev);
	case IMAP_CMD_APPEND:
		return folder_up_event(f, ev);
	case IMAP_CMD_STORE:
	case IMAP_CMD_EXPUNGE:
		return f->phase == FOLDER_DELETE ? folder_delete_event(f, ev)
						 : folder_store_event(f, ev);
	default:
		return ERR_OK;
	}
}

static enum err
dispatch(struct folder *f, const struct imap_event *ev)
{
	if (CFG_MOVES && f->move.away) {
		return folder_move_event(f, ev);
	}
	switch (ev->kind) {
	case IMAP_EV_EXISTS:
	case IMAP_EV_EXPUNGE:
	case IMAP_EV_VANISHED:
		note_mailbox(f, ev);
		return ev->kind == IMAP_EV_VANISHED ? folder_list_event(f, ev)
						    : ERR_OK;
	case IMAP_EV_STATUS:
		if (f->closing.step != 0) {
			return folder_closing_event(f, ev);
		}
		/* fall through */
	case IMAP_EV_FLAGS:
		folder_select_event(f, ev);
		return f->err;
	case IMAP_EV_BODY_BEGIN:
	case IMAP_EV_BODY_DATA:
	case IMAP_EV_BODY_END:
	case IMAP_EV_FETCH_BEGIN:
		return folder_body_event(f, ev);
	case IMAP_EV_FETCH_END:
		return fetch_end(f, ev);
	case IMAP_EV_UIDSET:
	case IMAP_EV_CONTINUE:
		return f->phase == FOLDER_UP ? folder_up_event(f, ev) : ERR_OK;
	case IMAP_EV_SEARCH:
		return f->phase == FOLDER_DELETE ? folder_delete_event(f, ev)
						 : folder_list_event(f, ev);
	case IMAP_EV_ESEARCH:
	case IMAP_EV_ESEARCH_END:
		return ev->cmd == IMAP_CMD_SEARCH ? folder_list_event(f, ev)
						  : ERR_OK;
	case IMAP_EV_TAGGED:
		return tagged(f, ev);
	default:
		return ERR_OK;
	}
}

enum err
folder_events(struct folder *f)
{
	struct imap_event *ev;
	enum err e, got = ERR_AGAIN;

	while ((e = imap_conn_next(f->conn, &ev)) == ERR_OK) {
		got = ERR_OK;
		if (f->draining) {
			continue;
		}
		e = CFG_AHEAD && f->back > FOLDER_BACK_OWN
			? folder_ahead_event(f, ev) : dispatch(f, ev);
		if (e != ERR_OK && e != ERR_AGAIN) {
			return e;
		}
	}
	return e == ERR_AGAIN ? got : e;
}
