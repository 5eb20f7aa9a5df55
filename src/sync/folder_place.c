/*
 * folder_place: the end of an upload: its file gets the UID that the server
 * lists, then there is a record of it, and only then the journal is emptied.
 */
#include <string.h>

#include "sync/folder_part.h"

/* base,U=..,FMD5=.. with the info that the file has now. */
static enum err
placed_name(struct folder *f, const char *name, uint32_t uid, char *out)
{
	char memory[CFG_NAME];
	struct maildir_name n;
	struct buf stripped, b;

	BUF_INIT(&stripped, memory);
	maildir_name_parse(&n, span_of(name), f->fmd5, f->job->infosep);
	maildir_name_strip(&stripped, &n);
	maildir_name_parse(&n, buf_get(&stripped), f->fmd5, f->job->infosep);
	buf_init(&b, out, CFG_NAME);
	buf_span(&b, n.stem);
	buf_fmt(&b, ",U=%u,FMD5=%s%c", uid, f->fmd5, f->job->infosep);
	buf_span(&b, n.info.n > 0 ? n.info : SPAN("2,"));
	buf_cstr(&b);
	return stripped.err != ERR_OK ? stripped.err : b.err;
}

static enum err
place(struct folder *f, struct upload *u)
{
	char to[CFG_NAME], found[CFG_NAME];
	enum maildir_where where = u->intent.where;
	const char *name = u->intent.name;
	enum err e = ERR_NOENT;

	for (int i = 0; i < 2 && e == ERR_NOENT; i++) {
		if (i > 0) { /* another program changed its flags meanwhile */
			e = folder_find_stem(f, u->intent.name, &where, found);
			name = found;
			if (e != ERR_OK) {
				break;
			}
		}
		e = placed_name(f, name, u->uid, to);
		if (e == ERR_OK) {
			e = maildir_rename(&f->box, where, name, where, to);
		}
	}
	if (e == ERR_OK) {
		memcpy(u->intent.name, to, strlen(to) + 1);
		u->intent.where = (uint8_t)where;
		u->state = UPLOAD_PLACED;
		return ERR_OK;
	}
	/* Removed while it was sent: it comes back as a download, and can be
	 * removed again. */
	u->state = UPLOAD_FAILED;
	return e == ERR_NOENT || e == ERR_EXIST ? ERR_OK : e;
}

enum err
folder_up_place(struct folder *f)
{
	enum err e = ERR_OK;

	for (uint32_t i = 0; i < f->up.n && e == ERR_OK; i++) {
		if (f->uploads[i].state == UPLOAD_SEEN) {
			e = place(f, &f->uploads[i]);
		} else if (f->uploads[i].state == UPLOAD_STORED) {
			log_msg(LOG_WARN, "%s: %s was sent, but the server "
				"does not show it yet; the next run looks "
				"again", f->job->title,
				f->uploads[i].intent.name);
			f->up.hold = true;
			f->stats.waiting++;
		}
	}
	return e;
}

static enum err
record_one(struct folder *f, const struct upload *u)
{
	struct maildir_name n;
	struct local l;
	struct rec_name base;
	struct pend *p;
	enum err e;

	if (folder_recorded(f, u->uid)) {
		f->stamp.differs = true;
		return ERR_OK; /* a server that keeps equal messages once */
	}
	maildir_name_parse(&n, span_of(u->intent.name), f->fmd5,
		f->job->infosep);
	e = folder_local_parse(f, u->intent.where, u->intent.name, &n, &l);
	if (e == ERR_OK) {
		e = folder_name_to_rec(f, &l, &base);
	}
	if (e != ERR_OK) {
		return e;
	}
	folder_stamp_flags(f, l.flags, u->flags);
	p = folder_pend_add(f, PEND_UP, u->uid, NO_RECORD);
	p->flags = u->flags;
	p->size = u->intent.size;
	p->mkey = u->intent.mkey;
	p->name = base;
	p->stage = PEND_ACTED;
	return ERR_OK;
}

enum err
folder_up_record(struct folder *f)
{
	enum err e = ERR_OK;

	for (uint32_t i = 0; i < f->up.n && e == ERR_OK; i++) {
		if (f->uploads[i].state == UPLOAD_PLACED) {
			f->stats.up++;
			e = record_one(f, &f->uploads[i]);
		}
	}
	if (e == ERR_OK) {
		e = folder_flush(f, true);
	}
	if (e == ERR_OK && !f->up.hold && !journal_empty(&f->journal)) {
		e = journal_clear(&f->journal);
	}
	f->up.n = 0;
	if (f->up.recovering) {
		f->up.recovering = false;
		return e == ERR_OK ? folder_scan_begin(f) : e;
	}
	return e;
}
