#!/bin/bash
# What llama.cpp makes of the GGUF files of texport, beside what ttok, tgen and tchat say: `make check-peers`.
# PEERS names a folder in which the npm package is kept between runs; without it, it is installed in a temporary one.
. tests/lib.sh
version=3.22.1
command -v node >/dev/null && command -v npm >/dev/null || skip_all "node and npm are not installed"
LLAMA=${PEERS:-$T/peers}/node-llama-cpp-$version
export LLAMA
if [ ! -e "$LLAMA/installed" ]; then
	mkdir -p "$LLAMA" && cd "$LLAMA" && echo '{"private": true}' >package.json &&
	    npm install --omit=optional --ignore-scripts --no-audit --no-fund "node-llama-cpp@$version" \
	    "@node-llama-cpp/linux-x64@$version" >install.log 2>&1 && : >installed ||
	    skip_all "npm cannot install node-llama-cpp $version: $(tail -n 1 install.log)"
	cd "$T" || exit 1
fi
peers=$ROOT/tests/peers S=$ROOT/tests/support

cat >lines <<'END'
Once upon a time
The fox
A miller had
It was 1234567 years ago
He said: "I don't know"
she'll we've they're I'm he'd it's WE'LL
The   old    man
 In the morning
Über den Wäldern
naïve café
日本語のテキスト
Привет, мир!
emoji 🦊🌲 here
3.14159 and 2,000,000
a/b\c [x] {y} <z>
tab	between	words
<|endoftext|> is text
call <tool_call> it<tool_call>s name
12 3  4   5 x 6y
...
I
The king and the queen of the wood
END
# and texts that are no lines
python3 - >texts.jsonl <<'END'
import json
texts = open("lines", encoding="utf-8").read().splitlines()
texts += ["one\n\ntwo\r\n three", "ends in spaces   ", "   \n  x", "\t\t", "½ ² Ⅷ ١٢٣", "a\u00a0b\u3000c\u2028d", "e\u0301 \U0001d54f \u200d",
          "Cafe\u0301s \u1100\u1161 A\u030angstro\u0308m"]
for text in texts:
    print(json.dumps({"text": text}))
END
cat >chats.jsonl <<'END'
{"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi!"}]}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "It's a 'quote' \\ and a\nline"}, {"role": "assistant", "content": "Yes."}, {"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]}
END

# name family pattern template shape: a small model that has learnt the stories
train() {
	local name=$1
	tvocab -q -n 1000 --pattern "$3" "$ROOT/pipelines/data/stories.txt" -o $name.vocab.ten &&
	    ttok -q -m $name.vocab.ten "$ROOT/pipelines/data/stories.txt" | tpack -q -l 128 | tshuf -q -o rows.ten &&
	    tinit -q --arch $2 --layers 2 --heads 4 $5 --context 256 --vocab $name.vocab.ten -o init.ten &&
	    tpretrain -q -m init.ten --steps 200 -o trained.ten rows.ten &&
	    tgraft -q --template $4 trained.ten -o $name.ten
}

# name family tokenizer tokens ARG...: a model with random numbers as others publish it, with one of our variants of a tokenizer
adopt() {
	python3 "$S/hf_folder.py" $2 $1.hf --vocab $4 "${@:5}" --set max_position_embeddings=256 --set eos_token_id=699 &&
	    cp variants/$3.json $1.hf/tokenizer.json && timport -q --as model $1.hf -o adopted.ten &&
	    tgraft -q --template chatml adopted.ten -o $1.ten
}

judge() { # MODEL TYPE EXACT
	local name=$1.$2
	texport -q --to gguf --type $2 -o $name.gguf $1.ten 2>/dev/null &&
	    node "$peers/llama.mjs" $name.gguf <$1.asked >answer 2>log ||
	    { result 1 "$name: llama.cpp answers"; note <log; return; }
	while IFS=$'\t' read -r ok what; do
		result "$ok" "$name: $what"
	done < <(python3 "$peers/compare.py" judge $1.tokens $1.chats $1.done answer "$3")
}

examine() { # MODEL FORM
	timport -q texts.jsonl | ttok -q --records -m $1.ten | tdump --jsonl >$1.tokens
	timport -q --as chat chats.jsonl | tchat -q -m $1.ten | tdump --jsonl >$1.chats
	tgen -q -m $1.ten --temperature 0 -n 64 --lines --records lines | tdump --jsonl >$1.done
	python3 "$peers/compare.py" ask texts.jsonl chats.jsonl $1.done $2 >$1.asked
	judge $1 f32 1
	judge $1 f16 0
	judge $1 bf16 0
	judge $1 q8_0 0
}

while read -r name family pattern template shape; do
	ok "$name: a $family model learns" train $name $family $pattern $template "$shape"
	examine $name plain
done <<'END'
gpt2 gpt2 gpt2 chatml --width 128
gpt4 gpt2 gpt4 chatml --width 128 --kv-heads 2
llama llama gpt4 llama3 --width 128 --kv-heads 2
narrow llama gpt2 chatml --width 120
END
mkdir variants && python3 "$S/variants.py" "$ROOT/tests/tokenizers/base.json" variants
while read -r name family tokenizer tokens form changes; do
	ok "$name: a $family model of others" adopt $name $family $tokenizer $tokens $changes
	examine $name $form
done <<'END'
qwen2 qwen2 qwen2 702 nfc
qwen3 qwen3 qwen2 702 nfc
norms qwen3 many 701 plain --set rope_scaling={"type":"linear","factor":2.5}
smollm llama smollm 700 plain --set rope_scaling=null
whole llama many 701 plain --set rope_scaling=null
heads mistral many 701 plain
linear qwen2 many 701 plain --set rope_scaling={"type":"linear","factor":2.5}
waves llama many 701 plain
END
finish
