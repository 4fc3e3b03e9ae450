# judged.sh - data for tests of learning from judgements, to be sourced after lib.sh.
#
# base.ten, a tiny GPT with a chat template; train.ten, val.ten: candidates in which answers with the word
# gold are better, wherever it stands; train.tsv, val.tsv: the same as lines.
mkjudged=$BUILD/tests/support/mkjudged
[ -x "$mkjudged" ] || skip_all "make check builds tests/support/mkjudged"
python3 -c 'import random' 2>/dev/null || skip_all 'python3 is not here'
tvocab -q -n 400 "$ROOT/pipelines/data/stories.txt" -o vocab.ten
tinit -q --layers 1 --heads 2 --width 16 --context 64 --vocab vocab.ten | tgraft -q --template chatml -o base.ten
cat >make.py <<'END'
import random
random.seed(1)
words = ['the', 'cat', 'sang', 'a', 'song', 'of', 'old', 'days', 'and', 'ran', 'home', 'miller', 'bread', 'hill']
def answer(gold):
    w = [random.choice(words) for _ in range(random.randint(3, 7))]
    if gold:
        w[random.randrange(len(w))] = 'gold'
    return ' '.join(w)
for name, n in (('train', 240), ('val', 60)):
    with open(name + '.tsv', 'w') as f:
        for i in range(n):
            better, worse = answer(True), answer(False)
            prompt = random.choice(['Tell me', 'What then', 'And now'])
            ranks, answers = ('1,2', (better, worse)) if random.random() < .5 else ('2,1', (worse, better))
            print(prompt, ranks, *answers, sep='\t', file=f)
END
python3 make.py
for p in train val; do
	"$mkjudged" ranks <$p.tsv | tchat -q -m base.ten -o $p.ten
done
single() { # FILE: each answer by itself, with 1 for the better and 0 for the worse
	awk -F '\t' -v OFS='\t' '{ split($2, r, ","); for (i = 1; i <= 2; i++) print $1, 2 - r[i], $(2 + i) }' "$1"
}
for p in train val; do
	single $p.tsv | "$mkjudged" liked | tchat -q -m base.ten -o $p.liked.ten
	single $p.tsv | "$mkjudged" rating | tchat -q -m base.ten -o $p.rating.ten
done
value() { sed -n "s/^$1: //p"; }
above() { awk -v x="$1" -v y="$2" 'BEGIN { exit !(x > y) }'; }
column() { tdump --csv -f "$2" "$1" | tail -n 1; }
