# Models and adapters of Hugging Face folders, in and out.
. tests/lib.sh
make_folder() { python3 "$ROOT/tests/support/hf_folder.py" "$@"; }
rows() { "$BUILD/tests/support/mkrows" "$1/rows.safetensors"; }
torch=
/usr/bin/python3 -c 'import torch' 2>/dev/null && torch=1
head -c 8000 "$ROOT/pipelines/data/stories.txt" >stories.txt
tvocab -q -n 300 --special '<|endoftext|>' --special '<|mask|>' stories.txt -o vocab.ten
export OMP_NUM_THREADS=1

# name, shape and bytes of each tensor of a safetensors file, sorted
tensors() {
	python3 - "$1" <<'P'
import hashlib, json, struct, sys
data = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", data[:8])[0]
for name, t in sorted(json.loads(data[8:8 + n]).items()):
    if name != "__metadata__":
        b, e = t["data_offsets"]
        print(name, t["dtype"], t["shape"], hashlib.sha256(data[8 + n + b:8 + n + e]).hexdigest())
P
}

# ---- the golden models ----
golden=$ROOT/tests/golden
for name in gpt2 llama bert; do
	mkdir golden-$name
	cp "$golden/$name.weights.safetensors" golden-$name/model.safetensors
	python3 -c 'import json, sys; json.dump(json.load(open(sys.argv[1]))[sys.argv[2]]["config"], sys.stdout)' \
	    "$golden/cases.json" $name >golden-$name/config.json
	run "golden $name comes in" 0 '' "~^timport: family=$name .* left_out=0 " timport --as model golden-$name -o g.ten
	wanted=$(python3 -c 'import json, sys; print("%.6f" % json.load(open(sys.argv[1]))[sys.argv[2]]["loss"])' "$golden/cases.json" $name)
	"$BUILD/tests/support/mkrows" "$golden/$name.expect.safetensors" >rows.ten
	is "golden $name: the golden loss" "$(printf %.6f "$(teval -q -m g.ten rows.ten | sed -n 's/^loss: //p')")" "$wanted"
	ok "golden $name goes out" texport -q --to hf -o out-$name g.ten
	is "golden $name: names, shapes and bytes are the same" "$(tensors out-$name/model.safetensors)" "$(tensors golden-$name/model.safetensors)"
	timport -q --as model out-$name -o g2.ten && texport -q --to hf -o again-$name g2.ten
	ok "golden $name: out and in again, the same bytes" diff -r out-$name again-$name
	if [ $torch ]; then
		run "golden $name: PyTorch makes the golden logits of it" 0 '~^logits differ by [0-9.]+e-(0[6-9]|[1-9][0-9])$' '' \
		    /usr/bin/python3 "$ROOT/tests/support/torch_logits.py" out-$name "$golden/$name.expect.safetensors"
	else
		skip "golden $name: PyTorch makes the golden logits of it" "no python3-torch"
	fi
done

# ---- every family, every type ----
for name in gpt2 llama mistral qwen2 qwen3 bert roberta; do
	for type in F32 F16 BF16; do
		make_folder $name $name-$type --type $type
		timport -q --as model $name-$type -o $name-$type.ten && texport -q --to hf -o $name-$type.out $name-$type.ten
		ok "$name in $type: the same file comes out" cmp $name-$type/model.safetensors $name-$type.out/model.safetensors
	done
	make_folder $name $name-shards --shards 3
	timport -q --as model $name-shards -o s.ten && texport -q --to hf -o $name-shards.out s.ten
	ok "$name in shards: the same tensors" cmp $name-F32/model.safetensors $name-shards.out/model.safetensors
	loss=$(rows $name-F32 | teval -q -m $name-F32.ten | sed -n 's/^loss: //p')
	if [ $torch ]; then
		is "$name: PyTorch has the same loss" "$(/usr/bin/python3 "$ROOT/tests/support/torch_logits.py" $name-F32.out $name-F32/rows.safetensors)" \
		    "$(printf 'loss: %.6f' "$loss")"
	else
		skip "$name: PyTorch has the same loss" "no python3-torch"
	fi
done
for name in gpt2 llama bert roberta; do
	make_folder $name $name-bare --bare
	timport -q --as model $name-bare -o bare.ten && texport -q --to hf -o $name-bare.out bare.ten
	if [ $name = gpt2 ]; then # its head is its embedding
		is "gpt2 without names of the whole" "$(tensors gpt2-bare.out/model.safetensors)" "$(tensors gpt2-F32/model.safetensors)"
	else
		ok "$name without a head" cmp $name-bare/model.safetensors $name-bare.out/model.safetensors
	fi
done
make_folder llama linear --set 'rope_scaling={"type": "linear", "factor": 2.0}'
timport -q --as model linear -o linear.ten && texport -q --to hf -o linear.out linear.ten
run 'linear scaling is kept' 0 '~"rope_type": "linear"' '' cat linear.out/config.json
ok 'another type: half the bytes' texport -q --to hf --type bf16 -o half gpt2-F32.ten
is 'of numbers' "$(tensors half/model.safetensors | cut -d ' ' -f 2 | sort -u)" BF16
run 'through a pipe' 0 '' '' sh -c 'timport -q --as model gpt2-F32 | texport -q --to hf -o piped && cmp piped/model.safetensors gpt2-F32/model.safetensors'

# ---- what is left out ----
make_folder bert pooled --add bert.pooler.dense.weight=24x24 --add bert.pooler.dense.bias=24
run 'the pooler is named' 0 '' '~^timport: left out: bert.pooler.dense.weight, which pools' timport --as model pooled -o x.ten
make_folder bert old --rename bert.embeddings.LayerNorm.weight=bert.embeddings.LayerNorm.gamma --rename bert.embeddings.LayerNorm.bias=bert.embeddings.LayerNorm.beta
ok 'old names of norms' sh -c 'timport -q --as model old -o x.ten && texport -q --to hf -o old.out x.ten && cmp old.out/model.safetensors bert-F32/model.safetensors'
make_folder gpt2 copied --copy lm_head.weight=transformer.wte.weight --buffer transformer.h.0.attn.bias=causal:16 \
    --buffer transformer.h.0.attn.masked_bias=low:1
run 'masks and the copy of a tied tensor' 0 '' '~left_out=3' timport --as model copied -o x.ten
is 'are named' "$(grep -c '^timport: left out: ' "$T.err")" 3
make_folder llama turned --buffer model.layers.0.self_attn.rotary_emb.inv_freq=turns:6
run 'rotary frequencies' 0 '' '~^timport: left out: model.layers.0.self_attn.rotary_emb.inv_freq, the freq' timport --as model turned -o x.ten
make_folder bert counted --buffer bert.embeddings.position_ids=count:16
run 'numbers of positions' 0 '' '~^timport: left out: bert.embeddings.position_ids, ' timport --as model counted -o x.ten

# ---- what is refused, and why ----
refused() { # NAME REGEX [OPTION...]: of a folder made with the options
	local name=$1 why=$2 family=$3
	shift 3
	rm -rf bad
	make_folder $family bad "$@"
	run "$name" 3 '' "~$why" timport --as model bad -o bad.ten
	ok "$name: nothing is left" test ! -e bad.ten
}
refused 'a missing tensor' '^timport: bad: tensor transformer.h.1.ln_2.bias is missing$' gpt2 --drop transformer.h.1.ln_2.bias --drop transformer.h.0.ln_1.bias
is 'all that are missing are listed' "$(grep -c 'is missing' "$T.err")" 2
ok 'and counted' grep -qx 'timport: bad: tensors are missing: 2; not of a gpt2 model like this: 0' "$T.err"
refused 'a further tensor' '^timport: bad: tensor more is not one of the model.s$' llama --add more=3 --add model.layers.2.mlp.up_proj.weight=40x24
is 'all of them' "$(grep -c "not one of" "$T.err")" 2
refused 'a tied head that differs' 'lm_head.weight is not the token embedding' gpt2 --add lm_head.weight=37x24
refused 'a mask that is not causal' 'attn.bias is not the causal mask' gpt2 --add transformer.h.0.attn.bias=1x1x16x16
refused 'other frequencies' 'inv_freq is not the frequencies' llama --buffer model.layers.0.self_attn.rotary_emb.inv_freq=count:3
refused 'another shape' 'tensor model.norm.weight has another shape than' llama --reshape model.norm.weight=2x12
refused 'whole numbers' 'masked|F32, F16 nor BF16' llama --drop model.norm.weight --buffer model.norm.weight=count:24
rm -rf bad && make_folder llama bad --buffer model.norm.weight=nan:24
fails 'not a number' 5 timport --as model bad -o bad.ten
refused 'another family' 'model_type .t5. is not supported' gpt2 --set 'model_type="t5"'
refused 'another head' 'architecture .GPT2ForSequenceClassification. is not supported' gpt2 --set 'architectures=["GPT2ForSequenceClassification"]'
refused 'another activation' 'activation_function. is .relu.; only .gelu_new. is' gpt2 --set 'activation_function="relu"'
refused 'no width' 'has no .n_embd.' gpt2 --set n_embd=null
refused 'absurd sizes' 'n_layer. is not a whole number from 1 to' gpt2 --set n_layer=99999999999
refused 'too many layers' 'layers is 1000000, must be 1 to 1024' gpt2 --set n_layer=1000000
refused 'no heads' 'num_attention_heads. is not a whole number' llama --set num_attention_heads=0
refused 'a size that is a text' 'n_head. is not a whole number' gpt2 --set 'n_head="3"'
refused 'heads that do not divide' 'not a multiple' gpt2 --set n_head=7
refused 'a window' 'sliding_window. is 16, smaller than the context of 32' mistral --set sliding_window=16
rm -rf bad && make_folder mistral bad --set max_position_embeddings=8192
ok 'no window' timport -q --as model bad -o window.ten
sed -i 's/"sliding_window"/"other"/' bad/config.json
run 'a window that is not given is the usual one' 3 '' '~sliding_window. is 4096, smaller than the context of 8192' timport --as model bad -o bad.ten
sed -i '1s/{/{"use_sliding_window": false,/' bad/config.json
fails 'of which qwen2 alone can say no' 3 timport --as model bad -o bad.ten
refused 'windows of qwen2' 'use_sliding_window. is not false' qwen2 --set use_sliding_window=true
refused 'windows of qwen3' 'use_sliding_window. is not false' qwen3 --set use_sliding_window=true
refused 'biases of qwen3' 'attention_bias. is not false' qwen3 --set attention_bias=true
refused 'a head size that is not said is 128' 'q_proj.weight has another shape than' qwen3 --set head_dim=null
refused 'a norm of heads that is missing' 'tensor model.layers.1.self_attn.k_norm.weight is missing' qwen3 --drop model.layers.1.self_attn.k_norm.weight
refused 'norms of heads in llama' 'tensor model.layers.0.self_attn.q_norm.weight is not one of' llama --add model.layers.0.self_attn.q_norm.weight=6
refused 'other scaling' 'rope_scaling .yarn. is not supported' llama --set 'rope_scaling={"rope_type": "yarn", "factor": 2.0}'
refused 'scaling without its numbers' 'has no .original_max_position_embeddings.' llama --set 'rope_scaling={"rope_type": "llama3", "factor": 2.0, "low_freq_factor": 1, "high_freq_factor": 4}'
refused 'scaling that shrinks' 'rope_factor is 0.5' llama --set 'rope_scaling={"rope_type": "linear", "factor": 0.5}'
refused 'biases of all layers' 'attention_bias. is not false' llama --set attention_bias=true
refused 'quantised weights' 'quantization_config. is not null' llama --set 'quantization_config={"bits": 4}'
refused 'places that are not absolute' 'position_embedding_type' bert --set 'position_embedding_type="relative_key"'
refused 'another padding' 'pad_token_id. is 5, must be 1' roberta --set pad_token_id=5
folder() { rm -rf bad; make_folder "$@"; }
folder gpt2 bad && rm bad/config.json
fails 'no config.json' 1 timport --as model bad -o bad.ten
folder gpt2 bad && printf '{"model_type": ' >bad/config.json
fails 'not JSON' 3 timport --as model bad -o bad.ten
printf '[]' >bad/config.json
fails 'no object' 3 timport --as model bad -o bad.ten
python3 -c 'print("[" * 100000)' >bad/config.json
fails 'deeply nested' 3 timport --as model bad -o bad.ten
head -c 2000000 /dev/zero >bad/config.json
fails 'a large config.json' 3 timport --as model bad -o bad.ten
folder gpt2 bad && rm bad/model.safetensors
fails 'no weights' 1 timport --as model bad -o bad.ten
fails 'a file' 3 timport --as model vocab.ten -o bad.ten
index=bad/model.safetensors.index.json
folder gpt2 bad --shards 2 && rm bad/model-00002-of-00002.safetensors
fails 'a missing shard' 1 timport --as model bad -o bad.ten
folder gpt2 bad --shards 2 && cp bad/model-00001-of-00002.safetensors bad/model-00002-of-00002.safetensors
run 'a tensor in two shards' 3 '' '~is in two files$' timport --as model bad -o bad.ten
folder gpt2 bad --shards 2 && sed -i 's/"transformer.wte.weight": "[^"]*"/"transformer.other": "model-00001-of-00002.safetensors"/' $index
run 'an index that names what is not there' 3 '' '~tensor transformer.other is not in model-00001' timport --as model bad -o bad.ten
for name in ../x.safetensors /etc/x.safetensors a/b.safetensors .x.safetensors x.bin .. ''; do
	folder gpt2 bad --shards 2 && sed -i "s|\"transformer.wte.weight\": \"[^\"]*\"|\"transformer.wte.weight\": \"$name\"|" $index
	run "a shard called '$name'" 3 '' '~is not the name of a safetensors file of the folder$' timport --as model bad -o bad.ten
done
for text in '' '[]' '{}' '{"weight_map": []}' '{"weight_map": {}}' '{"weight_map": {"a": 1}}'; do
	printf %s "$text" >$index
	fails "an index that is '$text'" 3 timport --as model bad -o bad.ten
done
fails 'two folders' 2 timport --as model gpt2-F32 llama-F32 -o bad.ten
fails 'no folder' 2 timport --as model -o bad.ten
fails 'options of records' 2 timport --as model --skip-bad gpt2-F32 -o bad.ten
fails 'a vocabulary of records' 2 timport --vocab vocab.ten stories.txt -o bad.ten
run 'a vocabulary that is too large' 3 '' '~vocab.ten: has 300 tokens, the model 37$' timport --as model --vocab vocab.ten gpt2-F32 -o bad.ten
ok 'refused, nothing is left' test ! -e bad.ten

# ---- texport ----
tinit -q --layers 2 --heads 2 --width 32 --context 64 --vocab vocab.ten -o init.ten
run 'with a vocabulary' 0 '' 'texport: family=gpt2 parameters=37120 tensors=28 type=f32' texport --to hf -o gpt init.ten
is 'its files' "$(ls -A gpt | tr '\n' ' ')" 'config.json generation_config.json model.safetensors tokenizer.json tokenizer_config.json '
ok 'are JSON' sh -c 'for f in gpt/*.json; do python3 -m json.tool $f || exit 1; done'
timport -q --as model gpt --vocab vocab.ten -o back.ten
ok 'in again and out: the same folder' sh -c 'texport -q --to hf -o gpt2 back.ten && diff -r gpt gpt2'
is 'in again: the same loss' "$(ttok -q -m vocab.ten stories.txt | teval -q -m back.ten)" "$(ttok -q -m vocab.ten stories.txt | teval -q -m init.ten)"
run 'in again with its own tokenizer' 0 '' '~ vocabulary=300 tokenizer=bpe$' timport --as model gpt -o own.ten
is 'which has the same id' "$(tdump --schema own.ten | grep tokenizer)" "$(tdump --schema init.ten | grep tokenizer)"
tgraft -q --template chatml init.ten -o chatty.ten && texport -q --to hf -o talks chatty.ten && timport -q --as model talks -o chatty2.ten
is 'and its template' "$(tdump --schema chatty2.ten | grep -E 'tokenizer|template')" "$(tdump --schema chatty.ten | grep -E 'tokenizer|template')"
python3 - <<'P'
import json
t = json.load(open("talks/tokenizer_config.json"))
open("talks/chat_template.jinja", "w").write(t.pop("chat_template"))
json.dump(t, open("talks/tokenizer_config.json", "w"))
P
run 'a template in a file of its own' 0 '' '' timport -q --as model talks -o chatty3.ten
is 'is the same' "$(tdump --schema chatty3.ten | grep -E 'tokenizer|template')" "$(tdump --schema chatty.ten | grep -E 'tokenizer|template')"
sed -i 's/<|im_end|>/<|im_end|>!/' talks/chat_template.jinja
run 'another template is left out, and said so' 0 '' '~^timport: left out: the chat template' timport -q --as model talks -o x.ten
echo '{' >talks/tokenizer.json
run 'a broken tokenizer' 3 '' '~^timport: the tokenizer, which --vocab FILE would replace: talks/tokenizer.json: ' timport -q --as model talks -o x2.ten
ok 'which is replaced' timport -q --as model talks --vocab chatty.ten -o x3.ten
# embeddings with more rows than there are tokens
tvocab -q -n 310 --special '<|endoftext|>' stories.txt -o wide.ten
tinit -q --layers 1 --heads 2 --width 16 --context 64 --vocab wide.ten | texport -q --to hf -o padded && cp gpt/tokenizer.json padded
run 'more rows than tokens' 0 '' '~ vocabulary=310 tokenizer=bpe$' timport --as model padded -o padded.ten
run 'generates' 0 '~Once' '' tgen -q -m padded.ten -n 40 --temperature 3 --prompt 'Once'
texport -q --to hf -o padded2 padded.ten && timport -q --as model padded2 -o padded2.ten
ok 'goes out' cmp padded2/model.safetensors padded/model.safetensors
is 'and in again' "$(tdump --schema padded2.ten | grep tokenizer)" "$(tdump --schema padded.ten | grep tokenizer)"
timport -q --as model padded --vocab vocab.ten -o fewer.ten
fails 'a vocabulary with fewer tokens than rows does not generate' 3 tgen -q -m fewer.ten -n 2 --prompt Once
run 'until the model is cut to it' 0 '' '' tgraft -q --template chatml fewer.ten -o cut.ten
run 'and then it does' 0 '~Once' '' tgen -q -m cut.ten -n 40 --temperature 3 --prompt 'Once'
tvocab -q --type byte --special '<|endoftext|>' stories.txt -o bytes.ten && tinit -q --layers 1 --heads 1 --width 8 --vocab bytes.ten | texport -q --to hf -o bytes
is 'bytes are tokens by themselves' "$(python3 -c 'import json; t = json.load(open("bytes/tokenizer.json")); print(len(t["model"]["vocab"]), t["model"]["merges"], t["pre_tokenizer"]["use_regex"])')" '257 [] False'
run 'a folder that is in use' 1 '' 'texport: gpt: exists and is not empty; files of another model are not mixed with these' texport --to hf -o gpt init.ten
mkdir empty
ok 'an empty one' texport -q --to hf -o empty/ init.ten
fails 'a file of that name' 1 texport --to hf -o vocab.ten init.ten
fails 'no place' 1 texport --to hf -o none/here init.ten
mkdir .killed.tmp && touch .killed.tmp/config.json
ok 'what a killed one left' texport -q --to hf -o killed init.ten
ok 'is gone' test ! -e .killed.tmp
fails 'no format' 2 texport -o x init.ten
fails 'no folder' 2 texport --to hf init.ten
fails 'a vocabulary' 3 texport --to hf -o x vocab.ten
tgraft -q --head classify --labels a,b init.ten -o head.ten
fails 'a head of a task' 3 texport --to hf -o x head.ten
tinit -q --arch bert --norm pre --layers 1 --heads 2 --width 32 --vocab vocab.ten -o pre.ten
fails 'norms before the branches' 3 texport --to hf -o x pre.ten
tinit -q --kv-heads 1 --layers 1 --heads 2 --width 32 --vocab vocab.ten -o kv.ten
fails 'gpt2 with shared keys' 3 texport --to hf -o x kv.ten
ok 'refused, nothing is left' sh -c 'test ! -e x && test ! -e .x.tmp'
tinit -q --arch bert --layers 1 --heads 2 --width 32 --vocab vocab.ten -o typeless.ten
ok 'bert without types' sh -c 'texport -q --to hf -o typed typeless.ten && timport -q --as model typed -o t.ten && tdump -n 0 t.ten | grep -q "embed.type: float32 \[1, 32\]"'
tvocab -q --type char --special '<|endoftext|>' stories.txt -o chars.ten && tinit -q --layers 1 --heads 1 --width 8 --vocab chars.ten -o chars-model.ten
run 'a vocabulary of characters is left out, and said so' 0 '' '~^texport: left out: the tokenizer; ' texport --to hf -o chars chars-model.ten
tgraft -q --special a init.ten -o twice.ten
run 'a special token that is text, too' 3 '' "~^texport: token 300 is written as another one" texport --to hf -o x twice.ten
ok 'leaves nothing' sh -c 'test ! -e x && test ! -e .x.tmp'
tgraft -q --template chatml init.ten -o chatty.ten
ok 'a template' texport -q --to hf -o chatty chatty.ten
is 'in Jinja' "$(python3 -c 'import json; print(json.load(open("chatty/tokenizer_config.json"))["chat_template"][:131])')" \
    "{% for message in messages %}{% if message['role'] == 'system' %}{{ '<|im_start|>system\\n' + message['content'] + '<|im_end|>\\n' }}"
ok 'adapters are merged' sh -c 'tgraft -q --lora 2 init.ten -o l.ten && texport -q --to hf -o merged l.ten && cmp merged/model.safetensors gpt/model.safetensors'

# ---- norms of heads, trained ----
make_folder qwen3 normed --vocab 300 && timport -q --as model normed --vocab vocab.ten -o normed.ten
ttok -q -m vocab.ten stories.txt | tpack -q -l 32 -o train.ten
learn() { tpretrain -q -m normed.ten --steps 6 -b 8 --lr 1e-3 --warmup 1 "$@" train.ten; }
ok 'norms of heads are trained' learn -j1 -o j1.ten
for how in -j2 -j3 '-j1 --recompute' '-j2 --recompute'; do
	rm -f other.ten
	run "with $how" 0 '' '' learn $how -o other.ten
	ok "with $how: the same bytes" cmp j1.ten other.ten
done
number() { tdump --jsonl $1 | python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())[sys.argv[1]])' $2; }
for part in query key; do
	ok "those of the $part have moved" [ "$(number j1.ten block.1.${part}_norm.weight)" != "$(number normed.ten block.1.${part}_norm.weight)" ]
done
ok 'and go out and in' sh -c 'texport -q --to hf -o moved j1.ten && timport -q --as model moved --vocab vocab.ten | texport -q --to hf -o moved2 && diff -r moved moved2'
learn -j1 --log full.ten -o other2.ten && learn -j1 --micro 3 --log micro.ten -o other3.ten
ok 'micro-batches give the loss of the whole' awk -F, 'NR == FNR { a[FNR] = $2; next } FNR > 1 { d = a[FNR] - $2; if (d < -1e-5 || d > 1e-5) exit 1 }' \
    <(tdump --csv full.ten) <(tdump --csv micro.ten)
"$BUILD/tests/support/alter" key config.qk_norm 0 <normed.ten >plain.ten
fails 'norms that the configuration denies' 3 teval -q -m plain.ten train.ten
"$BUILD/tests/support/alter" key config.arch gpt2 <normed.ten >plain.ten
fails 'norms of heads in gpt2' 3 teval -q -m plain.ten train.ten

# ---- BERT with its word list, in, trained and out ----
printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' . the '##re' a good bad fox was >words.txt
timport -q --as tokenizer words.txt -o words.ten
tinit -q --arch bert --layers 1 --heads 2 --width 16 --context 32 --vocab words.ten | texport -q --to hf -o wordy
is 'what its tokens are for' "$(python3 -c 'import json; t = json.load(open("wordy/tokenizer_config.json")); print(*[t[k + "_token"] for k in ("mask", "pad", "unk", "cls", "sep")])')" \
    '[MASK] [PAD] [UNK] [CLS] [SEP]'
ok 'comes in' timport -q --as model wordy -o wordy.ten
printf '{"text": "The Fox there was good.", "label": "g"}\n{"text": "a bad bad Fox", "label": "b"}\n' |
    timport -q --as labelled | ttok -q --records --text --words -m wordy.ten -o labelled.ten
is 'its tokens' "$(tdump --jsonl labelled.ten | python3 -c 'import json, sys
for line in sys.stdin:
    print(*json.loads(line)["ids"])')" '2 6 11 6 7 12 9 5 3
2 8 10 10 11 3'
run 'is trained' 0 '' '' tfinetune -q -m wordy.ten --epochs 1 -j 1 -o class.ten labelled.ten
tgraft -q --drop-head task class.ten -o trained.ten && texport -q --to hf -o wordy2 trained.ten
ok 'goes out with its tokenizer' cmp wordy/tokenizer.json wordy2/tokenizer.json
ok 'and is what it says' cmp wordy/config.json wordy2/config.json
run 'hides words' 0 '' '' sh -c "ttok -q --words -m wordy.ten stories.txt | tpack -q -l 16 | tmask -q -m wordy.ten --policy word --mask-token '[MASK]' | tcheck -q"

# ---- PEFT ----
ttok -q -m vocab.ten stories.txt | tpack -q -l 32 -o train.ten
make_folder qwen3 normed --vocab 300 && timport -q --as model normed --vocab vocab.ten -o normed.ten
tmask -q -m vocab.ten train.ten -o masked.ten
for arch in gpt2 llama qwen3 bert; do
	[ $arch = qwen3 ] && cp normed.ten base.ten || tinit -q --arch $arch --layers 2 --heads 2 --width 32 --context 64 --vocab vocab.ten -o base.ten
	data=train.ten
	[ $arch = bert ] && data=masked.ten
	for targets in query query,value query,key,value,out,up,down key,value down; do
		tgraft -q --lora 3 --lora-targets $targets base.ten -o fresh.ten
		rm -f adapted.ten
		tpretrain -q -m fresh.ten --steps 2 -o adapted.ten $data
		rm -rf peft again
		texport -q --to peft -o peft adapted.ten && timport -q --as peft peft -m base.ten -o joined.ten &&
		    texport -q --to peft -o again joined.ten
		ok "$arch, $targets: the same folder comes out" diff -r peft again
		tgraft -q --merge-lora adapted.ten -o one.ten; tgraft -q --merge-lora joined.ten -o two.ten
		rm -rf one two; texport -q --to hf -o one one.ten; texport -q --to hf -o two two.ten
		ok "$arch, $targets: and the same model goes in" cmp one/model.safetensors two/model.safetensors
	done
done
tinit -q --arch llama --layers 2 --heads 2 --width 32 --context 64 --vocab vocab.ten -o base.ten
tgraft -q --lora 3 base.ten -o adapted.ten
rm -rf peft && texport -q --to peft -o peft adapted.ten
is 'names of PEFT' "$(tensors peft/adapter_model.safetensors | sed -n 1,2p | cut -d ' ' -f 1-4)" \
    'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight F32 [3, 32]
base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight F32 [32, 3]'
fails 'a model without adapters' 3 texport --to peft -o x base.ten
rm -f x.ten
fails 'no base' 2 timport --as peft peft -o x.ten
fails 'a base with adapters' 3 timport --as peft peft -m adapted.ten -o x.ten
run 'another base' 3 '' '~ is not an adapter of a layer of the model|has no adapter of a layer' timport --as peft peft -m init.ten -o x.ten
for change in 's/"r": 3/"r": 4/' 's/"LORA"/"IA3"/' 's/"use_dora": false/"use_dora": true/' 's/"rank_pattern": {}/"rank_pattern": {"q_proj": 6}/' \
    's/"lora_alpha": 6/"lora_alpha": null/' 's/}//'; do
	rm -rf bad && cp -r peft bad && sed -i "$change" bad/adapter_config.json
	fails "adapter_config.json with $change" 3 timport --as peft bad -m base.ten -o x.ten
done
ok 'refused, nothing is left' test ! -e x.ten
finish
