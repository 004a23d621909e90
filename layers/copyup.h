/* SPDX-License-Identifier: BSD-3-Clause */
/* Bringing lower objects to the upper (overlay.md 4). Private to layers/. */
#ifndef VENEER_LAYERS_COPYUP_H
#define VENEER_LAYERS_COPYUP_H

#include "node.h"

struct claim;

/* How much of an object must be in the upper. */
enum copyup_what {
	COPYUP_META, /* all but the data, if metacopy=on lets that lie below */
	COPYUP_WRITE, /* all that writing needs: a large file's data may come
			 later (partial.h) */
	COPYUP_DATA, /* all */
	COPYUP_TRUNCATED, /* all, but a lower file's data: the caller will
			     cut that to nothing */
};

/*
 * Make sure that @n (and every directory above it) is in the upper.
 * No dir.lock may be held. Returns 0, -EROFS (no upper), -EAGAIN (nowait and
 * there is something to do), -EINPROGRESS (c->waiter was parked: to be handed
 * on before any effect), -ECANCELED (c->waiter is unwanted), -ENOSPC and
 * others: @n is then as it was.
 */
int copyup_node(struct node *n, const struct call *c, enum copyup_what what);

/* Has @b, which is in the upper, the data that @what is about? */
static inline bool
copyup_has_data(const struct body *b, enum copyup_what what)
{
	return what == COPYUP_META || !atomic_load(&b->is_metacopy) ||
	       (what == COPYUP_WRITE && atomic_load(&b->is_partial));
}

/* Is there nothing left to do for @what? */
static inline bool
copyup_is_done(const struct node *n, enum copyup_what what)
{
	return body_is_upper(n->body) && index_is_linked_up(n) &&
	       copyup_has_data(n->body, what);
}

/*
 * copylate.c: give the claimed metadata-only upper file its data, in place,
 * and remove the mark (ovl_copy_up_meta_inode_data()). With @only_clone
 * -EOPNOTSUPP, and nothing has happened, where it would have to be copied.
 */
int copyup_late_data(struct claim *cl, bool only_clone);

/*
 * Set the impure mark on the upper directory of @dir unless it is known to
 * be there. @dir.lock exclusive.
 */
int copyup_mark_impure(struct node *dir);
/*
 * The upper object @at of @n is about to get a name below @dir (locked
 * exclusive): mark @dir impure if a number comes along with it, as
 * ovl_rename() and ovl_link() do by OVL_TYPE_ORIGIN.
 */
int copyup_mark_parent(struct node *dir, const struct node *n, struct at at);

/* Data to be copied. */
struct copy_job {
	struct upper *u;
	int dst, src; /* borrowed */
	uint64_t size;
	/* Called after each slice, with how far it is: 0 to go on, or the
	 * errno to stop with. NULL: none. */
	int (*step)(void *ctx, uint64_t done, uint64_t size);
	void *ctx;
	bool only_clone; /* -EOPNOTSUPP where that cannot be done */
};

/*
 * copydata.c: copy @job.size bytes from @src to the empty file @dst, extent
 * by extent in slices, or clone. *@ret_synced: there is nothing left to sync.
 */
int copyup_data(const struct copy_job *job, bool *ret_synced);
/* copymeta.c: xattrs of @from, but for the private ones, to @to. */
int copyup_xattrs(struct tree *t, struct at from, struct at to);
/* Owner and mode, in the order that keeps setuid and setgid. */
int copyup_owner_mode(struct upper *u, struct at to, const struct statx *stx);
int copyup_times(struct upper *u, struct at to, const struct statx *stx);
/*
 * The inode flags of @from, described by @stx: sync and noatime are copied,
 * immutable and append-only are kept in a mark (ovl_copy_fileattr()).
 */
int copyup_flags(struct tree *t, struct at from, struct at to,
		 const struct statx *stx);
/* The origin mark of @from, which lies in @layer, to @to. */
int copyup_origin(struct tree *t, const struct layer *layer, struct at from,
		  struct at to, uint64_t path);
/* The mark by which the copy @to of an upper object keeps its number. */
int copyup_number(struct tree *t, struct at to, uint64_t path);

#endif
