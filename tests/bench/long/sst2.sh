#!/bin/bash
# Sentiment of whole sentences, SST-2, beside fastText: tests/bench/long/sst2.sh [FOLDER], where FOLDER has train.tsv, dev.tsv
# and test.tsv (sentence, tab, label). Both learn from the same 6,920 labelled sentences, and both are chosen by the dev
# part from a few settings; the test part is looked at once. fastText needs Debian's fasttext. The encoder is pre-trained
# without labels, by telling views of sentences apart, on the sentences and on the glosses of WordNet (Debian's
# wordnet-base); without them on the sentences alone. Prints a line for each setting: dev, test, seconds of processor time.
BUILD=${BUILD:-$PWD/build}
PATH=$BUILD/bin:$PATH
data=${1:-${SST2:-../shared/data/sst2}}
data=$(cd "$data" 2>/dev/null && pwd)
[ -r "$data/train.tsv" ] || { echo "sst2: skipped: no train.tsv in ${1:-$SST2}; give the folder"; exit 0; }
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
cd "$T" || exit 1
processor() { # COMMAND...: its seconds of processor time, into $took
	local TIMEFORMAT='%U %S'
	took=$({ time "$@" >/dev/null 2>&1; } 2>&1 | awk '{ print $1 + $2 }')
}
tell() { printf 'sst2/%-44s dev %.4f  test %.4f  %6.1f s\n' "$@"; }
best() { sort -k 1,1gr -s "$1" | head -n 1; }

# ---- fastText ----
fast() { # OPTION...
	processor fasttext supervised -input train.ft -output ft -thread 1 "$@"
	local d t
	d=$(fasttext test ft.bin dev.ft | awk '/P@1/ { print $2 }') t=$(fasttext test ft.bin test.ft | awk '/P@1/ { print $2 }')
	tell "fasttext $*" "$d" "$t" "$took"
	[ $# = 0 ] || echo "$d $t $*" >>fast.txt
}
if command -v fasttext >/dev/null; then
	for p in train dev test; do awk -F'\t' '{ print "__label__" $2 " " $1 }' "$data/$p.tsv" >$p.ft; done
	fast
	for lr in 0.1 0.5 1; do for e in 5 10 25; do for n in 1 2; do fast -lr $lr -epoch $e -wordNgrams $n; done; done; done
	read -r d t what <<<"$(best fast.txt)"
	tell "fasttext, chosen by dev: $what" "$d" "$t" 0
else
	echo 'sst2: fasttext is not installed'
fi

# ---- text without labels ----
cut -f 1 "$data/train.tsv" >sentences.txt
for i in 1 2 3; do cat sentences.txt; done >corpus.txt
if [ -r /usr/share/wordnet/data.adj ]; then # `word , word : gloss ; example`, spelled as the sentences are
	python3 - >>corpus.txt <<'END'
import re
for part in ('adj', 'adv', 'verb', 'noun'):
    for line in open('/usr/share/wordnet/data.' + part, encoding='utf-8', errors='replace'):
        if line.startswith('  '):
            continue
        head, gloss = line.split('|', 1)
        field = head.split()
        words = [re.sub(r'\(.*\)', '', field[4 + 2 * i]).replace('_', ' ') for i in range(int(field[3], 16))]
        text = (' , '.join(words) + ' : ' + gloss.strip()).lower().replace('-', ' ').replace('"', '')
        text = re.sub(r"([;:,.!?()])", r' \1 ', text).replace("'s", " 's").replace("n't", " n't")
        print(' '.join(text.split()))
END
else
	echo 'sst2: wordnet-base is not installed: the sentences alone'
fi
# ---- the encoder ----
tvocab -q --split line -n 12000 corpus.txt -o vocab.ten
ttok -q --split line -m vocab.ten corpus.txt | tshuf -q -o tokens.ten
for p in train dev test; do
	timport -q --format tsv --columns text,label --as labelled "$data/$p.tsv" | ttok -q --records -m vocab.ten -o $p.ten
done
taug -q -m vocab.ten -i tokens.ten --epochs 8 -l 48 crop:0.3..0.7 delete:0.2..0.6 -o views.ten
tinit -q --arch bert --norm pre --layers 1 --heads 8 --width 256 --hidden 512 --context 128 --vocab vocab.ten | tgraft -q --drop-norm -o init.ten 2>/dev/null
processor tpretrain -q -m init.ten --objective contrastive --temperature 0.05 --projection 128 -b 256 --steps 3500 --warmup 50 --lr 2e-3 -o base.ten views.ten
tell 'tenon, pre-training' 0 0 "$took"
tgraft -q --head classify --labels 0,1 -o head.ten base.ten 2>/dev/null
accuracy() { teval -q --task --bootstrap 0 -m "$1" "$2.ten" | sed -n 's/^accuracy: //p'; }
four() { # OPTION...: the mean of the weights of four runs
	for s in 1 2 3 4; do tfinetune -q -m head.ten -s $s -b 32 --warmup 30 --epochs 2 "$@" -o run$s.ten train.ten; done
	tgraft -q --average -o mean.ten run[1-4].ten
}
for lr in 1e-3 2e-3; do
	for p in 0.3 0.5; do
		processor four --lr $lr --dropout $p
		d=$(accuracy mean.ten dev) t=$(accuracy mean.ten test)
		tell "tenon, 4 runs --lr $lr --dropout $p" "$d" "$t" "$took"
		echo "$d $t --lr $lr --dropout $p" >>tenon.txt
	done
done
read -r d t what <<<"$(best tenon.txt)"
tell "tenon, chosen by dev: $what" "$d" "$t" 0
