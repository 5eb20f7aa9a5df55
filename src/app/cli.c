/* cli: options as OfflineIMAP's users type them, verbs as words. */
#include <string.h>

#include "app/cli.h"
#include "base/span.h"
#include "config.h"

#if CFG_HELP
const char cli_help[] =
	"usage: wherry [options]              sync all accounts once\n"
#if CFG_SHOW_CERT
	"       wherry show-cert HOST[:PORT]  the server's certificates as PEM\n"
#endif
	"\n"
	"  -c FILE      configuration (else wherry.conf, else offlineimaprc)\n"
	"  -a A,B       only these accounts\n"
	"  -f F,G       only these folders, as the server names them\n"
	"  -u UI        ttyui, basic or quiet\n"
	"  -l FILE      also write what is said to FILE\n"
	"  -d imap      show the lines on the wire (no passwords)\n"
	"  -o           sync once (which is what wherry does anyway)\n"
	"  --dry-run    say what would be done, do nothing\n"
#if CFG_STATS
	"  --stats      end with one line of what it cost\n"
#endif
	"  --version    the version; -V also libraries and memory; -h this\n"
	"\n"
	"exit status: 0 all in step, 1 something failed, 2 a person has to\n"
	"look, 64 wrong use, 73 cannot write, 75 try again later, 77 login\n"
	"refused, 78 configuration\n";
#else
const char cli_help[] = "wherry " WHERRY_VERSION ": its options are in the "
	"manual page;\nthis build has no list of them (CFG_HELP)\n";
#endif

static enum err
with_value(struct cli *c, char option, const char *value)
{
	switch (option) {
	case 'c':
		c->config = value;
		return ERR_OK;
	case 'a':
		c->accounts = value;
		return ERR_OK;
	case 'f':
		c->folders = value;
		return ERR_OK;
	case 'l':
		c->log = value;
		return ERR_OK;
	case 'u':
		c->ui = value;
		return ERR_OK;
	case 'd':
		if (!span_is(span_of(value), "imap")) {
			return err_set(ERR_USAGE, "-d knows only imap");
		}
		c->wire = true;
		return ERR_OK;
	default:
		return err_set(ERR_USAGE, "unknown option -%c", option);
	}
}

static enum err
long_option(struct cli *c, struct span word)
{
	if (span_is(word, "--dry-run")) {
		c->dry_run = true;
	} else if (span_is(word, "--stats")) {
		if (!CFG_STATS) {
			return err_set(ERR_USAGE, "this wherry was built "
				"without --stats (CFG_STATS)");
		}
		c->stats = true;
	} else if (span_is(word, "--version")) {
		c->verb = CLI_VERSION;
	} else if (span_is(word, "--help")) {
		c->verb = CLI_HELP;
	} else {
		return err_set(ERR_USAGE, "unknown option %s", word.p);
	}
	return ERR_OK;
}

/* One word of letters: some stand alone, the first that takes a value takes
 * the rest of the word or the next one. */
static enum err
short_options(struct cli *c, const char *word, char **argv, int argc, int *i)
{
	for (const char *p = word + 1; *p != '\0'; p++) {
		if (*p == 'h') {
			c->verb = CLI_HELP;
		} else if (*p == 'V') {
			c->verb = CLI_ABOUT;
		} else if (*p == 'o') {
			continue; /* syncing once is what it does anyway */
		} else if (strchr("caflud", *p) == NULL) {
			return err_set(ERR_USAGE, "unknown option -%c", *p);
		} else if (p[1] != '\0') {
			return with_value(c, *p, p + 1);
		} else if (*i + 1 >= argc) {
			return err_set(ERR_USAGE, "-%c needs a value", *p);
		} else {
			return with_value(c, *p, argv[++*i]);
		}
	}
	return ERR_OK;
}

static enum err
verb(struct cli *c, char **argv, int argc, int *i)
{
	if (!span_is(span_of(argv[*i]), "show-cert")) {
		return err_set(ERR_USAGE, "unknown word %s", argv[*i]);
	}
	if (!CFG_SHOW_CERT) {
		return err_set(ERR_USAGE, "this wherry was built without "
			"show-cert (CFG_SHOW_CERT)");
	}
	if (*i + 1 >= argc) {
		return err_set(ERR_USAGE, "show-cert needs HOST[:PORT]");
	}
	c->verb = CLI_SHOW_CERT;
	c->target = argv[++*i];
	return ERR_OK;
}

enum err
cli_parse(struct cli *c, int argc, char **argv)
{
	enum err e = ERR_OK;

	memset(c, 0, sizeof(*c));
	for (int i = 1; i < argc && e == ERR_OK; i++) {
		struct span word = span_of(argv[i]);

		if (span_starts(word, SPAN("--"))) {
			e = long_option(c, word);
		} else if (word.n > 1 && word.p[0] == '-') {
			e = short_options(c, word.p, argv, argc, &i);
		} else {
			e = verb(c, argv, argc, &i);
		}
	}
	return e;
}
