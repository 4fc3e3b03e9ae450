#include "layout.h"

#include <xxhash.h>

int
segment_open(struct segment *g, struct err *e)
{
	memset(g, 0, sizeof *g);
	g->chain = XXH3_createState();
	g->index = XXH3_createState();
	if (!g->chain || !g->index) {
		segment_close(g);
		return err_nomem(e, 2 * 576, "hash states");
	}
	segment_begin(g);
	return 0;
}

void
segment_begin(struct segment *g)
{
	g->seq = g->records = g->pos = g->last_index = g->unindexed = 0;
	g->bulk_field = 0;
	XXH3_128bits_reset(g->chain);
	XXH3_64bits_reset(g->index);
}

void
segment_close(struct segment *g)
{
	XXH3_freeState(g->chain);
	XXH3_freeState(g->index);
	memset(g, 0, sizeof *g);
}

int
segment_header(struct segment *g, const struct hdr *h, struct err *e)
{
	if ((g->seq == 0) != (h->kind == TEN_HEAD))
		return err_set(e, ERR_DATA, g->seq ? "a second HEAD in a segment that has no END" :
		    "a segment must start with a HEAD");
	if (h->seq != g->seq)
		return err_set(e, ERR_DATA, "block %llu where %llu was expected: blocks are missing, repeated or in disorder",
		    (unsigned long long)h->seq, (unsigned long long)g->seq);
	if (h->first != g->records)
		return err_set(e, ERR_DATA, "the block starts at record %llu, expected %llu",
		    (unsigned long long)h->first, (unsigned long long)g->records);
	bool data = h->kind == TEN_DATA;
	if (data ? h->records == 0 : h->records != (h->kind == TEN_BULK))
		return err_set(e, ERR_DATA, "a block of kind %u with %u records", h->kind, h->records);
	if ((h->kind == TEN_HEAD || h->kind == TEN_ABORT) && h->payload)
		return err_set(e, ERR_DATA, "a block of kind %u with a payload", h->kind);
	if (h->kind == TEN_END && (h->payload != 64 || h->meta))
		return err_set(e, ERR_DATA, "an END of the wrong size");
	if (h->kind == TEN_DATA || h->kind == TEN_BULK || h->kind == TEN_INDEX) {
		if (!h->meta)
			return err_set(e, ERR_DATA, "a block of kind %u without meta", h->kind);
	}
	if (data && h->payload > TEN_MAX_RAW)
		return err_set(e, ERR_DATA, "a block of %llu bytes (at most %u)",
		    (unsigned long long)h->payload, (unsigned)TEN_MAX_RAW);
	if (h->kind == TEN_INDEX && h->payload > align64(16 + 32 * (uint64_t)TEN_INDEX_MAX))
		return err_set(e, ERR_DATA, "an index of %llu bytes", (unsigned long long)h->payload);
	if (g->bulk_field && (data || h->kind == TEN_END))
		return err_set(e, ERR_DATA, "record %llu lacks fields from number %u on",
		    (unsigned long long)g->records, g->bulk_field);
	return 0;
}

int
segment_block(struct segment *g, const struct hdr *h, uint32_t field, uint32_t nfields, struct err *e)
{
	uint64_t size, first = g->records;
	if (__builtin_add_overflow((uint64_t)TEN_HEADER + h->meta, h->payload, &size) ||
	    __builtin_add_overflow(g->pos, size, &size) || size > INT64_MAX)
		return err_set(e, ERR_DATA, "the segment is too long");
	if (h->kind == TEN_BULK) {
		if (field != g->bulk_field)
			return err_set(e, ERR_DATA, "a block of field %u, expected field %u", field, g->bulk_field);
		g->bulk_field = field + 1 == nfields ? 0 : field + 1;
		g->records += g->bulk_field == 0;
	} else if (h->kind == TEN_DATA) {
		if (__builtin_add_overflow(g->records, h->records, &g->records))
			return err_set(e, ERR_DATA, "too many records");
	}
	if (h->kind == TEN_DATA || h->kind == TEN_BULK) {
		uint8_t entry[32];
		index_entry(entry, g->pos, first, h->records, h->kind == TEN_BULK ? field : TEN_INDEX_DATA);
		XXH3_64bits_update(g->index, entry, sizeof entry);
		g->unindexed++;
	}
	uint8_t hash[8];
	put64(hash, h->hash);
	XXH3_128bits_update(g->chain, hash, sizeof hash);
	g->seq++;
	g->pos = size;
	return 0;
}

int
segment_index(struct segment *g, const struct sections *s, const uint8_t *payload, struct err *e)
{
	if (s->n != 1 || s->s[0].codec != CODEC_RAW || s->s[0].field != 0 || s->s[0].role != ROLE_VALUES)
		return err_set(e, ERR_DATA, "an index must be one raw section");
	uint64_t raw = s->s[0].raw;
	if (raw < 16 || get64(payload + 8) > TEN_INDEX_MAX || raw != 16 + 32 * get64(payload + 8))
		return err_set(e, ERR_DATA, "an index of the wrong size");
	if (get64(payload) != g->last_index || get64(payload + 8) != g->unindexed ||
	    XXH3_64bits(payload + 16, raw - 16) != XXH3_64bits_digest(g->index))
		return err_set(e, ERR_DATA, "the index does not agree with the blocks");
	g->last_index = g->pos;
	g->unindexed = 0;
	XXH3_64bits_reset(g->index);
	return 0;
}

void
segment_summary(struct segment *g, const struct hdr *h, struct end *x)
{
	uint8_t hash[8];
	put64(hash, h->hash);
	XXH3_128bits_update(g->chain, hash, sizeof hash);
	x->length = g->pos + TEN_END_SIZE;
	x->last_index = g->last_index;
	x->blocks = g->seq + 1;
	x->records = g->records;
	XXH128_canonical_t c;
	XXH128_canonicalFromHash(&c, XXH3_128bits_digest(g->chain));
	memcpy(x->hash, c.digest, sizeof x->hash);
}

int
segment_end(struct segment *g, const struct hdr *h, const uint8_t *payload, struct err *e)
{
	struct end want = {0}, got = {0};
	if (end_decode(payload, &got, e))
		return -1;
	segment_summary(g, h, &want);
	if (got.length != want.length || got.blocks != want.blocks)
		return err_set(e, ERR_DATA, "END says %llu bytes in %llu blocks, found %llu in %llu",
		    (unsigned long long)got.length, (unsigned long long)got.blocks,
		    (unsigned long long)want.length, (unsigned long long)want.blocks);
	if (got.records != want.records)
		return err_set(e, ERR_DATA, "END says %llu records, found %llu",
		    (unsigned long long)got.records, (unsigned long long)want.records);
	if (got.last_index != want.last_index || (want.last_index && g->unindexed))
		return err_set(e, ERR_DATA, "the index is incomplete");
	if (memcmp(got.hash, want.hash, sizeof want.hash))
		return err_set(e, ERR_DATA, "the hash over all block headers does not match");
	return 0;
}

void
index_entry(uint8_t out[32], uint64_t offset, uint64_t first, uint64_t records, uint64_t field)
{
	put64(out, offset);
	put64(out + 8, first);
	put64(out + 16, records);
	put64(out + 24, field);
}
