/* consensus.h - what tagree writes: the items as all raters together see them, and the raters. */
#ifndef TENON_PEOPLE_CONSENSUS_H
#define TENON_PEOPLE_CONSENSUS_H

#include "people/panel.h"

/* Kind judgements, a record for each item, with its mean confidence as the result (NaN without items); path NULL writes
 * nothing. Kind raters. Provenance is that of the n heads. Both exit through cli_fail. */
double consensus_write(const struct panel *v, const char *path, const struct ten_head *const *inputs, size_t n);
void consensus_raters(const struct panel *v, const char *path, const struct ten_head *const *inputs, size_t n);

#endif
