/* crc32: CRC-32 (IEEE 802.3, reflected). `start` chains calls; wherry starts
 * with CRC32_START, so that all-zero bytes are never valid. */
#ifndef WHERRY_BASE_CRC32_H
#define WHERRY_BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

#define CRC32_START 0x57485259u /* "WHRY" */

uint32_t crc32(uint32_t start, const void *p, size_t n);

#endif
