# Accuracies side by side: gnuplot -e "csv='accuracy.csv'; svg='accuracy.svg'" accuracy.gp
set terminal svg size 800,360 dynamic background rgb 'white' font 'sans-serif,13'
set output svg
set datafile separator ','
set yrange [0:1]
set ylabel 'accuracy on test records'
set grid ytics
set style fill solid 0.85
set boxwidth 0.6
set xtics nomirror font 'sans-serif,11'
unset key
plot csv using 0:2:xtic(1) with boxes lc rgb '#1f5fa8', \
     csv using 0:2:(sprintf('%.3f', $2)) with labels offset 0,0.8
