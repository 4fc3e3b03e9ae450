#!/usr/bin/env python3
"""Demonstrations for inverse reinforcement learning (treward --loss demonstration), JSON lines in and out.

    demonstrations.py --part train chats.jsonl          {"prompt": TEXT, "answers": [TEXT], "ended": [true]}, as answers.py has them
    demonstrations.py --against answers.jsonl --each K those    {"prompt": TEXT, "demonstrations": [TEXT], "samples": [TEXT ...]}

Chats are `messages`, of which the first turn of the user and the answer to it count, or `prompt` and `completion`. Those
that begin with another turn, and prompts of several lines, are left out. --part: train is four prompts of five, held the fifth, by a
hash of the prompt, so that a prompt stays in its part whatever is added.

--against puts demonstrations and what a policy, in answers.jsonl of answers.py --equal, has said to the same prompts together, for
timport --as preference: the samples of a prompt are dealt out, K a record, to one of its demonstrations after the
other. Records in which two answers are equal are left out whole: whether there are does not depend on which was
demonstrated, so the reward that is learnt is the same; to take one of the samples out would make it another. The fewer a
record has, the fewer are lost."""
import argparse
import hashlib
import json
import sys


def lines(path):
    with open(path, encoding='utf-8') as f:
        for number, line in enumerate(f, 1):
            if not line.strip():
                continue
            try:
                yield number, json.loads(line)
            except ValueError as e:
                sys.exit('demonstrations.py: %s: line %d: %s' % (path, number, e))


def first(chat):
    """(prompt, answer) of a chat, or None where it begins otherwise."""
    if 'messages' not in chat:
        return chat['prompt'], chat['completion']
    turns = chat['messages'][:2]
    if [t['role'] for t in turns] != ['user', 'assistant']:
        return None
    return turns[0]['content'], turns[1]['content']


def part_of(prompt):
    return 'held' if int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:8], 'big') % 5 == 0 else 'train'


def demonstrated(path, part):
    known, left_out = {}, 0
    for number, chat in lines(path):
        try:
            pair = first(chat)
            if pair and not all(isinstance(x, str) and x.strip() for x in pair):
                raise ValueError('an empty turn, or one that is not text')
        except (KeyError, TypeError, ValueError) as e:
            sys.exit('demonstrations.py: %s: line %d: %s' % (path, number, e if isinstance(e, ValueError) else
                                                             'is neither messages nor prompt and completion'))
        if not pair or '\n' in pair[0].strip():
            left_out += 1
        elif part_of(pair[0].strip()) == part:
            known.setdefault(pair[0].strip(), []).append(pair[1].strip())
    for prompt, answers in known.items():
        print(json.dumps({'prompt': prompt, 'answers': answers, 'ended': [True] * len(answers)}))
    print('demonstrations.py: %s: %d prompts, %d chats left out' % (part, len(known), left_out), file=sys.stderr)
    return len(known)


def against(demonstrations, samples, each):
    said = {r['prompt']: r['answers'] for _, r in lines(samples)}
    written = equal = missing = 0
    for _, r in lines(demonstrations):
        mine, shown = said.get(r['prompt'], []), r['answers']
        missing += len(mine) < each
        for i in range(len(mine) // each):
            record = [shown[i % len(shown)]] + mine[i * each:(i + 1) * each]
            if len(set(record)) == len(record):
                print(json.dumps({'prompt': r['prompt'], 'demonstrations': record[:1], 'samples': record[1:]}))
                written += 1
            else:
                equal += 1
    print('demonstrations.py: %d records, %d left out with equal answers, %d prompts without samples' % (written, equal, missing),
          file=sys.stderr)
    return written


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = p.add_mutually_exclusive_group(required=True)
    what.add_argument('--part', choices=('train', 'held'))
    what.add_argument('--against', metavar='ANSWERS')
    p.add_argument('--each', type=int, default=2, metavar='K', help='samples of a record (default 2)')
    p.add_argument('file')
    o = p.parse_args()
    if o.each < 1:
        p.error('--each: at least 1')
    if not (against(o.file, o.against, o.each) if o.against else demonstrated(o.file, o.part)):
        sys.exit('demonstrations.py: nothing is left')


main()
