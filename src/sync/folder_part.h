/*
 * folder_part: what the files of the folder machine call of each other. Not
 * for anybody else. Every *_step returns ERR_OK (progress or phase change),
 * ERR_AGAIN (waits for the server) or an error that ends the folder.
 */
#ifndef WHERRY_SYNC_FOLDER_PART_H
#define WHERRY_SYNC_FOLDER_PART_H

#include "base/codec.h"
#include "base/le.h"
#include "base/log.h"
#include "base/poison.h"
#include "sync/folder.h"

#define NO_RECORD UINT32_MAX
#define FOLDER_COOKIE_UP 0xfffeu /* a listing or SELECT of the uploads */
#define FOLDER_COOKIE_CLOSING 0xfffdu /* SELECT or listing of folder_close.c */
#define FOLDER_COOKIE_FRESH 0xfffbu   /* bodies behind a listing */
#define FOLDER_UID_MAX 4294967295u

/* folder.c */
/* The arena has one user at a time; between them it is poisoned. */
void folder_arena_take(struct folder *f);
void folder_arena_drop(struct folder *f);
/* The table in order again, in the arena. */
enum err folder_sort_table(struct folder *f);
void folder_enter(struct folder *f, enum folder_phase phase);
void folder_message_failed(struct folder *f, uint32_t uid, const char *what);
/* Everything as before the beginning; and, the head being loaded, from where
 * a delta counts. */
void folder_clear(struct folder *f, struct imap_conn *conn,
	const struct folder_job *job);
void folder_base(struct folder *f);

/* folder_events.c: pulls all events that are there, ERR_AGAIN if there was
 * none. While f->draining nobody gets them. */
enum err folder_events(struct folder *f);

/* folder_ahead.c: the mailbox of another folder is selected, and this one has
 * something to send. It lets its own answers come, then those of the others,
 * and selects its mailbox again. */
enum {
	FOLDER_BACK_NONE,
	FOLDER_BACK_OWN,
	FOLDER_BACK_OTHERS,
	FOLDER_BACK_SELECT,
	FOLDER_BACK_KNOWN /* it is the same mailbox */
};
/* At the end of folder_begin(), which came to e. */
enum err folder_ahead_begun(struct folder *f, enum err e);
bool folder_ahead_back(const struct folder *f); /* on its way back */
enum err folder_ahead_step(struct folder *f);
enum err folder_ahead_event(struct folder *f, const struct imap_event *ev);

/* Whose a folder's state is: MD5 of server, user and mailbox. */
void folder_identity(const struct folder_job *job, struct span remote,
	uint8_t out[16]);

/* folder_select.c: SELECT, UIDVALIDITY */
enum err folder_select_begin(struct folder *f);
enum err folder_select_step(struct folder *f);
void folder_select_event(struct folder *f, const struct imap_event *ev);
/* "SELECT x" or "EXAMINE x" with what the server knows behind it: since > 0
 * asks what changed after it (QRESYNC), below UID `below` (0: all). */
enum err folder_select_send(struct folder *f, uint32_t cookie, uint64_t since,
	uint32_t below);
bool folder_has_qresync(const struct folder *f);

/* folder_list.c: what the server has, in windows or as a delta */
void folder_list_begin(struct folder *f);
enum err folder_list_pump(struct folder *f); /* sends further windows */
enum err folder_list_event(struct folder *f, const struct imap_event *ev);
void folder_listed_enc(const struct listed *s, uint8_t out[LISTED_REC]);
void folder_listed_dec(struct listed *out, const uint8_t in[LISTED_REC]);
/* Next listed message (or range) in UID order: ERR_OK, ERR_END, ERR_AGAIN. */
enum err folder_list_next(struct folder *f, struct listed *out);
/* Of a UID that was not listed although its record says that the server has
 * it: is that still so? */
bool folder_list_implied(const struct folder *f, uint32_t uid);
enum err folder_list_send(struct folder *f, uint32_t lo, uint32_t hi,
	uint32_t cookie, uint64_t since, bool size, uint64_t expect);
void folder_list_end(struct folder *f);
/* "UID FETCH lo:hi", of a command that has no longer line than this. */
#define FOLDER_FETCH_LINE 128
void folder_fetch_range(struct folder *f, uint32_t lo, uint32_t hi);
/* UIDs that are gone (QRESYNC), or that are there (a search), as one record. */
enum err folder_list_range(struct folder *f, uint32_t lo, uint32_t hi);

/* folder_ranges.c (CFG_SEARCH_GAPS): counts before it searches. Step: ERR_AGAIN
 * while it counts, ERR_OK when the search is to be sent, of folder_ranges_set()
 * if list.ranges is not 0. End: what needs no search is there. */
enum err folder_ranges_step(struct folder *f);
void folder_ranges_event(struct folder *f, const struct imap_event *ev);
void folder_ranges_set(struct folder *f);
enum err folder_ranges_end(struct folder *f);

/* folder_local.c: scan of the Maildir, names */
void folder_spills_begin(struct folder *f);
void folder_spills_end(struct folder *f);
enum err folder_scan_begin(struct folder *f);
enum err folder_scan_start(struct folder *f);
enum err folder_scan_step(struct folder *f);
void folder_local_end(struct folder *f);
enum err folder_local_next(struct folder *f, struct local *out);
/* The file name of l. */
enum err folder_local_name(struct folder *f, const struct local *l,
	struct buf *out);
/* The file that a record tells; with `look` where it is, ERR_NOENT if it has
 * another name, or the record tells none. */
enum err folder_local_recorded(struct folder *f, const struct rec *r,
	bool look, struct local *out);
/* A file of a name that we give, which may never have reached the disk: *cut if
 * it is empty, or lost its end and has fewer than `least` bytes (as sent). It
 * is out of the way then: what there is of it has a name that nobody reads. */
enum err folder_local_cut(struct folder *f, const struct local *l,
	uint32_t least, bool *cut);
void folder_local_enc(const struct local *l, uint8_t out[LOCAL_REC]);
void folder_local_dec(struct local *l, const uint8_t in[LOCAL_REC]);
/* l from a file name; may add to the name spill. */
enum err folder_local_parse(struct folder *f, enum maildir_where where,
	const char *name, const struct maildir_name *n, struct local *out);
/* The base name fields of a record from those of a file, and back. */
enum err folder_name_to_rec(struct folder *f, const struct local *l,
	struct rec_name *out);
bool folder_same_name(struct folder *f, const struct local *l,
	const struct rec *r);
/* Gives l the flags wanted (five bits); renames the file at once. */
enum err folder_reflag(struct folder *f, struct local *l, uint32_t flags);
/* Takes the UID out of the name of l; fresh name (CFG_NAME) in out. */
enum err folder_strip(struct folder *f, const struct local *l, char *out);
/* Finds the file whose stem is that of `name`, wherever its flags moved it. */
enum err folder_find_stem(struct folder *f, const char *name,
	enum maildir_where *where, char *found);
enum err folder_add_fresh(struct folder *f, enum maildir_where where,
	const char *name);

/* folder_stamp.c: when the scan may be left out */
void folder_stamp_begin(struct folder *f); /* before the scan */
/* The boot that h is of from now on; its stamps are not, if that changes. */
void folder_stamp_boot(const struct folder *f, struct head *h);
/* Not after all: scans now, and the join goes on where it is. */
enum err folder_stamp_late(struct folder *f);
/* What the join finds, and what becomes of flags: files as the records? */
void folder_stamp_case(struct folder *f, const struct plan_case *c,
	enum plan_act act);
void folder_stamp_flags(struct folder *f, uint32_t file, uint32_t rec);
/* At the end: the stamps into the head, if they may be believed. ERR_AGAIN
 * while it waits for the grain of their times. */
enum err folder_stamp_close(struct folder *f);

/* folder_join.c */
enum err folder_join_begin(struct folder *f);
enum err folder_join_step(struct folder *f);
/* The join is through, and nothing but what it started is to be sent. */
bool folder_join_ends(const struct folder *f);
/* Brings the flags of a known or adopted message together (plan p). */
enum err folder_agree(struct folder *f, const struct plan *p, struct local *l,
	const struct rec *t, const struct listed *s, uint32_t recno);

/* folder_join_pick.c: the next file into f->l; all files of one UID, the one
 * that counts in *out. */
enum err folder_join_pick_next(struct folder *f);
enum err folder_join_pick(struct folder *f, uint32_t uid, const struct rec *t,
	struct local *out, bool *has);
/* A name that wherry gives, under this UIDVALIDITY. */
bool folder_join_pick_own(const struct local *l);

/* folder_doom.c: what follows from an absence: acted on last, and only when
 * the listing is known to be complete. */
enum doom { DOOM_REMOTE = 1, DOOM_LOCAL, DOOM_NEW, DOOM_FORGET };
struct doomed {
	enum doom what;
	uint32_t uid, recno;
	struct local l;
};
#define DOOMED_REC (12u + LOCAL_REC)
void folder_doomed_dec(struct doomed *d, const uint8_t *p);
/* Notes and counts it; nothing is done. l may be NULL for a message that has
 * no file. */
enum err folder_doom(struct folder *f, enum doom what, uint32_t uid,
	uint32_t recno, const struct local *l);
/* The listing is complete: what it lacks is really not there. Does what is to
 * be done at once: FORGET, unless too many files would go too, and NEW. */
enum err folder_doom_settle(struct folder *f);

/* folder_proof.c: adoption by header keys */
enum err folder_proof_add(struct folder *f, const struct listed *s,
	const struct local *l, const struct rec *t, uint32_t recno);
enum err folder_proof_step(struct folder *f);
enum err folder_proof_event(struct folder *f, const struct imap_event *ev);
/* Header key and size (as sent: CRLF) of a file; what is not asked for is
 * NULL, and without the size only the header is read. */
enum err folder_measure(struct folder *f, enum maildir_where where,
	const char *name, struct sync_key *key, uint64_t *size, bool *has_nul,
	int64_t *mtime);

/* folder_close.c: the status that both sides agree on */
/* Asks behind everything else what the mailbox is after our own changes. */
enum err folder_closing_send(struct folder *f);
/* The same, if nothing else is going to be sent; what does not fit is sent
 * later. */
void folder_closing_early(struct folder *f);
enum err folder_closing_event(struct folder *f, const struct imap_event *ev);
void folder_closing_end(struct folder *f);
bool folder_closing_asked(const struct folder *f); /* all of it was sent */
/* *same: records and server are the same now, and f->head says how. ERR_AGAIN
 * until that is known. */
enum err folder_closing_step(struct folder *f, bool *same);

/* folder_pend.c: results, durability, records */
bool folder_pend_full(const struct folder *f);
struct pend *folder_pend_add(struct folder *f, enum pend_what what,
	uint32_t uid, uint32_t recno);
/* One flush: what was acted becomes durable, then records; downloaded files
 * get their names. final: everything. */
enum err folder_flush(struct folder *f, bool final);
/* The records, as the run leaves them; durable with fsync = always. */
enum err folder_settle(struct folder *f);
uint32_t folder_syncfs_from(const struct folder *f);
bool folder_always(const struct folder *f);
enum err folder_record(struct folder *f, uint32_t recno, const struct rec *r);
/* The head before the first record. */
enum err folder_head_begin(struct folder *f);
/* What the records say of the server (there, unseen, wanted): one more, one
 * less. */
void folder_count(struct folder *f, const struct rec *r, int by);
#define FOLDER_TMP "wherry." /* begins our names in tmp/ */
#define FOLDER_TMP_NAME 96
void folder_tmp_name(uint32_t tmp, struct buf *out);
void folder_tmp_clean(struct folder *f);

/* One flush for what was spilled; then records of what the server took. */
enum err folder_store_records(struct folder *f);

/* folder_store.c: STORE of flag changes. Add: one of the server's, with the
 * record that it becomes. */
enum err folder_store_add(struct folder *f, const struct pend *p);
void folder_store_begin(struct folder *f);
/* The next one that was added, ERR_END behind the last; first spill_rewind(). */
enum err folder_store_next(struct folder *f, struct pend *p);
void folder_store_end(struct folder *f);
/* The server said no to it. */
bool folder_store_failed(const struct folder *f, const struct pend *p);
enum err folder_store_step(struct folder *f);
enum err folder_store_event(struct folder *f, const struct imap_event *ev);

/* folder_body.c: a literal on its way to tmp/ or into a key. What is to be
 * written gathers at the begin of the arena, also in the join of a folder that
 * is new here: the sorter of its files gets what is behind. */
#define FOLDER_BODY_OUT 8192u
enum err folder_body_event(struct folder *f, const struct imap_event *ev);
void folder_body_drop(struct folder *f);
void folder_body_write(struct folder *f); /* what gathered, to the file */
void folder_body_name(const struct folder *f, struct buf *out);
/* The file in tmp/ is complete: its date, its durability. On an error it is
 * still the body under way. */
enum err folder_body_complete(struct folder *f,
	const struct imap_fetch *fetch);

/* folder_resume.c: a message that was cut off goes on where it ended */
void folder_resume_name(const struct folder *f, const struct part *p,
	struct buf *out);
/* A name in tmp/; true: it is one to go on with, and f->part. */
bool folder_resume_found(struct folder *f, const char *name);
void folder_resume_forget(struct folder *f); /* removes f->part */
/* The answer that begins inside the message: body.bad if it does not fit. */
enum err folder_resume_open(struct folder *f, const struct imap_event *ev);
/* Is enough there of the message under way to be kept? */
bool folder_resume_worth(const struct folder *f);
enum err folder_resume_save(struct folder *f);
void folder_resume_step(struct folder *f); /* saves now and then */
void folder_resume_keep(struct folder *f); /* the folder ends */

/* folder_fresh.c: bodies of few new messages, in the listing's flight */
enum err folder_fresh_send(struct folder *f);
void folder_fresh_arrived(struct folder *f, const struct imap_fetch *fetch);
/* Those that are WANTED since the join began have arrived (*taken; no record
 * below *lowest is theirs), the others are removed. */
enum err folder_fresh_take(struct folder *f, uint32_t *taken, uint32_t *lowest);
void folder_fresh_end(struct folder *f); /* removes what was not taken */

/* folder_down.c */
/* The message of this record lies in tmp/, as b says. */
enum err folder_down_arrived(struct folder *f, uint32_t recno, uint32_t flags,
	const struct fresh_body *b);
enum err folder_down_step(struct folder *f);
bool folder_down_last(const struct folder *f); /* no further set is to be sent */
enum err folder_down_event(struct folder *f, const struct imap_event *ev);

/* folder_place.c: files of a group get their UIDs; they become records */
enum err folder_place_all(struct folder *f);
enum err folder_place_record(struct folder *f);
enum err folder_place_end(struct folder *f);

/* folder_append.c: the uploads that are READY leave; ERR_END: all have */
enum err folder_append_step(struct folder *f);
/* UIDs of an answer to APPEND, and that answer. */
void folder_append_event(struct folder *f, const struct imap_event *ev);
enum err folder_append_done(struct folder *f, const struct imap_event *ev);

/* folder_move.c: uploads that are READY and were moved here from another
 * folder are copied on the server; ERR_END: this one is selected again. */
enum err folder_move_step(struct folder *f);
/* After a crash: the agreed flags of those, by the records of the folder that
 * they came from. */
void folder_move_recovered(struct folder *f);
/* While f->move.away all events are its own. */
enum err folder_move_event(struct folder *f, const struct imap_event *ev);

/* folder_up.c, folder_recover.c */
/* From here on the server may have the group even if the line breaks. */
void folder_up_sent(struct folder *f);
/* This message is that upload, and is there. */
void folder_up_seen(struct upload *u, const struct imap_fetch *fetch);
/* Is it the UID of another message: recorded, of a file, of the group? */
bool folder_up_taken(struct folder *f, uint32_t uid);
/* The server lists this message. */
void folder_up_listed(struct folder *f, const struct imap_fetch *fetch);
enum err folder_up_intent(struct folder *f, const struct upload *u,
	struct intent *out);
enum err folder_up_step(struct folder *f);
enum err folder_up_event(struct folder *f, const struct imap_event *ev);
enum err folder_up_resume(struct folder *f);
/* Asks for what is there from u0 on, with header keys or without. */
enum err folder_recover_ask(struct folder *f, bool keys);
bool folder_recorded(struct folder *f, uint32_t uid);
enum err folder_recover_begin(struct folder *f);
enum err folder_recover_step(struct folder *f);
enum err folder_recover_event(struct folder *f, const struct imap_event *ev);

/* folder_delete.c */
enum err folder_delete_step(struct folder *f);
enum err folder_delete_event(struct folder *f, const struct imap_event *ev);

#endif
