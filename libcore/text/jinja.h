/* jinja.h - a chat template in the language of Jinja, which other programs' chat templates are in. */
#ifndef TENON_TEXT_JINJA_H
#define TENON_TEXT_JINJA_H

#include "text/template.h"

/* A template over `messages` (each with `role` and `content`) and `add_generation_prompt` that gives the text of which
 * template_render makes tokens; a role that may not speak raises an exception. Owned; NULL when out of memory. */
char *template_jinja(const struct chat_template *t, struct err *e);

#endif
