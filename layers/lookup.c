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
#include "index.h"
#include "lookup.h"
#include "overlay.h"
#include "search.h"

/* The ident.path of what was found (overlay.md 7). */
static uint64_t
found_path(struct search *s)
{
	const struct dir *d = s->parent;
	const struct statx *stx = &s->top;
	uint32_t unused;
	uint64_t path;

	if (s->dir && s->dir->nr_lowers > 0) {
		stx = &s->top_lower;
	} else if (s->top_layer == 0 && d->is_marked_impure &&
		   origin_decode(s->t, AT(d->upper_fd, s->asked),
				 stx->stx_mode & S_IFMT, &path, &unused) == 0) {
		/* Only a directory marked impure has such children. */
		return path;
	}
	return ino_to_path(s->t, statx_dev(stx), stx->stx_ino);
}

static uint64_t
blocks_of_data(const struct search *s)
{
	/* As ovl_getattr(), before a data-only layer is looked at. */
	return s->is_data_lazy ? (s->top.stx_size + 4095) / 4096 * 8
			       : s->data_blocks_512;
}

/* Are names of a lower object one object in memory, too? */
static bool
keeps_links(const struct tree *t)
{
	return t->layers.features.index || t->layers.features.links;
}

/* May other names lead to the object that was found? */
static bool
is_linked(const struct search *s, const struct indexed *ix)
{
	if (s->dir)
		return false;
	if (ix->name)
		return true;
	return s->top.stx_nlink > 1 && (s->top_layer == 0 || keeps_links(s->t));
}

/*
 * A body for what @s found and @ix knows about: the one in memory, or new.
 * NULL: no memory.
 */
static struct body *
make_body(struct search *s, struct indexed *ix)
{
	const struct statx *top = ix->name ? &ix->stx : &s->top;
	unsigned layer = ix->name ? 0 : s->top_layer;
	uint64_t path = found_path(s);
	bool is_shared = is_linked(s, ix);
	struct body *b = NULL;

	if (is_shared)
		b = body_find(s->t, statx_dev(top), top->stx_ino);
	if (b && atomic_load(&b->layer) == layer)
		return b;
	/* One inode in two layers: each has its own until it is copied up. */
	is_shared = is_shared && !b;
	body_unref(b);
	b = body_new(s->t, top, layer, path, take_ptr(&s->dir));
	if (!b)
		return NULL;
	atomic_init(&b->is_metacopy,
		    ix->name ? ix->is_metacopy : s->top_is_metacopy);
	b->data_blocks_512 = blocks_of_data(s);
	if (ix->name && s->top_layer > 0 && !s->top_is_metacopy)
		b->data_blocks_512 = s->top.stx_blocks;
	if (!b->dir && s->nr_lower_hits > 0)
		b->lower_nlink = s->top_lower.stx_nlink;
	if (ix->name)
		b->lower_nlink = ix->lower_nlink;
	b->index_name = take_ptr(&ix->name);
	if (b->index_name)
		atomic_init(&b->union_nlink, ix->union_nlink);
	else if (index_is_for(b) && layer > 0)
		atomic_init(&b->union_nlink, b->lower_nlink);
	return is_shared ? body_publish(b) : b;
}

/* 0 or errno; *@ret_stx describes the object that the name leads to. */
static int
make_node(struct search *s, struct node *parent, struct name name,
	  struct statx *ret_stx, struct node **ret)
{
	CLEANUP_UNLOCK pthread_mutex_t *lock = NULL;
	struct indexed ix = { 0 };
	struct body *b;
	int r = 0;

	if (keeps_links(s->t) && !s->dir && s->top.stx_nlink > 1) {
		r = lock_mutex(&s->t->index_lock, s->c);
		if (r < 0)
			return r;
		lock = &s->t->index_lock;
	}
	if (lock && s->t->layers.features.index)
		r = index_lookup(s, &ix);
	if (r < 0)
		return r;
	*ret_stx = ix.name ? ix.stx : s->top;
	b = make_body(s, &ix);
	free(ix.name);
	if (!b)
		return -ENOMEM;
	*ret = node_add(parent, name, b);
	if (!*ret)
		return -ENOMEM;
	atomic_store(&(*ret)->found_ms, node_now_ms());
	if (s->top_layer == 0)
		__atomic_store_n(&(*ret)->is_linked_up, true, __ATOMIC_RELEASE);
	return 0;
}

/* Can @b be an object of the real type that @mode has? */
static bool
is_type_of(const struct body *b, mode_t mode)
{
	if ((mode & S_IFMT) == b->type)
		return true;
	return b->tree->layers.features.maps_owner && S_ISREG(mode) && !b->dir;
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
	CLEANUP_UNLOCK pthread_mutex_t *lock = NULL;
	const struct body *b;
	unsigned layer;
	struct at at;
	int r;

	if (!n)
		return -ENOENT;
	b = n->body;
	/* Another of its names may bring it up, unseen by @dir's lock. */
	if (index_is_for(b)) {
		r = lock_mutex(&b->tree->index_lock, c);
		if (r < 0)
			return r;
		lock = &b->tree->index_lock;
	}
	layer = atomic_load(&b->layer);
	RETURN_IF_SLOW(b->tree, layer, c);
	/* The topmost object is always under its own name, or in the index. */
	at = index_is_linked_up(n) ? AT(dir_fd_of(dir->body->dir, layer), buf)
				   : index_entry(n);
	r = at.fd < 0 ? -ENOENT : real_statx(at, &ret->stx);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0 && ret->stx.stx_ino == b->real_ino &&
	    statx_dev(&ret->stx) == b->real_dev &&
	    is_type_of(b, ret->stx.stx_mode)) {
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

	if (n && n->body->dir && !n->body->dir->is_closed &&
	    node_now_ms() - atomic_load(&n->body->dir->seen_ms) <
		    NODE_SEEN_MS) {
		*ret = (struct ident){
			.path = n->body->path,
			.type = n->body->type,
			.version = atomic_load(&n->body->dir->seen_version),
		};
		return n;
	}
	node_unref(n);
	return NULL;
}

/* Has nobody held the file @n, nor looked for it, for some time? */
static bool
is_stale(const struct node *n)
{
	return !n->body->dir && !n->body->index_name && !node_is_shared(n) &&
	       node_now_ms() - atomic_load(&n->found_ms) >= NODE_FOUND_MS;
}

/* What the layers say anew; @ret->node may be what was known so far. */
static int
search_name(struct node *dir, struct name name, const char *buf,
	    const struct call *c, struct found *ret)
{
	CLEANUP_SEARCH struct search s =
		SEARCH_INIT(dir->body->tree, c, dir->body->dir, buf);
	struct node *known = ret->node;
	int r = search_run(&s);

	if (r == 0 && known && s.is_found &&
	    s.top_layer == atomic_load(&known->body->layer) &&
	    s.top.stx_ino == known->body->real_ino) {
		atomic_store(&known->found_ms, node_now_ms());
		return 0;
	}
	ret->node = NULL;
	if (known && r != -EAGAIN)
		node_detach(known);
	node_unref(known);
	if (r == 0 && s.is_found) {
		r = make_node(&s, dir, name, &ret->stx, &ret->node);
		fds_sweep(s.t, c);
	}
	ret->is_upper_whiteout = s.is_upper_whiteout;
	return r;
}

int
lookup_name(struct node *dir, struct name name, const struct call *c,
	    struct found *ret)
{
	struct found f = { 0 };
	char buf[256];
	int r;

	if (name.len > dir->body->tree->namelen)
		return -ENAMETOOLONG;
	r = lookup_known(dir, name, name_copy(name, buf), c, &f);
	if (r == -ENOENT || (r == 0 && is_stale(f.node)))
		r = search_name(dir, name, buf, c, &f);
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
	if (s.is_found && s.top_layer > 0 && n->body->index_name) {
		/* Its name is lower still: the lower file is the data. */
		if (!s.top_is_metacopy) {
			s.data_fd = take_fd(&s.lower_fd);
			s.data_layer = s.top_layer;
		}
	} else if (!s.is_found || s.top.stx_ino != n->body->real_ino) {
		return -ESTALE; /* a layer was edited behind our back */
	}
	if (s.data_fd < 0)
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

	if (fds_shrink(n->body->tree, c, r))
		r = node_pin(n, at);
	fds_sweep(n->body->tree, c);
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
