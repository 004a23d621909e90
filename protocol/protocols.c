/* SPDX-License-Identifier: BSD-3-Clause */
/* The protocols that a listener can speak, by the name in its ADDR. */
#include <string.h>

#include "macros.h"
#include "protocol.h"

static const struct protocol *const protocols[] = {
	&protocol_9p,
	&protocol_nbd,
};

const struct protocol *
protocol_find(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(protocols); i++)
		if (strlen(protocols[i]->name) == len &&
		    memcmp(protocols[i]->name, name, len) == 0)
			return protocols[i];
	return NULL;
}
