# tcheck: sound streams, every rule of the kinds, damage.
. tests/lib.sh
mk() { "$BUILD/tests/support/mkten" "$@"; }
for k in text tokens rows metrics model types; do mk $k >$k.ten; done
size() { stat -c %s "$1"; }

run "a line for each" 0 "text.ten: ok: text, 3 records, $(size text.ten) bytes
tokens.ten: ok: tokens, 3 records, $(size tokens.ten) bytes
rows.ten: ok: rows, 2 records, $(size rows.ten) bytes
metrics.ten: ok: metrics, 3 records, $(size metrics.ten) bytes
model.ten: ok: model, 1 records, $(size model.ten) bytes
types.ten: ok: types, 1 records, $(size types.ten) bytes" '' \
    tcheck text.ten tokens.ten rows.ten metrics.ten model.ten types.ten
run "quiet" 0 '' '' tcheck -q text.ten
run "standard input" 0 "standard input: ok: text, 3 records, $(size text.ten) bytes" '' tcheck <text.ten
cat rows.ten rows.ten >two.ten
run "segments" 0 "two.ten: ok: rows, 4 records, $(size two.ten) bytes" '' tcheck two.ten
is "a pipe" "$(cat two.ten | tcheck)" "standard input: ok: rows, 4 records, $(size two.ten) bytes"

fault() { # KIND WORDS
	mk "$1" >bad.ten
	run "$1" 3 '' "~^tcheck: bad.ten: .*$2" tcheck bad.ten
}
fault bad-id 'record 2 \(in the block at offset [0-9]+\): field `ids`: element 1 is 9, not within 0 to 8'
fault bad-target 'record 1 .*field `targets`: element 2 is -1, not -100 and not within 0 to 9'
fault bad-length 'record 1 .*field `documents` has 3 elements, `ids` has 4'
fault bad-position 'record 1 .*field `positions`: element 0 is -5, below 0'
fault two-models 'a model has one record, this has 2'
fault no-field '`ids`'
fault bad-type 'needs field `positions` \(int32, 1 dimension\), found uint8'
mk masked >masked.ten
run "masked rows" 0 '~^masked.ten: ok: masked, 1 records' '' tcheck masked.ten
mk rollouts >rollouts.ten
mk candidates >candidates.ten
run "rollouts and candidates" 0 '~^candidates.ten: ok: candidates, 1 records' '' tcheck rollouts.ten candidates.ten
fault bad-prompt 'record 0 .*field `prompt_length` is 6, `ids` has 5 elements'
fault bad-array 'record 0 .*field `rewards` has 2 elements, the answer has 3 tokens'
fault bad-ended 'record 0 .*field `ended` is 2, neither 0 nor 1'
fault bad-scored 'record 0 .*answer 1 is tokens 0 to 2 of 4 and is scored at 3'
fault bad-ends 'record 0 .*do not fit together'
fault far-answer 'record 0 '
fault many-answers 'record 0 .*1025 answers'
tcat -q -f step,ids,ended rollouts.ten -o few.ten
run "rollouts without their numbers" 3 '' '~^tcheck: few.ten: needs field `prompt_length`' tcheck few.ten

head -c 500 text.ten >short.ten
run "goes on after a fault" 3 "text.ten: ok: text, 3 records, $(size text.ten) bytes" \
    '~^tcheck: short.ten: .*offset [0-9]+' tcheck short.ten text.ten
run "an absent file among others" 1 '~^text.ten: ok' '~^tcheck: none.ten: cannot open: No such file' \
    tcheck none.ten text.ten
mk abort >abort.ten
run "an aborted stream" 4 '' '~^tcheck: abort.ten: .*ttok.*cannot read' tcheck abort.ten
is "whose message cannot command a terminal" "$(tcheck abort.ten 2>&1)" \
    'tcheck: abort.ten: record 0 (offset 192): ttok??, upstream, failed: ?[2J??31m? café/stories.txt: cannot read: Input/output error'

# every 7th truncation; tests/faults/flips.sh flips bits
mk rows >r.ten
damage() {
	local n=$(size r.ten) i bad=0
	for ((i = 0; i < n; i += 7)); do
		head -c "$i" r.ten >cut.ten
		tcheck -q cut.ten 2>/dev/null
		[ $? = 3 ] || { echo "cut to $i was accepted"; bad=1; }
	done
	return $bad
}
ok "truncations are refused" damage
finish
