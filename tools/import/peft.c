/* Adapters of PEFT's onto the model that they adapt. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/cli.h"
#include "common/modelio.h"
#include "common/peftname.h"
#include "import/foreign.h"
#include "import/hfconfig.h"
#include "import/model.h"
#include "shards.h"

struct adapting {
	const struct model_import *o;
	struct model_file base;
	struct hf_lora lora;
	struct shards shards;
	bool *used;
	struct config cfg;
	struct params table;
	struct ten_head head;
	struct ten_value *values;
	void **copies;      /* by place in table */
};

/* The tensor 'A' or 'B' of the layer; NULL when there is none. */
static const struct st_tensor *
find(struct adapting *a, const struct param *adapted, char which)
{
	char name[160];
	peft_name(name, sizeof name, &a->base.cfg, adapted, which);
	size_t at = shards_find(&a->shards, name);
	if (at == SIZE_MAX)
		return NULL;
	a->used[at] = true;
	return a->shards.tensors[at];
}

/* Which layers have adapters, by those of block 0: all blocks must be alike. */
static unsigned
targets(struct adapting *a)
{
	unsigned bits = 0;
	for (int t = 0; t < LORA_TARGETS; t++) {
		const struct param *p = peft_adapted(&a->base.table, (enum lora_target)t, 0);
		if (p && find(a, p, 'A'))
			bits |= 1u << t;
	}
	return bits;
}

/* Block-th part of the columns of B has numbers in the rows of the part-th layer. */
static bool
any(const struct st_tensor *b, size_t rows, size_t rank, size_t wide, size_t part, size_t block)
{
	size_t size = st_dtype_size(b->dtype);
	const char *p = b->data;
	for (size_t r = part * rows; r < (part + 1) * rows; r++)
		for (size_t c = 0; c < rank * size; c++)
			if (p[(r * wide + block) * rank * size + c])
				return true;
	return false;
}

/* B of the joined layers is zero but in the block of each part, -1: it has none. */
static bool
fits(struct adapting *a, const int blocks[3])
{
	for (size_t l = 0; l < a->base.cfg.layers; l++) {
		const struct st_tensor *b = find(a, peft_adapted(&a->base.table, LORA_QUERY, l), 'B');
		for (size_t part = 0; b && part < 3; part++)
			for (size_t i = 0; i < a->lora.joined; i++)
				if (blocks[part] != (int)i && any(b, a->base.cfg.width, a->lora.rank, a->lora.joined, part, i))
					return false;
	}
	return true;
}

/* Sets blocks to those of query, key and value in a layer whose rank is several of ours; false when it does not come apart.
 * Where B is zero, as before training, two are those of query and value. */
static bool
find_blocks(struct adapting *a, int blocks[3])
{
	static const int three[3] = {0, 1, 2}, two[3][3] = {{0, -1, 1}, {0, 1, -1}, {-1, 0, 1}};
	for (int i = 0; i < 3; i++) {
		memcpy(blocks, a->lora.joined == 3 ? three : two[i], sizeof three);
		if (fits(a, blocks))
			return true;
	}
	return false;
}

static void
check(const struct st_tensor *t, size_t rows, size_t cols)
{
	if (t->rank != 2 || t->shape[0] != rows || t->shape[1] != cols)
		cli_die(ERR_DATA, "tensor %s: is not of the shape (%zu, %zu) that rank and model give it", t->name, rows, cols);
	if (t->dtype != ST_F32 && t->dtype != ST_F16 && t->dtype != ST_BF16)
		cli_die(ERR_DATA, "tensor %s: its numbers are neither F32, F16 nor BF16", t->name);
	if (!foreign_finite(t))
		cli_die(ERR_NONFINITE, "tensor %s has a number that is not finite", t->name);
}

/* The shapes of what find_blocks looks into. */
static void
check_joined(struct adapting *a)
{
	size_t rank = a->lora.rank * a->lora.joined, width = a->base.cfg.width;
	for (size_t l = 0; l < a->base.cfg.layers && a->lora.joined > 1; l++) {
		const struct st_tensor *b = find(a, peft_adapted(&a->base.table, LORA_QUERY, l), 'B');
		if (b)
			check(b, 3 * width, rank);
	}
}

/* A and B of one of our layers, the first two of items from i on. */
static void
place(struct adapting *a, size_t i, const int blocks[3])
{
	struct err e;
	const struct param *pa = &a->table.items[i], *pb = pa + 1;
	enum lora_target target = (enum lora_target)((pa->slot - SLOT_LORA) / 2);
	const struct param *adapted = peft_adapted(&a->base.table, target, pa->layer);
	const struct st_tensor *t[2] = {find(a, adapted, 'A'), find(a, adapted, 'B')};
	size_t rank = a->cfg.lora_rank, wide = adapted->parts > 1 ? a->lora.joined : 1, rows = pb->dims[0];
	if (!t[0] || !t[1])
		cli_die(ERR_DATA, "%s: the adapter of %s in block %zu is missing", a->o->folder, adapted->foreign, pa->layer);
	check(t[0], rank * wide, pa->dims[1]);
	check(t[1], rows * adapted->parts, rank * wide);
	import_type(&a->head.fields[i], t[0]);
	import_type(&a->head.fields[i + 1], t[1]);
	size_t block = adapted->parts > 1 && wide > 1 ? (size_t)blocks[adapted->part] : 0, size = st_dtype_size(t[1]->dtype);
	a->values[i] = (struct ten_value){(const char *)t[0]->data + block * pa->size * st_dtype_size(t[0]->dtype), pa->size,
	    {pa->dims[0], pa->dims[1]}};
	char *to = a->copies[i] = mem_zalloc(pb->size, size, "a tensor", &e);
	if (!to)
		cli_fail(&e);
	for (size_t r = 0; r < rows; r++)
		memcpy(to + r * rank * size, (const char *)t[1]->data + ((adapted->part * rows + r) * wide + block) * rank * size, rank * size);
	a->values[i + 1] = (struct ten_value){to, pb->size, {pb->dims[0], pb->dims[1]}};
}

/* Tensors of the base stay as they are stored. */
static void
keep(struct adapting *a, size_t i)
{
	int at = ten_head_find(&a->base.head, a->table.items[i].name);
	a->head.fields[i].cls = a->base.head.fields[at].cls;
	a->head.fields[i].bits = a->base.head.fields[at].bits;
	a->values[i] = a->base.values[at];
}

static void
read_config(struct adapting *a)
{
	struct err e;
	size_t n;
	char *path, *json = import_bytes(a->o->folder, "adapter_config.json", &path, &n);
	if (hf_lora_parse(&a->lora, json, n, &e)) {
		err_prefix(&e, "%s", path);
		cli_fail(&e);
	}
	free(json);
	free(path);
}

/* The configuration of the result, and where its joined layers have their blocks. */
static void
configure(struct adapting *a, int blocks[3])
{
	struct err e;
	a->cfg = a->base.cfg;
	a->cfg.lora_rank = a->lora.rank;
	a->cfg.lora_alpha = a->lora.alpha;
	a->cfg.lora_targets = targets(a);
	if (!a->cfg.lora_targets)
		cli_die(ERR_DATA, "%s: has no adapter of a layer of %s", a->o->folder, a->base.path);
	check_joined(a);
	if (a->lora.joined > 1 && (a->cfg.arch != ARCH_GPT2 || !find_blocks(a, blocks)))
		cli_die(ERR_DATA, "%s: the rank of c_attn is %zu, that of others %zu; all must have one rank", a->o->folder,
		    a->lora.rank * a->lora.joined, a->lora.rank);
	for (int t = 0; t < 3; t++)
		if (a->lora.joined > 1 && blocks[t] < 0)
			a->cfg.lora_targets &= ~(1u << t);
	if (config_check(&a->cfg, &e) || params_build(&a->table, &a->cfg, &e) ||
	    model_head(&a->head, &a->cfg, &a->table, a->base.tokenizer_id, &e) || model_keep(&a->head, &a->base.head, &e))
		cli_fail(&e);
}

static void
check_rest(const struct adapting *a)
{
	size_t unexpected = 0;
	for (size_t i = 0; i < a->shards.n; i++)
		if (!a->used[i] && unexpected++ < 100)
			cli_warn("%s: tensor %s is not an adapter of a layer of the model", a->o->folder, a->shards.tensors[i]->name);
	if (unexpected)
		cli_die(ERR_DATA, "%s: tensors that do not fit the model: %zu", a->o->folder, unexpected);
}

void
import_peft(const struct model_import *o)
{
	struct err e;
	struct adapting a = {.o = o};
	struct cli_out out;
	struct ten_writer_opts bulk = {.bulk = true};
	int blocks[3] = {0, 0, 0};
	if (model_open(&a.base, o->base, &e))
		cli_fail(&e);
	if (a.base.cfg.lora_rank)
		cli_die(ERR_DATA, "%s: has adapters; tgraft --merge-lora or --drop-lora makes room", a.base.path);
	read_config(&a);
	if (shards_open(&a.shards, o->folder, "adapter_model", &e))
		cli_fail(&e);
	for (size_t i = 0; i < a.shards.npaths; i++)
		import_note(a.shards.paths[i]);
	if (!(a.used = mem_zalloc(a.shards.n, sizeof *a.used, "tensors", &e)))
		cli_fail(&e);
	configure(&a, blocks);
	a.values = mem_zalloc(a.head.nfields, sizeof *a.values, "fields", &e);
	a.copies = mem_zalloc(a.table.n, sizeof *a.copies, "tensors", &e);
	if (!a.values || !a.copies)
		cli_fail(&e);
	for (size_t i = 0; i < a.table.n; i++) {
		if (a.table.items[i].slot < SLOT_LORA)
			keep(&a, i);
		else
			place(&a, i++, blocks);
	}
	check_rest(&a);
	a.values[a.table.n] = ten_vector(a.base.tokenizer, a.base.tokenizer_size);
	const struct ten_head *inputs[1] = {&a.base.head};
	cli_open_out(&out, o->output, &a.head, inputs, 1, NULL, &bulk);
	cli_write(&out, a.values);
	cli_close_out(&out);
	cli_account(o->quiet, "rank=%zu adapters=%zu tensors=%zu", a.cfg.lora_rank, a.shards.n / 2, a.table.n);
	for (size_t i = 0; i < a.table.n; i++)
		free(a.copies[i]);
	free(a.copies);
	free(a.values);
	free(a.used);
	ten_head_free(&a.head);
	params_free(&a.table);
	shards_close(&a.shards);
	model_close(&a.base);
}
