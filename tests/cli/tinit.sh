# tinit: sizes, families, seeds, refusals.
. tests/lib.sh
head -c 8000 "$ROOT/pipelines/data/stories.txt" >stories.txt
tvocab -q -n 300 stories.txt -o vocab.ten
run 'gpt2' 0 '' 'tinit: parameters=37120 tensors=36 vocabulary=300 seed=1' tinit --layers 2 --heads 2 --width 32 --context 64 --vocab vocab.ten -o a.ten
run 'the same seed, the same bytes; any number of threads' 0 '' '' sh -c 'tinit -q -j3 --layers 2 --heads 2 --width 32 --context 64 --vocab vocab.ten | cmp - a.ten'
tinit -q -s 2 --layers 2 --heads 2 --width 32 --context 64 --vocab vocab.ten -o b.ten
ok 'another seed, other weights' sh -c '! cmp -s a.ten b.ten'
run 'llama, grouped heads' 0 '' '~^tinit: parameters=[0-9]+ tensors=21 ' tinit --arch llama --layers 2 --heads 4 --kv-heads 2 --width 32 --context 64 --vocab vocab.ten -o l.ten
is 'its shapes' "$(tdump -n 0 l.ten | grep -E ' (block.1.key.weight|head.weight):' | tr -s ' ')" ' block.1.key.weight: float32 [16, 32]
 head.weight: float32 [300, 32]'
run 'tied llama' 0 '' '~tensors=20 ' tinit --arch llama --output-layer tied --layers 2 --heads 4 --width 32 --vocab vocab.ten -o t.ten
run 'a model gives its vocabulary' 0 '' '' sh -c 'tinit -q --layers 2 --heads 2 --width 32 --context 64 --vocab a.ten -o c.ten && tcheck -q c.ten'
fails 'no vocabulary' 2 tinit -o x.ten
fails 'an operand' 2 tinit --vocab vocab.ten x
fails 'heads that do not divide the width' 2 tinit --heads 5 --width 32 --vocab vocab.ten -o x.ten
fails 'an unknown family' 2 tinit --arch rwkv --vocab vocab.ten -o x.ten
fails 'absurd sizes' 2 tinit --layers 1025 --vocab vocab.ten -o x.ten
run 'sizes beyond memory' 1 '' '~^tinit: out of memory ' tinit --layers 1024 --heads 1024 --width 131072 --vocab vocab.ten -o x.ten
fails 'a vocabulary that is text' 3 tinit --vocab stories.txt -o x.ten
ok 'refused, it leaves nothing' test ! -e x.ten
finish
