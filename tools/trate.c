/* trate - show people answers, and keep what they say of them */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/loadjson.h"
#include "base/mem.h"
#include "base/rng.h"
#include "common/cli.h"
#include "import/sample.h"
#include "people/keys.h"
#include "people/ledger.h"
#include "people/question.h"
#include "people/screen.h"
#include "people/tasks.h"

static const char *const modes[] = {"pairs", "rating", "correct", "rank", NULL};

static int mode;
static uint64_t scale = 5, seed = 1;
static const char *rater, *output;
static bool quiet;

static const struct cli_opt opts[] = {
    {0, "mode", "NAME", CLI_CHOICE, &mode, "pairs, rating, correct or rank (default pairs)", 0, 0, modes, false},
    {0, "scale", "N", CLI_U64, &scale, "rating: the best is N, the worst 1 (default 5)", 2, 10, 0, false},
    {0, "rater", "NAME", CLI_TEXT, &rater, "who judges (default $USER)", 0, 0, 0, false},
    {'o', "output", "FILE", CLI_TEXT, &output, "JSON lines that judgements are added to; what is there is not asked again", 0, 0, 0, true},
    CLI_SEED(&seed),
    CLI_QUIET(&quiet),
};

static const struct cli_tool tool = {"trate", "[items]",
    "Show people answers, and keep what they say of them.", opts, sizeof opts / sizeof *opts,
    "trate --rater ann -o ann.jsonl answers.jsonl\n"
    "trate --mode rating --scale 7 -o ratings.jsonl answers.jsonl\n"
    "timport --as preference ann.jsonl | tagree"};

struct step {
	size_t task;
	uint64_t end;  /* of the file before it */
	bool skipped;
};

struct session {
	struct tasks tasks;
	struct ledger ledger;
	struct keys keys;
	struct question question;
	struct step *steps; /* given in this run, for undoing */
	size_t n, cap;
	uint64_t before, skipped;
	struct jread json; /* the line being recalled */
};

/* ---- what is in the file already ---- */

static int
is_json(const char *line, size_t n, struct err *e)
{
	json_error_t why;
	json_t *j = load_json(line, n, JSON_ALLOW_NUL, &why, e);
	json_decref(j);
	return j ? 1 : e->code == ERR_DATA ? 0 : -1;
}

/* A line that somebody has written before: of this rater it marks a task. */
static int
recall(struct session *s, struct sample *sample, const char *line, size_t n, struct err *e)
{
	const struct opinion *o = &sample->opinion;
	XXH128_hash_t key;
	uint32_t at;
	sample_reset(sample);
	int rc = jread_parse(&s->json, line, n, e) || sample_json(sample, s->json.nodes, e) ? -1 : 0;
	if (rc || o->rater.size != strlen(rater) || memcmp(o->rater.data, rater, o->rater.size) != 0)
		return rc;
	struct item item = tasks_item_of(sample);
	/* of a correction the original comes first */
	if (item_key(&key, &item, &(size_t){0}, 1, e) || (mode != RATE_CORRECT && item_key(&key, &item, NULL, 0, e)))
		return -1;
	if (keymap_find(&s->tasks.keys, key, &at) && !s->tasks.v[at].judged) {
		s->tasks.v[at].judged = true;
		s->before++;
	}
	return 0;
}

static void
recall_all(struct session *s)
{
	struct err e;
	struct sample sample;
	struct sample_rules rules = {.kind = mode == RATE_RATING ? IMPORT_RATING : IMPORT_PREFERENCE};
	uint64_t line = 1;
	memcpy(rules.names, import_names, sizeof rules.names);
	if (sample_open(&sample, &rules, &e))
		cli_fail(&e);
	for (size_t at = 0, n; at < s->ledger.size; at += n + 1, line++) {
		n = (size_t)((const char *)memchr(s->ledger.text + at, '\n', s->ledger.size - at) - (s->ledger.text + at));
		if (recall(s, &sample, s->ledger.text + at, n, &e))
			cli_die(e.code, "%s: line %" PRIu64 ": %s", output, line, e.msg);
	}
	sample_free(&sample);
	jread_free(&s->json);
}

/* ---- a judgement ---- */

static void
keep(struct session *s, size_t at, double seconds)
{
	struct err e;
	struct step step = {at, s->ledger.end, s->question.skipped};
	char *line = question_line(&s->question, rater, seconds);
	size_t n = strlen(line);
	line[n] = '\n'; /* instead of the NUL: one write for all */
	if (ledger_append(&s->ledger, line, n + 1, &e) ||
	    mem_grow(&s->steps, &s->cap, s->n + 1, sizeof *s->steps, "steps", &e))
		cli_fail(&e);
	free(line);
	s->steps[s->n++] = step;
	s->skipped += step.skipped;
	s->tasks.v[at].judged = true;
}

/* Takes the last judgement back, so that its task is the next; what is to be said of it. */
static const char *
undo(struct session *s)
{
	struct err e;
	if (s->n == 0)
		return "There is nothing to undo.\n";
	struct step *last = &s->steps[--s->n];
	if (ledger_cut(&s->ledger, last->end, &e))
		cli_fail(&e);
	s->skipped -= last->skipped;
	s->tasks.v[last->task].judged = false;
	return "";
}

static size_t
next_task(const struct session *s)
{
	size_t i = 0;
	while (i < s->tasks.n && s->tasks.v[i].judged)
		i++;
	return i;
}

static void
judge(struct session *s)
{
	struct err e;
	const char *notice = "";
	char progress[64];
	for (size_t at = next_task(s); at < s->tasks.n; at = next_task(s)) {
		snprintf(progress, sizeof progress, "%" PRIu64 " of %zu", s->before + s->n + 1, s->tasks.n);
		question_show(&s->question, &s->tasks.v[at], progress, notice);
		if (fflush(stdout))
			break; /* cli_close_stdout says why */
		double start = cli_now();
		enum said said = question_ask(&s->question, &s->keys, &e);
		if (said == SAID_FAILED)
			cli_fail(&e);
		if (said == SAID_QUIT)
			return;
		notice = "";
		if (said == SAID_UNDO)
			notice = undo(s);
		else
			keep(s, at, cli_now() - start);
	}
	if (next_task(s) == s->tasks.n)
		puts("All is judged.");
}

static void
check_options(size_t operands)
{
	if (!rater)
		rater = getenv("USER");
	if (!rater || !*rater)
		cli_die(ERR_USAGE, "who judges? --rater NAME");
	json_t *name = json_string(rater);
	if (!name || strchr(rater, '\n'))
		cli_die(ERR_USAGE, "--rater: the name has a line end in it or is not UTF-8");
	json_decref(name);
	if (!output || strcmp(output, "-") == 0)
		cli_die(ERR_USAGE, "judgements are added to a file: -o FILE");
	if (mode != RATE_RATING)
		cli_misplaced(&scale, "--mode rating", modes[mode]);
	if (operands > 1)
		cli_die(ERR_USAGE, "one input, not %zu", operands);
}

int
main(int argc, char **argv)
{
	size_t n;
	struct err e;
	struct session s = {0};
	char **files = cli_parse(&tool, argc, argv, &n);
	check_options(n);
	tasks_read(&s.tasks, n ? files[0] : NULL, (enum rate_mode)mode);
	tasks_order(&s.tasks, seed, rater);
	if (keys_open(&s.keys, n == 0 || strcmp(files[0], "-") == 0, &e) || ledger_open(&s.ledger, output, is_json, &e))
		cli_fail(&e);
	if (s.ledger.torn)
		cli_warn("%s: the last line was not whole: %zu bytes cut off", output, s.ledger.torn);
	recall_all(&s);
	s.question = (struct question){.mode = (enum rate_mode)mode, .scale = (unsigned)scale, .seed = seed, .rater = rater,
	    .tty = isatty(STDOUT_FILENO) == 1};
	judge(&s);
	cli_close_stdout();
	cli_account(quiet, "items=%zu judged_before=%" PRIu64 " judged=%" PRIu64 " skipped=%" PRIu64 " left=%" PRIu64, s.tasks.n,
	    s.before, s.n - s.skipped, s.skipped, s.tasks.n - s.before - s.n);
	ledger_close(&s.ledger);
	return 0;
}
