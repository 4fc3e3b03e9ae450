/* tasks.h - what there is to judge, read whole: record streams or JSON lines. */
#ifndef TENON_PEOPLE_TASKS_H
#define TENON_PEOPLE_TASKS_H

#include "import/sample.h"
#include "people/item.h"
#include "common/keymap.h"

enum rate_mode { RATE_PAIRS, RATE_RATING, RATE_CORRECT, RATE_RANK };

struct task {
	struct item *item; /* of pairs with two answers, of a rating or a correction with one */
	XXH128_hash_t key;
	uint64_t place;    /* drawn: tasks are shown in its order */
	bool judged;
};

struct tasks {
	struct task *v;
	size_t n, cap;
	struct keymap keys;
	uint64_t repeated; /* that were there already */
};

/* Reads an operand (NULL or "-": standard input). An item of several answers makes a task for each pair of them, or
 * for each answer, as the mode has it. Exits through cli_fail. */
void tasks_read(struct tasks *t, const char *path, enum rate_mode mode);
/* Puts them into the order of numbers drawn for the seed, the rater and each task's content; t->keys has the place of each
 * key then. */
void tasks_order(struct tasks *t, uint64_t seed, const char *rater);
/* The item of a sample of import_is_opinion, borrowed. */
struct item tasks_item_of(const struct sample *s);

#endif
