/* Small files of JSON, and numbers of other types. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/half.h"
#include "common/cli.h"
#include "export/folder.h"

void
text_open(struct text_file *t, struct outfolder *to, const char *name)
{
	struct err e;
	const char *path = outfolder_file(to, name, &e);
	if (!path || outfile_open(&t->out, path, 0666, &e))
		cli_fail(&e);
	int fd = dup(t->out.fd);
	if (fd < 0 || !(t->f = fdopen(fd, "w")))
		cli_die(ERR_RUNTIME, "%s: cannot write", path);
}

void
text_save(struct text_file *t)
{
	struct err e;
	bool failed = ferror(t->f);
	if (fclose(t->f) || failed) {
		err_errno(&e, "%s: cannot write", t->out.path);
		cli_fail(&e);
	}
	if (outfile_commit(&t->out, &e))
		cli_fail(&e);
}

void
put_real(FILE *f, double x)
{
	char text[40];
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, x);
		if (!(strtod(text, NULL) < x) && !(strtod(text, NULL) > x))
			break;
	}
	fprintf(f, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

void
put_string(FILE *f, const char *s, size_t n)
{
	fputc('"', f);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			fprintf(f, "\\u%04x", c);
		else
			fputc(c, f);
	}
	fputc('"', f);
}

enum export_type
stored_type(const struct model_file *m, int type)
{
	int found = -1;
	if (type >= 0)
		return (enum export_type)type;
	for (size_t i = 0; i < m->table.n; i++) {
		const struct ten_field *f = &m->head.fields[ten_head_find(&m->head, m->table.items[i].name)];
		int t = f->cls == TEN_BFLOAT ? EXPORT_BF16 : f->bits == 16 ? EXPORT_F16 : EXPORT_F32;
		found = found < 0 || found == t ? t : EXPORT_F32;
		if (found == EXPORT_F32)
			break;
	}
	return found < 0 ? EXPORT_F32 : (enum export_type)found;
}

enum st_dtype
type_dtype(enum export_type t)
{
	static const enum st_dtype types[] = {ST_F32, ST_F16, ST_BF16};
	return types[t];
}

void
to_type(enum export_type t, const float *x, size_t n, void *to, const char *name)
{
	uint16_t *h = to;
	if (t == EXPORT_F32) {
		memcpy(to, x, n * sizeof *x);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		h[i] = t == EXPORT_F16 ? half_of((double)x[i]) : bfloat_of(x[i]);
		if (!isfinite(t == EXPORT_F16 ? half_value(h[i]) : (double)bfloat_value(h[i])))
			cli_die(ERR_NONFINITE, "tensor %s: %g is too large for 16 bits", name, (double)x[i]);
	}
}
