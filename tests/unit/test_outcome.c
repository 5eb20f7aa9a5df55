/*
 * outcome: the gravest cause wins, in whatever order the causes come. Causes
 * are never taken back, so each combination has a process of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/outcome.h"

static const int order[] = {78, 73, 77, 2, 1, 75}; /* gravest first */
#define CAUSES (sizeof(order) / sizeof(order[0]))

static int
status_of_child(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Notes the causes in set, forwards or backwards, some twice. */
static int
with(unsigned set, int backwards)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		for (unsigned i = 0; i < CAUSES; i++) {
			unsigned k = backwards ? CAUSES - 1 - i : i;

			if (set >> k & 1) {
				outcome_exit(order[k]);
				outcome_exit(order[k]);
			}
			outcome_err(ERR_OK); /* takes nothing back */
		}
		_exit(outcome_status());
	}
	return status_of_child(pid);
}

static void
every_combination(void **unused)
{
	(void)unused;
	for (unsigned set = 0; set < 1u << CAUSES; set++) {
		int want = 0;

		for (unsigned k = CAUSES; k-- > 0;) {
			want = set >> k & 1 ? order[k] : want;
		}
		assert_int_equal(with(set, 0), want);
		assert_int_equal(with(set, 1), want);
	}
}

static int
of_err(enum err e)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		outcome_err(e);
		_exit(outcome_status());
	}
	return status_of_child(pid);
}

static void
every_error(void **unused)
{
	static const struct {
		enum err e;
		int status;
	} rows[] = {
		{ERR_OK, 0}, {ERR_AGAIN, 0}, {ERR_END, 0}, {ERR_STOPPED, 0},
		{ERR_IO, 73}, {ERR_SPACE, 73}, {ERR_READONLY, 73},
		{ERR_PERM, 73}, {ERR_NOENT, 1}, {ERR_EXIST, 1}, {ERR_LIMIT, 1},
		{ERR_SYNTAX, 1}, {ERR_PROTO, 1}, {ERR_REFUSED, 1},
		{ERR_CORRUPT, 1}, {ERR_UNSUPPORTED, 1}, {ERR_NET, 75},
		{ERR_TIMEOUT, 75}, {ERR_TLS, 75}, {ERR_CLOCK, 75},
		{ERR_LOCKED, 75}, {ERR_CERT, 2}, {ERR_PRIVACY, 2},
		{ERR_UIDVALIDITY, 2}, {ERR_GUARD, 2}, {ERR_AUTH, 77},
		{ERR_CONF, 78},
	};

	(void)unused;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (of_err(rows[i].e) != rows[i].status) {
			fail_msg("%s is not %d", err_text(rows[i].e),
				rows[i].status);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_combination),
		cmocka_unit_test(every_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
