/* Vocabularies made of any bytes, and text encoded and decoded with those that hold: what is
 * accepted loses nothing. The input: a byte of type, a byte of how many tokens, tokens as
 * (size, left, right, rank, bytes ...), then text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/encode.h"
#include "text/learn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
need(int ok)
{
	if (!ok)
		abort();
}

static size_t
add_tokens(struct vocab *v, const uint8_t *p, size_t n, size_t count)
{
	struct err e;
	size_t at = 0;
	for (size_t i = 0; i < count && at + 4 <= n; i++) {
		size_t bytes = p[at] % 16;
		struct token t = {.left = (int32_t)p[at + 1] - 1, .right = (int32_t)p[at + 2] - 1,
		    .rank = (int32_t)p[at + 3] - 1, .special = p[at] >= 128};
		at += 4;
		bytes = bytes > n - at ? n - at : bytes;
		if (vocab_add(v, &t, p + at, bytes, &e))
			break;
		at += bytes;
	}
	return at;
}

static void
round_trip(const struct vocab *v, const uint8_t *text, size_t n)
{
	struct err e;
	struct ids ids = {0};
	struct encoder *x = encoder_new(v, &e);
	size_t at = 0;
	need(x != NULL);
	for (int special = 0; special < 2; special++) {
		int rc = special ? encode_with_special(x, text, n, &ids, &e) : encode_text(x, text, n, &ids, &e);
		need(rc == 0 || v->type == VOCAB_CHAR);
		at = 0;
		for (size_t i = 0; rc == 0 && i < ids.n; i++) {
			size_t size;
			const uint8_t *bytes = vocab_bytes(v, ids.v[i], &size);
			need(at + size <= n && memcmp(text + at, bytes, size) == 0);
			at += size;
		}
		need(rc || at == n);
		ids.n = 0;
	}
	free(ids.v);
	encoder_free(x);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e;
	struct vocab v;
	if (size < 2)
		return 0;
	vocab_init(&v, data[0] % VOCAB_WORDPIECE, data[0] / 3 % PRETOKEN_COUNT);
	size_t count = data[1] % 64;
	if (!(data[0] & 64) && learn_bytes(&v, &e))
		abort();
	size_t at = 2 + add_tokens(&v, data + 2, size - 2, count);
	if (vocab_finish(&v, NULL, NULL, &e) == 0)
		round_trip(&v, data + at, size - at);
	vocab_free(&v);
	return 0;
}

#include "fuzz/main.inc"
