/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking an upper (tree_check()): what its parts share. Offline: one thread,
 * and nobody else in the tree. Private to layers/.
 */
#ifndef VENEER_LAYERS_CHECK_H
#define VENEER_LAYERS_CHECK_H

#include "node.h"

struct seen;

struct check {
	struct tree *t; /* owned */
	const struct check_options *o; /* borrowed */
	struct check_result *res; /* borrowed */
	char *path; /* owned; of the object that is looked at */
	size_t path_len, path_size;
	bool uses_redirect, uses_metacopy, uses_index;
	/* Who has which origin, or which lower directory (check-seen.c) */
	struct hash seen;
	struct seen *all_seen; /* owned */
};

/* As root, blocking. */
extern const struct call check_call;

/* Have the path end in "/@name"; *@ret_len is for check_pop(). -ENOMEM */
int check_push(struct check *c, const char *name, size_t *ret_len);
void check_pop(struct check *c, size_t len);

/* Nothing is wrong, but somebody may want to know. */
void check_note(struct check *c, const char *what);
/* Wrong, and nothing here mends it: @advice. */
void check_bad(struct check *c, const char *what, const char *advice);
/*
 * Wrong, and @remedy is what mends it: the caller does that if this returns
 * true, and says with what result.
 */
bool check_mends(struct check *c);
void check_mended(struct check *c, const char *what, const char *remedy, int r);

/* check-walk.c: all of the upper. 0, -ENOMEM. */
int check_walk(struct check *c);

/*
 * check-marks.c: the private xattrs of the upper object @at. @n is its node,
 * or NULL if looking it up ended with @error. *@ret_has_origin: its directory
 * has to be impure for it.
 */
struct check_object {
	struct at at;
	struct statx stx;
	struct node *n; /* borrowed */
	int error;
	bool is_root;
};
int check_marks(struct check *c, const struct check_object *o,
		bool *ret_has_origin);
/* What says how many names an object of the index has. */
void check_nlink(struct check *c, struct at at);

/* check-seen.c: remember @key (of @len bytes) as that of the inode @ino at the
 * present path. *@ret: the path of another inode with the same key, borrowed;
 * or NULL. -ENOMEM */
int check_seen(struct check *c, const void *key, size_t len, ino_t ino,
	       const char **ret);
void check_seen_free(struct check *c);

/* check-work.c: W/work and W/index. */
int check_work(struct check *c);
/* The inode that the index has for the origin @fb; 0: none. */
ino_t check_indexed(struct check *c, const uint8_t *fb, size_t len);

#endif
