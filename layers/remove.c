/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Removing names (overlay.md 3.3 and 3.4; the kernel's ovl_do_remove(),
 * ovl_remove_and_whiteout(), ovl_clear_empty()). Whatever something below
 * would show through gets a whiteout by the same rename that removes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "change.h"
#include "cleanup.h"
#include "copyup.h"
#include "index.h"
#include "listing.h"
#include "overlay.h"

int
remove_check_empty(struct node *child, bool *ret_has_whiteouts)
{
	int r = listing_is_empty(child, ret_has_whiteouts);

	return r == 0 ? -ENOTEMPTY : r < 0 ? r : 0;
}

/* Fill in the staged directory @temp as a stand-in for @child's upper one. */
static int
build_stand_in(struct tree *t, struct at temp, struct node *child)
{
	struct at old = AT(child->body->dir->upper_fd, "");
	struct upper *u = t->layers.upper;
	struct statx stx;
	int r;

	r = real_statx(old, &stx);
	if (r == 0)
		r = copyup_owner_mode(u, temp, &stx);
	if (r == 0)
		r = copyup_xattrs(t, old, temp);
	if (r == 0)
		r = private_set(t, temp, PRIVATE_OPAQUE, "y", 1);
	if (r == 0)
		r = copyup_times(u, temp, &stx);
	return r;
}

int
remove_clear_empty(struct change *ch, struct node *child)
{
	struct tree *t = child->body->tree;
	struct upper *u = t->layers.upper;
	char name[16];
	struct at temp = { u->work_fd, name };
	struct statx stx;
	int fd, r;

	workdir_temp(u, name);
	r = real_mkdir(u, temp, 0700);
	if (r < 0)
		return r;
	r = build_stand_in(t, temp, child);
	if (r == 0)
		r = real_rename(u, temp, change_at(ch), RENAME_EXCHANGE);
	if (r < 0) {
		workdir_discard(u, name);
		return r;
	}
	/* The old one, with its whiteouts, is in staging now. */
	fd = real_open_dir(change_at(ch));
	if (fd >= 0 && real_statx(AT(fd, ""), &stx) == 0) {
		(void)real_close(child->body->dir->upper_fd);
		child->body->dir->upper_fd = fd;
		child->body->real_ino = stx.stx_ino;
	}
	workdir_discard(u, name);
	return 0;
}

/* Put a whiteout where the name is, or would be (overlay.md 3.4). */
static int
remove_and_whiteout(struct change *ch, bool has_upper_dir)
{
	struct upper *u = node_upper(ch->dir);
	char name[16];
	struct at temp = { u->work_fd, name };
	int r = whiteout_make(u, name);

	if (r < 0)
		return r;
	r = real_rename(u, temp, change_at(ch),
			has_upper_dir ? RENAME_EXCHANGE : 0);
	/* Either the whiteout that found no place, or the old directory. */
	if (r < 0 || has_upper_dir)
		workdir_discard(u, name);
	return r;
}

static int
remove_file(struct change *ch, const struct call *c)
{
	struct node *n = ch->f.node;
	bool needs_whiteout = true, is_upper = body_is_upper(n->body);
	int r = 0, fd;

	/* Those who hold it keep a way to it; so does the map of its data. */
	if (node_is_shared(n) || atomic_load(&n->body->is_metacopy)) {
		fd = dir_fd_of(ch->dir->body->dir,
			       atomic_load(&n->body->layer));
		r = lookup_pin(n, ch->dir, AT(fd, ch->buf), c);
	}
	if (r == 0 && is_upper)
		r = lookup_lower_positive(ch->dir, ch->name, &needs_whiteout);
	if (r == 0)
		r = index_nlink_start(n);
	if (r < 0)
		return r;
	r = needs_whiteout ? remove_and_whiteout(ch, false)
			   : real_unlink(node_upper(n), change_at(ch), 0);
	if (r == 0)
		index_nlink_end(n, -1);
	return r;
}

/* @child is ch->f.node, locked exclusive, a directory. */
static int
remove_dir(struct change *ch, struct node *child)
{
	struct dir *d = child->body->dir;
	bool needs_whiteout = true, has_whiteouts = false;
	int r;

	r = remove_check_empty(child, &has_whiteouts);
	if (r == 0 && d->has_upper)
		r = lookup_lower_positive(ch->dir, ch->name, &needs_whiteout);
	if (r < 0)
		return r;
	if (d->has_upper && has_whiteouts) {
		r = remove_clear_empty(ch, child);
		if (r < 0)
			return r;
	}
	if (needs_whiteout)
		return remove_and_whiteout(ch, d->has_upper);
	return real_unlink(node_upper(child), change_at(ch), AT_REMOVEDIR);
}

struct removal {
	bool is_dir;
	const struct node *only; /* this very node, or NULL: whatever it is */
	const struct call *c;
};

static int
check_removal(const struct change *ch, const void *arg)
{
	CLEANUP_UNLOCK_DIR struct node *locked = NULL;
	const struct removal *rm = arg;
	struct node *n = ch->f.node;
	bool unused;
	int r;

	if (!n || (rm->only && n != rm->only))
		return -ENOENT;
	r = change_allow_removal(ch);
	if (r < 0)
		return r;
	if (rm->is_dir && !n->body->dir)
		return -ENOTDIR;
	if (!rm->is_dir && n->body->dir)
		return -EISDIR;
	if (!rm->is_dir || body_is_upper(ch->dir->body))
		return 0;
	/* Before the parent is copied up for nothing. */
	r = lock_dir_shared(n, rm->c);
	if (r < 0)
		return r;
	locked = n;
	return remove_check_empty(n, &unused);
}

/* The name is locked and may go; then nobody finds it any more. */
static int
remove_locked(struct change *ch, const struct removal *rm)
{
	CLEANUP_UNLOCK_DIR struct node *locked = NULL;
	struct node *n = ch->f.node;
	int r;

	if (!rm->is_dir) {
		r = remove_file(ch, rm->c);
		if (r == 0)
			change_gone(ch);
		return r;
	}
	/* Listing it may take long. */
	if (rm->c->nowait && n->body->dir->nr_lowers > 0)
		return -EAGAIN;
	r = lock_dir_excl(n, rm->c);
	if (r < 0)
		return r;
	locked = n;
	r = remove_dir(ch, n);
	if (r == 0)
		change_gone(ch);
	return r;
}

static int
remove_name(struct node *dir, struct name name, const struct removal *rm)
{
	int r;

	do {
		CLEANUP_CHANGE struct change ch = { 0 };
		CLEANUP_UNREF_NODE struct node *n = NULL;

		r = change_begin(dir, name, rm->c, check_removal, rm, &ch);
		if (r < 0)
			return r;
		if (!index_needs_link_up(ch.f.node))
			return remove_locked(&ch, rm);
		/* Its other names count on the index: with no lock held. */
		n = node_ref(ch.f.node);
		change_end(&ch);
		r = copyup_node(n, rm->c, COPYUP_META);
	} while (r == 0);
	return r;
}

int
tree_unlink(struct node *dir, const struct call *c, struct name name,
	    bool is_dir)
{
	struct removal rm = { .is_dir = is_dir, .c = c };

	return remove_name(dir, name, &rm);
}

int
tree_remove(struct node *n, const struct call *c)
{
	struct removal rm = { .is_dir = n->body->dir != NULL,
			      .only = n,
			      .c = c };
	struct node *dir;
	struct name name;
	char buf[256];
	int r;

	if (!node_upper(n))
		return -EROFS;
	/* Renamed between the two steps? Then by its new name. */
	do {
		r = node_snapshot_name(n, &dir, buf, &name);
		if (r < 0)
			return r;
		r = remove_name(dir, name, &rm);
		node_unref(dir);
	} while (r == -ENOENT &&
		 !__atomic_load_n(&n->is_detached, __ATOMIC_ACQUIRE));
	return r;
}
