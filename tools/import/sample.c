#include "import/sample.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/mem.h"

const char *const import_names[IMPORT_NAMES] = {"text", "label", "labels", "value", "tokens", "tags", "messages", "role",
    "content", "prompt", "completion", "instruction", "input", "output", "conversations", "from", "system", "chosen",
    "rejected", "demonstrations", "samples", "answers", "ranks", "rating", "clicked", "rater", "seconds", "positions", "weight",
    "margin"};

static bool
is_chat(enum import_kind k)
{
	return k >= IMPORT_CHAT && !import_is_opinion(k);
}

int
sample_open(struct sample *s, const struct sample_rules *r, struct err *e)
{
	*s = (struct sample){.rules = r};
	s->kept = mem_zalloc(r->kept.n, sizeof *s->kept, "fields", e);
	return s->kept ? 0 : -1;
}

void
sample_free(struct sample *s)
{
	for (size_t i = 0; s->kept && i < s->rules->kept.n; i++)
		free(s->kept[i].data);
	free(s->kept);
	free(s->text.data);
	free(s->label.data);
	free(s->ends);
	free(s->roles);
	opinion_free(&s->opinion);
	memset(s, 0, sizeof *s);
}

/* ---- out ---- */

/* Behind the prompt; the optional fields come last, in the order of enum opinion_option. */
static const struct { const char *name; enum ten_class cls; unsigned bits, rank; } optional[OPINION_OPTIONS] = {
    {"rater", TEN_TEXT, 8, 1}, {"seconds", TEN_FLOAT, 64, 0}, {"weight", TEN_FLOAT, 64, 0}, {"margin", TEN_FLOAT, 64, 0},
    {"positions", TEN_UINT, 32, 1}};

static size_t
options_of(enum import_kind k)
{
	return k == IMPORT_PREFERENCE || k == IMPORT_CLICKS ? OPINION_OPTIONS : OPINION_MARGIN;
}

static int
opinion_fields(enum import_kind k, struct ten_head *h, struct err *e)
{
	uint64_t ragged = TEN_RAGGED;
	int rc = ten_head_add(h, "answers", TEN_TEXT, 8, 1, &ragged, e) || ten_head_add(h, "answer_ends", TEN_UINT, 32, 1, &ragged, e);
	if (k == IMPORT_LIKED)
		rc = rc || ten_head_add(h, "liked", TEN_UINT, 8, 0, NULL, e);
	else if (k == IMPORT_RATING)
		rc = rc || ten_head_add(h, "rating", TEN_FLOAT, 64, 0, NULL, e);
	else
		rc = rc || ten_head_add(h, "ranks", TEN_UINT, 32, 1, &ragged, e);
	for (size_t i = 0; i < options_of(k) && !rc; i++)
		rc = ten_head_add(h, optional[i].name, optional[i].cls, optional[i].bits, optional[i].rank,
		    optional[i].rank ? &ragged : NULL, e);
	return rc;
}

int
sample_fields(const struct sample_rules *r, struct ten_head *h, struct err *e)
{
	static const char *const kinds[] = {"text", "labelled", "labelled", "labelled", "tagged", "chat", "chat", "chat", "chat",
	    "judgements", "judgements", "judgements", "judgements", "judgements"};
	uint64_t ragged = TEN_RAGGED;
	size_t size = strlen(kinds[r->kind]);
	memcpy(h->kind, kinds[r->kind], size + 1);
	int rc = ten_head_add(h, "text", TEN_TEXT, 8, 1, &ragged, e);
	if (r->kind == IMPORT_LABELLED || r->kind == IMPORT_MULTILABEL)
		rc = rc || ten_head_add(h, r->kind == IMPORT_LABELLED ? "label" : "labels", TEN_TEXT, 8, 1, &ragged, e);
	if (r->kind == IMPORT_VALUE)
		rc = rc || ten_head_add(h, "value", TEN_FLOAT, 64, 0, NULL, e);
	if (r->kind == IMPORT_TAGGED)
		rc = rc || ten_head_add(h, "word_ends", TEN_UINT, 32, 1, &ragged, e) ||
		    ten_head_add(h, "tags", TEN_TEXT, 8, 1, &ragged, e);
	if (is_chat(r->kind) || import_is_opinion(r->kind))
		rc = rc || ten_head_add(h, "turn_ends", TEN_UINT, 32, 1, &ragged, e) ||
		    ten_head_add(h, "roles", TEN_UINT, 8, 1, &ragged, e);
	if (import_is_opinion(r->kind))
		rc = rc || opinion_fields(r->kind, h, e);
	for (size_t i = 0; i < r->kept.n && !rc; i++)
		rc = ten_head_add(h, r->id && i + 1 == r->kept.n ? "id" : table_cell(&r->kept, i), TEN_TEXT, 8, 1, &ragged, e);
	return rc ? -1 : 0;
}

bool
sample_lacks(const struct sample *s, const char *name)
{
	size_t n = import_is_opinion(s->rules->kind) ? options_of(s->rules->kind) : 0;
	for (size_t i = 0; i < n; i++)
		if (strcmp(optional[i].name, name) == 0)
			return !(s->opinion.seen >> i & 1);
	return false;
}

size_t
sample_records(const struct sample *s)
{
	return s->opinion.undecided ? 0 : s->rules->kind == IMPORT_CLICKS ? s->opinion.npairs : 1;
}

int
sample_opinion(struct sample *s, size_t i, struct ten_value *v, struct err *e)
{
	static const uint32_t clicked_first[2] = {1, 2};
	struct opinion *o = &s->opinion;
	enum import_kind k = s->rules->kind;
	bool pairs = k == IMPORT_CLICKS;
	size_t n = 0;
	if (pairs && opinion_show_pair(o, i, e))
		return -1;
	v[n++] = ten_vector(s->text.data, s->text.size);
	v[n++] = ten_vector(s->ends, s->n);
	v[n++] = ten_vector(s->roles, s->n);
	v[n++] = pairs ? ten_vector(o->pair.data, o->pair.size) : ten_vector(o->answers.data, o->answers.size);
	v[n++] = pairs ? ten_vector(o->pair_ends, 2) : ten_vector(o->ends, o->k);
	v[n++] = k == IMPORT_LIKED ? ten_vector(&o->liked, 1) : k == IMPORT_RATING ? ten_vector(&o->rating, 1)
	    : pairs ? ten_vector(clicked_first, 2) : ten_vector(o->ranks, o->k);
	const struct ten_value all[OPINION_OPTIONS] = {ten_vector(o->rater.data, o->rater.size), ten_vector(&o->seconds, 1),
	    ten_vector(&o->weight, 1), ten_vector(&o->margin, 1),
	    pairs ? ten_vector(o->pairs[i], 2) : ten_vector(o->positions, o->npositions)};
	for (size_t j = 0; j < options_of(k); j++)
		v[n++] = all[j];
	for (size_t j = 0; j < s->rules->kept.n; j++)
		v[n++] = ten_vector(s->kept[j].data, s->kept[j].size);
	return 0;
}

size_t
sample_values(const struct sample *s, struct ten_value *v)
{
	size_t n = 0;
	enum import_kind k = s->rules->kind;
	v[n++] = ten_vector(s->text.data, s->text.size);
	if (k == IMPORT_VALUE)
		v[n++] = ten_vector(&s->value, 1);
	if (k == IMPORT_TAGGED || is_chat(k))
		v[n++] = ten_vector(s->ends, s->n);
	if (k == IMPORT_LABELLED || k == IMPORT_MULTILABEL || k == IMPORT_TAGGED)
		v[n++] = ten_vector(s->label.data, s->label.size);
	if (is_chat(k))
		v[n++] = ten_vector(s->roles, s->n);
	for (size_t i = 0; i < s->rules->kept.n; i++)
		v[n++] = ten_vector(s->kept[i].data, s->kept[i].size);
	return n;
}

static int
append(struct ten_membuf *m, const char *text, size_t n, struct err *e)
{
	if (mem_grow(&m->data, &m->cap, m->size + n, 1, "a record", e))
		return -1;
	if (n)
		memcpy(m->data + m->size, text, n);
	m->size += n;
	return 0;
}

int
sample_hash(struct sample *s, const struct ten_head *h, struct ten_value *v, struct err *e)
{
	char text[33];
	XXH128_canonical_t id;
	XXH3_state_t *x = XXH3_createState();
	size_t last = s->rules->kept.n - 1;
	if (!x || XXH3_128bits_reset(x))
		return err_nomem(e, 0, "a hash");
	for (size_t i = 0; i + 1 < h->nfields; i++) {
		XXH3_128bits_update(x, &v[i].count, sizeof v[i].count);
		XXH3_128bits_update(x, v[i].data, v[i].count * ten_elem_size(&h->fields[i]));
	}
	XXH128_canonicalFromHash(&id, XXH3_128bits_digest(x));
	XXH3_freeState(x);
	for (size_t i = 0; i < 16; i++)
		snprintf(text + 2 * i, 3, "%02x", id.digest[i]);
	s->kept[last].size = 0;
	if (append(&s->kept[last], text, 32, e))
		return -1;
	v[h->nfields - 1] = ten_vector(s->kept[last].data, 32);
	return 0;
}

/* ---- in ---- */

void
sample_reset(struct sample *s)
{
	s->text.size = s->label.size = s->n = s->tags = 0;
	s->value = (double)NAN;
	opinion_reset(&s->opinion);
	for (size_t i = 0; i < s->rules->kept.n; i++)
		s->kept[i].size = 0;
}

int
sample_text(struct sample *s, const char *text, size_t n, struct err *e)
{
	if (n == 0)
		return err_set(e, ERR_DATA, "the text is empty");
	return append(&s->text, text, n, e);
}

int
sample_label(struct sample *s, const char *name, size_t n, struct err *e)
{
	bool tag = s->rules->kind == IMPORT_TAGGED;
	const char *what = tag ? "tag" : "label";
	if (n == 0)
		return err_set(e, ERR_DATA, "the %s is empty", what);
	if (tag && (memchr(name, ' ', n) || memchr(name, '\t', n)))
		return err_set(e, ERR_DATA, "the tag `%.*s' has a space in it", n < 60 ? (int)n : 60, name);
	if (memchr(name, 0, n) || memchr(name, '\n', n))
		return err_set(e, ERR_DATA, "the %s has a line end or a NUL in it", what);
	if (s->rules->given && label_set_find(s->rules->classes, name, n) < 0)
		return err_set(e, ERR_DATA, "the %s `%.*s' is not one of the %zu that are known", what, n < 60 ? (int)n : 60, name,
		    s->rules->classes->n);
	if (s->tags++ && append(&s->label, tag ? " " : "\n", 1, e))
		return -1;
	return append(&s->label, name, n, e);
}

int
sample_learn(const struct sample *s, struct err *e)
{
	char between = s->rules->kind == IMPORT_TAGGED ? ' ' : '\n';
	for (size_t at = 0, m; at < s->label.size && !s->rules->given; at += m + 1) {
		const char *name = s->label.data + at, *end = memchr(name, between, s->label.size - at);
		m = end ? (size_t)(end - name) : s->label.size - at;
		if (label_set_add(s->rules->classes, name, m, e) < 0)
			return -1;
	}
	return 0;
}

int
sample_number(struct sample *s, const char *text, size_t n, struct err *e)
{
	char *end;
	s->value = strtod(text, &end);
	if (end == text || end != text + n || !isfinite(s->value) || strpbrk(text, "xX")) /* decimal, as in JSON */
		return err_set(e, ERR_DATA, "the value `%.40s' is not a number", text);
	return 0;
}

static int
end_piece(struct sample *s, struct err *e)
{
	if (s->text.size > UINT32_MAX)
		return err_set(e, ERR_DATA, "more than 4 GiB of text");
	if (mem_grow(&s->ends, &s->cap, s->n + 1, sizeof *s->ends, "a record", e))
		return -1;
	s->ends[s->n++] = (uint32_t)s->text.size;
	return 0;
}

int
sample_word(struct sample *s, const char *word, size_t n, struct err *e)
{
	if (n == 0)
		return err_set(e, ERR_DATA, "word %zu is empty", s->n + 1);
	return (s->n && append(&s->text, " ", 1, e)) || append(&s->text, word, n, e) || end_piece(s, e) ? -1 : 0;
}

int
sample_turn(struct sample *s, enum chat_role role, const char *text, size_t n, struct err *e)
{
	if (n == 0)
		return err_set(e, ERR_DATA, "turn %zu is empty", s->n + 1);
	if (mem_grow(&s->roles, &s->cap_roles, s->n + 1, sizeof *s->roles, "a record", e))
		return -1;
	s->roles[s->n] = (uint8_t)role;
	return append(&s->text, text, n, e) || end_piece(s, e) ? -1 : 0;
}

int
sample_keep(struct sample *s, size_t i, const char *text, size_t n, struct err *e)
{
	return append(&s->kept[i], text, n, e);
}

int
sample_check(const struct sample *s, struct err *e)
{
	enum import_kind k = s->rules->kind;
	if (k == IMPORT_LABELLED && s->tags != 1)
		return err_set(e, ERR_DATA, "there is no label");
	if (k == IMPORT_TAGGED && s->n == 0)
		return err_set(e, ERR_DATA, "there are no words");
	if (k == IMPORT_TAGGED && s->tags != s->n)
		return err_set(e, ERR_DATA, "%zu tags for %zu words", s->tags, s->n);
	if (import_is_opinion(k) && s->n == 0)
		return err_set(e, ERR_DATA, "the prompt is empty");
	for (size_t i = 0; is_chat(k) && i < s->n; i++)
		if (s->roles[i] == ROLE_ASSISTANT)
			return 0;
	return is_chat(k) ? err_set(e, ERR_DATA, "the chat has no turn of the assistant") : 0;
}

void
sample_needs(enum import_kind kind, bool needed[IMPORT_NAMES])
{
	memset(needed, 0, IMPORT_NAMES * sizeof *needed);
	switch (kind) {
	case IMPORT_TEXT: needed[NAME_TEXT] = true; break;
	case IMPORT_LABELLED: needed[NAME_TEXT] = needed[NAME_LABEL] = true; break;
	case IMPORT_MULTILABEL: needed[NAME_TEXT] = needed[NAME_LABELS] = true; break;
	case IMPORT_VALUE: needed[NAME_TEXT] = needed[NAME_VALUE] = true; break;
	case IMPORT_TAGGED: needed[NAME_TOKENS] = needed[NAME_TAGS] = true; break;
	case IMPORT_CHAT: needed[NAME_MESSAGES] = true; break;
	case IMPORT_COMPLETION: needed[NAME_PROMPT] = needed[NAME_COMPLETION] = true; break;
	case IMPORT_ALPACA: needed[NAME_INSTRUCTION] = needed[NAME_OUTPUT] = true; break;
	case IMPORT_SHAREGPT: needed[NAME_CONVERSATIONS] = true; break;
	case IMPORT_PREFERENCE:
	case IMPORT_LIKED:
	case IMPORT_RATING:
	case IMPORT_CLICKS:
	case IMPORT_ANSWERS: break; /* only JSON, which may have them in several ways */
	}
}

void
sample_knows(enum import_kind kind, bool known[IMPORT_NAMES])
{
	static const enum import_name prompts[] = {NAME_PROMPT, NAME_SYSTEM, NAME_MESSAGES, NAME_ROLE, NAME_CONTENT, NAME_RATER,
	    NAME_SECONDS, NAME_WEIGHT};
	sample_needs(kind, known);
	for (size_t i = 0; import_is_opinion(kind) && i < sizeof prompts / sizeof *prompts; i++)
		known[prompts[i]] = true;
	switch (kind) {
	case IMPORT_CHAT: known[NAME_ROLE] = known[NAME_CONTENT] = true; break;
	case IMPORT_COMPLETION: known[NAME_SYSTEM] = true; break;
	case IMPORT_ALPACA: known[NAME_INPUT] = known[NAME_OUTPUT] = known[NAME_SYSTEM] = true; break;
	case IMPORT_SHAREGPT: known[NAME_FROM] = known[NAME_VALUE] = known[NAME_SYSTEM] = true; break;
	case IMPORT_PREFERENCE:
		known[NAME_CHOSEN] = known[NAME_REJECTED] = known[NAME_ANSWERS] = known[NAME_RANKS] = known[NAME_MARGIN] = true;
		known[NAME_DEMONSTRATIONS] = known[NAME_SAMPLES] = known[NAME_POSITIONS] = true;
		break;
	case IMPORT_LIKED: known[NAME_COMPLETION] = known[NAME_ANSWERS] = known[NAME_LABEL] = true; break;
	case IMPORT_RATING: known[NAME_COMPLETION] = known[NAME_ANSWERS] = known[NAME_RATING] = true; break;
	case IMPORT_CLICKS: known[NAME_ANSWERS] = known[NAME_CLICKED] = known[NAME_MARGIN] = true; break;
	default: break;
	}
}

/* ---- a line of a table ---- */

/* a|b|c */
static int
add_labels(struct sample *s, const char *cell, size_t n, struct err *e)
{
	const char *bar;
	do {
		bar = memchr(cell, '|', n);
		size_t m = bar ? (size_t)(bar - cell) : n, step = m + (bar != NULL);
		if (sample_label(s, cell, m, e))
			return -1;
		cell += step;
		n -= step;
	} while (bar);
	return 0;
}

int
sample_row(struct sample *s, const struct table_row *row, const size_t column[IMPORT_NAMES], const size_t *kept,
    struct err *e)
{
	for (int i = 0; i < IMPORT_NAMES; i++) {
		if (column[i] == SIZE_MAX)
			continue;
		const char *cell = table_cell(row, column[i]);
		size_t n = table_size(row, column[i]);
		int rc = 0;
		switch (i) {
		case NAME_TEXT: rc = sample_text(s, cell, n, e); break;
		case NAME_LABEL: rc = sample_label(s, cell, n, e); break;
		case NAME_VALUE: rc = sample_number(s, cell, n, e); break;
		case NAME_PROMPT: rc = sample_turn(s, ROLE_USER, cell, n, e); break;
		case NAME_COMPLETION: rc = sample_turn(s, ROLE_ASSISTANT, cell, n, e); break;
		case NAME_LABELS: rc = n ? add_labels(s, cell, n, e) : 0; break;
		default: break;
		}
		if (rc)
			return -1;
	}
	for (size_t i = 0; i < import_kept(s->rules); i++)
		if (sample_keep(s, i, table_cell(row, kept[i]), table_size(row, kept[i]), e))
			return -1;
	return sample_check(s, e);
}
