/* Any bytes as a foreign tokenizer: what is accepted encodes any text, and is the same after it was written. The first byte
 * says which reader: j tokenizer.json, m vocab.json and merges.txt (after a NUL), r ranks, w words. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/encode.h"
#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
need(int ok)
{
	if (!ok)
		abort();
}

static void
encode(const struct vocab *v, const uint8_t *text, size_t n)
{
	struct err e;
	struct ids ids = {0};
	struct encoder *x = encoder_new(v, &e);
	need(x != NULL);
	for (int special = 0; special < 2; special++)
		need((special ? encode_with_special(x, text, n, &ids, &e) : encode_text(x, text, n, &ids, &e)) == 0);
	for (size_t i = 0; i < ids.n; i++)
		need(ids.v[i] >= 0 && (size_t)ids.v[i] < v->n && v->tokens[ids.v[i]].size > 0);
	free(ids.v);
	encoder_free(x);
}

/* ERR_DATA is what tokenizer.json cannot say. */
static void
write_and_read(const struct vocab *v, int exact)
{
	struct err e;
	struct text t = {0};
	struct vocab w;
	struct tokenizer_options o = {.rule = -1};
	if (tokenizer_write(v, &t, &e) == 0) {
		need(tokenizer_read_json(&w, t.p, t.n, &o, &e) == 0);
		need(!exact || memcmp(v->id, w.id, sizeof v->id) == 0);
		vocab_free(&w);
	}
	free(t.p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e;
	struct vocab v;
	struct tokenizer_options o = {.rule = -1};
	if (size < 1)
		return 0;
	const uint8_t *p = data + 1;
	size_t n = size - 1;
	const uint8_t *nul = memchr(p, '\0', n);
	size_t cut = nul ? (size_t)(nul - p) : n, rest = nul ? n - cut - 1 : 0;
	int rc = *data == 'j' ? tokenizer_read_json(&v, p, n, &o, &e)
	    : *data == 'm' ? tokenizer_read_merges(&v, p, cut, p + n - rest, rest, &o, &e)
	    : *data == 'r' ? tokenizer_read_ranks(&v, "cl100k_base", p, n, &o, &e) : tokenizer_read_words(&v, p, n, &o, &e);
	if (rc)
		return 0;
	encode(&v, data, size);
	write_and_read(&v, *data != 'r');
	vocab_free(&v);
	return 0;
}

#include "fuzz/main.inc"
