/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Settling an upper (tree_settle()): what its parts share. Offline: one
 * thread, and nobody else in the tree. Private to layers/.
 */
#ifndef VENEER_LAYERS_SETTLE_H
#define VENEER_LAYERS_SETTLE_H

#include "node.h"

struct settle {
	struct tree *t; /* owned */
	const struct settle_options *o; /* borrowed */
	struct settle_result *res; /* borrowed */
	char **ret_why; /* borrowed */
	bool rewrites; /* user.overlay.* is to become trusted.overlay.* */
	char *names, *value, *moves; /* owned; TREE_XATTR_MAX each */
};

extern const struct call settle_call; /* as root, blocking */

/* One more object was looked at. */
void settle_note(struct settle *s);
/* Say in *s->ret_why, once, that @name below @dir fails with @r; returns @r. */
int settle_fail(struct settle *s, struct node *dir, struct name name, int r);

/*
 * settle-walk.c: go through the merged tree. First (@links false) flatten
 * what needs redirects and complete what has no data; then give every name
 * of what is in the index an upper entry.
 */
int settle_walk(struct settle *s, bool links);

/* settle-complete.c: give the metadata-only upper file @n its data. */
int settle_complete(struct settle *s, struct node *n);

/* settle-index.c: is there anything in W/index? 1, 0 or errno. */
int settle_index_in_use(const struct upper *u);
/*
 * Once all names are in the upper: what is in there by no name but the index's
 * own, and partial, is gone for everybody. It would never be completed.
 */
int settle_index_drop_partial(struct settle *s);
/* Remove it, and the marks that only make sense with it. */
int settle_index_remove(struct settle *s);
/* Remove the marks of an object @at of @type that is in the index no more. */
int settle_strip_links(struct settle *s, struct at at, mode_t type);

/*
 * settle-rewrite.c: which marks the upper has, bits 1u << SETTLE_...; or what
 * an earlier run did: BEGUN to rewrite them, user.overlay.* counts yet;
 * SWITCHED, trusted.overlay.* does; DONE. On failure @ret has what was seen.
 */
enum {
	SETTLE_TRUSTED,
	SETTLE_USER,
	SETTLE_BEGUN,
	SETTLE_SWITCHED,
	SETTLE_DONE,
};
int settle_scan(struct tree *t, unsigned *ret, char **ret_why);
/* Make trusted.overlay.* of all marks, whatever an earlier try left. */
int settle_rewrite(struct settle *s);
/* Has the object @at xattrs that look different after that? 1, 0 or errno. */
int settle_looks_private(struct settle *s, struct at at);
/* Is the lower directory @at marked so that it hides something below? */
bool settle_hides(struct at at);

#endif
