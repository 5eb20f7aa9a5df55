/*
 * imap_resp_code: what stands behind OK, NO, BAD, PREAUTH and BYE: a response
 * code in brackets, perhaps, and text for people, perhaps. A line may end
 * anywhere, even inside the brackets: the status is known by then, and that
 * is what matters.
 */
#include "imap/imap_resp_part.h"

/* The line is over. Fields that were of events on the way are cleared. */
static enum imap_resp_step
end_status(struct imap_resp *r, struct span text)
{
	struct imap_event *ev = &r->ev;

	ev->text = text;
	ev->lo = ev->hi = 0;
	ev->set = 0;
	ev->caps = ev->append_limit = 0;
	/* mailutils puts "[TRYCREATE]" behind some of the text */
	if (ev->code == IMAP_CODE_NONE && ev->status != IMAP_OK) {
		ev->code = imap_resp_code_in(text);
	}
	return imap_resp_event(r, r->tagged ? IMAP_EV_TAGGED : IMAP_EV_STATUS,
		LINE_START);
}

static enum imap_resp_step
on_lead(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind == IMAP_TOK_LBRACKET) {
		return imap_resp_go(r, CODE_NAME);
	}
	return end_status(r, t->s);
}

/* Inside the brackets: whatever ends them is shown to CODE_SKIP. */
static bool
ends(const struct imap_tok *t)
{
	return t->kind == IMAP_TOK_RBRACKET || t->kind == IMAP_TOK_EOL;
}

static enum imap_resp_step
on_skip(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind == IMAP_TOK_EOL) {
		return end_status(r, SPAN(""));
	}
	return t->kind == IMAP_TOK_RBRACKET ? imap_resp_go(r, CODE_TEXT)
					    : STEP_MORE;
}

static enum imap_resp_step
on_name(struct imap_resp *r, const struct imap_tok *t)
{
	if (ends(t)) {
		return imap_resp_replay(r, CODE_SKIP);
	}
	r->ev.code = t->kind == IMAP_TOK_ATOM ? imap_resp_code(t->s)
					      : IMAP_CODE_OTHER;
	switch (r->ev.code) {
	case IMAP_CODE_CAPABILITY:
		return imap_resp_go(r, CODE_CAPS);
	case IMAP_CODE_PERMANENTFLAGS:
		return imap_resp_go(r, CODE_FLAGS);
	case IMAP_CODE_UIDVALIDITY:
	case IMAP_CODE_UIDNEXT:
	case IMAP_CODE_UNSEEN:
	case IMAP_CODE_HIGHESTMODSEQ:
		return imap_resp_go(r, CODE_NUMBER);
	case IMAP_CODE_APPENDUID:
	case IMAP_CODE_COPYUID:
		return imap_resp_go(r, CODE_VALIDITY);
	default:
		return imap_resp_go(r, CODE_SKIP);
	}
}

/* A number that does not fit is 0, which is no value of any of them. */
static void
take_value(struct imap_resp *r, const struct imap_tok *t)
{
	if (!imap_resp_is_word(t) || !span_u64(t->s, &r->ev.value) ||
		(r->ev.code != IMAP_CODE_HIGHESTMODSEQ &&
			r->ev.value > UINT32_MAX)) {
		r->ev.value = 0;
	}
}

static enum imap_resp_step
on_number(struct imap_resp *r, const struct imap_tok *t)
{
	if (ends(t)) {
		return imap_resp_replay(r, CODE_SKIP);
	}
	take_value(r, t);
	return imap_resp_go(r, CODE_SKIP);
}

static enum imap_resp_step
on_caps(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind == IMAP_TOK_ATOM) {
		imap_resp_cap(t->s, &r->ev.caps, &r->ev.append_limit);
	}
	if (t->kind == IMAP_TOK_RBRACKET) {
		return imap_resp_event(r, IMAP_EV_CAPABILITY, CODE_TEXT);
	}
	/* a list that was cut off is not "all of one list" */
	return t->kind == IMAP_TOK_EOL ? imap_resp_replay(r, CODE_SKIP)
				       : STEP_MORE;
}

static enum imap_resp_step
on_flags(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind != IMAP_TOK_LPAR) {
		return imap_resp_replay(r, CODE_SKIP);
	}
	r->flags = 0;
	r->ret = CODE_SKIP;
	return imap_resp_go(r, LINE_FLAGS);
}

static enum imap_resp_step
on_validity(struct imap_resp *r, const struct imap_tok *t)
{
	if (ends(t)) {
		return imap_resp_replay(r, CODE_SKIP);
	}
	take_value(r, t);
	r->set = r->ev.code == IMAP_CODE_APPENDUID ? 1 : 0;
	return imap_resp_go(r, CODE_UIDS);
}

static enum imap_resp_step
on_uids(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind != IMAP_TOK_RANGE) {
		return imap_resp_replay(r, CODE_SKIP);
	}
	r->ev.lo = t->lo;
	r->ev.hi = t->lo > 0 ? t->hi : 0;
	r->ev.set = r->set;
	if (!t->last) {
		return imap_resp_event(r, IMAP_EV_UIDSET, CODE_UIDS);
	}
	return imap_resp_event(r, IMAP_EV_UIDSET,
		r->set++ == 0 ? CODE_UIDS : CODE_SKIP);
}

#define IN_CODE (IMAP_LEX_SOFT | IMAP_LEX_RBRACKET)
#define ROW(state) [(state) - CODE_LEAD]

const struct imap_resp_row imap_resp_code_rows[] = {
	ROW(CODE_LEAD) = {on_lead, IMAP_LEX_LEAD, "text"},
	ROW(CODE_TEXT) = {on_lead, IMAP_LEX_TEXT, "text"},
	ROW(CODE_NAME) = {on_name, IN_CODE, "a response code"},
	ROW(CODE_SKIP) = {on_skip, IMAP_LEX_SKIP | IMAP_LEX_RBRACKET, "\"]\""},
	ROW(CODE_NUMBER) = {on_number, IN_CODE, "a number"},
	ROW(CODE_CAPS) = {on_caps, IN_CODE, "a capability"},
	ROW(CODE_FLAGS) = {on_flags, IN_CODE, "a list of flags"},
	ROW(CODE_VALIDITY) = {on_validity, IN_CODE, "a UIDVALIDITY"},
	ROW(CODE_UIDS) = {on_uids, IN_CODE | IMAP_LEX_SET, "a set of UIDs"},
};
_Static_assert(sizeof(imap_resp_code_rows) / sizeof(imap_resp_code_rows[0]) ==
	CODE_STATES - CODE_LEAD, "a row per state");
