/* Round trips through the record stream, by every way of writing and reading. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ten_repair.inc"
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

/* Column by column: the values of the records one behind the other. */
static void
check_blocks(const struct ten_membuf *m, uint64_t records)
{
	struct err e = {0};
	struct ten_reader *r;
	struct ten_value want[16];
	const struct ten_column *c;
	uint8_t *room = calloc(1, SAMPLE_ROOM);
	uint64_t at = 0;
	uint32_t k;
	assert_int_equal(ten_reader_open_mem(&r, m->data, m->size, "m", &e), 0);
	const struct ten_head *h = ten_reader_head(r);
	for (; ten_read_block(r, &c, &k, &e) == 1; at += k)
		for (size_t f = 0; f < h->nfields; f++) {
			size_t elem = ten_elem_size(&h->fields[f]), n = 0;
			for (uint32_t i = 0; i < k; i++) {
				sample_record(h, at + i, want, &room);
				if (c[f].offsets)
					assert_int_equal(c[f].offsets[i], n);
				if (want[f].count)
					assert_memory_equal(want[f].data, (const char *)c[f].data + n * elem, want[f].count * elem);
				n += want[f].count;
			}
			assert_int_equal(c[f].count, n);
			if (c[f].offsets)
				assert_int_equal(c[f].offsets[k], n);
		}
	assert_int_equal(ten_read_block(r, &c, &k, &e), 0);
	assert_int_equal(at, records);
	ten_reader_free(r);
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
				check_blocks(&m, n);
				check_map(&m, n);
				check_fd(&m, n);
				free(again.data);
				free(m.data);
			}
}

/* ---- what is written, byte by byte ---- */

static void
known_bytes(void **state)
{
	(void)state;
	struct err e = {0};
	struct ten_head h = {.kind = "text"};
	struct ten_membuf m = {0};
	struct ten_writer *w;
	struct ten_value v = ten_vector("hello", 5);
	assert_int_equal(ten_head_add(&h, "text", TEN_TEXT, 8, 1, sample_ragged, &e), 0);
	assert_int_equal(ten_writer_open(&w, ten_mem_sink(&m), &h, NULL, &e), 0);
	assert_int_equal(ten_write(w, &v, &e), 0);
	assert_int_equal(ten_writer_end(w, &e), 0);
	ten_writer_free(w);
	ten_head_free(&h);
	/* HEAD 64 + 64; DATA 64 + 128 + 128; INDEX 64 + 64 + 64; END 128 */
	assert_int_equal(m.size, 128 + 320 + 192 + 128);
	static const uint8_t head[] = {0xF1, 'T', 'E', 'N', 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0};
	static const uint8_t meta[64] = {0x01, 0x80, 0, 0, 4, 0, 0, 0, 't', 'e', 'x', 't', 0, 0, 0, 0,
		0x02, 0x80, 0, 0, 20, 0, 0, 0, 5, 8, 1, 0, 4, 0, 0, 0,
		255, 255, 255, 255, 255, 255, 255, 255, 't', 'e', 'x', 't'};
	static const uint8_t payload[128] = {'h', 'e', 'l', 'l', 'o', [64] = 0, 0, 0, 0, 5, 0, 0, 0};
	assert_memory_equal(m.data, head, sizeof head);
	assert_memory_equal(m.data + 64, meta, sizeof meta);
	assert_int_equal(m.data[128 + 4], TEN_DATA);
	assert_memory_equal(m.data + 320, payload, sizeof payload);
	assert_int_equal(m.data[448 + 4], TEN_INDEX);
	assert_int_equal(m.data[640 + 4], TEN_END);
	assert_memory_equal(m.data + m.size - 16, "\xF1" "TENEND\n", 8);
	free(m.data);
}

static void
bulk_values_are_aligned(void **state)
{
	(void)state;
	struct err e = {0};
	struct ten_membuf m;
	struct ten_map *map;
	struct ten_value v[2];
	const struct ten_writer_opts o = {.bulk = true};
	char path[] = "/tmp/test_ten.XXXXXX";
	assert_int_equal(sample_stream(&m, SAMPLE_LARGE, 2, 0, &o, &e), 0);
	int fd = mkstemp(path);
	assert_int_equal(write(fd, m.data, m.size), m.size);
	close(fd);
	assert_int_equal(ten_map_open(&map, path, &e), 0);
	unlink(path);
	for (uint64_t i = 0; i < 2; i++) {
		assert_int_equal(ten_map_get(map, i, v, &e), 0);
		assert_int_equal((uintptr_t)v[0].data % 4096, 0);
		assert_int_equal((uintptr_t)v[1].data % 4096, 0);
	}
	ten_map_free(map);
	free(m.data);
}

/* ---- streams that come slowly, in parts, or not to their end ---- */

/* Sends the stream in packets of `size` bytes, so that each read gets no more than that. */
static int
send_packets(const struct ten_membuf *m, size_t size)
{
	int fd[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(fd[0]);
		for (size_t i = 0; i < m->size; i += size)
			if (write(fd[1], m->data + i, m->size - i < size ? m->size - i : size) < 0)
				_exit(1);
		_exit(0);
	}
	close(fd[1]);
	return fd[0];
}

static void
slow_reads(void **state)
{
	(void)state;
	static const size_t sizes[] = {1, 63, 64, 65, 1000};
	struct err e = {0};
	const struct ten_writer_opts o = {.bulk = true};
	for (int kind = 0; kind < SAMPLES; kind++)
		for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
			struct ten_membuf m;
			struct ten_reader *r;
			assert_int_equal(sample_stream(&m, kind, 3, 2, kind == SAMPLE_MODEL ? &o : NULL, &e), 0);
			int fd = send_packets(&m, sizes[s]);
			assert_int_equal(ten_reader_open(&r, fd, "socket", &e), 0);
			check_reader(r, 3);
			ten_reader_free(r);
			close(fd);
			wait(NULL);
			free(m.data);
		}
}

static int
fd_write(void *ctx, struct iovec *iov, int n, struct err *e)
{
	for (int i = 0; i < n; i++)
		if (write(*(int *)ctx, iov[i].iov_base, iov[i].iov_len) != (ssize_t)iov[i].iov_len)
			return err_errno(e, "writing");
	return 0;
}

/* What was flushed can be read while the writer has more to say; then it fails. */
static void
flush_and_abort(void **state)
{
	(void)state;
	int fd[2];
	struct err e = {0};
	struct ten_head h;
	struct ten_writer *w;
	struct ten_reader *r;
	struct ten_value v[4];
	uint8_t *room = calloc(1, SAMPLE_ROOM);
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(sample_head(&h, SAMPLE_ROWS, &e), 0);
	assert_int_equal(ten_writer_open(&w, (struct ten_sink){fd_write, &fd[1]}, &h, NULL, &e), 0);
	assert_int_equal(ten_reader_open(&r, fd[0], "pipe", &e), 0);
	for (uint64_t i = 0; i < 3; i++) {
		sample_record(&h, i, v, &room);
		assert_int_equal(ten_write(w, v, &e), 0);
		assert_int_equal(ten_flush(w, &e), 0);
		assert_int_equal(ten_read(r, v, &e), 1);
	}
	ten_writer_abort(w, "tfilter", "out of \033[2Jcheese");
	assert_int_equal(ten_read(r, v, &e), -1);
	assert_int_equal(e.code, ERR_UPSTREAM);
	assert_non_null(strstr(e.msg, "tfilter, upstream, failed: out of ?[2Jcheese"));
	assert_int_equal(ten_read(r, v, &e), -1); /* and it stays failed */
	ten_reader_free(r);
	ten_writer_free(w);
	ten_head_free(&h);
	close(fd[0]);
	close(fd[1]);
	free(room);
}

static void
append(struct ten_membuf *to, const struct ten_membuf *from)
{
	struct err e;
	struct iovec iov = {from->data, from->size};
	struct ten_sink s = ten_mem_sink(to);
	assert_int_equal(s.write(s.ctx, &iov, 1, &e), 0);
}

static void
segments(void **state)
{
	(void)state;
	struct err e = {0};
	struct ten_membuf a, b, c, joined = {0}, bad = {0};
	const struct ten_writer_opts packed = {.zstd_level = 3};
	assert_int_equal(sample_stream(&a, SAMPLE_TOKENS, 3, 0, NULL, &e), 0);
	assert_int_equal(sample_stream(&b, SAMPLE_TOKENS, 9, 4, &packed, &e), 0);
	assert_int_equal(sample_stream(&c, SAMPLE_TEXT, 3, 0, NULL, &e), 0);
	append(&joined, &a);
	append(&joined, &b);
	append(&joined, &a);
	assert_int_equal(sample_read_mem(joined.data, joined.size, &e), 15);
	assert_int_equal(sample_read_map(joined.data, joined.size, &e), 15);
	append(&bad, &a);
	append(&bad, &c);
	assert_int_equal(sample_read_mem(bad.data, bad.size, &e), -1);
	assert_int_equal(e.code, ERR_DATA);
	assert_int_equal(sample_read_map(bad.data, bad.size, &e), -1);
	bad.size = 0;
	char *id = memmem(b.data, b.size, "00112233", 8); /* another tokenizer */
	id[0] = 'f';
	repair_hashes((uint8_t *)b.data, b.size);
	assert_int_equal(sample_read_mem(b.data, b.size, &e), 9);
	append(&bad, &a);
	append(&bad, &b);
	assert_int_equal(sample_read_mem(bad.data, bad.size, &e), -1);
	assert_non_null(strstr(e.msg, "tokenizer"));
	free(a.data);
	free(b.data);
	free(c.data);
	free(joined.data);
	free(bad.data);
}

/* ---- streams of the future ---- */

static void
unknown_things(void **state)
{
	(void)state;
	struct err e = {0};
	struct ten_membuf m;
	assert_int_equal(sample_stream(&m, SAMPLE_TOKENS, 3, 0, NULL, &e), 0);
	uint8_t *p = (uint8_t *)m.data;
	size_t data = 64 + repair_get(p + 28, 4);
	uint8_t *tokenizer = memmem(p, m.size, "tokenizer", 9);
	tokenizer -= 12; /* its tag */
	assert_int_equal(*tokenizer, 3);
	static const struct {
		int tag, flags, kind;
		long records;
	} cases[] = {
		{0x03, 0x0000, TEN_INDEX, 3}, {0x77, 0x0000, TEN_INDEX, 3}, {0x8077, 0x0000, TEN_INDEX, -1},
		{0x03, 0xff00, TEN_INDEX, 3}, {0x03, 0x0001, TEN_INDEX, -1},
		{0x03, 0x0000, 0x80, 3}, {0x03, 0x0000, 0xff, 3}, {0x03, 0x0000, 7, -1}, {0x03, 0x0000, 0x7f, -1}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint8_t *index = p + data;
		index += 64 + repair_get(index + 28, 4) + repair_get(index + 32, 8);
		tokenizer[0] = (uint8_t)cases[i].tag;
		tokenizer[1] = (uint8_t)(cases[i].tag >> 8);
		memcpy(p + data + 6, &cases[i].flags, 2);
		index[4] = (uint8_t)cases[i].kind;
		/* where the index is no index, END must not point at it */
		uint64_t last = cases[i].kind == TEN_INDEX ? (uint64_t)(index - p) : 0;
		memcpy(p + m.size - 64 + 8, &last, 8);
		repair_hashes(p, m.size);
		assert_int_equal(sample_read_mem(p, m.size, &e), cases[i].records);
		assert_int_equal(sample_read_map(p, m.size, &e), cases[i].records);
	}
	free(m.data);
}

/* ---- large things ---- */

/* A record that no DATA block can hold, between two that one can. */
static void
huge_record(void **state)
{
	(void)state;
	struct err e = {0};
	struct ten_head h = {.kind = "text"};
	struct ten_membuf m = {0};
	struct ten_writer *w;
	struct ten_reader *r;
	struct ten_value v;
	size_t n = TEN_MAX_RAW + 1000;
	char *text = malloc(n);
	memset(text, 'x', n);
	assert_int_equal(ten_head_add(&h, "text", TEN_TEXT, 8, 1, sample_ragged, &e), 0);
	assert_int_equal(ten_writer_open(&w, ten_mem_sink(&m), &h, NULL, &e), 0);
	const size_t sizes[3] = {5, n, 7};
	for (int i = 0; i < 3; i++) {
		v = ten_vector(text, sizes[i]);
		assert_int_equal(ten_write(w, &v, &e), 0);
	}
	assert_int_equal(ten_writer_end(w, &e), 0);
	ten_writer_free(w);
	ten_head_free(&h);
	assert_int_equal(ten_reader_open_mem(&r, m.data, m.size, "m", &e), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ten_read(r, &v, &e), 1);
		assert_int_equal(v.count, sizes[i]);
		assert_memory_equal(v.data, text, sizes[i]);
	}
	assert_int_equal(ten_read(r, &v, &e), 0);
	ten_reader_free(r);
	assert_int_equal(sample_read_map(m.data, m.size, &e), 3);
	free(m.data);
	free(text);
}

/* More blocks than one INDEX holds: they are chained. */
static void
many_blocks(void **state)
{
	(void)state;
	struct err e = {0};
	struct ten_membuf m;
	const struct ten_writer_opts bulk = {.bulk = true};
	assert_int_equal(sample_stream(&m, SAMPLE_METRICS, 9000, 1, NULL, &e), 0);
	assert_int_equal(sample_read_mem(m.data, m.size, &e), 9000);
	assert_int_equal(sample_read_map(m.data, m.size, &e), 9000);
	free(m.data);
	assert_int_equal(sample_stream(&m, SAMPLE_METRICS, 4500, 0, &bulk, &e), 0);
	assert_int_equal(sample_read_mem(m.data, m.size, &e), 4500);
	assert_int_equal(sample_read_map(m.data, m.size, &e), 4500);
	free(m.data);
}

/* ---- heads ---- */

static void
provenance(void **state)
{
	(void)state;
	struct err e = {0};
	struct ten_head a = {.kind = "text"}, b = {.kind = "text"}, c;
	uint8_t first[16], other[16];
	struct ten_input in = {.name = (char *)"stories.txt", .size = 12, .digest = {1, 2, 3}};
	struct ten_prov p = {.tool = (char *)"timport", .version = (char *)"1", .inputs = &in, .ninputs = 1};
	assert_int_equal(ten_head_add(&a, "text", TEN_TEXT, 8, 1, sample_ragged, &e), 0);
	assert_int_equal(ten_head_add_prov(&a, &p, first, &e), 0);
	assert_int_equal(ten_head_add_prov(&a, &p, NULL, &e), 0); /* the same: once */
	assert_int_equal(a.nprovs, 1);
	struct ten_prov q = {.tool = (char *)"tcat", .version = (char *)"1", .parents = &first, .nparents = 1,
	    .argv = (char *[]){(char *)"-z", (char *)""}, .nargv = 2};
	assert_int_equal(ten_head_add_prov(&b, &q, other, &e), -1); /* the parent is unknown */
	assert_int_equal(b.nprovs, 0);
	assert_int_equal(ten_head_merge_prov(&b, &a, &e), 0);
	assert_int_equal(ten_head_add_prov(&b, &q, other, &e), 0);
	assert_int_equal(ten_head_merge_prov(&b, &a, &e), 0);
	assert_int_equal(b.nprovs, 2);
	assert_memory_equal(b.provs[1].parents[0], first, 16);
	assert_memory_equal(b.provs[1].id, other, 16);
	assert_int_equal(ten_head_copy(&c, &b, &e), 0);
	assert_string_equal(c.provs[0].inputs[0].name, "stories.txt");
	assert_string_equal(c.provs[1].argv[1], "");
	ten_head_free(&c);
	/* the cap: a head that cannot be read is not written */
	char *big = malloc(300000);
	memset(big, 'a', 299999);
	big[299999] = '\0';
	for (uint64_t i = 0; i < 4; i++) {
		struct ten_prov x = {.tool = (char *)"t", .version = big, .seeded = true, .seed = i};
		assert_int_equal(ten_head_add_prov(&a, &x, NULL, &e), 0);
	}
	struct ten_membuf m = {0};
	struct ten_writer *w;
	assert_int_equal(ten_writer_open(&w, ten_mem_sink(&m), &a, NULL, &e), -1);
	assert_int_equal(e.code, ERR_DATA);
	free(big);
	free(m.data);
	ten_head_free(&a);
	ten_head_free(&b);
}

static void
bad_heads_and_values(void **state)
{
	(void)state;
	struct err e = {0};
	struct ten_head h = {.kind = "x"};
	const uint64_t huge[] = {UINT64_C(1) << 40, UINT64_C(1) << 40}, zero[] = {0}, two[] = {2};
	static const char *const names[] = {"", "a\nb", "\xff", "\xc0\x80", "\xed\xa0\x80", "\x7f", "a\xc2\x85"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_int_equal(ten_head_add(&h, names[i], TEN_INT, 32, 0, NULL, &e), -1);
	assert_int_equal(ten_head_add(&h, "a", TEN_INT, 32, 2, huge, &e), -1);
	assert_int_equal(ten_head_add(&h, "a", TEN_INT, 32, 1, zero, &e), -1);
	assert_int_equal(ten_head_add(&h, "a", TEN_FLOAT, 8, 0, NULL, &e), -1);
	assert_int_equal(ten_head_add(&h, "a", TEN_INT, 33, 0, NULL, &e), -1);
	assert_int_equal(ten_head_add(&h, "a", TEN_INT, 32, 9, huge, &e), -1);
	assert_int_equal(ten_head_add(&h, "\xc3\xa9", TEN_INT, 32, 1, two, &e), 0);
	assert_int_equal(ten_head_add(&h, "\xc3\xa9", TEN_INT, 32, 1, two, &e), -1);
	assert_int_equal(ten_head_need(&h, "f", "\xc3\xa9", TEN_INT, 0, 1, &e), 0);
	assert_int_equal(ten_head_need(&h, "f", "ids", TEN_INT, 32, 1, &e), -1);
	assert_string_equal(e.msg, "f: needs field `ids` (int32, 1 dimension), which this stream of kind `x` has not");
	assert_int_equal(ten_head_need(&h, "f", "\xc3\xa9", TEN_FLOAT, 32, 1, &e), -1);
	for (int i = 0; i <= TEN_MAX_KEYS; i++) {
		char key[16];
		snprintf(key, sizeof key, "k%d", i);
		assert_int_equal(ten_head_set_text(&h, key, "v", &e), i < TEN_MAX_KEYS ? 0 : -1);
	}
	assert_int_equal(ten_head_set_text(&h, "k0", "another", &e), 0);
	assert_string_equal(ten_head_kv(&h, "k0")->value, "another");
	struct ten_membuf m = {0};
	struct ten_writer *w;
	int32_t data[3] = {0};
	struct ten_value v = ten_vector(data, 3);
	assert_int_equal(ten_writer_open(&w, ten_mem_sink(&m), &h, NULL, &e), 0);
	assert_int_equal(ten_write(w, &v, &e), -1);
	v = ten_vector(data, 2);
	assert_int_equal(ten_write(w, &v, &e), 0);
	assert_int_equal(ten_writer_end(w, &e), 0);
	assert_int_equal(sample_read_mem(m.data, m.size, &e), 1);
	ten_writer_free(w);
	ten_head_free(&h);
	free(m.data);
}

/* Sizes of a value without elements: what is written is read, in either form of block. */
static void
hollow_values(void **state)
{
	static const uint64_t rows[] = {0, 3, UINT64_C(1) << 60, UINT64_C(1) << 61, UINT64_C(1) << 63, UINT64_MAX};
	static const uint64_t dims[] = {TEN_RAGGED, TEN_RAGGED, 4};
	(void)state;
	for (size_t i = 0; i < 12; i++) {
		struct err e;
		struct ten_head h = {.kind = "x"};
		struct ten_membuf m = {0};
		struct ten_writer *w;
		struct ten_writer_opts o = {.bulk = i % 2};
		struct ten_value v = {"", 0, {rows[i / 2], 0, 4}};
		bool small = rows[i / 2] < UINT64_C(1) << 61;
		assert_int_equal(ten_head_add(&h, "x", TEN_FLOAT, 32, 3, dims, &e), 0);
		assert_int_equal(ten_writer_open(&w, ten_mem_sink(&m), &h, &o, &e), 0);
		assert_int_equal(ten_write(w, &v, &e), small ? 0 : -1);
		assert_int_equal(ten_writer_end(w, &e), 0);
		assert_int_equal(sample_read_mem(m.data, m.size, &e), small);
		assert_int_equal(sample_read_map(m.data, m.size, &e), small);
		ten_writer_free(w);
		ten_head_free(&h);
		free(m.data);
	}
}

static void
not_streams(void **state)
{
	(void)state;
	struct err e = {0};
	struct ten_reader *r;
	struct ten_map *map;
	assert_int_equal(ten_reader_open_mem(&r, "", 0, "f", &e), -1);
	assert_non_null(strstr(e.msg, "f: is empty"));
	assert_int_equal(ten_reader_open_mem(&r, "Once upon a time\n", 17, "f", &e), -1);
	assert_non_null(strstr(e.msg, "looks like text"));
	assert_int_equal(ten_reader_open_mem(&r, "\x1f\x8b\b\0\0", 5, "f", &e), -1);
	assert_non_null(strstr(e.msg, "read it through gunzip"));
	assert_int_equal(ten_reader_open_mem(&r, "\x28\xb5\x2f\xfd\0", 5, "f", &e), -1);
	assert_non_null(strstr(e.msg, "read it through unzstd"));
	int fd = open("/", O_RDONLY);
	assert_int_equal(ten_reader_open(&r, fd, "/", &e), -1);
	assert_int_equal(e.code, ERR_DATA);
	assert_non_null(strstr(e.msg, "is a directory"));
	close(fd);
	assert_int_equal(ten_map_open(&map, "/", &e), -1);
	assert_int_equal(e.code, ERR_DATA);
	assert_int_equal(ten_map_open(&map, "/dev/null", &e), -1);
	assert_int_equal(e.code, ERR_RUNTIME);
	assert_int_equal(ten_map_open(&map, "/nonexistent", &e), -1);
	assert_int_equal(e.code, ERR_RUNTIME);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trips),
		cmocka_unit_test(known_bytes),
		cmocka_unit_test(bulk_values_are_aligned),
		cmocka_unit_test(slow_reads),
		cmocka_unit_test(flush_and_abort),
		cmocka_unit_test(segments),
		cmocka_unit_test(unknown_things),
		cmocka_unit_test(huge_record),
		cmocka_unit_test(many_blocks),
		cmocka_unit_test(provenance),
		cmocka_unit_test(bad_heads_and_values),
		cmocka_unit_test(hollow_values),
		cmocka_unit_test(not_streams),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
