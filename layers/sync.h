/* SPDX-License-Identifier: BSD-3-Clause */
/* Bringing what was written to the disk. Private to layers/. */
#ifndef VENEER_LAYERS_SYNC_H
#define VENEER_LAYERS_SYNC_H

#include "node.h"

/* Body.unsynced: is the name under which the object is in the upper on disk? */
enum unsynced {
	UNSYNCED_NOTHING, /* it is, or that is nobody's business */
	UNSYNCED_MADE, /* a new object */
	UNSYNCED_COPY, /* a copy: without the name, the old one is seen */
};

/* A handle on @b that is open for writing comes, or goes. Do not block. */
void sync_add_writer(struct body *b);
void sync_del_writer(struct body *b);

/*
 * Did an earlier sync of @b, or (a volatile upper) of anything, fail? 0 or
 * that error: what was written since may be lost, and no sync would say so.
 * Does not block.
 */
int sync_status(const struct body *b);

/*
 * Does syncing @n, of the upper, have anything to wait for? Not in memory: then
 * it is done on the loop. Does not block.
 */
bool sync_waits(struct node *n, const struct handle *h);

/* Is what @h writes for @c to be on disk at once? */
bool sync_is_asked(const struct handle *h, const struct call *c);

/*
 * The upper file @fd of @n was written: sync it (fsync(2), or fdatasync(2)) and
 * what leads to it; @h as in tree_fsync(). Blocks.
 */
int sync_file(struct node *n, const struct handle *h, const struct call *c,
	      int fd, bool datasync);
/* The same where syncing the file came to @r: what leads to it, if that is 0. */
int sync_done(struct node *n, const struct handle *h, const struct call *c,
	      int r);
/* Bytes to be written. */
struct sync_io {
	const struct iovec *iov; /* borrowed */
	unsigned nr_iov;
	uint64_t off;
};

/* Write @io to the upper file @fd of @h, and the same. Returns the count. */
ssize_t sync_write(struct handle *h, const struct call *c, int fd,
		   const struct sync_io *io);

/* The same on a volatile upper, where nothing is synced. Does not block. */
int sync_look(struct upper *u, int fd);

#endif
