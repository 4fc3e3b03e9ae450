# treward: each loss learns a rule; the same bytes however it is run; micro-batches; what is cut; what does not fit.
. tests/lib.sh
export OMP_NUM_THREADS=2
. "$ROOT/tests/judged.sh"
. "$ROOT/tests/training.sh"
train() { OMP_NUM_THREADS=${J:-2} treward -q --warmup 5 -b 8 --lr 1e-2 "$@"; }

run 'a reward model' 0 '' '~^treward: new head: value$' treward -m base.ten --warmup 5 -b 8 --lr 1e-2 --epochs 4 --eval val.ten --metric accuracy --eval-every 40 --log run.ten -o rm.ten train.ten
ok 'says what was best' grep -Eq 'steps=120 epochs=[34] tokens_trained=1920 best_eval_accuracy=[01]\.[0-9]* best_step=[0-9]+' "$T.err"
teval -q -m rm.ten --reward --calibration cal.ten val.ten >said.txt
a=$(value accuracy <said.txt)
ok "learns the rule, on what it has not seen ($a)" above "$a" 0.9
ok 'better than by length' above "$a" "$(value longer_is_better <said.txt)"
is 'the log has its own columns' "$(tdump --schema run.ten | sed -n 's/^  \([a-z_]*\): .*/\1/p' | tr '\n' ' ')" \
	'step loss accuracy margin grad_norm lr tokens tokens_per_s gemm_share eval_loss eval_accuracy '
is 'the result is the best' "$(tdump --csv -f eval_accuracy run.ten | awk 'NR > 1 && $1 != "nan" && $1 + 0 > b { b = $1 } END { printf "%.6f", b }')" "$(printf %.6f "$a")"
is 'the calibration error is that of the bins' "$(tdump --csv cal.ten | awk -F, 'NR > 1 && $3 > 0 { n += $3; d = $4 - $5; s += $3 * (d < 0 ? -d : d) } END { printf "%.6f", s / n }')" \
	"$(value ece <said.txt | xargs printf %.6f)"
is 'pairs by length are all pairs' "$(sed -n 's/^length.*pairs: //p' said.txt | paste -sd+ | bc)" 60
run 'sound' 0 '' '' tcheck -q rm.ten train.ten

# against scores by hand
tscore -q -m rm.ten val.ten | tdump --jsonl -f ranks -f score | python3 -c 'import json, math, sys
pairs = [json.loads(line) for line in sys.stdin]
m = [(p["score"][0] - p["score"][1]) * (1 if p["ranks"][0] == 1 else -1) for p in pairs]
print("%.4f %.4f %.4f" % (sum(x > 0 for x in m) / len(m), sum(math.log1p(math.exp(-x)) for x in m) / len(m), sum(m) / len(m)))' >byhand
is 'measures are those of the scores' "$(printf '%.4f %.4f %.4f' "$a" "$(value loss <said.txt)" "$(value margin <said.txt)")" "$(cat byhand)"

# other losses
train -m base.ten --loss plackett-luce --epochs 4 -o pl.ten train.ten
a=$(teval -q -m pl.ten --reward --bootstrap 0 val.ten | value accuracy)
ok "rankings ($a)" above "$a" 0.9
awk -F '\t' -v OFS='\t' 'NR % 2 { split($2, r, ","); a = $3; b = $4; p = r[1]; q = r[2]; next } { split($2, r, ","); print $1, p "," q "," r[1] "," r[2], a, b, $3, $4 }' train.tsv | "$mkjudged" ranks | tchat -q --skip-bad -m base.ten -o four.ten
train -m base.ten --loss plackett-luce --epochs 8 -o four.rm.ten four.ten
a=$(teval -q -m four.rm.ten --reward --bootstrap 0 val.ten | value accuracy)
ok "rankings of four, with ties ($a)" above "$a" 0.9
train -m base.ten --epochs 4 -o liked.rm.ten train.liked.ten
a=$(teval -q -m liked.rm.ten --reward --bootstrap 0 val.liked.ten | value accuracy)
ok "liked or not ($a)" above "$a" 0.9
tinit -q --layers 1 --heads 1 --width 2 --context 64 --vocab vocab.ten | tgraft -q --template chatml --head value -o zero.ten
for at in 'weight 0' 'weight 1' 'bias 0'; do
	"$BUILD/tests/support/alter" value.$at 0 <zero.ten >x.ten
	mv x.ten zero.ten
done
treward -q -m zero.ten --steps 1 --log zero.log -o x.ten train.liked.ten
is 'a score of 0 is half right' "$(column zero.log accuracy) $(column zero.log margin)" '0.5 0'
train -m base.ten --epochs 6 -o rating.rm.ten train.rating.ten
a=$(teval -q -m rating.rm.ten --reward --bootstrap 0 val.rating.ten | value pearson)
ok "ratings ($a)" above "$a" 0.8
train -m base.ten --centre 1 --epochs 4 -o centred.ten train.ten
sums() { tscore -q -m $1 val.ten | tdump --jsonl -f score | sed 's/.*\[\(.*\)\].*/\1/' | awk -F, '{ s += ($1 + $2) ^ 2 } END { print s / NR }'; }
ok 'centring: the rewards of a pair have a smaller sum' above "$(sums rm.ten)" "$(sums centred.ten)"

# demonstrations: each the better answer of a line, beside the worse one of it and of the two lines before
shown() { # FILE RANKS: of the demonstration and its samples
	awk -F '\t' -v OFS='\t' -v ranks="$2" '{ split($2, r, ","); b = r[1] == 1 ? $3 : $4; w = r[1] == 1 ? $4 : $3 } NR > 2 { print $1, ranks, b, w, x, y } { y = x; x = w }' "$1" |
		"$mkjudged" ranks | tchat -q --skip-bad -m base.ten
}
shown train.tsv 1,2,2,2 >shown.ten
shown val.tsv 1,2,2,2 >shown.val.ten
demonstrated() { train -m base.ten --loss demonstration "$@"; }
demonstrated --epochs 4 --log shown.log -o shown.rm.ten --eval shown.val.ten --metric accuracy --eval-every 40 shown.ten
a=$(teval -q -m shown.rm.ten --reward --bootstrap 0 shown.val.ten | value accuracy)
ok "demonstrations ($a)" above "$a" 0.9
is 'the log has what chance gives, too' "$(tdump --schema shown.log | sed -n 's/^  \([a-z_]*\): .*/\1/p' | tr '\n' ' ')" \
	'step loss accuracy margin chance grad_norm lr tokens tokens_per_s gemm_share eval_loss eval_accuracy '
is 'log(1 + K)' "$(tdump --csv -f chance shown.log | sed 1d | cut -c 1-8 | sort -u)" 1.386294
ok 'the loss falls below it' above 1 "$(column shown.log loss)"
tcat -q -r 0:8 shown.ten -o eight.ten
train -m shown.rm.ten --loss demonstration --steps 1 --log eight.log -o x.ten eight.ten
tscore -q -m shown.rm.ten eight.ten | tdump --jsonl -f score | python3 -c 'import json, math, sys
s = [json.loads(line)["score"] for line in sys.stdin]
print("%.4f %.4f" % (sum(math.log(sum(math.exp(x - r[0]) for x in r)) for r in s) / len(s), sum(r[0] - x for r in s for x in r[1:]) / 3 / len(s)))' >byhand
is 'loss and margin are those of the scores' "$(printf '%.4f %.4f' "$(column eight.log loss)" "$(column eight.log margin)")" "$(cat byhand)"
shown train.tsv 1,2,4,3 >ordered.ten
J=1 demonstrated --steps 12 --log d1.log -o d1.ten shown.ten
J=2 demonstrated --steps 12 --log d2.log -o d2.ten shown.ten
ok 'the same bytes for any number of threads' cmp d1.ten d2.ten
demonstrated --steps 12 --log d3.log -o d3.ten ordered.ten
is 'the order of samples does not count' "$(tdump --jsonl d3.ten | md5sum)" "$(tdump --jsonl d1.ten | md5sum)"
is 'nor in what is measured' "$(tdump --csv -f loss -f accuracy -f margin d3.log)" "$(tdump --csv -f loss -f accuracy -f margin d1.log)"
demonstrated --steps 12 --micro 1 --log d4.log -o x.ten shown.ten
losses() { tdump --csv -f loss $1 | sed -n '2,9s/\(\.[0-9]\{4\}\).*/\1/p'; }
is 'micro-batches' "$(losses d4.log)" "$(losses d1.log)"
demonstrated --centre 1 --epochs 4 -o shown.centred.ten shown.ten
square() { tscore -q -m $1 shown.val.ten | tdump --jsonl -f score | sed 's/.*\[\(.*\)\].*/\1/' | awk -F, '{ s += $1 ^ 2 + $2 ^ 2 + $3 ^ 2 + $4 ^ 2 } END { print s / NR }'; }
ok 'centring: smaller rewards' above "$(square shown.rm.ten)" "$(square shown.centred.ten)"

# a margin and a weight
printf 'Q\t1,2\t%s\tgold\tbread\n' 0 | "$mkjudged" ranks margin | tchat -q -m base.ten -o m0.ten
printf 'Q\t1,2\t%s\tgold\tbread\n' 3 | "$mkjudged" ranks margin | tchat -q -m base.ten -o m3.ten
for m in m0 m3; do
	treward -q -m rm.ten --steps 1 --log $m.log -o x.ten $m.ten
done
is 'a margin is wanted' "$(echo "$(column m3.log loss) $(column m3.log margin)" | awk '{ d = $1 - log(1 + exp(3 - $2)); print (d < 1e-5 && d > -1e-5) }')" 1
is 'none' "$(echo "$(column m0.log loss) $(column m0.log margin)" | awk '{ d = $1 - log(1 + exp(-$2)); print (d < 1e-5 && d > -1e-5) }')" 1
printf 'Q\t1,2\t0\tgold\tbread\nQ\t1,2\t2\thill\tcat\n' | "$mkjudged" ranks weight | tchat -q -m base.ten -o w.ten
printf 'Q\t1,2\thill\tcat\n' | "$mkjudged" ranks | tchat -q -m base.ten -o w1.ten
treward -q -m rm.ten --steps 1 -b 2 --log w.log -o x.ten w.ten
treward -q -m rm.ten --steps 1 -b 1 --log w1.log -o x.ten w1.ten
is 'no weight, no say' "$(column w.log loss | cut -c 1-7)" "$(column w1.log loss | cut -c 1-7)"

treward -q -m rm.ten --steps 2 -b 1 --warmup 0 --log w2.log -o w2.rm.ten w.ten
is 'a step of such alone says nothing' "$(tdump --csv -f loss -f accuracy -f grad_norm w2.log | awk -F, 'NR == 2')" '0,nan,0'
ok 'the next one does' above "$(column w2.log loss | tail -n 1)" 0
printf 'Q\t1,2\t0\tgold\tbread\n' | "$mkjudged" ranks weight | tchat -q -m base.ten -o w0.ten
fails 'no weight at all' 3 treward -q -m rm.ten --steps 2 -b 1 -o x.ten w0.ten

# the same bytes
J=1 train -m base.ten --steps 12 --lora 2 --dropout 0.1 --eval val.ten --eval-every 5 -o j1.ten train.ten
J=2 train -m base.ten --steps 12 --lora 2 --dropout 0.1 --eval val.ten --eval-every 5 -o j2.ten train.ten
ok 'for any number of threads' cmp j1.ten j2.ten
train -m base.ten --steps 40 -o file.ten train.ten
train -m base.ten --steps 40 -o pipe.ten <train.ten
is 'from a file and from a pipe' "$(tdump --jsonl file.ten | md5sum)" "$(tdump --jsonl pipe.ten | md5sum)"
train -m base.ten --epochs 1 -o epoch.ten <train.ten
is 'a pipe has epochs, too' "$(tdump --jsonl epoch.ten | md5sum)" "$(train -m base.ten --steps 30 -o x.ten train.ten; tdump --jsonl x.ten | md5sum)"
go() { train -m base.ten --steps 80 --unfreeze 10 --save-every 7 --eval val.ten --eval-every 9 --metric accuracy --log "$1.log" -o $1.ten train.ten; }
go whole
export -f go train
J=1 killed 'a training' 3 cut.ten go cut
ok 'the same bytes' cmp whole.ten cut.ten
is 'and the log' "$(tdump --csv -f step -f loss -f accuracy -f margin -f eval_accuracy cut.log | md5sum)" "$(tdump --csv -f step -f loss -f accuracy -f margin -f eval_accuracy whole.log | md5sum)"
loss() { tdump --csv -f loss $1 | sed -n '2,9s/\(\.[0-9]\{4\}\).*/\1/p'; }
train -m base.ten --steps 8 --log a.log -o x.ten four.ten
train -m base.ten --steps 8 --micro 1 --log b.log -o x.ten four.ten
is 'micro-batches: the same losses' "$(loss a.log)" "$(loss b.log)"
tensor() { tdump --jsonl -f "$2" "$1" | md5sum; }
is 'adapters leave the model as it was' "$(tensor j1.ten block.0.query.weight)" "$(tensor base.ten block.0.query.weight)"
tgraft -q --freeze 'value.*' rm.ten -o head.ten
train -m head.ten --steps 6 -o h.ten train.ten
is 'a head that the model has frozen stays' "$(tensor h.ten value.weight) $(tensor h.ten value.bias)" "$(tensor rm.ten value.weight) $(tensor rm.ten value.bias)"
ok 'the rest does not' test "$(tensor h.ten embed.token)" != "$(tensor rm.ten embed.token)"

# what does not fit
fails 'one stream' 2 treward -m base.ten --steps 1 -o x.ten train.ten val.ten
ttok -q -m base.ten "$ROOT/pipelines/data/stories.txt" -o plain.ten
fails 'tokens are no candidates' 3 treward -m base.ten --steps 1 -o x.ten plain.ten
ok 'says who makes some' grep -q 'tchat makes candidates' "$T.err"
tcat -q -f ids,ends,targets,scored train.ten -o silent.ten
fails 'nothing is said' 3 treward -m base.ten --steps 1 -o x.ten silent.ten
ok 'so' grep -q 'has neither ranks, rating nor liked' "$T.err"
tcat -q -r 0:0 train.ten -o none.ten
fails 'no records' 3 treward -m base.ten --epochs 1 -o x.ten none.ten
ok 'so' grep -q 'none.ten: there are no records' "$T.err"
fails 'none to measure, said before the first step' 3 treward -m base.ten --steps 1000000000 --eval none.ten -o x.ten train.ten
fails 'another field' 3 treward -m base.ten --loss rating --steps 1 -o x.ten train.ten
fails 'nor its centre at 0' 2 treward -m base.ten --loss rating --centre 0 --steps 1 -o x.ten train.rating.ten
is 'it says so' "$(cat "$T.err")" 'treward: --centre is for comparisons, not for rating'
fails 'a pair is not rated' 2 treward -m base.ten --loss rating --centre 1 --steps 1 -o x.ten train.rating.ten
fails 'ratings have no accuracy' 2 treward -m base.ten --eval val.rating.ten --metric accuracy --steps 1 -o x.ten train.rating.ten
"$BUILD/tests/support/mkten" few-types >few.ten
fails 'fewer types than tokens' 3 treward -q -m base.ten --steps 1 -o x.ten few.ten
is 'it says so' "$(cat "$T.err")" 'treward: few.ten: record 0: 4 ids but 1 types'
printf 'Q\t1\tgold\n' | "$mkjudged" ranks | tchat -q -m base.ten -o one.ten
fails 'nothing to compare' 3 treward -q -m base.ten --steps 1 -o x.ten one.ten
ok 'by its record' grep -q 'one.ten: record 0: one answer: there is nothing to compare' "$T.err"
fails 'no value head' 3 teval -m base.ten --reward val.ten
fails 'a mode with another' 2 teval -m rm.ten --reward --task val.ten
printf 'Q\t1,1\tgold\tbread\n' | "$mkjudged" ranks | tchat -q -m base.ten -o ties.ten
fails 'ties alone say nothing' 3 teval -m rm.ten --reward ties.ten
fails 'demonstrations alone' 3 treward -q -m base.ten --loss demonstration --steps 1 -o x.ten ties.ten
ok 'by the record' grep -q '^treward: ties.ten: record 0: all answers have rank 1: there is no sample to tell the demonstration from$' "$T.err"
printf 'Q\t1,2\tgold\tbread\nQ\t2,3\tgold\tbread\n' | "$mkjudged" ranks | tchat -q -m base.ten -o second.ten
fails 'samples alone' 3 treward -q -m base.ten --loss demonstration --steps 1 -o x.ten second.ten
ok 'by the record' grep -q '^treward: second.ten: record 1: no answer has rank 1: there is no demonstration$' "$T.err"
fails 'to measure, too' 3 treward -q -m base.ten --loss demonstration --steps 2 --eval second.ten -o x.ten train.ten
ok 'by the record' grep -q '^treward: second.ten: record 1: no answer has rank 1' "$T.err"
fails 'one answer' 3 treward -q -m base.ten --loss demonstration --steps 1 -o x.ten one.ten
ok 'by its record' grep -q '^treward: one.ten: record 0: one answer: there is nothing to compare$' "$T.err"
fails 'not of demonstrations' 3 treward -q -m base.ten --loss demonstration --steps 1 -o x.ten train.liked.ten
ok 'so' grep -q '^treward: train.liked.ten: has no field `ranks., which --loss demonstration needs$' "$T.err"
run 'but can be learnt' 0 '' '' treward -q -m base.ten --steps 2 -o x.ten ties.ten
finish
