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

/* Nothing in it lasts from one call to the next: whoever has no other use for
 * that memory at the time lends it. Values come through it, passwords too. */
struct conf_work {
	char work[CFG_VALUE]; /* conf_get() expands here, from the end */
	uint8_t io[2048];
	char value[CFG_VALUE + 1]; /* conf_check() reads into it */
};

struct conf {
	struct conf_work *w;
	fs_fd fd;
	bool offlineimap; /* found in one of OfflineIMAP's places */
	bool io_last;	  /* private: the end of the file is in io */
	size_t most, deep; /* private: of what was lent, to be wiped */
	/* private: the reader (conf_read.h) */
	size_t io_at, io_n;
	uint64_t io_pos;    /* of the byte behind io in the file */
	uint32_t line;	    /* being read, from 1 */
	uint32_t item_line; /* of the item that was returned last */
	uint32_t indent, key_indent;
	bool in_line, at_text, in_key, in_section;
	enum err err;
	char section[CFG_NAME], key[CFG_NAME];
	char path[CFG_PATH];
};

/* path NULL: $XDG_CONFIG_HOME/wherry/wherry.conf (~/.config without it),
 * /etc/wherry.conf, $XDG_CONFIG_HOME/offlineimap/config, ~/.offlineimaprc.
 * ERR_NOENT if none; ERR_CONF with "file:line: reason" for bad grammar.
 * Warns if others can read a file that holds a remotepass. */
enum err conf_open(struct conf *c, struct conf_work *w, const char *path);
/* From here on it works there; what was lent before is wiped. */
void conf_lend(struct conf *c, struct conf_work *w);
void conf_close(struct conf *c);

/* Value of section/key, interpolated, appended to out; lines of a value of
 * several lines are joined with LF, as in Python. ERR_NOENT if it is not
 * there; ERR_CONF with "file:line: ..." (bad %(x)s, loops deeper than 10);
 * ERR_LIMIT (CFG_VALUE, or out is too small). *line may be NULL. Messages
 * never hold the value. */
enum err conf_get(struct conf *c, const char *section, const char *key,
	struct buf *out, uint32_t *line);
bool conf_has_section(struct conf *c, const char *section);

/* Checks every option of every section against the option table, once at
 * start: an option or expression that decides which mail goes where and is
 * not understood stops (ERR_CONF, each with file, line, option and reason in
 * the log; all are reported, not only the first); unknown ones are noted once
 * (LOG_WARN), known ones without effect are silent (LOG_DEBUG). */
enum err conf_check(struct conf *c);
/* The same for a comma list of accounts (-a) in place of the file's; NULL is
 * the file's. */
enum err conf_check_accounts(struct conf *c, const char *accounts);

enum conf_fsync { CONF_FSYNC_ALWAYS, CONF_FSYNC_BATCH, CONF_FSYNC_OFF };

struct conf_general {
	char ui[32];
	uint32_t socktimeout_s; /* 0: the default deadline */
	uint32_t max_accounts;	/* at once (maxsyncaccounts); 0: not said */
	enum conf_fsync fsync;
	char accounts[2048]; /* comma list as written */
	char metadata[CFG_PATH]; /* absolute, ~ and $VAR expanded */
};
enum err conf_general(struct conf *c, struct conf_general *out);
/* i-th account name of the list into out (blanks stripped, empty items left
 * out); ERR_END; ERR_LIMIT above CFG_ACCOUNTS. */
enum err conf_account_name(const char *accounts, unsigned i, struct buf *out);

enum conf_compress { CONF_COMPRESS_AUTO, CONF_COMPRESS_NO, CONF_COMPRESS_YES };

#define CONF_FILTER (CFG_FILTERS ? CFG_FILTER + 1 : 1)
/* Everything about one account, checked; messages carry file and line. Holds
 * secrets: memset it when it is not needed any more. */
struct conf_account {
	/* local */
	char sep;	     /* '.' or '/' */
	char infosep;	     /* ':', or '!' (maildir-windows-compatible) */
	bool trust_mtime;
	bool local_readonly, local_createfolders, local_sync_deletes;
	/* remote */
	bool ssl, starttls;
	bool remote_readonly, remote_createfolders, remote_sync_deletes;
	bool expunge;
	uint16_t port;
	uint32_t max_lanes; /* maxconnections; 0: not said */
	uint32_t retries; /* retrycount: to connect again, in a row */
	uint32_t audit_h, flag_check_m; /* hours, minutes */
	enum conf_compress compress; /* usecompression */
	/* texts */
	char name[128];
	char local_repo[128], remote_repo[128];
	char host[256];
	char user[256];
	char passcmd[CFG_PASSCMD ? 1024 : 1];
	char fingerprint[1024];
	char auth[256];		 /* auth_mechanisms, "" default order */
	char pass[512]; /* remotepass; secret */
	/* In texts, one behind the other: most are short, and what is behind
	 * them is never touched. */
	const char *root; /* localfolders, absolute, expanded */
	const char *passfile;
	const char *ca_file; /* sslcacertfile; "" not set; "OS-DEFAULT" */
	const char *filter_remote, *filter_local; /* "" none */
	size_t texts_n;
	char texts[3 * CFG_PATH + 2 * CONF_FILTER];
};
enum err conf_account(struct conf *c, const char *name,
	struct conf_account *out);

/* folderfilter: does `expression` accept this name? "" accepts all. ERR_CONF
 * with what was not understood (no file and line) if conf_check() or
 * conf_account() did not accept the expression before. Accepted are
 *   lambda f: f in [...]   f not in (...)   f == '...'   f != '...'
 *   f in 'text'   f not in 'text'   (a substring, as in Python) */
enum err conf_filter(const char *expression, struct span folder,
	bool *accept);

/* "~" and "~/", $VAR and ${VAR}. "~user" and a variable that is not set are
 * refused: ERR_CONF. */
enum err conf_expand_path(const char *in, struct buf *out);

/* i-th place where a configuration is looked for, best first; the last two
 * are OfflineIMAP's. */
#define CONF_PLACES 4u
#define CONF_PLACES_OWN 2u
enum err conf_place(unsigned i, struct buf *out);
/* metadata, if it is not set. */
enum err conf_default_metadata(bool offlineimap, struct buf *out);

#endif
