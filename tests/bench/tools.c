/* tools.c - whole tools, as commands. Rates of a core are of seconds of processor time, all others of the clock. */
#include <string.h>

#include "bench/shapes.h"

/* The data, made at the first need. */
static bool
data(struct bench *b)
{
	return bench_size(b, "words.ten") > 0 || bench_make(b, "sh \"$ROOT/tests/bench/data.sh\" %d", b->tiny ? 1 : 120);
}

/* Ours is contender 1, others are behind it: a line for each, or one where there are none. */
static void
lines(struct bench *b, const char *what, double scale, const char *unit, enum aim aim, double value)
{
	bench_measure(b);
	for (int beside = b->n > 1 ? 2 : 0; beside <= b->n; beside += beside ? 1 : b->n + 1)
		bench_line(b, &(struct line){.what = what, .ours = 1, .beside = beside, .scale = scale, .scale_beside = scale,
		    .unit = unit, .aim = beside <= 2 ? aim : NO_AIM, .value = value});
}

void
bench_tokenizer(struct bench *b)
{
	int merges = b->tiny ? 400 : 2048;
	if (!data(b) || !bench_make(b, "head -n %d text >learn; tvocab -q -n %d --split line learn -o v.ten", b->tiny ? 400 : 20000,
	        merges))
		return;
	double learnt = bench_size(b, "learn"), size = bench_size(b, "text");
	bench_begin(b);
	bench_command(b, "tvocab", NULL, false, learnt, "tvocab -q -j %d -n %d --split line learn", b->threads, merges);
	bench_command(b, "spm_train", "command -v spm_train", false, learnt, "spm_train --input=learn --model_prefix=spm "
	    "--vocab_size=%d --model_type=bpe --num_threads=%d --character_coverage=1 2>&1", merges, b->threads);
	lines(b, "tokenizer/learn", 1e-6, "MB/s", NO_AIM, 0);
	bench_begin(b);
	bench_command(b, "ttok", NULL, true, size, "ttok -q -j 1 --split line -m v.ten text");
	bench_command(b, "spm_encode", "test -r spm.model && command -v spm_encode", true, size,
	    "spm_encode --model=spm.model --output_format=id --output=/dev/null text 2>&1");
	lines(b, "tokenizer/encode, a core", 1e-6, "MB/s", OURS_AT_LEAST, 30);
}

/* With GPT-2's vocabulary, where its files are at GPT2 and timport reads them. */
void
bench_gpt2_tokenizer(struct bench *b)
{
	if (!data(b))
		return;
	bench_begin(b);
	bench_command(b, "ttok", "timport -q --as tokenizer \"${GPT2:-$ROOT/../shared/data/gpt2}\" -o gpt2.ten", true,
	    bench_size(b, "text"), "ttok -q -j 1 --split line -m gpt2.ten text");
	lines(b, "tokenizer/encode gpt2, a core", 1e-6, "MB/s", OURS_AT_LEAST, 30);
}

/* sort -R puts equal lines together, so it is no uniform shuffle; but it is what shuffles more than memory holds. */
void
bench_shuffle(struct bench *b)
{
	if (!data(b))
		return;
	double size = bench_size(b, "lines.txt");
	bench_begin(b);
	bench_command(b, "tshuf", NULL, true, size, "tshuf -q rows.ten");
	bench_command(b, "GNU shuf", "command -v shuf", true, size, "shuf lines.txt");
	lines(b, "shuffle/in memory, a core", 1e-6, "MB/s", NO_AIM, 0);
	bench_begin(b);
	bench_command(b, "tshuf", NULL, true, size, "tshuf -q --memory 2M rows.ten");
	bench_command(b, "GNU sort -R", "command -v sort", true, size, "LC_ALL=C sort -R -S 2M --parallel=1 lines.txt");
	lines(b, "shuffle/in 2 MB, a core", 1e-6, "MB/s", NO_AIM, 0);
}

void
bench_dedup(struct bench *b)
{
	if (!data(b))
		return;
	for (int near = 0; near < 2; near++) {
		bench_begin(b);
		bench_command(b, "tdedup", "command -v tdedup", true, bench_size(b, "lines.txt"), "tdedup -q %s rows.ten",
		    near ? "--near" : "");
		lines(b, near ? "dedup/near, a core" : "dedup/exact, a core", 1e-6, "MB/s", OURS_AT_LEAST, 20);
	}
}

void
bench_json(struct bench *b)
{
	if (!data(b))
		return;
	double size = bench_size(b, "rows.jsonl");
	bench_begin(b);
	bench_command(b, "timport", NULL, true, size, "timport -q --as text rows.jsonl");
	bench_command(b, "Python json", "command -v " PYTHON, true, size,
	    PYTHON " -c 'import json, sys\nfor line in sys.stdin.buffer: json.loads(line)[\"text\"]' <rows.jsonl");
	lines(b, "json/import, a core", 1e-6, "MB/s", OURS_AT_LEAST, 200);
}

/* Tools between tokens and a trainer cannot be faster than reading and verifying their input. */
void
bench_data(struct bench *b)
{
	static const char *const tools[][2] = {{"tpack", "tpack -q -l 128 tokens.ten"}, {"tshuf", "tshuf -q tokens.ten"},
	    {"tmask", "tmask -q -m vocab.ten rows-of-tokens.ten"},
	    {"tmask word", "tmask -q -m vocab.ten --policy word words.ten"},
	    {"tmask span", "tmask -q -m vocab.ten --policy span words.ten"},
	    {"taug delete", "taug -q -m vocab.ten -i tokens.ten delete:0.1"},
	    {"taug crop", "taug -q -m vocab.ten -i tokens.ten crop:0.5..0.9"}};
	if (!data(b))
		return;
	/* of the text, so that figures mean the same for every vocabulary */
	double size = bench_size(b, "text");
	int n = sizeof tools / sizeof *tools, read;
	bench_begin(b);
	for (int i = 0; i < n; i++)
		bench_command(b, tools[i][0], NULL, true, size, "OMP_NUM_THREADS=1 %s", tools[i][1]);
	read = bench_command(b, "tcheck of the tokens", NULL, true, size, "tcheck -q tokens.ten");
	bench_measure(b);
	for (int i = 0; i < n; i++) {
		char what[80];
		snprintf(what, sizeof what, "data/%s, a core", tools[i][0]);
		bench_line(b, &(struct line){.what = what, .ours = i + 1, .beside = read, .scale = 1e-6, .scale_beside = 1e-6,
		    .unit = "MB/s"});
	}
}

/* A classifier of the embedded reviews: one block and attention, beside a bag of words. What each is worth is the business
 * of long/sst2.sh. */
void
bench_classify(struct bench *b)
{
	int epochs = b->tiny ? 1 : 3;
	if (!data(b) || !bench_make(b,
	        "R=\"$ROOT/pipelines/data/reviews.jsonl\"; timport -q --as labelled \"$R\" | ttok -q --records -m vocab.ten "
	        "-o labelled.ten && tinit -q --arch bert --norm pre --layers 1 --heads 4 --width %d --context 128 --vocab vocab.ten | "
	        "tgraft -q --head classify --labels negative,positive -o head.ten && "
	        "sed 's/.*\"text\": \"\\(.*\\)\", \"label\": \"\\([a-z]*\\)\".*/__label__\\2 \\1/' \"$R\" >labelled.txt",
	        b->tiny ? 32 : 128))
		return;
	double size = bench_size(b, "labelled.txt") * epochs;
	bench_begin(b);
	bench_command(b, "tfinetune", NULL, true, size, "rm -rf fine*; tfinetune -q -j 1 -b 32 --warmup 1 --epochs %d -m head.ten "
	    "-o fine.ten labelled.ten", epochs);
	bench_command(b, "fastText", "command -v fasttext", true, size, "fasttext supervised -input labelled.txt -output ft "
	    "-thread 1 -epoch %d 2>&1", epochs);
	lines(b, "classify/train, a core", 1e-6, "MB/s", NO_AIM, 0);
}
