#!/usr/bin/env python3
"""Answers of a model put together with their prompts, one JSON object a line.

    tgen --chat --lines --samples 2 --records -n 40 ... prompts.txt |
        tdump -w 0 --jsonl -f text -f ids -f prompt_length | answers.py --tokens 40 prompts.txt [--scores 'PROGRAM']

{"prompt": TEXT, "answers": [TEXT ...], "ended": [true ...]}, as many answers to each line of prompts.txt as there are.
Prompts with an empty answer, or with equal ones, are left out. --whole leaves out answers that were cut, and prompts with
fewer than two others: to learn from a cut answer as if it had ended there is to learn to stop anywhere. PROGRAM is a reward
program as tppo(1) has them; what it says of each answer becomes `scores`. --best N keeps, of each N answers in their order, the
best by it alone, the first of equals, and writes no `scores`. --best and --equal leave out empty answers instead of prompts and
keep equal ones, so that what is left is as likely as the model finds it."""
import argparse
import json
import subprocess
import sys


def clean(text):
    """Bytes that are no text, which tdump writes as lone surrogates, become replacement characters."""
    return ''.join('\ufffd' if '\udc80' <= c <= '\udcff' else c for c in text).strip()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('prompts')
    p.add_argument('--scores', metavar='PROGRAM')
    p.add_argument('--tokens', type=int, required=True, help='most tokens of an answer: one of so many was cut')
    p.add_argument('--best', type=int, metavar='N', help='of each N answers keep the best by --scores alone')
    p.add_argument('--equal', action='store_true', help='keep equal answers')
    p.add_argument('--whole', action='store_true', help='leave out answers that were cut')
    o = p.parse_args()
    if o.best and not o.scores:
        p.error('--best is by --scores')
    # lines as tgen --lines has them: a text may hold what else Python takes for the end of one
    prompts = open(o.prompts, encoding='utf-8', newline='\n').read().removesuffix('\n').split('\n')
    answers = [json.loads(line) for line in sys.stdin]
    if not prompts or len(answers) % len(prompts):
        sys.exit('answers.py: %d answers to %d prompts' % (len(answers), len(prompts)))
    k = len(answers) // len(prompts)
    items = []
    for i, prompt in enumerate(prompts):
        mine = answers[i * k:(i + 1) * k]
        mine = [(clean(a['text']), len(a['ids']) - a['prompt_length'] < o.tokens, j // (o.best or k)) for j, a in enumerate(mine)]
        if o.whole:
            mine = [m for m in mine if m[1]]
        if o.best or o.equal:
            mine = [m for m in mine if m[0]]
        texts = [text for text, _, _ in mine]
        if mine if o.best or o.equal else all(texts) and len(set(texts)) == len(texts) > o.whole:
            items.append({'prompt': prompt, 'answers': texts, 'ended': [ended for _, ended, _ in mine], 'groups': [g for _, _, g in mine]})
    if not items:
        sys.exit('answers.py: no prompt has answers that can be compared%s' % (' and are whole; more tokens may help' if o.whole else ''))
    if o.scores:
        asked = ''.join(json.dumps({'prompt': i['prompt'], 'messages': [{'role': 'user', 'content': i['prompt']}],
                                    'completion': text, 'ended': ended}) + '\n'
                        for i in items for text, ended in zip(i['answers'], i['ended']))
        run = subprocess.run(['sh', '-c', o.scores], input=asked, stdout=subprocess.PIPE, text=True)
        said = [json.loads(s) for s in run.stdout.split('\n') if s]
        n = sum(len(i['answers']) for i in items)
        if run.returncode or len(said) != n:
            sys.exit('answers.py: %s: %d scores for %d answers, status %d' % (o.scores, len(said), n, run.returncode))
        numbers = iter([v['score'] if isinstance(v, dict) else v for v in said])
        for item in items:
            item['scores'] = [next(numbers) for _ in item['answers']]
    for item in items:
        groups = item.pop('groups')
        if o.best:
            scores, places = item.pop('scores'), range(len(groups))
            best = [max((i for i in places if groups[i] == g), key=scores.__getitem__) for g in sorted(set(groups))]
            item.update(answers=[item['answers'][i] for i in best], ended=[item['ended'][i] for i in best])
        print(json.dumps(item))


main()
