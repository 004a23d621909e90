/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rename (overlay.md 5, the kernel's ovl_rename() for the default format).
 *
 * What is checked first is checked without any effect; then the source and
 * both directories are copied up with no lock held, and everything begins
 * again; then one renameat2() of the right kind does it, after the marks
 * that must be there before: impure, opaque.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "cleanup.h"
#include "copyup.h"
#include "index.h"
#include "listing.h"
#include "overlay.h"
#include "permit.h"
#include "redirect.h"

struct rename {
	struct tree *t;
	const struct call *c;
	const struct node *only; /* the source must be this one, or NULL */
	struct change old, new;
	struct node *source; /* counted: its number stays over a copy-up */
	struct node *new_locked; /* the directory to be replaced, locked */
	bool wants_rename_lock; /* also within one directory */
	bool holds_rename_lock, holds_moves_lock;
	bool is_too_long; /* for a redirect: the source must be flattened */
	bool new_has_whiteouts;
};

/* Is @n the directory @dir or above it? Under rename_lock, or dir == n. */
static bool
is_above(const struct node *n, const struct node *dir)
{
	for (; dir; dir = dir->parent)
		if (dir == n)
			return true;
	return false;
}

static int
lock_one(struct change *ch, struct node *dir, const struct call *c)
{
	int r = lock_dir_excl(dir, c);

	if (r == 0)
		ch->dir = dir;
	return r;
}

/* Lock both directories in the order of node.h. */
static int
lock_dirs(struct rename *rn, struct node *olddir, struct node *newdir)
{
	bool new_first;
	int r;

	if (olddir != newdir || rn->wants_rename_lock) {
		r = lock_mutex(&rn->t->rename_lock, rn->c);
		if (r < 0)
			return r;
		rn->holds_rename_lock = true;
	}
	if (olddir == newdir) {
		r = lock_one(&rn->old, olddir, rn->c);
		rn->new.dir = rn->old.dir;
		return r;
	}
	new_first = is_above(newdir, olddir) ||
		    (!is_above(olddir, newdir) && newdir < olddir);
	if (new_first)
		r = lock_one(&rn->new, newdir, rn->c);
	if (r == 0)
		r = lock_one(&rn->old, olddir, rn->c);
	if (r == 0 && !new_first)
		r = lock_one(&rn->new, newdir, rn->c);
	return r;
}

static void
rename_end(struct rename *rn)
{
	if (rn->holds_moves_lock)
		(void)pthread_rwlock_unlock(&rn->t->moves_lock);
	rn->holds_moves_lock = false;
	if (rn->new_locked)
		unlock_dir(rn->new_locked);
	rn->new_locked = NULL;
	if (rn->new.dir && rn->new.dir != rn->old.dir)
		unlock_dir(rn->new.dir);
	rn->new.dir = NULL;
	node_unref(take_ptr(&rn->new.f.node));
	change_end(&rn->old);
	if (rn->holds_rename_lock)
		(void)pthread_mutex_unlock(&rn->t->rename_lock);
	rn->holds_rename_lock = false;
}

/* What stands in the way of replacing a directory. Locks it. */
static int
check_target_dir(struct rename *rn)
{
	struct node *n = rn->new.f.node;
	int r;

	r = lock_dir_excl(n, rn->c);
	if (r < 0)
		return r;
	rn->new_locked = n;
	return remove_check_empty(n, &rn->new_has_whiteouts);
}

/* 1: nothing to do (both are one object); 0: go on; errno. */
static int
check(struct rename *rn)
{
	const struct node *o = rn->old.f.node, *n = rn->new.f.node;
	const struct dir *d;
	int r;

	if (!o || (rn->only && o != rn->only))
		return -ENOENT;
	d = o->body->dir;
	if (d && is_above(o, rn->new.dir))
		return -EINVAL;
	/* do_renameat2(): what lies above the source is not empty. */
	if (n && is_above(n, rn->old.dir))
		return -ENOTEMPTY;
	if (n && n->body == o->body)
		return 1;
	r = change_allow_removal(&rn->old);
	if (r == 0)
		r = n ? change_allow_removal(&rn->new)
		      : change_allow_dir(rn->new.dir, rn->c, PROTATTR_ADD);
	if (r < 0)
		return r;
	if (n && d && !n->body->dir)
		return -ENOTDIR;
	if (n && !d && n->body->dir)
		return -EISDIR;
	/* vfs_rename(): its ".." changes. */
	if (d && rn->old.dir != rn->new.dir)
		r = permit_node(rn->old.f.node, rn->c, PERMIT_WRITE);
	if (r < 0)
		return r;
	return n && n->body->dir ? check_target_dir(rn) : 0;
}

/* Lock, look both names up, check. */
static int
rename_begin(struct rename *rn, struct node *olddir, struct node *newdir)
{
	int r = lock_dirs(rn, olddir, newdir);

	if (r < 0)
		return r;
	if (olddir->body->dir->is_removed || newdir->body->dir->is_removed)
		return -ENOENT;
	r = permit_dir(olddir, rn->c, PERMIT_EXEC);
	if (r == 0)
		r = permit_dir(newdir, rn->c, PERMIT_EXEC);
	if (r == 0)
		r = lookup_name(olddir, rn->old.name, rn->c, &rn->old.f);
	if (r == 0)
		r = lookup_name(newdir, rn->new.name, rn->c, &rn->new.f);
	return r < 0 ? r : check(rn);
}

static bool
is_all_upper(const struct rename *rn)
{
	return copyup_is_done(rn->old.f.node, COPYUP_META) &&
	       body_is_upper(rn->old.dir->body) &&
	       body_is_upper(rn->new.dir->body);
}

/* Is something of @n in a lower that its new name would not lead to? */
static bool
needs_redirect(const struct node *n)
{
	const struct dir *d = n->body->dir;

	return d ? d->nr_lowers > 0 : atomic_load(&n->body->is_metacopy);
}

/* Must the source become purely upper, for want of a redirect? */
static bool
needs_flattening(const struct rename *rn)
{
	const struct node *n = rn->old.f.node;

	return n->body->dir && n->body->dir->nr_lowers > 0 &&
	       (!rn->t->layers.features.writes_redirects || rn->is_too_long);
}

/* ovl_set_redirect(), ovl_need_absolute_redirect() */
static int
mark_redirect(struct rename *rn)
{
	struct node *n = rn->old.f.node;
	bool is_absolute = rn->old.dir != rn->new.dir ||
			   (!n->body->dir && n->body->lower_nlink > 1);
	int r;

	/* The ancestors must stay where they are meanwhile. */
	if (is_absolute && !rn->holds_rename_lock)
		return -EDEADLK;
	r = redirect_set(n, rn->c, change_at(&rn->old), is_absolute);
	rn->is_too_long = r == -EXDEV;
	return r;
}

/*
 * A directory that comes into a merged one must not merge with what is, or
 * later comes, below its new name (ovl_set_opaque()).
 */
static int
mark_opaque(struct rename *rn)
{
	struct at old = change_at(&rn->old);

	if (private_is_yes(rn->t, old, PRIVATE_OPAQUE))
		return 0;
	return private_set(rn->t, old, PRIVATE_OPAQUE, "y", 1);
}

/* The marks that must be on disk before the object moves. */
static int
mark_before(struct rename *rn)
{
	struct node *n = rn->old.f.node;
	int r = 0;

	if (rn->old.dir != rn->new.dir)
		r = copyup_mark_parent(rn->new.dir, n, change_at(&rn->old));
	if (r < 0)
		return r;
	if (needs_redirect(n))
		return mark_redirect(rn);
	if (n->body->dir && rn->new.dir->body->dir->nr_lowers > 0)
		return mark_opaque(rn);
	return 0;
}

/* Those who hold what is replaced keep a way to it; so does a map of data. */
static int
pin_target(struct rename *rn)
{
	struct node *n = rn->new.f.node;
	int fd;

	if (!n || n->body->dir ||
	    (!node_is_shared(n) && !atomic_load(&n->body->is_metacopy)))
		return 0;
	fd = dir_fd_of(rn->new.dir->body->dir, atomic_load(&n->body->layer));
	return lookup_pin(n, rn->new.dir, AT(fd, rn->new.buf), rn->c);
}

/* Which renameat2() it takes: the table in overlay.md 5. */
static int
rename_real(struct rename *rn)
{
	struct upper *u = rn->t->layers.upper;
	struct at from = change_at(&rn->old), to = change_at(&rn->new);
	bool is_dir = rn->old.f.node->body->dir != NULL, needs_whiteout;
	bool over_whiteout = rn->new.f.is_upper_whiteout;
	unsigned flags = 0;
	int r;

	r = lookup_lower_positive(rn->old.dir, rn->old.name, &needs_whiteout);
	if (r < 0)
		return r;
	if (over_whiteout && (needs_whiteout || is_dir))
		flags = RENAME_EXCHANGE;
	else if (needs_whiteout)
		flags = RENAME_WHITEOUT;
	r = real_rename(u, from, to, flags);
	/* The whiteout changed places with it and hides nothing there. */
	if (r == 0 && flags == RENAME_EXCHANGE && !needs_whiteout)
		(void)real_unlink(u, from, 0);
	return r;
}

/*
 * From here until it is done a directory is not to be found by its name; nor
 * may those above what gets a redirect have another one meanwhile.
 */
static int
hold_moves(struct rename *rn)
{
	const struct node *n = rn->old.f.node;
	int r;

	if (!n->body->dir && !needs_redirect(n))
		return 0;
	r = lock_moves(rn->t, rn->c, true);
	rn->holds_moves_lock = r == 0;
	return r;
}

/* Everything is in the upper, locked and allowed. */
static int
rename_locked(struct rename *rn)
{
	CLEANUP_FREE char *name = NULL;
	struct node *n = rn->new.f.node;
	int r;

	r = hold_moves(rn);
	if (r == 0)
		r = node_move_prepare(rn->new.name, &name);
	if (r == 0 && rn->new_has_whiteouts)
		r = remove_clear_empty(&rn->new, n);
	if (r == 0)
		r = mark_before(rn);
	if (r == 0)
		r = pin_target(rn);
	if (r == 0 && n)
		r = index_nlink_start(n);
	if (r == 0)
		r = rename_real(rn);
	if (r < 0)
		return r;
	ino_changed(rn->old.dir->body);
	ino_changed(rn->new.dir->body);
	if (n)
		index_nlink_end(n, -1);
	change_gone(&rn->new);
	node_move(rn->old.f.node, rn->new.dir, rn->new.name, take_ptr(&name));
	return 0;
}

/* What must be done, with no lock held, before a rename can be tried again. */
enum retry { RETRY_NOT, RETRY_COPYUP, RETRY_FLATTEN, RETRY_LOCK };

/* One try; else *@ret_node (counted) is to be treated as *@ret says. */
static int
rename_try(struct rename *rn, struct node *olddir, struct node *newdir,
	   enum retry *ret, struct node **ret_node)
{
	int r = rename_begin(rn, olddir, newdir);
	struct node *n = rn->old.f.node;

	*ret = RETRY_NOT;
	if (r != 0)
		return r < 0 ? r : 0;
	if (!rn->source)
		rn->source = node_ref(n);
	if (needs_flattening(rn)) {
		*ret = RETRY_FLATTEN;
	} else if (!is_all_upper(rn)) {
		*ret = RETRY_COPYUP;
		/* The source brings its own directory along. */
		if (copyup_is_done(n, COPYUP_META))
			n = newdir;
	} else if (rn->new.f.node && index_needs_link_up(rn->new.f.node)) {
		*ret = RETRY_COPYUP;
		n = rn->new.f.node;
	} else {
		r = rename_locked(rn);
		if (r == -EDEADLK)
			*ret = RETRY_LOCK;
		else if (r == -EXDEV && rn->is_too_long)
			*ret = n->body->dir ? RETRY_FLATTEN : RETRY_COPYUP;
		else
			return r;
	}
	*ret_node = node_ref(n);
	return 0;
}

/* Without locks: what the next try needs. */
static int
prepare_retry(struct rename *rn, enum retry retry, struct node *n)
{
	switch (retry) {
	case RETRY_FLATTEN:
		return flatten_dir(n, rn->c);
	case RETRY_COPYUP:
		return copyup_node(n, rn->c,
				   rn->is_too_long ? COPYUP_DATA : COPYUP_META);
	case RETRY_LOCK:
		rn->wants_rename_lock = true;
		return 0;
	case RETRY_NOT:
		break;
	}
	return 0;
}

static int
do_rename(struct node *olddir, struct name oldname, struct node *newdir,
	  struct name newname, const struct call *c, const struct node *only)
{
	struct rename rn = {
		.t = olddir->body->tree,
		.c = c,
		.only = only,
		.old = { .c = c, .name = oldname },
		.new = { .c = c, .name = newname },
	};
	struct node *n;
	enum retry retry;
	int r;

	if (newdir->body->tree != rn.t)
		return -EXDEV;
	if (!rn.t->layers.upper)
		return -EROFS;
	if (!olddir->body->dir || !newdir->body->dir)
		return -ENOTDIR;
	RETURN_IF_SLOW(rn.t, 0, c);
	name_copy(oldname, rn.old.buf);
	name_copy(newname, rn.new.buf);
	do {
		n = NULL;
		r = rename_try(&rn, olddir, newdir, &retry, &n);
		rename_end(&rn);
		if (r == 0)
			r = prepare_retry(&rn, retry, n);
		node_unref(n);
	} while (r == 0 && retry != RETRY_NOT);
	node_unref(rn.source);
	return r;
}

int
tree_rename(struct node *olddir, struct name oldname, struct node *newdir,
	    struct name newname, const struct call *c)
{
	return do_rename(olddir, oldname, newdir, newname, c, NULL);
}

int
tree_rename_node(struct node *n, struct node *newdir, struct name newname,
		 const struct call *c)
{
	struct node *dir;
	struct name name;
	char buf[256];
	int r;

	if (!node_upper(n))
		return -EROFS;
	do {
		r = node_snapshot_name(n, &dir, buf, &name);
		if (r < 0)
			return r;
		r = do_rename(dir, name, newdir, newname, c, n);
		node_unref(dir);
	} while (r == -ENOENT &&
		 !__atomic_load_n(&n->is_detached, __ATOMIC_ACQUIRE) &&
		 !newdir->body->dir->is_removed);
	return r;
}
