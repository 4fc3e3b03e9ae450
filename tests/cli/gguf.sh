# texport --to gguf: every tensor and key by a reader of our own, numbers rounded by Python; what cannot be said in GGUF; and
# back again by timport --as model.
. tests/lib.sh
export OMP_NUM_THREADS=2
cp "$ROOT/pipelines/data/stories.txt" .
tvocab -q -n 300 stories.txt -o vocab.ten
tvocab -q -n 280 --pattern gpt2 stories.txt -o old.ten
tinit -q --layers 2 --heads 2 --width 32 --context 16 --vocab old.ten -o gpt2.ten
tinit -q --arch llama --layers 2 --heads 4 --kv-heads 2 --width 64 --hidden 80 --context 16 --output-layer tied --vocab vocab.ten -o llama.ten
tinit -q --arch llama --layers 1 --heads 1 --width 24 --hidden 64 --context 16 --vocab vocab.ten -o narrow.ten

# MODEL VOCAB TYPE: what the reader says first
check() {
	tdump --jsonl $1.ten >$1.jsonl
	tdump --jsonl $2.ten >$2.jsonl
	python3 "$ROOT/tests/support/gguf.py" $1.jsonl $2.jsonl $1.gguf $3 >out 2>&1 || note <out
	head -n 1 out
}
vocabulary_of() { # MODEL: its own, in MODEL.v.ten
	tdump --jsonl $1.ten | python3 -c 'import json, sys; sys.stdout.buffer.write(bytes(json.loads(sys.stdin.readline())["tokenizer"]))' >$1.v.ten
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

# models of others: with biases, text put into normal form C, tokens found in any text
mkdir variants && python3 "$ROOT/tests/support/variants.py" "$ROOT/tests/tokenizers/base.json" variants
adopt() { # MODEL FAMILY TOKENIZER ARG...: one as hf_folder.py makes it
	python3 "$ROOT/tests/support/hf_folder.py" $2 $1.hf --vocab 702 --set eos_token_id=699 "${@:4}" && cp "variants/$3.json" $1.hf/tokenizer.json &&
	    timport -q --as model $1.hf -o $1.ten && vocabulary_of $1
}
adopt qwen2 qwen2 qwen2
run 'qwen2: goes out, and normal form C is told of' 0 '' '~^texport: the vocabulary puts text into normal form C' texport --to gguf -o qwen2.gguf qwen2.ten
is 'qwen2: its tensors, numbers, tokens and merges' "$(check qwen2 qwen2.v f32)" 'qwen2 26 F32=26'
is 'the keys of qwen2' "$(grep -e ' qwen2' -e architecture -e pre -e bos -e tenon <out)" "  general.architecture = 'qwen2'
  qwen2.attention.head_count = 4
  qwen2.attention.head_count_kv = 2
  qwen2.attention.layer_norm_rms_epsilon = 9.999999974752427e-07
  qwen2.block_count = 2
  qwen2.context_length = 32
  qwen2.embedding_length = 24
  qwen2.feed_forward_length = 40
  qwen2.rope.dimension_count = 6
  qwen2.rope.freq_base = 10000.0
  qwen2.vocab_size = 702
  tokenizer.ggml.add_bos_token = False
  tokenizer.ggml.bos_token_id = 699
  tokenizer.ggml.pre = 'qwen2'"
adopt qwen3 qwen3 qwen2
texport -q --to gguf -o qwen3.gguf qwen3.ten 2>told
is 'qwen3: its tensors, numbers, tokens and merges' "$(check qwen3 qwen3.v f32)" 'qwen3 24 F32=24'
is 'the keys of qwen3' "$(grep -e ' qwen3' -e architecture -e pre <out)" "  general.architecture = 'qwen3'
  qwen3.attention.head_count = 4
  qwen3.attention.head_count_kv = 2
  qwen3.attention.key_length = 10
  qwen3.attention.layer_norm_rms_epsilon = 9.999999974752427e-07
  qwen3.attention.value_length = 10
  qwen3.block_count = 2
  qwen3.context_length = 32
  qwen3.embedding_length = 24
  qwen3.feed_forward_length = 40
  qwen3.rope.dimension_count = 10
  qwen3.rope.freq_base = 1000000.0
  qwen3.vocab_size = 702
  tokenizer.ggml.pre = 'qwen2'"
adopt divided qwen3 smollm --vocab 700 --set 'rope_scaling={"type": "linear", "factor": 2.5}' --set tie_word_embeddings=false --add lm_head.weight=700x24
texport -q --to gguf -o divided.gguf divided.ten
is 'qwen3 with positions divided and a head of its own' "$(check divided divided.v f32; grep -e scal out)" "qwen3 25 F32=25
  qwen3.rope.scaling.factor = 2.5
  qwen3.rope.scaling.type = 'linear'"
tvocab -q -n 300 --pattern qwen2 stories.txt -o raw.v.ten
tinit -q --layers 1 --heads 1 --width 32 --context 16 --vocab raw.v.ten -o raw.ten
run 'the rule of qwen2 without normal form C' 0 '' '' texport -q --to gguf -o raw.gguf raw.ten
is 'says so' "$(check raw raw.v f32; grep -e pre -e tenon out)" "gpt2 16 F32=16
  tenon.tokenizer.nfc = False
  tokenizer.ggml.pre = 'qwen2'"
sed 's/"normalizer": *null/"normalizer": {"type": "NFC"}/' "$ROOT/tests/tokenizers/base.json" >variants/nfc.json
adopt nfc qwen2 nfc --vocab 700
texport -q --to gguf -o nfc.gguf nfc.ten 2>told
is 'normal form C before another rule' "$(check nfc nfc.v f32; grep -e pre -e tenon out)" "qwen2 26 F32=26
  tenon.tokenizer.nfc = True
  tokenizer.ggml.pre = 'gpt-2'"
adopt smollm llama smollm --vocab 700 --set rope_scaling=null
texport -q --to gguf -o smollm.gguf smollm.ten
is 'the rule of smollm' "$(check smollm smollm.v f32; grep -e pre -e bos out)" "llama 21 F32=21
  tokenizer.ggml.add_bos_token = False
  tokenizer.ggml.bos_token_id = 699
  tokenizer.ggml.pre = 'smollm'"
adopt many llama many --vocab 701 --set rope_scaling=null
texport -q --to gguf -o many.gguf many.ten
is 'pieces taken whole, and several merges to a token' "$(check many many.v f32; grep -e pre -e bos out)" "llama 21 F32=21
  tokenizer.ggml.add_bos_token = True
  tokenizer.ggml.bos_token_id = 700
  tokenizer.ggml.pre = 'llama-bpe'"
ok 'some tokens have several' sh -c 'tdump --jsonl many.v.ten | grep -qF "\"more\":[2"'

# heads of their own size, scaled positions
adopt heads mistral smollm --vocab 700
texport -q --to gguf -o heads.gguf heads.ten
is 'heads of another size' "$(check heads heads.v f32; grep -e length -e dimension out)" "llama 21 F32=21
  llama.attention.key_length = 8
  llama.attention.value_length = 8
  llama.context_length = 32
  llama.embedding_length = 24
  llama.feed_forward_length = 40
  llama.rope.dimension_count = 8"
adopt linear qwen2 smollm --vocab 700 --set 'rope_scaling={"type": "linear", "factor": 2.5}'
texport -q --to gguf -o linear.gguf linear.ten
is 'positions divided' "$(check linear linear.v f32; grep -e scal out)" "qwen2 26 F32=26
  qwen2.rope.scaling.factor = 2.5
  qwen2.rope.scaling.type = 'linear'"
adopt waves llama many --vocab 701
texport -q --to gguf -o waves.gguf waves.ten
is 'waves stretched' "$(check waves waves.v f32; grep -e scal -e tenon out)" "llama 22 F32=21
  llama.tenon.rope_factor = 8.0
  llama.tenon.rope_high = 4.0
  llama.tenon.rope_low = 1.0
  llama.tenon.rope_original = 16"

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
tgraft -q --template llama3 llama.ten -o llama3.ten
run 'another, before a rule that cuts behind line ends' 0 '' '' texport -q --to gguf -o llama3.gguf llama3.ten
tgraft -q --template llama3 gpt2.ten -o llama3.ten
run 'and before one that does not' 0 '' '~^texport: the chat template has text beside a content' texport -q --to gguf -o llama3.gguf llama3.ten
run 'one of words' 0 '' '~^texport: the chat template has text beside a content' texport -q --to gguf -o plain.gguf plain.ten
tdump --jsonl chat.ten >chat.jsonl
vocabulary_of chat
is 'the template' "$(check chat chat.v f32; grep -e template -e eot out)" "llama 20 F32=20
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
tvocab -q -n 300 --special '<|endoftext|>' --special $'x\xff' -o bytes.ten stories.txt
for v in byte char endless twice bytes; do
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
refuses 'a special token that is not UTF-8' 3 'token 299, a special one, is not UTF-8' --to gguf bytes.model.ten
refuses 'a number too large for F16' 5 'tensor blk.0.ffn_up.weight has a number that is too large for F16' --to gguf --type f16 large.ten
run 'which BF16 can say' 0 '' '' texport -q --to gguf --type bf16 -o large.gguf large.ten
refuses 'not a number' 5 'not finite' --to gguf nan.ten
refuses 'something else' 3 'needs a model' --to gguf vocab.ten
refuses 'a vocabulary of another size' 3 'embed.token' --to gguf <("$BUILD/tests/support/alter" key config.vocab 299 <llama.ten)
of_variant() { # NAME: a model with that tokenizer
	timport -q --as tokenizer --end '<|endoftext|>' "variants/$1.json" -o $1.v.ten && tinit -q --arch llama --layers 1 --heads 2 --width 32 --context 16 --vocab $1.v.ten -o $1.ten
}
of_variant roberta
python3 - <<'END'
import json
for name, token in (("overlap", {"content": "call>>", "special": False}), ("strip", {"content": "<x>", "lstrip": True})):
    with open("variants/qwen2.json", encoding="utf-8") as f:
        t = json.load(f)
    t["added_tokens"].append(dict({"id": 702, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}, **token))
    with open("variants/%s.json" % name, "w", encoding="utf-8") as f:
        json.dump(t, f)
END
sed 's/"ignore_merges": false/"ignore_merges": true/' "$ROOT/tests/tokenizers/base.json" >variants/wholes.json
sed 's/<|begin_of_text|>/@begin/g' variants/llama3.json >variants/piece.json
adopt both qwen2 many --vocab 701 --set 'rope_scaling={"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}'
refuses 'biases together with stretched waves' 3 "biases of query, key and value and LLaMA 3's scaling" --to gguf both.ten
adopt norms qwen3 many --vocab 701 --set 'rope_scaling={"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}'
refuses 'norms of heads together with stretched waves' 3 "norms of queries and keys and LLaMA 3's scaling" --to gguf norms.ten
for v in overlap strip wholes piece; do
	of_variant $v
done
refuses 'tokens in any text that can overlap' 3 'found in any text and can overlap' --to gguf overlap.ten
refuses 'white space before a token' 3 'take white space with them' --to gguf strip.ten
refuses 'pieces taken whole by another rule' 3 'rule gpt2 and takes pieces that are tokens whole, for which GGUF has no name' --to gguf wholes.ten
refuses 'a special token that is a piece, too' 3 'special tokens that text can be cut to' --to gguf piece.ten
refuses 'a space before text' 3 'a space before text' --to gguf roberta.ten
refuses 'two operands' 2 'one input' --to gguf llama.ten gpt2.ten
refuses 'no target' 2 'to NAME' llama.ten
refuses 'another target' 2 'onnx' --to onnx llama.ten
refuses 'another type' 2 'type' --to gguf --type q4_0 llama.ten
fails 'no name for the file' 2 texport --to gguf llama.ten
fails 'standard output' 2 texport --to gguf -o - llama.ten
echo old >kept.gguf
fails 'on failure' 5 texport --to gguf --type f16 -o kept.gguf large.ten
is 'what was there stays' "$(cat kept.gguf)" old

# back again
{ cat "$ROOT/tests/tokenizers/text.txt"; printf 'Cafe\xcc\x81s <tool_call>x <|im_start|>12 3  45\n'; } >texts
for m in gpt2 llama narrow chat qwen2 qwen3 divided raw nfc smollm many heads linear waves; do
	texport -q --to gguf -o $m.gguf $m.ten 2>told
	run "$m comes back" 0 '' '~^timport: tensors=' timport --as model $m.gguf -o back.ten
	ok "$m: all is as it was" cmp <(tdump --schema $m.ten) <(tdump --schema back.ten)
	tensors() { tdump --jsonl $1 | sed 's/,"tokenizer":.*//'; }
	ids() { ttok -q --split line -m $1 texts | tdump --jsonl; }
	ok "$m: the same numbers" cmp <(tensors $m.ten) <(tensors back.ten)
	ok "$m: the same tokens" cmp <(ids $m.ten) <(ids back.ten)
	ok "$m: the same file again" bash -c "texport -q --to gguf -o again.gguf back.ten && cmp $m.gguf again.gguf"
	ok "$m: is a sound stream" tcheck -q back.ten
done
texport -q --to gguf --type q8_0 -o small.gguf llama.ten
timport -q --as model small.gguf -o back.ten
run 'what was rounded stays so' 0 '' '' sh -c 'texport -q --to gguf --type q8_0 -o again.gguf back.ten && cmp small.gguf again.gguf'
ok 'and is near' python3 -c '
import json, subprocess
a, b = (json.loads(subprocess.check_output(["tdump", "--jsonl", f])) for f in ("llama.ten", "back.ten"))
x, y = (sum(m["block.1.up.weight"], []) for m in (a, b))
most = max(abs(p - q) for p, q in zip(x, y))
assert 0 < most < max(map(abs, x)) / 200, most'
fails 'a folder without a configuration' 1 timport --as model . -o x.ten
fails 'nothing there' 1 timport --as model nowhere.gguf -o x.ten
fails 'a model is none' 3 timport --as model llama.ten -o x.ten
fails 'two files' 2 timport --as model gpt2.gguf llama.gguf -o x.ten
fails 'options of records' 2 timport --as model --keep a gpt2.gguf -o x.ten

# ids that are not used
tvocab -q -n 300 stories.txt -o few.ten && tvocab -q -n 310 stories.txt -o more.ten
tinit -q --arch llama --layers 1 --heads 1 --width 32 --context 32 --vocab more.ten | texport -q --to hf -o padded
tinit -q --layers 1 --heads 1 --width 8 --vocab few.ten | texport -q --to hf -o few && cp few/tokenizer.json padded && sed -i 's/309/299/' padded/config.json
timport -q --as model padded -o padded.ten
run 'ids that are not used go out' 0 '' '' texport -q --to gguf -o padded.gguf padded.ten
ok 'by their names' grep -qaF '[PAD309]' padded.gguf
run 'and come in' 0 '' '' timport -q --as model padded.gguf -o padded2.ten
is 'as they were' "$(tdump --schema padded2.ten | grep tokenizer)" "$(tdump --schema padded.ten | grep tokenizer)"

# what others say of positions: LLaMA 3's scaling by its divisors alone, that it is linear not at all
adopt published llama many --vocab 701 --set rope_theta=500000.0 --set 'rope_scaling={"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0,
	"high_freq_factor": 4.0, "original_max_position_embeddings": 8192}'
texport -q --to gguf -o published.gguf published.ten
for m in published waves; do
	sed 's/llama\.tenon\./llama.other./g' $m.gguf >case.$m.gguf
done
run 'divisors alone' 0 '' '' timport -q --as model case.published.gguf -o back.ten
ok 'are taken for what has been published' cmp <(tdump --schema published.ten) <(tdump --schema back.ten)
fails 'others' 3 timport --as model case.waves.gguf -o x.ten
ok 'are refused' grep -q "rope_freqs.weight is not LLaMA 3's scaling by" "$T.err"
sed 's/rope\.scaling\.type/rope.scaling.tipe/' linear.gguf >case.linear.gguf
run 'a factor alone' 0 '' '' timport -q --as model case.linear.gguf -o back.ten
ok 'is linear' cmp <(tdump --schema linear.ten) <(tdump --schema back.ten)
sed 's/\x06\x00\x00\x00\x00\x00\x00\x00linear/\x06\x00\x00\x00\x00\x00\x00\x00yarn12/' linear.gguf >case.yarn.gguf
sed 's/attention\.key_length\x04\x00\x00\x00\x08/attention.key_length\x04\x00\x00\x00\x06/' heads.gguf >case.sizes.gguf
sed 's/llama\.tenon\.rope_low/llama.tenon.rope_lax/; s/llama\.rope\.freq_base/llama.rope.freq_bass/' published.gguf >case.base.gguf

sed 's/blk\.0\.attn_q_norm/blk.0.attn_x_norm/' qwen3.gguf >case.norms.gguf

# metadata and tensors changed in the file: refused, or a model, but never a signal
tinit -q --layers 1 --heads 4 --kv-heads 1 --width 64 --context 16 --vocab old.ten | texport -q --to gguf -o grouped.gguf
PYTHONPATH=$ROOT/tests/support python3 - <<'END'
import struct
from gguf import read
with open("gpt2.gguf", "rb") as f:
    good = f.read()
def sub(a, b):
    assert good.count(a) >= 1 and len(a) == len(b), a
    return good.replace(a, b, 1)
def number(key, old, new):
    return sub(key + struct.pack("<II", 4, old), key + struct.pack("<II", 4, new))
cases = {"heads": number(b"gpt2.attention.head_count", 2, 3), "layers": number(b"gpt2.block_count", 2, 3),
    "fewer": number(b"gpt2.block_count", 2, 1), "context": number(b"gpt2.context_length", 16, 17),
    "huge": number(b"gpt2.embedding_length", 32, 2**32 - 1), "wide": number(b"gpt2.embedding_length", 32, 131072), "zero": number(b"gpt2.feed_forward_length", 128, 0),
    "end": number(b"tokenizer.ggml.eos_token_id", 279, 2**31), "arch": sub(b"general.architecture\x08\0\0\0\x04\0\0\0\0\0\0\0gpt2",
    b"general.architecture\x08\0\0\0\x04\0\0\0\0\0\0\0gpt3"), "kind": sub(b"\x05\0\0\0\0\0\0\0gpt-2", b"\x05\0\0\0\0\0\0\0gpt-9"),
    "name": sub(b"blk.1.ffn_up.weight", b"blk.1.ffn_xp.weight"), "merge": sub("\u0120 t".encode(), "\u0120  ".encode()),
    "twice": sub(b"\x01\0\0\0\0\0\0\0A", b"\x01\0\0\0\0\0\0\0B"),
    "form": sub(b"\x1c\0\0\0\0\0\0\0tokenizer.ggml.add_bos_token\x07\0\0\0\x01",
    b"\x13\0\0\0\0\0\0\0tenon.tokenizer.nfc\x08\0\0\0\x02\0\0\0\0\0\0\0no"),
    "nan": good[:-32] + struct.pack("<f", float("nan")) + good[-28:]}
with open("qwen3.gguf", "rb") as f:
    good = f.read()
cases["size"] = sub(b"blk.1.attn_k_norm.weight" + struct.pack("<IQ", 1, 10), b"blk.1.attn_k_norm.weight" + struct.pack("<IQ", 1, 11))
# query, key and value of 64, 16 and 16 as three blocks of 32; the tensors behind move up
with open("grouped.gguf", "rb") as f:
    good = f.read()
tensors, joined = read("grouped.gguf")[1], "blk.0.attn_qkv.bias"
data, moved = good, 0
for name, (kind, sizes, numbers) in tensors.items():
    info = name.encode() + struct.pack("<I%dQ" % len(sizes), len(sizes), *sizes)
    at = data.index(info) + len(info)
    offset = struct.unpack_from("<Q", data, at + 4)[0]
    data = data[:at] + struct.pack("<IQ", 8 if name == joined else kind, offset - moved) + data[at + 12:]
    if name == joined:
        start, moved = len(good) - sum(-(-len(t[2]) // 32) * 32 for t in tensors.values()) + offset, 384 - 128
cases["parts"] = data[:start] + bytes(128) + data[start + 384:]
for name, data in cases.items():
    with open("case.%s.gguf" % name, "wb") as f:
        f.write(data)
END
while read -r name status why; do
	fails "$name: refused" "$status" timport --as model case.$name.gguf -o x.ten
	ok "$name: says why" grep -qe "$why" "$T.err"
done <<'END'
heads 3 width 32 is not a multiple of 3
layers 3 blk.2.attn_norm.weight is missing
fewer 3 blk.1.*is not one of
context 3 position_embd.weight is not of the shape
huge 3 embedding_length is missing, or not
wide 3 token_embd.weight is not of the shape
parts 3 attn_qkv.bias is of type Q8_0, whose blocks
zero 3 feed_forward_length is missing, or not
arch 3 neither gpt2, llama, qwen2 nor qwen3
norms 3 blk.0.attn_q_norm.weight is missing
size 3 blk.1.attn_k_norm.weight is not of the shape
kind 3 tokenizer.ggml.pre
name 3 blk.1.ffn_up.weight is missing
merge 3 merge [0-9]* is not of two tokens
form 3 tenon.tokenizer.nfc is neither
twice 3 tokens [0-9]* and [0-9]* have one spelling
nan 5 not finite
yarn 3 rope.scaling.type is neither none nor linear
sizes 3 not of one size
base 3 rope_freqs.weight is not LLaMA 3
END
run 'an end that is no token: a vocabulary without one' 0 '' '' timport -q --as model case.end.gguf -o x.ten
cat >flip.py <<'END'
import subprocess
bad = []
for name, end, step, times in (("gpt2", b"blk.0.attn_norm.bias", 7919, 100), ("waves", b"tokenizer.ggml.model", 11, 60)):
    with open(name + ".gguf", "rb") as f:
        good = bytearray(f.read())
    for i in range(times):
        at = i * step % good.find(end)
        data = bytearray(good)
        data[at] ^= 1 << i % 8
        with open("flipped.gguf", "wb") as f:
            f.write(data)
        rc = subprocess.run(["timport", "-q", "--as", "model", "flipped.gguf", "-o", "x.ten"], stderr=subprocess.DEVNULL).returncode
        if rc not in (0, 3, 5):
            bad.append((name, at, rc))
assert not bad, bad
END
ok 'flipped bits: no signal' python3 flip.py
finish
