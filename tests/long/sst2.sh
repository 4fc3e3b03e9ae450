# What self-supervision is worth: a probe (logistic regression) of whole sentences of SST-2 on frozen
# representations of an encoder that has learnt from the training sentences alone, without their labels, to
# tell views apart; at least 5 points above the same probe of the same encoder untrained. Ten minutes on two
# cores. Beside it, for honesty, logistic regression of a bag of words. The data (train.tsv, dev.tsv, test.tsv:
# sentence, tab, label) are where SST2 says, or beside the repository.
. tests/lib.sh
data=${SST2:-$ROOT/../shared/data/sst2}
[ -r "$data/train.tsv" ] || skip_all 'SST-2 is not here: set SST2 to its folder'
cut -f 1 "$data/train.tsv" >sentences.txt
tvocab -q --split line -n 4096 --special '<|endoftext|>' --special '<|mask|>' sentences.txt -o vocab.ten
ttok -q --split line -m vocab.ten sentences.txt -o sentences.ten
for p in train dev test; do timport -q --format tsv --columns text,label --as labelled "$data/$p.tsv" | ttok -q --records -m vocab.ten -o $p.ten; done
taug -q -m vocab.ten -i sentences.ten --epochs 40 -l 64 delete:0.2..0.5 crop:0.3..0.8 -o views.ten
tinit -q --arch bert --norm pre --layers 1 --heads 8 --width 512 --hidden 1024 --context 128 --vocab vocab.ten -o init.ten
start=$SECONDS
run 'it trains' 0 '' '' tpretrain -q -m init.ten --objective contrastive --temperature 0.05 --projection 256 \
	-b 128 --steps 1500 --warmup 50 --lr 2e-3 -o model.ten views.ten
echo "# training: $((SECONDS - start)) s"
accuracy() { # MODEL PART
	for p in train $2; do tembed -q --truncate -m $1.ten $p.ten -o $1.$p.ten; done
	teval --probe --train $1.train.ten $1.$2.ten | sed -n 's/^accuracy: //p'
}
for p in dev test; do
	words=$(teval --probe --train train.ten $p.ten | sed -n 's/^accuracy: //p')
	before=$(accuracy init $p) after=$(accuracy model $p)
	echo "# $p: untrained $before, trained $after, bag of words $words"
done
ok 'at least 5 points above the untrained encoder' awk -v a="$before" -v b="$after" 'BEGIN { exit !(b >= a + 0.05) }'
finish
