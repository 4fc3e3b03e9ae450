# tcat: joining, ranges, projection, compression, shards.
. tests/lib.sh
mk() { "$BUILD/tests/support/mkten" "$@"; }
for k in text tokens rows metrics model steps; do mk $k >$k.ten; done
mk rows 500 >many.ten
ids() { tdump --csv -f ids "$@" | tail -n +2 | tr -d '"\n'; }
steps() { tdump --csv -f step "$@" | tail -n +2 | tr '\n' ' '; }

run "joins" 0 '' 'tcat: records_out=6' tcat metrics.ten metrics.ten -o six.ten
is "in order" "$(steps six.ten)" "0 1 2 0 1 2 "
ok "what it writes is sound" tcheck six.ten
is "standard input and a file" "$(tcat -q - metrics.ten <metrics.ten | steps)" "0 1 2 0 1 2 "
is "two pipes" "$(tcat -q <(cat metrics.ten) <(cat metrics.ten) | steps)" "0 1 2 0 1 2 "
is "a file and a pipe give the same bytes" "$(tcat -q <metrics.ten | cksum)" "$(tcat -q metrics.ten | cksum)"
is "values are unchanged" "$(tcat -q metrics.ten | tdump --jsonl | cksum)" "$(tdump --jsonl metrics.ten | cksum)"
is "so are key-values" "$(tcat -q tokens.ten | tdump --schema | cksum)" "$(tdump --schema tokens.ten | cksum)"
is "its step is noted" "$(tcat -q -r 1: steps.ten | tdump --provenance | sed -n 2p | cut -c 12-)" "tcat 0.1.0 --records=1:"
is "provenance is merged once" "$(tcat -q steps.ten steps.ten | tdump --provenance | grep -c 'file stories.txt')" 1

range() { # NAME RANGE STEPS
	is "range $1 of files" "$(tcat -q --records "$1" six.ten metrics.ten | steps)" "$2"
	case $1 in -*|*:-*) return ;; esac
	is "range $1 of a pipe" "$(cat six.ten metrics.ten | tcat -q --records "$1" | steps)" "$2"
}
range 0:2 "0 1 "
range 4:7 "1 2 0 "
range :1 "0 "
range 7: "1 2 "
range 100: ""
range 5:5 ""
range 3:1 ""
range -2: "1 2 "
range -4:-1 "2 0 1 "
range :-8 "0 "
range -100:1 "0 "
fails "a range from the end of a pipe" 2 tcat -r -1: <six.ten
for r in x 1 1:x a: 1-2: --1: 99999999999999999999: ; do
	fails "bad range $r" 2 tcat --records "$r" six.ten
done

is "a projection" "$(tcat -q -f targets,ids rows.ten | tdump --csv | head -n 2)" 'targets,ids
"[1,4,1,-100]","[3,1,4,1]"'
is "fields given one by one" "$(tcat -q -f targets -f ids rows.ten | tdump --csv | head -n 1)" targets,ids
mk wide >wide.ten
ok "65,536 fields, in no more time than their number" sh -c 'ulimit -t 8; exec tcat -q wide.ten -o w.ten'
is "and all of them" "$(tdump --schema w.ten | wc -l)" 65538
fails "an unknown field" 3 tcat -f nothing rows.ten
fails "a field twice" 2 tcat -f ids,ids rows.ten

ok "compresses" tcat -q -z many.ten -o z.ten
ok "compresses well" test "$(stat -c %s z.ten)" -lt $(($(stat -c %s many.ten) / 4))
ok "compressed is sound" tcheck z.ten
is "levels" "$(tcat -q -z19 many.ten | tdump --jsonl | cksum)" "$(tdump --jsonl many.ten | cksum)"
tcat -q many.ten -o plain.ten
is "and back, the same bytes but for provenance" "$(tcat -q --raw z.ten | tdump --jsonl | cksum)" "$(tdump --jsonl plain.ten | cksum)"
is "a compressed range" "$(tcat -q -r -1: z.ten | ids)" "[5,9,2,6]"
fails "--raw and -z" 2 tcat -z --raw rows.ten

ok "shards" tcat -q --shards 3 six.ten -o s
is "names" "$(echo s-*)" "s-0-of-3.ten s-1-of-3.ten s-2-of-3.ten"
ok "shards are sound" tcheck s-0-of-3.ten s-1-of-3.ten s-2-of-3.ten
is "dealt in turn" "$(steps s-1-of-3.ten)" "1 1 "
ok "ten shards sort by name" tcat -q --shards 10 six.ten -o t
is "ten names" "$(ls t-* | wc -l) $(ls t-* | head -n 1)" "10 t-0-of-10.ten"
fails "shards need a name" 2 tcat --shards 2 six.ten

is "a model stays a model" "$(tcat -q model.ten | tcheck)" "standard input: ok: model, 1 records, $(tcat -q model.ten | wc -c) bytes"
cp six.ten self.ten
ok "an input can be replaced" tcat -q self.ten self.ten -o self.ten
is "and is whole" "$(steps self.ten)" "0 1 2 0 1 2 0 1 2 0 1 2 "

run "other fields" 3 '' "~^tcat: rows.ten: kind \`rows' differs from the first stream's \`tokens'" tcat tokens.ten rows.ten -o x.ten
mk bad-id >other.ten
run "other vocab_size" 3 '' "~^tcat: other.ten: vocab_size 9 differs from the first stream's 10" tcat tokens.ten other.ten -o x.ten
mk abort >abort.ten
fails "an aborted input" 4 tcat abort.ten -o x.ten
ok "leaves nothing" test -z "$(ls -A | grep '^\.')" -a ! -e x.ten
head -c 700 six.ten >cut.ten
tcat -q six.ten cut.ten 2>err >joined.ten
is "truncated input" "$?" 3
run "the reader downstream hears of it" 4 '' '~tcat.*cut.ten' tcheck joined.ten
mk endless | tcat -q 2>err | head -c 100000 >/dev/null
is "a closed pipe: silence" "$(cat err)" ""
finish
