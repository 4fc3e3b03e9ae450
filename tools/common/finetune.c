#include "common/finetune.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/judging.h"
#include "common/trainloop.h"

const char *const finetune_tasks[] = {"chat", "completion", "classify", "multilabel", "tag", "regress", NULL};
const char *const finetune_metrics[] = {"loss", "accuracy", "exact", "macro_f1", "micro_f1", "mcc", "ece",
    "entity_precision", "entity_recall", "entity_f1", "mae", "pearson", NULL};

static enum task
head_of(int task)
{
	static const enum task heads[] = {TASK_NONE, TASK_NONE, TASK_CLASSIFY, TASK_MULTILABEL, TASK_TAG, TASK_REGRESS};
	return heads[task];
}

/* ---- the task ---- */

/* By the model's head, else by the first field of the data that is a task's. */
static int
guess(const struct config *c, const struct ten_head *h)
{
	for (int t = FINETUNE_CLASSIFY; t <= FINETUNE_REGRESS; t++)
		if (c->task ? head_of(t) == c->task : ten_head_find(h, row_labels_field(head_of(t))) >= 0)
			return t;
	if (ten_head_find(h, "targets") >= 0)
		return FINETUNE_CHAT;
	cli_die(ERR_DATA, "the data has neither label, labels, tags, value nor targets: timport and tchat make such");
}

static size_t
outputs_of(const struct finetune *f, enum task task, const struct row_source *s)
{
	if (task != TASK_REGRESS)
		return f->set.n;
	int at = ten_head_find(row_source_head(s), "value");
	const struct ten_field *v = at < 0 ? NULL : &row_source_head(s)->fields[at];
	return v && v->rank == 1 && v->dims[0] != TEN_RAGGED ? (size_t)v->dims[0] : 1;
}

/* The model's head, or a new one for what the data says. */
static void
choose_head(struct train_run *r, enum task task)
{
	struct err e;
	struct finetune *f = r->fine;
	struct config *c = &r->cfg;
	bool encoder = config_traits(c)->encoder;
	if (c->task && c->task != task)
		cli_die(ERR_USAGE, "%s has a head for %s; tgraft can replace it by one for %s", r->model,
		    config_task_name(c->task), config_task_name(task));
	if (c->task && f->pool >= 0 && (enum pool)f->pool != c->pool)
		cli_die(ERR_USAGE, "%s has a head that reads the %s token; --pool is for a new one", r->model, train_pools[c->pool]);
	if (label_set_read(&f->set, c->task ? &r->file.head : row_source_head(&r->data), c->task ? r->model : r->data.name, &e))
		cli_fail(&e);
	if (c->task && task != TASK_REGRESS && f->set.n != c->outputs)
		cli_die(ERR_DATA, "%s: names %zu classes for %zu outputs", r->model, f->set.n, c->outputs);
	if (c->task)
		return;
	if (!f->set.n && task != TASK_REGRESS)
		cli_die(ERR_DATA, "%s: does not name its classes; timport learns them, tgraft --head names them", r->data.name);
	c->task = task;
	c->pool = task == TASK_TAG || task == TASK_NONE ? POOL_MEAN : f->pool >= 0 ? (enum pool)f->pool :
	    encoder ? POOL_MEAN : POOL_LAST;
	c->outputs = outputs_of(f, task, &r->data);
}

void
finetune_adapters(struct train_run *r)
{
	struct err e;
	struct finetune *f = r->fine;
	if (!f->lora && (cli_given(&f->lora_alpha) || f->lora_targets))
		cli_die(ERR_USAGE, "--lora-alpha and --lora-targets are of new adapters: --lora RANK");
	if (!f->lora)
		return;
	if (r->cfg.lora_rank)
		cli_die(ERR_USAGE, "%s has adapters, which are trained anyway; tgraft merges or removes them", r->model);
	r->cfg.lora_rank = f->lora;
	r->cfg.lora_alpha = f->lora_alpha > 0 ? f->lora_alpha : 2 * (double)f->lora;
	r->cfg.lora_targets = config_lora_targets(f->lora_targets ? f->lora_targets : "query,value", &e);
	if (!r->cfg.lora_targets)
		cli_fail(&e);
}

static void
check_metric(const struct train_run *r, enum task task)
{
	const struct finetune *f = r->fine;
	enum measure m = f->metric < 0 ? MEASURE_LOSS : (enum measure)f->metric;
	bool smoothing = cli_given(&f->smoothing);
	bool fits = task == TASK_NONE ? m == MEASURE_LOSS || m == MEASURE_ACCURACY : measure_applies(m, task);
	if (!fits)
		cli_die(ERR_USAGE, "--metric %s does not apply to --task %s", measure_name(m), finetune_tasks[f->task]);
	if (task == TASK_NONE && (f->class_weights || smoothing || f->pool >= 0 || f->truncate))
		cli_die(ERR_USAGE, "--class-weights, --label-smoothing, --pool and --truncate are for labelled records, not for --task %s",
		    finetune_tasks[f->task]);
	if (task == TASK_TAG && (f->pool >= 0 || f->truncate))
		cli_die(ERR_USAGE, "--pool and --truncate are for records that are labelled as a whole, not for --task tag");
	if (task == TASK_REGRESS && (f->class_weights || smoothing))
		cli_die(ERR_USAGE, "--class-weights and --label-smoothing are for classes, not for numbers");
	if (smoothing && task == TASK_MULTILABEL)
		cli_die(ERR_USAGE, "--label-smoothing is for classes of which one holds");
}

static void
choose_steps(struct train_run *r)
{
	uint64_t rows, epochs = r->fine->epochs;
	if (!epochs)
		return;
	if (cli_given(&r->steps))
		cli_die(ERR_USAGE, "--epochs is instead of --steps");
	if (r->data.map && !r->data.records)
		cli_die(ERR_DATA, "%s: there are no records", r->data.name);
	if (!r->data.records)
		cli_die(ERR_USAGE, "--epochs needs a file, whose records can be counted; give --steps");
	if (__builtin_mul_overflow(r->data.records, epochs, &rows))
		cli_die(ERR_USAGE, "too many epochs");
	r->steps = (rows + r->batch - 1) / r->batch;
}

/* The task, with its head or that for the language. */
static void
choose_task(struct train_run *r, const char *data)
{
	struct err e;
	struct finetune *f = r->fine;
	if (f->task < 0)
		f->task = guess(&r->cfg, row_source_head(&r->data));
	enum task task = head_of(f->task);
	check_metric(r, task);
	if (task == TASK_NONE) {
		r->objective = OBJECTIVE_CAUSAL;
		if (config_traits(&r->cfg)->encoder)
			cli_die(ERR_USAGE, "a %s model does not continue text: --task chat needs gpt2 or llama", config_traits(&r->cfg)->name);
		if (row_source_use(&r->data, ROWS_NEXT, &e))
			cli_fail(&e);
		if (r->data.cut)
			cli_die(ERR_DATA, "%s: has no targets; tchat makes rows that say what is trained", r->data.name);
	} else {
		r->objective = OBJECTIVE_TASK;
		choose_head(r, task);
	}
	struct stat st;
	bool balanced = f->class_weights && strcmp(f->class_weights, "balanced") == 0;
	if (balanced && (!data || stat(data, &st) || !S_ISREG(st.st_mode)))
		cli_die(ERR_USAGE, "--class-weights balanced counts the labels first: it needs a file");
}

void
finetune_choose(struct train_run *r, const char *data)
{
	if (r->fine->judging)
		judging_choose(r);
	else
		choose_task(r, data);
	if ((r->fine->patience || r->fine->metric >= 0) && !r->eval)
		cli_die(ERR_USAGE, "--metric and --patience need records to measure: --eval FILE");
	finetune_adapters(r);
	choose_steps(r);
}

void
finetune_label(struct train_run *r, struct row_source *s, struct row_labels *l)
{
	struct err e;
	struct label_set theirs = {0};
	const struct finetune *f = r->fine;
	if (row_labels_open(l, row_source_head(s), s->name, &r->cfg, &f->set, true, &e) ||
	    label_set_read(&theirs, row_source_head(s), s->name, &e))
		cli_fail(&e);
	for (size_t i = 0; i < theirs.n && r->cfg.task != TASK_REGRESS; i++)
		if (label_set_find(&f->set, theirs.names[i], strlen(theirs.names[i])) < 0)
			cli_die(ERR_DATA, "%s: class `%.60s' is not one of the model's %zu; tgraft --head gives the model others",
			    s->name, theirs.names[i], f->set.n);
	label_set_free(&theirs);
	row_source_label(s, l);
	s->truncate = f->truncate && r->cfg.task != TASK_TAG;
}

/* ---- weights of classes ---- */

static void
listed_weights(struct finetune *f, const struct config *c)
{
	size_t k = c->outputs;
	const char *s = f->class_weights;
	double sum = 0;
	for (size_t i = 0; i < k; i++) {
		char *end;
		f->weights[i] = strtod(s, &end);
		if (end == s || !(f->weights[i] >= 0) || !isfinite(f->weights[i]) || *end != (i + 1 < k ? ',' : 0))
			cli_die(ERR_USAGE, "--class-weights: needs %zu numbers of at least 0, with commas between them, or balanced", k);
		sum += f->weights[i];
		s = end + 1;
	}
	if (!(sum > 0) && c->task != TASK_MULTILABEL)
		cli_die(ERR_USAGE, "--class-weights: one of them must be above 0");
}

/* All points / (classes x points of the class), as scikit-learn balances; of multilabel, negatives / positives. */
static void
balanced_weights(struct train_run *r, const char *data)
{
	struct err e;
	struct finetune *f = r->fine;
	struct row_source s;
	struct row_labels l;
	struct rows rows = {0};
	size_t k = r->cfg.outputs;
	double all = 0;
	int got;
	train_open_rows(r, &s, data);
	finetune_label(r, &s, &l);
	while ((got = row_source_next(&s, &rows, &e)) > 0) {
		for (size_t i = 0; r->cfg.task == TASK_TAG && i < rows.tokens; i++)
			if (rows.targets[i] != TARGET_NONE)
				f->weights[rows.targets[i]]++;
		for (size_t i = 0; r->cfg.task == TASK_MULTILABEL && i < k; i++)
			f->weights[i] += (double)rows.values[i];
		if (r->cfg.task == TASK_CLASSIFY)
			f->weights[rows.ends[0].label]++;
		all += r->cfg.task == TASK_TAG ? (double)rows.trained : 1;
		rows_reset(&rows);
	}
	if (got < 0)
		cli_fail(&e);
	for (size_t i = 0; i < k; i++) {
		double n = f->weights[i];
		f->weights[i] = !(n > 0) ? 1 : r->cfg.task == TASK_MULTILABEL ? (all - n) / n : all / ((double)k * n);
	}
	rows_free(&rows);
	row_source_close(&s);
	row_labels_close(&l);
}

/* ---- what is trained, and how fast ---- */

/* Layers below the head: 0 for what comes after the blocks. */
static size_t
depth_of(const struct param *p, size_t layers)
{
	if (p->slot <= SLOT_EMBED_NORM_B)
		return layers + 1;
	return p->slot <= SLOT_DOWN_B || p->slot >= SLOT_LORA ? layers - p->layer : 0;
}

void
finetune_how(struct train_run *r)
{
	const struct finetune *f = r->fine;
	struct trainer *t = &r->trainer;
	for (size_t i = 0; i < t->table->n; i++) {
		struct training *how = &t->how[i];
		size_t depth = depth_of(&t->table->items[i], t->cfg->layers);
		how->rate = pow(f->layer_decay, (double)depth);
		if (how->since != UINT64_MAX && f->unfreeze)
			how->since = depth * f->unfreeze;
	}
	for (size_t j = 0; j < f->freeze.n; j++) {
		size_t matched = train_freeze(t, f->freeze.items[j]);
		if (!matched)
			cli_die(ERR_USAGE, "--freeze: no tensor is called `%s'", f->freeze.items[j]);
	}
}

void
finetune_open(struct train_run *r, const char *data)
{
	struct err e;
	struct finetune *f = r->fine;
	if (f->class_weights && !(f->weights = mem_zalloc(r->cfg.outputs, sizeof *f->weights, "weights of classes", &e)))
		cli_fail(&e);
	if (f->class_weights && strcmp(f->class_weights, "balanced") == 0)
		balanced_weights(r, data);
	else if (f->class_weights)
		listed_weights(f, &r->cfg);
	struct labelled_loss loss = {.weights = f->weights, .smoothing = f->smoothing};
	if (f->judging)
		judging_open(r);
	if (r->objective == OBJECTIVE_TASK && task_open(&f->trainer, &r->trainer, &loss, &e))
		cli_fail(&e);
	train_freeze_as_told(r);
	finetune_how(r);
	trainer_plan(&r->trainer);
	if (!trainer_trainable(&r->trainer))
		cli_die(ERR_USAGE, "every tensor is frozen");
}

void
finetune_announce(const struct train_run *r)
{
	if (r->cfg.task != r->file.cfg.task)
		cli_warn("new head: %s with %zu outputs", config_task_name(r->cfg.task), r->cfg.outputs);
	if (r->cfg.value != r->file.cfg.value)
		cli_warn("new head: value");
	cli_warn("training %zu of %zu numbers (%.2f %%)", trainer_trainable(&r->trainer), r->table.count,
	    100 * (double)trainer_trainable(&r->trainer) / (double)r->table.count);
}

/* ---- evaluation ---- */

void
finetune_evaluate(struct train_run *r, struct row_source *s, double out[MEASURES])
{
	struct err e;
	struct trainer *t = &r->trainer;
	struct finetune *f = r->fine;
	struct predictions p = {0};
	struct eval_sums sums = {0};
	if (f->judging) {
		judging_evaluate(r, s, out);
		return;
	}
	for (int got = 1; got > 0;) {
		got = train_read_eval(r, s, r->batch);
		if (r->objective != OBJECTIVE_TASK)
			lm_evaluate(&t->trunk, &t->head, t->w, &r->eval_rows, t->opts.max_tokens, &t->out, &sums);
		else if (task_predict(&f->trainer.head, &t->trunk, t->w, &r->eval_rows, t->opts.max_tokens, &p, &e))
			cli_fail(&e);
	}
	if (r->objective == OBJECTIVE_TASK ? p.n == 0 : sums.trained == 0)
		cli_die(ERR_DATA, "%s: there is nothing to measure", s->name);
	if (r->objective == OBJECTIVE_TASK) {
		if (predictions_finish(&p, f->set.names, &e) || measure(&p, NULL, out, &e))
			cli_fail(&e);
	} else {
		out[MEASURE_LOSS] = sums.nll / (double)sums.trained;
		out[MEASURE_ACCURACY] = (double)sums.correct / (double)sums.trained;
	}
	predictions_free(&p);
}

void
finetune_close(struct finetune *f)
{
	if (f->judging)
		judging_close(f->judging);
	task_close(&f->trainer);
	row_labels_close(&f->labels);
	row_labels_close(&f->eval_labels);
	label_set_free(&f->set);
	free(f->weights);
}
