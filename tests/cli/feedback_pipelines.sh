# dpo.mk, rlhf.mk and irl.mk on the embedded data, small; panel.py, answers.py, winrate.py, demonstrations.py and correlate.py by
# hand.
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

# irl.mk begins with the model of rlhf.mk
shown() { # OUT SETTING...
	mkdir -p "$1" && { test -e "$1/chat" || cp -a rlhf.1/chat rlhf.1/chat.settings "$1/"; }
	pipeline irl "$1" SAMPLES=4 SHOWN=2 BEST_OF=3 PPO_STEPS=2 PPO_BATCH=2 PPO_MINIBATCH=8 "${@:2}"
}
run 'irl.mk' 0 '~^hidden quality on held-out prompts: -?[0-9]+[.][0-9]+ at the start, the expert.s -?[0-9]+[.][0-9]+$' '*' shown irl.1 ROUNDS=1 -j1
ok 'the model of before was left alone' cmp rlhf.1/chat/chat.ten irl.1/chat/chat.ten
ok 'the expert is better than the start' awk -v e="$(sed -n 's/^score.new: //p' irl.1/expert.txt)" -v s="$(sed -n 's/^score.start: //p' irl.1/expert.txt)" 'BEGIN { exit !(e > s) }'
is 'the learner sees no scores' "$(grep -l scores irl.1/expert.*.jsonl irl.1/1/samples.train.jsonl)" ''
is 'nor is one in what it learns from' "$(tdump --schema irl.1/1/candidates.train.ten | grep -c score:)" 0
is 'a demonstration a prompt, and samples' "$(tdump --jsonl -f ranks irl.1/1/candidates.train.ten | sort -u)" '{"ranks":[1,2,2]}'
is 'what is measured with was not learnt from' "$(for p in train held; do tdump --jsonl -f text irl.1/1/compared.$p.ten | sort -u; done | sort | uniq -d | wc -l)" 0
run 'one more round' 0 '~^  hidden quality on held-out prompts: ' '*' shown irl.1 ROUNDS=2 -j1
ok 'its plots' grep -q '<svg' irl.1/1/policy.svg irl.1/2/policy.svg
is 'it learns from answers of the policy of before' "$(cmp irl.1/1/samples.train.jsonl irl.1/2/samples.train.jsonl >/dev/null; echo $?)" 1
run 'irl.mk -j2, both at once' 0 '*' '*' shown irl.2 ROUNDS=2 -j2
same irl summary.txt
for f in policy rollouts; do
	is "irl.mk: make -j1 and -j2: $f" "$(tdump --jsonl -w 0 irl.2/2/$f.ten | md5sum)" "$(tdump --jsonl -w 0 irl.1/2/$f.ten | md5sum)"
done
{ head -n 120 "$pipelines/data/chats.jsonl"; echo '{"prompt": "What is a tenon?", "completion": "The part that fits."}'; } >mine.jsonl
run 'demonstrations of others' 0 '~^demonstrations: mine.jsonl$' '*' shown irl.3 ROUNDS=1 DEMONSTRATIONS=mine.jsonl
is 'nothing is hidden then' "$(grep -c hidden irl.3/summary.txt)" 0
is 'each prompt is in one part, and none is lost' "$(cat irl.3/prompts.txt irl.3/held.txt | sort | uniq -c | awk '{ n += $1 > 1 } END { print n + 0 }') $(grep -ch "^What is a tenon?$" irl.3/prompts.txt irl.3/held.txt | paste -sd+ | bc)" '0 1'
is 'what they say is what is demonstrated' "$(cat irl.3/expert.train.jsonl irl.3/expert.held.jsonl | grep "What is a tenon")" '{"prompt": "What is a tenon?", "answers": ["The part that fits."], "ended": [true]}'

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
# what Python takes for the end of a line
printf 'a\342\200\250b\fc\rd\302\205e\nBye\n' >odd.txt
run 'lines end where tgen ends them' 0 '{"prompt": "a\u2028b\fc\rd\u0085e", "answers": ["one", "two\ufffd"], "ended": [false, true]}' '' \
	python3 "$pipelines/answers.py" --tokens 2 odd.txt <said.jsonl
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
run 'the best of each two, of whole ones' 0 '{"prompt": "Hi", "answers": ["two\ufffd"], "ended": [true]}
{"prompt": "Bye", "answers": ["same"], "ended": [true]}' '' sh -c "python3 $pipelines/answers.py --tokens 2 --whole --best 2 --scores 'python3 length.py' prompts.txt <said.jsonl"
is 'the longest of one and of two' "$(python3 "$pipelines/answers.py" --tokens 2 --best 1 --scores 'python3 length.py' prompts.txt <said.jsonl | tail -n 1) $(python3 "$pipelines/answers.py" --tokens 2 --best 2 --scores 'python3 length.py' prompts.txt <said.jsonl | head -n 1)" \
	'{"prompt": "Bye", "answers": ["same", "same"], "ended": [true, true]} {"prompt": "Hi", "answers": ["two\ufffd"], "ended": [true]}'
run 'the best, but by what' 2 '' '~error: --best is by --scores$' sh -c "python3 $pipelines/answers.py --tokens 2 --best 2 prompts.txt <said.jsonl"
run 'equal answers may stay' 0 '{"prompt": "Hi", "answers": ["two\ufffd"], "ended": [true]}
{"prompt": "Bye", "answers": ["same", "same"], "ended": [true, true]}' '' sh -c "python3 $pipelines/answers.py --tokens 2 --whole --equal prompts.txt <said.jsonl"
cat >chats.jsonl <<'END'
{"prompt": "Hi", "completion": " one "}
{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "two"}, {"role": "user", "content": "c"}]}
{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "x"}]}

{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "one"}]}
END
run 'demonstrations of chats' 0 '{"prompt": "Hi", "answers": ["one", "two", "one"], "ended": [true, true, true]}' 'demonstrations.py: train: 1 prompts, 1 chats left out' \
	python3 "$pipelines/demonstrations.py" --part train chats.jsonl
run 'none of the other part' 1 '' '~^demonstrations.py: nothing is left$' python3 "$pipelines/demonstrations.py" --part held chats.jsonl
echo '{"prompt": "a"}' >bad.jsonl
run 'no demonstration' 1 '' 'demonstrations.py: bad.jsonl: line 1: is neither messages nor prompt and completion' python3 "$pipelines/demonstrations.py" --part train bad.jsonl
printf '%s\n' '{"prompt": "a", "answers": ["one", "1"]}' '{"prompt": "b", "answers": ["one"]}' '{"prompt": "c", "answers": ["x"]}' >expert.jsonl
printf '%s\n' '{"prompt": "b", "answers": ["two", "one", "two", "two", "six"]}' '{"prompt": "a", "answers": ["two", "three", "four", "two", "five", "six"]}' >policy.jsonl
run 'against samples: dealt out to demonstrations, equal ones left out' 0 '{"prompt": "a", "demonstrations": ["one"], "samples": ["two", "three"]}
{"prompt": "a", "demonstrations": ["1"], "samples": ["four", "two"]}
{"prompt": "a", "demonstrations": ["one"], "samples": ["five", "six"]}' \
	'demonstrations.py: 3 records, 2 left out with equal answers, 1 prompts without samples' python3 "$pipelines/demonstrations.py" --against policy.jsonl --each 2 expert.jsonl
# deviations from the means of prompts: lengths -1 0 1 and -.5 .5, scores -1 0 1 and .5 -.5: ranks 1 3 5 2 4 and 1 3 5 4 2
printf '%s\n' '{"prompt": "a", "answers": ["x", "xx", "xxx"], "ended": [true, true, true], "scores": [7, 8, 9]}' \
	'{"prompt": "b", "answers": ["xxxx", "xxxxx"], "ended": [true, true], "scores": [1, 0]}' \
	'{"prompt": "c", "answers": ["x", "xx"], "ended": [true, true], "scores": [1, 1]}' >scored.jsonl
run 'correlation' 0 '~^correlation: 0.6000$' '' python3 "$pipelines/correlate.py" --scores 'python3 length.py' scored.jsonl
is 'of those that differ' "$(python3 "$pipelines/correlate.py" --scores 'python3 length.py' scored.jsonl | sed -n 1,2p | paste -sd' ')" 'prompts: 2 answers: 5'
run 'nothing differs' 1 '' 'correlate.py: no prompt has answers of different scores' sh -c "tail -n 1 scored.jsonl >equal.jsonl; python3 $pipelines/correlate.py --scores true equal.jsonl"
run 'a program that is silent' 1 '' '~^correlate.py: true: 0 scores for 5 answers, status 0$' python3 "$pipelines/correlate.py" --scores true scored.jsonl
ok 'leaves nothing beside the scripts' test ! -e "$pipelines/__pycache__"
finish
