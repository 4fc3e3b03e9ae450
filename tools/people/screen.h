/* screen.h - texts for people to read: wrapped at words by the width of their characters. */
#ifndef TENON_PEOPLE_SCREEN_H
#define TENON_PEOPLE_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Columns of the terminal that `out` is, between 30 and 100 (longer lines are hard to read); 80 when it is none. */
size_t screen_width(FILE *out);
/* n bytes, each line indented by two columns. Line ends divide, tabs are four columns; other control characters, those
 * that change the direction of writing, and bytes that are not UTF-8 are shown as \xNN or \uNNNN. */
void screen_text(FILE *out, const char *p, size_t n, size_t width);
/* A line, bold on a terminal; a rule across. `text` is plain ASCII. */
void screen_heading(FILE *out, bool tty, const char *text);
void screen_rule(FILE *out, size_t width);
void screen_clear(FILE *out, bool tty);

#endif
