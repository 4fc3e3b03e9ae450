# timport: compressed inputs, plain text, ids, arrays of NumPy, token files of llm.c.
. tests/lib.sh
lines() { tdump --jsonl "$@"; }
# AddressSanitizer's own memory is more than any limit
room=400000
case $(nm -D "$BUILD/bin/timport" 2>/dev/null) in *asan*) room=unlimited ;; esac

# ---- compressed ----
for i in $(seq 3000); do printf '{"id": "d%s", "text": "record %s of many, \\u20ac%s", "n": [1, 2.50]}\n' $i $i $((i * 7919 % 1000)); done >a.jsonl
want=$(timport -q a.jsonl | lines | md5sum)
gzip -c a.jsonl >a.gz
if ! /usr/bin/python3 -c 'import zstandard' 2>/dev/null; then
	skip_all 'python3-zstandard is missing'
fi
/usr/bin/python3 -c 'import zstandard
d = open("a.jsonl", "rb").read()
z = zstandard.ZstdCompressor(write_checksum=True)
open("a.zst", "wb").write(z.compress(d))
open("two.zst", "wb").write(b"\x50\x2a\x4d\x18\x03\0\0\0abc" + z.compress(d[:5000]) + z.compress(b"") + z.compress(d[5000:]))'
{ head -c 5000 a.jsonl | gzip -c; gzip -c </dev/null; tail -c +5001 a.jsonl | gzip -c; } >two.gz
for f in a.gz a.zst two.gz two.zst; do
	is "$f" "$(timport -q $f | lines | md5sum)" "$want"
	is "$f as standard input" "$(timport -q <$f | lines | md5sum)" "$want"
	is "$f byte by byte" "$(python3 -c 'import os, sys
for b in open("'$f'", "rb").read(3000): os.write(1, bytes([b]))
sys.stdout.buffer.write(open("'$f'", "rb").read()[3000:])' | timport -q | lines | md5sum)" "$want"
	size=$(stat -c %s $f)
	for at in 3 11 20 $((size / 2)) $((size - 9)) $((size - 1)); do
		head -c $at $f >cut
		fails "$f cut after $at bytes" 3 timport cut -o x.ten
	done
	{ cat $f; echo; } >behind
	fails "$f with something behind" 3 timport behind -o x.ten
	kind=gzip && [ ${f#*.} = zst ] && kind=zstd
	ok "said" grep -qx "timport: behind: something that is not $kind follows the compressed data" "$T.err"
done
run 'several files, compressed or not' 0 '' '~records_out=9000 ' timport a.gz a.jsonl a.zst -o all.ten
head -c 2000 a.gz >cut
fails 'cut short' 3 timport cut -o x.ten
ok 'with the file' grep -qx 'timport: cut: compressed data is cut short' "$T.err"
fails 'also where the bad is left out' 3 timport --skip-bad --format csv --columns text cut -o x.ten
python3 - <<'END'
d = bytearray(open("a.gz", "rb").read())
d[len(d) // 2] ^= 0x55
open("bad.gz", "wb").write(d)
d = bytearray(open("a.zst", "rb").read())
d[len(d) // 2] ^= 0x55
open("bad.zst", "wb").write(d)
END
fails 'corrupt gzip' 3 timport bad.gz -o x.ten
fails 'corrupt zstd' 3 timport bad.zst -o x.ten
printf '(' >paren
is 'a text that begins as zstd does' "$(timport -q --format text paren | lines)" '{"text":"("}'
: >empty
fails 'nothing' 3 timport empty -o x.ten
# 200 MB of blanks in 200 kB
python3 -c 'import gzip
with gzip.open("bomb.gz", "wb", 1) as f:
    for i in range(200): f.write(b"\n" * 1000000)
    f.write(b"{\"text\": \"x\"}")'
run 'much of little, in memory that stays' 0 '' '~records_out=1 ' bash -c "ulimit -v $room;"' OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 timport bomb.gz -o bomb.ten'

# ---- plain text ----
printf 'one\nstill one\n\n\ntwo\n' >t.txt
is 'by blank lines' "$(timport -q --format text t.txt | lines)" '{"text":"one\nstill one\n\n\n"}
{"text":"two\n"}'
is 'by line' "$(timport -q --format text --as text --split line t.txt | lines | head -n 2)" '{"text":"one\n"}
{"text":"still one\n"}'
run 'by file' 0 '' '~records_out=2 ' timport --format text --split file t.txt t.txt -o f.ten
cp "$ROOT/pipelines/data/stories.txt" .
tvocab -q -n 300 stories.txt -o vocab.ten
is 'the tokens are those of the text' "$(timport -q --format text stories.txt | ttok -q --records -m vocab.ten | lines | md5sum)" \
	"$(ttok -q -m vocab.ten stories.txt | lines | md5sum)"
gzip -c stories.txt >stories.gz
is 'ttok reads what is compressed' "$(ttok -q -m vocab.ten stories.gz | lines | md5sum)" "$(ttok -q -m vocab.ten stories.txt | lines | md5sum)"
fails 'text with labels' 2 timport --format text --as labelled t.txt -o x.ten
fails 'a field of text' 2 timport --format text --id name t.txt -o x.ten
fails '--split of JSON' 2 timport --split line a.jsonl -o x.ten

# ---- ids ----
is 'a field of the input' "$(head -n 1 a.jsonl | timport -q --id id --keep n | lines)" '{"text":"record 1 of many, €919","n":"[1,2.50]","id":"d1"}'
is 'a number' "$(printf '{"text": "a", "k": 7}' | timport -q --id k | lines)" '{"text":"a","id":"7"}'
is 'a column' "$(printf 'k\ttext\nx\ty\n' | timport -q --format tsv --id k | lines)" '{"text":"y","id":"x"}'
timport -q --id hash a.jsonl -o h1.ten
tac a.jsonl | timport -q --id hash | lines | tac >h2
is 'a hash follows the record' "$(lines h1.ten | md5sum)" "$(md5sum <h2)"
is 'and differs' "$(lines -f id h1.ten | sort -u | wc -l)" 3000
is 'of what else is kept, too' "$(timport -q --id hash --keep id a.jsonl 2>&1 | head -c 300 | grep -c 'id')" 1
echo '{"text": "a", "k": null}' >null.jsonl
fails 'no id' 3 timport --id k null.jsonl -o x.ten
ok 'named' grep -qx "timport: null.jsonl: line 1: field \`k' is not an id" "$T.err"
fails 'a missing id' 3 timport --id q null.jsonl -o x.ten
fails 'two fields' 2 timport --id a,b null.jsonl -o x.ten
is 'each pair of an impression' "$(echo '{"prompt": "q", "answers": ["a", "b", "c"], "clicked": [2]}' | timport -q --as clicks --id hash | lines -f id | sort -u | wc -l)" 2

# ---- arrays of NumPy ----
cat >mk.py <<'END'
import struct, sys
def npy(name, descr, shape, data, version=1, order="False", text=None):
    h = (text or "{'descr': %s, 'fortran_order': %s, 'shape': %s, }" % (descr, order, shape)).encode() + b"\n"
    open(name, "wb").write(b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(h)) + h + data)
f = struct.pack("<6f", 0, 0.5, -1, 2, 3e10, 4)
npy("f4", "'<f4'", "(2, 3)", f)
npy("v2", "'<f4'", "(2, 3)", f, 2)
npy("v3", "'<f4'", "(2, 3)", f, 3)
npy("three", "'<i2'", "(2, 1, 2)", struct.pack("<4h", 1, -2, 3, -4))
npy("scalars", "'<f8'", "(2,)", struct.pack("<2d", 0.1, -3))
npy("zero", "'<u8'", "()", struct.pack("<Q", 2**63))
npy("bool", "'|b1'", "(3,)", b"\0\1\1")
npy("half", "'<f2'", "(2,)", struct.pack("<2e", 1.5, -0.25))
npy("i1", "'|i1'", "(2,)", b"\xff\1")
npy("rows0", "'<f4'", "(0, 3)", b"")
npy("many", "'<i4'", "(300000,)", struct.pack("<300000i", *range(300000)))
npy("other", "'<f4'", "(1, 2)", f[:8])
for name, args in {
    "fortran": ("'<f4'", "(2, 3)", f, 1, "True"), "big": ("'>f4'", "(2, 3)", f), "text": ("'<U1'", "(2,)", f), "record": ("[('a', '<f4')]", "(6,)", f),
    "short": ("'<f4'", "(2, 4)", f), "long": ("'<f4'", "(2, 2)", f), "huge": ("'<f4'", "(1, 4611686018427387904)", f),
    "over": ("'<f8'", "(99999999999, 99999999999)", f), "lying": ("'<f4'", "(4, 100000000000)", f), "empty0": ("'<f4'", "(2, 0)", b""),
    "notuple": ("'<f4'", "(6)", f), "list": ("'<f4'", "[6]", f), "minus": ("'<f4'", "(-1, 6)", f), "version": ("'<f4'", "(6,)", f, 4),
    "complex": ("'<c8'", "(3,)", f), "dims": ("'<f4'", "(6" + ", 1" * 9 + ")", f)}.items():
    npy("bad-" + name, *args)
t = "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }"
for name, text in {"twice": t.replace("'shape'", "'descr': '<f4', 'shape'"), "missing": "{'descr': '<f4', 'shape': (6,), }", "extra": t.replace("{", "{'x': 1, "),
    "call": "__import__('os')", "behind": t + "x", "open": t[:-3], "comma": t.replace("False, ", "False "), "false": t.replace("False", "false")}.items():
    npy("bad-" + name, None, None, f, text=text)
open("bad-magic", "wb").write(b"\x93NUMPX\1\0")
open("bad-length", "wb").write(b"\x93NUMPY\2\0\xff\xff\xff\xff" + f)
END
python3 mk.py
timport -q --format npy f4 -o f4.ten
is 'a record a row' "$(lines f4.ten)" '{"values":[0,0.5,-1]}
{"values":[2,3e+10,4]}'
is 'its type' "$(tdump --schema f4.ten | sed -n '1p;3p')" 'kind: arrays
  values: float32 [3]'
for v in v2 v3; do is "version ${v#v}" "$(timport -q --format npy $v | lines | md5sum)" "$(lines f4.ten | md5sum)"; done
is 'three dimensions' "$(timport -q --format npy --columns x three | lines)" '{"x":[[1,-2]]}
{"x":[[3,-4]]}'
for name in '' 'a,b' "$(printf 'a\tb')"; do
	fails "not the name of a field: '$name'" 2 timport --format npy --columns "$name" f4 -o x.ten
done
is 'numbers' "$(timport -q --format npy scalars | lines)" '{"values":0.1}
{"values":-3}'
is 'one number' "$(timport -q --format npy <zero | lines)" '{"values":9223372036854775808}'
is 'truth' "$(timport -q --format npy bool | lines | tr '\n' ' ')" '{"values":0} {"values":1} {"values":1} '
is 'halves' "$(timport -q --format npy half | lines | tr '\n' ' ')" '{"values":1.5} {"values":-0.25} '
is 'bytes' "$(timport -q --format npy i1 | lines | tr '\n' ' ')" '{"values":-1} {"values":1} '
run 'many, compressed' 0 '' 'timport: records_out=600000' bash -c 'gzip -c many | timport --format npy - many -o m.ten'
is 'in order' "$(tcat -q -r 599999:600000 m.ten | lines)" '{"values":299999}'
fails 'files that differ' 3 timport --format npy f4 other -o x.ten
fails 'no rows' 3 timport --format npy rows0 -o x.ten
fails 'an empty file' 3 timport --format npy empty -o x.ten
fails 'with labels' 2 timport --format npy --labels a f4 -o x.ten
for f in bad-*; do
	fails "$f" 3 timport --format npy "$f" -o x.ten
	ok "$f: named" grep -q "^timport: $f: " "$T.err"
done
run 'Fortran' 3 '' "timport: bad-fortran: is in Fortran's order, column by column; numpy.ascontiguousarray makes it C's" timport --format npy bad-fortran -o x.ten
run 'cut short' 3 '' 'timport: bad-short: is cut short within row 1 of 2' timport --format npy bad-short -o x.ten
run 'a size that lies' 3 '' '~cut short within row 0 of 4' bash -c "ulimit -v $room;"' OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 timport --format npy bad-lying -o x.ten'
for at in 5 9 30; do head -c $at f4 >cut; fails "a header of $at bytes" 3 timport --format npy cut -o x.ten; done

# ---- token files of llm.c ----
cat >mk2.py <<'END'
import struct
def bin(name, magic, version, tokens, width="H", count=None, more=b""):
    open(name, "wb").write(struct.pack("<256i", magic, version, len(tokens) if count is None else count, *[0] * 253)
        + struct.pack("<%d%s" % (len(tokens), width), *tokens) + more)
E, L = 50256, 128000
bin("before", 20240520, 1, [E, 1, 2, E, 3, E, E, 4])
bin("behind", 20240520, 1, [1, 2, E, 3, E, 4])
bin("l3", 20240801, 7, [L, 1, 128255, L, 3], "I")
bin("first", 20240520, 1, [E, 1, 2])
bin("next", 20240520, 1, [3, E, 4])
bin("bad-cut", 20240520, 1, [E, 1], count=3)
bin("bad-long", 20240520, 1, [E, 1], more=b"\0\0")
bin("bad-id", 20240520, 1, [E, 50257])
bin("bad-id4", 20240801, 7, [L, 2**31 + 5], "I")
bin("bad-version", 20240520, 2, [E])
bin("bad-magic", 20240521, 1, [E])
bin("bad-count", 20240520, 1, [E], count=-1)
bin("bad-none", 20240520, 1, [])
bin("small", 20240520, 1, [300, 5])
END
rm -f bad-*
python3 mk2.py
is 'before each document' "$(timport -q --format llmc before | lines)" '{"ids":[50256,1,2]}
{"ids":[50256,3,50256]}
{"ids":[50256,4]}'
is 'behind each document' "$(timport -q --format llmc behind | lines)" '{"ids":[1,2,50256]}
{"ids":[3,50256]}
{"ids":[4]}'
is 'LLaMA 3' "$(timport -q --format llmc l3 | lines)" '{"ids":[128000,1,128255]}
{"ids":[128000,3]}'
is 'a document goes on in the next file' "$(timport -q --format llmc first next | lines)" '{"ids":[50256,1,2,3]}
{"ids":[50256,4]}'
is 'the size of the vocabulary' "$(timport -q --format llmc l3 | tdump --schema | sed -n 's/^  vocab_size = //p')" 128256
run 'tpack takes it' 0 '' '' tpack -q -l 8 -o r.ten <(timport -q --format llmc before)
fails 'both sizes' 3 timport --format llmc before l3 -o x.ten
fails 'an id that the vocabulary has not' 3 timport --format llmc -m vocab.ten small -o x.ten
fails 'a vocabulary of JSON' 2 timport -m vocab.ten a.jsonl -o x.ten
fails 'an empty file' 3 timport --format llmc empty -o x.ten
for f in bad-*; do fails "$f" 3 timport --format llmc "$f" -o x.ten; done
run 'cut short' 3 '' 'timport: bad-cut: is cut short after 2 of 3 tokens' timport --format llmc bad-cut -o x.ten
ok 'refused, they leave nothing' test ! -e x.ten
finish
