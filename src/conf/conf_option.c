/*
 * conf_option: what conf_option.def says of each option that OfflineIMAP knows,
 * or knew, and of each of our own. A row's class answers one question: if this
 * option were left out, would other mail be synced than its owner meant, or a connection
 * go elsewhere or be less safe? Then it stops the start. Is something left
 * undone that people would wait for? Then it is noted. The rest is quiet.
 */
#include <string.h>

#include "conf/conf.h"
#include "conf/conf_option.h"

/* The texts of all rows in one piece, so that a row needs no pointers: each
 * would be a relocation and dirty memory. What is used needs no help here. */
#define GLUE(a, b) a##b
#define FIELD(prefix, line) GLUE(prefix, line)
#define HELP_USED(help) ""
#if CFG_REASONS
#define HELP_QUIET(help) help
#define HELP_NOTED(help) help
#define HELP_STOP(help) help
#else
#define HELP_QUIET(help) ""
#define HELP_NOTED(help) ""
#define HELP_STOP(help) ""
#endif

#define ROW(name, where, type, class, standard, help) \
	char FIELD(name_, __LINE__)[sizeof(name)]; \
	char FIELD(help_, __LINE__)[sizeof(HELP_##class(help))];
#define NEED ROW
struct texts {
#include "conf/conf_option.def"
};
#undef ROW

#define ROW(name, where, type, class, standard, help) name, HELP_##class(help),
static const struct texts texts = {
#include "conf/conf_option.def"
};
#undef ROW
#undef NEED

#define AS(needed, where, type, class) \
	{offsetof(struct texts, FIELD(name_, __LINE__)), \
		offsetof(struct texts, FIELD(help_, __LINE__)), where, \
		TYPE_##type, CLASS_##class, needed},
#define ROW(name, where, type, class, standard, help) \
	AS(false, where, type, class)
#define NEED(name, where, type, class, standard, help) \
	AS(true, where, type, class)
const struct conf_option conf_options[] = {
#include "conf/conf_option.def"
};
#undef ROW
#undef NEED
_Static_assert(sizeof(texts) <= UINT16_MAX, "an offset fits its field");

const unsigned conf_option_count =
	sizeof(conf_options) / sizeof(conf_options[0]);

const char *
conf_option_name(const struct conf_option *o)
{
	return (const char *)&texts + o->name;
}

const char *
conf_option_help(const struct conf_option *o)
{
	if (!CFG_REASONS) {
		return o->class == CLASS_STOP ? "not supported; the reason is "
			"in wherry's manual (this build has none: CFG_REASONS)" :
			o->class == CLASS_USED ? "" : "has no effect in wherry";
	}
	return (const char *)&texts + o->help;
}

const struct conf_option *
conf_option_find(const char *key, unsigned where)
{
	for (unsigned i = 0; i < conf_option_count; i++) {
		const struct conf_option *o = &conf_options[i];
		const char *name = conf_option_name(o);
		size_t n = strlen(name);

		if ((o->where & where) == 0) {
			continue;
		}
		if (strcmp(name, key) == 0 || (name[n - 1] == '*' &&
			strncmp(name, key, n - 1) == 0)) {
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
	if (span_word(value, "1 yes true on") >= 0) {
		*out = true;
		return true;
	}
	if (span_word(value, "0 no false off") >= 0) {
		*out = false;
		return true;
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

	switch ((enum conf_type)o->type) {
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
	case TYPE_AUTO:
		return span_iis(s, "auto") || conf_option_bool(s, &yes) ?
			NULL : "not auto, yes or no";
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
