#!/bin/bash
# The corpus of the reader's fuzzer, and past findings, replayed.
. tests/lib.sh
ok "replays the corpus" "$BUILD/tests/fuzz/ten_reader" "$ROOT"/tests/fuzz/corpus/ten_reader/*
finish
