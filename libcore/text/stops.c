#include "text/stops.h"

#include <string.h>

size_t
stops_find(const struct stops *s, const char *text, size_t n, size_t known)
{
	size_t first = n;
	for (size_t i = 0; i < s->n; i++) {
		size_t m = strlen(s->items[i]), from = known < m ? 0 : known - m + 1;
		const char *at = memmem(text + from, n - from, s->items[i], m);
		if (at && (size_t)(at - text) < first)
			first = (size_t)(at - text);
	}
	return first;
}

/* Length of an unfinished UTF-8 character at the end. */
static size_t
unfinished(const char *text, size_t n)
{
	for (size_t k = 1; k <= 3 && k <= n; k++) {
		unsigned char c = (unsigned char)text[n - k];
		if (c < 0x80)
			return 0;
		if (c < 0xc0) /* a continuation: what began it? */
			continue;
		size_t whole = c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf8 ? 4 : 1;
		return k < whole ? k : 0;
	}
	return 0;
}

size_t
stops_settled(const struct stops *s, const char *text, size_t n)
{
	size_t hold = unfinished(text, n);
	for (size_t i = 0; i < s->n; i++) {
		size_t m = strlen(s->items[i]), k = m - 1 < n ? m - 1 : n;
		for (; k > hold; k--)
			if (memcmp(text + n - k, s->items[i], k) == 0)
				hold = k;
	}
	return n - hold;
}
