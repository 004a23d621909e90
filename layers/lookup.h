/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a name means in a merged directory (overlay.md 1.5). Private to
 * layers/.
 */
#ifndef VENEER_LAYERS_LOOKUP_H
#define VENEER_LAYERS_LOOKUP_H

#include "node.h"

/* What was found under a name, read afresh from the layers. */
struct found {
	struct node *node; /* counted; NULL: nothing is visible there */
	struct statx stx; /* of the topmost real object, if node */
	bool is_upper_whiteout; /* nothing, because the upper says so: what
				   is created here must replace it */
};

/*
 * Look @name up below @dir, which is locked (shared at least) and not
 * removed. *@ret is filled in on success, also when nothing is there.
 * Returns 0, -ENAMETOOLONG, -EPERM (a redirect or metacopy that is not
 * followed), -EAGAIN (nowait and slow) or what the disk says.
 */
int lookup_name(struct node *dir, struct name name, const struct call *c,
		struct found *ret);

/*
 * The directory @name below @dir (locked) if it is in memory and was looked
 * at moments ago: a new reference, and what it was then. NULL: look it up.
 */
struct node *lookup_passing(struct node *dir, struct name name,
			    struct ident *ret);

/*
 * Where the data of @n is, whose topmost object is metadata only: an O_PATH
 * descriptor (the caller's) and its layer. -ENOENT: a data-only layer lacks
 * it; -EIO, -ESTALE: it is gone. _locked: the parent @dir is locked already.
 */
int lookup_data(struct node *n, const struct call *c, int *ret_fd,
		unsigned *ret_layer);
int lookup_data_locked(struct node *n, struct node *dir, const struct call *c,
		       int *ret_fd, unsigned *ret_layer);

/*
 * The name of @n, at @at below the locked @dir, is about to go: keep a way to
 * the object, and to its data (node_pin(), node_pin_data()).
 */
int lookup_pin(struct node *n, struct node *dir, struct at at,
	       const struct call *c);

static inline void
cleanup_found(struct found *f)
{
	node_unref(f->node);
}
#define CLEANUP_FOUND __attribute__((cleanup(cleanup_found)))

/*
 * Does @dir's lower stack show something under @name, so that removing it
 * from the upper needs a whiteout (overlay.md 3.3)? @dir is locked.
 */
int lookup_lower_positive(struct node *dir, struct name name, bool *ret);

#endif
