/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Beginning and ending a change of a directory. What is refused is refused
 * before anything is copied up, as in the kernel, where the VFS has looked
 * the name up and checked permissions before overlayfs is asked.
 */
#include <errno.h>

#include "change.h"
#include "copyup.h"
#include "overlay.h"
#include "permit.h"
#include "protattr.h"

static int
begin_locked(struct node *dir, const struct call *c, change_check check,
	     const void *arg, struct change *ch)
{
	int r;

	if (dir->body->dir->is_removed)
		return -ENOENT;
	r = permit_dir(dir, c, PERMIT_EXEC);
	if (r == 0)
		r = lookup_name(dir, ch->name, c, &ch->f);
	if (r == 0)
		r = check(ch, arg);
	return r < 0 ? r : change_allow_dir(dir, c, PROTATTR_ADD);
}

int
change_allow_dir(struct node *dir, const struct call *c, enum protattr_use use)
{
	struct at at = dir_top(dir->body->dir);
	int r = protattr_check_at(dir, at, dir_top_layer(dir->body->dir), use);

	return r < 0 ? r : permit_dir(dir, c, PERMIT_WRITE | PERMIT_EXEC);
}

int
change_allow_removal(const struct change *ch)
{
	struct node *n = ch->f.node;
	unsigned layer = atomic_load(&n->body->layer);
	struct at at = { dir_fd_of(ch->dir->body->dir, layer), ch->buf };
	int r = change_allow_dir(ch->dir, ch->c, PROTATTR_REMOVE);

	if (!index_is_linked_up(n))
		at = index_entry(n);
	if (r == 0)
		r = permit_removal(ch, at);
	return r < 0 ? r : protattr_check_at(n, at, layer, PROTATTR_CHANGE);
}

int
change_begin(struct node *dir, struct name name, const struct call *c,
	     change_check check, const void *arg, struct change *ret)
{
	struct tree *t = dir->body->tree;
	int r;

	*ret = (struct change){ .c = c, .name = name };
	name_copy(name, ret->buf);
	if (!t->layers.upper)
		return -EROFS;
	if (!dir->body->dir)
		return -ENOTDIR;
	RETURN_IF_SLOW(t, 0, c);
	for (;;) {
		r = lock_dir_excl(dir, c);
		if (r < 0)
			return r;
		ret->dir = dir;
		r = begin_locked(dir, c, check, arg, ret);
		if (r == 0 && body_is_upper(dir->body)) {
			ino_changed(dir->body);
			return 0;
		}
		change_end(ret);
		if (r == 0)
			r = copyup_node(dir, c, COPYUP_META);
		if (r < 0)
			return r;
	}
}

void
change_end(struct change *ch)
{
	if (!ch->dir)
		return;
	unlock_dir(ch->dir);
	ch->dir = NULL;
	/* After the lock: the last reference may close descriptors. */
	node_unref(ch->f.node);
	ch->f = (struct found){ 0 };
}

void
change_gone(struct change *ch)
{
	struct node *n = ch->f.node;

	if (!n)
		return;
	node_detach(n);
	if (n->body->dir)
		n->body->dir->is_removed = true;
}
