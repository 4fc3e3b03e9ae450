/* alter TENSOR INDEX VALUE < model - writes the model with one number of a FLOAT32 field changed,
 * and with hashes that hold: for tests of tools that meet such numbers. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ten.h"

static struct err e;

static void
need(int rc)
{
	if (rc < 0) {
		fprintf(stderr, "alter: %s\n", e.msg);
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	struct ten_reader *r;
	struct ten_writer *w;
	struct ten_membuf out = {0};
	struct ten_writer_opts bulk = {.bulk = true};
	if (argc != 4)
		return 2;
	need(ten_reader_open(&r, 0, "standard input", &e));
	const struct ten_head *h = ten_reader_head(r);
	int at = ten_head_find(h, argv[1]);
	struct ten_value *values = calloc(h->nfields, sizeof *values);
	uint64_t index = strtoull(argv[2], NULL, 10);
	if (at < 0 || !values || ten_read(r, values, &e) != 1 || index >= values[at].count) {
		fprintf(stderr, "alter: there is no number %s of %s\n", argv[2], argv[1]);
		return 1;
	}
	float *copy = malloc(values[at].count * sizeof *copy);
	if (!copy)
		return 1;
	memcpy(copy, values[at].data, values[at].count * sizeof *copy);
	copy[index] = strtof(argv[3], NULL);
	values[at].data = copy;
	need(ten_writer_open(&w, ten_mem_sink(&out), h, &bulk, &e));
	need(ten_write(w, values, &e));
	need(ten_writer_end(w, &e));
	fwrite(out.data, 1, out.size, stdout);
	ten_writer_free(w);
	ten_reader_free(r);
	free(values);
	free(copy);
	free(out.data);
	return fflush(stdout) != 0;
}
