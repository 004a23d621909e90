/* SPDX-License-Identifier: BSD-3-Clause */
/* Hard links (the kernel's ovl_link()). */
#include <errno.h>

#include "alias.h"
#include "change.h"
#include "cleanup.h"
#include "copyup.h"
#include "index.h"
#include "overlay.h"
#include "owner.h"
#include "permit.h"
#include "redirect.h"

struct link_source {
	struct node *n;
	const struct call *c;
	int permitted; /* permit_link() */
};

/*
 * Has @n lost its last name? A copy without a name would get one by
 * linkat(2): it is an O_TMPFILE.
 */
static int
check_has_name(const struct link_source *src)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	struct body *b = src->n->body;
	struct statx stx;
	int r;

	if (!__atomic_load_n(&src->n->is_detached, __ATOMIC_ACQUIRE))
		return 0;
	/* A copy up gives it its other names, or it will have none. */
	if (!body_is_upper(b))
		return alias_is_for(b) ? 0 : -ENOENT;
	r = access_begin(src->n, src->c, &a);
	if (r == 0)
		r = real_statx(a.at, &stx);
	return r < 0 ? r : stx.stx_nlink > 0 ? 0 : -ENOENT;
}

/*
 * do_linkat() and vfs_link(): EEXIST comes before ENOENT and EPERM, all
 * before @arg, the object to be linked, or the directory is copied up.
 */
static int
check_link(const struct change *ch, const void *arg)
{
	const struct link_source *src = arg;
	int r;

	if (ch->f.node)
		return -EEXIST;
	if (src->permitted < 0)
		return src->permitted;
	if (!src->n->body->dir)
		return check_has_name(src);
	r = permit_dir(ch->dir, ch->c, PERMIT_WRITE);
	return r < 0 ? r : -EPERM;
}

/* Hold the object to be linked: its own name may be anywhere. */
static int
open_link_source(struct node *n, const struct call *c)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	int r = access_begin(n, c, &a);

	return r < 0 ? r : real_open_path(a.at);
}

/*
 * A metadata-only file that gets a second name finds its data by an absolute
 * redirect under both (ovl_link()).
 */
static int
keep_data_found(struct node *n, const struct call *c)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	CLEANUP_UNLOCK pthread_mutex_t *lock = NULL;
	struct tree *t = n->body->tree;
	int r;

	if (!atomic_load(&n->body->is_metacopy))
		return 0;
	r = lock_mutex(&t->rename_lock, c);
	if (r < 0)
		return r;
	lock = &t->rename_lock;
	r = access_begin(n, c, &a);
	if (r < 0)
		return r;
	r = lock_moves(t, c, false);
	if (r < 0)
		return r;
	/* Without a name, or too deep: it needs data of its own. */
	r = a.locked ? redirect_set(n, c, a.at, true) : -EXDEV;
	(void)pthread_rwlock_unlock(&t->moves_lock);
	access_end(&a);
	(void)pthread_mutex_unlock(take_ptr(&lock));
	return r == -EXDEV ? copyup_node(n, c, COPYUP_DATA) : r;
}

/* owner=mapped: what has two names cannot change places with a file later. */
static int
keep_markable(struct node *n, const struct call *c)
{
	int r;

	if (!n->body->tree->layers.features.maps_owner ||
	    S_ISREG(n->body->type))
		return 0;
	r = owner_stand_in(n, c);
	return r == -EPERM ? 0 : r; /* it is one, or made so by the host */
}

static int
link_over_whiteout(struct change *ch, int fd)
{
	struct upper *u = node_upper(ch->dir);
	char name[16];
	struct at temp = { u->work_fd, name };
	int r;

	workdir_temp(u, name);
	r = real_link_fd(u, fd, temp);
	if (r < 0)
		return r;
	r = real_rename(u, temp, change_at(ch), 0);
	if (r < 0)
		(void)real_unlink(u, temp, 0);
	return r;
}

/* A second name for @n's body, so that both are one object in memory. */
static void
add_alias(struct change *ch, struct node *n)
{
	struct body *b = body_publish(body_ref(n->body));
	struct node *alias = node_add(ch->dir, ch->name, b);

	if (alias)
		__atomic_store_n(&alias->is_linked_up, true, __ATOMIC_RELEASE);
	node_unref(alias);
}

int
tree_link(struct node *n, const struct call *c, struct node *dir,
	  struct name name)
{
	CLEANUP_CHANGE struct change ch = { 0 };
	struct link_source src = { .n = n, .c = c };
	CLEANUP_CLOSE int fd = -1;
	struct upper *u = node_upper(n);
	int r;

	if (!u)
		return -EROFS;
	if (n->body->tree != dir->body->tree)
		return -EXDEV;
	src.permitted = permit_link(n, c);
	if (src.permitted == -EAGAIN)
		return -EAGAIN;
	r = change_begin(dir, name, c, check_link, &src, &ch);
	change_end(&ch);
	if (r == 0)
		r = protattr_check(n, c, PROTATTR_CHANGE);
	if (r == 0)
		r = copyup_node(n, c, COPYUP_META);
	if (r == 0)
		r = keep_markable(n, c);
	if (r == 0)
		r = keep_data_found(n, c);
	if (r == 0)
		r = fd = open_link_source(n, c);
	if (r >= 0)
		r = change_begin(dir, name, c, check_link, &src, &ch);
	if (r == 0)
		r = copyup_mark_parent(dir, n, AT(fd, ""));
	if (r < 0)
		return r;
	r = index_nlink_start(n);
	if (r < 0)
		return r;
	if (ch.f.is_upper_whiteout)
		r = link_over_whiteout(&ch, fd);
	else
		r = real_link_fd(u, fd, change_at(&ch));
	if (r < 0)
		return r;
	index_nlink_end(n, 1);
	add_alias(&ch, n);
	return 0;
}
