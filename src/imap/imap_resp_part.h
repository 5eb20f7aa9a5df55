/*
 * imap_resp_part: private to imap_resp*.c. The states of the machine in
 * groups of 32, one group per file, each a table of rows.
 */
#ifndef WHERRY_IMAP_IMAP_RESP_PART_H
#define WHERRY_IMAP_IMAP_RESP_PART_H

#include "imap/imap_resp.h"

#define IMAP_RESP_GROUP 32

enum imap_resp_state {
	/* imap_resp.c: beginnings, endings and what several kinds share */
	LINE_START = 0, LINE_TAGGED, LINE_UNTAGGED, LINE_NUMBERED,
	LINE_CONTINUE, LINE_FINISH, LINE_VALUE, LINE_VALUE_LIST,
	LINE_FLAGS_OPEN, LINE_FLAGS, LINE_CAPS, LINE_STATES,
	/* imap_resp_code.c: behind OK, NO, BAD, PREAUTH and BYE */
	CODE_LEAD = IMAP_RESP_GROUP, CODE_TEXT, CODE_NAME, CODE_SKIP,
	CODE_NUMBER, CODE_CAPS, CODE_FLAGS, CODE_VALIDITY, CODE_UIDS,
	CODE_STATES,
	/* imap_resp_fetch.c */
	FETCH_OPEN = 2 * IMAP_RESP_GROUP, FETCH_ITEM, FETCH_NUMBER,
	FETCH_DATE, FETCH_FLAGS, FETCH_MODSEQ, FETCH_MODSEQ_IN, FETCH_BODY,
	FETCH_SECTION, FETCH_BODY_VALUE, FETCH_BODY_DATA, FETCH_BODY_STRING,
	FETCH_BODY_CLOSE, FETCH_OTHER, FETCH_OTHER_SECTION,
	FETCH_OTHER_VALUE, FETCH_STATES,
	/* imap_resp_list.c: LIST, LSUB, STATUS, NAMESPACE */
	LIST_ATTRS_OPEN = 3 * IMAP_RESP_GROUP, LIST_ATTRS, LIST_SEP,
	LIST_NAME, LIST_MORE, STATUS_NAME, STATUS_OPEN, STATUS_ITEM,
	STATUS_VALUE, SPACE_OPEN, SPACE_ENTRY, SPACE_PREFIX, SPACE_SEP,
	LIST_STATES,
	/* imap_resp_set.c: SEARCH, ESEARCH, VANISHED */
	SET_SEARCH = 4 * IMAP_RESP_GROUP, SET_VANISHED,
	SET_EARLIER, SET_GONE, SET_ESEARCH, SET_CORRELATOR, SET_TAG, SET_ITEM,
	SET_ALL, SET_COUNT, SET_STATES
};

enum imap_resp_step {
	STEP_MORE,   /* the next token, please */
	STEP_EVENT,  /* r->ev is one */
	STEP_REPLAY, /* the same token once more, in the state set now */
	STEP_FAIL    /* r->err is set */
};

typedef enum imap_resp_step imap_resp_on(struct imap_resp *r,
	const struct imap_tok *t);

/* A state: how to read the next token, what to do with it, what it is called
 * when it is missing. IMAP_RESP_FREE: it acts without a token. */
#define IMAP_RESP_FREE 0x8000u
struct imap_resp_row {
	imap_resp_on *on;
	uint16_t mode;
	char wanted[22];
};

extern const struct imap_resp_row imap_resp_line_rows[];
extern const struct imap_resp_row imap_resp_code_rows[];
extern const struct imap_resp_row imap_resp_fetch_rows[];
extern const struct imap_resp_row imap_resp_list_rows[];
extern const struct imap_resp_row imap_resp_set_rows[];

/* "server sent ... where ... was expected", from t and the state's row. */
enum imap_resp_step imap_resp_fail(struct imap_resp *r,
	const struct imap_tok *t);

static inline enum imap_resp_step
imap_resp_go(struct imap_resp *r, enum imap_resp_state state)
{
	r->state = (uint8_t)state;
	return STEP_MORE;
}

static inline enum imap_resp_step
imap_resp_replay(struct imap_resp *r, enum imap_resp_state state)
{
	r->state = (uint8_t)state;
	return STEP_REPLAY;
}

/* An event now, and then the state. */
static inline enum imap_resp_step
imap_resp_event(struct imap_resp *r, enum imap_ev kind,
	enum imap_resp_state state)
{
	r->ev.kind = kind;
	r->state = (uint8_t)state;
	return STEP_EVENT;
}

static inline bool
imap_resp_is_word(const struct imap_tok *t)
{
	return t->kind == IMAP_TOK_ATOM || t->kind == IMAP_TOK_STRING;
}

static inline bool
imap_resp_is_nil(const struct imap_tok *t)
{
	return t->kind == IMAP_TOK_ATOM && span_iis(t->s, "NIL");
}

/* The one value that follows is skipped, then comes ret. */
static inline enum imap_resp_step
imap_resp_skip_value(struct imap_resp *r, enum imap_resp_state ret)
{
	r->ret = (uint8_t)ret;
	return imap_resp_go(r, LINE_VALUE);
}

/* A "(" was just read: all up to its ")" is skipped, then comes ret. */
static inline enum imap_resp_step
imap_resp_skip_list(struct imap_resp *r, enum imap_resp_state ret)
{
	r->ret = (uint8_t)ret;
	r->depth = 1;
	return imap_resp_go(r, LINE_VALUE_LIST);
}

/* imap_resp_word.c: words to numbers. */
uint32_t imap_resp_tag(struct span s);	    /* 0: not one of ours */
uint32_t imap_resp_flag(struct span s);	    /* 0: \Recent */
uint32_t imap_resp_attr(struct span s);	    /* 0: unknown */
enum imap_code imap_resp_code(struct span s); /* IMAP_CODE_OTHER: unknown */
/* The code of a "[WORD]" somewhere in s, IMAP_CODE_NONE if there is none. */
enum imap_code imap_resp_code_in(struct span s);
void imap_resp_cap(struct span s, uint64_t *caps, uint64_t *append_limit);

#endif
