/*
 * config.h: every compile-time knob of wherry, with unit, default and cost.
 *
 * Edit it, or leave it as it is and take a preset (make PRESET=router; see
 * config/), or a .config of your own in the same syntax; -DCFG_X=n on the
 * compiler's command line comes before both. A value that cannot work is an
 * #error that says what to change.
 */
#ifndef WHERRY_CONFIG_H
#define WHERRY_CONFIG_H

#define WHERRY_VERSION "0.1.0"

/* The day of that release, seconds since 1970 UTC. A clock that says less is
 * not set; certificates are judged at this time then. */
#ifndef WHERRY_STAMP
#define WHERRY_STAMP 1795564800 /* 2026-11-25 */
#endif

/* Connections in the pool, all accounts together. Each costs about 22 KiB of
 * wherry's own buffers and 28 to 40 KiB of TLS library memory. */
#ifndef CFG_CONNECTIONS
#define CFG_CONNECTIONS 4
#endif

/* Arena of the TLS library and of libc, bytes; 0 is what was measured for the
 * library, times CFG_CONNECTIONS, and a quarter more. Costs itself, but what
 * is never used of it is never touched. */
#ifndef CFG_ARENA
#define CFG_ARENA 0
#endif

/* Accounts at work at once, each with one connection and one folder being
 * reconciled. Each costs CFG_SORT_ARENA and about 242 KiB of windows, rings,
 * buffers, options and folder list. */
#ifndef CFG_FOLDER_SLOTS
#define CFG_FOLDER_SLOTS 1
#endif

/* Receive buffer of a connection, bytes. Costs itself per connection. */
#ifndef CFG_IO_IN
#define CFG_IO_IN 4096
#endif

/* Send buffer of a connection, bytes; one whole command line fits in it.
 * Costs itself per connection. */
#ifndef CFG_IO_OUT
#define CFG_IO_OUT 8192
#endif

/* Longest command line that is sent, bytes (Exchange refuses above 4096). */
#ifndef CFG_CMD_LINE
#define CFG_CMD_LINE 4000
#endif

/* Longest atom, quoted string or mailbox name in a response, bytes. Costs
 * twice itself per connection and per folder slot. */
#ifndef CFG_TOKEN
#define CFG_TOKEN 1024
#endif

/* Deepest nesting of parentheses in a value of a response that is skipped.
 * Costs nothing: only a counter of 8 bits depends on it. */
#ifndef CFG_NESTING
#define CFG_NESTING 32
#endif

/* Commands in flight on one connection. Costs 24 bytes each. */
#ifndef CFG_INFLIGHT
#define CFG_INFLIGHT 32
#endif

/* Arena of the external merge sort, bytes. 64 KiB sort 100,000 names in one
 * pass. Costs itself per folder slot. */
#ifndef CFG_SORT_ARENA
#define CFG_SORT_ARENA 65536
#endif

/* Seconds of silence on a connection that has something to answer, where the
 * configuration says nothing (socktimeout). */
#ifndef CFG_SILENCE_S
#define CFG_SILENCE_S 60
#endif

/* One command may take this many times the bound of silence as a whole (so
 * that a server that drips bytes is given up too), besides one second for
 * every KiB that it is known to transfer. */
#ifndef CFG_COMMAND_FACTOR
#define CFG_COMMAND_FACTOR 10
#endif

/* Messages in one window of the server's listing. Costs 12 bytes each, times
 * CFG_WINDOWS + 1, per folder slot. */
#ifndef CFG_WINDOW
#define CFG_WINDOW 1024
#endif

/* Windows of the server's listing in flight. */
#ifndef CFG_WINDOWS
#define CFG_WINDOWS 4
#endif

/* Pending results (renames, stores, downloads) that wait for one flush to
 * become records. Costs 64 bytes each per folder slot. */
#ifndef CFG_RING
#define CFG_RING 512
#endif

/* Messages of one download set, and its approximate size in bytes. */
#ifndef CFG_SET_MESSAGES
#define CFG_SET_MESSAGES 200
#endif
#ifndef CFG_SET_BYTES
#define CFG_SET_BYTES 1048576
#endif

/* Uploads whose intents share one flush. Costs about 400 bytes each per
 * folder slot. */
#ifndef CFG_UPLOADS
#define CFG_UPLOADS 32
#endif

/* Seconds after which an upload that a crash interrupted, and that the server
 * does not show, is sent again. */
#ifndef CFG_APPEND_SETTLE_S
#define CFG_APPEND_SETTLE_S 60
#endif

/* Longest path, and longest file name, bytes. */
#ifndef CFG_PATH
#define CFG_PATH 4096
#endif
#ifndef CFG_NAME
#define CFG_NAME 256
#endif

/* Longest value of one option in the configuration file, bytes. */
#ifndef CFG_VALUE
#define CFG_VALUE 8192
#endif

/* Accounts in one configuration that are synced in one run. */
#ifndef CFG_ACCOUNTS
#define CFG_ACCOUNTS 64
#endif

/* Longest certificate (DER) and longest chain a server may present. */
#ifndef CFG_CERT_DER
#define CFG_CERT_DER 4096
#endif
#ifndef CFG_CERT_CHAIN
#define CFG_CERT_CHAIN 8
#endif

#if CFG_CONNECTIONS < 1 || CFG_CONNECTIONS > 64
#error "CFG_CONNECTIONS must be 1 to 64"
#endif
#if CFG_ARENA < 0 || CFG_ARENA > 268435456
#error "CFG_ARENA must be 0 (as measured) to 268435456"
#endif
#if CFG_FOLDER_SLOTS < 1 || CFG_FOLDER_SLOTS > CFG_CONNECTIONS
#error "CFG_FOLDER_SLOTS must be 1 to CFG_CONNECTIONS"
#endif
#if CFG_CMD_LINE < 2944
#error "CFG_CMD_LINE must be 2944 or more: 256 UIDs are deleted at a time"
#endif
#if CFG_IO_OUT < CFG_CMD_LINE + 96
#error "CFG_IO_OUT must hold one command line: raise it to CFG_CMD_LINE + 96"
#endif
#if CFG_NESTING < 1 || CFG_NESTING > 255
#error "CFG_NESTING must be 1 to 255"
#endif
#if CFG_SORT_ARENA < 16384
#error "CFG_SORT_ARENA must be 16384 or more"
#endif
#if CFG_WINDOWS < 1 || CFG_WINDOWS > 16
#error "CFG_WINDOWS must be 1 to 16"
#endif
#if CFG_WINDOW < 342
#error "CFG_WINDOW must be 342 or more: its bytes are a sort arena too"
#endif
#if CFG_SET_MESSAGES > CFG_RING
#error "CFG_RING must hold a download set: raise it to CFG_SET_MESSAGES"
#endif
#if CFG_SET_MESSAGES * 11 > CFG_CMD_LINE - 128
#error "CFG_SET_MESSAGES must fit in one command: 11 bytes of CFG_CMD_LINE each"
#endif
#if CFG_UPLOADS >= CFG_RING
#error "CFG_UPLOADS must be below CFG_RING"
#endif

#endif
