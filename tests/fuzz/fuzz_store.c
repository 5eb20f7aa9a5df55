/*
 * fuzz_store: state files with any bytes in them. The first byte chooses the
 * file; the rest is what it holds, or for the sorter, the spill and the table
 * with good records, what is done. Opening has to work (or refuse), nothing
 * may be read outside, and what is written afterwards has to be there when the
 * file is opened again.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/scratch.h"
#include "store/head.h"
#include "store/heap.h"
#include "store/journal.h"
#include "store/sort.h"
#include "store/spill.h"
#include "store/table.h"

static struct scratch dir;
static uint8_t arena[8192];

static void
must(int ok)
{
	if (!ok) {
		abort();
	}
}

/* --- table --- */

static uint32_t
read_all(struct table *t)
{
	static uint8_t buf[256];
	struct table_reader in;
	struct rec r;
	uint32_t n = 0, last = 0;
	enum err e;

	table_read_begin(&in, t, 0, t->count, buf, sizeof(buf));
	while ((e = table_read_next(&in, &r, NULL)) == ERR_OK) {
		must(r.uid != 0);
		must(!t->sorted || r.uid > last);
		last = r.uid;
		n++;
	}
	must(e == ERR_END && n + in.bad == t->count);
	return n;
}

static void
sorted_table(struct table *t)
{
	struct rec r;
	uint32_t last = 0, recno;

	must(table_rewrite(t, arena, sizeof(arena)) == ERR_OK);
	must(table_sorted(t));
	for (uint32_t i = 0; i < t->count; i++) {
		must(table_get(t, i, &r) == ERR_OK);
		must(r.uid > last && r.state != REC_GONE);
		last = r.uid;
		must(table_find(t, last, &r, &recno) == ERR_OK);
		must(recno == i);
	}
	must(t->last_uid == last);
}

static void
fuzz_table(const uint8_t *p, size_t n)
{
	struct rec r = {.uid = 77, .state = REC_PRESENT,
		.name.kind = NAME_NONE};
	struct table t;
	uint32_t recno, count;

	scratch_write(&dir, "table", p, n);
	must(table_open(&t, dir.dir) == ERR_OK);
	(void)read_all(&t);
	(void)table_find(&t, 5, &r, &recno);
	r.uid = 77;
	r.state = REC_PRESENT;
	must(table_append(&t, &r, &recno) == ERR_OK);
	must(recno + 1 == t.count);
	must(table_sync(&t) == ERR_OK);
	count = t.count;
	table_close(&t);
	must(table_open(&t, dir.dir) == ERR_OK);
	must(!t.healed && t.count == count);
	(void)read_all(&t);
	sorted_table(&t);
	must(table_find(&t, 77, &r, &recno) == ERR_OK);
	table_close(&t);
}

/* Each three bytes are an act on a table of good records; the last record of
 * a uid counts. */
static void
fuzz_records(const uint8_t *p, size_t n)
{
	static uint8_t model[4096]; /* state + 1 */
	struct table t;
	uint32_t alive = 0;

	memset(model, 0, sizeof(model));
	must(table_open(&t, dir.dir) == ERR_OK);
	for (size_t i = 0; i + 3 <= n; i += 3) {
		struct rec r = {.uid = (p[0 + i] | (p[1 + i] & 15u) << 8),
			.state = (enum rec_state)(p[i + 1] >> 6),
			.size = p[i + 2]};
		struct rec q;
		uint32_t recno;

		if (r.uid == 0) {
			must(table_append(&t, &r, NULL) == ERR_CORRUPT);
			continue;
		}
		if ((p[i + 1] & 16) != 0 &&
		    table_find(&t, r.uid, &q, &recno) == ERR_OK) {
			must(q.uid == r.uid);
			must(q.state + 1 == model[r.uid]);
			must(table_put(&t, recno, &r) == ERR_OK);
		} else {
			must(table_append(&t, &r, NULL) == ERR_OK);
		}
		model[r.uid] = (uint8_t)(r.state + 1);
		if ((p[i + 1] & 32) != 0 && p[i + 2] == 0) {
			must(table_sync(&t) == ERR_OK);
			table_close(&t);
			must(table_open(&t, dir.dir) == ERR_OK);
		}
	}
	sorted_table(&t);
	for (uint32_t u = 0; u < sizeof(model); u++) {
		alive += model[u] != 0 && model[u] != REC_GONE + 1;
	}
	must(t.count == alive);
	table_close(&t);
}

/* --- head --- */

static void
fuzz_head(const uint8_t *p, size_t n)
{
	static uint8_t file[4096 + 512];
	struct head h, r;

	/* the second half of the input is the second slot */
	memset(file, 0, sizeof(file));
	memcpy(file, p, n / 2 < 4096 ? n / 2 : 4096);
	memcpy(file + 4096, p + n / 2, n - n / 2 < 512 ? n - n / 2 : 512);
	scratch_write(&dir, "head", file, sizeof(file));
	memset(&h, 0, sizeof(h));
	if (head_load(dir.dir, &h) != ERR_OK) {
		memset(&h, 0, sizeof(h));
	}
	h.uidnext++;
	must(head_save(dir.dir, &h, true) == ERR_OK);
	must(head_load(dir.dir, &r) == ERR_OK);
	must(r.generation == h.generation && r.uidnext == h.uidnext);
}

/* --- journal --- */

static uint32_t
intents(struct journal *j)
{
	struct intent i;
	uint64_t at = 0;
	uint32_t n = 0;

	while (journal_read(j, &at, &i) == ERR_OK) {
		must(memchr(i.name, 0, CFG_NAME) != NULL && i.name[0] != 0);
		n++;
	}
	return n;
}

static void
fuzz_journal(const uint8_t *p, size_t n)
{
	struct intent i = {.uidnext = 5, .name = "a name"};
	struct journal j;
	uint32_t before;

	scratch_write(&dir, "journal", p, n);
	if (journal_open(&j, dir.dir) != ERR_OK) {
		journal_close(&j);
		return;
	}
	before = intents(&j);
	/* the input as a name: whatever it holds, it comes back */
	memset(i.name, 0, sizeof(i.name));
	memcpy(i.name, p, n < CFG_NAME - 1 ? n : CFG_NAME - 1);
	if (i.name[0] == '\0') {
		i.name[0] = 'x';
	}
	must(journal_add(&j, &i) == ERR_OK);
	must(journal_commit(&j) == ERR_OK);
	must(intents(&j) == before + 1);
	journal_close(&j);
	must(journal_open(&j, dir.dir) == ERR_OK);
	must(intents(&j) == before + 1);
	must(journal_clear(&j, true) == ERR_OK && journal_empty(&j));
	journal_close(&j);
}

/* --- heap --- */

static void
fuzz_heap(const uint8_t *p, size_t n, bool hosts)
{
	char text[CFG_NAME];
	struct heap h;
	struct buf b;
	uint64_t offset;
	uint8_t index;
	enum err e;

	scratch_write(&dir, hosts ? "hosts" : "names", p, n);
	must(heap_open(&h, dir.dir) == ERR_OK);
	for (uint64_t o = 0; o < n + 2; o++) {
		BUF_INIT(&b, text);
		e = heap_get_name(&h, h.names_base + o, &b);
		must(e == ERR_OK || e == ERR_CORRUPT);
		BUF_INIT(&b, text);
		e = heap_get_host(&h, (uint8_t)o, &b);
		must(e == ERR_OK || e == ERR_CORRUPT);
	}
	must(heap_add_name(&h, SPAN("a name"), &offset) == ERR_OK);
	e = heap_host(&h, SPAN("a host"), &index);
	must(e == ERR_OK || (e == ERR_LIMIT && h.hosts_count == HEAP_HOSTS));
	must(heap_sync(&h) == ERR_OK);
	heap_close(&h);
	must(heap_open(&h, dir.dir) == ERR_OK);
	BUF_INIT(&b, text);
	must(heap_get_name(&h, offset, &b) == ERR_OK);
	must(span_is(buf_get(&b), "a name"));
	if (e == ERR_OK) {
		BUF_INIT(&b, text);
		must(heap_get_host(&h, index, &b) == ERR_OK);
		must(span_is(buf_get(&b), "a host"));
	}
	heap_close(&h);
}

/* --- sort, spill --- */

static void
fuzz_sort(const uint8_t *p, size_t n)
{
	uint8_t rec[SORT_REC], last[SORT_REC];
	size_t size, key;
	uint32_t in = 0, out = 0;
	struct sort s;
	enum err e;

	if (n < 2) {
		return;
	}
	size = 4 + p[0] % 253u;
	key = p[1] % (size + 1);
	sort_begin(&s, arena + p[0] % 9, SORT_ARENA_LEAST, size, key, dir.dir,
	    "sort");
	/* each byte a record, 20 times over, so that runs come about */
	for (size_t i = 0; i < 20 * (n - 2); i++) {
		memset(rec, p[2 + i % (n - 2)], size);
		rec[size - 1] = (uint8_t)(i / (n - 2));
		must(sort_put(&s, rec) == ERR_OK);
		in++;
	}
	must(sort_finish(&s) == ERR_OK);
	while ((e = sort_next(&s, rec)) == ERR_OK) {
		must(out == 0 || memcmp(last, rec, key) <= 0);
		memcpy(last, rec, size);
		out++;
	}
	must(e == ERR_END && in == out);
	sort_end(&s);
	must(!scratch_has(&dir, "sort.0") && !scratch_has(&dir, "sort.1"));
}

static void
fuzz_spill(const uint8_t *p, size_t n)
{
	static uint8_t entry[4096], got[4096];
	uint64_t offset = 0;
	struct spill s;
	const uint8_t *q;
	size_t len;
	enum err e;

	spill_begin(&s, dir.dir, "spill", arena, sizeof(arena));
	for (size_t i = 0; i < n; i++) {
		size_t size = p[i] * 16u + (p[i] < 255);

		memset(entry, (int)i, size);
		must(spill_add(&s, entry, size, &offset) == ERR_OK);
		must(spill_get(&s, offset, got, sizeof(got), &len) == ERR_OK);
		must(len == size && memcmp(entry, got, len) == 0);
	}
	for (int again = 0; again < 2; again++) {
		must(spill_rewind(&s) == ERR_OK);
		for (size_t i = 0; i < n; i++) {
			must(spill_next(&s, &q, &len) == ERR_OK);
			must(len == p[i] * 16u + (p[i] < 255));
			must(q[0] == (uint8_t)i && q[len - 1] == (uint8_t)i);
			e = spill_get(&s, i * 7, got, sizeof(got), &len);
			must(e == ERR_OK || e == ERR_CORRUPT);
		}
		must(spill_next(&s, &q, &len) == ERR_END);
	}
	spill_end(&s);
	must(!scratch_has(&dir, "spill"));
}

static void
cleanup(void)
{
	scratch_free(&dir);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;

	if (!ready) {
		scratch_make(&dir);
		atexit(cleanup);
		ready = true;
	}
	if (size < 1 || size > 16384) {
		return 0;
	}
	scratch_empty(&dir);
	switch (data[0] & 7) {
	case 0:
		fuzz_table(data + 1, size - 1);
		break;
	case 1:
		fuzz_records(data + 1, size - 1);
		break;
	case 2:
		fuzz_head(data + 1, size - 1);
		break;
	case 3:
		fuzz_journal(data + 1, size - 1);
		break;
	case 4:
	case 5:
		fuzz_heap(data + 1, size - 1, (data[0] & 1) != 0);
		break;
	case 6:
		fuzz_sort(data + 1, size - 1);
		break;
	default:
		fuzz_spill(data + 1, size - 1 < 600 ? size - 1 : 600);
		break;
	}
	return 0;
}
