/*
 * Commands of the configuration. The child stays in our process group, so
 * that a password command may still talk to the terminal (a background group
 * would be stopped for that).
 */
#include "port/posix/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "port/net.h"
#include "port/proc.h"

/* How long a command may take to end when asked to, before it is killed. */
enum { GRACE_STEPS = 20, GRACE_STEP_MS = 10 };

static void
run(int out, const char *command)
{
	int null = posix_null();

	if (null > STDIN_FILENO) {
		dup2(null, STDIN_FILENO);
		close(null);
	}
	dup2(out, STDOUT_FILENO);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

enum err
proc_start(struct proc *p, const char *command)
{
	int ends[2];
	enum err e;
	pid_t pid;

	p->pid = -1;
	p->fd = -1;
	e = posix_pipe(ends);
	if (e != ERR_OK) {
		return e;
	}
	pid = posix_fork();
	if (pid == 0) {
		run(ends[1], command);
	}
	close(ends[1]);
	if (pid < 0) {
		e = posix_fail("fork", NULL);
		close(ends[0]);
		return e;
	}
	posix_nonblock(ends[0]);
	p->pid = (int)pid;
	p->fd = ends[0];
	return ERR_OK;
}

static int
status_of(int raw)
{
	return WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
}

enum err
proc_wait(struct proc *p, int *status)
{
	int raw = 0;
	pid_t r;

	*status = -1;
	if (p->pid <= 0) {
		return err_set(ERR_IO, "wait: no command runs");
	}
	do {
		r = waitpid(p->pid, &raw, WNOHANG);
	} while (r < 0 && errno == EINTR);
	if (r == 0) {
		return ERR_AGAIN;
	}
	if (r < 0) {
		p->pid = -1;
		return posix_fail("wait", NULL);
	}
	p->pid = -1;
	*status = status_of(raw);
	return ERR_OK;
}

void
proc_stop(struct proc *p)
{
	int status, i;

	net_close(&p->fd);
	if (p->pid <= 0) {
		return;
	}
	kill(p->pid, SIGTERM);
	for (i = 0; i < GRACE_STEPS; i++) {
		if (proc_wait(p, &status) != ERR_AGAIN) {
			return;
		}
		poll(NULL, 0, GRACE_STEP_MS);
	}
	kill(p->pid, SIGKILL);
	while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR) {
	}
	p->pid = -1;
}
