/* Adapters as PEFT keeps them: adapter_config.json, adapter_model.safetensors. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/cli.h"
#include "common/peftname.h"
#include "export/folder.h"

struct adapters {
	struct model_file m;
	float *w;
	enum export_type type;
	size_t wide;      /* rank of a layer that is three of ours (gpt2's c_attn), in our ranks; 1: they share A */
	struct st_tensor *heads;
	float **values;   /* owned, of each tensor */
	size_t n;
};

static const struct param *
adapter(const struct params *p, enum slot slot, size_t layer)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->items[i].slot == slot && p->items[i].layer == layer)
			return &p->items[i];
	return NULL;
}

static bool
targeted(const struct adapters *a, enum lora_target t)
{
	return a->m.cfg.lora_targets >> t & 1;
}

/* Query, key and value have one A in every block: it is a layer of one adapter that was taken apart. */
static bool
shared(const struct adapters *a)
{
	for (size_t l = 0; l < a->m.cfg.layers; l++) {
		const struct param *first = NULL;
		for (enum lora_target t = LORA_QUERY; t <= LORA_VALUE; t++) {
			const struct param *p = targeted(a, t) ? adapter(&a->m.table, slot_lora_a(t), l) : NULL;
			if (p && first && memcmp(a->w + p->offset, a->w + first->offset, p->size * sizeof *a->w) != 0)
				return false;
			first = first ? first : p;
		}
	}
	return true;
}

static float *
add(struct adapters *a, const struct param *adapted, char which, size_t rows, size_t cols)
{
	char name[160];
	peft_name(name, sizeof name, &a->m.cfg, adapted, which);
	float *v = cli_zalloc(rows * cols, sizeof *v, "a tensor");
	a->values[a->n] = v;
	a->heads[a->n] = (struct st_tensor){.name = strdup(name), .dtype = type_dtype(a->type), .rank = 2, .shape = {rows, cols},
	    .count = rows * cols};
	if (!a->heads[a->n++].name)
		cli_die(ERR_RUNTIME, "out of memory");
	return v;
}

static void
add_plain(struct adapters *a, enum lora_target t, size_t layer)
{
	const struct param *pa = adapter(&a->m.table, slot_lora_a(t), layer), *pb = adapter(&a->m.table, slot_lora_b(t), layer);
	const struct param *adapted = peft_adapted(&a->m.table, t, layer);
	memcpy(add(a, adapted, 'A', pa->dims[0], pa->dims[1]), a->w + pa->offset, pa->size * sizeof *a->w);
	memcpy(add(a, adapted, 'B', pb->dims[0], pb->dims[1]), a->w + pb->offset, pb->size * sizeof *a->w);
}

/* One layer of three: the A above each other, the B along the diagonal; or one A and the B above each other. */
static void
add_joined(struct adapters *a, size_t layer)
{
	size_t rank = a->m.cfg.lora_rank, width = a->m.cfg.width, all = rank * a->wide, block = 0;
	const struct param *adapted = peft_adapted(&a->m.table, LORA_QUERY, layer);
	float *va = add(a, adapted, 'A', all, width), *vb = add(a, adapted, 'B', 3 * width, all);
	for (enum lora_target t = LORA_QUERY; t <= LORA_VALUE; t++) {
		if (!targeted(a, t))
			continue;
		const float *from = a->w + adapter(&a->m.table, slot_lora_b(t), layer)->offset;
		memcpy(va + block * rank * width, a->w + adapter(&a->m.table, slot_lora_a(t), layer)->offset, rank * width * sizeof *va);
		for (size_t r = 0; r < width; r++)
			memcpy(vb + (t * width + r) * all + block * rank, from + r * rank, rank * sizeof *vb);
		block += a->wide > 1;
	}
}

static int
by_name(const void *a, const void *b)
{
	const struct st_tensor *const *x = a, *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

static void
write_tensors(struct adapters *a, struct outfolder *to)
{
	struct err e;
	struct st_writer w;
	struct st_tensor **order = mem_zalloc(a->n, sizeof *order, "tensors", &e);
	struct st_tensor *sorted = order ? mem_zalloc(a->n, sizeof *sorted, "tensors", &e) : NULL;
	if (!sorted)
		cli_fail(&e);
	for (size_t i = 0; i < a->n; i++)
		order[i] = &a->heads[i];
	qsort(order, a->n, sizeof *order, by_name);
	for (size_t i = 0; i < a->n; i++)
		sorted[i] = *order[i];
	const char *path = outfolder_file(to, "adapter_model.safetensors", &e);
	if (!path || st_write_open(&w, path, sorted, a->n, &e))
		cli_fail(&e);
	for (size_t i = 0; i < a->n; i++) {
		size_t n = order[i]->count;
		void *typed = cli_zalloc(n, sizeof(float), "a tensor");
		to_type(a->type, a->values[order[i] - a->heads], n, typed, order[i]->name);
		if (st_write(&w, typed, n * st_dtype_size(order[i]->dtype), &e))
			cli_fail(&e);
		free(typed);
	}
	if (st_write_close(&w, &e))
		cli_fail(&e);
	free(order);
	free(sorted);
}

static void
put_alpha(FILE *f, double x)
{
	if (x < floor(x) || x > floor(x) || x > 1e15)
		put_real(f, x);
	else
		fprintf(f, "%.0f", x);
}

/* The layers by the end of their names; encoders have two whose names end alike, so theirs is a regular expression. */
static void
put_targets(FILE *f, const struct adapters *a)
{
	bool encoder = config_traits(&a->m.cfg)->encoder, first = true;
	char module[96], before[96] = "";
	fputs(encoder ? "  \"target_modules\": \".*\\\\.layer\\\\.\\\\d+\\\\.(" : "  \"target_modules\": [", f);
	for (int t = 0; t < LORA_TARGETS; t++) {
		if (!targeted(a, (enum lora_target)t))
			continue;
		peft_module(module, sizeof module, peft_adapted(&a->m.table, (enum lora_target)t, 0));
		if (strcmp(module, before) == 0)
			continue;
		fputs(first ? "" : encoder ? "|" : ", ", f);
		first = false;
		strcpy(before, module);
		if (!encoder)
			fprintf(f, "\"%s\"", module);
		for (const char *s = module; encoder && *s; s++)
			fprintf(f, "%s%c", *s == '.' ? "\\\\" : "", *s);
	}
	fputs(encoder ? ")\",\n" : "],\n", f);
}

static void
write_config(const struct adapters *a, struct outfolder *to)
{
	const struct config *c = &a->m.cfg;
	struct text_file t;
	text_open(&t, to, "adapter_config.json");
	fprintf(t.f, "{\n  \"peft_type\": \"LORA\",\n  \"task_type\": %s,\n  \"base_model_name_or_path\": null,\n"
	    "  \"inference_mode\": true,\n  \"r\": %zu,\n  \"lora_alpha\": ",
	    config_traits(c)->encoder || c->headless ? "null" : "\"CAUSAL_LM\"", c->lora_rank);
	put_alpha(t.f, c->lora_alpha);
	fputs(",\n  \"rank_pattern\": {", t.f);
	if (a->wide > 1) {
		fprintf(t.f, "\"c_attn\": %zu},\n  \"alpha_pattern\": {\"c_attn\": ", c->lora_rank * a->wide);
		put_alpha(t.f, c->lora_alpha * (double)a->wide);
		fputs("},\n", t.f);
	} else {
		fputs("},\n  \"alpha_pattern\": {},\n", t.f);
	}
	put_targets(t.f, a);
	fprintf(t.f, "  \"lora_dropout\": 0.0,\n  \"bias\": \"none\",\n  \"fan_in_fan_out\": %s,\n  \"use_rslora\": false,\n"
	    "  \"use_dora\": false,\n  \"modules_to_save\": null\n}\n", c->arch == ARCH_GPT2 ? "true" : "false");
	text_save(&t);
}

static void
collect(struct adapters *a)
{
	const struct config *c = &a->m.cfg;
	bool join = c->arch == ARCH_GPT2 && (c->lora_targets & (1u << LORA_QUERY | 1u << LORA_KEY | 1u << LORA_VALUE));
	a->wide = 1;
	if (join && !shared(a))
		a->wide = (size_t)targeted(a, LORA_QUERY) + targeted(a, LORA_KEY) + targeted(a, LORA_VALUE);
	for (size_t l = 0; l < c->layers; l++) {
		if (join)
			add_joined(a, l);
		for (int t = join ? LORA_OUT : 0; t < LORA_TARGETS; t++)
			if (targeted(a, (enum lora_target)t))
				add_plain(a, (enum lora_target)t, l);
	}
}

void
export_peft(const struct export_job *j)
{
	struct err e;
	struct adapters a = {0};
	struct outfolder to;
	if (model_open(&a.m, j->input, &e))
		cli_fail(&e);
	if (!a.m.cfg.lora_rank)
		cli_die(ERR_DATA, "%s: has no adapters; --to hf writes whole models", a.m.path);
	if (a.m.cfg.arch == ARCH_GPT2 && a.m.cfg.kv_heads != a.m.cfg.heads)
		cli_die(ERR_DATA, "%s: its heads share keys and values, which a gpt2 model of this format cannot", a.m.path);
	bool *wanted = cli_zalloc(a.m.table.n, sizeof *wanted, "tensors");
	a.w = cli_zalloc(a.m.table.size, sizeof *a.w, "weights");
	a.heads = cli_zalloc(a.m.table.n, sizeof *a.heads, "tensors");
	a.values = cli_zalloc(a.m.table.n, sizeof *a.values, "tensors");
	for (size_t i = 0; i < a.m.table.n; i++)
		wanted[i] = a.m.table.items[i].slot >= SLOT_LORA;
	if (model_read(&a.m, "", &a.m.table, wanted, a.w, &e))
		cli_fail(&e);
	a.type = stored_type(&a.m, j->type);
	collect(&a);
	if (outfolder_open(&to, j->output, &e))
		cli_fail(&e);
	write_config(&a, &to);
	write_tensors(&a, &to);
	if (outfolder_commit(&to, &e))
		cli_fail(&e);
	cli_account(j->quiet, "rank=%zu tensors=%zu", a.m.cfg.lora_rank, a.n);
	for (size_t i = 0; i < a.n; i++) {
		free(a.heads[i].name);
		free(a.values[i]);
	}
	free(a.heads);
	free(a.values);
	free(a.w);
	free(wanted);
	model_close(&a.m);
}
