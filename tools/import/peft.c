#include "import/model.h"
#include "common/cli.h"
void import_peft(const struct model_import *m) { cli_die(ERR_USAGE, "%s", m->folder); }
