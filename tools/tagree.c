/* tagree - how far people agree in what they judge, and what is behind it */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/cli.h"
#include "eval/result.h"
#include "people/consensus.h"

static const char *const models[] = {"dawid-skene", "crowd-bt", NULL};
static const char *const kinds[] = {"comparisons", "likes", "ratings"};

static int model = -1;
static const char *output, *table;
static bool json, quiet;

static const struct cli_opt opts[] = {
    {0, "model", "NAME", CLI_CHOICE, &model, "of the raters: dawid-skene or crowd-bt (default crowd-bt where answers have five opponents or more, else dawid-skene)", 0, 0, models, false},
    {'o', "output", "FILE", CLI_TEXT, &output, "write the consensus on each item to FILE", 0, 0, 0, true},
    {0, "raters", "FILE", CLI_TEXT, &table, "write a record for each rater to FILE", 0, 0, 0, true},
    {0, "jsonl", NULL, CLI_FLAG, &json, "one JSON object instead of lines", 0, 0, 0, true},
    CLI_QUIET(&quiet),
};

static const struct cli_tool tool = {"tagree", "[judgements ...]",
    "Measure how far people agree in what they judge, and find what is behind it.", opts, sizeof opts / sizeof *opts,
    "timport --as preference ann.jsonl bob.jsonl | tagree\n"
    "tagree -o consensus.ten --raters raters.ten judgements.ten\n"
    "tdump --csv raters.ten"};

static void
put_alpha(struct result *r, const char *name, const struct panel *v, enum alpha_metric metric)
{
	struct err e;
	double alpha;
	if (krippendorff_alpha(&alpha, v->votes, v->n, metric, &e))
		cli_fail(&e);
	result_real(r, name, alpha);
}

/* Measures that apply. */
static void
put_agreement(struct result *r, const struct panel *v)
{
	struct err e;
	double kappa;
	result_real(r, "agreement", agreement_share(v->votes, v->n));
	if (v->model == MODEL_OFFSETS) {
		put_alpha(r, "alpha_nominal", v, ALPHA_NOMINAL);
		put_alpha(r, "alpha_ordinal", v, ALPHA_ORDINAL);
		put_alpha(r, "alpha_interval", v, ALPHA_INTERVAL);
		return;
	}
	if (v->raters == 2) {
		if (cohen_kappa(&kappa, v->votes, v->n, v->classes, &e))
			cli_fail(&e);
		result_real(r, "cohen_kappa", kappa);
	}
	if (fleiss_kappa(&kappa, v->votes, v->n, v->classes, &e))
		cli_fail(&e);
	if (!isnan(kappa))
		result_real(r, "fleiss_kappa", kappa);
	put_alpha(r, "alpha", v, ALPHA_NOMINAL);
}

static void
put(struct result *r, const char *rater, const char *what, double x, bool count)
{
	char *name;
	if (asprintf(&name, "rater.%s.%s", rater, what) < 0)
		cli_die(ERR_RUNTIME, "out of memory");
	if (count)
		result_count(r, name, (uint64_t)x);
	else
		result_real(r, name, x);
	free(name);
}

static void
put_raters(struct result *r, const struct panel *v)
{
	uint64_t flagged = 0;
	for (size_t i = 0; i < v->raters; i++)
		flagged += v->views[i].flagged;
	result_count(r, "flagged", flagged);
	for (size_t i = 0; i < v->raters; i++) {
		const struct rater_view *w = &v->views[i];
		const char *name = v->g->raters.names[i];
		put(r, name, "judgements", (double)w->judgements, true);
		put(r, name, "agreement", w->agreement, false);
		put(r, name, "p", w->p, false);
		put(r, name, "reliability", w->reliability, false);
		put(r, name, "flagged", w->flagged, true);
	}
}

static void
report(const struct panel *v, double confidence)
{
	static const char *const names[] = {"dawid-skene", "crowd-bt", "offsets"};
	const struct gathered *g = v->g;
	struct result r = {.json = json};
	double position, length;
	result_text(&r, "kind", kinds[g->kind]);
	result_count(&r, "judgements", g->judgements);
	result_count(&r, "undecided", g->undecided);
	result_count(&r, "replaced", g->replaced);
	result_count(&r, "items", g->nitems);
	result_count(&r, "units", v->units);
	result_count(&r, "raters", v->raters);
	put_agreement(&r, v);
	if (g->kind == GATHER_RANKS) {
		panel_biases(v, &position, &length);
		result_real(&r, "position_bias", position);
		result_real(&r, "length_bias", length);
	}
	result_text(&r, "model", names[v->model]);
	result_real(&r, "confidence", confidence);
	put_raters(&r, v);
	result_write(&r, NULL);
}

int
main(int argc, char **argv)
{
	size_t n;
	struct err e;
	struct gathered g = {0};
	struct panel v;
	char **files = cli_parse(&tool, argc, argv, &n);
	size_t inputs = n ? n : 1;
	if ((output && strcmp(output, "-") == 0) || (table && strcmp(table, "-") == 0))
		cli_die(ERR_USAGE, "standard output has the report; -o and --raters want a file");
	struct ten_reader **readers = mem_zalloc(inputs, sizeof *readers, "streams", &e);
	const struct ten_head **heads = readers ? mem_zalloc(inputs, sizeof *heads, "streams", &e) : NULL;
	if (!heads)
		cli_fail(&e);
	for (size_t i = 0; i < inputs; i++) {
		readers[i] = cli_reader(n ? files[i] : NULL);
		heads[i] = ten_reader_head(readers[i]);
		gather(&g, readers[i]);
	}
	gather_finish(&g);
	if (g.nballots == 0)
		cli_die(ERR_DATA, "%s: nothing is judged", ten_reader_name(readers[inputs - 1]));
	panel_find(&v, &g, model);
	double confidence = consensus_write(&v, output, heads, inputs);
	if (table)
		consensus_raters(&v, table, heads, inputs);
	report(&v, confidence);
	cli_account(quiet, "judgements_in=%" PRIu64 " undecided=%" PRIu64 " replaced=%" PRIu64 " items_out=%zu", g.judgements,
	    g.undecided, g.replaced, output ? g.nitems : 0);
	return 0;
}
