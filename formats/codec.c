#include "layout.h"

#include <zstd.h>

/* Byte-split: all first bytes of the elements, then all second bytes ... Exponents and signs of
 * neighbouring numbers are alike, mantissas are noise: apart, the former compress. Elements of
 * one byte stay as they are; so do the odd bytes of a section that is no whole number. */
static void
split(uint8_t *restrict out, const uint8_t *restrict in, size_t n, size_t elem)
{
	size_t count = n / elem;
	for (size_t k = 0; k < elem; k++)
		for (size_t i = 0; i < count; i++)
			out[k * count + i] = in[i * elem + k];
	memcpy(out + count * elem, in + count * elem, n - count * elem);
}

static void
unsplit(uint8_t *restrict out, const uint8_t *restrict in, size_t n, size_t elem)
{
	size_t count = n / elem;
	for (size_t k = 0; k < elem; k++)
		for (size_t i = 0; i < count; i++)
			out[i * elem + k] = in[k * count + i];
	memcpy(out + count * elem, in + count * elem, n - count * elem);
}

int
codec_decode(uint8_t *out, const struct section *s, const uint8_t *stored, size_t elem,
    struct buf *tmp, struct err *e)
{
	bool filtered = s->filter == FILTER_BYTE_SPLIT && elem > 1;
	if (ZSTD_getFrameContentSize(stored, s->stored) != s->raw ||
	    ZSTD_findFrameCompressedSize(stored, s->stored) != s->stored)
		return err_set(e, ERR_DATA, "a compressed section is not one frame of %llu bytes",
		    (unsigned long long)s->raw);
	if (filtered && buf_reserve(tmp, s->raw, "decompression", e))
		return -1;
	size_t n = ZSTD_decompress(filtered ? tmp->own : out, s->raw, stored, s->stored);
	if (ZSTD_isError(n) || n != s->raw)
		return err_set(e, ERR_DATA, "a compressed section does not decompress: %s",
		    ZSTD_isError(n) ? ZSTD_getErrorName(n) : "wrong size");
	if (filtered)
		unsplit(out, tmp->own, s->raw, elem);
	return 0;
}

int
codec_encode(struct buf *b, const uint8_t *p, size_t n, size_t elem, int level, bool byte_split,
    struct buf *tmp, struct err *e)
{
	b->n = 0;
	if (byte_split && elem > 1) {
		if (buf_reserve(tmp, n, "compression", e))
			return -1;
		split(tmp->own, p, n, elem);
		p = tmp->own;
	}
	if (buf_reserve(b, ZSTD_compressBound(n), "compression", e))
		return -1;
	size_t z = ZSTD_compress(b->own, b->cap, p, n, level);
	if (ZSTD_isError(z))
		return err_set(e, ERR_RUNTIME, "compression failed: %s", ZSTD_getErrorName(z));
	b->n = z < n ? z : 0;
	return 0;
}
