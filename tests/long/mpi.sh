# A rank that is stopped ends the training within a minute, with a message and no orphan.
. tests/lib.sh
ldd "$BUILD/bin/tpretrain" | grep -q 'libmpi' || skip_all 'built without MPI'
command -v mpirun >/dev/null || skip_all 'mpirun is not installed'
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 TMPDIR=/tmp
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
tvocab -q -n 320 "$ROOT/pipelines/data/stories.txt" -o vocab.ten
ttok -q -m vocab.ten "$ROOT/pipelines/data/stories.txt" | tpack -q -l 32 -o train.ten
tinit -q --layers 2 --heads 2 --width 32 --context 32 --vocab vocab.ten -o init.ten
tools_of() { # PID: processes of the training below it
	local c
	for c in $(pgrep -P "$1"); do
		case $(readlink "/proc/$c/exe") in */tpretrain) echo "$c" ;; *) tools_of "$c" ;; esac
	done
}
timeout -s KILL 300 mpirun -n 2 tpretrain -q -j1 -m init.ten --steps 10000000 --save-every 20 -o out.ten train.ten >"$T.out" 2>"$T.err" &
job=$!
until ls out.ten.ckpt/step-*.ten >"$T.ok" 2>&1 || ! kill -0 $job; do sleep 0.1; done
all=$(tools_of $job)
start=$SECONDS
kill -STOP "$(echo "$all" | tail -n 1)"
wait $job
is 'a rank is stopped: exit status' $? 1
ok 'a rank is stopped: the message' grep -q 'another rank has not answered for' "$T.err"
left=$all
while [ -n "$left" ] && [ $((SECONDS - start)) -le 70 ]; do
	left=
	for p in $all; do [ ! -d "/proc/$p" ] || left+=" $p"; done
done
ok 'a rank is stopped: all end within a minute' test $((SECONDS - start)) -le 60
is 'a rank is stopped: none is left' "$left" ''
ok 'a rank is stopped: checkpoints are whole' tcheck -q out.ten.ckpt/step-*.ten
finish
