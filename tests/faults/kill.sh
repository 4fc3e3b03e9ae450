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
finish
