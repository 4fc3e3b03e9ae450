#!/usr/bin/env python3
"""Tokenizers with what tokenizer.json can ask for: variants.py TOKENIZER.json FOLDER

From one with byte-level BPE it makes others in the folder, a file each: other patterns, normal form C, pieces taken whole,
a space before text, added tokens that are special or not and that take white space, tokens around a text."""
import copy
import json
import sys

LETTERS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def byte_level(**more):
    return dict({'type': 'ByteLevel', 'add_prefix_space': False, 'trim_offsets': True, 'use_regex': True}, **more)


def split(regex, behavior='Isolated', invert=False):
    return {'type': 'Sequence', 'pretokenizers': [
        {'type': 'Split', 'pattern': {'Regex': regex}, 'behavior': behavior, 'invert': invert}, byte_level(use_regex=False)]}


def added(t, content, **more):
    at = max(list(t['model']['vocab'].values()) + [a['id'] for a in t['added_tokens']]) + 1
    t['added_tokens'].append(dict({'id': at, 'content': content, 'single_word': False, 'lstrip': False, 'rstrip': False,
                                   'normalized': False, 'special': True}, **more))
    return at


def template(first, last):
    def step(token):
        return [{'SpecialToken': {'id': token[0], 'type_id': 0}}] if token else []
    single = step(first) + [{'Sequence': {'id': 'A', 'type_id': 0}}] + step(last)
    return {'type': 'TemplateProcessing', 'single': single, 'pair': single + [{'Sequence': {'id': 'B', 'type_id': 1}}],
            'special_tokens': {n: {'id': n, 'ids': [i], 'tokens': [n]} for n, i in filter(None, (first, last))}}


def all_merges(model):
    """Every pair of tokens that makes a third, as where ranks were made merges of; but of each tenth token none, so that only a
    piece that is the token makes it."""
    vocab, made = model['vocab'], {''.join(m.split(' ')) for m in model['merges']}
    return ['%s %s' % (t[:i], t[i:]) for t, id in sorted(vocab.items(), key=lambda item: item[1]) if t in made and id % 10
            for i in range(1, len(t)) if t[:i] in vocab and t[i:] in vocab]


def variants(base):
    def new():
        return copy.deepcopy(base)
    t = new()
    t['pre_tokenizer'] = split(LETTERS + r'\p{N}{1,3}' + REST)
    t['model']['ignore_merges'] = True
    t['model']['merges'] = [' '.join(m) for m in t['model']['merges']]
    at = added(t, '<|begin_of_text|>')
    t['post_processor'] = {'type': 'Sequence', 'processors': [byte_level(), template(('<|begin_of_text|>', at), None)]}
    yield 'llama3', t
    many = copy.deepcopy(t)
    many['model']['merges'] = all_merges(t['model'])
    yield 'many', many
    t = new()
    t['pre_tokenizer'] = split(LETTERS + r'\p{N}' + REST, 'Removed', True)
    t['normalizer'] = {'type': 'NFC'}
    added(t, '<|im_start|>')
    added(t, '<tool_call>', special=False)
    yield 'qwen2', t
    t = new()
    t['pre_tokenizer'] = {'type': 'Sequence', 'pretokenizers': [{'type': 'Digits', 'individual_digits': True}, byte_level()]}
    yield 'smollm', t
    t = new()
    t['pre_tokenizer'] = byte_level(add_prefix_space=True)
    first, last = added(t, '<s>', normalized=True), added(t, '</s>', normalized=True)
    added(t, '<mask>', lstrip=True)
    added(t, '[MASK]', lstrip=True, rstrip=True, special=False)
    t['post_processor'] = {'type': 'RobertaProcessing', 'sep': ['</s>', last], 'cls': ['<s>', first], 'trim_offsets': True,
                           'add_prefix_space': True}
    yield 'roberta', t


def main():
    base = json.load(open(sys.argv[1], encoding='utf-8'))
    for name, t in variants(base):
        with open(sys.argv[2] + '/' + name + '.json', 'w', encoding='utf-8') as f:
            json.dump(t, f, ensure_ascii=name == 'qwen2')


main()
