/* gemm.h - matrix products over OpenBLAS, the only file that knows it.
 *
 * C is cut into tiles whose size depends on the shape alone; each tile is one single-threaded
 * BLAS call, whichever thread runs it, so the bits of the result do not depend on the number
 * of threads. */
#ifndef TENON_MATH_GEMM_H
#define TENON_MATH_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

/* C (m,n) = op(A) op(B), or C += op(A) op(B) when `add`; row-major, op(A) is (m,k), op(B) is (k,n).
 * ta: A is stored (k,m); tb: B is stored (n,k). lda, ldb, ldc are the stored row lengths.
 * C must not overlap A or B. Runs on all OpenMP threads. */
void gemm(bool ta, bool tb, size_t m, size_t n, size_t k, const real *a, size_t lda,
    const real *b, size_t ldb, bool add, real *restrict c, size_t ldc);

/* The same as one single-threaded call, for use inside a tile of one's own; C = alpha op(A) op(B)
 * (+ C when `add`). */
void gemm_tile(bool ta, bool tb, size_t m, size_t n, size_t k, real alpha, const real *a, size_t lda,
    const real *b, size_t ldb, bool add, real *restrict c, size_t ldc);

/* Linear layer with weight w (out,in) as in PyTorch: y (n,out) = x (n,in) w^T. The bias is the
 * business of the element-wise kernel that follows. */
static inline void
linear_forward(real *restrict y, const real *x, const real *w, size_t n, size_t in, size_t out)
{
	gemm(false, true, n, out, in, x, in, w, in, false, y, out);
}

/* dx (n,in) = dy (n,out) w; dw (out,in) += dy^T x. dx or dw may be NULL. */
static inline void
linear_backward(real *restrict dx, real *restrict dw, const real *dy, const real *x,
    const real *w, size_t n, size_t in, size_t out)
{
	if (dx)
		gemm(false, false, n, in, out, dy, out, w, in, false, dx, in);
	if (dw)
		gemm(true, false, out, in, n, dy, out, x, in, true, dw, in);
}

#endif
