#include "people/item.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Whether one of the pieces that end there is empty. */
static bool
has_empty(const uint32_t *ends, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (ends[i] == (i ? ends[i - 1] : 0))
			return true;
	return count == 0;
}

int
item_of(struct item *t, const struct judgement_fields *f, const struct ten_value *v, struct err *e)
{
	struct answers a;
	if (judgement_answers(f, v, &a, e))
		return -1;
	*t = (struct item){a.prompt, a.answers, a.ends, a.k};
	if (has_empty(a.prompt.ends, a.prompt.turns) || has_empty(a.ends, a.k))
		return err_set(e, ERR_DATA, "a turn or an answer is empty");
	return 0;
}

struct item *
item_copy(const struct item *t, const size_t *which, size_t k, struct err *e)
{
	size_t text = t->prompt.ends[t->prompt.turns - 1], turns = t->prompt.turns, answers = 0, n;
	k = which ? k : t->k;
	for (size_t i = 0; i < k; i++) {
		item_answer(t, which ? which[i] : i, &n);
		answers += n;
	}
	struct item *to = mem_zalloc(1, sizeof *to + (turns + k) * sizeof(uint32_t) + turns + text + answers, "an item", e);
	if (!to)
		return NULL;
	uint32_t *turn_ends = (uint32_t *)(to + 1), *ends = turn_ends + turns;
	uint8_t *roles = (uint8_t *)(ends + k);
	char *prompt = (char *)(roles + turns), *at = prompt + text;
	memcpy(turn_ends, t->prompt.ends, turns * sizeof *turn_ends);
	memcpy(roles, t->prompt.roles, turns);
	memcpy(prompt, t->prompt.text, text);
	*to = (struct item){{prompt, turn_ends, roles, turns}, at, ends, k};
	for (size_t i = 0; i < k; i++) {
		const char *p = item_answer(t, which ? which[i] : i, &n);
		memcpy(at, p, n);
		at += n;
		ends[i] = (uint32_t)(at - to->answers);
	}
	return to;
}

/* ---- keys ---- */

/* A chain: the hash of what follows, seeded with the one before, so that where a piece ends counts. */
static XXH128_hash_t
chain(XXH128_hash_t before, const void *p, size_t n)
{
	XXH128_hash_t all[2] = {before, XXH3_128bits(p, n)};
	return XXH3_128bits(all, sizeof all);
}

XXH128_hash_t
item_prompt_key(const struct item *t)
{
	XXH128_hash_t h = XXH3_128bits(t->prompt.roles, t->prompt.turns);
	for (size_t i = 0; i < t->prompt.turns; i++) {
		uint32_t from = i ? t->prompt.ends[i - 1] : 0;
		h = chain(h, t->prompt.text + from, t->prompt.ends[i] - from);
	}
	return h;
}

XXH128_hash_t
item_answer_key(const struct item *t, XXH128_hash_t prompt, size_t i)
{
	size_t n;
	const char *p = item_answer(t, i, &n);
	return chain(prompt, p, n);
}

static int
by_hash(const void *a, const void *b)
{
	return XXH128_cmp(a, b);
}

int
item_key(XXH128_hash_t *key, const struct item *t, const size_t *which, size_t k, struct err *e)
{
	XXH128_hash_t prompt = item_prompt_key(t), *all;
	k = which ? k : t->k;
	if (!(all = mem_zalloc(k, sizeof *all, "answers", e)))
		return -1;
	for (size_t i = 0; i < k; i++)
		all[i] = item_answer_key(t, prompt, which ? which[i] : i);
	qsort(all, k, sizeof *all, by_hash);
	*key = chain(prompt, all, k * sizeof *all);
	free(all);
	return 0;
}
