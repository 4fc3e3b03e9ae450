#include "data/mask.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/mem.h"
#include "base/rng_lanes.h"

enum { NO_TARGET = -100 };

/* The four random words of a token, and what they decide. */
enum { DRAW_BEGIN, DRAW_LENGTH, DRAW_REPLACE, DRAW_TOKEN, DRAWS };

static uint32_t
of_2_32(double p)
{
	return p >= 1 ? UINT32_MAX : (uint32_t)(p * 0x1p32);
}

/* ---- opening ---- */

/* Cumulative distributions of the length of a span, and of what is left of one that covers a given
 * unit: P(rest = k) = P(length >= k) / mean. */
static void
set_lengths(struct masker *m)
{
	const struct mask_opts *o = &m->opts;
	bool single = o->policy == MASK_TOKEN || o->policy == MASK_WORD;
	size_t longest = single ? 1 : o->longest;
	double p[MASK_LONGEST] = {0}, sum = 0, below = 0, rest = 0;
	for (size_t i = 0; i < longest; i++) {
		p[i] = o->policy == MASK_NGRAM ? 1 / (double)(i + 1) : pow(1 - o->span_p, (double)i);
		sum += p[i];
	}
	m->mean = 0;
	for (size_t i = 0; i < longest; i++)
		m->mean += (double)(i + 1) * p[i] / sum;
	for (size_t i = 0; i < MASK_LONGEST; i++) {
		rest += (1 - below) / m->mean;
		below += p[i] / sum;
		m->lengths[i] = i + 1 < longest ? of_2_32(below) : UINT32_MAX;
		m->rest[i] = i + 1 < longest ? of_2_32(rest) : UINT32_MAX;
	}
	m->inside = of_2_32(o->rate);
	m->begin = of_2_32(o->rate / (o->rate + m->mean * (1 - o->rate)));
}

static int
find_sentinels(struct masker *m, const struct vocab *v, struct err *e)
{
	size_t cap = 0;
	for (;; m->nsentinels++) {
		char name[32];
		int n = snprintf(name, sizeof name, "<extra_id_%zu>", m->nsentinels);
		int32_t id = vocab_special(v, name, (size_t)n);
		if (id < 0)
			break;
		if (mem_grow(&m->sentinels, &cap, m->nsentinels + 1, sizeof id, "sentinels", e))
			return -1;
		m->sentinels[m->nsentinels] = id;
	}
	if (m->nsentinels < 2)
		return err_set(e, ERR_DATA, "the vocabulary has no special tokens <extra_id_0>, <extra_id_1>, ...");
	return 0;
}

int
masker_open(struct masker *m, const struct mask_opts *o, const struct vocab *v, struct err *e)
{
	*m = (struct masker){.opts = *o, .vocab = v->n};
	m->special = mem_zalloc(v->n, 1, "special tokens", e);
	m->ordinary = mem_zalloc(v->n, sizeof *m->ordinary, "tokens", e);
	if (!m->special || !m->ordinary)
		goto fail;
	for (size_t i = 0; i < v->n; i++) {
		m->special[i] = v->tokens[i].special;
		if (!v->tokens[i].special && v->tokens[i].size) /* without bytes: an id that is not used */
			m->ordinary[m->nordinary++] = (int32_t)i;
	}
	if (!m->nordinary) {
		err_set(e, ERR_DATA, "the vocabulary has special tokens only");
		goto fail;
	}
	if (o->policy == MASK_SENTINEL && find_sentinels(m, v, e))
		goto fail;
	set_lengths(m);
	return 0;
fail:
	masker_close(m);
	return -1;
}

void
masker_close(struct masker *m)
{
	free(m->special);
	free(m->ordinary);
	free(m->sentinels);
	free(m->words);
	memset(m, 0, sizeof *m);
}

/* ---- random numbers ---- */

KERNEL static void
fill_lanes(uint32_t *restrict to, size_t n, uint64_t first, uint64_t step, const uint32_t key[2])
{
	for (size_t i = 0; i < n; i += RNG_LANES, first += RNG_LANES) {
		uint32_t w[4][RNG_LANES];
		rng_lanes(w, first, step, key);
		for (size_t l = 0; l < RNG_LANES; l++)
			for (size_t k = 0; k < DRAWS; k++)
				to[(i + l) * DRAWS + k] = w[k][l];
	}
}

/* Draws for n tokens, addressed by the content and the epoch. */
static int
draw(struct masker *m, uint64_t epoch, const int32_t *ids, size_t n, struct err *e)
{
	uint32_t key[2];
	if (mem_grow(&m->words, &m->cap, (n + RNG_LANES) * DRAWS, sizeof *m->words, "random numbers", e))
		return -1;
	rng_lanes_key(key, m->opts.seed, RNG_MASK);
	fill_lanes(m->words, n, epoch << 32, XXH3_64bits(ids, n * sizeof *ids), key);
	return 0;
}

static size_t
length_of(const uint32_t *below, uint32_t u)
{
	size_t i = 0;
	while (u >= below[i] && below[i] != UINT32_MAX)
		i++;
	return i + 1;
}

/* ---- spans ---- */

struct walk {
	bool fresh;   /* nothing is known of the unit before */
	size_t left;  /* units of the span that are still to come */
	size_t start; /* the token at which the span began */
};

/* Whether the unit that begins at token i is hidden. */
static inline bool
hide(const struct masker *m, struct walk *w, size_t i)
{
	const uint32_t *u = m->words + i * DRAWS;
	if (w->left == 0 && u[DRAW_BEGIN] < (w->fresh ? m->inside : m->begin)) {
		w->left = length_of(w->fresh ? m->rest : m->lengths, u[DRAW_LENGTH]);
		w->start = i;
	}
	w->fresh = false;
	if (w->left == 0)
		return false;
	w->left--;
	return true;
}

static inline size_t
unit_end(const struct masker *m, const int32_t *ids, const int32_t *words, const int32_t *documents, size_t n,
    size_t i)
{
	size_t j = i + 1;
	if (!words || m->opts.policy == MASK_TOKEN)
		return j;
	while (j < n && words[j] == words[i] && !m->special[ids[j]] && (!documents || documents[j] == documents[i]))
		j++;
	return j;
}

static int
check_ids(const struct masker *m, const int32_t *ids, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (ids[i] < 0 || (size_t)ids[i] >= m->vocab)
			return err_set(e, ERR_DATA, "token %zu has id %d, the vocabulary has %zu", i, ids[i], m->vocab);
	return 0;
}

/* What stands in the place of a hidden token; `by` is the token whose draw decides. */
static inline int32_t
replace(struct masker *m, int32_t id, size_t i, size_t by)
{
	uint32_t u = m->words[by * DRAWS + DRAW_REPLACE];
	uint32_t mask = of_2_32(m->opts.mask_share), random = of_2_32(m->opts.mask_share + m->opts.random_share);
	if (u < mask) {
		m->counts.masked++;
		return m->opts.mask;
	}
	if (u < random) {
		m->counts.randomised++;
		return m->ordinary[(uint64_t)m->words[i * DRAWS + DRAW_TOKEN] * m->nordinary >> 32];
	}
	m->counts.kept++;
	return id;
}

static void
hide_row(struct masker *m, const int32_t *ids, const int32_t *words, const int32_t *documents, size_t n,
    int32_t *out, int32_t *targets)
{
	struct walk w = {.fresh = true};
	bool together = m->opts.policy == MASK_SPAN;
	for (size_t i = 0, end; i < n; i = end) {
		end = unit_end(m, ids, words, documents, n, i);
		if (m->special[ids[i]] || (documents && i && documents[i] != documents[i - 1]))
			w = (struct walk){.fresh = true};
		m->counts.special += m->special[ids[i]];
		if (m->special[ids[i]] || !hide(m, &w, i)) {
			for (size_t k = i; k < end; k++) {
				out[k] = ids[k];
				targets[k] = NO_TARGET;
			}
			continue;
		}
		m->counts.hidden += end - i;
		for (size_t k = i; k < end; k++) {
			targets[k] = ids[k];
			out[k] = replace(m, ids[k], k, together ? w.start : k);
		}
	}
	m->counts.tokens += n;
}

/* Targets only after the prefix of each document. */
static void
prefix_row(struct masker *m, const int32_t *ids, const int32_t *documents, const int32_t *next, size_t n,
    int32_t *out, int32_t *targets)
{
	memcpy(out, ids, n * sizeof *ids);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && (!documents || documents[end] == documents[i]);)
			end++;
		double u = (double)m->words[i * DRAWS + DRAW_BEGIN] * 0x1p-32;
		double share = m->opts.prefix_low + u * (m->opts.prefix_high - m->opts.prefix_low);
		size_t prefix = (size_t)(share * (double)(end - i));
		prefix = prefix < 1 ? 1 : prefix;
		/* token i predicts i + 1: the first after the prefix has its prediction at the prefix' end */
		for (size_t k = i; k < end; k++) {
			int32_t follows = next ? next[k] : k + 1 < end ? ids[k + 1] : NO_TARGET;
			targets[k] = k + 1 < i + prefix ? NO_TARGET : follows;
			m->counts.hidden += targets[k] != NO_TARGET;
		}
	}
	m->counts.tokens += n;
}

int
mask_row(struct masker *m, uint64_t epoch, const int32_t *ids, const int32_t *words,
    const int32_t *documents, const int32_t *next, size_t n, int32_t *out, int32_t *targets, struct err *e)
{
	if (check_ids(m, ids, n, e) || draw(m, epoch, ids, n, e))
		return -1;
	if (m->opts.policy == MASK_PREFIX)
		prefix_row(m, ids, documents, next, n, out, targets);
	else
		hide_row(m, ids, words, documents, n, out, targets);
	return 0;
}

/* ---- sentinels ---- */

size_t
mask_sentinel_room(const struct masker *m, size_t n)
{
	return n + 2 * (n < m->nsentinels ? n : m->nsentinels) + 2;
}

int
mask_sentinel(struct masker *m, uint64_t epoch, const int32_t *ids, const int32_t *words, size_t n,
    int32_t *out, int32_t *targets, size_t *count, struct err *e)
{
	struct walk w = {.fresh = true};
	size_t at = 0, spans = 0, hidden = 0, most = m->nsentinels - 1; /* the last sentinel ends the answer */
	int32_t *answer = targets; /* gathered there, moved behind the text */
	bool in_span = false;
	if (check_ids(m, ids, n, e) || draw(m, epoch, ids, n, e))
		return -1;
	size_t nanswer = 0;
	for (size_t i = 0, end; i < n; i = end) {
		end = unit_end(m, ids, words, NULL, n, i);
		bool special = m->special[ids[i]];
		if (special)
			w = (struct walk){.fresh = true};
		bool hide_it = !special && hide(m, &w, i) && (in_span || spans < most);
		m->counts.special += special;
		if (hide_it && !in_span) {
			out[at++] = m->sentinels[spans];
			answer[nanswer++] = m->sentinels[spans++];
		}
		in_span = hide_it;
		for (size_t k = i; k < end; k++) {
			if (hide_it)
				answer[nanswer++] = ids[k];
			else
				out[at++] = ids[k];
			hidden += hide_it;
		}
	}
	answer[nanswer++] = m->sentinels[spans];
	m->counts.tokens += n;
	m->counts.hidden += hidden;
	m->counts.masked += hidden;
	memcpy(out + at, answer, nanswer * sizeof *out);
	*count = at + nanswer - 1; /* the last of the answer is a target only */
	int32_t last = answer[nanswer - 1];
	for (size_t i = 0; i < *count; i++)
		targets[i] = i + 1 < at ? NO_TARGET : i + 1 < *count ? out[i + 1] : last;
	return 0;
}
