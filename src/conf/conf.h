/*
 * conf: the configuration file, in the grammar of offlineimaprc (Python's
 * ConfigParser). The file is never held: a value is found by reading the file
 * from the start, so its size does not matter. Blocking (disk).
 *
 *   [section] ; key = value or key: value ; continuation lines are indented
 *   deeper than their key ; # and ; comments at line start ; [DEFAULT] is
 *   inherited ; %(name)s from the same section or [DEFAULT], %% is % ; section
 *   names are case-sensitive, keys are not ; of duplicate keys the last wins,
 *   duplicate sections merge, both with a warning.
 */
#ifndef WHERRY_CONF_CONF_H
#define WHERRY_CONF_CONF_H

#include "base/buf.h"
#include "config.h"
#include "port/fs.h"

struct conf {
	fs_fd fd;
	char path[CFG_PATH];
	bool offlineimap; /* found in one of OfflineIMAP's places */
	/* -k and -f style overrides may come later; see conf_override */
	uint8_t io[2048];
	size_t io_at, io_n;
	uint64_t io_pos;
	uint32_t line;
};

/* path NULL: $XDG_CONFIG_HOME/wherry/wherry.conf (~/.config without it),
 * /etc/wherry.conf, $XDG_CONFIG_HOME/offlineimap/config, ~/.offlineimaprc.
 * ERR_NOENT if none; ERR_CONF with "file:line: reason" for bad grammar.
 * Warns if others can read a file that holds a remotepass. */
enum err conf_open(struct conf *c, const char *path);
void conf_close(struct conf *c);

/* Value of section/key, interpolated, in out. ERR_NOENT if it is not there;
 * ERR_CONF with "file:line: ..." (bad %(x)s, loops deeper than 10);
 * ERR_LIMIT (CFG_VALUE). *line may be NULL. */
enum err conf_get(struct conf *c, const char *section, const char *key,
	struct buf *out, uint32_t *line);
bool conf_has_section(struct conf *c, const char *section);

/* Checks every option of every section against the option table, once at
 * start: an option or expression that decides which mail goes where and is
 * not understood stops (ERR_CONF, each with file, line, option and reason in
 * the log; all are reported, not only the first); unknown ones are noted once
 * (LOG_WARN), known ones without effect are silent (LOG_DEBUG). */
enum err conf_check(struct conf *c);

enum conf_fsync { CONF_FSYNC_ALWAYS, CONF_FSYNC_BATCH, CONF_FSYNC_OFF };

struct conf_general {
	char accounts[2048]; /* comma list as written */
	char metadata[CFG_PATH]; /* absolute, ~ and $VAR expanded */
	char ui[32];
	uint32_t socktimeout_s; /* 0: the default deadline */
	enum conf_fsync fsync;
};
enum err conf_general(struct conf *c, struct conf_general *out);
/* i-th account name of the list into out (blanks stripped); ERR_END. */
enum err conf_account_name(const char *accounts, unsigned i, struct buf *out);

/* Everything about one account, checked; messages carry file and line. */
struct conf_account {
	char name[128];
	char local_repo[128], remote_repo[128];
	/* local */
	char root[CFG_PATH]; /* localfolders, absolute, expanded */
	char sep;	     /* '.' or '/' */
	char infosep;	     /* ':' */
	bool local_readonly, local_createfolders, local_sync_deletes;
	/* remote */
	char host[256];
	uint16_t port;
	char user[256];
	char pass[512];		 /* remotepass; secret */
	char passfile[CFG_PATH];
	char passcmd[1024];
	bool ssl, starttls;
	char ca_file[CFG_PATH];	 /* sslcacertfile; "" system bundle */
	char fingerprint[1024];
	char auth[256];		 /* auth_mechanisms, "" default order */
	bool remote_readonly, remote_createfolders, remote_sync_deletes;
	bool expunge;
	uint32_t maxconnections;
	char filter_remote[CFG_VALUE], filter_local[CFG_VALUE]; /* "" none */
};
enum err conf_account(struct conf *c, const char *name,
	struct conf_account *out);

/* folderfilter: does `expression` (checked by conf_check) accept this name? */
enum err conf_filter(const char *expression, struct span folder,
	bool *accept);

/* "~", "~user" is refused, $VAR and ${VAR}. */
enum err conf_expand_path(const char *in, struct buf *out);

#endif
