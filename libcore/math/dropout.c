#include "math/dropout.h"

#include "base/par.h"
#include "base/rng.h"
#include "base/simd.h"

#include <assert.h>

#define LANES 64           /* blocks at once */
#define SPAN (4 * LANES)   /* elements that they decide */

/* The words of LANES blocks from item `first` on: word k of lane l is w[k][l]. Philox4x32-10
 * as in base/rng.c, each line over all lanes. */
KERNEL_INLINE void
philox_lanes(uint32_t w[4][LANES], uint64_t first, uint64_t step, const uint32_t key[2])
{
	uint32_t *restrict c0 = w[0], *restrict c1 = w[1], *restrict c2 = w[2], *restrict c3 = w[3];
	for (size_t l = 0; l < LANES; l++) {
		c0[l] = (uint32_t)(first + l);
		c1[l] = (uint32_t)((first + l) >> 32);
		c2[l] = (uint32_t)step;
		c3[l] = (uint32_t)(step >> 32);
	}
	uint32_t k0 = key[0], k1 = key[1];
	for (int r = 0; r < 10; r++) {
		for (size_t l = 0; l < LANES; l++) {
			uint64_t p0 = (uint64_t)0xD2511F53u * c0[l];
			uint64_t p1 = (uint64_t)0xCD9E8D57u * c2[l];
			c0[l] = (uint32_t)(p1 >> 32) ^ c1[l] ^ k0;
			c1[l] = (uint32_t)p1;
			c2[l] = (uint32_t)(p0 >> 32) ^ c3[l] ^ k1;
			c3[l] = (uint32_t)p0;
		}
		k0 += 0x9E3779B9u;
		k1 += 0xBB67AE85u;
	}
}

/* n elements; `item` is the block of the first. */
KERNEL static void
drop(real *restrict x, size_t n, uint32_t below, real scale, uint64_t item, uint64_t step,
    const uint32_t key[2])
{
	for (size_t i = 0; i < n; i += SPAN, item += LANES) {
		uint32_t w[4][LANES];
		real f[SPAN];
		philox_lanes(w, item, step, key);
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
	uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32) ^ (uint32_t)RNG_DROPOUT << 24};
#pragma omp parallel if (n >= PAR_MIN)
	{
		size_t lo, hi;
		par_share(n, SPAN, &lo, &hi);
		drop(x + lo, hi - lo, below, scale, site << 40 | lo / 4, step, key);
	}
}
