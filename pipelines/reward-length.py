#!/usr/bin/env python3
"""A reward for tppo --reward: answers near a number of words, that end by themselves.

    tppo --reward 'reward-length.py 12' ...

1 for an answer of just so many words, less by a tenth for each word more or fewer, and less by 1 when it was cut.
Reads JSON lines, writes {"score": NUMBER} for each, and flushes it.
"""
import json
import sys

wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 12
for line in sys.stdin:
    answer = json.loads(line)
    words = len(answer["completion"].split())
    score = 1 - 0.1 * abs(words - wanted) - (0 if answer["ended"] else 1)
    print(json.dumps({"score": score}), flush=True)
