/* teval - measure a language model, or what embeddings are good for */
#include <omp.h>

#include "common/cli.h"
#include "eval/eval.h"

static struct eval_opts o = {.l2 = -1};
static uint64_t threads;

static const struct cli_opt opts[] = {
    {'m', "model", "FILE", CLI_TEXT, &o.model, "measure this model on tokens, rows or masked rows", 0, 0, 0, true},
    {0, "per-record", "FILE", CLI_TEXT, &o.per_record, "model: write the loss and log-probabilities of each record to FILE", 0, 0, 0, true},
    {0, "probe", NULL, CLI_FLAG, &o.probe, "fit logistic regression on labelled embeddings and measure it", 0, 0, 0, true},
    {0, "knn", "K", CLI_U64, &o.knn, "let the K nearest labelled embeddings vote, and measure it", 1, 1e6, 0, true},
    {0, "search", "K", CLI_U64, &o.search, "write the K nearest embeddings of each", 1, 1e6, 0, false},
    {0, "geometry", NULL, CLI_FLAG, &o.geometry, "measure alignment and uniformity of embeddings", 0, 0, 0, true},
    {0, "train", "FILE", CLI_TEXT, &o.train, "probe, knn: embeddings to learn from; search: to search in", 0, 0, 0, true},
    {0, "l2", "X", CLI_REAL, &o.l2, "probe: penalty on the squared weights (default chosen on a fifth of --train)", 0, 1e6, 0, true},
    {0, "jsonl", NULL, CLI_FLAG, &o.json, "one JSON object instead of lines", 0, 0, 0, true},
    CLI_OUTPUT(&o.output),
    CLI_THREADS(&threads, "all cores"),
    CLI_QUIET(&o.quiet),
};

static const struct cli_tool tool = {"teval", "[records ...]",
    "Measure a language model, or what embeddings are good for.", opts, sizeof opts / sizeof *opts,
    "teval -m gpt.ten val.ten\n"
    "teval -m gpt.ten --per-record loss.ten val.ten\n"
    "ttok -m gpt.ten stories.txt | teval -m gpt.ten --jsonl"};

int
main(int argc, char **argv)
{
	size_t n;
	char **files = cli_parse(&tool, argc, argv, &n);
	int modes = (o.model != NULL) + o.probe + (o.knn > 0) + (o.search > 0) + o.geometry;
	if (modes != 1)
		cli_die(ERR_USAGE, "needs one of the model, -m FILE, --probe, --knn, --search and --geometry");
	if (o.per_record && (!o.model || n > 1))
		cli_die(ERR_USAGE, "--per-record takes a model and one stream; join files with tcat");
	if (!o.model && n > 1)
		cli_die(ERR_USAGE, "one stream, not %zu; join files with tcat", n);
	if ((o.probe || o.knn) && !o.train)
		cli_die(ERR_USAGE, "needs labelled embeddings to learn from: --train FILE");
	if (threads)
		omp_set_num_threads((int)threads);
	if (o.model)
		eval_lm(&o, files, n);
	else if (o.probe)
		eval_probe(&o, n ? files[0] : NULL);
	else if (o.knn)
		eval_knn(&o, n ? files[0] : NULL);
	else if (o.search)
		eval_search(&o, n ? files[0] : NULL);
	else
		eval_geometry(&o, n ? files[0] : NULL);
	return 0;
}
