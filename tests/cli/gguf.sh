# texport --to gguf: every tensor and key by a reader of our own, numbers rounded by Python; what cannot be said in GGUF.
. tests/lib.sh
export OMP_NUM_THREADS=2
cp "$ROOT/pipelines/data/stories.txt" .
tvocab -q -n 300 stories.txt -o vocab.ten
tvocab -q -n 280 --pattern gpt2 stories.txt -o old.ten
tinit -q --layers 2 --heads 2 --width 32 --context 16 --vocab old.ten -o gpt2.ten
tinit -q --arch llama --layers 2 --heads 4 --kv-heads 2 --width 64 --hidden 80 --context 16 --output-layer tied --vocab vocab.ten -o llama.ten
tinit -q --arch llama --layers 1 --heads 1 --width 24 --hidden 64 --context 16 --vocab vocab.ten -o narrow.ten
tdump --jsonl old.ten >old.jsonl
tdump --jsonl vocab.ten >vocab.jsonl

# MODEL VOCAB TYPE: what the reader says first
check() {
	tdump --jsonl $1.ten >$1.jsonl
	python3 "$ROOT/tests/support/gguf.py" $1.jsonl $2.jsonl $1.gguf $3 >out 2>&1 || note <out
	head -n 1 out
}
one() { # MODEL VOCAB TYPE TOLD COUNTS
	run "$1 as $3" 0 '' "texport: $4" texport --to gguf --type $3 -o $1.gguf $1.ten
	is "$1 as $3: its tensors, numbers, tokens and merges" "$(check $1 $2 $3)" "$5"
}
one gpt2 old f32 'tensors=28 parameters=34944 type=F32 wider=0' 'gpt2 28 F32=28'
one gpt2 old f16 'tensors=28 parameters=34944 type=F16 wider=0' 'gpt2 28 F32=19 F16=9'
one gpt2 old bf16 'tensors=28 parameters=34944 type=BF16 wider=0' 'gpt2 28 F32=19 BF16=9'
one gpt2 old q8_0 'tensors=28 parameters=34944 type=Q8_0 wider=0' 'gpt2 28 F32=19 Q8_0=9'
cp out gpt2.keys
one llama vocab f32 'tensors=20 parameters=74816 type=F32 wider=0' 'llama 20 F32=20'
one llama vocab q8_0 'tensors=20 parameters=74816 type=Q8_0 wider=2' 'llama 20 F32=5 F16=2 Q8_0=13'
cp out llama.keys
one narrow vocab q8_0 'tensors=12 parameters=21384 type=Q8_0 wider=8' 'llama 12 F32=3 F16=8 Q8_0=1'

is 'the keys of gpt2' "$(sed 1d gpt2.keys)" "  general.alignment = 32
  general.architecture = 'gpt2'
  general.file_type = 7
  general.name = 'gpt2 of 2 layers, width 32'
  general.quantization_version = 2
  general.type = 'model'
  gpt2.attention.head_count = 2
  gpt2.attention.head_count_kv = 2
  gpt2.attention.layer_norm_epsilon = 9.999999747378752e-06
  gpt2.block_count = 2
  gpt2.context_length = 16
  gpt2.embedding_length = 32
  gpt2.feed_forward_length = 128
  gpt2.vocab_size = 280
  tokenizer.ggml.add_bos_token = True
  tokenizer.ggml.add_eos_token = False
  tokenizer.ggml.bos_token_id = 279
  tokenizer.ggml.eos_token_id = 279
  tokenizer.ggml.model = 'gpt2'
  tokenizer.ggml.pre = 'gpt-2'"
is 'the keys of llama' "$(grep -e ' llama' -e architecture -e pre <llama.keys)" "  general.architecture = 'llama'
  llama.attention.head_count = 4
  llama.attention.head_count_kv = 2
  llama.attention.layer_norm_rms_epsilon = 9.999999747378752e-06
  llama.block_count = 2
  llama.context_length = 16
  llama.embedding_length = 64
  llama.feed_forward_length = 80
  llama.rope.dimension_count = 16
  llama.rope.freq_base = 10000.0
  llama.vocab_size = 300
  tokenizer.ggml.pre = 'dbrx'"

# the same bytes
texport -q --to gguf -o a.gguf llama.ten
run 'from a pipe' 0 '' '' sh -c 'texport -q --to gguf -o b.gguf <llama.ten && cmp a.gguf b.gguf'
tgraft -q --cast bf16 llama.ten -o half.ten
run 'a model of 16 bits' 0 '' '~type=BF16 wider=0$' texport --to gguf --type bf16 -o half.gguf half.ten
run 'is the bytes of one that was rounded here' 0 '' '' sh -c 'texport -q --to gguf --type bf16 -o b.gguf llama.ten && cmp half.gguf b.gguf'
tgraft -q --lora 2 llama.ten -o lora.ten
ids=$(tdump --schema lora.ten | grep -c 'lora_b')
[ "$ids" = 4 ] && "$BUILD/tests/support/alter" block.1.query.lora_b 5 0.5 <lora.ten >adapted.ten
tgraft -q --merge-lora adapted.ten -o merged.ten
run 'adapters are merged' 0 '' '' sh -c 'texport -q --to gguf -o a.gguf adapted.ten && texport -q --to gguf -o b.gguf merged.ten && cmp a.gguf b.gguf'
is 'and change the numbers' "$(texport -q --to gguf -o b.gguf llama.ten; cmp -s a.gguf b.gguf; echo $?)" 1

# what a language model does without
tgraft -q --head value llama.ten -o value.ten
run 'a value head is left out, and it is said' 0 '' '~^texport: left out: value.weight' texport --to gguf -o v.gguf value.ten
ok 'nothing else differs' cmp b.gguf v.gguf
tgraft -q --template chatml llama.ten -o chat.ten
run 'a chat template of special tokens' 0 '' '' texport -q --to gguf -o chat.gguf chat.ten
tgraft -q --template plain llama.ten -o plain.ten
run 'one of words' 0 '' '~^texport: the chat template has text beside a content' texport -q --to gguf -o plain.gguf plain.ten
tdump --jsonl chat.ten >chat.jsonl
python3 -c 'import json, sys; sys.stdout.buffer.write(bytes(json.loads(sys.stdin.readline())["tokenizer"]))' <chat.jsonl | tdump --jsonl >chatvocab.jsonl
is 'the template' "$(check chat chatvocab f32; grep -e template -e eot out)" "llama 20 F32=20
  tokenizer.chat_template = \"{% for message in messages %}{% if message['role'] == 'system' %}{{ '<|im_start|>system\\\\n' + message['content'] + '<|im_end|>\\\\n' }}{% elif message['role'] == 'user' %}{{ '<|im_start|>user\\\\n' + message['content'] + '<|im_end|>\\\\n' }}{% elif message['role'] == 'assistant' %}{{ '<|im_start|>assistant\\\\n' + message['content'] + '<|im_end|>\\\\n' }}{% elif message['role'] == 'tool' %}{{ '<|im_start|>tool\\\\n' + message['content'] + '<|im_end|>\\\\n' }}{% else %}{{ raise_exception('the template has no such role') }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\\\n' }}{% endif %}\"
  tokenizer.ggml.eot_token_id = 301"

# what cannot be
refuses() { # NAME STATUS WHY ARG...
	local name=$1 want=$2 why=$3
	shift 3
	fails "$name" "$want" texport -q "$@" -o no.gguf
	ok "$name: says why" grep -qe "$why" "$T.err"
	ok "$name: nothing is left" test ! -e no.gguf -a ! -e .no.gguf.tmp
}
tinit -q --arch bert --layers 1 --heads 1 --width 32 --context 16 --vocab vocab.ten -o bert.ten
tgraft -q --head classify --labels a,b llama.ten -o task.ten
tgraft -q --drop-head language llama.ten -o headless.ten
tgraft -q --drop-norm llama.ten -o unnormed.ten
tvocab -q --type byte -o byte.ten </dev/null
tvocab -q --type char -o char.ten stories.txt
tvocab -q -n 300 --no-special -o endless.ten stories.txt
tvocab -q -n 300 --special '<|endoftext|>' --special he -o twice.ten stories.txt
for v in byte char endless twice; do
	tinit -q --layers 1 --heads 1 --width 32 --context 16 --vocab $v.ten -o $v.model.ten
done
"$BUILD/tests/support/alter" block.0.up.weight 3 70000 <gpt2.ten >large.ten
"$BUILD/tests/support/alter" block.0.up.weight 3 nan <gpt2.ten >nan.ten
refuses 'a family without a place' 3 'family bert' --to gguf bert.ten
refuses 'a head for a task' 3 'drop-head task' --to gguf task.ten
refuses 'no language head' 3 'no language head' --to gguf headless.ten
refuses 'no last norm' 3 'no norm' --to gguf unnormed.ten
refuses 'bytes' 3 'type byte' --to gguf byte.model.ten
refuses 'characters' 3 'type char' --to gguf char.model.ten
refuses 'no end' 3 'no token that ends' --to gguf endless.model.ten
refuses 'two tokens of one spelling' 3 "both spelt .he'" --to gguf twice.model.ten
refuses 'a number too large for F16' 5 'tensor blk.0.ffn_up.weight has a number that is too large for F16' --to gguf --type f16 large.ten
run 'which BF16 can say' 0 '' '' texport -q --to gguf --type bf16 -o large.gguf large.ten
refuses 'not a number' 5 'not finite' --to gguf nan.ten
refuses 'something else' 3 'needs a model' --to gguf vocab.ten
refuses 'a vocabulary of another size' 3 'embed.token' --to gguf <("$BUILD/tests/support/alter" key config.vocab 299 <llama.ten)
refuses 'two operands' 2 'one operand' --to gguf llama.ten gpt2.ten
refuses 'no target' 2 'to NAME' llama.ten
refuses 'another target' 2 'onnx' --to onnx llama.ten
refuses 'another type' 2 'type' --to gguf --type q4_0 llama.ten
fails 'no name for the file' 2 texport --to gguf llama.ten
fails 'standard output' 2 texport --to gguf -o - llama.ten
echo old >kept.gguf
fails 'on failure' 5 texport --to gguf --type f16 -o kept.gguf large.ten
is 'what was there stays' "$(cat kept.gguf)" old
finish
