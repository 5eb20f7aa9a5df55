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

static bool
pending(const struct folder *f, uint32_t uid)
{
	for (uint32_t i = 0; i < f->pend_n; i++) {
		if (f->pend[i].uid == uid) {
			return true;
		}
	}
	return false;
}

/* What becomes a record once the file's name is durable. */
static enum err
promise(struct folder *f, const struct upload *u, enum maildir_where where,
	const char *name)
{
	struct maildir_name n;
	struct local l;
	struct rec_name base;
	struct pend *p;
	enum err e;

	f->stats.up++;
	f->stats.copied += u->copied;
	if (folder_recorded(f, u->uid) || pending(f, u->uid)) {
		f->stamp.differs = true;
		return ERR_OK; /* a server that keeps equal messages once */
	}
	maildir_name_parse(&n, span_of(name), f->fmd5, f->job->infosep);
	e = folder_local_parse(f, where, name, &n, &l);
	if (e == ERR_OK) {
		e = folder_name_to_rec(f, &l, &base);
	}
	if (e != ERR_OK) {
		return e;
	}
	folder_stamp_flags(f, l.flags, u->flags);
	f->up.differ |= u->copied && ((l.flags ^ u->flags) &
		f->policy.permanent) != 0;
	p = folder_pend_add(f, PEND_UP, u->uid, NO_RECORD);
	p->flags = u->flags;
	p->size = u->size;
	p->mkey = u->mkey;
	p->name = base;
	p->stage = PEND_ACTED;
	return ERR_OK;
}

static enum err
place(struct folder *f, const struct upload *u, struct intent *i)
{
	char to[CFG_NAME], found[CFG_NAME];
	enum maildir_where where = i->where;
	const char *name = i->name;
	enum err e = ERR_NOENT;

	for (int tries = 0; tries < 4 && e == ERR_NOENT; tries++) {
		if (tries > 0) { /* its flags were changed meanwhile */
			e = folder_find_stem(f, i->name, &where, found);
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
		f->up.u0 = u->uid >= f->up.u0 && u->uid < UINT32_MAX
			? u->uid + 1 : f->up.u0;
		return promise(f, u, where, to);
	}
	if (e == ERR_NOENT && f->up.recovering) {
		return err_set(e, "files are renamed all the time; next run");
	}
	/* Removed while it was sent: it comes back as a download, and can be
	 * removed again. But who renames may hide it: the next pass looks for
	 * it before anything comes down. */
	f->up.keep |= e == ERR_NOENT;
	f->stamp.differs = true;
	return e == ERR_NOENT || e == ERR_EXIST ? ERR_OK : e;
}

enum err
folder_place_all(struct folder *f)
{
	enum err e = ERR_OK;

	for (uint32_t j = 0; j < f->up.n && e == ERR_OK; j++) {
		const struct upload *u = &f->uploads[j];
		struct intent i;

		if (u->state != UPLOAD_SEEN && u->state != UPLOAD_STORED) {
			continue;
		}
		e = folder_up_intent(f, u, &i);
		if (e == ERR_OK && u->state == UPLOAD_SEEN) {
			e = place(f, u, &i);
		} else if (e == ERR_OK) {
			log_msg(LOG_WARN, "%s: %s was sent, but the server "
				"does not show it yet; the next run looks "
				"again", f->job->title, i.name);
			f->up.hold = true;
			f->stats.waiting++;
		}
	}
	return e;
}

/* The journal is settled. */
enum err
folder_place_end(struct folder *f)
{
	enum err e = f->up.hold || f->up.keep || journal_empty(&f->journal)
		? ERR_OK : journal_clear(&f->journal, folder_always(f));

	if (e == ERR_OK && f->up.recovering) {
		f->up.recovering = false;
		f->up.u0 = 0;
		return folder_scan_begin(f);
	}
	return e;
}

enum err
folder_place_record(struct folder *f)
{
	enum err e = folder_flush(f, true);

	f->up.n = 0;
	if (e == ERR_OK) { /* a long journal is settled in parts */
		e = f->up.at != 0 ? folder_recover_begin(f)
				  : folder_place_end(f);
	}
	return e;
}
