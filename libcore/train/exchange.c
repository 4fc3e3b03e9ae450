#include "train/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/par.h"
#include "base/rng.h"

/* ---- opening ---- */

static int
plan(struct exchange *x, const struct trainer *t, struct err *e)
{
	bool *trained = mem_zalloc(t->table->n, sizeof *trained, "tensors", e);
	if (!trained)
		return -1;
	for (size_t i = 0; i < t->table->n; i++)
		trained[i] = t->how[i].since != UINT64_MAX;
	int rc = shard_plan_build(&x->plan, t->table, t->cfg->layers, trained, t->team->size, e);
	free(trained);
	return rc;
}

int
exchange_open(struct trainer *t, struct team *team, struct err *e)
{
	if (!team)
		return 0;
	t->team = team;
	struct exchange *x = t->exchange = mem_zalloc(1, sizeof *x, "exchange", e);
	if (!x || plan(x, t, e))
		return -1;
	size_t parts, size = t->table->size;
	if (mul_overflows(x->plan.owned[team->rank], team->size - 1, &parts))
		return err_nomem(e, SIZE_MAX, "gradients of other ranks");
	x->arena.huge = true;
	for (int pass = 0; pass < 2; pass++) {
		x->parts = arena_carve(&x->arena, parts > size ? parts : size, sizeof(real));
		if (pass == 0 && arena_commit(&x->arena, "gradients of other ranks", e))
			return -1;
	}
	if (team->rank)
		t->trunk.seed = rng_u64(t->opts.seed, RNG_DROPOUT, UINT64_MAX, team->rank);
	return 0;
}

void
exchange_close(struct trainer *t)
{
	if (!t->exchange)
		return;
	shard_plan_free(&t->exchange->plan);
	arena_close(&t->exchange->arena);
	free(t->exchange);
	t->exchange = NULL;
}

size_t
exchange_own(const struct trainer *t, const struct param *p, size_t *from)
{
	size_t to = p->offset + p->size;
	*from = p->offset;
	if (!t->exchange)
		return p->size;
	const size_t *bounds = t->exchange->plan.bounds + t->team->rank;
	*from = bounds[0] > *from ? bounds[0] : *from;
	to = bounds[1] < to ? bounds[1] : to;
	return to > *from ? to - *from : 0;
}

/* ---- gradients ---- */

/* Where rank r's part of a piece that this rank owns is. */
static real *
part_of(const struct trainer *t, const struct shard_piece *p, size_t r)
{
	struct exchange *x = t->exchange;
	size_t other = r < t->team->rank ? r : r - 1;
	return x->parts + other * x->plan.owned[t->team->rank] + p->place;
}

static int
start_piece(struct trainer *t, const struct shard_piece *p, struct err *e)
{
	if (p->owner != t->team->rank)
		return team_send(t->team, p->owner, t->g + p->at, p->n, e);
	for (size_t r = 0; r < t->team->size; r++)
		if (r != t->team->rank && team_receive(t->team, r, part_of(t, p, r), p->n, e))
			return -1;
	return 0;
}

void
exchange_block(void *ctx, size_t layer)
{
	struct trainer *t = ctx;
	struct exchange *x = t->exchange;
	const struct shard_plan *s = &x->plan;
	/* stages count down to block 0; what is outside of the blocks is not complete yet */
	while (!x->failed && x->sent < s->n && s->pieces[x->sent].stage < t->cfg->layers && s->pieces[x->sent].stage >= layer)
		x->failed = start_piece(t, &s->pieces[x->sent++], &x->error);
	team_progress(t->team);
}

/* In double, in the order of the ranks. */
static void
add_parts(struct trainer *t, const struct shard_piece *p)
{
	real *g = t->g + p->at;
	size_t rank = t->team->rank;
#pragma omp parallel if (p->n >= PAR_MIN)
	{
		size_t lo, hi;
		par_share(p->n, 1024, &lo, &hi);
		for (size_t i = lo; i < hi; i++) {
			double sum = 0;
			for (size_t r = 0; r < t->team->size; r++)
				sum += (double)(r == rank ? g[i] : part_of(t, p, r)[i]);
			g[i] = (real)sum;
		}
	}
}

int
exchange_gradient(struct trainer *t, struct err *e)
{
	struct exchange *x = t->exchange;
	if (!x)
		return 0;
	while (!x->failed && x->sent < x->plan.n)
		x->failed = start_piece(t, &x->plan.pieces[x->sent++], &x->error);
	if (x->failed) {
		*e = x->error;
		return -1;
	}
	if (team_finish(t->team, e))
		return -1;
	x->sent = 0;
	for (size_t i = 0; i < x->plan.n; i++)
		if (x->plan.pieces[i].owner == t->team->rank)
			add_parts(t, &x->plan.pieces[i]);
	return 0;
}

/* ---- weights and moments ---- */

int
exchange_weights(struct trainer *t, struct err *e)
{
	struct exchange *x = t->exchange;
	for (size_t i = 0; x && i < x->plan.n; i++) {
		const struct shard_piece *p = &x->plan.pieces[i];
		if (team_share(t->team, p->owner, t->w + p->at, p->n * sizeof *t->w, e))
			return -1;
	}
	return team_finish(t->team, e);
}

void
exchange_room(const struct trainer *t, real **m, real **v)
{
	*m = t->exchange ? t->g : t->m;
	*v = t->exchange ? t->exchange->parts : t->v;
}

/* One set of moments to rank 0's `all` from the ranks' `own`, or back. */
static int
move(struct trainer *t, real *all, real *own, bool back, struct err *e)
{
	const struct shard_plan *s = &t->exchange->plan;
	size_t rank = t->team->rank;
	for (size_t i = 0; i < s->n; i++) {
		const struct shard_piece *p = &s->pieces[i];
		int rc = 0;
		if (rank == 0 && p->owner == 0)
			memcpy((back ? own : all) + p->at, (back ? all : own) + p->at, p->n * sizeof *all);
		else if (rank == 0)
			rc = back ? team_send(t->team, p->owner, all + p->at, p->n, e)
			          : team_receive(t->team, p->owner, all + p->at, p->n, e);
		else if (p->owner == rank)
			rc = back ? team_receive(t->team, 0, own + p->at, p->n, e) : team_send(t->team, 0, own + p->at, p->n, e);
		if (rc)
			return -1;
	}
	return 0;
}

static int
move_both(struct trainer *t, bool back, struct err *e)
{
	real *m, *v;
	exchange_room(t, &m, &v);
	return move(t, m, t->m, back, e) || move(t, v, t->v, back, e) || team_finish(t->team, e) ? -1 : 0;
}

int
exchange_collect(struct trainer *t, struct err *e)
{
	return t->exchange ? move_both(t, false, e) : 0;
}

int
exchange_hand_out(struct trainer *t, struct err *e)
{
	return t->exchange ? move_both(t, true, e) : 0;
}
