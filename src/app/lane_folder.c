/* lane_folder: what a folder begins with, and what became of it. */
#include <string.h>

#include "app/account.h"
#include "app/outcome.h"
#include "base/log.h"
#include "port/hash.h"

static uint32_t
offlineimap_validity(const struct lane *l)
{
	const struct account *a = l->account;
	char path[CFG_PATH + 512], text[32];
	struct buf b;
	size_t n = 0;
	uint32_t v = 0;
	fs_fd fd = FS_NONE;

	BUF_INIT(&b, path);
	buf_fmt(&b, "%s/Repository-%s/FolderValidity/", a->options->metadata,
		a->conf.remote_repo);
	for (const char *c = l->entry.remote; *c != '\0'; c++) {
		buf_char(&b, *c == '/' ? '.' : *c);
	}
	buf_cstr(&b);
	if (b.err != ERR_OK ||
		fs_open(FS_CWD, path, FS_READ, 0, &fd) != ERR_OK) {
		return 0;
	}
	if (fs_read(fd, text, sizeof(text), &n) != ERR_OK ||
		!span_u32(span_trim((struct span){text, n}), &v)) {
		v = 0;
	}
	fs_close(&fd);
	return v;
}

/* "id" says in words whose state this is. */
static enum err
write_id(const struct lane *l, const char *remote, fs_fd state)
{
	const struct account *a = l->account;
	char text[CFG_TOKEN + 1024];
	struct buf b;
	fs_fd fd = FS_NONE;
	enum err e;

	BUF_INIT(&b, text);
	buf_fmt(&b, "%s\n%s\n%s\n%c\n", a->conf.host, a->conf.user,
		remote, a->folders.map.remote_sep != '\0'
			? a->folders.map.remote_sep : '/');
	if (b.err != ERR_OK) {
		return err_set(b.err, "host, user and folder are longer than "
			"%zu bytes together (CFG_TOKEN)", sizeof(text));
	}
	e = fs_open(state, "id", FS_WRITE | FS_CREATE | FS_TRUNC, 0600, &fd);
	if (e == ERR_OK) {
		e = fs_write(fd, b.p, b.n);
	}
	fs_close(&fd);
	return e;
}

enum err
lane_folder_state(const struct lane *l, const struct folder_entry *f,
	bool *made, fs_fd *out)
{
	fs_fd all = l->account->state;
	uint8_t digest[16];
	struct fs_stat st;
	char name[40];
	struct buf b;
	enum err e = ERR_OK;

	hash_md5(f->remote, strlen(f->remote), digest);
	BUF_INIT(&b, name);
	buf_hex(&b, digest, sizeof(digest));
	buf_cstr(&b);
	if (made != NULL) {
		e = fs_mkdir(all, name, 0700);
		*made = e == ERR_OK;
	}
	if (e == ERR_OK || e == ERR_EXIST) {
		e = fs_open_dir(all, name, out);
	}
	if (e == ERR_OK && made != NULL && (*made ||
		fs_stat(*out, "id", &st) != ERR_OK || st.size == 0)) {
		e = write_id(l, f->remote, *out);
	}
	return e;
}

struct folder_job
lane_folder_job(const struct lane *l, const struct folder_entry *f,
	fs_fd state)
{
	const struct account *a = l->account;
	const struct conf_account *c = &a->conf;

	return (struct folder_job){
		.remote = span_of(f->remote),
		.dir = f->local,
		.visible = span_of(f->local),
		.title = l->title,
		.host = c->host, .user = c->user, .hostname = a->hostname,
		.root = a->root, .state = state, .states = a->state,
		.later = CFG_MOVES && account_puts_off(a),
		.has_remote = f->has_remote,
		.has_local = f->has_local,
		.perhaps = f->perhaps,
		.local_readonly = c->local_readonly,
		.remote_readonly = c->remote_readonly,
		.push_deletes = c->local_sync_deletes,
		.pull_deletes = c->remote_sync_deletes,
		.expunge = c->expunge,
		.trust_mtime = c->trust_mtime,
		.dry_run = a->options->dry_run,
		.infosep = c->infosep,
		.durability = a->options->durability,
		.uidnext = f->uidnext,
		.count = f->count,
		.blind = f->blind,
		.audit_s = a->now.audit_s,
		.flag_check_s = a->now.flag_check_s};
}

#define BLIND (CFG_FRESH < 255 ? CFG_FRESH : 255)
#define FAR_MS 50u

static bool
line_is_unknown(const struct lane *l)
{
	return CFG_COMPRESS && imap_line_ask(&l->conn) < CFG_SET_BYTES;
}

/* While it is not known how fast the line is, all of few, or few of many: what
 * is on its way cannot be compressed any more. The latter if there is no other
 * lane, or a wait is long, as a burst on any of them shows a fast line. */
void
lane_folder_blind(const struct lane *l, struct folder_entry *f)
{
	bool ask = CFG_COMPRESS && (l->conn.rtt_ms >= FAR_MS ||
		pool_count(l->account) == 1);

	f->blind = f->count == 0 ? 0 : BLIND;
	if (f->count > 0 && line_is_unknown(l)) {
		f->blind = ask ? BLIND / 8 : 0;
		if (f->count <= BLIND / 2 + 1) {
			f->blind = BLIND / 2;
		}
	}
}

void
lane_folder_probe(const struct lane *l, struct folder_entry *f)
{
	f->blind = !f->has_state && line_is_unknown(l) &&
		!folders_is_box(l->account->root, f->local) ? BLIND / 2 : 0;
}

void
lane_folder_take(struct lane *l)
{
	struct account *a = l->account;

	if (CFG_AHEAD && lane_ahead_is_early(l)) { /* with what was sent */
		a->entry.count = 0;
		a->entry.blind = l->entry.blind;
	} else if (CFG_FRESH > 0) {
		lane_folder_blind(l, &a->entry);
	}
	l->entry = a->entry;
	memcpy(l->title, a->title, sizeof(l->title));
	a->have = false;
	l->chosen = true;
	a->folder_no++;
}

bool
lane_hand_back(struct lane *l)
{
	struct account *a = l->account;

	if (!l->chosen) {
		return CFG_AHEAD && lane_ahead_give(l);
	}
	a->entry = l->entry;
	memcpy(a->title, l->title, sizeof(a->title));
	a->have = true;
	l->chosen = false;
	a->folder_no--;
	return true;
}

void
lane_folder_begin(struct lane *l)
{
	struct account *a = l->account;
	bool fresh;
	enum err e = lane_folder_state(l, &l->entry, &fresh, &l->state);

	l->chosen = l->told = false;
	if (e == ERR_OK) {
		account_row_begin(a, &l->entry);
		l->job = lane_folder_job(l, &l->entry, l->state);
		l->job.fresh = fresh;
		/* Only files that are there may be OfflineIMAP's. */
		l->job.known_validity = l->entry.has_local
			? offlineimap_validity(l) : 0;
		if (CFG_AHEAD) {
			lane_ahead_begin(l);
		}
		(void)folder_begin(&l->folder, &l->conn, &l->job);
		l->folder_open = true; /* folder_step tells the error */
		l->phase = LANE_FOLDER;
		if (CFG_AHEAD) {
			lane_ahead_begun(l);
		}
		return;
	}
	lane_folder_failed(l, e);
	fs_close(&l->state);
	if (CFG_AHEAD) {
		lane_ahead_drop(l);
	}
}

static void
add_total(const struct lane *l)
{
	const struct folder_stats *s = &l->folder.stats;
	struct folder_stats *t = &l->account->total;

	t->down += s->down;
	t->up += s->up;
	t->copied += s->copied;
	t->flags_local += s->flags_local;
	t->flags_remote += s->flags_remote;
	t->del_local += s->del_local;
	t->del_remote += s->del_remote;
	t->adopted += s->adopted;
	t->failed += s->failed;
	t->down_bytes += s->down_bytes;
	t->up_bytes += s->up_bytes;
}

static void
part(struct buf *b, uint32_t n, const char *what)
{
	if (n > 0) {
		buf_fmt(b, "%s%u %s", b->n > 0 ? ", " : "", n, what);
	}
}

static void
tell(const struct lane *l)
{
	const struct folder_stats *s = &l->folder.stats;
	char text[400];
	struct buf b;

	BUF_INIT(&b, text);
	part(&b, s->down, "down");
	part(&b, s->up - s->copied, "up");
	part(&b, s->copied, "copied there");
	part(&b, s->flags_local, "flags changed here");
	part(&b, s->flags_remote, "flags changed there");
	part(&b, s->del_local, "deleted here");
	part(&b, s->del_remote, "deleted there");
	part(&b, s->adopted, "adopted");
	part(&b, s->failed, "failed");
	if (b.n > 0) {
		log_msg(LOG_INFO, "%s: %.*s", l->title, (int)b.n, b.p);
	}
}

void
lane_folder_failed(struct lane *l, enum err e)
{
	if (!l->told && e != ERR_STOPPED) {
		log_msg(LOG_ERROR, "%s: %s", l->title,
			err_detail()[0] != '\0' ? err_detail() : err_text(e));
		outcome_err(e == ERR_REFUSED ? ERR_SYNTAX : e);
	}
	l->told = true;
}

void
lane_folder_end(struct lane *l)
{
	const struct folder_stats *s = &l->folder.stats;
	enum err e;

	if (l->folder_open) {
		e = folder_end(&l->folder);
		outcome_err(e);
		account_row_end(l->account, &l->entry, e == ERR_OK &&
			!l->told && l->folder.agreed && s->failed == 0 &&
			s->guarded == 0 && s->waiting == 0 ? &l->folder.head
				: NULL);
		l->folder_open = false;
		if (CFG_MOVES && s->later > 0 && !l->chosen) {
			account_put_off(l->account, &l->entry);
		}
		add_total(l);
		tell(l);
		account_caps_note(l->account, &l->conn,
			!l->told && s->failed == 0);
		outcome_exit(s->failed > 0 ? EXIT_FAILED : EXIT_CONVERGED);
		outcome_exit(s->guarded > 0 ? EXIT_PERSON : EXIT_CONVERGED);
		outcome_exit(s->waiting > 0 ? EXIT_TEMPORARY : EXIT_CONVERGED);
	}
	fs_close(&l->state);
}

/* What it made on either side is there when it begins again. */
void
lane_folder_lost(struct lane *l, enum err e)
{
	struct folder *f = &l->folder;
	char why[1000];
	struct buf b;

	BUF_INIT(&b, why);
	buf_str(&b, err_detail());
	l->entry.has_local = l->entry.has_local || f->box_open;
	l->entry.has_remote = l->entry.has_remote || f->select_done;
	l->entry.perhaps = true;
	l->told = l->chosen = true; /* its row says nothing */
	lane_folder_end(l);
	l->told = false;
	if (f->table_touched || f->stats.kept > 0) {
		l->tries = 0;
	}
	(void)err_set(e, "%.*s", (int)b.n, b.p);
}
