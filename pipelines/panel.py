#!/usr/bin/env python3
"""panel.py - a simulated panel of raters, whose reliabilities and biases are known.

Reads JSON lines of `prompt` (or `messages`) and `answers` with their hidden quality, `scores`, a number each. Writes
a line for each rater and item that `timport --as preference` reads: the answers, their ranks, the rater (r1, r2 ...), and
`positions`, where each answer stood.

    panel.py --raters 3 --reliability 0.9,0.8,0.5 answers.jsonl | timport --as preference | tagree

A rater compares two answers like this: with probability --position-bias the one shown first is better, else with
probability --length-bias the longer is, else with probability --reliability the one of higher score is, else the
other. (So 0.5 is a rater who does not read.) Equal scores are a toss. More than two answers are sorted by inserting one
after the other, in the order in which they are shown, from the worst place up. Options take one number for all raters or
a list with commas. Every random number is a hash of seed, rater, item and purpose, so that the same
input gives the same bytes on any machine.
"""
import argparse
import hashlib
import json
import sys


def uniform(*address):
    """A number in [0, 1) that the address determines."""
    digest = hashlib.sha256(json.dumps(address).encode()).digest()
    return int.from_bytes(digest[:8], 'big') / 2**64


def numbers(text, raters, name):
    """The list of an option, one number a rater."""
    try:
        values = [float(x) for x in text.split(',')]
    except ValueError:
        sys.exit(f'panel.py: --{name}: {text} is not a list of numbers')
    if len(values) == 1:
        values *= raters
    if len(values) != raters or not all(0 <= x <= 1 for x in values):
        sys.exit(f'panel.py: --{name}: {text} is not one number from 0 to 1, or {raters} of them')
    return values


class Rater:
    def __init__(self, seed, name, reliability, position_bias, length_bias):
        self.seed, self.name = seed, name
        self.reliability, self.position_bias, self.length_bias = reliability, position_bias, length_bias

    def draw(self, item, *what):
        return uniform(self.seed, self.name, item, *what)

    def prefers(self, item, answers, scores, a, b):
        """Whether a, shown before b, is called better."""
        if self.draw(item, 'position', a, b) < self.position_bias:
            return True
        if len(answers[a]) != len(answers[b]) and self.draw(item, 'length', a, b) < self.length_bias:
            return len(answers[a]) > len(answers[b])
        if scores[a] == scores[b]:
            return self.draw(item, 'toss', a, b) < 0.5
        return (scores[a] > scores[b]) == (self.draw(item, 'right', a, b) < self.reliability)

    def judge(self, item, record):
        answers, scores = record['answers'], record['scores']
        shown = sorted(range(len(answers)), key=lambda i: self.draw(item, 'shown', i))
        order = []  # best first
        for b in shown:
            at = len(order)
            while at > 0 and not self.prefers(item, answers, scores, order[at - 1], b):
                at -= 1
            order.insert(at, b)
        places = range(len(answers))
        judged = {key: record[key] for key in ('system', 'prompt', 'messages') if key in record}
        judged.update(answers=answers, ranks=[order.index(i) + 1 for i in places], rater=self.name,
                      positions=[shown.index(i) for i in places])
        return judged


def main():
    p = argparse.ArgumentParser(prog='panel.py', description='Simulate raters whose reliabilities and biases are known.')
    p.add_argument('file', nargs='?', help='JSON lines with answers and scores (default standard input)')
    p.add_argument('--raters', type=int, default=6, help='how many (default 6)')
    p.add_argument('--reliability', default='0.9', help='probability of calling the better one better (default 0.9)')
    p.add_argument('--position-bias', default='0', help='probability of taking the one shown first (default 0)')
    p.add_argument('--length-bias', default='0', help='probability of taking the longer one (default 0)')
    p.add_argument('--seed', type=int, default=1, help='seed of every random choice (default 1)')
    o = p.parse_args()
    if o.raters < 1:
        sys.exit('panel.py: --raters: at least one')
    options = zip(numbers(o.reliability, o.raters, 'reliability'), numbers(o.position_bias, o.raters, 'position-bias'),
                  numbers(o.length_bias, o.raters, 'length-bias'))
    raters = [Rater(o.seed, f'r{i + 1}', *values) for i, values in enumerate(options)]
    with open(o.file, encoding='utf-8') if o.file else sys.stdin as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
                if len(record['answers']) < 2 or len(record['answers']) != len(record['scores']):
                    raise ValueError('needs two answers or more and a score for each')
                for rater in raters:
                    print(json.dumps(rater.judge(number, record), ensure_ascii=False))
            except KeyError as e:
                sys.exit(f'panel.py: line {number}: has no {e}')
            except (ValueError, TypeError) as e:
                sys.exit(f'panel.py: line {number}: {e}')


if __name__ == '__main__':
    main()
