/* Which rank owns what: every trained number once, equal shares, blocks in the order of the backward pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "train/shard.h"
#include "train/team.h"

static struct params
table_of(size_t lora, struct config *c)
{
	struct params p;
	struct err e;
	*c = (struct config){.arch = ARCH_GPT2, .layers = 3, .heads = 2, .kv_heads = 2, .width = 10, .hidden = 23, .vocab = 37,
	    .context = 12, .norm_eps = 1e-5, .tied = true, .lora_rank = lora, .lora_alpha = 1, .lora_targets = lora ? 3 : 0};
	assert_int_equal(params_build(&p, c, &e), 0);
	return p;
}

/* Stages come in the order 2, 1, 0, 3, and numbers of an owner one behind the other. */
static void
check_pieces(const struct shard_plan *s, size_t layers, unsigned char *owner, size_t *counts)
{
	size_t stage = layers - 1;
	for (size_t i = 0; i < s->n; i++) {
		const struct shard_piece *p = &s->pieces[i];
		if (p->stage != stage)
			assert_true(p->stage == layers || (stage != layers && p->stage < stage));
		stage = p->stage;
		assert_true(p->n > 0 && p->owner < s->ranks && p->place == counts[p->owner]);
		assert_true(p->at >= s->bounds[p->owner] && p->at + p->n <= s->bounds[p->owner + 1]);
		counts[p->owner] += p->n;
		for (size_t k = p->at; k < p->at + p->n; k++) {
			assert_int_equal(owner[k], 0);
			owner[k] = (unsigned char)(p->owner + 1);
		}
	}
	for (size_t r = 0; r < s->ranks; r++)
		assert_int_equal(counts[r], s->owned[r]);
}

static void
check_plan(const struct params *p, size_t layers, const bool *trained, size_t ranks)
{
	struct shard_plan s;
	struct err e;
	size_t all = 0, counts[64] = {0}, real_counts[64] = {0};
	unsigned char *owner = calloc(p->size, 1);
	assert_non_null(owner);
	assert_int_equal(shard_plan_build(&s, p, layers, trained, ranks, &e), 0);
	check_pieces(&s, layers, owner, counts);
	for (size_t i = 0; i < p->n; i++)
		for (size_t k = p->items[i].offset; k < p->items[i].offset + p->items[i].size; k++) {
			assert_int_equal(owner[k] > 0, trained[i]);
			if (trained[i]) {
				all++;
				real_counts[owner[k] - 1]++;
			}
		}
	for (size_t r = 0; r < ranks; r++)
		assert_true(real_counts[r] >= all / ranks && real_counts[r] <= all / ranks + 1);
	shard_plan_free(&s);
	free(owner);
}

static void
every_number_has_one_owner(void **state)
{
	static const size_t ranks[] = {1, 2, 3, 4, 7, 16, 61};
	(void)state;
	for (size_t lora = 0; lora < 3; lora += 2) {
		struct config c;
		struct params p = table_of(lora, &c);
		bool *trained = calloc(p.n, sizeof *trained);
		assert_non_null(trained);
		for (int which = 0; which < 3; which++) {
			/* all; what comes behind the blocks and some of them; adapters or biases alone */
			for (size_t i = 0; i < p.n; i++)
				trained[i] = which == 0 || (which == 1 ? i % 3 == 1 : lora ? p.items[i].slot >= SLOT_LORA : p.items[i].rank == 1);
			for (size_t k = 0; k < sizeof ranks / sizeof *ranks; k++)
				check_plan(&p, c.layers, trained, ranks[k]);
		}
		free(trained);
		params_free(&p);
	}
}

static void
more_ranks_than_numbers(void **state)
{
	struct config c;
	struct params p = table_of(0, &c);
	bool *trained = calloc(p.n, sizeof *trained);
	(void)state;
	assert_non_null(trained);
	check_plan(&p, c.layers, trained, 5); /* nothing at all */
	trained[p.n - 1] = true; /* ten numbers */
	check_plan(&p, c.layers, trained, 11);
	check_plan(&p, c.layers, trained, 64);
	free(trained);
	params_free(&p);
}

static void
shares_of_rows(void **state)
{
	(void)state;
	for (size_t n = 0; n < 40; n++)
		for (size_t size = 1; size < 9; size++) {
			assert_int_equal(team_share_of(n, 0, size), 0);
			assert_int_equal(team_share_of(n, size, size), n);
			for (size_t r = 0; r < size; r++) {
				size_t has = team_share_of(n, r + 1, size) - team_share_of(n, r, size);
				assert_true(has == n / size || has == n / size + 1);
			}
		}
}

static void
started(void **state)
{
	(void)state;
	unsetenv("OMPI_COMM_WORLD_SIZE");
	unsetenv("PMI_SIZE");
	unsetenv("PMIX_RANK");
	assert_int_equal(team_started(), 1);
	setenv("PMI_SIZE", "3", 1);
	assert_int_equal(team_started(), 3);
	setenv("OMPI_COMM_WORLD_SIZE", "5", 1);
	assert_int_equal(team_started(), 5);
	setenv("OMPI_COMM_WORLD_SIZE", "x", 1);
	setenv("PMI_SIZE", "-1", 1);
	assert_int_equal(team_started(), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_number_has_one_owner), cmocka_unit_test(more_ranks_than_numbers),
	    cmocka_unit_test(shares_of_rows), cmocka_unit_test(started)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
