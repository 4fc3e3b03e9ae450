#include "math/gemm.h"

#include <cblas.h>

#ifdef TENON_DOUBLE
#define GEMM cblas_dgemm
#define GEMV cblas_dgemv
#else
#define GEMM cblas_sgemm
#define GEMV cblas_sgemv
#endif

/* Tiles no larger than these: 256 x 512 keeps the cost of packing under a tenth and still
 * leaves enough tiles to share out. Below FLAT operations one call is cheaper than sharing. */
enum { TILE_M = 256, TILE_N = 512, FLAT = 1 << 18 };

/* OpenBLAS's own threads are switched off before main, so every program and test that links
 * this file has single-threaded calls. */
__attribute__((constructor)) static void
single_threaded_blas(void)
{
	openblas_set_num_threads(1);
}

void
gemm_tile(bool ta, bool tb, size_t m, size_t n, size_t k, real alpha, const real *a, size_t lda,
    const real *b, size_t ldb, bool add, real *restrict c, size_t ldc)
{
	if (m == 0 || n == 0)
		return;
	real beta = add ? 1 : 0;
	if (m == 1 && !ta && k) { /* a vector times a matrix: no packing */
		GEMV(CblasRowMajor, tb ? CblasNoTrans : CblasTrans, (blasint)(tb ? n : k),
		    (blasint)(tb ? k : n), alpha, b, (blasint)ldb, a, 1, beta, c, 1);
		return;
	}
	GEMM(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, (blasint)m,
	    (blasint)n, (blasint)k, alpha, a, (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
}

/* The number of equal parts of at most `tile`, even where that costs little, so that two
 * workers finish together. */
static size_t
parts(size_t n, size_t tile)
{
	size_t p = (n + tile - 1) / tile;
	return p > 1 && p % 2 ? p + 1 : p;
}

void
gemm(bool ta, bool tb, size_t m, size_t n, size_t k, const real *a, size_t lda,
    const real *b, size_t ldb, bool add, real *restrict c, size_t ldc)
{
	if (m * n * k <= FLAT) {
		gemm_tile(ta, tb, m, n, k, 1, a, lda, b, ldb, add, c, ldc);
		return;
	}
	size_t pm = parts(m, TILE_M), pn = parts(n, TILE_N);
	if (pm * pn == 1) {
		if (m >= n)
			pm = 2;
		else
			pn = 2;
	}
	size_t sm = ((m + pm - 1) / pm + 15) & ~(size_t)15, sn = ((n + pn - 1) / pn + 15) & ~(size_t)15;
	pm = (m + sm - 1) / sm;
	pn = (n + sn - 1) / sn;
#pragma omp parallel for schedule(dynamic)
	for (size_t t = 0; t < pm * pn; t++) {
		size_t i = t % pm * sm, j = t / pm * sn;
		size_t mi = m - i < sm ? m - i : sm, nj = n - j < sn ? n - j : sn;
		gemm_tile(ta, tb, mi, nj, k, 1, a + (ta ? i : i * lda), lda, b + (tb ? j * ldb : j), ldb,
		    add, c + i * ldc + j, ldc);
	}
}
