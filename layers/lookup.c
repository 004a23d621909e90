/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a name in a merged directory to its node: what is in memory, or what
 * the layers say (search.c).
 *
 * What is in memory is verified with one statx: the upper changes only
 * through us, but a lower may be edited by its owner.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "lookup.h"
#include "overlay.h"
#include "search.h"

/* The ident.path of what was found (overlay.md 7). */
static uint64_t
found_path(struct search *s)
{
	const struct dir *d = s->parent;
	const struct statx *stx = &s->top;
	uint64_t path;

	if (s->dir && s->dir->nr_lowers > 0) {
		stx = &s->top_lower;
	} else if (s->top_layer == 0 && d->is_marked_impure &&
		   origin_decode(s->t, AT(d->upper_fd, s->asked),
				 stx->stx_mode & S_IFMT, &path) == 0) {
		/* Only a directory marked impure has such children. */
		return path;
	}
	return ino_to_path(s->t, statx_dev(stx), stx->stx_ino);
}

static struct node *
make_node(struct search *s, struct node *parent, struct name name)
{
	bool is_linked = !s->dir && s->top_layer == 0 && s->top.stx_nlink > 1;
	uint64_t path = found_path(s);
	struct body *b = NULL;

	if (is_linked)
		b = body_find(s->t, statx_dev(&s->top), s->top.stx_ino);
	if (!b) {
		b = body_new(s->t, &s->top, s->top_layer, path,
			     take_ptr(&s->dir));
		if (!b)
			return NULL;
		atomic_init(&b->is_metacopy, s->top_is_metacopy);
		b->data_blocks_512 = s->data_blocks_512;
		if (!b->dir && s->nr_lower_hits > 0)
			b->lower_nlink = s->top_lower.stx_nlink;
		if (s->is_data_lazy) /* as ovl_getattr(), before it is looked at */
			b->data_blocks_512 =
				(s->top.stx_size + 4095) / 4096 * 8;
		if (is_linked)
			b = body_publish(b);
	}
	return node_add(parent, name, b);
}

/*
 * The node in memory, if its real object is still the one we knew. One that
 * is not (a lower edited behind our back) is forgotten.
 */
static int
lookup_known(struct node *dir, struct name name, const char *buf,
	     const struct call *c, struct found *ret)
{
	CLEANUP_UNREF_NODE struct node *n = node_find(dir, name);
	unsigned layer;
	int fd, r;

	if (!n)
		return -ENOENT;
	layer = atomic_load(&n->body->layer);
	RETURN_IF_SLOW(n->body->tree, layer, c);
	/* The topmost object is always under its own name. */
	fd = dir_fd_of(dir->body->dir, layer);
	r = fd < 0 ? -ENOENT : real_statx(AT(fd, buf), &ret->stx);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0 && ret->stx.stx_ino == n->body->real_ino &&
	    statx_dev(&ret->stx) == n->body->real_dev &&
	    (ret->stx.stx_mode & S_IFMT) == n->body->type) {
		ret->node = take_ptr(&n);
		return 0;
	}
	node_detach(n);
	return -ENOENT;
}

struct node *
lookup_passing(struct node *dir, struct name name, struct ident *ret)
{
	struct node *n = node_find(dir, name);

	if (n && n->body->dir &&
	    node_now_ms() - atomic_load(&n->body->seen_ms) < NODE_SEEN_MS) {
		*ret = (struct ident){
			.path = n->body->path,
			.type = n->body->type,
			.version = atomic_load(&n->body->seen_version),
		};
		return n;
	}
	node_unref(n);
	return NULL;
}

int
lookup_name(struct node *dir, struct name name, const struct call *c,
	    struct found *ret)
{
	struct tree *t = dir->body->tree;
	struct found f = { 0 };
	char buf[256];
	int r;

	if (name.len > t->namelen)
		return -ENAMETOOLONG;
	r = lookup_known(dir, name, name_copy(name, buf), c, &f);
	if (r == -ENOENT) {
		CLEANUP_SEARCH struct search s =
			SEARCH_INIT(t, c, dir->body->dir, buf);

		r = search_run(&s);
		if (r == 0 && s.is_found) {
			f.node = make_node(&s, dir, name);
			if (!f.node)
				r = -ENOMEM;
			f.stx = s.top;
		}
		f.is_upper_whiteout = s.is_upper_whiteout;
	}
	if (r < 0)
		return r;
	*ret = f;
	return 0;
}

int
lookup_data(struct node *n, const struct call *c, int *ret_fd,
	    unsigned *ret_layer)
{
	CLEANUP_UNLOCK_DIR struct node *locked = NULL;
	CLEANUP_UNREF_NODE struct node *dir = NULL;
	int r = node_lock_parent(n, c, false, &dir);

	if (r == -ENOENT)
		return node_pinned_data(n, ret_fd, ret_layer);
	if (r < 0)
		return r;
	locked = dir;
	return lookup_data_locked(n, dir, c, ret_fd, ret_layer);
}

int
lookup_data_locked(struct node *n, struct node *dir, const struct call *c,
		   int *ret_fd, unsigned *ret_layer)
{
	CLEANUP_SEARCH struct search s =
		SEARCH_INIT(n->body->tree, c, dir->body->dir, n->name);
	int r;

	s.wants_data = true;
	r = search_run(&s);
	if (r < 0)
		return r;
	/* A layer was edited behind our back. */
	if (!s.is_found || s.top.stx_ino != n->body->real_ino || s.data_fd < 0)
		return -ESTALE;
	*ret_layer = s.data_layer;
	*ret_fd = take_fd(&s.data_fd);
	return 0;
}

int
lookup_pin(struct node *n, struct node *dir, struct at at, const struct call *c)
{
	unsigned layer;
	int fd, r = node_pin(n, at);

	if (r < 0 || !atomic_load(&n->body->is_metacopy))
		return r;
	r = lookup_data_locked(n, dir, c, &fd, &layer);
	/* Without data there is nothing to lose; only reads will fail. */
	if (r == 0)
		node_pin_data(n, fd, layer);
	return r == -EAGAIN ? r : 0;
}

int
lookup_lower_positive(struct node *dir, struct name name, bool *ret)
{
	struct dir *d = dir->body->dir;
	struct statx stx;
	char buf[256];
	unsigned i;
	int r = PEEK_ABSENT;

	name_copy(name, buf);
	for (i = 0; i < d->nr_lowers && r == PEEK_ABSENT; i++)
		r = whiteout_peek(dir->body->tree, d->lowers[i].layer,
				  AT(d->lowers[i].fd, buf), &stx);
	/* ovl_lower_positive(): unreadable counts as there. */
	*ret = r != PEEK_ABSENT && r != PEEK_WHITEOUT;
	return 0;
}
