#include "math/elem.h"

#include "base/par.h"
#include "base/simd.h"
#include "math/colsum.h"

#include <math.h>
#include <string.h>

KERNEL static void
bias_add_rows(real *restrict x, const real *restrict b, size_t n, size_t c)
{
	for (size_t i = 0; i < n; i++, x += c)
		for (size_t j = 0; j < c; j++)
			x[j] += b[j];
}

void
bias_add(real *restrict x, const real *restrict b, size_t n, size_t c)
{
#pragma omp parallel if (n * c >= PAR_MIN)
	{
		size_t lo, hi;
		par_share(n, 1, &lo, &hi);
		bias_add_rows(x + lo * c, b, hi - lo, c);
	}
}

KERNEL static void
residual_add_rows(real *y, const real *x, const real *a, const real *restrict bias, size_t n,
    size_t c)
{
	for (size_t i = 0; i < n; i++, y += c, x += c, a += c)
		if (bias) {
#pragma omp simd
			for (size_t j = 0; j < c; j++)
				y[j] = x[j] + (a[j] + bias[j]);
		} else {
#pragma omp simd
			for (size_t j = 0; j < c; j++)
				y[j] = x[j] + a[j];
		}
}

void
residual_add(real *y, const real *x, const real *a, const real *restrict bias, size_t n,
    size_t c)
{
#pragma omp parallel if (n * c >= PAR_MIN)
	{
		size_t lo, hi;
		par_share(n, 1, &lo, &hi);
		residual_add_rows(y + lo * c, x + lo * c, a + lo * c, bias, hi - lo, c);
	}
}

/* s = sums of w columns of c. */
KERNEL static void
column_sum_rows(real *restrict s, const real *restrict dy, size_t n, size_t w, size_t c)
{
	memset(s, 0, w * sizeof *s);
	for (size_t i = 0; i < n; i++, dy += c)
		for (size_t j = 0; j < w; j++)
			s[j] += dy[j];
}

void
column_sum_add(real *restrict db, const real *restrict dy, size_t n, size_t c)
{
	real part[SUM_CHUNKS][SUM_COLS];
	size_t rows = sum_rows(n);
	for (size_t j = 0; j < c; j += SUM_COLS) {
		size_t w = c - j < SUM_COLS ? c - j : SUM_COLS;
#pragma omp parallel for schedule(static) if (n * c >= PAR_MIN)
		for (size_t i = 0; i < n; i += rows)
			column_sum_rows(part[i / rows], dy + i * c + j, n - i < rows ? n - i : rows, w, c);
		sum_chunks(db + j, part, n, w);
	}
}

KERNEL static void
embedding_rows(real *restrict y, const int32_t *ids, const int32_t *pos,
    const real *restrict wte, const real *restrict wpe, size_t n, size_t c)
{
	for (size_t i = 0; i < n; i++, y += c) {
		const real *restrict t = wte + (size_t)ids[i] * c;
		if (wpe) {
			const real *restrict p = wpe + (size_t)pos[i] * c;
			for (size_t j = 0; j < c; j++)
				y[j] = t[j] + p[j];
		} else {
			for (size_t j = 0; j < c; j++)
				y[j] = t[j];
		}
	}
}

void
embedding_forward(real *restrict y, const int32_t *ids, const int32_t *pos,
    const real *restrict wte, const real *restrict wpe, size_t n, size_t c)
{
#pragma omp parallel if (n * c >= PAR_MIN)
	{
		size_t lo, hi;
		par_share(n, 1, &lo, &hi);
		embedding_rows(y + lo * c, ids + lo, pos ? pos + lo : NULL, wte, wpe, hi - lo, c);
	}
}

KERNEL static void
add_rows(real *restrict y, const int32_t *ids, const real *restrict table, size_t n, size_t c)
{
	for (size_t i = 0; i < n; i++, y += c) {
		const real *restrict t = table + (size_t)ids[i] * c;
		for (size_t j = 0; j < c; j++)
			y[j] += t[j];
	}
}

void
embedding_add(real *restrict y, const int32_t *ids, const real *restrict table, size_t n, size_t c)
{
#pragma omp parallel if (n * c >= PAR_MIN)
	{
		size_t lo, hi;
		par_share(n, 1, &lo, &hi);
		add_rows(y + lo * c, ids + lo, table, hi - lo, c);
	}
}

/* dw[ids[i]] += dy[i] for columns [0, w) of c. */
KERNEL static void
scatter_cols(real *restrict dw, const real *restrict dy, const int32_t *ids, size_t n, size_t w,
    size_t c)
{
	for (size_t i = 0; i < n; i++, dy += c) {
		real *restrict d = dw + (size_t)ids[i] * c;
		for (size_t j = 0; j < w; j++)
			d[j] += dy[j];
	}
}

void
embedding_backward(real *restrict dwte, real *restrict dwpe, const real *restrict dy,
    const int32_t *ids, const int32_t *pos, size_t n, size_t c)
{
/* Columns are shared out, so that equal ids do not meet; worth it for many. */
#pragma omp parallel if (n * c >= 32 * PAR_MIN)
	{
		size_t lo, hi;
		par_share(c, 64, &lo, &hi);
		if (dwte)
			scatter_cols(dwte + lo, dy + lo, ids, n, hi - lo, c);
		if (dwpe)
			scatter_cols(dwpe + lo, dy + lo, pos, n, hi - lo, c);
	}
}

double
rope_frequency(size_t i, size_t hd, double theta, const struct rope_scaling *s)
{
	double w = pow(theta, -2.0 * (double)i / (double)hd);
	if (!s || s->kind == ROPE_PLAIN)
		return w;
	if (s->kind == ROPE_LINEAR)
		return w / s->factor;
	double fits = (double)s->original * w / (2 * M_PI);
	double mix = (fits - s->low) / (s->high - s->low);
	mix = mix < 0 ? 0 : mix > 1 ? 1 : mix;
	return (1 - mix) * w / s->factor + mix * w;
}

void
rope_table(real *restrict cos_table, real *restrict sin_table, size_t max, size_t hd,
    double theta, const struct rope_scaling *s)
{
	size_t half = hd / 2;
	for (size_t i = 0; i < half; i++) {
		double w = rope_frequency(i, hd, theta, s);
		for (size_t t = 0; t < max; t++) {
			cos_table[t * half + i] = (real)cos((double)t * w);
			sin_table[t * half + i] = (real)sin((double)t * w);
		}
	}
}

/* sign 1 turns forward, -1 back. */
KERNEL static void
rope_rows(real *restrict x, const int32_t *pos, const real *restrict cos_table,
    const real *restrict sin_table, size_t n, size_t heads, size_t hd, size_t stride, real sign)
{
	size_t half = hd / 2;
	for (size_t i = 0; i < n; i++) {
		const real *restrict co = cos_table + (size_t)pos[i] * half;
		const real *restrict si = sin_table + (size_t)pos[i] * half;
		for (size_t h = 0; h < heads; h++) {
			real *restrict p = x + i * stride + h * hd, *restrict q = p + half;
			for (size_t j = 0; j < half; j++) {
				real a = p[j], b = q[j], s = sign * si[j];
				p[j] = a * co[j] - b * s;
				q[j] = b * co[j] + a * s;
			}
		}
	}
}

static void
rope(real *restrict x, const int32_t *pos, const real *restrict cos_table,
    const real *restrict sin_table, size_t n, size_t heads, size_t hd, size_t stride, real sign)
{
#pragma omp parallel if (n * heads * hd >= PAR_MIN)
	{
		size_t lo, hi;
		par_share(n, 1, &lo, &hi);
		rope_rows(x + lo * stride, pos + lo, cos_table, sin_table, hi - lo, heads, hd, stride,
		    sign);
	}
}

void
rope_forward(real *restrict x, const int32_t *pos, const real *restrict cos_table,
    const real *restrict sin_table, size_t n, size_t heads, size_t hd, size_t stride)
{
	rope(x, pos, cos_table, sin_table, n, heads, hd, stride, 1);
}

void
rope_backward(real *restrict dx, const int32_t *pos, const real *restrict cos_table,
    const real *restrict sin_table, size_t n, size_t heads, size_t hd, size_t stride)
{
	rope(dx, pos, cos_table, sin_table, n, heads, hd, stride, -1);
}
