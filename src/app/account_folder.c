/*
 * account_folder: which folder comes next and what may be done to it; what
 * became of it.
 */
#include <string.h>

#include "app/account.h"
#include "app/outcome.h"
#include "base/log.h"
#include "port/hash.h"

/* -f: exact names of the server. */
static bool
asked_for(struct account *a, const char *remote)
{
	struct span list;
	unsigned i = 0;

	if (a->options->only_folders == NULL) {
		return true;
	}
	for (list = span_of(a->options->only_folders); list.n > 0;) {
		size_t comma = span_find(list, ',');

		if (span_is(span_trim(span_upto(list, comma)), remote)) {
			a->found |= i < ACCOUNT_ASKED ? 1ull << i : 0;
			return true;
		}
		i++;
		list = span_from(list, comma + 1);
	}
	return false;
}

static enum err
accepted(struct account *a, bool *yes)
{
	const struct folder_entry *f = &a->entry;
	bool remote = true, local = true;
	enum err e = ERR_OK;

	*yes = asked_for(a, f->remote);
	if (*yes && a->options->only_folders == NULL &&
		a->conf.filter_remote[0] != '\0') {
		e = conf_filter(a->conf.filter_remote, span_of(f->remote),
			&remote);
	}
	if (e == ERR_OK && a->conf.filter_local[0] != '\0') {
		e = conf_filter(a->conf.filter_local, span_of(f->local),
			&local);
	}
	*yes = *yes && remote && local;
	return e;
}

static void
leave(struct account *a, int status, enum log_level level, const char *why)
{
	log_msg(level, "%s: %s", a->title, why);
	outcome_exit(status);
}

/* A folder was listed as missing here because it is not there, and not
 * because something else has its name or it cannot be looked into? Else it
 * would be fetched anew, and what was deleted here would come back. */
static bool
really_gone(struct account *a)
{
	struct fs_stat st;
	fs_fd dir = FS_NONE;
	enum err e;

	if (a->root == FS_NONE) {
		return true;
	}
	e = fs_stat(a->root, a->entry.local, &st);
	if (e == ERR_OK && st.type != FS_DIR) {
		e = err_set(ERR_EXIST, "its name here is no directory; left "
			"alone");
	}
	if (e == ERR_OK) {
		e = fs_open_dir(a->root, a->entry.local, &dir);
	}
	if (e == ERR_OK) {
		e = fs_stat(dir, "cur", &st);
		fs_close(&dir);
	}
	if (e == ERR_OK || e == ERR_NOENT) {
		return true;
	}
	leave(a, EXIT_FAILED, LOG_ERROR, err_detail());
	return false;
}

/* Decides on folders that are not simply on both sides. */
static bool
may_sync(struct account *a)
{
	const struct folder_entry *f = &a->entry;
	const struct conf_account *c = &a->conf;
	bool noselect = (f->attrs &
		(IMAP_ATTR_NOSELECT | IMAP_ATTR_NONEXISTENT)) != 0;

	if (f->remote_twice || f->local_twice) {
		leave(a, EXIT_PERSON, LOG_ERROR, f->remote_twice
			? "two folders of the server would be this one here; "
			  "left alone"
			: "two folders here would be this one on the server; "
			  "left alone");
		return false;
	}
	if (f->has_remote && noselect) {
		if (f->has_local && f->has_state) {
			leave(a, EXIT_PERSON, LOG_WARN, "the server has it no "
				"more as a folder with mail; left alone here");
		}
		return false;
	}
	if (!f->has_remote && f->has_local && f->has_state) {
		leave(a, EXIT_PERSON, LOG_ERROR, "the server does not list it "
			"any more; it was left alone here. Remove it here too, "
			"or remove its state to create it there again");
		return false;
	}
	if (!f->has_remote && !f->has_local) {
		return false; /* only its state is left */
	}
	if (!f->has_local && f->local[0] == '\0') {
		leave(a, EXIT_FAILED, LOG_ERROR, err_detail());
		return false;
	}
	if (!f->has_remote && f->remote[0] == '\0') {
		leave(a, EXIT_FAILED, LOG_ERROR, err_detail());
		return false;
	}
	if (!f->has_local && !really_gone(a)) {
		return false;
	}
	if (!f->has_local && (!c->local_createfolders || c->local_readonly)) {
		log_msg(LOG_INFO, "%s: not made here (createfolders, readonly)",
			a->title);
		return false;
	}
	if (!f->has_remote && (!c->remote_createfolders ||
		c->remote_readonly)) {
		log_msg(LOG_INFO, "%s: not made on the server (createfolders, "
			"readonly)", a->title);
		return false;
	}
	return true;
}

static uint32_t
offlineimap_validity(struct account *a)
{
	char path[CFG_PATH + 512], text[32];
	struct buf b;
	size_t n = 0;
	uint32_t v = 0;
	fs_fd fd = FS_NONE;

	BUF_INIT(&b, path);
	buf_fmt(&b, "%s/Repository-%s/FolderValidity/", a->options->metadata,
		a->conf.remote_repo);
	for (const char *c = a->entry.remote; *c != '\0'; c++) {
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
write_id(struct account *a)
{
	char text[CFG_TOKEN + 1024];
	struct fs_stat st;
	struct buf b;
	fs_fd fd = FS_NONE;
	enum err e;

	if (fs_stat(a->folder_state, "id", &st) == ERR_OK && st.size > 0) {
		return ERR_OK;
	}
	BUF_INIT(&b, text);
	buf_fmt(&b, "%s\n%s\n%s\n%c\n", a->conf.host, a->conf.user,
		a->entry.remote, a->folders.map.remote_sep != '\0'
			? a->folders.map.remote_sep : '/');
	if (b.err != ERR_OK) {
		return err_set(b.err, "host, user and folder are longer than "
			"%zu bytes together (CFG_TOKEN)", sizeof(text));
	}
	e = fs_open(a->folder_state, "id", FS_WRITE | FS_CREATE | FS_TRUNC,
		0600, &fd);
	if (e == ERR_OK) {
		e = fs_write(fd, b.p, b.n);
	}
	fs_close(&fd);
	return e;
}

static enum err
open_folder_state(struct account *a)
{
	uint8_t digest[16];
	char name[40];
	struct buf b;
	enum err e;

	hash_md5(a->entry.remote, strlen(a->entry.remote), digest);
	BUF_INIT(&b, name);
	buf_hex(&b, digest, sizeof(digest));
	e = fs_mkdir(a->state, buf_cstr(&b), 0700);
	if (e == ERR_OK || e == ERR_EXIST) {
		e = fs_open_dir(a->state, name, &a->folder_state);
	}
	return e == ERR_OK ? write_id(a) : e;
}

static uint32_t
seconds(uint32_t n, uint32_t of)
{
	return n <= UINT32_MAX / of ? n * of : UINT32_MAX;
}

static void
fill_job(struct account *a)
{
	const struct conf_account *c = &a->conf;

	a->job = (struct folder_job){
		.remote = span_of(a->entry.remote),
		.dir = a->entry.local,
		.visible = span_of(a->entry.local),
		.title = a->title,
		.host = c->host, .user = c->user, .hostname = a->hostname,
		.root = a->root, .state = a->folder_state,
		.has_remote = a->entry.has_remote,
		.has_local = a->entry.has_local,
		.local_readonly = c->local_readonly,
		.remote_readonly = c->remote_readonly,
		.push_deletes = c->local_sync_deletes,
		.pull_deletes = c->remote_sync_deletes,
		.expunge = c->expunge,
		.trust_mtime = c->trust_mtime,
		.dry_run = a->options->dry_run,
		.infosep = c->infosep,
		.durability = a->options->durability,
		.known_validity = offlineimap_validity(a),
		.audit_s = seconds(c->audit_h, 3600),
		.flag_check_s = seconds(c->flag_check_m, 60)};
}

static enum err
start(struct account *a)
{
	enum err e;

	if (a->options->dry_run &&
		(!a->entry.has_local || !a->entry.has_remote)) {
		log_msg(LOG_INFO, "[DRYRUN] %s: would be made %s, with all its "
			"mail", a->title,
			a->entry.has_local ? "on the server" : "here");
		return ERR_OK;
	}
	e = open_folder_state(a);
	if (e == ERR_OK) {
		fill_job(a);
		e = folder_begin(&a->folder, a->conn, &a->job);
		a->folder_open = true;
	}
	if (e == ERR_OK || a->folder_open) {
		a->phase = ACCOUNT_FOLDER;
		return ERR_OK; /* folder_step tells the error */
	}
	account_folder_done(a, e);
	return ERR_OK;
}

enum err
account_next(struct account *a)
{
	bool yes = false;
	struct buf b;
	enum err e = folders_next(&a->folders, &a->entry);

	if (e != ERR_OK) {
		return e;
	}
	BUF_INIT(&b, a->title);
	mapname_title(span_of(a->entry.has_local ? a->entry.local
		: a->entry.remote), &b);
	buf_cstr(&b);
	e = accepted(a, &yes);
	if (e != ERR_OK || !yes || !may_sync(a)) {
		return e;
	}
	a->folder_no++;
	return start(a);
}

static void
add_total(struct account *a)
{
	const struct folder_stats *s = &a->folder.stats;
	struct folder_stats *t = &a->total;

	t->down += s->down;
	t->up += s->up;
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
tell(struct account *a)
{
	const struct folder_stats *s = &a->folder.stats;
	char text[400];
	struct buf b;

	BUF_INIT(&b, text);
	part(&b, s->down, "down");
	part(&b, s->up, "up");
	part(&b, s->flags_local, "flags changed here");
	part(&b, s->flags_remote, "flags changed there");
	part(&b, s->del_local, "deleted here");
	part(&b, s->del_remote, "deleted there");
	part(&b, s->adopted, "adopted");
	part(&b, s->failed, "failed");
	if (b.n > 0) {
		log_msg(LOG_INFO, "%s: %.*s", a->title, (int)b.n, b.p);
	}
}

void
account_folder_done(struct account *a, enum err e)
{
	if (e != ERR_OK && e != ERR_STOPPED) {
		log_msg(LOG_ERROR, "%s: %s", a->title,
			err_detail()[0] != '\0' ? err_detail() : err_text(e));
		outcome_err(e == ERR_REFUSED ? ERR_SYNTAX : e);
	}
	if (a->folder_open) {
		outcome_err(folder_end(&a->folder));
		a->folder_open = false;
		add_total(a);
		tell(a);
		if (a->folder.stats.failed > 0) {
			outcome_exit(EXIT_FAILED);
		}
		if (a->folder.stats.guarded > 0) {
			outcome_exit(EXIT_PERSON);
		}
		if (a->folder.stats.waiting > 0) {
			outcome_exit(EXIT_TEMPORARY);
		}
	}
	fs_close(&a->folder_state);
}
