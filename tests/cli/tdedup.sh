# tdedup: exact and near duplicates, how many of planted ones it finds, what it accounts for and refuses.
. tests/lib.sh
cp "$ROOT/pipelines/data/stories.txt" .
texts() { python3 -c 'import json, sys
for t in sys.argv[1:]: print(json.dumps({"text": t, "label": "l%d" % len(t)}))' "$@" | timport -q --as labelled; }
lines() { tdump --jsonl "$@"; }

# ---- exact ----

texts one two one . three two one . 'one ' >small.ten
run 'the first of each stays, in order' 0 '' 'tdedup: records_in=9 records_out=5 dropped_exact=4 dropped_near=0' tdedup small.ten -o kept.ten
is 'records stay as they are' "$(tdump --csv kept.ten)" 'text,label
one,l3
two,l3
.,l1
three,l5
one ,l4'
is 'kind and key-values stay' "$(tdump --schema kept.ten)" "$(tdump --schema small.ten)"
run 'a pipe' 0 '' '' sh -c 'cat small.ten | tdedup -q | tdump --csv >a && tdump --csv kept.ten | cmp - a'
run 'another field counts' 0 '' '~records_out=4 dropped_exact=5' tdedup --key label small.ten -o label.ten
is 'the first with each label' "$(tdump --csv -f text label.ten | tr '\n' ,)" 'text,one,.,three,one ,'
tvocab -q -n 300 stories.txt -o vocab.ten
n=$(ttok -q -m vocab.ten stories.txt | tdump --csv | sort -u | tail -n +2 | wc -l)
ttok -q -m vocab.ten stories.txt stories.txt -o twice.ten
run 'tokens' 0 '' "~ records_out=$n " tdedup twice.ten -o once.ten
run 'compressed' 0 '' '' sh -c 'tdedup -q -z twice.ten | tdedup -q -o z.ten; tdump --csv z.ten >a; tdump --csv once.ten | cmp - a'
run 'no record' 0 '' 'tdedup: records_in=0 records_out=0 dropped_exact=0 dropped_near=0' sh -c 'tcat -q -r 0:0 small.ten | tdedup --near -o none.ten'
run 'a stream of several segments' 0 '' '~ records_out=5 ' sh -c 'cat small.ten small.ten | tdedup -o two.ten'
python3 -c 'for i in range(8): print(" ".join("w%d" % (1000 + i if j == 300 else j) for j in range(600)))' | python3 -c 'import json, sys
for t in sys.stdin: print(json.dumps({"text": t.strip(), "label": "a"}))' | timport -q --as labelled -o one_word.ten
run 'at 1 only what has the same shingles' 0 '' '~ records_out=8 ' tdedup --near --threshold 1 --signature 8 one_word.ten -o eight.ten
run 'and nearly' 0 '' '~ records_in=18 records_out=4 dropped_exact=13 dropped_near=1$' sh -c 'cat small.ten small.ten >seg.ten; tdedup --near seg.ten -o two.ten'
run 'clusters of exact copies' 0 '' '' tdedup -q --clusters clusters.ten small.ten -o kept2.ten
is 'who is like whom' "$(tdump --csv clusters.ten)" 'record,cluster,kept,similarity
0,0,1,1
1,1,1,1
2,0,0,1
3,3,1,1
5,1,0,1
6,0,0,1
7,3,0,1'
ok 'a cluster is told of, whatever is kept' cmp kept.ten kept2.ten
"$BUILD/tests/support/mkten" types >types.ten
cat types.ten types.ten >types2.ten
run 'any type of field' 0 '' '~ records_in=2 records_out=1 ' tdedup --key grid types2.ten -o x.ten

# ---- near ----

words='alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi chi psi omega'
texts "$words" "$words end" "begin $words" "begin $words end" 'x y' ' x  y ' 'x z' ' ' '  ' >near.ten
run 'near duplicates' 0 '' 'tdedup: records_in=9 records_out=5 dropped_exact=0 dropped_near=4' tdedup --near --clusters clusters.ten near.ten -o kept.ten
is 'words count, white space does not' "$(tdump --csv -f text kept.ten)" "text
$words
x y
x z
 
  "
run 'clusters are a sound stream' 0 '~^clusters.ten: ok: clusters, 6 records' '' tcheck clusters.ten
is 'clusters' "$(tdump --csv -f record -f cluster -f kept clusters.ten | tr '\n' ' ')" 'record,cluster,kept 0,0,1 1,0,0 2,0,0 3,0,0 4,4,1 5,4,0 '
run 'a threshold above' 0 '' '~ dropped_near=1$' tdedup --near --threshold 0.99 near.ten -o x.ten
run 'bytes' 0 '' '~ dropped_near=3$' tdedup --near --unit bytes --shingle 9 near.ten -o x.ten
run 'bands that are given' 0 '' '~ dropped_near=4$' tdedup --near --bands 64 near.ten -o x.ten
is 'a pipe and a file: the same bytes' "$(tdedup -q --near <near.ten | md5sum)" "$(tdedup -q --near near.ten | md5sum)"
is 'a pipe, truly' "$(cat near.ten | tdedup -q --near | md5sum)" "$(tdedup -q --near near.ten | md5sum)"
is 'the clusters, too' "$(cat near.ten | tdedup -q --near --clusters c2.ten -o x.ten; md5sum <c2.ten)" "$(md5sum <clusters.ten)"

# Documents whose words follow the 1 / rank law, each with variants in which from none to a quarter of the words are replaced, taken away,
# added or exchanged, in random order; copies of variants, and copies of a preamble before different texts.
cat >plant.py <<'X'
import json, random
r = random.Random(7)
vocabulary = ["".join(r.choice("aeioubdklmnrst") for _ in range(r.randint(2, 9))) for _ in range(5000)]
def words(n): return [vocabulary[min(int(5000 ** r.random()) - 1, 4999)] for _ in range(n)]
def edit(text, rate):
    out = []
    for w in text:
        how = r.randrange(4) if r.random() < rate else -1
        if how == 0: out += words(1)
        elif how == 1: pass
        elif how == 2: out += [w] + words(1)
        elif how == 3 and out: out[-1:] = [w, out[-1]]
        else: out.append(w)
    return out
docs = []
for i in range(400):
    base = words(r.choice([20, 60, 200, 600]))
    docs.append(base)
    for _ in range(r.choice([0, 1, 1, 2, 5])):
        docs.append(edit(base, r.random() ** 2 * 0.25))
    if i % 20 == 0: docs.append(list(docs[-1]))
preamble = words(60)
docs += [preamble + words(60) for _ in range(150)]
r.shuffle(docs)
for d in docs: print(json.dumps({"text": " ".join(d)}))
X
# The clusters against all pairs of similarity that counts, by sets of shingles.
cat >judge.py <<'X'
import collections, json, sys
docs = [json.loads(l)["text"].split() for l in open(sys.argv[1])]
threshold, width = float(sys.argv[3]), int(sys.argv[4])
sets = [{tuple(d[i:i + width]) for i in range(max(1, len(d) - width + 1))} for d in docs]
where = collections.defaultdict(list)
for i, s in enumerate(sets):
    for x in s: where[x].append(i)
common = collections.Counter()
for at in where.values():
    common.update((a, b) for k, b in enumerate(at) for a in at[:k])
alike = {p: c / (len(sets[p[0]]) + len(sets[p[1]]) - c) for p, c in common.items()}
def join(pairs):
    root = list(range(len(docs)))
    def find(i):
        while root[i] != i: i = root[i]
        return i
    for a, b in pairs:
        a, b = find(a), find(b)
        root[max(a, b)] = min(a, b)
    return [find(i) for i in range(len(docs))]
truth = join(p for p, s in alike.items() if s >= threshold)
found = list(range(len(docs)))
off = 0
for l in open(sys.argv[2]):
    c = json.loads(l)
    found[c["record"]] = c["cluster"]
    a, b = sorted((c["record"], c["cluster"]))
    if a != b: off = max(off, abs(c["similarity"] - alike.get((a, b), 0)))
above = [p for p, s in alike.items() if s >= threshold + 0.05]
at = [p for p, s in alike.items() if s >= threshold]
pairs = [(a, b) for b in range(len(docs)) for a in range(b) if found[a] == found[b]]
share = lambda of, by: sum(by[a] == by[b] for a, b in of) / max(1, len(of))
right = sum(found[i] == i for i in range(len(docs)) if truth[i] == i) / sum(truth[i] == i for i in range(len(docs)))
print("pairs=%d recall=%.4f recall_above=%.4f precision=%.4f kept_right=%.4f similarity_off=%.3f" %
      (len(at), share(at, found), share(above, found), share(pairs, truth), right, off))
sys.exit(not (len(at) > 250 and share(above, found) >= 0.99 and share(at, found) >= 0.95 and share(pairs, truth) >= 0.99 and right >= 0.99 and off < 0.16))
X
python3 plant.py >planted.jsonl
timport -q planted.jsonl -o planted.ten
for t in 0.8 0.6 0.9; do
	tdedup --near --threshold $t --clusters clusters.ten planted.ten -o planted.$t.ten 2>account
	lines clusters.ten >clusters.jsonl
	figures=$(python3 judge.py planted.jsonl clusters.jsonl $t 5)
	result $? "planted duplicates at $t: $figures"
done
tdedup -q --near --threshold 0.8 --clusters clusters.ten planted.ten -o planted.0.8.ten
is 'any number of threads, the same bytes' "$(tdedup -q -j3 --near --threshold 0.8 --clusters c3.ten planted.ten | md5sum)" "$(md5sum <planted.0.8.ten)"
ok 'and the same clusters' cmp clusters.ten c3.ten
tvocab -q -n 1000 --split line planted.jsonl -o pv.ten
ttok -q --records --text -m pv.ten planted.ten -o ptokens.ten
run 'near duplicates of tokens' 0 '' '~ dropped_near=[1-9][0-9][0-9]$' tdedup --near --key ids ptokens.ten -o x.ten
is 'what is unique stays' "$(tdedup --near planted.0.8.ten -o again.ten 2>&1)" "tdedup: records_in=$(lines planted.0.8.ten | wc -l) records_out=$(lines planted.0.8.ten | wc -l) dropped_exact=0 dropped_near=0"
tcat -q -z planted.ten -o packed.ten
is 'a compressed file: the same records' "$(tdedup -q --near packed.ten | tdump --csv | md5sum)" "$(tdump --csv planted.0.8.ten | md5sum)"

# ---- memory: 4 bytes a number, 80 a content, 8 a record ----

if measures_memory tdedup; then
	seq 100000 | awk '{ print "{\"text\": \"a" $1 " b" $1 " c\"}" }' | timport -q -o many.ten
	peak() { /usr/bin/time -f %M -o peak tdedup -q "$@" -o x.ten <many.ten && cat peak; }
	tcat -q -r 0:1 many.ten -o few.ten
	base=$(/usr/bin/time -f %M tdedup -q --near few.ten -o x.ten 2>&1)
	is_below() { ok "$1: $2 KiB" test "$2" -lt "$3"; }
	is_below '100,000 different records' "$(peak)" $((base + 100000 * 50 / 1024 + 4096))
	# the temporary file of 7 MB is mapped
	"$BUILD/tests/support/mkten" wide >wide.ten
	ok '65,536 fields: fewer records at once' sh -c 'ulimit -v 4000000; exec tdedup -q --key f0 wide.ten -o x.ten'
	is_below 'near' "$(peak --near)" $((base + 100000 * (4 * 128 + 88) / 1024 + 7168 + 4096))
else
	skip 'peak of memory' 'needs /usr/bin/time, and a build without sanitizers'
fi

# ---- what it refuses ----

fails 'a field that is not there' 3 tdedup --key nothing small.ten -o x2.ten
"$BUILD/tests/support/mkten" metrics >metrics.ten
fails 'neither text nor ids' 3 tdedup metrics.ten -o x2.ten
ok 'says what to do' grep -q -- '--key' "$T.err"
fails 'no shingles of it' 3 tdedup --near --key step metrics.ten -o x2.ten
fails 'near options without --near' 2 tdedup --threshold 0.7 small.ten -o x2.ten
fails 'more bands than numbers' 2 tdedup --near --signature 16 --bands 17 small.ten -o x2.ten
fails 'a unit of tokens' 2 tdedup --near --unit bytes twice.ten -o x2.ten
fails 'two streams' 2 tdedup small.ten small.ten -o x2.ten
fails 'no similarity' 2 tdedup --near --threshold 1.5 small.ten -o x2.ten
head -c 9000 planted.ten >cut.ten
fails 'a stream that ends too early' 3 tdedup --near cut.ten -o x2.ten --clusters x2.clusters
ok 'refused, it leaves nothing' sh -c '! ls | grep -q "^x2"'
finish
