/*
 * conf_option: one row per option that OfflineIMAP knows, or knew, and one per
 * option of our own. A row's class answers one question: if this option were
 * left out, would other mail be synced than its owner meant, or a connection
 * go elsewhere or be less safe? Then it stops the start. Is something left
 * undone that people would wait for? Then it is noted. The rest is quiet.
 */
#include <string.h>

#include "conf/conf.h"
#include "conf/conf_option.h"

#define ROW(name, where, type, class, standard, help) \
	{name, where, TYPE_##type, CLASS_##class, false, standard, help}
#define NEED(name, where, type, class, standard, help) \
	{name, where, TYPE_##type, CLASS_##class, true, standard, help}

const struct conf_option conf_options[] = {
	/* [general] */
	NEED("accounts", IN_GENERAL, LIST, USED, NULL,
		"comma list of the accounts to sync"),
	ROW("metadata", IN_GENERAL, PATH, USED, NULL,
		"directory of the state files; default ~/.offlineimap with a "
		"configuration in OfflineIMAP's place, else "
		"$XDG_STATE_HOME/wherry or ~/.local/state/wherry"),
	ROW("socktimeout", IN_GENERAL, NUMBER, USED, "0",
		"seconds to wait for the server; 0 is wherry's own deadline"),
	ROW("fsync", IN_GENERAL, FSYNC, USED, "batch",
		"always, batch or off: when mail is made durable; yes means "
		"batch, no means off"),
	ROW("ui", IN_GENERAL, TEXT, USED, "ttyui", "how progress is shown"),
	ROW("dry-run", IN_GENERAL, BOOL, STOP, "no",
		"mail would be changed although it asks for a dry run; write "
		"--dry-run on the command line"),
	ROW("pythonfile", IN_GENERAL, TEXT, NOTED, NULL,
		"no Python is run; options that call its functions are "
		"refused"),
	ROW("maxsyncaccounts", IN_GENERAL, NUMBER, QUIET, NULL,
		"accounts at the same time"),
	ROW("ignore-readonly", IN_GENERAL, BOOL, QUIET, NULL,
		"hides warnings of OfflineIMAP"),
	ROW("ignore-keyring", IN_GENERAL, BOOL, QUIET, NULL,
		"no keyring is asked"),
	ROW("update-keyring", IN_GENERAL, BOOL, QUIET, NULL,
		"no keyring is written"),
	ROW("filename_use_mail_timestamp", IN_GENERAL | IN_MAILDIR, BOOL,
		QUIET, NULL, "numbers in file names"),
	ROW("utime_from_header", IN_GENERAL | IN_MAILDIR, BOOL, NOTED, "no",
		"files get the server's date, not the Date: header's"),

	/* [Account x] */
	NEED("localrepository", IN_ACCOUNT, TEXT, USED, NULL,
		"name of the [Repository x] with the Maildirs"),
	NEED("remoterepository", IN_ACCOUNT, TEXT, USED, NULL,
		"name of the [Repository x] with the server"),
	ROW("maildir-windows-compatible", IN_ACCOUNT, BOOL, USED, "no",
		"file names with ! instead of :"),
	ROW("autorefresh", IN_ACCOUNT, TEXT, NOTED, NULL,
		"wherry syncs once and ends; let cron or a timer start it"),
	ROW("presynchook", IN_ACCOUNT, TEXT, NOTED, NULL,
		"hooks are not run"),
	ROW("postsynchook", IN_ACCOUNT, TEXT, NOTED, NULL,
		"hooks are not run"),
	ROW("quick", IN_ACCOUNT, TEXT, QUIET, NULL,
		"every sync is complete and quick"),
	ROW("status_backend", IN_ACCOUNT, TEXT, QUIET, NULL,
		"wherry has its own state files"),
	ROW("labelsheader", IN_ACCOUNT, TEXT, QUIET, NULL,
		"part of synclabels"),
	ROW("ignorelabels", IN_ACCOUNT, TEXT, QUIET, NULL,
		"part of synclabels"),
	ROW("authproxy", IN_ACCOUNT, TEXT, QUIET, NULL, "part of OAuth"),
	ROW("skipsleep", IN_ACCOUNT, TEXT, QUIET, NULL,
		"part of autorefresh"),
	ROW("maxage", IN_ACCOUNT, TEXT, STOP, NULL,
		"old mail would be synced too; not supported"),
	ROW("maxsize", IN_ACCOUNT, TEXT, STOP, NULL,
		"large mail would be synced too; not supported"),
	ROW("synclabels", IN_ACCOUNT, BOOL, STOP, "no",
		"Gmail labels would not be synced; not supported"),
	ROW("filterheaders", IN_ACCOUNT, TEXT, STOP, NULL,
		"headers would be uploaded that it removes; not supported"),
	ROW("proxy", IN_ACCOUNT, TEXT, STOP, NULL,
		"the connection would not go through it; not supported"),
	ROW("utf8foldernames", IN_ACCOUNT, BOOL, STOP, "no",
		"folders would get other names; not supported"),

	/* [Repository x] of both kinds */
	NEED("type", IN_REPO, TEXT, USED, NULL,
		"Maildir or GmailMaildir locally; IMAP or Gmail (which is "
		"imap.gmail.com, 993, with ssl) remotely"),
	ROW("folderfilter", IN_REPO, FILTER, USED, NULL,
		"which folders: lambda f: f in ['a', 'b'], not in, == or !="),
	ROW("readonly", IN_REPO, BOOL, USED, "no", "nothing is changed here"),
	ROW("createfolders", IN_REPO, BOOL, USED, "yes",
		"folders that the other side has may be made here"),
	ROW("sync_deletes", IN_REPO, BOOL, USED, "yes",
		"what is deleted here is deleted on the other side"),
	ROW("nametrans", IN_REPO, TEXT, STOP, NULL,
		"folders would get other names; not supported"),
	ROW("folderincludes", IN_REPO, TEXT, STOP, "[]",
		"folders would be missing; not supported"),
	ROW("dynamic_folderfilter", IN_REPO, BOOL, STOP, "no",
		"other folders would be synced; not supported"),
	ROW("startdate", IN_REPO, TEXT, STOP, NULL,
		"old mail would be synced too; not supported"),
	ROW("foldersort", IN_REPO, TEXT, QUIET, NULL,
		"the order in which folders are synced"),
	ROW("newmail_hook", IN_REPO, TEXT, NOTED, NULL, "hooks are not run"),

	/* [Repository x], type = Maildir */
	NEED("localfolders", IN_MAILDIR, PATH, USED, NULL,
		"directory of the Maildirs; ~ and $NAME are expanded"),
	ROW("sep", IN_MAILDIR, SEP, USED, ".",
		"between the levels of a folder's name: . or /"),
	ROW("restoreatime", IN_MAILDIR, BOOL, QUIET, NULL,
		"access times of directories"),
	ROW("customflag_*", IN_MAILDIR, TEXT, STOP, NULL,
		"keywords would not be synced; not supported"),

	/* [Repository x], type = IMAP */
	NEED("remotehost", IN_IMAP, TEXT, USED, NULL,
		"the server; Gmail has imap.gmail.com"),
	ROW("remoteport", IN_IMAP, PORT, USED, NULL,
		"its port; default 993 with ssl, else 143"),
	NEED("remoteuser", IN_IMAP, TEXT, USED, NULL, "whom to log in as"),
	ROW("remotepass", IN_IMAP, TEXT, USED, NULL,
		"the password; write %% for a percent sign"),
	ROW("remotepassfile", IN_IMAP, PATH, USED, NULL,
		"file whose first line is the password"),
	ROW("remotepasscmd", IN_IMAP, COMMAND, USED, NULL,
		"command whose first line of output is the password; wherry's "
		"own"),
	ROW("ssl", IN_IMAP, BOOL, USED, "yes", "TLS from the first byte"),
	ROW("starttls", IN_IMAP, BOOL, USED, "yes",
		"TLS by STARTTLS where ssl is no"),
	ROW("sslcacertfile", IN_IMAP, PATH, USED, NULL,
		"certificates to trust; OS-DEFAULT, or nothing, is the "
		"system's"),
	ROW("cert_fingerprint", IN_IMAP, PRINTS, USED, NULL,
		"comma list of digests (SHA-1 to SHA-512) of the server's "
		"certificate"),
	ROW("auth_mechanisms", IN_IMAP, LIST, USED, NULL,
		"comma list of mechanisms to log in with, best first"),
	ROW("expunge", IN_IMAP, BOOL, USED, "yes",
		"deleted mail is expunged, not only marked"),
	ROW("maxconnections", IN_IMAP, NUMBER, QUIET, NULL,
		"one connection per account is used, whatever it says"),
	ROW("remotehosteval", IN_IMAP, TEXT, STOP, NULL,
		"no Python is run; write remotehost"),
	ROW("remoteporteval", IN_IMAP, TEXT, STOP, NULL,
		"no Python is run; write remoteport"),
	ROW("remoteusereval", IN_IMAP, TEXT, STOP, NULL,
		"no Python is run; write remoteuser"),
	ROW("remotepasseval", IN_IMAP, TEXT, STOP, NULL,
		"no Python is run; write remotepasscmd = the command that "
		"prints the password"),
	ROW("remote_identity", IN_IMAP, TEXT, STOP, NULL,
		"another user's mail would be synced; not supported"),
	ROW("oauth2_*", IN_IMAP, TEXT, STOP, NULL,
		"OAuth is not supported; use a password for applications"),
	ROW("transporttunnel", IN_IMAP, TEXT, STOP, NULL,
		"the connection would not go through it; not supported"),
	ROW("preauthtunnel", IN_IMAP, TEXT, STOP, NULL,
		"the connection would not go through it; not supported"),
	ROW("sslclientcert", IN_IMAP, TEXT, STOP, NULL,
		"client certificates are not supported"),
	ROW("sslclientkey", IN_IMAP, TEXT, STOP, NULL,
		"client certificates are not supported"),
	ROW("reference", IN_IMAP, TEXT, STOP, NULL,
		"other folders would be synced; not supported"),
	ROW("subscribedonly", IN_IMAP, BOOL, STOP, "no",
		"folders that are not subscribed would be synced too; not "
		"supported"),
	ROW("decodefoldernames", IN_IMAP, BOOL, STOP, "no",
		"folders would get other names; not supported"),
	ROW("copy_ignore_eval", IN_IMAP, TEXT, STOP, NULL,
		"mail would be synced that it leaves out; not supported"),
	ROW("idlefolders", IN_IMAP, TEXT, NOTED, "[]",
		"wherry syncs once and ends; nothing is watched"),
	ROW("ipv6", IN_IMAP, BOOL, NOTED, NULL,
		"addresses of both kinds are tried"),
	ROW("keepalive", IN_IMAP, NUMBER, QUIET, NULL, "part of autorefresh"),
	ROW("holdconnectionopen", IN_IMAP, BOOL, QUIET, NULL,
		"part of autorefresh"),
	ROW("singlethreadperfolder", IN_IMAP, BOOL, QUIET, NULL,
		"there are no threads"),
	ROW("usecompression", IN_IMAP, BOOL, QUIET, NULL,
		"the connection is not compressed"),
	ROW("retrycount", IN_IMAP, NUMBER, QUIET, NULL,
		"wherry tries again by itself"),
	ROW("ssl_version", IN_IMAP, TEXT, QUIET, NULL,
		"TLS is 1.2 or later, always"),
	ROW("tls_level", IN_IMAP, TEXT, QUIET, NULL,
		"TLS is 1.2 or later, always"),
	ROW("realdelete", IN_IMAP, BOOL, QUIET, NULL,
		"has no effect in OfflineIMAP either"),
	ROW("trashfolder", IN_IMAP, TEXT, QUIET, NULL,
		"has no effect in OfflineIMAP either"),
	ROW("spamfolder", IN_IMAP, TEXT, QUIET, NULL,
		"has no effect in OfflineIMAP either"),
};

const unsigned conf_option_count =
	sizeof(conf_options) / sizeof(conf_options[0]);

const struct conf_option *
conf_option_find(const char *key, unsigned where)
{
	for (unsigned i = 0; i < conf_option_count; i++) {
		const struct conf_option *o = &conf_options[i];
		size_t n = strlen(o->name);

		if ((o->where & where) == 0) {
			continue;
		}
		if (strcmp(o->name, key) == 0 || (o->name[n - 1] == '*' &&
			strncmp(o->name, key, n - 1) == 0)) {
			return o;
		}
	}
	return NULL;
}

unsigned
conf_option_repo(struct span type)
{
	if (span_is(type, "Maildir") || span_is(type, "GmailMaildir")) {
		return IN_MAILDIR;
	}
	if (span_is(type, "IMAP") || span_is(type, "Gmail")) {
		return IN_IMAP;
	}
	return 0;
}

bool
conf_option_bool(struct span value, bool *out)
{
	static const char *const yes[] = {"1", "yes", "true", "on"};
	static const char *const no[] = {"0", "no", "false", "off"};

	for (unsigned i = 0; i < 4; i++) {
		if (span_iis(value, yes[i])) {
			*out = true;
			return true;
		}
		if (span_iis(value, no[i])) {
			*out = false;
			return true;
		}
	}
	return false;
}

bool
conf_option_off(const struct conf_option *o, struct span value)
{
	bool yes = true;

	if (value.n == 0 || span_is(value, "\"\"") || span_is(value, "''") ||
		span_is(value, "[]")) {
		return true;
	}
	if (o->type == TYPE_BOOL || o->class == CLASS_NOTED) {
		conf_option_bool(value, &yes);
	}
	return !yes;
}

/* Comma list of hex digests of 20, 28, 32, 48 or 64 bytes; colons and blanks
 * do not count. */
static bool
prints_ok(const char *p)
{
	unsigned digits = 0;

	for (;; p++) {
		if ((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f') ||
			(*p >= 'A' && *p <= 'F')) {
			digits++;
		} else if (*p == ',' || *p == '\0') {
			if (digits != 40 && digits != 56 && digits != 64 &&
				digits != 96 && digits != 128) {
				return false;
			}
			digits = 0;
			if (*p == '\0') {
				return true;
			}
		} else if (*p != ':' && *p != ' ' && *p != '\n' &&
			*p != '\t') {
			return false;
		}
	}
}

const char *
conf_option_wrong(const struct conf_option *o, const char *value)
{
	struct span s = span_of(value);
	uint32_t n;
	bool yes;

	switch (o->type) {
	case TYPE_COMMAND:
		if (!CFG_PASSCMD) {
			return "this wherry was built without it (CFG_PASSCMD)";
		}
		return span_find(s, '\n') == s.n ? NULL :
			"has more than one line";
	case TYPE_LIST:
		return NULL;
	case TYPE_TEXT:
	case TYPE_PATH:
		return span_find(s, '\n') == s.n ? NULL :
			"has more than one line";
	case TYPE_BOOL:
		return conf_option_bool(s, &yes) ? NULL : "not yes or no";
	case TYPE_NUMBER:
		return span_u32(s, &n) ? NULL : "not a number";
	case TYPE_PORT:
		return span_u32(s, &n) && n > 0 && n < 65536 ? NULL :
			"not a port (1 to 65535)";
	case TYPE_FSYNC:
		return span_iis(s, "always") || span_iis(s, "batch") ||
			conf_option_bool(s, &yes) ? NULL :
			"not always, batch or off";
	case TYPE_SEP:
		return span_is(s, ".") || span_is(s, "/") ? NULL :
			"not . or /";
	case TYPE_PRINTS:
		return s.n == 0 || prints_ok(value) ? NULL :
			"not a comma list of SHA-1 to SHA-512 digests in hex";
	case TYPE_FILTER: /* an empty one accepts all: hardly what is meant */
		return s.n == 0 ? "is empty: remove it to sync all folders" :
			conf_filter(value, SPAN("INBOX"), &yes) == ERR_OK ?
			NULL : err_detail();
	}
	return NULL;
}
