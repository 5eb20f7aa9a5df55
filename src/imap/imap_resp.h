/*
 * imap_resp: server responses as events (RFC 3501 7, RFC 4315, 4466, 4731,
 * 5161, 5256 7, 5819, 7162, 2342). A push parser that can stop at any byte:
 * it never holds a response, a list, a set or a message body.
 *
 * Feed it with imap_resp_push() until it says ERR_AGAIN (all input used).
 * Each ERR_OK is one event. Spans in an event are valid until the next push.
 * Any split of the input gives the same events, but for the sizes of
 * consecutive IMAP_EV_BODY_DATA. ERR_PROTO and ERR_LIMIT stick:
 * the connection is lost. Names, atoms and strings are at most CFG_TOKEN
 * bytes; a line has no limit. What it does not know it skips, to any length
 * (literals included; an unknown item of a FETCH or STATUS may be nested
 * CFG_NESTING deep). Words that are only looked up (flags, capabilities) may be longer
 * than CFG_TOKEN. Human text is cut at 512 bytes. No event is held back at
 * the end of a line: without input there is nothing to ask for, but inside a
 * FETCH.
 *
 * Numbers that cannot be are not passed on: an item of FETCH or STATUS is
 * then missing (has_* false), a response code's value is 0, a sequence number
 * is 4294967295, and an element of a set is an event with lo = hi = 0, which
 * means "the server said something here that is no UID": whatever is
 * concluded from absence must not be concluded from that answer. (In VANISHED
 * a range that begins with 0 begins with 1; Dovecot sends "0:1".)
 */
#ifndef WHERRY_IMAP_IMAP_RESP_H
#define WHERRY_IMAP_IMAP_RESP_H

#include "base/err.h"
#include "base/span.h"
#include "config.h"
#include "imap/imap_lex.h"

enum imap_ev {
	IMAP_EV_NONE,
	IMAP_EV_TAGGED,	    /* tag, status, code, value, text */
	IMAP_EV_STATUS,	    /* untagged OK NO BAD PREAUTH BYE: same fields */
	IMAP_EV_CONTINUE,   /* "+": text (base64 of a challenge, or words) */
	IMAP_EV_CAPABILITY, /* caps: all of one list, from a response or from a
			     * [CAPABILITY ...] code, before its STATUS/TAGGED;
			     * append_limit */
	IMAP_EV_ENABLED,    /* caps */
	IMAP_EV_LIST,	    /* attrs, sep (0 for NIL), name (bytes as sent); of
			     * LSUB too */
	IMAP_EV_MAILBOX_STATUS, /* name, mbox */
	IMAP_EV_NAMESPACE,  /* first personal: name = prefix, sep; nil if none */
	IMAP_EV_FLAGS,	    /* flags */
	IMAP_EV_EXISTS,	    /* num */
	IMAP_EV_RECENT,	    /* num */
	IMAP_EV_EXPUNGE,    /* num: sequence number (EXPUNGED counts too) */
	IMAP_EV_VANISHED,   /* lo, hi, earlier; one event per range */
	IMAP_EV_SEARCH,	    /* lo = hi = uid; one event per number */
	IMAP_EV_ESEARCH,    /* tag, lo, hi: one event per range of ALL */
	IMAP_EV_ESEARCH_END, /* tag, count if it was given (has_count) */
	IMAP_EV_UIDSET,	    /* inside [APPENDUID]/[COPYUID], before its event:
			     * tag (0 untagged), code, set 0 source 1 dest.
			     * (APPENDUID: 1), lo, hi, value = uidvalidity */
	IMAP_EV_FETCH_BEGIN, /* num: sequence number */
	IMAP_EV_BODY_BEGIN, /* size, section; nil; partial: it begins at byte
			     * value of the message; fetch: what was said of
			     * it before */
	IMAP_EV_BODY_DATA,  /* data */
	IMAP_EV_BODY_END,
	IMAP_EV_FETCH_END   /* fetch */
};

enum imap_status { IMAP_OK, IMAP_NO, IMAP_BAD, IMAP_PREAUTH, IMAP_BYE };
#define IMAP_STATUS_WORDS "OK NO BAD PREAUTH BYE"

/* Response codes (RFC 5530 and the extensions used). */
enum imap_code {
	IMAP_CODE_NONE, IMAP_CODE_OTHER, IMAP_CODE_ALERT, IMAP_CODE_CAPABILITY,
	IMAP_CODE_PERMANENTFLAGS, /* flags */
	IMAP_CODE_UIDVALIDITY, IMAP_CODE_UIDNEXT, IMAP_CODE_UNSEEN,
	IMAP_CODE_HIGHESTMODSEQ, /* value */
	IMAP_CODE_NOMODSEQ, IMAP_CODE_READONLY, IMAP_CODE_READWRITE,
	IMAP_CODE_TRYCREATE, IMAP_CODE_APPENDUID, IMAP_CODE_COPYUID,
	IMAP_CODE_CLOSED, IMAP_CODE_UIDNOTSTICKY, IMAP_CODE_MODIFIED,
	IMAP_CODE_ALREADYEXISTS, IMAP_CODE_NONEXISTENT, IMAP_CODE_NOPERM,
	IMAP_CODE_OVERQUOTA, IMAP_CODE_LIMIT, IMAP_CODE_INUSE,
	IMAP_CODE_UNAVAILABLE, IMAP_CODE_SERVERBUG, IMAP_CODE_CANNOT,
	IMAP_CODE_CORRUPTION, IMAP_CODE_EXPUNGEISSUED,
	IMAP_CODE_AUTHENTICATIONFAILED, IMAP_CODE_AUTHORIZATIONFAILED,
	IMAP_CODE_EXPIRED, IMAP_CODE_PRIVACYREQUIRED, IMAP_CODE_CONTACTADMIN,
	IMAP_CODE_THROTTLED, IMAP_CODE_TOOBIG, IMAP_CODE_HASCHILDREN
};

/* Capabilities as bits of a uint64_t. Those below 32 are on disk, too (caps
 * that an account does without): new ones go to the end. */
enum {
	IMAP_CAP_IMAP4REV1 = 0, IMAP_CAP_STARTTLS, IMAP_CAP_LOGINDISABLED,
	IMAP_CAP_SASL_IR, IMAP_CAP_AUTH_PLAIN, IMAP_CAP_AUTH_LOGIN,
	IMAP_CAP_AUTH_CRAM_MD5, IMAP_CAP_AUTH_XOAUTH2,
	IMAP_CAP_AUTH_OAUTHBEARER, IMAP_CAP_LITERAL_PLUS,
	IMAP_CAP_LITERAL_MINUS, IMAP_CAP_UIDPLUS, IMAP_CAP_MOVE, IMAP_CAP_ID,
	IMAP_CAP_ENABLE, IMAP_CAP_NAMESPACE, IMAP_CAP_IDLE, IMAP_CAP_UNSELECT,
	IMAP_CAP_CONDSTORE, IMAP_CAP_QRESYNC, IMAP_CAP_ESEARCH,
	IMAP_CAP_LIST_EXTENDED, IMAP_CAP_LIST_STATUS, IMAP_CAP_SPECIAL_USE,
	IMAP_CAP_MULTIAPPEND, IMAP_CAP_COMPRESS_DEFLATE, IMAP_CAP_NOTIFY,
	IMAP_CAP_UTF8_ACCEPT, IMAP_CAP_UTF8_ONLY, IMAP_CAP_OBJECTID,
	IMAP_CAP_APPENDLIMIT, IMAP_CAP_STATUS_SIZE, IMAP_CAP_IMAP4REV2,
	IMAP_CAP_XGM_EXT1
};
#define IMAP_CAP(name) ((uint64_t)1 << IMAP_CAP_##name)
/* The word of a bit. */
struct span imap_resp_cap_word(unsigned bit);

/* Mailbox attributes of LIST. */
enum {
	IMAP_ATTR_NOSELECT = 1, IMAP_ATTR_NONEXISTENT = 2,
	IMAP_ATTR_NOINFERIORS = 4, IMAP_ATTR_ALL = 8, IMAP_ATTR_TRASH = 16,
	IMAP_ATTR_JUNK = 32, IMAP_ATTR_SENT = 64, IMAP_ATTR_DRAFTS = 128,
	IMAP_ATTR_ARCHIVE = 256, IMAP_ATTR_FLAGGED = 512,
	IMAP_ATTR_IMPORTANT = 1024,
	IMAP_ATTR_SUBSCRIBED = 2048 /* \Subscribed, or listed by LSUB */
};

/* System flags: the five that Maildir has, and "\*" of PERMANENTFLAGS. Case
 * does not matter; quoted flags are accepted; \Recent is dropped. */
enum {
	IMAP_FLAG_DELETED = 1, IMAP_FLAG_DRAFT = 2, IMAP_FLAG_FLAGGED = 4,
	IMAP_FLAG_ANSWERED = 8, IMAP_FLAG_SEEN = 16, IMAP_FLAG_KEYWORD = 32,
	IMAP_FLAG_ANY = 64 /* "\*" */
};
#define IMAP_FLAGS_SYSTEM 31u
/* Their words, in the order of the bits. */
#define IMAP_FLAG_WORDS "\\Deleted \\Draft \\Flagged \\Answered \\Seen"

/* What a FETCH response brought; has_* because any of it may be missing. */
struct imap_fetch {
	uint32_t seq, uid, flags, size;
	int64_t internaldate; /* seconds since 1970 UTC */
	uint64_t modseq;
	bool has_uid, has_flags, has_size, has_date, has_modseq, has_body;
};

struct imap_mailbox_status {
	uint32_t messages, uidnext, uidvalidity, unseen, recent, deleted;
	uint64_t highestmodseq, size;
	bool has_messages, has_uidnext, has_uidvalidity, has_unseen,
		has_highestmodseq, has_size, has_deleted;
};

enum imap_section { IMAP_SECTION_ALL, IMAP_SECTION_HEADER, IMAP_SECTION_OTHER };

struct imap_event {
	enum imap_ev kind;
	enum imap_status status;
	enum imap_code code;
	uint32_t tag;	 /* the number in our tags "w<number>"; 0 if foreign */
	uint32_t num, lo, hi, flags, attrs;
	uint64_t value, size, caps, append_limit;
	uint32_t count;
	bool has_count, earlier, nil, partial;
	uint8_t set;
	char sep;
	enum imap_section section;
	struct span text, name, data;
	struct imap_fetch fetch;
	struct imap_mailbox_status mbox;
	/* filled in by imap_conn for TAGGED, ESEARCH and UIDSET: the command */
	uint8_t cmd;
	uint32_t cookie;
};

/* All of it is private. */
struct imap_resp {
	enum err err;
	struct imap_event ev;	  /* of the line, as far as it was read */
	uint8_t state, ret;	  /* ret: where a list or a value ends up */
	uint8_t depth, item, set; /* set: 0 source, 1 destination */
	bool tagged, uid, first;
	uint32_t flags;
	size_t name_n;
	struct imap_lex lex;
	char name[CFG_TOKEN];
};

void imap_resp_init(struct imap_resp *r);
/* Uses *used bytes of in. ERR_OK: ev holds an event, push the rest again.
 * ERR_AGAIN: all of in was used. */
enum err imap_resp_push(struct imap_resp *r, struct span in, size_t *used,
	struct imap_event *ev);
/* true between two lines: nothing of a response was begun. */
bool imap_resp_between(const struct imap_resp *r);

#endif
