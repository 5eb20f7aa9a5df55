/*
 * config.h: every compile-time knob of wherry, with unit, default and cost.
 *
 * Edit it, or leave it as it is and take a preset (make PRESET=router; see
 * config/), or a .config of your own in the same syntax; -DCFG_X=n on the
 * compiler's command line comes before both. A value that cannot work is an
 * #error that says what to change. What a knob costs in bytes, measured:
 * doc/SMALL.md.
 */
#ifndef WHERRY_CONFIG_H
#define WHERRY_CONFIG_H

#define WHERRY_VERSION "0.1.0"

/* The day of that release, seconds since 1970 UTC; both change together. A
 * clock that says less is not set, and certificates are judged at this time. */
#ifndef WHERRY_STAMP
#define WHERRY_STAMP 1795564800 /* 2026-11-25 */
#endif

/* --- accounts and connections --- */

/* Connections in the pool, all accounts together, each with a folder being
 * reconciled. Each costs about 118 KiB of wherry's own buffers and 24 to 72
 * KiB of TLS library memory. */
#ifndef CFG_CONNECTIONS
#define CFG_CONNECTIONS 4
#endif

/* Arena of the TLS library and of libc, bytes; 0 is what was measured for the
 * library, times CFG_CONNECTIONS, and a quarter more. Costs itself, but what
 * is never used of it is never touched. */
#ifndef CFG_ARENA
#define CFG_ARENA 0
#endif

/* Accounts at work at once, which share the connections. Each costs
 * CFG_FOLDERS_ARENA and about 46 KiB of options and buffers for the list of
 * its folders, of which a run touches 30. */
#ifndef CFG_ACCOUNT_SLOTS
#define CFG_ACCOUNT_SLOTS 2
#endif

/* Receive buffer of a connection, bytes. Costs itself per connection. */
#ifndef CFG_IO_IN
#define CFG_IO_IN 4096
#endif

/* Send buffer of a connection, bytes; one whole command line fits in it. Costs
 * itself per connection. */
#ifndef CFG_IO_OUT
#define CFG_IO_OUT 6144
#endif

/* Longest command line that is sent, bytes (Exchange refuses above 4096).
 * Costs itself per connection. */
#ifndef CFG_CMD_LINE
#define CFG_CMD_LINE 4000
#endif

/* Longest atom, quoted string or mailbox name in a response, bytes. Costs four
 * times itself per connection and twice per account slot. */
#ifndef CFG_TOKEN
#define CFG_TOKEN 1024
#endif

/* Deepest nesting of parentheses in a value of a response that is skipped.
 * Costs nothing: only a counter of 8 bits depends on it. */
#ifndef CFG_NESTING
#define CFG_NESTING 32
#endif

/* Commands in flight on one connection; half of them may be download sets.
 * Costs 24 bytes each. */
#ifndef CFG_INFLIGHT
#define CFG_INFLIGHT 72
#endif

/* Folders of a connection whose first commands may be sent while the one in
 * front of them is at work, so that nobody waits between them; 0 none. Each
 * costs 204 bytes per connection. */
#ifndef CFG_AHEAD
#define CFG_AHEAD 20
#endif

/* Connections that can be compressed at once (COMPRESS=DEFLATE); the others
 * stay as they are. Each costs 36 KiB and CFG_DEFLATE_WINDOW. */
#ifndef CFG_COMPRESS_CONNECTIONS
#define CFG_COMPRESS_CONNECTIONS 2
#endif

/* What is sent refers back to so many bytes where it is compressed; 0 sends
 * it in a compressed stream as it is. Costs itself per compressed connection. */
#ifndef CFG_DEFLATE_WINDOW
#define CFG_DEFLATE_WINDOW 4096
#endif

/* --- waiting --- */

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

/* Times in a row that a lost connection is made again, while nothing moves
 * forward, where the configuration says nothing (retrycount); 0 is a build
 * that never does. */
#ifndef CFG_RECONNECT
#define CFG_RECONNECT 4
#endif

/* Milliseconds before the first of these tries, doubled for each further one.
 */
#ifndef CFG_RECONNECT_MS
#define CFG_RECONNECT_MS 1000
#endif

/* Seconds before any of these tries at most. */
#ifndef CFG_RECONNECT_MAX_S
#define CFG_RECONNECT_MAX_S 60
#endif

/* Seconds after which an upload that a crash interrupted, and that the server
 * does not show, is sent again. */
#ifndef CFG_APPEND_SETTLE_S
#define CFG_APPEND_SETTLE_S 60
#endif

/* Milliseconds that syncfs may take for each message of a batch; once it takes
 * longer, files are synced one by one. */
#ifndef CFG_SYNCFS_MS
#define CFG_SYNCFS_MS 20
#endif

/* --- folders --- */

/* Arena of the external merge sort, bytes. 16 KiB sort 9,000 names in one
 * pass, and any number in more. Costs itself per connection. */
#ifndef CFG_SORT_ARENA
#define CFG_SORT_ARENA 16384
#endif

/* Buffer of a file or directory that is read or written in order, bytes. Costs
 * six times itself per connection and four times per account slot. */
#ifndef CFG_FILE_BUF
#define CFG_FILE_BUF 4096
#endif

/* Arena in which the list of folders is sorted, bytes. Costs itself per
 * account slot. */
#ifndef CFG_FOLDERS_ARENA
#define CFG_FOLDERS_ARENA 10240
#endif

/* Messages in one window of the server's listing. Costs 12 bytes each, times
 * CFG_WINDOWS + 1, per connection. */
#ifndef CFG_WINDOW
#define CFG_WINDOW 342
#endif

/* Windows of the server's listing in flight. */
#ifndef CFG_WINDOWS
#define CFG_WINDOWS 4
#endif

/* Gaps between the UIDs of a folder from which on messages that vanished are
 * counted in ranges before they are searched, where a server has CONDSTORE and
 * ESEARCH but no QRESYNC (Gmail). 0 searches at once. */
#ifndef CFG_SEARCH_GAPS
#define CFG_SEARCH_GAPS 20000
#endif

/* Pending results (renames, stores, downloads) that wait for one flush to
 * become records. Costs 64 bytes each per connection. */
#ifndef CFG_RING
#define CFG_RING 224
#endif

/* Messages of one download set. Costs 8 bytes each per connection, up to as
 * many as fit in CFG_CMD_LINE at 22 bytes each. */
#ifndef CFG_SET_MESSAGES
#define CFG_SET_MESSAGES 200
#endif

/* Approximate size of one download set, bytes. Costs nothing. */
#ifndef CFG_SET_BYTES
#define CFG_SET_BYTES 1048576
#endif

/* New messages of a folder that come with the listing which tells them; 0:
 * none do, and new mail costs a wait more. Costs 40 bytes each per connection,
 * as far as that is more than CFG_SET_MESSAGES costs. */
#ifndef CFG_FRESH
#define CFG_FRESH 32
#endif

/* Uploads whose intents share one flush. Costs about 65 bytes each per
 * connection. */
#ifndef CFG_UPLOADS
#define CFG_UPLOADS 128
#endif

/* Messages of one APPEND, where the server takes several (MULTIAPPEND). Costs
 * nothing. */
#ifndef CFG_APPEND_MESSAGES
#define CFG_APPEND_MESSAGES 50
#endif

/* Bytes of one APPEND; a larger message goes alone, and only after the server
 * agreed to its size. Costs nothing. */
#ifndef CFG_APPEND_BYTES
#define CFG_APPEND_BYTES 1048576
#endif

/* --- names and configuration --- */

/* Longest path, bytes. Costs three times itself per account slot and twice
 * besides. */
#ifndef CFG_PATH
#define CFG_PATH 4096
#endif

/* Longest file name, bytes, with a NUL; 256 hold all that file systems have.
 * Costs nothing: it is on the stack. */
#ifndef CFG_NAME
#define CFG_NAME 256
#endif

/* Longest value of one option in the configuration file, bytes. Costs twice
 * itself. */
#ifndef CFG_VALUE
#define CFG_VALUE 8192
#endif

/* Longest folderfilter, bytes. Costs twice itself per account slot. */
#ifndef CFG_FILTER
#define CFG_FILTER 4096
#endif

/* Accounts in one configuration that are synced in one run. Costs nothing. */
#ifndef CFG_ACCOUNTS
#define CFG_ACCOUNTS 64
#endif

/* --- certificates --- */

/* Longest certificate (DER) a server may present, bytes. Costs itself, and
 * 1.4 times itself of stack in show-cert. */
#ifndef CFG_CERT_DER
#define CFG_CERT_DER 4096
#endif

/* Longest chain of certificates a server may present. Costs nothing. */
#ifndef CFG_CERT_CHAIN
#define CFG_CERT_CHAIN 8
#endif

/* --- features --- */

/* Login by CRAM-MD5, for servers without TLS; where TLS is up PLAIN comes
 * first. */
#ifndef CFG_CRAM_MD5
#define CFG_CRAM_MD5 1
#endif

/* The option folderfilter. Without it a configuration that has one is refused.
 */
#ifndef CFG_FILTERS
#define CFG_FILTERS 1
#endif

/* The option remotepasscmd, a command that prints the password. Without it a
 * configuration that has one is refused. */
#ifndef CFG_PASSCMD
#define CFG_PASSCMD 1
#endif

/* A password that the configuration does not have is asked for at the
 * terminal. */
#ifndef CFG_PROMPT
#define CFG_PROMPT 1
#endif

/* The command show-cert, which prints the certificates of a server. */
#ifndef CFG_SHOW_CERT
#define CFG_SHOW_CERT 1
#endif

/* On a terminal, a line that shows which message of which folder is under way.
 */
#ifndef CFG_PROGRESS
#define CFG_PROGRESS 1
#endif

/* Advice about passwords of well-known servers after a refused login. */
#ifndef CFG_ADVICE
#define CFG_ADVICE 1
#endif

/* A large message that was cut off in the middle goes on where it ended. Costs
 * about 200 bytes per folder slot. */
#ifndef CFG_RESUME
#define CFG_RESUME 1
#endif

/* The option --stats, which ends a run with a line of what it cost. */
#ifndef CFG_STATS
#define CFG_STATS 1
#endif

/* The option usecompression: COMPRESS=DEFLATE on slow lines. Without it a
 * configuration that says yes is told so, and nothing is compressed. */
#ifndef CFG_COMPRESS
#define CFG_COMPRESS 1
#endif

/* Where HOME is not set, the home directory is looked up in the user database.
 * Costs 3 to 4 KiB of text in a static program. */
#ifndef CFG_PASSWD
#define CFG_PASSWD 1
#endif

/* Why an option of OfflineIMAP stops the start, or has no effect. Without it
 * the message says that it does, and points to the manual. */
#ifndef CFG_REASONS
#define CFG_REASONS 1
#endif

/* The list of options of -h. Without it -h points to the manual. */
#ifndef CFG_HELP
#define CFG_HELP 1
#endif

/* A watch on the directories of a folder, so that the run after one that
 * changed something need not read them again. */
#ifndef CFG_WATCH
#define CFG_WATCH 1
#endif

/* A message that was moved to another folder is copied on the server and not
 * sent again. */
#ifndef CFG_MOVES
#define CFG_MOVES 1
#endif

/* Cipher suites without AEAD or without forward secrecy, for servers that
 * were set up before 2014 and never since. Costs about 7 KiB of text with
 * BearSSL, nothing with mbedTLS. */
#ifndef CFG_OLD_CIPHERS
#define CFG_OLD_CIPHERS 1
#endif

/* Second, faster code for curves and ciphers, where BearSSL has any. Without
 * it a handshake takes up to three times as long, and AES on x86-64 twenty
 * times. Costs 17 KiB of text on x86-64, 7 to 10 elsewhere; nothing with
 * mbedTLS, where cross/mbedtls.sh goes by it. */
#ifndef CFG_FAST_CRYPTO
#define CFG_FAST_CRYPTO 1
#endif

/* --- which TLS library; exactly one is 1 (make TLS=...) --- */

/* mbedTLS, 2.28 or 3.6: TLS 1.2, and 1.3 with 3.6. */
#ifndef CFG_TLS_MBEDTLS
#define CFG_TLS_MBEDTLS 1
#endif

/* BearSSL 0.6: TLS 1.2, the smallest, no memory of its own. */
#ifndef CFG_TLS_BEARSSL
#define CFG_TLS_BEARSSL 0
#endif

/* No TLS at all, for tunnels and the loopback. */
#ifndef CFG_TLS_NONE
#define CFG_TLS_NONE 0
#endif

/* Ranges, as in Kconfig. */
#if CFG_CONNECTIONS < 1 || CFG_CONNECTIONS > 64
#error "CFG_CONNECTIONS must be 1 to 64"
#endif
#if CFG_ARENA < 0 || CFG_ARENA > 268435456
#error "CFG_ARENA must be 0 (as measured) to 268435456"
#endif
#if CFG_ACCOUNT_SLOTS < 1 || CFG_ACCOUNT_SLOTS > CFG_CONNECTIONS
#error "CFG_ACCOUNT_SLOTS must be 1 to CFG_CONNECTIONS: raise that, or lower this"
#endif
#if CFG_IO_IN < 512 || CFG_IO_IN > 1048576
#error "CFG_IO_IN must be 512 to 1048576"
#endif
#if CFG_IO_OUT < 3040 || CFG_IO_OUT > 1048576
#error "CFG_IO_OUT must be 3040 to 1048576"
#endif
#if CFG_CMD_LINE < 2944 || CFG_CMD_LINE > 65536
#error "CFG_CMD_LINE must be 2944 to 65536: 256 UIDs are deleted at a time"
#endif
#if CFG_TOKEN < 256 || CFG_TOKEN > 4000
#error "CFG_TOKEN must be 256 to 4000"
#endif
#if CFG_NESTING < 8 || CFG_NESTING > 255
#error "CFG_NESTING must be 8 to 255"
#endif
#if CFG_INFLIGHT < 4 || CFG_INFLIGHT > 1024
#error "CFG_INFLIGHT must be 4 to 1024"
#endif
#if CFG_AHEAD < 0 || CFG_AHEAD > 64
#error "CFG_AHEAD must be 0 to 64"
#endif
#if CFG_COMPRESS_CONNECTIONS < 1 || CFG_COMPRESS_CONNECTIONS > 64
#error "CFG_COMPRESS_CONNECTIONS must be 1 to 64"
#endif
#if CFG_DEFLATE_WINDOW < 0 || CFG_DEFLATE_WINDOW > 16384
#error "CFG_DEFLATE_WINDOW must be 0 (nothing is compressed) to 16384"
#endif
#if CFG_SILENCE_S < 1 || CFG_SILENCE_S > 86400
#error "CFG_SILENCE_S must be 1 to 86400"
#endif
#if CFG_COMMAND_FACTOR < 1 || CFG_COMMAND_FACTOR > 1000
#error "CFG_COMMAND_FACTOR must be 1 to 1000"
#endif
#if CFG_SYNCFS_MS < 0 || CFG_SYNCFS_MS > 10000
#error "CFG_SYNCFS_MS must be 0 to 10000"
#endif
#if CFG_RECONNECT < 0 || CFG_RECONNECT > 1000
#error "CFG_RECONNECT must be 0 (never) to 1000"
#endif
#if CFG_RECONNECT_MS < 1 || CFG_RECONNECT_MS > 60000
#error "CFG_RECONNECT_MS must be 1 to 60000"
#endif
#if CFG_RECONNECT_MAX_S < 1 || CFG_RECONNECT_MAX_S > 3600
#error "CFG_RECONNECT_MAX_S must be 1 to 3600"
#endif
#if CFG_APPEND_SETTLE_S < 1 || CFG_APPEND_SETTLE_S > 86400
#error "CFG_APPEND_SETTLE_S must be 1 to 86400"
#endif
#if CFG_SORT_ARENA < 16384 || CFG_SORT_ARENA > 16777216
#error "CFG_SORT_ARENA must be 16384 to 16777216"
#endif
#if CFG_FILE_BUF < 2048 || CFG_FILE_BUF > 65536
#error "CFG_FILE_BUF must be 2048 to 65536"
#endif
#if CFG_FOLDERS_ARENA < 4096 || CFG_FOLDERS_ARENA > 1048576
#error "CFG_FOLDERS_ARENA must be 4096 to 1048576"
#endif
#if CFG_WINDOW < 342 || CFG_WINDOW > 65535
#error "CFG_WINDOW must be 342 to 65535: its bytes are a sort arena too"
#endif
#if CFG_WINDOWS < 1 || CFG_WINDOWS > 16
#error "CFG_WINDOWS must be 1 to 16"
#endif
#if CFG_SEARCH_GAPS < 0 || CFG_SEARCH_GAPS > 1000000
#error "CFG_SEARCH_GAPS must be 0 to 1000000"
#endif
#if CFG_RING < 32 || CFG_RING > 65536
#error "CFG_RING must be 32 to 65536"
#endif
#if CFG_SET_MESSAGES < 1 || CFG_SET_MESSAGES > 5000
#error "CFG_SET_MESSAGES must be 1 to 5000"
#endif
#if CFG_SET_BYTES < 1024 || CFG_SET_BYTES > 1073741824
#error "CFG_SET_BYTES must be 1024 to 1073741824"
#endif
#if CFG_FRESH < 0 || CFG_FRESH > 256
#error "CFG_FRESH must be 0 (none) to 256"
#endif
#if CFG_UPLOADS < 1 || CFG_UPLOADS > 4096
#error "CFG_UPLOADS must be 1 to 4096"
#endif
#if CFG_APPEND_MESSAGES < 1 || CFG_APPEND_MESSAGES > 4096
#error "CFG_APPEND_MESSAGES must be 1 to 4096"
#endif
#if CFG_APPEND_BYTES < 4096 || CFG_APPEND_BYTES > 1073741824
#error "CFG_APPEND_BYTES must be 4096 to 1073741824"
#endif
#if CFG_PATH < 512 || CFG_PATH > 4096
#error "CFG_PATH must be 512 to 4096"
#endif
#if CFG_NAME < 256 || CFG_NAME > 256
#error "CFG_NAME must be 256: no file system has longer names"
#endif
#if CFG_VALUE < 512 || CFG_VALUE > 65536
#error "CFG_VALUE must be 512 to 65536"
#endif
#if CFG_FILTER < 64 || CFG_FILTER > 65536
#error "CFG_FILTER must be 64 to 65536"
#endif
#if CFG_ACCOUNTS < 4 || CFG_ACCOUNTS > 10000
#error "CFG_ACCOUNTS must be 4 to 10000"
#endif
#if CFG_CERT_DER < 2048 || CFG_CERT_DER > 8192
#error "CFG_CERT_DER must be 2048 to 8192"
#endif
#if CFG_CERT_CHAIN < 4 || CFG_CERT_CHAIN > 16
#error "CFG_CERT_CHAIN must be 4 to 16"
#endif

/* What knobs want of each other. */
#if CFG_IO_OUT < CFG_CMD_LINE + 96
#error "CFG_IO_OUT must hold one command line: raise it to CFG_CMD_LINE + 96"
#endif
#if CFG_UPLOADS >= CFG_RING
#error "CFG_UPLOADS must be below CFG_RING: raise that, or lower this"
#endif
#if CFG_FILE_BUF < CFG_TOKEN + 64 || CFG_FILE_BUF < CFG_NAME + 64
#error "CFG_FILE_BUF must hold a name: raise it to CFG_TOKEN + 64"
#endif
#if CFG_FILTERS && CFG_FILTER > CFG_VALUE
#error "CFG_VALUE must hold a folderfilter: raise it to CFG_FILTER"
#endif
#if CFG_TLS_MBEDTLS + CFG_TLS_BEARSSL + CFG_TLS_NONE != 1
#error "one TLS library is wanted: say TLS=mbedtls, TLS=bearssl or TLS=none"
#endif
#if (CFG_TLS_MBEDTLS | CFG_TLS_BEARSSL | CFG_TLS_NONE | CFG_CRAM_MD5 | \
	CFG_FILTERS | CFG_PASSCMD | CFG_SHOW_CERT | CFG_PROGRESS | \
	CFG_ADVICE | CFG_RESUME | CFG_STATS | CFG_COMPRESS | CFG_WATCH | \
	CFG_HELP | CFG_MOVES | CFG_OLD_CIPHERS | CFG_FAST_CRYPTO | \
	CFG_PASSWD | CFG_PROMPT | CFG_REASONS) & ~1
#error "a CFG_ that switches a feature on or off must be 1 or 0"
#endif

/* CRAM-MD5 needs digests that come with the TLS library. */
#define HAS_CRAM_MD5 (CFG_CRAM_MD5 && !CFG_TLS_NONE)

#endif
