/* tgen - continue prompts with a language model */
#include <inttypes.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli.h"
#include "common/modelio.h"
#include "common/prompts.h"
#include "common/vocabio.h"
#include "gen/chat.h"
#include "model/generate.h"
#include "text/encode.h"
#include "text/stops.h"

static const char *model_path, *prompt_text, *system_text, *output;
static uint64_t max_new = 256, top_k, seed = 1, samples = 1, batch = 64, threads;
static double temperature = 1, top_p = 1, min_p, penalty = 1;
static struct cli_list stop_strings;
static bool chat, lines, truncate_left, records, quiet;

static const struct cli_opt opts[] = {
    {'m', "model", "FILE", CLI_TEXT, &model_path, "the model", 0, 0, 0, true},
    {'n', "tokens", "N", CLI_U64, &max_new, "most tokens to generate for a prompt (default 256)", 1, 1e9, 0, false},
    {0, "prompt", "TEXT", CLI_TEXT, &prompt_text, "continue TEXT instead of what is read", 0, 0, 0, false},
    {0, "chat", NULL, CLI_FLAG, &chat, "prompts are what the user says to a chat model; without any, talk line by line", 0, 0, 0, false},
    {0, "system", "TEXT", CLI_TEXT, &system_text, "chat: what the system says first", 0, 0, 0, false},
    {0, "lines", NULL, CLI_FLAG, &lines, "every line of the input is a prompt", 0, 0, 0, false},
    {0, "samples", "K", CLI_U64, &samples, "continuations of each prompt (default 1)", 1, 1e6, 0, false},
    {0, "temperature", "T", CLI_REAL, &temperature, "divides the logits; 0 takes the most probable token (default 1)", 0, 100, 0, false},
    {0, "top-k", "K", CLI_U64, &top_k, "draw among the K most probable tokens; 0 = all (default 0)", 0, 0, 0, false},
    {0, "top-p", "P", CLI_REAL, &top_p, "of those, the fewest that have probability P together (default 1)", 0, 1, 0, false},
    {0, "min-p", "P", CLI_REAL, &min_p, "of those, the ones at least P times as probable as the first (default 0)", 0, 1, 0, false},
    {0, "repetition-penalty", "X", CLI_REAL, &penalty, "divides the logits of tokens that were there before (default 1)", 0.01, 100, 0, false},
    {0, "stop", "TEXT", CLI_LIST, &stop_strings, "end before TEXT would appear; may be repeated", 0, 0, 0, false},
    {0, "truncate", NULL, CLI_FLAG, &truncate_left, "cut the beginning of prompts that are too long; not with --chat", 0, 0, 0, false},
    {0, "records", NULL, CLI_FLAG, &records, "write records with ids and log-probabilities", 0, 0, 0, false},
    {0, "batch", "N", CLI_U64, &batch, "most sequences at a time (default 64)", 1, 65536, 0, true},
    CLI_SEED(&seed),
    CLI_OUTPUT(&output),
    CLI_THREADS(&threads, "all cores"),
    CLI_QUIET(&quiet),
};

static const struct cli_tool tool = {"tgen", "[file ...]", "Continue prompts with a language model.", opts,
    sizeof opts / sizeof *opts,
    "echo 'Once upon a time' | tgen -m gpt.ten -n 100\n"
    "tgen -m gpt.ten --prompt 'The fox' --samples 3 --top-p 0.9 --stop .\n"
    "echo 'What is a tenon joint?' | tgen --chat -m chat.ten --temperature 0\n"
    "tgen -m gpt.ten --lines --records -n 20 -o out.ten stories.txt"};

/* One sequence, from its prompt to when it is written. */
struct item {
	struct ids ids; /* after the end: prompt and completion */
	real *logp;
	char *text;     /* of the completion, without what follows a stop string */
	size_t nlogp, size, cap, shown, prompt;
	bool done;
};

struct job {
	struct model_file model;
	struct vocab_file vocab;
	struct prompts prompts;
	struct chat_session chat;
	struct gen_prompt *starts; /* of each sequence: samples of a prompt are neighbours */
	struct item *items;
	size_t n, next, longest; /* sequences; the next to be written; tokens of the longest prompt */
	struct stops stops;
	struct cli_out out;   /* records, or ... */
	struct outfile text;  /* ... text */
	struct cli_progress progress;
	uint64_t tokens, ends[GEN_STOPPED + 1];
};

/* ---- in ---- */

static void
load_model(struct job *j)
{
	struct err e;
	if (model_load(&j->model, model_path, &e))
		cli_fail(&e);
	if (config_traits(&j->model.cfg)->encoder || j->model.cfg.headless)
		cli_die(ERR_DATA, "%s: the model does not continue text", j->model.path);
	if (!j->model.tokenizer_size)
		cli_die(ERR_DATA, "%s: the model has no vocabulary", j->model.path);
	if (vocab_file_load_mem(&j->vocab, j->model.tokenizer, j->model.tokenizer_size, j->model.path, &e))
		cli_fail(&e);
	if (j->vocab.vocab.n != j->model.cfg.vocab)
		cli_die(ERR_DATA, "%s: the model has %zu tokens, the vocabulary in it %zu", j->model.path,
		    j->model.cfg.vocab, j->vocab.vocab.n);
}

static void
plan_sequences(struct job *j)
{
	if (mul_overflows(j->prompts.n, samples, &j->n))
		cli_die(ERR_USAGE, "too many sequences");
	j->starts = cli_zalloc(j->n, sizeof *j->starts, "sequences");
	j->items = cli_zalloc(j->n, sizeof *j->items, "sequences");
	for (size_t i = 0; i < j->n; i++) {
		const struct ids *ids = &j->prompts.items[i / samples].ids;
		j->starts[i] = (struct gen_prompt){ids->v, ids->n, i};
	}
}

/* ---- out ---- */

static void
open_output(struct job *j)
{
	struct err e;
	struct ten_head h = {.kind = "completions"};
	const struct ten_head *inputs[1] = {&j->model.head};
	uint64_t ragged = TEN_RAGGED;
	char size[24];
	if (!records) {
		if (outfile_open(&j->text, output, 0666, &e))
			cli_fail(&e);
		return;
	}
	snprintf(size, sizeof size, "%zu", j->vocab.vocab.n);
	if (ten_head_add(&h, "ids", TEN_INT, 32, 1, &ragged, &e) ||
	    ten_head_add(&h, "prompt_length", TEN_INT, 32, 0, NULL, &e) ||
	    ten_head_add(&h, "logprobs", TEN_FLOAT, 32, 1, &ragged, &e) ||
	    ten_head_add(&h, "text", TEN_TEXT, 8, 1, &ragged, &e) ||
	    ten_head_set_text(&h, "tokenizer", j->vocab.id, &e) ||
	    ten_head_set_text(&h, "vocab_size", size, &e))
		cli_fail(&e);
	cli_open_out(&j->out, output, &h, inputs, 1, &seed, NULL);
	ten_head_free(&h);
}

static void
put(struct job *j, const char *text, size_t n)
{
	struct err e;
	if (n && outfile_write(&j->text, text, n, &e))
		cli_fail(&e);
}

static void
write_item(struct job *j, size_t i)
{
	struct item *it = &j->items[i];
	const struct prompt *p = &j->prompts.items[i / samples];
	int32_t prompt = (int32_t)it->prompt;
	if (records) {
		struct ten_value values[4] = {ten_vector(it->ids.v, it->ids.n), ten_vector(&prompt, 1),
		    ten_vector(it->logp, it->nlogp), ten_vector(it->text, it->size)};
		cli_write(&j->out, values);
	} else {
		if (j->n > 1 && !chat)
			put(j, p->text, p->n);
		put(j, it->text + it->shown, it->size - it->shown);
		put(j, "\n", 1);
	}
	free(it->ids.v);
	free(it->logp);
	free(it->text);
	*it = (struct item){.done = true};
}

/* ---- what generation calls ---- */

/* Adds a token's bytes to its text; ends at a stop string. A single sequence is shown as it grows. */
static bool
on_token(void *ctx, const struct gen_result *r)
{
	struct job *j = ctx;
	struct item *it = &j->items[r->item];
	struct err e;
	size_t n;
	int32_t id = r->ids[r->n - 1];
	const uint8_t *bytes = vocab_bytes(&j->vocab.vocab, id, &n);
	if (j->vocab.vocab.tokens[id].special && !(j->vocab.vocab.tokens[id].match & MATCH_ALWAYS))
		n = 0;
	if (mem_grow(&it->text, &it->cap, it->size + n + 1, 1, "text", &e))
		cli_fail(&e);
	memcpy(it->text + it->size, bytes, n);
	size_t known = it->size, at = stops_find(&j->stops, it->text, it->size + n, known);
	bool stop = at < it->size + n;
	it->size = at;
	cli_progress_tick(&j->progress, ++j->tokens, "");
	if (j->n == 1 && !records && !stop) {
		size_t settled = stops_settled(&j->stops, it->text, it->size);
		if (settled > it->shown) {
			put(j, it->text + it->shown, settled - it->shown);
			it->shown = settled;
		}
	}
	return stop;
}

static int
on_done(void *ctx, const struct gen_result *r, struct err *e)
{
	struct job *j = ctx;
	struct item *it = &j->items[r->item];
	it->prompt = r->prompt;
	it->nlogp = r->n - r->prompt;
	it->done = true;
	j->ends[r->reason]++;
	if (records) {
		it->logp = mem_zalloc(it->nlogp, sizeof *it->logp, "log-probabilities", e);
		if (!it->logp || mem_grow(&it->ids.v, &it->ids.cap, r->n, sizeof *it->ids.v, "tokens", e))
			return -1;
		memcpy(it->logp, r->logp, it->nlogp * sizeof *it->logp);
		memcpy(it->ids.v, r->ids, r->n * sizeof *r->ids);
		it->ids.n = r->n;
	}
	while (j->next < j->n && j->items[j->next].done)
		write_item(j, j->next++);
	return 0;
}

static struct gen_opts
options(const struct job *j)
{
	struct gen_opts o = {{temperature, top_p, min_p, penalty, top_k}, max_new, j->vocab.vocab.end, seed};
	if (chat && j->chat.template.stop)
		o.end = j->chat.options.end;
	return o;
}

static void
run(struct job *j)
{
	struct err e;
	struct generator g;
	struct gen_opts o = options(j);
	struct gen_sink sink = {on_token, on_done, j};
	size_t slots = batch < j->n ? batch : j->n;
	if (generator_open(&g, &j->model.cfg, &j->model.table, slots, j->longest + max_new, &e))
		cli_fail(&e);
	if (j->n == 1 && !records && !chat)
		put(j, j->prompts.items[0].text, j->prompts.items[0].n);
	cli_progress_start(&j->progress, quiet || (j->n == 1 && !records), "tokens", 0);
	if (generate(&g, j->model.w, j->starts, j->n, &o, &sink, &e))
		cli_fail(&e);
	cli_progress_end(&j->progress);
	generator_close(&g);
	if (records)
		cli_close_out(&j->out);
	else if (outfile_commit(&j->text, &e))
		cli_fail(&e);
}

static void
read_prompts(struct job *j, char **files, size_t n)
{
	if (prompt_text)
		prompts_add(&j->prompts, prompt_text, strlen(prompt_text));
	for (size_t i = 0; i < n; i++)
		prompts_read(&j->prompts, files[i], lines);
	if (!prompt_text && !n)
		prompts_read(&j->prompts, NULL, lines);
	if (!j->prompts.n)
		cli_die(ERR_DATA, "the input has no lines: nothing to continue");
}

int
main(int argc, char **argv)
{
	size_t n;
	static struct job j;
	char **files = cli_parse(&tool, argc, argv, &n);
	if (!model_path)
		cli_die(ERR_USAGE, "needs the model: -m FILE");
	if (prompt_text && n)
		cli_die(ERR_USAGE, "--prompt TEXT takes the place of files");
	for (size_t i = 0; i < stop_strings.n; i++)
		if (!*stop_strings.items[i])
			cli_die(ERR_USAGE, "--stop: the text is empty");
	j.stops = (struct stops){stop_strings.items, stop_strings.n};
	if (threads)
		omp_set_num_threads((int)threads);
	if (system_text && !chat)
		cli_die(ERR_USAGE, "--system is for --chat");
	if (truncate_left && chat)
		cli_die(ERR_USAGE, "--truncate is not for --chat: what begins a prompt there is the template's");
	bool talk = chat && !prompt_text && !n && !lines;
	if (talk && (records || samples > 1 || output || stop_strings.n))
		cli_die(ERR_USAGE, "a conversation has neither --records, --samples, --stop nor -o; give prompts with --lines or --prompt");
	if (!talk)
		read_prompts(&j, files, n);
	load_model(&j);
	if (chat) {
		struct gen_opts o = options(&j);
		chat_open(&j.chat, &j.model, &j.vocab, system_text, &o);
	}
	if (talk) {
		chat_dialogue(&j.chat);
		cli_account(quiet, "answers=%" PRIu64 " tokens=%" PRIu64 " seed=%" PRIu64, j.chat.answers, j.chat.generated, seed);
		chat_close(&j.chat);
		vocab_file_free(&j.vocab);
		model_close(&j.model);
		return 0;
	}
	j.longest = chat ? chat_encode(&j.chat, &j.prompts)
	    : prompts_encode(&j.prompts, &j.vocab.vocab, j.model.cfg.context, max_new, truncate_left);
	plan_sequences(&j);
	open_output(&j);
	run(&j);
	cli_account(quiet, "prompts=%zu sequences=%zu tokens=%" PRIu64 " ended=%" PRIu64 " length=%" PRIu64
	    " full=%" PRIu64 " stopped=%" PRIu64 " seed=%" PRIu64, j.prompts.n, j.n, j.tokens, j.ends[GEN_END],
	    j.ends[GEN_LENGTH], j.ends[GEN_FULL], j.ends[GEN_STOPPED], seed);
	free(j.starts);
	free(j.items);
	prompts_free(&j.prompts);
	chat_close(&j.chat);
	vocab_file_free(&j.vocab);
	model_close(&j.model);
	return 0;
}
