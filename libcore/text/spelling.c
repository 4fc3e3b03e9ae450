#include "text/spelling.h"

#include "text/utf8.h"

/* Three ranges are not shown: 0x00 to 0x20, 0x7f to 0xa0, 0xad. They are numbered one behind the other. */
enum { FIRST = 0x21, SECOND = 0x22, HIDDEN = FIRST + SECOND + 1 };

static bool
is_shown(int32_t b)
{
	return (b > 0x20 && b < 0x7f) || (b > 0xa0 && b < 0x100 && b != 0xad);
}

static int32_t
point_of(uint8_t b)
{
	if (is_shown(b))
		return b;
	return 0x100 + (b <= 0x20 ? b : b <= 0xa0 ? b - 0x7f + FIRST : HIDDEN - 1);
}

/* -1 when the code point spells none. */
static int32_t
byte_of(int32_t point)
{
	int32_t k = point - 0x100;
	if (k < 0)
		return is_shown(point) ? point : -1;
	return k < FIRST ? k : k < FIRST + SECOND ? k - FIRST + 0x7f : k < HIDDEN ? 0xad : -1;
}

size_t
spelling_of(const uint8_t *bytes, size_t n, char *out)
{
	size_t size = 0;
	for (size_t i = 0; i < n; i++)
		size += utf8_put(point_of(bytes[i]), (uint8_t *)out + size);
	return size;
}

bool
spelling_bytes(const uint8_t *text, size_t n, uint8_t *out, size_t room, size_t *size)
{
	*size = 0;
	for (size_t i = 0; i < n;) {
		int32_t point;
		i += utf8_next(text + i, n - i, &point);
		int32_t byte = byte_of(point);
		if (byte < 0 || *size == room)
			return false;
		out[(*size)++] = (uint8_t)byte;
	}
	return true;
}
