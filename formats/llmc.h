/* llmc.h - token files of llm.c: a header of 256 int32 (magic, version, number of tokens, zeros), then the tokens.
 * Magic 20240520, version 1: uint16, of GPT-2's vocabulary; magic 20240801, version 7: uint32, of LLaMA 3's. */
#ifndef TENON_FORMATS_LLMC_H
#define TENON_FORMATS_LLMC_H

#include <stdint.h>

#include "base/err.h"

enum { LLMC_HEADER = 1024, LLMC_GPT2 = 20240520, LLMC_LLAMA3 = 20240801 };

struct llmc {
	unsigned bytes;      /* of a token: 2 or 4 */
	uint32_t count;      /* tokens, below 2^31 */
	int32_t vocab_size;  /* of the vocabulary that the magic stands for, */
	int32_t end;         /* and its token between documents */
};

/* -1: ERR_DATA, without name. */
int llmc_parse(struct llmc *l, const uint8_t header[LLMC_HEADER], struct err *e);
/* From bytes and count. */
void llmc_format(const struct llmc *l, uint8_t header[LLMC_HEADER]);

#endif
