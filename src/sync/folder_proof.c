/*
 * folder_proof: is the file with this UID in its name really that message?
 * Asked when nothing else proves it (records lost, files of OfflineIMAP whose
 * UIDVALIDITY is not known): the header key of the file and of the server's
 * message must be the same, and the size too unless a Message-ID was part of
 * the key. What does not agree is another message: the file becomes new mail,
 * the server's message is fetched. No body is downloaded for it.
 */
#include <string.h>

#include "sync/folder_part.h"

static void
count(struct span data, char *last, uint64_t *size, bool *nul)
{
	for (size_t i = 0; i < data.n; i++) {
		char c = data.p[i];

		*size += c == '\n' && *last != '\r' ? 2 : 1;
		*nul = *nul || c == '\0';
		*last = c;
	}
}

enum err
folder_measure(struct folder *f, enum maildir_where where, const char *name,
	struct sync_key *key, uint64_t *size, bool *has_nul, int64_t *mtime)
{
	char chunk[2048], last = '\0';
	bool nul = false;
	size_t n = 1;
	uint64_t all = 0;
	struct fs_stat st;
	fs_fd fd;
	enum err e = fs_open(f->box.sub[where], name, FS_READ, 0, &fd);

	if (e != ERR_OK) {
		return e;
	}
	sync_key_init(key);
	while (e == ERR_OK && n > 0 && (size != NULL || !sync_key_done(key))) {
		e = fs_read(fd, chunk, sizeof(chunk), &n);
		if (e == ERR_OK) {
			sync_key_push(key, (struct span){chunk, n});
			count((struct span){chunk, n}, &last, &all, &nul);
		}
	}
	if (size != NULL) {
		*size = all;
	}
	if (e == ERR_OK && mtime != NULL) {
		e = fs_fstat(fd, &st);
		*mtime = e == ERR_OK ? st.mtime_s : 0;
	}
	if (has_nul != NULL) {
		*has_nul = nul;
	}
	fs_close(&fd);
	return e;
}

enum err
folder_proof_add(struct folder *f, const struct listed *s,
	const struct local *l, const struct rec *t, uint32_t recno)
{
	struct proof *p = &f->proofs[f->proof.n++];

	p->s = *s;
	p->l = *l;
	p->has_t = t != NULL;
	if (t != NULL) {
		p->t = *t;
	}
	p->recno = recno;
	p->got = false;
	return ERR_OK;
}

static enum err
ask(struct folder *f)
{
	struct imap_set set;
	enum err e = imap_begin(f->conn, IMAP_CMD_KEYS, 0);

	if (e != ERR_OK) {
		return e;
	}
	imap_text(f->conn, "UID FETCH ");
	imap_set_begin(f->conn, &set);
	for (uint32_t i = 0; i < f->proof.n && e == ERR_OK; i++) {
		e = imap_set_add(&set, f->proofs[i].s.uid);
	}
	imap_set_end(f->conn, &set);
	imap_text(f->conn, " (UID RFC822.SIZE " SYNC_KEY_FIELDS ")");
	f->proof.sent = true;
	f->proof.done = false;
	return e == ERR_OK ? imap_end(f->conn, 4096 * f->proof.n) : e;
}

enum err
folder_proof_event(struct folder *f, const struct imap_event *ev)
{
	if (ev->kind == IMAP_EV_TAGGED) {
		f->proof.done = true;
		return ERR_OK;
	}
	for (uint32_t i = 0; i < f->proof.n; i++) {
		struct proof *p = &f->proofs[i];

		if (ev->fetch.has_uid && p->s.uid == ev->fetch.uid &&
			f->body.open && !f->body.bad) {
			p->got = true;
			p->key = sync_key_get(&f->body.key);
			if (ev->fetch.has_size) {
				p->s.size = ev->fetch.size;
			}
		}
	}
	folder_body_drop(f);
	return ERR_OK;
}

static enum err
agrees(struct folder *f, const struct proof *p, bool *same)
{
	char name[CFG_NAME];
	struct sync_key key;
	uint64_t size = 0;
	struct buf b;
	enum err e;

	BUF_INIT(&b, name);
	e = folder_local_name(f, &p->l, &b);
	buf_cstr(&b);
	if (e == ERR_OK) {
		e = folder_measure(f, p->l.where, name, &key, &size, NULL,
			NULL);
	}
	*same = e == ERR_OK && sync_key_get(&key) == p->key &&
		(sync_key_has_id(&key) || size == p->s.size);
	return e;
}

/* Another message: keep both. */
static enum err
part(struct folder *f, struct proof *p)
{
	char name[CFG_NAME];
	struct rec r = {.uid = p->s.uid, .flags = p->s.flags,
		.size = p->s.size, .state = REC_WANTED, .name.kind = NAME_NONE};
	enum err e;

	log_msg(LOG_INFO, "%s: the file with UID %u is another message; both "
		"are kept", f->job->title, p->s.uid);
	e = folder_strip(f, &p->l, name);
	if (e == ERR_OK) {
		e = folder_add_fresh(f, p->l.where, name);
	}
	if (e == ERR_OK && f->policy.pull) {
		f->stats.down_todo++;
		e = folder_record(f, p->recno, &r);
	} else if (e == ERR_OK && p->recno != NO_RECORD) {
		r.state = REC_HELD; /* not removed by anybody */
		e = folder_record(f, p->recno, &r);
	}
	return e;
}

static enum err
decide(struct folder *f, struct proof *p)
{
	struct plan_case c = {.s = true, .l = true, .t = p->has_t,
		.state = p->has_t ? p->t.state : REC_WANTED,
		.s_flags = p->s.flags,
		.l_flags = p->l.flags & MAILDIR_FLAGS_SYSTEM};
	struct plan plan;
	bool same = false;
	enum err e;

	f->unproved |= !p->got;
	if (!p->got) {
		folder_message_failed(f, p->s.uid,
			"the server did not prove it to be the file that is "
			"here; next run");
		return ERR_OK;
	}
	e = agrees(f, p, &same);
	if (e == ERR_NOENT) {
		f->unproved = true;
		return ERR_OK; /* renamed meanwhile: next run */
	}
	if (e != ERR_OK || !same) {
		return e != ERR_OK ? e : part(f, p);
	}
	sync_plan(&c, &f->policy, &plan);
	f->stats.adopted++;
	return folder_agree(f, &plan, &p->l, p->has_t ? &p->t : NULL, &p->s,
		p->recno);
}

enum err
folder_proof_step(struct folder *f)
{
	enum err e = ERR_OK;

	if (!f->proof.sent) {
		e = ask(f);
		return e == ERR_OK ? ERR_AGAIN : e;
	}
	if (!f->proof.done) {
		return ERR_AGAIN;
	}
	for (uint32_t i = 0; i < f->proof.n && e == ERR_OK; i++) {
		e = folder_pend_full(f) ? folder_flush(f, true) : ERR_OK;
		e = e == ERR_OK ? decide(f, &f->proofs[i]) : e;
	}
	f->proof.n = 0;
	f->proof.sent = false;
	folder_enter(f, FOLDER_JOIN);
	return e;
}
