/*
 * peak: run a command and write its peak resident memory in KiB to a file.
 *
 *	peak FILE COMMAND ARGUMENTS...
 *
 * A child starts with the peak of the process that made it, so the parent
 * must be small: this one, and not Python.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	struct rusage usage;
	int status;
	pid_t pid;
	FILE *f;

	if (argc < 3) {
		return 64;
	}
	pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid) {
		return 126;
	}
	f = fopen(argv[1], "w");
	if (f == NULL) {
		return 126;
	}
	fprintf(f, "%ld\n", usage.ru_maxrss);
	fclose(f);
	return WIFEXITED(status) ? WEXITSTATUS(status)
				 : 128 + WTERMSIG(status);
}
