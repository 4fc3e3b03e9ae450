#include "people/question.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "common/cli.h"
#include "people/revise.h"
#include "people/screen.h"

static const char *const roles[ROLES] = {"system", "user", "assistant", "tool"};

/* ---- showing ---- */

/* Fisher and Yates, by numbers of the seed, the rater and the task. */
static void
shuffle(struct question *q)
{
	struct err e;
	size_t k = q->task->item->k;
	uint64_t who = XXH3_64bits(q->rater, strlen(q->rater)) ^ q->task->key.low64;
	if (mem_grow(&q->shown, &q->cap_shown, k, sizeof *q->shown, "answers", &e) ||
	    mem_grow(&q->ranks, &q->cap_ranks, k, sizeof *q->ranks, "answers", &e))
		cli_fail(&e);
	for (size_t i = 0; i < k; i++) {
		size_t j = rng_below(i + 1, q->seed, RNG_ORDER, i + 1, who);
		q->shown[i] = q->shown[j];
		q->shown[j] = i;
	}
}

static void
show_legend(const struct question *q)
{
	switch (q->mode) {
	case RATE_PAIRS:
		puts("a, b: the better answer   t: tie   s: skip   u: undo   q: quit");
		break;
	case RATE_RATING:
		printf("1 to %u%s: bad to good   s: skip   u: undo   q: quit\n", q->scale, q->scale == 10 ? " (key 0)" : "");
		break;
	case RATE_CORRECT:
		puts("e: edit the answer   s: leave it as it is   u: undo   q: quit");
		break;
	case RATE_RANK:
		puts("the best first, = between equals, as in 2 1=3   s: skip   u: undo   q: quit");
		break;
	}
}

void
question_show(struct question *q, const struct task *t, const char *progress, const char *notice)
{
	size_t width = screen_width(stdout), n;
	const struct item *item = t->item;
	q->task = t;
	shuffle(q);
	screen_clear(stdout, q->tty);
	screen_heading(stdout, q->tty, progress);
	screen_rule(stdout, width);
	for (size_t i = 0; i < item->prompt.turns; i++) {
		uint32_t from = i ? item->prompt.ends[i - 1] : 0;
		screen_heading(stdout, q->tty, roles[item->prompt.roles[i]]);
		screen_text(stdout, item->prompt.text + from, item->prompt.ends[i] - from, width);
	}
	screen_rule(stdout, width);
	for (size_t i = 0; i < item->k; i++) {
		char name[24] = "answer";
		if (item->k > 1)
			q->mode == RATE_PAIRS ? snprintf(name, sizeof name, "%c", i ? 'B' : 'A') : snprintf(name, sizeof name, "%zu", i + 1);
		screen_heading(stdout, q->tty, name);
		const char *p = item_answer(item, q->shown[i], &n);
		screen_text(stdout, p, n, width);
	}
	screen_rule(stdout, width);
	show_legend(q);
	fputs(notice, stdout);
}

/* ---- asking ---- */

/* "2 1=3": sets the ranks of all k answers that are on the screen; false when it is not such an order. */
static bool
parse_order(struct question *q, const char *line)
{
	size_t k = q->task->item->k, seen = 0;
	uint32_t rank = 0;
	bool equal = false;
	memset(q->ranks, 0, k * sizeof *q->ranks);
	for (const char *p = line; *(p += strspn(p, " \t\r,"));) {
		if (*p == '=' && seen && !equal) {
			equal = true;
			p++;
			continue;
		}
		char *end;
		unsigned long number = *p >= '0' && *p <= '9' ? strtoul(p, &end, 10) : 0;
		if (number < 1 || number > k || q->ranks[q->shown[number - 1]])
			return false;
		rank += !equal;
		q->ranks[q->shown[number - 1]] = rank;
		equal = false;
		seen++;
		p = end;
	}
	return seen == k && !equal;
}

/* A key of the mode's own; whether it is a judgement. */
static bool
take_key(struct question *q, int c)
{
	if (q->mode == RATE_RATING) {
		q->rating = c == '0' ? 10 : c >= '1' && c <= '9' ? (unsigned)(c - '0') : 0;
		return q->rating >= 1 && q->rating <= q->scale;
	}
	if (q->mode != RATE_PAIRS || (c != 'a' && c != 'b' && c != 't'))
		return false;
	q->ranks[q->shown[0]] = c == 'b' ? 2 : 1;
	q->ranks[q->shown[1]] = c == 'a' ? 2 : 1;
	return true;
}

/* In an editor; whether the answer is another then. */
static bool
correct(struct question *q, struct keys *k)
{
	struct err e;
	size_t n;
	const char *text = item_answer(q->task->item, 0, &n);
	free(q->corrected);
	if (revise(&q->corrected, &q->n, text, n, k, &e)) {
		printf("%s\n", e.msg);
		free(q->corrected);
		q->corrected = NULL;
		return false;
	}
	if (q->n == 0)
		puts("It is empty. Nothing is kept of it.");
	q->skipped = q->n == n && memcmp(q->corrected, text, n) == 0;
	return q->n > 0;
}

static bool
is_utf8(const char *p, size_t n)
{
	json_t *j = json_stringn(p, n);
	json_decref(j);
	return j != NULL;
}

/* One key, or in rank one line, in *c and *line. */
static int
next_word(struct question *q, struct keys *k, const char **line, struct err *e)
{
	e->code = 0;
	if (q->mode != RATE_RANK)
		return keys_next(k, e);
	*line = keys_line(k, e);
	if (!*line)
		return e->code ? -2 : -1;
	const char *p = *line + strspn(*line, " \t\r");
	return p[0] && strspn(p + 1, " \t\r") == strlen(p + 1) ? *p : 0; /* a letter alone is a command */
}

enum said
question_ask(struct question *q, struct keys *k, struct err *e)
{
	const char *line = "";
	memset(q->ranks, 0, q->task->item->k * sizeof *q->ranks);
	q->skipped = false;
	free(q->corrected);
	q->corrected = NULL;
	keys_forget(k);
	for (;;) {
		int c = next_word(q, k, &line, e);
		switch (c) {
		case -2: return SAID_FAILED;
		case -1:
		case 'q': return SAID_QUIT;
		case 'u': return SAID_UNDO;
		case 's':
			q->skipped = true;
			return SAID_JUDGED;
		default: break;
		}
		if (q->mode == RATE_RANK ? parse_order(q, line) : q->mode == RATE_CORRECT && c == 'e' ? correct(q, k) : take_key(q, c)) {
			if (!q->corrected || is_utf8(q->corrected, q->n))
				return SAID_JUDGED;
			puts("It is not UTF-8. Nothing is kept of it.");
			continue;
		}
		if (q->mode == RATE_RANK)
			printf("Say each number from 1 to %zu once.\n", q->task->item->k);
		else if (q->mode != RATE_CORRECT || c != 'e')
			show_legend(q);
		fflush(stdout);
	}
}

/* ---- the judgement as a line ---- */

static void
put(json_t *to, const char *name, json_t *v)
{
	if (!v || (name ? json_object_set_new(to, name, v) : json_array_append_new(to, v)))
		cli_die(ERR_RUNTIME, "out of memory");
}

/* A single turn of the user is a text. */
static void
put_prompt(json_t *line, const struct chat *c)
{
	if (c->turns == 1 && c->roles[0] == ROLE_USER) {
		put(line, "prompt", json_stringn(c->text, c->ends[0]));
		return;
	}
	json_t *all = json_array();
	for (size_t i = 0; i < c->turns && all; i++) {
		uint32_t from = i ? c->ends[i - 1] : 0;
		json_t *turn = json_object();
		put(turn, "role", json_string(roles[c->roles[i]]));
		put(turn, "content", json_stringn(c->text + from, c->ends[i] - from));
		put(all, NULL, turn);
	}
	put(line, "messages", all);
}

static void
put_numbers(json_t *line, const char *name, const uint32_t *x, size_t n)
{
	json_t *all = json_array();
	for (size_t i = 0; i < n; i++)
		put(all, NULL, json_integer(x[i]));
	put(line, name, all);
}

static void
put_positions(json_t *line, const struct question *q, size_t k)
{
	uint32_t *at = cli_zalloc(k, sizeof *at, "positions");
	for (size_t i = 0; i < k; i++)
		at[q->shown[i]] = (uint32_t)i;
	put_numbers(line, "positions", at, k);
	free(at);
}

char *
question_line(const struct question *q, const char *rater, double seconds)
{
	const struct item *item = q->task->item;
	json_t *line = json_object(), *answers = json_array();
	bool corrected = q->corrected && !q->skipped;
	size_t n;
	put_prompt(line, &item->prompt);
	for (size_t i = 0; i < item->k; i++) {
		const char *p = item_answer(item, i, &n);
		put(answers, NULL, json_stringn(p, n));
	}
	if (corrected)
		put(answers, NULL, json_stringn(q->corrected, q->n));
	put(line, "answers", answers);
	if (q->mode == RATE_RATING)
		put(line, "rating", q->skipped ? json_null() : json_integer(q->rating));
	else if (corrected)
		put_numbers(line, "ranks", (const uint32_t[]){2, 1}, 2);
	else
		put_numbers(line, "ranks", q->ranks, item->k);
	put(line, "rater", json_string(rater));
	put(line, "seconds", json_real(round(seconds * 10) / 10));
	if (item->k > 1)
		put_positions(line, q, item->k);
	char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(15));
	if (!text)
		cli_die(ERR_RUNTIME, "out of memory");
	json_decref(line);
	return text;
}
