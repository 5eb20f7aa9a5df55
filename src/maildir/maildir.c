/*
 * maildir: a folder's directories. Every call names a file relative to a
 * directory that is held open, so a folder that is renamed or replaced under
 * us is noticed by the stamps and not by half of the calls.
 *
 * A folder is made tmp first and cur last, and every directory that got a new
 * name is synced: a message that is durable in new/ is worth nothing if new/
 * itself is gone after a power cut.
 */
#include <string.h>

#include "maildir/maildir.h"

static const char *const parts[] = {"tmp", "new", "cur"};

bool
maildir_component_ok(struct span component)
{
	static const char *const never[] = {".", "..", "cur", "new", "tmp"};

	if (component.n == 0 || component.n >= CFG_NAME ||
		span_starts(component, SPAN(".wherry"))) {
		return false;
	}
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		if (span_is(component, never[i])) {
			return false;
		}
	}
	return span_find(component, '/') == component.n &&
		span_find(component, '\0') == component.n;
}

/* Every component of a folder's path must be one that we would make. "" is
 * the root itself. */
static enum err
check_path(const char *name)
{
	struct span rest = span_of(name);

	if (rest.n >= CFG_PATH) {
		return err_set(ERR_LIMIT, "folder name of %zu bytes: CFG_PATH",
			rest.n);
	}
	while (rest.n > 0) {
		size_t n = span_find(rest, '/');

		if (n >= CFG_NAME) {
			return err_set(ERR_LIMIT, "folder \"%s\": CFG_NAME",
				name);
		}
		if (!maildir_component_ok(span_upto(rest, n)) ||
			n + 1 == rest.n) {
			return err_set(ERR_SYNTAX,
				"folder \"%s\": not a name for a directory",
				name);
		}
		rest = span_from(rest, n + 1);
	}
	return ERR_OK;
}

static void
set_none(struct maildir *m)
{
	m->top = FS_NONE;
	m->tmp = FS_NONE;
	m->sub[MAILDIR_NEW] = FS_NONE;
	m->sub[MAILDIR_CUR] = FS_NONE;
	m->watch = FS_NONE;
	m->renamed[MAILDIR_NEW] = m->renamed[MAILDIR_CUR] = false;
	m->infosep = ':';
}

enum err
maildir_open(struct maildir *m, fs_fd root, const char *name)
{
	enum err e;

	set_none(m);
	e = check_path(name);
	if (e == ERR_OK) {
		e = fs_open_dir(root, name[0] != '\0' ? name : ".", &m->top);
	}
	if (e == ERR_OK) {
		e = fs_open_dir(m->top, "cur", &m->sub[MAILDIR_CUR]);
	}
	if (e == ERR_OK) {
		e = fs_open_dir(m->top, "new", &m->sub[MAILDIR_NEW]);
	}
	if (e == ERR_OK) {
		e = fs_open_dir(m->top, "tmp", &m->tmp);
	}
	if (e != ERR_OK) {
		maildir_close(m);
	}
	return e;
}

void
maildir_close(struct maildir *m)
{
	fs_close(&m->sub[MAILDIR_CUR]);
	fs_close(&m->sub[MAILDIR_NEW]);
	fs_close(&m->tmp);
	fs_close(&m->top);
	fs_watch_close(&m->watch);
}

static fs_fd
dir_of(const struct maildir *m, enum maildir_where where)
{
	return where == MAILDIR_TMP ? m->tmp : m->sub[where];
}

static void
changed(struct maildir *m, enum maildir_where where, bool came,
	const char *name)
{
	if (where != MAILDIR_TMP) {
		m->ours += fs_watch_mark((int)where, came, name);
		m->renamed[where] = true;
	}
}

enum err
maildir_rename(struct maildir *m, enum maildir_where from, const char *a,
	enum maildir_where to, const char *b)
{
	enum err e = fs_rename_new(dir_of(m, from), a, dir_of(m, to), b);

	if (e == ERR_OK) {
		changed(m, from, false, a);
		changed(m, to, true, b);
	}
	return e;
}

enum err
maildir_unlink(struct maildir *m, enum maildir_where where, const char *name)
{
	enum err e = fs_unlink(dir_of(m, where), name);

	if (e == ERR_OK) {
		changed(m, where, false, name);
	}
	return e;
}

void
maildir_watch(struct maildir *m)
{
	if (m->watch == FS_NONE) {
		(void)fs_watch_open(m->sub, &m->watch);
	} else {
		maildir_watch_read(m);
	}
	m->ours = m->all = 0;
}

void
maildir_watch_read(struct maildir *m)
{
	if (m->watch != FS_NONE && fs_watch_sum(m->watch, &m->all) != ERR_OK) {
		fs_watch_close(&m->watch);
	}
}

bool
maildir_alone(struct maildir *m)
{
	if (m->watch != FS_NONE) {
		fs_watch_settle(m->sub[MAILDIR_NEW]);
		fs_watch_settle(m->sub[MAILDIR_CUR]);
		maildir_watch_read(m);
	}
	return m->watch != FS_NONE && m->ours == m->all;
}

/* Makes one directory in dir, or finds it there. */
static enum err
make(fs_fd dir, const char *name, bool *made)
{
	enum err e = fs_mkdir(dir, name, 0700);

	if (e == ERR_EXIST) {
		return ERR_OK;
	}
	*made = *made || e == ERR_OK;
	return e;
}

/* Moves *at one component down, making it if needed; owned says whether *at
 * is ours to close. */
static enum err
descend(fs_fd *at, bool *owned, struct span component)
{
	char name[CFG_NAME];
	struct buf b;
	bool made = false;
	fs_fd down;
	enum err e;

	BUF_INIT(&b, name);
	buf_span(&b, component);
	buf_cstr(&b);
	e = make(*at, name, &made);
	if (e == ERR_OK && made) {
		e = fs_sync_names(*at);
	}
	if (e == ERR_OK) {
		e = fs_open_dir(*at, name, &down);
	}
	if (e != ERR_OK) {
		return e;
	}
	if (*owned) {
		fs_close(at);
	}
	*at = down;
	*owned = true;
	return ERR_OK;
}

enum err
maildir_create(fs_fd root, const char *name)
{
	struct span rest = span_of(name);
	fs_fd at = root;
	bool owned = false, made = false;
	enum err e = check_path(name);

	while (e == ERR_OK && rest.n > 0) {
		size_t n = span_find(rest, '/');

		e = descend(&at, &owned, span_upto(rest, n));
		rest = span_from(rest, n + 1);
	}
	for (size_t i = 0; i < 3 && e == ERR_OK; i++) {
		e = make(at, parts[i], &made);
	}
	if (e == ERR_OK && made) {
		e = fs_sync_names(at);
	}
	if (owned) {
		fs_close(&at);
	}
	return e;
}

void
maildir_scan_begin(struct maildir_scan *s, struct maildir *m, void *buf,
	size_t cap)
{
	memset(s, 0, sizeof(*s));
	s->m = m;
	s->buf = buf;
	s->cap = cap;
	s->where = MAILDIR_NEW;
}

enum err
maildir_scan_next(struct maildir_scan *s, enum maildir_where *where,
	const char **name)
{
	enum fs_type type;
	enum err e;

	while (s->where <= MAILDIR_CUR) {
		if (!s->open) {
			e = fs_walk_open(&s->walk, s->m->sub[s->where], ".",
				s->buf, s->cap);
			if (e != ERR_OK) {
				return e;
			}
			s->open = true;
		}
		e = fs_walk_next(&s->walk, name, &type);
		if (e == ERR_OK && ((*name)[0] == '.' || type == FS_DIR)) {
			continue;
		}
		*where = (enum maildir_where)s->where;
		if (e != ERR_END) {
			return e;
		}
		maildir_scan_end(s);
		s->where++;
	}
	return ERR_END;
}

void
maildir_scan_end(struct maildir_scan *s)
{
	if (s->open) {
		fs_walk_close(&s->walk);
		s->open = false;
	}
}

enum err
maildir_stamp(const struct maildir *m, struct maildir_stamp *out)
{
	enum err e = fs_stamp(m->sub[MAILDIR_NEW], ".", &out->sub[MAILDIR_NEW]);

	if (e == ERR_OK) {
		e = fs_stamp(m->sub[MAILDIR_CUR], ".", &out->sub[MAILDIR_CUR]);
	}
	return e;
}

bool
maildir_stamp_eq(const struct maildir_stamp *a, const struct maildir_stamp *b)
{
	_Static_assert(sizeof(*a) == 80, "compared as bytes: no padding");
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* What the file system's clock says; as a stamp, whose time it is. */
static enum err
foreign_now(const struct maildir *m, struct fs_stamp *now)
{
	static const char name[] = "wherry.now"; /* removed like a message's */
	fs_fd fd;
	enum err e = fs_open(m->tmp, name, FS_WRITE | FS_CREATE | FS_TRUNC,
		0600, &fd);

	if (e == ERR_OK) {
		e = fs_write(fd, name, 1); /* some give times only then */
		fs_close(&fd);
	}
	if (e == ERR_OK) {
		e = fs_stamp(m->tmp, name, now);
	}
	(void)fs_unlink(m->tmp, name);
	return e;
}

int64_t
maildir_stamp_wait(const struct maildir *m, const struct maildir_stamp *s,
	bool foreign)
{
	struct fs_stamp now;
	int64_t most = 0;

	if (foreign && foreign_now(m, &now) != ERR_OK) {
		return -1;
	}
	for (int i = MAILDIR_NEW; i <= MAILDIR_CUR; i++) {
		int64_t wait = fs_stamp_wait(&s->sub[i], foreign ? &now : NULL);

		most = wait > most ? wait : most;
	}
	return most;
}

enum err
maildir_stamp_mark(const struct maildir *m, struct maildir_stamp *s,
	uint32_t salt)
{
	/* Not the same twice in a tick: the stamp before may be recorded. */
	uint32_t back = 1 + salt % 50000;
	enum err e = ERR_OK;

	for (int i = MAILDIR_NEW; i <= MAILDIR_CUR && e == ERR_OK; i++) {
		struct fs_stamp *one = &s->sub[i], is;

		if (fs_stamp_wait(one, NULL) == 0) {
			continue;
		}
		if (one->mtime_ns < back) {
			return ERR_UNSUPPORTED;
		}
		one->mtime_ns -= back;
		e = fs_set_mtime(m->sub[i], one->mtime_s, one->mtime_ns);
		if (e == ERR_OK) {
			e = fs_stamp(m->sub[i], ".", &is);
		}
		if (e == ERR_OK && (is.mtime_s != one->mtime_s ||
			is.mtime_ns != one->mtime_ns)) {
			e = ERR_UNSUPPORTED;
		}
		*one = is;
	}
	return e;
}

void
maildir_trust_begin(struct maildir_trust *t, fs_fd root, bool trust_mtime)
{
	struct fs_stamp s = {0};

	t->root = root;
	t->all = trust_mtime;
	t->local = fs_stamps_trusted(root) &&
		fs_stamp(root, ".", &s) == ERR_OK;
	t->dev = s.dev;
}

/* One more file system below root may be of any kind: what lies on it has to be
 * opened, and asked itself. */
bool
maildir_trust_dev(const struct maildir_trust *t, uint64_t dev)
{
	return t->all || (t->local && dev == t->dev);
}

enum err
maildir_trust_stamp(const struct maildir_trust *t, const char *name,
	struct maildir_stamp *out)
{
	enum err e = ERR_OK;

	for (int i = MAILDIR_NEW; i <= MAILDIR_CUR && e == ERR_OK; i++) {
		char path[CFG_PATH];
		struct buf b;

		BUF_INIT(&b, path);
		buf_str(&b, name[0] != '\0' ? name : ".");
		buf_str(&b, i == MAILDIR_NEW ? "/new" : "/cur");
		buf_cstr(&b);
		e = b.err != ERR_OK ? b.err
				    : fs_stamp(t->root, path, &out->sub[i]);
		if (e == ERR_OK && !maildir_trust_dev(t, out->sub[i].dev)) {
			e = ERR_UNSUPPORTED;
		}
	}
	return e;
}

bool
maildir_trusted(const struct maildir *m, bool trust_mtime)
{
	return trust_mtime || (fs_stamps_trusted(m->sub[MAILDIR_NEW]) &&
		fs_stamps_trusted(m->sub[MAILDIR_CUR]));
}
