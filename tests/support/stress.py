#!/usr/bin/env python3
"""Text that tokenizers disagree on, if anything does: stress.py [--seed N] [--bytes N] [--names FILE] [--planes] [--old]

With --planes every code point once, assigned or not (surrogates left out); then random mixes of words, contractions in
both cases, digits of several scripts, white space of every kind, emoji sequences, right-to-left text, combining
marks in wrong order, long runs, and names of special tokens (of FILE, one a line) whole, cut and glued. Valid UTF-8,
the same for the same seed; lines end in LF, and LF is within lines nowhere but at their ends."""
import argparse
import random
import sys
import unicodedata

WORDS = ['the', 'Hello', 'WORLD', "don't", "DON'T", "I'LL", "we've", "'re", "it'\u017f", 'caf\u00e9', 'cafe\u0301',
         'Stra\u00dfe', '\u0130stanbul', 'na\u00efve', '\u4f60\u597d', '\u3053\u3093\u306b\u3061\u306f', '\uc548\ub155',
         '\u0645\u0631\u062d\u0628\u0627', '\u05e9\u05dc\u05d5\u05dd', '\u0928\u092e\u0938\u094d\u0924\u0947', '\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35',
         '\u041f\u0440\u0438\u0432\u0435\u0442', '\u1e9b\u0323', 'x\u0338', '>\u0338', 'ffi\ufb03', '\ufb1d', '\u212b', '\u2126', 'a\u0323\u0307', 'a\u0307\u0323']
NUMBERS = ['0', '7', '12', '345', '6789', '12345678901', '3.14', '1,000', '\u0663\u0664', '\u2167', '\u00bd', '\u00b2', '\u0967\u0968\u0969\u096a', '\U0001d7d8']
SPACES = [' ', '  ', '   ', '\t', ' \t ', '\r', '\v', '\f', '\u0085', '\u00a0', '\u1680', '\u2003', '\u2028', '\u2029', '\u202f', '\u3000', ' ' * 17, '\t' * 5]
SIGNS = list('!?.,;:()[]{}<>/\\|@#$%^&*-_=+~`"\'') + ['...', '--', '\u2014', '\u201c', '\u201d', '\u20ac', '\u00ab', '\u200d', '\u200b', '\ufeff', '\u00ad', '\x00',
         '\x07', '\x7f', '\ufffd', '\ue000', '\U000e0041', '\U0010ffff', '##', '##ing']
EMOJI = ['\U0001f600', '\U0001f468\u200d\U0001f469\u200d\U0001f467', '\U0001f44d\U0001f3fd', '\U0001f1e9\U0001f1ea', '\u2764\ufe0f', '\U0001f3f4\U000e0067\U000e007f']


def usable(cp, old):
    if 0xd800 <= cp <= 0xdfff or cp == 10:
        return False
    return not old or unicodedata.ucd_3_2_0.category(chr(cp)) != 'Cn'


def planes(old):
    line = []
    for cp in range(0x110000):
        if not usable(cp, old):
            continue
        line.append(chr(cp))
        if len(line) == 64:
            yield ''.join(line)
            line = []
    # each alone between letters, for what only shows beside others
    for cp in list(range(0x20, 0x3400)) + list(range(0xa000, 0xd800, 17)) + list(range(0xf900, 0x11000)) + list(range(0x1f000, 0x1fb00)):
        if usable(cp, old):
            line.append('a' + chr(cp) + 'B ' + chr(cp) + chr(cp))
        if len(line) == 32:
            yield ' '.join(line)
            line = []
    yield ''.join(line)


def piece(rng, names, old):
    kind = rng.randrange(12)
    if kind < 4:
        return rng.choice(WORDS)
    if kind == 4:
        return rng.choice(NUMBERS)
    if kind < 7:
        return rng.choice(SPACES)
    if kind == 7:
        return rng.choice(SIGNS)
    if kind == 8:
        return rng.choice(EMOJI)
    if kind == 9:
        return rng.choice(['a', ' ', 'ab', '1', '!', '\u00e9', '\t', 'aaab']) * rng.randrange(1, 40)
    if kind == 10 and names:
        name = rng.choice(names)
        return rng.choice([name, name[1:], name[:-1], name + name, ' ' + name + ' ', name.upper(), name[:len(name) // 2]])
    while True:
        cp = rng.randrange(0x110000) if rng.randrange(2) else rng.randrange(0x3000)
        # what is unassigned here may be a letter in a later Unicode
        if usable(cp, old) and unicodedata.category(chr(cp)) != 'Cn':
            return chr(cp)


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--bytes', type=int, default=1000000)
    p.add_argument('--names')
    p.add_argument('--planes', action='store_true', help='with every code point')
    p.add_argument('--old', action='store_true', help='only what Unicode 3.2 has, on which all later versions agree')
    o = p.parse_args()
    names = open(o.names, encoding='utf-8').read().split('\n')[:-1] if o.names else []
    rng = random.Random(o.seed)
    out = sys.stdout.buffer
    if o.planes:
        for line in planes(o.old):
            out.write(line.encode() + b'\n')
    written = 0
    while written < o.bytes:
        line = ''.join(piece(rng, names, o.old) + rng.choice(['', '', ' ']) for _ in range(rng.randrange(1, 30))).encode()
        out.write(line + b'\n')
        written += len(line) + 1
    for unit in ['a', ' ', 'ab', '1', '!', '\u00e9', 'the ', '\U0001f600']:
        out.write((unit * (1 + min(3000, o.bytes // 300))).encode() + b'\n')


main()
