# timport: what it reads, accounts for and refuses; ttok --records behind it.
. tests/lib.sh
lines() { tdump --jsonl "$@"; }
cat >good.jsonl <<'END'
{"text": "one", "label": "a", "more": [1]}

{"text": "two\ttabs", "label": 7}
{"text": "three", "label": true}
END
run 'JSON lines' 0 '' 'timport: records_out=3 skipped_bad=0 classes=3' timport --as labelled good.jsonl -o good.ten
is 'JSON lines: the records' "$(lines good.ten)" '{"text":"one","label":"a"}
{"text":"two\ttabs","label":"7"}
{"text":"three","label":"true"}'
run 'sound' 0 '' '' tcheck -q good.ten
run 'without labels' 0 '' '~records_out=3' timport good.jsonl -o text.ten
is 'without labels: kind text' "$(tdump -n 0 text.ten | head -n 1)" 'kind: text'
printf 'text,label\r\n"a, ""b"" and\nc",x\r\nplain,y\r\n\r\n"",z\r\nlast,"w"' >t.csv
fails 'an empty text' 3 timport --format csv --as labelled t.csv -o x.ten
ok 'named by file and line' grep -qx 'timport: t.csv: line 6: the text is empty' "$T.err"
run 'CSV, the bad left out' 0 '' 'timport: records_out=3 skipped_bad=1 classes=3' timport --skip-bad --format csv --as labelled t.csv -o t.ten
is 'CSV: the records' "$(lines t.ten)" '{"text":"a, \"b\" and\nc","label":"x"}
{"text":"plain","label":"y"}
{"text":"last","label":"w"}'
printf 'good "quotes" here\tpos\nbad\tneg\n' >t.tsv
run 'TSV with named columns' 0 '' '~records_out=2' timport --format tsv --as labelled --columns body,class --field text=body --field label=class t.tsv -o t.ten
is 'TSV: the records' "$(lines t.ten)" '{"text":"good \"quotes\" here","label":"pos"}
{"text":"bad","label":"neg"}'
run 'a pipe: the same bytes but for the file in provenance' 0 '' '' sh -c 'timport -q --format tsv --as labelled --columns body,class --field text=body --field label=class <t.tsv | tcheck -q'
printf 'a\tb\nc\n' >short.tsv
fails 'too few columns' 3 timport --format tsv --columns text,label --as labelled short.tsv -o x.ten
ok 'says how many' grep -qx 'timport: short.tsv: line 2: has 1 columns, not 2' "$T.err"
printf 'text,label\n"open,x\n' >open.csv
fails 'a quote that is not closed' 3 timport --format csv --as labelled open.csv -o x.ten
printf 'text,label\n"a"b,x\nc,d\n' >behind.csv
fails 'text behind a quote' 3 timport --format csv --as labelled behind.csv -o x.ten
run 'and the row after it' 0 '' 'timport: records_out=1 skipped_bad=1 classes=1' timport --skip-bad --format csv --as labelled behind.csv -o b.ten
printf '{"text": "a", "label": "x"}\n{"text": \n' >broken.jsonl
fails 'broken JSON' 3 timport --as labelled broken.jsonl -o x.ten
ok 'names the line' grep -q '^timport: broken.jsonl: line 2: ' "$T.err"
printf '{"text": "a", "label": null}\n' >null.jsonl
fails 'no label' 3 timport --as labelled null.jsonl -o x.ten
fails 'nothing that can be used' 3 timport --skip-bad --as labelled null.jsonl -o x.ten
fails 'a column that is not there' 3 timport --format csv --as labelled --field label=colour t.csv -o x.ten
fails 'columns of JSON' 2 timport --columns text good.jsonl -o x.ten
: >empty.csv
fails 'an empty table' 3 timport --format csv empty.csv -o x.ten

# ---- labels that are known or learnt ----
kv() { tdump --schema $1 | sed -n "s/^  $2 = //p"; }
is 'the classes are learnt, sorted' "$(kv good.ten classes)" '7\na\ntrue'
printf '{"text": "a", "label": "x"}\n{"text": "b", "label": "q"}\n' >two.jsonl
fails 'an unknown label' 3 timport --as labelled --labels y,x two.jsonl -o x.ten
ok 'is named with file and line' grep -qx "timport: two.jsonl: line 2: the label \`q' is not one of the 2 that are known" "$T.err"
run 'left out and counted' 0 '' 'timport: records_out=1 skipped_bad=1 classes=2' timport --skip-bad --as labelled --labels y,x two.jsonl -o l.ten
is 'the classes in their order' "$(kv l.ten classes)" 'y\nx'
printf '{"text": "a", "label": 1}\n{"text": "b", "label": 2}\n' >n.jsonl
fails 'a number out of range' 3 timport --as labelled --labels no,yes n.jsonl -o x.ten
ok 'says the range' grep -qx 'timport: n.jsonl: line 2: label 2 is out of range: 2 labels are known' "$T.err"
is 'a number is a place' "$(timport -q --skip-bad --as labelled --labels no,yes n.jsonl | lines)" '{"text":"a","label":"yes"}'
printf '{"text": "a"}\n' >none.jsonl
fails 'a label that is missing' 3 timport --as labelled none.jsonl -o x.ten
ok 'names the field' grep -qx "timport: none.jsonl: line 1: has no field \`label'" "$T.err"
echo '{"text": "a", "labels": ["s", "t"], "n": 3, "who": "me"}' >m.jsonl
is 'several labels, kept fields' "$(timport -q --as multilabel --keep who,n m.jsonl | lines)" '{"text":"a","labels":"s\nt","who":"me","n":"3"}'
printf 'text\tlabels\na\ts|t\nb\t\n' >m.tsv
is 'several labels in a table, or none' "$(timport -q --as multilabel --format tsv m.tsv | lines)" '{"text":"a","labels":"s\nt"}
{"text":"b","labels":""}'
printf 'text,score\na,1.5\nb,x\n' >v.csv
is 'numbers' "$(timport -q --skip-bad --as value --format csv --field value=score v.csv | lines)" '{"text":"a","value":1.5}'
fails 'a value that is none' 3 timport --as value --format csv --field value=score v.csv -o x.ten
fails 'a field that nobody asks for' 2 timport --field colour=red two.jsonl -o x.ten
fails 'labels of text' 2 timport --labels a two.jsonl -o x.ten

# ---- words with tags ----
echo '{"tokens": ["Ann", "Lee", "sat"], "ner_tags": ["B-p", "I-p", "O"]}' >tags.jsonl
run 'tokens and tags' 0 '' '~classes=3' timport --as tagged --field tags=ner_tags tags.jsonl -o tags.ten
is 'as they are stored' "$(lines tags.ten)" '{"text":"Ann Lee sat","word_ends":[3,7,11],"tags":"B-p I-p O"}'
echo '{"tokens": ["Ann", "Lee", "sat"], "tags": [1, 2, 0]}' >numbers.jsonl
is 'numbers as tags' "$(timport -q --as tagged --labels O,B-p,I-p numbers.jsonl | lines | md5sum)" "$(lines tags.ten | md5sum)"
fails 'numbers without names' 3 timport --as tagged numbers.jsonl -o x.ten
printf '{"tokens": ["a"], "tags": ["O"]}\n{"tokens": ["a", "b"], "tags": ["O"]}\n' >short.jsonl
fails 'too few tags' 3 timport --as tagged short.jsonl -o x.ten
ok 'by file and line' grep -qx 'timport: short.jsonl: line 2: 1 tags for 2 words' "$T.err"
printf -- '-DOCSTART- -X- O O\n\nAnn NNP I-NP B-p\nLee NNP I-NP I-p\nsat VBD I-VP O\n\n\nAnn x y\n' >n.conll
is 'CoNLL: the first and the last column' "$(timport -q --format conll n.conll | lines | head -n 1 | md5sum)" "$(lines tags.ten | md5sum)"
is 'CoNLL with names' "$(timport -q --format conll --skip-bad --columns tokens,pos,chunk,tags --keep pos n.conll | lines)" '{"text":"Ann Lee sat","word_ends":[3,7,11],"tags":"B-p I-p O","pos":"NNP"}'
fails 'CoNLL: too few columns' 3 timport --format conll --columns tokens,pos,chunk,tags n.conll -o x.ten
ok 'at its line' grep -q '^timport: n.conll: line 8: has 3 columns' "$T.err"

# ---- chats ----
cat >chat.jsonl <<'END'
{"messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
END
want='{"text":"Be short.HiHello","turn_ends":[9,11,16],"roles":[0,1,2]}'
is 'messages' "$(timport -q --as chat chat.jsonl | lines)" "$want"
echo '{"conversations": [{"from": "system", "value": "Be short."}, {"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}' >s.jsonl
is 'ShareGPT' "$(timport -q --as sharegpt s.jsonl | lines)" "$want"
echo '{"system": "Be short.", "prompt": "Hi", "completion": "Hello"}' >p.jsonl
is 'prompt and completion' "$(timport -q --as completion p.jsonl | lines)" "$want"
printf '{"instruction": "Add", "input": "1 2", "output": "3"}\n{"instruction": "Go", "input": "", "output": "Gone"}\n' >a.jsonl
is 'Alpaca' "$(timport -q --as alpaca a.jsonl | lines)" '{"text":"Add\n\n1 23","turn_ends":[8,9],"roles":[1,2]}
{"text":"GoGone","turn_ends":[2,6],"roles":[1,2]}'
printf 'prompt\tcompletion\nHi\tHello\n' >p.tsv
is 'prompt and completion in a table' "$(timport -q --as completion --format tsv p.tsv | lines)" '{"text":"HiHello","turn_ends":[2,7],"roles":[1,2]}'
printf '{"messages": [{"role": "user", "content": "Hi"}]}\n' >mute.jsonl
fails 'a chat without the assistant' 3 timport --as chat mute.jsonl -o x.ten
ok 'by file and line' grep -qx 'timport: mute.jsonl: line 1: the chat has no turn of the assistant' "$T.err"
printf '{"messages": [{"role": "owl", "content": "Hi"}]}\n' >owl.jsonl
fails 'an unknown role' 3 timport --as chat owl.jsonl -o x.ten
ok 'with its turn' grep -q 'owl.jsonl: line 1: turn 1: role `owl. is not' "$T.err"
cat mute.jsonl owl.jsonl chat.jsonl >three.jsonl
run 'bad chats are counted' 0 '' 'timport: records_out=1 skipped_bad=2' timport --as chat --skip-bad three.jsonl -o x3.ten
fails 'messages in a table' 2 timport --as chat --format csv p.tsv -o x.ten
fails 'CoNLL of something else' 2 timport --as text --format conll n.conll -o x.ten
rm -f x.ten

cp "$ROOT/pipelines/data/stories.txt" .
tvocab -q -n 300 stories.txt -o vocab.ten
ttok -q --jsonl --words -m vocab.ten "$ROOT/pipelines/data/reviews.jsonl" -o direct.ten
timport -q --as labelled "$ROOT/pipelines/data/reviews.jsonl" -o reviews.ten
run 'ttok --records' 0 '' "~documents=$(wc -l <"$ROOT/pipelines/data/reviews.jsonl") " ttok --records --words -m vocab.ten reviews.ten -o tokens.ten
is 'the same tokens and words' "$(tcat -q -f ids,words tokens.ten | tdump --jsonl | md5sum)" "$(lines direct.ten | md5sum)"
is 'labels stay' "$(lines --field label tokens.ten | md5sum)" "$(lines --field label reviews.ten | md5sum)"
is '--text keeps the text' "$(ttok -q --records --text -m vocab.ten reviews.ten | tdump --jsonl --field text | md5sum)" "$(lines --field text reviews.ten | md5sum)"
ttok -q --records -m vocab.ten tags.ten -o tagged.ten
is 'given words: each token has its word, those around have none' "$(tdump --jsonl -f words tagged.ten | python3 -c 'import json, sys
w = json.loads(sys.stdin.readline())["words"]
print(w[0], w[-1], sorted(set(w)), w[1:-1] == sorted(w[1:-1]))')" '-1 -1 [-1, 0, 1, 2] True'
is 'and the text is the same' "$(ttok -q -d -m vocab.ten tagged.ten)" 'Ann Lee sat'
is 'the classes stay' "$(kv tagged.ten classes)" 'B-p\nI-p\nO'
fails 'records without text' 3 ttok --records -m vocab.ten tokens.ten -o x.ten
fails 'records and JSON' 2 ttok --records --jsonl -m vocab.ten reviews.ten -o x.ten
ok 'refused, they leave nothing' test ! -e x.ten
finish
