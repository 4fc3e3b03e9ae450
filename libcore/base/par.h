/* par.h - sharing a loop among OpenMP threads so that the result does not depend on how many.
 *
 * A kernel is given a range of rows, or of columns where sums run down the rows, and computes
 * each of them in one fixed order; who computes which range then does not matter. */
#ifndef TENON_BASE_PAR_H
#define TENON_BASE_PAR_H

#include <omp.h>
#include <stddef.h>

/* Elements below which waking threads costs more than it gains. */
#define PAR_MIN 32768

/* The calling thread's share [*lo, *hi) of [0, n), cut at multiples of `block`. */
static inline void
par_share(size_t n, size_t block, size_t *lo, size_t *hi)
{
	size_t t = (size_t)omp_get_thread_num(), threads = (size_t)omp_get_num_threads();
	size_t blocks = n / block + (n % block != 0);
	size_t a = blocks / threads * t + (t < blocks % threads ? t : blocks % threads);
	size_t b = a + blocks / threads + (t < blocks % threads);
	*lo = a * block < n ? a * block : n;
	*hi = b * block < n ? b * block : n;
}

#endif
