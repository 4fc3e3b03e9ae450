/* Any bytes as an array of NumPy: a header that is accepted is within what was given and has a size that does not overflow, is
 * found the same when it comes piece by piece, and is accepted again as it is written. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
by_pieces(struct npy *a, const uint8_t *data, size_t size)
{
	struct err e;
	int rc;
	for (size_t n = NPY_BEGIN, need; n <= size; n = need) {
		uint8_t *piece = malloc(n); /* so that a byte too far is seen */
		if (!piece)
			abort();
		memcpy(piece, data, n);
		rc = npy_parse(a, piece, n, &need, &e);
		free(piece);
		if (rc)
			return rc;
		if (need <= n)
			abort();
	}
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e;
	struct npy a, b;
	char text[NPY_MAX_WRITTEN];
	size_t header;
	int rc = npy_parse(&a, data, size, &header, &e);
	if (rc != by_pieces(&b, data, size) && size >= NPY_BEGIN)
		abort();
	if (rc != 1)
		return 0;
	if (header > size || a.rank > NPY_MAX_RANK || a.row == 0 || memcmp(&a, &b, sizeof a) != 0)
		abort();
	size_t n = npy_format(&a, text);
	if (n % 64 || npy_parse(&b, (uint8_t *)text, n, &header, &e) != 1 || header != n || memcmp(&a, &b, sizeof a) != 0)
		abort();
	return 0;
}

#include "fuzz/main.inc"
