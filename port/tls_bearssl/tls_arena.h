/* BearSSL allocates nothing: its contexts and buffers are static. */
#ifndef WHERRY_TLS_ARENA_H
#define WHERRY_TLS_ARENA_H

#define TLS_ARENA 0

#endif
