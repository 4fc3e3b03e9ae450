#include "export/export.h"
#include "common/cli.h"
void export_peft(const struct export_job *j) { cli_die(ERR_USAGE, "%s", j->output); }
