# Masked and contrastive training, tembed, and what teval makes of embeddings.
. tests/lib.sh
. "$ROOT/tests/training.sh"
cp "$ROOT/pipelines/data/stories.txt" .
tvocab -q -n 400 --special '<|endoftext|>' --special '<|mask|>' stories.txt -o vocab.ten
ttok -q --split line --words -m vocab.ten stories.txt -o tokens.ten
tpack -q -l 32 tokens.ten -o rows.ten
tmask -q -m vocab.ten --epochs 2 rows.ten -o masked.ten
taug -q -m vocab.ten -i tokens.ten -l 32 delete:0.2 -o views.ten
tinit -q --arch bert --layers 2 --heads 2 --width 32 --context 64 --vocab vocab.ten -o bert.ten
tinit -q --layers 2 --heads 2 --width 32 --context 64 --vocab vocab.ten -o gpt.ten
lines() { tdump --jsonl "$@"; }

# ---- masked
m='tpretrain -q -m bert.ten --steps 60 -b 16 --warmup 5 --lr 3e-3 --dropout 0.1'
run 'masked training' 0 '' '' $m -j1 --log log.ten -o b1.ten masked.ten
run 'masked training, two threads' 0 '' '' $m -j2 -o b2.ten masked.ten
run 'the same bytes' 0 '' '' cmp b1.ten b2.ten
ok 'the loss falls' awk -v a="$(tdump --csv --field loss log.ten | sed -n 2p)" -v b="$(tdump --csv --field loss log.ten | tail -n 1)" 'BEGIN { exit !(b < a - 0.5) }'
run 'teval of masked rows' 0 '~^loss: [0-9.]+$' '*' teval -m b1.ten masked.ten
tinit -q --arch bert --norm pre --types 2 --layers 1 --heads 2 --width 32 --vocab vocab.ten -o pre.ten
run 'pre-norm with types' 0 '' '' tpretrain -q -m pre.ten --steps 3 -b 4 -o p.ten masked.ten
fails 'next tokens would be seen' 3 tpretrain -m bert.ten --steps 1 -o x.ten rows.ten
fails 'tokens without masks' 3 tpretrain -m bert.ten --steps 1 -o x.ten tokens.ten
ok 'says what makes them' grep -q tmask "$T.err"
fails 'a causal objective for bert' 2 tpretrain -m bert.ten --objective causal --steps 1 -o x.ten masked.ten
fails 'a masked objective for gpt2' 2 tpretrain -m gpt.ten --objective masked --steps 1 -o x.ten masked.ten
fails 'teval: tokens for bert' 3 teval -m b1.ten tokens.ten
run 'prefix rows train a causal model' 0 '' '' sh -c 'tmask -q -m vocab.ten --policy prefix rows.ten | tpretrain -q -m gpt.ten --steps 3 -o g.ten'

# ---- contrastive
c='tpretrain -q -m bert.ten --objective contrastive --steps 500 -b 12 --warmup 5 --lr 1e-3 --projection 16 --save-every 4'
for queue in '' '--queue 50'; do
	run "contrastive $queue" 0 '' '' $c $queue -j1 --dropout 0.1 --log log.ten -o c1.ten views.ten
	run "contrastive $queue, two threads" 0 '' '' $c $queue -j2 --dropout 0.1 -o c2.ten views.ten
	run "contrastive $queue, the same bytes" 0 '' '' cmp c1.ten c2.ten
	rm -rf k.ten.ckpt
	killed "contrastive $queue" 3 k.ten $c $queue -j1 --dropout 0.1 -o k.ten views.ten
	run "contrastive $queue, the same bytes" 0 '' '' cmp c1.ten k.ten
done
tdump -n 0 c1.ten >schema
ok 'the projection head is a part of the model' grep -q 'project2.weight: float32 \[16, 32\]' schema
run 'it trains on' 0 '' '' tpretrain -q -m c1.ten --objective contrastive --steps 2 -b 4 -o c3.ten views.ten
run 'and learns masks' 0 '' '' tpretrain -q -m c1.ten --steps 2 -b 4 -o c4.ten masked.ten
run 'a causal model, last token' 0 '' '' tpretrain -q -m gpt.ten --objective contrastive --pool last --projection 0 --eval views.ten --steps 3 -b 4 -o c5.ten views.ten
big='tpretrain -q -m bert.ten --objective contrastive --steps 1 -b 40 --warmup 0 --lr 0.01'
$big --log whole.ten -o w1.ten views.ten
$big --micro 3 --log parts.ten -o w2.ten views.ten
is 'micro-batches: the loss and norm of the whole' \
	"$(tdump --csv --field loss --field grad_norm whole.ten | tail -n 1 | awk -F, '{ printf "%.4f %.4f", $1, $2 }')" \
	"$(tdump --csv --field loss --field grad_norm parts.ten | tail -n 1 | awk -F, '{ printf "%.4f %.4f", $1, $2 }')"
tshuf -q views.ten -o mixed.ten
fails 'views that were shuffled' 3 $c -o x.ten mixed.ten
ok 'says what must be' grep -q 'must be neighbours' "$T.err"
fails 'tokens that are no views' 3 $c -o x.ten tokens.ten
fails 'a batch of one' 2 tpretrain -m bert.ten --objective contrastive -b 1 -o x.ten views.ten
fails 'with a queue, evaluated' 2 tpretrain -m bert.ten --objective contrastive -b 1 --queue 8 --eval views.ten --steps 1 -o x.ten views.ten
is 'it says what it lacks' "$(cat "$T.err")" 'tpretrain: an evaluation compares the pairs of a batch: -b 2 or more'
for o in '--queue 5' '--temperature 0.5' '--pool first' '--projection 16' '--momentum 0.9'; do
	fails "$o for masks" 2 tpretrain -m bert.ten $o -o x.ten masked.ten
done
fails 'momentum without a queue' 2 tpretrain -m bert.ten --objective contrastive --momentum 0.9 --steps 1 -o x.ten views.ten
fails 'another projection than the model has' 2 tpretrain -m c1.ten --objective contrastive --projection 8 --steps 1 -o x.ten views.ten
ok 'it says what can be done' grep -q 'c1.ten has a projection of 16 outputs, which it keeps; tgraft takes it away' "$T.err"

# ---- tembed
head -n 40 stories.txt | awk 'NF { n++; gsub(/["\\]/, ""); printf "{\"text\": \"%s\", \"label\": \"%s\"}\n", $0, n % 3 ? "a" : "b" }' >lines.jsonl
timport -q --as labelled lines.jsonl | ttok -q --records -m vocab.ten -o labelled.ten
run 'tembed accounts' 0 '' '~^tembed: records_in=[0-9]+ embedded=[0-9]+ dropped_empty=0 tokens=[0-9]+ truncated=[0-9]+$' \
	tembed -m b1.ten --truncate labelled.ten -o e.ten
run 'embeddings are sound' 0 '' '' tcheck -q e.ten
tembed -q -j1 --truncate -m b1.ten labelled.ten -o e1.ten
run 'one thread: the same bytes' 0 '' '' cmp e.ten e1.ten
is 'a record alone: the same numbers' "$(tcat -q -r 3:4 labelled.ten | tembed -q --truncate -m b1.ten | lines --field embedding)" \
	"$(lines --field embedding e.ten | sed -n 4p)"
is 'JSON lines: the same records' "$(tembed -q --truncate --jsonl -m b1.ten labelled.ten | md5sum)" "$(lines e.ten | md5sum)"
tembed -q --truncate --pool none -m b1.ten labelled.ten -o all.ten
tembed -q --truncate --pool first -m b1.ten labelled.ten -o first.ten
tembed -q --truncate --pool last --normalise -m b1.ten labelled.ten -o last.ten
paste <(lines all.ten) <(lines e.ten) <(lines first.ten) <(lines last.ten) >joined
is 'pooling is what it says' "$(python3 -c 'import json
for line in open("joined"):
    a, m, f, l = map(json.loads, line.split("\t"))
    x = a["embedding"]
    assert len(x) == len(a["ids"]) and a["label"] == m["label"]
    for j in range(32):
        assert abs(sum(r[j] for r in x) / len(x) - m["embedding"][j]) < 1e-5
    assert x[0] == f["embedding"]
    n = sum(v * v for v in x[-1]) ** 0.5
    assert all(abs(v / n - w) < 1e-6 for v, w in zip(x[-1], l["embedding"]))
print("ok")')" ok
run 'the last layer is the default' 0 '' '' sh -c 'tembed -q --truncate --layer 2 -m b1.ten labelled.ten | tcat -q -f embedding | tdump --jsonl >a; tcat -q -f embedding e.ten | tdump --jsonl | cmp - a'
run 'an inner layer' 0 '' '' tembed -q --truncate --layer 1 -m b1.ten labelled.ten -o inner.ten
differ 'differs' inner.ten e.ten
run 'the embeddings alone' 0 '' '' tembed -q --truncate --layer 0 -m gpt.ten labelled.ten -o zero.ten
fails 'too deep' 2 tembed -m b1.ten --layer 3 labelled.ten -o x.ten
ttok -q -m vocab.ten stories.txt -o long.ten
fails 'too long' 3 tembed -m b1.ten long.ten -o x.ten
# a label of as many bytes as its record has tokens: 200 of 3 bytes, and those around them
python3 -c 'print("{\"text\": \"%s\", \"label\": \"%s\"}" % ("\u2603" * 200, "p" * 602))' >snow.jsonl
timport -q --as labelled snow.jsonl | ttok -q --records -m vocab.ten -o snow.ten
is 'as many bytes as tokens' "$(lines --field ids snow.ten | tr , '\n' | wc -l)" 602
run 'what is cut is of tokens' 0 '' '' tembed -q --truncate --pool none -m b1.ten snow.ten -o snow.e.ten
is 'a label is not' "$(lines --field label snow.e.ten)" "$(lines --field label snow.ten)"
# a model for far more tokens than most records have
tinit -q --arch llama --layers 1 --heads 2 --width 256 --context 262144 --vocab vocab.ten -o far.ten
{ head -n 3 stories.txt; tr '\n' ' ' <stories.txt | head -c 15000; echo; tail -n 3 stories.txt; } >mixed.txt
ttok -q --split line -m vocab.ten mixed.txt -o mixed.ten
run 'records of all lengths' 0 '' '~truncated=0$' tembed -m far.ten mixed.ten -o mixed.e.ten
longest=$(lines --field ids mixed.ten | awk -F, 'NF > n { n = NF; at = NR } END { print at - 1, n }')
ok 'one is longer than a batch' test "${longest#* }" -gt 4096
longest=${longest% *}
is 'its numbers are those that it has alone' "$(tcat -q -r $longest:$((longest + 1)) mixed.ten | tembed -q -m far.ten | lines --field embedding)" \
	"$(lines --field embedding mixed.e.ten | sed -n $((longest + 1))p)"
if measures_memory tembed; then
	tcat -q -r 0:2 mixed.ten -o little.ten
	run 'short records ask for little' 0 '' '' bash -c 'ulimit -v 2000000; tembed -q -j1 -m far.ten -o little.e.ten little.ten'
else
	skip 'short records ask for little' "memory is the sanitizer's"
fi

# ---- teval of embeddings
run 'search' 0 '' '~^teval: queries=' teval --search 3 e.ten -o near.ten
run 'search: sound' 0 '' '' tcheck -q near.ten
paste <(lines e.ten) <(lines near.ten) >joined
is 'search finds what an exhaustive search finds' "$(python3 -c 'import json
rows = [list(map(json.loads, l.split("\t"))) for l in open("joined")]
x = [r[0]["embedding"] for r in rows]
dot = lambda a, b: sum(p * q for p, q in zip(a, b))
unit = [[v / dot(a, a) ** 0.5 for v in a] for a in x]
for i, (_, n) in enumerate(rows):
    want = sorted((dot(unit[i], unit[j]) for j in range(len(x)) if j != i), reverse=True)[:3]
    got = [dot(unit[i], unit[j]) for j in n["neighbours"]]
    assert i not in n["neighbours"] and all(abs(a - b) < 1e-5 for a, b in zip(want, got))
    assert all(abs(a - b) < 1e-5 for a, b in zip(n["cosine"], got))
print("ok")')" ok
tembed -q -m b1.ten views.ten -o pairs.ten
teval --geometry pairs.ten >geometry
is 'geometry is what it says' "$(lines pairs.ten | python3 -c 'import json, math, sys
x = [json.loads(l)["embedding"] for l in sys.stdin]
dot = lambda a, b: sum(p * q for p, q in zip(a, b))
u = [[v / dot(a, a) ** 0.5 for v in a] for a in x]
d = lambda a, b: sum((p - q) ** 2 for p, q in zip(a, b))
align = sum(d(u[i], u[i + 1]) for i in range(0, len(u), 2)) / (len(u) // 2)
pairs = [math.exp(-2 * d(u[i], u[j])) for i in range(len(u)) for j in range(i)]
got = dict(l.split(": ") for l in open("geometry"))
print(abs(float(got["alignment"]) - align) < 1e-5, abs(float(got["uniformity"]) - math.log(sum(pairs) / len(pairs))) < 1e-4)')" 'True True'
# two classes that lie apart in a plane of the embedding, and one that is told by words
python3 -c 'import random
random.seed(1)
for i in range(200):
    good = random.random() < 0.5
    words = random.choices(["tree", "house", "river", "stone"], k=3) + [random.choice(["lovely", "fine"] if good else ["awful", "poor"])]
    random.shuffle(words)
    print("{\"text\": \"%s\", \"label\": %s}" % (" ".join(words), "true" if good else "false"))' >toy.jsonl
timport -q --as labelled toy.jsonl | ttok -q --records -m vocab.ten -o toy.ten
tcat -q -r 0:150 toy.ten -o toy.train.ten
tcat -q -r 150:200 toy.ten -o toy.test.ten
run 'bag of words' 0 '~^accuracy: 1$' '' teval --probe --train toy.train.ten toy.test.ten
tembed -q -m b1.ten toy.train.ten -o toy.train.e.ten
tembed -q -m b1.ten toy.test.ten -o toy.test.e.ten
teval --probe --train toy.train.e.ten toy.test.e.ten >probe
ok 'a probe of embeddings' awk '$1 == "accuracy:" { exit !($2 > 0.85) }' probe
run 'the same with one thread' 0 '' '' sh -c 'teval -j1 --probe --train toy.train.e.ten toy.test.e.ten | cmp - probe'
run 'neighbours vote' 0 '~^accuracy: (0[.][6-9]|1)' '' teval --knn 5 --train toy.train.e.ten toy.test.e.ten
is 'one neighbour of itself: all right' "$(teval --knn 1 --train toy.train.e.ten toy.train.e.ten | head -n 1)" 'accuracy: 1'
run 'JSON' 0 '~^\{"accuracy": .*"records": 50\}$' '' teval --knn 5 --jsonl --train toy.train.e.ten toy.test.e.ten
fails 'a label that training has not' 3 teval --probe --train toy.train.e.ten e.ten
fails 'no labels' 3 teval --probe --train pairs.ten pairs.ten
fails 'embeddings and words' 3 teval --probe --train toy.train.e.ten toy.test.ten
fails 'more neighbours than there are' 2 teval --knn 500 --train toy.train.e.ten toy.test.e.ten
fails 'a penalty of neighbours' 2 teval --knn 3 --l2 1 --train e.ten e.ten
fails 'something to learn from for geometry' 2 teval --geometry --train e.ten e.ten
fails 'intervals of a probe' 2 teval --probe --bootstrap 9 --train e.ten e.ten
fails 'what is never cut' 2 teval --geometry --truncate e.ten
fails 'two modes' 2 teval --probe --knn 3 --train e.ten e.ten
fails 'no mode' 2 teval e.ten
ok 'refused, they leave nothing' test ! -e x.ten
finish
