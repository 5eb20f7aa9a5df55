/* account_folder: which folder comes next, and whether it takes part. */
#include <string.h>

#include "app/account.h"
#include "app/outcome.h"
#include "base/log.h"

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

enum err
account_accepts(struct account *a, bool *yes)
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
	a->troubled = true;
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
	if (folders_is_box(a->root, a->entry.local)) {
		a->entry.has_local = true; /* it could not be read, or is new */
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

/* The folder is on one side alone: may the other one have it? */
static bool
may_make(struct account *a)
{
	const struct folder_entry *f = &a->entry;
	const struct conf_account *c = &a->conf;
	bool here = !f->has_local;

	if ((here ? f->local : f->remote)[0] == '\0') {
		leave(a, EXIT_FAILED, LOG_ERROR, err_detail());
		return false;
	}
	if (here && !really_gone(a)) {
		return false;
	}
	if (here && f->has_local) {
		return true; /* it is there after all */
	}
	if (here ? !c->local_createfolders || c->local_readonly
		 : !c->remote_createfolders || c->remote_readonly) {
		log_msg(LOG_INFO, "%s: not made %s (createfolders, readonly)",
			a->title, here ? "here" : "on the server");
		return false;
	}
	return true;
}

/* Decides on folders that are not simply on both sides. */
static bool
may_sync(struct account *a)
{
	const struct folder_entry *f = &a->entry;
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
		if (f->has_local) {
			leave(a, EXIT_PERSON, LOG_WARN, "the server has it not "
				"as a folder with mail; left alone here");
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
	return (f->has_remote && f->has_local) || may_make(a);
}

static void
takes_part(struct account *a)
{
	const struct folder_entry *f = &a->entry;
	uint8_t id[16];

	folders_id(span_of(f->remote), id);
	catalog_set_add(&a->synced, id);
	if (!f->has_remote) { /* it will be there */
		folders_listed(&a->folders, span_of(f->remote),
			a->folders.map.remote_sep, 0);
	}
	a->have = !f->same || !f->has_local || !f->has_remote || !f->has_state;
}

void
account_title(const struct folder_entry *f, char *out, size_t size)
{
	struct buf b;

	buf_init(&b, out, size);
	mapname_title(span_of(f->has_local ? f->local : f->remote), &b);
	buf_cstr(&b);
}

/* One name further in the list. */
static enum err
look_at_next(struct account *a)
{
	enum err e = folders_next(&a->folders, &a->entry);

	if (e != ERR_OK) {
		return e;
	}
	a->left -= a->left > 0;
	account_title(&a->entry, a->title, sizeof(a->title));
	e = account_accepts(a, &a->have);
	a->have = e == ERR_OK && a->have && may_sync(a);
	if (a->have && a->options->dry_run &&
		(!a->entry.has_local || !a->entry.has_remote)) {
		log_msg(LOG_INFO, "[DRYRUN] %s: would be made %s, with all its "
			"mail", a->title,
			a->entry.has_local ? "on the server" : "here");
		a->have = false;
	}
	if (a->have) {
		takes_part(a);
	}
	return e;
}

/* Only what changed here can have been moved; where not all of that is known,
 * anything may. */
bool
account_puts_off(const struct account *a)
{
	return !a->later.reading &&
		(!a->folders.compare || a->folders.changed > 1);
}

/* What does not fit waits for the next run. */
void
account_put_off(struct account *a, const struct folder_entry *f)
{
	char text[sizeof(a->later_buf)];
	struct buf b;

	if (a->later.buf == NULL) {
		spill_begin(&a->later, a->state, "spill.later", a->later_buf,
			sizeof(a->later_buf));
	}
	BUF_INIT(&b, text);
	buf_put(&b, f->remote, strlen(f->remote) + 1);
	buf_put(&b, f->local, strlen(f->local) + 1);
	if (b.err == ERR_OK) {
		(void)spill_add(&a->later, b.p, b.n, NULL);
	}
}

/* The next of these, once nothing else is at work. */
static enum err
look_at_later(struct account *a)
{
	const struct lane *l = NULL;
	const uint8_t *p;
	size_t n, half;
	enum err e;

	while ((l = pool_next(a, l)) != NULL) {
		if (l->phase == LANE_FOLDER || l->chosen ||
			(CFG_AHEAD && lane_ahead_waits(l))) {
			return ERR_END;
		}
	}
	e = a->later.count == 0 ? ERR_END : a->later.reading ? ERR_OK
		: spill_rewind(&a->later);
	if (e == ERR_OK) {
		e = spill_next(&a->later, &p, &n);
	}
	if (e == ERR_OK) {
		memset(&a->entry, 0, sizeof(a->entry));
		a->entry.has_remote = a->entry.has_local =
			a->entry.has_state = true;
		half = strlen((const char *)p) + 1;
		memcpy(a->entry.remote, p, half);
		memcpy(a->entry.local, p + half, n - half);
		account_title(&a->entry, a->title, sizeof(a->title));
		a->have = true;
	}
	return e;
}

enum err
account_look(struct account *a)
{
	enum err e = a->have ? ERR_OK : a->stopping ? ERR_END :
		account_take_back(a) ? ERR_OK :
		a->all_seen ? ERR_END : look_at_next(a);

	a->all_seen = a->all_seen || (e == ERR_END && !a->stopping);
	return CFG_MOVES && e == ERR_END && !a->stopping ? look_at_later(a) : e;
}
