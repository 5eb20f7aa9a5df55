/* The time at which certificates are judged, at each edge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "app/moment.h"
#include "config.h"

enum { DAY = 86400 };
#define RELEASE (20000 * (int64_t)DAY)

static void
expect(int64_t clock, int64_t state, int64_t at, enum moment_source source)
{
	struct moment m;

	moment_of(&m, clock, RELEASE, state);
	assert_int_equal(m.clock, clock);
	assert_int_equal(m.at, at);
	assert_int_equal(m.source, source);
	assert_true(m.at >= clock); /* never back */
}

static void
latest_of_three(void **state)
{
	(void)state;
	expect(RELEASE, 0, RELEASE, MOMENT_CLOCK);
	expect(RELEASE - 1, 0, RELEASE, MOMENT_RELEASE);
	expect(0, 0, RELEASE, MOMENT_RELEASE);
	expect(-5, 0, RELEASE, MOMENT_RELEASE);
	expect(RELEASE + 9, RELEASE + 9, RELEASE + 9, MOMENT_CLOCK);
	expect(RELEASE + 9, RELEASE + 10, RELEASE + 10, MOMENT_STATE);
	expect(0, RELEASE, RELEASE, MOMENT_RELEASE);
	expect(0, RELEASE + 1, RELEASE + 1, MOMENT_STATE);
	expect(RELEASE + 9, 5, RELEASE + 9, MOMENT_CLOCK);
}

/* What a wrong clock once wrote does not outlive the right one for long. */
static void
state_of_the_future(void **state)
{
	int64_t year = 365 * (int64_t)DAY, now = RELEASE + year;

	(void)state;
	expect(now, now + MOMENT_AHEAD_S, now + MOMENT_AHEAD_S, MOMENT_STATE);
	expect(now, now + MOMENT_AHEAD_S + 1, now, MOMENT_CLOCK);
	expect(RELEASE, RELEASE + MOMENT_AHEAD_S + 1, RELEASE, MOMENT_CLOCK);
	expect(now, INT64_MAX, now, MOMENT_CLOCK);
	/* a clock that is not set says nothing against the state */
	expect(RELEASE - 1, RELEASE + 9 * year, RELEASE + 9 * year,
		MOMENT_STATE);
}

static bool
news(int64_t clock, int64_t state)
{
	struct moment m;

	moment_of(&m, clock, RELEASE, state);
	return moment_is_news(&m, state);
}

static void
remembered_once_a_day(void **state)
{
	int64_t now = RELEASE + 1000 * (int64_t)DAY;

	(void)state;
	assert_true(news(now, 0));
	assert_true(news(now, now - DAY));
	assert_false(news(now, now - DAY + 1));
	assert_false(news(now, now));
	assert_false(news(now, now + 1)); /* the state was used: no witness */
	assert_true(news(now, now + MOMENT_AHEAD_S + 1)); /* put right */
	assert_false(news(RELEASE - 1, 0));
	assert_false(news(0, RELEASE + 5));
}

static char said[1200];

static void
listen_to(void *user, enum log_level level, struct span text)
{
	(void)user;
	assert_int_equal(level, LOG_ERROR);
	assert_true(text.n < sizeof(said));
	memcpy(said, text.p, text.n);
	said[text.n] = '\0';
}

static void
told(void **state)
{
	struct moment m;

	(void)state;
	log_to(listen_to, NULL);
	moment_of(&m, 0, 1795564800, 0);
	moment_tell(&m, LOG_ERROR, "root");
	assert_string_equal(said, "  The clock of this machine says "
		"01-Jan-1970 00:00:00 +0000, so 25-Nov-2026 00:00:00 +0000 "
		"was used: the day this version was released.");
	moment_of(&m, 0, 1795564800, 1795564801);
	moment_tell(&m, LOG_ERROR, "root");
	assert_non_null(strstr(said, "00:00:01"));
	assert_non_null(strstr(said, "the file root."));
	moment_of(&m, 1795564800, 1795564800, 0);
	moment_tell(&m, LOG_ERROR, "root");
	assert_string_equal(said, "  The clock of this machine says "
		"25-Nov-2026 00:00:00 +0000.");
	log_to(NULL, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(latest_of_three),
		cmocka_unit_test(state_of_the_future),
		cmocka_unit_test(remembered_once_a_day),
		cmocka_unit_test(told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
