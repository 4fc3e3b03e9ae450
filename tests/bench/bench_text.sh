#!/bin/bash
# Learning and encoding beside sentencepiece, where it is installed, on the same text with the same
# size of vocabulary: bench_text.sh [TEXT]; by default the embedded stories 40 times over, each copy
# with other words. Lines: `text/WHAT seconds N`, the least of three runs.
BUILD=${BUILD:-$PWD/build}
PATH=$BUILD/bin:$PATH
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
if [ -n "$1" ]; then
	cp "$1" "$T/text"
else
	for i in $(seq 40); do sed "s/e/e$((i % 7))/$((i % 5 + 1))" pipelines/data/stories.txt; done >"$T/text"
fi
cd "$T" || exit 1
least() { # NAME COMMAND...
	local name=$1 start
	shift
	for i in 1 2 3; do
		start=$(date +%s.%N)
		"$@" >/dev/null 2>&1 || { echo "text/$name failed"; return; }
		echo "$start $(date +%s.%N)"
	done | awk -v name="$name" -v bytes="$(wc -c <text)" '
	    NF == 2 { t = $2 - $1; if (!best || t < best) best = t }
	    NF != 2 { print }
	    END { if (best) printf "text/%s seconds %.3f\ntext/%s MB/s %.1f\n", name, best, name, bytes / 1e6 / best }'
}
least learn/tvocab tvocab -q -j2 -n 2048 text -o v.ten
least encode/ttok ttok -q -j1 --split line -m v.ten text -o t.ten
if command -v spm_train >/dev/null; then
	least learn/spm_train spm_train --input=text --model_prefix=spm --vocab_size=2048 --model_type=bpe \
	    --num_threads=2 --character_coverage=1
	least encode/spm_encode spm_encode --model=spm.model --output_format=id --output=ids text
else
	echo "text/spm_train not installed (apt-get install sentencepiece)"
fi
