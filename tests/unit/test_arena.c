/* The allocator of the arena: contents, limits, what must end the program. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "guard.h"
#include "port/arena/arena.h"

enum { SIZE = 1 << 16, HEAD = 8, SLOTS = 200, FRESH = 0xA5 };

/* The largest allocation: headers lie 8 bytes before a multiple of 16, so the
 * first has 8 bytes before it and the last block 8 behind it. */
#define MOST(size) ((size_t)(size) - 3 * HEAD)

/* The block ends at a page that nobody may touch. Where it is fresh it is
 * filled, so that what touches it shows. */
struct fixture {
	struct arena a;
	char *block;
};

static void
open_arena(struct fixture *f, size_t size)
{
	char fill[SIZE];

	memset(fill, FRESH, size);
	memset(f, 0, sizeof(*f));
	f->block = guard_copy(fill, size);
	f->a.base = (unsigned char *)f->block;
	f->a.size = (uint32_t)size;
	assert_int_equal((uintptr_t)f->block % ARENA_ALIGN, 0);
}

static void
close_arena(struct fixture *f)
{
	guard_free(f->block);
}

static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

struct slot {
	unsigned char *p;
	size_t n;
	unsigned char mark;
};

static void
check_slot(const struct slot *s)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		assert_int_equal(s->p[i], s->mark);
	}
}

/* Above the highest byte that was handed out nothing is ever touched. */
static void
check_fresh(const struct fixture *f)
{
	size_t i;

	for (i = f->a.high; i < f->a.size; i++) {
		assert_int_equal((unsigned char)f->block[i], FRESH);
	}
}

static void
one_step(struct fixture *f, struct slot *s, uint32_t *seed)
{
	size_t n = next_random(seed) % (next_random(seed) % 8 == 0 ? 4000 : 90);
	size_t align = ARENA_ALIGN;
	unsigned char *p;

	if (s->p == NULL && next_random(seed) % 4 == 0) {
		align = (size_t)8 << next_random(seed) % 7;
		p = arena_get_aligned(&f->a, align, n);
	} else if (s->p == NULL) {
		p = arena_get(&f->a, n);
	} else if (next_random(seed) % 3 == 0) {
		p = arena_resize(&f->a, s->p, n);
		if (p == NULL) {
			return;
		}
		s->n = n < s->n ? n : s->n;
		s->p = p;
		check_slot(s);
	} else {
		arena_put(&f->a, s->p);
		s->p = NULL;
		return;
	}
	if (p != NULL) {
		assert_int_equal((uintptr_t)p % ARENA_ALIGN, 0);
		assert_int_equal((uintptr_t)p % align, 0);
		assert_true(arena_room(&f->a, p) >= n);
		s->p = p;
		s->n = n;
		s->mark = (unsigned char)next_random(seed);
		memset(p, s->mark, n);
	}
}

/* Whatever is allocated keeps its contents whatever happens around it, and
 * in the end the arena is as new. */
static void
random_use(void **state)
{
	struct fixture f;
	struct slot slots[SLOTS];
	uint32_t seed, i, refused = 0;

	(void)state;
	for (seed = 1; seed < 20; seed++) {
		uint32_t s = seed;

		open_arena(&f, SIZE);
		memset(slots, 0, sizeof(slots));
		for (i = 0; i < 20000; i++) {
			struct slot *at = &slots[next_random(&s) % SLOTS];

			if (at->p != NULL) {
				check_slot(at);
			}
			one_step(&f, at, &s);
		}
		check_fresh(&f);
		refused += f.a.refused;
		for (i = 0; i < SLOTS; i++) {
			if (slots[i].p != NULL) {
				check_slot(&slots[i]);
			}
			arena_put(&f.a, slots[i].p);
		}
		assert_int_equal(f.a.used, 0);
		assert_int_equal(f.a.free, 0);
		assert_non_null(arena_get(&f.a, MOST(SIZE)));
		close_arena(&f);
	}
	assert_true(refused > 0); /* it was full now and then */
}

/* The last byte can be had, one more cannot; NULL leaves all as it was. */
static void
limits(void **state)
{
	struct fixture f;
	void *p;

	(void)state;
	open_arena(&f, 4096);
	assert_null(arena_get(&f.a, MOST(4096) + 1));
	assert_int_equal(f.a.refused, 1);
	assert_int_equal(f.a.high, 0);
	p = arena_get(&f.a, MOST(4096));
	assert_non_null(p);
	assert_int_equal(f.a.high, 4096 - HEAD);
	memset(p, 1, MOST(4096));
	assert_null(arena_get(&f.a, 0));
	assert_null(arena_resize(&f.a, p, MOST(4096) + 1));
	assert_int_equal(*(unsigned char *)p, 1);
	arena_put(&f.a, p);
	assert_null(arena_get(&f.a, SIZE_MAX));
	assert_null(arena_get(&f.a, SIZE_MAX - 7));
	assert_null(arena_get(&f.a, UINT32_MAX));
	assert_null(arena_get_zeros(&f.a, SIZE_MAX / 2 + 1, 2));
	assert_null(arena_get_zeros(&f.a, SIZE_MAX / 16, 32));
	assert_null(arena_get_aligned(&f.a, SIZE_MAX / 2 + 1, 1));
	assert_null(arena_get_aligned(&f.a, 64, SIZE_MAX - 63));
	assert_null(arena_get_aligned(&f.a, 2048, 4096));
	assert_int_equal(f.a.used, 0);
	assert_int_equal(f.a.refused, 11);
	close_arena(&f);
}

/* The size has no influence on where things go: with exactly what the high
 * mark says all of it works again, with 16 bytes less it does not. */
static void
high_mark_is_enough(void **state)
{
	struct fixture f;
	uint32_t high = 0;
	size_t size;
	int round, i;

	(void)state;
	for (round = 0; round < 3; round++) {
		void *p[40] = {NULL};

		size = round == 0 ? SIZE : round == 1 ? high : high - 16;
		size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
		open_arena(&f, size);
		for (i = 0; i < 400; i++) {
			int at = i * 7 % 40;

			arena_put(&f.a, p[at]);
			p[at] = arena_get(&f.a, (size_t)(i * 131 % 700));
		}
		assert_int_equal(f.a.refused > 0, round == 2);
		high = round == 0 ? f.a.high : high;
		close_arena(&f);
	}
}

/* Zeros where it was used before; where it is fresh it is not touched (and
 * in the program fresh memory is zero). */
static void
zeros(void **state)
{
	struct fixture f;
	unsigned char *p, *q;
	int i;

	(void)state;
	open_arena(&f, 4096);
	p = arena_get(&f.a, 100);
	memset(p, 0xFF, 100);
	arena_put(&f.a, p);
	q = arena_get_zeros(&f.a, 50, 10);
	assert_ptr_equal(p, q);
	for (i = 0; i < 100; i++) {
		assert_int_equal(q[i], 0);
	}
	assert_int_equal(q[499], FRESH);
	memset(q, 0xFF, 500);
	arena_put(&f.a, q);
	q = arena_get_zeros(&f.a, 500, 1);
	for (i = 0; i < 500; i++) {
		assert_int_equal(q[i], 0);
	}
	assert_non_null(arena_get_zeros(&f.a, 0, SIZE_MAX));
	assert_non_null(arena_get_zeros(&f.a, SIZE_MAX, 0));
	close_arena(&f);
}

/* Growing where there is room does not move anything. */
static void
resizing(void **state)
{
	struct fixture f;
	unsigned char *p, *q, *r;

	(void)state;
	open_arena(&f, 4096);
	p = arena_resize(&f.a, NULL, 100);
	memset(p, 7, 100);
	assert_ptr_equal(arena_resize(&f.a, p, 1000), p);
	q = arena_get(&f.a, 300);
	r = arena_get(&f.a, 10);
	arena_put(&f.a, q);
	assert_ptr_equal(arena_resize(&f.a, p, 1200), p);
	assert_ptr_equal(arena_get(&f.a, 16), p + 1216 + HEAD - 8);
	q = arena_resize(&f.a, p, 1400);
	assert_true(q > r);
	assert_int_equal(q[99], 7);
	assert_ptr_equal(arena_resize(&f.a, q, 0), q);
	assert_ptr_equal(arena_get(&f.a, 500), p);
	close_arena(&f);
}

enum fault { TWICE, TWICE_MERGED, TWICE_TOP, INSIDE, ODD, ELSEWHERE, BELOW,
	UNUSED, RESIZED, FAULTS };

static void
misuse(struct fixture *f, enum fault kind)
{
	unsigned char *p = arena_get(&f->a, 100), *q = arena_get(&f->a, 100);
	unsigned char *r = arena_get(&f->a, 100);
	static unsigned char elsewhere[64];

	memset(q, 0, 100);
	switch (kind) {
	case TWICE:
		arena_put(&f->a, p);
		arena_put(&f->a, p);
		break;
	case TWICE_MERGED:
		arena_put(&f->a, p);
		arena_put(&f->a, q);
		arena_put(&f->a, q);
		break;
	case TWICE_TOP:
		arena_put(&f->a, r);
		arena_put(&f->a, r);
		break;
	case INSIDE:
		arena_put(&f->a, q + 16);
		break;
	case ODD:
		arena_put(&f->a, q + 1);
		break;
	case ELSEWHERE:
		arena_put(&f->a, elsewhere);
		break;
	case BELOW:
		arena_put(&f->a, f->a.base);
		break;
	case UNUSED:
		arena_put(&f->a, f->a.base + 2048);
		break;
	case RESIZED:
		arena_put(&f->a, q);
		(void)arena_resize(&f->a, q, 1000);
		break;
	case FAULTS:
	default:
		break;
	}
}

/* Each ends the program with a line that says why. */
static void
faults_end_the_program(void **state)
{
	int kind;

	(void)state;
	for (kind = TWICE; kind <= FAULTS; kind++) {
		char line[200];
		ssize_t n;
		int ends[2], status;
		pid_t pid;

		assert_int_equal(pipe(ends), 0);
		pid = fork();
		if (pid == 0) {
			struct fixture f;

			signal(SIGABRT, SIG_DFL);
			dup2(ends[1], 2);
			open_arena(&f, 4096);
			misuse(&f, (enum fault)kind);
			_exit(0);
		}
		close(ends[1]);
		n = read(ends[0], line, sizeof(line) - 1);
		line[n > 0 ? n : 0] = '\0';
		close(ends[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (kind == FAULTS) {
			assert_int_equal(status, 0);
			continue;
		}
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT ||
			strstr(line, "not allocated") == NULL) {
			fail_msg("fault %d: status %d, \"%s\"", kind, status,
				line);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_use),
		cmocka_unit_test(limits),
		cmocka_unit_test(high_mark_is_enough),
		cmocka_unit_test(zeros),
		cmocka_unit_test(resizing),
		cmocka_unit_test(faults_end_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
