#!/bin/bash
# The corpus of the fuzzer gguf.c, and past findings, replayed.
. tests/lib.sh
ok "replays the corpus" "$BUILD/tests/fuzz/gguf" "$ROOT"/tests/fuzz/corpus/gguf/*
finish
