/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking an upper: going through it, as it lies on the disk. Each object is
 * looked up in the merged tree, too, to know what is below it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "cleanup.h"
#include "copyup.h"
#include "overlay.h"

/* Deeper ones are not gone into: each level costs stack and descriptors. */
#define MAX_DEPTH 1000

/* A directory of the upper. */
struct level {
	struct node *n; /* borrowed; NULL: it cannot be looked up */
	int fd;
	unsigned depth;
	/* Whiteouts in it mean nothing; but an origin hides them. */
	bool is_pure, has_origin;
	bool is_impure; /* it says that it may hold what has an origin */
	bool is_changed;
};

static int walk_dir(struct check *c, struct level *l);

static int
lookup(struct level *l, const char *name, struct node **ret)
{
	struct name nm = { name, strlen(name) };
	struct ident ident;
	unsigned nr;

	if (!l->n)
		return -ESTALE;
	return tree_walk(l->n, &check_call, &nm, 1, &ident, &nr, ret);
}

static void
check_whiteout(struct check *c, struct level *l, struct at at)
{
	int r = 0;

	if (!l->is_pure)
		return;
	if (l->has_origin) {
		check_note(c, "a whiteout in an opaque directory");
		return;
	}
	if (check_mends(c))
		r = real_unlink(c->t->layers.upper, at, 0);
	l->is_changed = true;
	check_mended(c, "a whiteout where nothing is below it", "remove it", r);
}

/* An object with an origin tells its directory to say so. */
static void
check_impure(struct check *c, struct level *l, size_t parent_len)
{
	size_t len = c->path_len;
	char cut = c->path[parent_len];
	int r = 0;

	if (l->is_impure)
		return;
	l->is_impure = true;
	if (check_mends(c))
		r = private_set(c->t, AT(l->fd, ""), PRIVATE_IMPURE, "y", 1);
	check_pop(c, parent_len);
	check_mended(c, "no impure mark, though it holds what was copied up",
		     "set it", r);
	c->path[parent_len] = cut;
	c->path_len = len;
}

static int
go_below(struct check *c, struct level *l, const struct check_object *o)
{
	struct level below = { .n = o->n, .depth = l->depth + 1 };
	int r;

	if (below.depth > MAX_DEPTH) {
		check_bad(c, "too deep to be looked at", "check it from there");
		return 0;
	}
	below.fd = real_open_dir(o->at);
	if (below.fd < 0) {
		check_bad(c, "cannot be opened", strerror(-below.fd));
		return 0;
	}
	r = walk_dir(c, &below);
	(void)real_close(below.fd);
	return r;
}

/* The entry @name of @l; its path is pushed. */
static int
check_entry(struct check *c, struct level *l, const char *name,
	    size_t parent_len)
{
	CLEANUP_UNREF_NODE struct node *n = NULL;
	struct check_object o = { .at = AT(l->fd, name) };
	bool has_origin = false;
	int r = real_statx(o.at, &o.stx);

	if (r < 0) {
		check_bad(c, "cannot be looked at", strerror(-r));
		return 0;
	}
	c->res->nr_objects++;
	if (c->o->progress)
		c->o->progress(c->o->ctx, c->res);
	if (whiteout_is(c->t, 0, o.at, &o.stx) == 1) {
		check_whiteout(c, l, o.at);
		return 0;
	}
	o.error = lookup(l, name, &n);
	o.n = n;
	r = check_marks(c, &o, &has_origin);
	if (has_origin)
		check_impure(c, l, parent_len);
	if (r == 0 && S_ISDIR(o.stx.stx_mode))
		r = go_below(c, l, &o);
	return r;
}

/* What of a directory matters for what is in it. */
static void
look_at_dir(struct check *c, struct level *l)
{
	struct at at = AT(l->fd, "");

	l->is_impure = private_is_yes(c->t, at, PRIVATE_IMPURE);
	l->has_origin = private_get(c->t, at, PRIVATE_ORIGIN, NULL, 0) >= 0;
	l->is_pure =
		l->n && l->n->body->dir && l->n->body->dir->nr_lowers == 0 &&
		(private_is_yes(c->t, at, PRIVATE_OPAQUE) || !l->has_origin);
}

static int
walk_dir(struct check *c, struct level *l)
{
	CLEANUP_CLOSEDIR DIR *d = NULL;
	const struct dirent *e;
	struct statx before, stx;
	size_t len;
	int fd, r;

	look_at_dir(c, l);
	r = real_statx(AT(l->fd, ""), &before);
	fd = real_open(AT(l->fd, "."), O_RDONLY | O_DIRECTORY | O_NOATIME,
		       &stx);
	if (r < 0 || fd < 0) {
		check_bad(c, "cannot be read", strerror(r < 0 ? -r : -fd));
		return 0;
	}
	d = fdopendir(fd);
	if (!d) {
		(void)real_close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		r = check_push(c, e->d_name, &len);
		if (r < 0)
			return r;
		r = check_entry(c, l, e->d_name, len);
		check_pop(c, len);
	}
	if (l->is_changed && check_mends(c))
		(void)copyup_times(c->t->layers.upper, AT(l->fd, ""), &before);
	return r;
}

int
check_walk(struct check *c)
{
	struct level root = { .n = c->t->root,
			      .fd = c->t->layers.upper->layer.fd };
	struct check_object o = { .at = AT(root.fd, ""),
				  .n = root.n,
				  .is_root = true };
	bool unused;
	int r = real_statx(o.at, &o.stx);

	if (r == 0)
		r = check_marks(c, &o, &unused);
	return r < 0 ? r : walk_dir(c, &root);
}
