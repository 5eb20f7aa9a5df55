/* fields: an integer is a field of at most 8 bytes. */
#include "base/crc32.h"
#include "base/le.h"
#include "store/fields.h"

static void
copy(uint8_t *to, const uint8_t *from, size_t n)
{
	const uint16_t one = 1;
	bool swap = n <= sizeof(uint64_t) && *(const uint8_t *)&one == 0;

	for (size_t i = 0; i < n; i++) {
		to[i] = from[swap ? n - 1 - i : i];
	}
}

void
fields_put(const struct field *f, size_t n, const void *s, uint8_t *p)
{
	for (; n > 0; n--, f++) {
		copy(p + f->at, (const uint8_t *)s + f->in, f->size);
	}
}

void
fields_get(const struct field *f, size_t n, void *s, const uint8_t *p)
{
	for (; n > 0; n--, f++) {
		copy((uint8_t *)s + f->in, p + f->at, f->size);
	}
}

void
fields_seal(uint8_t *p, size_t n)
{
	le_put32(p + n - 4, crc32(CRC32_START, p, n - 4));
}

bool
fields_sealed(const uint8_t *p, size_t n)
{
	return le_get32(p + n - 4) == crc32(CRC32_START, p, n - 4);
}
