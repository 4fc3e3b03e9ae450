/* reward.h - losses of a reward model's scores. Pure functions of one record; nothing allocates.
 *
 * s (k) are the scores of its answers; d (k) is set to the gradient. Numbers are double. Each returns the loss, which is
 * a mean over what is compared, so records of few and of many answers weigh the same. */
#ifndef TENON_LOSS_REWARD_H
#define TENON_LOSS_REWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* log(1 + exp(-x)) = -log sigmoid(x), and its derivative, without overflow. */
double logistic_loss(double x);
double logistic_slope(double x);

/* Bradley and Terry (1952): the mean over all pairs of -log sigmoid(s_better - s_worse - margin). A tie is half a
 * preference each way, without margin: (-log sigmoid(x) - log sigmoid(-x)) / 2. ranks (k): 1 = best; k >= 2.
 * With the centring of Eisenstein et al. (2023, Helping or herding?) each pair also adds centre (s_i + s_j)^2. */
double reward_pairs(double *d, const double *s, const uint32_t *ranks, size_t k, double margin, double centre);

/* Plackett (1975) and Luce (1959): the mean over choices of -log of the probability, by softmax, with which an answer is
 * taken from those that are not better than it; where it is the only one there is no choice. Equals are all choices
 * from the same answers, themselves included (Breslow 1974). Of two answers the same as reward_pairs without margin.
 * Centring as there. */
double reward_listwise(double *d, const double *s, const uint32_t *ranks, size_t k, double centre);

/* Demonstrations, rank 1, against samples, all others, whose order among each other does not count: the mean over
 * demonstrations i of -log(exp(s_i) / (exp(s_i) + sum over samples j of exp(s_j))). There is at least one of each. Centring as above.
 *
 * This is maximum-entropy inverse reinforcement learning (Ziebart et al. 2008) relative to the distribution p that the samples come
 * from (Boularias, Kober and Peters 2011): of all q that have the demonstrations' expected features the one nearest to p is
 * proportional to p(y) exp(s(y)), with s in nats, and its likelihood has a partition function that samples of p
 * estimate. With the demonstration among them the loss is the ranking form of noise-contrastive estimation, whose minimum is the true s
 * up to a constant for each prompt, for any number of samples (Ma and Collins 2018). Of one demonstration and one sample the
 * same as reward_pairs without margin. Unlike in reward_listwise demonstrations do not compete with each other, and
 * samples are never chosen. */
double reward_demonstrations(double *d, const double *s, const uint32_t *ranks, size_t k, double centre);

/* (s - rating)^2. */
double reward_rating(double *d, double s, double rating);

/* -log sigmoid(s) of what is liked, -log sigmoid(-s) of what is not. */
double reward_liked(double *d, double s, bool liked);

#endif
