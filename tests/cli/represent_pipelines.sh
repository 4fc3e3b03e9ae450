# bert.mk and contrastive.mk on the embedded data, small.
. tests/lib.sh
command -v gnuplot >/dev/null || { skip 'bert.mk' 'gnuplot is not installed'; finish; exit; }
pipeline() { # NAME OUT -jN
	env -u MAKEFLAGS -u MAKELEVEL make -s -f "$ROOT/pipelines/$1.mk" BIN="$BUILD/bin" OUT="$2" VOCAB=400 LAYERS=1 HEADS=2 \
	    WIDTH=16 STEPS=6 BATCH=8 EPOCHS=2 "$3"
}
for p in bert contrastive; do
	run "$p.mk" 0 '~^  trained: probe +0[.][0-9]+' '*' pipeline $p $p.1 -j1
	ok "$p.mk: its plots" grep -q '<svg' $p.1/loss.svg $p.1/accuracy.svg
	ok "$p.mk: a bag of words beside it" grep -Eq 'bag of words +0[.][0-9]+' $p.1/summary.txt
	run "$p.mk -j2" 0 '*' '*' pipeline $p $p.2 -j2
	for f in model.ten summary.txt; do
		run "$p.mk: make -j1 and -j2: $f" 0 '' '' cmp <(sed 1d $p.1/$f) <(sed 1d $p.2/$f)
	done
	touch -r $p.1/model.ten mark
	run "$p.mk again: nothing to do" 0 '*' '' pipeline $p $p.1 -j1
	ok "$p.mk: the model was left alone" test ! $p.1/model.ten -nt mark
done
finish
