/* tdedup - remove duplicate records */
#include <inttypes.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/tempfile.h"
#include "common/cli.h"
#include "common/keymap.h"
#include "common/spool.h"
#include "dedup/near.h"

enum { BATCH = 4096, BATCH_VALUES = 1 << 18 };

static const char *const units[] = {"words", "bytes", NULL};
static const char *key, *clusters_path, *output;
static bool near, quiet;
static double threshold = 0.8;
static uint64_t signature = 128, shingle = 5, bands, threads = 1;
static int unit = -1, zstd;

static const struct cli_opt opts[] = {
    {0, "key", "FIELD", CLI_TEXT, &key, "records with the same FIELD are duplicates (default text, else ids)", 0, 0, 0, false},
    {0, "near", NULL, CLI_FLAG, &near, "also records that are nearly the same", 0, 0, 0, false},
    {0, "threshold", "X", CLI_REAL, &threshold, "near: similarity from which on they are (default 0.8)", 0.01, 1, 0, false},
    {0, "shingle", "N", CLI_U64, &shingle, "near: words, bytes or tokens of a shingle (default 5)", 1, 1000, 0, false},
    {0, "unit", "NAME", CLI_CHOICE, &unit, "near: shingles of text are of words or bytes (default words)", 0, 0, units, false},
    {0, "signature", "N", CLI_U64, &signature, "near: numbers kept of a record (default 128)", 8, MINHASH_MAX, 0, false},
    {0, "bands", "N", CLI_U64, &bands, "near: bands of a signature (default by the threshold)", 1, MINHASH_MAX, 0, false},
    {0, "clusters", "FILE", CLI_TEXT, &clusters_path, "write which records are duplicates of which to FILE", 0, 0, 0, true},
    CLI_OUTPUT(&output),
    CLI_ZSTD(&zstd),
    CLI_THREADS(&threads, "1"),
    CLI_QUIET(&quiet),
};

static const struct cli_tool tool = {"tdedup", "[records]", "Remove duplicate records.", opts, sizeof opts / sizeof *opts,
    "tdedup documents.ten -o unique.ten\n"
    "tdedup --near --threshold 0.7 --clusters clusters.ten documents.ten -o unique.ten\n"
    "ttok -m vocab.ten stories.txt | tdedup --near | tpack -l 256 -o rows.ten"};

struct dedup {
	struct ten_reader *r;
	const struct ten_head *head;
	int field;
	struct near_set set;        /* with --near or --clusters: what is known of each record */
	struct keymap seen;         /* contents */
	uint32_t *first;            /* record of each content */
	size_t cap_first;
	size_t most;                /* records of a batch, up to BATCH: fewer of many fields */
	struct ten_value *batch;    /* (most, nfields) */
	XXH128_hash_t *hashes;      /* (most) */
	uint8_t *fresh;             /* (most) no earlier record has this content */
	int spool_fd;
	struct ten_writer *spool;   /* of a pipe that is to be read again, or NULL */
	struct ten_map *map;
	struct cli_out out, clusters;
	uint64_t exact, written;
};

/* ---- opening ---- */

static void
check_options(void)
{
	if (!near && (threshold != 0.8 || shingle != 5 || unit >= 0 || signature != 128 || bands))
		cli_die(ERR_USAGE, "--threshold, --shingle, --unit, --signature and --bands are for --near");
	if (bands > signature)
		cli_die(ERR_USAGE, "--bands %" PRIu64 ": a signature of %" PRIu64 " has no more than as many", bands, signature);
}

static int
find_field(const struct dedup *d)
{
	const char *name = ten_reader_name(d->r);
	int at = ten_head_find(d->head, key ? key : "text");
	if (at < 0 && !key)
		at = ten_head_find(d->head, "ids");
	if (at < 0 && key)
		cli_die(ERR_DATA, "%s: has no field `%s'", name, key);
	if (at < 0)
		cli_die(ERR_DATA, "%s: has neither `text' nor `ids'; --key names the field that counts", name);
	const struct ten_field *f = &d->head->fields[at];
	bool text = f->cls == TEN_TEXT, tokens = f->cls == TEN_INT && f->bits == 32;
	if (near && (f->rank != 1 || (!text && !tokens)))
		cli_die(ERR_DATA, "%s: field `%s' is neither text nor int32 [n]: --near has no shingles of it", name, f->name);
	if (tokens && near && unit >= 0)
		cli_die(ERR_USAGE, "--unit is for text; the shingles of `%s' are of tokens", f->name);
	return at;
}

static void
open_set(struct dedup *d)
{
	struct near_rules *rules = &d->set.rules;
	rules->unit = d->head->fields[d->field].cls != TEN_TEXT ? SHINGLE_TOKENS : unit > 0 ? SHINGLE_BYTES : SHINGLE_WORDS;
	rules->width = shingle;
	rules->k = signature;
	rules->threshold = threshold;
	rules->bands = bands ? (struct lsh_bands){signature / bands, bands} : lsh_choose(threshold, signature);
}

/* Whether the input can be read again where it is. */
static bool
is_file(const char *path)
{
	struct stat s;
	return path && strcmp(path, "-") != 0 && stat(path, &s) == 0 && S_ISREG(s.st_mode);
}

static void
open_all(struct dedup *d, const char *path)
{
	struct err e;
	struct ten_head h;
	struct ten_writer_opts o = {.zstd_level = zstd, .byte_split = zstd > 0};
	d->r = cli_reader(path);
	d->head = ten_reader_head(d->r);
	d->field = find_field(d);
	open_set(d);
	d->most = 1 + BATCH_VALUES / d->head->nfields;
	if (d->most > BATCH)
		d->most = BATCH;
	if (!(d->batch = mem_zalloc(d->most * d->head->nfields, sizeof *d->batch, "records", &e)) ||
	    !(d->hashes = mem_zalloc(d->most, sizeof *d->hashes, "records", &e)) ||
	    !(d->fresh = mem_zalloc(d->most, 1, "records", &e)) || ten_head_copy(&h, d->head, &e))
		cli_fail(&e);
	cli_open_out(&d->out, output, &h, &d->head, 1, NULL, &o);
	ten_head_free(&h);
	if (clusters_path) {
		h = (struct ten_head){.kind = "clusters"};
		if (ten_head_add(&h, "record", TEN_UINT, 64, 0, NULL, &e) || ten_head_add(&h, "cluster", TEN_UINT, 64, 0, NULL, &e) ||
		    ten_head_add(&h, "kept", TEN_UINT, 8, 0, NULL, &e) || ten_head_add(&h, "similarity", TEN_FLOAT, 64, 0, NULL, &e))
			cli_fail(&e);
		cli_note_part("clusters");
		cli_open_out(&d->clusters, clusters_path, &h, &d->head, 1, NULL, NULL);
		ten_head_free(&h);
	}
	if (near && !is_file(path) && ((d->spool_fd = tempfile_open(&e)) < 0 ||
	    ten_writer_open(&d->spool, spool_sink(&d->spool_fd), d->head, NULL, &e)))
		cli_fail(&e);
}

/* ---- the first pass ---- */

/* Records that a block still has, so that all of them stay valid; 0 at the end. */
static size_t
read_batch(struct dedup *d)
{
	struct err e;
	size_t n = 0;
	do {
		int got = ten_read(d->r, d->batch + n * d->head->nfields, &e);
		if (got < 0 || (got && d->spool && ten_write(d->spool, d->batch + n * d->head->nfields, &e)))
			cli_fail(&e);
		if (!got)
			break;
		n++;
	} while (n < d->most && ten_reader_waiting(d->r));
	return n;
}

static const struct ten_value *
content(const struct dedup *d, size_t i)
{
	return &d->batch[i * d->head->nfields + (size_t)d->field];
}

static void
hash_batch(struct dedup *d, size_t n)
{
	const struct ten_field *f = &d->head->fields[d->field];
	size_t size = ten_elem_size(f);
#pragma omp parallel for schedule(dynamic, 16)
	for (size_t i = 0; i < n; i++) {
		const struct ten_value *v = content(d, i);
		d->hashes[i] = XXH3_128bits(v->data, v->count * size);
		if (f->rank > 1) /* the same numbers in another shape are not the same */
			d->hashes[i] = XXH3_128bits_withSeed(v->dims, f->rank * sizeof *v->dims, d->hashes[i].low64 ^ d->hashes[i].high64);
	}
}

/* Which records of the batch are the first with their content. */
static void
find_exact(struct dedup *d, size_t n)
{
	struct err e;
	bool keep = near || clusters_path;
	for (size_t i = 0; i < n; i++) {
		uint32_t number;
		bool added;
		if (keymap_add(&d->seen, d->hashes[i], &number, &added, &e))
			cli_fail(&e);
		d->fresh[i] = added;
		d->exact += !added;
		if (!keep)
			continue;
		if (added && mem_grow(&d->first, &d->cap_first, d->seen.n, sizeof *d->first, "contents", &e))
			cli_fail(&e);
		if (added)
			d->first[number] = (uint32_t)d->set.n;
		if (near_add(&d->set, d->first[number], near && added, &e))
			cli_fail(&e);
	}
}

static void
write_record(struct dedup *d, const struct ten_value *values)
{
	cli_write(&d->out, values);
	d->written++;
}

static void
read_all(struct dedup *d, char *const *paths)
{
	struct err e;
	struct cli_progress p;
	cli_progress_filter(&p, quiet, output, paths, 1);
	for (size_t n; (n = read_batch(d)) > 0;) {
		size_t from = d->set.n;
		hash_batch(d, n);
		find_exact(d, n);
		if (near && near_sign(&d->set, from, content(d, 0), d->head->nfields, &e))
			cli_fail(&e);
		for (size_t i = 0; !near && i < n; i++)
			if (d->fresh[i])
				write_record(d, d->batch + i * d->head->nfields);
		cli_progress_tick(&p, ten_reader_offset(d->r) / 1000000, "");
	}
	cli_progress_end(&p);
}

/* ---- the second pass ---- */

static int
fetch(void *ctx, size_t record, const void **data, size_t *n, struct err *e)
{
	struct dedup *d = ctx;
	if (ten_map_get(d->map, record, d->batch, e))
		return -1;
	*data = d->batch[d->field].data;
	*n = d->batch[d->field].count;
	return 0;
}

static void
write_kept(struct dedup *d, const char *path)
{
	struct err e;
	char spooled[64];
	snprintf(spooled, sizeof spooled, "/proc/self/fd/%d", d->spool_fd);
	if ((d->spool && ten_writer_end(d->spool, &e)) || ten_map_open(&d->map, d->spool ? spooled : path, &e))
		cli_fail(&e);
	if (ten_map_records(d->map) != d->set.n || !ten_same_schema(ten_map_head(d->map), d->head))
		cli_die(ERR_RUNTIME, "%s: has changed while it was read", ten_reader_name(d->r));
	if (near_join(&d->set, fetch, d, &e))
		cli_fail(&e);
	for (size_t i = 0; i < d->set.n; i++) {
		if (near_root(&d->set, i) != i)
			continue;
		if (ten_map_get(d->map, i, d->batch, &e))
			cli_fail(&e);
		write_record(d, d->batch);
	}
	ten_map_free(d->map);
	if (d->spool)
		close(d->spool_fd);
	ten_writer_free(d->spool);
}

static void
write_clusters(struct dedup *d)
{
	struct err e;
	uint8_t *many = mem_zalloc(d->set.n, 1, "clusters", &e); /* of a kept record: others are like it */
	if (!many)
		cli_fail(&e);
	for (size_t i = 0; i < d->set.n; i++)
		many[near_root(&d->set, i)] |= near_root(&d->set, i) != i;
	for (uint64_t i = 0; i < d->set.n; i++) {
		uint64_t root = near_root(&d->set, i);
		uint8_t kept = root == i;
		double s = near_similarity(&d->set, i, root);
		struct ten_value v[4] = {ten_vector(&i, 1), ten_vector(&root, 1), ten_vector(&kept, 1), ten_vector(&s, 1)};
		if (many[root])
			cli_write(&d->clusters, v);
	}
	free(many);
	cli_close_out(&d->clusters);
}

int
main(int argc, char **argv)
{
	size_t n;
	static struct dedup d;
	char **operands = cli_parse(&tool, argc, argv, &n);
	check_options();
	if (n > 1)
		cli_die(ERR_USAGE, "one stream, not %zu; join files with tcat", n);
	omp_set_num_threads((int)threads);
	open_all(&d, operands[0]);
	read_all(&d, operands);
	if (near)
		write_kept(&d, operands[0]);
	if (clusters_path)
		write_clusters(&d);
	cli_close_out(&d.out);
	cli_account(quiet, "records_in=%" PRIu64 " records_out=%" PRIu64 " dropped_exact=%" PRIu64 " dropped_near=%" PRIu64,
	    ten_reader_record(d.r), d.written, d.exact, ten_reader_record(d.r) - d.written - d.exact);
	near_free(&d.set);
	keymap_free(&d.seen);
	free(d.first);
	free(d.batch);
	free(d.hashes);
	free(d.fresh);
	ten_reader_free(d.r);
	return 0;
}
