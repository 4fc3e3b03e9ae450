/* Both readers over any bytes, as they are and with all hashes made right: nothing is read out
 * of bounds, a refusal names its reason, and the readers agree. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ten.h"
#include "ten_repair.inc"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

/* Touches every byte of a record. */
static void
touch(const struct ten_head *h, const struct ten_value *v)
{
	for (size_t f = 0; f < h->nfields; f++) {
		const uint8_t *p = v[f].data;
		uint64_t n = v[f].count * ten_elem_size(&h->fields[f]), product = 1;
		for (uint64_t i = 0; i < n; i++)
			sink = (uint8_t)(sink ^ p[i]);
		for (unsigned k = 0; k < h->fields[f].rank; k++)
			product *= v[f].dims[k];
		if (product != v[f].count)
			abort();
	}
}

static long
finish(long rc, const struct err *e)
{
	if (rc < 0 && e->code != ERR_DATA && e->code != ERR_UPSTREAM && e->code != ERR_RUNTIME)
		abort();
	if (rc < 0 && !e->msg[0])
		abort();
	return rc < 0 ? -1 : rc;
}

static long
stream(const uint8_t *p, size_t n)
{
	struct err e = {0};
	struct ten_reader *r;
	long k = 0;
	if (ten_reader_open_mem(&r, p, n, "input", &e))
		return finish(-1, &e);
	const struct ten_head *h = ten_reader_head(r);
	struct ten_value *v = calloc(h->nfields, sizeof *v);
	int rc;
	while ((rc = ten_read(r, v, &e)) > 0) {
		touch(h, v);
		k++;
	}
	free(v);
	ten_reader_free(r);
	return finish(rc ? -1 : k, &e);
}

static long
map(const uint8_t *p, size_t n)
{
	struct err e = {0};
	struct ten_map *m;
	long k = 0, rc = 0;
	if (ten_map_open_mem(&m, p, n, "input", &e))
		return finish(-1, &e);
	const struct ten_head *h = ten_map_head(m);
	struct ten_value *v = calloc(h->nfields, sizeof *v);
	for (uint64_t i = 0; !rc && i < ten_map_records(m); i++, k++)
		if (!(rc = ten_map_get(m, i, v, &e)))
			touch(h, v);
	free(v);
	ten_map_free(m);
	return finish(rc ? -1 : k, &e);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *p = malloc(size ? size : 1), *odd = malloc(size + 1);
	memcpy(p, data, size);
	for (int repaired = 0; repaired < 2; repaired++) {
		if (repaired)
			repair_hashes(p, size);
		memcpy(odd + 1, p, size);
		long k = stream(p, size);
		/* memory that cannot be used where it lies is copied, with the same result */
		if (map(p, size) != k || stream(odd + 1, size) != k)
			abort();
	}
	free(odd);
	free(p);
	return 0;
}

#include "main.inc"
