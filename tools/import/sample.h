/* sample.h - one record on its way in: what it is made of, and what is wrong with it. */
#ifndef TENON_IMPORT_SAMPLE_H
#define TENON_IMPORT_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/labels.h"
#include "common/table.h"
#include "import/opinion.h"
#include "ten.h"
#include "text/jsonread.h"
#include "text/template.h"

/* What the records are. */
enum import_kind { IMPORT_TEXT, IMPORT_LABELLED, IMPORT_MULTILABEL, IMPORT_VALUE, IMPORT_TAGGED, IMPORT_CHAT,
	IMPORT_COMPLETION, IMPORT_ALPACA, IMPORT_SHAREGPT, IMPORT_PREFERENCE, IMPORT_LIKED, IMPORT_RATING, IMPORT_CLICKS,
	IMPORT_ANSWERS /* of which nothing is said yet */ };

/* Of answers to a prompt. */
static inline bool
import_is_opinion(enum import_kind k)
{
	return k >= IMPORT_PREFERENCE;
}

/* Names that an input has for what we need; the default is our own. */
enum import_name { NAME_TEXT, NAME_LABEL, NAME_LABELS, NAME_VALUE, NAME_TOKENS, NAME_TAGS, NAME_MESSAGES, NAME_ROLE,
	NAME_CONTENT, NAME_PROMPT, NAME_COMPLETION, NAME_INSTRUCTION, NAME_INPUT, NAME_OUTPUT, NAME_CONVERSATIONS, NAME_FROM,
	NAME_SYSTEM, NAME_CHOSEN, NAME_REJECTED, NAME_DEMONSTRATIONS, NAME_SAMPLES, NAME_ANSWERS, NAME_RANKS, NAME_RATING,
	NAME_CLICKED, NAME_RATER, NAME_SECONDS, NAME_POSITIONS, NAME_WEIGHT, NAME_MARGIN, IMPORT_NAMES };
extern const char *const import_names[IMPORT_NAMES];

struct sample_rules {
	enum import_kind kind;
	const char *names[IMPORT_NAMES];
	struct label_set *classes; /* names that are known */
	bool given;                /* there are no others; else they are learnt */
	struct table_row kept;     /* names of fields that are kept as text */
	enum import_id { ID_NONE, ID_FIELD, ID_HASH } id; /* the last of them: is called id in the output; is made */
};

/* How many of the kept fields the input has. */
static inline size_t
import_kept(const struct sample_rules *r)
{
	return r->kept.n - (r->id == ID_HASH);
}

struct sample {
	const struct sample_rules *rules;
	struct ten_membuf text;   /* or the turns, one behind the other */
	struct ten_membuf label;  /* labels are joined by line ends, tags by spaces */
	struct ten_membuf *kept;  /* rules->kept.n of them */
	double value;
	uint32_t *ends;           /* of words or turns in the text */
	uint8_t *roles;           /* of turns */
	size_t n, cap, cap_roles; /* words or turns */
	size_t tags;              /* that have been added */
	struct opinion opinion;
};

int sample_open(struct sample *s, const struct sample_rules *r, struct err *e);
void sample_free(struct sample *s);

/* The fields of the output, and the values of the sample in their order. */
int sample_fields(const struct sample_rules *r, struct ten_head *h, struct err *e);
size_t sample_values(const struct sample *s, struct ten_value *v);
/* The id of the record whose values those are, of which it is the last: 32 hexadecimal digits, the XXH3-128 of all others
 * (each as the number of its elements, u64, and its bytes). */
int sample_hash(struct sample *s, const struct ten_head *h, struct ten_value *v, struct err *e);
/* Of opinions: how many records the sample makes, and the values of the i-th. */
size_t sample_records(const struct sample *s);
int sample_opinion(struct sample *s, size_t i, struct ten_value *v, struct err *e);
/* The field called `name` is one that opinions may have and no sample had, so the output does without. */
bool sample_lacks(const struct sample *s, const char *name);

/* Each 0, or -1 with *e filled: ERR_DATA says what is wrong with the record, without place. */
void sample_reset(struct sample *s);
int sample_text(struct sample *s, const char *text, size_t n, struct err *e);
int sample_label(struct sample *s, const char *name, size_t n, struct err *e);  /* one more */
int sample_number(struct sample *s, const char *text, size_t n, struct err *e); /* the value; a NUL is behind it */
int sample_word(struct sample *s, const char *word, size_t n, struct err *e);
int sample_turn(struct sample *s, enum chat_role role, const char *text, size_t n, struct err *e);
int sample_keep(struct sample *s, size_t i, const char *text, size_t n, struct err *e);
int sample_check(const struct sample *s, struct err *e); /* that nothing is missing */
int sample_learn(const struct sample *s, struct err *e); /* its labels, unless they are given */

/* From a JSON object, from a line of a table. */
int sample_json(struct sample *s, const struct jnode *j, struct err *e);
/* column[name]: number of the column, SIZE_MAX: there is none; kept[i] likewise. */
int sample_row(struct sample *s, const struct table_row *row, const size_t column[IMPORT_NAMES], const size_t *kept,
    struct err *e);
/* What a kind cannot do without: sets needed[name]. */
void sample_needs(enum import_kind kind, bool needed[IMPORT_NAMES]);
/* What JSON of a kind may have: that, and what can be done without. */
void sample_knows(enum import_kind kind, bool known[IMPORT_NAMES]);

#endif
