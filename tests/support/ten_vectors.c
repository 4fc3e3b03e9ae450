/* Conformance vectors of the record stream.
 *	ten_vectors write DIR    makes DIR/good/NAME.ten, DIR/bad/NAME.ten and DIR/manifest
 *	ten_vectors read FILE    prints the stream as JSON lines: the head, then each record
 * The files in tests/vectors were made by this; tests/tenread.py reads them too. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ten_repair.inc"
#include "unit/ten_samples.inc"

static const char *dir;
static FILE *manifest;

static void
die(const char *what)
{
	fprintf(stderr, "ten_vectors: %s\n", what);
	exit(1);
}

/* ---- reading ---- */

static void
print_text(const char *s)
{
	putchar('"');
	for (; *s; s++)
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else
			putchar(*s);
	putchar('"');
}

static void
print_hex(const void *data, size_t n)
{
	const uint8_t *p = data;
	putchar('"');
	for (size_t i = 0; i < n; i++)
		printf("%02x", p[i]);
	putchar('"');
}

static void
print_head(const struct ten_head *h)
{
	printf("{\"kind\": ");
	print_text(h->kind);
	printf(", \"fields\": [");
	for (size_t i = 0; i < h->nfields; i++) {
		const struct ten_field *f = &h->fields[i];
		printf("%s[", i ? ", " : "");
		print_text(f->name);
		printf(", %u, %u, [", f->cls, f->bits);
		for (unsigned k = 0; k < f->rank; k++) {
			if (f->dims[k] == TEN_RAGGED)
				printf("%s-1", k ? ", " : "");
			else
				printf("%s%" PRIu64, k ? ", " : "", f->dims[k]);
		}
		printf("]]");
	}
	printf("], \"kvs\": {");
	for (size_t i = 0; i < h->nkvs; i++) {
		printf("%s", i ? ", " : "");
		print_text(h->kvs[i].key);
		printf(": ");
		print_hex(h->kvs[i].value, h->kvs[i].size);
	}
	printf("}, \"provenance\": [");
	for (size_t i = 0; i < h->nprovs; i++) {
		printf("%s", i ? ", " : "");
		print_hex(h->provs[i].id, 16);
	}
	printf("]}\n");
}

static void
print_record(const struct ten_head *h, const struct ten_value *v)
{
	putchar('{');
	for (size_t i = 0; i < h->nfields; i++) {
		const struct ten_field *f = &h->fields[i];
		printf("%s", i ? ", " : "");
		print_text(f->name);
		printf(": {\"dims\": [");
		for (unsigned k = 0; k < f->rank; k++)
			printf("%s%" PRIu64, k ? ", " : "", v[i].dims[k]);
		printf("], \"bytes\": ");
		print_hex(v[i].data, v[i].count * ten_elem_size(f));
		putchar('}');
	}
	printf("}\n");
}

static int
read_file(const char *path)
{
	struct err e;
	struct ten_reader *r;
	struct ten_value v[16];
	int fd = open(path, O_RDONLY), rc = -1;
	if (fd < 0)
		die(path);
	if (!ten_reader_open(&r, fd, path, &e)) {
		print_head(ten_reader_head(r));
		while ((rc = ten_read(r, v, &e)) > 0)
			print_record(ten_reader_head(r), v);
		ten_reader_free(r);
	}
	close(fd);
	if (rc)
		fprintf(stderr, "ten_vectors: %s\n", e.msg);
	return rc ? e.code : 0;
}

/* ---- writing ---- */

static void
save(const char *kind, const char *name, const void *p, size_t n, const char *expect)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s/%s.ten", dir, kind, name);
	FILE *f = fopen(path, "wb");
	if (!f || fwrite(p, 1, n, f) != n || fclose(f))
		die(path);
	fprintf(manifest, "%s/%s.ten\t%s\n", kind, name, expect);
}

static struct ten_membuf
sample(int kind, uint64_t records, uint64_t flush, const struct ten_writer_opts *o)
{
	struct ten_membuf m;
	struct err e;
	if (sample_stream(&m, kind, records, flush, o, &e))
		die(e.msg);
	return m;
}

static void
good(const char *name, struct ten_membuf m, const char *expect)
{
	save("good", name, m.data, m.size, expect);
	free(m.data);
}

static struct ten_membuf
join(struct ten_membuf a, struct ten_membuf b)
{
	struct err e;
	struct iovec iov = {b.data, b.size};
	struct ten_sink s = ten_mem_sink(&a);
	if (s.write(s.ctx, &iov, 1, &e))
		die(e.msg);
	free(b.data);
	return a;
}

static void
write_good(void)
{
	static const struct ten_writer_opts zstd = {.zstd_level = 3, .byte_split = true}, bulk = {.bulk = true},
	    bulk_zstd = {.bulk = true, .zstd_level = 3, .byte_split = true};
	good("text", sample(SAMPLE_TEXT, 5, 0, NULL), "5 records");
	good("text_zstd", sample(SAMPLE_TEXT, 40, 0, &zstd), "40 records");
	good("tokens_blocks", sample(SAMPLE_TOKENS, 5, 2, NULL), "5 records");
	good("tokens_segments", join(sample(SAMPLE_TOKENS, 3, 0, NULL), sample(SAMPLE_TOKENS, 2, 0, NULL)), "5 records");
	good("rows", sample(SAMPLE_ROWS, 4, 0, NULL), "4 records");
	good("vocabulary", sample(SAMPLE_VOCABULARY, 6, 0, NULL), "6 records");
	good("model", sample(SAMPLE_MODEL, 1, 0, &bulk), "1 records");
	good("model_zstd", sample(SAMPLE_MODEL, 1, 0, &bulk_zstd), "1 records");
	good("metrics", sample(SAMPLE_METRICS, 3, 1, NULL), "3 records");
	good("empty", sample(SAMPLE_METRICS, 0, 0, NULL), "0 records");
	good("types", sample(SAMPLE_TYPES, 7, 4, NULL), "7 records");
	good("types_zstd", sample(SAMPLE_TYPES, 50, 0, &zstd), "50 records");
	good("types_bulk", sample(SAMPLE_TYPES, 2, 0, &bulk), "2 records");
	good("hollow", sample(SAMPLE_HOLLOW, 2, 0, NULL), "2 records");
	good("hollow_bulk", sample(SAMPLE_HOLLOW, 2, 0, &bulk), "2 records");
}

/* A change at block `block` (its header's offset + at; in_payload: from its payload), hashes made
 * right afterwards if asked. */
struct change {
	const char *name, *expect;
	int sample;
	bool bulk;
	int block;
	enum { IN_HEADER, IN_META, IN_PAYLOAD } where;
	size_t at, size;
	uint64_t value;
	bool repair;
};

/* Of the samples: block 0 HEAD, 1 DATA or the first BULK, then INDEX, END. */
static const struct change changes[] = {
	{"sync", "no block starts here", SAMPLE_TEXT, 0, 1, IN_HEADER, 0, 1, 0xF0, true},
	{"header_hash", "hash of the block's header", SAMPLE_TEXT, 0, 1, IN_HEADER, 56, 1, 0, false},
	{"version", "version 2 of the format", SAMPLE_TEXT, 0, 0, IN_HEADER, 5, 1, 2, true},
	{"low_flag", "flags 0x01", SAMPLE_TEXT, 0, 1, IN_HEADER, 6, 1, 1, true},
	{"kind", "a block of kind 7", SAMPLE_TEXT, 0, 2, IN_HEADER, 4, 1, 7, true},
	{"reserved", "reserved bytes", SAMPLE_TEXT, 0, 1, IN_HEADER, 50, 1, 1, true},
	{"sequence", "missing, repeated or in disorder", SAMPLE_TEXT, 0, 1, IN_HEADER, 8, 8, 2, true},
	{"first_record", "starts at record 9", SAMPLE_TEXT, 0, 1, IN_HEADER, 16, 8, 9, true},
	{"no_records", "with 0 records", SAMPLE_TEXT, 0, 1, IN_HEADER, 24, 4, 0, true},
	{"records", "missing or have a wrong size", SAMPLE_TEXT, 0, 1, IN_HEADER, 24, 4, 4, true},
	{"meta_length", "meta of 4294967295 bytes", SAMPLE_TEXT, 0, 1, IN_HEADER, 28, 4, UINT32_MAX, true},
	{"payload_length", "a payload of 18446744073709551615", SAMPLE_TEXT, 0, 1, IN_HEADER, 32, 8, UINT64_MAX, true},
	{"payload_limit", "a block of 4294967296 bytes", SAMPLE_TEXT, 0, 1, IN_HEADER, 32, 8, UINT64_C(1) << 32, true},
	{"chunk", "hash chunks of 2^63", SAMPLE_TEXT, 0, 1, IN_HEADER, 48, 1, 63, true},
	{"meta_hash", "hash of the block's meta", SAMPLE_TEXT, 0, 0, IN_META, 8, 1, 'T', false},
	{"chunk_hash", "hash of the payload", SAMPLE_TEXT, 0, 1, IN_PAYLOAD, 0, 1, 'T', false},
	{"second_head", "a second HEAD", SAMPLE_TEXT, 0, 2, IN_HEADER, 4, 1, 1, true},
	{"no_head", "must start with a HEAD", SAMPLE_TEXT, 0, 0, IN_HEADER, 4, 1, 2, true},
	{"critical_tag", "tag 0x8077", SAMPLE_TEXT, 0, 0, IN_META, 0, 2, 0x8077, true},
	{"tag_length", "wrong length", SAMPLE_TEXT, 0, 0, IN_META, 4, 4, 1 << 20, true},
	{"tag_padding", "padding of tag", SAMPLE_TEXT, 0, 0, IN_META, 13, 1, 1, true},
	{"type_class", "unknown type", SAMPLE_TEXT, 0, 0, IN_META, 24, 1, 6, true},
	{"type_bits", "unknown type", SAMPLE_TEXT, 0, 0, IN_META, 25, 1, 16, true},
	{"rank", "rank above 8", SAMPLE_TEXT, 0, 0, IN_META, 26, 1, 9, true},
	{"zero_dimension", "dimension 0 is 0", SAMPLE_TEXT, 0, 0, IN_META, 32, 8, 0, true},
	{"huge_dimension", "dimensions overflow", SAMPLE_TYPES, 0, 0, IN_META, 56, 8, UINT64_C(1) << 62, true},
	{"name_control", "without control characters", SAMPLE_TEXT, 0, 0, IN_META, 40, 1, 27, true},
	{"name_utf8", "without control characters", SAMPLE_TEXT, 0, 0, IN_META, 40, 1, 0xC0, true},
	{"name_twice", "appears twice", SAMPLE_TYPES, 0, 0, IN_META, 104, 1, 'u', true},
	{"provenance_id", "does not match its id", SAMPLE_TEXT, 0, 0, IN_META, 56, 1, 0, true},
	{"sections", "do not fit", SAMPLE_TEXT, 0, 1, IN_META, 0, 4, 1 << 30, true},
	{"section_field", "missing or have a wrong size", SAMPLE_TEXT, 0, 1, IN_META, 8, 4, 1, true},
	{"section_role", "unknown", SAMPLE_TEXT, 0, 1, IN_META, 12, 1, 3, true},
	{"section_codec", "unknown", SAMPLE_TEXT, 0, 1, IN_META, 13, 1, 2, true},
	{"section_filter", "unknown", SAMPLE_TEXT, 0, 1, IN_META, 14, 1, 2, true},
	{"section_zstd", "not one frame", SAMPLE_TEXT, 0, 1, IN_META, 13, 1, 1, true},
	{"section_gap", "leave gaps", SAMPLE_TEXT, 0, 1, IN_META, 16 + 32, 8, 128, true},
	{"section_raw", "a raw section", SAMPLE_TEXT, 0, 1, IN_META, 32, 8, UINT64_MAX, true},
	{"section_long", "leave gaps, overlap or exceed", SAMPLE_TEXT, 0, 1, IN_META, 24, 8, UINT64_MAX, true},
	{"meta_padding", "padding of the meta", SAMPLE_TEXT, 0, 1, IN_META, 120, 1, 1, true},
	{"payload_padding", "padding of the payload", SAMPLE_TEXT, 0, 1, IN_PAYLOAD, 63, 1, 1, true},
	{"offsets_start", "offsets are not valid", SAMPLE_TEXT, 0, 1, IN_PAYLOAD, 64, 4, 1, true},
	{"offsets_fall", "offsets are not valid", SAMPLE_TEXT, 0, 1, IN_PAYLOAD, 68, 4, 1 << 30, true},
	{"offsets_end", "offsets are not valid", SAMPLE_TEXT, 0, 1, IN_PAYLOAD, 64 + 4 * 3, 4, 99, true},
	{"bulk_field", "expected field 0", SAMPLE_MODEL, 1, 1, IN_META, 8, 4, 1, true},
	{"bulk_size", "do not match its dimensions", SAMPLE_MODEL, 1, 3, IN_PAYLOAD, 64, 8, 99, true},
	{"bulk_far", "do not match its dimensions", SAMPLE_HOLLOW, 1, 1, IN_PAYLOAD, 0, 8, UINT64_C(1) << 63, true},
	{"dims_far", "dimensions do not match its values", SAMPLE_HOLLOW, 0, 1, IN_PAYLOAD, 64, 8, UINT64_C(1) << 63, true},
	{"bulk_missing", "with 1 records", SAMPLE_MODEL, 1, 2, IN_HEADER, 4, 1, 0x80, true},
	{"index_offset", "index does not agree", SAMPLE_TEXT, 0, 2, IN_PAYLOAD, 16, 8, 64, true},
	{"index_previous", "index does not agree", SAMPLE_TEXT, 0, 2, IN_PAYLOAD, 0, 8, 64, true},
	{"index_count", "index of the wrong size", SAMPLE_TEXT, 0, 2, IN_PAYLOAD, 8, 8, 1 << 20, true},
	{"end_length", "END says", SAMPLE_TEXT, 0, 3, IN_PAYLOAD, 0, 8, 64, true},
	{"end_index", "index is incomplete", SAMPLE_TEXT, 0, 3, IN_PAYLOAD, 8, 8, 0, true},
	{"end_blocks", "END says", SAMPLE_TEXT, 0, 3, IN_PAYLOAD, 16, 8, 9, true},
	{"end_records", "END says 9 records", SAMPLE_TEXT, 0, 3, IN_PAYLOAD, 24, 8, 9, true},
	{"end_hash", "hash of the END block", SAMPLE_TEXT, 0, 3, IN_PAYLOAD, 32, 8, 0, false},
	{"end_mark", "hash of the END block", SAMPLE_TEXT, 0, 3, IN_PAYLOAD, 50, 1, 't', true},
};

static void
write_change(const struct change *c)
{
	static const struct ten_writer_opts bulk = {.bulk = true};
	struct ten_membuf m = sample(c->sample, c->bulk ? 1 : 3, 0, c->bulk ? &bulk : NULL);
	uint8_t *p = (uint8_t *)m.data;
	for (int b = 0; b < c->block; b++)
		p += 64 + repair_get(p + 28, 4) + repair_get(p + 32, 8);
	if (c->where != IN_HEADER)
		p += 64;
	if (c->where == IN_PAYLOAD)
		p += repair_get(p - 64 + 28, 4);
	memcpy(p + c->at, &c->value, c->size);
	if (c->repair)
		repair_hashes((uint8_t *)m.data, m.size);
	save("bad", c->name, m.data, m.size, c->expect);
	free(m.data);
}

static void
write_bad(void)
{
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
		write_change(&changes[i]);
	struct ten_membuf m = sample(SAMPLE_TEXT, 3, 0, NULL);
	save("bad", "empty", m.data, 0, "is empty");
	save("bad", "not_a_stream", "Once upon a time\n", 17, "looks like text");
	save("bad", "cut_header", m.data, 100, "in the middle of a block");
	save("bad", "cut_end", m.data, m.size - 128, "ends without an END");
	save("bad", "cut_last", m.data, m.size - 1, "in the middle of a block");
	m = join(m, (struct ten_membuf){strdup("\n"), 1, 1});
	save("bad", "trailing", m.data, m.size, "ends without an END");
	free(m.data);
	m = join(sample(SAMPLE_TEXT, 1, 0, NULL), sample(SAMPLE_TOKENS, 1, 0, NULL));
	save("bad", "other_schema", m.data, m.size, "other fields or another kind");
	free(m.data);
	m = sample(SAMPLE_TOKENS, 1, 0, NULL);
	char *id = memmem(m.data, m.size, "00112233", 8);
	id[0] = 'f';
	repair_hashes((uint8_t *)m.data, m.size);
	m = join(sample(SAMPLE_TOKENS, 1, 0, NULL), m);
	save("bad", "other_tokenizer", m.data, m.size, "another `tokenizer`");
	free(m.data);
	struct err e;
	struct ten_head h;
	struct ten_writer *w = NULL;
	m = (struct ten_membuf){0};
	if (sample_head(&h, SAMPLE_TEXT, &e) || ten_writer_open(&w, ten_mem_sink(&m), &h, NULL, &e))
		die(e.msg);
	ten_writer_abort(w, "ttok", "no space left");
	ten_writer_free(w);
	ten_head_free(&h);
	save("bad", "abort", m.data, m.size, "ttok, upstream, failed: no space left");
	free(m.data);
}

int
main(int argc, char **argv)
{
	char path[512];
	if (argc == 3 && !strcmp(argv[1], "read"))
		return read_file(argv[2]);
	if (argc != 3 || strcmp(argv[1], "write"))
		die("usage: ten_vectors write DIR | ten_vectors read FILE");
	dir = argv[2];
	static const char *const folders[] = {"", "/good", "/bad"};
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s%s", dir, folders[i]);
		mkdir(path, 0777);
	}
	snprintf(path, sizeof path, "%s/manifest", dir);
	if (!(manifest = fopen(path, "w")))
		die(path);
	write_good();
	write_bad();
	return fclose(manifest) ? 1 : 0;
}
