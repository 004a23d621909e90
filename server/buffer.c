/* SPDX-License-Identifier: BSD-3-Clause */
/* The cache of large buffers. One loop thread; no locks. */
#include <stdlib.h>

#include "buffer.h"

/* The class whose buffers hold @size with their head, or -1. */
static int
class_of(size_t size)
{
	int i;

	for (i = 0; i < BUFFER_CLASSES; i++)
		if (((size_t)1 << (BUFFER_MIN_SHIFT + i)) -
			    sizeof(struct buffer) >=
		    size)
			return i;
	return -1;
}

struct buffer *
buffer_get(struct buffer_cache *c, size_t size)
{
	int i = class_of(size);
	struct buffer *b;
	size_t whole;

	if (i < 0)
		return NULL;
	whole = (size_t)1 << (BUFFER_MIN_SHIFT + i);
	b = c->free[i];
	if (b) {
		c->free[i] = b->next;
		c->kept -= whole;
	} else {
		b = malloc(whole);
		if (!b)
			return NULL;
		b->size = whole - sizeof(*b);
	}
	c->used += whole;
	b->next = NULL;
	b->refs = 1;
	return b;
}

void
buffer_unref(struct buffer_cache *c, struct buffer *b)
{
	size_t whole;
	int i;

	if (!b || --b->refs > 0)
		return;
	whole = b->size + sizeof(*b);
	c->used -= whole;
	if (c->kept + whole > BUFFER_CACHE_MAX) {
		free(b);
		return;
	}
	i = class_of(b->size);
	b->next = c->free[i];
	c->free[i] = b;
	c->kept += whole;
}

void
buffer_cache_fini(struct buffer_cache *c)
{
	struct buffer *b;
	int i;

	for (i = 0; i < BUFFER_CLASSES; i++) {
		while ((b = c->free[i])) {
			c->free[i] = b->next;
			free(b);
		}
	}
	c->kept = 0;
}
