/* mkjudged ranks|liked|rating|none [weight|margin|rater] - lines of standard input as judgements, a record each.
 *
 * A line is fields with tabs between them: what the user says, the verdict (of ranks "1,2", else a number), with
 * weight, margin or rater what that is, then the answers. \n in a text is a line end. */
#include <string.h>

#include "support/stream.inc"

static void
unescape(char *s)
{
	char *to = s;
	for (; *s; s++) {
		char c = *s;
		if (c == '\\' && s[1] == 'n') {
			c = '\n';
			s++;
		}
		*to++ = c;
	}
	*to = 0;
}

int
main(int argc, char **argv)
{
	struct ten_head h = {.kind = "judgements"};
	uint64_t ragged = TEN_RAGGED;
	bool ranks = argc > 1 && strcmp(argv[1], "ranks") == 0, liked = argc > 1 && strcmp(argv[1], "liked") == 0;
	bool rating = argc > 1 && strcmp(argv[1], "rating") == 0, rater = argc > 2 && strcmp(argv[2], "rater") == 0;
	struct ten_writer *w;
	char *line = NULL;
	size_t cap = 0;
	need(ten_head_add(&h, "text", TEN_TEXT, 8, 1, &ragged, &e));
	need(ten_head_add(&h, "turn_ends", TEN_UINT, 32, 1, &ragged, &e));
	need(ten_head_add(&h, "roles", TEN_UINT, 8, 1, &ragged, &e));
	need(ten_head_add(&h, "answers", TEN_TEXT, 8, 1, &ragged, &e));
	need(ten_head_add(&h, "answer_ends", TEN_UINT, 32, 1, &ragged, &e));
	if (ranks)
		need(ten_head_add(&h, "ranks", TEN_UINT, 32, 1, &ragged, &e));
	if (liked)
		need(ten_head_add(&h, "liked", TEN_UINT, 8, 0, NULL, &e));
	if (rating)
		need(ten_head_add(&h, "rating", TEN_FLOAT, 64, 0, NULL, &e));
	if (argc > 2)
		need(ten_head_add(&h, argv[2], rater ? TEN_TEXT : TEN_FLOAT, rater ? 8 : 64, rater, &ragged, &e));
	struct ten_writer_opts o = {.block = 4 << 10};
	need(ten_writer_open(&w, to_stdout, &h, &o, &e));
	while (getline(&line, &cap, stdin) > 0) {
		static char answers[1 << 16];
		uint32_t rank[64], ends[64], prompt_end;
		uint8_t role = 1, is_liked = 0;
		double number = 0, extra = 0;
		size_t k = 0, n = 0, nranks = 0;
		char *rest = line;
		line[strcspn(line, "\n")] = 0;
		char *prompt = strsep(&rest, "\t"), *verdict = strsep(&rest, "\t"), *more = argc > 2 ? strsep(&rest, "\t") : NULL;
		if (more)
			extra = strtod(more, NULL);
		unescape(prompt);
		prompt_end = (uint32_t)strlen(prompt);
		for (char *r; ranks && (r = strsep(&verdict, ",")) && nranks < 64;)
			rank[nranks++] = (uint32_t)strtoul(r, NULL, 10);
		if (!ranks)
			number = strtod(verdict, NULL);
		is_liked = (uint8_t)number;
		for (char *a; (a = strsep(&rest, "\t")) && k < 64;) {
			unescape(a);
			memcpy(answers + n, a, strlen(a));
			n += strlen(a);
			ends[k++] = (uint32_t)n;
		}
		struct ten_value v[8] = {ten_vector(prompt, prompt_end), ten_vector(&prompt_end, 1), ten_vector(&role, 1),
		    ten_vector(answers, n), ten_vector(ends, k)};
		size_t f = 5;
		if (ranks)
			v[f++] = ten_vector(rank, nranks);
		if (liked)
			v[f++] = ten_vector(&is_liked, 1);
		if (rating)
			v[f++] = ten_vector(&number, 1);
		if (argc > 2)
			v[f++] = rater ? ten_vector(more, strlen(more)) : ten_vector(&extra, 1);
		need(ten_write(w, v, &e));
	}
	need(ten_writer_end(w, &e));
	ten_writer_free(w);
	ten_head_free(&h);
	free(line);
	return 0;
}
