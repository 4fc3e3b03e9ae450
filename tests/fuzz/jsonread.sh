#!/bin/bash
# The corpus of the fuzzer jsonread.c, and past findings, replayed.
. tests/lib.sh
ok "replays the corpus" "$BUILD/tests/fuzz/jsonread" "$ROOT"/tests/fuzz/corpus/jsonread/*
finish
