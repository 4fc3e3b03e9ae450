/* tinit - make a new model with random weights */
#include <inttypes.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli.h"
#include "common/modelio.h"
#include "common/vocabio.h"

static const char *const archs[] = {"gpt2", "llama", "bert", NULL};
static const char *const norms[] = {"pre", "post", NULL};
static const char *const output_layers[] = {"tied", "untied", NULL};

static int arch, output_layer = -1, norm = -1;
static uint64_t layers = 6, heads = 6, kv_heads, width = 192, hidden, types, context = 256, seed = 1, threads;
static const char *vocabulary, *output;
static bool quiet;

static const struct cli_opt opts[] = {
    {0, "arch", "NAME", CLI_CHOICE, &arch, "gpt2, llama or bert (default gpt2)", 0, 0, archs, false},
    {0, "layers", "N", CLI_U64, &layers, "transformer blocks (default 6)", 1, 1024, 0, false},
    {0, "heads", "N", CLI_U64, &heads, "attention heads (default 6)", 1, 1024, 0, false},
    {0, "kv-heads", "N", CLI_U64, &kv_heads, "key-value heads, which groups of heads share (default heads)", 1, 1024, 0, false},
    {0, "width", "N", CLI_U64, &width, "size of the hidden states (default 192)", 1, 1 << 17, 0, false},
    {0, "hidden", "N", CLI_U64, &hidden, "size of the feed-forward layer (default 4 width; llama 8/3 width)", 1, 1 << 19, 0, false},
    {0, "context", "N", CLI_U64, &context, "longest sequence of tokens (default 256)", 1, 1 << 22, 0, false},
    {0, "norm", "WHERE", CLI_CHOICE, &norm, "bert: pre, before each branch, or post, after it (default post)", 0, 0, norms, false},
    {0, "types", "N", CLI_U64, &types, "bert: token types (default 0, none)", 0, 65536, 0, false},
    {0, "vocab", "FILE", CLI_TEXT, &vocabulary, "the vocabulary, of tvocab or of another model", 0, 0, 0, true},
    {0, "output-layer", "KIND", CLI_CHOICE, &output_layer, "tied (the token embedding) or untied (default untied for llama, else tied)", 0, 0, output_layers, false},
    CLI_SEED(&seed),
    CLI_OUTPUT(&output),
    CLI_THREADS(&threads, "all cores"),
    CLI_QUIET(&quiet),
};

static const struct cli_tool tool = {"tinit", "", "Make a new model with random weights.", opts,
    sizeof opts / sizeof *opts,
    "tinit --vocab vocab.ten -o init.ten\n"
    "tinit --arch llama --layers 4 --heads 4 --kv-heads 2 --width 128 --vocab vocab.ten -o init.ten\n"
    "tinit --arch bert --layers 4 --heads 4 --width 128 --vocab vocab.ten -o bert-init.ten"};

static struct config
configuration(size_t vocab)
{
	struct err e;
	struct config c = {.arch = (enum arch)arch, .layers = layers, .heads = heads, .kv_heads = kv_heads,
	    .width = width, .hidden = hidden, .context = context, .vocab = vocab};
	c.tied = output_layer < 0 ? c.arch != ARCH_LLAMA : output_layer == 0;
	c.types = types;
	c.post_norm = norm < 0 ? config_traits(&c)->encoder : norm == 1;
	config_fill(&c);
	if (config_check(&c, &e))
		cli_die(ERR_USAGE, "%s", e.msg);
	return c;
}

static void
write_model(const struct config *c, const struct vocab_file *v)
{
	struct err e;
	struct params p;
	struct ten_head h = {0};
	struct cli_out out;
	struct ten_writer_opts bulk = {.bulk = true};
	const struct ten_head *inputs[1] = {&v->head};
	if (params_build(&p, c, &e) || model_head(&h, c, &p, v->id, &e))
		cli_fail(&e);
	real *w = cli_zalloc(p.size, sizeof *w, "weights");
	struct ten_value *values = cli_zalloc(h.nfields, sizeof *values, "fields");
	params_init(w, &p, c, seed);
	model_values(values, &p, w, v->bytes, v->size);
	cli_open_out(&out, output, &h, inputs, 1, &seed, &bulk);
	cli_write(&out, values);
	cli_close_out(&out);
	cli_account(quiet, "parameters=%zu tensors=%zu vocabulary=%zu seed=%" PRIu64, p.count, p.n, c->vocab, seed);
	free(values);
	free(w);
	ten_head_free(&h);
	params_free(&p);
}

int
main(int argc, char **argv)
{
	size_t n;
	struct err e;
	struct vocab_file v;
	cli_parse(&tool, argc, argv, &n);
	if (n)
		cli_die(ERR_USAGE, "takes no operands; give the vocabulary with --vocab FILE");
	if (!vocabulary)
		cli_die(ERR_USAGE, "needs a vocabulary: --vocab FILE");
	if (threads)
		omp_set_num_threads((int)threads);
	if (vocab_file_load(&v, vocabulary, &e))
		cli_fail(&e);
	struct config c = configuration(v.vocab.n);
	write_model(&c, &v);
	vocab_file_free(&v);
	return 0;
}
