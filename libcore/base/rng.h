/* rng.h - counter-based random numbers.
 *
 * Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As
 * Easy as 1, 2, 3" (SC 2011). A number is addressed by (seed, purpose, step,
 * item): there is no state, so resuming needs only the step, and any thread can
 * compute any number. */
#ifndef TENON_BASE_RNG_H
#define TENON_BASE_RNG_H

#include <stdint.h>

/* Purposes: the same seed gives independent streams. Never renumber. */
enum rng_purpose {
	RNG_INIT = 1,    /* initial weights; step = hash of the tensor's name */
	RNG_SHUFFLE = 2, /* record order */
	RNG_DROPOUT = 3, /* step = training step, item = layer/site/element */
	RNG_SAMPLE = 4,  /* generation; step = position, item = stream */
	RNG_SPLIT = 5,
	RNG_MASK = 6,
	RNG_AUGMENT = 7,
	RNG_TEST = 8,
	RNG_BOOTSTRAP = 9, /* step = resample, item = draw */
	RNG_ORDER = 10     /* of records; step = epoch */
};

/* The raw block function: 4 words from a 4-word counter and a 2-word key. */
void rng_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

/* 64 bits at an address. */
uint64_t rng_u64(uint64_t seed, enum rng_purpose purpose, uint64_t step, uint64_t item);

/* Uniform in [0, 1), 53 bits. */
double rng_uniform(uint64_t seed, enum rng_purpose purpose, uint64_t step, uint64_t item);

/* Standard normal by Box and Muller (1958): the pair of items 2i, 2i+1 shares a block. */
double rng_normal(uint64_t seed, enum rng_purpose purpose, uint64_t step, uint64_t item);

/* Uniform integer in [0, n), n > 0, without bias (Lemire 2019; rejections use further
 * blocks of the same address). */
uint64_t rng_below(uint64_t n, uint64_t seed, enum rng_purpose purpose, uint64_t step, uint64_t item);

#endif
