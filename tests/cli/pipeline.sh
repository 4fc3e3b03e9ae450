# README's commands by hand, shortened, and what each leaves; the same bytes for any number of
# threads and for files as for pipes; the demo as make targets.
. tests/lib.sh
cp "$ROOT/pipelines/data/stories.txt" .

run 'tvocab' 0 '' '~^tvocab: documents=' tvocab -n 512 stories.txt -o vocab.ten
run 'ttok | tsplit' 0 '' '~^tsplit: records_in=' sh -c 'ttok -q -m vocab.ten stories.txt | tsplit --parts train=0.9,val=0.1 -o data/'
run 'tpack | tshuf' 0 '' '~^tshuf: records_in=' sh -c 'tpack -q -l 64 data/train.ten | tshuf -s 1 -o train.ten'
run 'tinit' 0 '' '~^tinit: parameters=' tinit --arch gpt2 --layers 2 --heads 2 --width 64 --context 64 --vocab vocab.ten -o init.ten
run 'tpretrain' 0 '' '~^tpretrain: steps=40 ' tpretrain -m init.ten --eval data/val.ten --steps 40 --warmup 5 --log run.ten -o gpt.ten train.ten
run 'teval' 0 '~^loss: ' '*' teval -m gpt.ten data/val.ten
run 'tgen' 0 '~^Once upon a time' '*' sh -c "echo 'Once upon a time' | tgen -m gpt.ten -n 20"
run 'tdump' 0 '~^kind: rows' '' tdump train.ten
run 'tdump --csv' 0 '~^40,' '' tdump --csv run.ten
run 'tcheck' 0 '~^train.ten: ok: rows, ' '' tcheck vocab.ten train.ten init.ten run.ten gpt.ten data/train.ten data/val.ten
ok 'it learnt something' awk -F, 'NR == 2 { first = $2 } { last = $2 } END { exit !(last < first - 0.5) }' <(tdump --csv run.ten)
is 'tokens in are tokens out' "$(ttok -q -d -m gpt.ten data/train.ten data/val.ten | wc -c)" "$(wc -c <stories.txt)"

# -j1 and -j2, files and pipes
for j in 1 2; do
	mkdir j$j
	tvocab -q -j$j -n 512 stories.txt -o j$j/vocab.ten
	ttok -q -j$j -m j$j/vocab.ten stories.txt -o j$j/tokens.ten
	tinit -q -j$j --layers 2 --heads 2 --width 64 --context 64 --vocab j$j/vocab.ten -o j$j/init.ten
	tpretrain -q -j$j -m j$j/init.ten --steps 10 -o j$j/gpt.ten train.ten
	teval -q -j$j -m j$j/gpt.ten --per-record j$j/records.ten data/val.ten >j$j/eval.txt
	tgen -q -j$j -m j$j/gpt.ten -n 20 --prompt 'The old man' -s 3 --records -o j$j/gen.ten
done
for f in vocab tokens init gpt records gen; do
	run "$f: -j1 and -j2 give the same bytes" 0 '' '' cmp j1/$f.ten j2/$f.ten
done
run 'teval: -j1 and -j2 give the same text' 0 '' '' cmp j1/eval.txt j2/eval.txt
run 'tpack: a pipe and a file give the same bytes' 0 '' '' sh -c 'cat j1/tokens.ten | tpack -q -l 64 -o p.ten; tpack -q -l 64 j1/tokens.ten | cmp - p.ten'
run 'tshuf: a pipe and a file give the same bytes' 0 '' '' sh -c 'cat p.ten | tshuf -q -o s.ten; tshuf -q p.ten | cmp - s.ten'

demo() {
	env -u MAKEFLAGS -u MAKELEVEL make -s -f "$ROOT/pipelines/pretrain.mk" BIN="$BUILD/bin" OUT="$1" TEXT=stories.txt VOCAB=400 LENGTH=32 LAYERS=1 \
	    HEADS=2 WIDTH=32 STEPS=30 "$2"
}
if command -v gnuplot >/dev/null; then
	run 'pretrain.mk' 0 '~^samples' '*' demo d1 -j1
	ok 'its plot' grep -q '<svg' d1/loss.svg
	run 'pretrain.mk -j2' 0 '*' '*' demo d2 -j2
	for f in gpt.ten train.ten data/val.ten samples.txt; do
		run "make -j1 and -j2: $f" 0 '' '' cmp d1/$f d2/$f
	done
	touch -r d1/gpt.ten mark
	run 'pretrain.mk again: nothing to do' 0 '*' '' demo d1 -j1
	ok 'the model was left alone' test ! d1/gpt.ten -nt mark
	run 'other prompts' 0 '~^The end' '*' demo d1 'PROMPTS=The end|And'
	is 'are all that samples begin with' "$(grep -c '^--$' d1/samples.txt)" 2
	ok 'the model was left alone, too' test ! d1/gpt.ten -nt mark
	run 'a folder with a space in its name' 2 '' '~OUT is the name of a folder' demo 'd 3' -j1
	is 'leaves nothing' "$(ls -d d d\ 3 3 2>/dev/null)" ''
else
	skip 'pretrain.mk' 'gnuplot is not installed'
fi
finish
