/* Answers to prompts: generation, texts, scores. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "ppo/ppo.h"

enum { SLOTS = 64 }; /* sequences that are generated at a time */

void
answers_open(struct ppo_run *r)
{
	struct err e;
	const struct config *c = &r->train.cfg;
	size_t cells;
	r->gen_cfg = *c;
	r->gen_cfg.lora_rank = 0;
	r->gen_cfg.lora_targets = 0;
	/* what a model without adapters has lies at the same places (params.h) */
	if (params_build(&r->gen_table, &r->gen_cfg, &e))
		cli_fail(&e);
	if (c->lora_rank)
		r->merged = cli_zalloc(r->train.table.size, sizeof *r->merged, "merged weights");
	if (mul_overflows(r->room, r->longest, &cells))
		cli_die(ERR_USAGE, "too many answers a step");
	if (mem_grow(&r->text.data, &r->text.cap, 1, 1, "answers", &e)) /* an address, also of no text */
		cli_fail(&e);
	r->starts = cli_zalloc(r->room, sizeof *r->starts, "answers");
	r->answers = cli_zalloc(r->room, sizeof *r->answers, "answers");
	r->raw = cli_zalloc(r->room, sizeof *r->raw, "answers");
	r->ids = cli_zalloc(cells, sizeof *r->ids, "answers");
	if (generator_open(&r->generator, &r->gen_cfg, &r->gen_table, r->room < SLOTS ? r->room : SLOTS, r->longest, &e))
		cli_fail(&e);
}

void
answers_close(struct ppo_run *r)
{
	generator_close(&r->generator);
	params_free(&r->gen_table);
	free(r->merged);
	free(r->starts);
	free(r->answers);
	free(r->raw);
	free(r->ids);
	free(r->text.data);
	free(r->lines.data);
}

static int
on_done(void *ctx, const struct gen_result *g, struct err *e)
{
	struct ppo_run *r = ctx;
	(void)e;
	struct answer *a = &r->answers[g->item];
	*a = (struct answer){.ids = r->ids + g->item * r->longest, .prompt = g->prompt, .n = g->n,
	    .ended = g->reason == GEN_END};
	memcpy(a->ids, g->ids, g->n * sizeof *g->ids);
	return 0;
}

static const real *
weights(struct ppo_run *r)
{
	if (!r->merged)
		return r->train.trainer.w;
	memcpy(r->merged, r->train.trainer.w, r->train.table.size * sizeof *r->merged);
	params_merge_lora(r->merged, &r->train.table, &r->train.cfg);
	return r->merged;
}

void
answers_make(struct ppo_run *r, const struct question_set *q, const size_t *which, size_t n, size_t samples, uint64_t first)
{
	struct err e;
	struct gen_opts o = {.sample = {.temperature = r->opts.temperature, .top_p = 1, .penalty = 1}, .max_new = r->max_new,
	    .end = q->end, .seed = r->train.seed};
	struct gen_sink sink = {.done = on_done, .ctx = r};
	r->n = n * samples;
	for (size_t i = 0; i < r->n; i++) {
		const struct question *k = &q->items[which[i / samples]];
		r->starts[i] = (struct gen_prompt){q->ids + k->ids, k->n, first + i};
	}
	if (generate(&r->generator, weights(r), r->starts, r->n, &o, &sink, &e))
		cli_fail(&e);
	r->text.size = 0;
	ppo_begin(&r->ppo);
	for (size_t i = 0; i < r->n; i++) {
		struct answer *a = &r->answers[i];
		if (ppo_add(&r->ppo, &r->train.trainer, a->ids, a->prompt, a->n, &e))
			cli_fail(&e);
		a->text = r->text.size;
		for (size_t j = a->prompt; j < a->n; j++)
			if (vocab_decode(&r->vocab.vocab, a->ids[j], false, &r->text, &e))
				cli_fail(&e);
		a->size = r->text.size - a->text;
	}
}

static int
put(struct ten_membuf *to, const char *bytes, size_t n, struct err *e)
{
	if (mem_grow(&to->data, &to->cap, to->size + n, 1, "answers", e))
		return -1;
	memcpy(to->data + to->size, bytes, n);
	to->size += n;
	return 0;
}

int
answers_score(struct ppo_run *r, const struct question_set *q, const size_t *which, size_t samples, struct err *e)
{
	static const char *const tails[] = {", \"ended\": false}\n", ", \"ended\": true}\n"};
	r->lines.size = 0;
	for (size_t i = 0; i < r->n; i++) {
		const struct question *k = &q->items[which[i / samples]];
		const struct answer *a = &r->answers[i];
		const char *tail = tails[a->ended];
		if (put(&r->lines, q->json.data + k->json, k->size, e) ||
		    program_json_string(&r->lines, r->text.data + a->text, a->size, e) ||
		    put(&r->lines, tail, strlen(tail), e))
			return -1;
	}
	return program_ask(&r->program, r->lines.data, r->lines.size, r->n, r->raw, e);
}
