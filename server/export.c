/* SPDX-License-Identifier: BSD-3-Clause */
/* Which tree a client attaches to. */
#include <string.h>

#include "server.h"

struct export *
export_find(const struct server *s, const char *aname, size_t len)
{
	unsigned i;

	if (len > 0 && aname[0] == '/') {
		aname++;
		len--;
	}
	if (len == 0)
		return &s->exports[0];
	for (i = 0; i < s->nr_exports; i++)
		if (strlen(s->exports[i].name) == len &&
		    memcmp(s->exports[i].name, aname, len) == 0)
			return &s->exports[i];
	return NULL;
}
