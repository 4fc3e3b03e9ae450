/* foreign.h - what else is in files of models: buffers, copies, heads of other tasks. */
#ifndef TENON_IMPORT_FOREIGN_H
#define TENON_IMPORT_FOREIGN_H

#include <stdbool.h>

#include "model/config.h"
#include "safetensors.h"

/* No number of a tensor of F32, F16 or BF16 is NaN or infinite. */
bool foreign_finite(const struct st_tensor *t);

/* Why a tensor that the model has no use for can be left out; its values are checked. NULL with *e saying what it is.
 * same: the token embedding and the output layer's bias, or NULL, of which there may be copies. */
const char *foreign_harmless(const struct st_tensor *t, const struct config *c, const struct st_tensor *const same[2],
    struct err *e);

#endif
