#include "train/adamw.h"

#include "base/par.h"
#include "base/simd.h"

#include <math.h>

#define CHUNKS 256 /* partial sums of a norm */

#ifdef TENON_DOUBLE
#define real_sqrt sqrt
#else
#define real_sqrt sqrtf
#endif

/* The scalars of a step, rounded once. */
struct coef {
	real keep;          /* 1 - lr decay */
	real b1, a1;        /* beta1, 1 - beta1 */
	real b2, a2;        /* beta2, 1 - beta2 */
	real size;          /* lr / (1 - beta1^t) */
	real inv_sqrt_bc2;  /* 1 / sqrt(1 - beta2^t) */
	real eps, gscale;
};

KERNEL static void
update(real *restrict p, real *restrict m, real *restrict v, const real *restrict g, size_t n,
    const struct coef *restrict k)
{
	const struct coef q = *k;
	for (size_t i = 0; i < n; i++) {
		real d = g[i] * q.gscale;
		real mi = q.b1 * m[i] + q.a1 * d;
		real vi = q.b2 * v[i] + q.a2 * d * d;
		m[i] = mi;
		v[i] = vi;
		p[i] = p[i] * q.keep - q.size * mi / (real_sqrt(vi) * q.inv_sqrt_bc2 + q.eps);
	}
}

void
adamw_update(real *restrict p, real *restrict m, real *restrict v, const real *restrict g,
    size_t n, const struct adamw *cfg, uint64_t t, double lr, double gscale)
{
	double bc1 = 1 - pow(cfg->beta1, (double)t), bc2 = 1 - pow(cfg->beta2, (double)t);
	const struct coef k = {
	    .keep = (real)(1 - lr * cfg->decay),
	    .b1 = (real)cfg->beta1,
	    .a1 = (real)(1 - cfg->beta1),
	    .b2 = (real)cfg->beta2,
	    .a2 = (real)(1 - cfg->beta2),
	    .size = (real)(lr / bc1),
	    .inv_sqrt_bc2 = (real)(1 / sqrt(bc2)),
	    .eps = (real)cfg->eps,
	    .gscale = (real)gscale,
	};
#pragma omp parallel if (n >= PAR_MIN)
	{
		size_t lo, hi;
		par_share(n, 1024, &lo, &hi);
		update(p + lo, m + lo, v + lo, g + lo, hi - lo, &k);
	}
}

KERNEL static double
square_sum(const real *restrict g, size_t n)
{
	double s = 0;
#pragma omp simd reduction(+ : s)
	for (size_t i = 0; i < n; i++)
		s += (double)g[i] * (double)g[i];
	return s;
}

double
grad_norm(const real *g, size_t n)
{
	double part[CHUNKS];
	size_t len = n / CHUNKS + 1;
#pragma omp parallel for schedule(static) if (n >= PAR_MIN)
	for (size_t i = 0; i < CHUNKS; i++) {
		size_t lo = i * len < n ? i * len : n, hi = n - lo < len ? n : lo + len;
		part[i] = square_sum(g + lo, hi - lo);
	}
	for (size_t w = CHUNKS / 2; w > 0; w /= 2)
		for (size_t i = 0; i < w; i++)
			part[i] += part[i + w];
	return sqrt(part[0]);
}

double
clip_scale(double norm, double max_norm)
{
	if (max_norm <= 0)
		return 1;
	double s = max_norm / (norm + 1e-6);
	return s < 1 ? s : 1;
}
