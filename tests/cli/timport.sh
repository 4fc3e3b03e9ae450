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

cp "$ROOT/pipelines/data/stories.txt" .
tvocab -q -n 300 stories.txt -o vocab.ten
ttok -q --jsonl --words -m vocab.ten "$ROOT/pipelines/data/reviews.jsonl" -o direct.ten
timport -q --as labelled "$ROOT/pipelines/data/reviews.jsonl" -o reviews.ten
run 'ttok --records' 0 '' "~documents=$(wc -l <"$ROOT/pipelines/data/reviews.jsonl") " ttok --records --words -m vocab.ten reviews.ten -o tokens.ten
is 'the same tokens and words' "$(tcat -q -f ids,words tokens.ten | tdump --jsonl | md5sum)" "$(lines direct.ten | md5sum)"
is 'labels stay' "$(lines --field label tokens.ten | md5sum)" "$(lines --field label reviews.ten | md5sum)"
is '--text keeps the text' "$(ttok -q --records --text -m vocab.ten reviews.ten | tdump --jsonl --field text | md5sum)" "$(lines --field text reviews.ten | md5sum)"
fails 'records without text' 3 ttok --records -m vocab.ten tokens.ten -o x.ten
fails 'records and JSON' 2 ttok --records --jsonl -m vocab.ten reviews.ten -o x.ten
ok 'refused, they leave nothing' test ! -e x.ten
finish
