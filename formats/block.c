#include "layout.h"

#include <stdlib.h>
#include <xxhash.h>

static const uint8_t sync_bytes[4] = {0xF1, 'T', 'E', 'N'};
static const uint8_t end_bytes[8] = {0xF1, 'T', 'E', 'N', 'E', 'N', 'D', '\n'};

bool
ten_all_zero(const void *p, size_t n)
{
	const uint8_t *b = p;
	uint8_t any = 0;
	for (size_t i = 0; i < n; i++)
		any |= b[i];
	return any == 0;
}

int
not_a_stream(const char *name, const uint8_t *p, size_t n, struct err *e)
{
	size_t k = n < sizeof sync_bytes ? n : sizeof sync_bytes, text = 0;
	if (n == 0)
		return err_set(e, ERR_DATA, "%s: is empty, not a record stream (did the tool that writes it fail?)", name);
	if (!memcmp(p, sync_bytes, k))
		return 0;
	for (size_t i = 0; i < n; i++)
		text += p[i] >= 0x20 || p[i] == '\n' || p[i] == '\t' || p[i] == '\r';
	const char *but = text == n ? " but looks like text"
	    : n >= 2 && !memcmp(p, "\x1f\x8b", 2) ? "; it is compressed: read it through gunzip"
	    : n >= 4 && !memcmp(p, "\x28\xb5\x2f\xfd", 4) ? "; it is compressed: read it through unzstd" : "";
	return err_set(e, ERR_DATA, "%s: is not a record stream%s", name, but);
}

void
buf_free(struct buf *b)
{
	free(b->own);
	memset(b, 0, sizeof *b);
}

int
buf_reserve(struct buf *b, size_t need, const char *what, struct err *e)
{
	if (need > b->cap) {
		size_t cap = b->cap;
		if (mem_grow(&b->own, &cap, need, 1, what, e))
			return -1;
		b->cap = cap;
	}
	b->p = b->own;
	return 0;
}

int
buf_append(struct buf *b, const void *p, size_t n, const char *what, struct err *e)
{
	size_t need;
	if (add_overflows(b->n, n, &need))
		return err_nomem(e, n, what);
	if (buf_reserve(b, need, what, e))
		return -1;
	if (n)
		memcpy(b->own + b->n, p, n);
	b->n = need;
	return 0;
}

void
hdr_encode(uint8_t out[TEN_HEADER], struct hdr *h)
{
	memset(out, 0, TEN_HEADER);
	memcpy(out, sync_bytes, sizeof sync_bytes);
	out[4] = h->kind;
	out[5] = 1;
	put16(out + 6, h->flags);
	put64(out + 8, h->seq);
	put64(out + 16, h->first);
	put32(out + 24, h->records);
	put32(out + 28, h->meta);
	put64(out + 32, h->payload);
	put64(out + 40, h->meta_hash);
	out[48] = h->chunk_log2;
	h->hash = XXH3_64bits(out, 56);
	put64(out + 56, h->hash);
}

int
hdr_decode(const uint8_t in[TEN_HEADER], struct hdr *h, struct err *e)
{
	if (memcmp(in, sync_bytes, sizeof sync_bytes))
		return err_set(e, ERR_DATA, "no block starts here (not a record stream, or damaged)");
	h->hash = get64(in + 56);
	if (h->hash != XXH3_64bits(in, 56))
		return err_set(e, ERR_DATA, "the hash of the block's header does not match");
	if (in[5] != 1)
		return err_set(e, ERR_DATA, "version %u of the format, this program knows 1", in[5]);
	h->kind = in[4];
	h->flags = get16(in + 6);
	h->seq = get64(in + 8);
	h->first = get64(in + 16);
	h->records = get32(in + 24);
	h->meta = get32(in + 28);
	h->payload = get64(in + 32);
	h->meta_hash = get64(in + 40);
	h->chunk_log2 = in[48];
	if (h->flags & 0xff)
		return err_set(e, ERR_DATA, "flags 0x%02x that this program does not know", h->flags & 0xff);
	if (h->kind == 0 || (h->kind > TEN_ABORT && h->kind < 0x80))
		return err_set(e, ERR_DATA, "a block of kind %u that this program does not know", h->kind);
	if (!ten_all_zero(in + 49, 7))
		return err_set(e, ERR_DATA, "reserved bytes of the block's header are not zero");
	if (h->meta > TEN_MAX_META || h->meta % TEN_ALIGN)
		return err_set(e, ERR_DATA, "meta of %u bytes (a multiple of 64, at most %u)",
		    h->meta, (unsigned)TEN_MAX_META);
	if (h->meta == 0 && h->meta_hash != 0)
		return err_set(e, ERR_DATA, "a hash of an empty meta");
	if (h->payload > INT64_MAX / 2 || h->payload % TEN_ALIGN)
		return err_set(e, ERR_DATA, "a payload of %llu bytes", (unsigned long long)h->payload);
	if (h->chunk_log2 < TEN_CHUNK_LOG2_MIN || h->chunk_log2 > TEN_CHUNK_LOG2_MAX)
		return err_set(e, ERR_DATA, "hash chunks of 2^%u bytes", h->chunk_log2);
	return 0;
}

void
section_encode(uint8_t out[32], const struct section *s)
{
	memset(out, 0, 32);
	put32(out, s->field);
	out[4] = s->role;
	out[5] = s->codec;
	out[6] = s->filter;
	put64(out + 8, s->offset);
	put64(out + 16, s->stored);
	put64(out + 24, s->raw);
}

static int
section_decode(struct section *s, const uint8_t in[32], uint64_t offset, uint64_t payload, struct err *e)
{
	s->field = get32(in);
	s->role = in[4];
	s->codec = in[5];
	s->filter = in[6];
	s->offset = get64(in + 8);
	s->stored = get64(in + 16);
	s->raw = get64(in + 24);
	if (s->role > ROLE_DIMS || s->codec > CODEC_ZSTD || s->filter > FILTER_BYTE_SPLIT || in[7])
		return err_set(e, ERR_DATA, "a section of role %u, codec %u, filter %u: unknown",
		    s->role, s->codec, s->filter);
	if (s->offset != offset || s->stored > payload - offset)
		return err_set(e, ERR_DATA, "sections leave gaps, overlap or exceed the payload");
	if (s->codec == CODEC_RAW && (s->raw != s->stored || s->filter != FILTER_NONE))
		return err_set(e, ERR_DATA, "a raw section of %llu bytes says %llu",
		    (unsigned long long)s->stored, (unsigned long long)s->raw);
	if (s->codec == CODEC_ZSTD && (s->raw == 0 || s->raw > TEN_MAX_RAW))
		return err_set(e, ERR_DATA, "a compressed section of %llu bytes (at most %u)",
		    (unsigned long long)s->raw, (unsigned)TEN_MAX_RAW);
	return 0;
}

int
sections_decode(struct sections *out, const struct hdr *h, const uint8_t *meta, struct err *e)
{
	if (h->meta < 8)
		return err_set(e, ERR_DATA, "a payload without a table of sections");
	uint32_t n = get32(meta), chunks = get32(meta + 4);
	uint64_t used = 8 + 32 * (uint64_t)n + 8 * (uint64_t)chunks;
	uint64_t chunk = UINT64_C(1) << h->chunk_log2;
	if (used > h->meta || chunks != (h->payload + chunk - 1) / chunk)
		return err_set(e, ERR_DATA, "%u sections and %u hashes do not fit %u bytes of meta and a payload of %llu",
		    n, chunks, h->meta, (unsigned long long)h->payload);
	if (!ten_all_zero(meta + used, h->meta - used))
		return err_set(e, ERR_DATA, "the padding of the meta is not zero");
	if (mem_grow(&out->s, &out->cap, n, sizeof *out->s, "sections", e))
		return -1;
	uint64_t offset = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (section_decode(&out->s[i], meta + 8 + 32 * (size_t)i, offset, h->payload, e))
			return -1;
		offset = align64(offset + out->s[i].stored);
	}
	if (offset != h->payload)
		return err_set(e, ERR_DATA, "sections end at %llu of a payload of %llu bytes",
		    (unsigned long long)offset, (unsigned long long)h->payload);
	out->n = n;
	out->chunks = chunks;
	out->chunk_hashes = meta + 8 + 32 * (size_t)n;
	return 0;
}

int
sections_check_padding(const struct sections *s, const struct hdr *h, const uint8_t *payload, struct err *e)
{
	for (size_t i = 0; i < s->n; i++) {
		uint64_t end = s->s[i].offset + s->s[i].stored;
		uint64_t next = i + 1 < s->n ? s->s[i + 1].offset : h->payload;
		if (!ten_all_zero(payload + end, next - end))
			return err_set(e, ERR_DATA, "padding of the payload is not zero");
	}
	return 0;
}

int
chunk_verify(const struct sections *s, uint32_t chunk, const uint8_t *p, size_t size, struct err *e)
{
	if (get64(s->chunk_hashes + 8 * (size_t)chunk) != XXH3_64bits(p, size))
		return err_set(e, ERR_DATA, "the hash of the payload does not match (chunk %u)", chunk);
	return 0;
}

void
end_encode(uint8_t out[64], const struct end *x)
{
	put64(out, x->length);
	put64(out + 8, x->last_index);
	put64(out + 16, x->blocks);
	put64(out + 24, x->records);
	memcpy(out + 32, x->hash, 16);
	memcpy(out + 48, end_bytes, sizeof end_bytes);
	put64(out + 56, XXH3_64bits(out, 56));
}

int
end_decode(const uint8_t in[64], struct end *x, struct err *e)
{
	if (memcmp(in + 48, end_bytes, sizeof end_bytes) || get64(in + 56) != XXH3_64bits(in, 56))
		return err_set(e, ERR_DATA, "the hash of the END block does not match");
	x->length = get64(in);
	x->last_index = get64(in + 8);
	x->blocks = get64(in + 16);
	x->records = get64(in + 24);
	memcpy(x->hash, in + 32, 16);
	return 0;
}
