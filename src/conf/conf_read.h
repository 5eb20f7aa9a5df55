/*
 * conf_read: the grammar of the configuration file, one item after another,
 * from an open struct conf. Private to conf/.
 */
#ifndef WHERRY_CONF_CONF_READ_H
#define WHERRY_CONF_CONF_READ_H

#include "conf/conf.h"

enum conf_item {
	CONF_END,     /* of the file, or an error: c->err says which */
	CONF_SECTION, /* c->section */
	CONF_KEY      /* c->section, c->key in lower case; value not yet read */
};

void conf_read_begin(struct conf *c);
/* c->item_line is the line of the item. A value that was not read is stepped
 * over. */
enum conf_item conf_read_next(struct conf *c);
/* The value of the key that was returned last, not interpolated, into p. Once
 * per key. ERR_LIMIT if it is longer than cap. */
enum err conf_read_value(struct conf *c, char *p, size_t cap, size_t *n);

/* A place between items, to go on from after other reads. */
struct conf_mark {
	uint64_t at;
	uint32_t line, indent, key_indent;
	bool in_line, at_text, in_key, in_section;
	char section[CFG_NAME];
};
void conf_read_mark(const struct conf *c, struct conf_mark *m);
void conf_read_seek(struct conf *c, const struct conf_mark *m);

/* Looks for the last value of section/key, without [DEFAULT], into p.
 * ERR_NOENT: not there. *has_section: there is such a section. */
enum err conf_read_find(struct conf *c, const char *section, const char *key,
	char *p, size_t cap, size_t *n, uint32_t *line, bool *has_section);

/* Line of the first header of a section, 0 if there is none. */
uint32_t conf_read_section_line(struct conf *c, const char *section);

#endif
