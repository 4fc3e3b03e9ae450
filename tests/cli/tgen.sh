# tgen: prompts in, continuations out.
. tests/lib.sh
cat "$ROOT"/LICENSE "$ROOT"/man/tenon.7 >text
tvocab -q -n 300 text -o vocab.ten
ttok -q -m vocab.ten text -o tokens.ten
tinit -q --arch llama --layers 2 --heads 2 --kv-heads 1 --width 32 --context 48 --vocab vocab.ten -o init.ten
tpretrain -q -j1 -m init.ten --steps 60 --warmup 5 --lr 5e-3 -o m.ten tokens.ten
tinit -q --layers 1 --heads 2 --width 16 --context 48 --vocab vocab.ten -o gpt2.ten
tvocab -q --type byte --no-special -o bytes.ten </dev/null
tinit -q --arch bert --layers 1 --heads 2 --width 16 --context 48 --vocab vocab.ten -o bert.ten
tgraft -q --drop-head language m.ten -o headless.ten

# ---- one prompt as text
echo "The " | tgen -q -m m.ten -n 12 >one
is "prompt, continuation, newline" "$(head -c 4 one)$(tail -c 1 one | od -An -c | tr -d ' ')" 'The \n'
ok "the same again" cmp one <(echo "The " | tgen -q -m m.ten -n 12)
ok "--prompt is the same" cmp one <(tgen -q -m m.ten -n 12 --prompt "The ")
ok "-j does not matter" cmp one <(tgen -q -m m.ten -n 12 --prompt "The " -j 3)
ok "-o FILE is the same" bash -c 'tgen -q -m m.ten -n 12 --prompt "The " -o two && cmp one two'
run "another seed" 0 '' '' tgen -q -m m.ten -n 12 --prompt "The " -s 2 -o other
differ "the seed matters" one other
run "greedy" 0 '' '' tgen -q -m m.ten --temperature 0 -s 1 --prompt a -o greedy
for options in '--temperature 0 -s 2' '--top-k 1' '--top-p 0' '--min-p 1'; do
	run "$options" 0 '' '' tgen -q -m m.ten $options --prompt a -o same
	ok "$options: as greedy" cmp greedy same
done
run "the summary" 0 '*' '~^tgen: prompts=1 sequences=1 tokens=3 ended=0 length=1 full=0 stopped=0 seed=1$' \
    tgen -m gpt2.ten --prompt a -n 3
run "to the end of the context" 0 '*' '~ full=1 ' tgen -m gpt2.ten --prompt a -n 1000
run "an empty prompt begins a document" 0 '*' '~ tokens=4 ' tgen -m gpt2.ten --prompt '' -n 4
ok "a stop string is not shown" bash -c '
	tgen -q -m m.ten -n 40 -s 4 --prompt "x" >whole
	stop=$(head -c 9 whole | tail -c 3)
	tgen -q -m m.ten -n 40 -s 4 --prompt "x" --stop "$stop" >cut
	before=$(head -c 6 whole; echo .); [ "$(cat cut; echo .)" = "${before%.}
." ]'

# ---- many
seq 1 9 | sed 's/^/line /' >lines
tgen -q -m m.ten -n 8 --lines --records -o r.ten lines
is "a record for each line" "$(tdump --jsonl r.ten | wc -l)" 9
ok "records verify" tcheck r.ten
ok "--batch does not matter" cmp r.ten <(tgen -q -m m.ten -n 8 --lines --records --batch 2 lines)
ok "threads do not matter" cmp r.ten <(tgen -q -m m.ten -n 8 --lines --records -j 3 lines)
ok "text is prompts and continuations in order" cmp <(tgen -q -m m.ten -n 8 --lines lines) <(tdump --jsonl -w 0 r.ten |
    /usr/bin/python3 -c 'import json, sys
for i, l in enumerate(sys.stdin): print("line %d%s" % (i + 1, json.loads(l)["text"]))')
ok "alone or in company" bash -c '
	tail -n 1 lines | tgen -q -m m.ten -n 8 --temperature 0 --lines --records | tdump --jsonl -w 0 >alone
	tgen -q -m m.ten -n 8 --temperature 0 --lines --records lines | tdump --jsonl -w 0 | tail -n 1 | cmp - alone'
ok "samples of a prompt differ" bash -c '[ "$(tgen -q -m m.ten -n 8 --samples 5 --prompt x | sort -u | wc -l)" -gt 3 ]'
ok "lengths and log-probabilities fit" bash -c 'tdump --jsonl -w 0 r.ten | /usr/bin/python3 -c "
import json, sys
for l in sys.stdin:
    r = json.loads(l)
    assert len(r[\"ids\"]) == r[\"prompt_length\"] + len(r[\"logprobs\"]), r
    assert all(p <= 0 for p in r[\"logprobs\"]), r
"'
# teval computes the log-probabilities of the same ids another way
tdump --jsonl -w 0 r.ten >r.json
tcat -q -f ids r.ten -o ids.ten
teval -q -m m.ten --per-record losses.ten ids.ten >/dev/null
ok "log-probabilities agree with teval" bash -c 'tdump --jsonl -w 0 losses.ten | /usr/bin/python3 -c "
import json, sys
for l, m in zip(sys.stdin, open(\"r.json\")):
    a, b = json.loads(l), json.loads(m)
    for x, y in zip(a[\"logprobs\"][b[\"prompt_length\"] - 1:], b[\"logprobs\"], strict=True):
        assert abs(x - y) < 1e-4, (x, y)
"'

# ---- a context far longer than what is generated
tinit -q --arch llama --layers 1 --heads 2 --width 32 --context 1048576 --vocab vocab.ten -o far.ten
if measures_memory tgen; then
	run "little is generated in a long context" 0 '' '' /usr/bin/time -f %M -o peak tgen -q -m far.ten -n 5 --prompt a -o far.out
	ok "in memory for what is generated" test "$(cat peak)" -lt 40000
else
	skip "memory for what is generated" "/usr/bin/time is missing, or memory is the sanitizer's"
fi

# ---- refusals
fails "no model" 2 tgen --prompt a
fails "a model of both directions" 3 tgen -m bert.ten --prompt a
fails "a model without a language head" 3 tgen -m headless.ten --prompt a
fails "temperature" 2 tgen -m m.ten --temperature x --prompt a
fails "top-p above 1" 2 tgen -m m.ten --top-p 1.5 --prompt a
fails "no tokens" 2 tgen -m m.ten -n 0 --prompt a
fails "an empty stop string" 2 tgen -m m.ten --stop '' --prompt a
fails "prompt and file" 2 tgen -m m.ten --prompt a lines
fails "text as a model" 3 tgen -m text --prompt a
fails "a vocabulary as a model" 3 tgen -m vocab.ten --prompt a
fails "no such model" 1 tgen -m absent.ten --prompt a
fails "no such file" 1 tgen -m m.ten absent
fails "a chat prompt to cut" 2 tgen -m m.ten --chat --truncate --prompt a
tinit -q --layers 1 --heads 1 --width 8 --context 1 --vocab vocab.ten -o c1.ten
run "a context of one token" 3 '' '~^tgen: the model.s context of 1 has no room for a prompt' tgen -m c1.ten --truncate --prompt abc
run "a model that was cut off is named once" 3 '' '~^tgen: standard input: [^:]*: the stream ends' sh -c 'head -c 3000 m.ten | tgen -m - --prompt a'
run "or only of its end" 3 '' '~^tgen: standard input: [^:]*: the stream ends' sh -c 'head -c -64 m.ten | tgen -m - --prompt a'
run "two models, one behind the other" 3 '' '~^tgen: standard input: a model has one record, this stream has more$' sh -c 'cat m.ten m.ten | tgen -m - --prompt a'
is "whole from a pipe" "$(cat m.ten | tgen -q -m - -n 5 --temperature 0 --prompt a | md5sum)" "$(tgen -q -m m.ten -n 5 --temperature 0 --prompt a | md5sum)"
fails "no lines" 3 tgen -m m.ten --lines /dev/null
seq 1 99 >long
run "a long prompt" 3 '' '~prompt 1 has [0-9]+ tokens, which leaves no room in the model.s context of 48' tgen -m m.ten long
run "a long prompt, cut" 0 '*' '~ length=1 ' tgen -m m.ten --truncate -n 5 long
tinit -q --layers 1 --heads 1 --width 8 --context 8 --vocab bytes.ten -o b.ten
fails "an empty prompt without begin token" 3 tgen -m b.ten --prompt ''
alter=$BUILD/tests/support/alter
"$alter" norm.weight 3 nan <m.ten >nan.ten
fails "a model with NaN" 5 tgen -m nan.ten --prompt a
"$alter" block.0.norm1.weight 3 3e38 <m.ten >huge.ten
fails "a model that computes NaN" 5 tgen -m huge.ten --prompt '' -o nothing
ok "nothing is left" bash -c '[ ! -e nothing ] && ! ls -A | grep -q nothing'
run "a full device" 1 '' '~^tgen: .*No space left' bash -c 'tgen -q -m m.ten -n 5 --prompt a >/dev/full'
run "records to a full device" 1 '' '~^tgen: .*No space left' bash -c 'tgen -q -m m.ten -n 5 --records --prompt a >/dev/full'
finish
