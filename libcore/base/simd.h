/* simd.h - one binary that is fast on every x86-64, from plain C.
 *
 * KERNEL before a function compiles it three times (AVX-512, AVX2 with FMA, baseline) and
 * picks at load time. Where that is not available (other machines, clang, sanitizers, whose
 * run-time is not ready when the choice is made) it is nothing, and the code is the same.
 * gcc compiles the body of an `omp parallel` for the baseline only, so the loops stand in a
 * KERNEL function that the parallel region calls.
 * A sum in a loop is vectorised with `#pragma omp simd reduction(+:s)`: the one licence to
 * reorder that we give, fixed at compile time for each of the three. */
#ifndef TENON_BASE_SIMD_H
#define TENON_BASE_SIMD_H

#include <stdlib.h> /* for __GLIBC__ */

#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__) && __GNUC__ >= 12 && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define KERNEL
#endif

/* Where a loop cannot be vectorised (in double, over the C library's exp), that is no fault. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

/* Small functions for use inside kernels. */
#define KERNEL_INLINE static inline __attribute__((always_inline))

#endif
