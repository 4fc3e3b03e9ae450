/* tokenizer.json and tokenizer_config.json. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/cli.h"
#include "export/folder.h"
#include "text/jinja.h"
#include "text/tokenizer.h"

/* A text that a decoder is to go on with has no token at its end. */
static void
put_json(struct outfolder *to, const struct vocab *v, bool decoder)
{
	struct err e;
	struct text_file t;
	struct text json = {0};
	struct vocab open;
	char *begin = NULL;
	if (vocab_name(v, v->begin, &begin, &e))
		cli_fail(&e);
	if (decoder && (vocab_copy(&open, v, &e) || vocab_finish(&open, begin, NULL, &e)))
		cli_fail(&e);
	if (tokenizer_write(decoder ? &open : v, &json, &e))
		cli_fail(&e);
	text_open(&t, to, "tokenizer.json");
	fwrite(json.p, 1, json.n, t.f);
	text_save(&t);
	free(json.p);
	free(begin);
	if (decoder)
		vocab_free(&open);
}

static void
put_special(FILE *f, const char *name, const struct vocab *v, int32_t id)
{
	if (id < 0)
		return;
	fprintf(f, "  \"%s\": ", name);
	put_string(f, (const char *)v->bytes + v->tokens[id].at, v->tokens[id].size);
	fputs(",\n", f);
}

/* The first of the names that is a special token. */
static int32_t
known(const struct vocab *v, const char *const names[3])
{
	int32_t id = -1;
	for (int i = 0; id < 0 && i < 3; i++)
		id = vocab_special(v, names[i], strlen(names[i]));
	return id;
}

/* Libraries know what hides, fills up and stands around an encoder's text by these alone. */
static void
put_roles(FILE *f, const struct vocab *v, bool encoder)
{
	static const char *const masks[3] = {"<|mask|>", "[MASK]", "<mask>"}, *const pads[3] = {"<|pad|>", "[PAD]", "<pad>"},
	    *const unknown[3] = {"<|unk|>", "[UNK]", "<unk>"};
	put_special(f, "mask_token", v, known(v, masks));
	put_special(f, "pad_token", v, known(v, pads));
	put_special(f, "unk_token", v, v->unknown >= 0 ? v->unknown : known(v, unknown));
	put_special(f, "cls_token", v, encoder ? v->begin : -1);
	put_special(f, "sep_token", v, encoder ? v->end : -1);
}

static void
put_tokenizer_config(struct outfolder *to, const struct vocab *v, const struct config *model)
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
	put_roles(t.f, v, config_traits(model)->encoder);
	fprintf(t.f, "  \"model_max_length\": %zu\n}\n", model->context);
	template_free(&c);
	text_save(&t);
}

void
put_tokenizer(struct outfolder *to, const struct vocab *v, const struct config *c)
{
	if (v->type == VOCAB_CHAR) {
		cli_warn("left out: the tokenizer; tokenizer.json has no vocabulary of characters");
		return;
	}
	put_json(to, v, !config_traits(c)->encoder);
	put_tokenizer_config(to, v, c);
}
