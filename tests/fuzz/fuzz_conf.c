/*
 * fuzz_conf: the input is a configuration file (in memory, below
 * /proc/self/fd), and a folderfilter as well.
 */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf/conf.h"

static struct conf c;
static struct conf_work work;
static struct conf_general general;
static struct conf_account account;

static void
must(int ok)
{
	if (!ok) {
		abort();
	}
}

/* Any answer will do, but the same answer twice, and "in" is not "not in". */
static void
try_filter(const char *text, size_t n)
{
	static char memory[CFG_VALUE + 1];
	static const char *const folders[] = {"", "INBOX", "a", "a\\b"};

	n = n < CFG_VALUE ? n : CFG_VALUE;
	memcpy(memory, text, n);
	memory[n] = '\0';
	for (size_t i = 0; i < 4; i++) {
		bool one = false, two = true;
		enum err e = conf_filter(memory, span_of(folders[i]), &one);

		must(e == ERR_OK || e == ERR_CONF);
		must(conf_filter(memory, span_of(folders[i]), &two) == e);
		must(e != ERR_OK || one == two);
	}
}

static void
try_account(void)
{
	char name[CFG_NAME];
	struct buf b;

	if (conf_general(&c, &general) != ERR_OK) {
		return;
	}
	for (unsigned i = 0; i < 3; i++) {
		BUF_INIT(&b, name);
		if (conf_account_name(general.accounts, i, &b) == ERR_OK) {
			bool accept;

			buf_cstr(&b);
			if (b.err == ERR_OK &&
				conf_account(&c, name, &account) == ERR_OK) {
				must(account.root[0] == '/');
				must(account.port != 0);
				must(conf_filter(account.filter_local,
					SPAN("x"), &accept) == ERR_OK);
				must(conf_filter(account.filter_remote,
					SPAN("x"), &accept) == ERR_OK);
			}
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[64];
	enum err e, checked;

	if (size > 20000) {
		return 0;
	}
	if (fd < 0) {
		fd = memfd_create("conf", 0);
		must(fd >= 0);
		setenv("HOME", "/home/fuzz", 1);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	must(ftruncate(fd, 0) == 0);
	must(pwrite(fd, data, size, 0) == (ssize_t)size);
	try_filter((const char *)data, size);
	e = conf_open(&c, &work, path);
	must(e == ERR_OK || e == ERR_CONF || e == ERR_LIMIT);
	if (e == ERR_OK) {
		checked = conf_check(&c);
		must(checked == ERR_OK || checked == ERR_CONF ||
			checked == ERR_LIMIT);
		try_account();
		conf_close(&c);
	}
	return 0;
}
