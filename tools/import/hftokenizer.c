#include "import/hftokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/loadjson.h"
#include "base/mem.h"
#include "common/cli.h"
#include "import/model.h"
#include "shards.h"
#include "text/tokenizer.h"

enum { MOST = 1 << 26 }; /* bytes of such a file */

/* A file of the folder as JSON; NULL when it is not there. */
static json_t *
json_of(const char *folder, const char *name)
{
	struct err e;
	char *path, *text;
	size_t n;
	json_error_t why;
	if (asprintf(&path, "%s/%s", folder, name) < 0)
		cli_die(ERR_RUNTIME, "out of memory");
	json_t *j = NULL;
	if (access(path, F_OK) == 0) {
		if (!(text = file_bytes(path, MOST, &n, &e)))
			cli_fail(&e);
		if (!(j = load_json(text, n, JSON_REJECT_DUPLICATES, &why, &e))) {
			if (e.code == ERR_DATA)
				err_prefix(&e, "%s: line %d", path, why.line);
			cli_fail(&e);
		}
		free(text);
		import_note(path);
	}
	free(path);
	return j;
}

/* Several ends may be given, of which the first ends a document. */
static void
end_documents(struct vocab *v, const char *folder)
{
	struct err e;
	json_t *j = json_of(folder, "config.json");
	const json_t *eos = json_object_get(j, "eos_token_id");
	if (json_is_array(eos))
		eos = json_array_get(eos, 0);
	char *begin = NULL, *end = NULL;
	if (vocab_name(v, v->begin, &begin, &e) || vocab_name(v, json_is_integer(eos) ? json_integer_value(eos) : -1, &end, &e) ||
	    (end && vocab_surround(v, begin, end, &e)))
		cli_fail(&e);
	free(begin);
	free(end);
	json_decref(j);
}

/* Embeddings often have more rows than there are tokens, so that their number divides well. */
static void
fill(struct vocab *v, size_t rows)
{
	struct err e;
	struct vocab full;
	const struct token unused = {.left = -1, .right = -1, .rank = -1};
	if (v->n >= rows)
		return;
	char *begin = NULL, *end = NULL;
	if (vocab_name(v, v->begin, &begin, &e) || vocab_name(v, v->end, &end, &e) || vocab_copy(&full, v, &e))
		cli_fail(&e);
	while (full.n < rows)
		if (vocab_add(&full, &unused, NULL, 0, &e))
			cli_fail(&e);
	if (vocab_finish(&full, begin, end, &e))
		cli_fail(&e);
	vocab_free(v);
	*v = full;
	free(begin);
	free(end);
}

/* A file of its own, as later versions write it; NULL when there is none. */
static char *
template_file(const char *folder, size_t *n)
{
	struct err e;
	char *path, *text = NULL;
	if (asprintf(&path, "%s/chat_template.jinja", folder) < 0)
		cli_die(ERR_RUNTIME, "out of memory");
	if (access(path, F_OK) == 0) {
		if (!(text = file_bytes(path, 1 << 20, n, &e)))
			cli_fail(&e);
		import_note(path);
	}
	free(path);
	return text;
}

static void
take_template(struct vocab *v, const char *folder)
{
	struct err e;
	size_t n = 0;
	char *own = template_file(folder, &n);
	json_t *j = json_of(folder, "tokenizer_config.json");
	const json_t *given = json_object_get(j, "chat_template");
	const char *text = own ? own : json_string_value(given);
	int known = text ? vocab_set_jinja(v, text, own ? n : json_string_length(given), &e) : 0;
	if (known < 0)
		cli_fail(&e);
	if ((own || (given && !json_is_null(given))) && !known)
		cli_warn("left out: the chat template, which is none that is built in; tgraft --template gives the model one");
	json_decref(j);
	free(own);
}

void
hf_vocabulary(struct vocab_file *v, const char *folder, const struct config *c, size_t rows)
{
	struct err e;
	struct vocab own;
	struct ten_head h = {0};
	struct tokenizer_files f;
	const struct tokenizer_options usual = {.rule = -1};
	if (tokenizer_find(&f, folder, &e)) {
		if (e.code != ERR_DATA)
			cli_fail(&e);
		return;
	}
	if (tokenizer_load_files(&own, &f, &usual, &e)) {
		err_prefix(&e, "the tokenizer, which --vocab FILE would replace");
		cli_fail(&e);
	}
	for (int i = 0; i < 2 && f.paths[i]; i++)
		import_note(f.paths[i]);
	tokenizer_files_free(&f);
	if (own.end < 0 && !config_traits(c)->encoder)
		end_documents(&own, folder);
	fill(&own, rows);
	take_template(&own, folder);
	if (vocab_head(&h, &own, &e))
		cli_fail(&e);
	cli_add_provenance(&h, NULL, 0, NULL);
	if (vocab_file_make(v, &own, &h, &e))
		cli_fail(&e);
	ten_head_free(&h);
	vocab_free(&own);
}
