#!/bin/bash
# The ids of the programs that tokenizers come from, on text of all planes of Unicode. PEERS is a folder with
# node_modules of the npm packages tiktoken and tokenizers (`npm install tiktoken tokenizers` in it).
. tests/lib.sh
PEERS=${PEERS:-$ROOT/peers} S=$ROOT/tests/support
[ -d "$PEERS/node_modules/tiktoken" ] && [ -d "$PEERS/node_modules/tokenizers" ] && command -v node >/dev/null ||
	skip_all 'needs node and PEERS, a folder with the npm packages tiktoken and tokenizers'
export NODE_PATH=$PEERS/node_modules
# ids of each line: by tiktoken's encoding of a name; by a tokenizer.json; names of special tokens are these tokens
cat >peer.js <<'JS'
const fs = require('fs');
const [how, what, text] = process.argv.slice(2);
const lines = fs.readFileSync(text, 'utf8').split('\n').slice(0, -1).map(l => l + '\n');
(async () => {
	let encode;
	if (how === 'tiktoken') {
		const t = require('tiktoken').get_encoding(what);
		encode = l => t.encode(l, 'all');
	} else {
		const t = require('tokenizers').Tokenizer.fromString(fs.readFileSync(what, 'utf8'));
		encode = async l => (await t.encode(l)).getIds();
	}
	const out = [];
	for (const l of lines)
		out.push((await encode(l)).join(' '));
	fs.writeFileSync(1, out.join('\n') + '\n');
})();
JS
# tiktoken's packages keep ranks as "! FIRST TOKEN TOKEN ..."
cat >ranks.js <<'JS'
const out = [];
for (const line of require('tiktoken/encoders/' + process.argv[2] + '.json').bpe_ranks.split('\n')) {
	const p = line.split(' ');
	for (let i = 2; i < p.length; i++)
		out.push(p[i] + ' ' + (Number(p[1]) + i - 2));
}
require('fs').writeFileSync(1, out.join('\n') + '\n');
JS
encoded() { # VOCAB TEXT
	ttok -q --split line --special -m "$1" "$2" | tdump --csv -w 0 | tail -n +2 | tr -d '"[]' | tr , ' '
}
same() { # NAME VOCAB TEXT HOW WHAT
	node peer.js "$4" "$5" "$3" >theirs && encoded "$2" "$3" >ours
	ok "$1: the same ids on $(wc -l <"$3") lines" cmp theirs ours
}

printf '%s\n' '<|endoftext|>' '<|fim_prefix|>' '<|endofprompt|>' '<s>' '</s>' '<mask>' '[MASK]' '<|im_start|>' '<tool_call>' >names
python3 "$S/stress.py" --planes --names names >all.txt
python3 "$S/stress.py" --planes --old --names names >old.txt
for name in cl100k_base r50k_base p50k_base; do
	node ranks.js $name >$name.tiktoken
	timport -q --as tokenizer $name.tiktoken -o $name.ten
	same "$name" $name.ten all.txt tiktoken $name
done
if [ -d "$ROOT/../shared/data/gpt2" ]; then
	timport -q --as tokenizer "$ROOT/../shared/data/gpt2" -o gpt2.ten
	same 'gpt2' gpt2.ten all.txt tiktoken gpt2
else
	skip 'gpt2' 'its files are not here'
fi
# normal forms differ between versions of Unicode in what is newer than both
mkdir variants
python3 "$S/variants.py" "$ROOT/tests/tokenizers/base.json" variants
for v in llama3 many smollm roberta qwen2; do
	timport -q --as tokenizer variants/$v.json -o $v.ten
	same $v $v.ten "$([ $v = qwen2 ] && echo old.txt || echo all.txt)" tokenizers variants/$v.json
done
# WordPiece: but for four characters of 3.2 whose category has changed since
python3 -c "
import sys
text = sys.stdin.buffer.read().decode()
sys.stdout.buffer.write(text.translate(dict.fromkeys((0x166d, 0x1734, 0x1885, 0x1886))).encode())" <old.txt >words.txt
python3 "$S/wordpiece.py" make words.txt >vocab.txt
for how in '' --cased; do
	python3 "$S/wordpiece.py" json vocab.txt $how >words$how.json
	timport -q --as tokenizer words$how.json -o words$how.ten
	same "wordpiece $how" words$how.ten words.txt tokenizers words$how.json
done
finish
