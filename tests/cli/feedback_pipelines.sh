# dpo.mk and rlhf.mk on the embedded data, small; panel.py, answers.py and winrate.py by hand.
. tests/lib.sh
command -v gnuplot >/dev/null || skip_all 'gnuplot is not installed'
pipelines=$ROOT/pipelines
small='VOCAB=320 LAYERS=1 HEADS=2 WIDTH=32 LENGTH=192 PRETRAIN_STEPS=30 STEPS=80 BATCH=8 LR=1e-2 CHOOSE=last'
pipeline() { # NAME OUT SETTING...
	env -u MAKEFLAGS -u MAKELEVEL make -s -f "$pipelines/$1.mk" BIN="$BUILD/bin" OUT="$2" CHAT_SETTINGS="$small" TOKENS=48 REWARD_STEPS=4 "${@:3}"
}
same() { # NAME FILE...
	for f in "${@:2}"; do run "$1.mk: make -j1 and -j2: $f" 0 '' '' cmp <(sed 1d $1.1/$f) <(sed 1d $1.2/$f); done
}

run 'dpo.mk' 0 '~^answers against those of the first policy: [01][.][0-9]+ won' '*' pipeline dpo dpo.1 STEPS=4 -j1
ok 'its plot' grep -q '<svg' dpo.1/loss.svg
run 'dpo.mk -j2' 0 '*' '*' pipeline dpo dpo.2 STEPS=4 -j2
same dpo dpo.ten summary.txt
touch -r dpo.1/dpo.ten mark
run 'dpo.mk again' 0 '*' '' pipeline dpo dpo.1 STEPS=4
ok 'the model was left alone' test ! dpo.1/dpo.ten -nt mark
is 'judgements of one prompt stay in one part' "$(for p in train val test judge; do tdump --jsonl -f text dpo.1/parts/$p.ten | sort -u; done | sort | uniq -d | wc -l)" 0

rounds() { pipeline rlhf "$1" SAMPLES=2 PPO_STEPS=2 PPO_BATCH=8 "${@:2}"; }
run 'rlhf.mk' 0 '~^  answers against those of the first policy, by the judge: [01][.][0-9]+ won' '*' rounds rlhf.1 ROUNDS=1 -j1
run 'one more round' 0 '~^round 2$' '*' rounds rlhf.1 ROUNDS=2 -j1
ok 'its plots' grep -q '<svg' rlhf.1/1/policy.svg rlhf.1/2/policy.svg
is 'six raters' "$(tdump --jsonl -f rater rlhf.1/1/raters.ten | wc -l)" 6
run 'rlhf.mk -j2, both at once' 0 '*' '*' rounds rlhf.2 ROUNDS=2 -j2
same rlhf summary.txt
for f in policy rollouts; do # the history has the command of the reward, which has the folder
	is "rlhf.mk: make -j1 and -j2: $f" "$(tdump --jsonl -w 0 rlhf.2/2/$f.ten | md5sum)" "$(tdump --jsonl -w 0 rlhf.1/2/$f.ten | md5sum)"
done
run 'the embedded judgements' 0 '~^judged by: embedded$' '*' rounds rlhf.3 ROUNDS=1 JUDGE=embedded
cat >judge.sh <<'END'
head -n 3 "$1/1/answers.jsonl" >few.jsonl
printf '1 2\n2 1\n1=2\n' | trate -q --mode rank --rater me -o "$1/1/judgements.jsonl" few.jsonl
END
mkdir -p rlhf.4 && cp -r rlhf.3/. rlhf.4
ok 'what people said stays when make goes on' sh -c 'sh judge.sh rlhf.4 >/dev/null 2>&1; test "$(grep -c "\"rater\": *\"me\"" rlhf.4/1/judgements.jsonl)" -ge 3'

# ---- the scripts
printf '%s\n' 'Hi' 'Bye' >prompts.txt
printf '%s\n' '{"text": " one", "ids": [1, 2, 3], "prompt_length": 1}' '{"text": "two\udc80", "ids": [1, 2], "prompt_length": 1}' \
	'{"text": "same", "ids": [1, 2], "prompt_length": 1}' '{"text": "same", "ids": [1, 2], "prompt_length": 1}' >said.jsonl
run 'answers with their prompts; cut ones; equal ones are left out' 0 '{"prompt": "Hi", "answers": ["one", "two\ufffd"], "ended": [false, true], "scores": [3, 4]}' '' \
	python3 "$pipelines/answers.py" --tokens 2 --scores 'while read -r l; do echo 3; read -r l; echo "{\"score\": 4}"; done' prompts.txt <said.jsonl
run 'whole answers alone' 0 '{"prompt": "Bye", "answers": ["two", "three"], "ended": [true, true]}' '' sh -c "{ head -n 2 said.jsonl; sed '1,2d; s/same/two/' said.jsonl | sed '2s/two/three/'; } | python3 $pipelines/answers.py --whole --tokens 2 prompts.txt"
fails_with='answers.py: no prompt has answers that can be compared and are whole; more tokens may help'
run 'none whole' 1 '' "$fails_with" sh -c "python3 $pipelines/answers.py --whole --tokens 1 prompts.txt <said.jsonl"
run 'a program that says too little' 1 '' '~: 0 scores for 2 answers, status 0$' python3 "$pipelines/answers.py" --tokens 2 --scores true prompts.txt <said.jsonl
run 'answers that do not fit the prompts' 1 '' '~^answers.py: 3 answers to 2 prompts$' sh -c "head -n 3 said.jsonl | python3 $pipelines/answers.py --tokens 2 prompts.txt"
printf '{"prompt": "a", "answers": ["x", "xxx"], "ended": [true, true]}\n{"prompt": "b", "answers": ["xx"], "ended": [true]}\n' >one.jsonl
printf '{"prompt": "a", "answers": ["xx"], "ended": [true]}\n{"prompt": "b", "answers": ["xx x"], "ended": [true]}\n' >two.jsonl
cat >length.py <<'END'
import json, sys
for line in sys.stdin:
    print(len(json.loads(line)["completion"]))
END
run 'wins' 0 '~^win_rate: 0.7500$' '' python3 "$pipelines/winrate.py" --scores 'python3 length.py' one.jsonl two.jsonl
is 'and words' "$(python3 "$pipelines/winrate.py" --scores 'python3 length.py' one.jsonl two.jsonl | tail -n 2)" 'words.start: 1.00
words.new: 1.50'
finish
