# A small stream of each kind, cut short and with single bits flipped, through a tool: exit status 3 every
# time. All cuts and flips are tried on the readers by tests/unit/test_ten_faults.c; this takes a
# sample of them (a fixed stride, another start for each kind) through files and pipes.
. tests/lib.sh
export OMP_NUM_THREADS=1
head -c 1500 "$ROOT/pipelines/data/stories.txt" >text
tvocab -q -n 260 text -o vocabulary.ten
ttok -q --split line -m vocabulary.ten text -o tokens.ten
ttok -q -z --split line -m vocabulary.ten text -o zstd.ten
tpack -q -l 16 tokens.ten -o rows.ten
tinit -q --layers 1 --heads 1 --width 2 --context 16 --vocab vocabulary.ten -o model.ten
tpretrain -q -m model.ten --steps 2 --log metrics.ten -o trained.ten rows.ten
n=0
for f in vocabulary tokens zstd rows model metrics; do
	n=$((n + 1))
	run "$f: whole" 0 '' '' tcheck -q $f.ten
	size=$(stat -c %s $f.ten)
	stride=$((size / 25 + 1))
	bad=
	for ((at = n; at < size; at += stride)); do
		head -c $at $f.ten >cut.ten
		tcheck -q cut.ten 2>/dev/null
		[ $? = 3 ] || bad="$bad cut at $at;"
		head -c $at $f.ten | tcheck -q - 2>/dev/null
		[ $? = 3 ] || bad="$bad pipe cut at $at;"
		cp $f.ten flip.ten
		byte=$(od -An -tu1 -j $at -N1 $f.ten)
		printf "\\x$(printf %x $((byte ^ (1 << (at % 8)))))" | dd of=flip.ten bs=1 seek=$at conv=notrunc status=none
		tcheck -q flip.ten 2>/dev/null
		[ $? = 3 ] || bad="$bad bit $((at % 8)) of byte $at;"
		tcat -q flip.ten -o out.ten 2>/dev/null
		[ $? = 3 ] && [ ! -e out.ten ] || bad="$bad tcat, bit $((at % 8)) of byte $at;"
	done
	is "$f: every cut and every flipped bit is refused with 3" "$bad" ''
	# blocks lost, doubled and moved: everything is a multiple of 64 bytes
	bad=
	for i in 1 2 3 4 5 6; do
		at=$((64 * (1 + (i * 7919 + n * 104729) % (size / 64 - 1))))
		long=$((64 * (1 + (i * 31) % 5)))
		{ head -c $at $f.ten; tail -c +$((at + long + 1)) $f.ten; } >cut.ten
		cmp -s cut.ten $f.ten || { tcheck -q cut.ten 2>/dev/null; [ $? = 3 ] || bad="$bad $long bytes lost at $at;"; }
		{ head -c $((at + long)) $f.ten; tail -c +$((at + 1)) $f.ten; } >cut.ten
		tcheck -q cut.ten 2>/dev/null
		[ $? = 3 ] || bad="$bad $long bytes doubled at $at;"
	done
	is "$f: blocks lost and doubled are refused with 3" "$bad" ''
done
finish
