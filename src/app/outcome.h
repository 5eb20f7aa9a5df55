/*
 * outcome: what a run amounts to. Causes are collected; the exit status is
 * the gravest one (sysexits where they fit; doc/wherry.1).
 */
#ifndef WHERRY_APP_OUTCOME_H
#define WHERRY_APP_OUTCOME_H

#include "base/err.h"

enum {
	EXIT_CONVERGED = 0,
	EXIT_FAILED = 1,      /* some message or folder failed */
	EXIT_PERSON = 2,      /* somebody has to look */
	EXIT_USAGE = 64,
	EXIT_CANNOT_WRITE = 73,
	EXIT_TEMPORARY = 75,  /* network, lock: try again later */
	EXIT_LOGIN = 77,
	EXIT_CONFIG = 78
};

void outcome_exit(int status); /* notes a cause */
void outcome_err(enum err e);  /* the cause that e is */
int outcome_status(void);      /* 78 > 73 > 77 > 2 > 1 > 75 > 0 */

#endif
