# ttok --words, tmask and taug: what they account for, promise and refuse.
. tests/lib.sh
cp "$ROOT/pipelines/data/stories.txt" .
specials='--special <|endoftext|> --special <|mask|>'
tvocab -q -n 400 $specials $(for i in 0 1 2 3 4; do echo --special "<extra_id_$i>"; done) stories.txt -o vocab.ten
tvocab -q -n 400 stories.txt -o plain.ten
ttok -q --words -m vocab.ten stories.txt -o tokens.ten
tpack -q -l 64 tokens.ten -o rows.ten
lines() { tdump --jsonl "$@"; }

# words: put together they are the text, and each begins where the pre-tokeniser says
lines tokens.ten | python3 -c 'import json, sys
for line in sys.stdin:
    r = json.loads(line)
    w = r["words"]
    assert len(w) == len(r["ids"]) and w[0] == 0
    assert all(b - a in (0, 1) for a, b in zip(w, w[1:]))
    print(w[-1])' >numbers
ok 'words are counted from 0 without gaps' test -s numbers
printf 'He said: "undoubtedly", twice.' | ttok -q --words -m vocab.ten -o one.ten
is 'words are the pieces of the rule' "$(lines one.ten | python3 -c 'import json, sys; print(json.loads(sys.stdin.read())["words"][-1])')" 9
is 'rows keep the words' "$(lines rows.ten | python3 -c 'import json, sys
print(all(len(r["words"]) == len(r["ids"]) for r in map(json.loads, sys.stdin)))')" True

run 'tmask accounts' 0 '' '~^tmask: records_in=[0-9]+ epochs=1 tokens_in=[0-9]+ special=[0-9]+ hidden=[0-9]+ rate=0[.]1[0-9]+ masked=0[.][78][0-9]+ random=0[.][01][0-9]+ kept=0[.][01][0-9]+ tokens_out=[0-9]+$' \
	tmask -m vocab.ten rows.ten -o masked.ten
run 'masked rows are sound' 0 '' '' tcheck -q masked.ten
check_masks() { # FILE: against rows.ten
	paste <(lines rows.ten) <(lines "$1") | python3 -c 'import json, sys
words = "word" in sys.argv[1]
for line in sys.stdin:
    a, b = map(json.loads, line.split("\t"))
    assert a["positions"] == b["positions"] and a["documents"] == b["documents"]
    for x, y, t in zip(a["ids"], b["ids"], b["targets"]):
        assert t in (-100, x) and (t != -100 or x == y), (x, y, t)
    if words:
        for i in range(1, len(a["ids"])):
            if a["words"][i] == a["words"][i - 1] and a["documents"][i] == a["documents"][i - 1]:
                assert (b["targets"][i] == -100) == (b["targets"][i - 1] == -100)' "$1"
}
for policy in token word span ngram; do
	tmask -q -m vocab.ten --policy $policy rows.ten -o $policy.ten
	ok "$policy: targets are what was there" check_masks $policy.ten
done
split_masks() {
	tcat -q --shards 3 rows.ten -o part
	for f in part-*; do tmask -q -m vocab.ten --policy span $f; done | lines - | sort | md5sum
	rm -f part-*
}
is 'the same masks, however the rows are divided' "$(split_masks)" "$(lines span.ten | sort | md5sum)"
tmask -q -m vocab.ten --epochs 2 rows.ten -o twice.ten
tmask -q -m vocab.ten --epoch 1 rows.ten -o second.ten
is 'epochs: the first and the second' "$(lines twice.ten | md5sum)" "$({ lines token.ten; lines second.ten; } | md5sum)"
ok 'the second has other masks' sh -c '! cmp -s token.ten second.ten'
tmask -q -m vocab.ten -s 2 rows.ten -o seed.ten
ok 'another seed, other masks' sh -c '! cmp -s token.ten seed.ten'
run 'prefix: rows for a causal model' 0 '' '~ trained=' tmask -m vocab.ten --policy prefix rows.ten -o prefix.ten
is 'prefix: targets are those of the rows or none' "$(paste <(lines rows.ten) <(lines prefix.ten) | python3 -c 'import json, sys
print(all(t in (-100, u) for l in sys.stdin for a, b in [map(json.loads, l.split("\t"))] for u, t in zip(a["targets"], b["targets"])))')" True
run 'prefix: sound rows' 0 '' '' tcheck -q prefix.ten
tmask -q -m vocab.ten --policy prefix tokens.ten -o whole.ten
run 'prefix: of tokens, too' 0 '~^whole.ten: ok: rows, ' '' tcheck whole.ten
is 'prefix: each a document, of which the next token is the target' "$(paste <(lines tokens.ten) <(lines whole.ten) | python3 -c 'import json, sys
n = 0
for a, b in [map(json.loads, l.split("\t")) for l in sys.stdin]:
    i = a["ids"]; k = len(i); n += 1
    assert b["ids"] == i and b["words"] == a["words"] and b["positions"] == list(range(k)) and b["documents"] == [0] * k
    assert all(t in (-100, u) for u, t in zip(i[1:] + [-100], b["targets"]))
print(n > 80)')" True
is 'prefix: positions begin anew with each document' "$(tcat -q -f ids,documents rows.ten | tmask -q -m vocab.ten --policy prefix | lines -f positions | md5sum)" \
	"$(lines -f positions rows.ten | md5sum)"
run 'sentinels' 0 '' '' tmask -q -m vocab.ten --policy sentinel rows.ten -o sentinel.ten
run 'sentinels: sound rows' 0 '' '' tcheck -q sentinel.ten
fails 'no mask token' 3 tmask -m plain.ten rows.ten -o x.ten
ok 'says what to do' grep -q 'tvocab --special' "$T.err"
ttok -q -m plain.ten stories.txt -o other.ten
fails 'another vocabulary' 3 tmask -m vocab.ten other.ten -o x.ten
ttok -q -m vocab.ten stories.txt -o nowords.ten
fails 'whole words without words' 3 tmask -m vocab.ten --policy word nowords.ten -o x.ten
fails 'sentinels that are not there' 3 tmask -m plain.ten --policy sentinel other.ten -o x.ten
fails 'shares above 1' 2 tmask -m vocab.ten --mask-share 0.9 --random-share 0.2 rows.ten -o x.ten
for o in '--span-p 0.3' '--longest 3' '--prefix 0.1..0.2' '--policy prefix --rate 0.2' '--policy prefix --mask-share 1' '--policy sentinel --mask-token x' '--policy ngram --span-p 0.3'; do
	fails "nothing reads $o" 2 tmask -m vocab.ten $o rows.ten -o x.ten
done
is 'it says who would' "$(cat "$T.err")" 'tmask: --span-p is for --policy span or sentinel, not for ngram'
fails 'a range upside down' 2 tmask -m vocab.ten --policy prefix --prefix 0.8..0.2 rows.ten -o x.ten
mkfifo pipe
for f in - pipe /dev/null; do
	fails "epochs of $f" 2 tmask -m vocab.ten --epochs 2 $f -o x.ten <rows.ten
done
fails 'epochs of a pipe' 2 tmask -m vocab.ten --epochs 2 -o x.ten <rows.ten
is 'it says why' "$(cat "$T.err")" 'tmask: --epochs reads its input several times: it needs a file, which standard input is not'
read_pipe() { # FILE COMMAND: the stream comes through a named pipe
	cat "$1" >pipe &
	timeout 20 "${@:2}" || { kill $! 2>/dev/null; return 1; }
	wait
}
ok 'a named pipe is read once' read_pipe rows.ten tmask -q -m vocab.ten pipe -o once.ten
is 'and gives the same masks' "$(lines once.ten | md5sum)" "$(lines token.ten | md5sum)"
# more than a pipe holds: the second epoch has not begun when the file is another
changes() { # FILE OTHER COMMAND: long.ten, FILE many times, becomes OTHER while the command reads it; its status and message
	for i in $(seq 40); do cat "$1"; done >long.ten
	"${@:3}" 2>err | { head -c 1000 >/dev/null; mv "$2" long.ten; cat >/dev/null; }
	echo "${PIPESTATUS[0]} $(cat err)"
}
tcat -q -f ids,targets rows.ten -o fewer.ten
is 'a file that becomes another between the epochs' "$(changes rows.ten fewer.ten tmask -q -m vocab.ten --epochs 2 long.ten)" \
	"3 tmask: long.ten: has changed since it was first read: fields differ from the first stream's (tdump --schema lists them)"

n=$(lines tokens.ten | wc -l)
run 'taug accounts' 0 '' "~^taug: records_in=$n dropped_empty=0 tokens_in=[0-9]+ views=$((2 * n)) tokens_out=[0-9]+ cut=0$" \
	taug -m vocab.ten -i tokens.ten delete:0.1 crop:0.5..0.9 -o views.ten
run 'views are sound' 0 '' '' tcheck -q views.ten
is 'views of a source are neighbours' "$(lines views.ten | python3 -c 'import json, sys
rows = [json.loads(l) for l in sys.stdin]
print(all(r["source"] == i // 2 and r["view"] == i % 2 for i, r in enumerate(rows)), len({r["key"] for r in rows}) <= len(rows) // 2)')" 'True True'
split_views() {
	tcat -q --shards 3 tokens.ten -o part
	for f in part-*; do taug -q -m vocab.ten -i $f delete:0.1 crop:0.5..0.9 | tcat -q -f ids,key,view; done | lines - | sort | md5sum
	rm -f part-*
}
is 'the same views, however the documents are divided' "$(split_views)" \
	"$(tcat -q -f ids,key,view views.ten | lines - | sort | md5sum)"
taug -q -m vocab.ten -i tokens.ten --views 3 none -o none.ten
is 'none: the source, three times' "$(lines none.ten | python3 -c 'import json, sys
for l in sys.stdin: print(json.loads(l)["ids"])' | uniq -c | awk '{ n += $1; bad += $1 % 3 } END { print n, bad }')" "$((3 * n)) 0"
taug -q -m vocab.ten -i tokens.ten --epochs 2 reorder -o two.ten
taug -q -m vocab.ten -i tokens.ten --epoch 1 reorder -o second.ten
is 'epochs: the second is that of --epoch 1' "$(lines two.ten | tail -n $((2 * n)) | md5sum)" "$(lines second.ten | md5sum)"
run 'a length' 0 '' '~ cut=[1-9]' taug -m vocab.ten -i tokens.ten -l 20 none -o short.ten
is 'no view is longer' "$(lines short.ten | python3 -c 'import json, sys; print(max(len(json.loads(l)["ids"]) for l in sys.stdin))')" 20
run 'replace counts its input' 0 '' '' taug -q -m vocab.ten -i tokens.ten replace:0.5 -o replaced.ten
printf '{"text": "one two", "label": "x"}\n{"text": "three", "label": 7}\n' | timport -q --as labelled | ttok -q --records -m vocab.ten -o labelled.ten
is 'labels go along' "$(taug -q -m vocab.ten none <labelled.ten | tdump --csv --field label | tr '\n' ' ')" 'label x x 7 7 '
fails 'an augmenter that is not there' 2 taug -m vocab.ten -i tokens.ten shake:0.1 -o x.ten
ok 'names those that are' grep -q 'cutoff:SHARE' "$T.err"
fails 'no share' 2 taug -m vocab.ten -i tokens.ten delete -o x.ten
fails 'a share above 1' 2 taug -m vocab.ten -i tokens.ten delete:1.5 -o x.ten
fails 'nothing to count' 2 taug -m vocab.ten replace:0.1 -o x.ten <tokens.ten
fails 'a pipe to count and to change' 2 taug -m vocab.ten -i pipe replace:0.1 -o x.ten
fails 'epochs of a pipe, too' 2 taug -m vocab.ten -i pipe --epochs 2 none -o x.ten
ok 'views of a named pipe' read_pipe tokens.ten taug -q -m vocab.ten -i pipe --unigram tokens.ten replace:0.5 -o once.ten
is 'are the same' "$(lines once.ten | md5sum)" "$(lines replaced.ten | md5sum)"
cp nowords.ten other.ten
is 'a file that becomes another between epochs of views' "$(changes tokens.ten other.ten taug -q -m vocab.ten -i long.ten --epochs 2 none)" \
	"3 taug: long.ten: has changed since it was first read: fields differ from the first stream's (tdump --schema lists them)"
fails 'packed rows' 3 taug -m vocab.ten -i rows.ten none -o x.ten
ok 'refused, they leave nothing' test ! -e x.ten
finish
