# A save killed at each of its system calls: the old file or the new one is there, whole, and the
# next save works.
. tests/lib.sh
command -v strace >/dev/null || skip_all "strace is not installed"
"$BUILD/tests/support/mkten" rows >old.ten
"$BUILD/tests/support/mkten" tokens >in.ten
tcat -q in.ten -o new.ten
old=$(cksum <old.ten) new=$(cksum <new.ten)
cp old.ten f.ten
strace -f -qq -o trace tcat -q in.ten -o f.ten 2>/dev/null || skip_all "ptrace is refused"
is "under strace the result is the same" "$(cksum <f.ten)" "$new"

# Every call from the first that touches the output on, and of each kind how many came before.
sed -E 's/^[0-9]+ +//; /^[a-z_0-9]+\(/!d; s/\(.*\.f\.ten\.(lock|tmp).*/ output/; s/\(.*//' trace |
    awk '{ count[$1]++; if ($2) on = 1; if (on && $1 !~ /^exit/) print $1, count[$1] }' >calls
ok "the save is seen" test "$(wc -l <calls)" -ge 10
ok "it syncs the file and its folder" test "$(grep -c '^fsync ' calls)" = 2
ok "it renames" grep -q '^rename' calls

missed= olds=0 news=0 bad=
while read -r call nth; do
	rm -f .f.ten.*
	cp old.ten f.ten
	{ strace -f -qq -o /dev/null -e inject="$call:signal=KILL:when=$nth" tcat -q in.ten -o f.ten; } 2>/dev/null
	# how often memory is mapped or signals are masked may vary from run to run; not these
	case $?:$call in [!1]*:write* | [!1]*:fsync | [!1]*:rename* | [!1]*:unlink* | [!1]*:flock)
		missed="$missed $call:$nth" ;;
	esac
	case $(cksum <f.ten) in
	"$old") olds=$((olds + 1)) ;;
	"$new") news=$((news + 1)) ;;
	*) bad="$bad $call:$nth" ;;
	esac
	tcat -q in.ten -o f.ten 2>/dev/null || bad="$bad again-after-$call:$nth"
	[ "$(ls -A | grep '^\.')" = "" ] || bad="$bad litter-after-$call:$nth"
done <calls
is "old or new at each kill, and the next save works" "$bad" ""
is "it was killed at each call that changes files" "$missed" ""
ok "some kills left the old ($olds) and some the new ($news)" test "$olds" -gt 0 -a "$news" -gt 0

# A training killed at each rename: where the model is, all that belongs to it is, and the same command mends the rest.
export OMP_NUM_THREADS=1
tvocab -q -n 300 "$ROOT/pipelines/data/stories.txt" -o vocab.ten
ttok -q -m vocab.ten "$ROOT/pipelines/data/stories.txt" | tcat -q -r 0:6 -o docs.ten
tinit -q --layers 1 --heads 1 --width 8 --context 64 --vocab vocab.ten -o init.ten
pretrain() { tpretrain -q -j1 -m init.ten --steps 3 --save-every 2 --log log.ten -o gpt.ten docs.ten; }
reinforce() {
	tppo -q -j1 -m init.ten --reward 'while read l; do echo ${#l}; done' -n 4 -b 2 --prompt-length 4 --steps 3 --save-every 2 \
		--rollouts ro.ten --log log.ten -o gpt.ten docs.ten
}
export -f pretrain reinforce
# what there is of a training: its model, how far the log goes, its rollouts
there() {
	{ cksum gpt.ten; tdump --csv -f step log.ten | tail -n 1; [ $1 = pretrain ] || cksum ro.ten; } 2>&1
}
for t in pretrain reinforce; do
	rm -rf gpt.ten* log.ten ro.ten .[a-z]*.ten.*
	$t
	all=$(there $t) kills=0 bad=
	for nth in $(seq 20); do
		rm -rf gpt.ten* log.ten ro.ten .[a-z]*.ten.*
		{ strace -f -qq -o /dev/null -e inject="rename,renameat,renameat2:signal=KILL:when=$nth" bash -c $t; } 2>/dev/null
		[ $? = 0 ] && break
		kills=$((kills + 1))
		[ ! -e gpt.ten ] || [ "$(there $t)" = "$all" ] || bad="$bad half-$nth"
		$t && [ "$(there $t)" = "$all" ] || bad="$bad again-after-$nth"
	done
	is "$t: with the model all is there, and the same command ends in the same" "$bad" ""
	ok "$t was killed ($kills)" test $kills -ge 4 -a $kills -lt 20
done
finish
