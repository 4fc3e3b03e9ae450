# Scores, KL and length of a training with rewards: gnuplot -e "csv='run.csv'; svg='policy.svg'" policy.gp
set terminal svg size 800,720 dynamic background rgb 'white' font 'sans-serif,13'
set output svg
set datafile separator ','
set datafile missing 'nan'
set grid
set key outside top center horizontal
set multiplot layout 3,1
set ylabel 'score'
plot csv using 'step':'objective/scores' with lines lc rgb '#1f5fa8' title 'answers of the step', \
     csv using 'step':'eval/scores' with linespoints pt 7 lw 2 lc rgb '#c0392b' title 'held-out prompts'
set ylabel 'KL (nats an answer)'
plot csv using 'step':'objective/kl' with lines lc rgb '#1f5fa8' notitle, \
     csv using 'step':'eval/kl' with linespoints pt 7 lw 2 lc rgb '#c0392b' notitle
set xlabel 'step'
set ylabel 'length (tokens)'
plot csv using 'step':'objective/length' with lines lc rgb '#1f5fa8' notitle, \
     csv using 'step':'eval/length' with linespoints pt 7 lw 2 lc rgb '#c0392b' notitle
unset multiplot
