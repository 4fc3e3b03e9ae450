#!/usr/bin/env python3
"""Answers of a model put together with their prompts, one JSON object a line.

    tgen --chat --lines --samples 2 --records -n 40 ... prompts.txt |
        tdump -w 0 --jsonl -f text -f ids -f prompt_length | answers.py --tokens 40 prompts.txt [--scores 'PROGRAM']

{"prompt": TEXT, "answers": [TEXT ...]}, as many answers to each line of prompts.txt as there are. Prompts whose answers
are equal or empty are left out. PROGRAM is a reward program as tppo(1) has them; what it says of each answer becomes
`scores`."""
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
    o = p.parse_args()
    prompts = open(o.prompts, encoding='utf-8').read().splitlines()
    answers = [json.loads(line) for line in sys.stdin]
    if not prompts or len(answers) % len(prompts):
        sys.exit('answers.py: %d answers to %d prompts' % (len(answers), len(prompts)))
    k = len(answers) // len(prompts)
    items = []
    for i, prompt in enumerate(prompts):
        mine = answers[i * k:(i + 1) * k]
        texts = [clean(a['text']) for a in mine]
        if all(texts) and len(set(texts)) == k:
            items.append({'prompt': prompt, 'answers': texts, 'ended': [len(a['ids']) - a['prompt_length'] < o.tokens for a in mine]})
    if o.scores:
        asked = ''.join(json.dumps({'prompt': i['prompt'], 'messages': [{'role': 'user', 'content': i['prompt']}],
                                    'completion': text, 'ended': ended}) + '\n'
                        for i in items for text, ended in zip(i['answers'], i['ended']))
        run = subprocess.run(['sh', '-c', o.scores], input=asked, stdout=subprocess.PIPE, text=True)
        said = run.stdout.split('\n')[:-1]
        if run.returncode or len(said) != k * len(items):
            sys.exit('answers.py: %s: %d scores for %d answers, status %d' % (o.scores, len(said), k * len(items), run.returncode))
        for i, item in enumerate(items):
            values = [json.loads(s) for s in said[i * k:(i + 1) * k]]
            item['scores'] = [v['score'] if isinstance(v, dict) else v for v in values]
    for item in items:
        print(json.dumps(item))


main()
