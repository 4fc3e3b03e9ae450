/* alter TENSOR INDEX VALUE < model - writes the model with one number of a FLOAT32 field changed,
 * and with hashes that hold: for tests of tools that meet such numbers.
 * alter key NAME VALUE - the same with a key-value changed; \n in the value is a line end. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "support/stream.inc"

int
main(int argc, char **argv)
{
	struct ten_reader *r;
	struct ten_writer *w;
	struct ten_writer_opts bulk = {.bulk = true};
	if (argc != 4)
		return 2;
	need(ten_reader_open(&r, 0, "standard input", &e));
	bool key = strcmp(argv[1], "key") == 0;
	struct ten_head head = {0}, *h = &head;
	need(ten_head_copy(h, ten_reader_head(r), &e));
	for (char *p; key && (p = strstr(argv[3], "\\n"));) {
		*p = '\n';
		memmove(p + 1, p + 2, strlen(p + 2) + 1);
	}
	if (key)
		need(ten_head_set_text(h, argv[2], argv[3], &e));
	int at = key ? 0 : ten_head_find(h, argv[1]);
	struct ten_value *values = calloc(h->nfields, sizeof *values);
	uint64_t index = key ? 0 : strtoull(argv[2], NULL, 10);
	if (at < 0 || !values || ten_read(r, values, &e) != 1 || index >= values[at].count) {
		fprintf(stderr, "alter: there is no number %s of %s\n", argv[2], argv[1]);
		return 1;
	}
	float *copy = malloc(values[at].count * sizeof *copy);
	if (!copy)
		return 1;
	memcpy(copy, values[at].data, values[at].count * sizeof *copy);
	if (!key)
		copy[index] = strtof(argv[3], NULL);
	values[at].data = copy;
	need(ten_writer_open(&w, to_stdout, h, &bulk, &e));
	need(ten_write(w, values, &e));
	need(ten_writer_end(w, &e));
	ten_writer_free(w);
	ten_reader_free(r);
	ten_head_free(h);
	free(values);
	free(copy);
	return 0;
}
