/*
 * imap_resp_word: the words of the protocol as tables. Case never matters; a
 * word that is not here is one that wherry does not use.
 */
#include "imap/imap_resp_part.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct word {
	const char *text;
	uint32_t value;
};

static const struct word flags[] = {
	{"\\Seen", IMAP_FLAG_SEEN},
	{"\\Answered", IMAP_FLAG_ANSWERED},
	{"\\Flagged", IMAP_FLAG_FLAGGED},
	{"\\Deleted", IMAP_FLAG_DELETED},
	{"\\Draft", IMAP_FLAG_DRAFT},
	{"\\Recent", 0},
	{"\\*", IMAP_FLAG_ANY},
};

static const struct word attrs[] = {
	{"\\HasChildren", 0},
	{"\\Noselect", IMAP_ATTR_NOSELECT},
	{"\\NonExistent", IMAP_ATTR_NONEXISTENT},
	{"\\Noinferiors", IMAP_ATTR_NOINFERIORS},
	{"\\All", IMAP_ATTR_ALL},
	{"\\AllMail", IMAP_ATTR_ALL}, /* XLIST */
	{"\\Trash", IMAP_ATTR_TRASH},
	{"\\Junk", IMAP_ATTR_JUNK},
	{"\\Spam", IMAP_ATTR_JUNK}, /* XLIST */
	{"\\Sent", IMAP_ATTR_SENT},
	{"\\Drafts", IMAP_ATTR_DRAFTS},
	{"\\Archive", IMAP_ATTR_ARCHIVE},
	{"\\Flagged", IMAP_ATTR_FLAGGED},
	{"\\Starred", IMAP_ATTR_FLAGGED}, /* XLIST */
	{"\\Important", IMAP_ATTR_IMPORTANT},
	{"\\Subscribed", IMAP_ATTR_SUBSCRIBED},
};

static const struct word codes[] = {
	{"ALERT", IMAP_CODE_ALERT},
	{"CAPABILITY", IMAP_CODE_CAPABILITY},
	{"PERMANENTFLAGS", IMAP_CODE_PERMANENTFLAGS},
	{"UIDVALIDITY", IMAP_CODE_UIDVALIDITY},
	{"UIDNEXT", IMAP_CODE_UIDNEXT},
	{"UNSEEN", IMAP_CODE_UNSEEN},
	{"HIGHESTMODSEQ", IMAP_CODE_HIGHESTMODSEQ},
	{"NOMODSEQ", IMAP_CODE_NOMODSEQ},
	{"READ-ONLY", IMAP_CODE_READONLY},
	{"READ-WRITE", IMAP_CODE_READWRITE},
	{"TRYCREATE", IMAP_CODE_TRYCREATE},
	{"APPENDUID", IMAP_CODE_APPENDUID},
	{"COPYUID", IMAP_CODE_COPYUID},
	{"CLOSED", IMAP_CODE_CLOSED},
	{"UIDNOTSTICKY", IMAP_CODE_UIDNOTSTICKY},
	{"MODIFIED", IMAP_CODE_MODIFIED},
	{"ALREADYEXISTS", IMAP_CODE_ALREADYEXISTS},
	{"NONEXISTENT", IMAP_CODE_NONEXISTENT},
	{"NOPERM", IMAP_CODE_NOPERM},
	{"OVERQUOTA", IMAP_CODE_OVERQUOTA},
	{"LIMIT", IMAP_CODE_LIMIT},
	{"INUSE", IMAP_CODE_INUSE},
	{"UNAVAILABLE", IMAP_CODE_UNAVAILABLE},
	{"SERVERBUG", IMAP_CODE_SERVERBUG},
	{"CANNOT", IMAP_CODE_CANNOT},
	{"CORRUPTION", IMAP_CODE_CORRUPTION},
	{"EXPUNGEISSUED", IMAP_CODE_EXPUNGEISSUED},
	{"AUTHENTICATIONFAILED", IMAP_CODE_AUTHENTICATIONFAILED},
	{"AUTHORIZATIONFAILED", IMAP_CODE_AUTHORIZATIONFAILED},
	{"EXPIRED", IMAP_CODE_EXPIRED},
	{"PRIVACYREQUIRED", IMAP_CODE_PRIVACYREQUIRED},
	{"CONTACTADMIN", IMAP_CODE_CONTACTADMIN},
	{"THROTTLED", IMAP_CODE_THROTTLED},
	{"TOOBIG", IMAP_CODE_TOOBIG},
	{"HASCHILDREN", IMAP_CODE_HASCHILDREN},
};

/* In the order of the IMAP_CAP_ bits. */
static const char *const caps[] = {
	"IMAP4REV1", "STARTTLS", "LOGINDISABLED", "SASL-IR", "AUTH=PLAIN",
	"AUTH=LOGIN", "AUTH=CRAM-MD5", "AUTH=XOAUTH2", "AUTH=OAUTHBEARER",
	"LITERAL+", "LITERAL-", "UIDPLUS", "MOVE", "ID", "ENABLE",
	"NAMESPACE", "IDLE", "UNSELECT", "CONDSTORE", "QRESYNC", "ESEARCH",
	"LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE", "MULTIAPPEND",
	"COMPRESS=DEFLATE", "NOTIFY", "UTF8=ACCEPT", "UTF8=ONLY", "OBJECTID",
	"APPENDLIMIT", "STATUS=SIZE", "IMAP4REV2", "X-GM-EXT-1",
};
_Static_assert(COUNT(caps) == IMAP_CAP_XGM_EXT1 + 1, "a row per IMAP_CAP_");

static const struct word *
find(const struct word *words, size_t n, struct span s)
{
	for (size_t i = 0; i < n; i++) {
		if (span_iis(s, words[i].text)) {
			return &words[i];
		}
	}
	return NULL;
}

uint32_t
imap_resp_tag(struct span s)
{
	uint32_t n;

	/* as it was sent: no leading zero, no upper case */
	if (s.n < 2 || s.p[0] != 'w' || s.p[1] == '0' ||
		!span_u32(span_from(s, 1), &n)) {
		return 0;
	}
	return n;
}

uint32_t
imap_resp_flag(struct span s)
{
	const struct word *w = find(flags, COUNT(flags), s);

	return w != NULL ? w->value : IMAP_FLAG_KEYWORD;
}

uint32_t
imap_resp_attr(struct span s)
{
	const struct word *w = find(attrs, COUNT(attrs), s);

	return w != NULL ? w->value : 0;
}

enum imap_code
imap_resp_code(struct span s)
{
	const struct word *w = find(codes, COUNT(codes), s);

	return w != NULL ? (enum imap_code)w->value : IMAP_CODE_OTHER;
}

enum imap_code
imap_resp_code_in(struct span s)
{
	while (s.n > 0) {
		struct span word = span_from(s, span_find(s, '[') + 1);
		size_t end = span_find(word, ']');
		const struct word *w;

		if (end == word.n) {
			break;
		}
		w = find(codes, COUNT(codes), span_upto(word, end));
		if (w != NULL) {
			return (enum imap_code)w->value;
		}
		s = word;
	}
	return IMAP_CODE_NONE;
}

void
imap_resp_cap(struct span s, uint64_t *bits, uint64_t *append_limit)
{
	struct span limit = SPAN("APPENDLIMIT=");

	if (span_ieq(span_upto(s, limit.n), limit)) {
		*bits |= IMAP_CAP(APPENDLIMIT);
		if (!span_u64(span_from(s, limit.n), append_limit)) {
			*append_limit = 0;
		}
		return;
	}
	for (unsigned i = 0; i < COUNT(caps); i++) {
		if (span_iis(s, caps[i])) {
			*bits |= (uint64_t)1 << i;
		}
	}
}
