/*
 * peak: run a command and write what memory it used to a file.
 *
 *	peak FILE COMMAND ARGUMENTS...
 *
 * One line of four numbers:
 *
 *	peak of the resident set, KiB	the kernel counts it in batches and
 *		with the pages of libraries that happened to be near, so it
 *		moves by some tens of KiB
 *	anonymous pages, KiB		exact
 *	private dirty pages, KiB	those, and written pages of files; exact
 *	stack, bytes			from where it began with the arguments
 *		down to the lowest byte that is not zero: the kernel gives
 *		zeros, so that is what was written
 *
 * The command stays on one processor: each that it was on may hold back some of
 * what the first number counts, so that it depended on how many there are.
 *
 * The command is stopped at its end and looked at; nothing is inherited from
 * whoever runs this. What wherry has touched it keeps (its memory is static,
 * the stack is never given back), so the end is the maximum of all times.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static long
value(pid_t pid, const char *file, const char *key)
{
	char path[64];
	char line[256];
	long n = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	f = fopen(path, "r");
	if (f == NULL) {
		return -1;
	}
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, key, strlen(key)) == 0) {
			n = strtol(line + strlen(key), NULL, 10);
			break;
		}
	}
	fclose(f);
	return n;
}

/* Field 28 of stat(5), startstack. The name, field 2, may hold anything. */
static unsigned long
stack_start(pid_t pid)
{
	char path[64];
	char text[1024];
	unsigned long start = 0;
	const char *p;
	size_t n;
	FILE *f;
	int field;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (f == NULL) {
		return 0;
	}
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	p = strrchr(text, ')');
	for (field = 2; p != NULL && field < 28; field++) {
		p = strchr(p + 1, ' ');
	}
	if (p != NULL) {
		start = strtoul(p, NULL, 10);
	}
	return start;
}

static long
stack_depth(pid_t pid)
{
	char path[64];
	char line[512];
	unsigned long low, high, start = stack_start(pid);
	static unsigned char bytes[8 << 20];
	size_t n = 0, zeros;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	f = fopen(path, "r");
	low = high = 0;
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%lx-%lx", &low, &high) == 2 &&
		    low <= start && start < high) {
			break;
		}
		low = high = 0;
	}
	if (f != NULL) {
		fclose(f);
	}
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	f = low < start && start - low <= sizeof(bytes) ?
	    fopen(path, "r") : NULL;
	if (f == NULL) {
		return -1;
	}
	if (fseek(f, (long)low, SEEK_SET) == 0) {
		n = fread(bytes, 1, start - low, f);
	}
	fclose(f);
	for (zeros = 0; zeros < n && bytes[zeros] == 0; zeros++) {
	}
	return n == start - low ? (long)(n - zeros) : -1;
}

static void
stay(void)
{
	int cpu = sched_getcpu();
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu < 0 ? 0 : cpu, &one);
	(void)sched_setaffinity(0, sizeof(one), &one);
}

static void
look(pid_t pid, const char *path)
{
	FILE *f = fopen(path, "w");

	if (f != NULL) {
		/* The stack last: to be read it gets all of its pages. */
		long peak = value(pid, "status", "VmHWM:");
		long own = value(pid, "smaps_rollup", "Anonymous:");
		long dirty = value(pid, "smaps_rollup", "Private_Dirty:");

		fprintf(f, "%ld %ld %ld %ld\n", peak, own, dirty,
		    stack_depth(pid));
		fclose(f);
	}
}

int
main(int argc, char **argv)
{
	int status;
	pid_t pid;

	if (argc < 3) {
		return 64;
	}
	pid = fork();
	if (pid == 0) {
		stay();
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		return 126;
	}
	ptrace(PTRACE_SETOPTIONS, pid, NULL,
	    (void *)(PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL));
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	for (;;) {
		long pass = 0;

		if (waitpid(pid, &status, 0) != pid) {
			return 126;
		}
		if (WIFEXITED(status)) {
			return WEXITSTATUS(status);
		}
		if (WIFSIGNALED(status)) {
			return 128 + WTERMSIG(status);
		}
		if (status >> 8 == (SIGTRAP | (PTRACE_EVENT_EXIT << 8))) {
			look(pid, argv[1]);
		} else if (WSTOPSIG(status) != SIGTRAP) {
			pass = WSTOPSIG(status);
		}
		ptrace(PTRACE_CONT, pid, NULL, (void *)pass);
	}
}
