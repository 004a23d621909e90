/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Settling, the merged tree: what a kernel that follows no redirect, reads
 * no metadata-only file and has no index would not find is brought to the
 * upper. Children first, so that a directory is whole when it is made opaque.
 *
 * Nothing of this changes what can be seen, and each step is complete for
 * itself: a crash leaves more in the upper, and the next run goes on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "copyup.h"
#include "index.h"
#include "listing.h"
#include "lookup.h"
#include "overlay.h"
#include "redirect.h"
#include "settle.h"

/* Deeper trees are refused: each level costs stack and descriptors. */
#define MAX_DEPTH 1000

/* One directory that is being gone through. */
struct level {
	struct settle *s;
	struct node *dir; /* borrowed */
	unsigned depth;
	bool links; /* the second time */
	bool all; /* a directory above is to be flattened */
	int error;
};

static bool
has_mark(const struct tree *t, int fd, enum private_xattr x)
{
	return private_get(t, AT(fd, ""), x, NULL, 0) != -ENODATA;
}

/* Would a kernel that follows no redirect see another stack than @d? */
static bool
stack_needs_flattening(struct settle *s, const struct dir *d)
{
	const struct dir_lower *l;
	unsigned i;

	if (d->has_upper && has_mark(s->t, d->upper_fd, PRIVATE_REDIRECT))
		return true;
	for (i = 0; i < d->nr_lowers; i++) {
		l = &d->lowers[i];
		if (s->rewrites && settle_hides(AT(l->fd, "")))
			return true;
		/* The bottom layer's are not even read. */
		if (l->layer < s->t->layers.nr_lowers &&
		    has_mark(s->t, l->fd, PRIVATE_REDIRECT) &&
		    !private_is_yes(s->t, AT(l->fd, ""), PRIVATE_OPAQUE))
			return true;
	}
	return false;
}

/* The same of @n; 1, 0 or errno. */
static int
needs_flattening(struct settle *s, struct node *n)
{
	int r;

	if (n == s->t->root)
		return 0; /* merged whatever its marks are */
	r = lock_dir_shared(n, &settle_call);
	if (r < 0)
		return r;
	r = stack_needs_flattening(s, n->body->dir);
	unlock_dir(n);
	return r;
}

/* Would @n, which is lower, have other xattrs once marks are rewritten? */
static int
looks_different(struct settle *s, struct node *n)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	int r;

	if (!s->rewrites || body_is_upper(n->body))
		return 0;
	r = access_begin(n, &settle_call, &a);
	return r < 0 ? r : settle_looks_private(s, a.at);
}

/* Have all of @n in the upper, and count what that took. */
static int
bring_up(struct settle *s, struct node *n, uint64_t size)
{
	struct body *b = n->body;
	bool is_metacopy = atomic_load(&b->is_metacopy);
	bool is_upper = body_is_upper(b);
	int r;

	if (copyup_is_done(n, COPYUP_DATA))
		return 0;
	/* Its other names would part from it, and nobody could tell. */
	if (!is_upper && b->lower_nlink > 1 && !index_is_for(b))
		return -EMLINK;
	r = is_metacopy && is_upper && index_is_linked_up(n)
		    ? settle_complete(s, n)
		    : copyup_node(n, &settle_call, COPYUP_DATA);
	if (r < 0)
		return r;
	if (is_metacopy)
		s->res->nr_completed++;
	else if (!is_upper)
		s->res->nr_copied++;
	else
		s->res->nr_linked++;
	if (S_ISREG(b->type) && (is_metacopy || !is_upper))
		s->res->bytes_copied += size;
	return 0;
}

/* Marks that say nothing of a complete file; nlink: of what is in no index. */
static int
strip_file(struct settle *s, struct node *n)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	unsigned mask;
	int r = 0;

	if (!body_is_upper(n->body) || atomic_load(&n->body->is_metacopy))
		return 0;
	r = access_begin(n, &settle_call, &a);
	if (r < 0)
		return r;
	mask = private_mask(s->t, a.at);
	if (mask & 1u << PRIVATE_REDIRECT)
		r = private_remove(s->t, a.at, PRIVATE_REDIRECT);
	if (r < 0 && r != -ENODATA)
		return r;
	if (mask & 1u << PRIVATE_NLINK && !n->body->index_name)
		return settle_strip_links(s, a.at, n->body->type);
	return 0;
}

static int
settle_file(struct level *lv, struct node *n, const struct statx *stx)
{
	struct settle *s = lv->s;
	int r = 0;

	if (lv->links) {
		if (!body_is_upper(n->body) || index_is_linked_up(n))
			return 0;
		r = copyup_node(n, &settle_call, COPYUP_META);
		if (r == 0)
			s->res->nr_linked++;
		return r;
	}
	if (!lv->all && !atomic_load(&n->body->is_metacopy))
		r = looks_different(s, n);
	else
		r = 1;
	if (r == 1)
		r = bring_up(s, n, stx->stx_size);
	return r < 0 ? r : strip_file(s, n);
}

/* All below is in the upper: cut it off from the lowers. */
static int
flatten(struct settle *s, struct node *n)
{
	CLEANUP_ACCESS struct access a = ACCESS_NONE;
	int r = flatten_dir(n, &settle_call);

	if (r == 0)
		r = access_begin(n, &settle_call, &a);
	if (r < 0)
		return r;
	/* Not before it is opaque: its own name may lead to something. */
	r = private_remove(s->t, a.at, PRIVATE_REDIRECT);
	s->res->nr_flattened++;
	return r == -ENODATA ? 0 : r;
}

static int walk_dir(const struct level *up, struct node *dir, bool all);

static int
settle_dir(struct level *lv, struct node *n)
{
	struct settle *s = lv->s;
	int needs = lv->links ? 0 : needs_flattening(s, n), r;
	bool all = lv->all || needs;

	if (needs < 0)
		return needs;
	r = all ? 1 : 0;
	if (!lv->links && !all)
		r = looks_different(s, n);
	if (r == 1)
		r = bring_up(s, n, 0);
	if (r < 0)
		return r;
	r = walk_dir(lv, n, all);
	return r == 0 && needs ? flatten(s, n) : r;
}

static bool
visit(void *ctx, const struct dirent_info *e)
{
	CLEANUP_FOUND struct found f = { 0 };
	struct level *lv = ctx;
	int r;

	if (e->name.ptr[0] == '.' &&
	    (e->name.len == 1 || (e->name.len == 2 && e->name.ptr[1] == '.')))
		return true;
	r = lock_dir_shared(lv->dir, &settle_call);
	if (r == 0) {
		r = lookup_name(lv->dir, e->name, &settle_call, &f);
		unlock_dir(lv->dir);
	}
	/* The upper inside a lower: nobody gets in there, after this either. */
	if (r == -ELOOP && !lv->all)
		return true;
	if (r == 0 && f.node && f.node->body->dir)
		r = settle_dir(lv, f.node);
	else if (r == 0 && f.node)
		r = settle_file(lv, f.node, &f.stx);
	settle_note(lv->s);
	lv->error = r < 0 ? settle_fail(lv->s, lv->dir, e->name, r) : 0;
	return lv->error == 0;
}

static int
walk_dir(const struct level *up, struct node *dir, bool all)
{
	struct level lv = *up;
	struct listing *l;
	int r;

	lv.dir = dir;
	lv.all = all;
	if (lv.depth++ == MAX_DEPTH)
		return -ENAMETOOLONG;
	r = lock_dir_shared(dir, &settle_call);
	if (r < 0)
		return r;
	r = listing_read(dir, &settle_call, &l);
	unlock_dir(dir);
	if (r < 0)
		return r;
	(void)listing_emit(l, 0, visit, &lv);
	listing_free(l);
	return lv.error;
}

int
settle_walk(struct settle *s, bool links)
{
	struct level top = { .s = s, .links = links };

	return walk_dir(&top, s->t->root, false);
}
