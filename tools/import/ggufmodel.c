/* timport --as model FILE.gguf: a model of the architectures gpt2, llama, qwen2 and qwen3 of llama.cpp. */
#include "import/ggufmodel.h"

#include <fcntl.h>
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
#include "text/template.h"

struct loading {
	const char *path;
	struct gguf g;
	struct config cfg;
	struct params table;
	real *w;
	const struct gguf_tensor *divisors; /* of the frequencies of rotary positions, or NULL */
	struct vocab vocab;
	struct vocab_file file; /* the same as a stream */
};

/* A key of the architecture. */
static const struct gguf_value *
own(const struct loading *l, const char *key)
{
	char name[80];
	snprintf(name, sizeof name, "%s.%s", gguf_arch(&l->cfg), key);
	return gguf_get(&l->g, name);
}

static size_t
get_size(const struct loading *l, const char *key, size_t absent)
{
	uint64_t x = absent;
	const struct gguf_value *v = own(l, key);
	if ((!v && !absent) || (v && (!gguf_whole(v, &x) || x == 0 || x > 1u << 24)))
		cli_die(ERR_DATA, "%s: %s.%s is missing, or not a whole number up to 16777216", l->path,
		    gguf_arch(&l->cfg), key);
	return (size_t)x;
}

/* The number of fewest digits that is the same in 32 bits, which is what somebody wrote. */
static double
get_real(const struct loading *l, const char *key, double absent)
{
	double x = absent;
	char text[40] = "";
	const struct gguf_value *v = own(l, key);
	if (v && !gguf_real(v, &x))
		cli_die(ERR_DATA, "%s: %s.%s is not a real number", l->path, gguf_arch(&l->cfg), key);
	if (v && v->kind == GGUF_FLOAT32 && isfinite(x))
		for (int digits = 1; digits <= 9; digits++) {
			snprintf(text, sizeof text, "%.*g", digits, x);
			if (strtof(text, NULL) == (float)x)
				break;
		}
	return *text ? strtod(text, NULL) : x;
}

/* What would change the results and is not known here. */
static void
check_traits(const struct loading *l)
{
	static const char *const unknown[] = {"expert_count", "rope.scaling.attn_factor",
	    "attention.sliding_window", "attention.clamp_kqv", "attention.max_alibi_bias", "attention.scale",
	    "use_parallel_residual", "logit_scale", "embedding_scale", "residual_scale", "tensor_data_layout"};
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
		if (own(l, unknown[i]))
			cli_die(ERR_DATA, "%s: has %s.%s, which is not known here", l->path, gguf_arch(&l->cfg), unknown[i]);
}

/* Keys, values and the rotary positions of a head are of one size here. */
static void
read_heads(struct loading *l)
{
	struct config *c = &l->cfg;
	size_t usual = c->width / c->heads, key = get_size(l, "attention.key_length", usual);
	if (get_size(l, "attention.value_length", usual) != key || get_size(l, "rope.dimension_count", key) != key)
		cli_die(ERR_DATA, "%s: the keys of a head, its values and what its positions turn are not of one size", l->path);
	c->head_size = own(l, "attention.key_length") && key * c->heads != c->width ? key : 0;
}

/* LLaMA 3's scaling by its divisors. Files of others say no more, and then the numbers are those that have been published with
 * it. */
static void
read_divisors(struct loading *l, const struct gguf_tensor *t)
{
	struct err e;
	struct config *c = &l->cfg;
	size_t half = config_head_dim(c) / 2;
	float divisor, most = 1;
	if (c->rope.kind != ROPE_PLAIN || t->type != GGUF_F32 || t->rank != 1 || t->dims[0] != half)
		cli_die(ERR_DATA, "%s: tensor %s is not of %zu numbers of type F32, or beside another scaling", l->path, t->name, half);
	for (size_t i = 0; i < half; i++) {
		gguf_decode(GGUF_F32, t->data + i * sizeof divisor, 1, &divisor);
		most = divisor > most ? divisor : most;
	}
	c->rope = (struct rope_scaling){ROPE_LLAMA3, get_real(l, "tenon.rope_factor", (double)most), get_real(l, "tenon.rope_low", 1),
	    get_real(l, "tenon.rope_high", 4), get_size(l, "tenon.rope_original", 8192)};
	if (config_check(c, &e))
		cli_die(ERR_DATA, "%s: %s", l->path, e.msg);
	for (size_t i = 0; i < half; i++) {
		gguf_decode(GGUF_F32, t->data + i * sizeof divisor, 1, &divisor);
		if (!(fabs((double)divisor / gguf_rope_divisor(c, i) - 1) < 1e-5))
			cli_die(ERR_DATA, "%s: tensor %s is not LLaMA 3's scaling by %g, of waves that fit %g to %g times into %zu positions",
			    l->path, t->name, c->rope.factor, c->rope.low, c->rope.high, c->rope.original);
	}
}

static void
read_rope(struct loading *l)
{
	struct config *c = &l->cfg;
	const struct gguf_value *type = own(l, "rope.scaling.type");
	bool none = gguf_is_text(type, "none");
	c->rope_theta = get_real(l, "rope.freq_base", 10000);
	if (type && !none && !gguf_is_text(type, "linear"))
		cli_die(ERR_DATA, "%s: %s.rope.scaling.type is neither none nor linear", l->path, gguf_arch(c));
	double factor = get_real(l, "rope.scaling.factor", get_real(l, "rope.scale_linear", 0));
	if (!none && factor != 0)
		c->rope = (struct rope_scaling){.kind = ROPE_LINEAR, .factor = factor};
	l->divisors = gguf_plain_llama(c) ? gguf_find(&l->g, GGUF_ROPE_FREQS) : NULL;
}

static void
read_config(struct loading *l)
{
	struct err e;
	struct config *c = &l->cfg;
	const struct gguf_value *name = gguf_get(&l->g, "general.architecture");
	if (!name || name->kind != GGUF_STRING || !gguf_set_arch(c, name->data, name->n))
		cli_die(ERR_DATA, "%s: general.architecture is neither gpt2, llama, qwen2 nor qwen3", l->path);
	c->layers = get_size(l, "block_count", 0);
	c->heads = get_size(l, "attention.head_count", 0);
	c->kv_heads = get_size(l, "attention.head_count_kv", c->heads);
	c->width = get_size(l, "embedding_length", 0);
	c->hidden = get_size(l, "feed_forward_length", 0);
	c->context = get_size(l, "context_length", 0);
	c->norm_eps = get_real(l, config_traits(c)->rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon", 0);
	read_heads(l);
	c->rope_theta = 10000;
	if (config_traits(c)->rotary)
		read_rope(l);
	c->tied = !gguf_find(&l->g, "output.weight");
	c->vocab = l->vocab.n;
	if (config_check(c, &e))
		cli_die(ERR_DATA, "%s: %s", l->path, e.msg);
	check_traits(l);
	if (l->divisors)
		read_divisors(l, l->divisors);
}

/* The tensor of the file that n of the table, from the i-th on, are; it has their shape, and the type divides it where they do. */
static const struct gguf_tensor *
find_tensor(const struct loading *l, size_t i, size_t n)
{
	char name[GGUF_MAX_NAME + 1];
	const struct param *it = &l->table.items[i];
	size_t rows = 0, row = it->rank == 2 ? it->dims[1] : 1;
	bool divides = true;
	for (size_t k = 0; k < n; k++) {
		rows += it[k].dims[0];
		divides &= it[k].size % GGUF_BLOCK == 0;
	}
	if (!gguf_name(&l->cfg, it, name))
		cli_die(ERR_DATA, "%s: has no tensor for %s", l->path, it->name);
	const struct gguf_tensor *t = gguf_find(&l->g, name);
	if (!t)
		cli_die(ERR_DATA, "%s: tensor %s is missing", l->path, name);
	if (t->rank != it->rank || t->dims[0] != (it->rank == 2 ? row : rows) || (it->rank == 2 && t->dims[1] != rows))
		cli_die(ERR_DATA, "%s: tensor %s is not of the shape that the metadata says, (%zu, %zu)", l->path, name, rows, row);
	if (t->type == GGUF_Q8_0 && !divides)
		cli_die(ERR_DATA, "%s: tensor %s is of type Q8_0, whose blocks of %d numbers cross from one of its parts to the next", l->path,
		    name, GGUF_BLOCK);
	return t;
}

static void
read_tensor(struct loading *l, size_t i, size_t n)
{
	const struct gguf_tensor *t = find_tensor(l, i, n);
	const struct param *it = &l->table.items[i];
	size_t row = it->rank == 2 ? it->dims[1] : 1, place = 0;
	for (size_t k = 0; k < n; k++) {
		real *to = l->w + it[k].offset;
		if (it->rank == 1 && gguf_row(&l->cfg, it, 1) == 1)
			gguf_decode(t->type, t->data + gguf_size(t->type, place), it[k].size, to);
		else
			for (size_t r = 0; r < it[k].dims[0]; r++)
				gguf_decode(t->type, t->data + gguf_size(t->type, place + r * row), row, to + gguf_row(&l->cfg, &it[k], r) * row);
		place += it[k].size;
		for (size_t j = 0; j < it[k].size; j++)
			if (!isfinite(to[j]))
				cli_die(ERR_NONFINITE, "%s: tensor %s has a number that is not finite", l->path, t->name);
	}
}

/* Weights are allocated when the file is known to have them: its metadata can say anything. */
static void
read_tensors(struct loading *l)
{
	struct err e;
	size_t used = l->divisors != NULL;
	char name[GGUF_MAX_NAME + 1];
	if (params_build(&l->table, &l->cfg, &e))
		cli_fail(&e);
	for (size_t i = 0, n; i < l->table.n; i += n, used++) {
		n = gguf_joined(&l->cfg, &l->table, i);
		find_tensor(l, i, n);
	}
	for (size_t k = 0; used < l->g.n && k < l->g.n; k++) {
		bool known = l->divisors == &l->g.tensors[k];
		for (size_t i = 0; !known && i < l->table.n; i++)
			known = gguf_name(&l->cfg, &l->table.items[i], name) && strcmp(name, l->g.tensors[k].name) == 0;
		if (!known)
			cli_die(ERR_DATA, "%s: tensor %s is not one of a %s model", l->path, l->g.tensors[k].name,
			    gguf_arch(&l->cfg));
	}
	if (!(l->w = mem_zalloc(l->table.size, sizeof *l->w, "weights", &e)))
		cli_fail(&e);
	for (size_t i = 0, n; i < l->table.n; i += n) {
		n = gguf_joined(&l->cfg, &l->table, i);
		read_tensor(l, i, n);
	}
}

static void
make_vocab(struct loading *l)
{
	struct err e;
	struct ten_head h = {0};
	if (vocab_head(&h, &l->vocab, &e))
		cli_fail(&e);
	cli_add_provenance(&h, NULL, 0, NULL);
	if (vocab_file_make(&l->file, &l->vocab, &h, &e))
		cli_fail(&e);
	ten_head_free(&h);
}

static void
write_model(const struct loading *l, const char *output)
{
	struct err e;
	struct ten_head h = {0};
	struct cli_out out;
	struct ten_writer_opts bulk = {.bulk = true};
	char id[33];
	if (model_head(&h, &l->cfg, &l->table, l->file.id, &e))
		cli_fail(&e);
	if (l->vocab.chat_template) {
		template_id(l->vocab.chat_template, id);
		if (ten_head_set_text(&h, "template", id, &e))
			cli_fail(&e);
	}
	struct ten_value *values = mem_zalloc(h.nfields, sizeof *values, "fields", &e);
	if (!values)
		cli_fail(&e);
	model_values(values, &l->table, l->w, l->file.bytes, l->file.size);
	cli_open_out(&out, output, &h, NULL, 0, NULL, &bulk);
	cli_write(&out, values);
	cli_close_out(&out);
	free(values);
	ten_head_free(&h);
}

void
import_gguf(const char *path, const char *output, bool quiet)
{
	struct err e;
	struct loading l = {.path = path};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		err_errno(&e, "%s: cannot open", path);
		cli_fail(&e);
	}
	if (gguf_open(&l.g, path, &e))
		cli_fail(&e);
	cli_note_input(fd, path);
	close(fd);
	if (gguf_get_vocab(&l.g, &l.vocab, &e)) {
		err_prefix(&e, "%s", path);
		cli_fail(&e);
	}
	read_config(&l);
	read_tensors(&l);
	make_vocab(&l);
	write_model(&l, output);
	cli_account(quiet, "tensors=%zu parameters=%zu vocabulary=%zu", l.table.n, l.table.count, l.vocab.n);
	params_free(&l.table);
	vocab_free(&l.vocab);
	gguf_close(&l.g);
	vocab_file_free(&l.file);
	free(l.w);
}
