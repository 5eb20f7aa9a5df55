/*
 * folder: one folder brought together, as a machine that is stepped: server
 * listing, local files and records are three streams sorted by UID; their
 * join becomes actions; everything passes through the buffers below.
 *
 * Order of a run (enum folder_phase): SELECT with the listing behind it; what
 * a crashed upload left (journal); scan of the Maildir; join (records of new
 * messages, flags, candidates for deletion); downloads; uploads; deletions,
 * last and only after a second look; head. A record is written after what it
 * says is durable (folder_pend.c).
 *
 * Blocking only on the disk, in bounded pieces. Errors that end the folder
 * are returned; those of a message are counted and logged.
 */
#ifndef WHERRY_SYNC_FOLDER_H
#define WHERRY_SYNC_FOLDER_H

#include "config.h"
#include "imap/imap_conn.h"
#include "maildir/maildir.h"
#include "store/head.h"
#include "store/heap.h"
#include "store/journal.h"
#include "store/sort.h"
#include "store/spill.h"
#include "store/table.h"
#include "sync/sync_key.h"
#include "sync/sync_plan.h"

enum folder_durability { FOLDER_ALWAYS, FOLDER_BATCH, FOLDER_OFF };

/* What to bring together; strings stay the caller's. */
struct folder_job {
	struct span remote;  /* mailbox name, as the server writes it */
	const char *dir;     /* path of the Maildir below root */
	struct span visible; /* its name as it goes into FMD5 */
	const char *title;   /* for people: escaped UTF-8 */
	const char *host, *user, *hostname;
	fs_fd root, state; /* Maildir root; directory of this folder's state */
	fs_fd states; /* of the states of all folders of the account */
	bool later; /* other folders may have got files of this one: what is
		     * to be deleted on the server waits for them (stats.later) */
	bool has_remote, has_local; /* else it is made, if that is allowed */
	bool fresh; /* state was made just now: it holds nothing */
	bool perhaps; /* a CREATE before was not answered: NO is no matter */
	bool local_readonly, remote_readonly;
	bool push_deletes, pull_deletes, expunge;
	bool trust_mtime; /* stamps of any file system are believed */
	bool dry_run;
	char infosep;
	enum folder_durability durability;
	uint32_t known_validity; /* OfflineIMAP's FolderValidity, 0 none */
	uint32_t uidnext;	 /* of a STATUS in this run, 0 not known */
	uint32_t count; /* of one, messages and 1; 0 not known */
	uint32_t blind; /* of them may be asked for before it is opened */
	/* So often all is listed, whatever a delta says; and where there is no
	 * HIGHESTMODSEQ, which would tell changes of flags. */
	uint32_t audit_s, flag_check_s;
	bool quiet; /* nothing is going to be sent behind the listing */
};

struct folder_stats {
	uint32_t down, up, flags_local, flags_remote;
	uint32_t del_local, del_remote, adopted, failed;
	uint64_t down_bytes, up_bytes;
	uint32_t down_todo, up_todo; /* of this folder */
	uint32_t waiting; /* uploads that may still be arriving: next run */
	uint32_t guarded; /* deletions that the brake refused */
	uint32_t copied;  /* of up: copied on the server, and not sent */
	uint32_t later;   /* deletions there that wait for other folders */
	uint32_t kept;    /* parts of messages, longer than what was kept */
};

enum folder_phase {
	FOLDER_IDLE,
	FOLDER_SELECT,
	FOLDER_RECOVER,
	FOLDER_SCAN,
	FOLDER_JOIN,
	FOLDER_STORE, /* flag changes for the server, at the end of the join */
	FOLDER_PROOF, /* drains adoptions inside the join */
	FOLDER_DOWN,
	FOLDER_UP,
	FOLDER_DELETE,
	FOLDER_CLOSE,
	FOLDER_DONE
};

/* One local file as a sort record. */
#define LOCAL_REC 24u
enum { LOCAL_WHOLE = 1, LOCAL_FOREIGN = 2, LOCAL_RECORDED = 4 };
struct local {
	uint32_t uid, flags;
	struct rec_name name; /* LOCAL_WHOLE: kept in the name spill */
	uint8_t where, bits;  /* LOCAL_RECORDED: not seen, a record says so */
};

/* One listed message as a sort record; or, in a delta, with hi > 0 a range of
 * UIDs that are gone (QRESYNC) or there (a search). */
#define LISTED_REC 12u
struct listed {
	uint32_t uid, flags, size, hi;
};

/* How the server tells what it has (folder_list.c). */
enum list_kind {
	LIST_WINDOWS,  /* every message */
	LIST_QRESYNC,  /* what changed or vanished since the base; what is new */
	LIST_CONDSTORE /* what changed, what is new; the others are counted */
};

/* The mailbox at one moment, as SELECT tells it. */
struct folder_status {
	uint32_t uidvalidity, uidnext, messages; /* uidnext 0: not told */
	uint64_t modseq; /* 0: none for this folder */
};

/* A result that waits for a flush (and for the server) to become a record. */
enum pend_what {
	PEND_FREE,
	PEND_FLAGS,
	PEND_DOWN,
	PEND_UP,
	PEND_GONE,
	PEND_LEFT /* deleted here, left \\Deleted on the server */
};
enum pend_stage {
	PEND_UNSENT, /* file still in tmp/ */
	PEND_ACTED   /* done, not durable */
};
struct pend {
	uint32_t uid, recno; /* recno UINT32_MAX: append */
	uint32_t flags, size, tmp;
	uint64_t mkey;
	int64_t date;
	struct rec_name name;
	uint8_t what, stage, add, del, synced;
};

/* A file on its way to the server; its name is in its intent. */
struct upload {
	uint64_t mkey;
	uint32_t at; /* of its intent in the journal */
	uint32_t size, uid;
	uint16_t first; /* the upload that began its APPEND */
	uint16_t limit; /* messages of the APPEND that takes it */
	uint8_t state, flags;
	bool copied; /* on the server; flags are those it had there */
};
enum upload_state {
	UPLOAD_READY,  /* its intent is durable */
	UPLOAD_COPY,   /* to be copied on the server: uid is that of the other
			* folder, until its COPY is answered */
	UPLOAD_SENT,
	UPLOAD_STORED, /* perhaps; UID not known, or was told and is in doubt */
	UPLOAD_REFUSED, /* as one of several: looked for, then sent again */
	UPLOAD_KNOWN,  /* UID known */
	UPLOAD_SEEN,   /* and the server lists it */
	UPLOAD_FAILED
};

/* A file that may be a message of the server: proof by header key. */
#define FOLDER_PROOFS (CFG_UPLOADS / 4 + 4)
struct proof {
	struct listed s;
	struct local l;
	struct rec t;
	uint32_t recno;
	bool has_t, got;
	uint64_t key;
};

/* A message that came with the listing, whole in tmp/ (folder_fresh.c). */
#define FOLDER_FRESH (CFG_FRESH > 0 ? CFG_FRESH : 1)
struct fresh_body {
	uint64_t mkey, bytes;
	int64_t date;
	uint32_t uid, tmp;
	bool synced; /* its data are durable */
};
/* What has come of a message that was cut off (folder_resume.c). */
struct part {
	uint32_t uid; /* 0: none */
	uint64_t have, bytes, size;
};
/* A download set on its way: the records [lo, hi) that are WANTED. What has
 * come of it is below next, and is PRESENT or in the ring of results. */
struct want_set {
	uint32_t lo, hi, next, left;
	uint64_t bytes;
	int64_t sent_ms;
	bool busy, part; /* part: of one message, the rest */
};
#define FOLDER_SETS (CFG_INFLIGHT / 2)
/* UIDs that a set asks for; as many ranges as its line holds for certain. */
struct want_range {
	uint32_t lo, hi;
};
#define FOLDER_RANGES (CFG_SET_MESSAGES < (CFG_CMD_LINE - 192) / 22 \
	? CFG_SET_MESSAGES : (CFG_CMD_LINE - 192) / 22)

struct folder {
	struct imap_conn *conn;
	const struct folder_job *job;
	enum folder_phase phase;
	enum err err;
	bool stopping, incomplete, dirty, draining;
	uint32_t pass;
	int64_t now_ms;
	/* A delta did not add up: everything is listed instead. */
	bool distrust;
	/* Since SELECT: the mailbox changed under us, or we changed it. */
	bool moved, touched;
	/* A change of the server was not taken over: the status that both
	 * sides agreed on stays the one before. */
	bool left;
	bool agreed; /* it was written, or is what it was */
	bool unproved; /* a file was not compared with its message */
	bool retry;  /* SELECT again: what it was asked with is not known */
	uint8_t back; /* on its way back to its mailbox (folder_ahead.c) */
	/* of the join */
	bool have_s, have_l, have_t, end_s, end_l, end_t;
	bool local_sorting, scan_open;

	/* what SELECT said */
	uint32_t uidvalidity, uidnext, exists, permanent;
	uint32_t opened; /* messages; exists follows what is told later */
	uint64_t modseq;
	struct folder_status base; /* from where a delta counts; uidnext 0 none */
	bool has_uidnext, has_permanent, read_only, select_done, grown, told_flags;
	struct plan_policy policy;

	struct {
		uint32_t n;    /* uploads of the group */
		uint32_t next; /* under way, or the next one */
		uint32_t last; /* behind those of the open APPEND */
		uint32_t told; /* UIDs of the answer that is being read */
		uint32_t busy, used_n;
		uint32_t u0;   /* UIDNEXT before the first of the group */
		uint32_t upto; /* last UID that was asked for by itself */
		uint64_t left; /* to be sent of the file */
		uint64_t at;   /* where the recovery reads the journal */
		bool eof;      /* no more files are taken */
		bool full;     /* nor those of the group: over quota */
		bool open, sending, waiting; /* APPEND, literal, for "+" */
		bool sent, asked; /* any APPEND; for keys */
		bool doubt; /* one of the UIDs is not that message's */
		bool hold, recovering;
		bool keep; /* the journal: a file of it was not found */
		bool differ; /* a file that was copied has other flags */
		fs_fd fd;
		bool cr;
		int step; /* enum in folder_up.c */
	} up;

	/* its places */
	struct maildir box;
	struct journal journal;
	bool box_open, state_open, table_touched;
	bool sync_each; /* every file by itself, not by syncfs */
	bool sync_few;	/* the same of what is being fetched: too few for it */
	bool sync_start; /* the same at the end of a batch: syncfs is slow */
	uint8_t boot_id[16];
	bool boot_known;
	bool doubt;	/* files may have been lost in a power cut (fsync = off) */
	bool foreign;	/* stamps are of another machine's clock, or unknown */
	bool host_known; /* host: the heap's number for the names we give */
	uint8_t host;

	/* results */
	uint32_t pend_n, pend_new; /* in the ring; of them since the last flush */
	uint64_t pend_bytes;
	struct { /* folder_store.c: those that the server has yet to take */
		bool begun, held, reading;
		uint32_t change; /* to send; enum there */
		uint32_t busy;
		/* By what is to be done, add and take away: sets of masks. */
		uint32_t used[2], failed[2];
		struct pend next; /* was read, and is in no command yet */
		struct spill spill; /* begun: its buffer is half of the ring */
	} store;

	/* one message body or header under way */
	struct {
		fs_fd fd;
		uint32_t tmp;
		bool open, bad, cr, is_key;
		bool early; /* with the listing */
		uint8_t *out; /* what is to be written gathers there */
		size_t out_max;
		uint32_t uid; /* if it was told before the body, else 0 */
		uint64_t bytes, size; /* of the literal: came, all */
		uint64_t file_n;      /* written to the file */
		struct part kept;     /* in its name; uid 0: a number */
		struct sync_key key;
		enum err err;
		size_t out_n;
	} body;
	uint32_t tmp_seq;
	struct part part; /* found in tmp/, to go on with; uid 0: no more */
	struct { /* folder_fresh.c */
		uint32_t n, lo; /* fresh_bodies; first UID asked for, 0 none */
		uint32_t most;	/* UIDs from there on that may be answered */
		bool busy;	/* not yet answered */
		bool whole;	/* all that the server has was asked for */
		bool blind;	/* of a folder that is new here */
	} early;

	struct {
		uint32_t at;	/* record to look at next, downwards */
		uint32_t left;	/* WANTED records not yet asked for */
		uint32_t next;	/* record that is expected to come next */
		uint32_t missed; /* were asked for, and did not come */
		uint32_t resumed; /* UID that was asked for as a part */
		uint32_t busy;	  /* sets in flight, and their bytes */
		uint64_t flying;
		uint32_t asked_n; /* messages of all sets, and their bytes */
		uint64_t asked;
		bool begun;
		bool alone; /* what was missed, one by one */
		bool pause; /* by the owner: no further set is sent */
	} down;

	struct { /* folder_move.c */
		bool away; /* another mailbox is selected, or is to be */
		bool bad;  /* an answer that is not believed */
		uint32_t from, to;  /* UIDs of the answer that is being read */
		uint32_t at;	    /* upload that is looked at next */
		uint32_t is, want;  /* UIDVALIDITY of what was selected */
		uint32_t busy;	    /* unanswered, but for the last SELECT */
		int step;	    /* enum there */
		char last[32];	    /* FMD5 that was looked for last */
	} move;

	struct {
		uint32_t n;	/* doomed in hand, see folder_delete.c */
		uint32_t busy, refused;
		uint32_t looks; /* at stamps that were too young still */
		int step;
		bool others, expunge, moved, expunged;
		int64_t wait_ms; /* until stamps can be trusted; 0 none */
	} del;

	struct {
		uint32_t n;
		bool sent, done;
	} proof;

	/* join */
	struct maildir_scan scan;
	struct spill names, fresh, doomed;
	struct table_reader reader;
	struct listed s;
	struct local l;
	struct rec t;
	uint32_t t_recno, join_records;
	uint32_t last_s;   /* last message of the listing */
	uint32_t cover_hi; /* ranges of a delta reach so far */
	uint32_t doomed_local, doomed_remote, alive, forgotten, renewed;
	/* What the server has, as the records say it: kept by folder_record */
	uint32_t there, unseen, wanted;

	struct {
		struct maildir_stamp first; /* before the scan */
		bool usable, first_old; /* of this folder; past its grain */
		bool recorded; /* no scan: the files are as recorded */
		bool differs;  /* a file will not be as its record says */
		uint32_t late; /* the scan came when the join was there */
		uint32_t up;   /* uploads before this pass */
		int64_t patience, wait_ms;
	} stamp;

	/* listing: closed windows in memory, the open one through a sort */
	struct {
		uint32_t next_rec;  /* first record of the next window */
		uint32_t next_lo;
		uint32_t head, count; /* ring of win[] */
		uint32_t open_lo;
		bool open_sent, open_done, open_sorted, full;
		uint32_t seen;	    /* distinct messages joined */
		enum list_kind kind;
		/* of a delta */
		bool changed_sent, changed_done;
		bool searched, search_sent, search_done;
		bool cut; /* see folder_ranges.c */
		uint32_t ranges, counting, uncounted;
		uint32_t fresh;	    /* from the base's uidnext on */
		uint32_t exists;    /* when all of it was there */
		uint32_t run_lo, run_hi; /* of a search, not yet put */
		bool sorting;
		struct {
			uint32_t lo, hi, n, at;
			bool done, sorted;
		} win[CFG_WINDOWS];
		struct sort open;
	} list;

	struct { /* folder_close.c */
		struct folder_status is;
		uint32_t step, busy; /* enum there; unanswered */
		bool open, failed, sorting;
		struct sort sort;
	} closing;

	/* What is large comes last, here as in what it is made of: code is
	 * shorter where the members that it names are near the begin. */
	struct folder_stats stats;
	struct head head, old_head;
	char fmd5[33];
	struct sort local_sort;
	struct table table;
	struct heap heap;

	/* buffers: first those that every first sync fills, so that few pages
	 * of a lane are touched in one */
	union {
		struct want_set sets[FOLDER_SETS];
		uint8_t open_arena[CFG_WINDOW * LISTED_REC]; /* before */
	};
	struct pend pend[CFG_RING];
	uint8_t table_buf[CFG_FILE_BUF / TABLE_REC * TABLE_REC];
	char walk_buf[CFG_FILE_BUF];
	_Alignas(uint64_t) uint8_t arena[CFG_SORT_ARENA];
	/* or ranges of a search */
	_Alignas(uint32_t) uint8_t windows[CFG_WINDOWS]
		[CFG_WINDOW * LISTED_REC];
	union {
		struct want_range ranges[FOLDER_RANGES];
		struct fresh_body fresh_bodies[FOLDER_FRESH]; /* before */
	};
	union {
		struct upload uploads[CFG_UPLOADS];
		struct proof proofs[FOLDER_PROOFS]; /* in the join */
	};
	uint32_t used[CFG_UPLOADS];
	uint8_t early_out[CFG_FRESH > 0 ? CFG_FILE_BUF * 3 / 2 : 1];
	uint8_t names_buf[CFG_FILE_BUF], fresh_buf[CFG_FILE_BUF];
	uint8_t doomed_buf[CFG_FILE_BUF];
};

/* Starts; conn is ready and has nothing in flight but what is ahead
 * (imap_ahead_replay). */
enum err folder_begin(struct folder *f, struct imap_conn *conn,
	const struct folder_job *job);
/* ERR_OK: progress; ERR_AGAIN: waits for the connection; ERR_END: done;
 * else what ended the folder (call folder_end all the same). */
enum err folder_step(struct folder *f, int64_t now_ms);
/* Monotonic milliseconds at which to step again at the latest, -1 none. */
int64_t folder_deadline(const struct folder *f);
/* Asks to stop between two messages; step on until it ends. */
void folder_stop(struct folder *f);
/* No further messages are asked for (or are, again): once what was asked for
 * is here nothing is in flight, and the folder waits. True: it goes on; step
 * it now, nothing that arrives would. */
bool folder_pause(struct folder *f, bool yes);
/* About so many bytes of messages have not been asked for. */
uint64_t folder_down_expects(const struct folder *f);
/* The bodies of all that can be new, so far as the job tells it, come in the
 * flight of the listing: few messages cost no further wait. */
bool folder_fresh_covers(const struct folder *f);
/* The folder is new here, and it is all in that flight. */
bool folder_fresh_whole(const struct folder *f);

/* folder_ahead.c (CFG_AHEAD) */
/* The lines that folder_begin() would send. Nothing is sent or opened; f is
 * free before and after. ERR_LIMIT: none that can be sent ahead. */
enum err folder_ahead_lines(struct folder *f, struct imap_conn *conn,
	const struct folder_job *job, struct buf *out);
/* It has sent all that it is going to, as far as can be seen: the lines of the
 * next folder may follow. */
bool folder_ahead_ready(const struct folder *f);

/* Closes everything; what was done is recorded. Returns the error, already
 * logged, of a last flush that failed. */
enum err folder_end(struct folder *f);

#endif
