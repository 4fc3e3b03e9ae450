/* Any bytes as config.json, as adapter_config.json and as the index of shards: what is accepted is sound. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "import/hfconfig.h"
#include "model/params.h"
#include "shards.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e;
	struct config c;
	struct params p;
	struct hf_lora l;
	struct st_index x;
	if (hf_config_parse(&c, data, size, &e) == 0) {
		if (config_check(&c, &e) || c.lora_rank)
			abort();
		if (params_build(&p, &c, &e) == 0 && (p.n == 0 || p.count > p.size))
			abort();
		params_free(&p);
	}
	if (hf_lora_parse(&l, data, size, &e) == 0 && (!l.rank || !l.joined || l.joined > 3))
		abort();
	if (st_index_parse(&x, data, size, &e) == 0) {
		for (size_t i = 0; i < x.n; i++)
			if (strchr(x.items[i].file, '/') || x.items[i].file[0] == '.' || (i && strcmp(x.items[i - 1].tensor, x.items[i].tensor) >= 0))
				abort();
		if (!x.nfiles || x.nfiles > x.n)
			abort();
	}
	st_index_free(&x);
	return 0;
}

#include "fuzz/main.inc"
