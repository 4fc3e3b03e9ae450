/* tshuf - shuffle records */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "common/cli.h"
#include "data/runs.h"

static uint64_t seed = 1, memory = 1000000000;
static const char *output;
static bool quiet;
static int zstd;

static const struct cli_opt opts[] = {
    CLI_SEED(&seed),
    {0, "memory", "SIZE", CLI_U64, &memory, "bytes of records in memory; the rest waits in TMPDIR (default 1G)", 1, 0x1p60, 0, true},
    CLI_OUTPUT(&output),
    CLI_ZSTD(&zstd),
    CLI_QUIET(&quiet),
};

static const struct cli_tool tool = {"tshuf", "[records]", "Shuffle records.", opts,
    sizeof opts / sizeof *opts,
    "tshuf -s 1 rows.ten -o train.ten\n"
    "tpack -l 256 tokens.ten | tshuf --memory 100M -o train.ten"};

/* A record as bytes: for each field its sizes, then its elements. */
static void
flatten(const struct ten_head *h, const struct ten_value *values, struct ten_membuf *to)
{
	struct err e;
	to->size = 0;
	for (size_t i = 0; i < h->nfields; i++) {
		size_t dims = h->fields[i].rank * sizeof *values->dims;
		size_t bytes = values[i].count * ten_elem_size(&h->fields[i]);
		if (mem_grow(&to->data, &to->cap, to->size + dims + bytes, 1, "a record", &e))
			cli_fail(&e);
		memcpy(to->data + to->size, values[i].dims, dims);
		if (bytes)
			memcpy(to->data + to->size + dims, values[i].data, bytes);
		to->size += dims + bytes;
	}
}

static void
unflatten(const struct ten_head *h, const char *p, struct ten_value *values)
{
	for (size_t i = 0; i < h->nfields; i++) {
		const struct ten_field *f = &h->fields[i];
		size_t dims = f->rank * sizeof *values->dims;
		memcpy(values[i].dims, p, dims);
		values[i].count = 1;
		for (unsigned d = 0; d < f->rank; d++)
			values[i].count *= values[i].dims[d];
		values[i].data = p + dims;
		p += dims + values[i].count * ten_elem_size(f);
	}
}

/* Each record gets a random key from the seed and its number; their order is the permutation. */
static void
collect(struct ten_reader *r, struct sorter *s, struct ten_value *values, struct cli_progress *p)
{
	struct err e;
	struct ten_membuf flat = {0};
	int got;
	while ((got = ten_read(r, values, &e)) > 0) {
		flatten(ten_reader_head(r), values, &flat);
		if (sorter_add(s, rng_u64(seed, RNG_SHUFFLE, 0, s->count), flat.data, flat.size, &e))
			cli_fail(&e);
		cli_progress_tick(p, ten_reader_offset(r) / 1000000, "");
	}
	if (got < 0 || sorter_finish(s, &e))
		cli_fail(&e);
	free(flat.data);
}

int
main(int argc, char **argv)
{
	size_t n, size;
	uint64_t written = 0;
	struct err e;
	struct sorter s;
	struct ten_head h;
	struct cli_out out;
	struct cli_progress p;
	struct ten_writer_opts o = {0};
	const void *bytes;
	int got;
	char **operands = cli_parse(&tool, argc, argv, &n);
	o.zstd_level = zstd;
	o.byte_split = zstd > 0;
	if (n > 1)
		cli_die(ERR_USAGE, "one stream, not %zu; join files with tcat", n);
	struct ten_reader *r = cli_reader(n ? operands[0] : NULL);
	const struct ten_head *in = ten_reader_head(r);
	struct ten_value *values = mem_zalloc(in->nfields, sizeof *values, "fields", &e);
	if (!values || ten_head_copy(&h, in, &e))
		cli_fail(&e);
	sorter_open(&s, memory);
	cli_open_out(&out, output, &h, &in, 1, &seed, &o);
	cli_progress_filter(&p, quiet, output, operands, 1);
	collect(r, &s, values, &p);
	p.unit = "records written", p.total = s.count, p.start = cli_now();
	while ((got = sorter_next(&s, &bytes, &size, &e)) > 0) {
		unflatten(in, bytes, values);
		cli_write(&out, values);
		cli_progress_tick(&p, ++written, "");
	}
	if (got < 0)
		cli_fail(&e);
	cli_progress_end(&p);
	cli_close_out(&out);
	cli_account(quiet, "records_in=%" PRIu64 " records_out=%" PRIu64 " seed=%" PRIu64,
	    ten_reader_record(r), written, seed);
	sorter_close(&s);
	ten_head_free(&h);
	free(values);
	ten_reader_free(r);
	return 0;
}
