/* Round trips through the record stream, by every way of writing and reading. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "ten_samples.inc"

static void
assert_record(const struct ten_head *h, const struct ten_value *want, const struct ten_value *got)
{
	for (size_t f = 0; f < h->nfields; f++) {
		const struct ten_field *fd = &h->fields[f];
		assert_int_equal(want[f].count, got[f].count);
		assert_memory_equal(want[f].dims, got[f].dims, fd->rank * sizeof want[f].dims[0]);
		if (want[f].count)
			assert_memory_equal(want[f].data, got[f].data, want[f].count * ten_elem_size(fd));
		assert_int_equal((uintptr_t)got[f].data % ten_elem_size(fd), 0);
	}
}

static void
check_reader(struct ten_reader *r, uint64_t records)
{
	struct err e = {0};
	struct ten_value want[16], got[16];
	uint8_t *room = calloc(1, SAMPLE_ROOM);
	const struct ten_head *h = ten_reader_head(r);
	for (uint64_t i = 0; i < records; i++) {
		sample_record(h, i, want, &room);
		assert_int_equal(ten_read(r, got, &e), 1);
		assert_record(h, want, got);
	}
	assert_int_equal(ten_read(r, got, &e), 0);
	assert_int_equal(ten_read(r, got, &e), 0);
	assert_int_equal(ten_reader_record(r), records);
	free(room);
}

static void
check_map(const struct ten_membuf *m, uint64_t records)
{
	struct err e = {0};
	struct ten_map *map;
	struct ten_value want[16], got[16];
	uint8_t *room = calloc(1, SAMPLE_ROOM);
	assert_int_equal(ten_map_open_mem(&map, m->data, m->size, "m", &e), 0);
	assert_int_equal(ten_map_records(map), records);
	for (uint64_t k = 0; k < 2 * records; k++) {
		uint64_t i = sample_random(k, records); /* any order, again and again */
		sample_record(ten_map_head(map), i, want, &room);
		assert_int_equal(ten_map_get(map, i, got, &e), 0);
		assert_record(ten_map_head(map), want, got);
	}
	assert_int_equal(ten_map_get(map, records, got, &e), -1);
	ten_map_free(map);
	free(room);
}

/* The same through a descriptor. */
static void
check_fd(const struct ten_membuf *m, uint64_t records)
{
	struct err e = {0};
	struct ten_reader *r;
	FILE *f = tmpfile();
	assert_non_null(f);
	assert_int_equal(fwrite(m->data, 1, m->size, f), m->size);
	fflush(f);
	lseek(fileno(f), 0, SEEK_SET);
	assert_int_equal(ten_reader_open(&r, fileno(f), "file", &e), 0);
	check_reader(r, records);
	ten_reader_free(r);
	fclose(f);
}

static void
round_trips(void **state)
{
	(void)state;
	static const struct ten_writer_opts opts[] = {
		{0}, {.block = 1}, {.zstd_level = 3}, {.zstd_level = 1, .byte_split = true, .block = 300},
		{.bulk = true}, {.bulk = true, .zstd_level = 3, .byte_split = true}};
	struct err e = {0};
	for (int kind = 0; kind < SAMPLES; kind++)
		for (size_t o = 0; o < sizeof opts / sizeof *opts; o++)
			for (uint64_t n = 0; n <= 40; n = n * 3 + 1) {
				struct ten_membuf m, again;
				struct ten_reader *r;
				assert_int_equal(sample_stream(&m, kind, n, o == 0 ? 7 : 0, &opts[o], &e), 0);
				assert_int_equal(sample_stream(&again, kind, n, o == 0 ? 7 : 0, &opts[o], &e), 0);
				assert_int_equal(m.size, again.size);
				assert_memory_equal(m.data, again.data, m.size);
				assert_int_equal(m.size % 64, 0);
				assert_int_equal(ten_reader_open_mem(&r, m.data, m.size, "m", &e), 0);
				check_reader(r, n);
				ten_reader_free(r);
				check_map(&m, n);
				check_fd(&m, n);
				free(again.data);
				free(m.data);
			}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trips),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
