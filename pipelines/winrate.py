#!/usr/bin/env python3
"""How often the answers of one file are better than those of another to the same prompts, by a program that scores.

    winrate.py --scores 'tscore -q -m judge.ten' start.jsonl new.jsonl

Both files are of answers.py. Each answer to a prompt is compared with each one of the other file; a tie is half a win. The
interval of 95 % is over resamples of the prompts."""
import argparse
import json
import random
import subprocess
import sys


def read(path):
    with open(path, encoding='utf-8') as f:
        return {r['prompt']: r for r in map(json.loads, f)}


def ask(program, records):
    """The scores of all answers of the records, lists in their order."""
    asked = [json.dumps({'prompt': r['prompt'], 'messages': [{'role': 'user', 'content': r['prompt']}], 'completion': a, 'ended': e})
             for r in records for a, e in zip(r['answers'], r['ended'])]
    run = subprocess.run(['sh', '-c', program], input='\n'.join(asked) + '\n', stdout=subprocess.PIPE, text=True)
    said = [json.loads(s) for s in run.stdout.split('\n') if s]
    if run.returncode or len(said) != len(asked):
        sys.exit('%s: %s: %d scores for %d answers, status %d' %
                 (sys.argv[0].rpartition('/')[2], program, len(said), len(asked), run.returncode))
    numbers = iter([s['score'] if isinstance(s, dict) else s for s in said])
    return [[next(numbers) for _ in r['answers']] for r in records]


def mean(x):
    return sum(x) / len(x)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--scores', metavar='PROGRAM', required=True)
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('start')
    p.add_argument('new')
    o = p.parse_args()
    start, new = read(o.start), read(o.new)
    prompts = [q for q in start if q in new]
    if not prompts:
        sys.exit('winrate.py: the files have no prompt in common')
    before, after = ask(o.scores, [start[q] for q in prompts]), ask(o.scores, [new[q] for q in prompts])
    wins = [mean([(b > a) + 0.5 * (b == a) for a in x for b in y]) for x, y in zip(before, after)]
    rng = random.Random(o.seed)
    again = sorted(mean(rng.choices(wins, k=len(wins))) for _ in range(1000))
    words = [mean([len(t.split()) for q in prompts for t in r[q]['answers']]) for r in (start, new)]
    print('prompts: %d' % len(prompts))
    print('win_rate: %.4f\nwin_rate.low: %.4f\nwin_rate.high: %.4f' % (mean(wins), again[24], again[974]))
    print('score.start: %.4f\nscore.new: %.4f' % (mean(sum(before, [])), mean(sum(after, []))))
    print('words.start: %.2f\nwords.new: %.2f' % tuple(words))


if __name__ == '__main__':
    main()
