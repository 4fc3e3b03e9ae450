# tsplit, tpack, tshuf: what they account for, promise and refuse.
. tests/lib.sh
cp "$ROOT/pipelines/data/stories.txt" .
tvocab -q -n 400 stories.txt -o vocab.ten
grep . stories.txt >lines.txt
ttok -q --split line -m vocab.ten lines.txt -o all.ten
n=$(wc -l <lines.txt)
records() { tdump --csv "$@" | tail -n +2; }

run 'tsplit accounts' 0 '' "~^tsplit: records_in=$n a=[0-9]+ a_tokens=[0-9]+ b=[0-9]+ b_tokens=[0-9]+ c=[0-9]+ c_tokens=[0-9]+$" tsplit --parts a=0.5,b=0.3,c=0.2 -o parts/ all.ten
run 'parts are sound streams' 0 '' '' tcheck -q parts/a.ten parts/b.ten parts/c.ten
is 'no record is lost' "$(for p in a b c; do records parts/$p.ten; done | sort | md5sum)" "$(records all.ten | sort | md5sum)"
ok 'shares are about right' awk -v a="$(records parts/a.ten | wc -l)" -v n="$n" 'BEGIN { exit !(a > n * 0.4 && a < n * 0.6) }'
tcat -q -r 0:200 all.ten -o some.ten
tsplit -q --parts a=0.5,b=0.3,c=0.2 -o some some.ten
is 'no record changes sides when others are added' "$(for p in a b c; do
	comm -23 <(records some/$p.ten | sort -u) <(records parts/$p.ten | sort -u) | sed 's/^/moved: /'
	records some/$p.ten
done | awk '/^moved/ { print; next } { n++ } END { print n }')" 200
tcat all.ten all.ten -q | tsplit -q --parts a=0.5,b=0.5 -o twice
is 'equal records stay together' "$(for p in a b; do records twice/$p.ten | sort | uniq -c; done | awk '{ n += $1; odd += $1 % 2 } END { print n, odd }')" "$((2 * n)) 0"
tsplit -q -s 2 --parts a=0.5,b=0.3,c=0.2 -o other all.ten
ok 'another seed, another split' sh -c '! cmp -s parts/a.ten other/a.ten'
run 'an empty part is a warning' 0 '' '~^tsplit: part b has no records$' sh -c 'tcat -q -r 0:1 all.ten | tsplit --parts a=0.999999,b=0.000001 -o one'
fails 'shares that do not sum to 1' 2 tsplit --parts a=0.5,b=0.4 -o x all.ten
fails 'a name with a slash' 2 tsplit --parts a/b=1 -o x all.ten
fails 'the same name twice' 2 tsplit --parts a=0.5,a=0.5 -o x all.ten
fails 'no parts' 2 tsplit -o x all.ten
fails 'a key that is not there' 3 tsplit --parts a=1 --key nothing -o x all.ten
head -c 9000 all.ten >cut.ten
fails 'a stream that ends too early' 3 tsplit --parts a=1 -o x cut.ten
ok 'refused, it leaves no folder' test ! -e x
ended() { # FOLDER: tsplit gets a signal when it has read all but the end of its input
	local i
	mkfifo hold
	tsplit -q --parts a=0.5,b=0.5 -o "$1" hold &
	exec 9>hold
	cat all.ten >&9
	for i in $(seq 100); do [ -e "$1" ] && ls -A "$1" | grep -q b && break; sleep 0.1; done
	kill -TERM $!
	wait $!
	echo $?
	exec 9>&-
	rm hold
}
is 'stopped by a signal, it says so' "$(ended stopped)" 143
ok 'and leaves no folder' test ! -e stopped
mkdir stopped
is 'stopped when the folder was there' "$(ended stopped)" 143
is 'it leaves the folder as it was' "$(ls -A stopped; echo $?)" 0

run 'tpack accounts for every token' 0 '' "~^tpack: documents=$n tokens_in=[0-9]+ tokens_placed=[0-9]+ tokens_dropped=0 short_documents_dropped=0 inputs=[0-9]+ rows=[0-9]+ fill=0[.]9[0-9]+$" tpack -l 100 all.ten -o rows.ten
pairs() { # id target position of each input, from rows
	tdump --jsonl "$1" | python3 -c 'import json,sys
for line in sys.stdin:
    r = json.loads(line)
    assert len(r["ids"]) == len(r["targets"]) == len(r["positions"]) == len(r["documents"]) <= '"$2"'
    for t in zip(r["ids"], r["targets"]): print(*t)'
}
tdump --jsonl all.ten | python3 -c 'import json,sys
for line in sys.stdin:
    i = json.loads(line)["ids"]
    for t in zip(i, i[1:]): print(*t)' | sort >want
is 'each token and its successor, once' "$(pairs rows.ten 100 | sort | md5sum)" "$(md5sum <want)"
run 'the same by --wrap' 0 '' '~ tokens_dropped=0 ' tpack --wrap -l 100 all.ten -o wrap.ten
tdump --jsonl all.ten | python3 -c 'import json,sys
i = [t for line in sys.stdin for t in json.loads(line)["ids"]]
for t in zip(i, i[1:]): print(*t)' >want
is '--wrap: one sequence' "$(pairs wrap.ten 100 | md5sum)" "$(md5sum <want)"
is '--wrap: attention is not divided' "$(records --field documents wrap.ten | tr -d '"[]0,\n')" ''
tvocab -q --type byte --no-special stories.txt -o byte.ten
printf 'a\n\nbb\n\nc' | ttok -q --separator '
' -m byte.ten | tpack -l 8 -o short.ten 2>err
is 'documents too short are dropped and counted' "$(cat err)" 'tpack: documents=5 tokens_in=4 tokens_placed=2 tokens_dropped=2 short_documents_dropped=4 inputs=1 rows=1 fill=0.1250'
printf 'abcde' | ttok -q -m byte.ten -o five.ten
tpack --wrap -l 4 five.ten -o short.ten 2>err
is '--wrap: what is left over was the last target' "$(cut -d' ' -f3-5 err)" 'tokens_in=5 tokens_placed=5 tokens_dropped=0'
printf 'a' | ttok -q -m byte.ten | tpack --wrap -l 4 -o short.ten 2>err
is '--wrap: a lone token is dropped' "$(cut -d' ' -f3-5 err)" 'tokens_in=1 tokens_placed=0 tokens_dropped=1'
is 'what is known of the tokens stays' "$(tdump -n 0 rows.ten | grep -E '^  (vocab_size|length) ')" '  vocab_size = 400
  length = 100'
fails 'text' 3 tpack stories.txt -o x.ten
fails 'no ids' 3 tpack vocab.ten -o x.ten
ok 'names the field' grep -q 'ids' "$T.err"
fails 'no length' 2 tpack -l 0 all.ten -o x.ten

run 'tshuf accounts' 0 '' "tshuf: records_in=$n records_out=$n seed=7" tshuf -s 7 all.ten -o shuffled.ten
is 'a permutation' "$(records shuffled.ten | sort | md5sum)" "$(records all.ten | sort | md5sum)"
ok 'not the same order' sh -c '! cmp -s all.ten shuffled.ten'
for m in 1 1k 10k 100k; do
	run "memory $m: the same bytes" 0 '' '' sh -c "tshuf -q -s 7 --memory $m all.ten | cmp - shuffled.ten"
done
for i in $(seq 60); do cat rows.ten; done >big.ten
size=$(stat -c %s big.ten)
run 'no room for what waits: it is told where' 1 '' 'tshuf: temporary file in the folder TMPDIR (default /tmp): File too large' \
	bash -c 'ulimit -f 1; tshuf -q --memory 4k all.ten -o x.ten'
if measures_memory tshuf; then
	peak() { /usr/bin/time -q -f %M -o peak tshuf -q -o s.ten "$@" && cat peak; }
	mib=$((1 << 10))
	few=$(peak some.ten)
	got=$(peak --memory $((size / 10)) big.ten)
	ok "ten times its memory: the peak is bounded ($got KiB, of $((size / 1024)))" test "$got" -lt $((few + size / 10 / 1024 + 4 * mib))
	is 'and nothing is lost' "$(tdump --stats s.ten)" "$(tdump --stats big.ten)"
	got=$(cat big.ten | peak --memory $((size / 10)))
	ok "nor in a pipe ($got KiB)" test "$got" -lt $((few + size / 10 / 1024 + 4 * mib))
	head -c 40000000 /dev/zero | tr '\0' 'a' | fold -w 4000000 | ttok -q --split line -m byte.ten -o long.ten
	ok 'records as large as the memory: a few at a time' test "$(peak --memory 4M long.ten)" -lt $((6 * 16000 + 16 * mib))
	yes a | head -n 1000000 | ttok -q --split line -m byte.ten -o tiny.ten
	ok 'tiny records: the peak is bounded' test "$(peak --memory 24M tiny.ten)" -lt $((24000 + 16 * mib))
else
	skip 'peak of memory' 'needs /usr/bin/time, and a build without sanitizers'
fi
ok 'refused, it leaves nothing' test ! -e x.ten

# ---- files: no more of them open than are read ----
tcat -q -r 0:2 all.ten -o two.ten
few() { sh -c 'ulimit -n 24; exec "$@"' few "$@"; }
fifty() { for i in $(seq 50); do echo "$1"; done; }
run 'tmask reads a file 50 times' 0 '' '~^tmask: records_in=100 epochs=50 ' few tmask -m vocab.ten --policy prefix --epochs 50 two.ten -o x.ten
run 'taug, too' 0 '' '*' few taug -q -m vocab.ten --epochs 50 -i two.ten -o x.ten delete:0.1
run 'tdump shows 50 files' 0 '*' '' few tdump $(fifty two.ten)
run 'ttok decodes 50 files' 0 '*' '*' few ttok -q -d -m vocab.ten $(fifty two.ten) -o x.txt
rm -f x.ten x.txt

# ---- progress: at a terminal, of the last tool of a pipeline ----
if command -v script >/dev/null; then
	live() { # COMMAND INPUT: whether the command draws a live line, when its input takes its time between two parts
		script -qec "(cat $2; sleep 0.3; cat $2) | $1" /dev/null </dev/null | tr '\r' '\n' |
		    grep -q '^[a-z]*: [0-9/]* [a-z]*[A-Z]*, [0-9.e+]*/s' && echo yes || echo no
	}
	for c in 'ttok -m vocab.ten -o live.ten' 'timport --format text -o live.ten'; do
		is "${c%% *} shows how far it is" "$(live "$c" stories.txt)" yes
	done
	for c in 'ttok -d -m vocab.ten -o live.txt' 'tpack -l 32 -o live.ten' 'tshuf -o live.ten' 'tsplit --parts a=1 -o live' \
	    'tmask -m vocab.ten --policy prefix -o live.ten' 'taug -m vocab.ten -o live.ten delete:0.1' 'tdedup -o live.ten' 'tpack -l 32 >live.ten' 'tcat -o live.ten'; do
		is "$c shows how far it is" "$(live "$c" all.ten)" yes
	done
	for c in 'tpack -l 32 | cat >live.ten' 'tshuf -q -o live.ten' 'tcat | cat >live.ten'; do
		is "$c does not" "$(live "$c" all.ten)" no
	done
	script -qec 'timeout -s INT 1 tmask -m vocab.ten --policy prefix --epochs 1000000 -o live.ten all.ten' /dev/null </dev/null >out 2>&1
	is 'tmask goes on until it is stopped' $? 124
	ok 'of files the size is known, and when it ends' sh -c "tr '\r' '\n' <out | grep -qE '^tmask: [0-9]+/[0-9]+ MB, [0-9.e+]+/s, ETA [0-9:]+'"
else
	skip 'progress at a terminal' 'script is not installed'
fi
finish
