#include "common/peftname.h"

#include <stdio.h>
#include <string.h>

const struct param *
peft_adapted(const struct params *p, enum lora_target t, size_t layer)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->items[i].slot == slot_adapted(t) && p->items[i].layer == layer)
			return &p->items[i];
	return NULL;
}

/* Length of a tensor's name without ".weight". */
static int
module_length(const char *foreign)
{
	return (int)(strrchr(foreign, '.') - foreign);
}

void
peft_name(char *buf, size_t n, const struct config *c, const struct param *adapted, char which)
{
	const char *name = adapted->foreign, *dot = c->headless ? strchr(name, '.') : NULL;
	name = dot ? dot + 1 : name;
	snprintf(buf, n, "base_model.model.%.*s.lora_%c.weight", module_length(name), name, which);
}

void
peft_module(char *buf, size_t n, const struct param *adapted)
{
	char number[24];
	snprintf(number, sizeof number, ".%zu.", adapted->layer);
	const char *name = strstr(adapted->foreign, number) + strlen(number);
	snprintf(buf, n, "%.*s", module_length(name), name);
}
