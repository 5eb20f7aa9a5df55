/*
 * conf: the file as Python's ConfigParser reads it, and what its options mean.
 *
 * The values of `grammar` were taken from Python 3.11. To write the tables of
 * doc/CONFIG.md anew: CONF_PRINT=1 build/plain/unit/test_conf
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"
#include "conf/conf.h"
#include "conf/conf_option.h"

static struct conf c;
static struct conf_work work;
static struct conf_general general;
static struct conf_account account;
static char dir[64], path[128];
static char logged[1 << 16];
static size_t logged_n;

static void
sink(void *user, enum log_level level, struct span text)
{
	(void)user;
	if (level > LOG_WARN) {
		return;
	}
	logged_n += (size_t)snprintf(logged + logged_n,
		sizeof(logged) - logged_n, "%c %.*s\n", "EW"[level],
		(int)text.n, text.p);
	assert_true(logged_n < sizeof(logged));
}

static void
write_file(const char *name, const char *text, size_t n, mode_t mode)
{
	FILE *f = fopen(name, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(name, mode), 0);
}

static enum err
open_n(const char *text, size_t n)
{
	logged_n = 0;
	logged[0] = '\0';
	write_file(path, text, n, 0600);
	return conf_open(&c, &work, path);
}

static void
open_text(const char *text)
{
	if (open_n(text, strlen(text)) != ERR_OK) {
		fail_msg("%s", err_detail());
	}
}

static int
set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/test_conf.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/rc", dir);
	setenv("HOME", dir, 1);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("XDG_STATE_HOME");
	log_to(sink, NULL);
	log_limit(LOG_WARN);
	return 0;
}

static int
tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* The value of [A] k, or "!" and the error. */
static const char *
value(const char *section, const char *key)
{
	static char memory[CFG_VALUE + 1];
	struct buf b;
	enum err e;

	BUF_INIT(&b, memory);
	e = conf_get(&c, section, key, &b, NULL);
	if (e != ERR_OK) {
		snprintf(memory, sizeof(memory), "!%d", e);
		return memory;
	}
	return buf_cstr(&b);
}

static const struct {
	const char *text, *section, *key, *value;
} grammar[] = {
	{"[A]\nk = a\n  b\n  c\n", "A", "k", "a\nb\nc"},
	{"[A]\nk = a\n\n  b\n", "A", "k", "a\n\nb"},
	{"[A]\nk = a\n  # x\n  b\n", "A", "k", "a\nb"},
	{"[A]\nk = a\n# x\n  b\n", "A", "k", "a\nb"},
	{"[A]\nk = a\n  b\n    c\n", "A", "k", "a\nb\nc"},
	{"[A]\n  k = a\n  j = 3\n", "A", "k", "a"},
	{"[A]\n  k = a\n   j = 3\n  m=4\n", "A", "k", "a\nj = 3"},
	{"[A]\nk =\n  b\n", "A", "k", "\nb"},
	{"[A]\nk =\n", "A", "k", ""},
	{"[A]\nk = a\n\n\nj=3\n", "A", "k", "a"},
	{"[A]\nk = a\n  [B]\n", "A", "k", "a\n[B]"},
	{"[A]\n  [B]\nk=1\n", "B", "k", "1"},
	{"[A] junk\nk=1\n", "A", "k", "1"},
	{"[A]x]\nk=1\n", "A]x", "k", "1"},
	{"[ A ]\nk=1\n", " A ", "k", "1"},
	{"[]]\nk=1\n", "]", "k", "1"},
	{"[A]\nk a : b = c\n", "A", "k a", "b = c"},
	{"[A]\nK = b: c\n", "A", "k", "b: c"},
	{"[A]\nk = %(b)s\nb = x%%y\n", "A", "k", "x%y"},
	{"[A]\nk = %(B)s\nb = x%%y\n", "A", "k", "x%y"},
	{"[DEFAULT]\nb=1\nk=%(b)s\n[A]\nb=2\n", "A", "k", "2"},
	{"[DEFAULT]\nk=1\n[default]\n[A]\n", "default", "k", "1"},
	{"[A]\n\tk=1\n        j=2\n", "A", "k", "1\nj=2"},
	{"[A]\nk=1 ; x\n  ; y\n\t; z\n", "A", "k", "1 ; x"},
	{"[A]\nk = a\n\n# c\n\n b\n", "A", "k", "a\n\n\nb"},
	{"[A]\nk = a\\\n b\n", "A", "k", "a\\\nb"},
	{"[A]\nk = a\v\n b\f\n", "A", "k", "a\nb"},
	{"[A]\nk = a\t \t\n \tb \n", "A", "k", "a\nb"},
	{"\xef\xbb\xbf[A]\nk=1", "A", "k", "1"},
	{"[A]\nk=1\r\n  b\r\n", "A", "k", "1\nb"},
	{"[A]\rk=1\r  b\rj=2", "A", "k", "1\nb"},
	{"[A]\nk = a\n  b = c\n", "A", "k", "a\nb = c"},
	{"[A]\nk=1\nk=2\n[A]\nK=3\n", "A", "k", "3"},
	{"[A]\nk = %%%(b)s%%\nb=1\n", "A", "k", "%1%"},
	{"[A]\nk = %(e)sx%(e)s\ne=\n", "A", "k", "x"},
	{"[A]\nk = 'q'\n", "A", "k", "'q'"},
	{"[A]\nk = \xc3\xa4\n", "A", "k", "\xc3\xa4"},
	/* NOENT */
	{"[A]\nk=1\n", "A", "j", "!-4"},
	{"[A]\nk=1\n", "a", "k", "!-4"},
	{"[DEFAULT]\nk=1\n", "A", "k", "!-4"},
	{"", "A", "k", "!-4"},
	{"\n# x\n  ; y\n", "A", "k", "!-4"},
	/* CONF */
	{"[A]\nk = %x\n", "A", "k", "!-21"},
	{"[A]\nk = %\n", "A", "k", "!-21"},
	{"[A]\nk = %(b\n", "A", "k", "!-21"},
	{"[A]\nk = %(b)\n", "A", "k", "!-21"},
	{"[A]\nk = %(b)d\nb=1\n", "A", "k", "!-21"},
	{"[A]\nk = %(k)s\n", "A", "k", "!-21"},
	{"[A]\nk = %(b)s\n", "A", "k", "!-21"},
	{"[A]\nk = %()s\n", "A", "k", "!-21"},
	{"[A]\nk = %(b)sx)s\nb=%(\n", "A", "k", "!-21"},
	{"[DEFAULT]\nk=1\n[A]\n[B]\nk=%(k)s\n", "B", "k", "!-21"},
};

static void
grammar_as_python(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(grammar) / sizeof(grammar[0]); i++) {
		open_text(grammar[i].text);
		assert_string_equal(
			value(grammar[i].section, grammar[i].key),
			grammar[i].value);
		conf_close(&c);
	}
}

/* Wherever the edge of the read buffer falls, the value is the same. */
static void
every_split(void **state)
{
	static const char text[] = "\r\n[A]\r\nK b = x%(j)s\r\n\r\n # c\r\n"
		"   y\r\nj: 7 ; z\r\n[B]\r\nq=1\r\n";
	char whole[2048 + sizeof(text)];

	(void)state;
	for (size_t pad = 2048 - sizeof(text); pad <= 2048; pad++) {
		memset(whole, 'x', pad);
		whole[0] = '#';
		memcpy(whole + pad, text, sizeof(text));
		open_text(whole);
		assert_string_equal(value("A", "k b"), "x7 ; z\n\ny");
		assert_string_equal(value("B", "q"), "1");
		conf_close(&c);
	}
}

static void
bad_grammar(void **state)
{
	static const struct {
		const char *text, *line, *why;
	} t[] = {
		{"[A]\nk=1\nfoo\n", ":3: ", "without ="},
		{"k=1\n", ":1: ", "before the first"},
		{"\n\n [A]\n =1\n", ":4: ", "without a name"},
		{"[A]\n[]\n", ":2: ", "[name]"},
		{"[A\n", ":1: ", "[name]"},
		{"[A]\n\n  x", ":3: ", "without ="},
		{"foo", ":1: ", "before the first"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(open_n(t[i].text, strlen(t[i].text)),
			ERR_CONF);
		assert_memory_equal(err_detail(), path, strlen(path));
		assert_non_null(strstr(err_detail(), t[i].line));
		assert_non_null(strstr(err_detail(), t[i].why));
		assert_int_equal(c.fd, FS_NONE);
	}
	assert_int_equal(open_n("[A]\nk=a\0b\n", 10), ERR_CONF);
	assert_non_null(strstr(err_detail(), "NUL"));
}

static void
bad_percent(void **state)
{
	(void)state;
	open_text("[A]\n\nk = top%secret\n");
	assert_string_equal(value("A", "k"), "!-21");
	assert_non_null(strstr(err_detail(), "rc:3: [A] k: a % alone"));
	assert_null(strstr(err_detail(), "secret")); /* never the value */
	conf_close(&c);
}

static void
depth(void **state)
{
	(void)state;
	for (int n = 8; n <= 12; n++) {
		char text[1024];
		int at = sprintf(text, "[A]\nk = %%(v1)s\n");

		for (int i = 1; i < n; i++) {
			at += sprintf(text + at, "v%d = %%(v%d)s\n", i, i + 1);
		}
		sprintf(text + at, "v%d = end\n", n);
		open_text(text);
		assert_string_equal(value("A", "k"), n <= 10 ? "end" : "!-21");
		conf_close(&c);
	}
}

/* A value of n bytes. */
static enum err
get_long(size_t n, size_t cap, const char *tail)
{
	static char text[CFG_VALUE + 200], memory[CFG_VALUE + 10];
	struct buf b;
	enum err e;

	memcpy(text, "[A]\nk=", 6);
	memset(text + 6, 'x', n);
	strcpy(text + 6 + n, tail);
	open_text(text);
	buf_init(&b, memory, cap);
	e = conf_get(&c, "A", "k", &b, NULL);
	assert_true(e != ERR_OK || b.n == n);
	conf_close(&c);
	return e;
}

static void
limits(void **state)
{
	static char text[3 * CFG_NAME];

	(void)state;
	assert_int_equal(get_long(CFG_VALUE, CFG_VALUE, "\n"), ERR_OK);
	assert_int_equal(get_long(CFG_VALUE, CFG_VALUE + 1, "  \n"), ERR_OK);
	assert_int_equal(get_long(CFG_VALUE + 1, CFG_VALUE + 10, "\n"),
		ERR_LIMIT);
	assert_non_null(strstr(err_detail(), "rc:2: [A] k: longer than"));
	assert_non_null(strstr(err_detail(), "CFG_VALUE"));
	assert_int_equal(get_long(CFG_VALUE, CFG_VALUE - 1, "\n"), ERR_LIMIT);
	assert_int_equal(get_long(10, 10, "\n"), ERR_OK);
	assert_int_equal(get_long(11, 10, "\n"), ERR_LIMIT);
	/* names */
	for (size_t n = CFG_NAME - 1; n <= CFG_NAME; n++) {
		enum err want = n == CFG_NAME ? ERR_LIMIT : ERR_OK;

		memset(text, 's', sizeof(text));
		text[0] = '[';
		strcpy(text + 1 + n, "]  behind\nk=1\n");
		assert_int_equal(open_n(text, strlen(text)), want);
		conf_close(&c);
		memset(text, 'k', sizeof(text));
		memcpy(text, "[A]\n", 4);
		strcpy(text + 4 + n, "=1\n");
		assert_int_equal(open_n(text, strlen(text)), want);
		conf_close(&c);
	}
	assert_non_null(strstr(err_detail(), "CFG_NAME"));
}

#define LOCAL "[Repository L]\ntype = Maildir\nlocalfolders = ~/Mail/\n"
#define REMOTE "[Repository R]\ntype = IMAP\nremotehost = mail.example.org\n" \
	"remoteuser = me@example.org\n"
#define GENERAL "[general]\naccounts = X\n"
#define ACCOUNT "[Account X]\nlocalrepository = L\nremoterepository = R\n"
#define BASE GENERAL ACCOUNT LOCAL REMOTE

/* Options that a build may be without. */
#if CFG_FILTERS
#define FILTER(text) text
#else
#define FILTER(text) ""
#endif
#if CFG_PASSCMD
#define PASSCMD(text) text
#else
#define PASSCMD(text) ""
#endif

static void
account_defaults(void **state)
{
	char want[128];

	(void)state;
	open_text(BASE);
	assert_int_equal(conf_check(&c), ERR_OK);
	assert_string_equal(logged, "");
	assert_int_equal(conf_general(&c, &general), ERR_OK);
	assert_string_equal(general.accounts, "X");
	assert_string_equal(general.ui, "ttyui");
	assert_int_equal(general.fsync, CONF_FSYNC_BATCH);
	assert_int_equal(general.socktimeout_s, 0);
	snprintf(want, sizeof(want), "%s/.local/state/wherry", dir);
	assert_string_equal(general.metadata, want);
	assert_int_equal(conf_account(&c, "X", &account), ERR_OK);
	assert_string_equal(account.name, "X");
	assert_string_equal(account.local_repo, "L");
	assert_string_equal(account.remote_repo, "R");
	snprintf(want, sizeof(want), "%s/Mail", dir);
	assert_string_equal(account.root, want);
	assert_int_equal(account.sep, '.');
	assert_int_equal(account.infosep, ':');
	assert_false(account.local_readonly || account.remote_readonly);
	assert_true(account.local_createfolders && account.local_sync_deletes);
	assert_true(account.remote_createfolders &&
		account.remote_sync_deletes && account.expunge);
	assert_string_equal(account.host, "mail.example.org");
	assert_int_equal(account.port, 993);
	assert_true(account.ssl && account.starttls);
	assert_string_equal(account.user, "me@example.org");
	assert_string_equal(account.pass, "");
	assert_string_equal(account.filter_local, "");
	assert_string_equal(account.filter_remote, "");
	assert_string_equal(account.ca_file, "");
	conf_close(&c);
}

static void
account_set(void **state)
{
	char want[128];

	(void)state;
	setenv("WHERE", "/var/mail", 1);
	open_text("[general]\naccounts = X, Y\nmetadata = ~/m//\n"
		"socktimeout=60\nfsync = Always\nui = TTY.Basic\n"
		ACCOUNT "maildir-windows-compatible = yes\n"
		"[Repository L]\ntype = GmailMaildir\n"
		"localfolders = ${WHERE}/me$\nsep = /\nreadonly = yes\n"
		"createfolders = off\nsync_deletes = 0\n"
		FILTER("folderfilter = lambda f: f not in [\n   'a',\n   'b']\n")
		"[Repository R]\ntype = IMAP\nremotehost = h\nssl = no\n"
		"starttls = False\nremoteuser = u\nremotepass = 50%%\n"
		"remotepassfile = ~/pw\n" PASSCMD("remotepasscmd = pass x\n")
		"sslcacertfile = OS-DEFAULT\nmaxconnections = 3\n"
		"cert_fingerprint = 00:11:22:33:44:55:66:77:88:99:"
		"aa:BB:cc:dd:ee:ff:00:11:22:33\n"
		"auth_mechanisms = PLAIN,\n LOGIN\nexpunge = no\n"
		"readonly = on\ncreatefolders=no\nsync_deletes=no\n"
		FILTER("folderfilter = lambda f: f in ['%(remoteuser)s']\n"));
	snprintf(want, sizeof(want), "%s/pw", dir);
	write_file(want, "x\n", 2, 0640);
	assert_int_equal(conf_general(&c, &general), ERR_OK);
	assert_int_equal(general.fsync, CONF_FSYNC_ALWAYS);
	assert_int_equal(general.socktimeout_s, 60);
	assert_string_equal(general.ui, "basic");
	snprintf(want, sizeof(want), "%s/m", dir);
	assert_string_equal(general.metadata, want);
	logged_n = 0;
	assert_int_equal(conf_account(&c, "X", &account), ERR_OK);
	assert_non_null(strstr(logged, "pw holds a password"));
	assert_int_equal(account.infosep, '!');
	assert_string_equal(account.root, "/var/mail/me$");
	assert_int_equal(account.sep, '/');
	assert_true(account.local_readonly && account.remote_readonly);
	assert_false(account.local_createfolders ||
		account.local_sync_deletes || account.remote_createfolders ||
		account.remote_sync_deletes || account.expunge ||
		account.ssl || account.starttls);
	assert_string_equal(account.filter_local,
		FILTER("lambda f: f not in [\n'a',\n'b']"));
	assert_string_equal(account.filter_remote,
		FILTER("lambda f: f in ['u']"));
	assert_int_equal(account.port, 143);
	assert_string_equal(account.pass, "50%");
	assert_string_equal(account.passcmd, PASSCMD("pass x"));
	snprintf(want, sizeof(want), "%s/pw", dir);
	assert_string_equal(account.passfile, want);
	assert_string_equal(account.ca_file, "OS-DEFAULT");
	assert_string_equal(account.auth, "PLAIN,\nLOGIN");
	conf_close(&c);
}

static void
gmail(void **state)
{
	(void)state;
	open_text(GENERAL ACCOUNT LOCAL "[Repository R]\ntype = Gmail\n"
		"remoteuser = u\nssl = no\n");
	assert_int_equal(conf_check(&c), ERR_OK);
	assert_int_equal(conf_account(&c, "X", &account), ERR_OK);
	assert_string_equal(account.host, "imap.gmail.com");
	assert_int_equal(account.port, 993);
	assert_true(account.ssl);
	conf_close(&c);
}

static enum conf_fsync
fsync_for(const char *text)
{
	char file[256];

	snprintf(file, sizeof(file), "[general]\naccounts=X\nfsync = %s\n",
		text);
	open_text(file);
	assert_int_equal(conf_general(&c, &general), ERR_OK);
	conf_close(&c);
	return general.fsync;
}

static void
fsync_values(void **state)
{
	static const char *const batch[] = {"yes", "True", "on", "1", "batch"};
	static const char *const off[] = {"no", "false", "OFF", "0"};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(fsync_for(batch[i]), CONF_FSYNC_BATCH);
	}
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(fsync_for(off[i]), CONF_FSYNC_OFF);
	}
	assert_int_equal(fsync_for("always"), CONF_FSYNC_ALWAYS);
}

/* What is appended to the file of BASE stops it, with these words. */
static void
stops(const char *text, const char *words)
{
	enum err e;

	open_text(text);
	assert_int_equal(conf_check(&c), ERR_CONF);
	if (strstr(logged, words) == NULL ||
		strstr(logged, "E ") == NULL) {
		fail_msg("no \"%s\" in: %s", words, logged);
	}
	assert_non_null(strstr(err_detail(), "1 error in"));
	e = conf_general(&c, &general);
	if (e == ERR_OK) {
		e = conf_account(&c, "X", &account);
	}
	assert_true(e == ERR_CONF || e == ERR_LIMIT);
	if (strstr(err_detail(), words) == NULL) {
		fail_msg("no \"%s\" in: %s", words, err_detail());
	}
	conf_close(&c);
}

static void
starts(const char *text)
{
	open_text(text);
	if (conf_check(&c) != ERR_OK) {
		fail_msg("%s", logged);
	}
	assert_int_equal(conf_account(&c, "X", &account), ERR_OK);
	conf_close(&c);
}

#if CFG_REASONS
#define REASON(text) text
#define NO_EFFECT(text) text
#else
#define REASON(text) "not supported"
#define NO_EFFECT(text) "has no effect in wherry"
#endif

static void
stop_options(void **state)
{
	(void)state;
	stops(BASE "nametrans = lambda f: f\n",
		"rc:13: [Repository R] nametrans: "
		REASON("folders would get other"));
	stops(BASE "remotepasseval = get()\n", REASON("write remotepasscmd"));
	stops(BASE "oauth2_client_id = x\n", REASON("OAuth is not supported"));
	stops(BASE "subscribedonly = yes\n", REASON("not subscribed"));
	stops(BASE "folderincludes = ['a']\n", "folderincludes: ");
	/* inherited: by both repositories, so once is switched off */
	stops("[DEFAULT]\nnametrans = x\n" BASE "nametrans =\n",
		"rc:2: [Repository L] nametrans: " REASON("folders would"));
}

static void
stop_elsewhere(void **state)
{
	(void)state;
	stops(GENERAL ACCOUNT "maxage = 3\n" LOCAL REMOTE,
		"rc:6: [Account X] maxage: " REASON("old mail"));
	stops(GENERAL ACCOUNT "synclabels = yes\n" LOCAL REMOTE,
		REASON("labels"));
	stops(GENERAL "dry-run = true\n" ACCOUNT LOCAL REMOTE,
		REASON("dry run"));
	stops(GENERAL ACCOUNT LOCAL "customflag_a = x\n" REMOTE,
		"customflag_a: " REASON("keywords"));
}

static void
harmless_options(void **state)
{
	(void)state;
	starts(BASE "subscribedonly = no\nfolderincludes = []\n"
		"reference = \"\"\nutf8foldernames = yes\nrealdelete = no\n"
		"decodefoldernames = False\nproxy = x\n"
		"keepalive = 60\nholdconnectionopen = yes\n");
	starts(GENERAL ACCOUNT "synclabels = no\nmaxsize =\nquick = 10\n"
		"status_backend = sqlite\n" LOCAL REMOTE);
	/* accounts that nobody lists may hold anything */
	starts(BASE "[Account Y]\nmaxage = 3\nlocalrepository = Z\n"
		"[Repository Z]\ntype = IMAP\nnametrans = x\n"
		"folderfilter = what\n[Repository Q]\ntype = strange\n");
	/* [DEFAULT] counts where it applies, and is overridden */
	starts("[DEFAULT]\nmaxage =\nsubscribedonly = yes\n"
		"helper = 1\n" BASE "subscribedonly = no\n");
}

static void
bad_values(void **state)
{
	(void)state;
	stops(BASE "ssl = maybe\n", "rc:13: [Repository R] ssl: not yes or no");
	stops(BASE "remoteport = 0\n", "not a port");
	stops(BASE "remoteport = 65536\n", "not a port");
	starts(BASE "remoteport = 65535\n");
	stops(BASE "remoteport = -1\n", "not a port");
	stops(BASE "cert_fingerprint = 0011\n", "digests in hex");
	stops(BASE "cert_fingerprint = zz\n", "digests in hex");
	stops(BASE "remotepass = a%b\n", "write %% for a percent sign");
	stops(BASE "remotepass = a\n b\n", "more than one line");
	if (CFG_FILTERS) {
		stops(BASE "folderfilter = lambda f: re.search('x', f)\n",
			"rc:13: [Repository R] folderfilter: not understood "
			"at \"re.search('x', f)\"");
	}
	stops(BASE "folderfilter =\n", "is empty");
	stops(GENERAL ACCOUNT LOCAL "sep = x\n" REMOTE, "sep: not . or /");
	stops(GENERAL "fsync = perhaps\n" ACCOUNT LOCAL REMOTE, "fsync: not");
	stops(GENERAL "socktimeout = 1.5\n" ACCOUNT LOCAL REMOTE,
		"socktimeout: not a number");
}

static void
missing_things(void **state)
{
	(void)state;
	stops(GENERAL LOCAL REMOTE, "rc:2: [general] accounts: there is no "
		"[Account X]");
	stops(GENERAL ACCOUNT REMOTE, "rc:4: [Account X] localrepository: "
		"there is no such");
	stops(GENERAL ACCOUNT LOCAL, "remoterepository: there is no such");
	stops(GENERAL ACCOUNT LOCAL "[Repository R]\nremotehost=h\n"
		"remoteuser=u\n", "rc:9: [Repository R] type: is missing");
	stops(GENERAL ACCOUNT LOCAL "[Repository R]\ntype=Maildir\n"
		"localfolders=/x\n", "the remote side must be");
	stops(GENERAL ACCOUNT "[Repository L]\ntype=imap\n" REMOTE,
		"the local side must be");
	stops(GENERAL ACCOUNT LOCAL "[Repository R]\ntype=IMAP\n"
		"remotehost=h\n", "rc:9: [Repository R] remoteuser: is "
		"missing");
	stops(GENERAL ACCOUNT LOCAL "[Repository R]\ntype=IMAP\n"
		"remoteuser=h\n", "remotehost: is missing");
	stops(GENERAL ACCOUNT "[Repository L]\ntype=Maildir\n" REMOTE,
		"localfolders: is missing");
	stops("[general]\n" ACCOUNT LOCAL REMOTE, "rc:1: [general] accounts: "
		"is missing");
	open_text(ACCOUNT);
	assert_int_equal(conf_check(&c), ERR_CONF);
	assert_int_equal(conf_general(&c, &general), ERR_CONF);
	conf_close(&c);
}

static void
all_are_reported(void **state)
{
	(void)state;
	open_text(GENERAL ACCOUNT "maxage = 3\nproxy = x\n" LOCAL REMOTE
		"ssl = x\nreference = y\n");
	assert_int_equal(conf_check(&c), ERR_CONF);
	assert_non_null(strstr(logged, "maxage"));
	assert_non_null(strstr(logged, "proxy"));
	assert_non_null(strstr(logged, "ssl"));
	assert_non_null(strstr(logged, "reference"));
	assert_non_null(strstr(err_detail(), "4 errors"));
	conf_close(&c);
}

static unsigned
count(const char *words)
{
	unsigned n = 0;

	for (const char *p = logged; (p = strstr(p, words)) != NULL; p++) {
		n++;
	}
	return n;
}

static void
notes(void **state)
{
	(void)state;
	open_text(GENERAL ACCOUNT "postsynchook = x\nquick = 3\n"
		"autorefresh = 0\nkeepalieve = 2\nssl = yes\n"
		"folderfilter lambda f: f\n" LOCAL REMOTE
		"remotehost = h2\n[Account Z]\npostsynchook = y\n"
		"[mbnames]\nenabled = no\n[ui.Curses.Blinkenlights]\n"
		"statuschar = .\n[notifications]\nx = 1\n"
		"[Account X]\nquick = 4\n");
	assert_int_equal(conf_check(&c), ERR_OK);
	assert_int_equal(count("E "), 0);
	assert_int_equal(count("postsynchook: "
		NO_EFFECT("hooks are not run")), 1);
	assert_int_equal(count("keepalieve: unknown option"), 1);
	assert_int_equal(count("ssl: has no effect in this section"), 1);
	assert_int_equal(count("(is a = missing?)"), 1);
	assert_int_equal(count("remotehost: is there twice"), 1);
	assert_int_equal(count("quick: is there twice"), 1);
	assert_int_equal(count("[Account X]: this section is there twice"), 1);
	assert_int_equal(count("[mbnames]: "), 1);
	assert_int_equal(count("[notifications]: unknown section"), 1);
	assert_int_equal(count("autorefresh"), 0);
	assert_int_equal(count("ui.Curses"), 0);
	assert_int_equal(count("W "), 9);
	assert_int_equal(conf_account(&c, "X", &account), ERR_OK);
	assert_string_equal(account.host, "h2");
	conf_close(&c);
}

static void
field_limits(void **state)
{
	char text[2048];

	(void)state;
	for (size_t n = 255; n <= 256; n++) {
		snprintf(text, sizeof(text), BASE "remoteuser = %0*d\n",
			(int)n, 0);
		open_text(text);
		assert_int_equal(conf_account(&c, "X", &account),
			n == 255 ? ERR_OK : ERR_LIMIT);
		conf_close(&c);
	}
	assert_non_null(strstr(err_detail(), "[Repository R] remoteuser: "
		"longer than the 255"));
}

/* A filter that just fits, and one byte more. */
static void
filter_limit(void **state)
{
	static char text[sizeof(BASE) + CFG_FILTER + 100];
	const char *head = BASE "folderfilter = lambda f: f == '";

	(void)state;
	for (int n = CFG_FILTER; CFG_FILTERS && n <= CFG_FILTER + 1; n++) {
		snprintf(text, sizeof(text), "%s%0*d'\n", head, n - 17, 0);
		open_text(text);
		assert_int_equal(conf_account(&c, "X", &account),
			n == CFG_FILTER ? ERR_OK : ERR_LIMIT);
		assert_int_equal(strlen(account.filter_remote),
			n == CFG_FILTER ? CFG_FILTER : 0);
		conf_close(&c);
	}
}

/* Options that this build is without stop it; they are never passed over. */
static void
built_without(void **state)
{
	(void)state;
	if (!CFG_FILTERS) {
		stops(BASE "folderfilter = lambda f: f in ['a']\n",
			"[Repository R] folderfilter: this wherry was built "
			"without it (CFG_FILTERS)");
	}
	if (!CFG_PASSCMD) {
		stops(BASE "remotepasscmd = pass\n", "[Repository R] "
			"remotepasscmd: this wherry was built without it "
			"(CFG_PASSCMD)");
	}
	open_text(BASE "usecompression = yes\n");
	assert_int_equal(conf_account(&c, "X", &account), ERR_OK);
	assert_int_equal(account.compress, CONF_COMPRESS_YES);
	assert_int_equal(strstr(logged, "CFG_COMPRESS") == NULL, CFG_COMPRESS);
	stops(BASE "usecompression = fast\n", "not auto, yes or no");
	open_text(BASE "retrycount = 2\n");
	assert_int_equal(conf_account(&c, "X", &account), ERR_OK);
	assert_int_equal(account.retries, 2);
	assert_int_equal(strstr(logged, "CFG_RECONNECT") == NULL,
		CFG_RECONNECT > 0);
}

static void
named_accounts(void **state)
{
	char name[160];

	(void)state;
	open_text("[general]\naccounts = Bad\n[Account Bad]\nmaxage = 1\n"
		ACCOUNT LOCAL REMOTE);
	assert_int_equal(conf_check(&c), ERR_CONF);
	assert_int_equal(conf_check_accounts(&c, NULL), ERR_CONF);
	assert_int_equal(conf_check_accounts(&c, "X"), ERR_OK);
	assert_int_equal(conf_check_accounts(&c, "X,Z"), ERR_CONF);
	assert_non_null(strstr(logged, "there is no [Account Z]"));
	/* 127 bytes are a name that is not there, 128 are no name */
	snprintf(name, sizeof(name), "%0127d", 0);
	assert_int_equal(conf_check_accounts(&c, name), ERR_CONF);
	snprintf(name, sizeof(name), "%0128d", 0);
	assert_int_equal(conf_check_accounts(&c, name), ERR_LIMIT);
	assert_int_equal(conf_account(&c, name, &account), ERR_LIMIT);
	conf_close(&c);
}

static void
account_lists(void **state)
{
	static char many[4 * CFG_ACCOUNTS + 8];
	char name[8];
	struct buf b;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		BUF_INIT(&b, name);
		assert_int_equal(conf_account_name(" a,b c ,,\n d,", i, &b),
			ERR_OK);
		assert_string_equal(buf_cstr(&b),
			i == 0 ? "a" : i == 1 ? "b c" : "d");
	}
	BUF_INIT(&b, name);
	assert_int_equal(conf_account_name(" a,b c ,,\n d,", 3, &b), ERR_END);
	assert_int_equal(conf_account_name("", 0, &b), ERR_END);
	assert_int_equal(conf_account_name("123456789", 0, &b), ERR_LIMIT);
	for (unsigned i = 0; i <= CFG_ACCOUNTS; i++) {
		strcat(many, "ab,");
	}
	BUF_INIT(&b, name);
	assert_int_equal(conf_account_name(many, CFG_ACCOUNTS - 1, &b),
		ERR_OK);
	BUF_INIT(&b, name);
	assert_int_equal(conf_account_name(many, CFG_ACCOUNTS, &b), ERR_LIMIT);
	assert_non_null(strstr(err_detail(), "CFG_ACCOUNTS"));
}

static const char *
expand(const char *in, enum err want)
{
	static char memory[CFG_PATH];
	struct buf b;

	BUF_INIT(&b, memory);
	assert_int_equal(conf_expand_path(in, &b), want);
	return want == ERR_OK ? buf_cstr(&b) : err_detail();
}

static void
paths(void **state)
{
	static char in[CFG_PATH + 2];

	(void)state;
	setenv("HOME", "/home/me/", 1);
	setenv("V", "x$HOME", 1);
	unsetenv("NONE");
	assert_string_equal(expand("~", ERR_OK), "/home/me");
	assert_string_equal(expand("~/a", ERR_OK), "/home/me/a");
	assert_string_equal(expand("a~/b", ERR_OK), "a~/b");
	assert_string_equal(expand("/$V/${V}y$", ERR_OK),
		"/x$HOME/x$HOMEy$");
	assert_string_equal(expand("$/${}/$-/${x", ERR_OK), "$/${}/$-/${x");
	assert_string_equal(expand("/$NONE/x", ERR_CONF), "$NONE is not set");
	assert_string_equal(expand("/${NONE}", ERR_CONF), "$NONE is not set");
	assert_non_null(strstr(expand("~root/x", ERR_CONF), "~user"));
	memset(in, 'p', sizeof(in));
	in[CFG_PATH - 1] = '\0';
	assert_string_equal(expand(in, ERR_OK), in);
	in[CFG_PATH - 1] = 'p';
	in[CFG_PATH + 1] = '\0';
	assert_non_null(strstr(expand(in, ERR_LIMIT), "CFG_PATH"));
	setenv("HOME", dir, 1);
}

static void
bad_paths(void **state)
{
	(void)state;
	open_text(GENERAL ACCOUNT "[Repository L]\ntype=Maildir\n"
		"localfolders = Mail\n" REMOTE);
	assert_int_equal(conf_account(&c, "X", &account), ERR_CONF);
	assert_non_null(strstr(err_detail(), "rc:8: [Repository L] "
		"localfolders: not an absolute path"));
	conf_close(&c);
	open_text(GENERAL ACCOUNT "[Repository L]\ntype=Maildir\n"
		"localfolders = $NONE/x\n" REMOTE);
	assert_int_equal(conf_account(&c, "X", &account), ERR_CONF);
	assert_non_null(strstr(err_detail(), "localfolders: $NONE is not "
		"set"));
	conf_close(&c);
}

static void
usual_places(void **state)
{
	char name[256], want[256];

	(void)state;
	assert_int_equal(conf_open(&c, &work, "/nonexistent/x"), ERR_NOENT);
	if (access("/etc/wherry.conf", F_OK) == 0) {
		skip();
	}
	assert_int_equal(conf_open(&c, &work, NULL), ERR_NOENT);
	snprintf(name, sizeof(name), "%s/.offlineimaprc", dir);
	write_file(name, BASE, strlen(BASE), 0600);
	assert_int_equal(conf_open(&c, &work, NULL), ERR_OK);
	assert_string_equal(c.path, name);
	assert_true(c.offlineimap);
	assert_int_equal(conf_general(&c, &general), ERR_OK);
	snprintf(want, sizeof(want), "%s/.offlineimap", dir);
	assert_string_equal(general.metadata, want);
	conf_close(&c);
	/* the same file named by hand */
	assert_int_equal(conf_open(&c, &work, "~/.offlineimaprc"), ERR_OK);
	assert_true(c.offlineimap);
	conf_close(&c);
	/* better places */
	snprintf(name, sizeof(name), "mkdir -p %s/.config/offlineimap "
		"%s/x/wherry", dir, dir);
	assert_int_equal(system(name), 0);
	snprintf(name, sizeof(name), "%s/.config/offlineimap/config", dir);
	write_file(name, BASE, strlen(BASE), 0600);
	assert_int_equal(conf_open(&c, &work, NULL), ERR_OK);
	assert_string_equal(c.path, name);
	assert_true(c.offlineimap);
	conf_close(&c);
	snprintf(name, sizeof(name), "%s/x", dir);
	setenv("XDG_CONFIG_HOME", name, 1);
	setenv("XDG_STATE_HOME", name, 1);
	snprintf(name, sizeof(name), "%s/x/wherry/wherry.conf", dir);
	write_file(name, BASE, strlen(BASE), 0600);
	assert_int_equal(conf_open(&c, &work, NULL), ERR_OK);
	assert_string_equal(c.path, name);
	assert_false(c.offlineimap);
	assert_int_equal(conf_general(&c, &general), ERR_OK);
	snprintf(want, sizeof(want), "%s/x/wherry", dir);
	assert_string_equal(general.metadata, want);
	conf_close(&c);
}

static void
open_to_others(void **state)
{
	(void)state;
	open_text(BASE);
	conf_close(&c);
	write_file(path, BASE "remotepass = x\n",
		strlen(BASE "remotepass = x\n"), 0644);
	assert_int_equal(conf_open(&c, &work, path), ERR_OK);
	assert_non_null(strstr(logged, "others can read it"));
	conf_close(&c);
	logged_n = 0;
	logged[0] = '\0';
	write_file(path, BASE, strlen(BASE), 0644);
	assert_int_equal(conf_open(&c, &work, path), ERR_OK);
	assert_string_equal(logged, "");
	conf_close(&c);
	/* a directory is no file */
	assert_int_not_equal(conf_open(&c, &work, dir), ERR_OK);
	assert_int_equal(c.fd, FS_NONE);
}

static void
row_text(unsigned i, char *out, size_t cap)
{
	static const char *const class[] = {"used", "no effect", "noted",
		"stops"};
#define ROW(name, where, type, class, standard, help) {standard, help},
#define NEED ROW
	static const struct {
		const char *standard, *help;
	} texts[] = {
#include "conf/conf_option.def"
	};
#undef ROW
#undef NEED
	const struct conf_option *o = &conf_options[i];
	const char *standard = texts[i].standard;

	if (CFG_REASONS && o->class != CLASS_USED) {
		assert_string_equal(conf_option_help(o), texts[i].help);
	}
	snprintf(out, cap, "| `%s` |%s%s%s%s | %s | %s | %s |\n",
		conf_option_name(o), o->where & IN_GENERAL ? " general" : "",
		o->where & IN_ACCOUNT ? " Account" : "",
		o->where & IN_MAILDIR ? " Maildir" : "",
		o->where & IN_IMAP ? " IMAP" : "", class[o->class],
		standard[0] == '\0' && o->needed ? "needed" : standard,
		texts[i].help);
}

static void
document(void **state)
{
	static char text[1 << 16];
	const char *at = text;
	FILE *f = fopen("doc/CONFIG.md", "r");
	size_t n;

	(void)state;
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	for (unsigned i = 0; i < conf_option_count; i++) {
		char row[512];

		row_text(i, row, sizeof(row));
		at = strstr(at, row);
		if (at == NULL) {
			fail_msg("not in doc/CONFIG.md here: %s", row);
		}
		at += strlen(row);
	}
	assert_null(strstr(at, "\n| `"));
	/* and the example is one */
	assert_int_equal(conf_open(&c, &work, "doc/wherry.conf.example"), ERR_OK);
	assert_int_equal(conf_check(&c), ERR_OK);
	assert_int_equal(count("W "), 0);
	conf_close(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(grammar_as_python, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(every_split, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bad_grammar, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bad_percent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(depth, set_up, tear_down),
		cmocka_unit_test_setup_teardown(limits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(account_defaults, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(account_set, set_up, tear_down),
		cmocka_unit_test_setup_teardown(gmail, set_up, tear_down),
		cmocka_unit_test_setup_teardown(fsync_values, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(stop_options, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(stop_elsewhere, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(harmless_options, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(bad_values, set_up, tear_down),
		cmocka_unit_test_setup_teardown(missing_things, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(all_are_reported, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(notes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(field_limits, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(filter_limit, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(built_without, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(named_accounts, set_up,
			tear_down),
		cmocka_unit_test(account_lists),
		cmocka_unit_test_setup_teardown(paths, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bad_paths, set_up, tear_down),
		cmocka_unit_test_setup_teardown(usual_places, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(open_to_others, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(document, set_up, tear_down),
	};

	if (getenv("CONF_PRINT") != NULL) {
		for (unsigned i = 0; i < conf_option_count; i++) {
			char row[512];

			row_text(i, row, sizeof(row));
			fputs(row, stdout);
		}
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
