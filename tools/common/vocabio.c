#include "common/vocabio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/cli.h"
#include "common/modelio.h"
#include "text/jinja.h"
#include "text/wordpiece.h"

enum { BYTES, LEFT, RIGHT, RANK, SPECIAL, MORE, FIELDS };

static const struct {
	const char *name;
	enum ten_class cls;
	unsigned bits, rank;
} fields[FIELDS] = {
    {"bytes", TEN_UINT, 8, 1}, {"left", TEN_INT, 32, 0}, {"right", TEN_INT, 32, 0},
    {"rank", TEN_INT, 32, 0}, {"special", TEN_UINT, 8, 0}, {"more", TEN_INT, 32, 1}};

/* ---- writing ---- */

static int
set_name(struct ten_head *h, const char *key, const struct vocab *v, int32_t id, struct err *e)
{
	size_t n;
	if (id < 0)
		return 0;
	const uint8_t *name = vocab_bytes(v, id, &n);
	return ten_head_set_kv(h, key, name, n, e);
}

int
vocab_head(struct ten_head *h, const struct vocab *v, struct err *e)
{
	uint64_t ragged = TEN_RAGGED;
	char hex[33];
	snprintf(h->kind, sizeof h->kind, "vocabulary");
	char options[VOCAB_OPTIONS_TEXT], unknown[16];
	for (int i = 0; i < FIELDS - (v->nmore == 0); i++)
		if (ten_head_add(h, fields[i].name, fields[i].cls, fields[i].bits, fields[i].rank,
		    fields[i].rank ? &ragged : NULL, e))
			return -1;
	vocab_id_hex(v, hex);
	vocab_options_text(v->options, options);
	snprintf(unknown, sizeof unknown, "%d", v->unknown);
	if (ten_head_set_text(h, "type", vocab_type_name(v->type), e) ||
	    (v->type == VOCAB_BPE && ten_head_set_text(h, "pattern", pretoken_name(v->rule), e)) ||
	    (v->options && ten_head_set_text(h, "options", options, e)) ||
	    (v->unknown >= 0 && ten_head_set_text(h, "unknown", unknown, e)) ||
	    set_name(h, "begin", v, v->begin, e) || set_name(h, "end", v, v->end, e))
		return -1;
	if (v->chat_template && ten_head_set_text(h, "template", v->chat_template, e))
		return -1;
	return ten_head_set_text(h, "tokenizer", hex, e);
}

/* The further merges of token i into `to`, as the stream has them: how many numbers. */
static size_t
more_of(const struct vocab *v, const int32_t *first, const int32_t *next, size_t i, int32_t *to)
{
	size_t n = 0;
	for (int32_t at = first[i]; at >= 0; at = next[at]) {
		to[n++] = v->more[at].left;
		to[n++] = v->more[at].right;
		to[n++] = v->more[at].rank;
	}
	return n;
}

/* Lists of the further merges of each token, in their order: `first` of each token, then `next` of each merge. */
static void
list_more(const struct vocab *v, int32_t *first, int32_t *next)
{
	memset(first, 0xff, v->n * sizeof *first);
	for (size_t i = v->nmore; i-- > 0;) {
		next[i] = first[v->more[i].id];
		first[v->more[i].id] = (int32_t)i;
	}
}

static int
write_tokens(struct ten_writer *w, const struct vocab *v, const int32_t *first, const int32_t *next, int32_t *more,
    struct err *e)
{
	for (size_t i = 0; i < v->n; i++) {
		const struct token *t = &v->tokens[i];
		uint8_t special = (uint8_t)(t->special | t->match << 1);
		struct ten_value values[FIELDS] = {ten_vector(v->bytes + t->at, t->size),
		    ten_vector(&t->left, 1), ten_vector(&t->right, 1), ten_vector(&t->rank, 1),
		    ten_vector(&special, 1), ten_vector(more, v->nmore ? more_of(v, first, next, i, more) : 0)};
		if (ten_write(w, values, e))
			return -1;
	}
	return 0;
}

int
vocab_write(struct ten_writer *w, const struct vocab *v, struct err *e)
{
	int32_t *first = mem_zalloc(v->n, sizeof *first, "merges", e);
	int32_t *next = first ? mem_zalloc(v->nmore, sizeof *next, "merges", e) : NULL;
	int32_t *more = next ? mem_zalloc(3 * v->nmore, sizeof *more, "merges", e) : NULL;
	int rc = more ? 0 : -1;
	if (rc == 0) {
		list_more(v, first, next);
		rc = write_tokens(w, v, first, next, more, e);
	}
	free(first);
	free(next);
	free(more);
	return rc;
}

int
vocab_set_template(struct vocab *v, const char *text, struct err *e)
{
	struct chat_template t;
	if (template_parse(&t, text, strlen(text), e))
		return -1;
	int rc = template_check(&t, v, e);
	template_free(&t);
	if (rc)
		return -1;
	free(v->chat_template);
	v->chat_template = strdup(text);
	return v->chat_template ? 0 : err_nomem(e, strlen(text), "a template");
}

int
vocab_set_jinja(struct vocab *v, const char *text, size_t n, struct err *e)
{
	static const char *const names[] = {"chatml", "llama3", "plain", "completion"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct chat_template t;
		struct err unfit;
		const char *ours = template_builtin(names[i]);
		if (template_parse(&t, ours, strlen(ours), e))
			return -1;
		char *jinja = template_jinja(&t, e);
		bool same = jinja && strlen(jinja) == n && memcmp(jinja, text, n) == 0 && template_check(&t, v, &unfit) == 0;
		template_free(&t);
		if (!jinja)
			return -1;
		free(jinja);
		if (same)
			return vocab_set_template(v, ours, e) ? -1 : 1;
	}
	return 0;
}

/* ---- reading ---- */

static const char *
text_kv(const struct ten_head *h, const char *key)
{
	const struct ten_kv *kv = ten_head_kv(h, key);
	return kv ? kv->value : NULL;
}

static int
read_more(struct vocab *v, const struct ten_value *value, struct err *e)
{
	const int32_t *m = value->data;
	if (value->count % 3)
		return err_set(e, ERR_DATA, "token %zu: the numbers of its further merges are not threes", v->n - 1);
	for (size_t i = 0; i < value->count; i += 3) {
		struct more_merge more = {(int32_t)v->n - 1, m[i], m[i + 1], m[i + 2]};
		if (vocab_add_merge(v, &more, e))
			return -1;
	}
	return 0;
}

static int
read_tokens(struct vocab *v, struct ten_reader *r, const int at[FIELDS], struct err *e)
{
	struct ten_value *values = mem_zalloc(ten_reader_head(r)->nfields, sizeof *values, "fields", e);
	int got = values ? 1 : -1;
	while (got > 0 && (got = ten_read(r, values, e)) > 0) {
		const struct ten_value *b = &values[at[BYTES]];
		uint8_t special = *(const uint8_t *)values[at[SPECIAL]].data;
		struct token t = {.special = special & 1, .match = special >> 1};
		memcpy(&t.left, values[at[LEFT]].data, sizeof t.left);
		memcpy(&t.right, values[at[RIGHT]].data, sizeof t.right);
		memcpy(&t.rank, values[at[RANK]].data, sizeof t.rank);
		if (vocab_add(v, &t, b->data, b->count, e) ||
		    (at[MORE] >= 0 && read_more(v, &values[at[MORE]], e)))
			got = -1;
	}
	free(values);
	return got;
}

/* Options, and the token of unknown words. */
static int
read_options(struct vocab *v, const struct ten_head *h, struct err *e)
{
	const char *options = text_kv(h, "options"), *unknown = text_kv(h, "unknown");
	int bits = options ? vocab_options_of(options) : 0;
	char *end = NULL;
	long id = unknown ? strtol(unknown, &end, 10) : -1;
	if (bits < 0)
		return err_set(e, ERR_DATA, "unknown options `%.60s' of vocabulary", options);
	if (unknown && (end == unknown || *end || id < 0 || id >= VOCAB_MAX_TOKENS))
		return err_set(e, ERR_DATA, "`%.40s' is not the id of a token", unknown);
	v->options = (unsigned)bits;
	v->unknown = (int32_t)id;
	return 0;
}

static int
build(struct vocab *v, struct ten_reader *r, struct err *e)
{
	const struct ten_head *h = ten_reader_head(r);
	const char *type = text_kv(h, "type"), *pattern = text_kv(h, "pattern");
	int at[FIELDS];
	for (int i = 0; i < MORE; i++)
		if ((at[i] = ten_head_need(h, "a vocabulary", fields[i].name, fields[i].cls, fields[i].bits,
		    fields[i].rank, e)) < 0)
			return -1;
	at[MORE] = ten_head_find(h, "more");
	if (at[MORE] >= 0 && (at[MORE] = ten_head_need(h, "a vocabulary", "more", TEN_INT, 32, 1, e)) < 0)
		return -1;
	int t = type ? vocab_type_of(type) : -1, rule = pattern ? pretoken_of(pattern) : 0;
	if (t < 0 || rule < 0 || (t == VOCAB_BPE && !pattern))
		return err_set(e, ERR_DATA, "unknown type `%.40s' or pattern `%.40s' of vocabulary",
		    type ? type : "none", pattern ? pattern : "none");
	vocab_init(v, (enum vocab_type)t, (enum pretoken)rule);
	if (read_options(v, h, e) || read_tokens(v, r, at, e) || vocab_finish(v, text_kv(h, "begin"), text_kv(h, "end"), e))
		return -1;
	const char *text = text_kv(h, "template");
	return text ? vocab_set_template(v, text, e) : 0;
}

/* Keeps the stream as canonical bytes: the same records with the same history. */
static int
keep_bytes(struct vocab_file *f, struct err *e)
{
	struct ten_membuf m = {0};
	struct ten_head h = {0};
	struct ten_writer *w = NULL;
	int rc = vocab_head(&h, &f->vocab, e) || ten_head_merge_prov(&h, &f->head, e) ||
	    ten_writer_open(&w, ten_mem_sink(&m), &h, NULL, e) || vocab_write(w, &f->vocab, e) ||
	    ten_writer_end(w, e) ? -1 : 0;
	ten_writer_free(w);
	ten_head_free(&h);
	f->bytes = m.data;
	f->size = m.size;
	return rc;
}

static int
load(struct vocab_file *f, struct ten_reader *r, struct err *e)
{
	memset(f, 0, sizeof *f);
	if (strcmp(ten_reader_head(r)->kind, "vocabulary") != 0)
		return err_set(e, ERR_DATA, "%s: needs a vocabulary or a model, this is a stream of kind `%s'",
		    ten_reader_name(r), ten_reader_head(r)->kind);
	int rc = build(&f->vocab, r, e);
	if (rc)
		err_prefix(e, "%s", ten_reader_name(r));
	else
		rc = ten_head_copy(&f->head, ten_reader_head(r), e) || keep_bytes(f, e) ? -1 : 0;
	if (rc)
		vocab_file_free(f);
	else
		vocab_id_hex(&f->vocab, f->id);
	return rc;
}

int
vocab_file_load_mem(struct vocab_file *f, const void *bytes, size_t size, const char *name,
    struct err *e)
{
	struct ten_reader *r;
	memset(f, 0, sizeof *f);
	if (ten_reader_open_mem(&r, bytes, size, name, e))
		return -1;
	int rc = load(f, r, e);
	ten_reader_free(r);
	return rc;
}

/* The tokenizer field of the one record of a model, from its stream. */
static int
load_from_model(struct vocab_file *f, struct ten_reader *r, struct err *e)
{
	const struct ten_head *h = ten_reader_head(r);
	int at = ten_head_need(h, ten_reader_name(r), "tokenizer", TEN_UINT, 8, 1, e);
	struct ten_value *values = at < 0 ? NULL : mem_zalloc(h->nfields, sizeof *values, "fields", e);
	int got = values ? ten_read(r, values, e) : -1;
	int rc = -1;
	if (got == 0 || (got > 0 && values[at].count == 0))
		err_set(e, ERR_DATA, "%s: the model has no vocabulary", ten_reader_name(r));
	else if (got > 0)
		rc = vocab_file_load_mem(f, values[at].data, values[at].count, ten_reader_name(r), e);
	if (rc == 0) { /* a user of the model's vocabulary descends from the model */
		ten_head_free(&f->head);
		rc = ten_head_copy(&f->head, h, e);
	}
	free(values);
	return rc;
}

int
vocab_file_load(struct vocab_file *f, const char *path, struct err *e)
{
	struct ten_reader *r = cli_reader(path);
	memset(f, 0, sizeof *f);
	bool model = strcmp(ten_reader_head(r)->kind, "model") == 0;
	int rc = model ? load_from_model(f, r, e) : load(f, r, e);
	ten_reader_free(r);
	return rc;
}

int
vocab_file_make(struct vocab_file *f, const struct vocab *v, const struct ten_head *h, struct err *e)
{
	struct ten_writer *w;
	struct ten_membuf m = {0};
	memset(f, 0, sizeof *f);
	if (ten_writer_open(&w, ten_mem_sink(&m), h, NULL, e))
		return -1;
	int rc = vocab_write(w, v, e) || ten_writer_end(w, e) || vocab_file_load_mem(f, m.data, m.size, "the new vocabulary", e) ? -1 : 0;
	ten_writer_free(w);
	free(m.data);
	return rc;
}

void
vocab_file_free(struct vocab_file *f)
{
	vocab_free(&f->vocab);
	ten_head_free(&f->head);
	free(f->bytes);
	memset(f, 0, sizeof *f);
}

int
vocab_decode(const struct vocab *v, int32_t id, bool special, struct ten_membuf *to, struct err *e)
{
	if (id < 0 || (size_t)id >= v->n)
		return err_set(e, ERR_DATA, "id %d, the vocabulary has %zu tokens", id, v->n);
	const struct token *t = &v->tokens[id];
	if (t->special && !special && !(t->match & MATCH_ALWAYS) && id != v->unknown)
		return 0;
	size_t n;
	const uint8_t *p = vocab_bytes(v, id, &n);
	if (mem_grow(&to->data, &to->cap, to->size + n + 1, 1, "text", e))
		return -1;
	if (v->type == VOCAB_WORDPIECE && wordpiece_continues(v, id)) {
		p += 2;
		n -= 2;
	} else if (v->type == VOCAB_WORDPIECE && to->size)
		to->data[to->size++] = ' ';
	if (n)
		memcpy(to->data + to->size, p, n);
	to->size += n;
	return 0;
}

void
vocab_file_check(const struct vocab_file *f, const struct ten_head *head, const char *name)
{
	const struct ten_kv *id = ten_head_kv(head, "tokenizer");
	if (id && strcmp(id->value, f->id) != 0)
		cli_die(ERR_DATA, "%s was tokenized by %.32s, the vocabulary is %s", name, (const char *)id->value, f->id);
}
