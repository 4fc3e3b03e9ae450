/* Training as one of several ranks: what is decided together, and what rank 0 does for all. */
#include <omp.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/trainloop.h"
#include "train/exchange.h"

enum { PATIENCE = 50 }; /* seconds for a rank that is late */

static struct team *joined;

static void
leave(int status)
{
	team_leave(joined, status);
}

/* A pipe has one reader, and a launcher gives standard input to one rank. */
static void
need_file(const char *path, const char *what, size_t ranks)
{
	if (cli_is_stream(path))
		cli_die(ERR_USAGE, "%zu ranks cannot share a pipe: %s must be a file", ranks, what);
}

/* By default the ranks of a machine divide its cores, within what the launcher lets this one use. */
static void
choose_threads(struct train_run *r)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t fair = cores > 0 ? (uint64_t)cores / r->team->neighbours : 1, may = (uint64_t)omp_get_max_threads();
	fair = fair ? fair : 1;
	if (!r->threads)
		r->threads = fair < may ? fair : may;
}

void
train_join(struct train_run *r, const char *data)
{
	struct err e;
	if (team_join(&r->team, &e))
		cli_fail(&e);
	if (!r->team)
		return;
	joined = r->team;
	cli_set_rank(r->team->rank, leave);
	need_file(data, "the data", r->team->size);
	if (r->model)
		need_file(r->model, "the model", r->team->size);
	if (r->eval)
		need_file(r->eval, "--eval", r->team->size);
	choose_threads(r);
	if (!train_leads(r)) {
		r->quiet = true;
		r->log = NULL;
	}
}

void
train_leave(struct train_run *r)
{
	char done = 1;
	if (!r->team)
		return;
	train_share(r, &done, sizeof done);
	cli_set_rank(r->team->rank, NULL);
	team_leave(r->team, 0);
	r->team = NULL;
}

void
train_share(struct train_run *r, void *p, size_t bytes)
{
	struct err e;
	if (!r->team)
		return;
	double limit = r->team->limit;
	r->team->limit = 0;
	if (team_share(r->team, 0, p, bytes, &e) || team_finish(r->team, &e))
		cli_fail(&e);
	r->team->limit = limit;
}

void
train_sum(struct train_run *r, double *x, size_t n)
{
	struct err e;
	if (team_sum(r->team, x, n, &e))
		cli_fail(&e);
}

void
train_share_state(struct train_run *r)
{
	struct err e;
	struct trainer *t = &r->trainer;
	struct contrast *q = r->state.contrast;
	train_share(r, &t->step, sizeof t->step);
	train_share(r, &r->state.place, sizeof r->state.place);
	train_share(r, &r->state.tokens, sizeof r->state.tokens);
	train_share(r, &r->state.best_score, sizeof r->state.best_score);
	train_share(r, &r->state.best_step, sizeof r->state.best_step);
	train_share(r, t->w, t->table->size * sizeof *t->w);
	if (q) {
		train_share(r, &q->queue_at, sizeof q->queue_at);
		train_share(r, q->queue, q->opts.queue * q->dim * sizeof *q->queue);
		train_share(r, q->queue_keys, q->opts.queue * sizeof *q->queue_keys);
		train_share(r, q->average, t->table->size * sizeof *q->average);
	}
	if (exchange_hand_out(t, &e))
		cli_fail(&e);
}

void
train_note_step(struct train_run *r, double seconds)
{
	if (!r->team)
		return;
	r->longest_step = seconds > r->longest_step ? seconds : r->longest_step;
	r->team->limit = PATIENCE + 4 * r->longest_step;
}
