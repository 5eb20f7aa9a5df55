/* table_sample: records and tables for the tests of store/table. */
#ifndef WHERRY_TEST_TABLE_SAMPLE_H
#define WHERRY_TEST_TABLE_SAMPLE_H

#include "scratch.h"
#include "store/table.h"

#define TABLE_HEAD 32

static struct scratch dir;

/* A record whose fields all follow from its uid. */
static inline struct rec
sample(uint32_t uid)
{
	struct rec r = {.uid = uid,
		.flags = (uid * 2654435761u) & 0x7fffffff,
		.size = (uid * 40503u) & TABLE_SIZE_MAX,
		.state = REC_PRESENT,
		.mkey = (uid * 0x9e3779b97f4a7c15u) & 0xffffffffffffffu,
		.name.time = 1700000000u + uid,
		.name.seq = uid ^ 0x5555,
		.name.pid = uid & TABLE_PID_MAX,
		.name.host = (uint8_t)uid,
		.name.kind = (uint8_t)(uid & 3)};

	return r;
}

static inline void
same(const struct rec *a, const struct rec *b)
{
	assert_int_equal(a->uid, b->uid);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->state, b->state);
	assert_true(a->mkey == b->mkey);
	assert_int_equal(a->name.time, b->name.time);
	assert_int_equal(a->name.seq, b->name.seq);
	assert_int_equal(a->name.pid, b->name.pid);
	assert_int_equal(a->name.host, b->name.host);
	assert_int_equal(a->name.kind, b->name.kind);
}

static inline void
make_table(struct table *t)
{
	scratch_empty(&dir);
	memset(t, 0xaa, sizeof(*t));
	assert_int_equal(table_open(t, dir.dir), ERR_OK);
}

/* n records with the uids step, 2 * step, ... */
static inline void
fill_table(struct table *t, uint32_t n, uint32_t step)
{
	make_table(t);
	for (uint32_t i = 0; i < n; i++) {
		struct rec r = sample((i + 1) * step);
		uint32_t recno = 0;

		assert_int_equal(table_append(t, &r, &recno), ERR_OK);
		assert_int_equal(recno, i);
	}
}

/* Patterns of damage: single ones, long stretches, nearly all, both ends. */
static inline bool
is_bad(uint32_t i, int how)
{
	switch (how) {
	case 0:
		return i % 7 == 3;
	case 1:
		return i / 150 % 2 == 1;
	case 2:
		return i % 100 != 50;
	default:
		return i < 200 || i >= 800;
	}
}

#endif
