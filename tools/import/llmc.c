/* Token files of llm.c into documents. */
#include "llmc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/infile.h"
#include "base/mem.h"
#include "common/vocabio.h"
#include "common/cli.h"
#include "import/arrays.h"

enum { AT_ONCE = 1 << 16 };

struct tokens {
	struct llmc file;
	unsigned bytes;            /* of a token, as in the first file */
	struct vocab_file vocab;
	int64_t vocab_size;
	int32_t end;
	bool open, leads;          /* the token between documents stands before them, */
	bool waiting;              /* and the last was one, of which is not known yet whether it ends a document, too */
	struct cli_out out;
	int32_t *ids;              /* of the document */
	size_t n, cap;
	uint64_t documents, total;
};

/* The first file says what the tokens are, and where the token stands that divides documents: at the end of each, unless
 * the file begins with it. Then it stands before each (llm.c's own programs), and where two meet, the first ends the
 * document before (ttok with a vocabulary that has one token for both). */
static void
open_output(struct tokens *t, const struct arrays *a, int64_t first)
{
	struct err e;
	char size[24];
	struct ten_head h = {.kind = "tokens"};
	const struct ten_head *inputs[1] = {&t->vocab.head};
	struct ten_writer_opts o = {.zstd_level = a->zstd, .byte_split = a->zstd > 0};
	uint64_t ragged = TEN_RAGGED;
	const struct vocab *v = &t->vocab.vocab;
	t->open = true;
	t->bytes = t->file.bytes;
	t->vocab_size = a->model ? (int64_t)v->n : t->file.vocab_size;
	t->end = !a->model ? t->file.end : v->end >= 0 ? v->end : v->begin;
	if (t->end < 0)
		cli_die(ERR_DATA, "%s: the vocabulary has no token that begins or ends documents", a->model);
	t->leads = first == t->end;
	snprintf(size, sizeof size, "%" PRId64, t->vocab_size);
	if (ten_head_add(&h, "ids", TEN_INT, 32, 1, &ragged, &e) || ten_head_set_text(&h, "vocab_size", size, &e) ||
	    (a->model && ten_head_set_text(&h, "tokenizer", t->vocab.id, &e)))
		cli_fail(&e);
	cli_open_out(&t->out, a->output, &h, inputs, a->model ? 1 : 0, NULL, &o);
	ten_head_free(&h);
}

static void
end_document(struct tokens *t)
{
	if (!t->n)
		return;
	struct ten_value v = ten_vector(t->ids, t->n);
	cli_write(&t->out, &v);
	t->documents++;
	t->n = 0;
}

static void
push(struct tokens *t, int32_t id)
{
	struct err e;
	if (t->n == t->cap && mem_grow(&t->ids, &t->cap, t->n + 1, sizeof *t->ids, "a document", &e))
		cli_fail(&e);
	t->ids[t->n++] = id;
}

static void
add_token(struct tokens *t, const char *name, uint32_t id, uint64_t place, bool known)
{
	if (id >= t->vocab_size)
		cli_die(ERR_DATA, "%s: token %" PRIu64 " is %" PRIu32 ", but the vocabulary has %" PRId64 "%s", name, place, id, t->vocab_size,
		    known ? "" : ", as the header says; -m names another");
	bool divides = (int32_t)id == t->end;
	if (t->waiting) {
		if (divides)
			push(t, t->end);
		end_document(t);
		if (!divides)
			push(t, t->end);
		t->waiting = false;
	}
	if (divides && t->leads && t->n) {
		t->waiting = true;
		return;
	}
	push(t, (int32_t)id);
	if (divides && !t->leads)
		end_document(t);
}

static uint32_t
token(const uint8_t *p, unsigned bytes)
{
	return bytes == 2 ? (uint32_t)p[0] | (uint32_t)p[1] << 8
	    : (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void
import_file(struct tokens *t, struct infile *in, const struct arrays *a)
{
	static uint8_t buf[4 * AT_ONCE];
	struct err e;
	size_t got;
	if (infile_read_all(in, buf, LLMC_HEADER, &got, &e))
		cli_fail(&e);
	if (got < LLMC_HEADER)
		cli_die(ERR_DATA, "%s: is %s", in->name, got ? "cut short within its header" : "empty");
	if (llmc_parse(&t->file, buf, &e))
		cli_die(e.code, "%s: %s", in->name, e.msg);
	if (t->open && t->file.bytes != t->bytes)
		cli_die(ERR_DATA, "%s: its tokens have another size than those of the first file", in->name);
	for (uint64_t done = 0, n; done < t->file.count; done += n) {
		unsigned bytes = t->file.bytes;
		n = t->file.count - done < AT_ONCE ? t->file.count - done : AT_ONCE;
		if (infile_read_all(in, buf, (size_t)n * bytes, &got, &e))
			cli_fail(&e);
		if (got < n * bytes)
			cli_die(ERR_DATA, "%s: is cut short after %" PRIu64 " of %" PRIu32 " tokens", in->name, done + got / bytes, t->file.count);
		if (!t->open)
			open_output(t, a, token(buf, bytes));
		for (uint64_t i = 0; i < n; i++)
			add_token(t, in->name, token(buf + i * bytes, bytes), done + i, a->model != NULL);
	}
	t->total += t->file.count;
	if (infile_read(in, buf, 1, &got, &e))
		cli_fail(&e);
	if (got)
		cli_die(ERR_DATA, "%s: goes on behind the %" PRIu32 " tokens of its header", in->name, t->file.count);
}

void
import_llmc(const struct arrays *a)
{
	struct err e;
	struct tokens t = {0};
	if (a->model && vocab_file_load(&t.vocab, a->model, &e))
		cli_fail(&e);
	for (size_t i = 0; i < a->n; i++) {
		struct infile in;
		const char *name;
		int fd = cli_input(a->files[i], &name);
		infile_open(&in, fd, name);
		import_file(&t, &in, a);
		infile_close(&in);
		if (fd != STDIN_FILENO)
			close(fd);
	}
	if (!t.open)
		cli_die(ERR_DATA, "there are no tokens");
	if (t.waiting)
		push(&t, t.end);
	end_document(&t);
	cli_close_out(&t.out);
	cli_account(a->quiet, "documents=%" PRIu64 " tokens=%" PRIu64, t.documents, t.total);
	free(t.ids);
	vocab_file_free(&t.vocab);
}
