#include "llmc.h"

#include <string.h>

static const struct { int32_t magic, version; unsigned bytes; int32_t vocab_size, end; } kinds[] = {
    {LLMC_GPT2, 1, 2, 50257, 50256}, {LLMC_LLAMA3, 7, 4, 128256, 128000}};

int
llmc_parse(struct llmc *l, const uint8_t header[LLMC_HEADER], struct err *e)
{
	int32_t h[3];
	memcpy(h, header, sizeof h);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (h[0] != kinds[i].magic)
			continue;
		if (h[1] != kinds[i].version)
			return err_set(e, ERR_DATA, "has version %d of the format, not %d", (int)h[1], (int)kinds[i].version);
		if (h[2] < 0)
			return err_set(e, ERR_DATA, "has %d tokens by its header", (int)h[2]);
		*l = (struct llmc){kinds[i].bytes, (uint32_t)h[2], kinds[i].vocab_size, kinds[i].end};
		return 0;
	}
	return err_set(e, ERR_DATA, "is not a token file of llm.c: it begins with the number %d", (int)h[0]);
}

void
llmc_format(const struct llmc *l, uint8_t header[LLMC_HEADER])
{
	size_t i = l->bytes == 4;
	int32_t h[3] = {kinds[i].magic, kinds[i].version, (int32_t)l->count};
	memset(header, 0, LLMC_HEADER);
	memcpy(header, h, sizeof h);
}
