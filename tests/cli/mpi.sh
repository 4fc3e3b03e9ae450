# Several ranks over MPI: the same losses, checkpoints for any number of ranks, ranks that die, refusals.
. tests/lib.sh
ldd "$BUILD/bin/tpretrain" | grep -q 'libmpi' || skip_all 'built without MPI'
command -v mpirun >/dev/null || skip_all 'mpirun is not installed'
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
# Open MPI does not free all it has
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
# files of Open MPI's sessions have long names below TMPDIR
export TMPDIR=/tmp
cp "$ROOT/pipelines/data/stories.txt" .
tvocab -q -n 320 stories.txt -o vocab.ten
ttok -q -m vocab.ten stories.txt -o tokens.ten
tpack -q -l 32 tokens.ten | tshuf -q -o all.ten
tcat -q -r 0:150 all.ten -o train.ten
tcat -q -r 150:170 all.ten -o val.ten
tcat -q -r 0:5 all.ten -o five.ten
tinit -q --layers 2 --heads 2 --width 32 --context 32 --vocab vocab.ten -o init.ten

ranks() { # N TOOL ARG...
	local n=$1
	shift
	timeout -s KILL 120 mpirun -n "$n" "$@" -j1
}
base="-q -m init.ten --warmup 10 --lr 1e-3"
close() { # LOG LOG: largest difference of losses, and how many there are
	paste <(tdump --csv --field loss "$1" | tail -n +2) <(tdump --csv --field loss "$2" | tail -n +2) |
		awk '{d = $1 - $2; d = d < 0 ? -d : d; if (d > most) most = d} END {exit !(NR >= 10 && most < 1e-5)}'
}

# ---- the same training ----
run 'one process' 0 '' '' tpretrain $base --steps 50 --log 1.log -j1 -o 1.ten train.ten
for n in 2 4; do
	run "$n ranks" 0 '' '' ranks $n tpretrain $base --steps 50 --log $n.log -o $n.ten train.ten
	ok "$n ranks have the losses of one process" close 1.log $n.log
done
is 'the log counts the tokens of all ranks' "$(tdump --csv --field tokens 1.log | tail -n 1)" "$(tdump --csv --field tokens 4.log | tail -n 1)"
run 'two ranks again' 0 '' '' ranks 2 tpretrain $base --steps 50 -o again.ten train.ten
run 'two ranks repeat the same bytes' 0 '' '' cmp 2.ten again.ten
run 'two threads each' 0 '' '' mpirun -n 2 tpretrain $base --steps 50 -j2 -o threads.ten train.ten
run 'two threads each give the same bytes' 0 '' '' cmp 2.ten threads.ten
same() { # NAME RANKS OPTION...: losses of one process and of several
	local name=$1 n=$2
	shift 2
	rm -f a.log b.log
	run "$name, one process" 0 '' '' "$@" --log a.log -j1 -o a.ten
	run "$name, $n ranks" 0 '' '' ranks "$n" "$@" --log b.log -o b.ten
	ok "$name, the same losses" close a.log b.log
}
same 'rows that do not divide' 3 tpretrain $base --steps 30 -b 5 train.ten
same 'fewer rows than ranks' 4 tpretrain $base --steps 30 -b 2 train.ten
same 'less data than a batch' 2 tpretrain $base --steps 30 -b 8 five.ten
same 'documents that are cut' 3 tpretrain $base --steps 30 -b 7 tokens.ten
same 'micro-batches' 2 tpretrain $base --steps 30 -b 8 --micro 2 train.ten
same 'evaluation' 2 tpretrain $base --steps 30 --eval val.ten --eval-every 10 train.ten
evals() { tdump --csv --field eval_loss "$1" | tail -n +2 | grep -v nan | cut -c1-7; }
is 'evaluation, the same figures' "$(evals a.log)" "$(evals b.log)"

# ---- other objectives and tools ----
tinit -q --arch bert --layers 2 --heads 2 --width 32 --context 32 --vocab vocab.ten -o bert.ten
taug -q -m vocab.ten -i tokens.ten -l 32 delete:0.2 -o views.ten
same 'contrastive' 3 tpretrain -q -m bert.ten --objective contrastive --steps 20 -b 8 --warmup 5 views.ten
same 'contrastive with a queue' 2 tpretrain -q -m bert.ten --objective contrastive --queue 16 --steps 20 -b 4 --warmup 5 views.ten
awk 'BEGIN { for (i = 0; i < 40; i++) printf "{\"text\": \"%s %d\", \"label\": \"%s\"}\n", i % 2 ? "a good day" : "bad rain", i, i % 2 ? "up" : "down" }' >labelled.jsonl
timport -q --as labelled labelled.jsonl | ttok -q --records --text -m vocab.ten -o labelled.ten
same 'tfinetune' 2 tfinetune -q -m bert.ten --task classify --eval labelled.ten --eval-every 10 --steps 20 --warmup 5 labelled.ten
same 'tfinetune of adapters' 3 tfinetune -q -m bert.ten --task classify --lora 2 --steps 20 --warmup 5 labelled.ten
same 'tfinetune that thaws' 2 tfinetune -q -m bert.ten --task classify --unfreeze 4 --steps 20 --warmup 5 labelled.ten

# ---- the plan of the memory ----
ranks 2 tpretrain --plan -m init.ten -b 8 train.ten >plan
is 'the plan has what ranks exchange' "$(cut -d ' ' -f 1 plan | tr '\n' ' ')" 'weights gradients moments activations logits exchanged other total available '
case $(nm -D "$BUILD/bin/tpretrain" 2>/dev/null) in *asan*) false ;; *) command -v /usr/bin/time >/dev/null ;; esac && {
	tinit -q --layers 6 --heads 4 --width 384 --context 32 --vocab vocab.ten -o deep.ten
	for n in 2 4; do
		planned=$(ranks $n tpretrain --plan -m deep.ten -b 4 train.ten | awk '$1 == "total" { print $2 }')
		# a file for each rank, since lines on one stderr run into each other
		ranks $n sh -c '/usr/bin/time -f %M -o taken.$OMPI_COMM_WORLD_RANK tpretrain "$@"' tpretrain -q -m deep.ten -b 4 --steps 2 --save-every 1 -o deep.out.ten train.ten
		ok "$n ranks take what is planned: $planned MiB, $(cat taken.? | tr '\n' ' ')KiB" awk -v planned="$planned" '{ mb = $1 / 1024; most = mb > most ? mb : most }
			END { exit !(NR >= 2 && most < 1.1 * planned && most > 0.9 * planned - 24) }' taken.?
	done
}

# ---- checkpoints ----
train() { # NAME [RANKS]: 400 steps
	[ -z "$2" ] || { ranks "$2" tpretrain $base --steps 400 --save-every 20 --log "$1.log" -o "$1.ten" train.ten; return; }
	tpretrain $base --steps 400 --save-every 20 --log "$1.log" -j1 -o "$1.ten" train.ten
}
tools_of() { # PID: processes of the training below it
	local c
	for c in $(pgrep -P "$1"); do
		case $(readlink "/proc/$c/exe") in */tpretrain) echo "$c" ;; *) tools_of "$c" ;; esac
	done
}
interrupt() { # NAME SIGNAL: two ranks, until a checkpoint is there; the last rank, or mpirun, gets the signal; what is left of them
	timeout -s KILL 120 mpirun -n 2 tpretrain $base --steps 400 --save-every 20 --log "$1.log" -j1 -o "$1.ten" train.ten >"$T.out" 2>"$T.err" &
	local job=$! to all p
	until ls "$1".ten.ckpt/step-*.ten >"$T.ok" 2>&1 || ! kill -0 $job; do sleep 0.02; done
	all=$(tools_of $job)
	case $2 in KILL) to=$(echo "$all" | tail -n 1) ;; *) to=$(pgrep -P $job) ;; esac
	local start=$SECONDS
	kill -"$2" $to
	wait $job
	status=$? left=$all
	while [ -n "$left" ] && [ $((SECONDS - start)) -le 20 ]; do
		left=
		for p in $all; do [ ! -d "/proc/$p" ] || left+=" $p"; done
	done
	took=$((SECONDS - start))
}
run 'without interruption' 0 '' '' train whole
interrupt killed KILL
is 'a rank is killed: the status of mpirun' "$status" 137
ok 'a rank is killed: all end within ten seconds' test $took -le 10
is 'a rank is killed: none is left' "$left" ''
ok 'a rank is killed: mpirun says so' grep -q 'exited on signal 9' "$T.err"
ok 'a rank is killed: checkpoints are whole' tcheck -q killed.ten.ckpt/step-*.ten
cp -r killed.ten.ckpt three.ten.ckpt
cp -r killed.ten.ckpt two.ten.ckpt
run 'resumed by one process' 0 '' '' train killed
ok 'resumed by one process, the same losses' close whole.log killed.log
run 'resumed by three ranks' 0 '' '' train three 3
ok 'resumed by three ranks, the same losses' close whole.log three.log
is 'every step is in the log once' "$(tdump --csv --field step three.log | tail -n +2 | tr '\n' ' ')" "$(seq 400 | tr '\n' ' ')"
run 'resumed by two ranks' 0 '' '' train two 2
run 'two ranks without interruption' 0 '' '' train straight 2
run 'resumed by two ranks, the same bytes' 0 '' '' cmp straight.ten two.ten
interrupt gentle USR1
is 'USR1: exit status 75' "$status" 75
ok 'USR1: says where it stopped' grep -Eq '^tpretrain: stopped after step [0-9]+; the same command goes on from there$' "$T.err"
ok 'USR1: checkpoints are whole' tcheck -q gentle.ten.ckpt/step-*.ten
run 'USR1: resumed' 0 '' '' train gentle 2
run 'USR1: resumed, the same bytes' 0 '' '' cmp straight.ten gentle.ten

# ---- refusals ----
cat >refused <<'end'
2|tpretrain: 2 ranks cannot share a pipe: the data must be a file|cat train.ten | ranks 2 tpretrain -q -m init.ten -o x.ten
3|tpretrain: stories.txt: is not a record stream|ranks 2 tpretrain -q -m init.ten -o x.ten stories.txt
1|tpretrain: no.ten: cannot open|ranks 2 tpretrain -q -m init.ten -o x.ten no.ten
2|tppo: started as one of 2 ranks, but it trains alone|ranks 2 tppo -q -m init.ten --reward cat -o x.ten train.ten
end
while IFS='|' read -r want words command; do
	eval "$command" >"$T.out" 2>"$T.err"
	is "exit status of: $command" $? "$want"
	ok "says: $words" grep -qF "$words" "$T.err"
done <refused
# what all ranks meet is said by one
tinit -q --layers 1 --heads 1 --width 16 --context 16 --vocab vocab.ten -o small.ten
ranks 2 tpretrain -q -m small.ten --steps 5 -b 2 -o x.ten train.ten >"$T.out" 2>"$T.err"
is 'rows that are too long: exit status' $? 3
ok 'rows that are too long: says which' grep -q "^tpretrain: train.ten: record 0" "$T.err"
ok 'no output is left' test ! -e x.ten

# ---- judgements ----
if [ ! -x "$BUILD/tests/support/mkjudged" ]; then
	skip 'learning from judgements' 'make check builds tests/support/mkjudged'
	finish
	exit
fi
mkdir judged
cd judged || exit 1
. "$ROOT/tests/judged.sh"
tscore -q --likelihood -m base.ten train.ten -o referenced.ten
same 'treward' 2 treward -q -m base.ten --steps 20 -b 5 --warmup 5 --eval val.ten --eval-every 10 train.ten
same 'tprefer' 3 tprefer -q -m base.ten --steps 20 -b 8 --warmup 5 referenced.ten
same 'tprefer with a reference point' 2 tprefer -q -m base.ten --loss kto --steps 20 -b 8 --micro 2 --warmup 5 referenced.ten
is 'the columns are of all ranks' "$(column a.log rewards/margins | cut -c1-8)" "$(column b.log rewards/margins | cut -c1-8)"
finish
