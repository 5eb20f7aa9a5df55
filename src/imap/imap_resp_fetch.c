/*
 * imap_resp_fetch: "* 5 FETCH (UID 7 FLAGS (\Seen) BODY[] {310}". Items come
 * in any order; bodies pass through as they arrive, and what else was said
 * about the message is told at the end, in one event. Servers tell us things
 * that we did not ask for and quote what need not be quoted: what is not known
 * is skipped with its value.
 */
#include "base/codec.h"
#include "imap/imap_resp_part.h"

enum item { ITEM_UID, ITEM_SIZE };

static enum imap_resp_step
on_open(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind != IMAP_TOK_LPAR) {
		return imap_resp_fail(r, t);
	}
	r->ev.fetch.seq = r->ev.num;
	return imap_resp_event(r, IMAP_EV_FETCH_BEGIN, FETCH_ITEM);
}

static enum imap_resp_step
begin_number(struct imap_resp *r, enum item item)
{
	r->item = (uint8_t)item;
	return imap_resp_go(r, FETCH_NUMBER);
}

static enum imap_resp_step
begin_item(struct imap_resp *r, struct span name)
{
	r->ev.section = IMAP_SECTION_ALL;
	r->ev.partial = false;
	r->first = true;
	if (span_iis(name, "UID")) {
		return begin_number(r, ITEM_UID);
	}
	if (span_iis(name, "RFC822.SIZE")) {
		return begin_number(r, ITEM_SIZE);
	}
	if (span_iis(name, "FLAGS")) {
		return imap_resp_go(r, FETCH_FLAGS);
	}
	if (span_iis(name, "MODSEQ")) {
		return imap_resp_go(r, FETCH_MODSEQ);
	}
	if (span_iis(name, "INTERNALDATE")) {
		return imap_resp_go(r, FETCH_DATE);
	}
	if (span_iis(name, "BODY") || span_iis(name, "BODY.PEEK")) {
		return imap_resp_go(r, FETCH_BODY);
	}
	return imap_resp_go(r, FETCH_OTHER);
}

static enum imap_resp_step
on_item(struct imap_resp *r, const struct imap_tok *t)
{
	if (imap_resp_is_word(t)) {
		return begin_item(r, t->s);
	}
	if (t->kind != IMAP_TOK_RPAR) {
		return imap_resp_fail(r, t);
	}
	return imap_resp_event(r, IMAP_EV_FETCH_END, LINE_FINISH);
}

/* One message has one UID: with two, nobody knows whose the body is. */
static bool
take_uid(struct imap_resp *r, struct span s)
{
	struct imap_fetch *f = &r->ev.fetch;
	uint32_t uid = 0;

	if (!span_u32(s, &uid) || uid == 0) {
		return !f->has_uid;
	}
	if (f->has_uid && f->uid != uid) {
		return false;
	}
	f->uid = uid;
	f->has_uid = true;
	return true;
}

static enum imap_resp_step
on_number(struct imap_resp *r, const struct imap_tok *t)
{
	struct imap_fetch *f = &r->ev.fetch;

	if (!imap_resp_is_word(t)) {
		return imap_resp_fail(r, t);
	}
	if (r->item == ITEM_SIZE) {
		f->has_size = span_u32(t->s, &f->size);
	} else if (!take_uid(r, t->s)) {
		return imap_resp_fail(r, t);
	}
	return imap_resp_go(r, FETCH_ITEM);
}

static enum imap_resp_step
on_date(struct imap_resp *r, const struct imap_tok *t)
{
	struct imap_fetch *f = &r->ev.fetch;

	if (!imap_resp_is_word(t)) {
		return imap_resp_fail(r, t);
	}
	f->has_date = date_dec(t->s, &f->internaldate) == ERR_OK;
	return imap_resp_go(r, FETCH_ITEM);
}

static enum imap_resp_step
on_flags(struct imap_resp *r, const struct imap_tok *t)
{
	if (imap_resp_is_nil(t)) {
		return imap_resp_go(r, FETCH_ITEM); /* no news of the flags */
	}
	if (t->kind != IMAP_TOK_LPAR) {
		return imap_resp_fail(r, t);
	}
	r->flags = 0;
	r->ret = FETCH_ITEM;
	return imap_resp_go(r, LINE_FLAGS);
}

static void
take_modseq(struct imap_fetch *f, struct span s)
{
	f->has_modseq = span_u64(s, &f->modseq) && f->modseq > 0;
}

static enum imap_resp_step
on_modseq(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind == IMAP_TOK_LPAR) {
		return imap_resp_go(r, FETCH_MODSEQ_IN);
	}
	if (!imap_resp_is_word(t)) {
		return imap_resp_fail(r, t);
	}
	take_modseq(&r->ev.fetch, t->s);
	return imap_resp_go(r, FETCH_ITEM);
}

static enum imap_resp_step
on_modseq_in(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind == IMAP_TOK_RPAR) {
		return imap_resp_go(r, FETCH_ITEM);
	}
	if (!imap_resp_is_word(t)) {
		return imap_resp_fail(r, t);
	}
	take_modseq(&r->ev.fetch, t->s);
	return STEP_MORE;
}

/* BODY[...] is a body, BODY without brackets the structure of one. */
static enum imap_resp_step
on_body(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind == IMAP_TOK_LBRACKET) {
		return imap_resp_go(r, FETCH_SECTION);
	}
	r->ret = FETCH_ITEM;
	return imap_resp_replay(r, LINE_VALUE);
}

static enum imap_section
section_of(struct span first)
{
	struct span header = SPAN("HEADER");

	if (span_ieq(span_upto(first, header.n), header)) {
		return IMAP_SECTION_HEADER; /* HEADER.FIELDS too */
	}
	return IMAP_SECTION_OTHER;
}

/* The first word tells; the names of header fields that may follow come
 * quoted or not, as literals, in parentheses or not. */
static enum imap_resp_step
on_section(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind == IMAP_TOK_EOL) {
		return imap_resp_fail(r, t);
	}
	if (t->kind == IMAP_TOK_RBRACKET) {
		return imap_resp_go(r, FETCH_BODY_VALUE);
	}
	if (r->first && imap_resp_is_word(t)) {
		r->ev.section = section_of(t->s);
		r->first = false;
	}
	return STEP_MORE;
}

static enum imap_resp_step
begin_body(struct imap_resp *r, uint64_t size, enum imap_resp_state state)
{
	r->ev.size = size;
	r->ev.nil = state == FETCH_BODY_CLOSE;
	r->ev.fetch.has_body = r->ev.fetch.has_body || !r->ev.nil;
	return imap_resp_event(r, IMAP_EV_BODY_BEGIN, state);
}

/* Where a part of a body begins: "<5>", of some "<5.10>". */
static enum imap_resp_step
body_part(struct imap_resp *r, struct span s)
{
	r->ev.value = UINT64_MAX;
	s = span_upto(s, span_find(s, '>'));
	s = span_from(span_upto(s, span_find(s, '.')), 1);
	r->ev.partial = !span_u64(s, &r->ev.value) || r->ev.value != 0;
	return STEP_MORE;
}

static enum imap_resp_step
on_body_value(struct imap_resp *r, const struct imap_tok *t)
{
	switch (t->kind) {
	case IMAP_TOK_LITERAL:
		return begin_body(r, t->size, FETCH_BODY_DATA);
	case IMAP_TOK_STRING:
		r->ev.data = t->s;
		return begin_body(r, t->s.n, FETCH_BODY_STRING);
	case IMAP_TOK_ATOM:
		if (imap_resp_is_nil(t)) {
			return begin_body(r, 0, FETCH_BODY_CLOSE);
		}
		if (t->first == '<') {
			return body_part(r, t->s);
		}
		return imap_resp_fail(r, t);
	default:
		return imap_resp_fail(r, t);
	}
}

static enum imap_resp_step
on_body_close(struct imap_resp *r, const struct imap_tok *t)
{
	(void)t;
	r->ev.data = SPAN("");
	return imap_resp_event(r, IMAP_EV_BODY_END, FETCH_ITEM);
}

static enum imap_resp_step
on_body_data(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind == IMAP_TOK_DATA_END) {
		return on_body_close(r, t);
	}
	r->ev.data = t->s;
	return imap_resp_event(r, IMAP_EV_BODY_DATA, FETCH_BODY_DATA);
}

/* A quoted body: it is in the lexer's buffer, all of it. */
static enum imap_resp_step
on_body_string(struct imap_resp *r, const struct imap_tok *t)
{
	if (r->ev.data.n == 0) {
		return on_body_close(r, t);
	}
	return imap_resp_event(r, IMAP_EV_BODY_DATA, FETCH_BODY_CLOSE);
}

static enum imap_resp_step
on_other(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind == IMAP_TOK_LBRACKET) {
		return imap_resp_go(r, FETCH_OTHER_SECTION);
	}
	r->ret = FETCH_ITEM;
	return imap_resp_replay(r, LINE_VALUE);
}

static enum imap_resp_step
on_other_section(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind == IMAP_TOK_EOL) {
		return imap_resp_fail(r, t);
	}
	return t->kind == IMAP_TOK_RBRACKET
		? imap_resp_go(r, FETCH_OTHER_VALUE) : STEP_MORE;
}

static enum imap_resp_step
on_other_value(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind == IMAP_TOK_ATOM && t->first == '<') {
		return STEP_MORE;
	}
	r->ret = FETCH_ITEM;
	return imap_resp_replay(r, LINE_VALUE);
}

#define SOFT IMAP_LEX_SOFT
#define SKIP IMAP_LEX_SKIP
#define ROW(state) [(state) - FETCH_OPEN]

const struct imap_resp_row imap_resp_fetch_rows[] = {
	ROW(FETCH_OPEN) = {on_open, SOFT, "\"(\""},
	ROW(FETCH_ITEM) = {on_item, SOFT | IMAP_LEX_LBRACKET, "a FETCH item"},
	ROW(FETCH_NUMBER) = {on_number, SOFT, "a number"},
	ROW(FETCH_DATE) = {on_date, SOFT, "a date"},
	ROW(FETCH_FLAGS) = {on_flags, SOFT, "a list of flags"},
	ROW(FETCH_MODSEQ) = {on_modseq, SOFT, "a MODSEQ"},
	ROW(FETCH_MODSEQ_IN) = {on_modseq_in, SOFT, "a MODSEQ"},
	ROW(FETCH_BODY) = {on_body, SKIP | IMAP_LEX_LBRACKET, "a body"},
	ROW(FETCH_SECTION) = {on_section, SOFT | IMAP_LEX_RBRACKET, "\"]\""},
	ROW(FETCH_BODY_VALUE) = {on_body_value, IMAP_LEX_STREAM, "a body"},
	ROW(FETCH_BODY_DATA) = {on_body_data, IMAP_LEX_STREAM, "a body"},
	ROW(FETCH_BODY_STRING) = {on_body_string, IMAP_RESP_FREE, "a body"},
	ROW(FETCH_BODY_CLOSE) = {on_body_close, IMAP_RESP_FREE, "a body"},
	ROW(FETCH_OTHER) = {on_other, SKIP | IMAP_LEX_LBRACKET, "a value"},
	ROW(FETCH_OTHER_SECTION) = {on_other_section, SKIP | IMAP_LEX_RBRACKET, "\"]\""},
	ROW(FETCH_OTHER_VALUE) = {on_other_value, SKIP, "a value"},
};
_Static_assert(sizeof(imap_resp_fetch_rows) /
	sizeof(imap_resp_fetch_rows[0]) == FETCH_STATES - FETCH_OPEN,
	"a row per state");
