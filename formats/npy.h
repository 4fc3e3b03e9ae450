/* npy.h - headers of NumPy's array files, versions 1 to 3 (numpy.lib.format): the magic, the version, a length, and a Python
 * dictionary as text with descr, fortran_order and shape; the elements follow in C order. Little-endian numbers only. */
#ifndef TENON_FORMATS_NPY_H
#define TENON_FORMATS_NPY_H

#include <stddef.h>
#include <stdint.h>

#include "ten.h"

enum {
	NPY_MAX_RANK = TEN_MAX_RANK + 1, /* an array of arrays that are values of records */
	NPY_BEGIN = 10,                  /* bytes to begin with */
	NPY_MAX_HEADER = 1 << 16,        /* bytes that are read */
	NPY_MAX_WRITTEN = 512            /* bytes of what npy_format writes */
};

struct npy {
	enum ten_class cls; /* UINT, INT or FLOAT; truth values are UINT of 8 bits */
	unsigned bits, rank;
	uint64_t dims[NPY_MAX_RANK];
	uint64_t row;       /* bytes of one along the first dimension, of all when rank is 0; above 0 */
};

/* Looks at the first n bytes of a file. 1: *size is the length of the header, which is in *a; 0: *size bytes are needed, more
 * than n; -1: ERR_DATA, without name. */
int npy_parse(struct npy *a, const uint8_t *p, size_t n, size_t *size, struct err *e);
/* The header, version 1, a multiple of 64 bytes. Returns its length. */
size_t npy_format(const struct npy *a, char out[NPY_MAX_WRITTEN]);

#endif
