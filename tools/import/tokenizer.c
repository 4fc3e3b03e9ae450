/* Foreign tokenizers as vocabularies. */
#include "import/tokenizer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "common/vocabio.h"

/* The special tokens of the command line; names are owned. */
static struct tokenizer_special *
specials_of(const struct cli_list *list)
{
	struct err e;
	struct tokenizer_special *s = mem_zalloc(list->n, sizeof *s, "special tokens", &e);
	if (!s)
		cli_fail(&e);
	for (size_t i = 0; i < list->n; i++) {
		const char *equals = strrchr(list->items[i], '=');
		char *end = NULL;
		long id = equals ? strtol(equals + 1, &end, 10) : -1;
		if (!equals || equals == list->items[i] || !equals[1] || *end || id < 0 || id >= VOCAB_MAX_TOKENS)
			cli_die(ERR_USAGE, "--special %s: is not NAME=ID", list->items[i]);
		char *name = strndup(list->items[i], (size_t)(equals - list->items[i]));
		if (!name)
			cli_die(ERR_RUNTIME, "out of memory");
		s[i] = (struct tokenizer_special){name, (int32_t)id};
	}
	return s;
}

static void
note_files(const struct tokenizer_files *f)
{
	for (int i = 0; i < 2 && f->paths[i]; i++) {
		const char *name;
		int fd = cli_input(f->paths[i], &name);
		cli_note_input(fd, name);
		close(fd);
	}
}

/* `none' is the empty name. */
static const char *
around(const char *name)
{
	return name && strcmp(name, "none") == 0 ? "" : name;
}

void
import_tokenizer(const struct import_tokenizer *o, char **operands, size_t n)
{
	struct err e;
	struct vocab v;
	struct cli_out out;
	struct ten_head h = {0};
	struct tokenizer_files f;
	struct ten_writer_opts w = {.zstd_level = o->zstd};
	if (n != 1 || strcmp(operands[0], "-") == 0)
		cli_die(ERR_USAGE, "--as tokenizer needs one file or folder");
	struct tokenizer_special *specials = specials_of(&o->specials);
	struct tokenizer_options to = {.rule = o->rule, .specials = specials, .nspecials = o->specials.n, .cased = o->cased,
	    .begin = around(o->begin), .end = around(o->end)};
	if (tokenizer_find(&f, operands[0], &e))
		cli_fail(&e);
	if ((o->rule >= 0 && f.format != TOKENIZER_RANKS && f.format != TOKENIZER_MERGES) ||
	    (o->specials.n && f.format != TOKENIZER_RANKS) || (o->cased && f.format != TOKENIZER_WORDS))
		cli_die(ERR_USAGE, "%s: says itself what --pretoken, --special and --cased are for", f.paths[0]);
	note_files(&f);
	if (tokenizer_load_files(&v, &f, &to, &e) || vocab_head(&h, &v, &e))
		cli_fail(&e);
	cli_open_out(&out, o->output, &h, NULL, 0, NULL, &w);
	if (vocab_write(out.w, &v, &e))
		cli_fail(&e);
	cli_close_out(&out);
	cli_account(o->quiet, "type=%s tokens=%zu special=%zu", vocab_type_name(v.type), v.n, v.nspecials);
	for (size_t i = 0; i < o->specials.n; i++)
		free((char *)(uintptr_t)specials[i].name);
	free(specials);
	tokenizer_files_free(&f);
	ten_head_free(&h);
	vocab_free(&v);
}
