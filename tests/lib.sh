# lib.sh - helpers for test scripts, to be sourced by bash from the repository root.
#
#	. tests/lib.sh
#	ok   NAME COMMAND...                  passes when the command succeeds
#	is   NAME GOT WANTED                  passes when the strings are equal
#	run  NAME STATUS OUT ERR COMMAND...   exact exit status, stdout and stderr; OUT and ERR may
#	                                      be '*' (anything) or '~REGEX' (extended; one line matches)
#	fails NAME STATUS TOOL ARG...         stdout empty, stderr one line that begins "TOOL: ", status
#	differ NAME FILE FILE                 both are there, and their bytes differ
#	skip NAME REASON                      counts as skipped
#	skip_all REASON                       ends the script
#	measures_memory TOOL                  whether the peak of its memory can be measured and means something
#	finish                                prints the plan; the last line of every script
#
# Sets ROOT (the repository), BUILD (absolute), T (a temporary folder, the current one, removed
# at the end); tools are found through PATH. After run and fails: $T.out, $T.err, $status.
ROOT=$PWD
BUILD=${BUILD:-$ROOT/build}
case $BUILD in /*) ;; *) BUILD=$ROOT/$BUILD ;; esac
export BUILD ROOT LC_ALL=C
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T" "$T.out" "$T.err" "$T.ok"' EXIT
trap 'exit 1' HUP INT TERM
PATH=$BUILD/bin:$PATH
cd "$T" || exit 1
tests_run=0 tests_failed=0

result() { # 0-or-1 NAME
	tests_run=$((tests_run + 1))
	if [ "$1" = 0 ]; then
		echo "ok $tests_run - $2"
	else
		tests_failed=$((tests_failed + 1))
		echo "not ok $tests_run - $2"
		return 1
	fi
}

note() { # prefixes each line of stdin, so that it cannot be taken for TAP
	sed 's/^/# /' | head -n 40
}

ok() {
	local name=$1
	shift
	"$@" >"$T.ok" 2>&1
	local rc=$?
	result $((rc != 0)) "$name" && return
	{ echo "exit status $rc of: $*"; cat "$T.ok"; } | note
}

is() {
	[ "$2" = "$3" ] && { result 0 "$1"; return; }
	result 1 "$1"
	{ echo "got:    $2"; echo "wanted: $3"; } | note
}

matches() { # FILE WANTED
	case $2 in
	'*') ;;
	'~'*) grep -Eqe "${2#\~}" "$1" ;;
	'') [ ! -s "$1" ] ;;
	*) printf '%s\n' "$2" | cmp -s - "$1" ;;
	esac
}

run() {
	local name=$1 want=$2 out=$3 err=$4 bad=
	shift 4
	"$@" >"$T.out" 2>"$T.err"
	status=$?
	[ "$status" = "$want" ] || bad="exit status $status, wanted $want"
	matches "$T.out" "$out" || bad="$bad; stdout differs, wanted: $out"
	matches "$T.err" "$err" || bad="$bad; stderr differs, wanted: $err"
	[ -z "$bad" ] && { result 0 "$name"; return; }
	result 1 "$name"
	{ echo "$* : ${bad#; }"; echo "-- stdout"; cat "$T.out"; echo "-- stderr"; cat "$T.err"; } | note
}

fails() {
	local name=$1 want=$2 bad=
	shift 2
	"$@" >"$T.out" 2>"$T.err"
	status=$?
	[ "$status" = "$want" ] || bad="exit status $status, wanted $want"
	[ ! -s "$T.out" ] || bad="$bad; something on stdout"
	[ "$(wc -l <"$T.err")" = 1 ] || bad="$bad; not one line on stderr"
	grep -q "^${1##*/}: " "$T.err" || bad="$bad; stderr does not begin with the tool's name"
	[ -z "$bad" ] && { result 0 "$name"; return; }
	result 1 "$name"
	{ echo "$* : ${bad#; }"; echo "-- stderr"; cat "$T.err"; } | note
}

differ() {
	cmp -s "$2" "$3"
	local rc=$?
	result $((rc != 1)) "$1" && return
	echo "cmp $2 $3: exit status $rc" | note
}

skip() {
	tests_run=$((tests_run + 1))
	echo "ok $tests_run - $1 # SKIP $2"
}

skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

measures_memory() {
	command -v /usr/bin/time >/dev/null || return 1
	case $(nm -D "$BUILD/bin/$1" 2>/dev/null) in *asan*) return 1 ;; esac
}

finish() {
	echo "1..$tests_run"
	[ "$tests_failed" = 0 ]
	exit
}
