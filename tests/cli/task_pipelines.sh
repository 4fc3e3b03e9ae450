# classify.mk, tag.mk, chat.mk and tune.mk on the embedded data, small.
. tests/lib.sh
command -v gnuplot >/dev/null || skip_all 'gnuplot is not installed'
pipelines=$ROOT/pipelines
pipeline() { # NAME OUT SETTING...
	local name=$1 out=$2
	shift 2
	env -u MAKEFLAGS -u MAKELEVEL make -s -f "$pipelines/$name.mk" BIN="$BUILD/bin" OUT="$out" VOCAB=400 LAYERS=1 HEADS=2 \
	    WIDTH=16 PRETRAIN_STEPS=4 EPOCHS=2 BATCH=8 "$@"
}
same() { # NAME FILE...
	local name=$1
	shift
	for f in "$@"; do run "$name.mk: make -j1 and -j2: $f" 0 '' '' cmp <(sed 1d $name.1/$f) <(sed 1d $name.2/$f); done
}
again() { # NAME SETTING...: nothing to do, the model was left alone
	touch -r "$1.1/$2" mark
	run "$1.mk again" 0 '*' '' pipeline "$1" "$1.1" "${@:3}"
	ok "$1.mk: $2 was left alone" test ! "$1.1/$2" -nt mark
}

run 'classify.mk' 0 '~^accuracy: 0[.][0-9]+ [(]0[.][0-9]+ to 0[.][0-9]+[)]' '*' pipeline classify classify.1 STEPS=40 -j1
ok 'its plots' grep -q '<svg' classify.1/loss.svg classify.1/calibration.svg
ok 'a bag of words beside it' grep -Eq '^accuracy of a bag of words: 0[.][0-9]+' classify.1/summary.txt
is 'errors can be looked at' "$(tdump --jsonl -f label -f predicted classify.1/predictions.ten | wc -l)" \
	"$(tdump --jsonl -f label classify.1/labelled/test.ten | wc -l)"
run 'classify.mk -j2' 0 '*' '*' pipeline classify classify.2 STEPS=40 -j2
same classify model.ten summary.txt
again classify model.ten STEPS=40
best() { tdump --csv -f "$1" classify.2/run.ten | sed -n '2,$p' | grep -v nan | sort -g | head -n 1 | xargs printf %.4f; }
for m in loss ece; do
	run "classify.mk by $m" 0 '*' '*' pipeline classify classify.2 STEPS=40 METRIC=$m
	ok 'the least is the best' grep -q "^best $m of the validation part: $(best eval_$m) " classify.2/summary.txt
done

run 'tag.mk' 0 '~^F1 of entities: 0[.][0-9]+ ' '*' pipeline tag tag.1 STEPS=40 -j1
ok 'its plot' grep -q '<svg' tag.1/loss.svg
is 'a line for each type' "$(grep -c '^  .* F1 ' tag.1/summary.txt)" 3
run 'tag.mk -j2' 0 '*' '*' pipeline tag tag.2 STEPS=40 -j2
same tag model.ten summary.txt
again tag model.ten STEPS=40

run 'chat.mk' 0 '~^assistant: ' '*' pipeline chat chat.1 STEPS=6 -j1
ok 'without complaints of the plot, which has no validation' sh -c "! grep warning $T.err"
ok 'its plot' grep -q '<svg' chat.1/loss.svg
ok 'talks at the terminal' sh -c 'echo Hello. | tgen -q --chat -n 5 -m chat.1/chat.ten'
run 'chat.mk -j2' 0 '*' '*' pipeline chat chat.2 STEPS=6 -j2
same chat chat.ten summary.txt
again chat chat.ten STEPS=6
run 'the best by the validation part instead' 0 '*' '~best_eval_loss=' pipeline chat chat.1 STEPS=6 CHOOSE=best

small='VOCAB=400 LAYERS=1 HEADS=2 WIDTH=16 PRETRAIN_STEPS=4 EPOCHS=2'
search() { pipeline tune "$1" FROM_SETTINGS="$small" STEPS=6 EVAL_EVERY=3 SEARCH='lr=1e-3|1e-2 dropout=0|0.2' "${@:2}"; }
run 'tune.mk' 0 '~^4 trials, by accuracy of the validation part$' '*' search tune.1 -j1
ok 'its plot' grep -q '<svg' tune.1/search.svg
is 'a table, the best first' "$(head -n 1 tune.1/table.csv; sed 1d tune.1/table.csv | sort -s -t, -k 1,1gr | cmp - <(sed 1d tune.1/table.csv) && wc -l <tune.1/table.csv)" \
	'accuracy,lr,dropout
5'
best=$(sed -n '2s/^[^,]*,\(.*\),\(.*\)$/lr=\1,dropout=\2/p' tune.1/table.csv)
ok 'the chosen model is that of the first trial' cmp tune.1/best.ten "tune.1/trials/$best/model.ten"
is 'its number is what teval says' "$(teval -q --task --bootstrap 0 -m tune.1/best.ten tune.1/from/labelled/val.ten | sed -n 's/^accuracy: //p')" \
	"$(sed -n '2s/,.*//p' tune.1/table.csv)"
timeout -s KILL 2 bash -c "$(declare -f pipeline search); pipelines=$pipelines; small='$small'; search tune.2 -j2" >/dev/null 2>&1
run 'killed, and again with -j2' 0 '*' '*' search tune.2 -j2
same tune table.csv best.ten
run 'one more value: the other trials stay' 0 '~^6 trials' '*' search tune.1 SEARCH='lr=1e-3|1e-2|1e-4 dropout=0|0.2' -j2
ok 'they were left alone' test ! tune.1/trials/lr=1e-2,dropout=0/model.ten -nt tune.1/search
run 'drawn at random, of a tagger' 0 '~^2 trials, by entity_f1' '*' pipeline tune tune.3 FROM="$pipelines/tag.mk" FROM_SETTINGS="$small" METRIC=entity_f1 STEPS=4 EVAL_EVERY=2 \
	RANDOM_TRIALS=2 SEARCH='lr=1e-4..1e-2 layer-decay=0.5..1'
trials() { python3 "$pipelines/trials.py" "$@"; }
is 'the same seed, the same trials' "$(trials --random 5 --seed 3 'lr=1e-4..1e-2 lora=2|4 n=1..9')" "$(trials --random 5 --seed 3 'lr=1e-4..1e-2 lora=2|4 n=1..9')"
is 'within their ranges, whole numbers whole' "$(trials --random 50 'lr=1e-4..1e-2 n=1..9' | awk -F'[=,]' '$2 >= 1e-4 && $2 <= 1e-2 && $4 ~ /^[1-9]$/' | wc -l)" 50
run 'a range without a number of trials' 1 '' '~a range has no end' trials 'lr=0..1'
run 'no setting' 1 '' '~is not NAME=VALUE' trials 'lr'
finish
