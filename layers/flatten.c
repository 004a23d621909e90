/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Making a merged directory purely upper, so that it can be renamed without
 * a redirect (the kernel answers EXDEV there, and every program copies).
 *
 * 1. Copy up everything below it. That changes nothing that can be seen,
 *    and nothing below becomes lower again, so no lock is held meanwhile.
 * 2. Mark it opaque: one system call, after which the lowers do not count.
 * 3. Forget the lowers in memory, from the top down, and remove whiteouts,
 *    which would be listed by a kernel that has no lower to hide with them.
 *
 * A crash leaves more in the upper than needed (1), or whiteouts in
 * directories with an origin, which everybody hides (3).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "copyup.h"
#include "listing.h"
#include "lookup.h"
#include "overlay.h"
#include "redirect.h"

/* Deeper trees are refused (-EXDEV): each level costs stack. */
#define MAX_DEPTH 1000

struct flatten {
	const struct call *c;
	struct node *dir; /* borrowed: whose entries are being gone through */
	unsigned depth;
	int (*each)(struct flatten *fl, struct node *child);
	int error;
};

static bool
visit(void *ctx, const struct dirent_info *e)
{
	CLEANUP_FOUND struct found f = { 0 };
	struct flatten *fl = ctx;
	int r;

	if (e->name.ptr[0] == '.' &&
	    (e->name.len == 1 || (e->name.len == 2 && e->name.ptr[1] == '.')))
		return true;
	r = lock_dir_shared(fl->dir, fl->c);
	if (r == 0) {
		r = fl->dir->body->dir->is_removed
			    ? -ENOENT
			    : lookup_name(fl->dir, e->name, fl->c, &f);
		unlock_dir(fl->dir);
	}
	if (r == -ENOENT)
		r = 0; /* gone meanwhile */
	if (r == 0 && f.node)
		r = fl->each(fl, f.node);
	fl->error = r;
	return r == 0;
}

/* Call fl->each for what is in @dir now. */
static int
for_each_child(const struct flatten *parent, struct node *dir)
{
	struct flatten fl = *parent;
	struct listing *l;
	int r;

	fl.dir = dir;
	fl.depth++;
	fl.error = 0;
	if (fl.depth > MAX_DEPTH)
		return -EXDEV;
	r = lock_dir_shared(dir, fl.c);
	if (r < 0)
		return r;
	r = listing_read(dir, fl.c, &l);
	unlock_dir(dir);
	if (r < 0)
		return r;
	(void)listing_emit(l, 0, visit, &fl);
	listing_free(l);
	return fl.error;
}

static int
copy_all_up(struct flatten *fl, struct node *n)
{
	int r = copyup_node(n, fl->c, COPYUP_DATA);

	return r == 0 && n->body->dir ? for_each_child(fl, n) : r;
}

/*
 * Remove the whiteouts of a locked directory that has no lowers. Nobody sees
 * them go, so its times stay.
 */
static int
remove_whiteouts(struct node *n)
{
	struct tree *t = n->body->tree;
	struct at at = { n->body->dir->upper_fd, "" };
	struct statx before, after;
	int r = real_statx(at, &before);

	if (r == 0)
		r = listing_remove_whiteouts(t, at.fd);
	if (r == 0)
		r = real_statx(at, &after);
	if (r == 0 && memcmp(&before.stx_mtime, &after.stx_mtime,
			     sizeof(before.stx_mtime)) != 0)
		r = copyup_times(t->layers.upper, at, &before);
	return r;
}

/*
 * A redirect from the root leads down from a directory without lowers, too:
 * one of those below must be opaque itself before its whiteouts go.
 */
static int
stop_redirect(struct node *n)
{
	struct tree *t = n->body->tree;
	struct at at = { n->body->dir->upper_fd, "" };

	if (private_get(t, at, PRIVATE_REDIRECT, NULL, 0) == -ENODATA)
		return 0;
	return private_set(t, at, PRIVATE_OPAQUE, "y", 1);
}

static int
forget_lowers(struct flatten *fl, struct node *n)
{
	struct dir *d = n->body->dir;
	int r;

	if (!d)
		return 0;
	r = lock_dir_excl(n, fl->c);
	if (r < 0)
		return r;
	r = d->is_removed ? 0 : stop_redirect(n);
	if (r == 0)
		dir_drop_lowers(n->body->tree, d);
	if (r == 0 && !d->is_removed)
		r = remove_whiteouts(n);
	unlock_dir(n);
	return r < 0 ? r : for_each_child(fl, n);
}

/* One step that everybody sees: what is below counts no more. */
static int
make_opaque(struct node *n, const struct call *c)
{
	struct dir *d = n->body->dir;
	int r = lock_dir_excl(n, c);

	if (r < 0)
		return r;
	r = d->is_removed ? -ENOENT
			  : private_set(n->body->tree, AT(d->upper_fd, ""),
					PRIVATE_OPAQUE, "y", 1);
	if (r == 0)
		dir_drop_lowers(n->body->tree, d);
	unlock_dir(n);
	return r;
}

int
flatten_dir(struct node *n, const struct call *c)
{
	struct flatten fl = { .c = c, .each = copy_all_up };
	int r;

	if (c->nowait)
		return -EAGAIN;
	r = copy_all_up(&fl, n);
	if (r == 0)
		r = make_opaque(n, c);
	if (r < 0)
		return r;
	/* From here on it is done; whiteouts that stay are hidden anyway. */
	fl.each = forget_lowers;
	(void)forget_lowers(&fl, n);
	return 0;
}
