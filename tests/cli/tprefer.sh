# tprefer: each loss learns a rule; the log; the same bytes however it is run; micro-batches; what does not fit.
. tests/lib.sh
export OMP_NUM_THREADS=2
. "$ROOT/tests/judged.sh"
. "$ROOT/tests/training.sh"
for p in train val train.liked val.liked; do
	tscore -q --likelihood -m base.ten $p.ten -o $p.ref.ten
done
train() { OMP_NUM_THREADS=${J:-2} tprefer -q --warmup 5 -b 8 --lr 5e-3 "$@"; }
# by how much the better answer is the more probable one, on average over the held-out pairs
margin() { tscore -q --likelihood --field now -m $1 val.ten | tdump --jsonl -f ranks -f now | python3 -c 'import json, sys
m = [json.loads(line) for line in sys.stdin]
print(sum((r["now"][0] - r["now"][1]) * (1 if r["ranks"][0] < r["ranks"][1] else -1) for r in m) / len(m))'; }

run 'preferences' 0 '' '~^tprefer: training [0-9]+ of [0-9]+ numbers' tprefer -m base.ten --warmup 5 -b 8 --lr 5e-3 --epochs 4 --eval val.ref.ten --metric accuracy --eval-every 40 --log run.ten -o sigmoid.ten train.ref.ten
a=$(sed -n 's/.*best_eval_accuracy=\([0-9.]*\) .*/\1/p' "$T.err")
ok "are learnt ($a)" above "$a" 0.9
before=$(margin base.ten) after=$(margin sigmoid.ten)
ok "the better answers have become more probable ($before to $after)" above "$after" "$(awk -v x="$before" 'BEGIN { print x + 2 }')"
is 'the log has its own columns' "$(tdump --schema run.ten | sed -n 's/^  \([a-z_/]*\): .*/\1/p' | tr '\n' ' ')" \
	'step loss rewards/chosen rewards/rejected rewards/accuracies rewards/margins logps/chosen logps/rejected grad_norm lr tokens tokens_per_s gemm_share eval_loss eval_accuracy '
is 'the first loss is log 2, for nothing has moved' "$(tdump --csv -f loss run.ten | sed -n 2p | cut -c 1-7)" 0.69314
is 'margins are those of the rewards' "$(tdump --csv -f rewards/chosen -f rewards/rejected -f rewards/margins run.ten | awk -F, 'NR > 1 { d = $1 - $2 - $3; if (d > 1e-9 || d < -1e-9) bad = 1 } END { print bad + 0 }')" 0
run 'sound' 0 '' '' tcheck -q sigmoid.ten

for loss in 'sigmoid --label-smoothing 0.1' ipo hinge kto 'orpo --lambda 1' simpo; do
	train -m base.ten --loss $loss --epochs 4 -o x.ten train.ref.ten
	after=$(margin x.ten)
	ok "$loss ($after)" above "$after" "$(awk -v x="$before" 'BEGIN { print x + 1 }')"
done
train -m base.ten --loss kto --epochs 4 -o x.ten train.liked.ref.ten
after=$(margin x.ten)
ok "kto of single answers ($after)" above "$after" "$(awk -v x="$before" 'BEGIN { print x + 1 }')"
train -m base.ten --loss simpo --steps 5 -o a.ten train.ten
train -m base.ten --loss simpo --steps 5 -o b.ten train.ref.ten
is 'simpo knows no reference' "$(tdump --jsonl a.ten | md5sum)" "$(tdump --jsonl b.ten | md5sum)"

# the same bytes
J=1 train -m base.ten --steps 12 --lora 2 --dropout 0.1 --eval val.ref.ten --eval-every 5 -o j1.ten train.ref.ten
J=2 train -m base.ten --steps 12 --lora 2 --dropout 0.1 --eval val.ref.ten --eval-every 5 -o j2.ten train.ref.ten
ok 'for any number of threads' cmp j1.ten j2.ten
tensor() { tdump --jsonl -f "$2" "$1" | md5sum; }
is 'adapters leave the model as it was' "$(tensor j1.ten block.0.query.weight) $(tensor j1.ten embed.token)" "$(tensor base.ten block.0.query.weight) $(tensor base.ten embed.token)"
train -m base.ten --steps 40 -o file.ten train.ref.ten
train -m base.ten --steps 40 -o pipe.ten <train.ref.ten
is 'from a file and from a pipe' "$(tdump --jsonl file.ten | md5sum)" "$(tdump --jsonl pipe.ten | md5sum)"
go() { train -m base.ten --loss kto --steps 60 --micro 3 --save-every 7 --eval val.ref.ten --eval-every 9 --log "$1.log" -o $1.ten train.ref.ten; }
go whole
export -f go train
J=1 killed 'a training' 3 cut.ten go cut
ok 'the same bytes' cmp whole.ten cut.ten
is 'and the log' "$(tdump --csv -f step -f loss -f rewards/accuracies -f logps/chosen -f eval_loss cut.log | md5sum)" "$(tdump --csv -f step -f loss -f rewards/accuracies -f logps/chosen -f eval_loss whole.log | md5sum)"
loss() { tdump --csv -f loss $1 | sed -n '2,9s/\(\.[0-9]\{4\}\).*/\1/p'; }
for l in sigmoid kto; do
	train -m base.ten --loss $l --steps 8 --log a.log -o x.ten train.ref.ten
	train -m base.ten --loss $l --steps 8 --micro 3 --log b.log -o x.ten train.ref.ten
	is "micro-batches: the same losses of $l" "$(loss a.log)" "$(loss b.log)"
done

# what does not fit
fails 'no reference' 3 tprefer -m base.ten --steps 1 -o x.ten train.ten
ok 'says what adds one' grep -q 'train.ten: has no field .reference., which --loss sigmoid needs: tscore --likelihood -m base.ten -o referenced.ten train.ten adds it' "$T.err"
fails 'nor in the evaluation' 3 tprefer -m base.ten --eval val.ten --steps 1 -o x.ten train.ref.ten
fails 'single answers are no pairs' 3 tprefer -m base.ten --steps 1 -o x.ten train.liked.ref.ten
fails 'a margin of another loss' 2 tprefer -m base.ten --gamma 1 --steps 1 -o x.ten train.ref.ten
fails 'odds of another loss' 2 tprefer -m base.ten --lambda 1 --steps 1 -o x.ten train.ref.ten
fails 'smoothing of another loss' 2 tprefer -m base.ten --loss ipo --label-smoothing 0.1 --steps 1 -o x.ten train.ref.ten
fails 'orpo has no beta' 2 tprefer -m base.ten --loss orpo --beta 1 --steps 1 -o x.ten train.ref.ten
tinit -q --arch bert --layers 1 --heads 2 --width 16 --context 64 --vocab vocab.ten | tgraft -q --template chatml -o bert.ten
tchat -q -m bert.ten -o bert.val.ten <("$mkjudged" ranks <val.tsv)
fails 'an encoder does not answer' 2 tprefer -m bert.ten --loss simpo --steps 1 -o x.ten bert.val.ten
fails 'the metric of nothing' 2 tprefer -m base.ten --metric accuracy --steps 1 -o x.ten train.ref.ten
finish
