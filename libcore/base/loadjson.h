/* loadjson.h - JSON through jansson, which often calls it a mistake in the text, or nothing at all, when memory ran out. */
#ifndef TENON_BASE_LOADJSON_H
#define TENON_BASE_LOADJSON_H

#include <jansson.h>

#include "base/err.h"

/* json_loadb of n bytes: owned, or NULL with *e filled: ERR_RUNTIME when memory ran out, else ERR_DATA with what *why says and
 * without the place. */
json_t *load_json(const void *p, size_t n, size_t flags, json_error_t *why, struct err *e);

#endif
