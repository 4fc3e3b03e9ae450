#!/usr/bin/env python3
"""The trials of a search over settings, one a line, each `name=value,name=value`.

    trials.py 'lr=1e-3|3e-3 dropout=0.1|0.3'                 every combination
    trials.py --random 20 --seed 1 'lr=1e-4..1e-2 dropout=0..0.5 lora=4|8'

Values are separated by |. A range LOW..HIGH is drawn from, on a logarithmic scale when LOW is above 0 and HIGH at
least ten times that; whole numbers stay whole. The same seed gives the same trials."""
import argparse
import itertools
import math
import random
import sys


def parse(text):
    settings = []
    for word in text.split():
        name, equals, values = word.partition('=')
        if not name or not equals or not values or ',' in word:
            sys.exit('trials.py: `%s\' is not NAME=VALUE|VALUE or NAME=LOW..HIGH' % word)
        settings.append((name, values))
    if not settings:
        sys.exit('trials.py: no settings to search over')
    return settings


def draw(rng, values):
    if '..' not in values:
        return rng.choice(values.split('|'))
    low, high = values.split('..')
    try:
        if low.isdigit() and high.isdigit():
            return str(rng.randint(int(low), int(high)))
        low, high = float(low), float(high)
    except ValueError:
        sys.exit('trials.py: `%s\' is not a range of numbers' % values)
    if low > 0 and high >= 10 * low:
        return '%.3g' % math.exp(rng.uniform(math.log(low), math.log(high)))
    return '%.3g' % rng.uniform(low, high)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('settings')
    p.add_argument('--random', type=int, default=0, help='draw this many trials instead of all combinations')
    p.add_argument('--seed', type=int, default=1)
    o = p.parse_args()
    settings = parse(o.settings)
    names = [n for n, _ in settings]
    if o.random:
        rng = random.Random(o.seed)
        chosen = [[draw(rng, v) for _, v in settings] for _ in range(o.random)]
    else:
        if any('..' in v for _, v in settings):
            sys.exit('trials.py: a range has no end of combinations: --random N')
        chosen = itertools.product(*[v.split('|') for _, v in settings])
    seen = set()
    for values in chosen:
        trial = ','.join('%s=%s' % pair for pair in zip(names, values))
        if trial not in seen:
            print(trial)
        seen.add(trial)


main()
