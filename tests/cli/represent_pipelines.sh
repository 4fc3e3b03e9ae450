# bert.mk and contrastive.mk on the embedded data, small; the embedded data themselves.
. tests/lib.sh
data=$ROOT/pipelines/data
is 'labelled data: enough, both labels, no text twice' "$(python3 -c 'import json, sys
rows = [json.loads(l) for l in open(sys.argv[1])]
labels = [r["label"] for r in rows]
print(len(rows) >= 600, sorted(set(labels)), min(labels.count(l) for l in set(labels)) * 2 > 0.95 * len(rows),
      len({r["text"] for r in rows}) == len(rows))' "$data/reviews.jsonl")" "True ['negative', 'positive'] True True"
is 'entities: enough, of three types, whole tags, and no sentence twice' "$(python3 -c 'import json, sys
rows = [json.loads(l) for l in open(sys.argv[1])]
types = set()
for r in rows:
    before = "O"
    assert len(r["tokens"]) == len(r["ner_tags"])
    for word, tag in zip(r["tokens"], r["ner_tags"]):
        assert word and " " not in word
        assert tag[0] != "I" or before[2:] == tag[2:]
        types.add(tag[2:])
        before = tag
print(len(rows) >= 300, sorted(types), len({" ".join(r["tokens"]) for r in rows}) == len(rows))' "$data/entities.jsonl")" \
	"True ['', 'organisation', 'person', 'place'] True"
is 'preferences: enough, two raters or more each, about prompts of the conversations' "$(python3 -c 'import json, sys
rows = [json.loads(l) for l in open(sys.argv[1])]
asked = {json.loads(l)["messages"][0]["content"] for l in open(sys.argv[2])}
pairs = {}
for r in rows:
    assert r["chosen"] != r["rejected"] and r["prompt"] in asked
    pairs.setdefault((r["prompt"], *sorted([r["chosen"], r["rejected"]])), set()).add(r["rater"])
print(len(pairs) >= 200, min(map(len, pairs.values())) >= 2)' "$data/preferences.jsonl" "$data/chats.jsonl")" 'True True'
command -v gnuplot >/dev/null || { skip 'bert.mk' 'gnuplot is not installed'; finish; exit; }
pipeline() { # NAME OUT -jN
	env -u MAKEFLAGS -u MAKELEVEL make -s -f "$ROOT/pipelines/$1.mk" BIN="$BUILD/bin" OUT="$2" VOCAB=400 LAYERS=1 HEADS=2 \
	    WIDTH=16 STEPS=6 BATCH=8 EPOCHS=2 "$3"
}
for p in bert contrastive; do
	run "$p.mk" 0 '~^  trained: probe +0[.][0-9]+' '*' pipeline $p $p.1 -j1
	ok "$p.mk: its plots" grep -q '<svg' $p.1/loss.svg $p.1/accuracy.svg
	ok "$p.mk: a bag of words beside it" grep -Eq 'bag of words +0[.][0-9]+' $p.1/summary.txt
	run "$p.mk -j2" 0 '*' '*' pipeline $p $p.2 -j2
	for f in model.ten summary.txt; do
		run "$p.mk: make -j1 and -j2: $f" 0 '' '' cmp <(sed 1d $p.1/$f) <(sed 1d $p.2/$f)
	done
	touch -r $p.1/model.ten mark
	run "$p.mk again: nothing to do" 0 '*' '' pipeline $p $p.1 -j1
	ok "$p.mk: the model was left alone" test ! $p.1/model.ten -nt mark
done
finish
