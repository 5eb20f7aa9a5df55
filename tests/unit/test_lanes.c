/* How many connections a line is good for, at each edge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/account.h"

enum { NEAR = CFG_CONNECTIONS < 2 ? CFG_CONNECTIONS : 2 };

static void
before_the_list(void **state)
{
	(void)state;
	for (uint32_t line = 0; line < 40; line++) {
		assert_int_equal(account_lanes(line, 0, false), NEAR);
		assert_int_equal(account_lanes(line, 19, false), NEAR);
		assert_int_equal(account_lanes(line, 20, false),
			CFG_CONNECTIONS);
		assert_int_equal(account_lanes(line, UINT32_MAX, false),
			CFG_CONNECTIONS);
	}
}

static void
behind_the_list(void **state)
{
	(void)state;
	assert_int_equal(account_lanes(0, 0, true), NEAR);
	assert_int_equal(account_lanes(2, 19, true), NEAR);
	assert_int_equal(account_lanes(3, 3, true), CFG_CONNECTIONS);
	assert_int_equal(account_lanes(3, 19, true), CFG_CONNECTIONS);
	/* what is near may pass it on */
	assert_int_equal(account_lanes(0, 20, true), CFG_CONNECTIONS);
	assert_int_equal(account_lanes(UINT32_MAX, 0, true), CFG_CONNECTIONS);
	assert_int_equal(account_lanes(UINT32_MAX, UINT32_MAX, true),
		CFG_CONNECTIONS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_the_list),
		cmocka_unit_test(behind_the_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
