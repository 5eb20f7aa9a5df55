/*
 * imap_resp: a state machine over the tokens of imap_lex.
 *
 * A state is a row of a table: how the lexer should read the next token, and
 * the function that takes it. The function returns whether an event is ready
 * or the next token is wanted; it never calls another state's function, but
 * may ask to have the token shown to another state. So nothing nests, and the
 * machine can stop between any two bytes.
 *
 * The event of a line is built up in r->ev and copied out when it is due.
 * What a line holds beyond what its state knows is skipped, not refused; what
 * contradicts the grammar where it is looked at ends the connection, because
 * then nobody knows any more where a message begins.
 *
 * This file has the beginnings and ends of lines and what several kinds of
 * responses share; the kinds are in imap_resp_<group>.c.
 */
#include <string.h>

#include "imap/imap_resp_part.h"

static const struct imap_resp_row *
row_of(const struct imap_resp *r)
{
	unsigned at = r->state % IMAP_RESP_GROUP;

	switch (r->state / IMAP_RESP_GROUP) {
	case CODE_LEAD / IMAP_RESP_GROUP:
		return &imap_resp_code_rows[at];
	case FETCH_OPEN / IMAP_RESP_GROUP:
		return &imap_resp_fetch_rows[at];
	case LIST_ATTRS_OPEN / IMAP_RESP_GROUP:
		return &imap_resp_list_rows[at];
	case SET_SEARCH / IMAP_RESP_GROUP:
		return &imap_resp_set_rows[at];
	default:
		return &imap_resp_line_rows[at];
	}
}

static const char *
name_of(const struct imap_tok *t)
{
	switch (t->kind) {
	case IMAP_TOK_EOL:
		return "the end of the line";
	case IMAP_TOK_LPAR:
		return "\"(\"";
	case IMAP_TOK_RPAR:
		return "\")\"";
	case IMAP_TOK_LBRACKET:
		return "\"[\"";
	case IMAP_TOK_RBRACKET:
		return "\"]\"";
	case IMAP_TOK_RANGE:
		return "a set of numbers";
	case IMAP_TOK_LITERAL:
		return "a literal";
	default:
		return "something";
	}
}

enum imap_resp_step
imap_resp_fail(struct imap_resp *r, const struct imap_tok *t)
{
	const char *wanted = row_of(r)->wanted;
	size_t n = t->s.n < 60 ? t->s.n : 60;

	if (imap_resp_is_word(t)) {
		r->err = err_set(ERR_PROTO,
			"server sent \"%.*s%s\" where %s was expected", (int)n,
			t->s.p, n < t->s.n ? "..." : "", wanted);
	} else {
		r->err = err_set(ERR_PROTO,
			"server sent %s where %s was expected", name_of(t),
			wanted);
	}
	return STEP_FAIL;
}

static enum imap_resp_step
on_start(struct imap_resp *r, const struct imap_tok *t)
{
	r->ev = (struct imap_event){.kind = IMAP_EV_NONE};
	r->tagged = false;
	if (t->kind == IMAP_TOK_EOL) {
		return STEP_MORE; /* an empty line hurts nobody */
	}
	if (t->kind != IMAP_TOK_ATOM) {
		return imap_resp_fail(r, t);
	}
	if (span_is(t->s, "*")) {
		return imap_resp_go(r, LINE_UNTAGGED);
	}
	if (span_is(t->s, "+")) {
		return imap_resp_go(r, LINE_CONTINUE);
	}
	r->tagged = true;
	r->ev.tag = imap_resp_tag(t->s);
	return imap_resp_go(r, LINE_TAGGED);
}

static enum imap_resp_step
on_continue(struct imap_resp *r, const struct imap_tok *t)
{
	r->ev.text = t->s;
	return imap_resp_event(r, IMAP_EV_CONTINUE, LINE_START);
}

/* true if t is one of the five words; ev.status is then set. */
static bool
take_status(struct imap_resp *r, const struct imap_tok *t)
{
	int i = span_word(t->s, IMAP_STATUS_WORDS);

	if (t->kind != IMAP_TOK_ATOM || i < 0) {
		return false;
	}
	r->ev.status = (enum imap_status)i;
	return true;
}

static enum imap_resp_step
on_tagged(struct imap_resp *r, const struct imap_tok *t)
{
	if (!take_status(r, t) || r->ev.status > IMAP_BAD) {
		return imap_resp_fail(r, t);
	}
	return imap_resp_go(r, CODE_LEAD);
}

static bool
is_number(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9') {
			return false;
		}
	}
	return s.n > 0;
}

struct kind {
	char word[sizeof("CAPABILITY")];
	uint8_t ev; /* enum imap_ev of a line that is one event at its end */
	uint8_t state;
};

static const struct kind named[] = {
	{"CAPABILITY", IMAP_EV_CAPABILITY, LINE_CAPS},
	{"ENABLED", IMAP_EV_ENABLED, LINE_CAPS},
	{"LIST", IMAP_EV_LIST, LIST_ATTRS_OPEN},
	{"LSUB", IMAP_EV_LIST, LIST_ATTRS_OPEN},
	{"XLIST", IMAP_EV_LIST, LIST_ATTRS_OPEN},
	{"STATUS", IMAP_EV_MAILBOX_STATUS, STATUS_NAME},
	{"NAMESPACE", IMAP_EV_NAMESPACE, SPACE_OPEN},
	{"FLAGS", IMAP_EV_FLAGS, LINE_FLAGS_OPEN},
	{"SEARCH", IMAP_EV_NONE, SET_SEARCH},
	{"ESEARCH", IMAP_EV_NONE, SET_ESEARCH},
	{"VANISHED", IMAP_EV_NONE, SET_VANISHED},
	{"", IMAP_EV_NONE, LINE_FINISH},
};

static const struct kind numbered[] = {
	{"FETCH", IMAP_EV_NONE, FETCH_OPEN},
	{"EXISTS", IMAP_EV_EXISTS, LINE_FINISH},
	{"RECENT", IMAP_EV_RECENT, LINE_FINISH},
	{"EXPUNGE", IMAP_EV_EXPUNGE, LINE_FINISH},
	{"EXPUNGED", IMAP_EV_EXPUNGE, LINE_FINISH}, /* mailutils */
	{"", IMAP_EV_NONE, LINE_FINISH},
};

static enum imap_resp_step
begin_kind(struct imap_resp *r, const struct kind *k, const struct imap_tok *t)
{
	while (k->word[0] != '\0' && !span_iis(t->s, k->word)) {
		k++;
	}
	r->ev.kind = (enum imap_ev)k->ev;
	if (k->word[0] != '\0' && span_iis(t->s, "LSUB")) {
		r->ev.attrs = IMAP_ATTR_SUBSCRIBED;
	}
	return imap_resp_go(r, (enum imap_resp_state)k->state);
}

static enum imap_resp_step
on_untagged(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind != IMAP_TOK_ATOM) {
		return imap_resp_replay(r, LINE_FINISH);
	}
	if (take_status(r, t)) {
		return imap_resp_go(r, CODE_LEAD);
	}
	if (is_number(t->s)) {
		r->ev.num = UINT32_MAX;
		(void)span_u32(t->s, &r->ev.num);
		return imap_resp_go(r, LINE_NUMBERED);
	}
	return begin_kind(r, named, t);
}

static enum imap_resp_step
on_numbered(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind != IMAP_TOK_ATOM) {
		return imap_resp_replay(r, LINE_FINISH);
	}
	return begin_kind(r, numbered, t);
}

/* The rest of a line is of no interest; its event, if any, is complete. */
static enum imap_resp_step
on_finish(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind != IMAP_TOK_EOL) {
		return STEP_MORE;
	}
	if (r->ev.kind == IMAP_EV_NONE) {
		return imap_resp_go(r, LINE_START);
	}
	return imap_resp_event(r, r->ev.kind, LINE_START);
}

static enum imap_resp_step
on_value(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind == IMAP_TOK_LPAR) {
		return imap_resp_skip_list(r, r->ret);
	}
	if (imap_resp_is_word(t)) {
		return imap_resp_go(r, r->ret);
	}
	return imap_resp_replay(r, r->ret); /* there is no value */
}

static enum imap_resp_step
on_value_list(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind == IMAP_TOK_EOL) {
		return imap_resp_fail(r, t);
	}
	if (t->kind == IMAP_TOK_RPAR && --r->depth == 0) {
		return imap_resp_go(r, r->ret);
	}
	if (t->kind == IMAP_TOK_LPAR && r->depth++ == CFG_NESTING) {
		r->err = err_set(ERR_LIMIT, "CFG_NESTING: the server nested "
			"parentheses more than %d deep", CFG_NESTING);
		return STEP_FAIL;
	}
	return STEP_MORE;
}

/* The list of flags of "* FLAGS"; without one there is nothing to say. */
static enum imap_resp_step
on_flags_open(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind != IMAP_TOK_LPAR) {
		r->ev.kind = IMAP_EV_NONE;
		return imap_resp_replay(r, LINE_FINISH);
	}
	r->flags = 0;
	r->ret = LINE_FINISH;
	return imap_resp_go(r, LINE_FLAGS);
}

static enum imap_resp_step
on_flags(struct imap_resp *r, const struct imap_tok *t)
{
	if (imap_resp_is_word(t)) {
		r->flags |= imap_resp_flag(t->s);
		return STEP_MORE;
	}
	if (t->kind != IMAP_TOK_RPAR) {
		return imap_resp_fail(r, t);
	}
	if (r->ret == FETCH_ITEM) {
		r->ev.fetch.flags = r->flags;
		r->ev.fetch.has_flags = true;
	} else {
		r->ev.flags = r->flags;
	}
	return imap_resp_go(r, r->ret);
}

static enum imap_resp_step
on_caps(struct imap_resp *r, const struct imap_tok *t)
{
	if (t->kind == IMAP_TOK_EOL) {
		return imap_resp_replay(r, LINE_FINISH);
	}
	if (t->kind == IMAP_TOK_ATOM) {
		imap_resp_cap(t->s, &r->ev.caps, &r->ev.append_limit);
	}
	return STEP_MORE;
}

const struct imap_resp_row imap_resp_line_rows[] = {
	[LINE_START] = {on_start, IMAP_LEX_SOFT, "a response"},
	[LINE_TAGGED] = {on_tagged, IMAP_LEX_SOFT, "OK, NO or BAD"},
	[LINE_UNTAGGED] = {on_untagged, IMAP_LEX_SOFT, "a response"},
	[LINE_NUMBERED] = {on_numbered, IMAP_LEX_SOFT, "a response"},
	[LINE_CONTINUE] = {on_continue, IMAP_LEX_TEXT, "text"},
	[LINE_FINISH] = {on_finish, IMAP_LEX_SKIP, "the end of the line"},
	[LINE_VALUE] = {on_value, IMAP_LEX_SKIP, "a value"},
	[LINE_VALUE_LIST] = {on_value_list, IMAP_LEX_SKIP, "\")\""},
	[LINE_FLAGS_OPEN] = {on_flags_open, IMAP_LEX_SOFT, "a list of flags"},
	[LINE_FLAGS] = {on_flags, IMAP_LEX_SOFT, "a flag"},
	[LINE_CAPS] = {on_caps, IMAP_LEX_SOFT, "a capability"},
};
_Static_assert(sizeof(imap_resp_line_rows) / sizeof(imap_resp_line_rows[0]) ==
	LINE_STATES - LINE_START, "a row per state");

void
imap_resp_init(struct imap_resp *r)
{
	memset(r, 0, sizeof(*r));
	imap_lex_init(&r->lex);
	r->state = LINE_START;
}

bool
imap_resp_between(const struct imap_resp *r)
{
	return r->state == LINE_START && imap_lex_between(&r->lex);
}

/* The next token to the state that waits for it. */
static enum imap_resp_step
feed(struct imap_resp *r, struct span *in, bool *starved)
{
	const struct imap_resp_row *row = row_of(r);
	struct imap_tok t = {.kind = IMAP_TOK_EOL};
	enum imap_resp_step step;

	if (row->mode != IMAP_RESP_FREE) {
		size_t used;
		enum err e = imap_lex_next(&r->lex, row->mode, *in, &used, &t);

		*in = span_from(*in, used);
		*starved = e == ERR_AGAIN;
		if (e != ERR_OK) {
			r->err = e == ERR_AGAIN ? ERR_OK : e;
			return e == ERR_AGAIN ? STEP_MORE : STEP_FAIL;
		}
	}
	do {
		step = row_of(r)->on(r, &t);
	} while (step == STEP_REPLAY);
	return step;
}

enum err
imap_resp_push(struct imap_resp *r, struct span in, size_t *used,
	struct imap_event *ev)
{
	struct span rest = in;
	enum imap_resp_step step = r->err == ERR_OK ? STEP_MORE : STEP_FAIL;
	bool starved = false;

	while (step == STEP_MORE && !starved) {
		step = feed(r, &rest, &starved);
	}
	*used = in.n - rest.n;
	if (step == STEP_FAIL) {
		return r->err;
	}
	if (step == STEP_EVENT) {
		*ev = r->ev;
		r->ev.kind = IMAP_EV_NONE; /* not again at the line's end */
		return ERR_OK;
	}
	return ERR_AGAIN;
}
