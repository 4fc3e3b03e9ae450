/* Which layers, heads and adapters the result has. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "graft/graft.h"

void
graft_adapters(struct grafting *g)
{
	struct err e;
	if ((g->o.merge_lora || g->o.drop_lora) && !g->cfg.lora_rank)
		cli_die(ERR_USAGE, "%s: has no adapters", g->in.path);
	if (g->o.merge_lora)
		params_merge_lora(g->w, &g->in.table, &g->in.cfg);
	if (g->o.merge_lora || g->o.drop_lora) {
		g->cfg.lora_rank = 0;
		g->cfg.lora_alpha = 0;
		g->cfg.lora_targets = 0;
	}
	if (!g->o.lora && (g->o.lora_alpha > 0 || g->o.lora_targets))
		cli_die(ERR_USAGE, "--lora-alpha and --lora-targets are of new adapters: --lora RANK");
	if (!g->o.lora)
		return;
	if (g->cfg.lora_rank)
		cli_die(ERR_USAGE, "%s: has adapters already; --merge-lora or --drop-lora makes room", g->in.path);
	g->cfg.lora_rank = g->o.lora;
	g->cfg.lora_alpha = g->o.lora_alpha > 0 ? g->o.lora_alpha : 2 * (double)g->o.lora;
	g->cfg.lora_targets = config_lora_targets(g->o.lora_targets ? g->o.lora_targets : "query,value", &e);
	if (!g->cfg.lora_targets)
		cli_fail(&e);
}

/* ---- heads ---- */

static void
take_heads(struct grafting *g)
{
	struct config *c = &g->cfg;
	for (size_t i = 0; i < g->o.drop_heads.n; i++) {
		int d = 0;
		while (graft_drops[d] && strcmp(graft_drops[d], g->o.drop_heads.items[i]) != 0)
			d++;
		if (!graft_drops[d])
			cli_die(ERR_USAGE, "--drop-head %s: there are task, value, language and projection", g->o.drop_heads.items[i]);
		g->dropped[d] = true;
	}
	if ((g->dropped[DROP_TASK] && !c->task) || (g->dropped[DROP_VALUE] && !c->value) ||
	    (g->dropped[DROP_LANGUAGE] && c->headless) || (g->dropped[DROP_PROJECTION] && !c->projection))
		cli_die(ERR_USAGE, "%s: has no such head to drop", g->in.path);
	if (g->dropped[DROP_TASK]) {
		c->task = TASK_NONE;
		c->outputs = 0;
		c->pool = POOL_MEAN;
	}
	c->value = c->value && !g->dropped[DROP_VALUE];
	c->headless = c->headless || g->dropped[DROP_LANGUAGE];
	c->projection = g->dropped[DROP_PROJECTION] ? 0 : c->projection;
}

static void
add_task_head(struct grafting *g, enum task task)
{
	struct err e;
	struct config *c = &g->cfg;
	if (c->task)
		cli_die(ERR_USAGE, "%s: has a head for %s; --drop-head task makes room", g->in.path, config_task_name(c->task));
	if ((task == TASK_REGRESS) != !g->o.labels)
		cli_die(ERR_USAGE, task == TASK_REGRESS ? "a regress head gives numbers, which have no --labels; --outputs says how many"
		    : "the classes of the head need names: --labels LIST");
	if (g->o.labels && label_set_parse(&g->set, g->o.labels, strlen(g->o.labels), ',', &e))
		cli_die(ERR_USAGE, "--labels: %s", e.msg);
	if (task != TASK_REGRESS && g->o.outputs)
		cli_die(ERR_USAGE, "--outputs is for --head regress; of classes it is the number of --labels");
	if (task == TASK_TAG && g->o.pool >= 0)
		cli_die(ERR_USAGE, "--pool is for a head that reads a record as a whole, not for --head tag");
	c->task = task;
	c->outputs = task == TASK_REGRESS ? g->o.outputs ? g->o.outputs : 1 : g->set.n;
	c->pool = task == TASK_TAG ? POOL_MEAN : g->o.pool >= 0 ? (enum pool)g->o.pool : config_traits(c)->encoder ? POOL_MEAN : POOL_LAST;
}

void
graft_heads(struct grafting *g)
{
	static const enum task tasks[] = {TASK_CLASSIFY, TASK_MULTILABEL, TASK_TAG, TASK_REGRESS};
	struct config *c = &g->cfg;
	take_heads(g);
	if (g->o.head < 0)
		return;
	if (g->o.head <= HEAD_REGRESS) {
		add_task_head(g, tasks[g->o.head]);
	} else if (g->o.head == HEAD_VALUE) {
		if (c->value)
			cli_die(ERR_USAGE, "%s: has a value head; --drop-head value makes room", g->in.path);
		c->value = true;
	} else {
		if (!c->headless)
			cli_die(ERR_USAGE, "%s: has a language head; --drop-head language makes room", g->in.path);
		c->headless = false;
	}
}

/* ---- layers ---- */

static void
mark_dropped(const struct grafting *g, bool *gone, size_t layers)
{
	for (const char *s = g->o.drop_layers; *s;) {
		char *end;
		unsigned long from = strtoul(s, &end, 10), to = from;
		if (end != s && *end == '-') {
			s = end + 1;
			to = strtoul(s, &end, 10);
		}
		if (end == s || (*end && *end != ',') || from > to || to >= layers || *s < '0' || *s > '9')
			cli_die(ERR_USAGE, "--drop-layers %s: is not a list of blocks from 0 to %zu, as 0,2 or 6-11", g->o.drop_layers, layers - 1);
		for (; from <= to; from++)
			gone[from] = true;
		s = *end ? end + 1 : end;
	}
}

void
graft_layers(struct grafting *g)
{
	struct err e;
	size_t old = g->in.cfg.layers, n = 0;
	bool *gone = mem_zalloc(old, sizeof *gone, "layers", &e);
	g->layers = gone ? mem_zalloc(old + g->o.append_layers, sizeof *g->layers, "layers", &e) : NULL;
	if (!g->layers)
		cli_fail(&e);
	if (g->o.drop_layers)
		mark_dropped(g, gone, old);
	for (size_t l = 0; l < old; l++)
		if (!gone[l])
			g->layers[n++] = l;
	for (size_t i = 0; i < g->o.append_layers; i++)
		g->layers[n++] = SIZE_MAX;
	if (n == 0)
		cli_die(ERR_USAGE, "--drop-layers: no block is left");
	g->cfg.layers = n;
	if (g->o.drop_norm && (g->cfg.unnormed || g->cfg.post_norm))
		cli_die(ERR_USAGE, "%s: has no norm after the last block to drop", g->in.path);
	g->cfg.unnormed = g->cfg.unnormed || g->o.drop_norm;
	free(gone);
}
