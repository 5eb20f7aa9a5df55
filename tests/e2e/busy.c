/*
 * busy: preloaded into a program, a mail program that is always faster: before
 * each of the first WHERRY_TEST_BUSY times that a file gets its UID into its
 * name, its flag F changes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

static void
reflag(int dir, const char *name)
{
	static int left = -1;
	const char *info = strstr(name, ":2,");
	char other[512];

	if (left < 0) {
		left = atoi(getenv("WHERRY_TEST_BUSY"));
	}
	if (info == NULL || left == 0) {
		return;
	}
	left--;
	snprintf(other, sizeof(other), "%.*s:2,%s", (int)(info - name), name,
		strchr(info, 'F') != NULL ? "S" : "FS");
	renameat(dir, name, dir, other);
}

long
syscall(long number, ...)
{
	static long (*next)(long, ...);
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++) {
		a[i] = va_arg(ap, long);
	}
	va_end(ap);
	if (next == NULL) {
		*(void **)&next = dlsym(RTLD_NEXT, "syscall");
	}
	if (number == SYS_renameat2 &&
		strstr((const char *)a[1], ",U=") == NULL &&
		strstr((const char *)a[3], ",U=") != NULL &&
		strncmp((const char *)a[1], "wherry.", 7) != 0) {
		reflag((int)a[0], (const char *)a[1]);
	}
	return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
