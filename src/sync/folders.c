/*
 * folders: see folders.h. A sort record is a key of 32 bytes (rank, the first
 * 23 bytes of the key text, its 64-bit hash), the source, and where the names
 * spill holds the name. Nested Maildirs are walked level by level, one spill
 * being read while the next is written, so that depth needs no stack.
 */
#include <string.h>

#include "base/le.h"
#include "base/log.h"
#include "imap/imap_resp.h"
#include "maildir/maildir.h"
#include "port/hash.h"
#include "sync/folders.h"

void
folders_begin(struct folders *s, fs_fd dir, char local_sep)
{
	memset(s, 0, offsetof(struct folders, prefix));
	s->prefix[0] = '\0';
	s->map = (struct mapname){.prefix = {s->prefix, 0},
		.remote_sep = '/', .local_sep = local_sep};
	sort_begin(&s->sort, s->arena, sizeof(s->arena), FOLDERS_REC, 32, dir,
		"folders");
	spill_begin(&s->names, dir, "folders.names", s->names_buf,
		sizeof(s->names_buf));
	s->open = true;
}

void
folders_namespace(struct folders *s, struct span prefix)
{
	if (prefix.n < sizeof(s->prefix)) {
		memcpy(s->prefix, prefix.p, prefix.n);
		s->map.prefix = (struct span){s->prefix, prefix.n};
	} else {
		log_msg(LOG_WARN, "the server's namespace prefix is longer than "
			"%d bytes and is not used", (int)sizeof(s->prefix) - 1);
	}
}

static uint64_t
hash(struct span key)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < key.n; i++) {
		h = (h ^ (unsigned char)key.p[i]) * 0x100000001b3u;
	}
	return h;
}

/* entry: source, separator, attributes or, of STATUS, a number (4), name */
enum err
folders_add(struct folders *s, enum folders_from from, struct span key,
	struct span name, char sep, uint32_t attrs)
{
	uint8_t rec[FOLDERS_REC] = {0}, entry[CFG_TOKEN + 8];
	uint64_t offset = 0;
	enum err e;

	if (name.n > CFG_TOKEN) {
		return err_set(ERR_LIMIT, "its name is longer than CFG_TOKEN");
	}
	entry[0] = (uint8_t)from;
	entry[1] = (uint8_t)sep;
	le_put32(entry + 2, attrs);
	memcpy(entry + 6, name.p, name.n);
	e = spill_add(&s->names, entry, name.n + 6, &offset);
	rec[0] = span_is(key, "INBOX\1") ? 0 : 1;
	memcpy(rec + 1, key.p, key.n < 23 ? key.n : 23);
	le_put64(rec + 24, hash(key));
	le_put64(rec + 32, offset);
	le_put32(rec + 40, (uint32_t)name.n);
	return e == ERR_OK ? sort_put(&s->sort, rec) : e;
}

void
folders_listed(struct folders *s, struct span name, char sep, uint32_t attrs)
{
	char text[CFG_TOKEN + 2];
	uint8_t md5[16];

	name = span_upto(name, CFG_TOKEN);
	memcpy(text, name.p, name.n);
	text[name.n] = sep;
	text[name.n + 1] = (attrs & (IMAP_ATTR_NOSELECT |
		IMAP_ATTR_NONEXISTENT)) != 0;
	hash_md5(text, name.n + 2, md5);
	catalog_set_add(&s->listed, md5);
}

/* A folder that cannot take part: told, counted, and the rest goes on. */
static enum err
leave_out(struct folders *s, struct span name, enum err e)
{
	char title[400]; /* what fits: the reason has to fit behind it */
	struct buf b;

	if (e != ERR_SYNTAX && e != ERR_LIMIT) {
		return e;
	}
	BUF_INIT(&b, title);
	mapname_title(name, &b);
	log_msg(LOG_ERROR, "folder %.*s is left out: %s", (int)b.n, b.p,
		err_detail());
	s->refused++;
	return ERR_OK;
}

enum err
folders_remote(struct folders *s, struct span name, char sep, uint32_t attrs)
{
	char memory[2 * CFG_TOKEN];
	struct buf key;
	enum err e;

	BUF_INIT(&key, memory);
	if (sep != '\0' || s->remote_n == 0) {
		s->map.remote_sep = sep;
	}
	s->remote_n++;
	folders_listed(s, name, sep, attrs);
	if (s->compare) {
		return ERR_OK;
	}
	while (name.n > 0 && sep != '\0' && name.p[name.n - 1] == sep) {
		name.n--; /* "a/" with \Noselect */
	}
	e = mapname_key_remote(&s->map, name, &key);
	if (e == ERR_OK) {
		e = folders_add(s, FROM_REMOTE, buf_get(&key), name, sep, attrs);
	}
	return e == ERR_OK ? ERR_OK : leave_out(s, name, e);
}

static enum err
add_local(struct folders *s, struct span name)
{
	char memory[2 * CFG_TOKEN];
	struct buf key;
	enum err e;

	if (s->count != NULL) {
		uint8_t md5[16];

		hash_md5(name.p, name.n, md5);
		catalog_set_add(s->count, md5);
		return ERR_OK;
	}
	BUF_INIT(&key, memory);
	e = mapname_key_local(&s->map, name, &key);
	if (e == ERR_OK) {
		e = folders_add(s, FROM_LOCAL, buf_get(&key), name, s->map.local_sep,
			0);
	}
	return e == ERR_OK ? ERR_OK : leave_out(s, name, e);
}

static const char *const parts[] = {"cur", "new", "tmp"};

bool
folders_is_box(fs_fd root, const char *path)
{
	fs_fd dir = FS_NONE;
	struct fs_stat st;
	bool yes = fs_open_dir(root, path, &dir) == ERR_OK;

	for (int i = 0; i < 3 && yes; i++) {
		yes = fs_stat(dir, parts[i], &st) == ERR_OK &&
			st.type == FS_DIR;
	}
	fs_close(&dir);
	return yes;
}

/* Is this directory below root one of those above it? A link in a circle. */
static bool
circle(fs_fd root, const char *name, const struct fs_stamp *is)
{
	char path[CFG_TOKEN + 1] = ".";
	struct fs_stamp up;

	for (size_t n = 0; name[n] != '\0'; n++) {
		path[n + (n == 0)] = '\0';
		if ((n == 0 || name[n] == '/') &&
			fs_stamp(root, path, &up) == ERR_OK &&
			up.ino == is->ino && up.dev == is->dev) {
			return true;
		}
		path[n] = name[n];
	}
	return false;
}

/* One entry of a directory: a folder, a place to look below, or nothing. */
static enum err
visit(struct folders *s, const struct fs_walk *w, struct span above,
	const char *name, struct spill *below)
{
	char memory[CFG_TOKEN + 1];
	struct fs_stamp is;
	struct buf path;

	if (!maildir_component_ok(span_of(name))) {
		return ERR_OK;
	}
	BUF_INIT(&path, memory);
	if (above.n > 0) {
		buf_span(&path, above);
		buf_char(&path, '/');
	}
	buf_str(&path, name);
	buf_cstr(&path);
	if (path.err != ERR_OK) {
		s->loose = true;
		return s->count != NULL ? ERR_OK :
			leave_out(s, span_of(name), err_set(ERR_LIMIT,
				"its path is longer than CFG_TOKEN"));
	}
	if (s->map.local_sep == '/') {
		return spill_add(below, memory, path.n + 1, NULL);
	}
	return folders_is_box(w->fd, name) &&
			fs_stamp(w->fd, name, &is) == ERR_OK &&
			!circle(w->fd, name, &is)
		? add_local(s, buf_get(&path)) : ERR_OK;
}

static unsigned
part_of(const char *name)
{
	unsigned bit = 0;

	for (int i = 0; i < 3; i++) {
		bit |= strcmp(name, parts[i]) == 0 ? 1u << i : 0;
	}
	return bit;
}

/* A directory that is counted, before it is read. */
static void
count_dir(struct folders *s, const struct fs_stamp *is)
{
	if (s->count != NULL) {
		s->loose |= fs_stamp_wait(is, NULL) != 0 ||
			!maildir_trust_dev(&s->now->trust, is->dev);
		folders_top(s, is);
	}
}

/* What lies below the root, and below each directory of the level before,
 * which is a folder if it has all parts. */
static enum err
walk(struct folders *s, fs_fd root, const char *path, struct spill *below)
{
	bool is_root = path[0] == '\0';
	struct fs_stamp is;
	struct fs_walk w;
	const char *name;
	enum fs_type type;
	unsigned has = 0;
	enum err e = fs_walk_open(&w, root, is_root ? "." : path, s->walk_buf,
		sizeof(s->walk_buf));

	if (!is_root && (e != ERR_OK || fs_stamp(w.fd, ".", &is) != ERR_OK ||
		circle(root, path, &is))) {
		fs_walk_close(&w);
		s->loose = true;
		return ERR_OK; /* vanished meanwhile, or not to be read */
	}
	if (!is_root) {
		count_dir(s, &is);
	}
	while (e == ERR_OK &&
		(e = fs_walk_next(&w, &name, &type)) == ERR_OK) {
		has |= type == FS_DIR ? part_of(name) : 0;
		e = type == FS_FILE ? ERR_OK
				    : visit(s, &w, span_of(path), name, below);
	}
	fs_walk_close(&w);
	if (e == ERR_END && !is_root) {
		s->loose |= has != 7;
		return has == 7 ? add_local(s, span_of(path)) : ERR_OK;
	}
	return e == ERR_END ? ERR_OK : e;
}

enum err
folders_local(struct folders *s, fs_fd root)
{
	static const char *const level_names[] = {"folders.a", "folders.b"};
	struct spill level[2];
	const uint8_t *p;
	size_t n;
	int now = 0;
	enum err e;

	spill_begin(&level[now], s->names.dir, level_names[now],
		s->level_buf[now], sizeof(s->level_buf[now]));
	e = walk(s, root, "", &level[now]);
	while (e == ERR_OK && level[now].count > 0) {
		int next = 1 - now;

		spill_begin(&level[next], s->names.dir, level_names[next],
			s->level_buf[next], sizeof(s->level_buf[next]));
		e = spill_rewind(&level[now]);
		while (e == ERR_OK &&
			(e = spill_next(&level[now], &p, &n)) == ERR_OK) {
			char path[CFG_TOKEN + 1];

			memcpy(path, p, n);
			e = walk(s, root, path, &level[next]);
		}
		e = e == ERR_END ? ERR_OK : e;
		spill_end(&level[now]);
		now = next;
	}
	spill_end(&level[now]);
	return e;
}

/* A state that a run made but never recorded anything in says nothing. */
static bool
has_records(fs_fd state, const char *name)
{
	char memory[64];
	struct fs_stat st;
	struct buf path;

	BUF_INIT(&path, memory);
	buf_fmt(&path, "%s/head", name);
	return fs_stat(state, buf_cstr(&path), &st) == ERR_OK && st.size > 0;
}

bool
folders_read_id(fs_fd state, const char *dir, struct folders_id_lines *out)
{
	char memory[64];
	struct span rest, line[4];
	struct buf path;
	size_t n = 0;
	fs_fd fd = FS_NONE;

	BUF_INIT(&path, memory);
	buf_fmt(&path, "%s/id", dir);
	if (fs_open(state, buf_cstr(&path), FS_READ, 0, &fd) != ERR_OK) {
		return false;
	}
	if (fs_read(fd, out->text, sizeof(out->text), &n) != ERR_OK) {
		n = 0;
	}
	fs_close(&fd);
	rest = (struct span){out->text, n};
	for (int i = 0; i < 4; i++) {
		size_t at = span_find(rest, '\n');

		line[i] = span_upto(rest, at);
		rest = span_from(rest, at + 1);
	}
	if (line[2].n == 0 || line[2].n > CFG_TOKEN || line[3].n != 1) {
		return false; /* torn: the head tells whose it is */
	}
	out->name = line[2];
	out->sep = line[3].p[0];
	return true;
}

static enum err
add_state(struct folders *s, fs_fd state, const char *dir)
{
	char memory[2 * CFG_TOKEN];
	struct folders_id_lines id;
	struct buf key;

	if (!folders_read_id(state, dir, &id)) {
		return ERR_OK;
	}
	if (s->map.remote_sep == '\0') {
		s->map.remote_sep = id.sep;
	}
	BUF_INIT(&key, memory);
	if (mapname_key_remote(&s->map, id.name, &key) != ERR_OK) {
		return ERR_OK;
	}
	return folders_add(s, FROM_STATE, buf_get(&key), id.name, id.sep, 0);
}

enum err
folders_state(struct folders *s, fs_fd state)
{
	struct fs_walk w;
	const char *name;
	enum fs_type type;
	enum err e = fs_walk_open(&w, state, ".", s->walk_buf,
		sizeof(s->walk_buf));

	if (e != ERR_OK) {
		return e;
	}
	while ((e = fs_walk_next(&w, &name, &type)) == ERR_OK) {
		if (strlen(name) == 32 && has_records(state, name)) {
			e = add_state(s, state, name);
		}
		if (e != ERR_OK) {
			break;
		}
	}
	fs_walk_close(&w);
	return e == ERR_END ? ERR_OK : e;
}

enum err
folders_sort(struct folders *s)
{
	return sort_finish(&s->sort);
}

static void
keep(char *to, struct span name, bool *has, bool *twice)
{
	if (*has) {
		*twice = *twice || !span_is(name, to);
		return;
	}
	memcpy(to, name.p, name.n);
	to[name.n] = '\0';
	*has = true;
}

static enum err
merge(struct folders *s, const uint8_t *rec, struct folder_entry *out,
	bool *known)
{
	uint8_t entry[CFG_TOKEN + 8];
	size_t n = 0;
	struct span name;
	bool unused = false;
	enum err e = spill_get(&s->names, le_get64(rec + 32), entry,
		sizeof(entry), &n);

	if (e != ERR_OK || n < 6) {
		return e != ERR_OK ? e : ERR_CORRUPT;
	}
	name = (struct span){(const char *)entry + 6, n - 6};
	switch (entry[0]) {
	case FROM_REMOTE:
		out->attrs |= le_get32(entry + 2);
		keep(out->remote, name, &out->has_remote, &out->remote_twice);
		break;
	case FROM_LOCAL:
		keep(out->local, name, &out->has_local, &out->local_twice);
		break;
	case FROM_SAME:
		out->same = true;
		break;
	case FROM_COUNT:
		out->count = le_get32(entry + 2);
		break;
	case FROM_KNOWN:
		keep(out->remote, name, &out->has_remote, &out->remote_twice);
		out->has_state = *known = true;
		out->uidnext = le_get32(entry + 2);
		break;
	default:
		if (!out->has_remote) {
			keep(out->remote, name, &unused, &unused);
		}
		out->has_state = true;
		break;
	}
	return ERR_OK;
}

static void
fill_missing(struct folders *s, struct folder_entry *out)
{
	struct buf b;

	if (out->remote[0] == '\0') {
		BUF_INIT(&b, out->remote);
		if (mapname_to_remote(&s->map, span_of(out->local), &b) !=
			ERR_OK) {
			b.n = 0;
			b.err = ERR_OK;
		}
		buf_cstr(&b);
	}
	if (!out->has_local) {
		BUF_INIT(&b, out->local);
		if (mapname_to_local(&s->map, span_of(out->remote), &b) !=
			ERR_OK) {
			b.n = 0;
			b.err = ERR_OK;
		}
		buf_cstr(&b);
	}
}

enum err
folders_next(struct folders *s, struct folder_entry *out)
{
	uint8_t key[32];
	bool known = false;
	enum err e = ERR_OK;

	memset(out, 0, sizeof(*out));
	if (!s->have) {
		e = sort_next(&s->sort, s->next);
	}
	if (e != ERR_OK) {
		return e;
	}
	memcpy(key, s->next, sizeof(key));
	do {
		s->have = true;
		e = merge(s, s->next, out, &known);
		if (e == ERR_OK) {
			e = sort_next(&s->sort, s->next);
			s->have = e == ERR_OK;
		}
	} while (e == ERR_OK && memcmp(key, s->next, sizeof(key)) == 0);
	if (e != ERR_OK && e != ERR_END) {
		return e;
	}
	fill_missing(s, out);
	out->has_local = out->has_local || known;
	return ERR_OK;
}

void
folders_end(struct folders *s)
{
	if (s->asks) {
		fs_walk_close(&s->asking);
		s->asks = false;
	}
	if (s->open) {
		sort_end(&s->sort);
		spill_end(&s->names);
		s->open = false;
	}
}
