/*
 * maildir_name: file names in a Maildir, as OfflineIMAP writes and reads them:
 *
 *   <base>,U=<uid>,FMD5=<md5 hex of the folder's name>:2,<flags>
 *
 * Pure. A name is split without copying; it can be built again to the same
 * bytes. Flag letters are bits: D F R S T and a to z; other letters make
 * `foreign_info` true, and then the info part is kept as it is except for the
 * letters that change.
 */
#ifndef WHERRY_MAILDIR_MAILDIR_NAME_H
#define WHERRY_MAILDIR_MAILDIR_NAME_H

#include "base/buf.h"

/* Same order and value as IMAP_FLAG_*: \Deleted T, \Draft D, \Flagged F,
 * \Answered R, \Seen S. Letters a..z are bits 5..30. */
enum {
	MAILDIR_T = 1, MAILDIR_D = 2, MAILDIR_F = 4, MAILDIR_R = 8,
	MAILDIR_S = 16
};
#define MAILDIR_FLAGS_SYSTEM 31u
#define MAILDIR_LETTER(c) ((uint32_t)1 << (5 + (c) - 'a'))

struct maildir_name {
	struct span stem;  /* all before the info separator, or the whole name */
	struct span base;  /* stem without ",U=..,FMD5=.." if it ends in exactly
			    * that, else the whole stem */
	struct span info;  /* after the separator: "2,RS"; n = 0 if none */
	char infosep;	   /* that of this name, 0 none: the folder's, or where
			    * that is not there ':' or '!' */
	uint32_t uid;	   /* first ",U=<n>" in the stem; 0 if none or not a UID */
	bool has_fmd5;	   /* some ",FMD5=<32 hex>" is there */
	bool ours;	   /* uid != 0 and ",FMD5=<fmd5>" is this folder's */
	bool plain_stem;   /* stem is exactly base ",U=<uid>,FMD5=<32 hex>" */
	uint32_t flags;	   /* bits of the letters after "2," */
	bool foreign_info; /* info has letters that are no bits, is not "2,...",
			    * or its letters are not sorted and unique */
};

/* fmd5: 32 lower-case hex digits of this folder. infosep: the separator that
 * this folder uses (':' as a rule). Never fails: what is not understood is a
 * new message with no flags. */
void maildir_name_parse(struct maildir_name *n, struct span file,
	const char *fmd5, char infosep);
/* base ",U=" uid ",FMD5=" fmd5 sep "2," letters in ASCII order. */
void maildir_name_build(struct buf *out, struct span base, uint32_t uid,
	const char *fmd5, char infosep, uint32_t flags);
/* The same file with other flags: stem kept, letters that are no bits kept in
 * place, everything after the letters kept. */
void maildir_name_reflag(struct buf *out, const struct maildir_name *n,
	char infosep, uint32_t flags);
/* The stem without ",U=.." and ",FMD5=.." (other fields kept), with the old
 * info: the name of a message that is new to the server. */
void maildir_name_strip(struct buf *out, const struct maildir_name *n);

/*
 * A base name in 12 bytes, where it has one of the two common shapes and
 * building it gives the same bytes again.
 */
enum maildir_kind {
	MAILDIR_OWN,   /* <time>_<seq>.<uidvalidity>.<host>; pid 0 */
	MAILDIR_OIMAP, /* <time>_<seq>.<pid>.<host> */
	MAILDIR_OTHER  /* none of these: kept as text elsewhere */
};
struct maildir_base {
	enum maildir_kind kind;
	uint32_t time, seq, pid; /* pid < 2^22; MAILDIR_OWN: uidvalidity here */
	struct span host;
};
/* A name is MAILDIR_OWN only if its third number is `uidvalidity` (0: never),
 * since the two shapes look alike; else MAILDIR_OIMAP if the pid fits. */
void maildir_base_parse(struct maildir_base *b, struct span base,
	uint32_t uidvalidity);
void maildir_base_build(struct buf *out, const struct maildir_base *b);

#endif
