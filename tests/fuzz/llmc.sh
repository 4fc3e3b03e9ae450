#!/bin/bash
# The corpus of the fuzzer llmc.c, and past findings, replayed.
. tests/lib.sh
ok "replays the corpus" "$BUILD/tests/fuzz/llmc" "$ROOT"/tests/fuzz/corpus/llmc/*
finish
