#include "people/item.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

int
item_fields_open(struct item_fields *f, const struct ten_head *h, const char *stream, struct err *e)
{
	f->text = ten_head_need(h, stream, "text", TEN_TEXT, 8, 1, e);
	f->turn_ends = f->text < 0 ? -1 : ten_head_need(h, stream, "turn_ends", TEN_UINT, 32, 1, e);
	f->roles = f->turn_ends < 0 ? -1 : ten_head_need(h, stream, "roles", TEN_UINT, 8, 1, e);
	f->answers = f->roles < 0 ? -1 : ten_head_need(h, stream, "answers", TEN_TEXT, 8, 1, e);
	f->answer_ends = f->answers < 0 ? -1 : ten_head_need(h, stream, "answer_ends", TEN_UINT, 32, 1, e);
	return f->answer_ends < 0 ? -1 : 0;
}

/* Whether the ends cut a text of n bytes into `count` pieces, none of them empty. */
static bool
ends_fit(const uint32_t *ends, size_t count, uint64_t n)
{
	for (size_t i = 0; i < count; i++)
		if (ends[i] <= (i ? ends[i - 1] : 0))
			return false;
	return count > 0 && ends[count - 1] == n;
}

int
item_of(struct item *t, const struct item_fields *f, const struct ten_value *v, struct err *e)
{
	const struct ten_value *ends = &v[f->turn_ends], *roles = &v[f->roles], *answer_ends = &v[f->answer_ends];
	*t = (struct item){{v[f->text].data, ends->data, roles->data, ends->count}, v[f->answers].data, answer_ends->data,
	    answer_ends->count};
	if (roles->count != ends->count || !ends_fit(ends->data, ends->count, v[f->text].count))
		return err_set(e, ERR_DATA, "turns, roles and text do not fit together");
	for (size_t i = 0; i < roles->count; i++)
		if (t->prompt.roles[i] >= ROLES)
			return err_set(e, ERR_DATA, "turn %zu has role %u, which nobody has", i + 1, (unsigned)t->prompt.roles[i]);
	if (!ends_fit(answer_ends->data, answer_ends->count, v[f->answers].count))
		return err_set(e, ERR_DATA, "answers and their ends do not fit together");
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
