#!/bin/bash
# Sentiment of whole sentences, SST-2, beside fastText: tests/bench/long/sst2.sh [FOLDER [KEPT]], where FOLDER has train.tsv,
# dev.tsv and test.tsv (sentence, tab, label). Both learn from the same 6,920 labelled sentences, and both are chosen by the dev
# part from a few settings; the test part is looked at once. fastText needs Debian's fasttext. Ours is a causal model, pre-trained
# on the sentences and on reviews of films without labels: REVIEWS is a folder with a text file for each, such as train/unsup of the
# Large Movie Review Dataset (Maas et al., 2011, Learning Word Vectors for Sentiment Analysis). Without them it learns from the
# sentences alone. With them that takes an hour and a half on two cores; the model is left in KEPT, and is taken from there when it
# is there. Prints a line for each setting: dev, test, seconds of processor time.
BUILD=${BUILD:-$PWD/build}
PATH=$BUILD/bin:$PATH
data=${1:-${SST2:-../shared/data/sst2}}
data=$(cd "$data" 2>/dev/null && pwd)
kept=${2:+$(realpath -m "$2")}
[ -r "$data/train.tsv" ] || { echo "sst2: skipped: no train.tsv in ${1:-$SST2}; give the folder"; exit 0; }
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
cd "$T" || exit 1
kept=${kept:-$T}
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

# ---- text without labels: a sentence a line, spelled as those with labels are ----
cut -f 1 "$data/train.tsv" >sentences.txt
if [ -d "$REVIEWS" ]; then
	python3 - "$REVIEWS" >reviews.txt <<'END'
import pathlib, re, sys
for path in sorted(pathlib.Path(sys.argv[1]).glob('*.txt')):
    text = path.read_text(encoding='utf-8', errors='replace').lower().replace('<br />', '. ')
    text = re.sub(r'"([^"]*)"', r" `` \1 '' ", text)
    text = re.sub(r"n't\b", " n't", re.sub(r"'(s|re|ve|ll|d|m)\b", r" '\1", text))
    text = re.sub(r'(\d),(\d)', r'\1\2', text).replace(',', ' , ')
    text = re.sub(r'\b(mr|mrs|ms|dr|st|vs|jr|sr|[a-z])\.', r'\1', text)
    words = []
    for sentence in re.split(r'[.!?;:]+(?=\s|$)', text):
        words += re.sub(r"[^a-z0-9,'` ]", ' ', sentence).split()
        if len(words) >= 5: # shorter ones join the next
            line = ' '.join(words).strip(' ,')
            if line:
                print(line)
            words = []
END
else
	: >reviews.txt
	echo 'sst2: no folder of reviews in REVIEWS: the sentences alone'
fi
cat reviews.txt sentences.txt sentences.txt sentences.txt >corpus.txt
# ---- the causal model ----
tvocab -q --split line -n 12000 corpus.txt -o vocab.ten
for i in 1 2 3; do cat sentences.txt; done | shuf --random-source=vocab.ten | cat reviews.txt - |
    ttok -q --split line -m vocab.ten | tpack -q -l 128 | tshuf -q -o rows.ten
for p in train dev test; do
	timport -q --format tsv --columns text,label --as labelled "$data/$p.tsv" | ttok -q --records -m vocab.ten -o $p.ten
done
tinit -q --arch llama --output-layer tied --layers 4 --heads 8 --width 256 --context 128 --vocab vocab.ten -o init.ten
if [ ! -e "$kept/lm.ten" ]; then
	mkdir -p "$kept"
	steps=$([ -s reviews.txt ] && echo 7600 || echo 300)
	processor tpretrain -q -m init.ten -b 16 --steps $steps --lr 2e-3 --min-lr 1e-4 --warmup 200 -o "$kept/lm.ten" rows.ten
	tell 'tenon, pre-training' 0 0 "$took"
fi
tgraft -q --drop-head language --head classify --labels 0,1 --pool mean -o head.ten "$kept/lm.ten" 2>/dev/null
accuracy() { teval -q --task --bootstrap 0 -m "$1" "$2.ten" | sed -n 's/^accuracy: //p'; }
four() { # OPTION...: the mean of the weights of four runs
	for s in 1 2 3 4; do tfinetune -q -m head.ten -s $s -b 32 --warmup 30 --epochs 2 "$@" -o run$s.ten train.ten; done
	tgraft -q --average -o mean.ten run[1-4].ten
}
for lr in 3e-4 6e-4; do
	for p in 0.1 0.3; do
		processor four --lr $lr --dropout $p
		d=$(accuracy mean.ten dev) t=$(accuracy mean.ten test)
		tell "tenon, 4 runs --lr $lr --dropout $p" "$d" "$t" "$took"
		echo "$d $t --lr $lr --dropout $p" >>tenon.txt
	done
done
read -r d t what <<<"$(best tenon.txt)"
tell "tenon, chosen by dev: $what" "$d" "$t" 0
