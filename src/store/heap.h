/*
 * heap: text that records point to: `names` (base names of unusual shape, by
 * offset) and `hosts` (at most 255 short strings, by index). Append-only
 * files in the folder's state directory. A damaged entry is ERR_CORRUPT for its
 * record only. If a record outlives in a power cut the text that it points to,
 * it gets ERR_CORRUPT or the text of another one: so the caller either uses
 * heap_sync() before, or looks whether a text can be that record's.
 */
#ifndef WHERRY_STORE_HEAP_H
#define WHERRY_STORE_HEAP_H

#include "base/buf.h"
#include "config.h"
#include "port/fs.h"

#define HEAP_HOSTS 255u	   /* most of them */
#define HEAP_HOST_LEN 200u /* longest, bytes */
#define HEAP_RECENT 4u	   /* hosts that are found without the disk */

struct heap {
	fs_fd dir, names, hosts; /* FS_NONE until something is added */
	uint64_t names_size;	 /* of the file */
	uint64_t names_base;	 /* added to a place in the file: an offset */
	uint32_t hosts_count;
	bool dirty;		 /* something waits for heap_sync */
	bool named;		 /* the directory entries are durable */
	bool opened;		 /* private: the files are ours */
	/* Private: a hash of every host, and the last few found in full. */
	uint32_t hash[HEAP_HOSTS];
	struct {
		uint16_t index1; /* index + 1; 0 is free */
		uint8_t n;
		char text[HEAP_HOST_LEN];
	} recent[HEAP_RECENT];
};

/* Missing files are empty, and made by the first add. A file with a foreign
 * header is set aside as "names.bad" or "hosts.bad". heap_new: dir is known to
 * be empty, nothing is looked for. */
void heap_new(struct heap *h, fs_fd dir);
enum err heap_open(struct heap *h, fs_fd dir);
/* A zeroed struct is fine. */
void heap_close(struct heap *h);
enum err heap_sync(struct heap *h);
/* name: 1 to CFG_NAME - 1 bytes. Offsets of a names file that was lost never
 * point into the one that took its place. */
enum err heap_add_name(struct heap *h, struct span name, uint64_t *offset);
enum err heap_get_name(struct heap *h, uint64_t offset, struct buf *out);
/* Finds or adds; ERR_LIMIT when 255 are taken or it is over 200 bytes. */
enum err heap_host(struct heap *h, struct span host, uint8_t *index);
enum err heap_get_host(struct heap *h, uint8_t index, struct buf *out);

#endif
