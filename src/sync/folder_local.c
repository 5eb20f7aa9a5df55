/*
 * folder_local: the Maildir's side: scan into sorted records, file names
 * from records and back, renames.
 *
 * A name of one of the two common shapes fits in a sort record and is built
 * again from it; any other is kept as text in a spill (LOCAL_WHOLE). A file
 * without our UID tag is new and goes to the `fresh` spill. A file with a UID
 * but another folder's FMD5 is sorted too (LOCAL_FOREIGN): if its base name
 * stands in our record of that UID it is ours in spite of it.
 */
#include <string.h>

#include "sync/folder_part.h"

#define SLICE 2000 /* files per step */

_Static_assert((int)NAME_KEPT == (int)MAILDIR_OTHER, "one meaning, one number");

void
folder_local_enc(const struct local *l, uint8_t out[LOCAL_REC])
{
	be_put32(out, l->uid);
	le_put32(out + 4, l->flags);
	le_put32(out + 8, l->name.time);
	le_put32(out + 12, l->name.seq);
	le_put32(out + 16, l->name.pid);
	out[20] = l->name.host;
	out[21] = l->name.kind;
	out[22] = l->where;
	out[23] = l->bits;
}

void
folder_local_dec(struct local *l, const uint8_t in[LOCAL_REC])
{
	l->uid = be_get32(in);
	l->flags = le_get32(in + 4);
	l->name.time = le_get32(in + 8);
	l->name.seq = le_get32(in + 12);
	l->name.pid = le_get32(in + 16);
	l->name.host = in[20];
	l->name.kind = in[21];
	l->where = in[22];
	l->bits = in[23];
}

/* The text of a base name; kinds OWN and OIMAP. */
static enum err
build_base(struct folder *f, const struct rec_name *n, struct buf *out)
{
	buf_fmt(out, "%u_%u.", n->time, n->seq);
	if (n->kind == MAILDIR_OIMAP) {
		buf_fmt(out, "%u.", n->pid);
	}
	return heap_get_host(&f->heap, n->host, out);
}

static enum err
compact_name(struct folder *f, const struct local *l, struct buf *out)
{
	char memory[CFG_NAME];
	struct buf base;
	enum err e;

	BUF_INIT(&base, memory);
	e = build_base(f, &l->name, &base);
	if (e == ERR_OK) {
		e = base.err;
	}
	if (e == ERR_OK) {
		maildir_name_build(out, buf_get(&base), l->uid, f->fmd5,
			f->job->infosep, l->flags);
	}
	return e;
}

/* The record tells the stem as text, or nothing. The text need not have been
 * durable before the record: another message's may have its place. */
static enum err
kept_stem(struct folder *f, const struct rec_name *name, uint32_t uid,
	struct buf *out, struct maildir_name *n)
{
	size_t at = out->n;
	enum err e = name->kind != NAME_KEPT ? ERR_NOENT
		: heap_get_name(&f->heap, rec_name_offset(name), out);

	if (e == ERR_OK) {
		maildir_name_parse(n, span_from(buf_get(out), at), f->fmd5,
			f->job->infosep);
		e = n->uid == uid ? ERR_OK : ERR_CORRUPT;
	}
	return e;
}

static enum err
kept_name(struct folder *f, const struct local *l, struct buf *out)
{
	char memory[CFG_NAME];
	struct maildir_name n;
	struct buf stem;
	enum err e;

	BUF_INIT(&stem, memory);
	e = kept_stem(f, &l->name, l->uid, &stem, &n);
	if (e == ERR_OK) {
		maildir_name_reflag(out, &n, f->job->infosep, l->flags);
	}
	return e;
}

enum err
folder_local_recorded(struct folder *f, const struct rec *r, bool look,
	struct local *out)
{
	char memory[CFG_NAME];
	struct fs_stat st;
	struct buf b;
	enum err e;

	*out = (struct local){.uid = r->uid,
		.flags = r->flags & MAILDIR_FLAGS_SYSTEM, .name = r->name,
		.where = MAILDIR_CUR, .bits = LOCAL_RECORDED};
	if (!look) {
		return ERR_OK;
	}
	BUF_INIT(&b, memory);
	e = folder_local_name(f, out, &b);
	buf_cstr(&b);
	if (e == ERR_OK) {
		e = fs_stat(f->box.sub[MAILDIR_CUR], memory, &st);
	}
	if (e == ERR_NOENT) {
		out->where = MAILDIR_NEW;
		e = fs_stat(f->box.sub[MAILDIR_NEW], memory, &st);
	}
	/* A record that tells no name is not believed: the scan knows. */
	return e == ERR_CORRUPT ? ERR_NOENT : e;
}

enum err
folder_local_name(struct folder *f, const struct local *l, struct buf *out)
{
	char memory[CFG_NAME];
	size_t n = 0;
	enum err e;

	if (l->bits & LOCAL_RECORDED && l->name.kind >= NAME_KEPT) {
		e = kept_name(f, l, out);
	} else if ((l->bits & LOCAL_WHOLE) == 0) {
		e = compact_name(f, l, out);
	} else {
		e = spill_get(&f->names, rec_name_offset(&l->name), memory,
			sizeof(memory), &n);
		buf_put(out, memory, n);
	}
	return e != ERR_OK ? e : out->err;
}

/* Tries the compact form; false if the name is not built again exactly. */
static bool
parse_compact(struct folder *f, const char *name, const struct maildir_name *n,
	struct local *l)
{
	char text[CFG_NAME], again[CFG_NAME + 64];
	struct maildir_base base;
	struct buf host, b;

	if (!n->plain_stem || n->foreign_info || n->info.n == 0 || !n->ours) {
		return false;
	}
	maildir_base_parse(&base, n->base, f->uidvalidity);
	if (base.kind == MAILDIR_OTHER) {
		return false;
	}
	BUF_INIT(&host, text);
	if (base.kind == MAILDIR_OWN) {
		buf_fmt(&host, "%u.", base.pid);
	}
	buf_span(&host, base.host);
	if (host.err != ERR_OK ||
		heap_host(&f->heap, buf_get(&host), &l->name.host) != ERR_OK) {
		return false;
	}
	l->name.kind = (uint8_t)base.kind;
	l->name.time = base.time;
	l->name.seq = base.seq;
	l->name.pid = base.kind == MAILDIR_OWN ? 0 : base.pid;
	BUF_INIT(&b, again);
	return compact_name(f, l, &b) == ERR_OK && b.err == ERR_OK &&
		span_is(buf_get(&b), name);
}

enum err
folder_local_parse(struct folder *f, enum maildir_where where,
	const char *name, const struct maildir_name *n, struct local *out)
{
	uint64_t offset = 0;
	enum err e;

	memset(out, 0, sizeof(*out));
	out->uid = n->uid;
	out->flags = n->flags;
	out->where = (uint8_t)where;
	if (parse_compact(f, name, n, out)) {
		return ERR_OK;
	}
	out->bits = LOCAL_WHOLE | (n->ours ? 0 : LOCAL_FOREIGN);
	e = spill_add(&f->names, name, strlen(name), &offset);
	out->name = rec_name_kept(offset);
	return e;
}

enum err
folder_add_fresh(struct folder *f, enum maildir_where where, const char *name)
{
	char entry[CFG_NAME + 2];
	size_t n = strlen(name);

	if (n + 2 > sizeof(entry)) {
		return err_set(ERR_LIMIT, "a file name is longer than CFG_NAME");
	}
	entry[0] = (char)where;
	memcpy(entry + 1, name, n + 1);
	f->stats.up_todo++;
	return spill_add(&f->fresh, entry, n + 2, NULL);
}

static enum err
scan_one(struct folder *f, enum maildir_where where, const char *name)
{
	struct maildir_name n;
	struct local l;
	uint8_t rec[LOCAL_REC];
	enum err e;

	maildir_name_parse(&n, span_of(name), f->fmd5, f->job->infosep);
	if (n.uid == 0 || !n.has_fmd5) {
		return folder_add_fresh(f, where, name);
	}
	e = folder_local_parse(f, where, name, &n, &l);
	if (e == ERR_OK) {
		folder_local_enc(&l, rec);
		e = sort_put(&f->local_sort, rec);
	}
	return e;
}

void
folder_spills_begin(struct folder *f)
{
	spill_begin(&f->names, f->job->state, "spill.names", f->names_buf,
		sizeof(f->names_buf));
	spill_begin(&f->fresh, f->job->state, "spill.new", f->fresh_buf,
		sizeof(f->fresh_buf));
	spill_begin(&f->doomed, f->job->state, "spill.plan", f->doomed_buf,
		sizeof(f->doomed_buf));
}

void
folder_spills_end(struct folder *f)
{
	spill_end(&f->names);
	spill_end(&f->fresh);
	spill_end(&f->doomed);
	folder_store_end(f);
}

/* The sorter and the walk; what is known of the folder stays. */
enum err
folder_scan_start(struct folder *f)
{
	size_t used = CFG_FRESH > 0 && f->early.blind ? FOLDER_BODY_OUT : 0;

	folder_arena_take(f);
	sort_begin(&f->local_sort, f->arena + used, sizeof(f->arena) - used,
		LOCAL_REC, 4,
		f->job->state, "local");
	f->local_sorting = true;
	maildir_scan_begin(&f->scan, &f->box, f->walk_buf,
		sizeof(f->walk_buf));
	f->scan_open = true;
	folder_enter(f, FOLDER_SCAN);
	return ERR_OK;
}

enum err
folder_scan_begin(struct folder *f)
{
	folder_local_end(f); /* of an earlier pass */
	if (!table_sorted(&f->table) && !f->job->dry_run) {
		enum err e = folder_sort_table(f);

		if (e != ERR_OK) {
			return e;
		}
	}
	folder_spills_end(f);
	folder_spills_begin(f);
	f->stats.up_todo = 0;
	folder_stamp_begin(f);
	return f->stamp.recorded ? folder_join_begin(f) : folder_scan_start(f);
}

enum err
folder_scan_step(struct folder *f)
{
	enum maildir_where where;
	const char *name;
	enum err e = ERR_OK;

	for (int i = 0; i < SLICE; i++) {
		e = maildir_scan_next(&f->scan, &where, &name);
		if (e != ERR_OK) {
			break;
		}
		e = scan_one(f, where, name);
		if (e != ERR_OK) {
			return e;
		}
	}
	if (e != ERR_END) {
		return e;
	}
	maildir_scan_end(&f->scan);
	f->scan_open = false;
	e = sort_finish(&f->local_sort);
	if (e == ERR_OK && f->stamp.late) { /* in the middle of a join */
		folder_enter(f, FOLDER_JOIN);
		return ERR_OK;
	}
	return e == ERR_OK ? folder_join_begin(f) : e;
}

void
folder_local_end(struct folder *f)
{
	if (f->local_sorting) {
		sort_end(&f->local_sort);
		f->local_sorting = false;
		folder_arena_drop(f);
	}
}

enum err
folder_local_next(struct folder *f, struct local *out)
{
	uint8_t rec[LOCAL_REC];
	enum err e = sort_next(&f->local_sort, rec);

	if (e == ERR_OK) {
		folder_local_dec(out, rec);
	}
	return e;
}

/* What did not reach the disk is the end of a file, from a block on: we write
 * in blocks but for the last piece. So few files have to be read. */
#define BLOCK 512u

static bool
is_cut(struct folder *f, enum maildir_where where, const char *name,
	uint64_t size, uint32_t least)
{
	struct sync_key key;
	uint64_t is;

	return size == 0 || (size % BLOCK == 0 && size < least &&
		folder_measure(f, where, name, &key, &is, NULL, NULL) ==
			ERR_OK && is < least);
}

enum err
folder_local_cut(struct folder *f, const struct local *l, uint32_t least,
	bool *cut)
{
	char memory[CFG_NAME + 1] = ".", *name = memory + 1;
	struct fs_stat st;
	struct buf b;
	enum err e;

	buf_init(&b, name, CFG_NAME);
	e = folder_local_name(f, l, &b);
	buf_cstr(&b);
	if (e != ERR_OK || fs_stat(f->box.sub[l->where], name, &st) != ERR_OK ||
		!f->policy.pull || f->job->dry_run ||
		!is_cut(f, l->where, name, st.size, least)) {
		return e;
	}
	e = st.size == 0 ? maildir_unlink(&f->box, l->where, name)
		: maildir_rename(&f->box, l->where, name, l->where, memory);
	if (e == ERR_OK) {
		*cut = true;
		log_msg(LOG_WARN, "%s: message %u: its file lost its end in a "
			"power cut%s%s", f->job->title, l->uid,
			st.size == 0 ? "" : " and is kept as ",
			st.size == 0 ? "" : memory);
	}
	return e;
}

enum err
folder_name_to_rec(struct folder *f, const struct local *l,
	struct rec_name *out)
{
	char memory[CFG_NAME];
	struct maildir_name n;
	uint64_t offset = 0;
	struct buf b;
	enum err e;

	if ((l->bits & LOCAL_WHOLE) == 0) {
		*out = l->name;
		return ERR_OK;
	}
	BUF_INIT(&b, memory);
	e = folder_local_name(f, l, &b);
	if (e == ERR_OK) {
		maildir_name_parse(&n, buf_get(&b), f->fmd5, f->job->infosep);
		e = heap_add_name(&f->heap, n.stem, &offset);
	}
	*out = rec_name_kept(offset);
	return e;
}

/* Base name that a record tells; ERR_NOENT if it tells none. */
static enum err
rec_base(struct folder *f, const struct rec *r, struct buf *out)
{
	struct maildir_name n;
	size_t at = out->n;
	enum err e;

	if (r->name.kind < NAME_KEPT) {
		return build_base(f, &r->name, out);
	}
	e = kept_stem(f, &r->name, r->uid, out, &n);
	if (e == ERR_OK) {
		out->n = at + n.base.n;
	}
	return e;
}

/* Folders made in one second have one UIDVALIDITY, so messages of one UID and
 * date have one base name: who was moved here is told by his header, or by his
 * size where a record that was adopted knows no header; where it knows neither
 * nothing proves it. */
static bool
same_key(struct folder *f, const struct local *l, const char *name,
	const struct rec *r)
{
	struct sync_key key;
	uint64_t size = 0;

	if (folder_measure(f, l->where, name, &key, r->mkey == 0 ? &size
		: NULL, NULL, NULL) != ERR_OK) {
		return false;
	}
	size = size < TABLE_SIZE_MAX ? size : TABLE_SIZE_MAX;
	return r->mkey == 0 ? size == r->size : sync_key_get(&key) == r->mkey;
}

bool
folder_same_name(struct folder *f, const struct local *l, const struct rec *r)
{
	char mine[CFG_NAME], theirs[CFG_NAME];
	struct maildir_name n;
	struct buf a, b;

	if (r->state != REC_PRESENT) {
		return false;
	}
	BUF_INIT(&a, mine);
	BUF_INIT(&b, theirs);
	if (folder_local_name(f, l, &a) != ERR_OK ||
		rec_base(f, r, &b) != ERR_OK || b.err != ERR_OK) {
		return false;
	}
	maildir_name_parse(&n, buf_get(&a), f->fmd5, f->job->infosep);
	return span_eq(n.base, buf_get(&b)) &&
		(n.ours || same_key(f, l, buf_cstr(&a), r));
}

enum err
folder_find_stem(struct folder *f, const char *name, enum maildir_where *where,
	char *found)
{
	struct maildir_name want, have;
	struct maildir_scan scan;
	const char *entry;
	enum err e = ERR_END;

	maildir_name_parse(&want, span_of(name), f->fmd5, f->job->infosep);
	/* Who is renamed meanwhile may be missed: two looks. */
	for (int i = 0; i < 2 && e == ERR_END; i++) {
		maildir_scan_begin(&scan, &f->box, f->walk_buf,
			sizeof(f->walk_buf));
		while ((e = maildir_scan_next(&scan, where, &entry)) ==
			ERR_OK) {
			maildir_name_parse(&have, span_of(entry), f->fmd5,
				f->job->infosep);
			if (span_eq(have.stem, want.stem) &&
				strlen(entry) < CFG_NAME) {
				memcpy(found, entry, strlen(entry) + 1);
				break;
			}
		}
		maildir_scan_end(&scan);
	}
	return e == ERR_END ? ERR_NOENT : e;
}

static enum err
reflag_name(struct folder *f, const char *old, enum maildir_where where,
	uint32_t flags, enum maildir_where *to_where)
{
	char memory[CFG_NAME];
	struct maildir_name n;
	struct buf b;

	maildir_name_parse(&n, span_of(old), f->fmd5, f->job->infosep);
	BUF_INIT(&b, memory);
	flags |= n.flags & ~MAILDIR_FLAGS_SYSTEM;
	maildir_name_reflag(&b, &n, f->job->infosep, flags);
	buf_cstr(&b);
	if (b.err != ERR_OK) {
		return err_set(b.err, "a file name is longer than CFG_NAME");
	}
	*to_where = flags & MAILDIR_S ? MAILDIR_CUR : where;
	return maildir_rename(&f->box, where, old, *to_where, memory);
}

enum err
folder_reflag(struct folder *f, struct local *l, uint32_t flags)
{
	char memory[CFG_NAME], found[CFG_NAME];
	enum maildir_where where = l->where, to = l->where;
	struct buf b;
	enum err e;

	BUF_INIT(&b, memory);
	e = folder_local_name(f, l, &b);
	buf_cstr(&b);
	if (e == ERR_OK) {
		e = b.err;
	}
	if (e == ERR_OK) {
		e = reflag_name(f, memory, where, flags, &to);
	}
	if (e == ERR_NOENT) { /* another program renamed it meanwhile */
		e = folder_find_stem(f, memory, &where, found);
		if (e == ERR_OK) {
			e = reflag_name(f, found, where, flags, &to);
		}
	}
	if (e == ERR_OK) {
		l->where = (uint8_t)to;
		l->flags = (l->flags & ~MAILDIR_FLAGS_SYSTEM) | flags;
	}
	return e;
}

enum err
folder_strip(struct folder *f, const struct local *l, char *out)
{
	char memory[CFG_NAME];
	struct maildir_name n;
	struct buf b, to;
	enum err e;

	BUF_INIT(&b, memory);
	e = folder_local_name(f, l, &b);
	buf_cstr(&b);
	if (e != ERR_OK || b.err != ERR_OK) {
		return e != ERR_OK ? e : b.err;
	}
	maildir_name_parse(&n, span_of(memory), f->fmd5, f->job->infosep);
	for (int i = 0; i < 2; i++) {
		buf_init(&to, out, CFG_NAME);
		if (i > 0) { /* a file of that base name is there already */
			buf_fmt(&to, "%u.", l->uid);
		}
		maildir_name_strip(&to, &n);
		buf_cstr(&to);
		e = to.err != ERR_OK ? to.err
				     : maildir_rename(&f->box, l->where,
					memory, l->where, out);
		if (e != ERR_EXIST) {
			break;
		}
	}
	return e;
}
