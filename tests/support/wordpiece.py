#!/usr/bin/env python3
"""WordPiece as Devlin et al. 2019 describe it, written from the description alone.

    wordpiece.py make TEXT        a vocabulary: special tokens, characters, frequent beginnings and ends of words
    wordpiece.py encode VOCAB.TXT TEXT [--cased]    the ids of each line, with [CLS] and [SEP]
    wordpiece.py json VOCAB.TXT [--cased]           the same vocabulary as tokenizer.json"""
import collections
import json
import sys
import unicodedata

SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']


def clean(text):
    return ''.join(c for c in text if c in '\t\n\r' or (c != '\ufffd' and unicodedata.category(c) not in ('Cc', 'Cf', 'Co')))


def is_chinese(c):
    return any(a <= ord(c) <= b for a, b in ((0x3400, 0x4dbf), (0x4e00, 0x9fff), (0xf900, 0xfaff), (0x20000, 0x2a6df),
                                             (0x2a700, 0x2b73f), (0x2b740, 0x2b81f), (0x2b920, 0x2ceaf), (0x2f800, 0x2fa1f)))


def is_punctuation(c):
    return unicodedata.category(c)[0] == 'P' or c in '$+<=>^`|~'


def words(text, cased):
    text = ''.join(' ' + c + ' ' if is_chinese(c) else c for c in clean(text))
    if not cased:
        text = ''.join(c for c in unicodedata.normalize('NFD', text) if unicodedata.category(c) != 'Mn')
        text = ''.join(c.lower() for c in text)
    return ''.join(' ' + c + ' ' if is_punctuation(c) else c for c in text).split()


def pieces(word, vocab):
    if len(word) > 100:
        return ['[UNK]']
    found, at = [], 0
    while at < len(word):
        for end in range(len(word), at, -1):
            piece = ('##' if at else '') + word[at:end]
            if piece in vocab:
                break
        else:
            return ['[UNK]']
        found.append(piece)
        at = end
    return found


def make(path):
    counts = collections.Counter()
    text = open(path, encoding='utf-8', newline='').read()
    for line in text.split('\n'):
        for cased in False, True:
            for w in words(line, cased):
                w = w[:12]
                for i in range(len(w)):
                    counts[w[:i + 1]] += 1
                    if i:
                        counts['##' + w[i:]] += 1
                        counts['##' + w[i]] += 1
    print('\n'.join(SPECIAL + sorted(w for w, n in counts.items() if n > 2)))


def read(path):
    return open(path, encoding='utf-8', newline='').read().split('\n')[:-1]


def encode(vocab, path, cased):
    ids = {w: i for i, w in enumerate(read(vocab))}
    for line in read(path):
        tokens = [p for w in words(line, cased) for p in pieces(w, ids)]
        print(*[ids[t] for t in ['[CLS]'] + tokens + ['[SEP]']])


def as_json(path, cased):
    ids = {w: i for i, w in enumerate(read(path))}
    step = {n: {'SpecialToken': {'id': n, 'type_id': 0}} for n in ('[CLS]', '[SEP]')}
    a, b = ({'Sequence': {'id': x, 'type_id': i}} for i, x in enumerate('AB'))
    json.dump({'version': '1.0', 'truncation': None, 'padding': None,
               'added_tokens': [{'id': ids[n], 'content': n, 'single_word': False, 'lstrip': False, 'rstrip': False,
                                 'normalized': False, 'special': True} for n in SPECIAL],
               'normalizer': {'type': 'BertNormalizer', 'clean_text': True, 'handle_chinese_chars': True,
                              'strip_accents': None, 'lowercase': not cased},
               'pre_tokenizer': {'type': 'BertPreTokenizer'},
               'post_processor': {'type': 'TemplateProcessing', 'single': [step['[CLS]'], a, step['[SEP]']],
                                  'pair': [step['[CLS]'], a, step['[SEP]'], b],
                                  'special_tokens': {n: {'id': n, 'ids': [ids[n]], 'tokens': [n]} for n in step}},
               'decoder': {'type': 'WordPiece', 'prefix': '##', 'cleanup': True},
               'model': {'type': 'WordPiece', 'unk_token': '[UNK]', 'continuing_subword_prefix': '##',
                         'max_input_chars_per_word': 100, 'vocab': ids}}, sys.stdout)


def main():
    cased = '--cased' in sys.argv
    a = [x for x in sys.argv[1:] if x != '--cased']
    {'make': lambda: make(a[1]), 'encode': lambda: encode(a[1], a[2], cased), 'json': lambda: as_json(a[1], cased)}[a[0]]()


main()
