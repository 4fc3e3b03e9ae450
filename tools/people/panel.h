/* panel.h - what is behind the votes of several raters: the truth that they err around, and how much each errs. */
#ifndef TENON_PEOPLE_PANEL_H
#define TENON_PEOPLE_PANEL_H

#include "eval/crowdbt.h"
#include "eval/dawid.h"
#include "eval/ratings.h"
#include "people/gather.h"

enum panel_model { MODEL_DAWID_SKENE, MODEL_CROWD_BT, MODEL_OFFSETS /* of ratings */ };

struct panel {
	const struct gathered *g;
	enum panel_model model;
	struct vote *votes;   /* n, sorted; of pairs the values are classes */
	size_t n, units, raters, classes;
	size_t *first;        /* (units + 1) votes of each unit: [first[u], first[u + 1]) */
	bool ties;            /* of pairs: there are any, so the classes are three */
	struct dawid dawid;   /* likes and pairs, whatever the model */
	struct crowd_bt crowd;
	struct ratings ratings;

	struct rater_view *views; /* (raters) */
};

/* A rater beside the others. A vote is compared with what the votes of the others on the same unit say together: the most
 * probable label by Dawid and Skene's tables; of ratings, on which side of the mean of all units they are, leniency apart.
 * Votes without others, or where these are undecided, are not compared. */
struct rater_view {
	uint64_t judgements, compared, agreed;
	double agreement;     /* agreed / compared */
	double chance;        /* the same if the rater's answers were dealt out at random */
	double p;             /* P(so many agreed or more) by chance: exact binomial, one-sided */
	double reliability;   /* by the model; NaN when nothing can be compared */
	double position_bias; /* of decided pairs whose places are known: share in which the one shown first was preferred */
	double length_bias;   /* of decided pairs of different length: share in which the longer was preferred */
	bool flagged;         /* compared at least FLAG_LEAST times, and p is above FLAG_LEVEL */
};
#define FLAG_LEVEL 0.05
enum { FLAG_LEAST = 20 };

/* model: -1 chooses: crowd-bt where an answer was compared with MANY_OPPONENTS others in the mean or more, else dawid-skene.
 * Exits through cli_fail; as usage errors models that are not for this kind. */
enum { MANY_OPPONENTS = 5 };
void panel_find(struct panel *v, const struct gathered *g, int model);
/* Of the pair of things a and b: probabilities that the first is better, that they are equal, that the second is. */
void panel_pair(const struct panel *v, uint32_t a, uint32_t b, double p[3]);
/* The same shares as in a view, over all raters. */
void panel_biases(const struct panel *v, double *position, double *length);

#endif
