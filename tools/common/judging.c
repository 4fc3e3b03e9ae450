#include "common/judging.h"

#include <math.h>

#include "common/trainloop.h"

const char *const judging_rewards[] = {"bradley-terry", "plackett-luce", "rating", "liked", "demonstration", NULL};
const char *const judging_preferences[] = {"sigmoid", "ipo", "hinge", "kto", "orpo", "simpo", NULL};
const char *const judging_metrics[] = {"loss", "accuracy", NULL};

/* ---- the loss ---- */

static bool
has(const struct row_source *s, const char *field)
{
	return ten_head_find(row_source_head(s), field) >= 0;
}

/* By the first field that says something of the answers. */
static int
guess_reward(const struct row_source *s)
{
	if (has(s, "ranks"))
		return REWARD_PAIRS;
	if (has(s, "rating"))
		return REWARD_RATING;
	if (has(s, "liked"))
		return REWARD_LIKED;
	cli_die(ERR_DATA, "%s: has neither ranks, rating nor liked: nothing is said of the answers", s->name);
}

static void
choose_reward(struct train_run *r, struct judging *j)
{
	if (j->loss < 0)
		j->loss = guess_reward(&r->data);
	if (j->loss == REWARD_RATING || j->loss == REWARD_LIKED)
		cli_misplaced(&j->centre, "comparisons", judging_rewards[j->loss]);
	if (j->loss == REWARD_RATING && r->fine->metric == MEASURE_ACCURACY)
		cli_die(ERR_USAGE, "--metric accuracy does not apply to --loss rating");
	r->objective = OBJECTIVE_REWARD;
	r->cfg.value = true;
}

static void
choose_preference(struct train_run *r, struct judging *j)
{
	const char *name = config_traits(&r->cfg)->name;
	if (j->loss < 0)
		j->loss = PREFER_SIGMOID;
	const char *loss = judging_preferences[j->loss];
	if (config_traits(&r->cfg)->encoder)
		cli_die(ERR_USAGE, "a %s model does not answer: preferences need gpt2 or llama", name);
	if (j->loss != PREFER_SIGMOID)
		cli_misplaced(&j->smoothing, "--loss sigmoid", loss);
	if (j->loss != PREFER_SIMPO)
		cli_misplaced(&j->gamma, "--loss simpo", loss);
	if (j->loss != PREFER_ORPO)
		cli_misplaced(&j->lambda, "--loss orpo", loss);
	if (j->beta >= 0 && j->loss == PREFER_ORPO)
		cli_die(ERR_USAGE, "--beta is not for --loss orpo, which has --lambda");
	r->objective = OBJECTIVE_PREFERENCE;
}

void
judging_choose(struct train_run *r)
{
	struct judging *j = r->fine->judging;
	if (j->prefer)
		choose_preference(r, j);
	else
		choose_reward(r, j);
	judging_need(r, &r->data);
}

/* ---- what it needs ---- */

static unsigned
needs(const struct judging *j, const struct row_source *s)
{
	static const unsigned of_reward[] = {NEED_RANKS, NEED_RANKS, NEED_RATING, NEED_LIKED, NEED_RANKS | NEED_SAMPLES};
	if (!j->prefer)
		return of_reward[j->loss];
	unsigned n = NEED_TARGETS | (preference_needs_reference((enum preference_kind)j->loss) ? NEED_REFERENCE : 0);
	return n | (j->loss == PREFER_KTO && !has(s, "ranks") ? NEED_LIKED : NEED_RANKS);
}

void
judging_need(const struct train_run *r, struct row_source *s)
{
	const struct judging *j = r->fine->judging;
	const char *loss = (j->prefer ? judging_preferences : judging_rewards)[j->loss];
	s->needs = needs(j, s);
	if ((s->needs & NEED_REFERENCE) && !has(s, "reference"))
		cli_die(ERR_DATA, "%s: has no field `reference', which --loss %s needs: tscore --likelihood -m %s -o referenced.ten %s adds"
		    " it", s->name, loss, r->model, s->name);
	if (((s->needs & NEED_RANKS) && !has(s, "ranks")) || ((s->needs & NEED_RATING) && !has(s, "rating")) ||
	    ((s->needs & NEED_LIKED) && !has(s, "liked")))
		cli_die(ERR_DATA, "%s: has no field `%s', which --loss %s needs", s->name,
		    s->needs & NEED_RANKS ? "ranks" : s->needs & NEED_RATING ? "rating" : "liked", loss);
}

/* ---- training ---- */

static double
given(double x, double otherwise)
{
	return x >= 0 ? x : otherwise;
}

void
judging_open(struct train_run *r)
{
	struct err e;
	struct judging *j = r->fine->judging;
	if (!j->prefer) {
		struct reward_opts o = {(enum reward_kind)j->loss, given(j->centre, 0)};
		if (reward_open(&j->reward, &r->trainer, &o, &e))
			cli_fail(&e);
		return;
	}
	struct preference_loss l = {(enum preference_kind)j->loss, given(j->beta, j->loss == PREFER_SIMPO ? 2 : 0.1),
	    given(j->smoothing, 0), given(j->gamma, 0.5), given(j->lambda, 0.1)};
	if (prefer_open(&j->preference, &r->trainer, &l, &e))
		cli_fail(&e);
}

void
judging_evaluate(struct train_run *r, struct row_source *s, double out[MEASURES])
{
	struct err e;
	struct judging *j = r->fine->judging;
	struct judged_sums sums = {0};
	for (int got = 1; got > 0;) {
		rows_reset(&r->eval_rows);
		while (r->eval_rows.n < r->batch && (got = row_source_next(s, &r->eval_rows, &e)) > 0)
			;
		if (got < 0)
			cli_fail(&e);
		if (r->eval_rows.n && (j->prefer ? prefer_evaluate(&j->preference, &r->trainer, &r->eval_rows, &sums, &e)
		    : reward_evaluate(&j->reward, &r->trainer, &r->eval_rows, &sums, &e)))
			cli_fail(&e);
	}
	if (!(sums.weight > 0))
		cli_die(ERR_DATA, "%s: none of the records has a weight above 0", s->name);
	out[MEASURE_LOSS] = sums.loss / sums.weight;
	out[MEASURE_ACCURACY] = j->prefer ? prefer_mean(&sums, PREFER_ACCURACY) : judged_mean(&sums, REWARD_ACCURACY);
}

void
judging_close(struct judging *j)
{
	reward_close(&j->reward);
	prefer_close(&j->preference);
}
