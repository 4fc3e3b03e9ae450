#include "text/wordpiece.h"

#include <string.h>

static size_t
characters(const uint8_t *p, size_t n)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		count += (p[i] & 0xc0) != 0x80;
	return count;
}

size_t
wordpiece_word(const struct vocab *v, const uint8_t *p, size_t n, int32_t *ids)
{
	uint8_t piece[2 + 4 * WORDPIECE_MAX];
	size_t count = 0;
	ids[0] = v->unknown;
	if (characters(p, n) > WORDPIECE_MAX)
		return 1;
	for (size_t at = 0, size; at < n; at += size) {
		size_t mark = at ? 2 : 0;
		int32_t id = -1;
		memcpy(piece, "##", 2);
		memcpy(piece + mark, p + at, n - at);
		size = n - at;
		if (v->longest < mark + size) {
			size = v->longest > mark ? v->longest - mark : 0;
			while (size && (p[at + size] & 0xc0) == 0x80)
				size--;
		}
		while (size && (id = vocab_find(v, piece, mark + size)) < 0) {
			size--;
			while (size && (p[at + size] & 0xc0) == 0x80)
				size--;
		}
		if (id < 0) {
			ids[0] = v->unknown;
			return 1;
		}
		ids[count++] = id;
	}
	return count;
}

bool
wordpiece_continues(const struct vocab *v, int32_t id)
{
	const struct token *t = &v->tokens[id];
	return !t->special && t->size > 2 && memcmp(v->bytes + t->at, "##", 2) == 0;
}
