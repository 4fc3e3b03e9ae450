# texport: what it writes, that timport reads the same of it, and what it refuses.
. tests/lib.sh
lines() { tdump --jsonl "$@"; }

# NAME OPTIONS FILE: the same bytes of records after a round through JSON lines
round() {
	timport -q $2 "$3" -o a.ten
	texport -q --to jsonl a.ten -o a.jsonl
	timport -q $2 a.jsonl -o b.ten
	is "$1: the same schema" "$(tdump --schema b.ten | grep -v digest)" "$(tdump --schema a.ten)"
	lines a.ten >a.lines
	lines b.ten >b.lines
	ok "$1: the same records" cmp a.lines b.lines
}
printf '{"text": "tab\\t quote \\" slash \\\\ nul \\u0000 bell \\u0007 euro \\u20ac \\ud83d\\ude00 del \\u007f nel \\u0085", "label": "a b"}\n{"text": "x", "label": 7}\n' >labelled.jsonl
round labelled '--as labelled' labelled.jsonl
is 'as JSON' "$(tail -n 1 a.jsonl)" '{"text":"x","label":"7"}'
printf '{"text": "x", "labels": ["s", "t u"], "k": [1, {"a": 2.50}]}\n{"text": "y", "labels": [], "k": "v"}\n' >multi.jsonl
round multilabel '--as multilabel --keep k' multi.jsonl
is 'labels are an array' "$(head -n 1 a.jsonl)" '{"text":"x","labels":["s","t u"],"k":"[1,{\"a\":2.50}]"}'
printf '{"text": "x", "value": 0.1}\n{"text": "y", "value": -12345678901234567}\n{"text": "z", "value": 5e-324}\n{"text": "minus nothing", "value": -0}\n' >value.jsonl
round value '--as value' value.jsonl
is 'with its sign' "$(tail -n 1 a.jsonl; tail -n 1 b.lines)" '{"text":"minus nothing","value":-0}
{"text":"minus nothing","value":-0}'
printf '{"tokens": ["A", "b c", "d"], "tags": ["O", "B-p", "I-p"]}\n{"tokens": ["x"], "tags": ["O"]}\n' >tagged.jsonl
round tagged '--as tagged' tagged.jsonl
is 'words and tags' "$(cat a.jsonl)" '{"tokens":["A","b c","d"],"tags":["O","B-p","I-p"]}
{"tokens":["x"],"tags":["O"]}'
printf '{"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Hi\\n"}, {"role": "assistant", "content": "Ho"}, {"role": "tool", "content": "t"}], "id": 5}\n' >chat.jsonl
round chat '--as chat --id id' chat.jsonl
is 'messages' "$(cat a.jsonl)" '{"messages":[{"role":"system","content":"S"},{"role":"user","content":"Hi\n"},{"role":"assistant","content":"Ho"},{"role":"tool","content":"t"}],"id":"5"}'
cat >pref.jsonl <<'END'
{"prompt": "Hi", "chosen": "Hello.", "rejected": "What?"}
{"system": "Be short.", "prompt": "Hi", "chosen": "Hey", "rejected": "Good day to you", "margin": 2, "rater": "ann"}
{"prompt": "C", "answers": ["x", "yy", "z"], "ranks": [2, 1, 2], "weight": 0.5, "rater": "bob", "seconds": 3.5, "positions": [2, 0, 1]}
{"prompt": "Q", "answers": ["x", "y"], "ranks": [0, 0]}
END
round comparisons '--as preference --id hash' pref.jsonl
round 'comparisons without more' '--as preference' <(head -n 1 pref.jsonl)
printf '{"prompt": "a", "completion": "b", "label": true, "rater": "r"}\n{"prompt": [{"role": "assistant", "content": "x"}], "completion": "c", "label": 0}\n' >liked.jsonl
round liked '--as liked' liked.jsonl
is 'liked is true or false' "$(cat a.jsonl)" '{"prompt":"a","completion":"b","label":true,"rater":"r"}
{"prompt":[{"role":"assistant","content":"x"}],"completion":"c","label":false}'
printf '{"prompt": "a", "completion": "b", "rating": 2.5, "seconds": 1}\n{"prompt": "a", "completion": "c", "rating": 1}\n' >rated.jsonl
round rated '--as rating' rated.jsonl
for f in chats:chat reviews:labelled preferences:preference; do
	round "pipelines/data/${f%:*}" "--as ${f#*:}" "$ROOT/pipelines/data/${f%:*}.jsonl"
done

# ---- tables ----
timport -q --as labelled labelled.jsonl -o a.ten
printf '{"text": "a,\\"b\\"\\nc\\r", "label": "x\\r"}\n{"text": " y ", "label": "z"}\n' | timport -q --as labelled -o a.ten
run 'CSV' 0 '*' 'texport: records=2' texport --to csv a.ten -o a.csv
is 'read back' "$(timport -q --as labelled --format csv a.csv | lines)" "$(lines a.ten)"
fails 'TSV with a line end in a cell' 3 texport --to tsv a.ten -o x
ok 'said' grep -qx "texport: a.ten: record 0: field \`text' has a tab or a line end in it, which cells of tsv cannot have; those of csv can" "$T.err"
is 'TSV' "$(tcat -q -r 1:2 a.ten | texport -q --to tsv)" 'text	label
 y 	z'
timport -q --as multilabel multi.jsonl -o m.ten
for f in csv tsv; do
	is "labels in $f" "$(texport -q --to $f m.ten | timport -q --as multilabel --format $f | lines)" "$(lines m.ten)"
	is "numbers in $f" "$(timport -q --as value value.jsonl | texport -q --to $f | timport -q --as value --format $f | lines)" "$(timport -q --as value value.jsonl | lines)"
	echo '{"prompt": "Hi", "completion": "Ho, \"x\""}' | timport -q --as completion -o c.ten
	is "a chat in $f" "$(texport -q --to $f c.ten | timport -q --as completion --format $f | lines)" "$(lines c.ten)"
done
timport -q --as chat chat.jsonl -o c.ten
fails 'a longer chat in a table' 3 texport --to csv c.ten -o x
printf '{"text": "x", "labels": ["s|t"]}\n' | timport -q --as multilabel -o bar.ten
fails 'a label with a bar' 3 texport --to csv bar.ten -o x

# ---- other fields, bytes ----
cp "$ROOT/pipelines/data/stories.txt" .
tvocab -q -n 300 stories.txt -o vocab.ten
printf 'ab\n\ncd\n' | ttok -q -m vocab.ten -o t.ten
is 'ids' "$(texport -q --to jsonl t.ten | head -n 1)" "$(lines -n 1 t.ten)"
is 'ids in a table' "$(texport -q --to tsv t.ten | head -n 2)" "ids
$(lines -n 1 -f ids t.ten | sed 's/.*:\(.*\)}/\1/')"
printf 'ok\nbad \377\n' | timport -q --format text --split line -o bytes.ten
fails 'bytes that are not UTF-8' 3 texport --to jsonl bytes.ten -o x
ok 'said' grep -qx "texport: bytes.ten: record 1: byte 4 of field \`text' is not UTF-8; --escape lets it pass" "$T.err"
is 'escaped' "$(texport -q --to jsonl --escape bytes.ten | tail -n 1)" '{"text":"bad \udcff\n"}'
is 'in a table as it is' "$(texport -q --to csv --escape bytes.ten | md5sum)" "$(printf 'text\n"ok\n"\n"bad \377\n"\n' | md5sum)"
for i in $(seq 3000); do printf '{"text": "%0500d"}\n' $i; done | timport -q -o long.ten
is 'more than waits at a time' "$(texport -q --to jsonl long.ten | md5sum)" "$(lines long.ten | md5sum)"

# ---- arrays of NumPy ----
timport -q --as value value.jsonl | texport -q --to npy -o v.npy
is 'numbers' "$(timport -q --format npy --columns value v.npy | lines)" "$(timport -q --as value value.jsonl | lines -f value)"
is 'the header' "$(head -c 128 v.npy | tail -c +11 | sed 's/ *$//')" "{'descr': '<f8', 'fortran_order': False, 'shape': (4,), }"
printf '\x93NUMPY\1\0\x37\0' >three.npy
printf "{'descr': '<i2','fortran_order':False,'shape':(2,1,2)}\n" >>three.npy
printf '\1\0\2\0\375\377\4\0' >>three.npy
is 'three dimensions' "$(timport -q --format npy three.npy | texport -q --to npy | timport -q --format npy | lines)" '{"values":[[1,2]]}
{"values":[[-3,4]]}'
printf 'qwz\nzqw\n' | ttok -q --split line -m vocab.ten | texport -q --to npy -o same.npy
is 'ragged values that are alike' "$(timport -q --format npy same.npy | tdump --schema | grep -c 'values: int32 \[')" 1
printf 'ab\n\ncdefg hij\n' | ttok -q -m vocab.ten -o ragged.ten
fails 'ragged values that are not' 3 texport --to npy ragged.ten -o x
ok 'said' grep -q "^texport: ragged.ten: record 1: dimension 1 of field \`ids' is [0-9]*, but [0-9]* in record 0; rows of an array are alike" "$T.err"
fails 'text' 3 texport --to npy --field text a.ten -o x
fails 'no numbers' 3 texport --to npy a.ten -o x
fails 'no such field' 3 texport --to npy --field q a.ten -o x
tpack -q -l 8 t.ten -o rows.ten
fails 'which of several' 2 texport --to npy rows.ten -o x
tinit -q --layers 1 --heads 1 --width 8 --context 16 --vocab vocab.ten -o init.ten
tcat -q -f lm_head.weight init.ten -o w.ten 2>/dev/null || tcat -q -f "$(tdump --schema init.ten | sed -n 's/^  \([^ ]*weight\): float32.*/\1/p' | head -n 1)" init.ten -o w.ten
texport -q --to npy w.ten -o w.npy
is 'a tensor of a model' "$(timport -q --format npy w.npy | lines | sed 's/.*://' | md5sum)" "$(lines w.ten | sed 's/.*://' | md5sum)"

# ---- token files of llm.c ----
ttok -q -m vocab.ten stories.txt -o s.ten
run 'tokens' 0 '' '~^texport: records=[0-9]+ tokens=[0-9]+ bytes_per_token=2$' texport --to llmc s.ten -o s.bin
is 'the header' "$(head -c 16 s.bin | od -An -t d4 | tr -s ' ')" " 20240520 1 $(tdump --stats -f ids s.ten >/dev/null; texport --to llmc s.ten 2>&1 >/dev/null | sed 's/.*tokens=\([0-9]*\) .*/\1/') 0"
is 'read back' "$(timport -q --format llmc -m vocab.ten s.bin | lines | md5sum)" "$(lines s.ten | md5sum)"
is 'to a pipe' "$(texport -q --to llmc <s.ten | md5sum)" "$(md5sum <s.bin)"
tpack -q -l 64 s.ten -o rows.ten
numbers() { tr -c '0-9\n' ' ' | tr -s ' \n' '  '; }
is 'rows' "$(texport -q --to llmc rows.ten | timport -q --format llmc -m vocab.ten | lines | numbers | md5sum)" "$(lines -f ids rows.ten | numbers | md5sum)"
python3 -c 'import struct; open("l3", "wb").write(struct.pack("<256i", 20240801, 7, 3, *[0] * 253) + struct.pack("<3I", 128000, 70000, 5))'
is 'a large vocabulary' "$(timport -q --format llmc l3 | texport -q --to llmc | md5sum)" "$(md5sum <l3)"
fails 'no ids' 3 texport --to llmc a.ten -o x

fails 'no format' 2 texport a.ten
fails 'a format that is not known' 2 texport --to xml a.ten
fails 'two inputs' 2 texport --to csv a.ten a.ten
fails 'a field of JSON' 2 texport --to jsonl --field ids t.ten
head -c 300 t.ten >cut
fails 'cut short' 3 texport --to csv cut -o x
ok 'refused, they leave nothing' test ! -e x

# ---- names that come twice ----
echo '{"prompt": "a", "completion": "b", "messages": "c"}' | timport -q --as completion --keep messages,prompt -o kept.ten
run 'two fields called messages' 3 '' "texport: kept.ten: has a field \`messages', a name that is needed for another; tcat -f leaves fields out" texport --to jsonl kept.ten
run 'two columns called prompt' 3 '' "texport: kept.ten: has a field \`prompt', a name that is needed for another; tcat -f leaves fields out" texport --to csv kept.ten
echo '{"prompt": "a", "completion": "b", "label": true}' | timport -q --as liked --keep label -o liked.ten
run 'two called label' 3 '' "texport: liked.ten: has a field \`label', a name that is needed for another; tcat -f leaves fields out" texport --to jsonl liked.ten

# records whose parts do not fit together say so, instead of leaving text out
mkpieces=$BUILD/tests/support/mkpieces
if [ -x "$mkpieces" ]; then
	misfit() { # WHY TO ARG...
		local why=$1 to=$2
		shift 2
		"$mkpieces" "$@" >misfit.ten || note <<<"$*"
		run "$to of $*" 3 '' "texport: misfit.ten: record 0: $why" texport -q --to "$to" misfit.ten
	}
	for to in jsonl csv; do
		misfit "field \`turn_ends' does not divide the 6 bytes of \`text'" $to chat héllo '' ''
		misfit "field \`turn_ends' cuts a character of \`text' before byte 2; --escape lets it pass" $to chat héllo 2,6 1,2
		run "$to: which --escape does" 0 '*' '' texport -q --escape --to $to misfit.ten
		misfit "1 roles for 2 turns" $to chat hello 2,5 1
	done
	misfit '2 roles for 0 turns' jsonl chat '' '' 1,2
	misfit "field \`turn_ends' does not divide the 5 bytes of \`text'" jsonl chat hello 5,3,5 1,2,1
	misfit "field \`answer_ends' does not divide the 3 bytes of \`answers'" jsonl judged hello 5 1 abc ''
	misfit "field \`answer_ends' cuts a character of \`answers' before byte 1; --escape lets it pass" jsonl judged hello 5 1 éa 1,3
	misfit "field \`word_ends' does not divide the 5 bytes of \`text'" jsonl tagged hello '' O
	"$mkpieces" judged héllo 6 1 aéb 1,4 >fit.ten
	is 'those that fit go out' "$(texport -q --to jsonl fit.ten)" '{"prompt":"héllo","answers":["a","éb"]}'
else
	skip 'records whose parts do not fit' 'make check builds tests/support/mkpieces'
fi
finish
