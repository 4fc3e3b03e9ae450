#!/usr/bin/env python3
"""How far a program that scores answers orders those to one prompt as their own scores do.

    correlate.py --scores 'tscore -q -m reward.ten' answers.jsonl

answers.jsonl is of answers.py --scores. A reward that is learnt by comparison is known up to a constant for each prompt, so what counts
is by how much an answer is above the mean of its prompt: correlation is Spearman's, of these, over all answers; the interval
of 95 % is over resamples of the prompts. Prompts whose answers all have one score say nothing and are left out."""
import argparse
import random
import sys

sys.dont_write_bytecode = True
from winrate import ask, mean, read


def ranks(x):
    """From 1; equals share the mean of their places."""
    order = sorted(range(len(x)), key=x.__getitem__)
    out, i = [0.0] * len(x), 0
    while i < len(x):
        j = i
        while j < len(x) and x[order[j]] == x[order[i]]:
            j += 1
        for k in order[i:j]:
            out[k] = (i + j + 1) / 2
        i = j
    return out


def pearson(x, y):
    a, b = mean(x), mean(y)
    xx, yy = sum((u - a) ** 2 for u in x), sum((v - b) ** 2 for v in y)
    return sum((u - a) * (v - b) for u, v in zip(x, y)) / (xx * yy) ** 0.5 if xx > 0 and yy > 0 else 0.0


def spearman(prompts):
    pairs = [pair for prompt in prompts for pair in prompt]
    return pearson(ranks([a for a, _ in pairs]), ranks([b for _, b in pairs]))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--scores', metavar='PROGRAM', required=True)
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('answers')
    o = p.parse_args()
    records = [r for r in read(o.answers).values() if len(set(r['scores'])) > 1]
    if not records:
        sys.exit('correlate.py: no prompt has answers of different scores')
    prompts = []
    for r, said in zip(records, ask(o.scores, records)):
        a, b = mean(said), mean(r['scores'])
        # rounded: equals shall stay equal when a mean has been taken off
        prompts.append([(round(x - a, 9), round(y - b, 9)) for x, y in zip(said, r['scores'])])
    rng = random.Random(o.seed)
    again = sorted(spearman(rng.choices(prompts, k=len(prompts))) for _ in range(300))
    print('prompts: %d\nanswers: %d' % (len(prompts), sum(map(len, prompts))))
    print('correlation: %.4f\ncorrelation.low: %.4f\ncorrelation.high: %.4f' % (spearman(prompts), again[7], again[292]))


main()
