/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * owner=mapped: changing owner and mode of an object in the upper.
 *
 * What cannot have a mark, because it is neither file nor directory, and now
 * needs one, changes places with a file that stands for it.
 */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "copyup.h"
#include "overlay.h"
#include "owner.h"

/* chown_common() and setattr_copy(): what @o becomes. */
static void
apply(struct owner *o, const struct attr_set *set)
{
	const unsigned chown = ATTR_SET_UID | ATTR_SET_GID;

	if (set->mask & ATTR_SET_UID)
		o->uid = set->uid;
	if (set->mask & ATTR_SET_GID)
		o->gid = set->gid;
	if (set->mask & chown && !S_ISDIR(o->mode)) {
		o->mode &= ~(mode_t)S_ISUID;
		if (o->mode & S_IXGRP)
			o->mode &= ~(mode_t)S_ISGID;
	}
	if (set->mask & ATTR_SET_MODE)
		o->mode = (o->mode & S_IFMT) | (set->mode & 07777);
}

/* chown takes file capabilities away, as cap_inode_killpriv(). */
static int
drop_capability(struct tree *t, struct at at)
{
	int r = real_removexattr(t->layers.upper, at,
				 OWNER_PREFIX "security.capability");

	return r == -ENODATA || r == -EOPNOTSUPP || r == -EPERM ? 0 : r;
}

/* Put the staged @temp in the place of @n, in the locked @dir. */
static int
replace(struct node *n, struct node *dir, struct at temp,
	const struct statx *old)
{
	struct at to = AT(dir->body->dir->upper_fd, n->name);
	struct upper *u = node_upper(n);
	struct statx stx, parent;
	int r;

	r = real_statx(to, &stx);
	if (r < 0 || stx.stx_ino != old->stx_ino)
		return r < 0 ? r : -ESTALE;
	r = real_statx(AT(to.fd, ""), &parent);
	if (r < 0)
		return r;
	/* Its number comes along. */
	r = copyup_mark_impure(dir);
	if (r == 0)
		r = real_statx(temp, &stx);
	if (r == 0)
		r = real_rename(u, temp, to, 0);
	if (r < 0)
		return r;
	body_set_real(n->body, statx_dev(&stx), stx.stx_ino);
	/* No name has come or gone. Best effort, as at a copy-up. */
	(void)copyup_times(u, AT(to.fd, ""), &parent);
	return 0;
}

/* A file with @o's mark, the target and times of @n, and its number. */
static int
stage(struct node *n, struct at from, struct at temp, const struct owner *o,
      const struct statx *old)
{
	struct tree *t = n->body->tree;
	char target[4097];
	ssize_t len = 0;
	int r;

	if (S_ISLNK(o->mode)) {
		len = real_readlink(from, target, sizeof(target) - 1);
		if (len < 0)
			return (int)len;
		target[len] = '\0';
	}
	r = owner_make(t, temp, o, S_ISLNK(o->mode) ? target : NULL);
	if (r == 0)
		r = copyup_number(t, temp, n->body->path);
	return r < 0 ? r : copyup_times(t->layers.upper, temp, old);
}

/*
 * Let a file with @o's mark stand for @n. -EALREADY: one does by now, and what
 * @o was made of may have changed with that.
 */
static int
stand_in(struct node *n, const struct call *c, const struct owner *o)
{
	CLEANUP_UNLOCK_DIR struct node *locked = NULL;
	CLEANUP_UNREF_NODE struct node *dir = NULL;
	struct upper *u = node_upper(n);
	char name[16];
	struct at temp = AT(u->work_fd, name), from;
	struct statx old;
	int r;

	r = node_lock_parent(n, c, true, &dir);
	if (r < 0)
		return r == -ENOENT ? -EPERM : r; /* unlinked */
	locked = dir;
	from = AT(dir->body->dir->upper_fd, n->name);
	r = real_statx(from, &old);
	if (r == 0 && S_ISREG(old.stx_mode))
		r = -EALREADY;
	/* Its other names would not change with it. */
	if (r == 0 && old.stx_nlink > 1)
		r = -EPERM;
	if (r < 0)
		return r;
	workdir_temp(u, name);
	r = stage(n, from, temp, o, &old);
	if (r == 0)
		r = replace(n, dir, temp, &old);
	if (r < 0)
		(void)real_unlink(u, temp, 0);
	return r;
}

/* What @at is, and what it is shown as. */
static int
both_stats(const struct tree *t, struct at at, struct statx *real,
	   struct statx *shown)
{
	int r = real_statx(at, real);

	if (r < 0)
		return r;
	*shown = *real;
	return owner_show(t, at, shown);
}

/*
 * Change the mark of the real object @at. One at a time: of two at once, one
 * setting the owner and the other the mode, none is to be lost.
 */
static int
change_mark(struct node *n, struct at at, const struct attr_set *set,
	    struct statx *ret_real, struct owner *ret)
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = owner_lock(n->body);
	struct tree *t = n->body->tree;
	struct statx shown;
	int r;

	(void)pthread_mutex_lock(lock);
	r = both_stats(t, at, ret_real, &shown);
	if (r < 0)
		return r;
	*ret = owner_of(&shown);
	apply(ret, set);
	if (set->mask & (ATTR_SET_UID | ATTR_SET_GID))
		r = drop_capability(t, at);
	return r < 0 ? r : owner_set(t, at, ret);
}

/* Change the mark of @n, or let a file with that stand for it. */
static int
change_once(struct node *n, const struct call *c, const struct attr_set *set,
	    struct owner *ret)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	struct statx real = { 0 };
	int r = access_begin(n, c, &a);

	if (r < 0)
		return r;
	r = change_mark(n, a.at, set, &real, ret);
	if (r != -EPERM || !real.stx_mode || S_ISREG(real.stx_mode) ||
	    S_ISDIR(real.stx_mode))
		return r;
	access_end(&a);
	return stand_in(n, c, ret);
}

int
owner_change(struct node *n, const struct call *c, const struct attr_set *set)
{
	struct owner o;
	int r;

	if (set->mask & ATTR_SET_MODE && S_ISLNK(n->body->type))
		return -EOPNOTSUPP;
	do
		r = change_once(n, c, set, &o);
	while (r == -EALREADY);
	if (r < 0)
		return r;
	owner_forget(n->body);
	atomic_store(&n->body->may_have_suid,
		     (o.mode & (S_ISUID | S_ISGID)) != 0);
	return 0;
}

int
owner_stand_in(struct node *n, const struct call *c)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	struct statx real, shown;
	struct owner o;
	int r = access_begin(n, c, &a);

	if (r == 0)
		r = both_stats(n->body->tree, a.at, &real, &shown);
	access_end(&a);
	if (r < 0)
		return r;
	if (S_ISREG(real.stx_mode) || S_ISDIR(real.stx_mode))
		return -EPERM;
	o = owner_of(&shown);
	r = stand_in(n, c, &o);
	return r == -EALREADY ? 0 : r;
}
