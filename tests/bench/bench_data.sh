# Speed of the data tools on one core, in tokens a second of the input: packing, shuffling, masking, augmenting.
set -eu
BUILD=${BUILD:-$PWD/build}
export PATH=$BUILD/bin:$PATH OMP_NUM_THREADS=1
data=$PWD/pipelines/data/stories.txt
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
cd "$T"
tvocab -q -n 700 --special '<|endoftext|>' --special '<|mask|>' "$data" -o vocab.ten
ttok -q --words -m vocab.ten "$data" -o one.ten
for i in $(seq 400); do cat one.ten; done >many.ten
tcat -q -f ids many.ten -o tokens.ten
tokens=$(tpack -l 64 tokens.ten 2>&1 >/dev/null | sed 's/.*tokens_in=\([0-9]*\).*/\1/')
tpack -q -l 128 tokens.ten -o rows.ten
tpack -q -l 128 many.ten -o words.ten

rate() { # NAME COMMAND...
	local name=$1 start end
	shift
	taskset -c 0 "$@" >/dev/null # warm
	start=$(date +%s.%N)
	taskset -c 0 "$@" >/dev/null
	end=$(date +%s.%N)
	awk -v n="$tokens" -v s="$start" -v e="$end" -v name="$name" 'BEGIN { printf "%-28s %8.1f Mtokens/s\n", name, n / (e - s) / 1e6 }'
}
echo "$tokens tokens"
rate 'read and verify (tcheck)' tcheck -q tokens.ten
rate 'tpack' tpack -q -l 128 tokens.ten
rate 'tshuf' tshuf -q tokens.ten
rate 'tmask token' tmask -q -m vocab.ten rows.ten
rate 'tmask token, of tokens' tmask -q -m vocab.ten tokens.ten
rate 'tmask word' tmask -q -m vocab.ten --policy word words.ten
rate 'tmask span' tmask -q -m vocab.ten --policy span words.ten
rate 'taug none' taug -q -m vocab.ten -i tokens.ten none
rate 'taug delete' taug -q -m vocab.ten -i tokens.ten delete:0.1
rate 'taug crop' taug -q -m vocab.ten -i tokens.ten crop:0.5..0.9
rate 'taug replace' taug -q -m vocab.ten -i tokens.ten replace:0.1
rate 'taug delete crop reorder' taug -q -m vocab.ten -i tokens.ten delete:0.1 crop:0.5..0.9 reorder
