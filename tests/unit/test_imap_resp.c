/*
 * imap_resp: transcripts and their events. Each is fed whole, byte by byte
 * and at every split in two, from copies that end at a guard page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guard.h"
#include "imap_events.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct row {
	const char *in, *want;
};

static struct imap_resp resp;
static char got_memory[65536];

/* Feeds in[0..n) in pieces: [0..first), then of step bytes each. */
static struct span
run(struct span in, size_t first, size_t step)
{
	struct events e = {.count = 0};
	size_t n = first;

	BUF_INIT(&e.out, got_memory);
	imap_resp_init(&resp);
	for (;;) {
		struct span part = span_upto(in, n);
		char *copy = guard_copy(part.p, part.n);
		enum err err;

		err = events_feed(&e, &resp, (struct span){copy, part.n});
		guard_free(copy);
		in = span_from(in, part.n);
		n = step;
		if (err != ERR_AGAIN || in.n == 0) {
			break;
		}
	}
	assert_int_equal(e.out.err, ERR_OK);
	return buf_get(&e.out);
}

static void
expect(const struct row *row, size_t first, size_t step)
{
	struct span got = run(span_of(row->in), first, step);

	if (!span_is(got, row->want)) {
		fail_msg("%s\nfed %zu, then %zu each, gave\n%.*sand not\n%s",
			row->in, first, step, (int)got.n, got.p, row->want);
	}
}

static void
expect_all(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t n = strlen(rows[i].in);

		expect(&rows[i], n, n);
		expect(&rows[i], 1, 1);
		for (size_t at = 0; at <= n; at++) {
			expect(&rows[i], at, n);
		}
	}
}

static const struct row status_rows[] = {
	{"", ""},
	{"\r\n\n  \r\n", ""},
	{"* OK ready\r\n", "STATUS OK \"ready\"\n"},
	{"* ok\r\n", "STATUS OK \"\"\n"},
	{"* PREAUTH [CAPABILITY IMAP4rev1 X-FOO] in\r\n",
		"CAPABILITY 0\nSTATUS PREAUTH code 3 \"in\"\n"},
	{"* BYE Too many\r\n", "STATUS BYE \"Too many\"\n"},
	{"* BAD Invalid tag\r\n", "STATUS BAD \"Invalid tag\"\n"},
	{"  *   NO   spaced   out  \r\n", "STATUS NO \"spaced   out\"\n"},
	{"* OK bare LF\nw1 OK x\n", "STATUS OK \"bare LF\"\nTAGGED 1 OK \"x\"\n"},
	{"* OK {5}\r\n* NO \"lone quote (\r\n",
		"STATUS OK \"{5}\"\nSTATUS NO \"\"lone quote (\"\n"},
	{"w1 OK done\r\nw2 NO no\r\nw3 BAD bad\r\n",
		"TAGGED 1 OK \"done\"\nTAGGED 2 NO \"no\"\n"
		"TAGGED 3 BAD \"bad\"\n"},
	{"w4294967295 OK x\r\n", "TAGGED 4294967295 OK \"x\"\n"},
	{"w4294967296 OK x\r\nw0 OK x\r\nw01 OK x\r\nW1 OK x\r\na1 OK x\r\n"
		"w OK x\r\nw1x OK x\r\n",
		"TAGGED 0 OK \"x\"\nTAGGED 0 OK \"x\"\nTAGGED 0 OK \"x\"\n"
		"TAGGED 0 OK \"x\"\nTAGGED 0 OK \"x\"\nTAGGED 0 OK \"x\"\n"
		"TAGGED 0 OK \"x\"\n"},
	{"+\r\n+ \r\n+ dGVzdA==\r\n+ go ahead\r\n",
		"CONTINUE \"\"\nCONTINUE \"\"\nCONTINUE \"dGVzdA==\"\n"
		"CONTINUE \"go ahead\"\n"},
	{"* OK esc \x1b[2J\xff\r\n", "STATUS OK \"esc \\x1b[2J\\xff\"\n"},
	/* the end of the line where text or brackets would go on */
	{"* OK [HIGHESTMODSEQ 5]\r\n", "STATUS OK code 8 value 5 \"\"\n"},
	{"* OK [UIDNEXT 5\r\n* OK [UIDNEXT\r\n* OK [\r\n* OK []\r\n",
		"STATUS OK code 6 value 5 \"\"\nSTATUS OK code 6 \"\"\n"
		"STATUS OK \"\"\nSTATUS OK \"\"\n"},
	{"w1 OK [CAPABILITY IMAP4rev1\r\n", "TAGGED 1 OK code 3 \"\"\n"},
	{"w1 NO [FOO can\"t] x\r\nw1 NO [FOO \"a]\" {2}\r\n]] b] x\r\n",
		"TAGGED 1 NO code 1 \"\"\nTAGGED 1 NO code 1 \"x\"\n"},
	{"w1 NO [hasChildren] x\r\n", "TAGGED 1 NO code 36 \"x\"\n"},
	{"* OK [(odd] x\r\n* OK [\"q\"] x\r\n",
		"STATUS OK code 1 \"x\"\nSTATUS OK code 1 \"x\"\n"},
	/* a code behind the text; never in an OK */
	{"w1 NO APPEND [TRYCREATE] failed\r\n",
		"TAGGED 1 NO code 12 \"APPEND [TRYCREATE] failed\"\n"},
	{"w1 NO a [x [overquota] b\r\nw1 NO a [overquota b\r\n"
		"w1 OK a [TRYCREATE]\r\n",
		"TAGGED 1 NO code 21 \"a [x [overquota] b\"\n"
		"TAGGED 1 NO \"a [overquota b\"\n"
		"TAGGED 1 OK \"a [TRYCREATE]\"\n"},
};

static const struct row code_rows[] = {
	{"* OK [UIDVALIDITY 1795391730] x\r\n",
		"STATUS OK code 5 value 1795391730 \"x\"\n"},
	{"* OK [uidvalidity 4294967296] x\r\n* OK [UIDVALIDITY -1] x\r\n"
		"* OK [UIDVALIDITY (] x\r\n",
		"STATUS OK code 5 \"x\"\nSTATUS OK code 5 \"x\"\n"
		"STATUS OK code 5 \"x\"\n"},
	{"* OK [HIGHESTMODSEQ 18446744073709551615] x\r\n"
		"* OK [HIGHESTMODSEQ 18446744073709551616] x\r\n",
		"STATUS OK code 8 value 18446744073709551615 \"x\"\n"
		"STATUS OK code 8 \"x\"\n"},
	{"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft "
		"$Forwarded \\*)] x\r\n",
		"STATUS OK code 4 flags 127 \"x\"\n"},
	{"* OK [PERMANENTFLAGS ()] x\r\n* OK [PERMANENTFLAGS] x\r\n"
		"* OK [PERMANENTFLAGS (a]b)] x\r\n",
		"STATUS OK code 4 flags 0 \"x\"\n"
		"STATUS OK code 4 flags 0 \"x\"\n"
		"STATUS OK code 4 flags 32 \"x\"\n"},
	{"* OK [UNSEEN 3] x\r\n* OK [UIDNEXT 9] x\r\n* OK [NOMODSEQ] x\r\n"
		"* OK [CLOSED]\r\n",
		"STATUS OK code 7 value 3 \"x\"\nSTATUS OK code 6 value 9 \"x\"\n"
		"STATUS OK code 9 \"x\"\nSTATUS OK code 15 \"\"\n"},
	{"w1 OK [READ-ONLY] x\r\nw2 OK [READ-WRITE] x\r\n"
		"w3 NO [AUTHENTICATIONFAILED] x\r\nw4 OK [MODIFIED 1:2,7] x\r\n"
		"w5 NO [BADCHARSET (\"A]\" {3}\r\n]b])] x\r\n",
		"TAGGED 1 OK code 10 \"x\"\nTAGGED 2 OK code 11 \"x\"\n"
		"TAGGED 3 NO code 29 \"x\"\nTAGGED 4 OK code 17 \"x\"\n"
		"TAGGED 5 NO code 1 \"x\"\n"},
	{"w7 OK [APPENDUID 38505 3955] x\r\n",
		"UIDSET 7 code 13 value 38505 set 1 3955:3955\n"
		"TAGGED 7 OK code 13 value 38505 \"x\"\n"},
	{"w7 OK [APPENDUID 38505 3:5,9]\r\n",
		"UIDSET 7 code 13 value 38505 set 1 3:5\n"
		"UIDSET 7 code 13 value 38505 set 1 9:9\n"
		"TAGGED 7 OK code 13 value 38505 \"\"\n"},
	{"w7 OK [APPENDUID 38505] x\r\nw7 OK [APPENDUID] x\r\n"
		"w7 OK [APPENDUID 1 x] y\r\n",
		"TAGGED 7 OK code 13 value 38505 \"x\"\nTAGGED 7 OK code 13 \"x\"\n"
		"TAGGED 7 OK code 13 value 1 \"y\"\n"},
	{"w8 OK [COPYUID 38505 304,319:320 3956:3958] x\r\n",
		"UIDSET 8 code 14 value 38505 set 0 304:304\n"
		"UIDSET 8 code 14 value 38505 set 0 319:320\n"
		"UIDSET 8 code 14 value 38505 set 1 3956:3958\n"
		"TAGGED 8 OK code 14 value 38505 \"x\"\n"},
	{"* OK [COPYUID 5 1 2] x\r\n",
		"UIDSET 0 code 14 value 5 set 0 1:1\n"
		"UIDSET 0 code 14 value 5 set 1 2:2\n"
		"STATUS OK code 14 value 5 \"x\"\n"},
	{"w1 OK [COPYUID 5 4294967296 0] x\r\nw2 OK [COPYUID 5 1:* 2] x\r\n",
		"UIDSET 1 code 14 value 5 set 0 0:0\n"
		"UIDSET 1 code 14 value 5 set 1 0:0\n"
		"TAGGED 1 OK code 14 value 5 \"x\"\n"
		"UIDSET 2 code 14 value 5 set 0 0:0\n"
		"UIDSET 2 code 14 value 5 set 1 2:2\n"
		"TAGGED 2 OK code 14 value 5 \"x\"\n"},
};

static const struct row caps_rows[] = {
	{"* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED SASL-IR AUTH=PLAIN "
		"AUTH=LOGIN AUTH=CRAM-MD5 AUTH=XOAUTH2 AUTH=OAUTHBEARER "
		"LITERAL+ LITERAL- UIDPLUS MOVE ID ENABLE NAMESPACE IDLE\r\n",
		"CAPABILITY 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"},
	{"* CAPABILITY UNSELECT CONDSTORE QRESYNC ESEARCH LIST-EXTENDED "
		"LIST-STATUS SPECIAL-USE MULTIAPPEND COMPRESS=DEFLATE NOTIFY "
		"UTF8=ACCEPT UTF8=ONLY OBJECTID APPENDLIMIT STATUS=SIZE "
		"IMAP4rev2 X-GM-EXT-1\r\n",
		"CAPABILITY 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 "
		"33\n"},
	{"* CAPABILITY imap4REV1 appendlimit=35651584 AUTH=GSSAPI X-A(B) "
		"\"q\" IDLE2\r\n* CAPABILITY\r\n",
		"CAPABILITY 0 30 limit 35651584\nCAPABILITY\n"},
	{"* CAPABILITY APPENDLIMIT=99999999999999999999\r\n",
		"CAPABILITY 30\n"},
	{"w1 OK [CAPABILITY IMAP4rev1 IDLE] Logged in\r\n",
		"CAPABILITY 0 16\nTAGGED 1 OK code 3 \"Logged in\"\n"},
	{"* ENABLED CONDSTORE QRESYNC\r\n* ENABLED\r\n",
		"ENABLED 18 19\nENABLED\n"},
};

static const struct row list_rows[] = {
	{"* LIST (\\HasNoChildren) \"/\" INBOX\r\n", "LIST 0 \"INBOX\" sep /\n"},
	{"* LIST () \".\" \"a b\"\r\n* list () \".\" \"a\\\"b\\\\c\"\r\n",
		"LIST 0 \"a b\" sep .\nLIST 0 \"a\"b\\c\" sep .\n"},
	{"* LIST (\\Noselect \\NonExistent \\NoInferiors \\All \\Trash \\Junk "
		"\\Sent \\Drafts \\Archive \\Flagged \\Important \\Subscribed "
		"\\X) \"/\" x\r\n", "LIST 4095 \"x\" sep /\n"},
	{"* LIST (\"\\\\sent\" \"\\Trash\" NIL) \"/\" x\r\n",
		"LIST 80 \"x\" sep /\n"},
	{"* LIST () NIL INBOX\r\n* LIST NIL \"NIL\" INBOX\r\n"
		"* LIST () \"\" \"\"\r\n",
		"LIST 0 \"INBOX\"\nLIST 0 \"INBOX\"\nLIST 0 \"\"\n"},
	{"* LIST () \"\\\\\" \"a\\\\b\"\r\n* LIST () \\ a\\b\r\n"
		"* LIST () \\\\ a\r\n* LIST () \"\\\\\\\\\" a\r\n",
		"LIST 0 \"a\\b\" sep \\\nLIST 0 \"a\\b\" sep \\\n"
		"LIST 0 \"a\" sep \\\nLIST 0 \"a\" sep \\\n"},
	{"* LIST () {1}\r\n/ {5}\r\na\r\nb \r\n",
		"LIST 0 \"a\\x0d\\x0ab \" sep /\n"},
	{"* LIST () \"/\" {0}\r\n\r\n* LIST () \"/\" {2+}\nab\n",
		"LIST 0 \"\" sep /\nLIST 0 \"ab\" sep /\n"},
	{"* LIST () \"/\" a(b){3}\"x[y]\r\n* LIST () \"/\" {3\r\n"
		"* LIST () \"/\" {3}x\r\n* LIST () \"/\" {3}\rx\r\n",
		"LIST 0 \"a(b){3}\"x[y]\" sep /\nLIST 0 \"{3\" sep /\n"
		"LIST 0 \"{3}x\" sep /\n"
		"ERROR -11 server sent \"x\" where the end of the line was "
		"expected\n"},
	{"* LIST () \"/\" Entw&APw-rfe\r\n* LIST () \"/\" \"\xc3\xa4\"\r\n",
		"LIST 0 \"Entw&APw-rfe\" sep /\nLIST 0 \"\xc3\xa4\" sep /\n"},
	{"* LIST () \"/\" foo (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n"
		"* LIST () \"/\" foo (OLDNAME ({3}\r\nbar))\r\n",
		"LIST 0 \"foo\" sep /\nLIST 0 \"foo\" sep /\n"},
	{"* LSUB () \".\" a\r\n* XLIST (\\Inbox \\AllMail) \"/\" b\r\n",
		"LIST 2048 \"a\" sep .\nLIST 8 \"b\" sep /\n"},
	{"* LIST () \"/\" a b\r\n", "ERROR -11 server sent \"b\" where the end "
		"of the line was expected\n"},
	{"* LIST () \"//\" a\r\n", "ERROR -11 server sent \"//\" where a "
		"separator was expected\n"},
	{"* LIST \"/\" a\r\n", "ERROR -11 server sent \"/\" where a list of "
		"attributes was expected\n"},
	{"* LIST (\r\n", "ERROR -11 server sent the end of the line where a "
		"mailbox attribute was expected\n"},
	{"* LIST () \"/\"\r\n", "ERROR -11 server sent the end of the line "
		"where a mailbox name was expected\n"},
	{"* LIST () \"/\" \"a\r\n", "ERROR -11 the server ended a line inside "
		"a quoted string\n"},
};

static const struct row mailbox_rows[] = {
	{"* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)\r\n",
		"MBOX \"blurdybloop\" messages 231 uidnext 44292\n"},
	{"* STATUS \"a b\" (UIDVALIDITY 5 UNSEEN 0 RECENT 1 DELETED 2 "
		"HIGHESTMODSEQ 7011231777 SIZE 5000000000)\r\n",
		"MBOX \"a b\" uidvalidity 5 unseen 0 recent 1 deleted 2 "
		"highestmodseq 7011231777 size 5000000000\n"},
	{"* STATUS {3}\r\nfoo (messages {1}\r\n5 MAILBOXID (F2212ea87 (x)) "
		"APPENDLIMIT NIL X \"y\" UNSEEN 1)\r\n",
		"MBOX \"foo\" messages 5 unseen 1\n"},
	{"* STATUS a ()\r\n* STATUS a\r\n* STATUS a ( )\r\n",
		"MBOX \"a\"\nMBOX \"a\"\nMBOX \"a\"\n"},
	{"* STATUS a (MESSAGES 4294967296 UIDNEXT -1 UNSEEN x SIZE "
		"18446744073709551616 RECENT (1) UIDVALIDITY)\r\n",
		"MBOX \"a\"\n"},
	{"* STATUS a b (MESSAGES 1)\r\n", "ERROR -11 server sent \"b\" where "
		"\"(\" was expected\n"},
	{"* STATUS a (MESSAGES 1\r\n", "ERROR -11 server sent the end of the "
		"line where a STATUS item was expected\n"},
	{"* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n", "NAMESPACE \"\" sep /\n"},
	{"* NAMESPACE ((\"INBOX.\" \".\")(\"#x\" \"/\" \"X-P\" (\"a\"))) "
		"((\"~\" \"/\")) NIL\r\n", "NAMESPACE \"INBOX.\" sep .\n"},
	{"* NAMESPACE ((NIL NIL)) NIL NIL\r\n* NAMESPACE ({2}\r\n",
		"NAMESPACE \"\"\n"},
	{"* NAMESPACE NIL NIL ((\"\" \"/\"))\r\n* NAMESPACE () NIL NIL\r\n",
		"NAMESPACE \"\" nil\nNAMESPACE \"\" nil\n"},
	{"* FLAGS (\\Answered \\Flagged \\Draft \\Deleted \\Seen)\r\n",
		"FLAGS 31\n"},
	{"* FLAGS (\\SEEN \"\\\\Deleted\" \"\\Draft\" \\Recent {2}\r\nkw)\r\n"
		"* FLAGS ()\r\n* FLAGS NIL\r\n* FLAGS\r\n",
		"FLAGS 51\nFLAGS 0\n"},
	{"* FLAGS ({bar foo{5 {5} x~{a )\r\n", "FLAGS 32\n"},
	{"* 3 EXISTS\r\n* 1 RECENT\r\n* 2 EXPUNGE\r\n* 4 EXPUNGED\r\n",
		"EXISTS 3\nRECENT 1\nEXPUNGE 2\nEXPUNGE 4\n"},
	{"* 4294967295 exists junk \"q (\r\n* 4294967296 EXISTS\r\n"
		"* 0 EXISTS\r\n",
		"EXISTS 4294967295\nEXISTS 4294967295\nEXISTS 0\n"},
};

static const struct row set_rows[] = {
	{"* VANISHED (EARLIER) 41,43:116,118\r\n* VANISHED 5\r\n",
		"VANISHED 41:41 earlier\nVANISHED 43:116 earlier\n"
		"VANISHED 118:118 earlier\nVANISHED 5:5\n"},
	{"* VANISHED 0:1\r\n* VANISHED 9:7, 3 ,4,\r\n",
		"VANISHED 1:1\nVANISHED 7:9\nVANISHED 3:3\nVANISHED 4:4\n"},
	{"* VANISHED 4294967295\r\n* VANISHED 4294967296,8\r\n"
		"* VANISHED 5:99999999999999999999999,1\r\n",
		"VANISHED 4294967295:4294967295\nVANISHED 0:0\nVANISHED 8:8\n"
		"VANISHED 0:0\nVANISHED 1:1\n"},
	{"* VANISHED\r\n* VANISHED ()\r\n* VANISHED ( earlier )\r\n"
		"* VANISHED *\r\n* VANISHED 1:\r\n* VANISHED 1:2:3,1x,2:*\r\n"
		"* VANISHED \"1\"\r\n",
		"VANISHED 0:0\nVANISHED 0:0\nVANISHED 0:0\nVANISHED 0:0\n"
		"VANISHED 0:0\nVANISHED 0:0\n"},
	{"* SEARCH 2 3  6\r\n* SEARCH\r\n* SEARCH \r\n* search 7",
		"SEARCH 2:2\nSEARCH 3:3\nSEARCH 6:6\n"},
	{"* SEARCH 2 5 (MODSEQ 917162500)\r\n* SEARCH 4\r\n",
		"SEARCH 2:2\nSEARCH 5:5\nSEARCH 4:4\n"},
	{"* SEARCH 0 4294967296 1:3 9\r\n"
		"* SEARCH 1 search error: can't search that \"criteria\r\n",
		"SEARCH 0:0\nSEARCH 0:0\nSEARCH 0:0\nSEARCH 9:9\n"
		"SEARCH 1:1\nSEARCH 0:0\n"},
	{"* ESEARCH (TAG \"w282\") UID ALL 1:3,5 COUNT 4\r\n",
		"ESEARCH 282 1:3\nESEARCH 282 5:5\nESEARCH_END 282 count 4\n"},
	{"* ESEARCH (TAG w2) UID MIN 7 MAX {4}\r\n3800 COUNT 15 MODSEQ 9 "
		"PARTIAL (1:2 5,7) X (a(b))\r\n* ESEARCH (TAG {2}\r\nw3) UID\r\n",
		"ESEARCH_END 2 count 15\nESEARCH_END 3\n"},
	{"* ESEARCH UID COUNT 5 ALL 4:19,21,28\r\n* ESEARCH\r\n",
		"ESEARCH 0 4:19\nESEARCH 0 21:21\nESEARCH 0 28:28\n"
		"ESEARCH_END 0 count 5\nESEARCH_END 0\n"},
	{"* ESEARCH (X y TAG \"w2\") UID ALL\r\n"
		"* ESEARCH (TAG \"w2\") UID COUNT 4294967296\r\n",
		"ESEARCH_END 2\nESEARCH_END 2\n"},
	/* sequence numbers are no UIDs; what is no set is no UID either */
	{"* ESEARCH (TAG \"w2\") ALL 1:3,5\r\n"
		"* ESEARCH (TAG \"w2\") UID ALL 0,4294967296,2:*,* COUNT 1\r\n"
		"* ESEARCH (TAG \"w2\") UID ALL NIL COUNT 0\r\n",
		"ESEARCH 2 0:0\nESEARCH 2 0:0\nESEARCH_END 2\n"
		"ESEARCH 2 0:0\nESEARCH 2 0:0\nESEARCH 2 0:0\nESEARCH 2 0:0\n"
		"ESEARCH_END 2 count 1\nESEARCH 2 0:0\n"
		"ESEARCH_END 2 count 0\n"},
	{"* ESEARCH (TAG)\r\n* ESEARCH (TAG \"w1\" UID ALL 1\r\n",
		"ESEARCH_END 0\nERROR -11 server sent the end of the line where "
		"a tag was expected\n"},
	{"* ESEARCH UID )\r\n", "ERROR -11 server sent \")\" where a result "
		"was expected\n"},
	{"* VANISHED (EARLIER\r\n", "ERROR -11 server sent the end of the "
		"line where EARLIER was expected\n"},
};

static const struct row fetch_rows[] = {
	{"* 23 FETCH (FLAGS (\\Seen) RFC822.SIZE 44827)\r\n",
		"FETCH 23\nFETCH_END 23 flags 16 size 44827\n"},
	{"* 1 FETCH (UID 7 FLAGS () INTERNALDATE \"17-Jul-1996 02:44:25 -0700\""
		" RFC822.SIZE 0 MODSEQ (624140003))\r\n",
		"FETCH 1\nFETCH_END 1 uid 7 flags 0 size 0 date 837596665 "
		"modseq 624140003\n"},
	{"* 1 fetch ( uid  7   flags ( \\seen  ) )\r\n",
		"FETCH 1\nFETCH_END 1 uid 7 flags 16\n"},
	{"* 1 FETCH ()\r\n* 2 FETCH () junk {1}\r\n)\"\r\n",
		"FETCH 1\nFETCH_END 1\nFETCH 2\nFETCH_END 2\n"},
	{"* 2 FETCH (FLAGS (\"\\\\Deleted\" \"\\Seen\" $MDNSent \\Recent) UID "
		"\"9\" MODSEQ 5)\r\n",
		"FETCH 2\nFETCH_END 2 uid 9 flags 49 modseq 5\n"},
	/* numbers that cannot be */
	{"* 1 FETCH (UID 0 MODSEQ (0) RFC822.SIZE 4294967296 FLAGS NIL)\r\n"
		"* 1 FETCH (UID 4294967296 MODSEQ (18446744073709551616))\r\n"
		"* 1 FETCH (UID -5 RFC822.SIZE NIL MODSEQ () INTERNALDATE "
		"NIL)\r\n* 99999999999 FETCH (UID 4294967295)\r\n",
		"FETCH 1\nFETCH_END 1\nFETCH 1\nFETCH_END 1\nFETCH 1\n"
		"FETCH_END 1\nFETCH 4294967295\n"
		"FETCH_END 4294967295 uid 4294967295\n"},
	{"* 1 FETCH (INTERNALDATE \"30-Dec-1899 00:00:00 +0000\" UID 2)\r\n"
		"* 1 FETCH (INTERNALDATE \"\" UID 2)\r\n"
		"* 1 FETCH (INTERNALDATE {26}\r\n 1-Jan-1970 00:00:01 +0000)\r\n",
		"FETCH 1\nFETCH_END 1 uid 2 date -2209161600\nFETCH 1\n"
		"FETCH_END 1 uid 2\nFETCH 1\nFETCH_END 1 date 1\n"},
	/* what we did not ask for */
	{"* 1 FETCH (ENVELOPE (\"d\" NIL ((NIL NIL {2}\r\n)( \"x\"))) BODY "
		"((\"TEXT\" \"PLAIN\") \"MIXED\") BODYSTRUCTURE (a) X-GM-MSGID "
		"12 X-GM-LABELS (\"\\\\Inbox\" a) EMAILID (M1) UID 4)\r\n",
		"FETCH 1\nFETCH_END 1 uid 4\n"},
	{"* 1 FETCH (BINARY[1.2]<0> ~{3}\r\n)x( BINARY.SIZE[1] 3 X[\"]\" (a)] "
		"(b) RFC822.HEADER \"h\" UID 4)\r\n* 1 FETCH (X)\r\n",
		"FETCH 1\nFETCH_END 1 uid 4\nFETCH 1\nFETCH_END 1\n"},
	{"* 1 FETCH (UID 4 UID 4)\r\n* 1 FETCH (UID 4 UID 5)\r\n",
		"FETCH 1\nFETCH_END 1 uid 4\nFETCH 1\nERROR -11 server sent "
		"\"5\" where a number was expected\n"},
	{"* 1 FETCH NIL\r\n", "ERROR -11 server sent \"NIL\" where \"(\" was "
		"expected\n"},
	{"* 1 FETCH (UID 1\r\n", "FETCH 1\nERROR -11 server sent the end of "
		"the line where a FETCH item was expected\n"},
	{"* 1 FETCH (UID (1))\r\n", "FETCH 1\nERROR -11 server sent \"(\" "
		"where a number was expected\n"},
	{"* 1 FETCH (FLAGS \\Seen)\r\n", "FETCH 1\nERROR -11 server sent "
		"\"\\Seen\" where a list of flags was expected\n"},
	{"* 1 FETCH (FLAGS (\\Seen (x)))\r\n", "FETCH 1\nERROR -11 server "
		"sent \"(\" where a flag was expected\n"},
	{"* 1 FETCH (X (a\r\n", "FETCH 1\nERROR -11 server sent the end of "
		"the line where \")\" was expected\n"},
	{"* 1 FETCH (X[a\r\n", "FETCH 1\nERROR -11 server sent the end of the "
		"line where \"]\" was expected\n"},
	{"* 1 FETCH ([])\r\n", "FETCH 1\nERROR -11 server sent \"[\" where a "
		"FETCH item was expected\n"},
};

static const struct row body_rows[] = {
	{"* 5 FETCH (UID 7 BODY[] {5}\r\nab\r\nc FLAGS (\\Seen))\r\n",
		"FETCH 5\nBODY all 5\nDATA ab\\x0d\\x0ac\nBODY_END\n"
		"FETCH_END 5 uid 7 flags 16 body\n"},
	{"* 5 FETCH (BODY[] {3}\r\n)\r\n UID 7)\r\n",
		"FETCH 5\nBODY all 3\nDATA )\\x0d\\x0a\nBODY_END\n"
		"FETCH_END 5 uid 7 body\n"},
	{"* 5 FETCH (BODY[]{1}\nx)\n* 6 FETCH (BODY[] ~{2}\r\n\"\" UID 1)\r\n",
		"FETCH 5\nBODY all 1\nDATA x\nBODY_END\nFETCH_END 5 body\n"
		"FETCH 6\nBODY all 2\nDATA \"\"\nBODY_END\n"
		"FETCH_END 6 uid 1 body\n"},
	{"* 5 FETCH (BODY[] {0}\r\n)\r\n* 5 FETCH (BODY[] \"\")\r\n",
		"FETCH 5\nBODY all 0\nBODY_END\nFETCH_END 5 body\n"
		"FETCH 5\nBODY all 0\nBODY_END\nFETCH_END 5 body\n"},
	{"* 5 FETCH (BODY[] \"quo\\\"ted\\\\ \\body\" UID 1)\r\n",
		"FETCH 5\nBODY all 14\nDATA quo\"ted\\ \\body\nBODY_END\n"
		"FETCH_END 5 uid 1 body\n"},
	{"* 5 FETCH (UID 1 BODY[] NIL)\r\n* 5 FETCH (BODY[HEADER] nil)\r\n",
		"FETCH 5\nBODY all 0 nil\nBODY_END\nFETCH_END 5 uid 1\n"
		"FETCH 5\nBODY header 0 nil\nBODY_END\nFETCH_END 5\n"},
	{"* 5 FETCH (BODY[HEADER.FIELDS (MESSAGE-ID)] {2}\r\n\r\n UID 1)\r\n",
		"FETCH 5\nBODY header 2\nDATA \\x0d\\x0a\nBODY_END\n"
		"FETCH_END 5 uid 1 body\n"},
	{"* 5 FETCH (BODY[HEADER.FIELDS (\"MESSAGE-ID\")] \"a\")\r\n"
		"* 5 FETCH (BODY[\"HEADER.FIELDS\" ({1}\r\n] \"]\")] \"b\")\r\n"
		"* 5 FETCH (body[header.fields MESSAGE-ID X] \"c\")\r\n"
		"* 5 FETCH (BODY.PEEK[HEADER]<0.10> \"d\")\r\n",
		"FETCH 5\nBODY header 1\nDATA a\nBODY_END\nFETCH_END 5 body\n"
		"FETCH 5\nBODY header 1\nDATA b\nBODY_END\nFETCH_END 5 body\n"
		"FETCH 5\nBODY header 1\nDATA c\nBODY_END\nFETCH_END 5 body\n"
		"FETCH 5\nBODY header 1\nDATA d\nBODY_END\nFETCH_END 5 body\n"},
	{"* 5 FETCH (BODY[]<5.10> {1}\r\nx BODY[1]<0>{1}\r\ny BODY[TEXT] NIL "
		"BODY[1.MIME] \"z\" UID 3)\r\n",
		"FETCH 5\nBODY all 1 from 5\nDATA x\nBODY_END\nBODY other 1\nDATA y\n"
		"BODY_END\nBODY other 0 nil\nBODY_END\nBODY other 1\nDATA z\n"
		"BODY_END\nFETCH_END 5 uid 3 body\n"},
	{"* 5 FETCH (BODY[] x)\r\n", "FETCH 5\nERROR -11 server sent \"x\" "
		"where a body was expected\n"},
	{"* 5 FETCH (BODY[] (x))\r\n", "FETCH 5\nERROR -11 server sent \"(\" "
		"where a body was expected\n"},
	{"* 5 FETCH (BODY[] {3}x\r\nabc)\r\n", "FETCH 5\nERROR -11 server sent "
		"\"{3}x\" where a body was expected\n"},
	{"* 5 FETCH (BODY[HEADER\r\n", "FETCH 5\nERROR -11 server sent the end "
		"of the line where \"]\" was expected\n"},
	{"* 5 FETCH (BODY[] \"a\r\n", "FETCH 5\nERROR -11 the server ended a "
		"line inside a quoted string\n"},
	/* a literal that is shorter than announced swallows the next line */
	{"* 5 FETCH (BODY[] {9}\r\nabc)\r\n* 6 FETCH (UID 1)\r\n",
		"FETCH 5\nBODY all 9\nDATA abc)\\x0d\\x0a* 6\nBODY_END\n"
		"ERROR -11 server sent the end of the line where a FETCH item "
		"was expected\n"},
	{"* 5 FETCH (BODY[] {9223372036854775808}\r\n", "FETCH 5\nERROR -11 "
		"the server announced a literal of absurd size\n"},
	{"* 5 FETCH (BODY[] {99999999999999999999999999999}\r\n", "FETCH 5\n"
		"ERROR -11 the server announced a literal of absurd size\n"},
};

static const struct row other_rows[] = {
	{"* XFOO\r\n* XFOO bar (baz \"q)\" {4}\r\n\r\nx)) ]\r\n* 1 EXISTS\r\n",
		"EXISTS 1\n"},
	{"* XFOO don\"t ((( {\r\n* XFOO {3} x\r\n* XFOO a{3}\r\n\r\nz {2}\n\n\n"
		"\r\n* 1 EXISTS\r\n", "EXISTS 1\n"},
	{"* 5 XBAR {2}\r\n\"\" x\r\n* 5\r\n*\r\n* (a) \"b\r\n* \"OK\" x\r\n"
		"* 6 (x)\r\n* -1 EXISTS\r\n* 1x EXISTS\r\n* QUOTA \"\" (STORAGE "
		"10 512)\r\n* ID (\"name\" \"x\")\r\n* 1 EXISTS\r\n",
		"EXISTS 1\n"},
	{"* XFOO {18446744073709551616}\r\n", "ERROR -11 the server announced "
		"a literal of absurd size\n"},
	{"220 smtp.example ESMTP\r\n", "ERROR -11 server sent "
		"\"smtp.example\" where OK, NO or BAD was expected\n"},
	{"+OK POP3\r\n", "ERROR -11 server sent \"POP3\" where OK, NO or BAD "
		"was expected\n"},
	{"w1 BYE x\r\n", "ERROR -11 server sent \"BYE\" where OK, NO or BAD "
		"was expected\n"},
	{"w1\r\n", "ERROR -11 server sent the end of the line where OK, NO or "
		"BAD was expected\n"},
	{"(\r\n", "ERROR -11 server sent \"(\" where a response was "
		"expected\n"},
	{"\"x\" OK\r\n", "ERROR -11 server sent \"x\" where a response was "
		"expected\n"},
	{"w1 0123456789012345678901234567890123456789012345678901234567890123"
		"456789 x\r\n",
		"ERROR -11 server sent \"0123456789012345678901234567890123456"
		"78901234567890123456789...\" where OK, NO or BAD was "
		"expected\n"},
};

#define TABLE_TEST(name) \
	static void test_##name(void **state) \
	{ \
		(void)state; \
		expect_all(name##_rows, COUNT(name##_rows)); \
	}

TABLE_TEST(status)
TABLE_TEST(code)
TABLE_TEST(caps)
TABLE_TEST(list)
TABLE_TEST(mailbox)
TABLE_TEST(set)
TABLE_TEST(fetch)
TABLE_TEST(body)
TABLE_TEST(other)

/* All good transcripts one behind the other: no line leaves anything. */
static void
test_one_session(void **state)
{
	static const struct {
		const struct row *rows;
		size_t n;
	} tables[] = {{status_rows, COUNT(status_rows)},
		{code_rows, COUNT(code_rows)}, {caps_rows, COUNT(caps_rows)},
		{list_rows, COUNT(list_rows)}, {set_rows, COUNT(set_rows)},
		{fetch_rows, COUNT(fetch_rows)}, {body_rows, COUNT(body_rows)}};
	static char in[65536], want[65536];
	struct buf i, w;

	(void)state;
	BUF_INIT(&i, in);
	BUF_INIT(&w, want);
	for (size_t t = 0; t < COUNT(tables); t++) {
		for (size_t n = 0; n < tables[t].n; n++) {
			const struct row *row = &tables[t].rows[n];

			if (strstr(row->want, "ERROR") == NULL &&
				strcmp(row->in + strlen(row->in) -
					(row->in[0] != 0), "\n") == 0) {
				buf_str(&i, row->in);
				buf_str(&w, row->want);
			}
		}
	}
	assert_int_equal(i.err, ERR_OK);
	for (size_t step = 1; step < 40; step++) {
		struct span got = run(buf_get(&i), step, step);

		assert_int_equal(got.n, w.n);
		assert_memory_equal(got.p, want, w.n);
		assert_true(imap_resp_between(&resp));
	}
}

static void
test_between(void **state)
{
	static const char line[] = "* 1 FETCH (BODY[] {2}\r\nab UID 1)\r\n";

	(void)state;
	for (size_t n = 0; n < sizeof(line); n++) {
		(void)run((struct span){line, n}, n, 1);
		assert_int_equal(imap_resp_between(&resp),
			n == 0 || n == sizeof(line) - 1);
	}
}

static void
test_error_sticks(void **state)
{
	struct imap_event ev;
	size_t used = 9;

	(void)state;
	(void)run(SPAN("w1 FOO\r\n"), 8, 8);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(imap_resp_push(&resp, SPAN("* 1 EXISTS\r\n"),
			&used, &ev), ERR_PROTO);
		assert_int_equal(used, 0);
	}
	imap_resp_init(&resp);
	assert_int_equal(imap_resp_push(&resp, SPAN("* 1 EXISTS\r\n"), &used,
		&ev), ERR_OK);
}

/* head, n times c, tail: all that a test of a limit needs. */
static struct span
stretch(const char *head, char c, size_t n, const char *tail)
{
	static char in[16384];
	struct buf b;

	BUF_INIT(&b, in);
	buf_str(&b, head);
	for (size_t i = 0; i < n; i++) {
		buf_char(&b, c);
	}
	buf_str(&b, tail);
	assert_int_equal(b.err, ERR_OK);
	return buf_get(&b);
}

static void
expect_limit(const char *head, const char *tail, const char *kind)
{
	struct span got = run(stretch(head, 'x', CFG_TOKEN, tail), 7, 501);

	assert_true(span_find(got, 'E') < got.n); /* no silent nothing */
	if (strstr(kind, "literal") == NULL) {
		assert_false(span_starts(got, SPAN("ERROR")));
	}
	got = run(stretch(head, 'x', CFG_TOKEN + 1, tail), 7, 501);
	got_memory[got.n] = '\0';
	if (strstr(got_memory, "ERROR -9 CFG_TOKEN") == NULL) {
		fail_msg("%s of CFG_TOKEN + 1 gave %s", kind, got_memory);
	}
}

static void
test_token_limit(void **state)
{
	char head[64];

	(void)state;
	expect_limit("* LIST () \"/\" ", "\r\n* 1 EXISTS\r\n", "atom");
	expect_limit("* LIST () \"/\" \"", "\"\r\n* 1 EXISTS\r\n", "quoted");
	expect_limit("* STATUS ", " ()\r\n* 1 EXISTS\r\n", "status name");
	expect_limit("* NAMESPACE ((\"", "\" \"/\")) NIL NIL\r\n* 1 EXISTS\r\n",
		"prefix");
	expect_limit("* 1 FETCH (BODY[] \"", "\")\r\n", "quoted body");
	/* literals say their size before */
	snprintf(head, sizeof(head), "* LIST () \"/\" {%d}\r\n", CFG_TOKEN);
	assert_true(span_starts(run(stretch(head, 'x', CFG_TOKEN, "\r\n"), 9,
		100), SPAN("LIST 0 \"xxx")));
	snprintf(head, sizeof(head), "* LIST () \"/\" {%d}\r\n", CFG_TOKEN + 1);
	assert_true(span_starts(run(stretch(head, 'x', CFG_TOKEN + 1, "\r\n"),
		9, 100), SPAN("ERROR -9 CFG_TOKEN")));
}

static void
expect_long(const char *head, const char *tail, const char *want)
{
	struct span got = run(stretch(head, 'x', 10000, tail), 3, 777);

	if (!span_is(got, want)) {
		fail_msg("%s..%s gave %.*s", head, tail, (int)got.n, got.p);
	}
}

/* What is only looked up, or not looked at, has no limit. */
static void
test_no_limit(void **state)
{
	(void)state;
	expect_long("* FLAGS (\\Seen ", ")\r\n", "FLAGS 48\n");
	expect_long("* FLAGS (\"", "\" \\Seen)\r\n", "FLAGS 48\n");
	expect_long("* FLAGS ({10000}\r\n", " \\Seen)\r\n", "FLAGS 48\n");
	expect_long("* CAPABILITY IDLE ", " ID\r\n", "CAPABILITY 13 16\n");
	expect_long("* LIST (\\All \\", ") \"/\" a\r\n", "LIST 8 \"a\" sep /\n");
	expect_long("* LIST () \"/\" a (\"", "\")\r\n", "LIST 0 \"a\" sep /\n");
	expect_long("* XFOO (\"", "\r\n", "");
	expect_long("* X", "\r\n", "");
	expect_long("* 1 FETCH (", " 5 UID 3)\r\n",
		"FETCH 1\nFETCH_END 1 uid 3\n");
	expect_long("* 1 FETCH (A \"", "\" B {1}\r\nx UID 3)\r\n",
		"FETCH 1\nFETCH_END 1 uid 3\n");
	expect_long("w1 OK [", "] y\r\n", "TAGGED 1 OK code 1 \"y\"\n");
	expect_long("w1 OK [FOO ", "] y\r\n", "TAGGED 1 OK code 1 \"y\"\n");
	expect_long("", " OK y\r\n", "TAGGED 0 OK \"y\"\n");
	expect_long("* ESEARCH (TAG \"w1", "\") UID\r\n", "ESEARCH_END 0\n");
	expect_long("* STATUS a (", " 5 UNSEEN 1)\r\n", "MBOX \"a\" unseen 1\n");
}

static void
test_text_is_cut(void **state)
{
	const size_t most = IMAP_LEX_TEXT_MOST;
	struct span got;

	(void)state;
	got = run(stretch("* OK ", 'x', most, "\r\n"), 100, 100);
	assert_int_equal(got.n, strlen("STATUS OK \"\"\n") + most);
	got = run(stretch("* OK ", 'x', most + 1, "\r\n* 1 EXISTS\r\n"), 100,
		100);
	assert_int_equal(got.n, strlen("STATUS OK \"\"\nEXISTS 1\n") + most);
}

static void
test_depth(void **state)
{
	struct span got;
	static char tail[CFG_NESTING + 16];
	char want[100];

	(void)state;
	snprintf(want, sizeof(want), "FETCH 1\nERROR -9 CFG_NESTING: the server "
		"nested parentheses more than %d deep\n", CFG_NESTING);
	memset(tail, ')', CFG_NESTING);
	strcpy(tail + CFG_NESTING, " UID 1)\r\n");
	got = run(stretch("* 1 FETCH (X ", '(', CFG_NESTING, tail), 5, 5);
	assert_true(span_is(got, "FETCH 1\nFETCH_END 1 uid 1\n"));
	got = run(stretch("* 1 FETCH (X ", '(', CFG_NESTING + 1, tail), 5, 5);
	assert_true(span_is(got, want));
	/* a line that is not looked into is not counted */
	got = run(stretch("* XFOO ", '(', 10000, "\r\n* 1 EXISTS\r\n"), 5, 99);
	assert_true(span_is(got, "EXISTS 1\n"));
}

static void
count_events(struct events *e, const char *p, size_t n)
{
	assert_int_equal(events_feed(e, &resp, (struct span){p, n}),
		ERR_AGAIN);
}

static void
test_million_ranges(void **state)
{
	static const char *const heads[] = {"* VANISHED (EARLIER) ",
		"* ESEARCH (TAG \"w1\") UID ALL ", "w1 OK [COPYUID 5 ",
		"* SEARCH "};
	char part[64];

	(void)state;
	for (size_t h = 0; h < COUNT(heads); h++) {
		struct events e = {.quiet = true};
		unsigned ranges = h == 0 ? 1000000 : 100000;
		bool search = h == 3;

		imap_resp_init(&resp);
		count_events(&e, heads[h], strlen(heads[h]));
		for (unsigned i = 0; i < ranges; i++) {
			int n = snprintf(part, sizeof(part),
				search ? "%s%u" : "%s%u:%u", i == 0 ? "" :
				search ? " " : ",", i * 4 + 1, i * 4 + 2);

			count_events(&e, part, (size_t)n);
		}
		count_events(&e, "\r\n", 2);
		assert_int_equal(e.count, ranges + (h == 1) + (h == 2));
		assert_int_equal(resp.err, ERR_OK);
		assert_true(imap_resp_between(&resp));
	}
}

static void
test_large_literal(void **state)
{
	static char chunk[8191];
	static const char head[] = "* 1 FETCH (BODY[] {67108864}\r\n";
	struct events e = {.quiet = true};
	size_t left = 67108864;

	(void)state;
	memset(chunk, 'x', sizeof(chunk));
	imap_resp_init(&resp);
	count_events(&e, head, strlen(head));
	while (left > 0) {
		size_t n = left < sizeof(chunk) ? left : sizeof(chunk);

		count_events(&e, chunk, n);
		left -= n;
	}
	count_events(&e, " UID 1)\r\n", 9);
	assert_int_equal(e.data_bytes, 67108864);
	/* begin, begin, one per chunk, end, end */
	assert_int_equal(e.count, 4 + (67108864 + 8190) / 8191);
}

/* A data event points into what was pushed, and used says where it ends. */
static void
test_data_is_not_copied(void **state)
{
	struct span in = SPAN("* 1 FETCH (BODY[] {6}\r\nabc");
	struct imap_event ev;
	size_t used, at = 0;

	(void)state;
	imap_resp_init(&resp);
	do {
		assert_int_equal(imap_resp_push(&resp, span_from(in, at),
			&used, &ev), ERR_OK);
		at += used;
	} while (ev.kind != IMAP_EV_BODY_DATA);
	assert_int_equal(at, in.n);
	assert_ptr_equal(ev.data.p, in.p + in.n - 3);
	assert_int_equal(ev.data.n, 3);
	assert_int_equal(imap_resp_push(&resp, SPAN(""), &used, &ev),
		ERR_AGAIN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_code),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_mailbox),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_fetch),
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_other),
		cmocka_unit_test(test_one_session),
		cmocka_unit_test(test_between),
		cmocka_unit_test(test_error_sticks),
		cmocka_unit_test(test_token_limit),
		cmocka_unit_test(test_no_limit),
		cmocka_unit_test(test_text_is_cut),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_million_ranges),
		cmocka_unit_test(test_large_literal),
		cmocka_unit_test(test_data_is_not_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
