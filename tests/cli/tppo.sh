# tppo: answers that a program scores well become more probable, near the reference; what the update saw; the reward
# program in all its moods; killed and resumed; chats; refusals.
. tests/lib.sh
. "$ROOT/tests/training.sh"
export OMP_NUM_THREADS=1
python3 -c 'import json' 2>/dev/null || skip_all 'python3 is not here'
AWK=awk
awk -W version 2>&1 </dev/null | grep -q mawk && AWK='awk -W interactive' # else mawk reads ahead
cp "$ROOT/pipelines/data/stories.txt" "$ROOT"/pipelines/reward-* .
letter="$AWK -f reward-letter.awk -v letter=e"
tvocab -q -n 320 stories.txt -o vocab.ten
ttok -q -m vocab.ten stories.txt | tsplit -q --parts train=0.6,val=0.4 -o ./
tinit -q --layers 2 --heads 2 --width 32 --context 48 --vocab vocab.ten -o init.ten
tpretrain -q -m init.ten --steps 150 -b 16 --warmup 10 --lr 5e-3 -o gpt.ten train.ten
ppo() { tppo -q -m gpt.ten --reward "$letter" -n 16 --prompt-length 6 -b 32 --minibatch 16 --lr 1e-3 --kl 0.02 "$@"; }
# of the log: step and these columns of the rows that have them
column() { tdump --csv -f step -f "$2" "$1" | awk -F, 'NR > 1 && $2 != "nan" { print $2 }'; }
# held-out scores at the start and the end, and how many deviations of those at the start lie between; the KL
rise() { tdump --csv -f step -f eval/scores -f eval/scores_std -f eval/kl "$1" | awk -F, 'NR > 1 && $2 != "nan" && !n++ { a = $2; s = $3 }
	NR > 1 && $2 != "nan" { b = $2; kl = $4 } END { printf "%.3f %.3f %.2f %.2f\n", a, b, (b - a) / s, kl }'; }
better() { rise "$1" | awk -v most="$2" '{ exit !($3 >= 2 && $4 < most) }'; }

# ---- it learns
for s in 1 2 3; do
	run "seed $s" 0 '' '' ppo -s $s --steps 30 --kl-target 6 --kl-horizon 500 --eval val.ten --eval-every 30 --log run$s.ten -o s$s.ten train.ten
	ok "two deviations better, within 10 nats ($(rise run$s.ten))" better run$s.ten 10
done
for a in grpo rloo; do
	run "$a" 0 '' '' ppo --algo $a -b 12 --steps 12 --eval val.ten --eval-every 100 --log $a.log -o $a.ten train.ten
	ok "$a is better ($(rise $a.log))" better $a.log 100
done
run 'sound' 0 '' '' tcheck -q s1.ten run1.ten grpo.ten grpo.log
is 'PPO adds a value head, GRPO none' "$(tdump --schema s1.ten | grep -c 'value = 1') $(tdump --schema grpo.ten | grep -c 'value = 1')" '1 0'
is 'the log has the step 0 of the evaluation, then every update' "$(column run1.ten step | tr '\n' ' ')" "$(seq 0 30 | tr '\n' ' ')"
is 'its columns' "$(tdump --csv run1.ten | head -n 1)" "step,episode,objective/scores,objective/scores_std,objective/rlhf_reward,objective/non_score_reward,objective/kl,objective/entropy,objective/kl_coef,objective/length,policy/approxkl_avg,policy/clipfrac_avg,policy/outside_avg,loss/policy_avg,loss/value_avg,val/clipfrac_avg,val/ratio,val/num_eos_tokens,lr,grad_norm,epochs,eval/scores,eval/scores_std,eval/kl,eval/length,time/generation,time/reward,time/update"
ok 'the coefficient follows the KL' sh -c "tdump --csv -f objective/kl_coef run1.ten | awk 'NR == 3 { a = \$1 } NR > 3 { if (\$1 < a) down++; if (\$1 > a) up++; a = \$1 } END { exit !(down > 3 && up > 0) }'"
run 'one pass over all at once' 0 '' '~^tppo: steps=1 prompts=[0-9]+ dropped=0 episodes=32 epochs=0 tokens_trained=[0-9]+$' \
	tppo -m gpt.ten --reward "$letter" -n 16 --prompt-length 6 -b 32 --steps 1 --epochs 1 --log one.log -o one.ten train.ten
is 'the first ratio is 1, exactly' "$(column one.log val/ratio) $(column one.log policy/approxkl_avg) $(column one.log val/clipfrac_avg)" '1 0 0'
run 'an update ends early' 0 '' '' ppo --steps 3 --epochs 9 --target-kl 1e-5 --log early.log -o x.ten train.ten
is 'after an epoch' "$(column early.log epochs | sort -u)" 1
run 'adapters alone' 0 '' '' ppo --steps 4 --lora 2 -o lora.ten train.ten
is 'the model under them stays' "$(tgraft -q --drop-lora lora.ten | tgraft -q --drop-head value - | tgen -q -m - --prompt 'The ' --temperature 0 -n 9)" "$(tgen -q -m gpt.ten --prompt 'The ' --temperature 0 -n 9)"
ok 'merged it is another' bash -c '! cmp -s <(tgraft -q --merge-lora lora.ten | tgen -q -m - --prompt x -n 40 --records | tdump --jsonl -f logprobs) <(tgen -q -m gpt.ten --prompt x -n 40 --records | tdump --jsonl -f logprobs)'
run 'further with a value head that is there, near another reference' 0 '' '' ppo --steps 2 --reference gpt.ten --log ref.log -o ref.ten -m s1.ten train.ten
ok 'and the KL counts from there' awk -v kl="$(column ref.log objective/kl | head -n 1)" 'BEGIN { exit !(kl > 2) }'

# ---- what the update saw
cat >recompute.py <<'END'
import json, math, sys
gamma, lam = 0.9, 0.8
steps = {}
for line in sys.stdin:
    r = json.loads(line)
    steps.setdefault(int(r['step']), []).append(r)
worst = 0.0
def near(a, b):
    global worst
    worst = max(worst, abs(a - b) / (1 + abs(b)))
for rs in steps.values():
    all = []
    for r in rs:
        n = len(r['ids']) - r['prompt_length']
        assert n == len(r['logprobs']) == len(r['values']) == len(r['returns'])
        rewards = [-r['kl_coefficient'] * (p - q) for p, q in zip(r['logprobs'], r['reference'])]
        near(r['reward'], max(-2, min(2, r['score'] - (0 if r['ended'] else 0.5))))
        rewards[-1] += r['reward']
        after = value = 0
        adv = []
        for t in reversed(range(n)):
            after = rewards[t] + gamma * value - r['values'][t] + gamma * lam * after
            value = r['values'][t]
            adv.insert(0, after)
        for t in range(n):
            near(r['rewards'][t], rewards[t])
            near(r['returns'][t], adv[t] + r['values'][t])
        all += adv
    mean = sum(all) / len(all)
    dev = math.sqrt(sum((a - mean) ** 2 for a in all) / (len(all) - 1) + 1e-8)
    for a, b in zip([a for r in rs for a in r['advantages']], all):
        near(a, (b - mean) / dev)
print(sorted(steps), 'agrees' if worst < 1e-5 else worst, len({r['ended'] for rs in steps.values() for r in rs}))
END
run 'rollouts' 0 '' '' ppo -m s1.ten --reference gpt.ten --steps 4 --gamma 0.9 --lambda 0.8 --missing-end 0.5 --clip-reward 2 -n 24 --rollouts ro.ten -o x.ten train.ten
run 'a sound stream' 0 '' '' tcheck -q ro.ten
is 'rewards, advantages and returns computed anew from what tdump shows' "$(tdump --jsonl -w 0 ro.ten | python3 recompute.py)" '[1, 2, 3, 4] agrees 2'
is 'of RLOO: an answer less the others' "$(ppo --algo rloo --samples 3 -b 5 --kl 0 --steps 1 --rollouts rl.ten -o x.ten train.ten; tdump --jsonl -w 0 rl.ten | python3 -c 'import json, sys
r = [json.loads(l) for l in sys.stdin]
for i in range(0, 15, 3):
    s = [x["score"] for x in r[i:i + 3]]
    for x in r[i:i + 3]:
        assert all(abs(a - (x["score"] - (sum(s) - x["score"]) / 2)) < 1e-6 for a in x["advantages"])
        assert x["ids"][:x["prompt_length"]] == r[i]["ids"][:x["prompt_length"]]
print("agrees")')" agrees
run 'scores in units of their deviation' 0 '' '' ppo --normalise-reward --steps 1 --rollouts no.ten -o x.ten train.ten
is 'and about their mean' "$(tdump --jsonl -f reward no.ten | python3 -c 'import json, sys
x = [json.loads(l)["reward"] for l in sys.stdin]
print(abs(sum(x)) < 1e-9, abs(sum(a * a for a in x) / (len(x) - 1) - 1) < 1e-9)')" 'True True'

# ---- the same bytes
same() { ppo -b 16 --steps 150 --kl-target 6 --kl-horizon 500 --normalise-reward --target-kl 0.03 --save-every 3 "$@"; }
run 'a training' 0 '' '' same -j1 --log whole.log --rollouts whole.ro -o whole.ten train.ten
run 'one thread' 0 '' '' ppo -j1 --steps 5 --samples 3 -b 5 --minibatch 7 --micro 3 --temperature 0.9 --entropy 0.01 -o one.ten train.ten
run 'two' 0 '' '' ppo -j2 --steps 5 --samples 3 -b 5 --minibatch 7 --micro 3 --temperature 0.9 --entropy 0.01 -o two.ten train.ten
ok 'the same bytes' cmp one.ten two.ten
run 'recomputation' 0 '' '' ppo -j1 --steps 5 --samples 3 -b 5 --minibatch 7 --micro 3 --temperature 0.9 --entropy 0.01 --recompute -o again.ten train.ten
ok 'recomputation gives the same bytes' cmp one.ten again.ten
ok 'prompts from a pipe give the same bytes' bash -c "cat train.ten | tppo -q -m gpt.ten --reward '$letter' -n 16 --prompt-length 6 -b 16 --minibatch 16 --lr 1e-3 --kl 0.02 --steps 150 --kl-target 6 --kl-horizon 500 --normalise-reward --target-kl 0.03 -o pipe.ten - && cmp whole.ten pipe.ten"
printf 'The dog\n\nA cat sat\n\nOh\n' | ttok -q -m vocab.ten -o short.ten
apart() { tppo -q -j1 -m gpt.ten --reward "$letter" -n 8 -b 6 --micro 1 --steps 2 --lr 1e-3 --log "$1.log" -o "$@" short.ten; }
run 'micro-batches of one answer' 0 '' '' apart alone.ten
run 'beside an evaluation of longer prompts' 0 '' '' apart beside.ten --eval val.ten
ok 'the same bytes' cmp alone.ten beside.ten
ok 'and these have scores' test "$(column beside.ten.log eval/scores | wc -l)" = 2
export letter
export -f ppo same
killed 'a training' 5 killed.ten same -j1 --log killed.log --rollouts killed.ro -o killed.ten train.ten
ok 'the same bytes' cmp whole.ten killed.ten
ok 'the same rollouts' cmp whole.ro killed.ro
ok 'its checkpoints are gone' test ! -e killed.ten.ckpt
timeless() { tdump --csv "$1" | cut -d, -f 1-25; }
ok 'the same log, but for times' cmp <(timeless whole.log) <(timeless killed.log)
stopped sig.ten tppo -q -m gpt.ten --reward "$letter" -n 16 -b 16 --prompt-length 6 --steps 100000 -o sig.ten train.ten

# ---- the reward program
group='read -r a b c d g rest </proc/$$/stat; echo $g >pid' # its number, said by a program
# Whether a process of the group that wrote its number is left; the dead that nobody has buried do not count.
left() {
	sed 's/^[0-9]* (.*) //' /proc/[0-9]*/stat 2>/dev/null | awk -v g="$(cat pid)" '$3 == g && $1 != "Z" { n++ } END { exit !n }'
}
gone() {
	for i in 1 2 3 4 5 6 7 8 9; do
		left || return 0
		sleep 0.1
	done
	return 1
}
broken() { # NAME STATUS REGEX COMMAND [option ...]
	local name=$1 want=$2 regex=$3 command=$4
	shift 4
	rm -rf b.ten.ckpt pid
	fails "$name" "$want" tppo -q -m gpt.ten --reward "$group; $command" -n 8 --prompt-length 6 -b 8 --steps 5 "$@" -o b.ten train.ten
	ok "$name: says so" grep -Eq "$regex" "$T.err"
	case $regex in
	*'after step'*) ok "$name: a checkpoint and no model" sh -c 'tcheck -q b.ten.ckpt/step-*.ten && test ! -e b.ten' ;;
	*) ok "$name: nothing is left" test ! -e b.ten.ckpt -a ! -e b.ten ;;
	esac
	ok "$name: no process" gone
}
broken 'it dies' 4 "step 1: the reward program .read .* ended with status 7 after 0 of 8 answers" 'exit 7'
broken 'of a signal' 4 'ended of signal 9 after 3 of 8 answers' "head -n 3 | while read l; do echo 1; done; kill -9 \$\$"
broken 'it is not there' 4 'ended with status 127' '{ no-such-program; } 2>/dev/null'
broken 'it hangs' 4 'said nothing for 0.5 seconds, after 2 of 8 answers' 'read a; echo 1; echo 2; sleep 1000 & sleep 1000' --reward-timeout 0.5
broken 'it says too little' 4 'ended with status 0 after 7 of 8 answers' 'read l; for i in 1 2 3 4 5 6 7; do echo $i; done; sleep 1000 >/dev/null &'
broken 'it closes its output' 4 'by closing its output after 1 of 8' 'read l; echo 1; exec >/dev/null; sleep 1000'
# one write, so that the ninth is there with the eighth
broken 'it says too much' 3 'more answers than it was asked for' 'read l; printf "1\\n%.0s" 1 2 3 4 5 6 7 8 9; sleep 1000'
broken 'it speaks unasked' 3 "more answers than it was asked for|.ready' is not a number" 'echo ready; sleep 1000'
broken 'too much at the end' 3 'after step 5: .*more answers than' 'while read l; do echo 1; done; echo 2'
broken 'it says no number' 3 "answer 1 of 8: .good' is not a number" 'while read l; do echo good; done'
broken 'nor an object with one' 3 "answer 1 of 8: .{\"score\": \"1\"}' has no number" "while read l; do echo '{\"score\": \"1\"}'; done"
broken 'nor JSON' 3 'is not JSON' 'while read l; do echo "{score}"; done'
broken 'an empty line' 3 "answer 1 of 8: .' is not a number" 'while read l; do echo; done'
broken 'it says nan' 5 "answer 2 of 8: .nan' is not finite" 'read l; echo 1; while read l; do echo nan; done'
broken 'infinity' 5 'is not finite' 'while read l; do echo -inf; done'
broken 'NaN in JSON' 5 'is not finite' "while read l; do echo '{\"score\": NaN}'; done"
broken 'a number too large' 5 "1e999' is not finite" 'while read l; do echo 1e999; done'
broken 'a line without end' 3 'a line that does not end' 'read l; head -c 3000000 /dev/zero; sleep 1000'
# a program that answers two steps and then hangs, with a child that hangs
hang="$group; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do read -r l; echo 1; done; read -r l; : >hangs; sleep 1000 & sleep 1000"
hung() { # SIGNAL: waits until it hangs and sends the signal; sets status
	rm -rf h.ten.ckpt hangs
	tppo -q -m gpt.ten --reward "$hang" -n 8 --prompt-length 6 -b 8 --steps 5 --save-every 1 -o h.ten train.ten 2>"$T.err" &
	pid=$!
	for i in $(seq 100); do
		[ -e hangs ] && break
		sleep 0.1
	done
	kill -"$1" $pid
	for i in $(seq 50); do
		kill -0 $pid 2>/dev/null || break
		sleep 0.1
	done
	kill -KILL $pid 2>/dev/null && echo "# was still there" && sleep 0.3
	wait $pid 2>/dev/null
	status=$?
}
for s in TERM INT; do
	[ $s = INT ] && set -m # else a job in the background ignores it
	hung $s
	set +m
	is "$s while it hangs: exit status 75" $status 75
	is "$s while it hangs: one line" "$(cat "$T.err")" 'tppo: stopped after step 2; the same command goes on from there'
	ok "$s while it hangs: a checkpoint and no model" sh -c 'tcheck -q h.ten.ckpt/step-*.ten && test ! -e h.ten'
	ok "$s while it hangs: no process" gone
done
hung KILL
ok 'KILL: nothing of it is left' gone
left && kill -KILL -- -"$(cat pid)"
rm -rf h.ten.ckpt hangs
cat >flaky.sh <<'END'
n=0
while read -r line; do
	n=$((n + 1))
	[ $n -gt 20 ] && [ ! -e mended ] && exit 1
	echo "$line" | tr -cd e | wc -c
done
END
flaky() { tppo -q -m gpt.ten --reward 'sh flaky.sh' -n 8 --prompt-length 6 -b 8 --steps 5 --lr 1e-3 -o "$@" train.ten; }
fails 'it dies on the way' 4 tppo -q -m gpt.ten --reward 'sh flaky.sh' -n 8 --prompt-length 6 -b 8 --steps 5 --lr 1e-3 -o flaky.ten train.ten
ok 'in step 3' grep -q 'step 3: ' "$T.err"
touch mended
run 'mended, the same command goes on' 0 '' '' flaky flaky.ten
run 'to the same end' 0 '' '' flaky mended.ten
ok 'as if nothing had been' cmp flaky.ten mended.ten
# an evaluation that fails is made when the run goes on
grading() { tppo -q -m gpt.ten --reward 'sh flaky.sh' -n 8 --prompt-length 6 -b 8 --steps 4 --lr 1e-3 --eval few.ten --eval-every 2 --log "$1.log" -o "$1.ten" train.ten; }
tcat -q -r 0:3 val.ten -o few.ten
for failing in 0 20; do # of the model at the start, after step 2
	sed -i "s/-gt [0-9]*/-gt $failing/" flaky.sh
	rm -f mended
	run "an evaluation fails behind $failing answers" 4 '' '~^tppo: ' grading graded
	[ $failing = 0 ] || ok 'that of step 2' grep -q ': evaluation after step 2: ' "$T.err"
	touch mended
	run 'mended, the run goes on' 0 '' '' grading graded
	run 'and one that never failed' 0 '' '' grading whole
	ok 'the same bytes' cmp graded.ten whole.ten
	ok 'the same log, but for times' cmp <(timeless graded.log) <(timeless whole.log)
done
run 'another status at the end is told' 0 '' '~ended with status 3$' tppo -q -m gpt.ten --reward 'while read l; do echo 1; done; exit 3' -n 8 --prompt-length 6 -b 8 --steps 1 -o x.ten train.ten
cat >all.py <<'END'
import sys
n = int(sys.argv[1])
while True:
    lines = [sys.stdin.readline() for i in range(n)]
    if not lines[0]:
        break
    assert sum(len(l) for l in lines) > 300000
    print('\n'.join('0.5' + '0' * 400 for l in lines) if len(sys.argv) > 2 else '\n'.join('%d' % len(l) for l in lines), flush=True)
END
run 'it reads all before it answers' 0 '' '' tppo -q -m gpt.ten --reward 'python3 all.py 2000' -n 2 -b 2000 --epochs 1 --steps 1 -o x.ten train.ten

# ---- what it is sent
cat >keep.py <<'END'
import json, sys
with open(sys.argv[1], 'wb') as f:
    for line in sys.stdin.buffer:
        f.write(line)
        f.flush()
        json.loads(line.decode('utf-8', 'strict'))
        print(1, flush=True)
END
tinit -q --layers 1 --heads 2 --width 16 --context 160 --vocab vocab.ten | tgraft -q --template plain -o chat.ten
cat >chat.jsonl <<'END'
{"messages": [{"role": "system", "content": "Be \"kind\".\n"}, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Naïve?"}, {"role": "assistant", "content": "Left out"}]}
{"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "I"}, {"role": "user", "content": "Who speaks?"}]}
{"messages": [{"role": "user", "content": "This is much too long for what the prompt may have, is it not, since it goes on and on and on and on and on and on and on."}, {"role": "assistant", "content": "Yes"}]}
END
timport -q --as chat chat.jsonl -o chats.ten
run 'chats' 0 '' '~ prompts=2 dropped=1 episodes=4 ' tppo -m chat.ten --reward 'python3 keep.py sent.jsonl' -n 4 --prompt-length 70 -b 4 --steps 1 --rollouts chat.ro -o x.ten chats.ten
is 'prompt and messages, without the last answer' "$(python3 -c 'import json
r = sorted({json.dumps({k: v for k, v in json.loads(l).items() if k in ("prompt", "messages")}, ensure_ascii=False) for l in open("sent.jsonl")})
print("\n".join(r))')" '{"prompt": "Naïve?", "messages": [{"role": "system", "content": "Be \"kind\".\n"}, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Naïve?"}]}
{"prompt": "Who speaks?", "messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "I"}, {"role": "user", "content": "Who speaks?"}]}'
is 'the tokens are those of the template' "$(tdump --jsonl -w 0 -f ids -f prompt_length chat.ro | wc -l) $(tdump -w 0 -m chat.ten chat.ro | grep -c 'Assistant: ')" '4 4'
is 'completions and ends as in the rollouts' "$(python3 -c 'import json
for l in open("sent.jsonl"):
    j = json.loads(l); print(j["completion"], j["ended"])')" "$(tdump --jsonl -w 0 chat.ro | python3 -c 'import json, sys
for l in sys.stdin:
    j = json.loads(l); print("".join(chr(0xfffd) if 0xdc80 <= ord(c) <= 0xdcff else c for c in j["text"]), bool(j["ended"]))')"
fails 'chats without a template' 3 tppo -q -m gpt.ten --reward true -n 8 -o x.ten chats.ten
tvocab -q --type byte -o bytes.ten </dev/null
tinit -q --layers 1 --heads 1 --width 8 --context 16 --vocab bytes.ten -o byte.ten
ttok -q -m bytes.ten stories.txt | tcat -q -r 0:4 -o byteprompts.ten
run 'bytes that are no text are sent as JSON' 0 '' '' tppo -q -m byte.ten --reward 'python3 keep.py bytes.jsonl' -n 12 --prompt-length 4 -b 16 --steps 1 -o x.ten byteprompts.ten
ok 'with replacement characters' grep -q "$(printf '\357\277\275')" bytes.jsonl

# ---- the shipped programs
line() { printf '{"prompt": "p \\"completion\\": \\"eee\\"", "messages": [], "completion": "%s", "ended": %s}\n' "$1" "$2"; }
{ line 'tree\u0022' true; line '' false; line 'e\u00e9e' true; line 'abc' true; } >lines.jsonl
is 'reward-letter.awk' "$($letter lines.jsonl | tr '\n' ' ')" '0.4 0 0.666667 0 '
{ line 'one two three' true; line 'one two three' false; line 'one' true; line '' true; } >lines.jsonl
is 'reward-length.py' "$(python3 reward-length.py 3 <lines.jsonl | tr '\n' ' ')" '{"score": 1.0} {"score": 0.0} {"score": 0.8} {"score": 0.7} '
run 'reward-length.py at work' 0 '' '' ppo --reward 'python3 reward-length.py 3' --steps 2 --log length.log -o x.ten train.ten
ok 'its scores are in the log' sh -c "tdump --csv -f objective/scores length.log | awk 'NR > 1 && \$1 < 0 { n++ } END { exit n != 2 }'"

# ---- what is chosen by itself
run 'answers of half the context' 0 '' '' tppo -q -m byte.ten --reward "$letter" -b 4 --steps 1 --rollouts half.ro -o x.ten byteprompts.ten
is 'are of at most 8 tokens' "$(tdump --jsonl -w 0 half.ro | python3 -c 'import json, sys
print(max(len(json.loads(l)["logprobs"]) for l in sys.stdin))')" 8

# ---- rollouts that a run before did not write
late() { tppo -q -m gpt.ten --reward 'sh flaky.sh' -n 8 --prompt-length 6 -b 8 --steps 5 --lr 1e-3 -o late.ten "$@" train.ten; }
rm -f mended
run 'a run without rollouts fails' 4 '' '~^tppo: ' late
touch mended
run 'with rollouts it does not go on' 3 '' '~^tppo: ' late --rollouts late.ro
ok 'it says why' grep -q 'rollouts-00000001.ten: cannot be read: .* begun without --rollouts' "$T.err"
run 'without it does' 0 '' '' late
ok 'nothing of it is left' test ! -e late.ten.ckpt
rm -f mended
run 'a run with rollouts fails' 4 '' '~^tppo: ' late --rollouts late.ro
touch mended
run 'it goes on without' 0 '' '' late
ok 'and leaves nothing' test ! -e late.ten.ckpt

# ---- refusals: one line, the right status, nothing left behind
rm -rf x.ten.ckpt b.ten.ckpt sig.ten.ckpt
tinit -q --layers 1 --heads 1 --width 8 --context 1 --vocab vocab.ten -o one.ten
ls -A >before
fails 'no model' 2 tppo --reward cat -o x.ten train.ten
fails 'no output' 2 tppo -m gpt.ten --reward cat train.ten
fails 'no reward' 2 tppo -m gpt.ten -o x.ten train.ten
fails 'a model from a pipe' 2 tppo -m - --reward cat -o x.ten train.ten
fails 'a group of one' 2 tppo -m gpt.ten --reward cat --algo grpo --samples 1 -o x.ten train.ten
fails 'no room for a prompt' 2 tppo -m gpt.ten --reward cat -n 48 -o x.ten train.ten
fails 'no room for anything' 2 tppo -m one.ten --reward cat -o x.ten train.ten
fails 'nor for such' 2 tppo -m gpt.ten --reward cat -n 40 --prompt-length 9 -o x.ten train.ten
fails 'greedy' 2 tppo -m gpt.ten --reward cat --temperature 0 -o x.ten train.ten
fails 'a coefficient of nothing' 2 tppo -m gpt.ten --reward cat --kl 0 --kl-target 3 -o x.ten train.ten
fails 'a horizon that turns the coefficient round' 2 tppo -m gpt.ten --reward cat -n 8 -b 64 --kl-target 3 --kl-horizon 12 -o x.ten train.ten
for o in '--gamma 0.9' '--lambda 1' '--clip-value 0' '--value-coef 0.1' --no-whiten --whiten-rewards; do
	fails "grpo has no ${o% *}" 2 tppo -m gpt.ten --reward cat -n 8 --algo grpo $o -o x.ten train.ten
	is 'it says so' "$(cat "$T.err")" "tppo: ${o% *} is for --algo ppo, not for grpo"
done
fails 'nor has rloo' 2 tppo -m gpt.ten --reward cat -n 8 --algo rloo --gamma 1 -o x.ten train.ten
ok 'it says so, too' grep -q -- '--gamma is for --algo ppo, not for rloo' "$T.err"
fails 'a horizon without a target' 2 tppo -m gpt.ten --reward cat -n 8 --kl-horizon 500 -o x.ten train.ten
fails 'the end of a rate that is constant' 2 tppo -m gpt.ten --reward cat -n 8 --min-lr 1e-6 -o x.ten train.ten
fails 'rollouts in a folder that is not there, said at once' 1 tppo -m gpt.ten --reward cat -n 8 --rollouts none/ro.ten -o x.ten train.ten
fails 'two streams' 2 tppo -m gpt.ten --reward cat -o x.ten train.ten train.ten
tcat -q -r 0:0 train.ten -o none.ten
fails 'no prompts' 3 tppo -m gpt.ten --reward cat -n 8 -o x.ten none.ten
rm none.ten
fails 'another vocabulary' 3 tppo -m gpt.ten --reward cat -n 8 -o x.ten byteprompts.ten
fails 'a reference of another' 3 tppo -m gpt.ten --reward cat -n 8 --reference byte.ten -o x.ten train.ten
tinit -q --arch bert --layers 1 --heads 1 --width 8 --context 16 --vocab vocab.ten -o bert.ten
fails 'an encoder' 3 tppo -m bert.ten --reward cat -n 8 -o x.ten train.ten
rm bert.ten
run 'refused, it leaves nothing' 0 '' '' sh -c 'ls -A | diff before -'
fails 'scores that explode' 5 tppo -q -m gpt.ten --reward 'while read l; do echo 1e300; done' -n 8 --prompt-length 6 -b 8 --steps 5 -o boom.ten train.ten
ok 'no output of a training that exploded' test ! -e boom.ten
"$BUILD/tests/support/alter" block.1.up.weight 3 nan <gpt.ten >nan.ten
fails 'a weight that is NaN' 5 tppo -m nan.ten --reward cat -n 8 -o x.ten train.ten
finish
