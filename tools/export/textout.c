#include "export/textout.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/show.h"
#include "text/template.h"

enum { WAITING = 1 << 18 };

/* The field when it has the type, -1 otherwise: then it is shown as it is. */
static int
field(const struct ten_head *h, const char *name, enum ten_class cls, unsigned bits)
{
	int i = ten_head_find(h, name);
	return i >= 0 && h->fields[i].cls == cls && h->fields[i].bits == bits && h->fields[i].rank == 1 ? i : -1;
}

static void
find_shape(struct textout *t)
{
	const struct ten_head *h = t->head;
	int turns = field(h, "turn_ends", TEN_UINT, 32), words = field(h, "word_ends", TEN_UINT, 32);
	t->text = field(h, "text", TEN_TEXT, 8);
	t->roles = field(h, "roles", TEN_UINT, 8);
	t->tags = field(h, "tags", TEN_TEXT, 8);
	t->answers = field(h, "answers", TEN_TEXT, 8);
	t->answer_ends = field(h, "answer_ends", TEN_UINT, 32);
	bool chat = t->text >= 0 && turns >= 0 && t->roles >= 0;
	t->shape = chat && t->answers >= 0 && t->answer_ends >= 0 ? SHAPE_JUDGED : chat && t->answers < 0 ? SHAPE_CHAT
	    : t->text >= 0 && words >= 0 && t->tags >= 0 ? SHAPE_TAGGED : SHAPE_FIELDS;
	t->ends = t->shape == SHAPE_TAGGED ? words : turns;
}

void
textout_open(struct textout *t, const struct export_job *j)
{
	struct err e;
	*t = (struct textout){.job = j, .r = cli_reader(j->input)};
	t->head = ten_reader_head(t->r);
	find_shape(t);
	t->v = mem_zalloc(t->head->nfields, sizeof *t->v, "fields", &e);
	if (!t->v || outfile_open(&t->out, j->output, 0666, &e))
		cli_fail(&e);
	if (!(t->f = open_memstream(&t->lines, &t->size)))
		cli_die(ERR_RUNTIME, "out of memory");
}

void
textout_taken(const struct textout *t, const char *name)
{
	if (name && ten_head_find(t->head, name) >= 0)
		cli_die(ERR_DATA, "%s: has a field `%s', a name that is needed for another; tcat -f leaves fields out",
		    t->job->input ? t->job->input : "standard input", name);
}

static void
write_out(struct textout *t)
{
	struct err e;
	if (fflush(t->f))
		cli_die(ERR_RUNTIME, "out of memory");
	if (t->size && outfile_write(&t->out, t->lines, t->size, &e))
		cli_fail(&e);
	rewind(t->f);
}

bool
textout_next(struct textout *t)
{
	struct err e;
	if (ftello(t->f) >= WAITING)
		write_out(t);
	int got = ten_read(t->r, t->v, &e);
	if (got < 0)
		cli_fail(&e);
	return got > 0;
}

void
textout_close(struct textout *t)
{
	struct err e;
	write_out(t);
	if (outfile_commit(&t->out, &e))
		cli_fail(&e);
	cli_account(t->job->quiet, "records=%" PRIu64, ten_reader_record(t->r));
	fclose(t->f);
	free(t->lines);
	free(t->v);
	ten_reader_free(t->r);
}

noreturn void
textout_bad(const struct textout *t, const char *fmt, ...)
{
	char what[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	cli_die(ERR_DATA, "%s: record %" PRIu64 ": %s", ten_reader_name(t->r), ten_reader_record(t->r) - 1, what);
}

void
textout_check(const struct textout *t, size_t i)
{
	size_t at;
	if (!t->job->escape && !show_is_utf8(t->v[i].data, t->v[i].count, &at))
		textout_bad(t, "byte %zu of field `%.60s' is not UTF-8; --escape lets it pass", at, t->head->fields[i].name);
}

static void
check_ends(const struct textout *t, int text, int ends)
{
	const uint32_t *end = t->v[ends].data;
	const char *p = t->v[text].data, *name = t->head->fields[ends].name;
	uint64_t n = t->v[text].count;
	if (!ends_fit(end, t->v[ends].count, n))
		textout_bad(t, "field `%.60s' does not divide the %" PRIu64 " bytes of `%.60s'", name, n, t->head->fields[text].name);
	textout_check(t, (size_t)text);
	for (uint64_t i = 0; !t->job->escape && i < t->v[ends].count; i++)
		if (end[i] < n && (p[end[i]] & 0xc0) == 0x80)
			textout_bad(t, "field `%.60s' cuts a character of `%.60s' before byte %" PRIu32 "; --escape lets it pass", name,
			    t->head->fields[text].name, end[i]);
}

void
textout_fit(const struct textout *t)
{
	if (t->shape == SHAPE_FIELDS)
		return;
	check_ends(t, t->text, t->ends);
	if (t->shape == SHAPE_TAGGED)
		return;
	if (t->v[t->roles].count != t->v[t->ends].count)
		textout_bad(t, "%" PRIu64 " roles for %" PRIu64 " turns", t->v[t->roles].count, t->v[t->ends].count);
	if (t->shape == SHAPE_JUDGED)
		check_ends(t, t->answers, t->answer_ends);
}

const char *
textout_piece(const struct textout *t, int text, int ends, uint64_t i, size_t *n)
{
	const uint32_t *end = t->v[ends].data, from = i ? end[i - 1] : 0;
	*n = end[i] - from;
	return (const char *)t->v[text].data + from;
}

const char *
textout_role(const struct textout *t, uint64_t i)
{
	static const char *const names[] = {"system", "user", "assistant", "tool"};
	const uint8_t *role = t->v[t->roles].data;
	if (role[i] >= sizeof names / sizeof *names)
		textout_bad(t, "turn %" PRIu64 " has role %u, which is none", i + 1, (unsigned)role[i]);
	return names[role[i]];
}
