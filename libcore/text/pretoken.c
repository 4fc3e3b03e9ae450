#include "text/pretoken.h"

#include <stdbool.h>
#include <string.h>

#include "text/utf8.h"

/* Classes of the ASCII characters, so that plain text needs no look-up elsewhere. */
#define L CHAR_LETTER
#define N CHAR_NUMBER
#define S CHAR_SPACE
#define O CHAR_OTHER
static const uint8_t ascii[128] = {
    O, O, O, O, O, O, O, O, O, S, S, S, S, S, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O,
    S, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, N, N, N, N, N, N, N, N, N, N, O, O, O, O, O, O,
    O, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, O, O, O, O, O,
    O, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, O, O, O, O, O};
#undef L
#undef N
#undef S
#undef O

/* Class and length of the character at p; END at the end of the text. */
enum { END = 16 };

static inline int
look(const uint8_t *p, size_t n, size_t *length)
{
	*length = 0;
	if (n == 0)
		return END;
	if (*p < 0x80) {
		*length = 1;
		return ascii[*p];
	}
	int32_t cp;
	*length = utf8_next(p, n, &cp);
	return (int)char_class_of(cp);
}

/* End of the run of characters of class c from i on, at most `most` of them. */
static size_t
run(const uint8_t *p, size_t n, size_t i, int c, size_t most)
{
	size_t length;
	for (; most > 0 && look(p + i, n - i, &length) == c; most--)
		i += length;
	return i;
}

/* Length of the English contraction that begins with the ' at p, or 0. */
static size_t
contraction(const uint8_t *p, size_t n, bool any_case)
{
	static const char *const endings[] = {"s", "t", "re", "ve", "m", "ll", "d"};
	if (n < 2)
		return 0;
	/* U+017F, long s, is an s when case does not matter */
	if (any_case && n >= 3 && p[1] == 0xc5 && p[2] == 0xbf)
		return 3;
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		size_t m = strlen(endings[i]), same = 0;
		while (same < m && 1 + same < n) {
			uint8_t c = p[1 + same];
			if (any_case && c >= 'A' && c <= 'Z')
				c = (uint8_t)(c + 32);
			if (c != (uint8_t)endings[i][same])
				break;
			same++;
		}
		if (same == m)
			return 1 + m;
	}
	return 0;
}

/* White space that no other rule took: all of it at the end of the text, else all but the last
 * character, which may belong to what follows, else that one. */
static size_t
spaces(const uint8_t *p, size_t n)
{
	size_t i = 0, last = 0, length;
	while (look(p + i, n - i, &length) == CHAR_SPACE) {
		last = i;
		i += length;
	}
	return i == n || last == 0 ? i : last;
}

static size_t
next_gpt2(const uint8_t *p, size_t n)
{
	size_t i = *p == '\'' ? contraction(p, n, false) : 0, length;
	if (i)
		return i;
	int c = look(p, n, &length);
	if (*p == ' ') {
		int after = look(p + 1, n - 1, &length);
		if (after != CHAR_SPACE && after != END)
			return run(p, n, 1, after, SIZE_MAX);
	}
	return c == CHAR_SPACE ? spaces(p, n) : run(p, n, 0, c, SIZE_MAX);
}

static bool
is_newline(uint8_t c)
{
	return c == '\r' || c == '\n';
}

/* ` ?[^\s\p{L}\p{N}]+[\r\n]*` from where the others begin. */
static size_t
others(const uint8_t *p, size_t n, size_t i)
{
	i = run(p, n, i, CHAR_OTHER, SIZE_MAX);
	while (i < n && is_newline(p[i]))
		i++;
	return i;
}

/* Where the last line end of the white space at p ends; 0 when it has none. */
static size_t
last_newline(const uint8_t *p, size_t n)
{
	size_t i = 0, end = 0, length;
	while (look(p + i, n - i, &length) == CHAR_SPACE) {
		if (is_newline(p[i]))
			end = i + 1;
		i += length;
	}
	return end;
}

static size_t
next_gpt4(const uint8_t *p, size_t n, size_t digits)
{
	size_t i = *p == '\'' ? contraction(p, n, true) : 0, first, length;
	if (i)
		return i;
	int c = look(p, n, &first);
	if (c == CHAR_LETTER)
		return run(p, n, 0, c, SIZE_MAX);
	if (c == CHAR_NUMBER)
		return run(p, n, 0, c, digits);
	int after = look(p + first, n - first, &length);
	if (after == CHAR_LETTER && !is_newline(*p))
		return run(p, n, first, after, SIZE_MAX);
	if (c == CHAR_OTHER)
		return others(p, n, 0);
	if (*p == ' ' && after == CHAR_OTHER)
		return others(p, n, 1);
	i = last_newline(p, n);
	return i ? i : spaces(p, n);
}

/* A number ends the text of gpt2's rule: white space before it stays whole. */
static size_t
next_smollm(const uint8_t *p, size_t n)
{
	size_t length, i;
	int c = look(p, n, &length);
	if (c == CHAR_NUMBER)
		return length;
	if (c == CHAR_SPACE) {
		i = run(p, n, 0, CHAR_SPACE, SIZE_MAX);
		if (look(p + i, n - i, &length) == CHAR_NUMBER)
			return i;
	}
	return next_gpt2(p, n);
}

size_t
pretoken_next(enum pretoken rule, const uint8_t *p, size_t n)
{
	switch (rule) {
	case PRETOKEN_GPT2: return next_gpt2(p, n);
	case PRETOKEN_QWEN2: return next_gpt4(p, n, 1);
	case PRETOKEN_SMOLLM: return next_smollm(p, n);
	default: return next_gpt4(p, n, 3);
	}
}

const char *const pretoken_names[] = {"gpt2", "gpt4", "qwen2", "smollm", NULL};

static const char *const regexes[PRETOKEN_COUNT] = {
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+", NULL};

const char *
pretoken_name(enum pretoken rule)
{
	return pretoken_names[rule];
}

int
pretoken_of(const char *name)
{
	for (int i = 0; i < PRETOKEN_COUNT; i++)
		if (strcmp(pretoken_names[i], name) == 0)
			return i;
	return -1;
}

const char *
pretoken_regex(enum pretoken rule)
{
	return regexes[rule];
}

int
pretoken_of_regex(const char *regex)
{
	for (int i = 0; i < PRETOKEN_COUNT; i++)
		if (regexes[i] && strcmp(regexes[i], regex) == 0)
			return i;
	return -1;
}
