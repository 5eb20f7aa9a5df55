/*
 * folder: the driver of one folder: opens its places, moves from phase to
 * phase, closes with the head. Whose an event is: folder_events.c.
 *
 * When a folder fails while commands are in flight, their answers are drained
 * first: the connection serves the next folder.
 */
#include <string.h>

#include "port/hash.h"
#include "port/sys.h"
#include "sync/folder_part.h"

#define PASSES 3 /* listings that do not add up are tried this often */

void
folder_enter(struct folder *f, enum folder_phase phase)
{
	f->phase = phase;
}

void
folder_message_failed(struct folder *f, uint32_t uid, const char *what)
{
	f->stats.failed++;
	f->left = true;
	log_msg(LOG_ERROR, "%s: message %u: %s", f->job->title, uid, what);
}

void
folder_arena_take(struct folder *f)
{
	UNPOISON(f->arena, sizeof(f->arena));
}

void
folder_arena_drop(struct folder *f)
{
	size_t used = CFG_FRESH > 0 && f->early.blind && f->early.busy
		? FOLDER_BODY_OUT : 0;

	POISON(f->arena + used, sizeof(f->arena) - used);
}

enum err
folder_sort_table(struct folder *f)
{
	enum err e;

	folder_arena_take(f);
	e = table_rewrite(&f->table, f->arena, sizeof(f->arena));
	folder_arena_drop(f);
	return e;
}

void
folder_identity(const struct folder_job *job, struct span remote,
	uint8_t out[16])
{
	char text[CFG_TOKEN + 600];
	struct buf b;

	BUF_INIT(&b, text);
	buf_fmt(&b, "%s\n%s\n", job->host, job->user);
	buf_span(&b, remote);
	hash_md5(b.p, b.n, out);
}

/* MD5 of a text, as hex. */
static void
hex_md5(struct span text, uint8_t id[16], char out[33])
{
	struct buf b;

	hash_md5(text.p, text.n, id);
	buf_init(&b, out, 33);
	buf_hex(&b, id, 16);
	buf_cstr(&b);
}

static enum err
check_identity(struct folder *f)
{
	static const uint8_t none[16];
	uint8_t id[16], name[16];
	char dir[33];

	folder_identity(f->job, f->job->remote, id);
	if (memcmp(f->head.identity, none, 16) != 0 &&
		memcmp(f->head.identity, id, 16) != 0) {
		hex_md5(f->job->remote, name, dir);
		return err_set(ERR_GUARD,
			"its records belong to another server, user or folder; "
			"nothing was changed. If the server only got a new "
			"name, remove wherry/%s below this account's metadata "
			"to adopt the mail again", dir);
	}
	memcpy(f->head.identity, id, 16);
	return ERR_OK;
}

/* The same as open_files() would find out by looking for each of them. */
static enum err
new_files(struct folder *f)
{
	heap_new(&f->heap, f->job->state);
	journal_new(&f->journal, f->job->state);
	return table_new(&f->table, f->job->state);
}

static enum err
open_files(struct folder *f)
{
	enum err e = head_load(f->job->state, &f->head);

	if (e == ERR_NOENT) {
		memset(&f->head, 0, sizeof(f->head));
		e = ERR_OK;
	}
	f->old_head = f->head;
	if (e == ERR_OK) {
		e = heap_open(&f->heap, f->job->state);
	}
	if (e == ERR_OK) {
		e = journal_open(&f->journal, f->job->state);
	}
	if (e == ERR_OK) {
		e = table_open(&f->table, f->job->state);
	}
	return e;
}

static enum err
open_state(struct folder *f)
{
	enum err e = f->job->fresh ? new_files(f) : open_files(f);

	f->state_open = true;
	/* The head comes before the first record (folder_pend.c). If it is lost
	 * nobody knows which UIDVALIDITY the records are of; the names of the
	 * files tell, by adoption. */
	if (e == ERR_OK && f->head.uidvalidity == 0 && f->table.count > 0 &&
		!f->job->dry_run) {
		e = table_clear(&f->table);
	}
	if (e == ERR_OK) {
		e = check_identity(f);
	}
	if (e == ERR_OK && !table_sorted(&f->table) && !f->job->dry_run) {
		e = folder_sort_table(f);
	}
	return e;
}

static enum err
open_box(struct folder *f)
{
	enum err e;

	if (!f->job->has_local) {
		if (f->table.count > 0) {
			log_msg(LOG_WARN,
				"%s: the local folder is gone; it is fetched "
				"again, nothing is deleted on the server",
				f->job->title);
			e = table_clear(&f->table);
			if (e != ERR_OK) {
				return e;
			}
		}
		e = maildir_create(f->job->root, f->job->dir);
		if (e != ERR_OK && e != ERR_EXIST) {
			return e;
		}
	}
	e = maildir_open(&f->box, f->job->root, f->job->dir);
	f->box_open = e == ERR_OK;
	f->sync_each = e == ERR_OK &&
		(f->job->durability == FOLDER_ALWAYS ||
			(f->job->durability == FOLDER_BATCH &&
				!fs_sync_all_trusted(f->box.tmp)));
	f->foreign = e != ERR_OK || !maildir_trusted(&f->box, false);
	f->box.infosep = f->job->infosep;
	return e;
}

/* A delta counts from the agreed status, if there are the records of it and
 * nobody wants to see it all. */
void
folder_base(struct folder *f)
{
	const struct head *h = &f->head;

	if (f->table.count > 0 && !f->table.healed && h->mode == HEAD_NORMAL &&
		h->restored == 0 &&
		!head_due(h->listed_at, f->job->audit_s, sys_time())) {
		f->base = (struct folder_status){h->uidvalidity, h->uidnext,
			h->messages, h->modseq};
	}
}

void
folder_clear(struct folder *f, struct imap_conn *conn,
	const struct folder_job *job)
{
	memset(f, 0, offsetof(struct folder, sets));
	folder_arena_drop(f);
	POISON(f->windows, sizeof(f->windows));
	POISON(f->open_arena, sizeof(f->open_arena));
	f->conn = conn;
	conn->asked_ms = 0;
	f->job = job;
	f->body.fd = f->up.fd = FS_NONE;
	f->policy = (struct plan_policy){
		.pull = !job->local_readonly,
		.push = !job->remote_readonly,
		.pull_deletes = job->pull_deletes,
		.push_deletes = job->push_deletes,
		.permanent = IMAP_FLAGS_SYSTEM};
	f->table.fd = f->journal.fd = FS_NONE;
	f->heap.names = f->heap.hosts = FS_NONE;
}

enum err
folder_begin(struct folder *f, struct imap_conn *conn,
	const struct folder_job *job)
{
	enum err e;

	folder_clear(f, conn, job);
	folder_spills_begin(f);
	f->boot_known = sys_boot_id(f->boot_id);
	e = open_state(f);
	if (e == ERR_OK) {
		f->doubt = f->head.unflushed && (!f->boot_known ||
			memcmp(f->head.boot_id, f->boot_id, 16) != 0);
		hex_md5(f->job->visible, f->head.fmd5, f->fmd5);
		e = open_box(f);
	}
	if (e == ERR_OK) {
		folder_base(f);
		if (job->has_local) {
			folder_tmp_clean(f);
		}
		e = folder_select_begin(f);
	}
	if (CFG_AHEAD) {
		e = folder_ahead_begun(f, e);
	}
	if (e == ERR_AGAIN) {
		e = err_set(ERR_NET, "the connection is not idle");
	}
	f->err = e;
	return e;
}

static bool
head_changed(const struct folder *f)
{
	const struct head *a = &f->head, *b = &f->old_head;

	return a->uidvalidity != b->uidvalidity || a->uidnext != b->uidnext ||
		a->messages != b->messages || a->unseen != b->unseen ||
		a->modseq != b->modseq || a->listed_at != b->listed_at ||
		a->alive != b->alive || a->mode != b->mode ||
		a->restored != b->restored ||
		a->stamp_clean != b->stamp_clean ||
		a->unflushed != b->unflushed ||
		(a->stamp_clean && (memcmp(a->boot_id, b->boot_id, 16) != 0 ||
			memcmp(a->stamp, b->stamp, sizeof(a->stamp)) != 0)) ||
		memcmp(a->fmd5, b->fmd5, 16) != 0 ||
		memcmp(a->identity, b->identity, 16) != 0;
}

/* Head and table as the run leaves them; writes only what changed. */
static enum err
save(struct folder *f)
{
	enum err e;

	f->head.uidvalidity = f->uidvalidity;
	if (f->agreed) {
		f->head.mode = HEAD_NORMAL;
	}
	if (f->head.restored != 0 && f->phase == FOLDER_DONE &&
		!f->incomplete && !f->stopping && !f->unproved) {
		f->head.restored = 0; /* every message was compared */
		f->head.modseq = f->agreed ? f->head.modseq : 0;
	}
	e = folder_flush(f, true);
	if (e == ERR_OK && f->table_touched && !table_sorted(&f->table)) {
		e = folder_sort_table(f);
	}
	if (e == ERR_OK) {
		e = folder_settle(f);
	}
	if (e == ERR_OK && (head_changed(f) || f->table_touched)) {
		e = head_save(f->job->state, &f->head, folder_always(f));
		f->old_head = f->head;
	}
	return e;
}

/* The listing did not add up, or something moved under it: once more. */
static enum err
again(struct folder *f)
{
	enum err e = f->job->dry_run ? ERR_OK : save(f);
	bool hold = f->up.hold;

	if (e != ERR_OK) {
		return e;
	}
	f->pass++;
	folder_closing_end(f);
	memset(&f->list, 0, sizeof(f->list));
	memset(&f->down, 0, sizeof(f->down));
	memset(&f->up, 0, sizeof(f->up));
	f->up.hold = hold;
	memset(&f->del, 0, sizeof(f->del));
	f->up.fd = FS_NONE;
	f->list.full = f->incomplete;
	f->incomplete = f->distrust = false;
	return folder_select_begin(f);
}

static enum err
close_phase(struct folder *f)
{
	if (f->incomplete && !f->stopping) {
		if (f->pass + 1 < PASSES) {
			log_msg(LOG_DEBUG, "%s: the listing moved; once more",
				f->job->title);
			return again(f);
		}
		f->stats.failed++;
		log_msg(LOG_ERROR,
			"%s: the server lists %u messages but says it has %u; "
			"nothing was deleted on either side", f->job->title,
			f->list.seen, f->exists);
	}
	if (!f->incomplete && !f->stopping && !f->job->dry_run &&
		f->stamp.wait_ms == 0) {
		bool same;
		enum err e = folder_closing_step(f, &same);

		if (e != ERR_OK) {
			return e;
		}
		same = same && !f->up.differ;
		if (!same && f->pass + 1 < PASSES) {
			return again(f);
		}
	}
	if (!f->job->dry_run) {
		enum err e = folder_stamp_close(f);

		if (e == ERR_OK) {
			folder_enter(f, FOLDER_DONE);
			e = save(f);
		}
		return e;
	}
	folder_enter(f, FOLDER_DONE);
	return ERR_OK;
}

static enum err
run_phase(struct folder *f)
{
	switch (f->phase) {
	case FOLDER_SELECT:
		return folder_select_step(f);
	case FOLDER_RECOVER:
		return folder_recover_step(f);
	case FOLDER_SCAN:
		return folder_scan_step(f);
	case FOLDER_JOIN:
		return folder_join_step(f);
	case FOLDER_STORE:
		return folder_store_step(f);
	case FOLDER_PROOF:
		return folder_proof_step(f);
	case FOLDER_DOWN:
		return folder_down_step(f);
	case FOLDER_UP:
		return folder_up_step(f);
	case FOLDER_DELETE:
		return folder_delete_step(f);
	case FOLDER_CLOSE:
		return close_phase(f);
	default:
		return ERR_END;
	}
}

/* Lets what is in flight come in, so that the connection can be used on. */
static enum err
drain(struct folder *f)
{
	enum err e;

	if (err_scope(f->err) >= SCOPE_CONNECTION && f->err != ERR_STOPPED) {
		return f->err;
	}
	if (f->err == ERR_STOPPED) {
		return f->err; /* the account closes the connection */
	}
	if (f->up.open) { /* inside an APPEND: of no use to anyone now */
		log_msg(LOG_ERROR, "%s: %s", f->job->title, err_detail());
		f->err = err_set(ERR_NET, "the connection was given up in the "
			"middle of an upload");
		return f->err;
	}
	f->draining = true;
	if (CFG_AHEAD && folder_ahead_back(f)) {
		imap_ahead_drop(f->conn); /* all of it */
	}
	e = folder_events(f);
	if (e != ERR_OK && e != ERR_AGAIN) {
		return f->err;
	}
	return imap_conn_busy(f->conn) ? ERR_AGAIN : f->err;
}

enum err
folder_step(struct folder *f, int64_t now_ms)
{
	enum err e = ERR_OK, moved;

	f->now_ms = now_ms;
	moved = imap_conn_step(f->conn, now_ms);
	if (moved != ERR_OK && moved != ERR_AGAIN) {
		f->err = f->err != ERR_OK ? f->err : moved;
		return f->err;
	}
	if (f->err != ERR_OK) {
		return drain(f);
	}
	e = folder_events(f);
	if (f->phase == FOLDER_DONE && (e == ERR_OK || e == ERR_AGAIN)) {
		return imap_conn_busy(f->conn) ? e : ERR_END;
	}
	if (e == ERR_OK || e == ERR_AGAIN) {
		enum err ran = CFG_AHEAD && folder_ahead_back(f)
			? folder_ahead_step(f) : run_phase(f);

		if (CFG_AHEAD && f->conn->wanted && ran == ERR_AGAIN) {
			ran = ERR_OK; /* goes back for it */
		}
		e = ran == ERR_AGAIN ? (moved == ERR_OK ? ERR_OK : e) : ran;
	}
	if (e != ERR_OK && e != ERR_AGAIN && e != ERR_END) {
		f->err = e;
		return drain(f);
	}
	return e;
}

int64_t
folder_deadline(const struct folder *f)
{
	if (f->phase == FOLDER_CLOSE && f->stamp.wait_ms > 0) {
		return f->stamp.wait_ms;
	}
	return f->phase == FOLDER_DELETE && f->del.wait_ms > 0 ? f->del.wait_ms
								: -1;
}

void
folder_stop(struct folder *f)
{
	f->stopping = true;
}

enum err
folder_end(struct folder *f)
{
	enum err e = ERR_OK;

	if (CFG_RESUME) {
		folder_resume_keep(f);
	}
	folder_body_drop(f);
	if (CFG_FRESH > 0) {
		folder_fresh_end(f);
	}
	fs_close(&f->up.fd);
	if (f->phase != FOLDER_DONE && f->state_open && f->box_open &&
		!f->job->dry_run) {
		e = folder_flush(f, true);
		if (e == ERR_OK) {
			e = folder_settle(f);
		}
	}
	if (e != ERR_OK) {
		log_msg(LOG_ERROR, "%s: %s", f->job->title, err_detail());
	}
	folder_list_end(f);
	folder_closing_end(f);
	folder_local_end(f);
	if (f->scan_open) {
		maildir_scan_end(&f->scan);
		f->scan_open = false;
	}
	folder_spills_end(f);
	if (f->state_open) {
		table_close(&f->table);
		journal_close(&f->journal);
		heap_close(&f->heap);
		f->state_open = false;
	}
	if (f->box_open) {
		maildir_close(&f->box);
		f->box_open = false;
	}
	f->phase = FOLDER_IDLE;
	return e;
}
