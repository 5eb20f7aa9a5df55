/*
 * account_list: which folders there are and which of them differ: one flight
 * of commands behind the login, compared as it comes with the table of the
 * last run (sync/folders_known.c).
 *
 * Where LIST gives STATUS too (RFC 5819), that is all. Else STATUS is asked
 * for by name, of folders that the table knows, in batches of which each is
 * one wait. If the table does not explain what is there, the same flight goes
 * out once more and all of it is kept.
 */
#include <string.h>

#include "app/account.h"
#include "app/outcome.h"
#include "base/le.h"
#include "base/log.h"
#include "port/hash.h"
#include "port/sys.h"

#define BATCH 64 /* STATUS commands */
#define INBOX "INBOX"
#define FAR_MS 5 /* where a wait costs more than STATUS does */

/* What was sent of the flight. */
enum { ASK_ENABLE, ASK_NAMESPACE, ASK_LIST, ASK_STATUS, ASK_INBOX, ASKED };

/* All options, but for the password. */
static uint64_t
digest_of(const struct conf_account *c)
{
	uint8_t md5[2][16];

	hash_md5(c, offsetof(struct conf_account, pass), md5[0]);
	hash_md5(c->texts, c->texts_n, md5[1]);
	hash_md5(md5, sizeof(md5), md5[0]);
	return le_get64(md5[0]);
}

static uint32_t
seconds(uint32_t n, uint32_t of)
{
	return n <= UINT32_MAX / of ? n * of : UINT32_MAX;
}

static void
begin(struct account *a, bool all)
{
	folders_end(&a->folders);
	if (CFG_AHEAD) {
		lane_ahead_drop(a->first);
	}
	folders_begin(&a->folders, a->state, a->conf.sep);
	folders_compare(&a->folders, &a->table, &a->now, all);
	memset(&a->synced, 0, sizeof(a->synced));
	a->listed = false;
	a->status_n = 0;
}

enum err
account_list_begin(struct account *a)
{
	struct folders_now *now = &a->now;
	enum err e = account_mark_root(a);

	if (e != ERR_OK) {
		return e;
	}
	now->config = digest_of(&a->conf);
	now->audit_s = seconds(a->conf.audit_h, 3600);
	now->flag_check_s = seconds(a->conf.flag_check_m, 60);
	now->time_s = sys_time();
	now->has_boot_id = sys_boot_id(now->boot_id);
	maildir_trust_begin(&now->trust, a->root, a->conf.trust_mtime);
	if (a->table.tail > 0 && !a->options->dry_run) {
		e = catalog_commit(&a->table, a->folders.arena,
			sizeof(a->folders.arena));
	}
	begin(a, false);
	a->asked = ASK_ENABLE;
	a->phase = ACCOUNT_LIST;
	return e;
}

static bool
gives_status(const struct account *a)
{
	return imap_conn_has(&a->first->conn, IMAP_CAP(LIST_STATUS));
}

/* Of folders that the table does not know it tells how many messages they
 * have, and that saves a wait for each. */
static bool
asks_status(const struct account *a)
{
	return gives_status(a) && (a->table.rows > 0 || (CFG_FRESH > 0 &&
		a->first->conn.rtt_ms >= FAR_MS));
}

static void
items(struct imap_conn *c)
{
	imap_text(c, "(MESSAGES UIDNEXT UIDVALIDITY UNSEEN");
	imap_text(c, imap_conn_has(c, IMAP_CAP(CONDSTORE))
		? " HIGHESTMODSEQ)" : ")");
}

static enum err
send_list(struct account *a)
{
	struct imap_conn *c = &a->first->conn;
	enum err e = imap_begin_short(c, IMAP_CMD_LIST, 0, 128);

	if (e != ERR_OK) {
		return e;
	}
	imap_text(c, "LIST \"\" \"*\"");
	a->asks_status = asks_status(a); /* not by what is measured later */
	if (a->asks_status) {
		imap_text(c, " RETURN (STATUS ");
		items(c);
		imap_text(c, ")");
	}
	return imap_end(c, 0);
}

/* One batch, when that before it is answered. */
static enum err
send_status(struct account *a)
{
	struct imap_conn *c = &a->first->conn;
	char name[CFG_TOKEN + 1];
	enum err e = a->status_n > 0 ? ERR_AGAIN : ERR_OK;

	if (a->table.rows == 0 || gives_status(a)) {
		return ERR_END;
	}
	while (e == ERR_OK && a->status_n < BATCH) {
		e = imap_begin_short(c, IMAP_CMD_STATUS, 0,
			2 * CFG_TOKEN + 80);
		if (e != ERR_OK) {
			break;
		}
		e = folders_ask(&a->folders, a->state, name);
		if (e != ERR_OK) {
			imap_drop(c);
			break;
		}
		imap_text(c, "STATUS ");
		imap_mailbox(c, span_of(name));
		imap_text(c, " ");
		items(c);
		e = imap_end(c, 0);
		a->status_n += e == ERR_OK;
	}
	return e;
}

/* INBOX is always there (RFC 9051 5.1), and comes first. If something is to do
 * for it, as far as that can be told already, it begins in this flight; what
 * LIST and the options say of it is decided before an answer is looked at. */
static enum err
begin_inbox(struct account *a)
{
	struct folder_entry *f = &a->entry;
	fs_fd state = FS_NONE;
	bool yes = false;
	enum err e;

	if (!CFG_AHEAD || a->left == 0 || a->options->dry_run ||
		a->begun_early) {
		return ERR_OK;
	}
	a->begun_early = true;
	memset(f, 0, sizeof(*f));
	memcpy(f->remote, INBOX, sizeof(INBOX));
	memcpy(f->local, INBOX, sizeof(INBOX));
	f->has_remote = true;
	f->has_state = lane_folder_state(a->first, f, NULL, &state) == ERR_OK;
	fs_close(&state);
	if (CFG_FRESH > 0 && a->asks_status && a->table.rows == 0 &&
		a->conf.local_createfolders && !a->conf.local_readonly) {
		lane_folder_probe(a->first, f);
	}
	e = account_accepts(a, &yes);
	if (e == ERR_OK && yes &&
		(a->table.rows == 0 || folders_changed_here(&a->folders, f))) {
		lane_ahead_early(a->first);
	}
	return e;
}

/* It is the first of all, so it is looked at with everything else at rest. */
static enum err
take_inbox(struct account *a)
{
	struct lane *l = a->first;
	enum err e = ERR_OK;

	if (CFG_AHEAD && lane_ahead_is_early(l)) {
		e = account_look(a);
		if (e == ERR_OK && a->have &&
			span_iis(span_of(a->entry.remote), INBOX)) {
			lane_folder_take(l);
		} else {
			lane_ahead_drop(l);
		}
	}
	return e == ERR_END ? ERR_OK : e;
}

static enum err
pump(struct account *a)
{
	struct imap_conn *c = &a->first->conn;
	enum err e = ERR_OK;

	while (e == ERR_OK && a->asked < ASKED) {
		switch (a->asked) {
		case ASK_ENABLE:
			e = imap_enable(c);
			break;
		case ASK_NAMESPACE:
			e = imap_conn_has(c, IMAP_CAP(NAMESPACE))
				? imap_simple(c, IMAP_CMD_NAMESPACE,
					"NAMESPACE") : ERR_OK;
			break;
		case ASK_LIST:
			e = send_list(a);
			break;
		case ASK_INBOX:
			e = begin_inbox(a);
			break;
		default:
			e = send_status(a);
			if (e == ERR_OK) {
				return ERR_OK; /* a batch is on its way */
			}
			e = e == ERR_END ? ERR_OK : e;
		}
		a->asked += e == ERR_OK;
	}
	return e == ERR_AGAIN ? ERR_OK : e;
}

/* Everything is kept from here on, as if there were no table; but what it
 * knows is not opened. */
static enum err
ask_again(struct account *a)
{
	log_msg(LOG_DEBUG, "account %s: its folders are not those of the last "
		"run", a->conf.name);
	begin(a, true);
	a->asked = ASK_NAMESPACE;
	return ERR_OK;
}

static enum err
finish(struct account *a)
{
	struct folders *s = &a->folders;
	enum err e = ERR_OK;

	if (s->remote_n == 0) {
		return err_set(ERR_REFUSED, "%s lists no folder at all; nothing "
			"was changed", a->conf.host);
	}
	if (s->compare && !folders_settled(s, a->root,
		a->options->only_folders != NULL)) {
		return ask_again(a);
	}
	a->quiet = s->compare && s->differ == 0;
	if (!s->compare && a->root != FS_NONE) {
		e = folders_local(s, a->root);
	}
	if (!s->compare && e == ERR_OK) {
		e = folders_state(s, a->state);
	}
	if (e == ERR_OK) {
		e = folders_sort(s);
	}
	if (s->refused > 0) {
		outcome_exit(EXIT_FAILED);
	}
	a->folder_count = a->left = s->compare ? s->differ : s->remote_n;
	if (e == ERR_OK) {
		e = take_inbox(a);
	}
	account_caps_note(a, &a->first->conn, true);
	a->first->tries = 0;
	a->first = NULL; /* one of many from here on */
	a->phase = ACCOUNT_WORK;
	return e;
}

static enum err
status_event(struct account *a, const struct imap_event *ev)
{
	struct folder_entry *f = &a->entry;
	bool yes = false;
	struct buf b;
	enum err e;

	if ((CFG_FRESH == 0 && a->table.rows == 0) || ev->name.n > CFG_TOKEN) {
		return ERR_OK;
	}
	memcpy(f->remote, ev->name.p, ev->name.n);
	f->remote[ev->name.n] = '\0';
	BUF_INIT(&b, f->local);
	if (mapname_to_local(&a->folders.map, ev->name, &b) != ERR_OK) {
		return ERR_OK; /* such a one has no row */
	}
	buf_cstr(&b);
	e = account_accepts(a, &yes);
	return e == ERR_OK && yes ? folders_status(&a->folders, f, &ev->mbox,
		a->options->only_folders != NULL) : e;
}

static enum err
tagged(struct account *a, const struct imap_event *ev)
{
	if (ev->cmd == IMAP_CMD_STATUS) {
		a->status_n--; /* a NO is one that does not exist any more */
	} else if (ev->cmd != IMAP_CMD_LIST) {
		return ERR_OK;
	} else if (ev->status == IMAP_OK) {
		a->listed = true;
	} else if (a->asks_status) {
		imap_conn_refuse(&a->first->conn, IMAP_CAP(LIST_STATUS),
			ev->status);
		begin(a, false);
		a->asked = ASK_NAMESPACE;
	} else {
		return err_set(ERR_REFUSED, "%s does not list folders: %s",
			a->conf.host, a->first->conn.text);
	}
	return ERR_OK;
}

static enum err
list_event(struct account *a, const struct imap_event *ev)
{
	switch (ev->kind) {
	case IMAP_EV_NAMESPACE:
		folders_namespace(&a->folders, ev->name);
		return ERR_OK;
	case IMAP_EV_LIST:
		return folders_remote(&a->folders, ev->name, ev->sep,
			ev->attrs);
	case IMAP_EV_MAILBOX_STATUS:
		return status_event(a, ev);
	case IMAP_EV_TAGGED:
		return tagged(a, ev);
	case IMAP_EV_EXISTS: /* out of turn: INBOX is to be selected anew */
		if (CFG_AHEAD) {
			lane_ahead_drop(a->first);
		}
		return ERR_OK;
	default:
		return ERR_OK;
	}
}

enum err
account_list_step(struct account *a, int64_t now_ms)
{
	struct imap_conn *c = &a->first->conn;
	enum err moved, e = pump(a);
	struct imap_event *ev;

	if (e != ERR_OK) {
		return e;
	}
	moved = imap_conn_step(c, now_ms);
	if (moved != ERR_OK && moved != ERR_AGAIN) {
		return moved;
	}
	while (e == ERR_OK) {
		e = imap_conn_next(c, &ev);
		if (e == ERR_OK) {
			e = list_event(a, ev);
		}
	}
	if (e == ERR_AGAIN) {
		e = pump(a);
		if (e == ERR_OK && a->listed && a->asked == ASKED &&
			a->status_n == 0) {
			return finish(a);
		}
		e = e == ERR_OK ? moved : e;
	}
	return e;
}

void
account_list_end(struct account *a, bool complete)
{
	struct folders *s = &a->folders;

	if (!a->options->dry_run && a->phase == ACCOUNT_WORK &&
		(!a->quiet || s->restamped || a->bad != 0)) {
		if (complete && !s->compare && s->refused == 0 &&
			!a->troubled && a->options->only_folders == NULL) {
			a->table.whole.remote = s->listed;
			a->table.whole.synced = a->synced;
			folders_whole(s, a->root, &a->table.whole);
		}
		folders_end(s);
		(void)catalog_commit(&a->table, s->arena, sizeof(s->arena));
	}
	folders_end(s);
	catalog_close(&a->table);
}

/* From here until it has ended complete, the row is no reason to leave the
 * folder alone. One that is none anyway is not touched. */
void
account_row_begin(struct account *a, const struct folder_entry *f)
{
	struct catalog_row row;
	uint8_t id[16];

	folders_id(span_of(f->remote), id);
	if (!a->options->dry_run &&
		catalog_find(&a->table, id, &row) == ERR_OK && row.agreed &&
		row.stamped) {
		row.agreed = false;
		(void)catalog_put(&a->table, &row);
	}
}

void
account_row_end(struct account *a, const struct folder_entry *f,
	const struct head *h)
{
	struct catalog_row row;

	if (!a->options->dry_run) {
		folders_row(&a->now, f->remote, f->local, h, &row);
		(void)catalog_put(&a->table, &row);
	}
}
