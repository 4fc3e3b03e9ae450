/* Any bytes as a GGUF file: of what is accepted every value and every number can be read. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

static void
touch(const uint8_t *p, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		sink = (uint8_t)(sink ^ p[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e;
	struct gguf g;
	uint64_t whole, n;
	double real;
	if (gguf_parse(&g, data, size, &e)) {
		if (e.code != ERR_DATA || !e.msg[0])
			abort();
		return 0;
	}
	for (size_t i = 0; i < g.nkvs; i++) {
		const struct gguf_value *v = &g.kvs[i].value;
		if (gguf_get(&g, g.kvs[i].key) != v)
			abort();
		gguf_whole(v, &whole);
		gguf_real(v, &real);
		if (v->kind == GGUF_STRING)
			touch(v->data, v->n);
		const uint8_t *at = v->data;
		for (uint64_t k = 0; v->kind == GGUF_ARRAY && v->item == GGUF_STRING && k < v->n; k++) {
			const uint8_t *item = gguf_next(&at, &n);
			touch(item, n);
		}
	}
	for (size_t i = 0; i < g.n; i++) {
		const struct gguf_tensor *t = &g.tensors[i];
		if (gguf_find(&g, t->name) != t || t->count > 8 * size)
			abort();
		float *x = malloc(t->count * sizeof *x);
		if (x)
			gguf_decode(t->type, t->data, t->count, x);
		free(x);
	}
	gguf_close(&g);
	return 0;
}

#include "fuzz/main.inc"
