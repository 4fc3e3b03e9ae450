/* Numbers of GGUF. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "gguf.h"

enum { BLOCK_BYTES = 2 + GGUF_BLOCK };

const char *
gguf_type_name(enum gguf_type t)
{
	return t == GGUF_F32 ? "F32" : t == GGUF_F16 ? "F16" : t == GGUF_BF16 ? "BF16" : "Q8_0";
}

size_t
gguf_size(enum gguf_type t, size_t n)
{
	switch (t) {
	case GGUF_F32: return 4 * n;
	case GGUF_F16: case GGUF_BF16: return 2 * n;
	case GGUF_Q8_0: break;
	}
	assert(n % GGUF_BLOCK == 0);
	return n / GGUF_BLOCK * BLOCK_BYTES;
}

static bool
encode_halves(bool brain, const float *restrict x, size_t n, uint8_t *restrict out)
{
	bool fits = true;
	for (size_t i = 0; i < n; i++) {
		uint16_t h = brain ? bfloat_of(x[i]) : half_of((double)x[i]);
		uint16_t top = brain ? 0x7f80 : 0x7c00; /* the exponent of infinity */
		fits &= (h & top) != top || !isfinite(x[i]);
		memcpy(out + 2 * i, &h, sizeof h);
	}
	return fits;
}

static bool
encode_block(const float *restrict x, uint8_t *restrict out)
{
	float most = 0;
	for (size_t i = 0; i < GGUF_BLOCK; i++)
		most = fmaxf(most, fabsf(x[i]));
	float scale = most / 127, inverse = scale > 0 ? 1 / scale : 0;
	uint16_t h = half_of((double)scale);
	memcpy(out, &h, sizeof h);
	/* below 2^-127 the inverse is infinite; the scale is then zero in 16 bits, and so is the block */
	if (!isfinite(inverse))
		inverse = 0;
	for (size_t i = 0; i < GGUF_BLOCK; i++) {
		int8_t q = isfinite(x[i]) ? (int8_t)roundf(x[i] * inverse) : 0;
		memcpy(out + 2 + i, &q, sizeof q);
	}
	return (h & 0x7c00) != 0x7c00;
}

bool
gguf_encode(enum gguf_type t, const float *restrict x, size_t n, void *restrict out)
{
	uint8_t *to = out;
	bool fits = true;
	switch (t) {
	case GGUF_F32: memcpy(out, x, n * sizeof *x); break;
	case GGUF_F16: return encode_halves(false, x, n, to);
	case GGUF_BF16: return encode_halves(true, x, n, to);
	case GGUF_Q8_0:
		assert(n % GGUF_BLOCK == 0);
		for (size_t i = 0; i < n; i += GGUF_BLOCK, to += BLOCK_BYTES)
			fits &= encode_block(x + i, to);
		break;
	}
	return fits;
}

void
gguf_decode(enum gguf_type t, const void *restrict in, size_t n, float *restrict x)
{
	const uint8_t *from = in;
	uint16_t h;
	if (t == GGUF_F32) {
		memcpy(x, in, n * sizeof *x);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (t == GGUF_Q8_0) {
			const uint8_t *block = from + i / GGUF_BLOCK * BLOCK_BYTES;
			memcpy(&h, block, sizeof h);
			x[i] = (float)half_value(h) * (float)(int8_t)block[2 + i % GGUF_BLOCK];
			continue;
		}
		memcpy(&h, from + 2 * i, sizeof h);
		x[i] = t == GGUF_BF16 ? bfloat_value(h) : (float)half_value(h);
	}
}
