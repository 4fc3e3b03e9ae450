#include "text/utf8.h"

#include <stdbool.h>
#include <utf8proc.h>

size_t
utf8_next(const uint8_t *p, size_t n, int32_t *cp)
{
	if (p[0] < 0x80) {
		*cp = p[0];
		return 1;
	}
	utf8proc_int32_t c;
	utf8proc_ssize_t used = utf8proc_iterate(p, (utf8proc_ssize_t)(n < 4 ? n : 4), &c);
	*cp = used > 0 ? c : -1;
	return used > 0 ? (size_t)used : 1;
}

static bool
is_space(int32_t cp)
{
	return (cp >= 9 && cp <= 13) || cp == 0x20 || cp == 0x85 || cp == 0xa0 || cp == 0x1680 ||
	    (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 || cp == 0x202f ||
	    cp == 0x205f || cp == 0x3000;
}

enum char_class
char_class_of(int32_t cp)
{
	if (cp < 0)
		return CHAR_OTHER;
	if (is_space(cp))
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
