#include "text/spelling.h"

#include <stdbool.h>

static bool
is_shown(unsigned b)
{
	return (b > 0x20 && b < 0x7f) || (b > 0xa0 && b != 0xad);
}

size_t
spelling_of(const uint8_t *bytes, size_t n, char *out)
{
	uint16_t points[256];
	size_t size = 0;
	for (unsigned b = 0, others = 0; b < 256; b++)
		points[b] = (uint16_t)(is_shown(b) ? b : 0x100 + others++);
	for (size_t i = 0; i < n; i++) {
		unsigned p = points[bytes[i]];
		if (p < 0x80) {
			out[size++] = (char)p;
			continue;
		}
		out[size++] = (char)(0xc0 | p >> 6);
		out[size++] = (char)(0x80 | (p & 0x3f));
	}
	return size;
}
