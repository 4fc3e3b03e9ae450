/* tscore - score answers by reward models, or by their log-probability */
#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "common/cli.h"
#include "common/judgements.h"
#include "common/scorer.h"
#include "common/show.h"
#include "score/request.h"

enum { COMBINE_MEAN, COMBINE_MIN };
enum { BATCH_LINES = 64 };

static const char *const combines[] = {"mean", "min", NULL};
static const char *const overlongs[] = {"error", "truncate-left", "truncate-right", NULL};

static struct cli_list models;
static const char *output, *field_name;
static int combine, how, zstd;
static bool likelihood, quiet;
static uint64_t threads;

static const struct cli_opt opts[] = {
    {'m', "model", "FILE", CLI_LIST, &models, "a reward model; repeated: several, whose scores are combined", 0, 0, 0, true},
    {0, "combine", "HOW", CLI_CHOICE, &combine, "mean or min of the models' scores (default mean)", 0, 0, combines, false},
    {0, "likelihood", NULL, CLI_FLAG, &likelihood, "log p(answer | prompt) of a language model instead, summed over the answer", 0, 0, 0, false},
    {0, "field", "NAME", CLI_TEXT, &field_name, "the field that is added (default score, with --likelihood reference)", 0, 0, 0, false},
    {0, "overlong", "HOW", CLI_CHOICE, &how, "texts longer than the context: error, truncate-left or truncate-right (default error)", 0, 0, overlongs, false},
    CLI_OUTPUT(&output),
    CLI_ZSTD(&zstd),
    CLI_THREADS(&threads, "all cores"),
    CLI_QUIET(&quiet),
};

static const struct cli_tool tool = {"tscore", "[records or JSON lines]",
    "Score answers by reward models, or by their log-probability.", opts, sizeof opts / sizeof *opts,
    "tscore -m reward.ten pairs.ten -o scored.ten\n"
    "tscore --likelihood -m chat.ten pairs.ten | tprefer -m chat.ten --epochs 1 -o preferred.ten\n"
    "echo '{\"prompt\": \"Hi\", \"completion\": \"Hello.\"}' | tscore -m reward.ten"};

struct scoring {
	struct scorer *scorers;     /* models.n */
	float *score, *disagreement; /* of what was added since the last reset, by combine_scores */
	size_t n, cap_score, cap_disagreement;
	uint64_t records, answers;
};

static enum overlong
overlong(void)
{
	static const enum overlong of[] = {OVERLONG_ERROR, OVERLONG_LEFT, OVERLONG_RIGHT};
	return of[how];
}

/* The models' scores together, and their standard deviation. Returns the first that is not finite, SIZE_MAX: all are. */
static size_t
combine_scores(struct scoring *c)
{
	struct err e;
	size_t n = c->scorers[0].n, bad = SIZE_MAX;
	for (size_t m = 0; m < models.n; m++)
		scorer_finish(&c->scorers[m]);
	if (mem_grow(&c->score, &c->cap_score, n, sizeof *c->score, "scores", &e) ||
	    mem_grow(&c->disagreement, &c->cap_disagreement, n, sizeof *c->disagreement, "scores", &e))
		cli_fail(&e);
	for (size_t i = 0; i < n; i++) {
		double sum = 0, least = (double)INFINITY, squares = 0;
		for (size_t m = 0; m < models.n; m++) {
			double s = c->scorers[m].scores[i];
			sum += s;
			least = fmin(least, s);
		}
		double mean = sum / (double)models.n;
		for (size_t m = 0; m < models.n; m++)
			squares += (c->scorers[m].scores[i] - mean) * (c->scorers[m].scores[i] - mean);
		c->score[i] = (float)(combine == COMBINE_MIN ? least : mean);
		c->disagreement[i] = (float)sqrt(squares / (double)models.n);
		if (bad == SIZE_MAX && (!isfinite(mean) || !isfinite(c->score[i])))
			bad = i;
	}
	c->n = n;
	c->answers += n;
	for (size_t m = 0; m < models.n; m++)
		scorer_reset(&c->scorers[m]);
	return bad;
}

/* ---- JSON lines ---- */

static void
answer_lines(struct scoring *c, struct outfile *out, const uint64_t *numbers, const char *name)
{
	struct err e;
	size_t bad = combine_scores(c);
	if (bad != SIZE_MAX)
		cli_die(ERR_NONFINITE, "%s: line %" PRIu64 ": the score is not finite", name, numbers[bad]);
	for (size_t i = 0; i < c->n; i++) {
		static const struct ten_field f = {.cls = TEN_FLOAT, .bits = 32};
		char line[128], score[40], spread[40];
		show_element(score, &f, c->score, i);
		show_element(spread, &f, c->disagreement, i);
		int n = models.n > 1 ? snprintf(line, sizeof line, "{\"score\": %s, \"disagreement\": %s}\n", score, spread)
		    : snprintf(line, sizeof line, "{\"score\": %s}\n", score);
		if (outfile_write(out, line, (size_t)n, &e))
			cli_fail(&e);
	}
}

/* Whatever lines are there are answered together, before there is any waiting. */
static void
score_lines(struct scoring *c, int fd, const char *name)
{
	struct err e;
	struct outfile out;
	struct lines l = {.fd = fd, .name = name};
	struct request q = {0};
	uint64_t number = 0, numbers[BATCH_LINES];
	int got = 1;
	if (outfile_open(&out, output, 0666, &e))
		cli_fail(&e);
	while (got) {
		const char *line;
		size_t n, count = 0;
		while (count < BATCH_LINES && (got = lines_next(&l, count == 0, &line, &n, &e)) == 1) {
			number++;
			if (strspn(line, " \t\r") >= n)
				continue;
			if (request_parse(&q, line, n, &e))
				cli_die(ERR_DATA, "%s: line %" PRIu64 ": %s", name, number, e.msg);
			for (size_t m = 0; m < models.n; m++)
				if (scorer_add_answers(&c->scorers[m], &q.answers, overlong(), &e))
					cli_die(e.code, "%s: line %" PRIu64 ": %s", name, number, e.msg);
			numbers[count++] = number;
		}
		if (got < 0)
			cli_fail(&e);
		answer_lines(c, &out, numbers, name);
		c->records += count;
	}
	if (outfile_commit(&out, &e))
		cli_fail(&e);
	request_free(&q);
	lines_free(&l);
}

/* ---- records ---- */

struct stream {
	struct ten_reader *r;
	const struct ten_head *in;
	bool text;                   /* judgements; else candidates */
	struct judgement_fields judged;
	struct candidate_fields pieces;
	struct cli_out out;
	struct ten_value *values;    /* of the records of a block */
	size_t *counts;              /* their answers */
	size_t cap_values, cap_counts;
};

static void
open_stream(struct stream *s, const struct scoring *c, int fd, const char *name)
{
	struct err e;
	struct ten_head h = {0};
	uint64_t ragged = TEN_RAGGED;
	if (ten_reader_open(&s->r, fd, name, &e))
		cli_fail(&e);
	s->in = ten_reader_head(s->r);
	s->text = ten_head_find(s->in, "answers") >= 0;
	if (s->text ? judgement_fields(&s->judged, s->in, name, &e) : candidate_fields(&s->pieces, s->in, name, &e))
		cli_fail(&e);
	const struct ten_head **inputs = cli_zalloc(models.n + 1, sizeof *inputs, "models");
	for (size_t m = 0; m < models.n; m++) {
		const struct model_file *f = &c->scorers[m].model;
		if (s->text)
			scorer_open_text(&c->scorers[m]);
		else if (model_check_tokenizer(f, s->in, name, &e) || model_check_template(f, s->in, name, &e))
			cli_fail(&e);
		inputs[m] = &f->head;
	}
	inputs[models.n] = s->in;
	if (ten_head_find(s->in, field_name) >= 0 || (models.n > 1 && ten_head_find(s->in, "disagreement") >= 0))
		cli_die(ERR_DATA, "%s: has a field `%s' already; --field gives the new one another name, tcat -f leaves the old one out", name,
		    ten_head_find(s->in, field_name) >= 0 ? field_name : "disagreement");
	memcpy(h.kind, s->in->kind, sizeof h.kind);
	for (size_t i = 0; i < s->in->nfields; i++)
		if (ten_head_add(&h, s->in->fields[i].name, s->in->fields[i].cls, s->in->fields[i].bits, s->in->fields[i].rank,
		    s->in->fields[i].dims, &e))
			cli_fail(&e);
	for (size_t i = 0; i < s->in->nkvs; i++)
		if (ten_head_set_kv(&h, s->in->kvs[i].key, s->in->kvs[i].value, s->in->kvs[i].size, &e))
			cli_fail(&e);
	if (ten_head_add(&h, field_name, TEN_FLOAT, 32, 1, &ragged, &e) ||
	    (models.n > 1 && ten_head_add(&h, "disagreement", TEN_FLOAT, 32, 1, &ragged, &e)))
		cli_fail(&e);
	struct ten_writer_opts w = {.zstd_level = zstd, .byte_split = zstd > 0};
	cli_open_out(&s->out, output, &h, inputs, models.n + 1, NULL, &w);
	ten_head_free(&h);
	free(inputs);
}

/* Adds the answers of a record to each model; returns how many. */
static size_t
add_record(struct scoring *c, const struct stream *s, const struct ten_value *v)
{
	struct err e;
	struct answers a = {0};
	int rc = s->text ? judgement_answers(&s->judged, v, &a, &e) : candidate_check(&s->pieces, v, &e);
	size_t k = s->text ? a.k : v[s->pieces.ends].count;
	for (size_t m = 0; m < models.n && rc == 0; m++) {
		if (s->text) {
			rc = scorer_add_answers(&c->scorers[m], &a, overlong(), &e);
			continue;
		}
		const int32_t *ids = v[s->pieces.ids].data, *targets = v[s->pieces.targets].data;
		const uint32_t *ends = v[s->pieces.ends].data, *scored = v[s->pieces.scored].data;
		for (size_t j = 0, from = 0; j < k && rc == 0; from = ends[j++])
			rc = scorer_add(&c->scorers[m], ids + from, targets + from, ends[j] - from, scored[j] - from, &e);
	}
	if (rc)
		cli_die(e.code, "%s: record %" PRIu64 ": %s", ten_reader_name(s->r), ten_reader_record(s->r) - 1, e.msg);
	return k;
}

/* Writes the n records of a block with their scores, so that a reader downstream sees them now. */
static void
write_block(struct scoring *c, struct stream *s, size_t n)
{
	struct err e;
	size_t fields = s->in->nfields, bad = combine_scores(c), at = 0;
	struct ten_value *to = cli_zalloc(fields + 2, sizeof *to, "fields");
	for (size_t i = 0; i < n; at += s->counts[i++]) {
		if (bad >= at && bad < at + s->counts[i])
			cli_die(ERR_NONFINITE, "%s: record %" PRIu64 ": the score of answer %zu is not finite", ten_reader_name(s->r),
			    ten_reader_record(s->r) - n + i, bad - at + 1);
		memcpy(to, s->values + i * fields, fields * sizeof *to);
		to[fields] = ten_vector(c->score + at, s->counts[i]);
		to[fields + 1] = ten_vector(c->disagreement + at, s->counts[i]);
		cli_write(&s->out, to);
	}
	free(to);
	if (ten_flush(s->out.w, &e))
		cli_fail(&e);
}

static void
score_records(struct scoring *c, int fd, const char *name)
{
	struct err e;
	struct stream s = {0};
	struct cli_progress p;
	int got = 1;
	open_stream(&s, c, fd, name);
	cli_progress_through(&p, quiet, output, "answers", 0);
	for (size_t n = 0, fields = s.in->nfields;; n = ten_reader_waiting(s.r) ? n : 0) {
		if (mem_grow(&s.values, &s.cap_values, (n + 1) * fields, sizeof *s.values, "records", &e) ||
		    mem_grow(&s.counts, &s.cap_counts, n + 1, sizeof *s.counts, "records", &e) ||
		    (got = ten_read(s.r, s.values + n * fields, &e)) < 0)
			cli_fail(&e);
		if (got == 0)
			break;
		s.counts[n] = add_record(c, &s, s.values + n * fields);
		n++;
		c->records++;
		if (!ten_reader_waiting(s.r))
			write_block(c, &s, n);
		cli_progress_tick(&p, c->answers, "");
	}
	cli_progress_end(&p);
	cli_close_out(&s.out);
	ten_reader_free(s.r);
	free(s.values);
	free(s.counts);
}

int
main(int argc, char **argv)
{
	size_t n;
	const char *name;
	struct scoring c = {0};
	char **files = cli_parse(&tool, argc, argv, &n);
	if (!models.n)
		cli_die(ERR_USAGE, "needs a model: -m FILE");
	if (n > 1)
		cli_die(ERR_USAGE, "one input, not %zu; join streams with tcat", n);
	field_name = field_name ? field_name : likelihood ? "reference" : "score";
	if (threads)
		omp_set_num_threads((int)threads);
	c.scorers = cli_zalloc(models.n, sizeof *c.scorers, "models");
	for (size_t m = 0; m < models.n; m++)
		scorer_open(&c.scorers[m], models.items[m], likelihood);
	int fd = cli_input(n ? files[0] : NULL, &name), first = first_byte(fd);
	if (first == '{' || first == ' ' || first == '\n' || first == '\t' || first == '\r') {
		for (size_t m = 0; m < models.n; m++)
			scorer_open_text(&c.scorers[m]);
		score_lines(&c, fd, name);
	} else {
		score_records(&c, fd, name);
	}
	cli_account(quiet, "records=%" PRIu64 " answers=%" PRIu64, c.records, c.answers);
	for (size_t m = 0; m < models.n; m++)
		scorer_close(&c.scorers[m]);
	free(c.scorers);
	free(c.score);
	free(c.disagreement);
	return 0;
}
