/* imap_set: texts of sets, refusals, and every size of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "imap/imap_set.h"

static char memory[256];

static void
expect(struct imap_set *s, const char *want, uint32_t count)
{
	struct span got = imap_set_text(s);

	if (!span_is(got, want) || s->count != count) {
		fail_msg("%.*s (%u), not %s (%u)", (int)got.n, got.p, s->count,
			want, count);
	}
	/* handed out: always the same, and nothing may follow */
	assert_true(span_is(imap_set_text(s), want));
	assert_int_equal(imap_set_add(s, UINT32_MAX), ERR_SYNTAX);
}

static void
test_texts(void **state)
{
	struct imap_set s;

	(void)state;
	imap_set_init(&s, memory, sizeof(memory));
	expect(&s, "", 0);
	imap_set_init(&s, memory, sizeof(memory));
	assert_int_equal(imap_set_add(&s, 1), ERR_OK);
	expect(&s, "1", 1);
	imap_set_init(&s, memory, sizeof(memory));
	for (uint32_t uid = 1; uid < 13; uid++) {
		if (uid != 5 && uid != 6 && uid != 8) {
			assert_int_equal(imap_set_add(&s, uid), ERR_OK);
		}
	}
	expect(&s, "1:4,7,9:12", 9);
	imap_set_init(&s, memory, sizeof(memory));
	assert_int_equal(imap_set_add_range(&s, 5, 7), ERR_OK);
	assert_int_equal(imap_set_add_range(&s, 8, 8), ERR_OK);
	assert_int_equal(imap_set_add_range(&s, 10, UINT32_MAX), ERR_OK);
	expect(&s, "5:8,10:4294967295", 4294967290u);
	imap_set_init(&s, memory, sizeof(memory));
	assert_int_equal(imap_set_add_range(&s, 1, UINT32_MAX), ERR_OK);
	expect(&s, "1:4294967295", UINT32_MAX);
}

static void
test_refusals(void **state)
{
	struct imap_set s;

	(void)state;
	imap_set_init(&s, memory, sizeof(memory));
	assert_int_equal(imap_set_add(&s, 0), ERR_SYNTAX);
	assert_int_equal(imap_set_add_range(&s, 0, 5), ERR_SYNTAX);
	assert_int_equal(imap_set_add_range(&s, 5, 4), ERR_SYNTAX);
	assert_int_equal(imap_set_add_range(&s, 5, 9), ERR_OK);
	assert_int_equal(imap_set_add(&s, 9), ERR_SYNTAX);
	assert_int_equal(imap_set_add(&s, 5), ERR_SYNTAX);
	assert_int_equal(imap_set_add_range(&s, 8, 12), ERR_SYNTAX);
	expect(&s, "5:9", 5);
}

/* With n bytes of room: what is refused leaves the set as it was, and it is
 * refused only if it would not have fitted. */
static void
test_every_room(void **state)
{
	static const uint32_t uids[] = {1, 2, 9, 10, 11, 13, 99, 100, 101,
		4294967294u, 4294967295u};
	static const char *const texts[] = {"1", "1:2", "1:2,9", "1:2,9:10",
		"1:2,9:11", "1:2,9:11,13", "1:2,9:11,13,99",
		"1:2,9:11,13,99:100", "1:2,9:11,13,99:101",
		"1:2,9:11,13,99:101,4294967294",
		"1:2,9:11,13,99:101,4294967294:4294967295"};
	size_t n = sizeof(uids) / sizeof(uids[0]);

	(void)state;
	for (size_t cap = 0; cap <= strlen(texts[n - 1]); cap++) {
		struct imap_set s;
		size_t i = 0;

		imap_set_init(&s, memory, cap);
		while (i < n && imap_set_add(&s, uids[i]) == ERR_OK) {
			i++;
		}
		assert_int_equal(i == n, cap == strlen(texts[n - 1]));
		if (i < n) {
			assert_true(strlen(texts[i]) > cap);
			assert_int_equal(imap_set_add(&s, uids[i]), ERR_LIMIT);
			assert_non_null(strstr(err_detail(), "CFG_CMD_LINE"));
		}
		expect(&s, i > 0 ? texts[i - 1] : "", (uint32_t)i);
		assert_int_equal(s.out.err, ERR_OK);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_every_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
