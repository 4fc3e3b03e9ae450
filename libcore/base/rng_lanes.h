/* rng_lanes.h - many of the blocks of rng.h at once, for use inside kernels. */
#ifndef TENON_BASE_RNG_LANES_H
#define TENON_BASE_RNG_LANES_H

#include "base/rng.h"
#include "base/simd.h"

enum { RNG_LANES = 64 };

/* The key of a seed and purpose. */
static inline void
rng_lanes_key(uint32_t key[2], uint64_t seed, enum rng_purpose purpose)
{
	key[0] = (uint32_t)seed;
	key[1] = (uint32_t)(seed >> 32) ^ (uint32_t)purpose << 24;
}

/* The words of RNG_LANES blocks from item `first` on: word k of lane l is w[k][l]. Philox4x32-10
 * as in base/rng.c, each line over all lanes. */
KERNEL_INLINE void
rng_lanes(uint32_t w[4][RNG_LANES], uint64_t first, uint64_t step, const uint32_t key[2])
{
	uint32_t *restrict c0 = w[0], *restrict c1 = w[1], *restrict c2 = w[2], *restrict c3 = w[3];
	for (size_t l = 0; l < RNG_LANES; l++) {
		c0[l] = (uint32_t)(first + l);
		c1[l] = (uint32_t)((first + l) >> 32);
		c2[l] = (uint32_t)step;
		c3[l] = (uint32_t)(step >> 32);
	}
	uint32_t k0 = key[0], k1 = key[1];
	for (int r = 0; r < 10; r++) {
		for (size_t l = 0; l < RNG_LANES; l++) {
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

#endif
