/*
 * proc: a child process (`sh -c command`) whose output is read without
 * waiting. Its standard input is /dev/null, its standard error is ours.
 */
#ifndef WHERRY_PORT_PROC_H
#define WHERRY_PORT_PROC_H

#include <stddef.h>

#include "base/err.h"

struct proc {
	int pid;
	int fd; /* its standard output, non-blocking: net_read() and net_poll() */
};

enum err proc_start(struct proc *p, const char *command);
/* Reaps: ERR_AGAIN while it runs, ERR_OK with its exit status (128 + signal
 * if one ended it). */
enum err proc_wait(struct proc *p, int *status);
/* Kills it if it runs, reaps, closes. */
void proc_stop(struct proc *p);

#endif
