# How probable predictions are, and how often they are right: gnuplot -e "csv='calibration.csv'; svg='calibration.svg'" calibration.gp
set terminal svg size 520,520 dynamic background rgb 'white' font 'sans-serif,13'
set output svg
set datafile separator ','
set datafile missing 'nan'
set xrange [0:1]
set yrange [0:1]
set grid
set size square
set xlabel 'probability of what is predicted (mean of the bin)'
set ylabel 'share that is right'
set key left top
plot x with lines dt 2 lc rgb '#888888' title 'calibrated', \
     csv using 'confidence':'accuracy':'points' with labels offset 0,1 notitle, \
     csv using 'confidence':'accuracy' with linespoints pt 7 lw 2 lc rgb '#1f5fa8' title 'model (points in the bin)'
