/* One field of a stream as an array of NumPy: the records along its first dimension. */
#include "npy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "base/mem.h"
#include "common/cli.h"
#include "export/arrayout.h"
#include "export/export.h"

static int
find_field(const struct ten_reader *r, const char *name)
{
	const struct ten_head *h = ten_reader_head(r);
	int at = name ? ten_head_find(h, name) : -1;
	for (size_t i = 0; i < h->nfields && !name; i++) {
		if (h->fields[i].cls != TEN_TEXT && at >= 0)
			cli_die(ERR_USAGE, "%s: has several fields of numbers; --field says which", ten_reader_name(r));
		if (h->fields[i].cls != TEN_TEXT)
			at = (int)i;
	}
	if (at < 0 && name)
		cli_die(ERR_DATA, "%s: has no field `%.60s'", ten_reader_name(r), name);
	if (at < 0 || h->fields[at].cls == TEN_TEXT)
		cli_die(ERR_DATA, "%s: %s", ten_reader_name(r), name ? "the field is text, not numbers" : "has no field of numbers");
	return at;
}

/* As floats: NumPy has no bfloat. */
static void
put_bfloats(struct arrayout *out, const void *data, uint64_t n)
{
	float v[256];
	const uint16_t *p = data;
	for (uint64_t i = 0, m; i < n; i += m) {
		m = n - i < 256 ? n - i : 256;
		for (uint64_t k = 0; k < m; k++)
			v[k] = bfloat_value(p[i + k]);
		arrayout_put(out, v, m * sizeof *v);
	}
}

void
export_npy(const struct export_job *j)
{
	struct err e;
	char header[NPY_MAX_WRITTEN];
	struct arrayout out;
	struct ten_reader *r = cli_reader(j->input);
	const struct ten_head *h = ten_reader_head(r);
	int at = find_field(r, j->field), got;
	const struct ten_field *f = &h->fields[at];
	struct ten_value *v = mem_zalloc(h->nfields, sizeof *v, "fields", &e);
	bool bfloat = f->cls == TEN_BFLOAT;
	struct npy a = {.cls = bfloat ? TEN_FLOAT : (enum ten_class)f->cls, .bits = bfloat ? 32 : f->bits, .rank = f->rank + 1u};
	if (!v)
		cli_fail(&e);
	for (unsigned i = 0; i < f->rank; i++)
		a.dims[i + 1] = f->dims[i] == TEN_RAGGED ? 0 : f->dims[i];
	arrayout_open(&out, j->output);
	for (; (got = ten_read(r, v, &e)) > 0; a.dims[0]++) {
		for (unsigned i = 0; i < f->rank && a.dims[0] == 0; i++)
			a.dims[i + 1] = v[at].dims[i];
		for (unsigned i = 0; i < f->rank; i++)
			if (v[at].dims[i] != a.dims[i + 1])
				cli_die(ERR_DATA, "%s: record %" PRIu64 ": dimension %u of field `%.60s' is %" PRIu64 ", but %" PRIu64
				    " in record 0; rows of an array are alike", ten_reader_name(r), a.dims[0], i + 1, f->name, v[at].dims[i], a.dims[i + 1]);
		if (bfloat)
			put_bfloats(&out, v[at].data, v[at].count);
		else
			arrayout_put(&out, v[at].data, v[at].count * ten_elem_size(f));
	}
	if (got < 0)
		cli_fail(&e);
	arrayout_close(&out, header, npy_format(&a, header), NULL);
	cli_account(j->quiet, "records=%" PRIu64, a.dims[0]);
	free(v);
	ten_reader_free(r);
}
