#include "text/jsonread.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/mem.h"

struct jread_name {
	const char *text;
	size_t n;
};

/* A text on its way through. */
struct scan {
	struct jread *r;
	const char *begin, *at, *end;
	uint32_t open; /* the innermost container that has not ended; whose span is meanwhile the one around it */
	unsigned depth;
	struct err *e;
};

void
jread_free(struct jread *r)
{
	free(r->nodes);
	free(r->strings);
	free(r->names);
	memset(r, 0, sizeof *r);
}

static int
wrong(const struct scan *s, const char *what)
{
	return err_set(s->e, ERR_DATA, "byte %zu: %s", (size_t)(s->at - s->begin) + 1, what);
}

static int
expected(const struct scan *s, const char *what)
{
	return err_set(s->e, ERR_DATA, "byte %zu: %s%s", (size_t)(s->at - s->begin) + 1, what,
	    s->at == s->end ? " is missing at the end" : " is expected");
}

static void
skip_blanks(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
		s->at++;
}

/* A new last node; NULL on failure. */
static struct jnode *
push(struct scan *s, enum jnode_type type, const char *text)
{
	struct jread *r = s->r;
	if (r->n == UINT32_MAX) {
		err_set(s->e, ERR_DATA, "more than 4,294,967,295 values");
		return NULL;
	}
	if (r->n == r->cap && mem_grow(&r->nodes, &r->cap, r->n + 1, sizeof *r->nodes, "JSON", s->e))
		return NULL;
	struct jnode *j = &r->nodes[r->n++];
	*j = (struct jnode){.type = type, .span = 1, .text = text};
	return j;
}

/* ---- strings ---- */

/* Length of the well-formed UTF-8 sequence at p that is not ASCII, 0 when there is none. */
static size_t
sequence(const unsigned char *p, size_t n)
{
	if (p[0] < 0xc2 || n < 2 || (p[1] & 0xc0) != 0x80)
		return 0;
	if (p[0] < 0xe0)
		return 2;
	if (n < 3 || (p[2] & 0xc0) != 0x80)
		return 0;
	if (p[0] < 0xf0) /* not overlong, no surrogate */
		return (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ? 0 : 3;
	if (n < 4 || (p[3] & 0xc0) != 0x80 || p[0] > 0xf4)
		return 0;
	return (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f) ? 0 : 4;
}

/* Eight bytes at a time: whether one of them is a quote, a backslash, below space or not ASCII. (x - 1) & ~x has the high
 * bit of a byte 0 of x set; of others perhaps, but only where there is one. */
static bool
special(const char *p)
{
	const uint64_t ones = 0x0101010101010101, high = 0x8080808080808080;
	uint64_t w, quote, slash;
	memcpy(&w, p, sizeof w);
	quote = w ^ ones * '"';
	slash = w ^ ones * '\\';
	return (((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((w - ones * 0x20) & ~w) | w) & high;
}

/* The first byte from p on that does not stand for itself in a string: quote, backslash, control character, not UTF-8. */
static const char *
plain(const char *p, const char *end)
{
	for (;;) {
		while (end - p >= 8 && !special(p))
			p += 8;
		for (; p < end && (unsigned char)*p < 0x80; p++)
			if (*p == '"' || *p == '\\' || (unsigned char)*p < 0x20)
				return p;
			else if (end - p > 8 && !special(p + 1))
				break;
		for (size_t m = 0; p < end && (unsigned char)*p >= 0x80; p += m)
			if (!(m = sequence((const unsigned char *)p, (size_t)(end - p))))
				return p;
		if (p == end)
			return p;
	}
}

/* Four hexadecimal digits behind \u, or -1. */
static int
unit(const char *p, const char *end)
{
	int v = 0;
	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int c = p[i], d = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
		if (d < 0)
			return -1;
		v = v << 4 | d;
	}
	return v;
}

/* s->at is behind "\u". */
static char *
escaped_unit(struct scan *s, char *to)
{
	int c = unit(s->at, s->end);
	if (c < 0) {
		wrong(s, "\\u needs four hexadecimal digits");
		return NULL;
	}
	s->at += 4;
	if (c < 0xd800 || c > 0xdfff)
		return to + utf8proc_encode_char(c, (utf8proc_uint8_t *)to);
	int low = c < 0xdc00 && s->end - s->at >= 2 && s->at[0] == '\\' && s->at[1] == 'u' ? unit(s->at + 2, s->end) : -1;
	if (low < 0xdc00 || low > 0xdfff) {
		s->at -= 6;
		wrong(s, "half a surrogate pair");
		return NULL;
	}
	s->at += 6;
	c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	return to + utf8proc_encode_char(c, (utf8proc_uint8_t *)to);
}

/* s->at is at the backslash. */
static char *
escaped(struct scan *s, char *to)
{
	char c = s->end - s->at < 2 ? 0 : s->at[1];
	switch (c) {
	case '"':
	case '\\':
	case '/': *to++ = c; break;
	case 'b': *to++ = '\b'; break;
	case 'f': *to++ = '\f'; break;
	case 'n': *to++ = '\n'; break;
	case 'r': *to++ = '\r'; break;
	case 't': *to++ = '\t'; break;
	case 'u':
		s->at += 2;
		return escaped_unit(s, to);
	default:
		wrong(s, "a backslash with nothing that it can escape");
		return NULL;
	}
	s->at += 2;
	return to;
}

/* s->at is behind the quote and `from` there, too; what is not plain goes to memory of our own. */
static int
string(struct scan *s)
{
	struct jread *r = s->r;
	const char *from = s->at;
	struct jnode *j = push(s, JNODE_STRING, from);
	if (!j)
		return -1;
	s->at = plain(from, s->end);
	j->n = (size_t)(s->at - from);
	if (s->at < s->end && *s->at == '\\') {
		/* never more bytes than the text has, all its strings together: the first time reserves what is needed */
		if (!r->nstrings && mem_grow(&r->strings, &r->cap_strings, (size_t)(s->end - s->begin), 1, "JSON", s->e))
			return -1;
		char *to = r->strings + r->nstrings;
		j->text = to;
		while (s->at < s->end && *s->at == '\\') {
			memcpy(to, from, (size_t)(s->at - from));
			if (!(to = escaped(s, to + (s->at - from))))
				return -1;
			from = s->at;
			s->at = plain(from, s->end);
		}
		size_t m = (size_t)(s->at - from);
		memcpy(to, from, m);
		j->n = (size_t)(to + m - j->text);
		r->nstrings += j->n;
	}
	if (s->at == s->end)
		return wrong(s, "a string has no closing quote");
	if (*s->at != '"')
		return wrong(s, (unsigned char)*s->at < 0x20 ? "a control character in a string" : "a string is not UTF-8");
	s->at++;
	return 0;
}

/* ---- numbers ---- */

static size_t
digits(struct scan *s)
{
	const char *from = s->at;
	while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
		s->at++;
	return (size_t)(s->at - from);
}

/* The digits of p, without sign; false: too many for 64 bits. */
static bool
whole(const char *p, const char *end, uint64_t *v)
{
	for (*v = 0; p < end; p++)
		if (*p != '.' && (__builtin_mul_overflow(*v, 10, v) || __builtin_add_overflow(*v, (uint64_t)(*p - '0'), v)))
			return false;
	return true;
}

static int
long_number(struct scan *s, struct jnode *j)
{
	char room[64], *text = j->n < sizeof room ? room : malloc(j->n + 1);
	if (!text)
		return err_nomem(s->e, j->n, "a number");
	memcpy(text, j->text, j->n);
	text[j->n] = 0;
	j->real = strtod(text, NULL);
	if (text != room)
		free(text);
	return isfinite(j->real) ? 0 : wrong(s, "a number is too large");
}

/* Correctly rounded, as strtod. Up to 2^53 digits are exact as a double and so is a power of ten up to 22, and their product or
 * quotient is rounded once (Clinger 1990); all else is left to strtod. */
static int
value_of(struct scan *s, struct jnode *j, const char *dot, const char *exponent)
{
	static const double tens[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
	    1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
	bool negative = *j->text == '-';
	uint64_t v;
	bool fits = whole(j->text + negative, exponent, &v);
	if (!dot && exponent == s->at && fits && v <= (uint64_t)INT64_MAX + negative && (v || !negative)) {
		j->type = JNODE_INTEGER;
		j->integer = (int64_t)(negative ? 0 - v : v);
		return 0;
	}
	int power = 0;
	if (exponent < s->at) {
		const char *p = exponent + 1;
		bool down = *p == '-';
		for (p += *p == '-' || *p == '+'; p < s->at && power < 1000; p++)
			power = 10 * power + (*p - '0');
		power = down ? -power : power;
	}
	if (dot && exponent - dot < 400)
		power -= (int)(exponent - dot - 1);
	else if (dot)
		fits = false;
	if (!fits || v > (UINT64_C(1) << 53) || power < -22 || power > 22)
		return long_number(s, j);
	double d = power < 0 ? (double)v / tens[-power] : (double)v * tens[power];
	j->real = negative ? -d : d;
	return 0;
}

static int
number(struct scan *s)
{
	const char *dot = NULL;
	struct jnode *j = push(s, JNODE_REAL, s->at);
	if (!j)
		return -1;
	s->at += *s->at == '-';
	const char *first = s->at;
	size_t n = digits(s);
	if (!n)
		return expected(s, "a digit");
	if (n > 1 && *first == '0') {
		s->at = first;
		return wrong(s, "a number that begins with 0");
	}
	if (s->at < s->end && *s->at == '.') {
		dot = s->at++;
		if (!digits(s))
			return expected(s, "a digit");
	}
	const char *exponent = s->at;
	if (s->at < s->end && (*s->at | 32) == 'e') {
		s->at++;
		s->at += s->at < s->end && (*s->at == '-' || *s->at == '+');
		if (!digits(s))
			return expected(s, "a digit");
	}
	j->n = (size_t)(s->at - j->text);
	return value_of(s, j, dot, exponent);
}

/* ---- the whole ---- */

static int
word(struct scan *s, const char *name, enum jnode_type type)
{
	size_t n = strlen(name);
	if ((size_t)(s->end - s->at) < n || memcmp(s->at, name, n) != 0)
		return expected(s, "a value");
	struct jnode *j = push(s, type, s->at);
	if (!j)
		return -1;
	j->n = n;
	s->at += n;
	return 0;
}

static int
begin_container(struct scan *s, enum jnode_type type)
{
	uint32_t place = (uint32_t)s->r->n;
	struct jnode *j = push(s, type, s->at);
	if (!j)
		return -1;
	if (s->depth++ == JREAD_DEPTH)
		return wrong(s, "nested too deeply");
	j->span = s->open;
	s->open = place;
	s->at++;
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	const struct jread_name *x = a, *y = b;
	return x->n != y->n ? (x->n < y->n ? -1 : 1) : memcmp(x->text, y->text, x->n);
}

/* That the names of the last object differ. */
static int
check_names(struct scan *s, const struct jnode *object)
{
	struct jread *r = s->r;
	const struct jnode *j = object + 1;
	size_t n = object->count;
	if (n < 2)
		return 0;
	if (mem_grow(&r->names, &r->cap_names, n, sizeof *r->names, "JSON", s->e))
		return -1;
	for (size_t i = 0; i < n; i++, j = jnode_next(j + 1))
		r->names[i] = (struct jread_name){j->text, j->n};
	if (n > 8)
		qsort(r->names, n, sizeof *r->names, by_name);
	for (size_t i = 1; i < n; i++)
		for (size_t k = n > 8 ? i - 1 : 0; k < i; k++)
			if (by_name(&r->names[i], &r->names[k]) == 0)
				return err_set(s->e, ERR_DATA, "byte %zu: an object has the name `%.*s' twice",
				    (size_t)(object->text - s->begin) + 1, r->names[i].n < 60 ? (int)r->names[i].n : 60, r->names[i].text);
	return 0;
}

static int
end_container(struct scan *s)
{
	struct jnode *j = &s->r->nodes[s->open];
	uint32_t around = j->span;
	s->at++;
	j->n = (size_t)(s->at - j->text);
	j->span = (uint32_t)(s->r->n - s->open);
	s->open = around;
	s->depth--;
	return j->type == JNODE_OBJECT ? check_names(s, j) : 0;
}

static int
name_and_colon(struct scan *s)
{
	skip_blanks(s);
	if (s->at == s->end || *s->at != '"')
		return expected(s, "a name in quotes");
	s->at++;
	if (string(s))
		return -1;
	skip_blanks(s);
	if (s->at == s->end || *s->at != ':')
		return expected(s, "a colon");
	s->at++;
	return 0;
}

/* A value that is whole, or a container that has begun (*began). */
static int
value(struct scan *s, bool *began)
{
	skip_blanks(s);
	*began = false;
	if (s->at == s->end)
		return expected(s, "a value");
	switch (*s->at) {
	case '"':
		s->at++;
		return string(s);
	case '{':
	case '[':
		*began = true;
		return begin_container(s, *s->at == '{' ? JNODE_OBJECT : JNODE_ARRAY);
	case 't': return word(s, "true", JNODE_TRUE);
	case 'f': return word(s, "false", JNODE_FALSE);
	case 'n': return word(s, "null", JNODE_NULL);
	default:
		return *s->at == '-' || (*s->at >= '0' && *s->at <= '9') ? number(s) : expected(s, "a value");
	}
}

/* Behind a value, or at the beginning of a container (`began`): ends what ends there, and passes over what stands before
 * the next value, if there is one. */
static int
between(struct scan *s, bool began)
{
	for (; s->depth; began = false) {
		struct jnode *j = &s->r->nodes[s->open];
		bool object = j->type == JNODE_OBJECT;
		if (!began)
			j->count++;
		skip_blanks(s);
		if (s->at == s->end || *s->at != (object ? '}' : ']')) {
			if (!began && (s->at == s->end || *s->at != ','))
				return expected(s, object ? "a comma or }" : "a comma or ]");
			s->at += !began;
			return object ? name_and_colon(s) : 0;
		}
		if (end_container(s))
			return -1;
	}
	skip_blanks(s);
	return s->at == s->end ? 0 : wrong(s, "something follows the value");
}

int
jread_parse(struct jread *r, const char *text, size_t n, struct err *e)
{
	struct scan s = {.r = r, .begin = text, .at = text, .end = text + n, .e = e};
	bool began;
	r->n = r->nstrings = 0;
	do
		if (value(&s, &began) || between(&s, began))
			return -1;
	while (s.depth);
	return 0;
}

const struct jnode *
jnode_get(const struct jnode *j, const char *name)
{
	if (!jnode_is(j, JNODE_OBJECT))
		return NULL;
	size_t n = strlen(name);
	const struct jnode *key = j + 1;
	for (uint32_t i = 0; i < j->count; i++, key = jnode_next(key + 1))
		if (key->n == n && memcmp(key->text, name, n) == 0)
			return key + 1;
	return NULL;
}

size_t
jnode_compact(const struct jnode *j, char *to)
{
	size_t n = 0;
	bool quoted = false;
	for (size_t i = 0; i < j->n; i++) {
		char c = j->text[i];
		if (!quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r'))
			continue;
		to[n++] = c;
		if (quoted && c == '\\')
			to[n++] = j->text[++i];
		else if (c == '"')
			quoted = !quoted;
	}
	return n;
}
