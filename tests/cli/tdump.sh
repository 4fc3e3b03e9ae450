# tdump: every view, with exact output.
. tests/lib.sh
mk() { "$BUILD/tests/support/mkten" "$@"; }
for k in text tokens rows metrics model types steps; do mk $k >$k.ten; done

run "the readable view" 0 'kind: tokens
fields:
  ids: int32 [ragged]
key-values:
  tokenizer = 00112233445566778899aabbccddeeff
  vocab_size = 10
provenance: none
record 0:
  ids: [2] 3 1
record 1:
  ids: [0]
record 2:
  ids: [4] 5 9 2 6' '' tdump tokens.ten
is "standard input is the same" "$(tdump <tokens.ten)" "$(tdump tokens.ten)"
is "a pipe is the same" "$(cat tokens.ten | tdump -)" "$(tdump tokens.ten)"
run "text is escaped" 0 '*' '' tdump text.ten
is "control characters and bad UTF-8" "$(sed -n '/^record 1/,/^record 2/p' "$T.out" | sed -n 2p)" \
    '  text: [29] "a \"quoted\" tab\t, café \x1b[1m \xff"'
run "width elides" 0 '~^  text: \[13\] "Hello" \.\.\.$' '' tdump -w 5 text.ten
run "width elides numbers" 0 '~^  ids: \[4\] 5 9 \.\.\.$' '' tdump -w 4 tokens.ten
run "every type" 0 '*' '' tdump types.ten
is "every type, exactly" "$(sed -n '/^record 0/,$p' "$T.out")" 'record 0:
  u8: [2] 0 255
  u16: [2] 0 65535
  u32: [2] 0 4294967295
  u64: [2] 0 18446744073709551615
  i8: [2] -128 127
  i16: [2] -32768 32767
  i32: [2] -2147483648 2147483647
  i64: [2] -9223372036854775808 9223372036854775807
  f16: [3] 0.33325195 5.9604645e-08 -inf
  f32: [3] 0.33333334 3.4028235e+38 -0
  f64: [3] 0.3333333333333333 0.1 4.94065645841247e-324
  bf16: [3] 0.33398438 9.18355e-41 nan
  grid: [2, 3] 1 2 3 4 5 6
  words: [2, 2] "abcd"
  empty: [0]'
run "JSON of every type" 0 '{"u8":[0,255],"u16":[0,65535],"u32":[0,4294967295],"u64":[0,18446744073709551615],"i8":[-128,127],"i16":[-32768,32767],"i32":[-2147483648,2147483647],"i64":[-9223372036854775808,9223372036854775807],"f16":[0.33325195,5.9604645e-08,"-inf"],"f32":[0.33333334,3.4028235e+38,-0],"f64":[0.3333333333333333,0.1,4.94065645841247e-324],"bf16":[0.33398438,9.18355e-41,"nan"],"grid":[[1,2,3],[4,5,6]],"words":["ab","cd"],"empty":[]}' \
    '' tdump --jsonl types.ten
run "JSON of text" 0 '{"text":"Hello, world\n"}
{"text":"a \"quoted\" tab\t, café \u001b[1m \udcff"}
{"text":""}' '' tdump --jsonl text.ten
mk hollow >hollow.ten
run "an array of 2^62 rows of nothing" 0 '{"x":[]}
{"x":[]}
{"x":[[1],[2]]}' '' timeout 10 tdump --jsonl hollow.ten
run "the same as CSV" 0 'x
"[]"
"[]"
"[[1],[2]]"' '' timeout 10 tdump --csv hollow.ten
run "CSV" 0 'step,loss,"note, ""quoted""",pair
0,1.3333333333333333,,"[0.1,-0.5]"
1,1,"a,b","[0.2,""inf""]"
2,nan,"a,b""c
","[0.3,""inf""]"' '' tdump --csv metrics.ten
run "fields, in the order asked for" 0 'loss,step
1.3333333333333333,0
1,1' '' tdump --csv -f loss --field step -n 2 metrics.ten
run "CSV of several: the names once" 0 'loss
1.3333333333333333
1.3333333333333333' '' tdump --csv -f loss -n 1 metrics.ten metrics.ten
is "CSV of two kinds" "$(tdump --csv tokens.ten rows.ten tokens.ten | grep ids)" "ids
ids,targets,positions,documents
ids"
run "-n 0" 0 'loss' '' tdump --csv -f loss -n 0 metrics.ten
run "schema" 0 'kind: model
fields:
  w: float32 [2, 3]
  b: float32 [3]
  tokenizer: uint8 [ragged]' '' tdump --schema model.ten
run "provenance, a shared step once" 0 'provenance:
  55e4286c tcat 0.1.0
    53dcc82d tshuf 0.1.0 (seed 7)
      f1aa5031 ttok 0.1.0
        file stories.txt: 12 bytes, 01020300000000000000000000000000
    6720e556 tpack 0.1.0 --size=5 evil\x1b[2J\nname
      file standard input: not a regular file
      f1aa5031 ttok (above)' '' tdump --provenance steps.ten
run "statistics" 0 'field        values        count shortest  longest           min           max          mean           std    nan    inf
w                 1            6        6        6            -1             2     0.4583333     0.9176131      0      0
b                 1            3        3        3             0             0             0             0      1      1
tokenizer         1            3        3        3           120           122           121     0.8164966      0      0' \
    '' tdump --stats model.ten
run "statistics of text have lengths" 0 '~^text  *3  *42  *0  *29  *-  *-  *-  *-  *0  *0$' '' tdump --stats text.ten
run "histogram" 0 'ids: 6 numbers
             1 ..            2            1 ##################################################
             2 ..            3            1 ##################################################
             3 ..            4            1 ##################################################
             4 ..            5            0
             5 ..            6            1 ##################################################
             6 ..            7            1 ##################################################
             7 ..            8            0
             8 ..            9            0
             9 ..           10            1 ##################################################' \
    '' tdump --hist tokens.ten
run "histogram of extremes" 0 '~^f64: 3 numbers$' '' tdump --hist types.ten
is "every element is in a bin" "$(tdump --hist -f f32 types.ten | awk 'NR > 1 { n += $4 } END { print n }')" 3
run "several files are headed" 0 '~^==> text.ten <==$' '' tdump --schema text.ten rows.ten

# numbers read back to the same bits
if command -v /usr/bin/python3 >/dev/null; then
	ok "float text round-trips" /usr/bin/python3 -c '
import json, struct, subprocess
r = json.loads(subprocess.check_output(["tdump", "--jsonl", "-f", "f32", "-f", "f64", "types.ten"]))
assert struct.pack("<3f", *r["f32"][:2], 0)[:8] == struct.pack("<2f", 1/3, 3.4028235e38)
assert r["f64"] == [1/3, 0.1, 5e-324]'
else
	skip "float text round-trips" "no python3"
fi

fails "an unknown field" 3 tdump -f nothing text.ten
fails "two views" 2 tdump --csv --jsonl text.ten
fails "a bad number" 2 tdump -n x text.ten
fails "an absent file" 1 tdump none.ten
fails "another tokenizer's vocabulary is no vocabulary" 3 tdump -m text.ten tokens.ten

mk abort >abort.ten
run "a stream whose writer failed" 4 '*' '~^tdump: .*ttok.*stories.txt: cannot read' tdump abort.ten
mk endless | tdump --csv 2>err | head -n 2 >out
is "a closed pipe: silence" "$(cat err)" ""
is "a closed pipe: what was asked for" "$(wc -l <out)" 2

printf 'Once upon a time\n\nThe end\n' >stories.txt
tvocab -q --type byte stories.txt -o vocab.ten && ttok -q -m vocab.ten stories.txt -o ids.ten
is "ids as text, however wide" "$(tdump -w 4611686018427387904 -m vocab.ten ids.ten)" "$(tdump -w 0 -m vocab.ten ids.ten)"
run "ids as text" 0 '~^  ids as text: "(<\|endoftext\|>)?Once upon a time' '' tdump -m vocab.ten ids.ten
mk candidates >candidates.ten
is "candidates: what is trained of each" "$(tdump -m vocab.ten candidates.ten | grep trained)" '  trained: "\x00[[\x00]]"
  trained: "\x00[[\x00]]"'
mk crowd >crowd.ten
(ulimit -t 5; exec tdump -m vocab.ten crowd.ten >crowd)
is "an answer a token, and ends that make no sense: linear time" "$? $(grep -c trained crowd)" "0 100000"
run "another tokenizer is refused" 3 '*' '~tdump: tokens.ten: has tokenizer 00112233445566778899aabbccddeeff' \
    tdump -m vocab.ten tokens.ten
finish
