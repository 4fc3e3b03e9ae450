#include "train/trainer.h"

#include <math.h>
#include <string.h>

#include "train/exchange.h"

size_t
trainer_room(const struct train_opts *o)
{
	size_t most = o->largest > o->max_tokens ? o->largest : o->max_tokens;
	return o->room && o->room < most ? o->room : most;
}

static enum trunk_keep
keep(const struct train_opts *o)
{
	return o->recompute ? KEEP_INPUTS : KEEP_ALL;
}

static void
carve_model(struct trainer *t, struct arena *a)
{
	size_t n = t->table->size;
	t->w = arena_carve(a, n, sizeof(real));
	t->g = arena_carve(a, n, sizeof(real));
	t->m = arena_carve(a, n, sizeof(real));
	t->v = arena_carve(a, n, sizeof(real));
}

static void
carve_rest(struct trainer *t, struct arena *a)
{
	size_t tokens = trainer_room(&t->opts);
	t->dh = arena_carve(a, tokens * t->cfg->width, sizeof(real));
	t->dlogp = arena_carve(a, tokens, sizeof(real));
	t->out.logp = arena_carve(a, tokens, sizeof(real));
	t->out.best = arena_carve(a, tokens, sizeof(int32_t));
	t->how = arena_carve(a, t->table->n, sizeof *t->how);
	t->skip = arena_carve(a, t->cfg->layers * SLOT_COUNT, sizeof *t->skip);
}

/* Measures (base NULL) or lays out. */
static void
carve(struct trainer *t, struct arena *a)
{
	carve_model(t, a);
	carve_rest(t, a);
}

/* Sum of all, SIZE_MAX where one is. */
static size_t
sum(const size_t *v, size_t n)
{
	size_t total = 0;
	for (size_t i = 0; i < n; i++)
		if (v[i] == SIZE_MAX || add_overflows(total, v[i], &total))
			return SIZE_MAX;
	return total;
}

/* What a rank owns of `trained` numbers, at most; gaps of the alignment are not counted. */
static size_t
share_of(size_t trained, size_t ranks)
{
	return trained / ranks + (trained % ranks != 0);
}

/* What exchange_open takes and what of it is touched: parts of what this rank owns from the others, and in rank 0, for a checkpoint,
 * a set of moments, each at its place in the table. */
static void
exchange_memory(struct train_memory *m, size_t *reserved, size_t table, size_t trained, size_t ranks)
{
	size_t parts, both;
	struct arena a = {0};
	*reserved = m->exchanged = 0;
	if (ranks == 1)
		return;
	*reserved = m->exchanged = SIZE_MAX;
	if (mul_overflows(share_of(trained, ranks), ranks - 1, &parts) || add_overflows(parts, trained, &both))
		return;
	arena_carve(&a, parts > table ? parts : table, sizeof(real));
	*reserved = a.overflow ? SIZE_MAX : a.used;
	m->exchanged = (both < table ? both : table) * sizeof(real);
}

void
trainer_memory(struct train_memory *m, const struct config *cfg, const struct params *table, const struct train_opts *o,
    size_t trained, size_t ranks)
{
	struct trainer t = {.cfg = cfg, .table = table, .opts = *o};
	struct arena a = {0}, model = {0};
	carve(&t, &a);
	carve_model(&t, &model);
	size_t trunk = trunk_memory(cfg, trainer_room(o), o->max_keys, keep(o)), own = a.overflow ? SIZE_MAX : a.used - model.used;
	size_t exchanged;
	exchange_memory(m, &exchanged, table->size, trained, ranks);
	m->weights = table->size * sizeof(real);
	m->gradients = trained * sizeof(real);
	m->moments = 2 * share_of(trained, ranks) * sizeof(real);
	m->activations = sum((size_t[]){trunk, own}, 2);
	m->logits = o->no_language ? 0 : lm_head_memory(cfg, trainer_room(o));
	m->total = sum((size_t[]){m->weights, m->gradients, m->moments, m->activations, m->logits, m->exchanged}, 6);
	m->reserved = sum((size_t[]){a.overflow ? SIZE_MAX : a.used, trunk, m->logits, exchanged}, 4);
}

int
trainer_open(struct trainer *t, const struct config *cfg, const struct params *table,
    const struct train_opts *o, struct err *e)
{
	*t = (struct trainer){.cfg = cfg, .table = table, .opts = *o};
	t->arena.huge = true;
	carve(t, &t->arena);
	if (arena_commit(&t->arena, "weights, gradients and moments", e))
		return -1;
	carve(t, &t->arena);
	if (trunk_open(&t->trunk, cfg, table, trainer_room(o), o->max_keys, keep(o), e) ||
	    (!o->no_language && lm_head_open(&t->head, cfg, table, trainer_room(o), e))) {
		trainer_close(t);
		return -1;
	}
	t->trunk.seed = o->seed;
	t->trunk.skip = t->head.skip = t->skip;
	trainer_how(t);
	trainer_plan(t);
	return 0;
}

/* ---- what is trained ---- */

void
trainer_how(struct trainer *t)
{
	for (size_t i = 0; i < t->table->n; i++) {
		bool lies = t->cfg->lora_rank && t->table->items[i].slot < SLOT_LORA;
		t->how[i] = (struct training){lies ? UINT64_MAX : 0, 1, false};
	}
	trainer_freeze(t, SLOT_PROJECT1, SLOT_VALUE_B, true);
}

void
trainer_freeze(struct trainer *t, enum slot first, enum slot last, bool frozen)
{
	for (size_t i = 0; i < t->table->n; i++)
		if (t->table->items[i].slot >= first && t->table->items[i].slot <= last)
			t->how[i].since = frozen ? UINT64_MAX : 0;
}

/* One product makes the gradients of slots first to last: they are wanted if one is. */
static void
join(bool *skip, enum slot first, enum slot last)
{
	bool all = true;
	for (enum slot s = first; s <= last; s++)
		all = all && skip[s];
	for (enum slot s = first; s <= last; s++)
		skip[s] = all;
}

void
trainer_plan(struct trainer *t)
{
	size_t layers = t->cfg->layers;
	t->trunk.bottom = layers;
	t->trunk.skip_embeddings = true;
	memset(t->skip, true, layers * SLOT_COUNT * sizeof *t->skip); /* what is not there is not wanted */
	for (size_t i = 0; i < t->table->n; i++) {
		const struct param *p = &t->table->items[i];
		t->how[i].frozen = t->step < t->how[i].since;
		t->skip[p->layer * SLOT_COUNT + p->slot] = t->how[i].frozen;
		if (t->how[i].frozen)
			continue;
		if (p->slot <= SLOT_EMBED_NORM_B)
			t->trunk.skip_embeddings = false;
		else if ((p->slot <= SLOT_DOWN_B || p->slot >= SLOT_LORA) && p->layer < t->trunk.bottom)
			t->trunk.bottom = p->layer;
	}
	if (!t->trunk.skip_embeddings)
		t->trunk.bottom = 0;
	for (size_t l = 0; l < layers; l++) {
		join(t->skip + l * SLOT_COUNT, SLOT_Q, SLOT_V);
		join(t->skip + l * SLOT_COUNT, SLOT_Q_B, SLOT_V_B);
		join(t->skip + l * SLOT_COUNT, SLOT_GATE, SLOT_UP);
	}
}

size_t
trainer_trainable(const struct trainer *t)
{
	size_t n = 0;
	for (size_t i = 0; i < t->table->n; i++)
		n += t->how[i].since == UINT64_MAX ? 0 : t->table->items[i].size;
	return n;
}

static bool
anything_frozen(const struct trainer *t)
{
	for (size_t i = 0; i < t->table->n; i++)
		if (t->how[i].frozen)
			return true;
	return false;
}

static bool
something_thaws(const struct trainer *t)
{
	for (size_t i = 0; i < t->table->n; i++)
		if (t->how[i].frozen && t->step >= t->how[i].since)
			return true;
	return false;
}

static void
clear_gradient(struct trainer *t)
{
	if (!anything_frozen(t)) {
		memset(t->g, 0, t->table->size * sizeof *t->g);
		return;
	}
	for (size_t i = 0; i < t->table->n; i++) {
		const struct param *p = &t->table->items[i];
		if (!t->skip[p->layer * SLOT_COUNT + p->slot])
			memset(t->g + p->offset, 0, p->size * sizeof *t->g);
	}
}

static int
gradient_norm(const struct trainer *t, double *norm, struct err *e)
{
	double squares = 0;
	if (!t->team && !anything_frozen(t)) {
		*norm = grad_norm(t->g, t->table->size);
		return 0;
	}
	for (size_t i = 0; i < t->table->n; i++) {
		size_t from, n = exchange_own(t, &t->table->items[i], &from);
		double part = t->how[i].frozen ? 0 : grad_norm(t->g + from, n);
		squares += part * part;
	}
	if (team_sum(t->team, &squares, 1, e))
		return -1;
	*norm = sqrt(squares);
	return 0;
}

void
trainer_close(struct trainer *t)
{
	exchange_close(t);
	lm_head_close(&t->head);
	trunk_close(&t->trunk);
	arena_close(&t->arena);
	memset(t, 0, sizeof *t);
}

static double
sum_nll(const real *logp, const int32_t *targets, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		if (targets[i] != TARGET_NONE)
			sum -= (double)logp[i];
	return sum;
}

const char *
params_nonfinite(const real *w, const struct params *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (!isfinite(grad_norm(w + p->items[i].offset, p->items[i].size)))
			return p->items[i].name;
	return NULL;
}

static int
lm_gradient(struct trainer *t, struct rows *r, struct step_stats *s, struct err *e)
{
	double trained = (double)r->trained;
	if (team_sum(t->team, &trained, 1, e))
		return -1;
	if (!(trained > 0))
		return err_set(e, ERR_DATA, "step %llu: none of the %zu tokens has a target to train on",
		    (unsigned long long)t->step + 1, r->tokens);
	s->trained = (size_t)trained;
	real scale = (real)(-1.0 / trained);
	for (size_t from = 0, micro = 0; from < r->n; micro++) {
		struct batch b;
		const int32_t *targets;
		from = rows_batch(r, from, t->opts.max_tokens, &b, &targets);
		trainer_forward(t, &b, micro);
		for (size_t i = 0; i < b.n; i++)
			t->dlogp[i] = targets[i] == TARGET_NONE ? 0 : scale;
		lm_head_backward(&t->head, t->dh, t->g, t->dlogp, NULL, t->trunk.h, t->w, targets, b.n,
		    &(struct lm_out){.logp = t->out.logp});
		s->loss += sum_nll(t->out.logp, targets, b.n);
		trainer_backward(t, &b, from == r->n);
	}
	if (team_sum(t->team, &s->loss, 1, e))
		return -1;
	s->loss /= trained;
	return 0;
}

void
trainer_forward(struct trainer *t, const struct batch *b, size_t micro)
{
	t->trunk.dropout = t->opts.dropout;
	t->trunk.step = t->step << 16 | micro;
	trunk_forward(&t->trunk, t->w, b, NULL);
}

void
trainer_backward(struct trainer *t, const struct batch *b, bool last)
{
	t->trunk.finished = last && t->exchange ? exchange_block : NULL;
	t->trunk.finished_ctx = t;
	trunk_backward(&t->trunk, t->w, t->g, b, t->dh);
}

int
train_gradient(struct trainer *t, struct rows *r, struct step_stats *s, struct err *e)
{
	*s = (struct step_stats){.tokens = r->tokens};
	clear_gradient(t);
	int rc = t->objective ? t->objective->gradient(t->objective, t, r, s, e) : lm_gradient(t, r, s, e);
	if (rc)
		return -1;
	if (s->idle)
		return 0;
	if (exchange_gradient(t, e))
		return -1;
	if (!isfinite(s->loss))
		return err_set(e, ERR_NONFINITE, "step %llu: the loss is %g",
		    (unsigned long long)t->step + 1, s->loss);
	if (gradient_norm(t, &s->grad_norm, e))
		return -1;
	if (!isfinite(s->grad_norm)) {
		const char *name = params_nonfinite(t->g, t->table);
		return err_set(e, ERR_NONFINITE, "step %llu: the gradient of %s is not finite",
		    (unsigned long long)t->step + 1, name ? name : "the model");
	}
	return 0;
}

static void
update(struct trainer *t, const struct step_stats *s)
{
	double scale = clip_scale(s->grad_norm, t->opts.clip);
	for (size_t i = 0; i < t->table->n; i++) {
		const struct param *p = &t->table->items[i];
		struct adamw a = t->opts.adamw;
		size_t from, n = exchange_own(t, p, &from);
		if (t->how[i].frozen)
			continue;
		if (!p->decay)
			a.decay = 0;
		adamw_update(t->w + from, t->m + from, t->v + from, t->g + from, n, &a, t->step + 1 - t->how[i].since,
		    s->lr * t->how[i].rate, scale);
	}
}

int
train_step(struct trainer *t, struct rows *r, struct step_stats *s, struct err *e)
{
	if (something_thaws(t))
		trainer_plan(t);
	if (train_gradient(t, r, s, e))
		return -1;
	s->lr = schedule_lr(&t->opts.schedule, t->step);
	if (!s->idle)
		update(t, s);
	if (!s->idle && exchange_weights(t, e))
		return -1;
	t->step++;
	if (!s->idle && t->objective && t->objective->stepped)
		t->objective->stepped(t->objective, t);
	return 0;
}

void
lm_evaluate(struct trunk *t, struct lm_head *head, const real *w, struct rows *r,
    size_t max_tokens, struct lm_out *out, struct eval_sums *sums)
{
	t->dropout = 0;
	for (size_t from = 0; from < r->n;) {
		struct batch b;
		const int32_t *targets;
		from = rows_batch(r, from, max_tokens, &b, &targets);
		trunk_forward(t, w, &b, NULL);
		lm_head_forward(head, t->h, w, targets, b.n, out);
		sums->nll += sum_nll(out->logp, targets, b.n);
		for (size_t i = 0; i < b.n; i++) {
			sums->trained += targets[i] != TARGET_NONE;
			sums->correct += targets[i] != TARGET_NONE && out->best[i] == targets[i];
		}
	}
}
