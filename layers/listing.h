/* SPDX-License-Identifier: BSD-3-Clause */
/* The merged listing of a directory, read whole. Private to layers/. */
#ifndef VENEER_LAYERS_LISTING_H
#define VENEER_LAYERS_LISTING_H

#include "node.h"

struct listing;

/*
 * Read what is visible in @n, which is locked (shared at least): no
 * whiteouts, no name twice, "." and ".." first. A removed directory is
 * empty. One entry that cannot be looked up does not break the listing.
 */
int listing_read(struct node *n, const struct call *c, struct listing **ret);
void listing_free(struct listing *l);

/* Emit from cookie @off (a position) on. */
int listing_emit(const struct listing *l, uint64_t off, dirent_emit emit,
		 void *ctx);

/*
 * Is there nothing visible in @n (locked)? 1, 0 or errno. With
 * @ret_has_whiteouts: does its upper directory hold any whiteouts?
 */
int listing_is_empty(struct node *n, bool *ret_has_whiteouts);

/*
 * Remove the whiteouts from an upper directory that hides nothing with them
 * any more. Best effort; returns 0 or the first errno.
 */
int listing_remove_whiteouts(struct tree *t, int upper_fd);

#endif
