/*
 * sys: clock, randomness, environment, terminal, signals, resource usage.
 */
#ifndef WHERRY_PORT_SYS_H
#define WHERRY_PORT_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

int64_t sys_now_ms(void); /* monotonic, milliseconds */
int64_t sys_time(void);	  /* seconds since 1970 UTC */
const char *sys_getenv(const char *name); /* NULL if unset */
/* Home directory ($HOME, else passwd: CFG_PASSWD), NUL-terminated into p; ERR_NOENT. */
enum err sys_home(char *p, size_t cap);
/* Host name as gethostname() gives it; "localhost" if it fails. */
void sys_hostname(char *p, size_t cap);
/* Names this start of the system: no other has the same. false if it is not
 * known. */
bool sys_boot_id(uint8_t id[16]);
/* Blocks until the kernel's generator is seeded. */
enum err sys_random(void *p, size_t n);

/* Whether the CPU has instructions for AES. */
bool sys_has_aes(void);

/* Standard output (1) and error (2). Writes everything; errors are dropped. */
void sys_write(int fd, const void *p, size_t n);
bool sys_isatty(int fd);
int sys_columns(int fd); /* 80 if unknown */
/* Asks on /dev/tty without echo (CFG_PROMPT); ERR_UNSUPPORTED without a
 * terminal. */
enum err sys_ask_secret(const char *prompt, char *p, size_t cap);

/* SIGINT, SIGTERM, SIGHUP ask to stop; SIGPIPE is ignored. Each interrupts one
 * net_poll(). A second SIGINT ends the program at once. Call it first in
 * main(): it also opens /dev/null where a standard descriptor is closed. */
void sys_signals(void);
bool sys_stopping(void);

struct sys_usage {
	uint64_t user_ms, system_ms;
	uint64_t peak_kib; /* VmHWM / ru_maxrss */
};
void sys_usage(struct sys_usage *out);

#endif
