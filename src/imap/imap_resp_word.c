/*
 * imap_resp_word: the words of the protocol as lists. Case never matters; a
 * word that is not here is one that wherry does not use.
 */
#include "imap/imap_resp_part.h"

/* In the order of the IMAP_ATTR_ bits. */
static const char attrs[] =
	"\\Noselect \\NonExistent \\Noinferiors \\All \\Trash \\Junk \\Sent "
	"\\Drafts \\Archive \\Flagged \\Important \\Subscribed";
/* XLIST has other names for three of them. */
static const char xlist_attrs[] = "\\AllMail \\Spam \\Starred";
static const uint16_t xlist_values[] = {IMAP_ATTR_ALL, IMAP_ATTR_JUNK,
	IMAP_ATTR_FLAGGED};

/* In the order of enum imap_code, from IMAP_CODE_ALERT on. */
static const char codes[] =
	"ALERT CAPABILITY PERMANENTFLAGS UIDVALIDITY UIDNEXT UNSEEN "
	"HIGHESTMODSEQ NOMODSEQ READ-ONLY READ-WRITE TRYCREATE APPENDUID "
	"COPYUID CLOSED UIDNOTSTICKY MODIFIED ALREADYEXISTS NONEXISTENT "
	"NOPERM OVERQUOTA LIMIT INUSE UNAVAILABLE SERVERBUG CANNOT "
	"CORRUPTION EXPUNGEISSUED AUTHENTICATIONFAILED AUTHORIZATIONFAILED "
	"EXPIRED PRIVACYREQUIRED CONTACTADMIN THROTTLED TOOBIG HASCHILDREN";

/* In the order of the IMAP_CAP_ bits. */
static const char caps[] =
	"IMAP4REV1 STARTTLS LOGINDISABLED SASL-IR AUTH=PLAIN AUTH=LOGIN "
	"AUTH=CRAM-MD5 AUTH=XOAUTH2 AUTH=OAUTHBEARER LITERAL+ LITERAL- "
	"UIDPLUS MOVE ID ENABLE NAMESPACE IDLE UNSELECT CONDSTORE QRESYNC "
	"ESEARCH LIST-EXTENDED LIST-STATUS SPECIAL-USE MULTIAPPEND "
	"COMPRESS=DEFLATE NOTIFY UTF8=ACCEPT UTF8=ONLY OBJECTID APPENDLIMIT "
	"STATUS=SIZE IMAP4REV2 X-GM-EXT-1";

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
	int i = span_word(s, IMAP_FLAG_WORDS);

	if (i >= 0) {
		return 1u << i;
	}
	if (span_is(s, "\\*")) {
		return IMAP_FLAG_ANY;
	}
	return span_iis(s, "\\Recent") ? 0 : IMAP_FLAG_KEYWORD;
}

uint32_t
imap_resp_attr(struct span s)
{
	int i = span_word(s, attrs);

	if (i >= 0) {
		return 1u << i;
	}
	i = span_word(s, xlist_attrs);
	return i >= 0 ? xlist_values[i] : 0;
}

enum imap_code
imap_resp_code(struct span s)
{
	int i = span_word(s, codes);

	return i < 0 ? IMAP_CODE_OTHER : (enum imap_code)(IMAP_CODE_ALERT + i);
}

enum imap_code
imap_resp_code_in(struct span s)
{
	while (s.n > 0) {
		struct span word = span_from(s, span_find(s, '[') + 1);
		size_t end = span_find(word, ']');
		enum imap_code code;

		if (end == word.n) {
			break;
		}
		code = imap_resp_code(span_upto(word, end));
		if (code != IMAP_CODE_OTHER) {
			return code;
		}
		s = word;
	}
	return IMAP_CODE_NONE;
}

void
imap_resp_cap(struct span s, uint64_t *bits, uint64_t *append_limit)
{
	struct span limit = SPAN("APPENDLIMIT=");
	int i;

	if (span_ieq(span_upto(s, limit.n), limit)) {
		*bits |= IMAP_CAP(APPENDLIMIT);
		if (!span_u64(span_from(s, limit.n), append_limit)) {
			*append_limit = 0;
		}
		return;
	}
	i = span_word(s, caps);
	if (i >= 0) {
		*bits |= (uint64_t)1 << i;
	}
}

struct span
imap_resp_cap_word(unsigned bit)
{
	return span_nth(caps, bit);
}
