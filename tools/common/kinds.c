#include "common/kinds.h"

#include <inttypes.h>
#include <string.h>

#include "common/state.h"

enum { NOT_TRAINED = -100 };

const char *const rollout_arrays[ROLLOUT_ARRAYS] = {"logprobs", "reference", "values", "entropy", "rewards", "advantages", "returns"};
const char *const rollout_numbers[ROLLOUT_NUMBERS] = {"kl_coefficient", "score", "reward"};

static int
head_vocab_size(struct kind_check *k, const char *name, struct err *e)
{
	const struct ten_kv *kv = ten_head_kv(k->head, "vocab_size");
	const char *why;
	if (!kv)
		return 0;
	if (strlen(kv->value) != kv->size || cli_parse_u64(kv->value, &k->vocab_size, &why) ||
	    !k->vocab_size)
		return err_set(e, ERR_DATA, "%s: key-value vocab_size is not a number above 0", name);
	return 0;
}

static int
open_answers(struct kind_check *k, const struct ten_head *h, const char *name, struct err *e)
{
	k->judgements = strcmp(h->kind, "judgements") == 0;
	if (verdict_fields(&k->verdicts, h, name, e))
		return -1;
	if (k->judgements)
		return judgement_fields(&k->texts, h, name, e);
	if (candidate_fields(&k->pieces, h, name, e))
		return -1;
	k->ids = k->pieces.ids;
	k->targets = k->pieces.targets;
	k->candidates = true;
	return head_vocab_size(k, name, e);
}

static int
open_rollouts(struct kind_check *k, const struct ten_head *h, const char *name, struct err *e)
{
	k->rollouts = true;
	if (ten_head_need(h, name, "step", TEN_UINT, 64, 0, e) < 0 ||
	    (k->ids = ten_head_need(h, name, "ids", TEN_INT, 32, 1, e)) < 0 ||
	    (k->prompt_length = ten_head_need(h, name, "prompt_length", TEN_INT, 32, 0, e)) < 0 ||
	    (k->ended = ten_head_need(h, name, "ended", TEN_UINT, 8, 0, e)) < 0 ||
	    ten_head_need(h, name, "text", TEN_TEXT, 8, 1, e) < 0)
		return -1;
	for (int i = 0; i < ROLLOUT_ARRAYS; i++)
		if ((k->arrays[i] = ten_head_need(h, name, rollout_arrays[i], TEN_FLOAT, 32, 1, e)) < 0)
			return -1;
	for (int i = 0; i < ROLLOUT_NUMBERS; i++)
		if (ten_head_need(h, name, rollout_numbers[i], TEN_FLOAT, 64, 0, e) < 0)
			return -1;
	return head_vocab_size(k, name, e);
}

/* A field that a stream may lack, but not have of another type. */
static int
maybe_field(int *field, const struct ten_head *h, const char *name, const char *what, struct err *e)
{
	if ((*field = ten_head_find(h, what)) < 0)
		return 0;
	return ten_head_need(h, name, what, TEN_INT, 32, 1, e) < 0 ? -1 : 0;
}

int
kind_check_open(struct kind_check *k, const struct ten_head *h, const char *name, struct err *e)
{
	bool rows = strcmp(h->kind, "rows") == 0, masked = strcmp(h->kind, "masked") == 0;
	bool views = strcmp(h->kind, "views") == 0;
	bool tokens = strcmp(h->kind, "tokens") == 0 || masked || views;
	*k = (struct kind_check){.head = h, .ids = -1, .targets = -1, .positions = -1, .documents = -1};
	if (strcmp(h->kind, "judgements") == 0 || strcmp(h->kind, "candidates") == 0)
		return open_answers(k, h, name, e);
	if (strcmp(h->kind, "rollouts") == 0)
		return open_rollouts(k, h, name, e);
	k->model = strcmp(h->kind, "model") == 0;
	if (strcmp(h->kind, "text") == 0)
		return ten_head_need(h, name, "text", TEN_TEXT, 8, 1, e) < 0 ? -1 : 0;
	if (strcmp(h->kind, "embedding") == 0)
		return ten_head_find(h, "embedding") >= 0 ||
		    ten_head_need(h, name, "embedding", TEN_FLOAT, 32, 1, e) >= 0 ? 0 : -1;
	if (strcmp(h->kind, "metrics") == 0)
		return ten_head_need(h, name, "step", TEN_UINT, 64, 0, e) < 0 ? -1 : 0;
	if ((rows || tokens) && (k->ids = ten_head_need(h, name, "ids", TEN_INT, 32, 1, e)) < 0)
		return -1;
	if (rows && ((k->targets = ten_head_need(h, name, "targets", TEN_INT, 32, 1, e)) < 0 ||
	    (k->positions = ten_head_need(h, name, "positions", TEN_INT, 32, 1, e)) < 0 ||
	    (k->documents = ten_head_need(h, name, "documents", TEN_INT, 32, 1, e)) < 0))
		return -1;
	if (masked && (k->targets = ten_head_need(h, name, "targets", TEN_INT, 32, 1, e)) < 0)
		return -1;
	if (views && (ten_head_need(h, name, "source", TEN_UINT, 64, 0, e) < 0 ||
	    ten_head_need(h, name, "key", TEN_UINT, 64, 0, e) < 0))
		return -1;
	if (masked && (maybe_field(&k->positions, h, name, "positions", e) || maybe_field(&k->documents, h, name, "documents", e)))
		return -1;
	return rows || tokens ? head_vocab_size(k, name, e) : 0;
}

static int
check_ids(const struct kind_check *k, int field, const struct ten_value *v, bool targets, struct err *e)
{
	const int32_t *id = v->data;
	int64_t end = k->vocab_size && k->vocab_size < INT32_MAX ? (int64_t)k->vocab_size : INT32_MAX;
	for (uint64_t i = 0; i < v->count; i++) {
		if ((id[i] >= 0 && id[i] < end) || (targets && id[i] == NOT_TRAINED))
			continue;
		return err_set(e, ERR_DATA, "field `%s`: element %" PRIu64 " is %" PRId32
		    ", not%s within 0 to %" PRId64, k->head->fields[field].name, i, id[i],
		    targets ? " -100 and not" : "", end - 1);
	}
	return 0;
}

/* What each answer is, and what is said of all. */
static int
check_answers(const struct kind_check *k, const struct ten_value *values, struct err *e)
{
	struct verdict verdict;
	struct answers a = {0};
	if (k->candidates)
		return candidate_check(&k->pieces, values, e) ||
		    verdict_read(&k->verdicts, values, values[k->pieces.ends].count, &verdict, e) ? -1 : 0;
	return judgement_answers(&k->texts, values, &a, e) || verdict_read(&k->verdicts, values, a.k, &verdict, e) ? -1 : 0;
}

static int
check_rollout(const struct kind_check *k, const struct ten_value *values, struct err *e)
{
	uint64_t n = values[k->ids].count;
	int32_t prompt = *(const int32_t *)values[k->prompt_length].data;
	uint8_t ended = *(const uint8_t *)values[k->ended].data;
	if (prompt < 0 || (uint64_t)prompt > n)
		return err_set(e, ERR_DATA, "field `prompt_length` is %" PRId32 ", `ids` has %" PRIu64 " elements", prompt, n);
	for (int i = 0; i < ROLLOUT_ARRAYS; i++)
		if (values[k->arrays[i]].count != n - (uint64_t)prompt)
			return err_set(e, ERR_DATA, "field `%s` has %" PRIu64 " elements, the answer has %" PRIu64 " tokens", rollout_arrays[i],
			    values[k->arrays[i]].count, n - (uint64_t)prompt);
	return ended <= 1 ? 0 : err_set(e, ERR_DATA, "field `ended` is %u, neither 0 nor 1", ended);
}

int
kind_check_record(const struct kind_check *k, const struct ten_value *values, struct err *e)
{
	if ((k->judgements || k->candidates) && check_answers(k, values, e))
		return -1;
	if (k->rollouts && check_rollout(k, values, e))
		return -1;
	if (k->ids < 0)
		return 0;
	if (check_ids(k, k->ids, &values[k->ids], false, e))
		return -1;
	if (k->targets < 0)
		return 0;
	const int others[3] = {k->targets, k->positions, k->documents};
	for (int i = 0; i < 3; i++)
		if (others[i] >= 0 && values[others[i]].count != values[k->ids].count)
			return err_set(e, ERR_DATA, "field `%s` has %" PRIu64 " elements, `ids` has %" PRIu64,
			    k->head->fields[others[i]].name, values[others[i]].count, values[k->ids].count);
	const int32_t *position = k->positions < 0 ? NULL : values[k->positions].data;
	for (uint64_t i = 0; position && i < values[k->positions].count; i++)
		if (position[i] < 0)
			return err_set(e, ERR_DATA, "field `positions`: element %" PRIu64 " is %" PRId32
			    ", below 0", i, position[i]);
	return check_ids(k, k->targets, &values[k->targets], true, e);
}

int
kind_check_end(const struct kind_check *k, uint64_t records, struct err *e)
{
	if (k->model && records != 1)
		return err_set(e, ERR_DATA, "a model has one record, this has %" PRIu64, records);
	return 0;
}
