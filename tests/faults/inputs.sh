# Every tool that reads record streams, given something else; every output, on a full device.
# One line on stderr that begins with the tool's name, the right status, nothing left behind.
# A new tool needs rows in both tables.
. tests/lib.sh
export OMP_NUM_THREADS=1

# tool and arguments, @ where the stream stands; after | the sound stream that is cut short
readers='
tdump @ | tokens.ten
tdump --csv @ | rows.ten
tdump --stats @ | init.ten
tdump -m @ tokens.ten | vocab.ten
tcheck -q @ | tokens.ten
tcat -q @ -o out.ten | tokens.ten
tcat -q tokens.ten @ -o out.ten | tokens.ten
tcat -q -r 0:1 @ -o out.ten | rows.ten
tcat -q --shards 2 @ -o out | rows.ten
tpack -q -l 16 @ -o out.ten | tokens.ten
tshuf -q @ -o out.ten | tokens.ten
tsplit -q --parts a=0.5,b=0.5 -o . @ | tokens.ten
tdedup -q @ -o out.ten | tokens.ten
tdedup -q --near @ -o out.ten --clusters out.clusters | text.ten
ttok -q -m @ stories.txt -o out.ten | vocab.ten
ttok -q -d -m vocab.ten @ -o out.txt | tokens.ten
tinit -q --layers 1 --heads 1 --width 8 --context 16 --vocab @ -o out.ten | vocab.ten
tpretrain -q -m @ --steps 1 -o out.ten rows.ten | init.ten
tpretrain -q -m init.ten --steps 1 -o out.ten @ | rows.ten
tpretrain -q -m init.ten --steps 1 --eval @ -o out.ten rows.ten | tokens.ten
teval -q -m @ tokens.ten -o out.txt | init.ten
teval -q -m init.ten @ -o out.txt | tokens.ten
tgen -q -m @ -n 2 --prompt x -o out.txt | init.ten
tmask -q -m @ tokens.ten -o out.ten | vocab.ten
tmask -q -m vocab.ten @ -o out.ten | tokens.ten
tmask -q -m vocab.ten --policy prefix @ -o out.ten | rows.ten
taug -q -m @ -i tokens.ten none -o out.ten | vocab.ten
ttok -q --records -m vocab.ten @ -o out.ten | text.ten
taug -q -m vocab.ten -i @ delete:0.2 -o out.ten | tokens.ten
taug -q -m vocab.ten -i tokens.ten --unigram @ replace:0.2 -o out.ten | tokens.ten
tpretrain -q -m bert.ten --steps 1 -o out.ten @ | masked.ten
tpretrain -q -m bert.ten --objective contrastive --steps 1 -o out.ten @ | views.ten
tembed -q -m @ --truncate tokens.ten -o out.ten | init.ten
tembed -q -m init.ten --truncate @ -o out.ten | tokens.ten
teval -q --geometry @ -o out.txt | embeddings.ten
teval -q --search 1 @ -o out.ten | embeddings.ten
teval -q --search 1 --train @ embeddings.ten -o out.ten | embeddings.ten
teval -q --probe --train @ embeddings.ten -o out.txt | embeddings.ten
teval -q --knn 1 --train embeddings.ten @ -o out.txt | embeddings.ten
tchat -q -m @ chats.ten -o out.ten | chatty.ten
tchat -q -m chatty.ten @ -o out.ten | chats.ten
tpack -q -l 64 @ -o out.ten | chatrows.ten
tchat -q -m chatty.ten @ -o out.ten | judged.ten
treward -q -m @ --steps 1 -o out.ten pairs.ten | chatty.ten
treward -q -m chatty.ten --steps 1 -o out.ten @ | pairs.ten
treward -q -m chatty.ten --steps 1 --eval @ -o out.ten pairs.ten | pairs.ten
treward -q -m chatty.ten --loss demonstration --steps 1 -o out.ten @ | pairs.ten
tprefer -q -m @ --loss simpo --steps 1 -o out.ten pairs.ten | chatty.ten
tprefer -q -m chatty.ten --steps 1 -o out.ten @ | referenced.ten
tscore -q -m @ pairs.ten -o out.ten | reward.ten
tscore -q -m reward.ten @ -o out.ten | pairs.ten
tscore -q -m reward.ten @ -o out.ten | judged.ten
tscore -q --likelihood -m @ pairs.ten -o out.ten | chatty.ten
teval -q --reward -m @ pairs.ten -o out.txt | reward.ten
teval -q --reward -m reward.ten @ -o out.txt | pairs.ten
tgraft -q --head value @ -o out.ten | init.ten
tgraft -q --average init.ten @ -o out.ten | init.ten
tgraft -q --vocab @ init.ten -o out.ten | vocab.ten
tfinetune -q -m @ --steps 1 -o out.ten labelled.ten | bert.ten
tfinetune -q -m bert.ten --steps 1 -o out.ten @ | labelled.ten
tfinetune -q -m bert.ten --steps 1 --eval @ -o out.ten labelled.ten | labelled.ten
tfinetune -q -m chatty.ten --steps 1 -o out.ten @ | chatrows.ten
teval -q --task -m @ labelled.ten -o out.txt | classifier.ten
teval -q --task -m classifier.ten @ -o out.txt | labelled.ten
teval -q --predicted @ -o out.txt | predictions.ten
tgen -q --chat -m @ -n 2 --prompt x -o out.txt | chatty.ten
texport -q --to gguf -o out.gguf @ | init.ten
trate -q --rater r -o out.jsonl @ | judged.ten
tagree -q @ | judged.ten
tagree -q -o out.ten judged.ten @ | judged.ten
tppo -q -m @ --reward false -n 2 --steps 1 -o out.ten tokens.ten | init.ten
tppo -q -m init.ten --reward false -n 2 --steps 1 -o out.ten @ | tokens.ten
tppo -q -m init.ten --reward false -n 2 --steps 1 --eval @ -o out.ten tokens.ten | tokens.ten
tppo -q -m init.ten --reward false -n 2 --steps 1 --reference @ -o out.ten tokens.ten | init.ten
tppo -q -m chatty.ten --reward false -n 2 --steps 1 -o out.ten @ | chats.ten
texport -q --to jsonl @ -o out.jsonl | labelled.ten
texport -q --to npy --field ids @ -o out.npy | rows.ten
texport -q --to llmc @ -o out.bin | tokens.ten
timport -q --format llmc -m @ tokens.bin -o out.ten | vocab.ten
texport -q --to hf -o out @ | init.ten
texport -q --to peft -o out @ | adapted.ten
timport -q --as peft adapters -m @ -o out.ten | init.ten
timport -q --as model exported --vocab @ -o out.ten | vocab.ten'

# @ is where /dev/full stands; a row without @ writes to standard output
writers='
tdump tokens.ten
tdump --csv rows.ten
tdump --help
tcheck tokens.ten
tcat -q tokens.ten
tcat -q tokens.ten -o @
tpack -q -l 16 tokens.ten
tpack -q -l 16 tokens.ten -o @
tshuf -q tokens.ten
tshuf -q tokens.ten -o @
tdedup -q tokens.ten
tdedup -q --near tokens.ten -o @
tdedup -q --near --clusters @ tokens.ten -o /dev/null
tvocab -q -n 300 stories.txt
tvocab -q -n 300 stories.txt -o @
ttok -q -m vocab.ten stories.txt
ttok -q -m vocab.ten stories.txt -o @
ttok -q -d -m vocab.ten tokens.ten
ttok -q -d -m vocab.ten tokens.ten -o @
tinit -q --layers 1 --heads 1 --width 8 --context 16 --vocab vocab.ten
tinit -q --layers 1 --heads 1 --width 8 --context 16 --vocab vocab.ten -o @
teval -q -m init.ten tokens.ten
teval -q -m init.ten tokens.ten -o @
teval -q -m init.ten tokens.ten --per-record @ -o /dev/null
tgen -q -m init.ten -n 2 --prompt x
tgen -q -m init.ten -n 2 --prompt x -o @
tgen -q -m init.ten -n 2 --prompt x --records -o @
tmask -q -m vocab.ten tokens.ten
tmask -q -m vocab.ten tokens.ten -o @
timport -q --as labelled stories.jsonl
timport -q --as labelled stories.jsonl -o @
timport -q --as tokenizer vocab.txt
timport -q --as tokenizer vocab.txt -o @
ttok -q --records -m vocab.ten text.ten -o @
taug -q -m vocab.ten -i tokens.ten none
taug -q -m vocab.ten -i tokens.ten none -o @
tembed -q -m init.ten --truncate tokens.ten
tembed -q -m init.ten --truncate tokens.ten -o @
tembed -q -m init.ten --truncate --jsonl tokens.ten -o @
teval -q --geometry embeddings.ten -o @
teval -q --search 1 embeddings.ten -o @
tchat -q -m chatty.ten chats.ten
tchat -q -m chatty.ten chats.ten -o @
tchat -q -m chatty.ten judged.ten -o @
tscore -q -m reward.ten pairs.ten
tscore -q -m reward.ten pairs.ten -o @
tscore -q -m reward.ten asked.jsonl
tscore -q -m reward.ten asked.jsonl -o @
teval -q --reward -m reward.ten pairs.ten -o @
teval -q --reward -m reward.ten --calibration @ pairs.ten -o /dev/null
tgraft -q --head value init.ten
tgraft -q --head value init.ten -o @
teval -q --task -m classifier.ten labelled.ten -o @
teval -q --task -m classifier.ten --predictions @ labelled.ten -o /dev/null
teval -q --task -m classifier.ten --calibration @ labelled.ten -o /dev/null
teval -q --predicted predictions.ten
tgen -q --chat -m chatty.ten -n 2 --prompt x
timport -q --as preference judged.jsonl -o @
texport -q --to jsonl labelled.ten
texport -q --to csv labelled.ten -o @
texport -q --to npy embeddings.ten --field embedding -o @
texport -q --to llmc tokens.ten
timport -q --format llmc tokens.bin -o @
timport -q --as model exported -o @
timport -q --as peft adapters -m init.ten -o @
texport -q --to gguf init.ten -o @
trate -q --rater r -o kept.jsonl judged.ten
trate -q --rater r -o @ judged.ten
tagree -q judged.ten
tagree -q -o @ judged.ten
tagree -q --raters @ judged.ten'

# tools that no row of a table fits: they write only files by name, one is below
no_reader='tvocab'
no_writer='tsplit tpretrain tfinetune treward tprefer tppo'

mkdir work && cd work || exit 1
for i in 1 2 3 4; do
	printf 'Once upon a time a miller had %s cats.\nThe cats sang.\n\n' $i
done >stories.txt
for i in 1 2 3 4; do
	printf '{"text": "Once upon a time a miller had %s cats.", "label": "%s"}\n' $i $((i % 2))
done >stories.jsonl
tvocab -q -n 280 --special '<|endoftext|>' --special '<|mask|>' stories.txt -o vocab.ten &&
    ttok -q -m vocab.ten stories.txt -o tokens.ten &&
    timport -q --as labelled stories.jsonl | ttok -q --records -m vocab.ten -o labelled.ten &&
    timport -q --as labelled stories.jsonl -o text.ten &&
    texport -q --to llmc tokens.ten -o tokens.bin &&
    tpack -q -l 16 tokens.ten -o rows.ten &&
    tinit -q --layers 1 --heads 1 --width 8 --context 16 --vocab vocab.ten -o init.ten &&
    tinit -q --arch bert --layers 1 --heads 1 --width 8 --context 64 --vocab vocab.ten -o bert.ten &&
    tmask -q -m vocab.ten rows.ten -o masked.ten &&
    taug -q -m vocab.ten -i tokens.ten none -o views.ten &&
    tembed -q --truncate -m bert.ten labelled.ten -o embeddings.ten &&
    tinit -q --layers 1 --heads 1 --width 8 --context 64 --vocab vocab.ten | tgraft -q --template chatml -o chatty.ten &&
    printf '{"prompt": "a", "completion": "b"}\n' | timport -q --as completion -o chats.ten &&
    tchat -q -m chatty.ten --overlong truncate-left chats.ten -o chatrows.ten &&
    printf 'a\t1,2\tb\tcats\n' | "$BUILD/tests/support/mkjudged" ranks >judged.ten &&
    tchat -q -m chatty.ten judged.ten -o pairs.ten &&
    tscore -q --likelihood -m chatty.ten pairs.ten -o referenced.ten &&
    tgraft -q --head value chatty.ten -o reward.ten &&
    tgraft -q --lora 2 init.ten -o adapted.ten && texport -q --to hf -o exported init.ten &&
    texport -q --to peft -o adapters adapted.ten &&
    printf '{"prompt": "a", "completion": "b"}\n' >asked.jsonl &&
    tgraft -q --head classify --labels 0,1 bert.ten -o classifier.ten &&
    teval -q --task -m classifier.ten --predictions predictions.ten labelled.ten -o /dev/null ||
    { result 1 "preparations"; finish; }
for i in 1 2 3 4; do
	printf '{"prompt": "%s", "answers": ["x", "y"], "ranks": [1, 2], "rater": "r"}\n' $i
done >judged.jsonl
timport -q --as preference judged.jsonl -o judged.ten
: >kept.jsonl
printf "%s\n" "[UNK]" a b "##b" >vocab.txt
mkdir folder
: >empty
cp stories.txt text
"$BUILD/tests/support/mkten" metrics >kind.ten
ls -A >../before

# Exit status WANT, one line on stderr, nothing new in the folder. stderr is in err.
judge() { # NAME WANT GOT TOOL
	local bad=
	[ "$3" = "$2" ] || bad="exit status $3, wanted $2"
	[ "$(wc -l <../err)" = 1 ] || bad="$bad; not one line on stderr"
	grep -q "^$4: " ../err || bad="$bad; stderr does not begin with the tool's name"
	ls -A | diff ../before - >../left || bad="$bad; left behind: $(grep '^[<>]' ../left | tr '\n' ' ')"
	[ -z "$bad" ] && { result 0 "$1"; return; }
	result 1 "$1"
	{ echo "${bad#; }"; cat ../err; } | note
	rm -rf out out.* out-*
}

while IFS='|' read -r command good; do
	[ -n "$command" ] || continue
	tool=${command%% *} good=${good// /}
	size=$(stat -c %s "$good")
	head -c $((size * 2 / 3 / 64 * 64)) "$good" >../cut
	for fault in empty:3 folder:3 text:3 none:1 ../cut:3 kind.ten:3; do
		what=${fault%:*} want=${fault##*:}
		case $what:$command in
		# these take any kind
		kind.ten:tdump\ -m*) ;;
		kind.ten:texport\ -q\ --to\ jsonl*) continue ;;
		kind.ten:tdump*|kind.ten:tcheck*|kind.ten:tcat\ -q\ [-@]*|kind.ten:tshuf*|kind.ten:tsplit*) continue ;;
		esac
		timeout 20 ${command/@/$what} </dev/null >/dev/null 2>../err
		judge "${command/@/$what}" "$want" $? "$tool"
	done
done <<<"$readers"

while read -r command; do
	[ -n "$command" ] || continue
	if [ "${command/@/}" != "$command" ]; then
		name=${command/@//dev/full}
		timeout 20 $name </dev/null >/dev/null 2>../err
	else
		name="$command >/dev/full"
		timeout 20 $command </dev/null >/dev/full 2>../err
	fi
	judge "$name" 1 $? "${command%% *}"
done <<<"$writers"

# the model comes last, and the checkpoints stay for another try
fails "tpretrain --log /dev/full" 1 tpretrain -q -m init.ten --steps 1 --log /dev/full -o out.ten rows.ten
ok "tpretrain: no model without its log" test ! -e out.ten
run 'and a log elsewhere' 0 '' '' tpretrain -q -m init.ten --steps 1 --log log.ten -o out.ten rows.ten
ok 'both are there' tcheck -q out.ten log.ten

for tool in "$BUILD"/bin/*; do
	name=${tool##*/}
	ok "$name has a row among the readers" grep -qE "(^| )$name( |\$)" <<<"$readers $no_reader"
	ok "$name has a row among the writers" grep -qE "(^| )$name( |\$)" <<<"$writers $no_writer"
done
finish
