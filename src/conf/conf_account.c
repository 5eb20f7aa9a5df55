/*
 * conf_account: the values that the rest of the program works with. Each
 * account is checked before it is filled in, whether conf_check() ran or not:
 * an account may be named on the command line that the file does not list.
 */
#include <string.h>

#include "base/log.h"
#include "conf/conf.h"
#include "conf/conf_check.h"
#include "conf/conf_option.h"

#define READABLE_BY_OTHERS 044u

/* Whose options are being filled in. */
struct fill {
	struct conf *c;
	const char *section;
};

static enum err
bad(const struct fill *f, enum err e, uint32_t line, const char *key,
	const char *reason)
{
	return err_set(e, "%s:%lu: [%s] %s: %s", f->c->path,
		(unsigned long)line, f->section, key, reason);
}

static enum err
too_long(const struct fill *f, uint32_t line, const char *key, size_t cap)
{
	return err_set(ERR_LIMIT, "%s:%lu: [%s] %s: longer than the %zu bytes "
		"there are for it", f->c->path, (unsigned long)line,
		f->section, key, cap - 1);
}

/* A text; "" if it is not set. */
static enum err
text(const struct fill *f, const char *key, char *out, size_t cap)
{
	const char *value;
	uint32_t line;
	enum err e = conf_value(f->c, f->section, key, &value, &line);

	out[0] = '\0';
	if (e != ERR_OK) {
		return e == ERR_NOENT ? ERR_OK : e;
	}
	if (strlen(value) >= cap) {
		return too_long(f, line, key, cap);
	}
	memcpy(out, value, strlen(value) + 1);
	return ERR_OK;
}

/* A path, expanded; "" if it is not set or empty. */
static enum err
path(const struct fill *f, const char *key, bool absolute, char *out,
	size_t cap)
{
	const char *value, *why;
	char reason[256];
	struct buf b;
	uint32_t line;
	enum err e = conf_value(f->c, f->section, key, &value, &line);

	out[0] = '\0';
	if (e != ERR_OK || value[0] == '\0') {
		return e == ERR_NOENT ? ERR_OK : e;
	}
	buf_init(&b, out, cap);
	e = conf_expand_path(value, &b);
	if (e == ERR_CONF || e == ERR_NOENT) {
		struct buf r;

		buf_init(&r, reason, sizeof(reason) - 1);
		buf_str(&r, err_detail());
		reason[r.n] = '\0';
		why = reason;
		out[0] = '\0';
		return bad(f, ERR_CONF, line, key, why);
	}
	while (b.n > 1 && out[b.n - 1] == '/') {
		b.n--;
	}
	buf_cstr(&b);
	if (b.err != ERR_OK) {
		out[0] = '\0';
		return too_long(f, line, key, cap);
	}
	if (absolute && out[0] != '/') {
		return bad(f, ERR_CONF, line, key,
			"not an absolute path: begin it with / or ~");
	}
	return ERR_OK;
}

/* The long ones of an account: read to where there is room, then kept if that
 * went well. Each has an upper bound, so all of them have room. */
static char *
room(struct conf_account *a)
{
	return a->texts + a->texts_n;
}

static enum err
keep(struct conf_account *a, const char **out, enum err e)
{
	if (e == ERR_OK) {
		*out = room(a);
		a->texts_n += strlen(*out) + 1;
	}
	return e;
}

/* A yes or no; *out stays as it is if it is not set. */
static enum err
yes_no(const struct fill *f, const char *key, bool *out)
{
	const char *value;
	uint32_t line;
	enum err e = conf_value(f->c, f->section, key, &value, &line);

	if (e != ERR_OK) {
		return e == ERR_NOENT ? ERR_OK : e;
	}
	if (!conf_option_bool(span_of(value), out)) {
		return bad(f, ERR_CONF, line, key, "not yes or no");
	}
	return ERR_OK;
}

static enum err
number(const struct fill *f, const char *key, uint32_t *out)
{
	const char *value;
	uint32_t line;
	enum err e = conf_value(f->c, f->section, key, &value, &line);

	if (e != ERR_OK) {
		return e == ERR_NOENT ? ERR_OK : e;
	}
	if (!span_u32(span_of(value), out)) {
		return bad(f, ERR_CONF, line, key, "not a number");
	}
	return ERR_OK;
}

enum err
conf_account_name(const char *accounts, unsigned i, struct buf *out)
{
	struct span rest = span_of(accounts);
	unsigned at = 0;

	while (rest.n > 0) {
		size_t n = span_find(rest, ',');
		struct span item = span_trim(span_upto(rest, n));

		rest = span_from(rest, n + 1);
		if (item.n == 0 || at++ < i) {
			continue;
		}
		if (i >= CFG_ACCOUNTS) {
			return err_set(ERR_LIMIT, "more than %d accounts: "
				"CFG_ACCOUNTS", CFG_ACCOUNTS);
		}
		buf_span(out, item);
		return out->err == ERR_OK ? ERR_OK : err_set(ERR_LIMIT,
			"account \"%.*s\": longer than %zu bytes",
			(int)(item.n < 64 ? item.n : 64), item.p, out->cap);
	}
	return ERR_END;
}

/* "TTY.TTYUI" and "ttyui" are the same. */
static void
plain_ui(char *ui)
{
	const char *dot = strrchr(ui, '.');
	size_t at = dot != NULL ? (size_t)(dot + 1 - ui) : 0;

	memmove(ui, ui + at, strlen(ui + at) + 1);
	for (; *ui != '\0'; ui++) {
		*ui = (char)(*ui >= 'A' && *ui <= 'Z' ? *ui - 'A' + 'a' : *ui);
	}
}

static enum conf_fsync
fsync_of(const char *value)
{
	bool on = true;

	if (span_iis(span_of(value), "always")) {
		return CONF_FSYNC_ALWAYS;
	}
	conf_option_bool(span_of(value), &on);
	return on ? CONF_FSYNC_BATCH : CONF_FSYNC_OFF;
}

enum err
conf_general(struct conf *c, struct conf_general *out)
{
	struct conf_verdict first = {.all = false};
	struct fill f = {c, "general"};
	char fsync[16];
	struct buf b;
	enum err e;

	memset(out, 0, offsetof(struct conf_general, accounts));
	out->accounts[0] = out->metadata[0] = '\0';
	if (!conf_has_section(c, "general")) {
		return c->err != ERR_OK ? c->err : err_set(ERR_CONF,
			"%s:1: [general]: is missing", c->path);
	}
	if ((e = conf_check_section(c, "general", IN_GENERAL, &first)) ||
		(e = text(&f, "accounts", out->accounts,
			sizeof(out->accounts))) ||
		(e = path(&f, "metadata", true, out->metadata,
			sizeof(out->metadata))) ||
		(e = text(&f, "ui", out->ui, sizeof(out->ui))) ||
		(e = text(&f, "fsync", fsync, sizeof(fsync))) ||
		(e = number(&f, "maxsyncaccounts", &out->max_accounts)) ||
		(e = number(&f, "socktimeout", &out->socktimeout_s))) {
		return e;
	}
	out->fsync = fsync_of(fsync);
	if (out->ui[0] == '\0') {
		memcpy(out->ui, "ttyui", sizeof("ttyui"));
	}
	plain_ui(out->ui);
	if (out->metadata[0] != '\0') {
		return ERR_OK;
	}
	BUF_INIT(&b, out->metadata);
	e = conf_default_metadata(c->offlineimap, &b);
	buf_cstr(&b);
	return e != ERR_OK ? e : b.err == ERR_OK ? ERR_OK :
		err_set(ERR_LIMIT, "default of metadata: CFG_PATH");
}

static enum err
fill_local(struct conf *c, const char *section, struct conf_account *a)
{
	struct fill f = {c, section};
	char sep[8];
	enum err e;

	a->local_createfolders = a->local_sync_deletes = true;
	if ((e = keep(a, &a->root, path(&f, "localfolders", true, room(a),
			CFG_PATH))) ||
		(e = text(&f, "sep", sep, sizeof(sep))) ||
		(e = yes_no(&f, "trust_mtime", &a->trust_mtime)) ||
		(e = yes_no(&f, "readonly", &a->local_readonly)) ||
		(e = yes_no(&f, "createfolders", &a->local_createfolders)) ||
		(e = yes_no(&f, "sync_deletes", &a->local_sync_deletes)) ||
		(e = keep(a, &a->filter_local, text(&f, "folderfilter", room(a),
			CONF_FILTER)))) {
		return e;
	}
	a->sep = sep[0] == '/' ? '/' : '.';
	return ERR_OK;
}

static enum err
fill_passwords(const struct fill *f, struct conf_account *a)
{
	struct fs_stat st;
	enum err e;

	if ((e = text(f, "remotepass", a->pass, sizeof(a->pass))) ||
		(e = text(f, "remotepasscmd", a->passcmd,
			sizeof(a->passcmd))) ||
		(e = keep(a, &a->passfile, path(f, "remotepassfile", false,
			room(a), CFG_PATH)))) {
		return e;
	}
	if (a->passfile[0] != '\0' &&
		fs_stat(FS_CWD, a->passfile, &st) == ERR_OK &&
		(st.mode & READABLE_BY_OTHERS)) {
		log_msg(LOG_WARN, "%s holds a password and others can read it: "
			"chmod 600 it", a->passfile);
	}
	return ERR_OK;
}

static enum err
fill_policy(const struct fill *f, struct conf_account *a)
{
	enum err e;

	a->remote_createfolders = a->remote_sync_deletes = true;
	a->expunge = true;
	a->audit_h = 168;
	a->flag_check_m = 60;
	if ((e = yes_no(f, "readonly", &a->remote_readonly)) ||
		(e = yes_no(f, "createfolders", &a->remote_createfolders)) ||
		(e = yes_no(f, "sync_deletes", &a->remote_sync_deletes)) ||
		(e = yes_no(f, "expunge", &a->expunge)) ||
		(e = number(f, "audit", &a->audit_h)) ||
		(e = number(f, "flag_check", &a->flag_check_m))) {
		return e;
	}
	return keep(a, &a->filter_remote,
		text(f, "folderfilter", room(a), CONF_FILTER));
}

static enum err
fill_compress(const struct fill *f, struct conf_account *a)
{
	char value[8];
	bool on;
	enum err e = text(f, "usecompression", value, sizeof(value));

	if (e == ERR_OK && conf_option_bool(span_of(value), &on)) {
		a->compress = on ? CONF_COMPRESS_YES : CONF_COMPRESS_NO;
	}
	if (!CFG_COMPRESS && a->compress == CONF_COMPRESS_YES) {
		log_msg(LOG_WARN, "usecompression: this wherry was built "
			"without it (CFG_COMPRESS)");
	}
	return e;
}

static enum err
fill_retries(const struct fill *f, struct conf_account *a)
{
	enum err e;

	a->retries = CFG_RECONNECT;
	e = number(f, "retrycount", &a->retries);
	if (!CFG_RECONNECT && a->retries > 0) {
		log_msg(LOG_WARN, "retrycount: this wherry was built without "
			"it (CFG_RECONNECT)");
	}
	return e;
}

static enum err
fill_remote(struct conf *c, const char *section, bool gmail,
	struct conf_account *a)
{
	struct fill f = {c, section};
	uint32_t port = 0;
	enum err e;

	a->ssl = a->starttls = true;
	if ((e = text(&f, "remotehost", a->host, sizeof(a->host))) ||
		(e = number(&f, "remoteport", &port)) ||
		(e = number(&f, "maxconnections", &a->max_lanes)) ||
		(e = fill_retries(&f, a)) ||
		(e = text(&f, "remoteuser", a->user, sizeof(a->user))) ||
		(e = yes_no(&f, "ssl", &a->ssl)) ||
		(e = yes_no(&f, "starttls", &a->starttls)) ||
		(e = keep(a, &a->ca_file, path(&f, "sslcacertfile", false,
			room(a), CFG_PATH))) ||
		(e = text(&f, "cert_fingerprint", a->fingerprint,
			sizeof(a->fingerprint))) ||
		(e = text(&f, "auth_mechanisms", a->auth, sizeof(a->auth))) ||
		(e = fill_compress(&f, a)) || (e = fill_passwords(&f, a)) ||
		(e = fill_policy(&f, a))) {
		return e;
	}
	if (gmail) {
		a->ssl = true;
		if (a->host[0] == '\0') {
			memcpy(a->host, "imap.gmail.com",
				sizeof("imap.gmail.com"));
		}
	}
	a->port = (uint16_t)(port != 0 ? port : a->ssl ? 993 : 143);
	return ERR_OK;
}

enum err
conf_account(struct conf *c, const char *name, struct conf_account *out)
{
	struct conf_verdict first = {.all = false};
	struct conf_sections s = {.gmail = false};
	struct fill f = {c, s.account};
	bool windows = false;
	enum err e;

	memset(out, 0, offsetof(struct conf_account, texts));
	out->root = out->passfile = out->ca_file = "";
	out->filter_remote = out->filter_local = "";
	if (strlen(name) >= sizeof(out->name)) {
		return err_set(ERR_LIMIT, "%s: account \"%.*s...\": longer "
			"than %zu bytes", c->path, 64, name,
			sizeof(out->name) - 1);
	}
	memcpy(out->name, name, strlen(name) + 1);
	if ((e = conf_check_account(c, name, &s, &first)) ||
		(e = text(&f, "localrepository", out->local_repo,
			sizeof(out->local_repo))) ||
		(e = text(&f, "remoterepository", out->remote_repo,
			sizeof(out->remote_repo))) ||
		(e = yes_no(&f, "maildir-windows-compatible", &windows)) ||
		(e = fill_local(c, s.local, out)) ||
		(e = fill_remote(c, s.remote, s.gmail, out))) {
		return e;
	}
	out->infosep = windows ? '!' : ':';
	return ERR_OK;
}
