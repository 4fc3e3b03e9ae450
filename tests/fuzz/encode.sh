#!/bin/bash
# The corpus of the fuzzer encode.c, and past findings, replayed.
. tests/lib.sh
ok "replays the corpus" "$BUILD/tests/fuzz/encode" "$ROOT"/tests/fuzz/corpus/encode/*
finish
