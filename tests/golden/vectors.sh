#!/bin/bash
# The conformance vectors: the C reader and an independent one, written from formats/FORMAT.md,
# decode the good ones to the same JSON lines and refuse the bad ones.
. tests/lib.sh
tool=$BUILD/tests/support/ten_vectors
vectors=$ROOT/tests/vectors

# zstd may compress differently in another version: there, only what it decodes to counts
ok "the vectors can be made" "$tool" write made
is "their list is the committed one" "$(cat made/manifest)" "$(cat "$vectors/manifest")"
differ=
while read -r f _; do
	case $f in *zstd*) ;; *) cmp -s "made/$f" "$vectors/$f" || differ="$differ $f" ;; esac
done <"$vectors/manifest"
is "the writer makes the committed bytes" "$differ" ""

wrong=
while IFS=$(printf '\t') read -r f expect; do
	"$tool" read "$vectors/$f" >out 2>err
	status=$?
	case $f in
	good/*) [ $status = 0 ] && [ "$(($(wc -l <out) - 1)) records" = "$expect" ] ;;
	bad/abort.ten) [ $status = 4 ] && grep -qF -- "$expect" err ;;
	*) [ $status = 3 ] && [ "$(wc -l <err)" = 1 ] && grep -qF -- "$expect" err ;;
	esac || wrong="$wrong $f"
done <"$vectors/manifest"
is "the C reader gives each the expected answer" "$wrong" ""

if ! /usr/bin/python3 -c 'import xxhash, zstandard' 2>err; then
	skip "the independent reader agrees" "python3-xxhash or python3-zstandard is missing"
	finish
	exit
fi
wrong=
while read -r f _; do
	/usr/bin/python3 "$ROOT/tests/tenread.py" "$vectors/$f" >out 2>err
	status=$?
	case $f in
	good/*) "$tool" read "$vectors/$f" | cmp -s - out && [ $status = 0 ] ;;
	bad/abort.ten) [ $status = 4 ] ;;
	*) [ $status = 3 ] ;;
	esac || wrong="$wrong $f"
done <"$vectors/manifest"
is "the independent reader agrees" "$wrong" ""
finish
