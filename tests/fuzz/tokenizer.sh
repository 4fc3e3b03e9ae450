#!/bin/bash
# The corpus of the fuzzer tokenizer.c, and past findings, replayed.
. tests/lib.sh
ok "replays the corpus" "$BUILD/tests/fuzz/tokenizer" "$ROOT"/tests/fuzz/corpus/tokenizer/*
finish
