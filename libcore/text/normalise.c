#include "text/normalise.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/mem.h"
#include "text/utf8.h"
#include "text/vocab.h"

int
text_append(struct text *t, const void *p, size_t n, struct err *e)
{
	if (mem_grow(&t->p, &t->cap, t->n + n, 1, "text", e))
		return -1;
	if (n)
		memcpy(t->p + t->n, p, n);
	t->n += n;
	return 0;
}

/* ---- normal form C ---- */

/* End of what needs no change from i on: characters below U+0300 neither change nor combine with what comes
 * before; the last one may combine with what comes after. */
static size_t
plain(const uint8_t *p, size_t n, size_t i)
{
	size_t last = i;
	while (i < n && p[i] < 0xcc) {
		last = i++;
		while (i < n && (p[i] & 0xc0) == 0x80)
			i++;
	}
	return i == n ? n : last;
}

enum { MOST_PARTS = 32 }; /* of one character; none has more than 4 */

struct points {
	utf8proc_int32_t *p;
	size_t n, cap;
};

static int
decompose(struct points *to, const uint8_t *p, size_t n, struct err *e)
{
	for (size_t i = 0; i < n;) {
		int32_t cp;
		i += utf8_next(p + i, n - i, &cp);
		if (mem_grow(&to->p, &to->cap, to->n + MOST_PARTS, sizeof *to->p, "normalising", e))
			return -1;
		utf8proc_ssize_t got = utf8proc_decompose_char(cp, to->p + to->n, MOST_PARTS, UTF8PROC_STABLE | UTF8PROC_COMPOSE, NULL);
		if (got < 0 || got > MOST_PARTS)
			return err_set(e, ERR_DATA, "U+%04X cannot be decomposed", (unsigned)cp);
		to->n += (size_t)got;
	}
	return 0;
}

static uint64_t
combining_class(utf8proc_int32_t cp)
{
	return (uint64_t)utf8proc_get_property(cp)->combining_class;
}

static int
compare_keys(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* The canonical order: marks that follow each other are put in the order of their classes, equal ones as they are, for
 * which the keys have the place. utf8proc does it in the square of their number, and text has any number of them. */
static int
order_marks(struct points *s, struct err *e)
{
	uint64_t *keys = NULL;
	size_t cap = 0;
	int rc = 0;
	for (size_t i = 0, end; !rc && i < s->n; i = end) {
		bool sorted = true;
		for (end = i + 1; end < s->n && combining_class(s->p[i]) && combining_class(s->p[end]); end++)
			sorted &= combining_class(s->p[end - 1]) <= combining_class(s->p[end]);
		if (sorted || (rc = mem_grow(&keys, &cap, end - i, sizeof *keys, "normalising", e)))
			continue;
		for (size_t k = 0; k < end - i; k++)
			keys[k] = combining_class(s->p[i + k]) << 56 | (uint64_t)k << 21 | (uint64_t)s->p[i + k];
		qsort(keys, end - i, sizeof *keys, compare_keys);
		for (size_t k = 0; k < end - i; k++)
			s->p[i + k] = (utf8proc_int32_t)(keys[k] & 0x1fffff);
	}
	free(keys);
	return rc;
}

static int
append_nfc(struct text *to, const uint8_t *p, size_t n, struct err *e)
{
	struct points s = {0};
	if (n > INT32_MAX)
		return err_set(e, ERR_DATA, "text of %zu bytes cannot be normalised", n);
	int rc = decompose(&s, p, n, e) || order_marks(&s, e) ? -1 : 0;
	utf8proc_ssize_t got = rc ? 0 : utf8proc_normalize_utf32(s.p, (utf8proc_ssize_t)s.n, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
	for (utf8proc_ssize_t i = 0; !rc && i < got; i++) {
		uint8_t bytes[4];
		rc = text_append(to, bytes, utf8_put(s.p[i], bytes), e);
	}
	free(s.p);
	return rc;
}

int
normalise_nfc(struct text *to, const uint8_t *p, size_t n, struct err *e)
{
	to->n = 0;
	for (size_t i = 0; i < n;) {
		size_t same = plain(p, n, i), end = same;
		int32_t cp = 0;
		if (text_append(to, p + i, same - i, e))
			return -1;
		/* up to a byte that is not UTF-8, or a character that begins anew: two ASCII ones in a row */
		for (size_t length; end < n; end += length) {
			length = utf8_next(p + end, n - end, &cp);
			if (cp < 0 || (end > same && cp < 0x80 && end + 1 < n && p[end + 1] < 0x80))
				break;
		}
		if (end > same && append_nfc(to, p + same, end - same, e))
			return -1;
		i = end;
		if (end < n && cp < 0 && text_append(to, p + i++, 1, e))
			return -1;
	}
	return 0;
}

/* ---- words ---- */

static bool
is_cjk(int32_t cp)
{
	static const struct { int32_t from, to; } ranges[] = {{0x3400, 0x4dbf}, {0x4e00, 0x9fff}, {0xf900, 0xfaff},
	    {0x20000, 0x2a6df}, {0x2a700, 0x2b73f}, {0x2b740, 0x2b81f}, {0x2b920, 0x2ceaf}, {0x2f800, 0x2fa1f}};
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
		if (cp >= ranges[i].from && cp <= ranges[i].to)
			return true;
	return false;
}

/* What is left out of clean text: U+FFFD and the categories Cc (but tab and line ends), Cf and Co. */
static bool
is_control(int32_t cp)
{
	if (cp == '\t' || cp == '\n' || cp == '\r')
		return false;
	switch (utf8proc_category(cp)) {
	case UTF8PROC_CATEGORY_CC:
	case UTF8PROC_CATEGORY_CF:
	case UTF8PROC_CATEGORY_CO: return true;
	default: return cp == 0xfffd;
	}
}

static bool
is_punctuation(int32_t cp)
{
	if (cp < 0x80)
		return (cp >= 33 && cp <= 47) || (cp >= 58 && cp <= 64) || (cp >= 91 && cp <= 96) ||
		    (cp >= 123 && cp <= 126);
	switch (utf8proc_category(cp)) {
	case UTF8PROC_CATEGORY_PC:
	case UTF8PROC_CATEGORY_PD:
	case UTF8PROC_CATEGORY_PS:
	case UTF8PROC_CATEGORY_PE:
	case UTF8PROC_CATEGORY_PI:
	case UTF8PROC_CATEGORY_PF:
	case UTF8PROC_CATEGORY_PO: return true;
	default: return false;
	}
}

/* The text being put together: the last byte is a space when the next character begins a word. */
static int
put(struct text *to, int32_t cp, bool alone, struct err *e)
{
	uint8_t bytes[6];
	size_t n = 0;
	if (char_is_space(cp))
		alone = false;
	if (char_is_space(cp) || alone) {
		if (to->n && to->p[to->n - 1] != ' ')
			bytes[n++] = ' ';
		if (!alone)
			return text_append(to, bytes, n, e);
	}
	n += utf8_put(cp, bytes + n);
	if (alone)
		bytes[n++] = ' ';
	return text_append(to, bytes, n, e);
}

/* A character that decomposition is done with. A CJK character is a word, whatever it became. */
static int
put_lower(struct text *to, unsigned options, int32_t cp, struct err *e)
{
	if (options & VOCAB_LOWER && cp == 0x130) /* the one letter that becomes two: i and a dot above */
		return put(to, 'i', false, e) || put(to, 0x307, false, e) ? -1 : 0;
	if (options & VOCAB_LOWER)
		cp = utf8proc_tolower(cp);
	return put(to, cp, is_punctuation(cp), e);
}

static int
put_character(struct text *to, unsigned options, int32_t cp, struct err *e)
{
	bool cjk = options & VOCAB_CJK && is_cjk(cp);
	utf8proc_int32_t parts[32] = {cp};
	utf8proc_ssize_t n = 1;
	if (options & VOCAB_ACCENTS && cp >= 0x80)
		n = utf8proc_decompose_char(cp, parts, 32, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, NULL);
	if (n < 0 || n > 32)
		return err_set(e, ERR_DATA, "U+%04X cannot be decomposed", (unsigned)cp);
	if (cjk && put(to, ' ', false, e))
		return -1;
	for (utf8proc_ssize_t i = 0; i < n; i++) {
		if (options & VOCAB_ACCENTS && utf8proc_category(parts[i]) == UTF8PROC_CATEGORY_MN)
			continue;
		if (put_lower(to, options, parts[i], e))
			return -1;
	}
	return cjk ? put(to, ' ', false, e) : 0;
}

int
normalise_words(struct text *to, unsigned options, const uint8_t *p, size_t n, struct err *e)
{
	to->n = 0;
	for (size_t i = 0; i < n;) {
		int32_t cp;
		i += utf8_next(p + i, n - i, &cp);
		cp = cp < 0 ? 0xfffd : cp;
		if (options & VOCAB_CLEAN && is_control(cp))
			continue;
		if (put_character(to, options, cp, e))
			return -1;
	}
	to->n -= to->n && to->p[to->n - 1] == ' ';
	return 0;
}
