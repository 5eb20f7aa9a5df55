/* cli: the command line. */
#ifndef WHERRY_APP_CLI_H
#define WHERRY_APP_CLI_H

#include <stdbool.h>

#include "base/err.h"
#include "config.h"

enum cli_verb { CLI_SYNC, CLI_SHOW_CERT, CLI_HELP, CLI_VERSION, CLI_ABOUT };

struct cli {
	enum cli_verb verb;
	const char *config;   /* -c */
	const char *accounts; /* -a, comma list */
	const char *folders;  /* -f, comma list of server names */
	const char *log;      /* -l */
	const char *ui;	      /* -u */
	const char *target;   /* show-cert HOST[:PORT] */
	bool wire;	      /* -d imap */
	bool dry_run, stats;
};

/* ERR_USAGE with detail. */
enum err cli_parse(struct cli *c, int argc, char **argv);
extern const char cli_help[];
/* Where a person finds the options. */
#define CLI_OPTIONS (CFG_HELP ? "wherry -h shows the options" \
			      : "the manual page has the options")

#endif
