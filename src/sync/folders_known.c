/*
 * folders_known: LIST and STATUS lines beside the table of the last run.
 *
 * A folder is left alone if its row was written by a run that ended complete,
 * under the same options; if all values that STATUS gives are the same (not:
 * none is greater; a server that was restored counts down); if the stamps of
 * new/ and cur/ are the same, of the same boot, and were clean; and if it is
 * not time to look at all of it anyway.
 *
 * That no folder was missed is known by number and sum of digests: what is
 * listed, what is here and what was synced are the sets that the last whole
 * run ended with. Sums of digests could be equal by chance or by intent of a
 * server, which could as well lie in STATUS.
 */
#include <string.h>

#include "base/le.h"
#include "port/hash.h"
#include "sync/folders.h"

#define LOOKS 64 /* names below root, for a guess */

void
folders_compare(struct folders *s, struct catalog *table,
	const struct folders_now *now, bool all)
{
	s->table = table;
	s->now = now;
	s->compare = !all && table->whole.valid &&
		table->whole.config == now->config;
}

void
folders_id(struct span name, uint8_t id[16])
{
	name = span_iis(name, "INBOX") ? SPAN("INBOX") : name;
	hash_md5(name.p, name.n, id);
}

static uint64_t
digest_of(const char *path)
{
	uint8_t md5[16];

	hash_md5(path, strlen(path), md5);
	return le_get64(md5);
}

/* Stamps mean something within one boot only. */
static void
digest_stamps(const struct fs_stamp *s, size_t n, const uint8_t boot_id[16],
	uint8_t out[16])
{
	uint8_t bytes[2 * sizeof(*s) + 16];

	memcpy(bytes, s, n * sizeof(*s));
	memcpy(bytes + n * sizeof(*s), boot_id, 16);
	hash_md5(bytes, n * sizeof(*s) + 16, out);
}

void
folders_row(const struct folders_now *now, const char *remote,
	const char *local, const struct head *h, struct catalog_row *out)
{
	memset(out, 0, sizeof(*out));
	folders_id(span_of(remote), out->id);
	out->local = digest_of(local);
	out->config = now->config;
	if (h == NULL) {
		return;
	}
	out->agreed = true;
	out->uidvalidity = h->uidvalidity;
	out->uidnext = h->uidnext;
	out->messages = h->messages;
	out->unseen = h->unseen;
	out->modseq = h->modseq;
	out->listed_at = h->listed_at;
	out->stamped = h->stamp_clean;
	if (h->stamp_clean) {
		digest_stamps(h->stamp, 2, h->boot_id, out->stamps);
	}
}

static bool
same_there(const struct folders_now *now, const struct catalog_row *r,
	const struct imap_mailbox_status *is)
{
	uint64_t modseq = is->has_highestmodseq ? is->highestmodseq : 0;

	return r->agreed && r->config == now->config && is->has_uidvalidity &&
		is->uidvalidity == r->uidvalidity && is->has_uidnext &&
		is->uidnext == r->uidnext && is->has_messages &&
		is->messages == r->messages && is->has_unseen &&
		is->unseen == r->unseen && modseq == r->modseq &&
		!head_due(r->listed_at,
			modseq > 0 ? now->audit_s : now->flag_check_s,
			now->time_s);
}

void
folders_top(struct folders *s, const struct fs_stamp *stamp)
{
	uint8_t md5[16];

	digest_stamps(stamp, 1, s->now->boot_id, md5);
	catalog_set_add(&s->tops, md5);
}

/* Has anything come or gone in the directory of this folder? Together with
 * those of all others, and the root, it tells that there is no other one. */
static void
add_top(struct folders *s, const char *path)
{
	struct fs_stamp stamp;

	if (s->table->whole.stamped && s->map.local_sep == '/' &&
		fs_stamp(s->now->trust.root, path, &stamp) == ERR_OK &&
		maildir_trust_dev(&s->now->trust, stamp.dev)) {
		folders_top(s, &stamp);
	}
}

static bool
same_here(const struct folders_now *now, const struct catalog_row *r,
	const char *path)
{
	struct maildir_stamp stamp;
	uint8_t md5[16];

	if (!r->stamped || !now->has_boot_id ||
		maildir_trust_stamp(&now->trust, path, &stamp) != ERR_OK) {
		return false;
	}
	digest_stamps(stamp.sub, 2, now->boot_id, md5);
	return memcmp(md5, r->stamps, 16) == 0;
}

static bool
later(const struct fs_stamp *s, const struct fs_stat *than)
{
	return s->ctime_s > than->mtime_s || (s->ctime_s == than->mtime_s &&
		s->ctime_ns > than->mtime_ns);
}

uint32_t
folders_touched(struct folders *s, const struct catalog *table,
	const struct maildir_trust *t, uint32_t most)
{
	uint32_t n = 0;
	const char *name;
	enum fs_type type;
	struct fs_stat is;
	struct fs_walk w;

	if (fs_fstat(table->fd, &is) != ERR_OK || fs_walk_open(&w, t->root,
		".", s->walk_buf, sizeof(s->walk_buf)) != ERR_OK) {
		return 0;
	}
	for (int i = 0; i < LOOKS && n < most &&
		fs_walk_next(&w, &name, &type) == ERR_OK; i++) {
		struct maildir_stamp stamp;

		n += maildir_trust_stamp(t, name, &stamp) == ERR_OK &&
			(later(&stamp.sub[0], &is) ||
				later(&stamp.sub[1], &is));
	}
	fs_walk_close(&w);
	return n;
}

bool
folders_changed_here(const struct folders *s, const struct folder_entry *f)
{
	struct catalog_row row;
	uint8_t id[16];

	folders_id(span_of(f->remote), id);
	return catalog_find(s->table, id, &row) == ERR_OK &&
		row.config == s->now->config &&
		row.local == digest_of(f->local) &&
		!(row.agreed && same_here(s->now, &row, f->local));
}

enum err
folders_status(struct folders *s, const struct folder_entry *f,
	const struct imap_mailbox_status *is, bool asked)
{
	char memory[2 * CFG_TOKEN];
	struct span name = span_of(f->remote);
	struct catalog_row row;
	struct buf key;
	uint8_t id[16];
	bool here, same;

	folders_id(name, id);
	BUF_INIT(&key, memory);
	if (catalog_find(s->table, id, &row) != ERR_OK ||
		row.local != digest_of(f->local)) {
		s->unknown = s->unknown || asked;
		return CFG_FRESH > 0 && !s->compare && is->has_messages &&
			mapname_key_remote(&s->map, name, &key) == ERR_OK
			? folders_add(s, FROM_COUNT, buf_get(&key), SPAN(""),
				'\0', is->messages + 1) : ERR_OK;
	}
	catalog_set_add(&s->synced, id);
	add_top(s, f->local);
	same = same_there(s->now, &row, is);
	here = (same || CFG_MOVES) && same_here(s->now, &row, f->local);
	same = same && here;
	s->changed += !here;
	if (same == s->compare) {
		return ERR_OK;
	}
	if (mapname_key_remote(&s->map, name, &key) != ERR_OK ||
		(!same && !folders_is_box(s->now->trust.root, f->local))) {
		s->unknown = true;
		return ERR_OK;
	}
	s->differ += !same;
	return folders_add(s, same ? FROM_SAME : FROM_KNOWN, buf_get(&key),
		name, s->map.remote_sep, is->has_uidnext ? is->uidnext : 0);
}

/* The id of a row is the name of the folder's state, in binary. */
static bool
has_row(struct folders *s, const char *dir)
{
	struct catalog_row row;
	uint8_t id[16] = {0};

	if (strlen(dir) != 32) {
		return false;
	}
	for (size_t i = 0; i < 32; i++) {
		unsigned c = (unsigned char)dir[i];

		c = c >= 'a' && c <= 'f' ? c - 'a' + 10 : (c - '0') & 15;
		id[i / 2] = (uint8_t)((unsigned)id[i / 2] << 4 | c);
	}
	return catalog_find(s->table, id, &row) == ERR_OK;
}

enum err
folders_ask(struct folders *s, fs_fd state, char *out)
{
	struct folders_id_lines id;
	const char *dir;
	enum fs_type type;
	enum err e = s->asked || s->table->rows == 0 ? ERR_END : ERR_OK;

	if (e == ERR_OK && !s->asks) {
		e = fs_walk_open(&s->asking, state, ".", s->walk_buf,
			sizeof(s->walk_buf));
		s->asks = e == ERR_OK;
	}
	while (e == ERR_OK &&
		(e = fs_walk_next(&s->asking, &dir, &type)) == ERR_OK) {
		if (has_row(s, dir) && folders_read_id(state, dir, &id)) {
			memcpy(out, id.name.p, id.name.n);
			out[id.name.n] = '\0';
			return ERR_OK;
		}
	}
	if (s->asks) {
		fs_walk_close(&s->asking);
		s->asks = false;
	}
	s->asked = true;
	return e;
}

/* Digest of the stamp of the root; is it to be believed? Where folders lie in
 * folders it says nothing about most of them, and theirs have to be known. */
static bool
root_stamp(const struct folders *s, fs_fd root, uint8_t md5[16])
{
	const struct maildir_trust *t = &s->now->trust;
	struct fs_stamp stamp;

	if (!s->now->has_boot_id || !(t->all || t->local) ||
		fs_stamp(root, ".", &stamp) != ERR_OK) {
		return false;
	}
	digest_stamps(&stamp, 1, s->now->boot_id, md5);
	return fs_stamp_wait(&stamp, NULL) == 0;
}

void
folders_whole(struct folders *s, fs_fd root, struct catalog_whole *w)
{
	uint8_t before[16], after[16];
	bool clean = root_stamp(s, root, before);

	memset(&w->local, 0, sizeof(w->local));
	memset(&s->tops, 0, sizeof(s->tops));
	s->loose = false;
	s->count = &w->local;
	w->config = s->now->config;
	w->valid = folders_local(s, root) == ERR_OK;
	s->count = NULL;
	w->tops = s->tops;
	w->stamped = clean && !(s->loose && s->map.local_sep == '/') &&
		root_stamp(s, root, after) && memcmp(before, after, 16) == 0;
	memcpy(w->stamp, before, clean ? 16 : 0);
}

bool
folders_settled(struct folders *s, fs_fd root, bool some)
{
	struct catalog_whole *was = &s->table->whole, now = {0};
	uint8_t md5[16];

	if (!s->compare || s->unknown || root == FS_NONE ||
		!catalog_set_eq(&s->listed, &was->remote) ||
		(!some && !catalog_set_eq(&s->synced, &was->synced))) {
		return false;
	}
	if (was->stamped && catalog_set_eq(&s->tops, &was->tops) &&
		root_stamp(s, root, md5) &&
		memcmp(md5, was->stamp, 16) == 0) {
		return true;
	}
	folders_whole(s, root, &now);
	if (!now.valid || !catalog_set_eq(&now.local, &was->local)) {
		return false;
	}
	was->stamped = s->restamped = now.stamped;
	memcpy(was->stamp, now.stamp, 16);
	was->tops = now.tops;
	return true;
}
