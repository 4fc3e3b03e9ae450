/* Tokenizers for the tests, as tokenizer.json on standard output:
 *	mktok TOKENIZER     what timport would read, written again
 *	mktok TEXT N        N tokens learnt from a file, with gpt2's rule, and <|endoftext|> */
#include <stdio.h>
#include <stdlib.h>

#include "text/learn.h"
#include "text/tokenizer.h"

static int
learn(struct vocab *v, const char *path, size_t size, struct err *e)
{
	static char text[1 << 20];
	struct counts c = {0};
	struct token end = {.left = -1, .right = -1, .rank = -1, .special = true};
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(text, 1, sizeof text, f) : 0;
	if (!f || fclose(f))
		return err_errno(e, "%s", path);
	vocab_init(v, VOCAB_BPE, PRETOKEN_GPT2);
	int rc = counts_add_text(&c, v->rule, text, n, e) || learn_bpe(v, &c, size - 1, e) ||
	    vocab_add(v, &end, "<|endoftext|>", 13, e) || vocab_finish(v, NULL, NULL, e) ? -1 : 0;
	counts_free(&c);
	return rc;
}

static int
load(struct vocab *v, const char *path, struct err *e)
{
	struct tokenizer_files f;
	struct tokenizer_options o = {.rule = -1};
	if (tokenizer_find(&f, path, e))
		return -1;
	int rc = tokenizer_load_files(v, &f, &o, e);
	tokenizer_files_free(&f);
	return rc;
}

int
main(int argc, char **argv)
{
	struct err e;
	struct vocab v;
	struct text t = {0};
	if (argc != 2 && argc != 3) {
		fputs("usage: mktok TOKENIZER | TEXT N\n", stderr);
		return 2;
	}
	if ((argc == 3 ? learn(&v, argv[1], (size_t)atoi(argv[2]), &e) : load(&v, argv[1], &e)) ||
	    tokenizer_write(&v, &t, &e)) {
		fprintf(stderr, "mktok: %s\n", e.msg);
		return 3;
	}
	int bad = fwrite(t.p, 1, t.n, stdout) != t.n || fclose(stdout);
	free(t.p);
	vocab_free(&v);
	return bad;
}
