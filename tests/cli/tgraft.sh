# tgraft: each change, what it leaves as it was, what is new and says so, what does not fit.
. tests/lib.sh
export OMP_NUM_THREADS=2
cp "$ROOT/pipelines/data/stories.txt" .
tvocab -q -n 300 stories.txt -o vocab.ten
ttok -q -m vocab.ten stories.txt | tcat -q -r 0:10 -o tokens.ten
tpack -q -l 32 tokens.ten -o rows.ten
tinit -q --layers 3 --heads 2 --width 16 --context 32 --vocab vocab.ten -o gpt.ten
tinit -q --arch llama --layers 2 --heads 2 --width 16 --context 32 --vocab vocab.ten -o llama.ten
tinit -q --arch bert --layers 2 --heads 2 --width 16 --context 32 --vocab vocab.ten -o bert.ten
schema() { tdump --schema "$1"; }
tensor() { tdump --jsonl -f "$2" "$1"; }

run 'nothing to do: the same tensors' 0 '' '~kept=52 dropped=0 new=0 ' tgraft -o same.ten gpt.ten
is 'and the same results' "$(teval -q -m same.ten rows.ten)" "$(teval -q -m gpt.ten rows.ten)"
run 'through a pipe' 0 '' '' sh -c 'tgraft -q <gpt.ten | tgraft -q -o piped.ten'

# heads
run 'a head for classes' 0 '' '*' tgraft --head classify --labels good,bad -o c.ten gpt.ten
is 'what is new is named' "$(grep -c '^tgraft: new: score' "$T.err")" 2
ok 'its classes' sh -c 'tdump --schema c.ten | grep -qx "  classes = good.nbad"'
ok 'it reads the last token' sh -c 'tdump --schema c.ten | grep -qx "  config.pool = last"'
is 'the rest is as it was' "$(tensor c.ten block.1.up.weight | md5sum)" "$(tensor gpt.ten block.1.up.weight | md5sum)"
is 'the same seed, the same head' "$(tgraft -q --head classify --labels good,bad gpt.ten | tdump --jsonl -f score.weight | md5sum)" "$(tensor c.ten score.weight | md5sum)"
run 'another seed' 0 '' '' tgraft -q -s 2 --head classify --labels good,bad -o c2.ten gpt.ten
both() { # TENSOR MODEL MODEL: into a and b
	tensor "$2" "$1" >a && tensor "$3" "$1" >b
}
ok 'its head' both score.weight c2.ten c.ten
differ 'is another' a b
fails 'a head where there is one' 2 tgraft --head tag --labels O,B-x -o x.ten c.ten
run 'which is replaced when it is dropped by name' 0 '' '~kept=52 dropped=2 new=2 ' tgraft --drop-head task --head tag --labels O,B-x,I-x -o t.ten c.ten
ok 'and has other classes' sh -c 'tdump --schema t.ten | grep -qx "  classes = O.nB-x.nI-x"'
fails 'a head to drop that is not there' 2 tgraft --drop-head task -o x.ten gpt.ten
fails 'classes without names' 2 tgraft --head classify -o x.ten gpt.ten
fails 'names of numbers' 2 tgraft --head regress --labels a -o x.ten gpt.ten
fails 'names without a head' 2 tgraft --labels a -o x.ten gpt.ten
fails 'a name twice' 2 tgraft --head classify --labels a,b,a -o x.ten gpt.ten
run 'numbers and values' 0 '' '~new=2 ' tgraft --head regress --outputs 3 -o r.ten gpt.ten
run 'a value head beside it' 0 '' '~new=2 ' tgraft --head value -o v.ten r.ten
ok 'of one number a token' sh -c 'tdump --schema v.ten | grep -q "value.weight: float32 \[1, 16\]"'
run 'a model without language' 0 '' '~kept=36 dropped=5 new=0 ' tgraft --drop-head language -o headless.ten bert.ten
fails 'cannot be measured on it' 3 teval -m headless.ten rows.ten
ok 'and says what helps' grep -q -- '--head language' "$T.err"
run 'until it has it again' 0 '' '~kept=36 dropped=0 new=5 ' tgraft --head language -o again.ten headless.ten
run 'untied: another projection' 0 '' '~kept=20 dropped=1 new=1 ' tgraft --drop-head language --head language -s 5 -o relearn.ten llama.ten

# layers
run 'a block less' 0 '' '~kept=36 dropped=16 new=0 ' tgraft --drop-layers 1 -o two.ten gpt.ten
is 'the third is now the second' "$(tensor two.ten block.1.up.weight | cut -d: -f2 | md5sum)" "$(tensor gpt.ten block.2.up.weight | cut -d: -f2 | md5sum)"
run 'blocks more' 0 '' '~kept=52 dropped=0 new=32 ' tgraft --append-layers 2 -o five.ten gpt.ten
run 'one goes, one comes' 0 '' '~kept=36 dropped=16 new=16 ' tgraft --drop-layers 0-0 --append-layers 1 -o three.ten gpt.ten
run 'the last norm goes' 0 '' '~kept=50 dropped=2 new=0 ' tgraft --drop-norm -o unnormed.ten gpt.ten
run 'which still can be measured' 0 '*' '' teval -q -m unnormed.ten rows.ten
fails 'it goes once' 2 tgraft --drop-norm -o x.ten unnormed.ten
fails 'all of them' 2 tgraft --drop-layers 0-2 -o x.ten gpt.ten
fails 'one that is not there' 2 tgraft --drop-layers 3 -o x.ten gpt.ten
fails 'no list' 2 tgraft --drop-layers 1,,2 -o x.ten gpt.ten

# the vocabulary
run 'more special tokens' 0 '' '~new=0 new_tokens=2 ' tgraft --special '<|a|>' --special '<|b|>' -o more.ten gpt.ten
is 'the old rows are as they were' "$(tensor more.ten embed.token | python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())["embed.token"][:300])' | md5sum)" \
	"$(tensor gpt.ten embed.token | python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())["embed.token"])' | md5sum)"
is 'text is the same tokens' "$(echo 'The fox.' | ttok -q -m more.ten | tdump --jsonl -f ids)" "$(echo 'The fox.' | ttok -q -m gpt.ten | tdump --jsonl -f ids)"
fails 'data of the old vocabulary is told apart' 3 teval -m more.ten rows.ten
fails 'a token that is there' 2 tgraft --special '<|a|>' -o x.ten more.ten
tvocab -q -n 340 stories.txt -o larger.ten
run 'another vocabulary' 0 '' '~new_tokens=40 ' tgraft --vocab larger.ten -o large.ten gpt.ten
is 'a token keeps its row wherever it is' "$(tensor large.ten embed.token | python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())["embed.token"][339])')" \
	"$(tensor gpt.ten embed.token | python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())["embed.token"][299])')"

# templates from files
printf 'a\0b' >nul.jinja
head -c 1100000 /dev/zero | tr '\0' ' ' >long.jinja
mkdir folder.jinja
run 'a template with a NUL' 3 '' '~^tgraft: nul.jinja: has a NUL' tgraft --template nul.jinja -o x.ten gpt.ten
run 'a template without end' 3 '' '~^tgraft: long.jinja: is longer than 1048576 bytes' tgraft --template long.jinja -o x.ten gpt.ten
run 'a folder as a template' 1 '' '~^tgraft: folder.jinja: cannot read: Is a directory' tgraft --template folder.jinja -o x.ten gpt.ten

# adapters
run 'adapters' 0 '' '~kept=52 dropped=0 new=12 ' tgraft --lora 2 -o lora.ten gpt.ten
is 'change nothing at first' "$(teval -q -m lora.ten rows.ten)" "$(teval -q -m gpt.ten rows.ten)"
fails 'twice' 2 tgraft --lora 2 -o x.ten lora.ten
fails 'of a layer that is not there' 2 tgraft --lora 2 --lora-targets gate -o x.ten gpt.ten
fails 'of no layer' 2 tgraft --lora 2 --lora-targets hat -o x.ten gpt.ten
fails 'a token without a name' 2 tgraft --special '' -o x.ten gpt.ten
ok 'says so' grep -q -- '--special: the token needs a name' "$T.err"
tpretrain -q -m lora.ten --steps 20 -b 4 --warmup 2 --lr 1e-2 -o adapted.ten rows.ten
is 'a trainer trains them alone' "$(tensor adapted.ten embed.token | md5sum)" "$(tensor gpt.ten embed.token | md5sum)"
ok 'before and after' both block.0.query.lora_b adapted.ten lora.ten
differ 'they have learnt' a b
run 'merged' 0 '' '~kept=52 dropped=12 new=0 ' tgraft --merge-lora -o merged.ten adapted.ten
is 'merged and not: the same' "$(teval -q -m merged.ten rows.ten)" "$(teval -q -m adapted.ten rows.ten)"
run 'removed' 0 '' '~kept=52 dropped=12 new=0 ' tgraft --drop-lora -o bare.ten adapted.ten
is 'it is the model that it was' "$(teval -q -m bare.ten rows.ten)" "$(teval -q -m gpt.ten rows.ten)"
fails 'no adapters to merge' 2 tgraft --merge-lora -o x.ten gpt.ten
fails 'merge and drop' 2 tgraft --merge-lora --drop-lora -o x.ten adapted.ten

# averages
tinit -q -s 2 --layers 3 --heads 2 --width 16 --context 32 --vocab vocab.ten -o other.ten
run 'the mean of two' 0 '' '~kept=52 ' tgraft --average -o mean.ten gpt.ten other.ten
is 'is their mean' "$(for m in mean gpt other; do tensor $m.ten block.0.query.weight; done | python3 -c 'import json, sys
m, a, b = [sum(json.loads(l)["block.0.query.weight"], []) for l in sys.stdin]
print(max(abs(x - (y + z) / 2) for x, y, z in zip(m, a, b)) < 1e-8)')" True
fails 'of models that differ' 3 tgraft --average -o x.ten gpt.ten two.ten
ok 'names the key' grep -q 'two.ten: key config.layers is .2., in gpt.ten it is .3.' "$T.err"
tinit -q --layers 3 --heads 4 --width 16 --context 32 --vocab vocab.ten -o heads.ten
tinit -q --arch llama --layers 2 --heads 2 --width 16 --context 64 --vocab vocab.ten -o longer.ten
tgraft -q --head classify --labels bad,good -o turned.ten gpt.ten
tgraft -q --template plain -o plain.ten gpt.ten
tgraft -q --template completion -o completion.ten gpt.ten
tgraft -q --lora 2 --lora-alpha 9 -o alpha.ten gpt.ten
while read -r key a b; do
	run "of tensors that mean something else: $key" 3 '' "~^tgraft: $b.ten: key $key is .*, in $a.ten it is" tgraft --average -o x.ten $a.ten $b.ten
done <<'END'
config.heads gpt heads
config.context llama longer
classes c turned
template plain completion
config.lora_alpha lora alpha
END
fails 'of one' 2 tgraft --average -o x.ten gpt.ten
fails 'several without --average' 2 tgraft -o x.ten gpt.ten other.ten

# frozen tensors
run 'frozen' 0 '' '*' tgraft --freeze 'embed.*' --freeze 'block.0.*' -o frozen.ten gpt.ten
tpretrain -q -m frozen.ten --steps 3 -b 4 -o after.ten rows.ten
is 'stay in training' "$(tensor after.ten embed.position | md5sum) $(tensor after.ten block.0.down.bias | md5sum)" \
	"$(tensor gpt.ten embed.position | md5sum) $(tensor gpt.ten block.0.down.bias | md5sum)"
ok 'others before and after' both block.1.down.bias after.ten gpt.ten
differ 'do not' a b
ok 'the model remembers' sh -c 'tdump --schema after.ten | grep -qx "  frozen = embed.\*.nblock.0.\*"'
run 'until it is told otherwise' 0 '' '' tgraft -q --thaw -o thawed.ten after.ten
is 'which it then forgets' "$(schema thawed.ten | grep -e '^  frozen' -e '^  config.arch')" '  config.arch = gpt2'
fails 'a pattern that matches nothing' 2 tgraft --freeze 'hat.*' -o x.ten gpt.ten

# casts
for c in bf16 f16; do
	run "$c" 0 '' '*' tgraft --cast $c -o $c.ten gpt.ten
	run "$c can be used" 0 '*' '' teval -q -m $c.ten rows.ten
	is "$c: the loss is near" "$(teval -q -m $c.ten rows.ten | sed -n '1s/\(\.[0-9]\).*/\1/p')" "$(teval -q -m gpt.ten rows.ten | sed -n '1s/\(\.[0-9]\).*/\1/p')"
done
case $(nm -D "$BUILD/bin/tgraft" 2>/dev/null) in
*asan*) run 'narrow tensors are freed' 0 '*' '*' env ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=1" tgraft --cast bf16 -o leak.ten gpt.ten ;;
*) skip 'narrow tensors are freed' 'no AddressSanitizer' ;;
esac
ok 'half the size' test "$(($(stat -c %s bf16.ten) * 2 - $(stat -c %s gpt.ten)))" -lt 40000
is 'numbers that bf16 has are kept' "$(tgraft -q bf16.ten | tgraft -q --cast bf16 | tdump --jsonl -f embed.token | md5sum)" "$(tensor bf16.ten embed.token | md5sum)"
ok 'every step is in the provenance' sh -c 'tdump --provenance merged.ten | grep -q "tgraft 0.1.0 --merge-lora" && tdump --provenance merged.ten | grep -q "tgraft 0.1.0 --lora=2"'
ok 'nothing that was refused is there' test ! -e x.ten
finish
