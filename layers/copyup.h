/* SPDX-License-Identifier: BSD-3-Clause */
/* Bringing lower objects to the upper (overlay.md 4). Private to layers/. */
#ifndef VENEER_LAYERS_COPYUP_H
#define VENEER_LAYERS_COPYUP_H

#include "node.h"

/*
 * Make sure that @n (and every directory above it) is in the upper.
 * @truncate: without its data, the caller will cut it to nothing.
 * No dir.lock may be held. Returns 0, -EROFS (no upper), -EAGAIN (nowait and
 * there is something to do), -ENOSPC and others: @n is then as it was.
 */
int copyup_node(struct node *n, const struct call *c, bool truncate);

/*
 * The same for a directory in which something is about to change; 
 * -ENOENT when it was removed.
 */
int copyup_dir(struct node *dir, const struct call *c);

/* Set the impure mark on the upper directory of @dir unless it is known. */
int copyup_mark_impure(struct node *dir);

/* copydata.c: copy @size bytes, hole by hole, or clone. */
int copyup_data(struct upper *u, int dst, int src, uint64_t size);
/* copymeta.c: xattrs of @from, but for the private ones, to @to. */
int copyup_xattrs(struct tree *t, struct at from, struct at to);
/* Owner, mode, times of @stx to @to, in the order that keeps them. */
int copyup_meta(struct upper *u, struct at to, const struct statx *stx);

#endif
