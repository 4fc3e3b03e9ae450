/* texport --to gguf: the tensors and the metadata of the architectures gpt2, llama, qwen2 and qwen3 of llama.cpp. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "common/cli.h"
#include "common/ggufnames.h"
#include "common/modelio.h"
#include "common/vocabio.h"
#include "export/export.h"
#include "gguf.h"

/* Numbers of general.file_type, what most tensors are. */
static const struct {
	enum gguf_type type;
	uint32_t file_type;
} types[] = {[EXPORT_F32] = {GGUF_F32, 0}, [EXPORT_F16] = {GGUF_F16, 1}, [EXPORT_BF16] = {GGUF_BF16, 32},
    [EXPORT_Q8_0] = {GGUF_Q8_0, 7}};

struct exporting {
	struct model_file model;
	struct vocab_file vocab;
	struct gguf_writer w;
	struct outfile out;
	size_t tensors, wider; /* made; that kept more bits than asked for, since their rows do not divide into blocks */
};

/* A reader without these parts would compute something else. */
static void
check_parts(const struct config *c, const char *path)
{
	const char *what = NULL;
	if (c->arch != ARCH_GPT2 && c->arch != ARCH_LLAMA)
		cli_die(ERR_DATA, "%s: a model of family %s; GGUF is made of gpt2 and llama", path, config_traits(c)->name);
	if (c->headless)
		what = "has no language head; tgraft --head language gives it one";
	else if (c->task != TASK_NONE)
		what = "has a head for a task, which GGUF has not; tgraft --drop-head task takes it away";
	else if (c->unnormed)
		what = "has no norm after its last block, without which GGUF's models are not";
	else if (c->post_norm)
		what = "has its norms after each sum, where GGUF's models have them before each branch";
	else if (c->rope.kind == ROPE_LLAMA3 && !gguf_plain_llama(c))
		what = c->qkv_bias ? "has biases of query, key and value and LLaMA 3's scaling of positions, which no architecture of GGUF has both"
		    : "has norms of queries and keys and LLaMA 3's scaling of positions, which no architecture of GGUF has both";
	if (what)
		cli_die(ERR_DATA, "%s: the model %s", path, what);
}

/* Ends when a tensor has no place, unless a language model does without it. */
static bool
is_written(const struct exporting *x, const struct param *it, char name[GGUF_MAX_NAME + 1])
{
	if (gguf_name(&x->model.cfg, it, name))
		return true;
	if (it->slot < SLOT_PROJECT1 || it->slot > SLOT_VALUE_B)
		cli_die(ERR_DATA, "%s: tensor %s has no place in GGUF's %s", x->model.path, it->name,
		    gguf_arch(&x->model.cfg));
	return false;
}

/* Vectors and positions, which are added to, are kept as they are; blocks need rows that they divide. */
static enum gguf_type
type_of(struct exporting *x, const struct param *it, const struct export_job *j)
{
	if (it->rank == 1 || it->slot == SLOT_POSITION)
		return GGUF_F32;
	if (j->type != EXPORT_Q8_0 || it->dims[1] % GGUF_BLOCK == 0)
		return types[j->type].type;
	x->wider++;
	return GGUF_F16;
}

static void
announce_tensors(struct exporting *x, const struct export_job *j)
{
	struct err e;
	char name[GGUF_MAX_NAME + 1];
	const struct params *p = &x->model.table;
	for (size_t i = 0, n; i < p->n; i += n) {
		const struct param *it = &p->items[i];
		uint64_t rows = 0;
		n = gguf_joined(&x->model.cfg, p, i);
		if (!is_written(x, it, name)) {
			cli_warn("left out: %s, which the language model does without", it->name);
			continue;
		}
		for (size_t k = 0; k < n; k++)
			rows += it[k].dims[0];
		uint64_t dims[2] = {it->rank == 2 ? it->dims[1] : rows, rows};
		if (gguf_add_tensor(&x->w, name, it->rank, dims, type_of(x, it, j), &e))
			cli_fail(&e);
		x->tensors++;
	}
	const uint64_t half[1] = {config_head_dim(&x->model.cfg) / 2};
	if (x->model.cfg.rope.kind == ROPE_LLAMA3 && gguf_add_tensor(&x->w, GGUF_ROPE_FREQS, 1, half, GGUF_F32, &e))
		cli_fail(&e);
}

static int
write_divisors(struct exporting *x, struct err *e)
{
	const struct config *c = &x->model.cfg;
	for (size_t i = 0; c->rope.kind == ROPE_LLAMA3 && i < config_head_dim(c) / 2; i++) {
		float divisor = (float)gguf_rope_divisor(c, i);
		if (gguf_write(&x->w, &divisor, 1, e))
			return -1;
	}
	return 0;
}

/* One tensor, from the file or from the weights, where adapters were merged. */
static int
write_tensor(struct exporting *x, const struct param *it, real *w, struct err *e)
{
	const struct config *c = &x->model.cfg;
	struct param alone = *it;
	struct params one = {.items = &alone, .n = 1};
	size_t row = it->rank == 2 ? it->dims[1] : 1;
	alone.offset = 0;
	if (x->model.w)
		w = x->model.w + it->offset;
	else if (model_read(&x->model, "", &one, NULL, w, e))
		return -1;
	if (gguf_row(c, it, 1) == 1) /* where any row moves, it does */
		return gguf_write(&x->w, w, it->size, e);
	for (size_t r = 0; r < it->dims[0]; r++)
		if (gguf_write(&x->w, w + gguf_row(c, it, r) * row, row, e))
			return -1;
	return 0;
}

static void
write_tensors(struct exporting *x)
{
	struct err e;
	size_t most = 0;
	char name[GGUF_MAX_NAME + 1];
	const struct params *p = &x->model.table;
	for (size_t i = 0; i < p->n; i++)
		most = p->items[i].size > most ? p->items[i].size : most;
	real *w = x->model.w ? NULL : mem_zalloc(most, sizeof *w, "a tensor", &e);
	if (!w && !x->model.w)
		cli_fail(&e);
	for (size_t i = 0; i < p->n; i++)
		if (is_written(x, &p->items[i], name) && write_tensor(x, &p->items[i], w, &e))
			cli_fail(&e);
	if (write_divisors(x, &e))
		cli_fail(&e);
	gguf_end(&x->w);
	free(w);
}

/* A key of the architecture. */
static const char *
own(const struct config *c, const char *key)
{
	static char name[80];
	snprintf(name, sizeof name, "%s.%s", gguf_arch(c), key);
	return name;
}

static int
put_rope(struct gguf_writer *w, const struct config *c, struct err *e)
{
	const struct rope_scaling *r = &c->rope;
	if (gguf_put_u32(w, own(c, "rope.dimension_count"), (uint32_t)config_head_dim(c), e) ||
	    gguf_put_float(w, own(c, "rope.freq_base"), (float)c->rope_theta, e))
		return -1;
	if (r->kind == ROPE_LINEAR)
		return gguf_put_text(w, own(c, "rope.scaling.type"), "linear", e) ||
		    gguf_put_float(w, own(c, "rope.scaling.factor"), (float)r->factor, e) ? -1 : 0;
	if (r->kind == ROPE_LLAMA3)
		return gguf_put_float(w, own(c, "tenon.rope_factor"), (float)r->factor, e) ||
		    gguf_put_float(w, own(c, "tenon.rope_low"), (float)r->low, e) ||
		    gguf_put_float(w, own(c, "tenon.rope_high"), (float)r->high, e) ||
		    gguf_put_u32(w, own(c, "tenon.rope_original"), (uint32_t)r->original, e) ? -1 : 0;
	return 0;
}

static int
put_config(struct gguf_writer *w, const struct config *c, struct err *e)
{
	uint32_t hd = (uint32_t)config_head_dim(c);
	const struct { const char *key; size_t value; } sizes[] = {{"vocab_size", c->vocab}, {"context_length", c->context},
	    {"embedding_length", c->width}, {"block_count", c->layers}, {"feed_forward_length", c->hidden},
	    {"attention.head_count", c->heads}, {"attention.head_count_kv", c->kv_heads}};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		if (gguf_put_u32(w, own(c, sizes[i].key), (uint32_t)sizes[i].value, e))
			return -1;
	if (!config_traits(c)->rotary)
		return gguf_put_float(w, own(c, "attention.layer_norm_epsilon"), (float)c->norm_eps, e);
	if (hd * c->heads != c->width && (gguf_put_u32(w, own(c, "attention.key_length"), hd, e) ||
	    gguf_put_u32(w, own(c, "attention.value_length"), hd, e)))
		return -1;
	return gguf_put_float(w, own(c, "attention.layer_norm_rms_epsilon"), (float)c->norm_eps, e) || put_rope(w, c, e) ? -1 : 0;
}

static void
put_metadata(struct exporting *x, const struct export_job *j)
{
	struct err e;
	const struct config *c = &x->model.cfg;
	char name[120];
	snprintf(name, sizeof name, "%s of %zu layers, width %zu", gguf_arch(c), c->layers, c->width);
	if (gguf_put_text(&x->w, "general.architecture", gguf_arch(c), &e) ||
	    gguf_put_text(&x->w, "general.type", "model", &e) || gguf_put_text(&x->w, "general.name", name, &e) ||
	    gguf_put_u32(&x->w, "general.alignment", 32, &e) ||
	    gguf_put_u32(&x->w, "general.file_type", types[j->type].file_type, &e) ||
	    gguf_put_u32(&x->w, "general.quantization_version", 2, &e) || put_config(&x->w, c, &e))
		cli_fail(&e);
	if (gguf_put_vocab(&x->w, &x->vocab.vocab, c->vocab, &e)) {
		err_prefix(&e, "%s", x->model.path);
		cli_fail(&e);
	}
}

void
export_gguf(const struct export_job *j)
{
	struct err e;
	struct exporting x = {0};
	if (!j->output || strcmp(j->output, "-") == 0)
		cli_die(ERR_USAGE, "needs a name for the file: -o FILE");
	if (model_open(&x.model, j->input, &e))
		cli_fail(&e);
	check_parts(&x.model.cfg, x.model.path);
	if (!x.model.tokenizer_size)
		cli_die(ERR_DATA, "%s: the model has no vocabulary", x.model.path);
	if (vocab_file_load_mem(&x.vocab, x.model.tokenizer, x.model.tokenizer_size, x.model.path, &e) ||
	    (x.model.cfg.lora_rank && model_weights(&x.model, &e)))
		cli_fail(&e);
	put_metadata(&x, j);
	announce_tensors(&x, j);
	if (outfile_open(&x.out, j->output, 0666, &e) || gguf_begin(&x.w, &x.out, &e))
		cli_fail(&e);
	write_tensors(&x);
	if (outfile_commit(&x.out, &e))
		cli_fail(&e);
	cli_account(j->quiet, "tensors=%zu parameters=%zu type=%s wider=%zu", x.tensors, x.model.table.count,
	    gguf_type_name(types[j->type].type), x.wider);
	gguf_writer_free(&x.w);
	vocab_file_free(&x.vocab);
	model_close(&x.model);
}
