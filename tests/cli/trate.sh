# trate: each mode, resuming, undoing, torn files, locks, editors, what a screen shows; timport reads what it writes.
. tests/lib.sh
unset VISUAL EDITOR USER
export TMPDIR=$T
cat >items.jsonl <<'EOF'
{"prompt": "Which mill?", "answers": ["The old mill.", "The new mill."]}
{"messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"}], "answers": ["Hello", "Hey"]}
{"prompt": "Count.", "answers": ["one", "two", "three"]}
EOF
lines() { sed 's/"seconds":[0-9.e-]*/"seconds":T/' "$@"; }
rate() { trate -q --rater ann "$@"; }

# ---- pairs ----
printf 'atb s\nq' >keys
run 'pairs' 0 '*' 'trate: items=5 judged_before=0 judged=3 skipped=1 left=1' trate --rater ann -o a.jsonl items.jsonl <keys
is 'a line each' "$(lines a.jsonl)" '{"prompt":"Count.","answers":["two","three"],"ranks":[2,1],"rater":"ann","seconds":T,"positions":[1,0]}
{"prompt":"Count.","answers":["one","three"],"ranks":[1,1],"rater":"ann","seconds":T,"positions":[1,0]}
{"prompt":"Which mill?","answers":["The old mill.","The new mill."],"ranks":[1,2],"rater":"ann","seconds":T,"positions":[1,0]}
{"prompt":"Count.","answers":["one","two"],"ranks":[0,0],"rater":"ann","seconds":T,"positions":[1,0]}'
is 'for nobody else to read' "$(stat -c %a a.jsonl)" 600
run 'the rest' 0 '~^5 of 5$' 'trate: items=5 judged_before=4 judged=1 skipped=0 left=0' trate --rater ann -o a.jsonl items.jsonl <<<a
run 'nothing is left' 0 'All is judged.' 'trate: items=5 judged_before=5 judged=0 skipped=0 left=0' trate --rater ann -o a.jsonl items.jsonl <<<a
run 'somebody else begins anew' 0 '*' '~judged_before=0 judged=5 skipped=0' trate --rater bob -o a.jsonl items.jsonl <<<'a a a a a'
ok 'and sees another order' test "$(grep ann a.jsonl | cut -d '"' -f 4-9)" != "$(grep bob a.jsonl | cut -d '"' -f 4-9)"
run 'timport reads it' 0 '' 'timport: records_out=10 skipped_bad=0 undecided=0' timport --as preference a.jsonl -o a.ten
is 'the same seed, the same order' "$(rate -o b.jsonl items.jsonl <<<aaaaa | md5sum)" "$(rate -o c.jsonl items.jsonl <<<aaaaa | md5sum)"
ok 'another seed, another order' test "$(rate -s 2 -o d.jsonl items.jsonl <<<aaaaa | md5sum)" != "$(rm c.jsonl; rate -o c.jsonl items.jsonl <<<aaaaa | md5sum)"
run 'records are items, too' 0 'All is judged.' '~judged_before=5' trate --rater bob -o a.jsonl a.ten <<<''

# ---- undo ----
rate -o u.jsonl items.jsonl <<<'aab' >/dev/null
lines u.jsonl >want
rm u.jsonl
rate -o u.jsonl items.jsonl <<<'bsuuaab' >/dev/null
is 'undone and judged again: the same lines' "$(lines u.jsonl)" "$(cat want)"
run 'nothing to undo' 0 '~^There is nothing to undo' '' trate -q --rater ann -o v.jsonl items.jsonl <<<u
ok 'and nothing lost' test ! -s v.jsonl

# ---- a file that was cut, or has something else ----
cp a.jsonl torn.jsonl
before=$(wc -c <torn.jsonl)
printf '{"prompt":"Which mill?","ans' >>torn.jsonl
run 'a torn line is cut off, which is said' 0 '*' 'trate: torn.jsonl: the last line was not whole: 28 bytes cut off' \
	trate -q --rater ann -o torn.jsonl items.jsonl <<<q
is 'and nothing else' "$(cmp a.jsonl torn.jsonl && wc -c <torn.jsonl)" "$before"
truncate -s -1 torn.jsonl
run 'a line that lacks only its end is kept' 0 '*' '' trate -q --rater ann -o torn.jsonl items.jsonl <<<q
ok 'and gets it' cmp a.jsonl torn.jsonl
sed '2s/ranks/rants/' a.jsonl >odd.jsonl
cp odd.jsonl odd.was
fails 'a line that is no judgement' 3 trate -q --rater ann -o odd.jsonl items.jsonl
ok 'named' grep -qx "trate: odd.jsonl: line 2: has no field \`ranks'" "$T.err"
ok 'and left alone' cmp odd.jsonl odd.was
exec 8>>a.jsonl
flock 8
fails 'a second writer' 1 trate -q --rater ann -o a.jsonl items.jsonl
ok 'is told' grep -qx 'trate: a.jsonl: somebody else is writing to it' "$T.err"
exec 8>&-
rm -f k.jsonl
mkfifo pipe
rate -o k.jsonl items.jsonl <pipe >/dev/null &
exec 9>pipe
printf aab >&9
for _ in $(seq 100); do [ "$(wc -l 2>/dev/null <k.jsonl)" = 3 ] && break; sleep 0.05; done
kill -9 $!
wait $! 2>/dev/null
exec 9>&-
is 'killed: what was said is there' "$(lines k.jsonl)" "$(cat want)"

# ---- ratings ----
run 'ratings' 0 '*' '~items=7 judged_before=0 judged=3 skipped=1' trate --mode rating --scale 7 --rater ann -o r.jsonl items.jsonl <<<'8 7 0 x 1 s 4'
is 'the keys that count' "$(grep -o '"rating":[^,]*' r.jsonl | tr '\n' ' ')" '"rating":7 "rating":1 "rating":null "rating":4 '
run 'timport reads ratings' 0 '' 'timport: records_out=3 skipped_bad=0 undecided=1' timport --as rating r.jsonl -o r.ten
run 'ten of ten' 0 '*' '' trate -q --mode rating --scale 10 --rater ann -o ten.jsonl items.jsonl <<<'0 9'
is 'is key 0' "$(grep -o '"rating":[^,]*' ten.jsonl | tr '\n' ' ')" '"rating":10 "rating":9 '
run 'resumed' 0 '~^5 of 7$' '' trate -q --mode rating --scale 7 --rater ann -o r.jsonl items.jsonl <<<q
fails 'pairs in a file of ratings' 3 trate -q --rater ann -o r.jsonl items.jsonl

# ---- rankings ----
cat >three.jsonl <<'EOF'
{"prompt": "Count.", "answers": ["one", "two", "three"]}
{"prompt": "Again.", "answers": ["one", "two", "three"]}
EOF
printf '2 1\n2 2 1\n4 1 2\n=1 2 3\n1 2 3 x\n3 1=2\ns\n' >keys
run 'an order with a tie' 0 '~^Say each number from 1 to 3 once.$' '~judged=1 skipped=1' trate --mode rank --rater ann -o k3.jsonl three.jsonl <keys
is 'orders that make no sense are asked again' "$(grep -c '^Say each' "$T.out")" 5
is 'ranks belong to answers, not to places' "$(python3 - <<'EOF'
import json
r = [json.loads(l) for l in open('k3.jsonl')]
# shown at 3 is the best, those at 1 and 2 are equal
print([[x for _, x in sorted(zip(j['positions'], j['ranks']))] for j in r])
EOF
)" '[[2, 2, 1], [0, 0, 0]]'

# ---- corrections ----
cat >one.jsonl <<'EOF'
{"prompt": "Fix.", "completion": "teh mill"}
{"prompt": "Fix.", "completion": "teh cat"}
{"prompt": "Fix.", "completion": "fine"}
EOF
export EDITOR='sed -i s/teh/the/'
run 'corrections' 0 '*' '~items=3 judged_before=0 judged=2 skipped=1 left=0' trate --mode correct --rater ann -o e.jsonl one.jsonl <<<'e e e'
is 'are comparisons; what is left as it is is skipped' "$(lines e.jsonl | sort)" '{"prompt":"Fix.","answers":["fine"],"ranks":[0],"rater":"ann","seconds":T}
{"prompt":"Fix.","answers":["teh cat","the cat"],"ranks":[2,1],"rater":"ann","seconds":T}
{"prompt":"Fix.","answers":["teh mill","the mill"],"ranks":[2,1],"rater":"ann","seconds":T}'
run 'resumed' 0 'All is judged.' '' trate -q --mode correct --rater ann -o e.jsonl one.jsonl <<<e
run 'timport reads corrections' 0 '' 'timport: records_out=2 skipped_bad=0 undecided=1' timport --as preference e.jsonl -o e.ten
VISUAL='stat -c %a >mode' run 'the text is private' 0 '*' '' trate -q --mode correct --rater bob -o e2.jsonl one.jsonl <<<e
is 'mode 600' "$(cat mode)" 600
ok 'and gone' test -z "$(ls trate-* 2>/dev/null)"
EDITOR=false run 'an editor that fails' 0 '~^false: failed' '' trate -q --mode correct --rater ann -o e3.jsonl one.jsonl <<<e
ok 'nothing is kept' test ! -s e3.jsonl
EDITOR='truncate -s 0' run 'an empty correction' 0 '~^It is empty' '' trate -q --mode correct --rater ann -o e3.jsonl one.jsonl <<<e
ok 'is none' test ! -s e3.jsonl

# ---- the screen ----
printf '{"prompt": "\\u001b[2Jred\\u009b \\u202e right\\ttab", "answers": ["%s", "b"]}\n' \
	"$(printf '水%.0s' $(seq 60))" >odd.items
rate -o s.jsonl odd.items <<<q >out
ok 'control characters are escaped' grep -qF '  \x1b[2Jred\u009b \u202e right    tab' out
ok 'and do not reach the terminal' test -z "$(tr -d '\000-\011\013-\037' <out | cmp - out)"
is 'wrapped by width, not by bytes' "$(grep -c 水 out) $(grep -m 1 水 out)" "2   $(printf '水%.0s' $(seq 39))"
printf '{"prompt": "p", "answers": ["%s", "c"]}\n' "$(printf 'word%.0s ' $(seq 40))" >long.items
rate -o s2.jsonl long.items <<<q >out
ok 'lines are not longer than 80' test -z "$(grep -E '.{81}' out)"
is 'no word is lost' "$(grep -o word out | wc -l)" 40

# ---- what is refused ----
fails 'no rater' 2 trate -o x.jsonl items.jsonl
fails 'no output' 2 trate --rater ann items.jsonl
fails 'a scale of pairs' 2 trate --rater ann --scale 7 -o x.jsonl items.jsonl
fails 'a scale of 11' 2 trate --rater ann --scale 11 -o x.jsonl items.jsonl
run 'no terminal to read keys from' 1 '' '~^trate: /dev/tty: ' setsid -w trate --rater ann -o x.jsonl <items.jsonl
fails 'one answer, to compare' 3 trate --rater ann -o x.jsonl one.jsonl
ok 'by line' grep -qx 'trate: one.jsonl: line 1: has one answer, which cannot be compared' "$T.err"
echo '{"prompt": "a", "answers": ["x", "x"]}' >same.jsonl
fails 'the same answer twice' 3 trate --rater ann -o x.jsonl same.jsonl
echo '{"answers": ["x", "y"]}' >none.jsonl
fails 'no prompt' 3 trate --rater ann -o x.jsonl none.jsonl
ok 'nothing is left of them' test ! -e x.jsonl

# ---- a terminal ----
if command -v script >/dev/null; then
	# each key is typed when its question is there: what was typed before does not count
	(for key in a b u; do sleep 0.6; printf %s $key; done; sleep 0.6; printf '\033[Bq'; sleep 0.3) |
	    script -qec "stty cols 60; trate --rater ann -o tty.jsonl items.jsonl; stty -a" /dev/null >out 2>&1
	is 'single keys, an arrow that is passed over' "$(lines tty.jsonl)" "$(head -n 1 want)"
	ok 'the terminal is as it was' grep -qE '[ ;]icanon' out
	ok 'as wide as the terminal' grep -qE '^-{60}.?$' out
	(sleep 0.6; printf a; sleep 0.6; printf q; sleep 0.3) |
	    script -qec 'trate --rater ann -o tty2.jsonl <items.jsonl' /dev/null >out 2>&1
	is 'items from standard input, keys from the terminal' "$(lines tty2.jsonl)" "$(head -n 1 want)"
	(sleep 0.6; printf a; sleep 0.6; printf '\003'; sleep 0.6) |
	    script -qec 'trap : INT; trate --rater ann -o tty3.jsonl items.jsonl; echo "status $?"; stty -a' /dev/null >out 2>&1
	ok 'interrupted: it dies of the signal' grep -q 'status 130' out
	ok 'and the terminal is as it was' grep -qE '[ ;]icanon' out
	is 'and what was said is there' "$(lines tty3.jsonl)" "$(head -n 1 want)"
	(sleep 0.6; printf '2 1\n'; sleep 0.3; printf '2 1 3\n'; sleep 0.6; printf 'q\n'; sleep 0.3) |
	    script -qec 'trate --mode rank --rater ann -o tty4.jsonl three.jsonl' /dev/null >out 2>&1
	is 'lines of a terminal' "$(wc -l <tty4.jsonl) $(grep -c '^Say each' out)" '1 1'
else
	skip 'a pseudo-terminal' 'script is not installed'
fi
finish
