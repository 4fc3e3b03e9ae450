# A panel for each setting of a search, a point a trial: gnuplot -e "csv='table.csv'; svg='search.svg'" search.gp
set datafile separator ','
stats csv skip 1 nooutput
columns = int(STATS_columns)
set terminal svg size 320*(columns-1),360 dynamic background rgb 'white' font 'sans-serif,13'
set output svg
set grid
unset key
set multiplot layout 1,columns-1
do for [i=2:columns] {
	stats csv using i skip 1 nooutput
	if (STATS_records > 0 && STATS_min > 0 && STATS_max >= 10*STATS_min) { set logscale x } else { unset logscale x }
	if (STATS_records > 0) {
		set autoscale x
		set offsets graph 0.1, graph 0.1, graph 0.1, graph 0.1
		set xlabel system(sprintf("head -n 1 '%s' | cut -d, -f %d", csv, i))
		set ylabel system(sprintf("head -n 1 '%s' | cut -d, -f 1", csv))
		plot csv using i:1 skip 1 with points pt 7 ps 0.8 lc rgb '#1f5fa8', \
		     csv using i:1 skip 1 every ::0::0 with points pt 6 ps 1.6 lw 2 lc rgb '#c0392b'
	}
}
unset multiplot
