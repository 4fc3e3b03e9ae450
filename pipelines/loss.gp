# Loss of a training and of its evaluations: gnuplot -e "csv='run.csv'; svg='loss.svg'; unit='token'" loss.gp
set terminal svg size 800,480 dynamic background rgb 'white' font 'sans-serif,13'
set output svg
set datafile separator ','
set datafile missing 'nan'
set grid
set xlabel 'step'
set ylabel sprintf('loss (nats a %s)', unit)
set y2label 'learning rate'
set y2tics
set ytics nomirror
set key outside top center horizontal

# a training without --eval has no validation, and gnuplot would complain of a line without points
n = 0
count(x) = (n = n + (x == x), 0)
stats csv using (count(column('eval_loss'))) nooutput
validation = n ? "csv using 'step':'eval_loss' with linespoints pt 7 lw 2 lc rgb '#c0392b' title 'validation'," : ""
plot csv using 'step':'loss' with lines lc rgb '#9db8d9' title 'training', \
     csv using 'step':'loss' smooth sbezier lw 2 lc rgb '#1f5fa8' title 'training, smoothed', \
     @validation \
     csv using 'step':'lr' axes x1y2 with lines dt 2 lc rgb '#888888' title 'learning rate'
