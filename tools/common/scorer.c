#include "common/scorer.h"

#include <stdlib.h>
#include <string.h>

#include "common/cli.h"

/* Tokens of one forward pass; at least the context. */
enum { BATCH_TOKENS = 4096 };

void
scorer_open(struct scorer *s, const char *path, bool likelihood)
{
	struct err e;
	*s = (struct scorer){.likelihood = likelihood};
	if (model_load(&s->model, path, &e))
		cli_fail(&e);
	const struct config *c = &s->model.cfg;
	s->max_tokens = c->context > BATCH_TOKENS ? c->context : BATCH_TOKENS;
	if (likelihood && config_traits(c)->encoder)
		cli_die(ERR_DATA, "%s: a %s model does not predict the next token", s->model.path, config_traits(c)->name);
	if (!likelihood && !c->value)
		cli_die(ERR_DATA, "%s: the model has no value head; treward trains one, tgraft --head value adds one", s->model.path);
	if (likelihood && lm_head_open(&s->language, c, &s->model.table, s->max_tokens, &e)) {
		err_prefix(&e, "%s", s->model.path);
		cli_fail(&e);
	}
	s->language.alone = true;
	if (trunk_open(&s->trunk, c, &s->model.table, s->max_tokens, c->context, KEEP_NOTHING, &e) ||
	    !(s->logp = mem_zalloc(s->max_tokens, sizeof *s->logp, "log-probabilities", &e)) ||
	    !(s->z = mem_zalloc(s->max_tokens, sizeof *s->z, "scores", &e)))
		cli_fail(&e);
}

void
scorer_open_text(struct scorer *s)
{
	struct err e;
	const struct model_file *m = &s->model;
	if (!m->tokenizer_size)
		cli_die(ERR_DATA, "%s: has no vocabulary, which texts need", m->path);
	if (vocab_file_load_mem(&s->vocab, m->tokenizer, m->tokenizer_size, m->path, &e))
		cli_fail(&e);
	const char *text = s->vocab.vocab.chat_template;
	if (!text)
		cli_die(ERR_DATA, "%s: has no chat template; tgraft --template gives it one", m->path);
	if (template_parse(&s->template, text, strlen(text), &e) || template_check(&s->template, &s->vocab.vocab, &e) ||
	    !(s->encoder = encoder_new(&s->vocab.vocab, &e)))
		cli_fail(&e);
}

void
scorer_close(struct scorer *s)
{
	candidates_free(&s->candidates);
	encoder_free(s->encoder);
	template_free(&s->template);
	vocab_file_free(&s->vocab);
	lm_head_close(&s->language);
	trunk_close(&s->trunk);
	model_close(&s->model);
	rows_free(&s->rows);
	free(s->scored);
	free(s->scores);
	free(s->logp);
	free(s->z);
}

/* The rows that wait. */
static void
run(struct scorer *s)
{
	struct batch b;
	const int32_t *targets;
	struct rows *r = &s->rows;
	if (!r->n)
		return;
	rows_batch(r, 0, s->max_tokens, &b, &targets);
	trunk_forward(&s->trunk, s->model.w, &b, NULL);
	if (s->likelihood) {
		lm_head_forward(&s->language, s->trunk.h, s->model.w, targets, b.n, &(struct lm_out){.logp = s->logp});
		for (size_t i = 0, at = 0; i < r->n; i++) {
			double sum = 0;
			for (; at < r->ends[i].tokens; at++)
				sum += targets[at] == TARGET_NONE ? 0 : (double)s->logp[at];
			s->scores[s->done++] = sum;
		}
	} else {
		value_head_forward(s->z, s->trunk.h, s->scored, r->n, s->model.w, &s->model.table, s->model.cfg.width);
		for (size_t i = 0; i < r->n; i++)
			s->scores[s->done++] = (double)s->z[i];
	}
	rows_reset(r);
}

int
scorer_add(struct scorer *s, const int32_t *ids, const int32_t *targets, size_t n, size_t scored, struct err *e)
{
	if (s->rows.tokens + n > s->max_tokens)
		run(s);
	if (mem_grow(&s->scored, &s->cap_scored, s->rows.n + 1, sizeof *s->scored, "scores", e) ||
	    mem_grow(&s->scores, &s->cap_scores, s->n + 1, sizeof *s->scores, "scores", e))
		return -1;
	s->scored[s->rows.n] = s->rows.tokens + scored;
	if (rows_add(&s->rows, &(struct row){.ids = ids, .targets = targets, .n = n}, &s->model.cfg, e))
		return -1;
	s->n++;
	return 0;
}

int
scorer_add_answers(struct scorer *s, const struct answers *a, enum overlong overlong, struct err *e)
{
	struct candidates *c = &s->candidates;
	enum candidates_made made;
	if (candidates_render(&s->template, s->encoder, &s->vocab.vocab, a, s->model.cfg.context, overlong, c, &made, e))
		return -1;
	for (size_t j = 0, from = 0; j < c->k; from = c->ends[j++])
		if (scorer_add(s, c->ids + from, c->targets + from, c->ends[j] - from, c->scored[j] - from, e))
			return -1;
	return 0;
}

void
scorer_finish(struct scorer *s)
{
	run(s);
}

void
scorer_reset(struct scorer *s)
{
	s->n = s->done = 0;
}
