#include "text/spelling.h"

#include "text/utf8.h"

static bool
is_shown(unsigned b)
{
	return (b > 0x20 && b < 0x7f) || (b > 0xa0 && b != 0xad);
}

static void
fill(uint16_t points[256])
{
	for (unsigned b = 0, others = 0; b < 256; b++)
		points[b] = (uint16_t)(is_shown(b) ? b : 0x100 + others++);
}

size_t
spelling_of(const uint8_t *bytes, size_t n, char *out)
{
	uint16_t points[256];
	size_t size = 0;
	fill(points);
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

bool
spelling_bytes(const uint8_t *text, size_t n, uint8_t *out, size_t room, size_t *size)
{
	uint16_t points[256];
	int16_t bytes[0x144]; /* of each code point */
	int32_t cp;
	fill(points);
	for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++)
		bytes[i] = -1;
	for (int b = 0; b < 256; b++)
		bytes[points[b]] = (int16_t)b;
	*size = 0;
	for (size_t i = 0; i < n; i += utf8_next(text + i, n - i, &cp)) {
		utf8_next(text + i, n - i, &cp);
		if (cp < 0 || cp >= (int32_t)(sizeof bytes / sizeof *bytes) || bytes[cp] < 0 || *size == room)
			return false;
		out[(*size)++] = (uint8_t)bytes[cp];
	}
	return true;
}
