/* tgraft - change the parts of a model */
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/half.h"
#include "base/mem.h"
#include "common/labels.h"
#include "common/modelio.h"
#include "common/trainloop.h"
#include "common/vocabio.h"
#include "text/template.h"

enum head { HEAD_CLASSIFY, HEAD_MULTILABEL, HEAD_TAG, HEAD_REGRESS, HEAD_VALUE, HEAD_LANGUAGE };
enum dropped { DROP_TASK, DROP_VALUE, DROP_LANGUAGE, DROP_PROJECTION, DROPS };
enum { CAST_F32, CAST_F16, CAST_BF16 };

static const char *const heads[] = {"classify", "multilabel", "tag", "regress", "value", "language", NULL};
static const char *const drops[] = {"task", "value", "language", "projection", NULL};
static const char *const casts[] = {"f32", "f16", "bf16", NULL};

static const char *output, *labels, *drop_layers, *lora_targets = "query,value", *template, *vocabulary;
static uint64_t outputs, append_layers, lora, seed = 1, threads;
static double lora_alpha;
static int head = -1, pool = -1, cast;
static struct cli_list drop_heads, freeze, special;
static bool average, drop_norm, merge_lora, drop_lora, thaw, quiet;

static const struct cli_opt opts[] = {
    {0, "average", NULL, CLI_FLAG, &average, "the mean of several models' weights", 0, 0, 0, false},
    {0, "merge-lora", NULL, CLI_FLAG, &merge_lora, "add the adapters to the layers that they adapt", 0, 0, 0, false},
    {0, "drop-lora", NULL, CLI_FLAG, &drop_lora, "take the adapters away", 0, 0, 0, false},
    {0, "drop-head", "NAME", CLI_LIST, &drop_heads, "take a head away: task, value, language or projection; may be repeated", 0, 0, 0, false},
    {0, "drop-layers", "LIST", CLI_TEXT, &drop_layers, "take blocks away, as 0,2 or 6-11", 0, 0, 0, false},
    {0, "append-layers", "N", CLI_U64, &append_layers, "add N new blocks behind the last", 1, 1024, 0, false},
    {0, "drop-norm", NULL, CLI_FLAG, &drop_norm, "take away the norm after the last block", 0, 0, 0, false},
    {0, "vocab", "FILE", CLI_TEXT, &vocabulary, "another vocabulary; tokens that both have keep their weights", 0, 0, 0, true},
    {0, "special", "NAME", CLI_LIST, &special, "add a special token; may be repeated", 0, 0, 0, false},
    {0, "template", "NAME", CLI_TEXT, &template, "chat template: chatml, llama3, plain, completion or a file; adds its special tokens", 0, 0, 0, false},
    {0, "head", "KIND", CLI_CHOICE, &head, "add a head: classify, multilabel, tag, regress, value or language", 0, 0, heads, false},
    {0, "labels", "LIST", CLI_TEXT, &labels, "names of the new head's classes or tags", 0, 0, 0, false},
    {0, "outputs", "N", CLI_U64, &outputs, "numbers that a new regress head gives (default 1)", 1, 1 << 20, 0, false},
    {0, "pool", "HOW", CLI_CHOICE, &pool, "a new head reads the mean, first or last token (default mean for bert, else last)", 0, 0, train_pools, false},
    {0, "lora", "RANK", CLI_U64, &lora, "add low-rank adapters", 1, 1 << 17, 0, false},
    {0, "lora-alpha", "X", CLI_REAL, &lora_alpha, "adapters are multiplied by X / RANK (default 2 RANK)", 0, 1e6, 0, false},
    {0, "lora-targets", "LIST", CLI_TEXT, &lora_targets, "of query,key,value,out,gate,up,down (default query,value)", 0, 0, 0, false},
    {0, "freeze", "PATTERN", CLI_LIST, &freeze, "trainers leave tensors whose names match as they are, as 'embed.*'; may be repeated", 0, 0, 0, false},
    {0, "thaw", NULL, CLI_FLAG, &thaw, "forget what was frozen before", 0, 0, 0, false},
    {0, "cast", "TYPE", CLI_CHOICE, &cast, "store the tensors as f32, f16 or bf16 (default f32)", 0, 0, casts, false},
    CLI_SEED(&seed),
    CLI_OUTPUT(&output),
    CLI_THREADS(&threads, "all cores"),
    CLI_QUIET(&quiet),
};

static const struct cli_tool tool = {"tgraft", "[model ...]", "Change the parts of a model: heads, layers, vocabulary, adapters.",
    opts, sizeof opts / sizeof *opts,
    "tgraft --template chatml -o chat-base.ten gpt.ten\n"
    "tgraft --drop-head language --head classify --labels neg,pos -o classifier.ten bert.ten\n"
    "tgraft --merge-lora -o merged.ten adapted.ten"};

struct grafting {
	struct model_file in;
	real *w;                 /* of in.table, after averaging and merging */
	struct vocab_file vocab; /* of the result, zeroed when it has none */
	int32_t *rows;           /* token of the input that each of the result's was, -1: it is new; NULL: the same */
	size_t *layers;          /* block of the input, SIZE_MAX: new */
	bool dropped[DROPS];
	struct config cfg;
	struct params table;
	real *out;
	struct label_set set;
	char *frozen;
	size_t fresh, kept, gone; /* tensors */
	size_t tokens;            /* new in the vocabulary */
	const struct ten_head **inputs;
	size_t ninputs;
};

/* ---- averages, adapters ---- */

/* The mean of all (Izmailov et al. 2018; Wortsman et al. 2022); they must have the same tensors. */
static void
add_models(struct grafting *g, char **files, size_t n)
{
	struct err e;
	struct model_file *m = mem_zalloc(n, sizeof *m, "models", &e);
	real *w = mem_zalloc(g->in.table.size, sizeof *w, "weights", &e);
	if (!m || !w)
		cli_fail(&e);
	for (size_t i = 1; i < n; i++) {
		if (model_open(&m[i], files[i], &e))
			cli_fail(&e);
		for (size_t j = 0; j < g->in.table.n; j++) {
			const struct param *a = &g->in.table.items[j], *b = params_find(&m[i].table, a->name);
			if (!b || a->dims[0] != b->dims[0] || a->dims[1] != b->dims[1])
				cli_die(ERR_DATA, "%s: tensor %s is %s there is one of (%zu, %zu) in %s", files[i], a->name,
				    b ? "of another shape:" : "missing:", a->dims[0], a->dims[1], files[0]);
		}
		if (m[i].table.n != g->in.table.n)
			cli_die(ERR_DATA, "%s: has %zu tensors, %s %zu", files[i], m[i].table.n, files[0], g->in.table.n);
		if (strcmp(m[i].tokenizer_id, g->in.tokenizer_id) != 0)
			cli_die(ERR_DATA, "%s and %s have different vocabularies", files[i], files[0]);
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

static void
graft_adapters(struct grafting *g)
{
	struct err e;
	if ((merge_lora || drop_lora) && !g->cfg.lora_rank)
		cli_die(ERR_USAGE, "%s: has no adapters", g->in.path);
	if (merge_lora)
		params_merge_lora(g->w, &g->in.table, &g->in.cfg);
	if (merge_lora || drop_lora) {
		g->cfg.lora_rank = 0;
		g->cfg.lora_alpha = 0;
		g->cfg.lora_targets = 0;
	}
	if (!lora)
		return;
	if (g->cfg.lora_rank)
		cli_die(ERR_USAGE, "%s: has adapters already; --merge-lora or --drop-lora makes room", g->in.path);
	g->cfg.lora_rank = lora;
	g->cfg.lora_alpha = lora_alpha > 0 ? lora_alpha : 2 * (double)lora;
	g->cfg.lora_targets = config_lora_targets(lora_targets, &e);
	if (!g->cfg.lora_targets)
		cli_fail(&e);
}

/* ---- heads ---- */

static void
take_heads(struct grafting *g)
{
	struct config *c = &g->cfg;
	for (size_t i = 0; i < drop_heads.n; i++) {
		int d = 0;
		while (drops[d] && strcmp(drops[d], drop_heads.items[i]) != 0)
			d++;
		if (!drops[d])
			cli_die(ERR_USAGE, "--drop-head %s: there are task, value, language and projection", drop_heads.items[i]);
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
	if ((task == TASK_REGRESS) != !labels)
		cli_die(ERR_USAGE, task == TASK_REGRESS ? "a regress head gives numbers, which have no --labels; --outputs says how many"
		    : "the classes of the head need names: --labels LIST");
	if (labels && label_set_parse(&g->set, labels, strlen(labels), ',', &e))
		cli_die(ERR_USAGE, "--labels: %s", e.msg);
	c->task = task;
	c->outputs = task == TASK_REGRESS ? outputs ? outputs : 1 : g->set.n;
	c->pool = task == TASK_TAG ? POOL_MEAN : pool >= 0 ? (enum pool)pool : config_traits(c)->encoder ? POOL_MEAN : POOL_LAST;
}

static void
graft_heads(struct grafting *g)
{
	static const enum task tasks[] = {TASK_CLASSIFY, TASK_MULTILABEL, TASK_TAG, TASK_REGRESS};
	struct config *c = &g->cfg;
	take_heads(g);
	if (head < 0)
		return;
	if (head <= HEAD_REGRESS) {
		add_task_head(g, tasks[head]);
	} else if (head == HEAD_VALUE) {
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
mark_dropped(bool *gone, size_t layers)
{
	for (const char *s = drop_layers; *s;) {
		char *end;
		unsigned long from = strtoul(s, &end, 10), to = from;
		if (end != s && *end == '-') {
			s = end + 1;
			to = strtoul(s, &end, 10);
		}
		if (end == s || (*end && *end != ',') || from > to || to >= layers || *s < '0' || *s > '9')
			cli_die(ERR_USAGE, "--drop-layers %s: is not a list of blocks from 0 to %zu, as 0,2 or 6-11", drop_layers, layers - 1);
		for (; from <= to; from++)
			gone[from] = true;
		s = *end ? end + 1 : end;
	}
}

static void
graft_layers(struct grafting *g)
{
	struct err e;
	size_t old = g->in.cfg.layers, n = 0;
	bool *gone = mem_zalloc(old, sizeof *gone, "layers", &e);
	g->layers = gone ? mem_zalloc(old + append_layers, sizeof *g->layers, "layers", &e) : NULL;
	if (!g->layers)
		cli_fail(&e);
	if (drop_layers)
		mark_dropped(gone, old);
	for (size_t l = 0; l < old; l++)
		if (!gone[l])
			g->layers[n++] = l;
	for (size_t i = 0; i < append_layers; i++)
		g->layers[n++] = SIZE_MAX;
	if (n == 0)
		cli_die(ERR_USAGE, "--drop-layers: no block is left");
	g->cfg.layers = n;
	if (drop_norm && (g->cfg.unnormed || g->cfg.post_norm))
		cli_die(ERR_USAGE, "%s: has no norm after the last block to drop", g->in.path);
	g->cfg.unnormed = g->cfg.unnormed || drop_norm;
	free(gone);
}

/* ---- the vocabulary ---- */

static char *
read_template(void)
{
	struct err e;
	char *text = NULL;
	size_t n = 0, cap = 0, got;
	if (template_builtin(template))
		return strdup(template_builtin(template));
	FILE *f = fopen(template, "re");
	if (!f)
		cli_die(ERR_RUNTIME, "%s: is neither chatml, llama3, plain nor completion, and cannot be read: %s", template, strerror(errno));
	do {
		if (mem_grow(&text, &cap, n + 4096, 1, "a template", &e))
			cli_fail(&e);
		got = fread(text + n, 1, cap - n - 1, f);
		n += got;
	} while (got && n < 1 << 20);
	cli_note_input(fileno(f), template);
	fclose(f);
	text[n] = 0;
	return text;
}

static void
add_special(struct vocab *v, const char *name)
{
	struct err e;
	struct token t = {.left = -1, .right = -1, .rank = -1, .special = true};
	if (vocab_special(v, name, strlen(name)) < 0 && vocab_add(v, &t, name, strlen(name), &e))
		cli_fail(&e);
}

/* The vocabulary with further special tokens, which come last. */
static void
extend(struct grafting *g, const struct chat_template *t)
{
	struct err e;
	const struct vocab *old = &g->vocab.vocab;
	struct vocab v;
	char *begin = NULL, *end = NULL;
	vocab_init(&v, old->type, old->rule);
	for (size_t i = 0; i < old->n; i++)
		if (vocab_add(&v, &old->tokens[i], old->bytes + old->tokens[i].at, old->tokens[i].size, &e))
			cli_fail(&e);
	for (size_t i = 0; i < special.n; i++) {
		if (vocab_special(old, special.items[i], strlen(special.items[i])) >= 0)
			cli_die(ERR_USAGE, "--special %s: is in the vocabulary already", special.items[i]);
		add_special(&v, special.items[i]);
	}
	for (size_t i = 0; i < t->nspecial; i++)
		add_special(&v, t->special[i]);
	if (old->begin >= 0)
		begin = strndup((const char *)old->bytes + old->tokens[old->begin].at, old->tokens[old->begin].size);
	if (old->end >= 0)
		end = strndup((const char *)old->bytes + old->tokens[old->end].at, old->tokens[old->end].size);
	if (vocab_finish(&v, begin, end, &e))
		cli_fail(&e);
	if (old->chat_template && !t->text && vocab_set_template(&v, old->chat_template, &e))
		cli_fail(&e);
	if (t->text && vocab_set_template(&v, t->text, &e))
		cli_fail(&e);
	vocab_free(&g->vocab.vocab);
	g->vocab.vocab = v;
	free(begin);
	free(end);
}

static int
compare_tokens(const struct vocab *v, const struct token *a, const struct vocab *w, const struct token *b)
{
	int by_bytes = memcmp(v->bytes + a->at, w->bytes + b->at, a->size < b->size ? a->size : b->size);
	if (by_bytes || a->size != b->size)
		return by_bytes ? by_bytes : a->size < b->size ? -1 : 1;
	return (int)a->special - (int)b->special;
}

static int
by_token(const void *a, const void *b, void *vocab)
{
	const struct vocab *v = vocab;
	return compare_tokens(v, &v->tokens[*(const int32_t *)a], v, &v->tokens[*(const int32_t *)b]);
}

/* Which token of the input each of the result's was: the one of the same bytes and kind. */
static void
match_tokens(struct grafting *g, struct vocab *old)
{
	struct err e;
	const struct vocab *v = &g->vocab.vocab;
	int32_t *sorted = mem_zalloc(old->n, sizeof *sorted, "tokens", &e);
	g->rows = sorted ? mem_zalloc(v->n, sizeof *g->rows, "tokens", &e) : NULL;
	if (!g->rows)
		cli_fail(&e);
	for (size_t i = 0; i < old->n; i++)
		sorted[i] = (int32_t)i;
	qsort_r(sorted, old->n, sizeof *sorted, by_token, old);
	for (size_t i = 0; i < v->n; i++) {
		size_t low = 0, high = old->n;
		while (low < high) {
			size_t mid = (low + high) / 2;
			if (compare_tokens(old, &old->tokens[sorted[mid]], v, &v->tokens[i]) < 0)
				low = mid + 1;
			else
				high = mid;
		}
		bool found = low < old->n && compare_tokens(old, &old->tokens[sorted[low]], v, &v->tokens[i]) == 0;
		g->rows[i] = found ? sorted[low] : -1;
		g->tokens += !found;
	}
	free(sorted);
}

static void
graft_vocabulary(struct grafting *g)
{
	struct err e;
	struct chat_template t = {0};
	struct vocab_file old = {0};
	bool change = special.n || template || vocabulary;
	if (g->in.tokenizer_size && (vocab_file_load_mem(&g->vocab, g->in.tokenizer, g->in.tokenizer_size, g->in.path, &e) ||
	    vocab_file_load_mem(&old, g->in.tokenizer, g->in.tokenizer_size, g->in.path, &e)))
		cli_fail(&e);
	if (!change) {
		vocab_file_free(&old);
		return;
	}
	if (!g->in.tokenizer_size)
		cli_die(ERR_DATA, "%s: the model has no vocabulary", g->in.path);
	if (old.vocab.n != g->in.cfg.vocab)
		cli_die(ERR_DATA, "%s: the model has %zu tokens, the vocabulary in it %zu", g->in.path, g->in.cfg.vocab, old.vocab.n);
	if (vocabulary) {
		vocab_file_free(&g->vocab);
		if (vocab_file_load(&g->vocab, vocabulary, &e))
			cli_fail(&e);
	}
	char *text = template ? read_template() : NULL;
	if (text && template_parse(&t, text, strlen(text), &e)) {
		err_prefix(&e, "%s", template);
		cli_fail(&e);
	}
	if (special.n || template)
		extend(g, &t);
	match_tokens(g, &old.vocab);
	g->cfg.vocab = g->vocab.vocab.n;
	template_free(&t);
	vocab_file_free(&old);
	free(text);
}

/* ---- the weights ---- */

/* The tensor of the input that item becomes, NULL when it is new. */
static const struct param *
source_of(const struct grafting *g, const struct param *it)
{
	enum slot s = it->slot;
	bool task = s == SLOT_SCORE || s == SLOT_SCORE_B, value = s == SLOT_VALUE || s == SLOT_VALUE_B;
	bool language = s >= SLOT_TRANSFORM && s <= SLOT_HEAD_B;
	if ((task && g->dropped[DROP_TASK]) || (value && g->dropped[DROP_VALUE]) || (language && g->dropped[DROP_LANGUAGE]) ||
	    (s >= SLOT_LORA && (merge_lora || drop_lora)))
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

static void
make_weights(struct grafting *g)
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
			param_init(g->out, it, &g->cfg, seed);
		if (!from) {
			g->fresh++;
			if (!quiet)
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

/* ---- out ---- */

static void
set_frozen(struct grafting *g, struct ten_head *h)
{
	struct err e;
	const struct ten_kv *before = thaw ? NULL : ten_head_kv(&g->in.head, "frozen");
	size_t size = 0;
	FILE *f = open_memstream(&g->frozen, &size);
	if (!f)
		cli_die(ERR_RUNTIME, "out of memory");
	if (before)
		fputs(before->value, f);
	for (size_t i = 0; i < freeze.n; i++) {
		bool matched = false;
		for (size_t j = 0; j < g->table.n; j++)
			matched = matched || fnmatch(freeze.items[i], g->table.items[j].name, 0) == 0;
		if (!matched)
			cli_die(ERR_USAGE, "--freeze: no tensor is called `%s'", freeze.items[i]);
		fprintf(f, "%s%s", before || i ? "\n" : "", freeze.items[i]);
	}
	fclose(f);
	if (size && ten_head_set_text(h, "frozen", g->frozen, &e))
		cli_fail(&e);
}

static void
set_keys(struct grafting *g, struct ten_head *h)
{
	struct err e;
	const struct ten_kv *classes = ten_head_kv(&g->in.head, "classes");
	char id[33];
	if (classes && !g->dropped[DROP_TASK] && ten_head_set_kv(h, "classes", classes->value, classes->size, &e))
		cli_fail(&e);
	if (g->set.n && label_set_write(&g->set, h, &e))
		cli_fail(&e);
	if (g->vocab.vocab.chat_template) {
		template_id(g->vocab.vocab.chat_template, id);
		if (ten_head_set_text(h, "template", id, &e))
			cli_fail(&e);
	}
	set_frozen(g, h);
}

/* The tensors in the type that is asked for: fields and values change. */
static void
cast_tensors(struct ten_head *h, struct ten_value *v, size_t n)
{
	struct err e;
	for (size_t i = 0; i < n; i++) {
		uint16_t *to = mem_zalloc(v[i].count, sizeof *to, "a tensor", &e);
		const float *x = v[i].data;
		if (!to)
			cli_fail(&e);
		for (size_t j = 0; j < v[i].count; j++) {
			to[j] = cast == CAST_F16 ? half_of((double)x[j]) : bfloat_of(x[j]);
			if (!isfinite(cast == CAST_F16 ? half_value(to[j]) : (double)bfloat_value(to[j])))
				cli_die(ERR_NONFINITE, "tensor %s: %g is too large for %s", h->fields[i].name, (double)x[j], casts[cast]);
		}
		h->fields[i].cls = cast == CAST_F16 ? TEN_FLOAT : TEN_BFLOAT;
		h->fields[i].bits = 16;
		v[i].data = to;
	}
}

static void
write_model(struct grafting *g)
{
	struct err e;
	struct ten_head h = {0};
	struct cli_out out;
	struct ten_writer_opts bulk = {.bulk = true};
	struct ten_membuf m = {0};
	struct vocab_file fresh = {0};
	const void *bytes = g->in.tokenizer;
	size_t size = g->in.tokenizer_size;
	if (g->rows) { /* the vocabulary has changed: its stream and its id anew */
		struct ten_writer *w;
		struct ten_head vh = {0};
		if (vocab_head(&vh, &g->vocab.vocab, &e) || ten_head_merge_prov(&vh, &g->vocab.head, &e) ||
		    ten_writer_open(&w, ten_mem_sink(&m), &vh, NULL, &e) || vocab_write(w, &g->vocab.vocab, &e) ||
		    ten_writer_end(w, &e) || vocab_file_load_mem(&fresh, m.data, m.size, "the new vocabulary", &e))
			cli_fail(&e);
		ten_writer_free(w);
		ten_head_free(&vh);
		bytes = fresh.bytes;
		size = fresh.size;
	}
	if (model_head(&h, &g->cfg, &g->table, g->rows ? fresh.id : g->in.tokenizer_id, &e))
		cli_fail(&e);
	set_keys(g, &h);
	struct ten_value *v = mem_zalloc(h.nfields, sizeof *v, "fields", &e);
	if (!v)
		cli_fail(&e);
	model_values(v, &g->table, g->out, bytes, size);
	if (cast != CAST_F32)
		cast_tensors(&h, v, g->table.n);
	cli_open_out(&out, output, &h, g->inputs, g->ninputs, &seed, &bulk);
	cli_write(&out, v);
	cli_close_out(&out);
	vocab_file_free(&fresh);
	ten_head_free(&h);
	free(m.data);
	free(v);
}

int
main(int argc, char **argv)
{
	size_t n;
	struct err e;
	static struct grafting g;
	char **files = cli_parse(&tool, argc, argv, &n);
	if (n > 1 && !average)
		cli_die(ERR_USAGE, "one model, not %zu; --average takes several", n);
	if (average && n < 2)
		cli_die(ERR_USAGE, "--average needs two models or more");
	if ((labels || outputs || pool >= 0) && (head < 0 || head > HEAD_REGRESS))
		cli_die(ERR_USAGE, "--labels, --outputs and --pool are of a new head: --head KIND");
	if (merge_lora && drop_lora)
		cli_die(ERR_USAGE, "--merge-lora and --drop-lora contradict each other");
	if (threads)
		omp_set_num_threads((int)threads);
	if (model_open(&g.in, n ? files[0] : NULL, &e))
		cli_fail(&e);
	g.cfg = g.in.cfg;
	g.w = mem_zalloc(g.in.table.size, sizeof *g.w, "weights", &e);
	g.inputs = mem_zalloc(2, sizeof *g.inputs, "inputs", &e);
	if (!g.w || !g.inputs || model_read(&g.in, "", &g.in.table, NULL, g.w, &e))
		cli_fail(&e);
	g.inputs[g.ninputs++] = &g.in.head;
	if (average)
		add_models(&g, files, n);
	graft_layers(&g);
	graft_vocabulary(&g);
	graft_heads(&g);
	graft_adapters(&g);
	make_weights(&g);
	if (vocabulary && !(g.inputs = realloc(g.inputs, (g.ninputs + 1) * sizeof *g.inputs)))
		cli_die(ERR_RUNTIME, "out of memory");
	if (vocabulary)
		g.inputs[g.ninputs++] = &g.vocab.head;
	write_model(&g);
	cli_account(quiet, "tensors_in=%zu kept=%zu dropped=%zu new=%zu new_tokens=%zu parameters=%zu seed=%" PRIu64, g.in.table.n, g.kept, g.gone,
	    g.fresh, g.tokens, g.table.count, seed);
	return 0;
}
