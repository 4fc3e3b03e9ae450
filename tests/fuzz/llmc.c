/* Any bytes as the header of a token file of llm.c: what is accepted is written as it was. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "llmc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e;
	struct llmc l;
	uint8_t header[LLMC_HEADER] = {0}, again[LLMC_HEADER];
	memcpy(header, data, size < sizeof header ? size : sizeof header);
	if (llmc_parse(&l, header, &e))
		return 0;
	if ((l.bytes != 2 && l.bytes != 4) || l.count > INT32_MAX || l.end >= l.vocab_size)
		abort();
	llmc_format(&l, again);
	if (memcmp(header, again, 12) != 0)
		abort();
	return 0;
}

#include "fuzz/main.inc"
