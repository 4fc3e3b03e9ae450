/* json.h - what the readers of JSON objects share. Each 0 or a value, or -1 or NULL with *e filled. */
#ifndef TENON_IMPORT_JSON_H
#define TENON_IMPORT_JSON_H

#include "import/sample.h"

/* The string, or the array, in field `name` of j. */
const struct jnode *member_text(const struct jnode *j, const char *name, struct err *e);
const struct jnode *member_array(const struct jnode *j, const char *name, struct err *e);
/* Turns: of an array of objects that say who speaks, and what; of a system text, if there is one. */
int turns_of_messages(struct sample *s, const struct jnode *j, const char *name, const char *who, const char *what, struct err *e);
int turns_of_system(struct sample *s, const struct jnode *j, const char *name, struct err *e);

/* Judgements of answers. */
int opinion_json(struct sample *s, const struct jnode *j, struct err *e);

#endif
