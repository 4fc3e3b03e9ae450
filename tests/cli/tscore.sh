# tscore: scores of records and of lines, the same in every company; ensembles; log-probabilities; answers at once; what is cut;
# what does not fit.
. tests/lib.sh
export OMP_NUM_THREADS=2
. "$ROOT/tests/judged.sh"
treward -q -m base.ten --warmup 5 -b 8 --lr 1e-2 --steps 40 -o a.ten train.ten
treward -q -m base.ten --warmup 5 -b 8 --lr 1e-2 --steps 40 -s 2 -o b.ten train.ten
scores() { tdump --jsonl -f "${1:-score}" | sed 's/.*\[\(.*\)\].*/\1/'; }

run 'records' 0 '' '~^tscore: records=60 answers=120$' tscore -m a.ten -o scored.ten val.ten
run 'sound' 0 '' '' tcheck -q scored.ten
is 'the records are as they were' "$(tcat -q -f ids,ends,targets,scored,ranks scored.ten | tdump --jsonl | md5sum)" "$(tcat -q -f ids,ends,targets,scored,ranks val.ten | tdump --jsonl | md5sum)"
is 'a kind stays, with its key-values' "$(tdump --schema scored.ten | grep -E '^kind|=')" "$(tdump --schema val.ten | grep -E '^kind|=')"
is 'from a pipe' "$(tscore -q -m a.ten <val.ten | tdump --jsonl | md5sum)" "$(tdump --jsonl scored.ten | md5sum)"
is 'judgements: the same scores' "$("$mkjudged" ranks <val.tsv | tscore -q -m a.ten | scores)" "$(scores <scored.ten)"
is 'which keep their text' "$("$mkjudged" ranks <val.tsv | tscore -q -m a.ten | tdump --jsonl -f answers -f ranks | md5sum)" "$("$mkjudged" ranks <val.tsv | tdump --jsonl -f answers -f ranks | md5sum)"
is 'a record alone, the same bits' "$(for i in 0 7 59; do tcat -q -r $i:$((i + 1)) val.ten | tscore -q -m a.ten | scores; done)" "$(scores <scored.ten | sed -n '1p;8p;60p')"
is 'one thread, the same bits' "$(OMP_NUM_THREADS=1 tscore -q -j 1 -m a.ten val.ten | scores | md5sum)" "$(scores <scored.ten | md5sum)"
is 'many records: more than a batch' "$(tcat -q val.ten val.ten val.ten val.ten val.ten | tscore -q -m a.ten | scores | tail -n 60 | md5sum)" "$(scores <scored.ten | md5sum)"

# the token that is read
printf 'Q\t0\tgold bread\n' | "$mkjudged" none >q.ten
tchat -q -m base.ten q.ten -o q.c.ten
is 'the end of the turn is read' "$(tdump --jsonl -f scored q.c.ten)" "{\"scored\":[$(($(tdump --jsonl -f ids q.c.ten | tr -dc , | wc -c)))]}"
is 'adapters are merged' "$(treward -q -m base.ten --lora 2 --lr 1e-2 --warmup 0 --steps 20 -o l.ten train.ten; tscore -q -m l.ten q.c.ten | scores)" "$(tgraft -q --merge-lora l.ten | tscore -q -m - q.c.ten | scores)"

# lines
line() { printf '{"prompt": "%s", "completion": "%s"%s}\n' "$1" "$2" "$3"; }
line Q 'gold bread' >q.jsonl
is 'lines' "$(tscore -q -m a.ten q.jsonl)" "{\"score\": $(tscore -q -m a.ten q.ten | scores)}"
is 'messages' "$(echo '{"prompt": "no", "messages": [{"role": "user", "content": "Q"}], "completion": "gold bread", "ended": true, "other": 1}' | tscore -q -m a.ten)" "$(tscore -q -m a.ten q.jsonl)"
ok 'an answer that goes on is read at its last token' test "$(line Q 'gold bread' ', "ended": false' | tscore -q -m a.ten)" != "$(tscore -q -m a.ten q.jsonl)"
awk -F '\t' '{ for (i = 3; i <= 4; i++) printf "{\"prompt\": \"%s\", \"completion\": \"%s\"}\n", $1, $i }' val.tsv >val.jsonl
is 'in any company' "$(tscore -q -m a.ten val.jsonl | sed 's/.*: \(.*\)}/\1/' | paste -d, - - | md5sum)" "$(tscore -q -m a.ten val.ten | scores | md5sum)"
is 'blank lines have no answer' "$( (cat q.jsonl; echo; cat q.jsonl) | tscore -q -m a.ten | wc -l)" 2
is 'a last line without an end' "$(printf %s "$(cat q.jsonl)" | tscore -q -m a.ten)" "$(tscore -q -m a.ten q.jsonl)"

# at once
coproc SCORER { tscore -q -m a.ten; }
for i in 1 2 3; do
	cat q.jsonl >&"${SCORER[1]}"
	read -r -t 20 got <&"${SCORER[0]}"
	is "request $i is answered before the next" "$got" "$(tscore -q -m a.ten q.jsonl)"
done
eval "exec ${SCORER[1]}>&-"
wait "$SCORER_PID"
is 'and the end is the end' $? 0
mkfifo in out
tscore -q -m a.ten <in >out &
scorer=$!
exec 4>in 5<out
size=$(stat -c %s q.c.ten)
head -c $((size - 128)) q.c.ten >&4 # all but the end
timeout 20 head -c 1000 <&5 >part
is 'a block of records too' "$(stat -c %s part)" 1000
exec 4>&-
cat <&5 >/dev/null
wait $scorer
is 'a stream without its end is told' $? 3
exec 5<&-

# several models
two() { tscore -q -m a.ten -m b.ten "$@" val.ten; }
tscore -q -m b.ten val.ten | scores >b.txt
scores <scored.ten >a.txt
check() { # COMBINED HOW
	paste -d, a.txt b.txt "$1" | awk -F, -v how="$2" 'function bad(x, y) { d = x - y; return d > 1e-5 || d < -1e-5 }
	{ for (i = 1; i <= 2; i++) { a = $i; b = $(i + 2); m = (a + b) / 2; if (how == "min") m = a < b ? a : b
	    if (how == "disagreement") { m = (a - b) / 2; if (m < 0) m = -m } if (bad($(i + 4), m)) exit 1 } }'
}
two | scores >mean.txt
two --combine min | scores >min.txt
two | scores disagreement >spread.txt
ok 'the mean' check mean.txt mean
ok 'the least' check min.txt min
ok 'how they disagree' check spread.txt disagreement
is 'lines, too' "$(tscore -q -m a.ten -m a.ten q.jsonl)" "$(tscore -q -m a.ten q.jsonl | sed 's/}/, "disagreement": 0}/')"

# log-probabilities, against what teval says of each token
tscore -q --likelihood -m base.ten val.ten -o ref.ten
tcat -q -f ids,targets,ends val.ten | tdump --jsonl | python3 -c 'import json, sys
for line in sys.stdin:
    r, at = json.loads(line), 0
    for end in r["ends"]:
        print(*r["ids"][at:end]); at = end' | wc -l >lines
is 'an answer a number' "$(scores reference <ref.ten | tr ',' '\n' | wc -l)" "$(cat lines)"
timport -q --as completion -o chat.ten <<<'{"prompt": "Q", "completion": "gold bread"}'
tchat -q -m base.ten chat.ten | teval -q -m base.ten >said.txt
is 'is the loss of a chat, summed' "$(tscore -q --likelihood -m base.ten q.c.ten | scores reference | cut -c 1-7)" "$(awk '/^loss/ { l = $2 } /^trained/ { n = $2 } END { printf "%.6f", -l * n }' said.txt | cut -c 1-7)"
is 'under another name' "$(tscore -q --likelihood --field prior -m base.ten q.c.ten | scores prior)" "$(tscore -q --likelihood -m base.ten q.c.ten | scores reference)"
is 'alone, the same bits' "$(tcat -q -r 7:8 val.ten | tscore -q --likelihood -m base.ten | scores reference)" "$(scores reference <ref.ten | sed -n 8p)"

# cut
long=$(yes bread | head -n 60 | tr '\n' ' ')
line "$long" gold >long.jsonl
fails 'too long' 3 tscore -q -m a.ten long.jsonl
ok 'says what helps' grep -q 'line 1: .* tokens, more than 64; --overlong says what to do with it' "$T.err"
run 'cut on the left' 0 '~^{"score": ' '' tscore -q -m a.ten --overlong truncate-left long.jsonl
run 'cut on the right' 0 '~^{"score": ' '' tscore -q -m a.ten --overlong truncate-right long.jsonl

# what does not fit
fails 'no model' 2 tscore val.ten
for far in far-prompt far-answer many-answers; do
	"$BUILD/tests/support/mkten" $far >far.ten
	for tool in 'tscore -m a.ten -o x.ten' 'tchat -m base.ten -o x.ten' 'tchat -m base.ten --skip-bad -o x.ten' 'trate --rater ann -o far.jsonl' tcheck; do
		fails "$far, $tool" 3 $tool far.ten
		ok 'by record' grep -Eq ': far.ten: .*record 0\b' "$T.err"
	done
done
fails 'no value head' 3 tscore -m base.ten val.ten
ok 'says what gives one' grep -q 'base.ten: the model has no value head; treward trains one' "$T.err"
fails 'twice' 3 tscore -m a.ten scored.ten
ok 'says so' grep -q "has a field .score' already" "$T.err"
for bad in 'not json' '[1]' '{"prompt": 1, "completion": "x"}' '{"prompt": "x"}' '{"messages": 3, "completion": "x"}' \
	'{"messages": [{"role": "judge", "content": "x"}], "completion": "x"}' '{"prompt": "x", "completion": "y", "ended": 1}'; do
	echo " $bad" >bad.jsonl
	fails "$bad" 3 tscore -m a.ten bad.jsonl
done
ok 'by its line' grep -q "bad.jsonl: line 1: .ended' is neither true nor false" "$T.err"
tgraft -q --template plain --drop-head value a.ten -o plain.ten 2>/dev/null || tgraft -q --template plain base.ten -o plain.ten
tgraft -q --head value plain.ten -o other.ten
fails 'another template' 3 tscore -m other.ten val.ten
tinit -q --arch bert --layers 1 --heads 2 --width 16 --context 64 --vocab vocab.ten -o bert.ten
fails 'an encoder has no such log-probabilities' 3 tscore --likelihood -m bert.ten val.ten

# numbers that are none
alter=$BUILD/tests/support/alter
if [ -x "$alter" ]; then
	"$alter" block.0.norm1.weight 3 3e38 <a.ten >huge.ten
	fails 'a score that is no number' 5 tscore -m huge.ten -o x.ten val.ten
	ok 'by its answer' grep -q 'val.ten: record 0: the score of answer 1 is not finite' "$T.err"
	fails 'of a line' 5 tscore -m a.ten -m huge.ten q.jsonl
	ok 'by its line' grep -q 'q.jsonl: line 1: the score is not finite' "$T.err"
	fails 'a likelihood' 5 tscore --likelihood -m huge.ten val.ten -o x.ten
	fails 'measured' 5 teval -m huge.ten --reward val.ten
	fails 'trained' 5 treward -q -m huge.ten --steps 1 -o x.ten train.ten
	fails 'preferred' 5 tprefer -q -m huge.ten --loss simpo --steps 1 -o x.ten train.ten
fi
finish
