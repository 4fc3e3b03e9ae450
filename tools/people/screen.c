#include "people/screen.h"

#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utf8proc.h>

#include "text/utf8.h"

enum { INDENT = 2, WORD = 1024 };

size_t
screen_width(FILE *out)
{
	struct winsize w;
	if (!isatty(fileno(out)) || ioctl(fileno(out), TIOCGWINSZ, &w) || w.ws_col == 0)
		return 80;
	return w.ws_col < 30 ? 30 : w.ws_col > 100 ? 100 : w.ws_col;
}

void
screen_heading(FILE *out, bool tty, const char *text)
{
	fprintf(out, tty ? "\033[1m%s\033[m\n" : "%s\n", text);
}

void
screen_rule(FILE *out, size_t width)
{
	for (size_t i = 0; i < width; i++)
		putc('-', out);
	putc('\n', out);
}

void
screen_clear(FILE *out, bool tty)
{
	fputs(tty ? "\033[H\033[2J" : "\n", out);
}

/* A text on its way to the screen: the word that is not out yet, and where the line stands. */
struct wrap {
	FILE *out;
	size_t width, column;
	char word[WORD];
	size_t n, wide;   /* bytes and columns of the word */
	size_t spaces;    /* before it */
};

static void
flush(struct wrap *w)
{
	if (w->column > INDENT && w->column + w->spaces + w->wide > w->width) {
		putc('\n', w->out);
		w->column = w->spaces = 0;
	}
	if (w->spaces > w->width / 2)
		w->spaces = w->width / 2;
	if (w->n) {
		for (size_t i = w->column ? w->spaces : w->spaces + INDENT; i > 0; i--, w->column++)
			putc(' ', w->out);
		fwrite(w->word, 1, w->n, w->out);
		w->column += w->wide;
	}
	w->n = w->wide = w->spaces = 0;
}

/* A character as it is shown; a word that is longer than a line goes on in the next. */
static void
add(struct wrap *w, const char *p, size_t n, size_t wide)
{
	if (w->n + n > WORD || w->wide + wide > w->width - INDENT)
		flush(w);
	memcpy(w->word + w->n, p, n);
	w->n += n;
	w->wide += wide;
}

static bool
is_hidden(int32_t cp)
{
	utf8proc_category_t c = utf8proc_category(cp);
	return c == UTF8PROC_CATEGORY_CC || c == UTF8PROC_CATEGORY_ZL || c == UTF8PROC_CATEGORY_ZP ||
	    (c == UTF8PROC_CATEGORY_CF && cp != 0x200c && cp != 0x200d);
}

void
screen_text(FILE *out, const char *p, size_t n, size_t width)
{
	struct wrap w = {.out = out, .width = width};
	for (size_t i = 0, used; i < n; i += used) {
		char shown[16];
		int32_t cp;
		used = utf8_next((const uint8_t *)p + i, n - i, &cp);
		if (cp == '\n') {
			flush(&w);
			putc('\n', out);
			w.column = 0;
		} else if (cp == ' ' || cp == '\t') {
			if (w.n)
				flush(&w);
			w.spaces += cp == ' ' ? 1 : 4;
		} else if (cp < 0 || is_hidden(cp)) {
			int m = cp < 0x80 ? snprintf(shown, sizeof shown, "\\x%02x", (unsigned char)p[i])
			    : snprintf(shown, sizeof shown, "\\u%04x", (unsigned)cp);
			add(&w, shown, (size_t)m, (size_t)m);
		} else {
			int wide = utf8proc_charwidth(cp);
			add(&w, p + i, used, wide > 0 ? (size_t)wide : 0);
		}
	}
	flush(&w);
	if (w.column)
		putc('\n', out);
}
