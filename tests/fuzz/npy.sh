#!/bin/bash
# The corpus of the fuzzer npy.c, and past findings, replayed.
. tests/lib.sh
ok "replays the corpus" "$BUILD/tests/fuzz/npy" "$ROOT"/tests/fuzz/corpus/npy/*
finish
