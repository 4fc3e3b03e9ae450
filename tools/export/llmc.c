/* The ids of all records, one behind the other, as a token file of llm.c. */
#include "llmc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/cli.h"
#include "export/arrayout.h"
#include "export/export.h"

/* int32 to uint16, in place. */
static size_t
narrow(char *p, size_t n)
{
	for (size_t i = 0; i < n / 4; i++)
		memmove(p + 2 * i, p + 4 * i, 2); /* the low half comes first */
	return n / 2;
}

void
export_llmc(const struct export_job *j)
{
	struct err e;
	uint8_t header[LLMC_HEADER];
	struct arrayout out;
	struct ten_reader *r = cli_reader(j->input);
	const struct ten_head *h = ten_reader_head(r);
	int at = ten_head_need(h, ten_reader_name(r), "ids", TEN_INT, 32, 1, &e), got;
	struct ten_value *v = at < 0 ? NULL : mem_zalloc(h->nfields, sizeof *v, "fields", &e);
	if (!v)
		cli_fail(&e);
	uint64_t size = cli_head_number(r, "vocab_size", 0), total = 0;
	arrayout_open(&out, j->output);
	while ((got = ten_read(r, v, &e)) > 0) {
		const int32_t *ids = v[at].data;
		for (uint64_t i = 0; i < v[at].count; i++)
			if (ids[i] < 0 || (size && (uint64_t)ids[i] >= size))
				cli_die(ERR_DATA, "%s: record %" PRIu64 ": id %" PRId32 " is not of the vocabulary", ten_reader_name(r),
				    ten_reader_record(r) - 1, ids[i]);
		total += v[at].count;
		if (total > INT32_MAX)
			cli_die(ERR_DATA, "%s: more than 2,147,483,647 tokens; tcat --shards divides the stream", ten_reader_name(r));
		arrayout_put(&out, ids, v[at].count * sizeof *ids);
	}
	if (got < 0)
		cli_fail(&e);
	struct llmc l = {.bytes = size && size <= 65536 ? 2 : 4, .count = (uint32_t)total};
	llmc_format(&l, header);
	arrayout_close(&out, header, sizeof header, l.bytes == 2 ? narrow : NULL);
	cli_account(j->quiet, "records=%" PRIu64 " tokens=%" PRIu64 " bytes_per_token=%u", ten_reader_record(r), total, l.bytes);
	free(v);
	ten_reader_free(r);
}
