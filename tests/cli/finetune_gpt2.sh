#!/bin/bash
# pipelines/finetune-gpt2.mk: a small folder of Hugging Face's, fine-tuned on a text and on conversations, and exported.
. tests/lib.sh
command -v gnuplot >/dev/null || skip_all 'gnuplot is not installed'
pipeline() { # OUT SETTING...
	local out=$1
	shift
	env -u MAKEFLAGS -u MAKELEVEL make -s -f "$ROOT/pipelines/finetune-gpt2.mk" BIN="$BUILD/bin" OUT="$out" STEPS=8 LENGTH=64 LR=1e-2 RANK=2 "$@"
}
data=$ROOT/pipelines/data
tvocab -q -n 300 "$data/stories.txt" -o vocab.ten
tinit -q --layers 1 --heads 2 --width 32 --context 256 --vocab vocab.ten | texport -q --to hf -o gpt2
run 'no model' 2 '' '~MODEL=FOLDER says which model' pipeline out TEXT="$data/stories.txt"
run 'nothing to learn from' 2 '' '~TEXT=FILE or CHATS=FILE' pipeline out MODEL=gpt2
run 'a text' 0 '~^held-out tenth, after' '*' pipeline text MODEL=gpt2 TEXT="$data/stories.txt" -j1
loss() { sed -n '/^held-out tenth, '"$2"'/,$s/^loss: //p' "$1/summary.txt" | head -n 1; }
ok 'it has learnt' awk -v a="$(loss text before)" -v b="$(loss text after)" 'BEGIN { exit !(b < a && b > 0) }'
ok 'its plot' grep -q '<svg' text/loss.svg
run 'the GGUF is the merged model' 0 '' '' sh -c 'timport -q --as model text/model.gguf | texport -q --to gguf --type f16 -o again.gguf && cmp again.gguf text/model.gguf'
is 'the adapters, put on the model again, are the merged model' "$(timport -q --as peft text/adapters -m text/imported.ten | tgraft -q --merge-lora | tdump --jsonl | cksum)" \
	"$(tdump --jsonl text/model.ten | cksum)"
run 'make -j2' 0 '*' '*' pipeline again MODEL=gpt2 TEXT="$data/stories.txt" -j2
ok 'the same bytes of the GGUF' cmp text/model.gguf again/model.gguf
ok 'the same bytes of the adapters' diff -r text/adapters again/adapters
touch -r text/adapted.ten mark
run 'again' 0 '*' '' pipeline text MODEL=gpt2 TEXT="$data/stories.txt"
ok 'nothing is done anew' test ! text/adapted.ten -nt mark
run 'other numbers in the GGUF' 0 '*' '*' pipeline text MODEL=gpt2 TEXT="$data/stories.txt" TYPE=q8_0
ok 'make it smaller' test "$(stat -c %s text/model.gguf)" -lt "$(stat -c %s again/model.gguf)"
ok 'nothing is learnt anew' test ! text/adapted.ten -nt mark
run 'conversations' 0 '~^held-out tenth, after' '*' pipeline chats MODEL=gpt2 CHATS="$data/chats.jsonl" TYPE=q8_0
ok 'talks' sh -c 'echo Hello. | tgen -q --chat -n 5 -m chats/model.ten'
finish
