/*
 * conf_option: the one table of options, made of conf_option.def. The parser
 * takes types from it, conf_check() its verdicts; doc/CONFIG.md has its text.
 * Private to conf/ and to the test of the document.
 */
#ifndef WHERRY_CONF_CONF_OPTION_H
#define WHERRY_CONF_CONF_OPTION_H

#include "base/err.h"
#include "base/span.h"

/* Where an option has an effect. */
enum {
	IN_GENERAL = 1,
	IN_ACCOUNT = 2,
	IN_MAILDIR = 4, /* [Repository x] of type Maildir or GmailMaildir */
	IN_IMAP = 8,    /* of type IMAP or Gmail */
	IN_REPO = IN_MAILDIR | IN_IMAP
};

enum conf_type {
	TYPE_TEXT, /* one line */
	TYPE_LIST, /* at commas, also over several lines */
	TYPE_BOOL,
	TYPE_NUMBER,
	TYPE_PORT,
	TYPE_PATH,
	TYPE_COMMAND,
	TYPE_FSYNC,
	TYPE_AUTO, /* auto, yes or no */
	TYPE_SEP,
	TYPE_FILTER,
	TYPE_PRINTS /* fingerprints */
};

enum conf_class {
	CLASS_USED,
	CLASS_QUIET, /* has no effect here, and nothing is lost by that */
	CLASS_NOTED, /* is not done here: said once, loudly */
	CLASS_STOP   /* would lead to other mail, or elsewhere: stops */
};

struct conf_option {
	uint16_t name, help; /* see conf_option_name() and _help() */
	uint8_t where, type, class;
	bool needed;
};

extern const struct conf_option conf_options[];
extern const unsigned conf_option_count;

/* "x_*": all that begin with x_. */
const char *conf_option_name(const struct conf_option *o);
/* Why it stops, is noted or is quiet; "" for what is used. */
const char *conf_option_help(const struct conf_option *o);

/* The row of a key in one of these places; NULL if there is none. */
const struct conf_option *conf_option_find(const char *key, unsigned where);
/* "Maildir", "Gmail", ...: IN_MAILDIR, IN_IMAP, or 0 for what is unknown. */
unsigned conf_option_repo(struct span type);

/* The value is "nothing", "no" or an empty list: an option that is switched
 * off does what it does without being there. */
bool conf_option_off(const struct conf_option *o, struct span value);
/* NULL, or what is wrong with a value (trimmed) of this type. A filter's
 * reason is err_detail(). */
const char *conf_option_wrong(const struct conf_option *o, const char *value);

/* Python's getboolean: false if it is none. */
bool conf_option_bool(struct span value, bool *out);

#endif
