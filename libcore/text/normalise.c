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

static int
append_nfc(struct text *to, const uint8_t *p, size_t n, struct err *e)
{
	utf8proc_uint8_t *out = NULL;
	utf8proc_ssize_t got = n > INT32_MAX ? UTF8PROC_ERROR_OVERFLOW :
	    utf8proc_map(p, (utf8proc_ssize_t)n, &out, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
	int rc = got == UTF8PROC_ERROR_NOMEM ? err_nomem(e, n, "normalising") :
	    got < 0 ? err_set(e, ERR_DATA, "text of %zu bytes cannot be normalised", n) : text_append(to, out, (size_t)got, e);
	free(out);
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
