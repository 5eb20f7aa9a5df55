/*
 * account_open: the places of an account and the right to use them.
 *
 * Two locks: <metadata>/<account>.lock, which OfflineIMAP takes too, and the
 * marker ".wherry" in the Maildir root. The marker names account and server:
 * a root that lacks it although this account was synced before is a disk that
 * is not mounted, and another's marker is another's mail; both stop.
 */
#include <string.h>

#include "app/account.h"
#include "app/ui.h"
#include "base/log.h"
#include "port/sys.h"

#define MARKER ".wherry"
#define ROOT "root" /* of the state: where the mail is, and when it was */
/* Its three names are bounded by struct conf_account. */
#define MARKER_BYTES 1024

static enum err
open_lock(struct account *a, const char *path)
{
	struct fs_stat mine, theirs;
	enum err e = ERR_LOCKED;

	for (int i = 0; i < 5; i++) {
		e = fs_open(FS_CWD, path, FS_READ | FS_WRITE | FS_CREATE, 0600,
			&a->lock);
		if (e == ERR_OK) {
			e = fs_lock(a->lock);
		}
		if (e != ERR_OK) {
			break;
		}
		/* OfflineIMAP unlinks lock files: is this one still there? */
		if (fs_fstat(a->lock, &mine) == ERR_OK &&
			fs_stat(FS_CWD, path, &theirs) == ERR_OK &&
			mine.ino == theirs.ino && mine.dev == theirs.dev) {
			return ERR_OK;
		}
		fs_close(&a->lock);
		e = ERR_LOCKED;
	}
	return e == ERR_LOCKED ? err_set(e, "another run has the lock %s", path)
			       : e;
}

static void
marker_text(const struct account *a, struct buf *out)
{
	buf_fmt(out, "wherry 1\naccount %s\nserver %s\nuser %s\n",
		a->conf.name, a->conf.host, a->conf.user);
}

/* No marker: a new root, or a disk that is not there? */
static enum err
mounted(struct account *a)
{
	struct fs_stat st;

	if (fs_stat(a->state, ROOT, &st) == ERR_OK) {
		return err_set(ERR_GUARD,
			"%s has no file " MARKER ", but this account was synced "
			"there before: is the disk mounted? If the mail was "
			"moved away on purpose, remove the state of this "
			"account (%s/Account-%s/wherry) to start over",
			a->conf.root, a->options->metadata, a->conf.name);
	}
	return ERR_OK;
}

/* Locks the marker, then reads it: another run may have made it meanwhile.
 * An empty one (torn) is as good as none. */
static enum err
lock_marker(struct account *a, struct span want, bool *empty)
{
	char have[MARKER_BYTES];
	size_t n = 0;
	enum err e = fs_lock(a->marker);

	if (e == ERR_LOCKED) {
		return err_set(e, "another run is at work in %s", a->conf.root);
	}
	if (e == ERR_OK) {
		e = fs_read(a->marker, have, sizeof(have), &n);
	}
	*empty = n == 0;
	if (e == ERR_OK && n > 0 && !span_eq(want, (struct span){have, n})) {
		return err_set(ERR_GUARD,
			"%s belongs to another account, server or user "
			"(its file " MARKER " says which; remove that "
			"file if they are the same); nothing was "
			"touched", a->conf.root);
	}
	return e;
}

static enum err
new_marker(struct account *a, struct span text)
{
	bool empty = false;
	enum err e = fs_open(a->root, MARKER,
		FS_READ | FS_WRITE | FS_CREATE, 0600, &a->marker);

	if (e == ERR_OK) {
		e = lock_marker(a, text, &empty);
	}
	if (e != ERR_OK || !empty) {
		return e;
	}
	e = fs_write(a->marker, text.p, text.n);
	if (e == ERR_OK) {
		e = fs_sync(a->marker);
	}
	if (e == ERR_OK) {
		e = fs_sync_names(a->root);
	}
	return e;
}

/* The state remembers that the root has a marker. */
static enum err
remember_root(struct account *a)
{
	struct fs_stat st;
	fs_fd fd = FS_NONE;
	enum err e;

	if (fs_stat(a->state, ROOT, &st) == ERR_OK) {
		return ERR_OK;
	}
	e = fs_open(a->state, ROOT, FS_WRITE | FS_CREATE, 0600, &fd);
	if (e == ERR_OK) {
		e = fs_write(fd, a->conf.root, strlen(a->conf.root));
	}
	fs_close(&fd);
	return e;
}

static enum err
check_marker(struct account *a)
{
	char want[MARKER_BYTES];
	bool empty = false;
	struct buf b;
	enum err e;

	BUF_INIT(&b, want);
	marker_text(a, &b);
	e = fs_open(a->root, MARKER, FS_READ | FS_WRITE, 0600, &a->marker);
	if (e == ERR_NOENT) {
		return mounted(a);
	}
	if (e == ERR_OK) {
		e = lock_marker(a, buf_get(&b), &empty);
	}
	if (e == ERR_OK && empty) { /* written once the server let us in */
		fs_close(&a->marker);
	}
	return e;
}

/* Marks the root as this account's, once the server has let us in. */
enum err
account_mark_root(struct account *a)
{
	char text[MARKER_BYTES];
	struct buf b;
	enum err e = ERR_OK;

	if (a->options->dry_run) {
		return ERR_OK;
	}
	if (a->marker == FS_NONE) {
		BUF_INIT(&b, text);
		marker_text(a, &b);
		e = new_marker(a, buf_get(&b));
	}
	return e == ERR_OK ? remember_root(a) : e;
}

void
account_moment(struct account *a)
{
	struct fs_stat st = {.mtime_s = 0};

	(void)fs_stat(a->state, ROOT, &st); /* none before the first login */
	moment_of(&a->moment, sys_time(), WHERRY_STAMP, st.mtime_s);
	if (a->moment.source != MOMENT_CLOCK) {
		moment_tell(&a->moment, LOG_INFO, ROOT);
	}
}

/* The clock is believed where a chain of certificates was valid by it, and
 * the file that says so is touched at most once a day, by runs that wrote
 * something anyway. */
void
account_keep_moment(const struct account *a)
{
	bool chain = (a->conf.ssl || a->conf.starttls) &&
		(a->conf.ca_file[0] != '\0' || a->conf.fingerprint[0] == '\0');
	struct fs_stat st;
	fs_fd fd = FS_NONE;

	if (chain && !a->options->dry_run && fs_written() != a->written &&
		fs_stat(a->state, ROOT, &st) == ERR_OK &&
		moment_is_news(&a->moment, st.mtime_s) &&
		fs_open(a->state, ROOT, FS_WRITE, 0, &fd) == ERR_OK) {
		(void)fs_set_mtime(fd, a->moment.at, 0);
	}
	fs_close(&fd);
}

/* As mkdir -p; a file in the way cannot be written into. */
static enum err
make_dirs(const char *path)
{
	enum err e = fs_mkdirs(path, 0700);

	return e == ERR_EXIST ? ERR_PERM : e;
}

static enum err
open_state(struct account *a, const char *metadata)
{
	char path[CFG_PATH + 256];
	struct buf b;
	enum err e;

	if (span_find(span_of(a->conf.name), '/') < strlen(a->conf.name)) {
		return err_set(ERR_CONF, "an account name cannot have a \"/\"");
	}
	BUF_INIT(&b, path);
	buf_fmt(&b, "%s/Account-%s/wherry", metadata, a->conf.name);
	buf_cstr(&b);
	e = b.err == ERR_OK ? make_dirs(path)
			    : err_set(b.err, "the metadata path is too long");
	if (e == ERR_OK) {
		e = fs_open_dir(FS_CWD, path, &a->state);
	}
	b.n = 0;
	buf_fmt(&b, "%s/%s.lock", metadata, a->conf.name);
	return e == ERR_OK ? open_lock(a, buf_cstr(&b)) : e;
}

/* Where a disk is to be mounted nothing is made before it is. */
static enum err
open_root(struct account *a)
{
	enum err e = fs_open_dir(FS_CWD, a->conf.root, &a->root);

	if (e == ERR_NOENT) {
		e = mounted(a);
		if (e == ERR_OK && !a->options->dry_run) {
			e = make_dirs(a->conf.root);
			if (e == ERR_OK) {
				e = fs_open_dir(FS_CWD, a->conf.root, &a->root);
			}
		}
	}
	return e;
}

enum err
account_open(struct account *a)
{
	enum err e = open_state(a, a->options->metadata);

	if (e == ERR_OK) {
		e = open_root(a);
	}
	if (e == ERR_OK && a->root != FS_NONE) {
		e = check_marker(a);
	}
	sys_hostname(a->hostname, sizeof(a->hostname));
	for (char *c = a->hostname; *c != '\0'; c++) {
		if (*c == '/' || *c == ':' || *c == ',') {
			*c = '-';
		}
	}
	return e;
}

void
account_close(struct account *a)
{
	if (CFG_PASSCMD && a->cmd_runs) {
		proc_stop(&a->cmd);
		a->cmd_runs = false;
	}
	fs_close(&a->marker);
	fs_close(&a->root);
	fs_close(&a->state);
	fs_close(&a->lock);
	memset(a->pass, 0, sizeof(a->pass));
	memset(a->conf.pass, 0, sizeof(a->conf.pass));
}

void
account_password_line(struct account *a)
{
	struct span s = {a->pass, a->pass_n};

	s = span_upto(s, span_find(s, '\n'));
	if (s.n > 0 && s.p[s.n - 1] == '\r') {
		s.n--;
	}
	a->pass[s.n] = '\0';
}

static enum err
from_file(struct account *a)
{
	fs_fd fd = FS_NONE;
	enum err e = fs_open(FS_CWD, a->conf.passfile, FS_READ, 0, &fd);

	if (e != ERR_OK) {
		return err_set(ERR_CONF, "remotepassfile: %s: %s",
			a->conf.passfile, err_text(e));
	}
	e = fs_read(fd, a->pass, sizeof(a->pass) - 1, &a->pass_n);
	fs_close(&fd);
	if (a->pass_n == sizeof(a->pass) - 1 &&
		span_find((struct span){a->pass, a->pass_n}, '\n') ==
			a->pass_n) {
		return err_set(ERR_CONF, "remotepassfile: %s: its first line "
			"is longer than %d bytes", a->conf.passfile,
			(int)sizeof(a->pass) - 2);
	}
	account_password_line(a);
	if (e == ERR_OK && a->pass[0] == '\0') {
		return err_set(ERR_CONF, "remotepassfile: %s: its first line "
			"is empty", a->conf.passfile);
	}
	return e;
}

static enum err
ask(struct account *a)
{
	char prompt[600];
	struct buf b;
	enum err e = ERR_UNSUPPORTED;

	if (CFG_PROMPT && ui_may_ask()) {
		BUF_INIT(&b, prompt);
		buf_fmt(&b, "Password of %s at %s: ", a->conf.user,
			a->conf.host);
		e = sys_ask_secret(buf_cstr(&b), a->pass, sizeof(a->pass));
	}
	if (e == ERR_OK || e == ERR_STOPPED || e == ERR_LIMIT) {
		return e;
	}
	return err_set(ERR_CONF, "no password: set remotepass, remotepassfile "
		"or remotepasscmd in [Repository %s]", a->conf.remote_repo);
}

enum err
account_password_begin(struct account *a, int64_t now_ms)
{
	if (a->conf.pass[0] != '\0') {
		memcpy(a->pass, a->conf.pass, sizeof(a->pass));
		return ERR_OK;
	}
	if (a->conf.passfile[0] != '\0') {
		return from_file(a);
	}
	if (CFG_PASSCMD && a->conf.passcmd[0] != '\0') {
		return account_passcmd_begin(a, now_ms);
	}
	return ask(a);
}
