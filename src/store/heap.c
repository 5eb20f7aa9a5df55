/*
 * heap: see heap.h; the bytes are in doc/FORMATS.md.
 *
 * `names` is a heap of entries that each carry length and checksum. Its
 * offsets are not plain places in the file: a number that is chosen when the
 * file is made is added. If the file is ever lost and another grows in its
 * place, a record that survived must get ERR_CORRUPT and not the name of
 * another message.
 *
 * `hosts` is an array of slots of one size. A scan of a folder asks for the
 * host of every file, so all hashes are kept in memory, and the last hosts in
 * full. A wrong host makes the name of a file that is not there, which is
 * harmless; so an index needs no such protection.
 */
#include <string.h>

#include "base/crc32.h"
#include "base/le.h"
#include "base/log.h"
#include "store/heap.h"

#define HEADER 24u
#define VERSION 1u
#define NAME_HEAD 6u /* crc32, length */
#define SLOT 208u
#define HOST_HEAD 5u /* crc32, length */

static const char magic_names[] = "WHERRYnm";
static const char magic_hosts[] = "WHERRYho";

/* --- what both files share --- */

static void
enc_header(uint8_t p[HEADER], const char *magic, uint64_t base)
{
	memcpy(p, magic, 8);
	le_put32(p + 8, VERSION);
	le_put64(p + 12, base);
	le_put32(p + 20, crc32(CRC32_START, p, 20));
}

static bool
dec_header(const uint8_t p[HEADER], const char *magic, uint64_t *base)
{
	*base = le_get64(p + 12);
	return memcmp(p, magic, 8) == 0 && le_get32(p + 8) == VERSION &&
		le_get32(p + 20) == crc32(CRC32_START, p, 20);
}

/* Up to n bytes, fewer only at the end of the file. */
static enum err
read_some(fs_fd fd, void *p, size_t n, uint64_t at, size_t *have)
{
	uint8_t *to = p;
	size_t got = 1;

	*have = 0;
	while (*have < n && got > 0) {
		enum err e = fs_pread(fd, to + *have, n - *have, at + *have,
			&got);

		if (e != ERR_OK) {
			return e;
		}
		*have += got;
	}
	return ERR_OK;
}

/* Opens an existing file; fd stays FS_NONE if there is none of use. A file
 * shorter than a header never held anything and is made anew in place. */
static enum err
open_file(fs_fd dir, const char *name, const char *aside, const char *magic,
	fs_fd *fd, uint64_t *size, uint64_t *base)
{
	uint8_t p[HEADER];
	size_t got;
	enum err e = fs_open(dir, name, FS_READ | FS_WRITE, 0, fd);

	*size = 0;
	*base = 0;
	if (e != ERR_OK) {
		*fd = FS_NONE;
		return e == ERR_NOENT ? ERR_OK : e;
	}
	e = read_some(*fd, p, HEADER, 0, &got);
	if (e == ERR_OK && got == HEADER && dec_header(p, magic, base)) {
		return fs_size(*fd, size);
	}
	fs_close(fd);
	if (e == ERR_OK && got == HEADER) {
		log_msg(LOG_WARN, "a damaged %s file was set aside as %s", name,
			aside);
		e = fs_rename(dir, name, dir, aside);
	}
	return e;
}

/* The base of a new file: seconds and nanoseconds of its birth, so that two
 * files in one place do not share offsets (see the top). */
static enum err
choose_base(fs_fd fd, uint64_t *base)
{
	struct fs_stat st;
	enum err e = fs_fstat(fd, &st);

	*base = ((uint64_t)st.mtime_s & UINT32_MAX) << 30;
	*base += st.mtime_ns & 0x3fffffffu;
	return e;
}

static enum err
create_file(struct heap *h, const char *name, const char *magic, fs_fd *fd,
	uint64_t *base)
{
	uint8_t p[HEADER];
	enum err e = fs_open(h->dir, name,
		FS_READ | FS_WRITE | FS_CREATE | FS_TRUNC, 0600, fd);

	if (e != ERR_OK) {
		*fd = FS_NONE;
		return e;
	}
	*base = 0;
	if (magic == magic_names) {
		e = choose_base(*fd, base);
	}
	if (e == ERR_OK) {
		enc_header(p, magic, *base);
		e = fs_pwrite(*fd, p, HEADER, 0);
	}
	if (e != ERR_OK) {
		fs_close(fd);
		return e;
	}
	h->dirty = true;
	h->named = false;
	return ERR_OK;
}

/* --- names --- */

enum err
heap_add_name(struct heap *h, struct span name, uint64_t *offset)
{
	uint8_t p[NAME_HEAD + CFG_NAME];
	enum err e;

	if (name.n == 0) {
		return err_set(ERR_SYNTAX, "an empty name");
	}
	if (name.n >= CFG_NAME) {
		return err_set(ERR_LIMIT, "CFG_NAME");
	}
	if (h->names == FS_NONE) {
		e = create_file(h, "names", magic_names, &h->names,
			&h->names_base);
		if (e != ERR_OK) {
			return e;
		}
		h->names_size = HEADER;
	}
	p[4] = (uint8_t)name.n;
	p[5] = (uint8_t)(name.n >> 8);
	memcpy(p + NAME_HEAD, name.p, name.n);
	le_put32(p, crc32(CRC32_START, p + 4, 2 + name.n));
	e = fs_pwrite(h->names, p, NAME_HEAD + name.n, h->names_size);
	if (e != ERR_OK) {
		return e;
	}
	*offset = h->names_base + h->names_size;
	h->names_size += NAME_HEAD + name.n;
	h->dirty = true;
	return ERR_OK;
}

enum err
heap_get_name(struct heap *h, uint64_t offset, struct buf *out)
{
	uint8_t p[NAME_HEAD + CFG_NAME];
	uint64_t at = offset - h->names_base;
	size_t got;
	size_t n;
	enum err e;

	if (h->names == FS_NONE || offset < h->names_base || at < HEADER ||
		at >= h->names_size) {
		return err_set(ERR_CORRUPT, "names: nothing at that offset");
	}
	e = read_some(h->names, p, sizeof(p), at, &got);
	if (e != ERR_OK) {
		return e;
	}
	n = got >= NAME_HEAD ? (size_t)p[4] | (size_t)p[5] << 8 : 0;
	if (n == 0 || n >= CFG_NAME || got < NAME_HEAD + n ||
		le_get32(p) != crc32(CRC32_START, p + 4, 2 + n)) {
		return err_set(ERR_CORRUPT, "names: a damaged entry");
	}
	buf_put(out, p + NAME_HEAD, n);
	return out->err;
}

/* --- hosts --- */

static enum err
read_host(struct heap *h, uint32_t index, uint8_t p[SLOT], size_t *n)
{
	size_t got;
	enum err e = read_some(h->hosts, p, SLOT,
		HEADER + (uint64_t)index * SLOT, &got);

	if (e != ERR_OK) {
		return e;
	}
	*n = p[4];
	if (got < SLOT || *n == 0 || *n > HEAP_HOST_LEN ||
		le_get32(p) != crc32(CRC32_START, p + 4, SLOT - 4)) {
		return ERR_CORRUPT;
	}
	return ERR_OK;
}

static void
remember(struct heap *h, uint32_t index, const void *text, size_t n)
{
	size_t at = h->hash[index] % HEAP_RECENT;

	h->recent[at].index1 = (uint16_t)(index + 1);
	h->recent[at].n = (uint8_t)n;
	memcpy(h->recent[at].text, text, n);
}

/* Reads all slots. Bad ones at the end were torn and are written again; bad
 * ones before that keep their index, since records may name it. */
static enum err
load_hosts(struct heap *h, uint64_t size)
{
	uint8_t p[SLOT];
	uint64_t slots = (size - HEADER + SLOT - 1) / SLOT;
	size_t n;

	if (slots > HEAP_HOSTS) {
		slots = HEAP_HOSTS;
	}
	for (uint32_t i = 0; i < slots; i++) {
		enum err e = read_host(h, i, p, &n);

		if (e == ERR_OK) {
			h->hash[i] = crc32(CRC32_START, p + HOST_HEAD, n);
			h->hosts_count = i + 1;
		} else if (e != ERR_CORRUPT) {
			return e;
		}
	}
	return ERR_OK;
}

static enum err
find_host(struct heap *h, struct span host, uint32_t hash, uint32_t *index)
{
	size_t at = hash % HEAP_RECENT;
	uint8_t p[SLOT];
	size_t n;

	if (h->recent[at].index1 != 0 && h->recent[at].n == host.n &&
		memcmp(h->recent[at].text, host.p, host.n) == 0) {
		*index = h->recent[at].index1 - 1u;
		return ERR_OK;
	}
	for (uint32_t i = 0; i < h->hosts_count; i++) {
		enum err e;

		if (h->hash[i] != hash) {
			continue;
		}
		e = read_host(h, i, p, &n);
		if (e == ERR_OK && n == host.n &&
			memcmp(p + HOST_HEAD, host.p, n) == 0) {
			*index = i;
			remember(h, i, host.p, host.n);
			return ERR_OK;
		}
		if (e != ERR_OK && e != ERR_CORRUPT) {
			return e;
		}
	}
	return ERR_NOENT;
}

static enum err
add_host(struct heap *h, struct span host, uint32_t hash)
{
	uint8_t p[SLOT] = {0};
	uint64_t base;
	enum err e = ERR_OK;

	if (h->hosts_count == HEAP_HOSTS) {
		return err_set(ERR_LIMIT, "more than %u host names in one "
			"folder (HEAP_HOSTS)", HEAP_HOSTS);
	}
	if (h->hosts == FS_NONE) {
		e = create_file(h, "hosts", magic_hosts, &h->hosts, &base);
	}
	if (e != ERR_OK) {
		return e;
	}
	p[4] = (uint8_t)host.n;
	memcpy(p + HOST_HEAD, host.p, host.n);
	le_put32(p, crc32(CRC32_START, p + 4, SLOT - 4));
	e = fs_pwrite(h->hosts, p, SLOT,
		HEADER + (uint64_t)h->hosts_count * SLOT);
	if (e != ERR_OK) {
		return e;
	}
	h->hash[h->hosts_count] = hash;
	remember(h, h->hosts_count, host.p, host.n);
	h->hosts_count++;
	h->dirty = true;
	return ERR_OK;
}

enum err
heap_host(struct heap *h, struct span host, uint8_t *index)
{
	uint32_t hash = crc32(CRC32_START, host.p, host.n);
	uint32_t i = h->hosts_count;
	enum err e;

	if (host.n == 0) {
		return err_set(ERR_SYNTAX, "an empty host");
	}
	if (host.n > HEAP_HOST_LEN) {
		return err_set(ERR_LIMIT, "a host name over %u bytes "
			"(HEAP_HOST_LEN)", HEAP_HOST_LEN);
	}
	e = find_host(h, host, hash, &i);
	if (e == ERR_NOENT) {
		e = add_host(h, host, hash);
	}
	if (e == ERR_OK) {
		*index = (uint8_t)i;
	}
	return e;
}

enum err
heap_get_host(struct heap *h, uint8_t index, struct buf *out)
{
	uint8_t p[SLOT];
	size_t n;
	enum err e;

	if (index >= h->hosts_count) {
		return err_set(ERR_CORRUPT, "hosts: no number %u",
			(unsigned)index);
	}
	for (size_t i = 0; i < HEAP_RECENT; i++) {
		if (h->recent[i].index1 == index + 1u) {
			buf_put(out, h->recent[i].text, h->recent[i].n);
			return out->err;
		}
	}
	e = read_host(h, index, p, &n);
	if (e == ERR_CORRUPT) {
		return err_set(e, "hosts: number %u is damaged",
			(unsigned)index);
	}
	if (e != ERR_OK) {
		return e;
	}
	remember(h, index, p + HOST_HEAD, n);
	buf_put(out, p + HOST_HEAD, n);
	return out->err;
}

/* --- both --- */

void
heap_new(struct heap *h, fs_fd dir)
{
	memset(h, 0, sizeof(*h));
	h->dir = dir;
	h->names = h->hosts = FS_NONE;
	h->opened = true;
}

enum err
heap_open(struct heap *h, fs_fd dir)
{
	uint64_t size;
	uint64_t base;
	enum err e;

	heap_new(h, dir);
	e = open_file(dir, "names", "names.bad", magic_names, &h->names,
		&h->names_size, &h->names_base);
	if (e == ERR_OK) {
		e = open_file(dir, "hosts", "hosts.bad", magic_hosts,
			&h->hosts, &size, &base);
	}
	if (e == ERR_OK && h->hosts != FS_NONE) {
		e = load_hosts(h, size);
	}
	if (e != ERR_OK) {
		heap_close(h);
	}
	return e;
}

void
heap_close(struct heap *h)
{
	if (h->opened) {
		fs_close(&h->names);
		fs_close(&h->hosts);
	}
	h->names_size = 0;
	h->hosts_count = 0;
	h->opened = false;
}

enum err
heap_sync(struct heap *h)
{
	enum err e = ERR_OK;

	if (!h->dirty) {
		return ERR_OK;
	}
	if (h->names != FS_NONE) {
		e = fs_sync(h->names);
	}
	if (e == ERR_OK && h->hosts != FS_NONE) {
		e = fs_sync(h->hosts);
	}
	if (e == ERR_OK && !h->named) {
		e = fs_sync_names(h->dir);
		h->named = e == ERR_OK;
	}
	if (e == ERR_OK) {
		h->dirty = false;
	}
	return e;
}
