/* tvocab - learn a vocabulary from text */
#include <inttypes.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/docbatch.h"
#include "common/vocabio.h"
#include "text/learn.h"

/* Bytes from which on a document is counted in parts, so that memory does not grow with it. */
enum { LONGEST = 1 << 20 };

static const char *const types[] = {"bpe", "byte", "char", NULL};

static uint64_t size = 4096, threads = 0;
static int type, pattern = PRETOKEN_GPT4;
static struct cli_list specials;
static bool no_special, no_bytes, quiet;
static const char *begin, *end, *output;
static struct doc_opts docs = DOC_OPTS_DEFAULT;

static const struct cli_opt opts[] = {
    {'n', "size", "N", CLI_U64, &size, "tokens in all, bytes and special ones included (default 4096)", 1, 1 << 24, 0, false},
    {0, "type", "KIND", CLI_CHOICE, &type, "bpe, byte or char (default bpe)", 0, 0, types, false},
    {0, "pattern", "NAME", CLI_CHOICE, &pattern, "gpt2, gpt4, qwen2 or smollm: which pieces merges stay in (default gpt4)", 0, 0, pretoken_names, false},
    {0, "special", "NAME", CLI_LIST, &specials, "a special token, repeatable (default <|endoftext|>)", 0, 0, 0, false},
    {0, "no-special", NULL, CLI_FLAG, &no_special, "no special tokens", 0, 0, 0, false},
    {0, "begin", "NAME", CLI_TEXT, &begin, "special token before each document, or none (default <|endoftext|>)", 0, 0, 0, false},
    {0, "end", "NAME", CLI_TEXT, &end, "special token after each document, or none (default <|endoftext|>)", 0, 0, 0, false},
    {0, "no-bytes", NULL, CLI_FLAG, &no_bytes, "char only: no tokens for other characters, which ttok then refuses", 0, 0, 0, false},
    DOC_OPTIONS(&docs),
    CLI_OUTPUT(&output),
    CLI_THREADS(&threads, "all cores"),
    CLI_QUIET(&quiet),
};

static const struct cli_tool tool = {"tvocab", "[text ...]", "Learn a vocabulary from text.", opts,
    sizeof opts / sizeof *opts,
    "tvocab -n 2048 stories.txt -o vocab.ten\n"
    "tvocab --type char --no-special stories.txt -o chars.ten"};

/* Counts all documents: each thread has counts of its own, joined at the end. */
static void
count_documents(struct doc_batch *b, struct counts *all)
{
	struct err e;
	struct cli_progress p;
	size_t n = (size_t)omp_get_max_threads();
	struct counts *own = cli_zalloc(n, sizeof *own, "counts");
	cli_progress_start(&p, quiet, "MB", cli_input_bytes(b->files) / 1000000);
	while (doc_batch_next(b)) {
		bool failed = false;
#pragma omp parallel for schedule(dynamic, 16)
		for (size_t i = 0; i < b->n; i++) {
			struct err mine;
			size_t length;
			const char *text = doc_text(b, i, &length);
			struct counts *c = &own[omp_get_thread_num()];
			int rc = type == VOCAB_CHAR ? counts_add_chars(c, text, length, &mine)
			    : counts_add_text(c, (enum pretoken)pattern, text, length, &mine);
#pragma omp critical
			if (rc) {
				failed = true;
				e = mine;
			}
		}
		if (failed)
			cli_fail(&e);
		cli_progress_tick(&p, doc_batch_read(b) / 1000000, "");
	}
	cli_progress_end(&p);
	for (size_t i = 0; i < n; i++) {
		if (counts_join(all, &own[i], &e))
			cli_fail(&e);
		counts_free(&own[i]);
	}
	free(own);
}

static int
add_specials(struct vocab *v, struct err *e)
{
	struct token t = {.left = -1, .right = -1, .rank = -1, .special = true};
	for (size_t i = 0; i < specials.n; i++)
		if (vocab_add(v, &t, specials.items[i], strlen(specials.items[i]), e))
			return -1;
	return 0;
}

static int
learn(struct vocab *v, struct counts *c, struct err *e)
{
	vocab_init(v, (enum vocab_type)type, (enum pretoken)pattern);
	switch (v->type) {
	case VOCAB_BPE:
		return learn_bpe(v, c, size - specials.n, e);
	case VOCAB_CHAR:
		return learn_chars(v, c, e) || (!no_bytes && learn_bytes(v, e)) ? -1 : 0;
	default:
		return learn_bytes(v, e);
	}
}

static const char *
chosen(const char *name)
{
	if (name && strcmp(name, "none") == 0)
		return NULL;
	return name ? name : specials.n ? specials.items[0] : NULL;
}

static void
check_around(const char *option, const char *name)
{
	bool known = !name || strcmp(name, "none") == 0;
	for (size_t i = 0; i < specials.n && !known; i++)
		known = strcmp(name, specials.items[i]) == 0;
	if (!known)
		cli_die(ERR_USAGE, "%s: `%s' is none of the special tokens", option, name);
}

/* Before the text is read, which may take long. */
static void
check_specials(void)
{
	for (size_t i = 0; i < specials.n; i++) {
		size_t n = strlen(specials.items[i]);
		if (n == 0 || n > VOCAB_MAX_TOKEN)
			cli_die(ERR_USAGE, "--special: a name of %zu bytes, must have 1 to %d", n, VOCAB_MAX_TOKEN);
		for (size_t k = 0; k < i; k++)
			if (strcmp(specials.items[k], specials.items[i]) == 0)
				cli_die(ERR_USAGE, "--special: `%s' is there twice", specials.items[i]);
	}
	check_around("--begin", begin);
	check_around("--end", end);
}

static void
check_options(void)
{
	static const char *standard[] = {"<|endoftext|>"};
	if (no_special && specials.n)
		cli_die(ERR_USAGE, "--no-special and --special contradict each other");
	if (!no_special && !specials.n)
		specials = (struct cli_list){standard, 1};
	check_specials();
	if (type != VOCAB_BPE)
		cli_misplaced(&size, "--type bpe", types[type]);
	if (no_bytes && type != VOCAB_CHAR)
		cli_die(ERR_USAGE, "--no-bytes is for --type char");
	if (type == VOCAB_BPE && size < 256 + specials.n)
		cli_die(ERR_USAGE, "a vocabulary of %" PRIu64 " cannot hold the 256 bytes and %zu special tokens",
		    size, specials.n);
}

int
main(int argc, char **argv)
{
	size_t n;
	struct err e;
	struct doc_batch b;
	struct counts c = {0};
	struct vocab v;
	struct ten_head h = {0};
	struct cli_out out;
	char **operands = cli_parse(&tool, argc, argv, &n);
	check_options();
	if (threads)
		omp_set_num_threads((int)threads);
	doc_batch_open(&b, &docs, operands);
	b.longest = LONGEST;
	if (type != VOCAB_BYTE)
		count_documents(&b, &c);
	size_t words = c.n;
	if (learn(&v, &c, &e) || add_specials(&v, &e) || vocab_finish(&v, chosen(begin), chosen(end), &e) ||
	    vocab_head(&h, &v, &e))
		cli_fail(&e);
	cli_open_out(&out, output, &h, NULL, 0, NULL, NULL);
	if (vocab_write(out.w, &v, &e))
		cli_fail(&e);
	cli_close_out(&out);
	if (type == VOCAB_BPE && v.n < size && !quiet)
		cli_warn("no pair occurs twice any more: %zu tokens instead of %" PRIu64, v.n, size);
	cli_account(quiet, "documents=%" PRIu64 " bytes=%" PRIu64 " distinct=%zu tokens=%zu", b.total_docs,
	    b.total_bytes, words, v.n);
	ten_head_free(&h);
	vocab_free(&v);
	counts_free(&c);
	doc_batch_close(&b);
	return 0;
}
