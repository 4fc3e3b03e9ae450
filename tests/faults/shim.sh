# The k-th allocation, read, write, fsync, close or rename fails, for every k: the tool says so in
# one line and exits 1, or it does not matter and the output is whole. No signal, no hang, no part
# of an output.
. tests/lib.sh
shim=$BUILD/tests/faults/shim.so
[ -e "$shim" ] || skip_all "the shim is not built"
grep -q __asan_init "$BUILD/bin/tcat" && skip_all "AddressSanitizer has its own malloc"
export OMP_NUM_THREADS=1
"$BUILD/tests/support/mkten" rows 40 >a.ten
"$BUILD/tests/support/mkten" steps >b.ten
tcat -q -z a.ten a.ten -o whole.ten
tcat -q -z -r 3:-2 -f targets,ids a.ten -o part.ten
tdedup -q --near --clusters clusters.ten a.ten -o first.ten
tcheck a.ten b.ten >said
first=$(cksum <first.ten)
printf 'a b\n' | tvocab -q -n 257 -o v.ten && tinit -q --layers 1 --heads 1 --width 8 --context 16 --vocab v.ten -o init.ten &&
    texport -q --to hf -o model init.ten
weights=$(cksum <model/model.safetensors)
export whole part said
whole=$(cksum <whole.ten) part=$(cksum <part.ten) said=$(cksum <said)
printf '{"text": "a\\n", "label": "x"}\n{"text": "b", "label": "y"}\n' | gzip -nc >text.gz
timport -q --as labelled text.gz -o brought.ten
tcat -q -r 0:1 a.ten -o same.ten
texport -q --to npy --field ids same.ten -o taken.npy
texport -q --to jsonl a.ten -o lines.jsonl
brought=$(cksum <brought.ten) taken=$(cksum <taken.npy) lines=$(cksum <lines.jsonl)
mkdir work

# one failure; prints what is wrong with the way it was taken
judge() { # STATUS WANTED-CKSUM OUTPUT
	local have=none
	# libgomp ends the process itself when it cannot have a few bytes for its threads
	[ "$1" = 1 ] && grep -q '^libgomp: Out of memory' err && return
	[ -e "$3" ] && have=$(cksum <"$3")
	case $1 in
	0) [ "$have" = "$2" ] || echo "status 0 but another output" ;;
	1) [ "$(wc -l <err)" = 1 ] && grep -q "^$tool: " err || echo "message: $(cat err)"
		[ "$have" = none ] || [ "$have" = "$2" ] || [ "$3" = out.txt ] || echo "part of an output" ;;
	*) echo "status $1: $(cat err)" ;;
	esac
	[ -z "$(cd work && ls -A | grep '^\.')" ] || echo "litter: $(ls -A work)"
}

all() { # KIND LEAST WANTED-CKSUM OUTPUT COMMAND...
	local kind=$1 least=$2 want=$3 output=$4 k problems= harmless=0 tool=$5
	shift 4
	for ((k = 1; k < 5000; k++)); do
		rm -rf work out.txt
		mkdir work
		SHIM_CALL=$kind SHIM_NTH=$k LD_PRELOAD=$shim timeout 10 "$@" >out.txt 2>err 9>fired
		status=$?
		[ -s fired ] || break
		[ $status = 0 ] && harmless=$((harmless + 1))
		bad=$(judge $status "$want" "$output")
		[ -z "$bad" ] || problems="$problems $kind $k: $bad;"
	done
	is "$tool: $kind fails at each of $((k - 1)) calls ($harmless harmless)" "$problems" ""
	ok "$tool: there are calls of kind $kind" test "$k" -gt "$least"
}

for kind in alloc:20 read:1 write:1 fsync:2 close:3 rename:1; do
	all ${kind%:*} ${kind#*:} "$whole" work/o.ten tcat -q -z a.ten a.ten -o work/o.ten
done
for kind in alloc:30 read:1 write:1 fsync:2 close:3 rename:1; do
	all ${kind%:*} ${kind#*:} "$first" work/o.ten tdedup -q --near --clusters work/c.ten a.ten -o work/o.ten
done
all alloc 20 "$part" work/o.ten tcat -q -z -r 3:-2 -f targets,ids a.ten -o work/o.ten
for kind in alloc:20 read:1 close:1; do
	all ${kind%:*} ${kind#*:} "$said" out.txt tcheck a.ten b.ten
done
for kind in alloc:20 read:2 write:1 close:3; do
	all ${kind%:*} ${kind#*:} "$brought" work/o.ten timport -q --as labelled text.gz -o work/o.ten
	all ${kind%:*} ${kind#*:} "$taken" work/o.npy texport -q --to npy --field ids same.ten -o work/o.npy
done
for kind in alloc:20 write:1; do
	all ${kind%:*} ${kind#*:} "$lines" work/o.jsonl texport -q --to jsonl a.ten -o work/o.jsonl
done
# a folder; libgomp ends the process itself when it has no memory
for kind in write:5 fsync:5 close:5 rename:5; do
	all ${kind%:*} ${kind#*:} "$weights" work/o/model.safetensors texport -q --to hf -o work/o init.ten
done
finish
