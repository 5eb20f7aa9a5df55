/*
 * peak: run a command and write what memory it used to a file.
 *
 *	peak FILE COMMAND ARGUMENTS...
 *
 * One line: the peak of the resident set, and the memory of its own at the
 * end (anonymous pages), in KiB. The first is what the kernel counts in
 * batches and with the pages of libraries that happened to be near, so it
 * moves by some tens of KiB; the second is exact. Neither is inherited from
 * whoever runs this: the command is stopped at its end and looked at.
 */
#define _GNU_SOURCE
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

static void
look(pid_t pid, const char *path)
{
	FILE *f = fopen(path, "w");

	if (f != NULL) {
		fprintf(f, "%ld %ld\n", value(pid, "status", "VmHWM:"),
		    value(pid, "smaps_rollup", "Anonymous:"));
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
