#include "data/augment.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/mem.h"
#include "base/rng_lanes.h"

/* ---- the vocabulary ---- */

/* . ! or ? with nothing but closing quotes, brackets and spaces behind, or a line end. */
static bool
ends_sentence(const uint8_t *p, size_t n)
{
	if (n && p[n - 1] == '\n')
		return true;
	while (n && strchr("\"')] ", p[n - 1]) && p[n - 1])
		n--;
	return n && (p[n - 1] == '.' || p[n - 1] == '!' || p[n - 1] == '?');
}

int
augment_vocab_open(struct augment_vocab *a, const struct vocab *v, struct err *e)
{
	*a = (struct augment_vocab){.n = v->n};
	a->special = mem_zalloc(v->n, 1, "special tokens", e);
	a->ends = mem_zalloc(v->n, 1, "sentence ends", e);
	if (!a->special || !a->ends) {
		augment_vocab_close(a);
		return -1;
	}
	for (size_t i = 0; i < v->n; i++) {
		size_t n;
		const uint8_t *p = vocab_bytes(v, (int32_t)i, &n);
		a->special[i] = v->tokens[i].special;
		a->ends[i] = !a->special[i] && ends_sentence(p, n);
	}
	return 0;
}

void
augment_vocab_close(struct augment_vocab *a)
{
	free(a->special);
	free(a->ends);
	free(a->accept);
	free(a->alias);
	memset(a, 0, sizeof *a);
}

int
augment_unigram(struct augment_vocab *a, const uint64_t *counts, struct err *e)
{
	size_t n = a->n, small = 0, large = n;
	double sum = 0;
	double *p = mem_zalloc(n, sizeof *p, "unigrams", e);
	int32_t *stack = mem_zalloc(n, sizeof *stack, "unigrams", e);
	a->accept = mem_zalloc(n, sizeof *a->accept, "unigrams", e);
	a->alias = mem_zalloc(n, sizeof *a->alias, "unigrams", e);
	int rc = p && stack && a->accept && a->alias ? 0 : -1;
	for (size_t i = 0; i < n && rc == 0; i++)
		sum += a->special[i] ? 0 : (double)counts[i];
	if (rc == 0 && !(sum > 0))
		rc = err_set(e, ERR_DATA, "there are no tokens to count");
	/* small ones at the bottom of the stack, large ones at its top */
	for (size_t i = 0; i < n && rc == 0; i++) {
		p[i] = (a->special[i] ? 0 : (double)counts[i]) * (double)n / sum;
		stack[p[i] < 1 ? small++ : --large] = (int32_t)i;
	}
	while (rc == 0 && small > 0 && large < n) {
		int32_t s = stack[--small], l = stack[large];
		a->accept[s] = (uint32_t)(p[s] * 0x1p32 < 0x1p32 ? p[s] * 0x1p32 : 0xffffffff);
		a->alias[s] = l;
		p[l] -= 1 - p[s];
		if (p[l] < 1) {
			large++;
			stack[small++] = l;
		}
	}
	for (; rc == 0 && large < n; large++) {
		a->accept[stack[large]] = UINT32_MAX;
		a->alias[stack[large]] = stack[large];
	}
	while (rc == 0 && small > 0) { /* rounding left these: they are 1 */
		a->accept[stack[--small]] = UINT32_MAX;
		a->alias[stack[small]] = stack[small];
	}
	free(p);
	free(stack);
	return rc;
}

/* ---- augmenters ---- */

static uint32_t
threshold(double p)
{
	return p >= 1 ? UINT32_MAX : (uint32_t)(p * 0x1p32);
}

static size_t
below(double u, size_t n)
{
	size_t i = (size_t)(u * (double)n);
	return i < n ? i : n - 1;
}

/* share of n, rounded, within [least, n] */
static size_t
part(double share, size_t n, size_t least)
{
	size_t k = (size_t)(share * (double)n + 0.5);
	return k < least ? least : k > n ? n : k;
}

static void
keep_all(struct view *v)
{
	(void)v;
}

static void
delete_tokens(struct view *v)
{
	uint32_t p = threshold(v->share);
	int32_t kept = v->ids[below(v->u[0], v->n)];
	size_t n = 0;
	for (size_t i = 0; i < v->n; i++) {
		v->ids[n] = v->ids[i];
		n += v->random[i] >= p || v->vocab->special[v->ids[i]];
	}
	if (n == 0)
		v->ids[n++] = kept;
	v->n = n;
}

/* share n / 2 pairs of tokens change places (Wei & Zou 2019). */
static void
swap_tokens(struct view *v)
{
	size_t pairs = part(v->share / 2, v->n, 0);
	for (size_t i = 0; i < pairs; i++) {
		size_t a = (uint64_t)v->random[2 * i] * v->n >> 32, b = (uint64_t)v->random[2 * i + 1] * v->n >> 32;
		int32_t t = v->ids[a];
		v->ids[a] = v->ids[b];
		v->ids[b] = t;
	}
}

/* A run of share n tokens stays. */
static void
crop(struct view *v)
{
	size_t k = part(v->share, v->n, 1), at = below(v->u[0], v->n - k + 1);
	memmove(v->ids, v->ids + at, k * sizeof *v->ids);
	v->n = k;
}

/* A run of share n tokens goes. */
static void
cut_off(struct view *v)
{
	size_t k = part(v->share, v->n, 0);
	k = k < v->n ? k : v->n - 1;
	size_t at = below(v->u[0], v->n - k + 1);
	memmove(v->ids + at, v->ids + at + k, (v->n - at - k) * sizeof *v->ids);
	v->n -= k;
}

static size_t
sentence_end(const struct view *v, size_t i)
{
	while (i < v->n && !v->vocab->ends[v->ids[i]])
		i++;
	while (i < v->n && v->vocab->ends[v->ids[i]]) /* "?!", or a full stop and a line end */
		i++;
	return i;
}

/* Sentences in random order (Fisher & Yates 1938; Durstenfeld 1964): their starts are permuted in place. */
static void
reorder(struct view *v)
{
	uint32_t *starts = v->random + v->n; /* the second half of the room is free */
	size_t m = 0, at = 0;
	for (size_t i = 0; i < v->n; i = sentence_end(v, i))
		starts[m++] = (uint32_t)i;
	for (size_t i = m; i > 1; i--) {
		size_t j = (uint64_t)v->random[i - 1] * i >> 32;
		uint32_t t = starts[i - 1];
		starts[i - 1] = starts[j];
		starts[j] = t;
	}
	memcpy(v->spare, v->ids, v->n * sizeof *v->ids);
	int32_t *ids = v->ids;
	const struct view from = {.vocab = v->vocab, .ids = v->spare, .n = v->n};
	for (size_t i = 0; i < m; i++) {
		size_t n = sentence_end(&from, starts[i]) - starts[i];
		memcpy(ids + at, v->spare + starts[i], n * sizeof *ids);
		at += n;
	}
}

/* A token of the unigram distribution in the place of each with probability share. The word of a token
 * decides, then, spread by a multiplication, draws. */
static void
replace_tokens(struct view *v)
{
	uint32_t p = threshold(v->share);
	const struct augment_vocab *a = v->vocab;
	for (size_t i = 0; i < v->n; i++) {
		if (v->random[i] >= p || a->special[v->ids[i]])
			continue;
		size_t slot = (uint64_t)v->random[v->n + 2 * i] * a->n >> 32;
		v->ids[i] = v->random[v->n + 2 * i + 1] < a->accept[slot] ? (int32_t)slot : a->alias[slot];
	}
}

static const struct augmenter table[] = {
    {"none", false, false, "the source as it is, for views that differ by dropout alone (Gao et al. 2021, SimCSE)", keep_all},
    {"delete", true, false, "each token goes with probability SHARE", delete_tokens},
    {"swap", true, false, "SHARE / 2 pairs of tokens change places", swap_tokens},
    {"crop", true, false, "a run of SHARE of the tokens stays", crop},
    {"cutoff", true, false, "a run of SHARE of the tokens goes", cut_off},
    {"reorder", false, false, "sentences in random order", reorder},
    {"replace", true, true, "each token is replaced with probability SHARE by one as frequent in the data", replace_tokens},
};

const struct augmenter *
augmenter_at(size_t i)
{
	return i < sizeof table / sizeof *table ? &table[i] : NULL;
}

const struct augmenter *
augmenter_of(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (strlen(table[i].name) == n && memcmp(table[i].name, name, n) == 0)
			return &table[i];
	return NULL;
}

/* ---- views ---- */

void
augment_close(struct augment *a)
{
	augment_vocab_close(&a->vocab);
	free(a->ids);
	free(a->spare);
	free(a->random);
	memset(a, 0, sizeof *a);
}

uint64_t
augment_key(const int32_t *ids, size_t n)
{
	return XXH3_64bits(ids, n * sizeof *ids);
}

KERNEL static void
fill(uint32_t *restrict to, size_t n, uint64_t first, uint64_t step, const uint32_t key[2])
{
	for (size_t i = 0; i < n; i += 4 * RNG_LANES, first += RNG_LANES) {
		uint32_t w[4][RNG_LANES];
		rng_lanes(w, first, step, key);
		memcpy(to + i, w, sizeof w);
	}
}

size_t
augment_view(struct augment *a, const struct augment_step *steps, size_t nsteps, uint64_t epoch,
    uint32_t view, const int32_t *ids, size_t n, const int32_t **out, struct err *e)
{
	const uint8_t *special = a->vocab.special;
	size_t room = 3 * n + 8 * RNG_LANES, head = 0, tail = 0;
	if (mem_grow(&a->ids, &a->cap, n, sizeof *a->ids, "a view", e) ||
	    mem_grow(&a->spare, &a->cap_spare, n, sizeof *a->spare, "a view", e) ||
	    mem_grow(&a->random, &a->cap_random, room, sizeof *a->random, "random numbers", e))
		return 0;
	memcpy(a->ids, ids, n * sizeof *ids);
	while (head < n && special[ids[head]])
		head++;
	while (tail < n - head && special[ids[n - 1 - tail]])
		tail++;
	struct view v = {.vocab = &a->vocab, .ids = a->ids + head, .n = n - head - tail, .spare = a->spare,
	    .random = a->random};
	uint64_t address = augment_key(ids, n) ^ (uint64_t)view * 0x9E3779B97F4A7C15u;
	for (size_t i = 0; i < nsteps && v.n; i++) {
		uint32_t key[2];
		uint64_t item = epoch << 40 | (uint64_t)i << 32;
		rng_lanes_key(key, a->seed, RNG_AUGMENT);
		/* few numbers for those that look at few tokens: the first words of the first block are the view's */
		fill(a->random, steps[i].what->takes_unigram ? 3 * v.n + 4 : v.n + 4, item, address, key);
		v.u[0] = (double)a->random[0] * 0x1p-32;
		v.share = steps[i].low + (steps[i].high - steps[i].low) * (double)a->random[1] * 0x1p-32;
		v.random = a->random + 2;
		steps[i].what->apply(&v);
	}
	memmove(a->ids + head + v.n, ids + n - tail, tail * sizeof *ids);
	*out = a->ids;
	return head + v.n + tail;
}
