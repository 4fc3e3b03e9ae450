/* mkrows FILE.safetensors - the cases of a golden file as a stream of rows on standard output.
 *
 * `input_ids` and `labels` (I64, of one shape) become ids and targets. With `attention_mask`, a case of an encoder: targets
 * are the labels, a row ends where the mask does, `token_type_ids` are its types. Without, targets are those of the next
 * token, as a causal model shifts them. */
#include "safetensors.h"
#include "support/stream.inc"

enum { IDS, TARGETS, POSITIONS, DOCUMENTS, TYPES, FIELDS };

/* NULL when there is none and it is not needed. */
static double *
tensor(const struct safetensors *s, const char *name, bool needed)
{
	const struct st_tensor *t = st_find(s, name);
	double *v = t ? calloc(t->count, sizeof *v) : NULL;
	if (t ? !v : needed)
		need(err_set(&e, ERR_DATA, "no tensor %s", name));
	if (t)
		need(st_read_double(t, v, t->count, &e));
	return v;
}

int
main(int argc, char **argv)
{
	static const char *const names[FIELDS] = {"ids", "targets", "positions", "documents", "types"};
	struct safetensors s;
	struct ten_head h = {0};
	struct ten_writer *w;
	uint64_t ragged = TEN_RAGGED;
	if (argc != 2)
		return 2;
	need(st_open(&s, argv[1], &e));
	double *ids = tensor(&s, "input_ids", true), *labels = tensor(&s, "labels", true);
	double *mask = tensor(&s, "attention_mask", false), *types = tensor(&s, "token_type_ids", false);
	size_t length = st_find(&s, "input_ids")->shape[1], all = st_find(&s, "input_ids")->count;
	int fields = mask && types ? FIELDS : TYPES;
	snprintf(h.kind, sizeof h.kind, "%s", mask ? "masked" : "rows");
	for (int i = 0; i < fields; i++)
		need(ten_head_add(&h, names[i], TEN_INT, 32, 1, &ragged, &e));
	need(ten_writer_open(&w, to_stdout, &h, NULL, &e));
	int32_t *v = calloc(FIELDS * length, sizeof *v);
	for (size_t at = 0; v && at < all; at += length) {
		size_t n = 0;
		struct ten_value values[FIELDS];
		for (size_t i = 0; i < length; i++) {
			bool last = i + 1 == length;
			v[IDS * length + i] = (int32_t)ids[at + i];
			v[TARGETS * length + i] = mask ? (int32_t)labels[at + i] : last ? -100 : (int32_t)labels[at + i + 1];
			v[POSITIONS * length + i] = (int32_t)i;
			v[DOCUMENTS * length + i] = 0;
			v[TYPES * length + i] = types ? (int32_t)types[at + i] : 0;
			n += !mask || mask[at + i] > 0;
		}
		for (int i = 0; i < fields; i++)
			values[i] = ten_vector(v + (size_t)i * length, n);
		need(ten_write(w, values, &e));
	}
	need(ten_writer_end(w, &e));
	ten_writer_free(w);
	ten_head_free(&h);
	st_close(&s);
	free(v);
	free(ids);
	free(labels);
	free(mask);
	free(types);
	return 0;
}
