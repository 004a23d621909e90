/* SPDX-License-Identifier: BSD-3-Clause */
/* Checking an upper: what no two objects may have, and who has it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "macros.h"

struct seen {
	struct hash_entry by_key;
	struct seen *next; /* in check.all_seen */
	ino_t ino;
	size_t len;
	char *path; /* borrowed from bytes */
	char bytes[]; /* key, path */
};

int
check_seen(struct check *c, const void *key, size_t len, ino_t ino,
	   const char **ret)
{
	uint64_t hash = hash_bytes(key, len, 0);
	size_t path_len = c->path_len;
	struct hash_entry *e;
	struct seen *s;

	*ret = NULL;
	for (e = hash_find(&c->seen, hash); e; e = hash_same(e)) {
		s = container_of(e, struct seen, by_key);
		if (s->len != len || memcmp(s->bytes, key, len) != 0)
			continue;
		if (s->ino != ino)
			*ret = s->path;
		return 0;
	}
	s = malloc(sizeof(*s) + len + path_len + 1);
	if (!s)
		return -ENOMEM;
	s->ino = ino;
	s->len = len;
	s->path = s->bytes + len;
	memcpy(s->bytes, key, len);
	if (path_len > 0)
		memcpy(s->path, c->path, path_len);
	s->path[path_len] = '\0';
	s->next = c->all_seen;
	c->all_seen = s;
	hash_add(&c->seen, &s->by_key, hash);
	return 0;
}

void
check_seen_free(struct check *c)
{
	struct seen *s;

	while ((s = c->all_seen)) {
		c->all_seen = s->next;
		free(s);
	}
	hash_fini(&c->seen);
}
