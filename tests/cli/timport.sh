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
ok 'it is told where' grep -qx 'timport: behind.csv: line 2: text behind a closing quote' "$T.err"
echo '{"text": "a", "label": "x"}' >names.csv
fails 'a quote within the name of a column' 3 timport --format csv --as labelled names.csv -o x.ten
ok 'it is told where, too' grep -qx 'timport: names.csv: line 1: a quote within a cell that does not begin with one' "$T.err"
printf '\xef\xbb' >short.csv
is 'half a byte order mark is text' "$(timport -q --format csv --columns text short.csv | tdump --jsonl)" '{"text":"\udcef\udcbb"}'
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
is 'a kept field that opinions have, too' "$(echo '{"text": "a", "label": "b", "rater": "r", "weight": 2}' | timport -q --as labelled --keep rater,weight | lines)" \
	'{"text":"a","label":"b","rater":"r","weight":"2"}'
is 'several labels, kept fields' "$(timport -q --as multilabel --keep who,n m.jsonl | lines)" '{"text":"a","labels":"s\nt","who":"me","n":"3"}'
printf 'text\tlabels\na\ts|t\nb\t\n' >m.tsv
is 'several labels in a table, or none' "$(timport -q --as multilabel --format tsv m.tsv | lines)" '{"text":"a","labels":"s\nt"}
{"text":"b","labels":""}'
printf 'text,score\na,1.5\nb,x\n' >v.csv
is 'numbers' "$(timport -q --skip-bad --as value --format csv --field value=score v.csv | lines)" '{"text":"a","value":1.5}'
fails 'a value that is none' 3 timport --as value --format csv --field value=score v.csv -o x.ten
fails 'a field that nobody asks for' 2 timport --field colour=red two.jsonl -o x.ten
fails 'of another kind' 2 timport --as labelled --field tags=ner_tags two.jsonl -o x.ten
is 'it says which there are' "$(cat "$T.err")" 'timport: --field tags=ner_tags: the fields of --as labelled are text, label'
fails 'a table has no more than it needs' 2 timport --as completion --format csv --field system=rules t.csv -o x.ten
fails 'columns of CoNLL have no names' 2 timport --format conll --field tags=ner two.jsonl -o x.ten
is 'JSON may have more' "$(echo '{"rules": "r", "prompt": "p", "completion": "c"}' | timport -q --as completion --field system=rules | lines)" '{"text":"rpc","turn_ends":[1,2,3],"roles":[0,1,2]}'

# ---- lines of other systems ----
printf '\357\273\277"text",label\r\na,"x"\r\n\r\nb,y\r\n' >bom.csv
printf '\357\273\277text\tlabel\r\na\tx\r\n\r\nb\ty\r\n' >bom.tsv
printf '\357\273\277{"text": "a", "label": "x"}\r\n' >bom.jsonl
for f in csv tsv; do
	is "$f: a byte order mark, carriage returns, an empty line" "$(timport -q --as labelled --format $f bom.$f | lines)" '{"text":"a","label":"x"}
{"text":"b","label":"y"}'
done
is 'byte for byte' "$( (printf '\357\273'; sleep 0.1; printf '\277text\n'; sleep 0.1; printf 'a\n') | timport -q --format tsv | lines)" '{"text":"a"}'
is 'of each file of JSON lines' "$(timport -q --as labelled bom.jsonl bom.jsonl | lines)" '{"text":"a","label":"x"}
{"text":"a","label":"x"}'
is 'of CoNLL' "$(printf '\357\273\277a O\r\n\r\n' | timport -q --format conll | lines --field text)" '{"text":"a"}'
is 'plain text keeps it' "$(printf '\357\273\277a\n' | timport -q --format text | lines)" '{"text":"'$'\357\273\277''a\n"}'
cat good.jsonl bom.jsonl >mid.jsonl
fails 'not in the middle' 3 timport --as labelled mid.jsonl -o x.ten
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
printf 'a O\n-DOCSTART- -X-\nb O\n' >d.conll
is 'CoNLL: a document that begins ends a sentence' "$(timport -q --format conll d.conll | lines)" '{"text":"a","word_ends":[1],"tags":"O"}
{"text":"b","word_ends":[1],"tags":"O"}'
printf 'text\tlabels\tvalue\nx\t|a\t0x10\n' >before.tsv
printf 'text\tlabels\tvalue\nx\ta|\t16\n' >after.tsv
for f in before after; do
	run "an empty label $f others" 3 '' "timport: $f.tsv: line 2: the label is empty" timport --as multilabel --format tsv $f.tsv -o x.ten
done
run 'a value in another base' 3 '' "timport: before.tsv: line 2: the value \`0x10' is not a number" timport --as value --format tsv before.tsv -o x.ten
fails 'CoNLL: too few columns' 3 timport --format conll --columns tokens,pos,chunk,tags n.conll -o x.ten
ok 'at its line' grep -q '^timport: n.conll: line 8: has 3 columns' "$T.err"

python3 -c 'print("w", *["c%d" % i for i in range(64)])' >wide.conll
run 'more columns than are kept apart' 3 '' 'timport: wide.conll: line 1: has 65 columns, more than 64' timport --format conll wide.conll -o x.ten

printf 'text\tn\ttext\na\t1\tb\n' >twice.tsv
run 'a column that comes twice' 3 '' "timport: twice.tsv: has two columns called \`text'" timport --format tsv twice.tsv -o x.ten
is 'which nobody asks for' "$(timport -q --format tsv --field text=n twice.tsv | lines)" '{"text":"1"}'
fails 'fields that are kept twice' 2 timport --format tsv --keep k,k twice.tsv -o x.ten
fails 'a kept field with the name of our own' 2 timport --format tsv --keep text twice.tsv -o x.ten
fails 'an id beside a field called so' 2 timport --format tsv --keep id --id n twice.tsv -o x.ten

# ---- NULs are no blanks ----
printf '{"text": "a"}\n\0\0\0\n' >nul.jsonl
run 'a line of NULs' 3 '' 'timport: nul.jsonl: line 2: byte 1: a value is expected' timport nul.jsonl -o x.ten
run 'nor in JSON lines of texts' 3 '' 'tvocab: nul.jsonl: line 2: byte 1: a value is expected' tvocab --jsonl nul.jsonl -o x.ten
is 'a word of CoNLL' "$(printf 'a\0b O\n' | timport -q --format conll | lines)" '{"text":"a\u0000b","word_ends":[3],"tags":"O"}'
printf 'text\tvalue\na\t1\0002\n' >nul.tsv
fails 'a number' 3 timport --as value --format tsv nul.tsv -o x.ten

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
echo '{"instruction": "a\u0000b", "input": "c\u0000d", "output": "e"}' >nul.jsonl
is 'Alpaca with a NUL' "$(timport -q --as alpaca nul.jsonl | tdump --jsonl -f turn_ends)" '{"turn_ends":[8,9]}'
is 'Alpaca' "$(timport -q --as alpaca a.jsonl | lines)" '{"text":"Add\n\n1 23","turn_ends":[8,9],"roles":[1,2]}
{"text":"GoGone","turn_ends":[2,6],"roles":[1,2]}'
echo '{"instruction": "Go", "input": null, "output": "Gone"}' >a.jsonl
is 'Alpaca: null is no input' "$(timport -q --as alpaca a.jsonl | lines)" '{"text":"GoGone","turn_ends":[2,6],"roles":[1,2]}'
echo '{"instruction": "Add", "input": [1, 2], "output": "3"}' >a.jsonl
run 'Alpaca: input that is not text' 3 '' "timport: a.jsonl: line 1: field \`input' is not text" timport --as alpaca a.jsonl -o x.ten
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

# ---- judgements of answers ----
cat >pref.jsonl <<'END'
{"prompt": "Hi", "chosen": "Hello.", "rejected": "What?"}
{"system": "Be short.", "prompt": "Hi", "chosen": "Hey", "rejected": "Good day to you", "margin": 2, "rater": "ann"}
{"messages": [{"role": "user", "content": "A"}, {"role": "assistant", "content": "B"}, {"role": "user", "content": "C"}], "answers": ["x", "yy", "z"], "ranks": [2, 1, 2], "weight": 0.5, "rater": "bob", "seconds": 3.5, "positions": [2, 0, 1]}
{"prompt": [{"role": "user", "content": "Q"}], "answers": ["x", "y"], "ranks": [0, 0]}
{"prompt": "Left out", "answers": ["x"], "ranks": [0]}
END
run 'comparisons' 0 '' 'timport: records_out=4 skipped_bad=0 undecided=1' timport --as preference pref.jsonl -o pref.ten
is 'the kind' "$(tdump -n 0 pref.ten | head -n 1)" 'kind: judgements'
is 'as they are stored' "$(lines pref.ten)" '{"text":"Hi","turn_ends":[2],"roles":[1],"answers":"Hello.What?","answer_ends":[6,11],"ranks":[1,2],"rater":"","seconds":"nan","weight":1,"margin":0,"positions":[]}
{"text":"Be short.Hi","turn_ends":[9,11],"roles":[0,1],"answers":"HeyGood day to you","answer_ends":[3,18],"ranks":[1,2],"rater":"ann","seconds":"nan","weight":1,"margin":2,"positions":[]}
{"text":"ABC","turn_ends":[1,2,3],"roles":[1,2,1],"answers":"xyyz","answer_ends":[1,3,4],"ranks":[2,1,2],"rater":"bob","seconds":3.5,"weight":0.5,"margin":0,"positions":[2,0,1]}
{"text":"Q","turn_ends":[1],"roles":[1],"answers":"xy","answer_ends":[1,2],"ranks":[0,0],"rater":"","seconds":"nan","weight":1,"margin":0,"positions":[]}'
is 'fields that no line has are left out' "$(head -n 1 pref.jsonl | timport -q --as preference | lines)" \
	'{"text":"Hi","turn_ends":[2],"roles":[1],"answers":"Hello.What?","answer_ends":[6,11],"ranks":[1,2]}'
is 'other names, and fields to keep' "$(echo '{"question": "Hi", "good": "a", "bad": "b", "topic": 7}' |
    timport -q --as preference --field prompt=question --field chosen=good --field rejected=bad --keep topic | lines)" \
	'{"text":"Hi","turn_ends":[2],"roles":[1],"answers":"ab","answer_ends":[1,2],"ranks":[1,2],"topic":"7"}'
printf '{"prompt": "a", "completion": "b", "label": %s}\n' true 0 >liked.jsonl
is 'liked or not' "$(timport -q --as liked liked.jsonl | lines)" '{"text":"a","turn_ends":[1],"roles":[1],"answers":"b","answer_ends":[1],"liked":1}
{"text":"a","turn_ends":[1],"roles":[1],"answers":"b","answer_ends":[1],"liked":0}'
printf '{"prompt": "a", "completion": "b", "rating": 2.5}\n{"prompt": "a", "answers": ["c"], "rating": null}\n' >rated.jsonl
run 'rated' 0 '' 'timport: records_out=1 skipped_bad=0 undecided=1' timport --as rating rated.jsonl -o rated.ten
is 'ratings' "$(lines rated.ten)" '{"text":"a","turn_ends":[1],"roles":[1],"answers":"b","answer_ends":[1],"rating":2.5}'

# a clicked answer is better than those above it that were passed over, of those below nothing is known
cat >clicks.jsonl <<'END'
{"prompt": "q", "answers": ["a0", "a1", "a2", "a3", "a4"], "clicked": [3, 1], "rater": "me"}
{"prompt": "q", "answers": ["a0", "a1"], "clicked": [0]}
{"prompt": "q", "answers": ["a0", "a1"], "clicked": []}
END
run 'clicks' 0 '' 'timport: records_out=3 skipped_bad=0 undecided=2' timport --as clicks clicks.jsonl -o clicks.ten
is 'over what was skipped' "$(lines -f answers -f ranks -f positions -f rater clicks.ten)" '{"answers":"a1a0","ranks":[1,2],"positions":[1,0],"rater":"me"}
{"answers":"a3a0","ranks":[1,2],"positions":[3,0],"rater":"me"}
{"answers":"a3a2","ranks":[1,2],"positions":[3,2],"rater":"me"}'
run 'sound streams' 0 '' '' tcheck -q pref.ten rated.ten clicks.ten

wrong() { # NAME KIND LINE MESSAGE: refused at its line, counted by --skip-bad
	printf '%s\n' "$3" >wrong.jsonl
	run "$1" 3 '' "timport: wrong.jsonl: line 1: $4" timport --as "$2" wrong.jsonl -o x.ten
	case $2 in preference) head -n 1 pref.jsonl ;; rating) head -n 1 rated.jsonl ;; liked) head -n 1 liked.jsonl ;;
	clicks) head -n 1 clicks.jsonl ;; esac >>wrong.jsonl
	run "$1: counted" 0 '' '~skipped_bad=1 undecided=0$' timport --as "$2" --skip-bad wrong.jsonl -o skipped.ten
}
is 'demonstrations and samples are ranks' "$(timport -q --as preference --field demonstrations=expert <<<'{"prompt": "a", "expert": ["x", "y"], "samples": ["z", "no", "w"], "weight": 2}' | tdump --jsonl)" \
	'{"text":"a","turn_ends":[1],"roles":[1],"answers":"xyznow","answer_ends":[1,2,3,5,6],"ranks":[1,1,2,2,2],"weight":2}'
wrong 'no samples' preference '{"prompt": "a", "demonstrations": ["x", "y"]}' "has no field \`samples'"
wrong 'none of them' preference '{"prompt": "a", "demonstrations": ["x", "y"], "samples": []}' "field \`samples' is empty"
wrong 'nothing demonstrated' preference '{"prompt": "a", "demonstrations": [], "samples": ["x"]}' "field \`demonstrations' is empty"
wrong 'a sample that was demonstrated' preference '{"prompt": "a", "demonstrations": ["x"], "samples": ["y", "x"]}' 'answers 1 and 3 are the same'
wrong 'demonstrations that are no texts' preference '{"prompt": "a", "demonstrations": "x", "samples": ["y"]}' "field \`demonstrations' is not an array"
wrong 'equal answers' preference '{"prompt": "a", "chosen": "x", "rejected": "x"}' 'answers 1 and 2 are the same'
wrong 'an empty answer' preference '{"prompt": "a", "chosen": "x", "rejected": ""}' "field \`rejected' is empty"
wrong 'a missing answer' preference '{"prompt": "a", "chosen": "x"}' "has no field \`rejected'"
wrong 'no prompt' preference '{"chosen": "x", "rejected": "y"}' "has no field \`prompt'"
wrong 'an empty conversation' preference '{"messages": [], "chosen": "x", "rejected": "y"}' 'the prompt is empty'
wrong 'too few ranks' preference '{"prompt": "a", "answers": ["x", "y"], "ranks": [1]}' '1 ranks for 2 answers'
wrong 'a rank below 0' preference '{"prompt": "a", "answers": ["x", "y"], "ranks": [1, -1]}' "field \`ranks': element 2 is not a whole number from 0"
wrong 'some without rank' preference '{"prompt": "a", "answers": ["x", "y"], "ranks": [1, 0]}' 'some answers have rank 0: no rank, which only all can have'
wrong 'nobody is best' preference '{"prompt": "a", "answers": ["x", "y"], "ranks": [2, 3]}' 'no answer has rank 1'
wrong 'one answer' preference '{"prompt": "a", "answers": ["x"], "ranks": [1]}' 'one answer is nothing to compare'
wrong 'no answers' preference '{"prompt": "a", "answers": [], "ranks": []}' 'there are no answers'
wrong 'an empty one of several' preference '{"prompt": "a", "answers": ["x", ""], "ranks": [1, 2]}' 'answer 2 is empty'
wrong 'two at one place' preference '{"prompt": "a", "answers": ["x", "y"], "ranks": [1, 2], "positions": [1, 1]}' 'two answers have position 1'
wrong 'too few positions' preference '{"prompt": "a", "answers": ["x", "y"], "ranks": [1, 2], "positions": [1]}' '1 positions for 2 answers'
wrong 'a margin below 0' preference '{"prompt": "a", "chosen": "x", "rejected": "y", "margin": -1}' "field \`margin' is not a number from 0"
wrong 'a rater without name' preference '{"prompt": "a", "chosen": "x", "rejected": "y", "rater": ""}' "field \`rater' is not a name"
wrong 'neither liked nor not' liked '{"prompt": "a", "completion": "x", "label": 2}' "field \`label' is not true, false, 1 or 0"
wrong 'an empty completion' liked '{"prompt": "a", "completion": "", "label": 1}' "field \`completion' is empty"
wrong 'a rating in words' rating '{"prompt": "a", "completion": "x", "rating": "good"}' "field \`rating' is not a number"
wrong 'no rating' rating '{"prompt": "a", "completion": "x"}' "has no field \`rating'"
wrong 'two answers with one rating' rating '{"prompt": "a", "answers": ["x", "y"], "rating": 1}' '2 answers, not one'
wrong 'a click beside' clicks '{"prompt": "a", "answers": ["x", "y"], "clicked": [2]}' 'answer 2 was clicked, the last is 1'
wrong 'a click that is no number' clicks '{"prompt": "a", "answers": ["x", "y"], "clicked": ["x"]}' "field \`clicked': element 1 is not the number of an answer, from 0"
fails 'judgements in a table' 2 timport --as preference --format csv p.tsv -o x.ten
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
