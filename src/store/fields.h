/*
 * fields: a struct as bytes on disk, by a list of its fields: one loop in
 * place of a line for each field and way. Integers are little-endian; the rest
 * of the bytes is zero. CRC-32 in the last four bytes. Bytes: doc/FORMATS.md.
 */
#ifndef WHERRY_STORE_FIELDS_H
#define WHERRY_STORE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct field {
	uint16_t at, in; /* in the bytes, in the struct */
	uint16_t size;   /* up to 8: an integer; else bytes as they are */
};

#define FIELD(at, type, member) \
	{at, (uint16_t)offsetof(type, member), \
		(uint16_t)sizeof(((type *)0)->member)}
#define FIELDS_N(list) (sizeof(list) / sizeof((list)[0]))
#define FIELDS(list) list, FIELDS_N(list)

/* From and to a struct; s and p must not overlap. */
void fields_put(const struct field *f, size_t n, const void *s, uint8_t *p);
void fields_get(const struct field *f, size_t n, void *s, const uint8_t *p);

/* The CRC of the n - 4 bytes before it. */
void fields_seal(uint8_t *p, size_t n);
bool fields_sealed(const uint8_t *p, size_t n);

#endif
