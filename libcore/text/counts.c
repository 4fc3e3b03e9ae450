/* Counting distinct pieces of text. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/mem.h"
#include "text/learn.h"
#include "text/utf8.h"

enum { LONGEST = 256 };

void
counts_free(struct counts *c)
{
	free(c->words);
	free(c->bytes);
	free(c->table);
	memset(c, 0, sizeof *c);
}

static int
rehash(struct counts *c, struct err *e)
{
	size_t size = c->table_size ? 2 * c->table_size : 1 << 12;
	uint32_t *t = mem_zalloc(size, sizeof *t, "counting", e);
	if (!t)
		return -1;
	memset(t, 0xff, size * sizeof *t);
	for (size_t i = 0; i < c->n; i++) {
		size_t at = c->words[i].hash & (size - 1);
		while (t[at] != UINT32_MAX)
			at = (at + 1) & (size - 1);
		t[at] = (uint32_t)i;
	}
	free(c->table);
	c->table = t;
	c->table_size = size;
	return 0;
}

static int
add_word(struct counts *c, const uint8_t *p, size_t n, uint64_t hash, uint64_t count, struct err *e)
{
	if (2 * c->n >= c->table_size && rehash(c, e))
		return -1;
	size_t at = hash & (c->table_size - 1);
	for (; c->table[at] != UINT32_MAX; at = (at + 1) & (c->table_size - 1)) {
		struct word *w = &c->words[c->table[at]];
		if (w->hash == hash && w->size == n && memcmp(c->bytes + w->at, p, n) == 0) {
			w->count += count;
			return 0;
		}
	}
	if (c->n >= UINT32_MAX - 1)
		return err_set(e, ERR_RUNTIME, "more than 4 billion distinct words");
	if (mem_grow(&c->words, &c->cap, c->n + 1, sizeof *c->words, "counting", e) ||
	    mem_grow(&c->bytes, &c->cap_bytes, c->nbytes + n, 1, "counting", e))
		return -1;
	memcpy(c->bytes + c->nbytes, p, n);
	c->table[at] = (uint32_t)c->n;
	c->words[c->n++] = (struct word){c->nbytes, (uint32_t)n, count, hash};
	c->nbytes += n;
	return 0;
}

static int
count(struct counts *c, const uint8_t *p, size_t n, struct err *e)
{
	return add_word(c, p, n, XXH3_64bits(p, n), 1, e);
}

int
counts_add_text(struct counts *c, enum pretoken rule, const void *text, size_t n, struct err *e)
{
	const uint8_t *p = text;
	for (size_t i = 0; i < n;) {
		size_t piece = pretoken_next(rule, p + i, n - i);
		for (size_t end = i + piece; i < end;) {
			size_t part = end - i > LONGEST ? LONGEST : end - i;
			if (count(c, p + i, part, e))
				return -1;
			i += part;
		}
	}
	return 0;
}

int
counts_add_chars(struct counts *c, const void *text, size_t n, struct err *e)
{
	const uint8_t *p = text;
	for (size_t i = 0, length; i < n; i += length) {
		int32_t cp;
		length = utf8_next(p + i, n - i, &cp);
		if (cp >= 0 && count(c, p + i, length, e))
			return -1;
	}
	return 0;
}

int
counts_join(struct counts *to, const struct counts *from, struct err *e)
{
	for (size_t i = 0; i < from->n; i++) {
		const struct word *w = &from->words[i];
		if (add_word(to, from->bytes + w->at, w->size, w->hash, w->count, e))
			return -1;
	}
	return 0;
}
