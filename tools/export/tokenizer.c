/* tokenizer.json and tokenizer_config.json. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/cli.h"
#include "export/folder.h"
#include "text/jinja.h"

/* Bytes as characters that can be seen (Radford et al. 2019): those of Latin-1 that are printable stand for themselves,
 * the others, in order, for the code points from 256 on. */
static void
put_bytes(FILE *f, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned b = p[i], code = b;
		if (b <= 32)
			code = 256 + b;
		else if (b >= 127 && b <= 160)
			code = 256 + 33 + b - 127;
		else if (b == 173)
			code = 256 + 67;
		if (code == '"' || code == '\\')
			fputc('\\', f);
		if (code >= 128)
			fputc((int)(0xc0 | code >> 6), f);
		fputc((int)(code >= 128 ? 0x80 | (code & 63) : code), f);
	}
}

static void
put_token(FILE *f, const struct vocab *v, int32_t id)
{
	size_t n;
	const uint8_t *p = vocab_bytes(v, id, &n);
	if (v->tokens[id].special) {
		put_string(f, (const char *)p, n);
		return;
	}
	fputc('"', f);
	put_bytes(f, p, n);
	fputc('"', f);
}

static void
put_added(FILE *f, const struct vocab *v)
{
	bool first = true;
	fputs("  \"added_tokens\": [", f);
	for (size_t i = 0; i < v->n; i++) {
		if (!v->tokens[i].special)
			continue;
		fprintf(f, "%s\n    {\"id\": %zu, \"content\": ", first ? "" : ",", i);
		put_token(f, v, (int32_t)i);
		fputs(", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": true}", f);
		first = false;
	}
	fputs("\n  ],\n", f);
}

static void
put_pretokenizer(FILE *f, const struct vocab *v)
{
	static const char gpt4[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
	    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
	bool bpe = v->type == VOCAB_BPE;
	if (!bpe || v->rule == PRETOKEN_GPT2) {
		fprintf(f, "  \"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": %s},\n",
		    bpe ? "true" : "false");
		return;
	}
	fputs("  \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [\n    {\"type\": \"Split\", \"pattern\": {\"Regex\": ", f);
	put_string(f, gpt4, strlen(gpt4));
	fputs("}, \"behavior\": \"Isolated\", \"invert\": false},\n    {\"type\": \"ByteLevel\", \"add_prefix_space\": false,"
	    " \"trim_offsets\": true, \"use_regex\": false}\n  ]},\n", f);
}

/* Puts the tokens of documents around a text; of a decoder only the one before it, since a text that is to go on has no end. */
static void
put_processor(FILE *f, const struct vocab *v, bool decoder)
{
	int32_t ids[2] = {v->begin, decoder ? -1 : v->end};
	if (ids[0] < 0 && ids[1] < 0) {
		fputs("  \"post_processor\": {\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"trim_offsets\": false, \"use_regex\": true},\n", f);
		return;
	}
	for (int pair = 0; pair < 2; pair++) {
		fprintf(f, "%s", pair ? ", \"pair\": [" : "  \"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [");
		for (int s = 0; s <= pair; s++)
			for (int i = 0; i < 3; i++) {
				if (i != 1 && ids[i / 2] < 0)
					continue;
				bool first = s == 0 && (i == 0 || (i == 1 && ids[0] < 0));
				fprintf(f, "%s{\"%s\": {\"id\": ", first ? "" : ", ", i == 1 ? "Sequence" : "SpecialToken");
				if (i == 1)
					fputs(s ? "\"B\"" : "\"A\"", f);
				else
					put_token(f, v, ids[i / 2]);
				fprintf(f, ", \"type_id\": %d}}", s);
			}
		fputc(']', f);
	}
	fputs(", \"special_tokens\": {", f);
	for (int i = 0; i < 2; i++) {
		if (ids[i] < 0 || (i == 1 && ids[0] == ids[1]))
			continue;
		fputs(i == 1 && ids[0] >= 0 ? ", " : "", f);
		put_token(f, v, ids[i]);
		fputs(": {\"id\": ", f);
		put_token(f, v, ids[i]);
		fprintf(f, ", \"ids\": [%d], \"tokens\": [", ids[i]);
		put_token(f, v, ids[i]);
		fputs("]}", f);
	}
	fputs("}},\n", f);
}

static const struct vocab *ranked;

static int
by_rank(const void *a, const void *b)
{
	int32_t x = ranked->tokens[*(const int32_t *)a].rank, y = ranked->tokens[*(const int32_t *)b].rank;
	return x < y ? -1 : x > y;
}

static void
put_merges(FILE *f, const struct vocab *v)
{
	struct err e;
	size_t n = 0;
	int32_t *order = mem_zalloc(v->n, sizeof *order, "merges", &e);
	if (!order)
		cli_fail(&e);
	for (size_t i = 0; i < v->n; i++)
		if (v->tokens[i].rank >= 0)
			order[n++] = (int32_t)i;
	ranked = v;
	qsort(order, n, sizeof *order, by_rank);
	fputs("    \"merges\": [", f);
	for (size_t i = 0; i < n; i++) {
		fprintf(f, "%s\n      [", i ? "," : "");
		put_token(f, v, v->tokens[order[i]].left);
		fputs(", ", f);
		put_token(f, v, v->tokens[order[i]].right);
		fputc(']', f);
	}
	fputs("\n    ]\n", f);
	free(order);
}

/* In the file a token is its text, so none may be two. */
static void
check_names(const struct vocab *v)
{
	for (size_t i = 0; i < v->n; i++)
		for (size_t j = 0; v->tokens[i].special && j < v->n; j++)
			if (!v->tokens[j].special && v->tokens[i].size == v->tokens[j].size &&
			    memcmp(v->bytes + v->tokens[i].at, v->bytes + v->tokens[j].at, v->tokens[i].size) == 0)
				cli_die(ERR_DATA, "the special token `%.*s' is also one of text, which tokenizer.json cannot say",
				    (int)v->tokens[i].size, (const char *)v->bytes + v->tokens[i].at);
}

static void
put_json(struct outfolder *to, const struct vocab *v, bool decoder)
{
	struct text_file t;
	text_open(&t, to, "tokenizer.json");
	fputs("{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n", t.f);
	put_added(t.f, v);
	fputs("  \"normalizer\": null,\n", t.f);
	put_pretokenizer(t.f, v);
	put_processor(t.f, v, decoder);
	fputs("  \"decoder\": {\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"trim_offsets\": true, \"use_regex\": true},\n"
	    "  \"model\": {\n    \"type\": \"BPE\", \"dropout\": null, \"unk_token\": null, \"continuing_subword_prefix\": null,\n"
	    "    \"end_of_word_suffix\": null, \"fuse_unk\": false, \"byte_fallback\": false, \"ignore_merges\": false,\n    \"vocab\": {", t.f);
	for (size_t i = 0; i < v->n; i++) { /* special ones too: elsewhere ids of others are given anew */
		fputs(i ? ",\n      " : "\n      ", t.f);
		put_token(t.f, v, (int32_t)i);
		fprintf(t.f, ": %zu", i);
	}
	fputs("\n    },\n", t.f);
	put_merges(t.f, v);
	fputs("  }\n}\n", t.f);
	text_save(&t);
}

/* ---- what goes with it ---- */

static void
put_special(FILE *f, const char *name, const struct vocab *v, int32_t id)
{
	if (id < 0)
		return;
	fprintf(f, "  \"%s\": ", name);
	put_token(f, v, id);
	fputs(",\n", f);
}

static void
put_tokenizer_config(struct outfolder *to, const struct vocab *v, size_t context)
{
	struct err e;
	struct text_file t;
	struct chat_template c = {0};
	int32_t end = v->end;
	text_open(&t, to, "tokenizer_config.json");
	fputs("{\n  \"tokenizer_class\": \"PreTrainedTokenizerFast\",\n  \"clean_up_tokenization_spaces\": false,\n", t.f);
	if (v->chat_template) {
		if (template_parse(&c, v->chat_template, strlen(v->chat_template), &e))
			cli_fail(&e);
		char *text = template_jinja(&c, &e);
		if (!text)
			cli_fail(&e);
		fputs("  \"chat_template\": ", t.f);
		put_string(t.f, text, strlen(text));
		fputs(",\n", t.f);
		free(text);
		if (c.stop)
			end = vocab_special(v, c.stop, strlen(c.stop));
	}
	put_special(t.f, "bos_token", v, v->begin);
	put_special(t.f, "eos_token", v, end);
	put_special(t.f, "mask_token", v, vocab_special(v, "<|mask|>", 8));
	fprintf(t.f, "  \"model_max_length\": %zu\n}\n", context);
	template_free(&c);
	text_save(&t);
}

void
put_tokenizer(struct outfolder *to, const struct vocab *v, const struct config *c)
{
	bool known = v->type == VOCAB_BYTE || (v->type == VOCAB_BPE && (v->rule == PRETOKEN_GPT2 || v->rule == PRETOKEN_GPT4));
	if (!known) {
		cli_warn("left out: the tokenizer; vocabularies of bytes and byte pairs are written, this is of type %s", vocab_type_name(v->type));
		return;
	}
	check_names(v);
	put_json(to, v, !config_traits(c)->encoder);
	put_tokenizer_config(to, v, c->context);
}
