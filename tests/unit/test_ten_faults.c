/* No damaged stream is taken for a whole one: every truncation, every flipped bit, blocks cut,
 * repeated or in disorder, lengths that lie; by every reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "ten_repair.inc"
#include "ten_samples.inc"

enum { MOST_BLOCKS = 64 };

static const struct ten_writer_opts sample_opts[] = {
	{0}, {.zstd_level = 3, .byte_split = true}, {.bulk = true}, {.bulk = true, .zstd_level = 3}};

static long
read_pipe(const void *p, size_t n, struct err *e)
{
	int fd[2];
	struct ten_reader *r;
	long k = -1;
	assert_int_equal(pipe(fd), 0);
	assert_true(n <= 65536); /* so that no second process must write */
	assert_int_equal(write(fd[1], p, n), n);
	close(fd[1]);
	if (!ten_reader_open(&r, fd[0], "pipe", e)) {
		k = sample_count(r, e);
		ten_reader_free(r);
	}
	close(fd[0]);
	return k;
}

static void
assert_refused(const void *p, size_t n, const char *what, size_t where)
{
	static long (*const readers[])(const void *, size_t, struct err *) = {
		sample_read_mem, read_pipe, sample_read_map};
	for (size_t i = 0; i < 3; i++) {
		struct err e = {0};
		if (readers[i](p, n, &e) >= 0)
			fail_msg("reader %zu took a stream with %s at %zu", i, what, where);
		if (e.code != ERR_DATA)
			fail_msg("reader %zu: %s at %zu: status %d, %s", i, what, where, e.code, e.msg);
	}
}

/* Copies of exact size, so that a sanitizer sees every byte read beyond the end. */
static void
assert_cut_refused(const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	memcpy(copy, p, n);
	assert_refused(copy, n, "its end cut off", n);
	free(copy);
}

static void
truncations(void **state)
{
	(void)state;
	struct err e = {0};
	struct ten_membuf m;
	for (int kind = 0; kind < SAMPLES; kind++)
		for (size_t o = 0; o < 3; o++) {
			uint64_t records = sample_opts[o].bulk ? 1 : 4;
			assert_int_equal(sample_stream(&m, kind, records, 2, &sample_opts[o], &e), 0);
			assert_int_equal(read_pipe(m.data, m.size, &e), records);
			for (size_t n = 0; n < m.size; n++)
				assert_cut_refused((uint8_t *)m.data, n);
			free(m.data);
		}
}

static void
bit_flips(void **state)
{
	(void)state;
	struct err e = {0};
	struct ten_membuf m;
	for (int kind = 0; kind < SAMPLES; kind++)
		for (size_t o = 0; o < 3; o++) {
			uint64_t records = sample_opts[o].bulk ? 1 : 2;
			assert_int_equal(sample_stream(&m, kind, records, 0, &sample_opts[o], &e), 0);
			for (size_t i = 0; i < 8 * m.size; i++) {
				m.data[i / 8] = (char)(m.data[i / 8] ^ (1 << i % 8));
				assert_refused(m.data, m.size, "a flipped bit", i);
				m.data[i / 8] = (char)(m.data[i / 8] ^ (1 << i % 8));
			}
			free(m.data);
		}
}

/* Where the blocks are; the last entry is the size of the stream. */
static size_t
find_blocks(const struct ten_membuf *m, size_t at[MOST_BLOCKS])
{
	size_t n = 0;
	for (size_t pos = 0; pos < m->size; n++) {
		assert_true(n + 1 < MOST_BLOCKS);
		const uint8_t *p = (uint8_t *)m->data + pos;
		at[n] = pos;
		pos += 64 + repair_get(p + 28, 4) + repair_get(p + 32, 8);
	}
	at[n] = m->size;
	return n;
}

/* A stream of the blocks whose numbers are given. */
static void
assert_order_refused(const struct ten_membuf *m, const size_t *at, const size_t *order, size_t n)
{
	size_t size = 0;
	uint8_t *p = malloc(2 * m->size);
	for (size_t i = 0; i < n; i++) {
		size_t len = at[order[i] + 1] - at[order[i]];
		memcpy(p + size, m->data + at[order[i]], len);
		size += len;
	}
	assert_refused(p, size, "blocks in disorder", n);
	free(p);
}

static void
blocks_cut_moved_repeated(void **state)
{
	(void)state;
	struct err e = {0};
	struct ten_membuf m;
	size_t at[MOST_BLOCKS], order[MOST_BLOCKS + 1];
	for (int kind = 0; kind < SAMPLES; kind++) {
		assert_int_equal(sample_stream(&m, kind, 6, 1, NULL, &e), 0);
		size_t n = find_blocks(&m, at);
		for (size_t i = 0; i < n; i++) {
			size_t k = 0;
			for (size_t j = 0; j < n; j++)
				if (j != i)
					order[k++] = j;
			assert_order_refused(&m, at, order, k);
			for (size_t j = 0; j <= n; j++)
				order[j] = j <= i ? j : j - 1;
			assert_order_refused(&m, at, order, n + 1);
			for (size_t j = i + 1; j < n; j++) {
				for (k = 0; k < n; k++)
					order[k] = k == i ? j : k == j ? i : k;
				assert_order_refused(&m, at, order, n);
			}
		}
		/* 64 bytes cut out or doubled anywhere */
		uint8_t *p = malloc(m.size + 64);
		for (size_t i = 0; i + 64 <= m.size; i += 64) {
			memcpy(p, m.data, i);
			memcpy(p + i, m.data + i + 64, m.size - i - 64);
			assert_refused(p, m.size - 64, "64 bytes cut out", i);
			memcpy(p, m.data, i + 64);
			memcpy(p + i + 64, m.data + i, m.size - i);
			assert_refused(p, m.size + 64, "64 bytes repeated", i);
		}
		free(p);
		free(m.data);
	}
}

static const uint64_t lies[] = {0, 1, 2, 63, 64, 65, 1 << 12, 1 << 20, (16 << 20) + 64, UINT64_C(1) << 31,
	UINT64_C(1) << 32, UINT64_C(1) << 48, UINT64_C(1) << 62, UINT64_C(1) << 63, UINT64_MAX - 63, UINT64_MAX};

/* Every number of a header, with the header's own hash made to match. */
static void
lying_headers(void **state)
{
	(void)state;
	static const struct {
		size_t at, size;
	} fields[] = {{4, 1}, {5, 1}, {6, 2}, {8, 8}, {16, 8}, {24, 4}, {28, 4}, {32, 8}, {40, 8}, {48, 1}, {49, 1}, {55, 1}};
	struct err e = {0};
	struct ten_membuf m;
	struct rusage before, after;
	size_t at[MOST_BLOCKS];
	getrusage(RUSAGE_SELF, &before);
	for (size_t o = 0; o < 4; o++) {
		assert_int_equal(sample_stream(&m, SAMPLE_MODEL, 1, 0, &sample_opts[o], &e), 0);
		size_t n = find_blocks(&m, at);
		for (size_t b = 0; b < n; b++)
			for (size_t f = 0; f < sizeof fields / sizeof *fields; f++)
				for (size_t v = 0; v < sizeof lies / sizeof *lies; v++) {
					uint8_t old[64], *p = (uint8_t *)m.data + at[b];
					memcpy(old, p, 64);
					memcpy(p + fields[f].at, &lies[v], fields[f].size);
					uint64_t hash = XXH3_64bits(p, 56);
					memcpy(p + 56, &hash, 8);
					if (memcmp(old, p, 56))
						assert_refused(m.data, m.size, "a lying header", at[b]);
					memcpy(p, old, 64);
				}
		free(m.data);
	}
	getrusage(RUSAGE_SELF, &after);
#if !defined(__SANITIZE_ADDRESS__)
	assert_true(after.ru_maxrss - before.ru_maxrss < 16 << 10);
#endif
}

/* Every number of every meta and payload, with all hashes made to match: whatever it is taken
 * for, all readers agree, nothing is read out of bounds and memory stays bounded. */
static void
lies_with_right_hashes(void **state)
{
	(void)state;
	struct err e = {0};
	struct ten_membuf m;
	size_t at[MOST_BLOCKS], taken = 0, refused = 0;
	for (int kind = 0; kind < SAMPLES; kind++)
		for (size_t o = 0; o < 4; o++) {
			assert_int_equal(sample_stream(&m, kind, 2, 1, &sample_opts[o], &e), 0);
			size_t n = find_blocks(&m, at);
			uint8_t *p = malloc(m.size);
			for (size_t b = 0; b < n; b++)
				for (size_t k = at[b] + 64; k + 8 <= at[b + 1]; k += 4)
					for (size_t v = 0; v < sizeof lies / sizeof *lies; v++) {
						memcpy(p, m.data, m.size);
						memcpy(p + k, &lies[v], v & 1 ? 8 : 4);
						repair_hashes(p, m.size);
						long x = sample_read_mem(p, m.size, &e);
						assert_true(x >= 0 || e.code == ERR_DATA);
						assert_int_equal(sample_read_map(p, m.size, &e), x);
						taken += x >= 0;
						refused += x < 0;
					}
			free(p);
			free(m.data);
		}
	assert_true(refused > 1000 && taken > 1000); /* data may be anything, structure not */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(truncations),
		cmocka_unit_test(bit_flips),
		cmocka_unit_test(blocks_cut_moved_repeated),
		cmocka_unit_test(lying_headers),
		cmocka_unit_test(lies_with_right_hashes),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
