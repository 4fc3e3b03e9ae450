/* tgraft - change the parts of a model */
#include <inttypes.h>
#include <omp.h>
#include <stdlib.h>

#include "base/mem.h"
#include "common/trainloop.h"
#include "graft/graft.h"

const char *const graft_head_names[] = {"classify", "multilabel", "tag", "regress", "value", "language", NULL};
const char *const graft_drops[] = {"task", "value", "language", "projection", NULL};
const char *const graft_casts[] = {"f32", "f16", "bf16", NULL};

static struct grafting graft = {.o = {.seed = 1, .head = -1, .pool = -1}};

static const struct cli_opt opts[] = {
    {0, "average", NULL, CLI_FLAG, &graft.o.average, "the mean of several models' weights", 0, 0, 0, false},
    {0, "merge-lora", NULL, CLI_FLAG, &graft.o.merge_lora, "add the adapters to the layers that they adapt", 0, 0, 0, false},
    {0, "drop-lora", NULL, CLI_FLAG, &graft.o.drop_lora, "take the adapters away", 0, 0, 0, false},
    {0, "drop-head", "NAME", CLI_LIST, &graft.o.drop_heads, "take a head away: task, value, language or projection; may be repeated", 0, 0, 0, false},
    {0, "drop-layers", "LIST", CLI_TEXT, &graft.o.drop_layers, "take blocks away, as 0,2 or 6-11", 0, 0, 0, false},
    {0, "append-layers", "N", CLI_U64, &graft.o.append_layers, "add N new blocks behind the last", 1, 1024, 0, false},
    {0, "drop-norm", NULL, CLI_FLAG, &graft.o.drop_norm, "take away the norm after the last block", 0, 0, 0, false},
    {0, "vocab", "FILE", CLI_TEXT, &graft.o.vocabulary, "another vocabulary; tokens that both have keep their weights", 0, 0, 0, true},
    {0, "special", "NAME", CLI_LIST, &graft.o.special, "add a special token; may be repeated", 0, 0, 0, false},
    {0, "template", "NAME", CLI_TEXT, &graft.o.template, "chat template: chatml, llama3, plain, completion or a file; adds its special tokens", 0, 0, 0, false},
    {0, "head", "KIND", CLI_CHOICE, &graft.o.head, "add a head: classify, multilabel, tag, regress, value or language", 0, 0, graft_head_names, false},
    {0, "labels", "LIST", CLI_TEXT, &graft.o.labels, "names of the new head's classes or tags", 0, 0, 0, false},
    {0, "outputs", "N", CLI_U64, &graft.o.outputs, "numbers that a new regress head gives (default 1)", 1, 1 << 20, 0, false},
    {0, "pool", "HOW", CLI_CHOICE, &graft.o.pool, "a new head reads the mean, first or last token (default mean for bert, else last)", 0, 0, train_pools, false},
    {0, "lora", "RANK", CLI_U64, &graft.o.lora, "add low-rank adapters", 1, 1 << 17, 0, false},
    {0, "lora-alpha", "X", CLI_REAL, &graft.o.lora_alpha, "adapters are multiplied by X / RANK (default 2 RANK)", 1e-6, 1e6, 0, false},
    {0, "lora-targets", "LIST", CLI_TEXT, &graft.o.lora_targets, "of query,key,value,out,gate,up,down (default query,value)", 0, 0, 0, false},
    {0, "freeze", "PATTERN", CLI_LIST, &graft.o.freeze, "trainers leave tensors whose names match as they are, as 'embed.*'; may be repeated", 0, 0, 0, false},
    {0, "thaw", NULL, CLI_FLAG, &graft.o.thaw, "forget what was frozen before", 0, 0, 0, false},
    {0, "cast", "TYPE", CLI_CHOICE, &graft.o.cast, "store the tensors as f32, f16 or bf16 (default f32)", 0, 0, graft_casts, false},
    CLI_SEED(&graft.o.seed),
    CLI_OUTPUT(&graft.o.output),
    CLI_THREADS(&graft.o.threads, "all cores"),
    CLI_QUIET(&graft.o.quiet),
};

static const struct cli_tool tool = {"tgraft", "[model ...]", "Change the parts of a model: heads, layers, vocabulary, adapters.",
    opts, sizeof opts / sizeof *opts,
    "tgraft --template chatml -o chat-base.ten gpt.ten\n"
    "tgraft --drop-head language --head classify --labels neg,pos -o classifier.ten bert.ten\n"
    "tgraft --merge-lora -o merged.ten adapted.ten"};

int
main(int argc, char **argv)
{
	size_t n;
	struct err e;
	struct grafting *g = &graft;
	char **files = cli_parse(&tool, argc, argv, &n);
	if (n > 1 && !g->o.average)
		cli_die(ERR_USAGE, "one model, not %zu; --average takes several", n);
	if (g->o.average && n < 2)
		cli_die(ERR_USAGE, "--average needs two models or more");
	if ((g->o.labels || g->o.outputs || g->o.pool >= 0) && (g->o.head < 0 || g->o.head > HEAD_REGRESS))
		cli_die(ERR_USAGE, "--labels, --outputs and --pool are of a new head: --head KIND");
	if (g->o.merge_lora && g->o.drop_lora)
		cli_die(ERR_USAGE, "--merge-lora and --drop-lora contradict each other");
	if (g->o.threads)
		omp_set_num_threads((int)g->o.threads);
	if (model_open(&g->in, n ? files[0] : NULL, &e))
		cli_fail(&e);
	g->cfg = g->in.cfg;
	g->w = mem_zalloc(g->in.table.size, sizeof *g->w, "weights", &e);
	g->inputs = mem_zalloc(2, sizeof *g->inputs, "inputs", &e);
	if (!g->w || !g->inputs || model_read(&g->in, "", &g->in.table, NULL, g->w, &e))
		cli_fail(&e);
	g->inputs[g->ninputs++] = &g->in.head;
	if (g->o.average)
		graft_average(g, files, n);
	graft_layers(g);
	graft_vocabulary(g);
	graft_heads(g);
	graft_adapters(g);
	graft_weights(g);
	if (g->o.vocabulary && !(g->inputs = realloc(g->inputs, (g->ninputs + 1) * sizeof *g->inputs)))
		cli_die(ERR_RUNTIME, "out of memory");
	if (g->o.vocabulary)
		g->inputs[g->ninputs++] = &g->vocab.head;
	graft_write(g);
	cli_account(g->o.quiet, "tensors_in=%zu kept=%zu dropped=%zu new=%zu new_tokens=%zu parameters=%zu seed=%" PRIu64, g->in.table.n, g->kept, g->gone,
	    g->fresh, g->tokens, g->table.count, g->o.seed);
	return 0;
}
