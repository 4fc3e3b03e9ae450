#include "people/tasks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "common/cli.h"
#include "text/documents.h"
#include "text/utf8.h"

static void
add_task(struct tasks *t, const struct item *item, const size_t *which, size_t k)
{
	struct err e;
	struct task new = {0};
	uint32_t number;
	bool added;
	if (item_key(&new.key, item, which, k, &e) || keymap_add(&t->keys, new.key, &number, &added, &e))
		cli_fail(&e);
	t->repeated += !added;
	if (!added)
		return;
	if (mem_grow(&t->v, &t->cap, t->n + 1, sizeof *t->v, "items", &e) || !(new.item = item_copy(item, which, k, &e)))
		cli_fail(&e);
	t->v[t->n++] = new;
}

/* Text that is not UTF-8 cannot be written as JSON. */
static bool
is_utf8(const char *p, size_t n)
{
	int32_t cp = 0;
	for (size_t i = 0; i < n && cp >= 0;)
		i += utf8_next((const uint8_t *)p + i, n - i, &cp);
	return cp >= 0;
}

/* The tasks of an item; what is wrong with it, or NULL. */
static const char *
add_item(struct tasks *t, const struct item *item, enum rate_mode mode)
{
	size_t k = item->k;
	if (!is_utf8(item->prompt.text, item->prompt.ends[item->prompt.turns - 1]) || !is_utf8(item->answers, item->ends[k - 1]))
		return "is not UTF-8";
	if (k < 2 && (mode == RATE_PAIRS || mode == RATE_RANK))
		return "has one answer, which cannot be compared";
	if (mode == RATE_RANK)
		add_task(t, item, NULL, 0);
	for (size_t i = 0; i < k && mode != RATE_RANK; i++) {
		if (mode != RATE_PAIRS)
			add_task(t, item, &i, 1);
		for (size_t j = i + 1; j < k && mode == RATE_PAIRS; j++)
			add_task(t, item, (size_t[]){i, j}, 2);
	}
	return NULL;
}

struct item
tasks_item_of(const struct sample *s)
{
	const struct opinion *o = &s->opinion;
	return (struct item){{s->text.data, s->ends, s->roles, s->n}, o->answers.data, o->ends, o->k};
}

/* How many blanks n bytes begin with. */
static size_t
blanks(const char *p, size_t n)
{
	size_t i = 0;
	while (i < n && (p[i] == ' ' || p[i] == '\t' || p[i] == '\r' || p[i] == '\n'))
		i++;
	return i;
}

static void
read_lines(struct tasks *t, const char *text, size_t n, const char *name, enum rate_mode mode)
{
	struct err e;
	struct sample s;
	struct jread r = {0};
	struct sample_rules rules = {.kind = IMPORT_ANSWERS};
	memcpy(rules.names, import_names, sizeof rules.names);
	if (sample_open(&s, &rules, &e))
		cli_fail(&e);
	uint64_t line = 1;
	for (size_t at = 0, m; at < n; at += m + 1, line++) {
		const char *end = memchr(text + at, '\n', n - at);
		m = end ? (size_t)(end - text) - at : n - at;
		if (blanks(text + at, m) == m)
			continue;
		sample_reset(&s);
		if (jread_parse(&r, text + at, m, &e) || sample_json(&s, r.nodes, &e))
			cli_die(e.code, "%s: line %" PRIu64 ": %s", name, line, e.msg);
		struct item item = tasks_item_of(&s);
		const char *wrong = add_item(t, &item, mode);
		if (wrong)
			cli_die(ERR_DATA, "%s: line %" PRIu64 ": %s", name, line, wrong);
	}
	jread_free(&r);
	sample_free(&s);
}

static void
read_records(struct tasks *t, const char *bytes, size_t n, const char *name, enum rate_mode mode)
{
	struct err e;
	struct ten_reader *r;
	struct judgement_fields f;
	struct item item;
	int got;
	if (ten_reader_open_mem(&r, bytes, n, name, &e) || judgement_fields(&f, ten_reader_head(r), name, &e))
		cli_fail(&e);
	struct ten_value *v = cli_zalloc(ten_reader_head(r)->nfields, sizeof *v, "fields");
	while ((got = ten_read(r, v, &e)) > 0) {
		const char *wrong = item_of(&item, &f, v, &e) ? e.msg : add_item(t, &item, mode);
		if (wrong)
			cli_die(ERR_DATA, "%s: record %" PRIu64 ": %s", name, ten_reader_record(r) - 1, wrong);
	}
	if (got < 0)
		cli_fail(&e);
	ten_reader_free(r);
	free(v);
}

void
tasks_read(struct tasks *t, const char *path, enum rate_mode mode)
{
	struct err e;
	struct documents d;
	const char *name, *text;
	size_t n;
	int fd = cli_input(path, &name);
	documents_open(&d, fd, name, SPLIT_FILE, NULL);
	int got = documents_next(&d, &text, &n, &e);
	if (got < 0)
		cli_fail(&e);
	if (!got)
		cli_die(ERR_DATA, "%s: is empty", name);
	size_t first = blanks(text, n);
	(first < n && text[first] == '{' ? read_lines : read_records)(t, text, n, name, mode);
	documents_close(&d);
	if (fd != STDIN_FILENO)
		close(fd);
}

/* ---- the order ---- */

static int
by_place(const void *a, const void *b)
{
	const struct task *x = a, *y = b;
	return x->place != y->place ? (x->place > y->place) - (x->place < y->place) : XXH128_cmp(&x->key, &y->key);
}

void
tasks_order(struct tasks *t, uint64_t seed, const char *rater)
{
	struct err e;
	uint64_t who = XXH3_64bits(rater, strlen(rater));
	for (size_t i = 0; i < t->n; i++)
		t->v[i].place = rng_u64(seed, RNG_ORDER, who, t->v[i].key.low64);
	qsort(t->v, t->n, sizeof *t->v, by_place);
	keymap_free(&t->keys); /* from now on a key's number is the place in the order */
	for (size_t i = 0; i < t->n; i++)
		if (keymap_add(&t->keys, t->v[i].key, &(uint32_t){0}, NULL, &e))
			cli_fail(&e);
}
