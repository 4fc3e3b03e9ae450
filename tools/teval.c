/* teval - measure a language model, a task head, a reward model, predictions, or what embeddings are good for */
#include <omp.h>

#include "common/cli.h"
#include "eval/eval.h"

static struct eval_opts o = {.l2 = -1, .bootstrap = 1000, .seed = 1};
static uint64_t threads;

static const struct cli_opt opts[] = {
    {'m', "model", "FILE", CLI_TEXT, &o.model, "measure this model on tokens, rows or masked rows", 0, 0, 0, true},
    {0, "per-record", "FILE", CLI_TEXT, &o.per_record, "model: write the loss and log-probabilities of each record to FILE", 0, 0, 0, true},
    {0, "reward", NULL, CLI_FLAG, &o.reward, "model: measure its rewards on candidates", 0, 0, 0, true},
    {0, "task", NULL, CLI_FLAG, &o.task, "model: measure its task head on labelled records", 0, 0, 0, true},
    {0, "predictions", "FILE", CLI_TEXT, &o.predictions, "task: write the records with what is predicted to FILE", 0, 0, 0, true},
    {0, "truncate", NULL, CLI_FLAG, &o.truncate, "task: cut the ends of records that are too long", 0, 0, 0, false},
    {0, "predicted", NULL, CLI_FLAG, &o.predicted, "measure predictions that are in the records", 0, 0, 0, true},
    {0, "slice", "FIELD", CLI_TEXT, &o.slice, "task, predicted: results for each value of FIELD, too", 0, 0, 0, true},
    {0, "calibration", "FILE", CLI_TEXT, &o.calibration, "task, predicted, reward: write the bins of the reliability plot to FILE", 0, 0, 0, true},
    {0, "bootstrap", "N", CLI_U64, &o.bootstrap, "task, predicted, reward: resamples for intervals of 95 %, 0 = none (default 1000)", 0, 1e7, 0, true},
    {0, "probe", NULL, CLI_FLAG, &o.probe, "fit logistic regression on labelled embeddings and measure it", 0, 0, 0, true},
    {0, "knn", "K", CLI_U64, &o.knn, "let the K nearest labelled embeddings vote, and measure it", 1, 1e6, 0, true},
    {0, "search", "K", CLI_U64, &o.search, "write the K nearest embeddings of each", 1, 1e6, 0, false},
    {0, "geometry", NULL, CLI_FLAG, &o.geometry, "measure alignment and uniformity of embeddings", 0, 0, 0, true},
    {0, "train", "FILE", CLI_TEXT, &o.train, "probe, knn: embeddings to learn from; search: to search in", 0, 0, 0, true},
    {0, "l2", "X", CLI_REAL, &o.l2, "probe: penalty on the squared weights (default chosen on a fifth of --train)", 0, 1e6, 0, true},
    {0, "jsonl", NULL, CLI_FLAG, &o.json, "one JSON object instead of lines", 0, 0, 0, true},
    CLI_SEED(&o.seed),
    CLI_OUTPUT(&o.output),
    CLI_THREADS(&threads, "all cores"),
    CLI_QUIET(&o.quiet),
};

static const struct cli_tool tool = {"teval", "[records ...]",
    "Measure a language model, a task head, a reward model, predictions, or what embeddings are good for.", opts, sizeof opts / sizeof *opts,
    "teval -m gpt.ten val.ten\n"
    "teval -m gpt.ten --per-record loss.ten val.ten\n"
    "teval -m reward.ten --reward pairs.ten\n"
    "teval -m classifier.ten --task --predictions out.ten test.ten\n"
    "ttok -m gpt.ten stories.txt | teval -m gpt.ten --jsonl"};

int
main(int argc, char **argv)
{
	size_t n;
	char **files = cli_parse(&tool, argc, argv, &n);
	int modes = (o.model != NULL) + o.predicted + o.probe + (o.knn > 0) + (o.search > 0) + o.geometry;
	if (modes != 1)
		cli_die(ERR_USAGE, "needs one of the model, -m FILE, --predicted, --probe, --knn, --search and --geometry");
	if (o.per_record && (!o.model || n > 1))
		cli_die(ERR_USAGE, "--per-record takes a model and one stream; join files with tcat");
	if (o.task && !o.model)
		cli_die(ERR_USAGE, "--task measures a model: -m FILE");
	if (o.task && o.per_record)
		cli_die(ERR_USAGE, "--per-record is of tokens; of a task --predictions FILE");
	if (o.predictions && !o.task)
		cli_die(ERR_USAGE, "--predictions is for --task");
	if (o.reward && (!o.model || o.task || o.per_record))
		cli_die(ERR_USAGE, "--reward measures a reward model, -m FILE, and goes with neither --task nor --per-record");
	if ((o.slice && !o.task && !o.predicted) || (o.calibration && !o.task && !o.predicted && !o.reward))
		cli_die(ERR_USAGE, "--slice is for --task and --predicted, --calibration for these and --reward");
	if (!o.task)
		cli_misplaced(&o.truncate, "--task", NULL);
	if (!o.task && !o.predicted && !o.reward)
		cli_misplaced(&o.bootstrap, "--task, --predicted and --reward", NULL);
	if (!o.probe)
		cli_misplaced(&o.l2, "--probe", NULL);
	if (!o.probe && !o.knn && !o.search)
		cli_misplaced(&o.train, "--probe, --knn and --search", NULL);
	if ((!o.model || o.task || o.reward) && n > 1)
		cli_die(ERR_USAGE, "one stream, not %zu; join files with tcat", n);
	if ((o.probe || o.knn) && !o.train)
		cli_die(ERR_USAGE, "needs labelled embeddings to learn from: --train FILE");
	if (threads)
		omp_set_num_threads((int)threads);
	if (o.reward)
		eval_reward(&o, n ? files[0] : NULL);
	else if (o.task)
		eval_task(&o, n ? files[0] : NULL);
	else if (o.predicted)
		eval_predicted(&o, n ? files[0] : NULL);
	else if (o.model)
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
