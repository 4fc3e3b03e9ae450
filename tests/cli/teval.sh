# teval: figures that can be computed again from what it writes.
. tests/lib.sh
cat "$ROOT"/LICENSE "$ROOT"/man/tenon.7 >text
tvocab -q -n 300 text -o vocab.ten
tvocab -q -n 280 text -o other.ten
ttok -q -m vocab.ten text -o tokens.ten
ttok -q -m other.ten text -o foreign.ten
tpack -q -l 32 tokens.ten -o rows.ten
tinit -q --layers 2 --heads 2 --width 32 --context 32 --vocab vocab.ten -o init.ten
tpretrain -q -j1 -m init.ten --steps 40 --warmup 5 --lr 5e-3 -o m.ten rows.ten
value() { awk -v k="$1:" '$1 == k { print $2 }' "$2"; }

teval -m m.ten tokens.ten >out 2>err
is "its lines" "$(cut -d: -f1 out | tr '\n' ' ')" "loss perplexity bits_per_byte accuracy records tokens trained bytes "
ok "the summary" grep -Eq '^teval: records_in=[0-9]+ evaluated=[0-9]+ dropped_short=0 tokens=[0-9]+ trained=[0-9]+$' err
is "bytes are the text's" "$(value bytes out)" "$(ttok -q -d -m vocab.ten tokens.ten | wc -c)"
is "tokens are the stream's" "$(value tokens out)" "$(tdump --jsonl -w 0 tokens.ten |
    /usr/bin/python3 -c 'import json, sys; print(sum(len(json.loads(l)["ids"]) for l in sys.stdin))')"
is "all but the first of a document are trained" "$(value trained out)" $(($(value tokens out) - $(value records out)))
ok "trained better than at the start" bash -c "
	teval -q -m init.ten tokens.ten | awk '/^loss/ { exit !(\$2 > $(value loss out) + 0.5) }'"
ok "-j does not matter" cmp out <(teval -q -j 3 -m m.ten tokens.ten)
ok "from a pipe" cmp out <(teval -q -m m.ten <tokens.ten)
ok "-o FILE is the same" bash -c 'teval -q -m m.ten tokens.ten -o two && cmp out two'
ok "--jsonl is the same" bash -c 'teval -q --jsonl -m m.ten tokens.ten | /usr/bin/python3 -c "
import json, sys
for k, v in json.loads(sys.stdin.read()).items(): print(\"%s: %.9g\" % (k, v))" | cmp - out'

# the figures again, from the log-probabilities of each record
again() { # DATA
	teval -q -m m.ten --per-record losses.ten "$1" >all
	tcheck losses.ten && tdump --jsonl -w 0 losses.ten | /usr/bin/python3 -c '
import json, math, sys
want = dict(l.split(": ") for l in open("all"))
nll = trained = records = 0
for l in sys.stdin:
    r = json.loads(l)
    assert r["record"] == records
    mine = -sum(r["logprobs"])
    assert abs(mine - r["loss"] * r["trained"]) < 1e-4 * max(1, mine), r["record"]
    assert r["trained"] == sum(p != 0 for p in r["logprobs"])
    nll, trained, records = nll + mine, trained + r["trained"], records + 1
assert trained == int(want["trained"]) and records == int(want["records"])
for k, v in ("loss", nll / trained), ("perplexity", math.exp(nll / trained)), \
    ("bits_per_byte", nll / math.log(2) / int(want["bytes"])):
    assert abs(v / float(want[k]) - 1) < 1e-5, (k, v, want[k])'
}
ok "from the records of documents" again tokens.ten
ok "from the records of rows" again rows.ten
ok "per-record: -j does not matter" bash -c 'teval -q -j 3 -m m.ten --per-record l3.ten rows.ten >/dev/null && cmp losses.ten l3.ten'
teval -q -m m.ten tokens.ten tokens.ten >twice
is "two files count twice" "$(value trained twice)" $((2 * $(value trained out)))
is "and have the same mean" "$(value accuracy twice)" "$(value accuracy out)"

fails "no model" 2 teval tokens.ten
fails "an unknown option" 2 teval -m m.ten --nonsense tokens.ten
fails "records of two streams" 2 teval -m m.ten --per-record x tokens.ten tokens.ten
fails "text as data" 3 teval -q -m m.ten text
fails "a model as data" 3 teval -q -m m.ten m.ten
fails "data as a model" 3 teval -q -m tokens.ten tokens.ten
id() { tdump --schema "$1" | awk '$1 == "tokenizer" { print $3 }'; }
run "another vocabulary: both ids" 3 '' "~$(id foreign.ten).*$(id m.ten)" teval -m m.ten foreign.ten
ok "the ids are ids" bash -c "[ $(id foreign.ten | wc -c) = 33 ] && [ $(id m.ten | wc -c) = 33 ]"
fails "no file" 1 teval -m m.ten absent
fails "no records" 3 teval -q -m m.ten <(tcat -q -r 0:0 tokens.ten)
for kind in untrained bad-target bad-position bad-length no-field abort; do
	"$BUILD"/tests/support/mkten $kind >$kind.ten
	fails "$kind" $([ $kind = abort ] && echo 4 || echo 3) teval -q -m m.ten --per-record nothing $kind.ten
done
"$BUILD"/tests/support/alter norm.weight 3 inf <m.ten >inf.ten
fails "a model with infinity" 5 teval -m inf.ten tokens.ten
"$BUILD"/tests/support/alter block.0.norm1.weight 3 3e38 <m.ten >huge.ten
fails "a model that computes NaN" 5 teval -q -m huge.ten --per-record nothing tokens.ten
ok "nothing is left" [ ! -e nothing ]
run "a full device" 1 '' '~^teval: .*No space left' bash -c 'teval -q -m m.ten tokens.ten >/dev/full'
finish
