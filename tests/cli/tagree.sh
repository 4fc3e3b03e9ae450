# tagree: measures against worked examples and a count of its own in Python, simulated panels whose truth is known, what
# is written, what is refused. panel.py, which simulates them.
. tests/lib.sh
python3 -c 'import json' 2>/dev/null || skip_all 'python3 is not here'
panel="python3 $ROOT/pipelines/panel.py"
value() { sed -n "s/^$2: //p" "$1"; }

# ---- Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", example C: .743, .815, .849 ----
cat >c.py <<'END2'
rows = '123321412... 1233224125.3 .3332342251. 12332441251.'.split()
for r, row in enumerate(rows):
    for u, x in enumerate(row):
        if x != '.':
            print('{"prompt": "unit %d", "completion": "x", "rating": %s, "rater": "r%d"}' % (u, x, r))
END2
python3 c.py >c.jsonl
timport -q --as rating c.jsonl -o c.ten
run 'ratings' 0 '*' 'tagree: judgements_in=41 undecided=0 replaced=0 items_out=0' tagree c.ten
is 'alpha as in print' "$(grep ^alpha "$T.out")" "alpha_nominal: $(python3 -c 'print("%.9g" % (113 / 152))')
alpha_ordinal: $(python3 -c 'print("%.9g" % (108577 / 133160))')
alpha_interval: $(python3 -c 'print("%.9g" % (951 / 1120))')"
is 'what there is' "$(grep -E '^(kind|judgements|items|units|raters|model): ' "$T.out" | tr '\n' ' ')" \
	'kind: ratings judgements: 41 items: 12 units: 12 raters: 4 model: offsets '

# ---- likes: against sums over pairs, by definition ----
cat >likes.py <<'END2'
import json, random, sys
random.seed(5)
full = len(sys.argv) > 1
for u in range(40):
    for r in range(2 if full else 4):
        if full or random.random() < 0.7:
            print(json.dumps({'prompt': 'p%d' % u, 'completion': 'c', 'rater': 'r%d' % r,
                              'label': int(random.random() < (0.8 if u % 3 else 0.3))}))
END2
cat >measures.py <<'END2'
import json, sys
from fractions import Fraction as F
units = {}
for l in open(sys.argv[1]):
    r = json.loads(l)
    units.setdefault(r['prompt'], {})[r['rater']] = r['label']
many = [list(u.values()) for u in units.values() if len(u) > 1]
v = [x for u in many for x in u]
pairs = [(a, b) for u in many for i, a in enumerate(u) for b in u[:i]]
print('agreement: %.9g' % (sum(a == b for a, b in pairs) / len(pairs)))
if all(len(u) == 2 for u in units.values()):
    n = len(units)
    po = F(sum(u['r0'] == u['r1'] for u in units.values()), n)
    pe = sum(F(sum(u['r0'] == c for u in units.values()), n) * F(sum(u['r1'] == c for u in units.values()), n) for c in (0, 1))
    print('cohen_kappa: %.9g' % ((po - pe) / (1 - pe)))
    pe = sum(F(v.count(c), len(v)) ** 2 for c in (0, 1))
    print('fleiss_kappa: %.9g' % ((po - pe) / (1 - pe)))
do = sum(F(sum(a != b for a in u for b in u), len(u) - 1) for u in many) / len(v)
de = F(sum(a != b for a in v for b in v), len(v) * (len(v) - 1))
print('alpha: %.9g' % (1 - do / de))
END2
for what in '' full; do
	python3 likes.py $what >l.jsonl
	timport -q --as liked l.jsonl -o l.ten
	tagree -q l.ten >l.out
	is "likes: measures ${what:-with votes missing}" "$(grep -E '^(agreement|cohen|fleiss|alpha)' l.out)" "$(python3 measures.py l.jsonl)"
done
is 'JSON has the same' "$(tagree -q --jsonl l.ten | python3 -c 'import json, sys
for k, v in json.load(sys.stdin).items(): print("%s: %s" % (k, "%.9g" % v if isinstance(v, float) else v))')" "$(sed 's/nan/None/' l.out)"
is 'a pipe is the same as a file' "$(tagree -q <l.ten | md5sum)" "$(md5sum <l.out)"

# ---- a panel on pairs: a third answer at random ----
cat >make.py <<'END2'
import json, random, sys
random.seed(11)
n, k = int(sys.argv[1]), int(sys.argv[2])
for i in range(n):
    print(json.dumps({'prompt': 'p%d' % i, 'answers': ['%d.%d ' % (i, j) + 'w' * random.randint(1, 30) for j in range(k)],
                      'scores': [random.random() for _ in range(k)]}))
END2
cat >right.py <<'END2'
"""Share of the pairs of a consensus that are in the order of the hidden scores; `majority` with judgements as JSON lines."""
import json, sys
score = {}
for l in open(sys.argv[1]):
    r = json.loads(l)
    score.update(((r['prompt'], a), s) for a, s in zip(r['answers'], r['scores']))
votes = {}
for l in sys.stdin:
    r = json.loads(l)
    if 'text' in r:
        ends = [0] + r['answer_ends']
        r['prompt'], r['answers'] = r['text'], [r['answers'][a:b] for a, b in zip(ends, ends[1:])]
    for i, a in enumerate(r['answers']):
        for j, b in enumerate(r['answers'][:i]):
            key, sign = ((r['prompt'], a, b), 1) if a < b else ((r['prompt'], b, a), -1)
            d = r['ranks'][j] - r['ranks'][i]
            votes[key] = votes.get(key, 0) + sign * ((d > 0) - (d < 0))
good = 0
for (p, a, b), v in votes.items():
    d = score[p, a] - score[p, b]
    good += 0.5 if v == 0 else (v > 0) == (d > 0)
print('%.4f' % (good / len(votes)))
END2
near() { # VALUES WANTED: lists of equal length that differ by at most 0.05
	awk -v a="$1" -v b="$2" 'BEGIN { n = split(a, x, " "); m = split(b, y, " ")
	    if (n != m || n == 0) exit 1
	    for (i = 1; i <= n; i++) if (x[i] - y[i] > 0.05 || y[i] - x[i] > 0.05) exit 1 }'
}
python3 make.py 1000 2 >pairs.jsonl
$panel --raters 6 --reliability 0.95,0.9,0.8,0.7,0.5,0.5 pairs.jsonl >p.jsonl
timport -q --as preference p.jsonl -o p.ten
run 'a panel' 0 '*' '~items_out=1000$' tagree -o consensus.ten --raters raters.ten p.ten
cp "$T.out" p.out
is 'the model of pairs' "$(value p.out model)" dawid-skene
ok 'reliabilities are found' near "$(sed -n 's/^rater.*reliability: //p' p.out | tr '\n' ' ')" '0.95 0.9 0.8 0.7 0.5 0.5'
is 'those who answer at random are flagged' "$(sed -n 's/^rater\.\(.*\)\.flagged: 1/\1/p' p.out | tr '\n' ' ') $(value p.out flagged)" 'r5 r6  2'
best=$(tdump --jsonl consensus.ten | python3 right.py pairs.jsonl) most=$(python3 right.py pairs.jsonl <p.jsonl)
ok "the consensus is better than the majority: $best, $most" awk "BEGIN { exit !($best > $most + 0.03) }"
ok 'sound streams' tcheck -q consensus.ten raters.ten
is 'of kind judgements, one for each item' "$(tdump -n 0 consensus.ten | head -n 1) $(tdump --jsonl consensus.ten | wc -l)" 'kind: judgements 1000'
ok 'the weight says how often the consensus is right' test "$(tdump --jsonl consensus.ten >c1
	python3 - <<'END2'
import json, subprocess
rows = sorted((json.loads(l) for l in open('c1')), key=lambda r: r['weight'])
def right(part):
    lines = ''.join(json.dumps(r) + '\n' for r in part)
    return float(subprocess.run(['python3', 'right.py', 'pairs.jsonl'], input=lines, capture_output=True, text=True).stdout)
parts = [rows[:300], rows[300:]]
print(all(abs(right(p) - sum(r['weight'] for r in p) / len(p)) < 0.05 for p in parts))
END2
)" = True
is 'the same for files in another order' "$(head -n 2000 p.jsonl | timport -q --as preference -o p1.ten
	tail -n +2001 p.jsonl | timport -q --as preference -o p2.ten
	tagree -q p2.ten p1.ten | grep -E '^(agreement|alpha|fleiss)')" "$(grep -E '^(agreement|alpha|fleiss)' p.out)"
is 'the table' "$(tdump --csv raters.ten | head -n 1)" \
	'rater,judgements,compared,agreement,chance,p,reliability,position_bias,length_bias,flagged'
# Fleiss, with the pairs turned as the consensus has them
is 'kappa of pairs' "$(value p.out fleiss_kappa)" "$(python3 - <<'END2'
import json
first = {}
for l in open('c1'):
    r = json.loads(l)
    first[r['text']] = r['answers'][:r['answer_ends'][0]]
units = {}
for l in open('p.jsonl'):
    r = json.loads(l)
    units.setdefault(r['prompt'], []).append(r['answers'][r['ranks'].index(1)] == first[r['prompt']])
n, m = len(units), 6
agreed = sum((sum(u) ** 2 + (m - sum(u)) ** 2 - m) / (m * (m - 1)) for u in units.values()) / n
share = sum(map(sum, units.values())) / (n * m)
chance = share ** 2 + (1 - share) ** 2
print('%.9g' % ((agreed - chance) / (1 - chance)))
END2
)"

# ---- biases ----
$panel --raters 3 --reliability 0.9 --position-bias 0,0.6,0 --length-bias 0,0,0.6 pairs.jsonl | timport -q --as preference -o b.ten
tagree -q --raters b.raters b.ten >b.out
ok 'who takes the first shown' near "$(tdump --csv b.raters | awk -F, 'NR > 1 { printf "%s ", $8 }')" '0.5 0.8 0.5'
ok 'who takes the longer' near "$(tdump --csv b.raters | awk -F, 'NR > 1 { printf "%s ", $9 }')" '0.5 0.5 0.8'
is 'the panel repeats' "$($panel --raters 2 pairs.jsonl | md5sum)" "$($panel --raters 2 <pairs.jsonl | md5sum)"
ok 'another seed' test "$($panel --raters 2 pairs.jsonl | md5sum)" != "$($panel --raters 2 --seed 2 pairs.jsonl | md5sum)"

# ---- rankings: answers with many opponents ----
python3 make.py 30 8 >eight.jsonl
$panel --raters 6 --reliability 0.95,0.9,0.8,0.7,0.5,0.5 eight.jsonl >e.jsonl
timport -q --as preference e.jsonl -o e.ten
tagree -q -o e.consensus e.ten >e.out
is 'the model of answers with many opponents' "$(value e.out model)" crowd-bt
best=$(tdump --jsonl e.consensus | python3 right.py eight.jsonl) most=$(python3 right.py eight.jsonl <e.jsonl)
ok "better than the majority: $best, $most" awk "BEGIN { exit !($best > $most + 0.03) }"
ok 'and ordered: the random are last' test "$(sed -n 's/^rater\.\(.*\)\.reliability: /\1 /p' e.out | sort -k 2 -n | head -n 2 | cut -d ' ' -f 1 | sort | tr '\n' ' ')" = 'r5 r6 '
is 'the other model when asked for' "$(tagree -q --model dawid-skene e.ten | grep ^model)" 'model: dawid-skene'
is 'units are pairs' "$(value e.out units) $(value e.out items)" '840 30'

# ---- ratings: lenient raters, who saw different items ----
cat >rate.py <<'END2'
import json, random
random.seed(2)
for i in range(200):
    worth = random.gauss(4, 1)
    for r, (offset, error) in enumerate([(0, 0.3), (2, 0.3), (-2, 0.3), (0, 3)]):
        if (i + r) % 4 and not (r == 1 and worth > 4): # who is lenient saw the worse half
            print(json.dumps({'prompt': 'p%d' % i, 'completion': str(worth), 'rating': worth + offset + random.gauss(0, error), 'rater': 'r%d' % r}))
    if i % 20 == 0:
        print(json.dumps({'prompt': 'p%d' % i, 'completion': str(worth), 'rating': random.gauss(4, 2), 'rater': 'rare'}))
END2
python3 rate.py | timport -q --as rating -o rate.ten
tagree -q -o rated.ten --raters rate.raters rate.ten >rate.out
ok 'the consensus follows the worth, leniency apart' test "$(tdump --jsonl rated.ten | python3 -c '
import json, sys
x, y = zip(*((float(r["answers"]), r["rating"]) for r in map(json.loads, sys.stdin)))
mx, my = sum(x) / len(x), sum(y) / len(y)
print(sum((a - mx) * (b - my) for a, b in zip(x, y)) / (sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y)) ** 0.5 > 0.85)')" = True
ok 'who errs much is less reliable' awk -F': ' '/^rater.r0.reliability/ { a = $2 } /^rater.r3.reliability/ { b = $2 } END { exit !(a > 0.6 && b < 0.3) }' rate.out
is 'few judgements are no reason to be flagged' "$(value rate.out rater.rare.flagged) $(value rate.out rater.rare.judgements)" '0 10'
is 'no biases of ratings' "$(tdump --csv rate.raters | head -n 1)" 'rater,judgements,compared,agreement,chance,p,reliability,flagged'

# ---- skipped, repeated, alone ----
cat >few.jsonl <<'END2'
{"prompt": "p", "answers": ["x", "y"], "ranks": [1, 2], "rater": "ann"}
{"prompt": "p", "answers": ["y", "x"], "ranks": [1, 2], "rater": "ann"}
{"prompt": "p", "answers": ["x", "y"], "ranks": [0, 0], "rater": "ann"}
{"prompt": "q", "answers": ["x", "y"], "ranks": [1, 1], "rater": "ann"}
END2
timport -q --as preference few.jsonl | tagree -q -o few.ten >few.out
is 'counted' "$(grep -E '^(judgements|undecided|replaced|items|raters): ' few.out | tr '\n' ' ')" 'judgements: 4 undecided: 1 replaced: 1 items: 2 raters: 1 '
is 'what was said last counts, whatever the order of the answers' "$(tdump --jsonl few.ten | python3 -c '
import json, sys
for r in map(json.loads, sys.stdin): print(r["text"], dict(zip(r["answers"], r["ranks"])) in ({"y": 1, "x": 2}, {"y": 1, "x": 1}), sorted(r["ranks"]), r["raters"])')" 'p True [1, 2] 1
q True [1, 1] 1'
is 'alone there is no agreement' "$(grep -E '^(agreement|rater.ann.reliability): ' few.out | tr '\n' ' ')" 'agreement: nan rater.ann.reliability: nan '

# ---- refused ----
head -n 1 pairs.jsonl | $panel --raters 1 | sed 's/"rater": "r1", //' | timport -q --as preference -o nobody.ten
fails 'nobody has judged' 3 tagree nobody.ten
sed '2s/, "rater": "ann"//' few.jsonl | timport -q --as preference -o half.ten
fails 'a judgement of nobody' 3 tagree half.ten
ok 'by record' grep -qx 'tagree: half.ten: record 1: does not say who judged: the rater is empty' "$T.err"
fails 'ratings and likes' 3 tagree c.ten l.ten
ok 'named' grep -qx 'tagree: l.ten: has likes, the streams before have ratings' "$T.err"
sed -n 3p few.jsonl | timport -q --as preference -o skipped.ten
fails 'nothing is judged' 3 tagree -o x.ten skipped.ten
fails 'a model that is not of likes' 2 tagree --model crowd-bt -o x.ten l.ten
fails 'a model of ratings' 2 tagree --model dawid-skene -o x.ten c.ten
fails 'the consensus to standard output' 2 tagree -o - l.ten
ok 'nothing is left of them' test ! -e x.ten
printf 'Hi\t3\tann\ta\nHi\tnan\tann\tb\n' | "$BUILD/tests/support/mkjudged" rating rater >nan.ten
run 'a rating of NaN is one that was skipped' 0 '~^items: 1$' '~judgements_in=2 undecided=1 ' tagree nan.ten
# as many raters as there may be, in time that does not grow with their number times that of the votes
awk 'BEGIN { for (i = 0; i < 200000; i++) printf "{\"prompt\": \"p%d\", \"chosen\": \"x\", \"rejected\": \"y\", \"rater\": \"%d\"}\n", i % 9000, i % 65000 }' |
	timport -q --as preference -o many.ten
run 'many raters' 0 '*' '~judgements_in=200000 ' bash -c 'ulimit -t 2; tagree many.ten'
run 'panel.py: too few reliabilities' 1 '' '~^panel.py: --reliability' $panel --raters 3 --reliability 0.5,0.6 pairs.jsonl
echo '{"prompt": "p", "answers": ["x", "y"], "scores": [1]}' >bad.jsonl
run 'panel.py: too few scores' 1 '' '~^panel.py: line 1: ' $panel bad.jsonl
finish
