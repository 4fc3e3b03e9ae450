/* mkpieces chat TEXT ENDS ROLES | judged TEXT ENDS ROLES ANSWERS ENDS | tagged TEXT ENDS TAGS - one record of that shape, of
 * which texts and what divides them need not fit. ENDS and ROLES are numbers with commas between them, or empty. */
#include <stdlib.h>
#include <string.h>

#include "support/stream.inc"

enum { MOST = 16 };

static struct ten_head h;
static struct ten_value values[8];

static void
add(const char *name, enum ten_class cls, unsigned bits, const void *p, uint64_t n)
{
	uint64_t ragged = TEN_RAGGED;
	values[h.nfields] = ten_vector(p, n);
	need(ten_head_add(&h, name, cls, bits, 1, &ragged, &e));
}

static void
add_numbers(const char *name, unsigned bits, char *list)
{
	static uint32_t ends[4][MOST];
	static uint8_t roles[MOST];
	uint32_t *to = ends[h.nfields % 4];
	uint64_t n = 0;
	for (char *s; n < MOST && (s = strsep(&list, ",")) && *s; n++) {
		to[n] = (uint32_t)atoi(s);
		roles[n] = bits == 8 ? (uint8_t)to[n] : roles[n];
	}
	add(name, TEN_UINT, bits, bits == 8 ? (void *)roles : to, n);
}

int
main(int argc, char **argv)
{
	bool tagged = argc == 5 && strcmp(argv[1], "tagged") == 0, judged = argc == 7 && strcmp(argv[1], "judged") == 0;
	struct ten_writer *w;
	if (!tagged && !judged && (argc != 5 || strcmp(argv[1], "chat") != 0))
		return 2;
	strcpy(h.kind, tagged ? "tagged" : judged ? "judgements" : "chat");
	add("text", TEN_TEXT, 8, argv[2], strlen(argv[2]));
	add_numbers(tagged ? "word_ends" : "turn_ends", 32, argv[3]);
	if (tagged)
		add("tags", TEN_TEXT, 8, argv[4], strlen(argv[4]));
	else
		add_numbers("roles", 8, argv[4]);
	if (judged) {
		add("answers", TEN_TEXT, 8, argv[5], strlen(argv[5]));
		add_numbers("answer_ends", 32, argv[6]);
	}
	need(ten_writer_open(&w, to_stdout, &h, NULL, &e));
	need(ten_write(w, values, &e));
	need(ten_writer_end(w, &e));
	ten_head_free(&h);
	return 0;
}
