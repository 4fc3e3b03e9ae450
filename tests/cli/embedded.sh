# The embedded data: how much there is of what, and that it is sound.
. tests/lib.sh
python3 -c 'import json' 2>/dev/null || skip_all 'python3 is not here'
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
finish
