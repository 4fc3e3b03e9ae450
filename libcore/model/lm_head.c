#include "model/lm_head.h"

#include <string.h>

#include "math/gemm.h"
#include "math/softmax.h"

/* Chunks hold about 16 Mi logits, so that reading and writing the gradient of the projection
 * once for each chunk stays far below the cost of its product. */
enum { CHUNK_LOGITS = 16 << 20, CHUNK_ROWS = 4096 };

int
lm_head_open(struct lm_head *l, size_t width, size_t vocab, size_t max_tokens, struct err *e)
{
	size_t chunk = CHUNK_LOGITS / vocab / 64 * 64;
	chunk = chunk < 64 ? 64 : chunk > CHUNK_ROWS ? CHUNK_ROWS : chunk;
	chunk = chunk > max_tokens ? max_tokens : chunk;
	*l = (struct lm_head){.width = width, .vocab = vocab, .chunk = chunk};
	for (int pass = 0; pass < 2; pass++) {
		l->logits = arena_carve(&l->arena, chunk * vocab, sizeof(real));
		l->rows = arena_carve(&l->arena, chunk * width, sizeof(real));
		l->drows = arena_carve(&l->arena, chunk * width, sizeof(real));
		l->logp = arena_carve(&l->arena, chunk, sizeof(real));
		l->lse = arena_carve(&l->arena, chunk, sizeof(real));
		l->ent = arena_carve(&l->arena, chunk, sizeof(real));
		l->dlogp = arena_carve(&l->arena, chunk, sizeof(real));
		l->dent = arena_carve(&l->arena, chunk, sizeof(real));
		l->targets = arena_carve(&l->arena, chunk, sizeof *l->targets);
		l->best = arena_carve(&l->arena, chunk, sizeof *l->best);
		l->index = arena_carve(&l->arena, chunk, sizeof *l->index);
		if (pass == 0 && arena_commit(&l->arena, "logits", e))
			return -1;
	}
	return 0;
}

void
lm_head_close(struct lm_head *l)
{
	arena_close(&l->arena);
	memset(l, 0, sizeof *l);
}

/* The next chunk: gathers the rows of h that have a target, from *i on; returns how many. Rows
 * without one are not computed. */
static size_t
gather(struct lm_head *l, const real *h, const int32_t *targets, size_t n, size_t *i)
{
	size_t m = 0;
	for (; *i < n && m < l->chunk; ++*i)
		if (targets[*i] >= 0) {
			l->targets[m] = targets[*i];
			l->index[m++] = *i;
		}
	for (size_t r = 0; r < m; r++)
		memcpy(l->rows + r * l->width, h + l->index[r] * l->width, l->width * sizeof *h);
	return m;
}

static void
clear(const struct lm_out *out, size_t n)
{
	memset(out->logp, 0, n * sizeof *out->logp);
	if (out->entropy)
		memset(out->entropy, 0, n * sizeof *out->entropy);
	if (out->best)
		memset(out->best, 0, n * sizeof *out->best);
}

/* Logits of the gathered chunk, and what is asked of them. */
static void
score_chunk(struct lm_head *l, const real *w, size_t m, bool entropy, const struct lm_out *out)
{
	linear_forward(l->logits, l->rows, w, m, l->width, l->vocab);
	xent_forward(l->logp, l->lse, entropy ? l->ent : NULL, out->best ? l->best : NULL, l->logits,
	    l->targets, m, l->vocab, l->vocab);
	for (size_t r = 0; r < m; r++) {
		size_t i = l->index[r];
		out->logp[i] = l->logp[r];
		if (out->entropy)
			out->entropy[i] = l->ent[r];
		if (out->best)
			out->best[i] = l->best[r];
	}
}

void
lm_head_forward(struct lm_head *l, const real *h, const real *w, const int32_t *targets,
    size_t n, const struct lm_out *out)
{
	clear(out, n);
	for (size_t i = 0, m; (m = gather(l, h, targets, n, &i)) > 0;)
		score_chunk(l, w, m, out->entropy, out);
}

void
lm_head_backward(struct lm_head *l, real *dh, real *dw, const real *dlogp, const real *dent,
    const real *h, const real *w, const int32_t *targets, size_t n, const struct lm_out *out)
{
	clear(out, n);
	memset(dh, 0, n * l->width * sizeof *dh);
	for (size_t i = 0, m; (m = gather(l, h, targets, n, &i)) > 0;) {
		score_chunk(l, w, m, out->entropy || dent, out);
		for (size_t r = 0; r < m; r++) {
			l->dlogp[r] = dlogp[l->index[r]];
			if (dent)
				l->dent[r] = dent[l->index[r]];
		}
		xent_backward(l->logits, l->lse, l->ent, l->targets, l->dlogp, dent ? l->dent : NULL, m,
		    l->vocab, l->vocab);
		linear_backward(l->drows, dw, l->logits, l->rows, w, m, l->width, l->vocab);
		for (size_t r = 0; r < m; r++)
			memcpy(dh + l->index[r] * l->width, l->drows + r * l->width, l->width * sizeof *dh);
	}
}
