# teval --predicted: every measure against a count of its own in Python; entities against a script that counts
# as the shared task's does; slices, intervals, calibration, bad input.
. tests/lib.sh
export OMP_NUM_THREADS=1
have() { python3 -c 'import json' 2>/dev/null; }
have || skip_all 'python3 is not here'
value() { sed -n "s/^$2: //p" $1; }

# records that timport makes, with a field `predicted` put beside by a kept field: renamed through JSON lines
cat >make.py <<'END'
import json, random, sys
random.seed(7)
kind = sys.argv[1]
if kind == 'classify':
    for i in range(400):
        is_ = random.choice(['ant', 'bee', 'cat', 'cat'])
        said = is_ if random.random() < 0.6 else random.choice(['ant', 'bee', 'cat'])
        print(json.dumps({'text': 't%d' % i, 'label': is_, 'predicted': said, 'part': random.choice(['one', 'two'])}))
elif kind == 'multilabel':
    for i in range(300):
        a = [c for c in 'xyz' if random.random() < 0.4]
        b = [c for c in 'xyz' if (c in a) == (random.random() < 0.8)]
        print(json.dumps({'text': 't', 'labels': a, 'predicted': '\n'.join(b)}))
else:
    tags = ['O', 'O', 'O', 'B-per', 'I-per', 'B-org', 'I-org', 'I-loc', 'B-loc', 'E-loc', 'S-per']
    for i in range(500):
        n = random.randint(1, 12)
        a = [random.choice(tags) for _ in range(n)]
        b = [x if random.random() < 0.6 else random.choice(tags) for x in a]
        print(json.dumps({'tokens': ['w'] * n, 'tags': a, 'predicted': ' '.join(b)}))
END
python3 make.py classify >c.jsonl
python3 make.py multilabel >m.jsonl
python3 make.py tag >t.jsonl
timport -q --as labelled --keep predicted,part c.jsonl -o c.ten
timport -q --as multilabel --keep predicted m.jsonl -o m.ten
timport -q --as tagged --keep predicted t.jsonl -o t.ten
run 'classes' 0 '*' '' teval -q --predicted c.ten
cp "$T.out" c.out
python3 - <<'END' >c.want
import json, math
a = [json.loads(l) for l in open('c.jsonl')]
n = len(a)
names = sorted({r['label'] for r in a} | {r['predicted'] for r in a})
c = {(i, j): sum(r['label'] == i and r['predicted'] == j for r in a) for i in names for j in names}
t = {i: sum(c[i, j] for j in names) for i in names}
p = {j: sum(c[i, j] for i in names) for j in names}
right = sum(c[i, i] for i in names)
print('accuracy: %.9g' % (right / n))
print('macro_f1: %.9g' % (sum(2 * c[i, i] / (t[i] + p[i]) for i in names) / len(names)))
print('micro_f1: %.9g' % (right / n))
print('mcc: %.9g' % ((right * n - sum(t[i] * p[i] for i in names)) /
      math.sqrt((n * n - sum(x * x for x in p.values())) * (n * n - sum(x * x for x in t.values())))))
for i in names:
    print('class.%s.precision: %.9g' % (i, c[i, i] / p[i]))
    print('class.%s.recall: %.9g' % (i, c[i, i] / t[i]))
    print('class.%s.records: %d' % (i, t[i]))
for i in names:
    for j in names:
        if c[i, j]:
            print('confusion.%s.%s: %d' % (i, j, c[i, j]))
END
is 'accuracy, F1, Matthews, classes, confusion' "$(grep -Ev 'low|high|f1: |records: 400$' c.out; grep -E '^m.*_f1: ' c.out)" \
	"$(grep -Ev 'f1: ' c.want; grep -E '^m.*_f1: ' c.want)"
ok 'the interval holds the accuracy and is narrow' awk -F': ' '$1 == "accuracy" { a = $2 } $1 == "accuracy.low" { l = $2 }
	$1 == "accuracy.high" { h = $2 } END { exit !(l < a && a < h && h - l > 0.05 && h - l < 0.15) }' c.out
is 'intervals repeat' "$(OMP_NUM_THREADS=2 teval -q --predicted c.ten | md5sum)" "$(md5sum <c.out)"
teval -q --predicted --bootstrap 0 --slice part c.ten >s.out
python3 - <<'END' >s.want
import json
a = [json.loads(l) for l in open('c.jsonl')]
for part in ('one', 'two'):
    s = [r for r in a if r['part'] == part]
    print('slice.%s.records: %d' % (part, len(s)))
    print('slice.%s.accuracy: %.9g' % (part, sum(r['label'] == r['predicted'] for r in s) / len(s)))
END
is 'slices' "$(grep -E '^slice.*(records|accuracy)' s.out | sort)" "$(sort s.want)"
teval -q --predicted --bootstrap 0 m.ten >m.out
python3 - <<'END' >m.want
import json
a = [json.loads(l) for l in open('m.jsonl')]
sets = [(set(r['labels']), set(r['predicted'].split('\n')) - {''}) for r in a]
print('accuracy: %.9g' % (sum((c in x) == (c in y) for x, y in sets for c in 'xyz') / (3 * len(a))))
print('exact: %.9g' % (sum(x == y for x, y in sets) / len(a)))
f = [2 * sum(c in x and c in y for x, y in sets) / sum((c in x) + (c in y) for x, y in sets) for c in 'xyz']
print('macro_f1: %.9g' % (sum(f) / 3))
print('micro_f1: %.9g' % (2 * sum(len(x & y) for x, y in sets) / sum(len(x) + len(y) for x, y in sets)))
END
is 'labels that may hold together' "$(grep -E '^(accuracy|exact|m...._f1): ' m.out)" "$(cat m.want)"
teval -q --predicted --bootstrap 0 t.ten >t.out
python3 - t.jsonl <<'END' >t.col
import json, sys
for l in open(sys.argv[1]):
    r = json.loads(l)
    for w, a, b in zip(r['tokens'], r['tags'], r['predicted'].split()):
        print(w, a, b)
    print()
END
read -r there found correct <<<"$(python3 "$ROOT/tests/support/conlleval.py" <t.col)"
is 'entities on random predictions, as counted independently' \
	"$(value t.out entity_precision) $(value t.out entity_recall) $(value t.out entity_f1)" \
	"$(python3 -c "print('%.9g %.9g %.9g' % ($correct / $found, $correct / $there, 2 * $correct / ($found + $there)))")"
is 'and by type they add up' "$(awk -F': ' '/^entity\..*records/ { n += $2 } END { print n }' t.out)" "$there"
ok 'there are many' test "$correct" -gt 100
echo '{"tokens": ["a", "b"], "tags": ["O", "O"], "predicted": "O"}' | timport -q --as tagged --keep predicted -o short.ten
fails 'fewer predictions than tags' 3 teval --predicted short.ten
ok 'says where' grep -q 'short.ten: record 0: ' "$T.err"
echo '{"tokens": ["a"], "tags": ["O"], "predicted": "X-"}' | timport -q --as tagged --keep predicted -o x.ten
fails 'a predicted tag that is none of the classes' 3 teval --predicted x.ten
timport -q --as labelled c.jsonl -o bare.ten
fails 'no predictions' 3 teval --predicted bare.ten
fails 'a slice by what is not there' 3 teval --predicted --slice colour c.ten
fails 'calibration without probabilities' 2 teval --predicted --calibration cal.ten c.ten
fails 'two modes' 2 teval --predicted --geometry c.ten

# as many slices as there may be, each measured by its own records alone
awk 'BEGIN { for (i = 0; i < 65000; i++) printf "{\"text\": \"t\", \"label\": \"%s\", \"predicted\": \"a\", \"id\": %d}\n", i % 2 ? "a" : "b", i }' |
	timport -q --as labelled --keep predicted,id -o ids.ten
run 'many slices' 0 '~^slice.64999.accuracy: 1$' '*' bash -c 'ulimit -t 5; teval --predicted --slice id --bootstrap 0 ids.ten'
finish
