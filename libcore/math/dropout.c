#include "math/dropout.h"

#include "base/par.h"
#include "base/rng_lanes.h"
#include "base/simd.h"

#include <assert.h>

#define LANES RNG_LANES    /* blocks at once */
#define SPAN (4 * LANES)   /* elements that they decide */

/* n elements; `item` is the block of the first. */
KERNEL static void
drop(real *restrict x, size_t n, uint32_t below, real scale, uint64_t item, uint64_t step,
    const uint32_t key[2])
{
	for (size_t i = 0; i < n; i += SPAN, item += LANES) {
		uint32_t w[4][LANES];
		real f[SPAN];
		rng_lanes(w, item, step, key);
		for (size_t l = 0; l < LANES; l++)
			for (size_t k = 0; k < 4; k++)
				f[4 * l + k] = w[k][l] < below ? 0 : scale;
		size_t m = n - i < SPAN ? n - i : SPAN;
		for (size_t k = 0; k < m; k++)
			x[i + k] *= f[k];
	}
}

void
dropout(real *x, size_t n, double p, uint64_t seed, uint64_t step, uint64_t site)
{
	assert(p >= 0 && p < 1 && site < (uint64_t)1 << 24 && n < (uint64_t)1 << 42);
	uint32_t below = (uint32_t)(p * 0x1p32);
	if (below == 0)
		return;
	real scale = (real)(1 / (1 - p));
	uint32_t key[2];
	rng_lanes_key(key, seed, RNG_DROPOUT);
#pragma omp parallel if (n >= PAR_MIN)
	{
		size_t lo, hi;
		par_share(n, SPAN, &lo, &hi);
		drop(x + lo, hi - lo, below, scale, site << 40 | lo / 4, step, key);
	}
}
