#include "base/loadjson.h"

#include <errno.h>

json_t *
load_json(const void *p, size_t n, size_t flags, json_error_t *why, struct err *e)
{
	int before = errno;
	errno = 0;
	json_t *j = json_loadb(p, n, flags, why);
	/* malloc says so, and what jansson does behind it until it returns does not take it back */
	if (!j && (errno == ENOMEM || json_error_code(why) == json_error_out_of_memory))
		err_nomem(e, n, "JSON");
	else if (!j)
		err_set(e, ERR_DATA, "%s", why->text);
	errno = before;
	return j;
}
