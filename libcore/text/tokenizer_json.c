/* tokenizer.json, and GPT-2's vocab.json with merges.txt. */
#include <stdlib.h>
#include <string.h>

#include "base/loadjson.h"
#include "base/mem.h"
#include "text/tokenizer_draft.h"
#include "text/wordpiece.h"

/* ---- members of JSON objects ---- */

static const json_t *
member(const json_t *j, const char *name)
{
	const json_t *v = json_object_get(j, name);
	return json_is_null(v) ? NULL : v;
}

/* The name of what an object is; "" when it has none. */
static const char *
type_of(const json_t *j)
{
	const json_t *t = json_object_get(j, "type");
	return json_is_string(t) ? json_string_value(t) : "";
}

static bool
is_type(const json_t *j, const char *name)
{
	return strcmp(type_of(j), name) == 0;
}

/* A member that is true or false; `absent` when there is none. */
static int
flag(const json_t *j, const char *name, bool absent, bool *to, struct err *e)
{
	const json_t *v = member(j, name);
	if (v && !json_is_boolean(v))
		return err_set(e, ERR_DATA, "`%s' is neither true nor false", name);
	*to = v ? json_is_true(v) : absent;
	return 0;
}

static const char *
text_of(const json_t *j, const char *name)
{
	const json_t *v = json_object_get(j, name);
	return json_is_string(v) && strlen(json_string_value(v)) == json_string_length(v) ? json_string_value(v) : NULL;
}

/* Refuses a member that asks for something: neither absent nor null, false, 0 or "". */
static int
refuse(const json_t *j, const char *name, struct err *e)
{
	const json_t *v = member(j, name);
	if (!v || json_is_false(v) || (json_is_number(v) && !(json_number_value(v) > 0 || json_number_value(v) < 0)) ||
	    (json_is_string(v) && json_string_length(v) == 0))
		return 0;
	return err_set(e, ERR_DATA, "the model has `%s', which cannot be done here", name);
}

/* The steps of a Sequence (its member `name`), or the one step that is not a Sequence: how many, 0 for none. */
static size_t
steps_of(const json_t *j, const char *name, const json_t *steps[3])
{
	size_t n = 0;
	if (!j || json_is_null(j))
		return 0;
	if (!is_type(j, "Sequence")) {
		steps[0] = j;
		return 1;
	}
	const json_t *a = json_object_get(j, name);
	for (size_t i = 0; i < json_array_size(a); i++, n++)
		if (n < 3)
			steps[n] = json_array_get(a, i);
	return n;
}

/* ---- how text is cut ---- */

static int
read_split(const json_t *j, struct vocab *v, struct err *e)
{
	const char *regex = text_of(json_object_get(j, "pattern"), "Regex"), *behavior = text_of(j, "behavior");
	bool invert;
	if (flag(j, "invert", false, &invert, e))
		return -1;
	int rule = regex ? pretoken_of_regex(regex) : -1;
	if (rule < 0)
		return err_set(e, ERR_DATA, "the pre-tokeniser Split has %s%.200s, which is none of those known", regex ?
		    "the pattern " : "no regular expression", regex ? regex : "");
	/* the pattern matches every character, so to leave out the rest leaves out nothing */
	if (!behavior || !((strcmp(behavior, "Isolated") == 0 && !invert) || (strcmp(behavior, "Removed") == 0 && invert)))
		return err_set(e, ERR_DATA, "the pre-tokeniser Split has the behaviour `%.40s'%s", behavior ? behavior : "none",
		    invert ? " inverted" : "");
	v->rule = (enum pretoken)rule;
	return 0;
}

static int
read_pretokeniser(const json_t *j, struct vocab *v, struct err *e)
{
	const json_t *steps[3];
	size_t n = steps_of(j, "pretokenizers", steps);
	const json_t *last = n && n <= 2 ? steps[n - 1] : NULL;
	bool space, regex, single;
	if (!last || !is_type(last, "ByteLevel"))
		return err_set(e, ERR_DATA, "the pre-tokeniser `%.40s' is not ByteLevel, nor ends in it after one other", n ? type_of(
		    n > 3 ? j : steps[n - 1]) : "null");
	if (flag(last, "add_prefix_space", true, &space, e) || flag(last, "use_regex", true, &regex, e))
		return -1;
	v->options |= space ? VOCAB_SPACE : 0;
	v->rule = PRETOKEN_GPT2;
	if (n == 1)
		return regex ? 0 : err_set(e, ERR_DATA, "the pre-tokeniser does not cut text at all");
	if (space)
		return err_set(e, ERR_DATA, "the pre-tokeniser puts a space before each piece");
	if (is_type(steps[0], "Split"))
		return regex ? err_set(e, ERR_DATA, "the pre-tokeniser cuts by two patterns") : read_split(steps[0], v, e);
	if (!is_type(steps[0], "Digits") || !regex)
		return err_set(e, ERR_DATA, "the pre-tokeniser `%.40s' is not known", type_of(steps[0]));
	if (flag(steps[0], "individual_digits", false, &single, e))
		return -1;
	v->rule = PRETOKEN_SMOLLM;
	return single ? 0 : err_set(e, ERR_DATA, "the pre-tokeniser Digits keeps digits together");
}

static int
read_bert_normaliser(const json_t *j, struct vocab *v, struct err *e)
{
	bool clean, cjk, lower, accents;
	if (flag(j, "clean_text", true, &clean, e) || flag(j, "handle_chinese_chars", true, &cjk, e) ||
	    flag(j, "lowercase", true, &lower, e) || flag(j, "strip_accents", lower, &accents, e))
		return -1;
	v->options |= (clean ? VOCAB_CLEAN : 0u) | (cjk ? VOCAB_CJK : 0u) | (lower ? VOCAB_LOWER : 0u) |
	    (accents ? VOCAB_ACCENTS : 0u);
	return 0;
}

static int
read_normaliser(const json_t *j, struct vocab *v, struct err *e)
{
	const json_t *steps[3];
	size_t n = steps_of(j, "normalizers", steps);
	if (n == 0)
		return 0;
	if (n == 1 && v->type == VOCAB_BPE && is_type(steps[0], "NFC")) {
		v->options |= VOCAB_NFC;
		return 0;
	}
	if (n == 1 && v->type == VOCAB_WORDPIECE && is_type(steps[0], "BertNormalizer"))
		return read_bert_normaliser(steps[0], v, e);
	return err_set(e, ERR_DATA, "the normaliser `%.40s' is not known for this model", type_of(n == 1 ? steps[0] : j));
}

/* ---- added tokens ---- */

/* Bytes of an added token, so that to compare all with all takes little; and of ids that no token has. */
enum { MAX_ADDED = 512, MAX_GAP = 65536 };

struct added {
	const char *name;
	size_t n;
	bool normalised;
};

/* most: ids must be lower. */
static int
add_one(struct draft *d, const json_t *vocab, const json_t *j, json_int_t most, struct added *to, struct err *e)
{
	const json_t *id = json_object_get(j, "id"), *content = json_object_get(j, "content");
	bool special, left, right, single;
	if (!json_is_integer(id) || !json_is_string(content) || json_string_length(content) == 0)
		return err_set(e, ERR_DATA, "an added token lacks its id or its content");
	to->name = json_string_value(content);
	to->n = json_string_length(content);
	if (to->n > MAX_ADDED)
		return err_set(e, ERR_DATA, "added token `%.40s...' has more than %d bytes", to->name, MAX_ADDED);
	if (flag(j, "special", false, &special, e) || flag(j, "lstrip", false, &left, e) ||
	    flag(j, "rstrip", false, &right, e) || flag(j, "single_word", false, &single, e) ||
	    flag(j, "normalized", !special, &to->normalised, e))
		return -1;
	if (single)
		return err_set(e, ERR_DATA, "added token `%.40s' is for whole words only, which cannot be done here", to->name);
	const json_t *known = json_object_getn(vocab, to->name, to->n);
	if (known && json_integer_value(known) != json_integer_value(id))
		return err_set(e, ERR_DATA, "added token `%.40s' has two ids", to->name);
	if (json_integer_value(id) < 0 || json_integer_value(id) >= most)
		return err_set(e, ERR_DATA, "added token `%.40s' has the id %lld, which cannot be", to->name,
		    (long long)json_integer_value(id));
	if (!known && draft_put(d, json_integer_value(id), to->name, to->n, e))
		return -1;
	struct draft_token *t = &d->tokens[json_integer_value(id)];
	if (t->special)
		return err_set(e, ERR_DATA, "added token `%.40s' is there twice", to->name);
	t->special = true;
	t->match = (uint8_t)((special ? 0 : MATCH_ALWAYS) | (left ? MATCH_LEFT : 0) | (right ? MATCH_RIGHT : 0));
	return 0;
}

/* Whether an occurrence of b can overlap one of a that begins before it, or with it. */
static bool
overlap(const struct added *a, const struct added *b)
{
	for (size_t i = 0; i < a->n; i++)
		if (memcmp(a->name + i, b->name, a->n - i < b->n ? a->n - i : b->n) == 0)
			return true;
	return false;
}

static bool
has_space(const struct added *a)
{
	return strpbrk(a->name, " \t\n\r\f\v") || a->name[strcspn(a->name, "\xc2\xe1\xe2\xe3")];
}

/* The original looks for added tokens that are to be normalised after all others, in normalised text. That is the same as
 * looking for all at once where nothing is normalised and none overlaps. */
static int
check_added(const struct added *a, size_t n, const struct vocab *v, bool strips, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		if (a[i].normalised && v->options & ~(unsigned)(VOCAB_SPACE | VOCAB_WHOLE))
			return err_set(e, ERR_DATA, "added token `%.40s' is looked for in normalised text, which cannot be done here",
			    a[i].name);
		if (strips && has_space(&a[i]))
			return err_set(e, ERR_DATA, "added token `%.40s' may have white space, which others take away", a[i].name);
		for (size_t j = 0; j < n; j++)
			if (a[i].normalised != a[j].normalised && overlap(&a[i], &a[j]))
				return err_set(e, ERR_DATA, "added tokens `%.40s' and `%.40s' overlap", a[i].name, a[j].name);
	}
	return 0;
}

static int
read_added(struct draft *d, const json_t *vocab, const json_t *list, struct vocab *v, struct err *e)
{
	size_t n = json_array_size(list);
	if (list && !json_is_array(list))
		return err_set(e, ERR_DATA, "`added_tokens' is not an array");
	if (n > VOCAB_MAX_SPECIAL)
		return err_set(e, ERR_DATA, "more than %d added tokens", VOCAB_MAX_SPECIAL);
	struct added *all = mem_zalloc(n, sizeof *all, "added tokens", e);
	int rc = all ? 0 : -1;
	bool strips = false;
	json_int_t most = (json_int_t)(d->n + n + MAX_GAP); /* so that a small file cannot ask for much memory */
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = add_one(d, vocab, json_array_get(list, i), most, &all[i], e);
	for (size_t i = 0; rc == 0 && i < d->n; i++)
		strips |= d->tokens[i].match > MATCH_ALWAYS;
	if (rc == 0)
		rc = check_added(all, n, v, strips, e);
	free(all);
	return rc;
}

/* ---- what is put around ---- */

struct around {
	const char *begin, *end;
};

static int
read_template(const json_t *j, struct around *a, struct err *e)
{
	const json_t *single = json_object_get(j, "single");
	bool text = false;
	for (size_t i = 0; i < json_array_size(single); i++) {
		const json_t *step = json_array_get(single, i);
		const char *name = text_of(json_object_get(step, "SpecialToken"), "id");
		const char **to = text ? &a->end : &a->begin;
		if (json_object_get(step, "Sequence") && !text)
			text = true;
		else if (name && !*to)
			*to = name;
		else
			return err_set(e, ERR_DATA, "the post-processor puts more around a text than a token before and one after");
	}
	return text ? 0 : err_set(e, ERR_DATA, "the post-processor leaves out the text");
}

/* BertProcessing and RobertaProcessing: ["[CLS]", 101]. */
static const char *
named(const json_t *j, const char *name)
{
	const json_t *v = json_array_get(json_object_get(j, name), 0);
	return json_is_string(v) ? json_string_value(v) : NULL;
}

static int
read_processor(const json_t *j, struct around *a, struct err *e)
{
	const json_t *steps[3];
	size_t n = steps_of(j, "processors", steps);
	if (n > 3)
		return err_set(e, ERR_DATA, "the post-processor has more than three steps");
	for (size_t i = 0; i < n; i++) {
		const json_t *s = steps[i];
		if (is_type(s, "ByteLevel"))
			continue; /* of offsets only */
		if (a->begin || a->end)
			return err_set(e, ERR_DATA, "the post-processor puts tokens around a text twice");
		if (is_type(s, "TemplateProcessing")) {
			if (read_template(s, a, e))
				return -1;
		} else if (is_type(s, "BertProcessing") || is_type(s, "RobertaProcessing")) {
			a->begin = named(s, "cls");
			a->end = named(s, "sep");
			if (!a->begin || !a->end)
				return err_set(e, ERR_DATA, "the post-processor does not name `cls' and `sep'");
		} else
			return err_set(e, ERR_DATA, "the post-processor `%.40s' is not known", type_of(s));
	}
	return 0;
}

/* ---- models ---- */

/* A merge is "a b" or ["a", "b"]. */
static int
read_merge(struct draft *d, struct vocab *v, const json_t *vocab, const json_t *m, int32_t rank, struct err *e)
{
	const json_t *a = json_array_get(m, 0), *b = json_array_get(m, 1);
	if (json_is_array(m) && json_array_size(m) == 2 && json_is_string(a) && json_is_string(b))
		return draft_merge(d, v, vocab, json_string_value(a), json_string_length(a), json_string_value(b),
		    json_string_length(b), rank, e);
	const char *text = json_is_string(m) ? json_string_value(m) : "";
	size_t n = json_is_string(m) ? json_string_length(m) : 0;
	const char *space = memchr(text, ' ', n);
	if (!space || memchr(space + 1, ' ', n - (size_t)(space + 1 - text)))
		return err_set(e, ERR_DATA, "merge %d is not two tokens", rank);
	return draft_merge(d, v, vocab, text, (size_t)(space - text), space + 1, n - (size_t)(space + 1 - text), rank, e);
}

static int
read_bpe(struct draft *d, struct vocab *v, const json_t *model, struct err *e)
{
	static const char *const unknown[] = {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"};
	const json_t *vocab = json_object_get(model, "vocab"), *merges = json_object_get(model, "merges");
	bool whole;
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
		if (refuse(model, unknown[i], e))
			return -1;
	if (flag(model, "ignore_merges", false, &whole, e) || draft_vocab(d, vocab, e))
		return -1;
	v->options |= whole ? VOCAB_WHOLE : 0;
	if (!json_is_array(merges) || json_array_size(merges) >= VOCAB_MAX_TOKENS)
		return err_set(e, ERR_DATA, "the model has no array of merges, or one that is too long");
	for (size_t i = 0; i < json_array_size(merges); i++)
		if (read_merge(d, v, vocab, json_array_get(merges, i), (int32_t)i, e))
			return -1;
	return 0;
}

static int
read_wordpiece(struct draft *d, struct vocab *v, const json_t *model, struct err *e)
{
	const json_t *vocab = json_object_get(model, "vocab"), *most = json_object_get(model, "max_input_chars_per_word");
	const char *unknown = text_of(model, "unk_token"), *prefix = text_of(model, "continuing_subword_prefix");
	if (!prefix || strcmp(prefix, "##") != 0 || (most && json_integer_value(most) != WORDPIECE_MAX))
		return err_set(e, ERR_DATA, "the model does not mark what continues a word by ##, or has words of more than %d "
		    "characters", WORDPIECE_MAX);
	if (draft_vocab(d, vocab, e))
		return -1;
	const json_t *id = unknown ? json_object_get(vocab, unknown) : NULL;
	if (!id)
		return err_set(e, ERR_DATA, "the token of unknown words is not in the vocabulary");
	v->unknown = (int32_t)json_integer_value(id);
	return 0;
}

static int
read_model(struct draft *d, struct vocab *v, const json_t *j, struct err *e)
{
	const json_t *model = json_object_get(j, "model"), *cut = json_object_get(j, "pre_tokenizer");
	bool bpe = is_type(model, "BPE");
	if (!bpe && !is_type(model, "WordPiece"))
		return err_set(e, ERR_DATA, "the model is `%.40s', neither BPE nor WordPiece", type_of(model));
	vocab_init(v, bpe ? VOCAB_BPE : VOCAB_WORDPIECE, PRETOKEN_GPT2);
	if (read_normaliser(json_object_get(j, "normalizer"), v, e))
		return -1;
	if (!bpe && !is_type(cut, "BertPreTokenizer"))
		return err_set(e, ERR_DATA, "the pre-tokeniser `%.40s' is not BertPreTokenizer", type_of(cut));
	if (bpe && read_pretokeniser(cut, v, e))
		return -1;
	return bpe ? read_bpe(d, v, model, e) : read_wordpiece(d, v, model, e);
}

static json_t *
parse(const void *p, size_t n, struct err *e)
{
	json_error_t error;
	json_t *j = load_json(p, n, JSON_REJECT_DUPLICATES, &error, e);
	if (!j && e->code == ERR_DATA)
		err_prefix(e, "line %d", error.line);
	if (j && !json_is_object(j)) {
		err_set(e, ERR_DATA, "is not a JSON object");
		json_decref(j);
		j = NULL;
	}
	return j;
}

int
tokenizer_read_json(struct vocab *v, const void *p, size_t n, const struct tokenizer_options *o, struct err *e)
{
	struct draft d = {0};
	struct around a = {0};
	vocab_init(v, VOCAB_BPE, PRETOKEN_GPT2);
	json_t *j = parse(p, n, e);
	int rc = !j || read_model(&d, v, j, e) ||
	    read_added(&d, json_object_get(json_object_get(j, "model"), "vocab"), json_object_get(j, "added_tokens"), v, e) ||
	    read_processor(json_object_get(j, "post_processor"), &a, e) || draft_finish(&d, v, e) ||
	    draft_surround(v, o, a.begin, a.end, e) ? -1 : 0;
	draft_free(&d);
	json_decref(j);
	if (rc)
		vocab_free(v);
	return rc;
}

/* ---- vocab.json and merges.txt ---- */

static int
read_merge_lines(struct draft *d, struct vocab *v, const json_t *vocab, const char *p, size_t n, struct err *e)
{
	int32_t rank = 0;
	for (size_t i = 0, size; i < n; i += size + 1) {
		const char *line = p + i, *end = memchr(line, '\n', n - i);
		size = end ? (size_t)(end - line) : n - i;
		size_t length = size && line[size - 1] == '\r' ? size - 1 : size;
		if (length == 0 || (length >= 8 && memcmp(line, "#version", 8) == 0))
			continue;
		const char *space = memchr(line, ' ', length), *right = space ? space + 1 : line;
		size_t nright = length - (size_t)(right - line);
		if (!space || memchr(right, ' ', nright) || rank >= VOCAB_MAX_TOKENS)
			return err_set(e, ERR_DATA, "merge %d is not two tokens", rank);
		if (draft_merge(d, v, vocab, line, (size_t)(space - line), right, nright, rank, e))
			return -1;
		rank++;
	}
	return 0;
}

/* What no merge makes, and is more than a character, is special. */
static void
find_specials(struct draft *d)
{
	for (size_t i = 0; i < d->n; i++) {
		struct draft_token *t = &d->tokens[i];
		bool character = t->name && (t->n == 1 || (t->n == 2 && (t->name[0] & 0xe0) == 0xc0));
		t->special = t->name && t->n && t->rank < 0 && !character;
	}
}

int
tokenizer_read_merges(struct vocab *v, const void *json, size_t njson, const void *merges, size_t nmerges,
    const struct tokenizer_options *o, struct err *e)
{
	struct draft d = {0};
	vocab_init(v, VOCAB_BPE, o->rule < 0 ? PRETOKEN_GPT2 : (enum pretoken)o->rule);
	json_t *j = parse(json, njson, e);
	int rc = !j || draft_vocab(&d, j, e) || read_merge_lines(&d, v, j, merges, nmerges, e) ? -1 : 0;
	if (rc == 0)
		find_specials(&d);
	rc = rc || draft_finish(&d, v, e) || draft_surround(v, o, NULL, NULL, e) ? -1 : 0;
	draft_free(&d);
	json_decref(j);
	if (rc)
		vocab_free(v);
	return rc;
}
