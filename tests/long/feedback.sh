# What feedback can do: a known reward, a classifier of positive reviews and, apart from it, the share of a letter, raises
# the scores of answers to prompts held out by two deviations of the scores at the start, with PPO within 10 nats an answer, in
# three seeds of three; and DPO on pairs that the reward has labelled wins three times in four. Some minutes on two cores.
. tests/lib.sh
export OMP_NUM_THREADS=2
pipelines=$ROOT/pipelines
AWK=awk
awk -W version 2>&1 </dev/null | grep -q mawk && AWK='awk -W interactive'
letter="$AWK -f $pipelines/reward-letter.awk -v letter=e"
# reviews as prompt, the first three words, and completion
python3 - "$pipelines/data/reviews.jsonl" <<'END'
import json, sys
rows = [json.loads(l) for l in open(sys.argv[1])]
with open('liked.jsonl', 'w') as liked, open('train.jsonl', 'w') as train, open('held.jsonl', 'w') as held, open('train.txt', 'w') as prompts, open('held.txt', 'w') as others:
    for i, r in enumerate(rows):
        words = r['text'].split()
        prompt, rest = ' '.join(words[:3]), ' ' + ' '.join(words[3:])
        if len(words) < 5:
            continue
        out = json.dumps({'prompt': prompt, 'completion': rest, 'label': r['label'] == 'positive'}) + '\n'
        liked.write(out)
        (held if i % 5 == 0 else train).write(out)
        print(prompt, file=others if i % 5 == 0 else prompts)
END
{ cat "$pipelines/data/stories.txt"; python3 -c 'import json, sys
for l in sys.stdin: print(json.loads(l)["text"] + "\n")' <"$pipelines/data/reviews.jsonl"; } >text.txt
tvocab -q -n 800 text.txt -o vocab.ten
ttok -q -m vocab.ten text.txt | tpack -q -l 64 | tshuf -q -o rows.ten
tinit -q --layers 2 --heads 4 --width 96 --context 96 --vocab vocab.ten -o init.ten
tpretrain -q -m init.ten --steps 300 -b 16 --warmup 20 --lr 3e-3 -o gpt.ten rows.ten
tgraft -q --template completion -o base.ten gpt.ten
for p in train held; do timport -q --as completion $p.jsonl -o $p.ten; done
tchat -q -m base.ten train.ten | tfinetune -q -m base.ten --task completion --steps 100 -b 32 --lr 1e-3 --warmup 10 -o policy.ten
timport -q --as liked liked.jsonl | tchat -q -m policy.ten | tsplit -q --parts train=0.9,val=0.1 -o liked/
treward -q -m policy.ten --loss liked --eval liked/val.ten --eval-every 10 --steps 120 -b 32 --lr 1e-3 --dropout 0.3 --warmup 10 -o sentiment.ten liked/train.ten
sentiment="tscore -q -j1 -m sentiment.ten"

column() { tdump --csv -f step -f "$2" "$1" | awk -F, 'NR > 1 && $2 != "nan" { print $2 }'; }
rise() { paste -d ' ' <(column "$1" eval/scores) <(column "$1" eval/scores_std) <(column "$1" eval/kl) | awk '
	NR == 1 { a = $1; s = $2 } { b = $1; kl = $3 } END { printf "%.3f %.3f %.2f %.2f\n", a, b, (b - a) / s, kl }'; }
for what in sentiment letter; do
	near='--kl 0.08 --kl-target 8 --kl-horizon 2000 --lr 3e-4 --epochs 2 -b 256 --minibatch 128 --steps 55'
	[ $what = sentiment ] || near='--kl 0.03 --kl-target 8 --kl-horizon 1000 --lr 5e-4 -b 128 --minibatch 64 --steps 40'
	for s in 1 2 3; do
		start=$SECONDS
		run "PPO, $what, seed $s" 0 '' '' tppo -q -m policy.ten --reward "${!what}" -n 16 --lambda 1 $near -s $s \
			--eval held.ten --eval-every 55 --log $what$s.log -o $what$s.ten train.ten
		r=$(rise $what$s.log)
		ok "two deviations better within 10 nats: from, to, deviations, KL: $r ($((SECONDS - start)) s)" awk -v r="$r" 'BEGIN { split(r, x, " "); exit !(x[3] >= 2 && x[4] < 10) }'
	done
done

answers() { # MODEL PROMPTS SAMPLES SEED
	tgen -q --chat --lines --records -n 32 --samples "$3" -s "$4" -m "$1" "$2" | tdump -w 0 --jsonl -f text -f ids -f prompt_length |
		python3 "$pipelines/answers.py" --tokens 32 "${@:5}" "$2"
}
for what in sentiment letter; do
	for s in 1 2 3; do
		start=$SECONDS
		answers policy.ten train.txt 8 $s --whole --scores "${!what}" | python3 -c 'import json, sys
for line in sys.stdin: # the best and the worst of each, the second best and the second worst
    r = json.loads(line)
    x = sorted(zip(r["scores"], r["answers"]))
    for i in range(min(2, len(x) // 2)):
        if x[i][0] < x[-1 - i][0]:
            print(json.dumps({"prompt": r["prompt"], "chosen": x[-1 - i][1], "rejected": x[i][1]}))' >pairs.jsonl
		timport -q --as preference pairs.jsonl | tchat -q -m policy.ten --skip-bad | tscore -q --likelihood -m policy.ten -o pairs.ten
		run "DPO, $what, seed $s" 0 '' '' tprefer -q -m policy.ten --beta 0.1 --epochs 4 -b 32 --lr 3e-4 --warmup 10 -s $s -o dpo.ten pairs.ten
		answers policy.ten held.txt 2 $s >start.jsonl
		answers dpo.ten held.txt 2 $s >new.jsonl
		w=$(python3 "$pipelines/winrate.py" --scores "${!what}" start.jsonl new.jsonl | sed -n 's/^win_rate: //p')
		ok "wins $w, wanted 0.75 ($((SECONDS - start)) s)" awk -v w="$w" 'BEGIN { exit !(w >= 0.75) }'
	done
done
finish
