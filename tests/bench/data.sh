# data.sh COPIES - makes what the tools are measured on, in the current folder, from the embedded stories or BENCH_TEXT:
#   text        the text COPIES times over, each copy with other words
#   lines.txt   its lines that are not empty; rows.jsonl: the same as JSON objects; rows.ten: as records of text
#   vocab.ten, tokens.ten, rows-of-tokens.ten, words.ten
set -eu
copies=$1
source=${BENCH_TEXT:-$ROOT/pipelines/data/stories.txt}
for i in $(seq "$copies"); do sed "s/e/e$((i % 7))/$((i % 5 + 1))" "$source"; done >text
grep . text >lines.txt
sed 's/\\/\\\\/g; s/"/\\"/g; s/	/\\t/g; s/.*/{"text": "&"}/' lines.txt >rows.jsonl
timport -q --as text rows.jsonl -o rows.ten
tvocab -q -n 700 --special '<|endoftext|>' --special '<|mask|>' "$source" -o vocab.ten
ttok -q -m vocab.ten text -o tokens.ten
ttok -q --words -m vocab.ten text | tpack -q -l 128 -o words.ten
tpack -q -l 128 tokens.ten -o rows-of-tokens.ten
