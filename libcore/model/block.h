/* block.h - one transformer block, and what the trunk shares with it. Only trunk.c uses this. */
#ifndef TENON_MODEL_BLOCK_H
#define TENON_MODEL_BLOCK_H

#include "math/act.h"
#include "model/trunk.h"

/* The sizes that every function needs. */
struct dims {
	size_t c, q, kv, qkv, f, wide; /* width; query; key; all three; hidden; up projection */
};

static inline struct dims
dims(const struct config *cfg)
{
	size_t hd = config_head_dim(cfg), q = cfg->heads * hd, kv = cfg->kv_heads * hd;
	size_t wide = cfg->hidden * act_width(config_traits(cfg)->act);
	return (struct dims){cfg->width, q, kv, q + 2 * kv, cfg->hidden, wide};
}

/* The weights or gradients of `slot` in block l; NULL when the family has none. */
const real *wat(const real *base, const struct trunk *t, enum slot slot, size_t l);
/* Likewise NULL when the gradient is not wanted. */
real *at(real *base, const struct trunk *t, enum slot slot, size_t l);

/* The family's norm, layer norm or RMS norm; as in math/norm.h backward adds to dx, dg, db. */
void norm_forward(const struct trunk *t, real *y, real *mean, real *rstd, const real *x, const real *g,
    const real *b, size_t n);
void norm_backward(const struct trunk *t, real *dx, real *dg, real *db, const real *dy, const real *x,
    const real *mean, const real *rstd, const real *g, size_t n);

/* Where dropout happens. */
enum site { SITE_EMBED, SITE_ATTENTION, SITE_MLP, SITES };
void drop(const struct trunk *t, real *x, size_t n, size_t layer, enum site site);

/* From t->acts[l].x to `next` (n, width). */
void block_forward(struct trunk *t, const real *w, const struct batch *b, size_t l, real *next,
    struct kvcache *cache);
/* From t->acts[l].x what backward needs of the block, the bits of forward. t->dn is overwritten. */
void block_again(struct trunk *t, const real *w, const struct batch *b, size_t l);
/* t->dx (n, width): gradient of the block's output on entry, of its input at the end. */
void block_backward(struct trunk *t, const real *w, real *g, const struct batch *b, size_t l);

#endif
