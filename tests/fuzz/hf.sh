#!/bin/bash
# The corpus of the fuzzer hf.c, and past findings, replayed.
. tests/lib.sh
ok "replays the corpus" "$BUILD/tests/fuzz/hf" "$ROOT"/tests/fuzz/corpus/hf/*
finish
