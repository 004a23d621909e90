/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lower hard links kept together without an index: when a lower file with
 * several names is copied up, the copy gets all of them, so that they stay
 * one file for veneer and for a kernel alike (index=off: they part, as in the
 * kernel). Private to layers/.
 */
#ifndef VENEER_LAYERS_ALIAS_H
#define VENEER_LAYERS_ALIAS_H

#include "node.h"

/* Is @b an object whose names are to be kept together so? */
static inline bool
alias_is_for(const struct body *b)
{
	return b->lower_nlink > 1 && !b->dir && b->tree->layers.features.links;
}

/* Room in @t for what alias_find() reads of its lowers: 0 or -ENOMEM. */
int alias_tables_new(struct tree *t);
void alias_tables_free(struct tree *t);

/* The names of an object but for one of them. */
struct alias_set {
	struct node **nodes; /* owned, and each is counted */
	size_t nr, size;
	bool is_complete; /* these and that one are all the lower has */
};

/*
 * Find the names of @n's object beside @n: those in memory, and those that
 * the lower layer has under the places where it has them (alias-scan.c), if
 * they lead there still; and bring their directories to the upper. No lock
 * may be held. Blocks: the first time it reads the whole layer, unless that
 * is slow. What cannot be read is left out.
 */
int alias_find(struct node *n, const struct call *c, struct alias_set *ret);
void alias_set_free(struct alias_set *set);

/* A copy of the object, on its way to get names. */
struct alias_copy {
	struct at temp; /* its name in staging, or, ... */
	bool is_tmpfile; /* ... "" of a descriptor for an O_TMPFILE */
	/*
	 * Give it the name of @n below @dir, which is locked, or none if that
	 * is NULL, and let it be the object that everybody uses.
	 */
	int (*publish)(void *ctx, struct node *dir);
	void *ctx;
};

/*
 * Give @copy all names of @set, and the one of @n if it has one still, as one
 * step for everybody who uses the tree: all names change hands, or none.
 * A crash in the middle leaves some names with the copy and some with the
 * lower file, as they are in a kernel that copied one up.
 * -EAGAIN: there are other names than those of @set by now; errno.
 */
int alias_publish(struct node *n, const struct alias_set *set,
		  const struct alias_copy *copy);

/* --- alias-scan.c: the names that a layer has ---------------------------- */

/* Of all objects in a layer that have more than one link. */
struct alias_table;

/* Where an object has a name, in the layer. */
struct alias_place {
	uint32_t dir; /* number of the directory in the table; 0: the root */
	const char *name; /* borrowed from the table */
};

/* Read the layer: -ENOMEM. What cannot be read is left out. */
int alias_table_read(const struct layer *l, struct alias_table **ret);
void alias_table_free(struct alias_table *t);
/* The places of the inode @ino: *@ret_nr of them, from number *@ret_first. */
void alias_table_find(const struct alias_table *t, ino_t ino, size_t *ret_first,
		      size_t *ret_nr);
struct alias_place alias_table_place(const struct alias_table *t, size_t i);
/* Where the directory number @dir, which is not 0, has its name. */
struct alias_place alias_table_dir(const struct alias_table *t, uint32_t dir);

#endif
