/*
 * conf_check: what the options of a file mean for a start.
 *
 * Two questions, two passes. What is only worth a note is looked for in every
 * section. What must stop is looked for in the sections that the accounts in
 * use need, since an old account that nobody lists may hold anything; there
 * [DEFAULT] counts as well, for it is inherited. Both walk over the file and
 * ask for values on the way, which moves the reader: a mark brings it back.
 */
#include <string.h>

#include "base/log.h"
#include "conf/conf.h"
#include "conf/conf_check.h"
#include "conf/conf_option.h"
#include "conf/conf_read.h"

#define WHY 512 /* room for a copy of a reason that err_set() will replace */

static void
note(const struct conf *c, uint32_t line, const char *section, const char *key,
	const char *what)
{
	log_msg(LOG_WARN, "%s:%lu: [%s] %s: %s", c->path, (unsigned long)line,
		section, key, what);
}

/* Counts a problem. Returns ERR_OK if the walk may go on. */
static enum err
problem(struct conf *c, struct conf_verdict *v, uint32_t line,
	const char *section, const char *key, const char *why)
{
	v->bad++;
	if (!v->all) {
		return err_set(ERR_CONF, "%s:%lu: [%s] %s: %s", c->path,
			(unsigned long)line, section, key, why);
	}
	log_msg(LOG_ERROR, "%s:%lu: [%s] %s: %s", c->path,
		(unsigned long)line, section, key, why);
	return ERR_OK;
}

/* The same for an error whose detail says it all. */
static enum err
failed(struct conf_verdict *v, enum err e)
{
	if (e != ERR_CONF && e != ERR_LIMIT) {
		return e;
	}
	v->bad++;
	if (!v->all) {
		return e;
	}
	log_msg(LOG_ERROR, "%s", err_detail());
	return ERR_OK;
}

enum err
conf_value(struct conf *c, const char *section, const char *key,
	const char **value, uint32_t *line)
{
	struct span s;
	struct buf b;
	enum err e;

	buf_init(&b, c->w->value, CFG_VALUE);
	e = conf_get(c, section, key, &b, line);
	c->most = b.n > c->most ? b.n : c->most;
	if (e != ERR_OK) {
		return e;
	}
	s = span_trim(buf_get(&b));
	c->w->value[(size_t)(s.p - c->w->value) + s.n] = '\0';
	*value = s.p;
	return ERR_OK;
}

/* Checks the value of one option that is there. */
static enum err
check_value(struct conf *c, const struct conf_option *o, const char *section,
	const char *key, const char *value, uint32_t line,
	struct conf_verdict *v)
{
	char why[WHY];
	struct buf b;
	const char *wrong = NULL;

	if (o->class == CLASS_STOP &&
		!conf_option_off(o, span_of(value))) {
		wrong = conf_option_help(o);
	} else if (o->class == CLASS_USED) {
		wrong = conf_option_wrong(o, value);
	}
	if (wrong == NULL && o->needed && value[0] == '\0') {
		wrong = "is empty";
	}
	if (wrong == NULL) {
		return ERR_OK;
	}
	buf_init(&b, why, sizeof(why) - 1);
	buf_str(&b, wrong);
	why[b.n] = '\0';
	return problem(c, v, line, section, key, why);
}

/* Checks a key that the walk found, if it is the one that counts. */
static enum err
check_key(struct conf *c, const char *section, unsigned where,
	struct conf_verdict *v)
{
	const struct conf_option *o = conf_option_find(c->key, where);
	uint32_t found = c->item_line, line;
	char key[CFG_NAME];
	const char *value;
	enum err e;

	if (o == NULL || (o->class != CLASS_USED && o->class != CLASS_STOP)) {
		return ERR_OK;
	}
	memcpy(key, c->key, sizeof(key));
	e = conf_value(c, section, key, &value, &line);
	if (e != ERR_OK) {
		return failed(v, e);
	}
	if (line != found) {
		return ERR_OK;
	}
	return check_value(c, o, section, key, value, line, v);
}

/* Options that must be there. Gmail knows its host. */
static enum err
check_needed(struct conf *c, const char *section, unsigned where,
	struct conf_verdict *v)
{
	const char *value;
	bool gmail = false;
	uint32_t line;
	enum err e = ERR_OK;

	if (where & IN_IMAP) {
		gmail = conf_value(c, section, "type", &value, &line) ==
			ERR_OK && strcmp(value, "Gmail") == 0;
	}
	for (unsigned i = 0; i < conf_option_count && e == ERR_OK; i++) {
		const struct conf_option *o = &conf_options[i];
		const char *name = conf_option_name(o);

		if (!o->needed || (o->where & where) == 0 ||
			(gmail && strcmp(name, "remotehost") == 0)) {
			continue;
		}
		e = conf_value(c, section, name, &value, &line);
		if (e == ERR_NOENT) {
			e = problem(c, v, conf_read_section_line(c, section),
				section, name, "is missing");
		} else if (e == ERR_CONF || e == ERR_LIMIT) {
			e = ERR_OK; /* the walk has reported it */
		}
	}
	return e;
}

enum err
conf_check_section(struct conf *c, const char *section, unsigned where,
	struct conf_verdict *v)
{
	struct conf_mark mark;
	enum conf_item item;
	enum err e = ERR_OK;

	conf_read_begin(c);
	while (e == ERR_OK && (item = conf_read_next(c)) != CONF_END) {
		if (item != CONF_KEY || (strcmp(c->section, section) != 0 &&
			strcmp(c->section, "DEFAULT") != 0)) {
			continue;
		}
		conf_read_mark(c, &mark);
		e = check_key(c, section, where, v);
		conf_read_seek(c, &mark);
	}
	if (e == ERR_OK) {
		e = c->err;
	}
	if (e == ERR_OK) {
		e = check_needed(c, section, where, v);
	}
	return e;
}

/* "Account name" or "Repository name" into out[CFG_NAME]. */
static enum err
join(char *out, const char *kind, const char *name)
{
	struct buf b;

	buf_init(&b, out, CFG_NAME);
	buf_str(&b, kind);
	buf_str(&b, name);
	buf_cstr(&b);
	return b.err;
}

/* Finds and checks the repository that an account's option names. */
static enum err
check_repo(struct conf *c, const char *account, const char *key,
	unsigned where, char *section, struct conf_verdict *v)
{
	uint32_t line, type_line;
	const char *value;
	enum err e = conf_value(c, account, key, &value, &line);

	section[0] = '\0';
	if (e != ERR_OK) { /* reported with the account's section */
		return v->all ? ERR_OK : e;
	}
	e = join(section, "Repository ", value);
	if (e != ERR_OK) {
		return problem(c, v, line, account, key,
			"a name longer than CFG_NAME");
	}
	if (!conf_has_section(c, section)) {
		return problem(c, v, line, account, key,
			"there is no such [Repository ...]");
	}
	e = conf_value(c, section, "type", &value, &type_line);
	if (e == ERR_NOENT) {
		return problem(c, v, conf_read_section_line(c, section),
			section, "type", "is missing");
	}
	if (e != ERR_OK) {
		return failed(v, e);
	}
	if (conf_option_repo(span_of(value)) != where) {
		return problem(c, v, type_line, section, "type",
			where == IN_MAILDIR ?
			"the local side must be Maildir or GmailMaildir" :
			"the remote side must be IMAP or Gmail");
	}
	return conf_check_section(c, section, where, v);
}

enum err
conf_check_account(struct conf *c, const char *name, struct conf_sections *s,
	struct conf_verdict *v)
{
	const char *value;
	uint32_t line = 0;
	enum err e;

	if (join(s->account, "Account ", name) != ERR_OK ||
		!conf_has_section(c, s->account)) {
		char why[WHY];
		struct buf b;

		e = conf_value(c, "general", "accounts", &value, &line);
		BUF_INIT(&b, why);
		buf_fmt(&b, "there is no [Account %.*s]", CFG_NAME, name);
		return problem(c, v, line, "general", "accounts",
			buf_cstr(&b));
	}
	e = conf_check_section(c, s->account, IN_ACCOUNT, v);
	if (e == ERR_OK) {
		e = check_repo(c, s->account, "localrepository", IN_MAILDIR,
			s->local, v);
	}
	if (e == ERR_OK) {
		e = check_repo(c, s->account, "remoterepository", IN_IMAP,
			s->remote, v);
	}
	if (e == ERR_OK && s->remote[0] != '\0') {
		s->gmail = conf_value(c, s->remote, "type", &value, &line) ==
			ERR_OK && strcmp(value, "Gmail") == 0;
	}
	return e;
}

/* Where the options of a section count; 0 if it is none that has any. */
static unsigned
place_of(struct conf *c, const char *section)
{
	struct span s = span_of(section);
	const char *type;
	unsigned where;

	if (span_is(s, "general")) {
		return IN_GENERAL;
	}
	if (span_starts(s, SPAN("Account "))) {
		return IN_ACCOUNT;
	}
	if (!span_starts(s, SPAN("Repository "))) {
		return 0;
	}
	where = conf_value(c, section, "type", &type, NULL) == ERR_OK ?
		conf_option_repo(span_of(type)) : 0;
	return where != 0 ? where : IN_REPO;
}

static void
note_section(struct conf *c, const char *section, uint32_t line)
{
	struct span s = span_of(section);

	if (conf_read_section_line(c, section) < line) {
		log_msg(LOG_WARN, "%s:%lu: [%s]: this section is there twice; "
			"both are read", c->path, (unsigned long)line, section);
	}
	if (span_is(s, "mbnames")) {
		log_msg(LOG_WARN, "%s:%lu: [mbnames]: no such file is written",
			c->path, (unsigned long)line);
	} else if (!span_is(s, "DEFAULT") && !span_starts(s, SPAN("ui.")) &&
		place_of(c, section) == 0) {
		log_msg(LOG_WARN, "%s:%lu: [%s]: unknown section, not used",
			c->path, (unsigned long)line, section);
	}
}

/* The line of the first of several equal keys. */
static uint32_t
first_line(struct conf *c, const char *section, const char *key)
{
	enum conf_item item;

	conf_read_begin(c);
	while ((item = conf_read_next(c)) != CONF_END) {
		if (item == CONF_KEY && strcmp(c->key, key) == 0 &&
			strcmp(c->section, section) == 0) {
			return c->item_line;
		}
	}
	return 0;
}

/* One bit per row: notes are given once. */
struct noted {
	uint8_t rows[32];
};

static void
note_known(struct conf *c, const struct conf_option *o, const char *section,
	const char *key, uint32_t line, struct noted *seen)
{
	unsigned row = (unsigned)(o - conf_options);
	uint8_t bit = (uint8_t)(1u << row % 8);
	const char *value;

	if (o->class == CLASS_QUIET) {
		log_msg(LOG_DEBUG, "%s:%lu: [%s] %s: no effect (%s)", c->path,
			(unsigned long)line, section, key,
			conf_option_help(o));
	}
	if (o->class != CLASS_NOTED || row / 8 >= sizeof(seen->rows) ||
		(seen->rows[row / 8] & bit) ||
		conf_value(c, section, key, &value, NULL) != ERR_OK ||
		conf_option_off(o, span_of(value))) {
		return;
	}
	seen->rows[row / 8] |= bit;
	note(c, line, section, key, conf_option_help(o));
}

static void
note_key(struct conf *c, const char *section, uint32_t line,
	struct noted *seen)
{
	char key[CFG_NAME];
	const struct conf_option *o;
	unsigned where;

	memcpy(key, c->key, sizeof(key));
	if (first_line(c, section, key) < line) {
		note(c, line, section, key, "is there twice; the last counts");
	}
	where = place_of(c, section);
	if (where == 0) {
		return;
	}
	o = conf_option_find(key, where);
	if (o != NULL) {
		note_known(c, o, section, key, line, seen);
	} else if (conf_option_find(key, ~0u) != NULL) {
		note(c, line, section, key, "has no effect in this section");
	} else if (strchr(key, ' ') != NULL) {
		note(c, line, section, key,
			"unknown option, ignored (is a = missing?)");
	} else {
		note(c, line, section, key, "unknown option, ignored");
	}
}

/* All that is worth a word and stops nothing. */
static enum err
note_all(struct conf *c)
{
	struct noted seen = {{0}};
	struct conf_mark mark;
	enum conf_item item;
	enum err e;

	conf_read_begin(c);
	while ((item = conf_read_next(c)) != CONF_END) {
		uint32_t line = c->item_line;

		conf_read_mark(c, &mark);
		if (item == CONF_SECTION) {
			note_section(c, mark.section, line);
		} else {
			note_key(c, mark.section, line, &seen);
		}
		conf_read_seek(c, &mark);
	}
	e = c->err;
	return e;
}

/* Checks the i-th account of the list, or of the file's. */
static enum err
check_nth(struct conf *c, const char *accounts, unsigned i,
	struct conf_verdict *v)
{
	char name[sizeof(((struct conf_account *)0)->name)];
	struct conf_sections sections;
	struct buf b;
	enum err e;

	if (accounts == NULL && conf_value(c, "general", "accounts", &accounts,
		NULL) != ERR_OK) {
		return ERR_END; /* reported with [general] */
	}
	buf_init(&b, name, sizeof(name) - 1);
	e = conf_account_name(accounts, i, &b);
	if (e != ERR_OK) {
		return e;
	}
	name[b.n] = '\0';
	return conf_check_account(c, name, &sections, v);
}

enum err
conf_check_accounts(struct conf *c, const char *accounts)
{
	struct conf_verdict v = {.all = true};
	enum err e = note_all(c);

	if (e == ERR_OK && !conf_has_section(c, "general")) {
		return err_set(ERR_CONF, "%s:1: [general]: is missing",
			c->path);
	}
	if (e == ERR_OK) {
		e = conf_check_section(c, "general", IN_GENERAL, &v);
	}
	for (unsigned i = 0; e == ERR_OK; i++) {
		e = check_nth(c, accounts, i, &v);
	}
	if (e != ERR_END) {
		return e;
	}
	return v.bad == 0 ? ERR_OK : err_set(ERR_CONF,
		"%s: %u %s in the configuration", c->path, v.bad,
		v.bad == 1 ? "error" : "errors");
}

enum err
conf_check(struct conf *c)
{
	return conf_check_accounts(c, NULL);
}
