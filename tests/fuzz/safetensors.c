/* Any bytes as a safetensors file: what is accepted can be read to its last element. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e;
	struct safetensors s;
	if (st_parse(&s, data, size, &e))
		return 0;
	for (size_t i = 0; i < s.n; i++) {
		const struct st_tensor *t = &s.tensors[i];
		if (!st_find(&s, t->name) || t->count > size)
			abort();
		double *v = malloc((t->count ? t->count : 1) * sizeof *v);
		if (v && st_read_double(t, v, t->count, &e))
			abort();
		free(v);
	}
	st_close(&s);
	return 0;
}

#include "fuzz/main.inc"
