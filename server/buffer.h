/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Large buffers of a loop thread: for messages received and replies that
 * carry data. Powers of two; freed ones are kept, up to a limit, so that the
 * steady state allocates nothing.
 */
#ifndef VENEER_SERVER_BUFFER_H
#define VENEER_SERVER_BUFFER_H

#include <stddef.h>

#define BUFFER_MIN_SHIFT 13 /* 8 KiB */
#define BUFFER_MAX_SHIFT 27 /* 128 MiB: over any message and some */
#define BUFFER_CLASSES (BUFFER_MAX_SHIFT - BUFFER_MIN_SHIFT + 1)
/* Kept at most, in bytes, of all sizes together. */
#define BUFFER_CACHE_MAX ((size_t)24 << 20)

struct buffer {
	struct buffer *next; /* in the cache */
	unsigned refs; /* messages in it, and the connection */
	size_t size; /* of data */
	char data[];
};

struct buffer_cache {
	struct buffer *free[BUFFER_CLASSES]; /* owned */
	size_t kept; /* bytes of those in free */
	size_t used; /* bytes of those that are out */
};

/* At least @size bytes, refs 1. NULL without memory, or too large. */
struct buffer *buffer_get(struct buffer_cache *c, size_t size);
void buffer_unref(struct buffer_cache *c, struct buffer *b);
void buffer_cache_fini(struct buffer_cache *c);

#endif
