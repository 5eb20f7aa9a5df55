/*
 * account_passcmd: remotepasscmd, a command that prints the password, run
 * beside everything else and for a minute at most.
 */
#include "app/account.h"

#if CFG_PASSCMD

#define PASSWORD_MS 60000

enum err
account_passcmd_begin(struct account *a, int64_t now_ms)
{
	enum err e = proc_start(&a->cmd, a->conf.passcmd);

	a->deadline_ms = now_ms + PASSWORD_MS;
	a->cmd_runs = e == ERR_OK;
	return e == ERR_OK ? ERR_AGAIN : e;
}

/* Its first line, into a->pass. ERR_OK: it says more than that, ERR_END: it
 * says nothing any more. */
static enum err
read_line(struct account *a)
{
	char rest[64];
	size_t n = 0;
	bool whole = false;
	enum err e = ERR_OK;

	while (e == ERR_OK && !whole) {
		size_t had = a->pass_n;

		whole = span_find((struct span){a->pass, had}, '\n') < had;
		if (!whole && had + 1 >= sizeof(a->pass)) {
			return err_set(ERR_CONF, "remotepasscmd: its first line "
				"is longer than %d bytes",
				(int)sizeof(a->pass) - 2);
		}
		/* What it says behind that line nobody needs; it may never
		 * end, so a piece for each step. */
		e = whole ? net_read(a->cmd.fd, rest, sizeof(rest), &n)
			  : net_read(a->cmd.fd, a->pass + had,
				    sizeof(a->pass) - 1 - had, &n);
		a->pass_n += e == ERR_OK && !whole ? n : 0;
	}
	return e;
}

enum err
account_passcmd_step(struct account *a, int64_t now_ms)
{
	int status = 0;
	enum err e;

	if (now_ms >= a->deadline_ms) {
		return err_set(ERR_TIMEOUT, "remotepasscmd did not end in %d "
			"seconds", PASSWORD_MS / 1000);
	}
	e = read_line(a);
	if (e != ERR_END) {
		return e == ERR_OK ? ERR_AGAIN : e;
	}
	e = proc_wait(&a->cmd, &status);
	if (e == ERR_AGAIN) {
		return e;
	}
	proc_stop(&a->cmd);
	a->cmd_runs = false;
	account_password_line(a);
	if (status != 0 || a->pass[0] == '\0') {
		return err_set(ERR_CONF, "remotepasscmd failed (exit status %d)%s",
			status, a->pass[0] == '\0' ? " and printed nothing"
						    : "");
	}
	return e;
}

#endif
