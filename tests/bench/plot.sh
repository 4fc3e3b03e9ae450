#!/bin/bash
# plot.sh RECORDS FOLDER - draws the curves of `bench --grow` with gnuplot: FOLDER/NAME.svg for each way in which cost grows,
# rate and peak memory, ours and PyTorch's where it was measured.
set -eu
records=$1 folder=$2
PATH=${BUILD:-$PWD/build}/bin:$PATH
if ! command -v gnuplot >/dev/null; then
	echo 'plot: gnuplot is not installed: no curves'
	exit 0
fi
mkdir -p "$folder"
# NAME.rate.tsv and NAME.peak.tsv: size, ours, other
tdump --csv -w 0 -f what -f unit -f size -f ours -f other "$records" | awk -F, -v folder="$folder" '
	{ gsub(/"/, "") }
	NR > 1 && split($1, part, "/") == 3 && part[1] == "grow" {
		file = folder "/" part[2] ($2 ~ /peak/ ? ".peak" : ".rate") ".tsv"
		print $3 "\t" $4 "\t" ($5 ~ /nan/ || $5 == "" ? "?" : $5) >file
		unit[part[2]] = $2 ~ /peak/ ? unit[part[2]] : $2
	}
	END { for (name in unit) print name "\t" unit[name] }' | sort | while IFS=$'\t' read -r name unit; do
	x=$name
	case $name in learn|encode|json|shuffle) x='size of the file, MB' ;; esac
	cut -f 3 "$folder/$name.rate.tsv" | grep -q '[0-9]' && torch=1 || torch=
	gnuplot <<END
set terminal svg size 900,380 background 'white'
set output '$folder/$name.svg'
set datafile separator tab
set datafile missing '?'
set multiplot layout 1,2
set logscale x 2
set xlabel '$x'
set yrange [0:*]
set key bottom left
set title '$name: rate'
set ylabel '$unit'
plot '$folder/$name.rate.tsv' using 1:2 with linespoints title 'Tenon'${torch:+, '' using 1:3 with linespoints title 'PyTorch'}
set title '$name: peak memory'
set ylabel 'MB'
plot '$folder/$name.peak.tsv' using 1:2 with linespoints title 'Tenon'${torch:+, '' using 1:3 with linespoints title 'PyTorch'}
END
	echo "$folder/$name.svg"
done
