/* mkten NAME [COPIES] - writes a small stream to standard output, for tests of the tools.
 *
 * NAME is text, tokens, rows, metrics, model, types (every element type), steps (provenance that
 * is a DAG) or a fault that only tcheck sees: bad-id, bad-target, bad-length, bad-position,
 * two-models, no-field, bad-type (masked rows with positions of a byte), far-turn (a chat) and far-prompt, far-answer, many-answers (judgements: ends of texts far behind
 * them, more answers than there may be), rollouts, bad-prompt, bad-array, bad-ended (rollouts: a prompt longer than all, an array
 * shorter than the answer, an answer ended twice), candidates, bad-scored, bad-ends (candidates: scored elsewhere, ends that fall),
 * crowd (candidates: an answer a token), few-types (candidates with ranks, and fewer types than ids), words, short-words (text in words, and some behind the last), or abort (an upstream
 * tool that failed, and whose message has escapes), endless (rows without end), untrained (rows without a target), masked (rows
 * with some hidden) or hollow (values without elements, of 2^62 rows and of 3, and one with elements) or wide (as many fields as
 * there may be).
 * The records are written COPIES times (1), packed into blocks of 16 KiB. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "support/stream.inc"

static const char *name;
static unsigned long copies = 1;

static void
field(struct ten_head *h, const char *f, enum ten_class cls, unsigned bits, unsigned rank, ...)
{
	uint64_t dims[TEN_MAX_RANK] = {0};
	va_list ap;
	va_start(ap, rank);
	for (unsigned i = 0; i < rank; i++)
		dims[i] = va_arg(ap, uint64_t);
	va_end(ap);
	need(ten_head_add(h, f, cls, bits, rank, dims, &e));
}

static struct ten_writer *
begin(struct ten_head *h, const char *kind, bool bulk)
{
	struct ten_writer *w;
	struct ten_writer_opts o = {.bulk = bulk, .block = 16 << 10};
	snprintf(h->kind, sizeof h->kind, "%s", kind);
	need(ten_writer_open(&w, to_stdout, h, &o, &e));
	return w;
}

static bool
is(const char *s)
{
	return strcmp(name, s) == 0;
}

static void
text(void)
{
	static const char *const docs[] = {"Hello, world\n", "a \"quoted\" tab\t, caf\xc3\xa9 \x1b[1m \xff", ""};
	struct ten_head h = {0};
	field(&h, "text", TEN_TEXT, 8, 1, TEN_RAGGED);
	struct ten_writer *w = begin(&h, "text", false);
	for (unsigned long c = 0; c < copies; c++)
		for (int i = 0; i < 3; i++) {
			struct ten_value v = ten_vector(docs[i], strlen(docs[i]));
			need(ten_write(w, &v, &e));
		}
	need(ten_writer_end(w, &e));
}

static void
tokens(void)
{
	static const int32_t ids[] = {3, 1, 4, 1, 5, 9, 2, 6};
	struct ten_head h = {0};
	field(&h, is("no-field") ? "id" : "ids", TEN_INT, 32, 1, TEN_RAGGED);
	need(ten_head_set_text(&h, "tokenizer", "00112233445566778899aabbccddeeff", &e));
	need(ten_head_set_text(&h, "vocab_size", is("bad-id") ? "9" : "10", &e));
	struct ten_writer *w = begin(&h, "tokens", false);
	for (unsigned long c = 0; c < copies; c++)
		for (uint64_t i = 0; i < 3; i++) {
			struct ten_value v = ten_vector(ids + 2 * i, i == 1 ? 0 : 2 + i);
			need(ten_write(w, &v, &e));
		}
	if (is("abort"))
		ten_writer_abort(w, "ttok\xc2\x9b", "\x1b[2J\xc2\x9b""31m\xff caf\xc3\xa9/stories.txt: cannot read: Input/output error");
	else
		need(ten_writer_end(w, &e));
}

static void
rows(void)
{
	int32_t ids[2][4] = {{3, 1, 4, 1}, {5, 9, 2, 6}}, targets[2][4] = {{1, 4, 1, -100}, {9, 2, 6, 5}};
	int32_t positions[2][4] = {{0, 1, 0, 1}, {2, 3, 4, 5}}, documents[2][4] = {{0, 0, 1, 1}, {1, 1, 1, 1}};
	static const char *const names[] = {"ids", "targets", "positions", "documents"};
	struct ten_head h = {0};
	for (int i = 0; i < 4; i++)
		field(&h, names[i], TEN_INT, 32, 1, TEN_RAGGED);
	need(ten_head_set_text(&h, "vocab_size", "10", &e));
	if (is("bad-target"))
		targets[1][2] = -1;
	if (is("bad-position"))
		positions[1][0] = -5;
	for (int i = 0; i < 8 && is("untrained"); i++)
		targets[i / 4][i % 4] = -100;
	struct ten_writer *w = begin(&h, "rows", false);
	for (unsigned long c = 0; c < copies || is("endless"); c++)
		for (int i = 0; i < 2; i++) {
			struct ten_value v[4] = {ten_vector(ids[i], 4), ten_vector(targets[i], 4),
			    ten_vector(positions[i], 4), ten_vector(documents[i], is("bad-length") && i ? 3 : 4)};
			need(ten_write(w, v, &e));
		}
	need(ten_writer_end(w, &e));
}

static void
masked(void)
{
	static const int32_t ids[] = {3, 1, 4, 1}, targets[] = {-100, 5, -100, -100}, positions[] = {0, 1, 2, 3};
	struct ten_head h = {0};
	struct ten_value v[3] = {ten_vector(ids, 4), ten_vector(targets, 4), ten_vector(positions, 4)};
	field(&h, "ids", TEN_INT, 32, 1, TEN_RAGGED);
	field(&h, "targets", TEN_INT, 32, 1, TEN_RAGGED);
	field(&h, "positions", is("bad-type") ? TEN_UINT : TEN_INT, is("bad-type") ? 8 : 32, 1, TEN_RAGGED);
	struct ten_writer *w = begin(&h, "masked", false);
	need(ten_write(w, v, &e));
	need(ten_writer_end(w, &e));
}

static void
hollow(void)
{
	static const float x[2] = {1, 2};
	static const struct ten_value v[3] = {{x, 0, {UINT64_C(1) << 62, 0}}, {x, 0, {3, 0}}, {x, 2, {2, 1}}};
	struct ten_head h = {0};
	field(&h, "x", TEN_FLOAT, 32, 2, TEN_RAGGED, TEN_RAGGED);
	struct ten_writer *w = begin(&h, "arrays", false);
	for (int i = 0; i < 3; i++)
		need(ten_write(w, &v[i], &e));
	need(ten_writer_end(w, &e));
}

static void
wide(void)
{
	static struct ten_value v[TEN_MAX_FIELDS];
	static const uint8_t zero;
	struct ten_head h = {0};
	for (int i = 0; i < TEN_MAX_FIELDS; i++) {
		struct ten_field f = {.cls = TEN_UINT, .bits = 8};
		snprintf(f.name, sizeof f.name, "f%d", i);
		need(ten_head_add_field(&h, &f, &e));
		v[i] = ten_vector(&zero, 1);
	}
	struct ten_writer *w = begin(&h, "arrays", false);
	need(ten_write(w, v, &e));
	need(ten_writer_end(w, &e));
}

/* A turn or an answer that ends far behind the text, and one that ends where it should. */
static void
chats(void)
{
	enum { MANY = 1025 };
	static uint32_t many[MANY], ranks[MANY];
	uint32_t far[] = {4000000000u, 5}, near[] = {3, 5};
	uint8_t roles[] = {1, 2};
	char text[MANY];
	size_t k = is("many-answers") ? MANY : 2;
	struct ten_head h = {0};
	memset(text, 'a', sizeof text);
	for (uint32_t i = 0; i < MANY; i++) {
		many[i] = i + 1;
		ranks[i] = i + 1;
	}
	struct ten_value v[6] = {ten_vector("Who I", 5), ten_vector(is("far-turn") || is("far-prompt") ? far : near, 2), ten_vector(roles, 2),
	    ten_vector(text, k == 2 ? 5 : k), ten_vector(k > 2 ? many : is("far-answer") ? far : near, k), ten_vector(ranks, k)};
	field(&h, "text", TEN_TEXT, 8, 1, TEN_RAGGED);
	field(&h, "turn_ends", TEN_UINT, 32, 1, TEN_RAGGED);
	field(&h, "roles", TEN_UINT, 8, 1, TEN_RAGGED);
	if (!is("far-turn")) {
		field(&h, "answers", TEN_TEXT, 8, 1, TEN_RAGGED);
		field(&h, "answer_ends", TEN_UINT, 32, 1, TEN_RAGGED);
		field(&h, "ranks", TEN_UINT, 32, 1, TEN_RAGGED);
	}
	struct ten_writer *w = begin(&h, is("far-turn") ? "chat" : "judgements", false);
	need(ten_write(w, v, &e));
	need(ten_writer_end(w, &e));
}

static void
words(void)
{
	static const uint32_t ends[] = {3, 6};
	struct ten_head h = {0};
	field(&h, "text", TEN_TEXT, 8, 1, TEN_RAGGED);
	field(&h, "word_ends", TEN_UINT, 32, 1, TEN_RAGGED);
	struct ten_value v[2] = {ten_vector("onetwo", 6), ten_vector(ends, is("words") ? 2 : 1)};
	struct ten_writer *w = begin(&h, "text", false);
	need(ten_write(w, v, &e));
	need(ten_writer_end(w, &e));
}

static void
rollouts(void)
{
	static const char *const names[] = {"logprobs", "reference", "values", "entropy", "rewards", "advantages", "returns",
	    "kl_coefficient", "score", "reward"};
	static const int32_t ids[] = {3, 1, 4, 1, 5};
	static const float numbers[3] = {-1, -0.5f, -0.25f};
	int32_t prompt = is("bad-prompt") ? 6 : 2;
	uint8_t ended = is("bad-ended") ? 2 : 1;
	uint64_t step = 1;
	double one = 1;
	struct ten_head h = {0};
	struct ten_value v[15] = {ten_vector(&step, 1), ten_vector(ids, 5), ten_vector(&prompt, 1), ten_vector(&ended, 1), ten_vector("x", 1)};
	field(&h, "step", TEN_UINT, 64, 0);
	field(&h, "ids", TEN_INT, 32, 1, TEN_RAGGED);
	field(&h, "prompt_length", TEN_INT, 32, 0);
	field(&h, "ended", TEN_UINT, 8, 0);
	field(&h, "text", TEN_TEXT, 8, 1, TEN_RAGGED);
	for (int i = 0; i < 10; i++) {
		if (i < 7)
			field(&h, names[i], TEN_FLOAT, 32, 1, TEN_RAGGED);
		else
			field(&h, names[i], TEN_FLOAT, 64, 0);
		v[5 + i] = i < 7 ? ten_vector(numbers, is("bad-array") && i == 4 ? 2 : 3) : ten_vector(&one, 1);
	}
	need(ten_head_set_text(&h, "vocab_size", "10", &e));
	struct ten_writer *w = begin(&h, "rollouts", false);
	need(ten_write(w, v, &e));
	need(ten_writer_end(w, &e));
}

/* Two answers of two tokens; crowd: as many answers as tokens, ends that are behind all of them, and the same again. */
static void
candidates(void)
{
	enum { CROWD = 200000 };
	static int32_t ids[CROWD], targets[CROWD];
	static uint32_t ends[2 * CROWD], scored[2 * CROWD];
	size_t n = is("crowd") ? CROWD : 4, k = is("crowd") ? 2 * CROWD : 2;
	struct ten_head h = {0};
	for (size_t i = 0; i < n; i++)
		targets[i] = i % 2 ? -100 : 0;
	for (size_t i = 0; i < k; i++) {
		ends[i] = (uint32_t)(is("crowd") ? (i < CROWD / 2 ? UINT32_MAX : i % CROWD + 1) : is("bad-ends") ? 4 - 2 * i : 2 * i + 2);
		scored[i] = is("bad-scored") ? 3 : ends[i] - 1;
	}
	struct ten_value v[6] = {ten_vector(ids, n), ten_vector(targets, n), ten_vector(ends, k), ten_vector(scored, k),
	    ten_vector((uint32_t[]){1, 2}, 2), ten_vector(ids, 1)};
	field(&h, "ids", TEN_INT, 32, 1, TEN_RAGGED);
	field(&h, "targets", TEN_INT, 32, 1, TEN_RAGGED);
	field(&h, "ends", TEN_UINT, 32, 1, TEN_RAGGED);
	field(&h, "scored", TEN_UINT, 32, 1, TEN_RAGGED);
	if (is("few-types")) {
		field(&h, "ranks", TEN_UINT, 32, 1, TEN_RAGGED);
		field(&h, "types", TEN_INT, 32, 1, TEN_RAGGED);
	}
	struct ten_writer *w = begin(&h, "candidates", false);
	need(ten_write(w, v, &e));
	need(ten_writer_end(w, &e));
}

static void
metrics(void)
{
	struct ten_head h = {0};
	field(&h, "step", TEN_UINT, 64, 0);
	field(&h, "loss", TEN_FLOAT, 64, 0);
	field(&h, "note, \"quoted\"", TEN_TEXT, 8, 1, TEN_RAGGED);
	field(&h, "pair", TEN_FLOAT, 32, 1, (uint64_t)2);
	struct ten_writer *w = begin(&h, "metrics", false);
	for (unsigned long c = 0; c < copies; c++)
		for (uint64_t i = 0; i < 3; i++) {
			double loss = i == 2 ? (double)NAN : 4.0 / (double)(i + 3);
			float pair[2] = {0.1f * (float)(i + 1), i ? INFINITY : -0.5f};
			struct ten_value v[4] = {ten_vector(&i, 1), ten_vector(&loss, 1),
			    ten_vector("a,b\"c\n", i * 3), ten_vector(pair, 2)};
			need(ten_write(w, v, &e));
		}
	need(ten_writer_end(w, &e));
}

static void
model(void)
{
	float weights[6] = {-1, 0.5f, 0, 0.25f, 1, 2}, bias[3] = {0, NAN, -INFINITY};
	struct ten_head h = {0};
	field(&h, "w", TEN_FLOAT, 32, 2, (uint64_t)2, (uint64_t)3);
	field(&h, "b", TEN_FLOAT, 32, 1, (uint64_t)3);
	field(&h, "tokenizer", TEN_UINT, 8, 1, TEN_RAGGED);
	struct ten_writer *w = begin(&h, "model", true);
	for (unsigned long c = 0; c < copies + is("two-models"); c++) {
		struct ten_value v[3] = {{weights, 6, {2, 3}}, ten_vector(bias, 3), ten_vector("xyz", 3)};
		need(ten_write(w, v, &e));
	}
	need(ten_writer_end(w, &e));
}

/* The largest and smallest of each type, and halves: 1/3, the smallest denormal, infinity. */
static void
types(void)
{
	static const uint8_t u8[] = {0, 255};
	static const int8_t i8[] = {-128, 127};
	static const uint16_t u16[] = {0, 65535}, f16[] = {0x3555, 0x0001, 0xfc00}, bf16[] = {0x3eab, 0x0001, 0x7fc0};
	static const int16_t i16[] = {INT16_MIN, INT16_MAX};
	static const uint32_t u32[] = {0, UINT32_MAX};
	static const int32_t i32[] = {INT32_MIN, INT32_MAX};
	static const uint64_t u64[] = {0, UINT64_MAX};
	static const int64_t i64[] = {INT64_MIN, INT64_MAX};
	static const float f32[] = {1.0f / 3, 3.4028234663852886e38f, -0.0f};
	static const double f64[] = {1.0 / 3, 0.1, 5e-324};
	static const struct {
		const char *name;
		uint8_t cls, bits;
		const void *data;
		uint64_t n;
	} t[] = {{"u8", 1, 8, u8, 2}, {"u16", 1, 16, u16, 2}, {"u32", 1, 32, u32, 2}, {"u64", 1, 64, u64, 2},
	    {"i8", 2, 8, i8, 2}, {"i16", 2, 16, i16, 2}, {"i32", 2, 32, i32, 2}, {"i64", 2, 64, i64, 2},
	    {"f16", 3, 16, f16, 3}, {"f32", 3, 32, f32, 3}, {"f64", 3, 64, f64, 3}, {"bf16", 4, 16, bf16, 3},
	    {"grid", 1, 8, "\1\2\3\4\5\6", 6}, {"words", 5, 8, "abcd", 4}, {"empty", 3, 32, f32, 0}};
	enum { N = sizeof t / sizeof t[0] };
	struct ten_value v[N];
	struct ten_head h = {0};
	for (int i = 0; i < N; i++) {
		v[i] = ten_vector(t[i].data, t[i].n);
		bool square = i == 12 || i == 13;
		field(&h, t[i].name, t[i].cls, t[i].bits, square ? 2 : 1, square ? (uint64_t)2 : TEN_RAGGED, TEN_RAGGED);
		if (square) {
			v[i].dims[0] = 2;
			v[i].dims[1] = t[i].n / 2;
		}
	}
	struct ten_writer *w = begin(&h, "types", false);
	need(ten_write(w, v, &e));
	need(ten_writer_end(w, &e));
}

/* top <- left, right <- bottom: the bottom step is shared. */
static void
steps(void)
{
	struct ten_head h = {0};
	uint8_t ids[3][16];
	char *argv[] = {"--size=5", "evil\x1b[2J\nname"};
	struct ten_input in = {"stories.txt", 12, {1, 2, 3}}, pipe = {"standard input", 0, {0}};
	struct ten_prov bottom = {.tool = "ttok", .version = "0.1.0", .inputs = &in, .ninputs = 1};
	struct ten_prov left = {.tool = "tshuf", .version = "0.1.0", .parents = &ids[0], .nparents = 1,
	    .seeded = true, .seed = 7};
	struct ten_prov right = {.tool = "tpack", .version = "0.1.0", .parents = &ids[0], .nparents = 1,
	    .argv = argv, .nargv = 2, .inputs = &pipe, .ninputs = 1};
	struct ten_prov top = {.tool = "tcat", .version = "0.1.0", .parents = &ids[1], .nparents = 2};
	field(&h, "x", TEN_UINT, 8, 0);
	need(ten_head_add_prov(&h, &bottom, ids[0], &e));
	need(ten_head_add_prov(&h, &left, ids[1], &e));
	need(ten_head_add_prov(&h, &right, ids[2], &e));
	need(ten_head_add_prov(&h, &top, NULL, &e));
	need(ten_writer_end(begin(&h, "bytes", false), &e));
}

int
main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	name = argv[1];
	copies = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
	if (is("text"))
		text();
	else if (is("tokens") || is("bad-id") || is("no-field") || is("abort"))
		tokens();
	else if (is("rows") || is("bad-target") || is("bad-length") || is("bad-position") || is("endless") ||
	    is("untrained"))
		rows();
	else if (is("masked") || is("bad-type"))
		masked();
	else if (is("hollow"))
		hollow();
	else if (is("wide"))
		wide();
	else if (is("far-turn") || is("far-prompt") || is("far-answer") || is("many-answers"))
		chats();
	else if (is("words") || is("short-words"))
		words();
	else if (is("rollouts") || is("bad-prompt") || is("bad-array") || is("bad-ended"))
		rollouts();
	else if (is("candidates") || is("bad-scored") || is("bad-ends") || is("crowd") || is("few-types"))
		candidates();
	else if (is("metrics"))
		metrics();
	else if (is("model") || is("two-models"))
		model();
	else if (is("types"))
		types();
	else if (is("steps"))
		steps();
	else
		return 2;
	return 0;
}
