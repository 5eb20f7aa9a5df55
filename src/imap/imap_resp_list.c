/*
 * imap_resp_list: responses about mailboxes: LIST, LSUB, STATUS, NAMESPACE.
 *
 * A mailbox name may be an atom, quoted or a literal. It is kept in r->name,
 * byte by byte as sent, until the line has ended.
 */
#include <string.h>

#include "imap/imap_resp_part.h"

/* A name is at most one token, and a token fits. */
static void
take_name(struct imap_resp *r, struct span s)
{
	if (s.n > 0) {
		memcpy(r->name, s.p, s.n);
	}
	r->name_n = s.n;
	r->ev.name = (struct span){r->name, r->name_n};
}

/* The hierarchy separator: one character, or NIL or "" for none. Domino's
 * backslash may come escaped once too often. */
static bool
take_sep(struct imap_resp *r, struct span s)
{
	if (s.n == 0 || span_iis(s, "NIL")) {
		r->ev.sep = '\0';
		return true;
	}
	if (s.n != 1 && !span_is(s, "\\\\")) {
		return false;
	}
	r->ev.sep = s.p[0];
	return true;
}

static enum imap_resp_step
on_attrs_open(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind == IMAP_TOK_LPAR) {
		return imap_resp_go(r, LIST_ATTRS);
	}
	return imap_resp_is_nil(t) ? imap_resp_go(r, LIST_SEP)
				   : imap_resp_fail(r, t);
}

static enum imap_resp_step
on_attrs(struct imap_resp *r, const struct imap_tok *t)
{
	if (imap_resp_is_word(t)) {
		r->ev.attrs |= imap_resp_attr(t->s);
		return STEP_MORE;
	}
	return t->kind == IMAP_TOK_RPAR ? imap_resp_go(r, LIST_SEP)
					: imap_resp_fail(r, t);
}

static enum imap_resp_step
on_sep(struct imap_resp *r, const struct imap_tok *t)
{
	if (!imap_resp_is_word(t) || !take_sep(r, t->s)) {
		return imap_resp_fail(r, t);
	}
	return imap_resp_go(r, LIST_NAME);
}

static enum imap_resp_step
on_name(struct imap_resp *r, const struct imap_tok *t)
{
	if (!imap_resp_is_word(t)) {
		return imap_resp_fail(r, t);
	}
	take_name(r, t->s);
	return imap_resp_go(r, LIST_MORE);
}

/* Behind the name: nothing, or a list of extended data (RFC 5258). Anything
 * else means that the name was not all of the name. */
static enum imap_resp_step
on_more(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind != IMAP_TOK_EOL && t->kind != IMAP_TOK_LPAR) {
		return imap_resp_fail(r, t);
	}
	return imap_resp_replay(r, LINE_FINISH);
}

static enum imap_resp_step
on_status_name(struct imap_resp *r, const struct imap_tok *t)
{
	if (!imap_resp_is_word(t)) {
		return imap_resp_fail(r, t);
	}
	take_name(r, t->s);
	return imap_resp_go(r, STATUS_OPEN);
}

static enum imap_resp_step
on_status_open(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind == IMAP_TOK_EOL) {
		return imap_resp_replay(r, LINE_FINISH);
	}
	return t->kind == IMAP_TOK_LPAR ? imap_resp_go(r, STATUS_ITEM)
					: imap_resp_fail(r, t);
}

/* Items of STATUS; they fit in r->item. */
enum item {
	ITEM_MESSAGES, ITEM_UIDNEXT, ITEM_UIDVALIDITY, ITEM_UNSEEN,
	ITEM_RECENT, ITEM_DELETED, ITEM_HIGHESTMODSEQ, ITEM_SIZE
};
static const char item_words[] = "MESSAGES UIDNEXT UIDVALIDITY UNSEEN RECENT "
	"DELETED HIGHESTMODSEQ SIZE";

static enum imap_resp_step
on_status_item(struct imap_resp *r, const struct imap_tok *t)
{
	int i;

	if (t->kind == IMAP_TOK_RPAR) {
		return imap_resp_go(r, LINE_FINISH);
	}
	if (!imap_resp_is_word(t)) {
		return imap_resp_fail(r, t);
	}
	i = span_word(t->s, item_words);
	if (i < 0) {
		return imap_resp_skip_value(r, STATUS_ITEM);
	}
	r->item = (uint8_t)i;
	return imap_resp_go(r, STATUS_VALUE);
}

static void
take_item(struct imap_mailbox_status *m, enum item item, struct span s)
{
	switch (item) {
	case ITEM_MESSAGES:
		m->has_messages = span_u32(s, &m->messages);
		break;
	case ITEM_UIDNEXT:
		m->has_uidnext = span_u32(s, &m->uidnext);
		break;
	case ITEM_UIDVALIDITY:
		m->has_uidvalidity = span_u32(s, &m->uidvalidity);
		break;
	case ITEM_UNSEEN:
		m->has_unseen = span_u32(s, &m->unseen);
		break;
	case ITEM_RECENT:
		(void)span_u32(s, &m->recent);
		break;
	case ITEM_DELETED:
		m->has_deleted = span_u32(s, &m->deleted);
		break;
	case ITEM_HIGHESTMODSEQ:
		m->has_highestmodseq = span_u64(s, &m->highestmodseq);
		break;
	case ITEM_SIZE:
		m->has_size = span_u64(s, &m->size);
		break;
	}
}

static enum imap_resp_step
on_status_value(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind == IMAP_TOK_LPAR) {
		return imap_resp_skip_list(r, STATUS_ITEM);
	}
	if (!imap_resp_is_word(t)) {
		return imap_resp_replay(r, STATUS_ITEM);
	}
	take_item(&r->ev.mbox, (enum item)r->item, t->s);
	return imap_resp_go(r, STATUS_ITEM);
}

/* "(("INBOX." ".") ...) ...": the first entry of the first list is ours. */
static enum imap_resp_step
on_space_open(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind == IMAP_TOK_LPAR) {
		return imap_resp_go(r, SPACE_ENTRY);
	}
	r->ev.nil = true;
	r->ev.name = SPAN("");
	return imap_resp_is_nil(t) ? imap_resp_go(r, LINE_FINISH)
				   : imap_resp_fail(r, t);
}

static enum imap_resp_step
on_space_entry(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind == IMAP_TOK_LPAR) {
		return imap_resp_go(r, SPACE_PREFIX);
	}
	r->ev.nil = true;
	r->ev.name = SPAN("");
	return t->kind == IMAP_TOK_RPAR ? imap_resp_go(r, LINE_FINISH)
					: imap_resp_fail(r, t);
}

static enum imap_resp_step
on_space_prefix(struct imap_resp *r, const struct imap_tok *t)
{
	if (!imap_resp_is_word(t)) {
		return imap_resp_fail(r, t);
	}
	take_name(r, imap_resp_is_nil(t) ? SPAN("") : t->s);
	return imap_resp_go(r, SPACE_SEP);
}

static enum imap_resp_step
on_space_sep(struct imap_resp *r, const struct imap_tok *t)
{
	if (!imap_resp_is_word(t) || !take_sep(r, t->s)) {
		return imap_resp_fail(r, t);
	}
	return imap_resp_go(r, LINE_FINISH);
}

#define PLAIN IMAP_LEX_PLAIN
#define SOFT IMAP_LEX_SOFT
#define NAME IMAP_LEX_NAME
#define ROW(state) [(state) - LIST_ATTRS_OPEN]

const struct imap_resp_row imap_resp_list_rows[] = {
	ROW(LIST_ATTRS_OPEN) = {on_attrs_open, SOFT, "a list of attributes"},
	ROW(LIST_ATTRS) = {on_attrs, SOFT, "a mailbox attribute"},
	ROW(LIST_SEP) = {on_sep, SOFT, "a separator"},
	ROW(LIST_NAME) = {on_name, NAME, "a mailbox name"},
	ROW(LIST_MORE) = {on_more, PLAIN, "the end of the line"},
	ROW(STATUS_NAME) = {on_status_name, NAME, "a mailbox name"},
	ROW(STATUS_OPEN) = {on_status_open, PLAIN, "\"(\""},
	ROW(STATUS_ITEM) = {on_status_item, SOFT, "a STATUS item"},
	ROW(STATUS_VALUE) = {on_status_value, SOFT, "a number"},
	ROW(SPACE_OPEN) = {on_space_open, PLAIN, "a list of namespaces"},
	ROW(SPACE_ENTRY) = {on_space_entry, PLAIN, "a namespace"},
	ROW(SPACE_PREFIX) = {on_space_prefix, PLAIN, "a prefix"},
	ROW(SPACE_SEP) = {on_space_sep, SOFT, "a separator"},
};
_Static_assert(sizeof(imap_resp_list_rows) / sizeof(imap_resp_list_rows[0]) ==
	LIST_STATES - LIST_ATTRS_OPEN, "a row per state");
