#include "math/linear.h"

#include <stdbool.h>
#include <string.h>

#include "base/par.h"
#include "base/simd.h"

/* A sum runs over chunks of a row, each in a vector of partial sums. A chunk of a tile's columns, 12 or 16
 * KiB, stays in the first cache while ROW_BLOCK rows pass, which stay in the second. */
enum { CHUNK_NARROW = 1024, CHUNK_WIDE = 512, ROW_BLOCK = 192 };

struct product {
	real *restrict y;
	const real *x, *w;
	size_t n, in, out, chunk;
	bool wide;
};

KERNEL_INLINE void
put(real *y, real sum, bool add)
{
	*y = add ? *y + sum : sum;
}

KERNEL_INLINE void
prefetch(const real *w, size_t n)
{
	for (size_t i = 0; i < n; i += 64 / sizeof *w)
		__builtin_prefetch(w + i, 0, 2);
}

/* 32 bytes suit every processor since AVX2: twelve independent sums hide the latency of the
 * multiply-add, and with what they need fill its 16 registers. */
#define BYTES 32
#define ROWS 4
#define COLS 3
#define NAME(x) x##_narrow
#define KEEP(v)
#define STORE(y, sums, add)                              \
	do {                                                 \
		put((y), sum_lanes_narrow(&(sums)[0]), (add));     \
		put((y) + 1, sum_lanes_narrow(&(sums)[1]), (add)); \
		put((y) + 2, sum_lanes_narrow(&(sums)[2]), (add)); \
	} while (0)
#define TARGET KERNEL
#include "math/linear_tile.inc"

/* ---- 64 bytes: AVX-512, 32 registers ---- */

#if defined(__x86_64__) && !defined(TENON_DOUBLE) && defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define WIDE
#endif
#endif

#ifdef WIDE
typedef float v16 __attribute__((vector_size(64), may_alias));
typedef float v8 __attribute__((vector_size(32), aligned(4), may_alias));
#define SHUFFLE __builtin_shufflevector

/* Sums of eight vectors at once: each step adds the halves of all and puts two results into one
 * vector, 2 shuffles and an addition for two; so a sum costs about 3 instructions. */
KERNEL_INLINE void
store_sums(float *y, v16 *s, bool add)
{
	v8 sums;
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		s[i] = SHUFFLE(s[i], s[i + 4], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
		    SHUFFLE(s[i], s[i + 4], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
#pragma GCC unroll 2
	for (int i = 0; i < 2; i++)
		s[i] = SHUFFLE(s[i], s[i + 2], 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27) +
		    SHUFFLE(s[i], s[i + 2], 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
	s[0] = SHUFFLE(s[0], s[1], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
	    SHUFFLE(s[0], s[1], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
	sums = SHUFFLE(s[0], s[0], 0, 2, 4, 6, 8, 10, 12, 14) + SHUFFLE(s[0], s[0], 1, 3, 5, 7, 9, 11, 13, 15);
	if (add)
		sums += *(const v8 *)y;
	*(v8 *)y = sums;
}

/* Left alone, gcc reads a weight from memory for each row's multiplication, and reading is then what
 * takes the time. */
#define BYTES 64
#define ROWS 3
#define COLS 8
#define NAME(x) x##_wide
#define KEEP(v) __asm__("" : "+v"(v))
#define STORE(y, sums, add) store_sums((y), (v16 *)(sums), (add))
#define TARGET __attribute__((target("arch=x86-64-v4")))
#include "math/linear_tile.inc"
#endif

static bool
have_wide(void)
{
#ifdef WIDE
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	    __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
	return false;
#endif
}

static void
columns(const struct product *p, size_t lo, size_t hi)
{
#ifdef WIDE
	if (p->wide) {
		columns_wide(p, lo, hi);
		return;
	}
#endif
	columns_narrow(p, lo, hi);
}

/* Chunks of equal length in whole vectors, so that none is short. A thread takes at a time a 64th of the
 * columns, in multiples of 32. */
void
linear_rows(real *restrict y, const real *x, const real *w, size_t n, size_t in, size_t out)
{
	bool wide = have_wide();
	size_t most = wide ? CHUNK_WIDE : CHUNK_NARROW, chunks = (in + most - 1) / most;
	struct product p = {y, x, w, n, in, out, ((in + chunks - 1) / chunks + 15) / 16 * 16, wide};
	size_t share = ((out + 63) / 64 + 31) / 32 * 32;
#pragma omp parallel for schedule(dynamic) if (n * in * out >= PAR_MIN)
	for (size_t lo = 0; lo < out; lo += share)
		columns(&p, lo, lo + share < out ? lo + share : out);
}
