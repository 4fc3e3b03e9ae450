# tfinetune: each task is learnt; the same bytes however it is run; micro-batches, adapters, frozen layers, early
# stopping, the best is kept; what does not fit is named.
. tests/lib.sh
. "$ROOT/tests/training.sh"
export OMP_NUM_THREADS=2
python3 -c 'import json' 2>/dev/null || skip_all 'python3 is not here'
cp "$ROOT/pipelines/data/stories.txt" .
tvocab -q -n 300 stories.txt -o vocab.ten
cat >make.py <<'END'
import json, random, sys
random.seed(3)
names = ['fox', 'hen', 'owl', 'cat']
for i in range(160):
    n = random.randint(3, 7)
    words = [random.choice(['the', 'big', 'old', 'sat', 'ran', 'in', 'sun'] + names) for _ in range(n)]
    has = [a for a in names if a in words]
    print(json.dumps({'text': ' '.join(words), 'label': 'yes' if 'fox' in words else 'no', 'labels': has,
                      'value': 0.5 * words.count('hen') + words.count('cat'), 'tokens': words,
                      'tags': [('B-' + w) if w in names[:2] else 'O' for w in words], 'part': 'long' if n > 5 else 'short'}))
END
python3 make.py >all.jsonl
head -n 120 all.jsonl >train.jsonl
tail -n 40 all.jsonl >val.jsonl
for k in labelled multilabel value tagged; do
	for p in train val; do
		timport -q --as $k --keep part $p.jsonl | ttok -q --records -m vocab.ten -o $k.$p.ten
	done
done
tinit -q --arch bert --norm pre --layers 2 --heads 2 --width 32 --context 32 --vocab vocab.ten -o bert.ten
tinit -q --layers 2 --heads 2 --width 32 --context 32 --vocab vocab.ten -o gpt.ten
tinit -q --arch llama --layers 2 --heads 2 --width 32 --context 32 --vocab vocab.ten -o llama.ten
value() { sed -n "s/^$1: //p"; }
above() { awk -v x="$1" -v y="$2" 'BEGIN { exit !(x > y) }'; }
tune() { OMP_NUM_THREADS=${J:-2} tfinetune -q --warmup 5 -b 8 "$@"; }

# every task, every family
run 'classes' 0 '' '~new head: classify with 2 outputs' tfinetune -m bert.ten --warmup 5 -b 8 --epochs 14 --lr 3e-3 --eval labelled.val.ten --metric accuracy --eval-every 30 --log run.ten -o c.ten labelled.train.ten
ok 'says how much it trains' grep -q '^tfinetune: training [0-9]* of [0-9]* numbers' "$T.err"
ok 'says what was best' grep -Eq 'steps=210 epochs=14 tokens_trained=1680 best_eval_accuracy=[01]\.[0-9]* best_step=[0-9]+' "$T.err"
fails 'steps or epochs' 2 tfinetune -m bert.ten --steps 5 --epochs 2 -o x.ten labelled.train.ten
a=$(teval -q -m c.ten --task --bootstrap 0 labelled.val.ten | value accuracy)
ok "are learnt ($a)" above "$a" 0.9
is 'the result is the best' "$(tdump --csv -f step -f eval_accuracy run.ten | awk -F, 'NR > 1 && $2 != "nan" && $2 > b { b = $2 } END { printf "%.6f", b }')" "$(printf %.6f "$a")"
for m in gpt llama; do
	tune -m $m.ten --epochs 14 --lr 3e-3 -o x.ten labelled.train.ten
	a=$(teval -q -m x.ten --task --bootstrap 0 labelled.val.ten | value accuracy)
	ok "$m learns them, too ($a)" above "$a" 0.9
done
tune -m bert.ten --epochs 20 --lr 3e-3 -o m.ten multilabel.train.ten
a=$(teval -q -m m.ten --task --bootstrap 0 multilabel.val.ten | value micro_f1)
ok "labels that may hold together ($a)" above "$a" 0.85
tune -m bert.ten --epochs 30 --lr 3e-3 --weight-decay 0 -o v.ten value.train.ten
a=$(teval -q -m v.ten --task --bootstrap 0 value.val.ten | value pearson)
ok "numbers ($a)" above "$a" 0.8
tune -m bert.ten --epochs 14 --lr 3e-3 -o t.ten tagged.train.ten
a=$(teval -q -m t.ten --task --bootstrap 0 tagged.val.ten | value entity_f1)
ok "tags ($a)" above "$a" 0.9

# predictions out, and measured again
teval -q -m c.ten --task --predictions p.ten --calibration cal.ten --slice part labelled.val.ten >direct.txt
is 'predictions measured again: the same' "$(teval -q --predicted --slice part p.ten | grep -Ev '(loss|ece)(|\.low|\.high): ')" "$(grep -Ev '(loss|ece)(|\.low|\.high): ' direct.txt)"
is 'the calibration error is that of the bins' "$(tdump --csv cal.ten | awk -F, 'NR > 1 && $3 > 0 { n += $3; d = $4 - $5; s += $3 * (d < 0 ? -d : d) } END { printf "%.5f", s / n }')" \
	"$(teval -q -m c.ten --task --bootstrap 0 labelled.val.ten | value ece | xargs printf %.5f)"
teval -q -m t.ten --task --predictions pt.ten tagged.val.ten >direct.txt
is 'tags measured again: the same' "$(teval -q --predicted pt.ten | grep -Ev '(loss|ece)(|\.low|\.high): ')" "$(grep -Ev '(loss|ece)(|\.low|\.high): ' direct.txt)"
for s in nan inf -0.5 1.5; do
	"$BUILD/tests/support/alter" scores 1 $s <p.ten >odd.ten
	fails "a score of $s" 3 teval -q --predicted odd.ten
	is 'it says so' "$(cat "$T.err")" "teval: odd.ten: record 0: a score of $s is no probability"
done
for at in 'weight 32' 'bias 1'; do
	"$BUILD/tests/support/alter" score.$at 3e38 <"${odd:-c.ten}" >"odd.$at.ten"
	odd=odd.$at.ten
done
fails 'a head that says more than numbers can be' 5 teval -q -m "$odd" --task labelled.val.ten
ok 'it says so' grep -qx 'teval: record [0-9]*: output 1 of the model is not finite' "$T.err"
tcat -q -f ids labelled.val.ten -o bare.ten
run 'without labels: predictions alone' 0 '' '' teval -q -m c.ten --task --predictions q.ten bare.ten
is 'the same' "$(tdump --jsonl -f predicted q.ten | md5sum)" "$(tdump --jsonl -f predicted p.ten | md5sum)"
fails 'and measures need them' 3 teval -m c.ten --task bare.ten
teval -q -m m.ten --task --predictions pm.ten --bootstrap 0 multilabel.val.ten >direct.txt
is 'labels measured again: the same' "$(teval -q --predicted --bootstrap 0 pm.ten)" "$(grep -v '^loss' direct.txt)"
teval -q -m v.ten --task --predictions pv.ten --bootstrap 0 value.val.ten >direct.txt
is 'numbers measured again: the same to the digits of floats' "$(teval -q --predicted --bootstrap 0 pv.ten | sed 's/\(\.[0-9]\{5\}\).*/\1/')" "$(sed 's/\(\.[0-9]\{5\}\).*/\1/' direct.txt)"
"$BUILD/tests/support/alter" scores 0 nan <pv.ten >odd.ten
fails 'a number that is none' 3 teval -q --predicted odd.ten

# the same bytes
J=1 tune -m bert.ten --steps 12 --lora 2 --dropout 0.1 --eval labelled.val.ten --eval-every 5 -o j1.ten labelled.train.ten 2>/dev/null
J=2 tune -m bert.ten --steps 12 --lora 2 --dropout 0.1 --eval labelled.val.ten --eval-every 5 -o j2.ten labelled.train.ten 2>/dev/null
ok 'for any number of threads' cmp j1.ten j2.ten
tune -m bert.ten --steps 40 -o file.ten labelled.train.ten
tune -m bert.ten --steps 40 -o pipe.ten <labelled.train.ten
is 'from a file and from a pipe' "$(tdump --jsonl file.ten | md5sum)" "$(tdump --jsonl pipe.ten | md5sum)"
go() { tune -m bert.ten --steps 60 --unfreeze 10 --layer-decay 0.8 --save-every 7 --eval tagged.val.ten --eval-every 9 --metric entity_f1 --log "$1.log" -o $1.ten tagged.train.ten; }
go whole 2>/dev/null
export -f go tune
J=1 killed 'a training' 3 cut.ten go cut
ok 'the same bytes' cmp whole.ten cut.ten
is 'and the log' "$(tdump --csv -f step -f loss -f eval_entity_f1 cut.log | md5sum)" "$(tdump --csv -f step -f loss -f eval_entity_f1 whole.log | md5sum)"
loss() { tdump --csv -f loss $1 | sed -n "$2s/\(\.[0-9]\{4\}\).*/\1/p"; }
tune -m bert.ten --steps 8 --class-weights balanced --log a.log -o x.ten tagged.train.ten
tune -m bert.ten --steps 8 --class-weights balanced --micro 3 --log b.log -o x.ten tagged.train.ten
is 'micro-batches: the same losses' "$(loss a.log '2,9')" "$(loss b.log '2,9')"

# what is trained
tensor() { tdump --jsonl -f "$2" "$1" | md5sum; }
tune -m bert.ten --steps 6 --freeze 'embed.*' --freeze 'block.0.*' -o f.ten labelled.train.ten
is 'frozen tensors stay' "$(tensor f.ten embed.token) $(tensor f.ten block.0.up.weight)" "$(tensor bert.ten embed.token) $(tensor bert.ten block.0.up.weight)"
ok 'others do not' test "$(tensor f.ten block.1.up.weight)" != "$(tensor bert.ten block.1.up.weight)"
tune -m bert.ten --steps 6 --unfreeze 3 -o u.ten labelled.train.ten
is 'unfrozen from the top: the lower block is still as it was' "$(tensor u.ten block.0.up.weight)" "$(tensor bert.ten block.0.up.weight)"
ok 'the upper one is not' test "$(tensor u.ten block.1.up.weight)" != "$(tensor bert.ten block.1.up.weight)"
tgraft -q --freeze 'score.*' c.ten -o head.ten
tune -m head.ten --steps 6 -o h.ten labelled.train.ten
is 'a head that the model has frozen stays' "$(tensor h.ten score.weight) $(tensor h.ten score.bias)" "$(tensor c.ten score.weight) $(tensor c.ten score.bias)"
ok 'the rest does not' test "$(tensor h.ten embed.token)" != "$(tensor c.ten embed.token)"
tgraft -q --freeze '*' bert.ten -o all.ten
run 'a head that is new is trained' 0 '' '~training 66 of ' tfinetune -m all.ten -b 8 --steps 6 -o h.ten labelled.train.ten
is 'above what is frozen' "$(tensor h.ten embed.token) $(tensor h.ten block.1.up.weight)" "$(tensor bert.ten embed.token) $(tensor bert.ten block.1.up.weight)"
run 'adapters' 0 '' '~training [0-9]+ of [0-9]+ numbers' tfinetune -m bert.ten --lora 4 --lora-targets query,value,up -b 8 --steps 150 --warmup 5 --lr 1e-2 -o l.ten labelled.train.ten
is 'leave the model as it was' "$(tensor l.ten block.0.query.weight) $(tensor l.ten embed.token)" "$(tensor bert.ten block.0.query.weight) $(tensor bert.ten embed.token)"
a=$(teval -q -m l.ten --task --bootstrap 0 labelled.val.ten | value accuracy)
ok "and learn ($a)" above "$a" 0.8
is 'merged: the same predictions' "$(tgraft -q --merge-lora l.ten | teval -q -m - --task --bootstrap 0 labelled.val.ten)" "$(teval -q -m l.ten --task --bootstrap 0 labelled.val.ten)"
run 'patience' 0 '' '~steps=([1-9]|1[0-9])[0-9] ' tfinetune -m bert.ten -b 8 --warmup 2 --steps 3000 --lr 1e-2 --metric accuracy --patience 2 --eval labelled.val.ten --eval-every 10 -o x.ten labelled.train.ten
is 'smoothing changes the loss' "$(tune -m bert.ten --steps 1 --log s0.log -o x.ten labelled.train.ten; tune -m bert.ten --steps 1 --label-smoothing 0.3 --log s1.log -o x.ten labelled.train.ten; cmp -s s0.log s1.log && echo same)" ''

# ---- labels of a class that weighs nothing
printf '{"text": "%s", "label": "%s"}\n' 'a dog' no 'the sun' yes 'a cat' no | timport -q --as labelled | ttok -q --records -m vocab.ten -o zero.ten
zero() { tfinetune -q -m bert.ten -b 1 --schedule constant --warmup 0 --class-weights 0,1 --steps "$@" zero.ten; }
run 'a step without weight' 0 '' '~^tfinetune: step 1: all that it has is of weight 0' tfinetune -m bert.ten -b 1 --schedule constant --warmup 0 --class-weights 0,1 --steps 3 --log zero.log -o z1.ten zero.ten
is 'has no loss and no gradient' "$(tdump --csv -f loss -f grad_norm -f tokens zero.log | awk -F, 'NR > 1 { print ($1 > 0) ($2 > 0), $3 }' | tr '\n' ' ')" '00 0 11 1 00 1 '
zero 2 -o z2.ten
is 'and changes nothing' "$(tensor z1.ten score.weight) $(tensor z1.ten embed.token)" "$(tensor z2.ten score.weight) $(tensor z2.ten embed.token)"
zero 3 -j 2 --recompute -o z3.ten
ok 'the same bytes on two threads' cmp z1.ten z3.ten
fails 'no step with any' 3 tfinetune -q -m bert.ten -b 1 --class-weights 0,1 --steps 1 -o x.ten zero.ten
is 'it says so' "$(cat "$T.err")" 'tfinetune: zero.ten: nothing was trained: all of it is of weight 0'
fails 'no class with any' 2 tfinetune -m bert.ten --class-weights 0,0 --steps 1 -o x.ten labelled.train.ten

# what does not fit
tune -m bert.ten --steps 1 --keep -o twice.ten labelled.train.ten
fails 'another head' 2 tfinetune -m c.ten --task tag --steps 1 -o x.ten tagged.train.ten
echo '{"text": "a", "label": "perhaps"}' | timport -q --as labelled | ttok -q --records -m vocab.ten -o perhaps.ten
fails 'a class that the model has not' 3 tfinetune -m c.ten --steps 1 -o x.ten perhaps.ten
ok 'is named' grep -q "class .perhaps' is not one of the model's 2" "$T.err"
fails 'nor may the evaluation have' 3 tfinetune -m c.ten --steps 1 --eval perhaps.ten -o x.ten labelled.train.ten
fails 'nor what is measured' 3 teval -m c.ten --task perhaps.ten
ok 'is named with its record' grep -q "perhaps.ten: record 0: the label .perhaps' is not one of the model's 2 classes" "$T.err"
ttok -q -m vocab.ten stories.txt -o plain.ten
fails 'no labels' 3 tfinetune -m bert.ten --steps 1 -o x.ten plain.ten
fails 'not those of the task' 3 tfinetune -m bert.ten --task tag --steps 1 -o x.ten labelled.train.ten
fails 'no targets' 3 tfinetune -m gpt.ten --task chat --steps 1 -o x.ten plain.ten
fails 'an encoder does not chat' 2 tfinetune -m bert.ten --task chat --steps 1 -o x.ten labelled.train.ten
python3 -c 'print("{\"text\": \"" + "a long tale " * 40 + "\", \"label\": \"yes\"}")' | timport -q --as labelled | ttok -q --records -m vocab.ten -o long.ten
fails 'a record longer than the context' 3 tfinetune -q -m bert.ten --steps 1 -o x.ten long.ten
ok 'says what helps' grep -q -- '--truncate cuts it' "$T.err"
run 'cut' 0 '' '' tfinetune -q -m bert.ten --truncate --steps 1 -o cut1.ten long.ten
run 'cut in measuring' 0 '*' '~truncated=1' teval -m c.ten --task --truncate long.ten
fails 'epochs of a pipe' 2 tfinetune -m bert.ten --epochs 2 -o x.ten <labelled.train.ten
fails 'a metric of another task' 2 tfinetune -m bert.ten --eval labelled.val.ten --metric entity_f1 --steps 1 -o x.ten labelled.train.ten
fails 'a metric of nothing' 2 tfinetune -m bert.ten --metric accuracy --steps 1 -o x.ten labelled.train.ten
fails 'weights that are too few' 2 tfinetune -m bert.ten --class-weights 1 --steps 1 -o x.ten labelled.train.ten
fails 'weights of numbers' 2 tfinetune -m bert.ten --class-weights 1 --steps 1 -o x.ten value.train.ten
fails 'a pattern that matches nothing' 2 tfinetune -m bert.ten --freeze 'hat*' --steps 1 -o x.ten labelled.train.ten
fails 'everything frozen' 2 tfinetune -m bert.ten --freeze '*' --steps 1 -o x.ten labelled.train.ten
fails 'adapters of adapters' 2 tfinetune -m l.ten --lora 2 --steps 1 -o x.ten labelled.train.ten
printf '{"ids": 1}\n' >not.ten
fails 'no stream' 3 tfinetune -m bert.ten --steps 1 -o x.ten not.ten

# ---- what decides is a part of the training
kept() { tune -m bert.ten --steps 4 --save-every 2 --eval-every 2 --keep --eval "$@" -o kept.ten labelled.train.ten; }
run 'a training that keeps its checkpoints' 0 '' '*' kept labelled.val.ten
run 'goes on with the same evaluation' 0 '' '' kept labelled.val.ten
run 'not with another' 3 '' '~other options or inputs' kept labelled.train.ten
run 'nor at other steps' 3 '' '~other options or inputs' kept labelled.val.ten --eval-every 1

# ---- options that belong together
fails 'adapters that are not asked for' 2 tfinetune -m bert.ten --lora-alpha 4 --steps 1 -o x.ten labelled.train.ten
fails 'nor their layers' 2 tfinetune -m bert.ten --lora-targets query --steps 1 -o x.ten labelled.train.ten
fails 'tags are of words, not of a pool' 2 tfinetune -m bert.ten --pool mean --steps 1 -o x.ten tagged.train.ten
fails 'and cannot be cut' 2 tfinetune -m bert.ten --truncate --steps 1 -o x.ten tagged.train.ten
fails 'nor a factor of them' 2 tfinetune -m bert.ten --lora 2 --lora-alpha 0 --steps 1 -o x.ten labelled.train.ten
fails 'numbers are not smoothed' 2 tfinetune -m bert.ten --label-smoothing 0 --steps 1 -o x.ten value.train.ten
fails 'adapters of tgraft' 2 tgraft --lora-targets query -o x.ten bert.ten
fails 'outputs of classes' 2 tgraft --head classify --labels a,b --outputs 3 -o x.ten bert.ten
fails 'a pool of tags' 2 tgraft --head tag --labels O,B-x --pool first -o x.ten bert.ten

# ---- more classes than outputs
tgraft -q --head multilabel --labels a,b -o two.ten bert.ten
"$BUILD/tests/support/alter" key classes 'a\nb\nc' <two.ten >many.ten
echo '{"text": "x y", "labels": ["c"]}' | timport -q --as multilabel | ttok -q --records -m vocab.ten -o far.ten
fails 'a head with more names than outputs' 3 tfinetune -m many.ten --steps 1 -o x.ten far.ten
ok 'it says so' grep -q 'many.ten: names 3 classes for 2 outputs' "$T.err"

# ---- a training that is still dying
mkdir dying.ten.ckpt
flock dying.ten.ckpt sleep 1 &
sleep 0.2
run 'its lock is waited for' 0 '' '' tune -m bert.ten --steps 1 -o dying.ten labelled.train.ten
wait
finish
