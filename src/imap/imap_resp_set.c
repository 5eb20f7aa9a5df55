/*
 * imap_resp_set: SEARCH, ESEARCH and VANISHED: lines that may be megabytes
 * long and pass through range by range.
 *
 * What follows from these lines is that messages are there or gone, so what
 * cannot be understood in them is told (lo = hi = 0) and never left out in
 * silence.
 */
#include "imap/imap_resp_part.h"

static enum imap_resp_step
event(struct imap_resp *r, enum imap_ev kind, uint32_t lo, uint32_t hi,
	enum imap_resp_state state)
{
	r->ev.lo = lo;
	r->ev.hi = lo > 0 ? hi : 0;
	return imap_resp_event(r, kind, state);
}

/* "* SEARCH 2 3 6 (MODSEQ 917162500)"; 263.net sends words here. */
static enum imap_resp_step
on_search(struct imap_resp *r, const struct imap_tok *t)
{
	switch (t->kind) {
	case IMAP_TOK_EOL:
		return imap_resp_replay(r, LINE_FINISH);
	case IMAP_TOK_LPAR:
		return imap_resp_skip_list(r, SET_SEARCH);
	case IMAP_TOK_RANGE:
		return event(r, IMAP_EV_SEARCH, t->lo == t->hi ? t->lo : 0,
			t->hi, SET_SEARCH);
	default:
		return event(r, IMAP_EV_SEARCH, 0, 0, LINE_FINISH);
	}
}

static enum imap_resp_step
on_vanished(struct imap_resp *r, const struct imap_tok *t)
{
	return t->kind == IMAP_TOK_LPAR ? imap_resp_go(r, SET_EARLIER)
					: imap_resp_replay(r, SET_GONE);
}

static enum imap_resp_step
on_earlier(struct imap_resp *r, const struct imap_tok *t)
{
	if (imap_resp_is_word(t) && span_iis(t->s, "EARLIER")) {
		r->ev.earlier = true;
		return STEP_MORE;
	}
	return t->kind == IMAP_TOK_RPAR ? imap_resp_go(r, SET_GONE)
					: imap_resp_fail(r, t);
}

static enum imap_resp_step
on_gone(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind == IMAP_TOK_EOL) {
		return imap_resp_replay(r, LINE_FINISH);
	}
	if (t->kind != IMAP_TOK_RANGE) {
		return event(r, IMAP_EV_VANISHED, 0, 0, LINE_FINISH);
	}
	return event(r, IMAP_EV_VANISHED, t->lo == 0 && t->hi > 0 ? 1 : t->lo,
		t->hi, SET_GONE);
}

static enum imap_resp_step
on_esearch(struct imap_resp *r, const struct imap_tok *t)
{
	r->uid = false;
	return t->kind == IMAP_TOK_LPAR ? imap_resp_go(r, SET_CORRELATOR)
					: imap_resp_replay(r, SET_ITEM);
}

static enum imap_resp_step
on_correlator(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind == IMAP_TOK_RPAR) {
		return imap_resp_go(r, SET_ITEM);
	}
	if (!imap_resp_is_word(t)) {
		return imap_resp_fail(r, t);
	}
	return span_iis(t->s, "TAG") ? imap_resp_go(r, SET_TAG) : STEP_MORE;
}

static enum imap_resp_step
on_tag(struct imap_resp *r, const struct imap_tok *t)
{
	if (!imap_resp_is_word(t)) {
		return imap_resp_replay(r, SET_CORRELATOR);
	}
	r->ev.tag = imap_resp_tag(t->s);
	return imap_resp_go(r, SET_CORRELATOR);
}

static enum imap_resp_step
on_item(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind == IMAP_TOK_EOL) {
		r->ev.lo = r->ev.hi = 0;
		return imap_resp_event(r, IMAP_EV_ESEARCH_END, LINE_START);
	}
	if (t->kind == IMAP_TOK_LPAR) {
		return imap_resp_skip_list(r, SET_ITEM);
	}
	if (!imap_resp_is_word(t)) {
		return imap_resp_fail(r, t);
	}
	if (span_iis(t->s, "UID")) {
		r->uid = true;
		return STEP_MORE;
	}
	if (span_iis(t->s, "ALL")) {
		return imap_resp_go(r, SET_ALL);
	}
	if (span_iis(t->s, "COUNT")) {
		return imap_resp_go(r, SET_COUNT);
	}
	return imap_resp_skip_value(r, SET_ITEM);
}

/* Without the word UID the numbers are sequence numbers, which must not be
 * taken for UIDs. */
static enum imap_resp_step
on_all(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind == IMAP_TOK_EOL) {
		return imap_resp_replay(r, SET_ITEM);
	}
	if (t->kind == IMAP_TOK_RANGE) {
		return event(r, IMAP_EV_ESEARCH, r->uid ? t->lo : 0, t->hi,
			t->last ? SET_ITEM : SET_ALL);
	}
	return event(r, IMAP_EV_ESEARCH, 0, 0, SET_ITEM);
}

static enum imap_resp_step
on_count(struct imap_resp *r, const struct imap_tok *t)
{
	if (!imap_resp_is_word(t)) {
		return imap_resp_replay(r, SET_ITEM);
	}
	r->ev.has_count = span_u32(t->s, &r->ev.count);
	return imap_resp_go(r, SET_ITEM);
}

#define SOFT IMAP_LEX_SOFT
#define SET (IMAP_LEX_SOFT | IMAP_LEX_SET)
#define ROW(state) [(state) - SET_SEARCH]

const struct imap_resp_row imap_resp_set_rows[] = {
	ROW(SET_SEARCH) = {on_search, SET, "a UID"},
	ROW(SET_VANISHED) = {on_vanished, SET, "a set of UIDs"},
	ROW(SET_EARLIER) = {on_earlier, SOFT, "EARLIER"},
	ROW(SET_GONE) = {on_gone, SET, "a set of UIDs"},
	ROW(SET_ESEARCH) = {on_esearch, SOFT, "a tag"},
	ROW(SET_CORRELATOR) = {on_correlator, SOFT, "a tag"},
	ROW(SET_TAG) = {on_tag, SOFT, "a tag"},
	ROW(SET_ITEM) = {on_item, SOFT, "a result"},
	ROW(SET_ALL) = {on_all, SET, "a set of UIDs"},
	ROW(SET_COUNT) = {on_count, SOFT, "a number"},
};
_Static_assert(sizeof(imap_resp_set_rows) / sizeof(imap_resp_set_rows[0]) ==
	SET_STATES - SET_SEARCH, "a row per state");
