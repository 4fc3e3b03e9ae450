#include "train/ppo.h"

#include <string.h>

#include "base/rng.h"
#include "model/value_head.h"

static void
carve(struct ppo_trainer *p, const struct trainer *t, struct arena *a)
{
	size_t n = p->max_answers, all = n * p->max_tokens, batch = trainer_room(&t->opts);
	double **tokens[] = {&p->r.logp, &p->r.reference, &p->r.values, &p->r.entropy, &p->r.rewards, &p->r.advantages,
	    &p->r.returns};
	double **places[] = {&p->logp, &p->old, &p->reference, &p->advantages, &p->weights, &p->values, &p->old_values,
	    &p->returns, &p->dlogp, &p->dvalue};
	real **rows[] = {&p->read, &p->dread, &p->logps, &p->entropies, &p->dlogps, &p->dent};
	p->order = arena_carve(a, n, sizeof *p->order);
	p->r.ends = arena_carve(a, n, sizeof *p->r.ends);
	p->r.score = arena_carve(a, n, sizeof *p->r.score);
	p->at = arena_carve(a, batch, sizeof *p->at);
	p->token = arena_carve(a, batch, sizeof *p->token);
	for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
		*tokens[i] = arena_carve(a, all, sizeof(double));
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		*places[i] = arena_carve(a, batch, sizeof(double));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		*rows[i] = arena_carve(a, batch, sizeof(real));
	p->scaled = arena_carve(a, p->opts.temperature == 1 ? 0 : batch * t->cfg->width, sizeof(real));
}

/* ---- one micro-batch ---- */

/* Where the rows [from, to) predict tokens of answers; returns how many. */
static size_t
find_places(struct ppo_trainer *p, const struct rows *r, size_t from, size_t to, const int32_t *targets)
{
	size_t m = 0, start = from ? r->ends[from - 1].tokens : 0;
	for (size_t row = from, i = 0; row < to; row++) {
		size_t answer = (size_t)r->ends[row].source, token = answer ? p->r.ends[answer - 1] : 0;
		for (; i + start < r->ends[row].tokens; i++)
			if (targets[i] != TARGET_NONE) {
				p->at[m] = i;
				p->token[m++] = token++;
			}
	}
	return m;
}

/* What the language head reads: hidden states over the temperature. */
static const real *
temper(struct ppo_trainer *p, const struct trainer *t, size_t n)
{
	if (p->opts.temperature == 1)
		return t->trunk.h;
	real scale = (real)(1 / p->opts.temperature);
	for (size_t i = 0; i < n * t->cfg->width; i++)
		p->scaled[i] = scale * t->trunk.h[i];
	return p->scaled;
}

/* Forward through trunk and heads; sets logp and values of the m places. Returns what the language head read. */
static const real *
forward(struct ppo_trainer *p, struct trainer *t, const struct batch *b, const int32_t *targets, size_t m, size_t micro)
{
	trainer_forward(t, b, micro);
	if (p->opts.algo == ALGO_PPO)
		value_head_forward(p->read, t->trunk.h, p->at, m, t->w, t->table, t->cfg->width);
	const real *h = temper(p, t, b->n);
	lm_head_forward(&t->head, h, t->w, targets, b->n, &(struct lm_out){.logp = p->logps, .entropy = p->entropies});
	for (size_t i = 0; i < m; i++) {
		p->logp[i] = (double)p->logps[p->at[i]];
		p->values[i] = p->opts.algo == ALGO_PPO ? (double)p->read[i] : 0;
	}
	return h;
}

static void
gather(struct ppo_trainer *p, const struct rows *r, size_t m)
{
	const struct rollouts *all = &p->r;
	for (size_t i = 0; i < m; i++) {
		size_t k = p->token[i];
		p->old[i] = all->logp[k];
		p->reference[i] = all->reference[k];
		p->advantages[i] = all->advantages[k];
		p->old_values[i] = all->values[k];
		p->returns[i] = all->returns[k];
		p->weights[i] = 1 / (double)r->trained;
	}
}

/* GRPO's mean over answers of the mean over their tokens. */
static void
weigh_answers(struct ppo_trainer *p, const struct rows *r, size_t from, size_t to)
{
	for (size_t row = from, i = 0; row < to; row++) {
		size_t answer = (size_t)r->ends[row].source;
		size_t n = p->r.ends[answer] - (answer ? p->r.ends[answer - 1] : 0);
		for (size_t end = i + n; i < end; i++)
			p->weights[i] = 1 / (double)(r->n * n);
	}
}

/* The losses of m places, and their gradients in logp, entropy and value. */
static void
lose(struct ppo_trainer *p, size_t n, size_t m)
{
	const struct ppo_opts *o = &p->opts;
	struct ppo_sums *s = &p->sums;
	ppo_policy_loss(s, p->dlogp, p->logp, p->old, p->advantages, p->weights, m, o->clip_ratio);
	if (o->algo == ALGO_GRPO)
		ppo_kl_loss(s, p->dlogp, p->logp, p->reference, p->weights, m, o->estimator, p->kl_coefficient);
	if (o->algo == ALGO_PPO)
		ppo_value_loss(s, p->dvalue, p->values, p->old_values, p->returns, p->weights, m, o->clip_value);
	memset(p->dlogps, 0, n * sizeof *p->dlogps);
	memset(p->dent, 0, n * sizeof *p->dent);
	for (size_t i = 0; i < m; i++) {
		size_t at = p->at[i];
		p->dlogps[at] = (real)p->dlogp[i];
		p->dent[at] = (real)(-o->entropy * p->weights[i]);
		p->dread[i] = (real)(o->value_coef * p->dvalue[i]);
		s->entropy += p->weights[i] * (double)p->entropies[at];
	}
}

static void
backward(struct ppo_trainer *p, struct trainer *t, const struct batch *b, const int32_t *targets, const real *h, size_t m)
{
	struct lm_out out = {.logp = p->logps, .entropy = p->entropies};
	real scale = (real)(1 / p->opts.temperature);
	lm_head_backward(&t->head, t->dh, t->g, p->dlogps, p->opts.entropy > 0 ? p->dent : NULL, h, t->w, targets, b->n, &out);
	if (p->opts.temperature != 1)
		for (size_t i = 0; i < b->n * t->cfg->width; i++)
			t->dh[i] *= scale;
	if (p->opts.algo == ALGO_PPO)
		value_head_backward(t->dh, t->skip[SLOT_VALUE] ? NULL : t->g, p->dread, t->trunk.h, p->at, m, t->w, t->table,
		    t->cfg->width);
	trunk_backward(&t->trunk, t->w, t->g, b, t->dh);
}

static int
gradient(struct objective *o, struct trainer *t, struct rows *r, struct step_stats *s, struct err *e)
{
	struct ppo_trainer *p = (struct ppo_trainer *)o;
	const struct ppo_opts *po = &p->opts;
	(void)e;
	p->sums = (struct ppo_sums){0};
	for (size_t from = 0, to, micro = 0; from < r->n; from = to, micro++) {
		struct batch b;
		const int32_t *targets;
		to = rows_batch(r, from, t->opts.max_tokens, &b, &targets);
		size_t m = find_places(p, r, from, to, targets);
		const real *h = forward(p, t, &b, targets, m, micro);
		gather(p, r, m);
		if (po->algo == ALGO_GRPO)
			weigh_answers(p, r, from, to);
		lose(p, b.n, m);
		backward(p, t, &b, targets, h, m);
	}
	s->trained = r->trained;
	s->loss = p->sums.policy + po->value_coef * p->sums.value - po->entropy * p->sums.entropy +
	    (po->algo == ALGO_GRPO ? p->kl_coefficient * p->sums.kl : 0);
	return 0;
}

/* ---- a step ---- */

int
ppo_open(struct ppo_trainer *p, struct trainer *t, const struct ppo_opts *o, size_t answers, size_t tokens, struct err *e)
{
	size_t cells;
	*p = (struct ppo_trainer){.opts = *o, .max_answers = answers, .max_tokens = tokens};
	p->objective.gradient = gradient;
	if (o->algo == ALGO_PPO && !t->cfg->value)
		return err_set(e, ERR_DATA, "the model has no value head");
	if (mul_overflows(answers, tokens, &cells))
		return err_nomem(e, SIZE_MAX, "answers");
	carve(p, t, &p->arena);
	if (arena_commit(&p->arena, "answers", e))
		return -1;
	carve(p, t, &p->arena);
	if (o->algo == ALGO_PPO)
		trainer_freeze(t, SLOT_VALUE, SLOT_VALUE_B, false);
	trainer_plan(t);
	t->objective = &p->objective;
	return 0;
}

void
ppo_close(struct ppo_trainer *p)
{
	rows_free(&p->r.rows);
	rows_free(&p->minibatch);
	arena_close(&p->arena);
	memset(p, 0, sizeof *p);
}

void
ppo_begin(struct ppo_trainer *p)
{
	rows_reset(&p->r.rows);
	p->r.tokens = 0;
}

int
ppo_add(struct ppo_trainer *p, const struct trainer *t, const int32_t *ids, size_t prompt, size_t n, struct err *e)
{
	struct rollouts *r = &p->r;
	size_t answer = r->rows.n, at = r->rows.tokens;
	struct row row = {.ids = ids, .n = n - 1, .source = answer};
	if (rows_add(&r->rows, &row, t->cfg, e))
		return -1;
	for (size_t i = prompt; i < n; i++)
		r->rows.targets[at + i - 1] = ids[i];
	r->rows.trained += n - prompt;
	r->tokens += n - prompt;
	r->ends[answer] = r->tokens;
	return 0;
}

/* Rows [from, to) of the order, as a minibatch. Rows that have been added before cannot fail but for memory. */
static int
take_minibatch(struct ppo_trainer *p, const struct trainer *t, size_t from, size_t to, struct err *e)
{
	const struct rows *all = &p->r.rows;
	rows_reset(&p->minibatch);
	for (size_t i = from; i < to; i++) {
		size_t answer = p->order[i], at = answer ? all->ends[answer - 1].tokens : 0;
		struct row row = {.ids = all->ids + at, .targets = all->targets + at, .n = all->ends[answer].tokens - at,
		    .source = answer};
		if (rows_add(&p->minibatch, &row, t->cfg, e))
			return -1;
	}
	return 0;
}

static size_t
minibatch_end(const struct ppo_trainer *p, size_t from)
{
	size_t n = p->r.rows.n;
	return n - from > p->opts.minibatch ? from + p->opts.minibatch : n;
}

/* r: the rows of a minibatch. */
static void
measure_rows(struct ppo_trainer *p, struct trainer *t, struct rows *r)
{
	for (size_t from = 0, to, micro = 0; from < r->n; from = to, micro++) {
		struct batch b;
		const int32_t *targets;
		to = rows_batch(r, from, t->opts.max_tokens, &b, &targets);
		size_t m = find_places(p, r, from, to, targets);
		forward(p, t, &b, targets, m, micro);
		for (size_t i = 0; i < m; i++) {
			size_t k = p->token[i];
			p->r.logp[k] = p->logp[i];
			p->r.values[k] = p->values[i];
			p->r.entropy[k] = (double)p->entropies[p->at[i]];
		}
	}
}

int
ppo_measure(struct ppo_trainer *p, struct trainer *t, struct err *e)
{
	for (size_t i = 0; i < p->r.rows.n; i++)
		p->order[i] = i;
	for (size_t from = 0, to; from < p->r.rows.n; from = to) {
		to = minibatch_end(p, from);
		if (take_minibatch(p, t, from, to, e))
			return -1;
		measure_rows(p, t, &p->minibatch);
	}
	return 0;
}

/* Each token of an answer has the advantage of the answer. */
static void
spread(struct rollouts *r, const double *advantages)
{
	for (size_t a = 0, i = 0; a < r->rows.n; a++)
		for (; i < r->ends[a]; i++) {
			r->advantages[i] = advantages[a];
			r->returns[i] = 0;
		}
}

static void
group_advantages(struct ppo_trainer *p)
{
	struct rollouts *r = &p->r;
	double *answer = p->r.values, *reward = p->r.returns; /* no values here, and at least one token an answer */
	for (size_t a = 0, i = 0; a < r->rows.n; a++) {
		reward[a] = 0;
		for (; i < r->ends[a]; i++)
			reward[a] += r->rewards[i];
	}
	if (p->opts.algo == ALGO_RLOO)
		rloo_advantages(answer, reward, r->rows.n, p->opts.samples);
	else
		grpo_advantages(answer, reward, r->rows.n, p->opts.samples);
	spread(r, answer);
	memset(r->values, 0, r->tokens * sizeof *r->values);
}

void
ppo_advantages(struct ppo_trainer *p)
{
	struct rollouts *r = &p->r;
	const struct ppo_opts *o = &p->opts;
	ppo_rewards(r->rewards, r->logp, r->reference, r->score, r->ends, r->rows.n, o->estimator,
	    o->algo == ALGO_GRPO ? 0 : p->kl_coefficient);
	if (o->algo != ALGO_PPO) {
		group_advantages(p);
		return;
	}
	if (o->whiten_rewards)
		ppo_whiten(r->rewards, r->tokens, false);
	ppo_gae(r->advantages, r->returns, r->rewards, r->values, r->ends, r->rows.n, o->gamma, o->lambda);
	if (o->whiten)
		ppo_whiten(r->advantages, r->tokens, true);
}

/* ---- the update ---- */

/* Fisher and Yates. */
static void
shuffle(struct ppo_trainer *p, uint64_t seed, uint64_t address)
{
	for (size_t i = p->r.rows.n; i-- > 1;) {
		size_t j = (size_t)rng_below(i + 1, seed, RNG_SHUFFLE, address, i), was = p->order[i];
		p->order[i] = p->order[j];
		p->order[j] = was;
	}
}

/* Running means over minibatches. */
static void
add_stats(struct ppo_stats *s, const struct ppo_sums *b, double grad_norm)
{
	double n = (double)++s->minibatches;
	s->policy_loss += (b->policy - s->policy_loss) / n;
	s->value_loss += (b->value - s->value_loss) / n;
	s->entropy += (b->entropy - s->entropy) / n;
	s->approx_kl += (b->approx_kl / b->tokens - s->approx_kl) / n;
	s->clipped += (b->clipped / b->tokens - s->clipped) / n;
	s->outside += (b->outside / b->tokens - s->outside) / n;
	s->value_clipped += (b->value_clipped / b->tokens - s->value_clipped) / n;
	s->ratio += (b->ratio / b->tokens - s->ratio) / n;
	s->grad_norm += (grad_norm - s->grad_norm) / n;
}

int
ppo_update(struct ppo_trainer *p, struct trainer *t, uint64_t update, struct ppo_stats *s, struct err *e)
{
	*s = (struct ppo_stats){0};
	for (size_t i = 0; i < p->r.rows.n; i++)
		p->order[i] = i;
	for (bool go = true; go && s->epochs < p->opts.epochs; s->epochs++) {
		double kl = 0, tokens = 0;
		if (s->epochs)
			shuffle(p, t->opts.seed, update << 16 | s->epochs);
		for (size_t from = 0, to; from < p->r.rows.n; from = to) {
			struct step_stats step;
			to = minibatch_end(p, from);
			if (take_minibatch(p, t, from, to, e) || train_step(t, &p->minibatch, &step, e))
				return -1;
			add_stats(s, &p->sums, step.grad_norm);
			kl += p->sums.approx_kl;
			tokens += p->sums.tokens;
		}
		go = !(p->opts.target_kl > 0) || kl / tokens <= p->opts.target_kl;
	}
	return 0;
}

/* ---- the reference ---- */

int
frozen_open(struct frozen_policy *f, const struct config *cfg, const struct params *table, const real *w,
    size_t max_tokens, size_t max_keys, struct err *e)
{
	size_t room = max_tokens > max_keys ? max_tokens : max_keys;
	*f = (struct frozen_policy){.cfg = cfg, .w = w, .max_tokens = max_tokens};
	f->logps = arena_carve(&f->arena, room, sizeof *f->logps);
	if (arena_commit(&f->arena, "log-probabilities", e))
		return -1;
	f->logps = arena_carve(&f->arena, room, sizeof *f->logps);
	if (trunk_open(&f->trunk, cfg, table, room, max_keys, KEEP_NOTHING, e) ||
	    lm_head_open(&f->head, cfg, table, room, e)) {
		frozen_close(f);
		return -1;
	}
	return 0;
}

void
frozen_close(struct frozen_policy *f)
{
	lm_head_close(&f->head);
	trunk_close(&f->trunk);
	arena_close(&f->arena);
	memset(f, 0, sizeof *f);
}

void
frozen_logp(struct frozen_policy *f, struct rows *r, double temperature, double *logp)
{
	real scale = (real)(1 / temperature);
	size_t k = 0;
	for (size_t from = 0; from < r->n;) {
		struct batch b;
		const int32_t *targets;
		from = rows_batch(r, from, f->max_tokens, &b, &targets);
		trunk_forward(&f->trunk, f->w, &b, NULL);
		for (size_t i = 0; temperature != 1 && i < b.n * f->cfg->width; i++)
			f->trunk.h[i] *= scale;
		lm_head_forward(&f->head, f->trunk.h, f->w, targets, b.n, &(struct lm_out){.logp = f->logps});
		for (size_t i = 0; i < b.n; i++)
			if (targets[i] != TARGET_NONE)
				logp[k++] = (double)f->logps[i];
	}
}
