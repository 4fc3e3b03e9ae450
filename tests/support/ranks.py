#!/usr/bin/env python3
"""The tokens of a tokenizer.json as a rank file of tiktoken: ranks.py TOKENIZER.json"""
import base64
import json
import sys

plain = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
byte_of = {chr(b): b for b in plain}
byte_of.update({chr(256 + i): b for i, b in enumerate(b for b in range(256) if b not in plain)})

t = json.load(open(sys.argv[1], encoding='utf-8'))
added = {a['content'] for a in t['added_tokens']}
for name, rank in sorted(t['model']['vocab'].items(), key=lambda x: x[1]):
    if name not in added:
        print(base64.b64encode(bytes(byte_of[c] for c in name)).decode(), rank)
