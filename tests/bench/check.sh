# The benchmark itself: every case runs on tiny shapes, and its table and records have their form.
. tests/lib.sh
bench=$BUILD/tests/bench/bench
export PYTHON=$T/absent # a peer that is not installed, unless a test says otherwise
at_root() { (cd "$ROOT" && "$@"); }
rows() { grep -v '^what ' "$1"; }

run "all cases" 0 '*' '' at_root "$bench" --tiny --records "$T/bench.ten"
cp "$T.out" table
figure='(failed|[0-9]+(\.[0-9]+)? (GFLOP/s|GB/s|MB/s|tokens/s|MB peak))'
is "the first line names the columns" "$(awk 'NR == 1 { print $1, $2, $3, $4, $5, $6 }' table)" "what ours beside ratio aim met"
is "every line has a name and a rate or a peak" "$(rows table | grep -Evc "^[A-Za-z0-9/, -]+ +$figure( |$)")" 0
is "what is measured beside others has a ratio" \
    "$(rows table | grep ': ' | grep -v 'not installed' | grep -Evc ": $figure +[0-9]+\.[0-9]{2}( |$)")" 0
for name in $(at_root "$bench" --list | grep -v '^grow'); do
	case $name in
	dedup) command -v tdedup >/dev/null || continue ;;
	tokenizer/gpt2) continue ;; # needs files that may not be there
	tokenizer/*) name=tokenizer/learn ;;
	train/6x384|train/4x128) ;;
	esac
	grep -q "^$name" table
	result $? "a line of $name"
done
is "a peer that is not installed is named" "$(grep -Ec '^train/124m-4x64 .*PyTorch float32, [0-9]+ threads?: not installed' table)" 2
run "the records are whole" 0 '~^bench.ten: ok: benchmark,' '' tcheck bench.ten
is "one record a line" "$(tdump --jsonl bench.ten | wc -l)" "$(rows table | wc -l)"
is "their fields" "$(tdump --csv bench.ten | head -n 1)" 'what,unit,beside,ours,other,ratio,aim,size,met'
is "an aim is met or not, where there is something to hold against it" \
    "$(tdump --csv -f ratio -f aim -f met bench.ten | awk -F, 'NR > 1 && ($2 == "nan") != ($3 == 2) && $1 != "nan"' | wc -l)" 0

run "chosen by name" 0 '*' '' at_root "$bench" --tiny parts/adamw json
is "only these lines" "$(rows "$T.out" | cut -d ' ' -f 1 | sort -u | tr '\n' ' ')" "json/import, parts/adamw "
run "by a line's name" 0 '~^kernels/gelu ' '' at_root "$bench" --tiny kernels/gelu
run "no such name" 2 '*' '~^bench: usage: ' at_root "$bench" --tiny nothing
run "Markdown" 0 '~^\| parts/adamw \| [0-9.]+ GB/s \| copying memory: [0-9.]+ GB/s \| [0-9.]+ \|  \|  \|$' '' \
    at_root "$bench" --tiny --markdown parts/adamw
is "below what the machine is" "$(grep -Ec '^[0-9]{4}-[0-9]{2}-[0-9]{2}: .* cores, .*OpenBLAS' "$T.out")" 1

# a peer whose rate and peak are known
cat >slow <<'END'
#!/bin/sh
[ "$1" = -c ] && exit 0
while read -r line; do echo '0.001 1e15'; done
END
sed 's/0.001 1e15/1e15 1/' slow >fast
printf '#!/bin/sh\n[ "$1" = -c ]\n' >dies
chmod +x slow fast dies
PYTHON=$T/slow run "faster than a slow peer" 0 '~^train/124m-4x1024 .*PyTorch float32, .* threads?: 0.00 tokens/s +[0-9.]+ +1\.70 +yes$' '' \
    at_root "$bench" --tiny train/124m-4x1024
ok "and with less memory" grep -Eq '^train/124m-4x1024 .* MB peak .*: 1000000000 MB peak +0\.00 +below 0\.50 +yes$' "$T.out"
PYTHON=$T/fast run "slower than a fast one" 0 '~: 1000000000000000 tokens/s +0\.00 +1\.70 +no$' '' at_root "$bench" --tiny train/124m-4x1024
ok "and with more memory" grep -Eq ' below 0\.50 +no$' "$T.out"
PYTHON=$T/dies run "a contender that fails" 1 '~PyTorch float32: failed' '~^bench: failed: exec .*torch_gpt2.py' at_root "$bench" --tiny parts/adamw

mkdir left
TMPDIR=$T/left run "stopped by a signal" 124 '*' '' at_root timeout -s INT 3 "$bench" --seconds 60 parts/adamw
is "no line of half a measurement, and nothing is left" "$(wc -l <"$T.out") $(ls left)" '1 '

run "how cost grows" 0 '~^grow/context/32 ' '' at_root "$bench" --tiny --grow --records "$T/grow.ten"
if command -v gnuplot >/dev/null; then
	run "curves" 0 '~^curves/context.svg$' '' bash "$ROOT/tests/bench/plot.sh" grow.ten curves
	ok "they are drawn" sh -c 'for f in curves/*.svg; do grep -q Tenon "$f" || exit 1; done'
else
	skip curves 'gnuplot is not installed'
fi
if /usr/bin/python3 -c 'import torch' 2>/dev/null; then
	for work in 'train 1 2 8 8 16 2 8 1 float32' 'train 1 2 8 8 16 2 8 1 bfloat16' 'attention 1 8 2 4 1' 'projection 4 8 16 1' 'adamw 10 1'; do
		run "PyTorch: $work" 0 '~^[0-9.e+]+ [0-9]+$' '*' sh -c "echo | /usr/bin/python3 '$ROOT/tests/bench/torch_gpt2.py' $work"
	done
else
	skip "PyTorch's part" 'python3-torch is not installed'
fi
finish
