# tpretrain: resuming after kills and signals, pipes and files, accumulation, refusals.
. tests/lib.sh
. "$ROOT/tests/training.sh"
cp "$ROOT/pipelines/data/stories.txt" .
tvocab -q -n 320 stories.txt -o vocab.ten
ttok -q -m vocab.ten stories.txt | tpack -q -l 32 | tshuf -q -o all.ten
tcat -q -r 0:150 all.ten -o train.ten
tcat -q -r 150:170 all.ten -o val.ten
tinit -q --layers 2 --heads 2 --width 32 --context 32 --vocab vocab.ten -o init.ten
train() { # OUTPUT [option ...] [data]
	local o=$1
	shift
	tpretrain -q -j1 -m init.ten --steps 1200 -b 8 --warmup 10 --dropout 0.1 --save-every 20 -o "$o" "$@"
}

run 'a training' 0 '' '' train whole.ten train.ten
ok 'its checkpoints are gone' test ! -e whole.ten.ckpt
run 'the result is whole' 0 '' '' tcheck -q whole.ten
run 'two threads' 0 '' '' tpretrain -q -j2 -m init.ten --steps 1200 -b 8 --warmup 10 --dropout 0.1 -o two.ten train.ten
run 'two threads give the same bytes' 0 '' '' cmp whole.ten two.ten
run 'a pipe, kept for later epochs' 0 '' '' sh -c 'cat train.ten | tpretrain -q -m init.ten --steps 1200 -b 8 --warmup 10 --dropout 0.1 -o pipe.ten'
run 'a pipe gives the same bytes' 0 '' '' cmp whole.ten pipe.ten

export -f train
killed 'a training' 5 killed.ten train killed.ten --log log.ten train.ten
run 'the same bytes' 0 '' '' cmp whole.ten killed.ten
is 'the log has every step once' "$(tdump --csv --field step log.ten | tail -n +2 | tr '\n' ' ')" \
	"$(seq 1200 | tr '\n' ' ')"

# the same for a pipe, resumed in a later epoch, and documents instead of rows
ttok -q -m vocab.ten stories.txt -o tokens.ten
documents() {
	tpretrain -q -j1 -m init.ten --steps 400 -b 4 --warmup 10 --save-every 3 -o "$@"
}
piped() { cat tokens.ten | documents docs2.ten; }
export -f documents piped
run 'documents of tokens' 0 '' '' documents docs.ten tokens.ten
cut_short docs2.ten piped
run 'documents of a pipe, killed and resumed' 0 '' '' piped
run 'documents, the same bytes' 0 '' '' cmp docs.ten docs2.ten

# signals
stopped sig.ten tpretrain -q -j1 -m init.ten --steps 100000 -b 8 -o sig.ten train.ten
fails 'a checkpoint of other options is refused' 3 tpretrain -q -m init.ten --steps 100000 -b 4 -o sig.ten train.ten

# a terminal of 50 columns: no line is longer, and the last one takes the place of the live one
cat >terminal.py <<'END'
import fcntl, os, pty, re, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    sys.stdin.read(1)
    os.execvp(sys.argv[1], sys.argv[1:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 50, 0, 0))
os.write(fd, b"\n")
out = b""
try:
    while True:
        out += os.read(fd, 65536)
except OSError: # the end of a terminal
    pass
os.waitpid(pid, 0)
live = re.findall(rb"\r(tpretrain: [^\r\n]*)\x1b\[K", out)
assert len(live) > 2 and all(re.match(rb"tpretrain: \d+/100000 steps, [\d.e+]+/s, ETA ", l) for l in live), out
assert max(len(l) for l in live) == 49, out
assert re.search(rb"\r\x1b\[Ktpretrain: stopped after step \d+; the same command goes on from there\r\n$", out), out
END
ok 'a narrow terminal' timeout 60 python3 terminal.py timeout -s INT 3 tpretrain -j1 -m init.ten --steps 100000 -b 8 -o live.ten train.ten

# a damaged newest checkpoint: the one before it serves
tpretrain -q -j1 -m init.ten --steps 100000 -b 8 --save-every 5 -o sig.ten train.ten 2>"$T.err" &
pid=$!
until [ "$(ls sig.ten.ckpt/step-*.ten | wc -l)" = 2 ] && [ "$(ls sig.ten.ckpt | grep -c '5[.]ten\|0[.]ten')" = 2 ]; do sleep 0.1; done
kill -KILL $pid
wait $pid 2>/dev/null
newest=$(ls sig.ten.ckpt/step-*.ten | tail -n 1)
printf 'X' | dd of="$newest" bs=1 seek=5000 conv=notrunc status=none
timeout -s TERM 1 tpretrain -j1 -m init.ten --steps 100000 -b 8 --save-every 5 -o sig.ten train.ten >"$T.out" 2>"$T.err"
ok 'a damaged checkpoint: falls back, and says so' grep -q 'falling back to the checkpoint before it' "$T.err"
rm -rf sig.ten.ckpt

# the log and the evaluation
run 'log and evaluation' 0 '' '' tpretrain -q -m init.ten --steps 20 -b 8 --eval val.ten --eval-every 10 --log run.ten --keep -o e.ten train.ten
run 'the log is a sound stream' 0 '' '' tcheck -q run.ten
is 'columns of the log' "$(tdump --csv run.ten | head -n 1)" step,loss,grad_norm,lr,tokens,tokens_per_s,gemm_share,eval_loss
last=$(tdump --csv run.ten | tail -n 1 | cut -d, -f8)
is 'the last evaluation is what teval says' "$(printf '%.5f' "$last")" "$(teval -q -m e.ten val.ten | awk '/^loss/ { printf "%.5f", $2 }')"
ok '--keep: the best model is kept' tcheck -q e.ten.ckpt/best.ten
run 'accumulation: micro-batches' 0 '' '' tpretrain -q -m init.ten --steps 5 -b 8 --micro 3 --log micro.ten -o m.ten train.ten
tpretrain -q -m init.ten --steps 5 -b 8 --log full.ten -o f.ten train.ten
ok 'micro-batches give the loss of the whole' awk -F, 'NR == FNR { a[FNR] = $2; next } FNR > 1 { d = a[FNR] - $2; if (d < -1e-5 || d > 1e-5) exit 1 }' \
	<(tdump --csv full.ten) <(tdump --csv micro.ten)

# an evaluation of longer rows does not change how steps are cut, and with that sums and dropout
ttok -q -m vocab.ten stories.txt | tpack -q -l 64 | tcat -q -r 0:9 -o longer.ten
tinit -q --layers 2 --heads 2 --width 32 --context 64 --vocab vocab.ten -o long.ten
apart() { tpretrain -q -j1 -m long.ten -b 4 --micro 1 --dropout 0.1 --steps 6 --warmup 0 -o "$@" train.ten; }
run 'micro-batches of one row' 0 '' '' apart alone.ten
run 'beside an evaluation of longer rows' 0 '' '' apart beside.ten --eval longer.ten --log beside.log
run 'the same bytes' 0 '' '' cmp alone.ten beside.ten
last=$(tdump --csv -f eval_loss beside.log | tail -n 1)
is 'and the loss of these' "$(printf '%.5f' "$last")" "$(teval -q -m beside.ten longer.ten | awk '/^loss/ { printf "%.5f", $2 }')"
rm -f longer.ten long.ten alone.ten beside.*

# what a killed save left behind, of a name that is not saved again
mkdir left.ten.ckpt
touch left.ten.ckpt/.step-00000007.ten.lock left.ten.ckpt/.step-00000007.ten.tmp
run 'a training beside the remains of a killed save' 0 '' '' tpretrain -q -m init.ten --steps 2 -o left.ten train.ten
ok 'they go with the checkpoints' test ! -e left.ten.ckpt
rm -f left.ten

# steps of more than eight digits
tpretrain -q -m init.ten --steps 3 --save-every 2 --keep -o long.ten train.ten
mv long.ten.ckpt/step-00000002.ten long.ten.ckpt/step-123456789.ten
run 'a state of a long name' 0 '' '~^tpretrain: resuming after step 2$' tpretrain -m init.ten --steps 3 --save-every 2 -o long.ten train.ten
ok 'goes with the others' test ! -e long.ten.ckpt
rm -rf long.ten*

# recomputation: the same bytes, from a checkpoint without it too
run 'recomputation' 0 '' '' train again.ten --recompute train.ten
run 'recomputation gives the same bytes' 0 '' '' cmp whole.ten again.ten
cut_short mixed.ten train mixed.ten train.ten
run 'it is resumed with recomputation' 0 '' '' train mixed.ten --recompute train.ten
run 'with the same bytes' 0 '' '' cmp whole.ten mixed.ten

# the plan of the memory
run 'the plan' 0 '~^total +[0-9]+[.][0-9] MiB$' '' tpretrain --plan -m init.ten -b 8 train.ten
is 'rows of the plan' "$(cut -d ' ' -f 1 "$T.out" | tr '\n' ' ')" 'weights gradients moments activations logits other total available '
ok 'the total is the sum' awk '$1 == "total" { exit (s - $2) ^ 2 > 0.5 } { s += $2 }' "$T.out"
run 'a plan needs no output, and makes none' 0 '*' '' tpretrain --plan -m init.ten -o planned.ten train.ten
ok 'the plan leaves nothing' test -z "$(ls | grep planned)"
total() { tpretrain --plan "$@" | awk '$1 == "total" { print $2 }'; }
tinit -q --layers 6 --heads 4 --width 256 --context 64 --vocab vocab.ten -o deep.ten
tinit -q --layers 6 --heads 4 --width 256 --context 64 --arch llama --vocab vocab.ten -o narrow.ten
tinit -q --layers 6 --heads 4 --width 256 --context 4096 --arch llama --vocab vocab.ten -o far.ten
ok 'the context costs nothing' awk -v a="$(total -m narrow.ten -b 64 all.ten)" -v b="$(total -m far.ten -b 64 all.ten)" \
	'BEGIN { exit b - a > 3 }' # but the table of the angles
kept=$(total -m deep.ten -b 64 train.ten)
ok 'recomputation takes less' awk -v a="$kept" -v b="$(total --recompute -m deep.ten -b 64 train.ten)" 'BEGIN { exit !(b < a * 0.6) }'
ok 'micro-batches take less' awk -v a="$kept" -v b="$(total --micro 4 -m deep.ten -b 64 train.ten)" 'BEGIN { exit !(b < a / 2) }'
case $(nm -D "$BUILD/bin/tpretrain" 2>/dev/null) in *asan*) false ;; *) command -v /usr/bin/time >/dev/null ;; esac && {
	limited() { (ulimit -v 300000 && exec tpretrain -q -j1 "$@"); }
	run 'too much for the address space' 1 '' '~RLIMIT_AS.; --recompute would take [0-9.]+ GiB, --micro 1 would' limited -m deep.ten -b 512 -o x.ten train.ten
	is 'told in one line' "$(wc -l <"$T.err")" 1
	ok 'and nothing was begun' test ! -e x.ten.ckpt
	for how in '' --recompute '--micro 8'; do
		/usr/bin/time -f %M tpretrain -q -j2 -m deep.ten -b 64 --steps 2 $how -o x.ten train.ten 2>"$T.err"
		ok "the plan agrees with what is taken${how:+ with $how}" awk -v kb="$(cat "$T.err")" -v planned="$(total -j2 -m deep.ten -b 64 $how train.ten)" \
			'BEGIN { mb = kb / 1024; exit !(mb < 1.1 * planned && mb > 0.9 * planned - 24) }'
		rm -rf x.ten*
	done
}

# refusals: one line, the right status, nothing left behind
ls -A >before
fails 'no model' 2 tpretrain -o x.ten train.ten
fails 'no output' 2 tpretrain -m init.ten train.ten
mkdir folder
fails 'a result that is a folder, said before the first step' 1 tpretrain -m init.ten --steps 1000000000 -o folder train.ten
ok 'it says so' grep -qx 'tpretrain: folder: cannot write: is a folder' "$T.err"
fails 'a log that is' 1 tpretrain -m init.ten --steps 1000000000 --log folder -o x.ten train.ten
fails 'nor one in a folder that is not there' 1 tpretrain -m init.ten --steps 1000000000 --log none/log.ten -o x.ten train.ten
rmdir folder
fails 'a bad number' 2 tpretrain -m init.ten --lr abc -o x.ten train.ten
fails 'an infinite number' 2 tpretrain -m init.ten --lr 1e999 -o x.ten train.ten
fails 'no batch' 2 tpretrain -m init.ten -b 0 -o x.ten train.ten
fails 'a temperature of next tokens' 2 tpretrain -m init.ten --temperature 0.5 --steps 1 -o x.ten train.ten
is 'it says of what it is' "$(cat "$T.err")" 'tpretrain: --temperature is for --objective contrastive, not for causal'
for o in '--pool last' '--projection 16' '--momentum 0.9'; do
	fails "${o% *} of next tokens" 2 tpretrain -m init.ten $o --steps 1 -o x.ten train.ten
done
fails 'the end of a rate that is constant' 2 tpretrain -m init.ten --schedule constant --min-lr 1e-6 --steps 1 -o x.ten train.ten
is 'it says so' "$(cat "$T.err")" 'tpretrain: --min-lr is for a --schedule that falls, not for constant'
fails 'the decay of wsd, of a cosine' 2 tpretrain -m init.ten --decay-steps 5 --steps 1 -o x.ten train.ten
run 'that of wsd' 0 '' '' tpretrain -q -m init.ten --schedule wsd --decay-steps 5 --min-lr 0 --steps 1 -o wsd.ten train.ten
rm -f wsd.ten
mkfifo fifo
for p in fifo - /dev/null; do
	run "an evaluation of $p, which cannot be read again" 2 '' '*' timeout 9 tpretrain -m init.ten --steps 1 --eval $p -o x.ten train.ten
	is 'it says so' "$(cat "$T.err")" "tpretrain: --eval reads its input several times: it needs a file, which ${p/#-/standard input} is not"
done
rm fifo
fails 'two streams' 2 tpretrain -m init.ten -o x.ten train.ten train.ten
fails 'a model that is text' 3 tpretrain -m stories.txt -o x.ten train.ten
fails 'a model of another kind' 3 tpretrain -m train.ten -o x.ten train.ten
fails 'data of another kind' 3 tpretrain -m init.ten -o x.ten vocab.ten
fails 'no data' 1 tpretrain -m init.ten -o x.ten missing.ten
tvocab -q -n 300 stories.txt -o other.ten
ttok -q -m other.ten stories.txt -o foreign.ten
fails 'a vocabulary that is not the model'\''s' 3 tpretrain -m init.ten -o x.ten foreign.ten
ok 'names both ids' grep -Eq '[0-9a-f]{32}.*[0-9a-f]{32}' "$T.err"
"$BUILD/tests/support/alter" block.1.up.weight 3 nan <init.ten >nan.ten
fails 'a weight that is NaN' 5 tpretrain -m nan.ten -o x.ten train.ten
ok 'names the tensor' grep -q block.1.up.weight "$T.err"
tpack -q -l 64 tokens.ten -o wide.ten
fails 'rows longer than the context' 3 tpretrain -m init.ten -o x.ten wide.ten
ok 'and no folder without a checkpoint' test ! -e x.ten.ckpt
tcat -q -r 0:0 train.ten -o none.ten
fails 'no rows' 3 tpretrain -m init.ten -o x.ten none.ten
rm -rf other.ten foreign.ten nan.ten wide.ten none.ten x.ten.ckpt
run 'refused, it leaves nothing' 0 '' '' sh -c 'ls -A | diff before -'
fails 'a learning rate that explodes' 5 tpretrain -q -m init.ten --steps 50 --warmup 0 --lr 1000 --clip 0 --schedule constant -o boom.ten train.ten
ok 'no output of a training that exploded' test ! -e boom.ten
finish
