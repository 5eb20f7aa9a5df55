/*
 * run: run a command and say what it cost, on descriptor 3.
 *
 *	run COMMAND ARGUMENTS... 3>FILE
 *
 * One line: wall, user and system time in microseconds, peak of the resident
 * set in KiB. This program is so small because the kernel counts what whoever
 * starts a program had resident as the program's own.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long
us(struct timeval t)
{
	return (long long)t.tv_sec * 1000000 + t.tv_usec;
}

int
main(int argc, char **argv)
{
	struct timespec begin, end;
	struct rusage use;
	int status, n;
	char line[128];
	pid_t pid;

	if (argc < 2) {
		return 64;
	}
	clock_gettime(CLOCK_MONOTONIC, &begin);
	pid = vfork();
	if (pid == 0) {
		close(3);
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &use) != pid) {
		return 126;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	n = snprintf(line, sizeof(line), "%lld %lld %lld %ld\n",
	    (long long)(end.tv_sec - begin.tv_sec) * 1000000 +
	    (end.tv_nsec - begin.tv_nsec) / 1000, us(use.ru_utime),
	    us(use.ru_stime), use.ru_maxrss);
	if (write(3, line, (size_t)n) != n) {
		return 126;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	    128 + WTERMSIG(status);
}
