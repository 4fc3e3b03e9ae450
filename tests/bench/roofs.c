/* roofs.c - what bounds the parts: products by OpenBLAS, and memory, on all cores. */
#include <cblas.h>
#include <omp.h>
#include <string.h>

#include "base/par.h"
#include "base/simd.h"
#include "bench/bench.h"

/* ---- sgemm TOKENS WIDTH VOCABULARY: operations a second, the best of a square product and of those of a model's layers,
 * each by OpenBLAS's own threads and with its rows shared out among cores ---- */

static struct product {
	blasint m, n, k;
} products[8];
static int nproducts;
static float *a, *b, *c;

static void
by_openblas(const struct product *p)
{
	openblas_set_num_threads(omp_get_num_procs());
	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, p->m, p->n, p->k, 1, a, p->k, b, p->k, 0, c, p->n);
	openblas_set_num_threads(1);
}

static void
by_rows(const struct product *p)
{
#pragma omp parallel
	{
		size_t lo, hi;
		par_share((size_t)p->m, 1, &lo, &hi);
		if (hi > lo)
			cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)(hi - lo), p->n, p->k, 1, a + lo * (size_t)p->k,
			    p->k, b, p->k, 0, c + lo * (size_t)p->n, p->n);
	}
}

static double
run_sgemm(void)
{
	double best = 0;
	for (int i = 0; i < nproducts; i++)
		for (int way = 0; way < 2; way++) {
			const struct product *p = &products[i];
			double t = bench_now();
			(way ? by_rows : by_openblas)(p);
			double rate = 2.0 * p->m * p->n * p->k / (bench_now() - t);
			best = rate > best ? rate : best;
		}
	return best;
}

static void
product(size_t m, size_t n, size_t k)
{
	if (m && n && k)
		products[nproducts++] = (struct product){(blasint)m, (blasint)n, (blasint)k};
}

worker_run *
worker_sgemm(char **operands, int n)
{
	enum { SQUARE = 2048, MOST = 1024 }; /* rows; more are no faster */
	size_t tokens = worker_number(operands, n, 0), width = worker_number(operands, n, 1), vocab = worker_number(operands, n, 2);
	size_t rows = tokens < MOST ? tokens : MOST, square = width > 256 ? SQUARE : 256, la = 0, lb = 0, lc = 0;
	if (tokens == 0)
		return NULL;
	product(square, square, square);
	product(rows, 3 * width, width);
	product(rows, 4 * width, width);
	product(rows, width, 4 * width);
	product(rows, vocab, width);
	for (int i = 0; i < nproducts; i++) {
		size_t m = (size_t)products[i].m, cols = (size_t)products[i].n, k = (size_t)products[i].k;
		la = m * k > la ? m * k : la;
		lb = cols * k > lb ? cols * k : lb;
		lc = m * cols > lc ? m * cols : lc;
	}
	a = worker_numbers(la, 1);
	b = worker_numbers(lb, 1);
	c = worker_numbers(lc, 1);
	return run_sgemm;
}

/* ---- read BYTES [THREADS], copy BYTES [THREADS]: bytes read, bytes read and written a second ---- */

static size_t numbers;
static volatile double used;

KERNEL static double
sum_range(const float *w, size_t lo, size_t hi)
{
	float sum = 0;
#pragma omp simd reduction(+ : sum)
	for (size_t i = lo; i < hi; i++)
		sum += w[i];
	return (double)sum;
}

static double
run_read(void)
{
	double sum = 0, t = bench_now();
#pragma omp parallel reduction(+ : sum)
	{
		size_t lo, hi;
		par_share(numbers, 4096, &lo, &hi);
		sum += sum_range(a, lo, hi);
	}
	t = bench_now() - t;
	used = sum;
	return (double)(numbers * sizeof *a) / t;
}

static double
run_copy(void)
{
	double t = bench_now();
#pragma omp parallel
	{
		size_t lo, hi;
		par_share(numbers, 4096, &lo, &hi);
		memcpy(b + lo, a + lo, (hi - lo) * sizeof *a);
	}
	return 2 * (double)(numbers * sizeof *a) / (bench_now() - t);
}

static bool
memory_open(char **operands, int n)
{
	numbers = worker_number(operands, n, 0) / sizeof *a;
	if (worker_number(operands, n, 1))
		omp_set_num_threads((int)worker_number(operands, n, 1));
	a = worker_numbers(numbers, 1);
	return numbers > 0;
}

worker_run *
worker_read(char **operands, int n)
{
	return memory_open(operands, n) ? run_read : NULL;
}

worker_run *
worker_copy(char **operands, int n)
{
	if (!memory_open(operands, n))
		return NULL;
	b = worker_numbers(numbers, 1);
	return run_copy;
}
