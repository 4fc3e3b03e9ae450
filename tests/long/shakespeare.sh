# Characters of Shakespeare with nanoGPT's settings for a processor (4 layers, 4 heads, width 128,
# context 64, batch 12, 2000 steps, no dropout, learning rate 1e-3 to 1e-4, beta2 0.99, warm-up 100): the
# loss on the whole of the validation part is at most 1.92. The text is where
# TINYSHAKESPEARE says, or beside the repository.
. tests/lib.sh
text=${TINYSHAKESPEARE:-$ROOT/../shared/data/tinyshakespeare.txt}
[ -r "$text" ] || skip_all 'tinyshakespeare.txt is not here: set TINYSHAKESPEARE to its path'
size=$(wc -c <"$text")
head -c $((size * 9 / 10)) "$text" >train.txt
tail -c +$((size * 9 / 10 + 1)) "$text" >val.txt
tvocab -q --type char --no-bytes --no-special "$text" -o chars.ten
for part in train val; do
	ttok -q -m chars.ten --split file $part.txt | tpack -q --wrap -l 64 -o $part.ten
done
tshuf -q train.ten -o shuffled.ten
tinit -q --layers 4 --heads 4 --width 128 --context 64 --vocab chars.ten -o init.ten
run 'it trains' 0 '' '' tpretrain -q -m init.ten --steps 2000 -b 12 --lr 1e-3 --min-lr 1e-4 --beta2 0.99 \
	--warmup 100 -o gpt.ten shuffled.ten
loss=$(teval -q -m gpt.ten val.ten | sed -n 's/^loss: //p')
echo "# loss on the validation part: $loss"
ok 'loss at most 1.92' awk -v l="$loss" 'BEGIN { exit !(l > 1 && l <= 1.92) }'
finish
