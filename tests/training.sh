# training.sh - trainings that do not come to their end at once, to be sourced after lib.sh.
#
#	killed NAME TIMES OUTPUT COMMAND...   a training of OUTPUT, killed by the clock and begun again until that was so TIMES
#	                                      times with a checkpoint there; then it may come to its end
#	cut_short OUTPUT COMMAND...           killed as soon as there is a checkpoint
#	stopped OUTPUT TOOL ARG...            TERM: what the tool says, and leaves
#
# The COMMAND of killed and cut_short may be a function that is exported.
kill_after() { # HUNDREDTHS COMMAND...
	local limit
	limit=$(printf '%d.%02d' $(($1 / 100)) $(($1 % 100)))
	shift
	timeout -s KILL "$limit" bash -c '"$@"' - "$@" >"$T.out" 2>"$T.err" &
	wait $! 2>/dev/null
	status=$?
}

saved() { # OUTPUT
	ls "$1".ckpt/step-*.ten >"$T.ok" 2>&1
}

killed() {
	local name=$1 times=$2 output=$3 kills=0 late=0 limit
	shift 3
	for try in $(seq 60); do
		limit=$((5 + try * 7 % 15 + late))
		[ $kills -lt "$times" ] || limit=10000
		kill_after $limit "$@"
		case $status in
		0) [ $kills -lt "$times" ] && late=$((late / 2)) || break ;; # it was too late
		137) saved "$output" && kills=$((kills + 1)) || late=$((2 * late + 10)) ;; # too early
		*) break ;;
		esac
	done
	ok "$name, killed at least $times times" test $kills -ge "$times"
	is "$name, killed and begun again, comes to its end" "$status" 0
}

cut_short() {
	local output=$1 limit=10
	shift
	until saved "$output" || [ $limit -gt 2000 ]; do
		kill_after $limit "$@"
		limit=$((2 * limit))
	done
	ok "$output: a checkpoint is there" saved "$output"
}

stopped() {
	local output=$1 pid
	shift
	"$@" >"$T.out" 2>"$T.err" &
	pid=$!
	until [ -d "$output.ckpt" ] || ! kill -0 $pid; do sleep 0.1; done # from then on it is ready for signals
	sleep 0.5
	is 'a tool that runs is found by its name' "$(cat /proc/$pid/comm)" "$1"
	kill -TERM $pid
	wait $pid
	is 'TERM: exit status 75' $? 75
	ok 'TERM: says where it stopped' grep -Eq "^$1: stopped after step [0-9]+; the same command goes on from there\$" "$T.err"
	ok 'TERM: a checkpoint is there' tcheck -q "$output".ckpt/step-*.ten
	ok 'TERM: no output' test ! -e "$output"
}
