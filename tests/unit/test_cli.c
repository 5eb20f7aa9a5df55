/*
 * cli: what people type. argv is given as it comes from a shell; what is
 * wrong is ERR_USAGE with the word that was wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "app/cli.h"
#include "config.h"

static char storage[512];
static struct cli cli;

/* Words separated by '|', so that they can hold blanks or be empty. */
static enum err
parse(const char *line)
{
	char *argv[20] = {(char *)"wherry"};
	int argc = 1;
	char *p = storage;

	memset(&cli, 0xa5, sizeof(cli));
	err_clear();
	strcpy(storage, line);
	while (p != NULL && line[0] != '\0') {
		char *bar = strchr(p, '|');

		if (bar != NULL) {
			*bar = '\0';
		}
		argv[argc++] = p;
		p = bar != NULL ? bar + 1 : NULL;
	}
	argv[argc] = NULL;
	return cli_parse(&cli, argc, argv);
}

static void
nothing(void **unused)
{
	(void)unused;
	assert_int_equal(parse(""), ERR_OK);
	assert_int_equal(cli.verb, CLI_SYNC);
	assert_null(cli.config);
	assert_null(cli.accounts);
	assert_null(cli.folders);
	assert_null(cli.log);
	assert_null(cli.ui);
	assert_null(cli.target);
	assert_false(cli.wire || cli.dry_run || cli.stats);
}

static void
values(void **unused)
{
	(void)unused;
	assert_int_equal(parse("-c|a b|-a|A,B|-f|F|-l|log|-u|quiet|-d|imap"),
		ERR_OK);
	assert_string_equal(cli.config, "a b");
	assert_string_equal(cli.accounts, "A,B");
	assert_string_equal(cli.folders, "F");
	assert_string_equal(cli.log, "log");
	assert_string_equal(cli.ui, "quiet");
	assert_true(cli.wire);
	assert_int_equal(cli.verb, CLI_SYNC);
}

static void
values_attached(void **unused)
{
	(void)unused;
	assert_int_equal(parse("-cfile|-aA|-dimap"), ERR_OK);
	assert_string_equal(cli.config, "file");
	assert_string_equal(cli.accounts, "A");
	assert_true(cli.wire);
}

static void
values_that_look_like_options(void **unused)
{
	(void)unused;
	assert_int_equal(parse("-c|-a|-a|"), ERR_OK);
	assert_string_equal(cli.config, "-a");
	assert_string_equal(cli.accounts, "");
}

static void
the_last_wins(void **unused)
{
	(void)unused;
	assert_int_equal(parse("-c|one|-c|two"), ERR_OK);
	assert_string_equal(cli.config, "two");
}

static void
switches(void **unused)
{
	(void)unused;
	assert_int_equal(parse("-o|--dry-run"), ERR_OK);
	assert_true(cli.dry_run && !cli.stats);
	assert_int_equal(cli.verb, CLI_SYNC);
	assert_int_equal(parse("-h"), ERR_OK);
	assert_int_equal(cli.verb, CLI_HELP);
	assert_int_equal(parse("--help"), ERR_OK);
	assert_int_equal(cli.verb, CLI_HELP);
	assert_int_equal(parse("--version"), ERR_OK);
	assert_int_equal(cli.verb, CLI_VERSION);
	assert_int_equal(parse("-V"), ERR_OK);
	assert_int_equal(cli.verb, CLI_ABOUT);
}

static void
stats(void **unused)
{
	(void)unused;
	assert_int_equal(parse("--stats"), CFG_STATS ? ERR_OK : ERR_USAGE);
	assert_true(cli.stats == CFG_STATS);
	assert_true(CFG_STATS || strstr(err_detail(), "CFG_STATS") != NULL);
}

/* Letters in one word, as OfflineIMAP takes them. */
static void
bundles(void **unused)
{
	(void)unused;
	assert_int_equal(parse("-oafoo"), ERR_OK);
	assert_non_null(cli.accounts);
	assert_string_equal(cli.accounts, "foo");
	assert_int_equal(parse("-oa|foo"), ERR_OK);
	assert_string_equal(cli.accounts, "foo");
	assert_int_equal(parse("-oV"), ERR_OK);
	assert_int_equal(cli.verb, CLI_ABOUT);
	assert_int_equal(parse("-oq"), ERR_USAGE);
	assert_non_null(strstr(err_detail(), "-q"));
	assert_int_equal(parse("-Vx"), ERR_USAGE);
	assert_int_equal(parse("-o-"), ERR_USAGE);
}

static void
show_cert(void **unused)
{
	(void)unused;
	if (!CFG_SHOW_CERT) {
		assert_int_equal(parse("show-cert|h"), ERR_USAGE);
		assert_non_null(strstr(err_detail(), "CFG_SHOW_CERT"));
		return;
	}
	assert_int_equal(parse("show-cert|example.org:993"), ERR_OK);
	assert_int_equal(cli.verb, CLI_SHOW_CERT);
	assert_string_equal(cli.target, "example.org:993");
	assert_int_equal(parse("-c|f|show-cert|h"), ERR_OK);
	assert_string_equal(cli.target, "h");
	assert_int_equal(parse("show-cert"), ERR_USAGE);
	assert_non_null(strstr(err_detail(), "HOST"));
}

static void
wrong(void **unused)
{
	static const char *const lines[][2] = {
		{"-x", "unknown option -x"},
		{"-x|value", "unknown option -x"},
		{"-xvalue", "unknown option -x"},
		{"-c", "-c needs a value"},
		{"-a|A|-f", "-f needs a value"},
		{"--dry", "--dry"},
		{"--dry-runs", "--dry-runs"},
		{"--", "--"},
		{"-", "unknown word -"},
		{"sync", "unknown word sync"},
		{"|-h", "unknown word"},
		{"-d|maildir", "imap"},
		{"-d|", "imap"},
		{"-d|imap2", "imap"},
		{"--stats=1", "--stats=1"},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (parse(lines[i][0]) != ERR_USAGE ||
			strstr(err_detail(), lines[i][1]) == NULL) {
			fail_msg("%s: \"%s\"", lines[i][0], err_detail());
		}
	}
}

/* The first mistake ends it, whatever comes behind. */
static void
first_mistake(void **unused)
{
	(void)unused;
	assert_int_equal(parse("-x|--nonsense|-h"), ERR_USAGE);
	assert_non_null(strstr(err_detail(), "-x"));
}

/* Every option of the help is taken. */
static void
help_is_true(void **unused)
{
	static const char *const words[] = {"-c", "-a", "-f", "-u", "-l", "-o",
		"--dry-run", "--stats", "--version", "-V", "-h", "show-cert"};

	(void)unused;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char line[64];
		bool known = (i != 7 || CFG_STATS) &&
			(i != 11 || CFG_SHOW_CERT);

		assert_true((strstr(cli_help, words[i]) != NULL) ==
			(CFG_HELP && known));
		strcpy(line, words[i]);
		if (strchr("caful", words[i][1]) != NULL || i == 11) {
			strcat(line, "|v");
		}
		assert_int_equal(parse(line), known ? ERR_OK : ERR_USAGE);
	}
	assert_true((strstr(CLI_OPTIONS, "-h") != NULL) == CFG_HELP);
	for (const char *p = cli_help; *p != '\0';) { /* fits a terminal */
		size_t n = strcspn(p, "\n");

		assert_true(n < 80);
		p += n + 1;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing),
		cmocka_unit_test(values),
		cmocka_unit_test(values_attached),
		cmocka_unit_test(values_that_look_like_options),
		cmocka_unit_test(the_last_wins),
		cmocka_unit_test(switches),
		cmocka_unit_test(stats),
		cmocka_unit_test(bundles),
		cmocka_unit_test(show_cert),
		cmocka_unit_test(wrong),
		cmocka_unit_test(first_mistake),
		cmocka_unit_test(help_is_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
