#include "text/learn.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

int
learn_bytes(struct vocab *v, struct err *e)
{
	struct token t = {.left = -1, .right = -1, .rank = -1};
	for (int b = 0; b < 256; b++) {
		uint8_t c = (uint8_t)b;
		if (vocab_add(v, &t, &c, 1, e))
			return -1;
	}
	return 0;
}

static int
compare_words(const void *a, const void *b, void *bytes)
{
	const struct word *x = a, *y = b;
	const uint8_t *p = bytes;
	size_t n = x->size < y->size ? x->size : y->size;
	int c = memcmp(p + x->at, p + y->at, n);
	return c ? c : x->size < y->size ? -1 : x->size > y->size;
}

/* The order of UTF-8 bytes is that of code points. The table of `c` is stale afterwards. */
static void
sort_words(struct counts *c)
{
	if (c->n)
		qsort_r(c->words, c->n, sizeof *c->words, compare_words, c->bytes);
}

int
learn_chars(struct vocab *v, struct counts *c, struct err *e)
{
	struct token t = {.left = -1, .right = -1, .rank = -1};
	sort_words(c);
	for (size_t i = 0; i < c->n; i++)
		if (vocab_add(v, &t, c->bytes + c->words[i].at, c->words[i].size, e))
			return -1;
	return 0;
}

/* ---- byte-pair encoding ---- */

/* A pair of neighbouring tokens: how often it occurs, and the words that may have it (each may
 * stand there several times, or have lost it since). */
struct pair {
	uint64_t key;    /* left << 32 | right */
	int64_t count;
	uint32_t *words;
	size_t n, cap;
	int32_t queued;  /* token whose merge queued it last */
};

struct queued {
	int64_t count;
	uint64_t key;
	uint32_t pair;
};

struct learner {
	int32_t *symbols;        /* of all words, one after the other */
	size_t *start;           /* of each word; start[n] is the end */
	uint32_t *length;        /* in symbols, shrinking */
	const struct counts *c;
	struct pair *pairs;
	size_t npairs, cap_pairs;
	uint32_t *table;         /* pairs by key, UINT32_MAX = free */
	size_t table_size;
	struct queued *heap;
	size_t nheap, cap_heap;
	uint32_t *changed;       /* pairs whose count grew in this merge */
	size_t nchanged, cap_changed;
};

static size_t
hash_key(uint64_t x)
{
	x ^= x >> 32;
	x *= 0x9e3779b97f4a7c15u;
	return x ^ x >> 29;
}

static int
grow_table(struct learner *l, struct err *e)
{
	size_t size = l->table_size ? 2 * l->table_size : 1 << 12;
	uint32_t *t = mem_zalloc(size, sizeof *t, "pairs", e);
	if (!t)
		return -1;
	memset(t, 0xff, size * sizeof *t);
	for (size_t i = 0; i < l->npairs; i++) {
		size_t at = hash_key(l->pairs[i].key) & (size - 1);
		while (t[at] != UINT32_MAX)
			at = (at + 1) & (size - 1);
		t[at] = (uint32_t)i;
	}
	free(l->table);
	l->table = t;
	l->table_size = size;
	return 0;
}

/* The pair of two tokens, made when it is new; NULL when out of memory. */
static struct pair *
get_pair(struct learner *l, int32_t left, int32_t right, struct err *e)
{
	if (2 * l->npairs >= l->table_size && grow_table(l, e))
		return NULL;
	uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
	size_t at = hash_key(key) & (l->table_size - 1);
	for (; l->table[at] != UINT32_MAX; at = (at + 1) & (l->table_size - 1))
		if (l->pairs[l->table[at]].key == key)
			return &l->pairs[l->table[at]];
	if (l->npairs >= UINT32_MAX - 1 ||
	    mem_grow(&l->pairs, &l->cap_pairs, l->npairs + 1, sizeof *l->pairs, "pairs", e))
		return NULL;
	l->table[at] = (uint32_t)l->npairs;
	l->pairs[l->npairs] = (struct pair){.key = key};
	return &l->pairs[l->npairs++];
}

/* Most frequent first; of equals the smaller key. */
static int
before(const struct queued *a, const struct queued *b)
{
	return a->count != b->count ? a->count > b->count : a->key < b->key;
}

static int
push(struct learner *l, uint32_t pair, struct err *e)
{
	struct queued q = {l->pairs[pair].count, l->pairs[pair].key, pair};
	if (q.count < 2)
		return 0;
	if (mem_grow(&l->heap, &l->cap_heap, l->nheap + 1, sizeof *l->heap, "pairs", e))
		return -1;
	size_t i = l->nheap++;
	for (; i > 0 && before(&q, &l->heap[(i - 1) / 2]); i = (i - 1) / 2)
		l->heap[i] = l->heap[(i - 1) / 2];
	l->heap[i] = q;
	return 0;
}

static struct queued
pop(struct learner *l)
{
	struct queued top = l->heap[0], last = l->heap[--l->nheap];
	size_t i = 0;
	for (size_t child; (child = 2 * i + 1) < l->nheap; i = child) {
		if (child + 1 < l->nheap && before(&l->heap[child + 1], &l->heap[child]))
			child++;
		if (!before(&l->heap[child], &last))
			break;
		l->heap[i] = l->heap[child];
	}
	l->heap[i] = last;
	return top;
}

/* Adds `times` to the count of a pair, which word w now has. */
static int
count_pair(struct learner *l, int32_t left, int32_t right, uint32_t w, int64_t times, struct err *e)
{
	struct pair *p = get_pair(l, left, right, e);
	if (!p)
		return -1;
	p->count += times;
	if (times < 0)
		return 0;
	if (p->n == 0 || p->words[p->n - 1] != w) {
		if (mem_grow(&p->words, &p->cap, p->n + 1, sizeof *p->words, "pairs", e))
			return -1;
		p->words[p->n++] = w;
	}
	if (mem_grow(&l->changed, &l->cap_changed, l->nchanged + 1, sizeof *l->changed, "pairs", e))
		return -1;
	l->changed[l->nchanged++] = (uint32_t)(p - l->pairs);
	return 0;
}

static int
start(struct learner *l, struct err *e)
{
	const struct counts *c = l->c;
	l->symbols = mem_zalloc(c->nbytes, sizeof *l->symbols, "words", e);
	l->start = mem_zalloc(c->n + 1, sizeof *l->start, "words", e);
	l->length = mem_zalloc(c->n, sizeof *l->length, "words", e);
	if (!l->symbols || !l->start || !l->length)
		return -1;
	for (size_t w = 0; w < c->n; w++) {
		int32_t *s = l->symbols + l->start[w];
		l->length[w] = c->words[w].size;
		l->start[w + 1] = l->start[w] + c->words[w].size;
		for (size_t i = 0; i < l->length[w]; i++)
			s[i] = c->bytes[c->words[w].at + i];
		for (size_t i = 0; i + 1 < l->length[w]; i++)
			if (count_pair(l, s[i], s[i + 1], (uint32_t)w, (int64_t)c->words[w].count, e))
				return -1;
		l->nchanged = 0;
	}
	for (size_t i = 0; i < l->npairs; i++)
		if (push(l, (uint32_t)i, e))
			return -1;
	return 0;
}

static bool
has_pair(const int32_t *s, size_t n, int32_t left, int32_t right)
{
	for (size_t i = 0; i + 1 < n; i++)
		if (s[i] == left && s[i + 1] == right)
			return true;
	return false;
}

/* Replaces left, right by id in word w and moves the counts of the pairs that have one of these as a side. Others are as
 * they were, and the word is in their lists: a long word has many. `lost` is the first place whose pair is still counted
 * when one is lost. */
static int
merge_word(struct learner *l, uint32_t w, int32_t left, int32_t right, int32_t id, struct err *e)
{
	int32_t *s = l->symbols + l->start[w];
	size_t n = l->length[w], to = 0;
	int64_t times = (int64_t)l->c->words[w].count;
	if (!has_pair(s, n, left, right))
		return 0;
	for (size_t i = 0, lost = 0; i < n; to++) {
		bool both = i + 1 < n && s[i] == left && s[i + 1] == right;
		for (size_t k = i > lost ? i - 1 : i; both && k < i + 2 && k + 1 < n; k++)
			if (count_pair(l, s[k], s[k + 1], w, -times, e))
				return -1;
		s[to] = both ? id : s[i];
		i += both ? 2 : 1;
		lost = both ? i : lost;
	}
	l->length[w] = (uint32_t)to;
	for (size_t i = 0; i + 1 < to; i++)
		if ((s[i] == id || s[i + 1] == id) && count_pair(l, s[i], s[i + 1], w, times, e))
			return -1;
	return 0;
}

static int
merge_pair(struct learner *l, uint32_t pair, int32_t id, struct err *e)
{
	struct pair p = l->pairs[pair];
	int32_t left = (int32_t)(p.key >> 32), right = (int32_t)(uint32_t)p.key;
	/* the list is given up: its words lose the pair */
	l->pairs[pair].words = NULL;
	l->pairs[pair].n = l->pairs[pair].cap = 0;
	int rc = 0;
	for (size_t i = 0; i < p.n && rc == 0; i++)
		rc = merge_word(l, p.words[i], left, right, id, e);
	free(p.words);
	for (size_t i = 0; i < l->nchanged && rc == 0; i++) {
		/* only pairs with the new token are new; the others' counts are as queued or lower */
		struct pair *q = &l->pairs[l->changed[i]];
		bool new = (int32_t)(q->key >> 32) == id || (int32_t)(uint32_t)q->key == id;
		if (!new || q->queued == id)
			continue;
		q->queued = id;
		rc = push(l, l->changed[i], e);
	}
	l->nchanged = 0;
	return rc;
}

static int
add_merge(struct vocab *v, uint64_t key, int32_t rank, struct err *e)
{
	uint8_t joined[512];
	size_t nl, nr;
	struct token t = {.left = (int32_t)(key >> 32), .right = (int32_t)(uint32_t)key, .rank = rank};
	const uint8_t *left = vocab_bytes(v, t.left, &nl), *right = vocab_bytes(v, t.right, &nr);
	memcpy(joined, left, nl);
	memcpy(joined + nl, right, nr);
	return vocab_add(v, &t, joined, nl + nr, e);
}

static int
merge_all(struct learner *l, struct vocab *v, size_t size, struct err *e)
{
	while (v->n < size && l->nheap) {
		struct queued q = pop(l);
		if (q.count != l->pairs[q.pair].count) { /* it shrank since: queue it anew */
			if (push(l, q.pair, e))
				return -1;
			continue;
		}
		if (add_merge(v, q.key, (int32_t)(v->n - 256), e) ||
		    merge_pair(l, q.pair, (int32_t)v->n - 1, e))
			return -1;
	}
	return 0;
}

int
learn_bpe(struct vocab *v, struct counts *c, size_t size, struct err *e)
{
	struct learner l = {.c = c};
	sort_words(c);
	int rc = learn_bytes(v, e) || start(&l, e) || merge_all(&l, v, size, e) ? -1 : 0;
	for (size_t i = 0; i < l.npairs; i++)
		free(l.pairs[i].words);
	free(l.pairs);
	free(l.symbols);
	free(l.start);
	free(l.length);
	free(l.table);
	free(l.heap);
	free(l.changed);
	return rc;
}
