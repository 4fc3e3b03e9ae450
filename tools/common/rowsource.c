#include "common/rowsource.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/tempfile.h"
#include "common/spool.h"
#include "common/state.h"
#include "model/lm_head.h"
#include "text/candidates.h"

static const struct {
	const char *name;
	enum ten_class cls;
	unsigned bits, rank;
	bool each; /* a number for each token */
} columns[ROW_FIELDS] = {{"ids", TEN_INT, 32, 1, true}, {"targets", TEN_INT, 32, 1, true}, {"positions", TEN_INT, 32, 1, true},
    {"documents", TEN_INT, 32, 1, true}, {"types", TEN_INT, 32, 1, true}, {"source", TEN_UINT, 64, 0, false},
    {"key", TEN_UINT, 64, 0, false}, {"ends", TEN_UINT, 32, 1, false}, {"scored", TEN_UINT, 32, 1, false}};

/* ---- the spool of a pipe ---- */

static int
open_spool(struct row_source *s, struct err *e)
{
	s->spool_fd = tempfile_open(e);
	if (s->spool_fd < 0)
		return -1;
	return ten_writer_open(&s->spool, spool_sink(&s->spool_fd), ten_reader_head(s->pipe), NULL, e);
}

/* The pipe is at its end: from now on the spool serves. */
static int
finish_spool(struct row_source *s, struct err *e)
{
	char path[64];
	if (ten_writer_end(s->spool, e))
		return -1;
	ten_writer_free(s->spool);
	s->spool = NULL;
	snprintf(path, sizeof path, "/proc/self/fd/%d", s->spool_fd);
	if (ten_map_open(&s->map, path, e))
		return -1;
	s->records = ten_map_records(s->map);
	return 0;
}

/* ---- opening ---- */

/* Whether the use has this field's say. */
static bool
used(enum row_use use, int field)
{
	switch (field) {
	case ROW_TARGETS: return use == ROWS_NEXT || use == ROWS_MASKED || use == ROWS_CANDIDATES;
	case ROW_ENDS: case ROW_SCORED: return use == ROWS_CANDIDATES;
	/* of a judgement `positions` are places on a screen */
	case ROW_POSITIONS: case ROW_DOCUMENTS: return use != ROWS_CANDIDATES;
	case ROW_SOURCE: case ROW_KEY: return use == ROWS_VIEWS;
	default: return true;
	}
}

static int
check_use(const struct row_source *s, const struct ten_head *h, struct err *e)
{
	if (s->use == ROWS_MASKED && (s->fields[ROW_TARGETS] < 0 || strcmp(h->kind, "rows") == 0))
		return err_set(e, ERR_DATA, "%s: %s cannot train a model that sees both directions; tmask makes rows"
		    " that can", s->name, s->fields[ROW_TARGETS] < 0 ? "tokens without targets" : "next tokens as targets");
	if (s->use == ROWS_VIEWS && (s->fields[ROW_SOURCE] < 0 || s->fields[ROW_KEY] < 0))
		return err_set(e, ERR_DATA, "%s: has no fields `source' and `key'; taug makes views that have them", s->name);
	if (s->use == ROWS_CANDIDATES && (s->fields[ROW_ENDS] < 0 || s->fields[ROW_SCORED] < 0 || s->fields[ROW_TARGETS] < 0))
		return err_set(e, ERR_DATA, "%s: has no fields `ends', `scored' and `targets'; tchat makes candidates, which have them, of"
		    " judgements", s->name);
	return 0;
}

static int
check_fields(struct row_source *s, const struct ten_head *h, struct err *e)
{
	for (int i = 0; i < ROW_FIELDS; i++) {
		s->fields[i] = used(s->use, i) ? ten_head_find(h, columns[i].name) : -1;
		if (i != ROW_IDS && s->fields[i] < 0)
			continue;
		if (ten_head_need(h, s->name, columns[i].name, columns[i].cls, columns[i].bits, columns[i].rank, e) < 0)
			return -1;
	}
	if (s->use == ROWS_CANDIDATES && verdict_fields(&s->verdicts, h, s->name, e))
		return -1;
	s->cut = s->use == ROWS_NEXT && s->fields[ROW_TARGETS] < 0;
	const struct ten_kv *kv = ten_head_kv(h, "length");
	uint64_t length;
	const char *why;
	s->longest = s->cfg->context;
	s->stated = kv && !s->cut && cli_parse_u64(kv->value, &length, &why) == 0 && length;
	if (s->stated && length < s->longest)
		s->longest = length;
	s->largest = s->longest;
	return check_use(s, h, e);
}

/* The next record into s->values: 1, 0 at the end of the epoch, -1. */
static int
next_record(struct row_source *s, struct err *e)
{
	if (s->map) {
		if (s->record == s->records)
			return 0;
		s->current = s->order ? s->order[s->record] : s->record;
		if (ten_map_get(s->map, s->current, s->values, e))
			return -1;
		s->record++;
		return 1;
	}
	s->current = s->record;
	int got = ten_read(s->pipe, s->values, e);
	if (got == 0)
		return finish_spool(s, e);
	if (got < 0)
		return -1;
	if (ten_write(s->spool, s->values, e))
		return err_prefix(e, "keeping %s for later epochs", s->name);
	s->record++;
	return 1;
}

/* Reads all records once. */
static int
measure_candidates(struct row_source *s, struct err *e)
{
	int got;
	s->largest = 1;
	while ((got = next_record(s, e)) > 0)
		s->largest = s->values[s->fields[ROW_IDS]].count > s->largest ? s->values[s->fields[ROW_IDS]].count : s->largest;
	s->record = 0;
	return got;
}

int
row_source_open(struct row_source *s, const char *path, const struct config *cfg, enum row_use use,
    struct err *e)
{
	*s = (struct row_source){.cfg = cfg, .use = use, .spool_fd = -1};
	size_t context = cfg->context;
	struct stat st;
	bool piped = !path || strcmp(path, "-") == 0;
	s->name = strdup(piped ? "standard input" : path);
	s->targets = mem_zalloc(context, sizeof *s->targets, "targets", e);
	if (!s->name || !s->targets)
		goto fail;
	if (!piped && stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
		if (ten_map_open(&s->map, path, e))
			goto fail;
		s->records = ten_map_records(s->map);
	} else {
		s->pipe = cli_reader(path);
		if (open_spool(s, e))
			goto fail;
	}
	const struct ten_head *h = row_source_head(s);
	s->values = mem_zalloc(h->nfields, sizeof *s->values, "fields", e);
	if (!s->values || check_fields(s, h, e) || (use == ROWS_CANDIDATES && measure_candidates(s, e)))
		goto fail;
	return 0;
fail:
	row_source_close(s);
	return -1;
}

int
row_source_bound(struct row_source *s, size_t *tokens, struct err *e)
{
	size_t longest = 1;
	*tokens = s->largest;
	if (!s->map || s->stated || s->use == ROWS_CANDIDATES)
		return 0;
	for (uint64_t i = 0; i < s->records && longest < s->largest; i++) {
		if (ten_map_get(s->map, i, s->values, e))
			return -1;
		size_t n = s->values[s->fields[ROW_IDS]].count;
		longest = n > longest ? n : longest;
	}
	*tokens = longest < s->largest ? longest : s->largest;
	return 0;
}

int
row_source_use(struct row_source *s, enum row_use use, struct err *e)
{
	s->use = use;
	return check_fields(s, row_source_head(s), e);
}

void
row_source_close(struct row_source *s)
{
	ten_writer_free(s->spool);
	ten_reader_free(s->pipe);
	ten_map_free(s->map);
	if (s->name && s->spool_fd >= 0)
		close(s->spool_fd);
	free(s->values);
	free(s->targets);
	free(s->order);
	free(s->name);
	memset(s, 0, sizeof *s);
}

const struct ten_head *
row_source_head(const struct row_source *s)
{
	return s->pipe ? ten_reader_head(s->pipe) : ten_map_head(s->map);
}

void
row_source_label(struct row_source *s, struct row_labels *l)
{
	s->labels = l;
}

void
row_source_shuffle(struct row_source *s, uint64_t seed)
{
	s->shuffle = true;
	s->seed = seed;
}

/* ---- rows ---- */

/* The order of this epoch (Durstenfeld 1964). */
static int
shuffle(struct row_source *s, struct err *e)
{
	if (!s->shuffle || s->epoch == 0 || !s->map)
		return 0;
	if (s->records > UINT32_MAX)
		return err_set(e, ERR_DATA, "%s: too many records to shuffle", s->name);
	if (!s->order && !(s->order = mem_zalloc(s->records, sizeof *s->order, "order of the records", e)))
		return -1;
	for (uint32_t i = 0; i < s->records; i++) {
		uint64_t j = rng_below(i + 1, s->seed, RNG_ORDER, s->epoch, i);
		s->order[i] = s->order[j];
		s->order[j] = i;
	}
	return 0;
}

/* The next piece of the document in s->values; *done when it was the last. Its final token has no
 * successor: it is a target only. r NULL: it is passed over. */
static int
add_piece(struct row_source *s, struct rows *r, bool *done, struct err *e)
{
	const struct ten_value *v = &s->values[s->fields[0]];
	const int32_t *ids = v->data;
	size_t from = s->piece, n = v->count - 1 - from;
	n = n > s->cfg->context ? s->cfg->context : n;
	memcpy(s->targets, ids + from + 1, n * sizeof *ids);
	s->piece = from + n;
	*done = s->piece + 1 >= v->count;
	struct row row = {.ids = ids + from, .targets = s->targets, .n = n};
	return r ? rows_add(r, &row, s->cfg, e) : 0;
}

static const void *
column(const struct row_source *s, int i)
{
	return s->fields[i] < 0 ? NULL : s->values[s->fields[i]].data;
}

/* That a record of k answers has what is needed of it. */
static int
check_needs(const struct row_source *s, const struct verdict *v, const uint32_t *ends, size_t k, struct err *e)
{
	const int32_t *target = column(s, ROW_TARGETS);
	if ((s->needs & NEED_RANKS) && k < 2)
		return err_set(e, ERR_DATA, "one answer: there is nothing to compare");
	if ((s->needs & (NEED_RATING | NEED_LIKED)) && k > 1)
		return err_set(e, ERR_DATA, "%zu answers, but what is said is said of one", k);
	if ((s->needs & NEED_RATING) && isnan(v->rating))
		return err_set(e, ERR_DATA, "there is no rating");
	size_t first = 0;
	for (size_t i = 0; (s->needs & NEED_SAMPLES) && i < k; i++)
		first += v->ranks[i] == 1;
	if ((s->needs & NEED_SAMPLES) && first == 0)
		return err_set(e, ERR_DATA, "no answer has rank 1: there is no demonstration");
	if ((s->needs & NEED_SAMPLES) && first == k)
		return err_set(e, ERR_DATA, "all answers have rank 1: there is no sample to tell the demonstration from");
	for (size_t i = 0, at = 0; (s->needs & NEED_TARGETS) && i < k; at = ends[i++]) {
		while (at < ends[i] && target[at] == TARGET_NONE)
			at++;
		if (at == ends[i])
			return err_set(e, ERR_DATA, "answer %zu has no token to train on", i + 1);
	}
	return 0;
}

/* That what is said of each token is said of all n. */
static int
check_counts(const struct row_source *s, size_t n, struct err *e)
{
	for (int i = 1; i < ROW_FIELDS; i++)
		if (columns[i].each && s->fields[i] >= 0 && s->values[s->fields[i]].count != n)
			return err_set(e, ERR_DATA, "%zu ids but %llu %s", n,
			    (unsigned long long)s->values[s->fields[i]].count, columns[i].name);
	return 0;
}

static int
add_candidates(struct row_source *s, struct rows *r, struct err *e)
{
	const struct ten_value *ends = &s->values[s->fields[ROW_ENDS]], *scored = &s->values[s->fields[ROW_SCORED]];
	size_t n = s->values[s->fields[ROW_IDS]].count, k = ends->count;
	struct verdict v;
	if (check_counts(s, n, e))
		return -1;
	if (k > ANSWERS_MAX)
		return err_set(e, ERR_DATA, "%zu answers, more than %d", k, ANSWERS_MAX);
	if (k == 0 || scored->count != k)
		return err_set(e, ERR_DATA, "%zu ends of answers but %llu places to score", k, (unsigned long long)scored->count);
	if (verdict_read(&s->verdicts, s->values, k, &v, e))
		return -1;
	if (v.skipped)
		return err_set(e, ERR_DATA, "nothing is said of the answers: the judgement was skipped");
	struct row row = {.ids = column(s, ROW_IDS), .targets = column(s, ROW_TARGETS), .types = column(s, ROW_TYPES), .n = n, .k = k,
	    .ends = ends->data, .scored = scored->data, .ranks = v.ranks, .reference = v.reference,
	    .judged = {.liked = v.liked, .rating = v.rating, .weight = v.weight, .margin = v.margin}};
	if (rows_add(r, &row, s->cfg, e) || check_needs(s, &v, ends->data, k, e))
		return -1;
	return r->longest <= s->longest ? 0 :
	    err_set(e, ERR_DATA, "an answer of %zu tokens, but the stream's `length' is %zu", r->longest, s->longest);
}

static int
add_row(struct row_source *s, struct rows *r, struct err *e)
{
	size_t n = s->values[s->fields[ROW_IDS]].count;
	if (check_counts(s, n, e))
		return -1;
	if (n > s->cfg->context && !s->truncate)
		return err_set(e, ERR_DATA, "a row of %zu tokens, the model's context is %zu%s", n, s->cfg->context,
		    s->labels ? "; --truncate cuts it" : "");
	if (n == 0 && s->labels)
		return err_set(e, ERR_DATA, "there are no tokens");
	if (n > s->longest && (!s->truncate || s->longest < s->cfg->context))
		return err_set(e, ERR_DATA, "a row of %zu tokens, but the stream's `length' is %zu", n, s->longest);
	struct row row = {column(s, ROW_IDS), column(s, ROW_TARGETS), column(s, ROW_POSITIONS),
	    column(s, ROW_DOCUMENTS), column(s, ROW_TYPES), .n = n};
	if (s->labels && row_labels_fill(s->labels, s->values, n, &row, e))
		return -1;
	if (n > s->cfg->context) {
		row.n = s->cfg->context;
		s->truncated++;
	}
	if (s->use == ROWS_VIEWS) {
		memcpy(&row.source, column(s, ROW_SOURCE), sizeof row.source);
		memcpy(&row.key, column(s, ROW_KEY), sizeof row.key);
		row.documents = NULL;
	}
	return rows_add(r, &row, s->cfg, e);
}

static int
add(struct row_source *s, struct rows *r, struct err *e)
{
	bool done = true;
	int failed = s->cut ? add_piece(s, r, &done, e) : !r ? 0 : s->use == ROWS_CANDIDATES ? add_candidates(s, r, e) : add_row(s, r, e);
	if (failed)
		return err_prefix(e, "%s: record %llu", s->name, (unsigned long long)s->current);
	if (done)
		s->piece = 0;
	s->have = !done;
	return 1;
}

static bool
worth_a_row(const struct row_source *s)
{
	if (s->use == ROWS_VIEWS || s->use == ROWS_WHOLE || s->use == ROWS_CANDIDATES)
		return true;
	return s->values[s->fields[ROW_IDS]].count > (s->cut ? 1u : 0u);
}

static int
next(struct row_source *s, struct rows *r, struct err *e)
{
	if (s->have)
		return add(s, r, e);
	bool began = s->record == 0;
	for (bool any = false;; any = true) {
		int got = next_record(s, e);
		if (got < 0)
			return -1;
		if (got == 0) {
			if (began)
				return err_set(e, ERR_DATA, "%s: %s", s->name,
				    any ? "no record is long enough to train on" : "there are no records");
			s->record = 0;
			s->epoch++;
			return shuffle(s, e);
		}
		if (worth_a_row(s))
			return add(s, r, e);
	}
}

int
row_source_next(struct row_source *s, struct rows *r, struct err *e)
{
	return next(s, r, e);
}

int
row_source_skip(struct row_source *s, struct err *e)
{
	return next(s, NULL, e);
}

struct row_place
row_source_tell(const struct row_source *s)
{
	return (struct row_place){s->epoch, s->have ? s->record - 1 : s->record, s->piece};
}

uint64_t
row_source_epochs(const struct row_source *s)
{
	return s->epoch + (s->map && s->record == s->records && !s->have);
}

int
row_source_seek(struct row_source *s, struct row_place p, struct err *e)
{
	/* a pipe is read to its end once when the place is in a later epoch */
	while (s->pipe && !s->map && (p.epoch > 0 || s->record < p.record)) {
		int got = next_record(s, e);
		if (got < 0)
			return -1;
		if (got == 0)
			break;
	}
	bool whole = s->map && (p.record > s->records || (p.record == s->records && p.piece));
	if (whole || (!s->map && s->record != p.record))
		return err_set(e, ERR_DATA, "%s: record %llu of the checkpoint is not there", s->name,
		    (unsigned long long)p.record);
	s->record = p.record;
	s->epoch = p.epoch;
	if (shuffle(s, e))
		return -1;
	if (p.piece == 0)
		return 0;
	if (next_record(s, e) <= 0)
		return -1;
	if (!s->cut || p.piece + 1 >= s->values[s->fields[0]].count)
		return err_set(e, ERR_DATA, "%s: token %llu of record %llu is not there", s->name,
		    (unsigned long long)p.piece, (unsigned long long)p.record);
	s->piece = p.piece;
	s->have = true;
	return 0;
}
