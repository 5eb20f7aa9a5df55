/*
 * conf_check: verdicts on sections and accounts, for conf_check() and
 * conf_account(). Private to conf/.
 */
#ifndef WHERRY_CONF_CONF_CHECK_H
#define WHERRY_CONF_CONF_CHECK_H

#include "conf/conf.h"

struct conf_verdict {
	bool all;     /* log every problem and go on; else stop at the first,
		       * which is err_detail() then */
	unsigned bad; /* problems so far */
};

/* The three sections of an account. */
struct conf_sections {
	char account[CFG_NAME], local[CFG_NAME], remote[CFG_NAME];
	bool gmail;
};

/* ERR_CONF or ERR_LIMIT if there is a problem (with `all`, if there was one
 * before, too), or a reading error. where: IN_... */
enum err conf_check_section(struct conf *c, const char *section,
	unsigned where, struct conf_verdict *v);
enum err conf_check_account(struct conf *c, const char *name,
	struct conf_sections *s, struct conf_verdict *v);

/* The value without blanks and newlines at its ends, in c->value until the
 * next call. */
enum err conf_value(struct conf *c, const char *section, const char *key,
	const char **value, uint32_t *line);

#endif
