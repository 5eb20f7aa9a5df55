/*
 * heap: text that records point to: `names` (base names of unusual shape, by
 * offset) and `hosts` (at most 255 short strings, by index). Append-only
 * files in the folder's state directory; durable before a record that uses
 * them (heap_sync). A damaged entry is ERR_CORRUPT for its record only.
 */
#ifndef WHERRY_STORE_HEAP_H
#define WHERRY_STORE_HEAP_H

#include "base/buf.h"
#include "port/fs.h"

struct heap {
	fs_fd dir, names, hosts;
	uint64_t names_size;
	uint32_t hosts_count;
	bool dirty;
};

enum err heap_open(struct heap *h, fs_fd dir);
void heap_close(struct heap *h);
enum err heap_sync(struct heap *h);
enum err heap_add_name(struct heap *h, struct span name, uint64_t *offset);
enum err heap_get_name(struct heap *h, uint64_t offset, struct buf *out);
/* Finds or adds; ERR_LIMIT when 255 are taken or it is over 200 bytes. */
enum err heap_host(struct heap *h, struct span host, uint8_t *index);
enum err heap_get_host(struct heap *h, uint8_t index, struct buf *out);

#endif
