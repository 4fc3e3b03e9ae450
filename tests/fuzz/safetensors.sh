#!/bin/bash
# The corpus of the fuzzer safetensors.c, and past findings, replayed.
. tests/lib.sh
ok "replays the corpus" "$BUILD/tests/fuzz/safetensors" "$ROOT"/tests/fuzz/corpus/safetensors/*
finish
