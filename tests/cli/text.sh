# tvocab and ttok: what they write, account for and refuse; every byte survives the round trip.
. tests/lib.sh
cp "$ROOT/pipelines/data/stories.txt" .
printf 'one two\n\nthree\nfour\n\n\nfive' >small.txt

run 'tvocab accounts' 0 '' '~^tvocab: documents=87 bytes=63064 distinct=[0-9]+ tokens=512$' tvocab -n 512 stories.txt -o vocab.ten
run 'a vocabulary is a sound stream' 0 '' '' tcheck -q vocab.ten
run 'any number of threads, the same vocabulary' 0 '' '' sh -c 'tvocab -q -j3 -n 512 stories.txt | cmp - vocab.ten'
run 'a pipe gives the same tokens' 0 '' '' sh -c 'cat stories.txt | tvocab -q -n 512 | tdump --csv >a; tdump --csv vocab.ten | cmp - a'
run 'too few pairs: a smaller vocabulary and a warning' 0 '' '~^tvocab: no pair occurs twice any more: [0-9]+ tokens instead of 4096$' tvocab small.txt -o s.ten
run 'bytes' 0 '' '~ tokens=257$' tvocab --type byte small.txt -o byte.ten
run 'characters' 0 '' '~ distinct=13 tokens=270$' tvocab --type char small.txt -o char.ten
run 'characters alone' 0 '' '~ distinct=13 tokens=13$' tvocab --type char --no-bytes --no-special small.txt -o bare.ten
is 'several special tokens, and none around documents' \
	"$(tvocab -q -n 300 --special '<a>' --special '<b>' --begin none --end '<b>' stories.txt | tdump -n 0 | grep -E '^  (begin|end) ')" '  end = <b>'
fails 'too small' 2 tvocab -n 256 stories.txt -o x.ten
for o in '--end <x>' '--begin endoftext' '--no-special --begin <|endoftext|>' '--special a --special a' '--special='; do
	# a text that is not there: what is wrong with the options is said before it is opened
	fails "special tokens: $o" 2 tvocab $o missing.txt -o x.ten
done
is 'it is told what' "$(cat "$T.err")" 'tvocab: --special: a name of 0 bytes, must have 1 to 65536'
fails 'a size of characters' 2 tvocab --type char -n 300 stories.txt -o x.ten
fails 'two minds' 2 tvocab --special a --no-special stories.txt -o x.ten
fails 'no file' 1 tvocab missing.txt -o x.ten
fails 'a folder' 3 tvocab . -o x.ten

run 'ttok accounts' 0 '' '~^ttok: documents=87 bytes=63064 tokens=[0-9]+ bytes_per_token=2[.][0-9]+$' ttok -m vocab.ten stories.txt -o t.ten
is 'documents by blank line' "$(ttok -q -m byte.ten small.txt | tcheck - | cut -d, -f2)" ' 3 records'
is 'by line' "$(ttok -q --split line -m byte.ten small.txt | tcheck - | cut -d, -f2)" ' 7 records'
is 'by file' "$(ttok -q --split file -m byte.ten small.txt small.txt | tcheck - | cut -d, -f2)" ' 2 records'
is 'by separator' "$(ttok -q --separator e -m byte.ten small.txt | tcheck - | cut -d, -f2)" ' 5 records'
is 'begin and end are around a document' "$(printf ab | ttok -q -m byte.ten | tdump --csv)" 'ids
"[256,97,98,256]"'
is 'names of special tokens are text' "$(printf '<|endoftext|>' | ttok -q -m byte.ten | tdump --csv | tail -n 1 | tr -cd , | wc -c)" 14
is 'unless asked' "$(printf '<|endoftext|>' | ttok -q --special -m byte.ten | tdump --csv | tail -n 1)" '"[256,256,256]"'
run 'any number of threads, the same tokens' 0 '' '' sh -c 'ttok -q -j3 -m vocab.ten stories.txt | cmp - t.ten'
run 'compressed tokens' 0 '' '' sh -c 'ttok -q -z -m vocab.ten stories.txt -o z.ten && tcheck -q z.ten && test $(stat -c %s z.ten) -lt $(stat -c %s t.ten)'

head -c 200000 /dev/urandom >random
: >empty
printf '\0\0a\0' >nul
printf 'a\r\n\r\nb\r\n' >crlf
for v in vocab byte char; do
	for f in stories.txt small.txt random empty nul crlf; do
		for how in '' '--split line' '--split file' '--separator xyz' '--separator e'; do
			ttok -q $how -m $v.ten $f 2>/dev/null | ttok -q -d -m $v.ten | cmp -s - $f || echo "$v $f $how" >>lost
		done
	done
done
ok 'every byte survives: three vocabularies, six files, five splits' test ! -e lost
is 'special tokens when decoding' "$(printf ab | ttok -q -m byte.ten | ttok -q -d --special -m byte.ten)" '<|endoftext|>ab<|endoftext|>'

printf '{"text":"one","n":1}\n\n{"text":"tw\\u00f6"}\n' >good.jsonl
is 'JSON lines' "$(ttok -q --jsonl -m vocab.ten good.jsonl | ttok -q -d -m vocab.ten)" 'onetwö'
printf '{"text":"one"}\n{"text":\n' >bad.jsonl
fails 'broken JSON' 3 ttok -q --jsonl -m vocab.ten bad.jsonl -o x.ten
ok 'names file and line' grep -q '^ttok: bad.jsonl: line 2: ' "$T.err"
fails 'another field' 3 ttok -q --jsonl --field body -m vocab.ten good.jsonl -o x.ten
ok 'names the field' grep -q "good.jsonl: line 1: has no text in field .body'" "$T.err"

fails 'documents that are divided in two ways' 2 ttok --jsonl --separator x -m vocab.ten good.jsonl -o x.ten
fails 'or these' 2 tvocab --split blank --separator x good.jsonl -o x.ten
fails 'a field of what is not JSON' 2 tvocab --field body good.jsonl -o x.ten
fails 'a field of records' 2 ttok --records --field body -m vocab.ten t.ten -o x.ten
fails 'words of what is decoded' 2 ttok -d --words -m vocab.ten t.ten -o x.ten
# named pipes, which are opened once: several times, as it is by chance whether a second opening finds anything
mkfifo pipe
from_pipe() { # COMMAND, to which the pipe is the last argument
	for i in $(seq 12); do
		cat small.txt >pipe &
		timeout 5 "$@" pipe || { kill $! 2>/dev/null; return 1; }
		wait
	done
}
ok 'ttok reads a named pipe' from_pipe ttok -q -m vocab.ten -o pipe.ten
is 'the same tokens' "$(tdump --csv pipe.ten)" "$(ttok -q -m vocab.ten small.txt | tdump --csv)"
is 'which is known by its name' "$(tdump --provenance pipe.ten | sed -n 's/^ *file \(pipe:.*\)/\1/p')" 'pipe: not a regular file'
ok 'tvocab does' from_pipe tvocab -q --type char -o pipe.ten
is 'the same vocabulary' "$(tdump --csv pipe.ten)" "$(tdump --csv char.ten)"
ok 'timport does' from_pipe timport -q --format text -o pipe.ten
is 'the same records' "$(tdump --csv pipe.ten)" "$(timport -q --format text small.txt | tdump --csv)"

"$BUILD/tests/support/mkten" words >words.ten
"$BUILD/tests/support/mkten" short-words >short.ten
is 'words of records' "$(ttok -q --records -m byte.ten words.ten | tdump --csv -f words | tail -n 1)" '"[-1,0,0,0,1,1,1,-1]"'
fails 'text behind the last word' 3 ttok --records -m byte.ten short.ten -o x.ten
is 'it is told where' "$(cat "$T.err")" 'ttok: short.ten: record 0: the last word ends at byte 3, of a text of 6'
# more names than a head has room for
name=$(printf 'a%.0s' $(seq 240))
echo a >"$name"
fails 'thousands of files' 3 ttok -q -m byte.ten $(for i in $(seq 4200); do echo "$name"; done) -o x.ten
ok 'it is told what to do' grep -q '^ttok: the names of 4200 files are too much .*cat FILE [.]* | ttok' "$T.err"

fails 'no vocabulary' 2 ttok stories.txt -o x.ten
fails 'a vocabulary that is tokens' 3 ttok -m t.ten stories.txt -o x.ten
fails 'a vocabulary that is text' 3 ttok -m stories.txt stories.txt -o x.ten
fails 'a character that is not in the vocabulary' 3 ttok -m bare.ten stories.txt -o x.ten
is 'it is told where' "$(cat "$T.err")" 'ttok: stories.txt: document 0: byte 0 begins a character that the vocabulary has not'
printf 'one\n\ntwo Z\n\nfive Z' >strange.txt
fails 'and in the second file' 3 ttok -m bare.ten small.txt strange.txt small.txt -o x.ten
is 'it is told where, too' "$(cat "$T.err")" 'ttok: strange.txt: document 1: byte 4 begins a character that the vocabulary has not'
{ for i in $(seq 2000); do echo 'one Z'; echo two; done; } >often.txt
for i in $(seq 20); do ttok -q -j4 --split line -m bare.ten small.txt often.txt -o x.ten; done 2>err
is 'of several the first, for any number of threads' "$(sort -u err)" 'ttok: often.txt: document 0: byte 4 begins a character that the vocabulary has not'
printf '{"text":"one"}\n\n{"text":"on Z"}\n' >strange.jsonl
fails 'and of JSON' 3 ttok --jsonl -m bare.ten strange.jsonl -o x.ten
is 'the line' "$(cat "$T.err")" 'ttok: strange.jsonl: line 3: byte 3 begins a character that the vocabulary has not'
fails 'decoding with another vocabulary' 3 ttok -d -m byte.ten t.ten -o x.txt
ok 'names both ids' grep -Eq '[0-9a-f]{32}.*[0-9a-f]{32}' "$T.err"
fails 'decoding text' 3 ttok -d -m byte.ten stories.txt -o x.txt
ok 'refused, it leaves nothing' sh -c '! ls | grep -q "^x[.]"'
# a long document is counted in parts, which makes no difference: a JSON string is counted whole
{ for i in $(seq 300); do printf 'x%s\nx\n\n y\n\n\nz\n!\n/a,\nB\r\n\r\nc \nd\t\n' $i; cat small.txt stories.txt; done | head -c 3000000; } >long.txt
python3 -c 'import json; print(json.dumps({"text": open("long.txt", newline="").read()}))' >long.jsonl
for rule in gpt2 gpt4; do
	tvocab --pattern $rule -n 2000 --split file long.txt -o parts.ten 2>parts
	tvocab --pattern $rule -n 2000 --jsonl long.jsonl -o whole.ten 2>whole
	is "$rule: long documents in parts, the same pieces" "$(cat parts)" "$(cat whole)"
	is "$rule: and the same merges" "$(tdump --csv parts.ten | md5sum)" "$(tdump --csv whole.ten | md5sum)"
done
is 'parts are one document' "$(cut -d' ' -f2 parts)" documents=1
tail -c 2999999 long.txt >long2.txt
is 'of two' "$(tvocab --split file -n 300 long.txt long2.txt -o x2.ten 2>&1 | cut -d' ' -f2,3)" 'documents=2 bytes=5999999'
rm -f x2.ten
if measures_memory tvocab; then
	# 5 MB, more than is read at once, and 50 times that: the same words
	repeat() { for i in $(seq "$1"); do cat stories.txt; done; }
	repeat 80 >some.txt
	peak() { /usr/bin/time -q -f %M -o peak tvocab -q -j2 -n 2048 -o many.ten "$@" && cat peak; }
	once=$(peak some.txt)
	often=$(for i in $(seq 50); do cat some.txt; done | peak)
	ok "50 times the text: no more memory ($once KiB, then $often)" test "$often" -lt $((once + 1024))
	often=$(for i in $(seq 50); do cat some.txt; done | peak --split file)
	ok "nor as one document ($often KiB)" test "$often" -lt $((once + 6144))
	is 'and the same merges' "$(tdump --csv many.ten | md5sum)" "$(tvocab -q -n 2048 some.txt | tdump --csv | md5sum)"
	# a piece of 900 KB
	for i in $(seq 20); do tr -dc a-z <stories.txt; done >run.txt
	head -n 3 stories.txt >few.txt
	none=$(peak few.txt)
	once=$(peak run.txt)
	ok "long pieces: a few numbers a byte ($once KiB)" test "$once" -lt $((none + $(stat -c %s run.txt) * 40 / 1024))
	# a long document a batch, at another place each time
	places() { for i in $(seq "$1"); do seq "$i"; head -c 4200000 /dev/zero | tr '\0' a; echo; done; }
	peak() { places "$1" | /usr/bin/time -q -f %M -o peak ttok -q --split line -m byte.ten -o /dev/null && cat peak; }
	once=$(peak 2) often=$(peak 8)
	ok "ttok: the longest document at each place of a batch is not kept ($once KiB, then $often)" test "$often" -lt $((once + 20480))
else
	skip 'peak of memory' 'needs /usr/bin/time, and a build without sanitizers'
fi
if command -v perl >/dev/null; then
	# the published patterns, as an oracle, on text of many scripts
	perl -CO -e 'srand(1); my @a = (" ", "  ", "\n", "\r\n", "\t", "\x{a0}", "\x{3000}", "a", "B", "\x{e9}", "\x{43c}",
	    "\x{4e2d}", "\x{1f600}", "\x{301}", "1", "\x{663}", "\x{2167}", "!", "\x{2014}", "\x{27}", "s", "ll", "RE", "_", "\x{200d}");
	    print join "", map { $a[rand @a] } 1 .. 20000' >mix.txt
	for rule in gpt2 gpt4; do
		tvocab -q --pattern $rule -n 400 mix.txt -o $rule.ten
		perl -CSDA -e 'my %p = (gpt2 => qr/\x27s|\x27t|\x27re|\x27ve|\x27m|\x27ll|\x27d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/,
		    gpt4 => qr/(?i:\x27s|\x27t|\x27re|\x27ve|\x27m|\x27ll|\x27d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+/);
		    local $/; my $t = <STDIN>; my %w; $w{$_}++ for $t =~ /$p{$ARGV[0]}/g; print scalar(keys %w), "\n"' $rule <mix.txt >want
		got=$(tvocab --pattern $rule --split file -n 400 mix.txt 2>&1 >/dev/null | tr ' ' '\n' | sed -n 's/^distinct=//p')
		is "$rule: as many distinct pieces as the published pattern finds" "$got" "$(cat want)"
	done
else
	skip 'patterns' 'perl is not installed'
fi
finish
