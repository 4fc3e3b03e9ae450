#include "text/utf8.h"

#include <pthread.h>
#include <utf8proc.h>

static inline bool
follows(uint8_t c)
{
	return (c & 0xc0) == 0x80;
}

size_t
utf8_next(const uint8_t *p, size_t n, int32_t *cp)
{
	uint8_t c = p[0];
	*cp = c;
	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c < 0xe0 && n >= 2 && follows(p[1])) {
		*cp = (c & 0x1f) << 6 | (p[1] & 0x3f);
		return 2;
	}
	if (c >= 0xe0 && c < 0xf0 && n >= 3 && follows(p[1]) && follows(p[2])) {
		*cp = (c & 0xf) << 12 | (p[1] & 0x3f) << 6 | (p[2] & 0x3f);
		if (*cp >= 0x800 && (*cp < 0xd800 || *cp > 0xdfff))
			return 3;
	}
	if (c >= 0xf0 && c < 0xf5 && n >= 4 && follows(p[1]) && follows(p[2]) && follows(p[3])) {
		*cp = (c & 7) << 18 | (p[1] & 0x3f) << 12 | (p[2] & 0x3f) << 6 | (p[3] & 0x3f);
		if (*cp >= 0x10000 && *cp <= 0x10ffff)
			return 4;
	}
	*cp = -1;
	return 1;
}

size_t
utf8_put(int32_t cp, uint8_t *to)
{
	return (size_t)utf8proc_encode_char(cp, to);
}

bool
char_is_space(int32_t cp)
{
	return (cp >= 9 && cp <= 13) || cp == 0x20 || cp == 0x85 || cp == 0xa0 || cp == 0x1680 ||
	    (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 || cp == 0x202f ||
	    cp == 0x205f || cp == 0x3000;
}

static enum char_class
class_of(int32_t cp)
{
	if (char_is_space(cp))
		return CHAR_SPACE;
	switch (utf8proc_category(cp)) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO: return CHAR_LETTER;
	case UTF8PROC_CATEGORY_ND:
	case UTF8PROC_CATEGORY_NL:
	case UTF8PROC_CATEGORY_NO: return CHAR_NUMBER;
	default: return CHAR_OTHER;
	}
}

/* The classes of the code points below 2^16, which almost all text is made of. */
static uint8_t classes[1 << 16];
static pthread_once_t filled = PTHREAD_ONCE_INIT;

static void
fill(void)
{
	for (int32_t cp = 0; cp < (int32_t)sizeof classes; cp++)
		classes[cp] = (uint8_t)class_of(cp);
}

enum char_class
char_class_of(int32_t cp)
{
	if (cp < 0)
		return CHAR_OTHER;
	if (cp >= (int32_t)sizeof classes)
		return class_of(cp);
	pthread_once(&filled, fill);
	return (enum char_class)classes[cp];
}
