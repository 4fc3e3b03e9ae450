/* The weights of the result: averaged, copied, drawn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "graft/graft.h"

static void
need_equal(const char *key, const char *path, const char *value, const char *first_path, const char *first)
{
	if (strcmp(value, first) != 0)
		cli_die(ERR_DATA, "%s: key %s is `%.60s', in %s it is `%.60s'", path, key, value, first_path, first);
}

static const char *
text_of(const struct ten_head *h, const char *key)
{
	const struct ten_kv *kv = ten_head_kv(h, key);
	return kv ? kv->value : "";
}

/* What decides which tensors there are and what numbers in them mean. */
static void
need_same_meaning(const struct model_file *first, const char *first_path, const struct model_file *m, const char *path)
{
	static const char *const keys[] = {"classes", "template"};
	const char *name;
	char key[80], a[512], b[512];
	for (size_t i = 0; (name = config_name(i)); i++) {
		config_get(&first->cfg, i, a, sizeof a);
		config_get(&m->cfg, i, b, sizeof b);
		snprintf(key, sizeof key, "config.%s", name);
		need_equal(key, path, b, first_path, a);
	}
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		need_equal(keys[i], path, text_of(&m->head, keys[i]), first_path, text_of(&first->head, keys[i]));
	if (strcmp(m->tokenizer_id, first->tokenizer_id) != 0)
		cli_die(ERR_DATA, "%s and %s have different vocabularies", path, first_path);
}

/* The mean of all (Izmailov et al. 2018; Wortsman et al. 2022). */
void
graft_average(struct grafting *g, char **files, size_t n)
{
	struct err e;
	struct model_file *m = cli_zalloc(n, sizeof *m, "models");
	real *w = cli_zalloc(g->in.table.size, sizeof *w, "weights");
	for (size_t i = 1; i < n; i++) {
		if (model_open(&m[i], files[i], &e))
			cli_fail(&e);
		need_same_meaning(&g->in, files[0], &m[i], files[i]);
		if (model_read(&m[i], "", &g->in.table, NULL, w, &e))
			cli_fail(&e);
		real share = (real)(1 / (double)(i + 1)); /* a running mean: large sums of floats lose digits */
		for (size_t j = 0; j < g->in.table.size; j++)
			g->w[j] += (w[j] - g->w[j]) * share;
		if (!(g->inputs = realloc(g->inputs, (g->ninputs + 1) * sizeof *g->inputs)))
			cli_die(ERR_RUNTIME, "out of memory");
		g->inputs[g->ninputs++] = &m[i].head;
	}
	free(w);
}

/* The tensor of the input that item becomes, NULL when it is new. */
static const struct param *
source_of(const struct grafting *g, const struct param *it)
{
	enum slot s = it->slot;
	bool task = s == SLOT_SCORE || s == SLOT_SCORE_B, value = s == SLOT_VALUE || s == SLOT_VALUE_B;
	bool language = s >= SLOT_TRANSFORM && s <= SLOT_HEAD_B;
	if ((task && g->dropped[DROP_TASK]) || (value && g->dropped[DROP_VALUE]) || (language && g->dropped[DROP_LANGUAGE]) ||
	    (s >= SLOT_LORA && (g->o.merge_lora || g->o.drop_lora)))
		return NULL;
	bool block = (s >= SLOT_NORM1 && s <= SLOT_DOWN_B) || s >= SLOT_LORA;
	size_t layer = block ? g->layers[it->layer] : 0;
	for (size_t i = 0; layer != SIZE_MAX && i < g->in.table.n; i++)
		if (g->in.table.items[i].slot == s && g->in.table.items[i].layer == layer)
			return &g->in.table.items[i];
	return NULL;
}

/* Copies the rows of tokens that both have; the others are as initialised. */
static void
copy_tokens(struct grafting *g, const struct param *to, const struct param *from)
{
	size_t c = to->rank == 2 ? to->dims[1] : 1;
	for (size_t i = 0; i < to->dims[0]; i++)
		if (g->rows[i] >= 0)
			memcpy(g->out + to->offset + i * c, g->w + from->offset + (size_t)g->rows[i] * c, c * sizeof *g->w);
}

void
graft_weights(struct grafting *g)
{
	struct err e;
	if (config_check(&g->cfg, &e))
		cli_die(ERR_USAGE, "%s", e.msg);
	if (params_build(&g->table, &g->cfg, &e) || !(g->out = mem_zalloc(g->table.size, sizeof *g->out, "weights", &e)))
		cli_fail(&e);
	for (size_t i = 0; i < g->table.n; i++) {
		const struct param *it = &g->table.items[i], *from = source_of(g, it);
		bool tokens = it->slot == SLOT_TOKEN || it->slot == SLOT_HEAD || it->slot == SLOT_HEAD_B;
		if (!from || (tokens && g->rows))
			param_init(g->out, it, &g->cfg, g->o.seed);
		if (!from) {
			g->fresh++;
			if (!g->o.quiet)
				cli_warn("new: %s", it->name);
			continue;
		}
		g->kept++;
		if (tokens && g->rows) {
			copy_tokens(g, it, from);
			continue;
		}
		if (it->size != from->size || it->dims[0] != from->dims[0])
			cli_die(ERR_DATA, "tensor %s does not fit: (%zu, %zu) is needed, it is (%zu, %zu)", it->name, it->dims[0],
			    it->dims[1], from->dims[0], from->dims[1]);
		memcpy(g->out + it->offset, g->w + from->offset, it->size * sizeof *g->out);
	}
	g->gone = g->in.table.n - g->kept;
}
