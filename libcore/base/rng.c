#include "base/rng.h"

#include <math.h>

void
rng_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2])
{
	uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
	uint32_t k0 = key[0], k1 = key[1];
	for (int r = 0; r < 10; r++) {
		uint64_t p0 = (uint64_t)0xD2511F53u * c0;
		uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
		c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
		c1 = (uint32_t)p1;
		c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
		c3 = (uint32_t)p0;
		k0 += 0x9E3779B9u;
		k1 += 0xBB67AE85u;
	}
	out[0] = c0;
	out[1] = c1;
	out[2] = c2;
	out[3] = c3;
}

/* The counter holds step (64) and item (64); the purpose and the draw are mixed
 * into the key, whose other half is the folded seed. */
static void
block(uint32_t out[4], uint64_t seed, enum rng_purpose purpose, uint32_t draw,
    uint64_t step, uint64_t item)
{
	uint32_t counter[4] = {(uint32_t)item, (uint32_t)(item >> 32), (uint32_t)step,
	    (uint32_t)(step >> 32)};
	uint32_t key[2] = {(uint32_t)seed,
	    (uint32_t)(seed >> 32) ^ ((uint32_t)purpose << 24) ^ draw};
	rng_philox(out, counter, key);
}

uint64_t
rng_u64(uint64_t seed, enum rng_purpose purpose, uint64_t step, uint64_t item)
{
	uint32_t w[4];
	block(w, seed, purpose, 0, step, item);
	return (uint64_t)w[1] << 32 | w[0];
}

double
rng_uniform(uint64_t seed, enum rng_purpose purpose, uint64_t step, uint64_t item)
{
	return (double)(rng_u64(seed, purpose, step, item) >> 11) * 0x1p-53;
}

double
rng_normal(uint64_t seed, enum rng_purpose purpose, uint64_t step, uint64_t item)
{
	uint32_t w[4];
	block(w, seed, purpose, 0, step, item >> 1);
	double u = ((double)(((uint64_t)w[1] << 32 | w[0]) >> 11) + 0.5) * 0x1p-53;
	double v = (double)(((uint64_t)w[3] << 32 | w[2]) >> 11) * 0x1p-53;
	double r = sqrt(-2.0 * log(u)), a = 6.283185307179586476925 * v;
	return item & 1 ? r * sin(a) : r * cos(a);
}

uint64_t
rng_below(uint64_t n, uint64_t seed, enum rng_purpose purpose, uint64_t step, uint64_t item)
{
	uint64_t least = -n % n; /* 2^64 mod n: low halves below it are rejected */
	for (uint32_t draw = 0;; draw++) {
		uint32_t w[4];
		block(w, seed, purpose, draw, step, item);
		for (int i = 0; i < 4; i += 2) {
			uint64_t x = (uint64_t)w[i + 1] << 32 | w[i];
			unsigned __int128 m = (unsigned __int128)x * n;
			if ((uint64_t)m >= least)
				return (uint64_t)(m >> 64);
		}
	}
}
