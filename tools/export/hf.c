/* A model as a folder of Hugging Face's. */
#include <stdlib.h>
#include <string.h>

#include "common/cli.h"
#include "export/folder.h"

/* What such a folder cannot hold. */
static void
check(const struct model_file *m)
{
	const struct config *c = &m->cfg;
	const struct arch_traits *t = config_traits(c);
	if (c->task != TASK_NONE || c->value || c->projection)
		cli_die(ERR_DATA, "%s: has a head that this format has no place for; tgraft --drop-head task, value or projection takes it away",
		    m->path);
	if (c->unnormed)
		cli_die(ERR_DATA, "%s: has no norm after the last block, which this format cannot say", m->path);
	if (t->encoder && !c->post_norm)
		cli_die(ERR_DATA, "%s: has norms before each branch, which a %s model of this format has after it", m->path, t->name);
	if (c->arch == ARCH_GPT2 && c->kv_heads != c->heads)
		cli_die(ERR_DATA, "%s: its heads share keys and values, which a gpt2 model of this format cannot", m->path);
	if (c->qkv_bias && c->head_size)
		cli_die(ERR_DATA, "%s: has biases and a head size of its own, which no architecture of this format has", m->path);
}

void
export_hf(const struct export_job *j)
{
	struct err e;
	struct model_file m;
	struct vocab_file v = {0};
	struct outfolder to;
	if (model_load(&m, j->input, &e))
		cli_fail(&e);
	check(&m);
	if (m.tokenizer_size && vocab_file_load_mem(&v, m.tokenizer, m.tokenizer_size, m.path, &e))
		cli_fail(&e);
	enum export_type t = stored_type(&m, j->type);
	if (outfolder_open(&to, j->output, &e))
		cli_fail(&e);
	put_config(&to, &m.cfg, m.tokenizer_size ? &v.vocab : NULL, t);
	size_t n = put_weights(&to, &m, t);
	if (m.tokenizer_size)
		put_tokenizer(&to, &v.vocab, &m.cfg);
	if (outfolder_commit(&to, &e))
		cli_fail(&e);
	static const char *const names[] = {"f32", "f16", "bf16"};
	cli_account(j->quiet, "family=%s parameters=%zu tensors=%zu type=%s", config_traits(&m.cfg)->name, m.table.count, n, names[t]);
	vocab_file_free(&v);
	model_close(&m);
}
