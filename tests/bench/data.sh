# data.sh COPIES - makes what the tools are measured on, in the current folder, from the embedded stories or BENCH_TEXT:
#   text        the text COPIES times over, with some new words in each copy, as in text that was
#               written: about 5 % of all words are seldom
#   lines.txt   its lines that are not empty; rows.jsonl: the same as JSON objects; rows.ten: as records of text
#   vocab.ten, tokens.ten, rows-of-tokens.ten, words.ten
set -eu
copies=$1
source=${BENCH_TEXT:-$ROOT/pipelines/data/stories.txt}
for i in $(seq "$copies"); do
	LC_ALL=C awk -v i="$i" '
		BEGIN { new = sprintf("%c%c", 97 + i % 26, 97 + int(i / 26) % 26) }
		{ for (f = 1; f <= NF; f++) if ((n++ + i) % 20 == 0) $f = new $f; print }' "$source"
done >text
grep . text >lines.txt
sed 's/\\/\\\\/g; s/"/\\"/g; s/	/\\t/g; s/.*/{"text": "&"}/' lines.txt >rows.jsonl
timport -q --as text rows.jsonl -o rows.ten
tvocab -q -n 700 --special '<|endoftext|>' --special '<|mask|>' "$source" -o vocab.ten
ttok -q -m vocab.ten text -o tokens.ten
ttok -q --words -m vocab.ten text | tpack -q -l 128 -o words.ten
tpack -q -l 128 tokens.ten -o rows-of-tokens.ten
