#!/bin/bash
# timport --as tokenizer: the ids are those of the programs that the tokenizers come from, and what is wrong or unknown is
# refused. tests/tokenizers/*.ids are what those programs made of text.txt, a line a document.
. tests/lib.sh
D=$ROOT/tests/tokenizers S=$ROOT/tests/support
encoded() { # VOCAB TEXT [option of ttok]...
	local v=$1 t=$2
	shift 2
	ttok -q --split line "$@" -m "$v" "$t" | tdump --csv -w 0 | tail -n +2 | tr -d '"[]' | tr , ' '
}
same() { cmp "$1" <(encoded "${@:2}"); }

cp "$D/base.json" tokenizer.json
run 'tokenizer.json' 0 '' 'timport: type=bpe tokens=700 special=1' timport --as tokenizer tokenizer.json -o base.ten
run 'makes a sound stream' 0 '' '' tcheck -q base.ten
ok 'the ids of the original' same "$D/base.ids" base.ten "$D/text.txt" --special
run 'a folder with it' 0 '' '' sh -c 'timport -q --as tokenizer . | cmp - base.ten'
run 'tokens come back as text' 0 '' '' sh -c "ttok -q --special --split line -m base.ten '$D/text.txt' | ttok -q -d --special -m base.ten | cmp - '$D/text.txt'"

# how base.json was made: by our own learning, written as tokenizer.json
cat "$ROOT/pipelines/data/stories.txt" "$D/text.txt" >learn.txt
run 'our own vocabulary as tokenizer.json' 0 '' '' sh -c "'$BUILD/tests/support/mktok' learn.txt 700 | cmp - tokenizer.json"

# what a tokenizer.json can ask for
mkdir variants
python3 "$S/variants.py" "$D/base.json" variants
for v in llama3 qwen2 smollm roberta; do
	timport -q --as tokenizer variants/$v.json -o $v.ten
	ok "$v: the ids of the original" same "$D/$v.ids" $v.ten "$D/text.txt" --special
	"$BUILD/tests/support/mktok" variants/$v.json >again.json
	is "$v: written again, the same tokenizer" "$(timport -q --as tokenizer again.json | tdump -n 0 | grep ' tokenizer =')" \
		"$(tdump -n 0 $v.ten | grep ' tokenizer =')"
done
is 'tokens around, from the post-processor' "$(tdump -n 0 roberta.ten | grep -E '^  (options|begin|end) ' | tr -d '\n')" \
	'  options = space  begin = <s>  end = </s>'
is 'or from the options' "$(timport -q --as tokenizer --begin none --end '<mask>' variants/roberta.json | tdump -n 0 | grep -E '^  (begin|end) ')" '  end = <mask>'
is 'added tokens that are not special are in any text, and shown' "$(printf 'a<tool_call><|im_start|>' | ttok -q -m qwen2.ten | ttok -d -q -m qwen2.ten)" 'a<tool_call><|im_start|>'
is 'those that are special are not' "$(printf 'a<tool_call><|im_start|>' | ttok -q --special -m qwen2.ten | ttok -d -q -m qwen2.ten)" 'a<tool_call>'
is 'normal form C' "$(printf 'cafe\xcc\x81' | ttok -q -m qwen2.ten | ttok -d -q -m qwen2.ten)" 'café'
is 'words of text that changes' "$(printf 'ab <mask> cd' | ttok -q --special --words -m roberta.ten | tdump --csv -f words | tail -n 1 | tr -d '"[]' | tr , '\n' | uniq | tr '\n' ' ')" '0 1 2 3 4 '
run 'a head grafted keeps it all' 0 '' '' sh -c '
	tinit -q --arch gpt2 --layers 1 --heads 1 --width 8 --context 8 --vocab llama3.ten -o m.ten &&
	tgraft -q --special "<new>" m.ten -o n.ten && printf "I'"'"'LL 123456 caf\303\251" >t &&
	ttok -q -m llama3.ten t | tdump --csv >a && ttok -q -m n.ten t | tdump --csv | cmp - a'

# vocab.json and merges.txt
python3 - <<'PY'
import json
t = json.load(open('tokenizer.json'))
json.dump(t['model']['vocab'], open('vocab.json', 'w'))
open('merges.txt', 'w').write('#version: 0.2\n' + ''.join(' '.join(m) + '\n' for m in t['model']['merges']))
PY
run 'vocab.json and merges.txt' 0 '' '' timport -q --as tokenizer vocab.json -o pair.ten
is 'are the same vocabulary' "$(tdump -n 0 pair.ten | grep ' tokenizer =')" "$(tdump -n 0 base.ten | grep ' tokenizer =')"
run 'the other file means the same' 0 '' '' sh -c 'timport -q --as tokenizer ./merges.txt | cmp - pair.ten'
is 'another pattern' "$(timport -q --as tokenizer --pretoken qwen2 merges.txt | tdump -n 0 | grep pattern)" '  pattern = qwen2'

# ranks
python3 "$S/ranks.py" tokenizer.json >own.tiktoken
run 'ranks' 0 '' 'timport: type=bpe tokens=700 special=1' timport --as tokenizer --pretoken gpt4 --special '<|endoftext|>=699' own.tiktoken -o ranks.ten
ok 'the ids of the original' same "$D/ranks.ids" ranks.ten "$D/text.txt" --special
run 'unused ids' 0 '' 'timport: type=bpe tokens=801 special=1' timport --as tokenizer --pretoken gpt4 --special 'x=800' own.tiktoken -o gap.ten
run 'a vocabulary with unused ids is sound' 0 '' '' tcheck -q gap.ten
cp own.tiktoken r50k_base.tiktoken
is 'a name that says the rest' "$(timport --as tokenizer r50k_base.tiktoken 2>&1 >c.ten; tdump -n 0 c.ten | grep pattern)" 'timport: type=bpe tokens=50257 special=1
  pattern = gpt2'
fails 'a name that does not' 3 timport --as tokenizer own.tiktoken -o x.ten
for bad in 'IQ= 0' 'IQ==  0' 'IR== 0' 'IQ== x' 'IQ==' '!!!! 0' ' 0' 'IQ== 99999999' 'IQ== -1' 'IQ== 01'; do
	{ cat own.tiktoken; echo "$bad"; } >bad.tiktoken
	fails "line $bad" 3 timport --as tokenizer --pretoken gpt4 bad.tiktoken -o x.ten
done
{ cat own.tiktoken; echo 'enp6eg== 5'; } >bad.tiktoken
fails 'a rank twice' 3 timport --as tokenizer --pretoken gpt4 bad.tiktoken -o x.ten
{ cat own.tiktoken; echo 'IQ== 700'; } >bad.tiktoken
fails 'a token twice' 3 timport --as tokenizer --pretoken gpt4 bad.tiktoken -o x.ten
tail -n +2 own.tiktoken >bad.tiktoken
fails 'a byte without a token' 3 timport --as tokenizer --pretoken gpt4 bad.tiktoken -o x.ten
ok 'is named' grep -q '1 of the 256 bytes have no token' "$T.err"
fails 'a special token on the id of another' 3 timport --as tokenizer --pretoken gpt4 --special 'x=3' own.tiktoken -o x.ten

# WordPiece, beside an implementation from its description
python3 "$S/stress.py" --old --bytes 60000 >stress.txt
cat "$D/text.txt" "$ROOT/pipelines/data/stories.txt" >corpus.txt
python3 "$S/wordpiece.py" make corpus.txt >vocab.txt
for how in '' --cased; do
	timport -q --as tokenizer $how vocab.txt -o words$how.ten
	python3 "$S/wordpiece.py" encode vocab.txt stress.txt $how >want
	ok "wordpiece $how: the ids of the description" same want words$how.ten stress.txt
	python3 "$S/wordpiece.py" json vocab.txt $how >words$how.json
	run "wordpiece $how: tokenizer.json is the same" 0 '' '' sh -c "timport -q --as tokenizer words$how.json | tdump -n 0 | grep ' tokenizer =' >a; tdump -n 0 words$how.ten | grep ' tokenizer =' | cmp - a"
done
is 'decoding loses case and space' "$(printf 'Once  upon, a TIME' | ttok -q -m words.ten | ttok -d -q -m words.ten)" 'once upon , a time'
is 'words' "$(printf 'Once upon' | ttok -q --words -m words.ten | tdump --csv -f words | tail -n 1 | tr -d '"[]' | tr , '\n' | uniq | tr '\n' ' ')" '0 1 2 3 '
grep -v '^.UNK.$' vocab.txt >bad.txt
fails 'words without the unknown one' 3 timport --as tokenizer bad.txt -o x.ten
{ cat vocab.txt; echo once; } >bad.txt
fails 'a word twice' 3 timport --as tokenizer bad.txt -o x.ten

# what cannot be done exactly, and what is not a tokenizer
change() { python3 -c "
import json, sys
t = json.load(open('tokenizer.json'))
$1
json.dump(t, open('bad.json', 'w'))"; }
refused() { # NAME WORDS CHANGE
	change "$3"
	fails "$1" 3 timport --as tokenizer bad.json -o x.ten
	ok "$1: says why" grep -qF "$2" "$T.err"
}
refused 'ids that would take much memory' 'added token `<2>'"'"' has the id ' \
    "t['added_tokens'] += [{'id': 60000 * i, 'content': '<%d>' % i, 'special': True} for i in range(1, 9)]"
refused 'a long added token' 'added token `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...'"'"' has more than 512 bytes' \
    "t['added_tokens'] += [{'id': 9000, 'content': 'a' * 513, 'special': True}]"
refused 'another model' "the model is \`Unigram'" "t['model']['type'] = 'Unigram'"
refused 'dropout' "\`dropout'" "t['model']['dropout'] = 0.1"
refused 'marks of ends' "\`end_of_word_suffix'" "t['model']['end_of_word_suffix'] = '</w>'"
refused 'bytes as a fall-back' "\`byte_fallback'" "t['model']['byte_fallback'] = True"
refused 'a normaliser' "the normaliser \`NFKC'" "t['normalizer'] = {'type': 'NFKC'}"
refused 'no pre-tokeniser' "the pre-tokeniser \`null'" "t['pre_tokenizer'] = None"
refused 'another pre-tokeniser' "the pre-tokeniser \`Metaspace'" "t['pre_tokenizer'] = {'type': 'Metaspace'}"
refused 'a pattern' 'the pattern \w+' "t['pre_tokenizer'] = {'type': 'Sequence', 'pretokenizers': [{'type': 'Split', 'pattern': {'Regex': r'\w+'}, 'behavior': 'Isolated', 'invert': False}, {'type': 'ByteLevel', 'add_prefix_space': False, 'use_regex': False}]}"
refused 'whole words only' 'for whole words only' "t['added_tokens'][0]['single_word'] = True"
refused 'a post-processor' 'more around a text' "t['post_processor'] = {'type': 'TemplateProcessing', 'single': [{'SpecialToken': {'id': 'a'}}, {'SpecialToken': {'id': 'b'}}, {'Sequence': {'id': 'A'}}]}"
refused 'an end that is no token' 'is not a special token' "t['post_processor'] = {'type': 'RobertaProcessing', 'cls': ['<s>', 1], 'sep': ['</s>', 2]}"
refused 'a merge of an unknown token' 'is not a token' "t['model']['merges'].append(['a', '\u4f60'])"
refused 'a merge that makes none' 'what they make is not a token' "t['model']['merges'].append(['\u0120', '\u0120\u0120\u0120zq'][:1] + ['z']); t['model']['merges'].append(['z', 'q'])"
refused 'a merge twice' 'is that of another token' "t['model']['merges'].append(t['model']['merges'][0])"
refused 'a merge of three' 'is not two tokens' "t['model']['merges'].append('a b c')"
refused 'an id twice' 'have one id' "t['model']['vocab']['zzz'] = 5"
refused 'an id that is far off' 'has the id 16000000' "t['model']['vocab']['zzz'] = 16000000"
refused 'an id below 0' 'cannot be' "t['model']['vocab']['zzz'] = -1"
refused 'an id that is text' 'not a whole number' "t['model']['vocab']['zzz'] = '700'"
refused 'an added token twice' 'is there twice' "t['added_tokens'] *= 2"
refused 'a token outside the alphabet' 'the alphabet' "t['model']['vocab']['\u4f60'] = 700"
refused 'a byte without a token' 'of the 256 bytes' "del t['model']['vocab']['Q']"
printf '{"model": ' >bad.json
fails 'broken JSON' 3 timport --as tokenizer bad.json -o x.ten
{ printf '{"a":'; head -c 100000 /dev/zero | tr '\0' '['; } >bad.json
fails 'deep JSON' 3 timport --as tokenizer bad.json -o x.ten
mkdir empty
fails 'a folder without one' 3 timport --as tokenizer empty -o x.ten
fails 'no file' 1 timport --as tokenizer missing.json -o x.ten
fails 'no operand' 2 timport --as tokenizer -o x.ten
fails 'options for records' 2 timport --as tokenizer --skip-bad tokenizer.json -o x.ten
fails 'options for tokenizers' 2 timport --cased tokenizer.json -o x.ten
fails 'options for other files' 2 timport --as tokenizer --cased tokenizer.json -o x.ten
fails 'a special token without an id' 2 timport --as tokenizer --pretoken gpt4 --special x own.tiktoken -o x.ten
ok 'refused, it leaves nothing' sh -c '! ls | grep -q "^x[.]"'

if [ -d "$ROOT/../shared/data/gpt2" ]; then
	timport -q --as tokenizer "$ROOT/../shared/data/gpt2" -o gpt2.ten
	is "GPT-2's ids" "$(printf "Hello world, it's 2026!\n\n  caf\xc3\xa9 \xf0\x9f\x98\x80<|endoftext|>" | ttok -q --special --split file -m gpt2.ten | tdump --csv -w 0 | tail -n 1)" '"[15496,995,11,340,338,1160,2075,0,628,220,40304,30325,222,50256]"'
else
	skip "GPT-2's ids" 'its files are not here'
fi
finish
