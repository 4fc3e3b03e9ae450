/* mktok VOCAB.TOK... - reads a tokenizer as timport does and writes it as tokenizer.json to standard output. */
#include <stdio.h>

#include "text/tokenizer.h"

int
main(int argc, char **argv)
{
	struct err e;
	struct vocab v;
	struct text t = {0};
	if (argc != 2) {
		fputs("usage: mktok FILE\n", stderr);
		return 2;
	}
	if (tokenizer_load(&v, argv[1], &e) || tokenizer_write(&v, &t, &e)) {
		fprintf(stderr, "mktok: %s\n", e.msg);
		return 3;
	}
	return fwrite(t.p, 1, t.n, stdout) != t.n || fclose(stdout);
}
