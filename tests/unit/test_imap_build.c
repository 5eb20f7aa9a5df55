/* imap_build: lines of commands, up to what they may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "imap/imap_conn.h"

static struct imap_conn c;
static const struct imap_login login = {.host = "h", .timeout_ms = 1000};

static int
set_up(void **state)
{
	(void)state;
	memset(&c, 0, sizeof(c));
	c.login = &login;
	c.next_tag = 1;
	return 0;
}

/* A command of n bytes, tag and all. */
static enum err
command(size_t n)
{
	enum err e = imap_begin(&c, IMAP_CMD_NOOP, 0);

	if (e != ERR_OK) {
		return e;
	}
	while (c.line.n < n && c.line.err == ERR_OK) {
		imap_text(&c, "x");
	}
	return imap_end(&c, 0);
}

static void
test_line(void **state)
{
	size_t most = CFG_CMD_LINE + 64; /* the tag is not counted */

	(void)state;
	assert_int_equal(command(most + 1), ERR_LIMIT);
	assert_non_null(strstr(err_detail(), "CFG_CMD_LINE"));
	/* nothing was sent, and the connection is as good as before */
	assert_int_equal(c.io.out_n, 0);
	assert_int_equal(c.inflight_n, 0);
	assert_int_equal(c.err, ERR_OK);
	assert_int_equal(command(most), ERR_OK);
	assert_int_equal(c.io.out_n, most + 2);
	assert_memory_equal(c.io.out, "w1 xxx", 6);
	assert_memory_equal(c.io.out + most - 1, "x\r\n", 3);
	assert_int_equal(c.inflight_n, 1);
}

/* What does not fit behind what waits is asked again later, not cut. */
static void
test_room(void **state)
{
	(void)state;
	c.io.out_n = sizeof(c.io.out) - CFG_CMD_LINE - 63;
	assert_int_equal(imap_begin(&c, IMAP_CMD_NOOP, 0), ERR_AGAIN);
	c.io.out_n--;
	assert_int_equal(command(10), ERR_OK);
}

static void
test_names(void **state)
{
	(void)state;
	assert_int_equal(imap_begin(&c, IMAP_CMD_STATUS, 0), ERR_OK);
	imap_mailbox(&c, span_of("a\r\nw2 DELETE b"));
	assert_int_equal(imap_end(&c, 0), ERR_SYNTAX);
	assert_int_equal(c.io.out_n, 0);
	assert_int_equal(imap_begin(&c, IMAP_CMD_STATUS, 0), ERR_OK);
	imap_mailbox(&c, span_of("a \"b\\\" c"));
	assert_int_equal(imap_end(&c, 0), ERR_OK);
	assert_memory_equal(c.io.out, "w1 \"a \\\"b\\\\\\\" c\"\r\n", c.io.out_n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_line, set_up),
		cmocka_unit_test_setup(test_room, set_up),
		cmocka_unit_test_setup(test_names, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
