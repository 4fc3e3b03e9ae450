#include "model/generate.h"

#include <omp.h>
#include <string.h>

#include "base/rng.h"
#include "math/linear.h"

/* Prompts are fed in pieces that begin at multiples of PIECE, whatever else is in the pass:
 * attention within a piece must not depend on what is generated beside it. */
enum { PIECE = 128 };

static void
carve(struct generator *g, struct arena *a)
{
	size_t threads = (size_t)omp_get_max_threads();
	g->slot = arena_carve(a, g->slots, sizeof *g->slot);
	g->ids = arena_carve(a, g->slots * g->length, sizeof *g->ids);
	g->logp = arena_carve(a, g->slots * g->length, sizeof *g->logp);
	g->batch_ids = arena_carve(a, g->max_tokens, sizeof *g->batch_ids);
	g->batch_positions = arena_carve(a, g->max_tokens, sizeof *g->batch_positions);
	g->spans = arena_carve(a, g->slots, sizeof *g->spans);
	g->owner = arena_carve(a, g->slots, sizeof *g->owner);
	g->ready = arena_carve(a, g->slots, sizeof *g->ready);
	g->rows = arena_carve(a, g->slots * g->cfg->width, sizeof *g->rows);
	g->logits = arena_carve(a, g->slots * g->cfg->vocab, sizeof *g->logits);
	g->picked = arena_carve(a, g->slots, sizeof *g->picked);
	g->picked_logp = arena_carve(a, g->slots, sizeof *g->picked_logp);
	g->scratch = arena_carve(a, threads, sample_scratch(g->cfg->vocab));
}

int
generator_open(struct generator *g, const struct config *cfg, const struct params *table,
    size_t slots, size_t length, struct err *e)
{
	length = length < cfg->context ? length : cfg->context;
	*g = (struct generator){.cfg = cfg, .table = table, .slots = slots, .length = length};
	size_t cells;
	if (mul_overflows(slots, length > cfg->vocab ? length : cfg->vocab, &cells) ||
	    mul_overflows(slots, cfg->width, &cells) || add_overflows(slots, 2 * PIECE, &g->max_tokens))
		return err_nomem(e, SIZE_MAX, "generation");
	carve(g, &g->arena);
	if (arena_commit(&g->arena, "generation", e))
		return -1;
	carve(g, &g->arena);
	/* nothing comes after length: neither cache nor rotary positions are made for more */
	g->shorter = *cfg;
	g->shorter.context = length;
	if (kvcache_open(&g->cache, &g->shorter, slots, e) ||
	    trunk_open(&g->trunk, &g->shorter, table, g->max_tokens, length, KEEP_NOTHING, e)) {
		generator_close(g);
		return -1;
	}
	return 0;
}

void
generator_close(struct generator *g)
{
	trunk_close(&g->trunk);
	kvcache_close(&g->cache);
	arena_close(&g->arena);
	memset(g, 0, sizeof *g);
}

static int
check_prompts(const struct generator *g, const struct gen_prompt *p, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i].n == 0)
			return err_set(e, ERR_DATA, "prompt %zu is empty", i + 1);
		if (p[i].n >= g->length)
			return err_set(e, ERR_DATA, "prompt %zu has %zu tokens, which leaves no room in a context of %zu",
			    i + 1, p[i].n, g->length);
		for (size_t j = 0; j < p[i].n; j++)
			if (p[i].ids[j] < 0 || (size_t)p[i].ids[j] >= g->cfg->vocab)
				return err_set(e, ERR_DATA, "prompt %zu has token %d, the model's vocabulary has %zu", i + 1,
				    p[i].ids[j], g->cfg->vocab);
	}
	return 0;
}

/* Gives free slots to the prompts from *next on; returns how many slots are live. */
static size_t
admit(struct generator *g, const struct gen_prompt *prompts, size_t n, size_t *next)
{
	size_t live = 0;
	for (size_t s = 0; s < g->slots; s++) {
		if (!g->slot[s].live && *next < n) {
			const struct gen_prompt *p = &prompts[*next];
			memcpy(g->ids + s * g->length, p->ids, p->n * sizeof *p->ids);
			g->slot[s] = (struct gen_slot){.live = true, .item = (*next)++, .prompt = p->n, .n = p->n};
		}
		live += g->slot[s].live;
	}
	return live;
}

/* Lays out a pass: of each live stream that still fits its next piece. Notes who is then ready. */
static struct batch
plan_pass(struct generator *g)
{
	struct batch b = {.ids = g->batch_ids, .positions = g->batch_positions, .spans = g->spans};
	g->nready = 0;
	for (size_t i = 0; i < g->slots; i++) {
		struct gen_slot *s = &g->slot[i];
		if (!s->live)
			continue;
		size_t to = s->fed / PIECE * PIECE + PIECE, m = (to < s->n ? to : s->n) - s->fed;
		if (b.n + m > g->max_tokens)
			continue;
		for (size_t j = 0; j < m; j++) {
			g->batch_ids[b.n + j] = g->ids[i * g->length + s->fed + j];
			g->batch_positions[b.n + j] = (int32_t)(s->fed + j);
		}
		g->spans[b.nspans] = (struct span){b.n, m, s->fed, i * g->length};
		g->owner[b.nspans++] = i;
		b.n += m;
		s->fed += m;
		if (s->fed == s->n)
			g->ready[g->nready++] = b.nspans - 1;
	}
	return b;
}

/* Logits of the last token of each ready stream, and a token drawn from each. */
static void
draw_tokens(struct generator *g, const real *w, const struct gen_prompt *prompts,
    const struct gen_opts *o)
{
	size_t width = g->cfg->width, vocab = g->cfg->vocab, head = head_offset(g->table);
	for (size_t r = 0; r < g->nready; r++) {
		const struct span *s = &g->spans[g->ready[r]];
		memcpy(g->rows + r * width, g->trunk.h + (s->row + s->n - 1) * width, width * sizeof(real));
	}
	linear_rows(g->logits, g->rows, w + head, g->nready, width, vocab);
#pragma omp parallel for schedule(dynamic) if (g->nready > 1)
	for (size_t r = 0; r < g->nready; r++) {
		size_t at = g->owner[g->ready[r]];
		const struct gen_slot *s = &g->slot[at];
		double u = rng_uniform(o->seed, RNG_SAMPLE, s->n, prompts[s->item].stream);
		g->picked[r] = sample_token(&o->sample, g->logits + r * vocab, vocab, g->ids + at * g->length,
		    s->n, u, g->scratch + (size_t)omp_get_thread_num() * sample_scratch(vocab), &g->picked_logp[r]);
	}
}

/* Appends what was drawn for a stream and asks whether it goes on. */
static int
append_token(struct generator *g, size_t at, int32_t token, real logp, const struct gen_opts *o,
    const struct gen_sink *sink, struct err *e)
{
	struct gen_slot *s = &g->slot[at];
	if (token < 0)
		return err_set(e, ERR_NONFINITE, "prompt %zu, token %zu: the logits are not finite", s->item + 1,
		    s->n + 1);
	int32_t *ids = g->ids + at * g->length;
	real *logps = g->logp + at * g->length;
	logps[s->n - s->prompt] = logp;
	ids[s->n++] = token;
	struct gen_result r = {s->item, ids, s->prompt, s->n, logps, GEN_RUNNING};
	if (token == o->end)
		r.reason = GEN_END;
	else if (s->n - s->prompt == o->max_new)
		r.reason = GEN_LENGTH;
	else if (s->n == g->length)
		r.reason = GEN_FULL;
	if (sink->token && sink->token(sink->ctx, &r) && r.reason == GEN_RUNNING)
		r.reason = GEN_STOPPED;
	if (r.reason == GEN_RUNNING)
		return 0;
	s->live = false;
	return sink->done(sink->ctx, &r, e);
}

int
generate(struct generator *g, const real *w, const struct gen_prompt *prompts, size_t n,
    const struct gen_opts *o, const struct gen_sink *sink, struct err *e)
{
	if (check_prompts(g, prompts, n, e))
		return -1;
	memset(g->slot, 0, g->slots * sizeof *g->slot);
	for (size_t next = 0; admit(g, prompts, n, &next) > 0;) {
		struct batch b = plan_pass(g);
		trunk_forward(&g->trunk, w, &b, &g->cache);
		draw_tokens(g, w, prompts, o);
		for (size_t r = 0; r < g->nready; r++)
			if (append_token(g, g->owner[g->ready[r]], g->picked[r], g->picked_logp[r], o, sink, e))
				return -1;
	}
	return 0;
}
