/*
 * nosys: run a command in a kernel that is older than ours.
 *
 *	nosys [-e ERROR] CALLS COMMAND ARGUMENTS...
 *
 * CALLS is a comma list of system calls that are refused with ERROR (ENOSYS
 * unless given: EPERM is what some sandboxes say, EINVAL what some file
 * systems do). The word "new" stands for every call that came after Linux
 * 2.6.32, and for the locks of open files (fcntl), which are younger, too.
 *
 * By a filter that the kernel runs, so it holds for static programs as well,
 * and costs no time. Exit status 126: no such filters here; 64: wrong use.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __x86_64__
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define ARCH AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define ARCH AUDIT_ARCH_ARM
#endif

static const struct {
	const char *name;
	int nr;
} calls[] = {
	{"getrandom", SYS_getrandom},
	{"renameat2", SYS_renameat2},
	{"syncfs", SYS_syncfs},
#ifdef SYS_sync_file_range
	{"sync_file_range", SYS_sync_file_range},
#endif
	{"statx", SYS_statx},
	{"flock", SYS_flock},
};

static struct sock_filter code[64];
static unsigned n;

static void
add(unsigned short op, unsigned k, unsigned char yes, unsigned char no)
{
	if (n < sizeof(code) / sizeof(code[0])) {
		code[n++] = (struct sock_filter){op, yes, no, k};
	}
}

static void
load(unsigned at)
{
	add(BPF_LD | BPF_W | BPF_ABS, at, 0, 0);
}

static void
refuse_with(int error)
{
	add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error, 0, 0);
}

/* Behind load(number). Numbers ascend with time but on machines that Linux
 * came to later than 2.6.32; recvmmsg was the first call after it. */
static void
refuse_new(int error)
{
#ifndef __aarch64__
	add(BPF_JMP | BPF_JGE | BPF_K, SYS_recvmmsg, 0, 1);
	refuse_with(error);
#endif
	for (int cmd = F_OFD_GETLK; cmd <= F_OFD_SETLKW; cmd++) {
		add(BPF_JMP | BPF_JEQ | BPF_K, SYS_fcntl, 0, 3);
		load(offsetof(struct seccomp_data, args[1]));
		add(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)cmd, 0, 1);
		refuse_with(EINVAL);
		load(offsetof(struct seccomp_data, nr));
	}
}

static int
refuse_name(const char *name, size_t len, int error)
{
	if (len == 3 && strncmp(name, "new", 3) == 0) {
		refuse_new(error);
		return 0;
	}
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strlen(calls[i].name) == len &&
			strncmp(calls[i].name, name, len) == 0) {
			add(BPF_JMP | BPF_JEQ | BPF_K,
				(unsigned)calls[i].nr, 0, 1);
			refuse_with(error);
			return 0;
		}
	}
	return -1;
}

static int
error_of(const char *name)
{
	return strcmp(name, "ENOSYS") == 0 ? ENOSYS :
		strcmp(name, "EPERM") == 0 ? EPERM :
		strcmp(name, "EINVAL") == 0 ? EINVAL : 0;
}

int
main(int argc, char **argv)
{
	struct sock_fprog program = {.filter = code};
	int error = ENOSYS;
	const char *p;

	if (argc > 2 && strcmp(argv[1], "-e") == 0) {
		error = error_of(argv[2]);
		argv += 2;
		argc -= 2;
	}
	if (argc < 3 || error == 0) {
		fprintf(stderr, "usage: nosys [-e ERROR] CALLS COMMAND...\n");
		return 64;
	}
	load(offsetof(struct seccomp_data, arch));
	add(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	load(offsetof(struct seccomp_data, nr));
	for (p = argv[1]; *p != '\0'; p += strspn(p, ",")) {
		size_t len = strcspn(p, ",");

		if (refuse_name(p, len, error) != 0) {
			fprintf(stderr, "nosys: no call %.*s\n", (int)len, p);
			return 64;
		}
		p += len;
	}
	add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	program.len = (unsigned short)n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
		perror("nosys");
		return 126;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
