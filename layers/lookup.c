/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Looking up one name of a merged directory: the kernel's ovl_lookup() and
 * ovl_lookup_single() for the default format, without redirects, metacopy
 * and index (those are refused with EPERM where they are met).
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

/* What the layers say, before it becomes a node. */
struct search {
	struct tree *t;
	struct node *parent;
	const char *name; /* NUL-terminated */
	const struct call *c;
	struct statx top; /* the topmost object found */
	unsigned top_layer;
	bool is_found;
	bool is_upper_whiteout;
	bool stop;
	struct dir *dir; /* owned; for a directory: its stack so far */
	struct statx top_lower; /* of its topmost lower */
};

/* stat @s->name in one layer: 0, -ENOENT (also: too long a name), errno. */
static int
stat_layer(struct search *s, unsigned layer, int fd, struct statx *ret)
{
	int r;

	RETURN_IF_SLOW(s->t, layer, s->c);
	r = real_statx(AT(fd, s->name), ret);
	return r == -ENAMETOOLONG ? -ENOENT : r;
}

/*
 * Does a regular file's data lie elsewhere? The kernel asks for the mark of
 * every file. A metadata-only copy has no data blocks, though, so that only
 * files that may have none need the system call.
 */
static int
refuse_metacopy(struct search *s, const struct layer *l, struct at at,
		const struct statx *stx)
{
	uint64_t blocks = stx->stx_blocks;
	ssize_t n;

	if (l->counts_xattr_blocks)
		blocks = blocks > 8 ? blocks - 8 : 0;
	if (stx->stx_size == 0 || blocks * 512 >= stx->stx_size)
		return 0;
	n = private_get(s->t, at, PRIVATE_METACOPY, NULL, 0);
	if (n == -ENODATA)
		return 0;
	return n < 0 ? (int)n : -EPERM; /* ovl_lookup(): metacopy=off */
}

/* Read the marks of a directory just opened as @fd; may set s->stop. */
static int
read_dir_marks(struct search *s, unsigned layer, int fd)
{
	char v[2];
	ssize_t n;

	n = private_get(s->t, AT(fd, ""), PRIVATE_OPAQUE, v, sizeof(v));
	if (n == 1 && v[0] == 'y')
		s->stop = true;
	else if (private_get(s->t, AT(fd, ""), PRIVATE_REDIRECT, NULL, 0) >= 0)
		return -EPERM; /* ovl_lookup(): redirects not followed */
	if (layer == 0 &&
	    private_get(s->t, AT(fd, ""), PRIVATE_IMPURE, v, sizeof(v)) == 1)
		s->dir->is_marked_impure = v[0] == 'y';
	return 0;
}

/* A directory was found in @layer: add it to the stack. */
static int
add_dir(struct search *s, unsigned layer, int parent_fd, bool is_last,
	const struct statx *stx)
{
	unsigned max = s->parent->body->dir->nr_lowers;
	struct dir_lower *low;
	int fd;

	if (!s->dir) {
		s->dir = dir_new(max);
		if (!s->dir)
			return -ENOMEM;
		s->dir->nr_lowers = 0;
	}
	fd = real_open_dir(AT(parent_fd, s->name));
	if (fd < 0)
		return fd;
	if (layer == 0) {
		s->dir->upper_fd = fd;
	} else {
		low = &s->dir->lowers[s->dir->nr_lowers++];
		*low = (struct dir_lower){ .fd = fd, .layer = layer };
		if (s->dir->nr_lowers == 1)
			s->top_lower = *stx;
	}
	/* Nothing is below the last layer that a mark could hide. */
	if (is_last && layer != 0)
		return 0;
	return read_dir_marks(s, layer, fd);
}

static int
search_layer(struct search *s, unsigned layer, int fd, bool is_last)
{
	const struct layer *l = layer == 0 ? &s->t->layers.upper->layer
					   : &s->t->layers.lowers[layer - 1];
	struct statx stx;
	int r;

	r = stat_layer(s, layer, fd, &stx);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = whiteout_is(s->t, layer, AT(fd, s->name), &stx);
	if (r < 0)
		return r;
	if (r == 1) {
		s->stop = true;
		s->is_upper_whiteout = layer == 0;
		return 0;
	}
	if (!S_ISDIR(stx.stx_mode)) {
		s->stop = true;
		if (s->is_found)
			return 0; /* hidden by the directory above */
		if (S_ISREG(stx.stx_mode)) {
			r = refuse_metacopy(s, l, AT(fd, s->name), &stx);
			if (r < 0)
				return r;
		}
	} else {
		r = add_dir(s, layer, fd, is_last, &stx);
		if (r < 0)
			return r;
	}
	if (!s->is_found) {
		s->top = stx;
		s->top_layer = layer;
		s->is_found = true;
	}
	return 0;
}

static int
search_layers(struct search *s)
{
	struct dir *d = s->parent->body->dir;
	unsigned i;
	int r;

	if (d->upper_fd >= 0) {
		r = search_layer(s, 0, d->upper_fd, d->nr_lowers == 0);
		if (r < 0)
			return r;
	}
	for (i = 0; i < d->nr_lowers && !s->stop; i++) {
		r = search_layer(s, d->lowers[i].layer, d->lowers[i].fd,
				 i + 1 == d->nr_lowers);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The ident.path of what was found (overlay.md 7). */
static uint64_t
found_path(struct search *s)
{
	struct dir *d = s->parent->body->dir;
	const struct statx *stx = &s->top;
	uint64_t path;

	if (s->dir) {
		if (s->dir->nr_lowers > 0)
			stx = &s->top_lower;
	} else if (s->top_layer == 0 && d->is_marked_impure &&
		   origin_decode(s->t, AT(d->upper_fd, s->name),
				 stx->stx_mode & S_IFMT, &path) == 0) {
		/* Only a directory marked impure has such children. */
		return path;
	}
	return ino_to_path(s->t, statx_dev(stx), stx->stx_ino);
}

static struct node *
make_node(struct search *s, struct name name)
{
	bool is_linked = !s->dir && s->top_layer == 0 && s->top.stx_nlink > 1;
	struct body *b = NULL;

	if (is_linked)
		b = body_find(s->t, statx_dev(&s->top), s->top.stx_ino);
	if (!b) {
		b = body_new(s->t, &s->top, s->top_layer, found_path(s),
			     take_ptr(&s->dir));
		if (!b)
			return NULL;
		if (is_linked)
			b = body_publish(b);
	}
	return node_add(s->parent, name, b);
}

/*
 * The node in memory, if its real object is still the one we knew. One that
 * is not (a lower edited behind our back) is forgotten.
 */
static int
lookup_known(struct search *s, struct name name, struct found *ret)
{
	CLEANUP_UNREF_NODE struct node *n = node_find(s->parent, name);
	unsigned layer;
	int fd, r;

	if (!n)
		return -ENOENT;
	layer = atomic_load(&n->body->layer);
	fd = dir_fd_of(s->parent->body->dir, layer);
	r = fd < 0 ? -ENOENT : stat_layer(s, layer, fd, &ret->stx);
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
	struct search s = { .t = dir->body->tree, .parent = dir, .c = c };
	struct found f = { 0 };
	char buf[256];
	int r;

	if (name.len > s.t->namelen)
		return -ENAMETOOLONG;
	s.name = name_copy(name, buf);
	r = lookup_known(&s, name, &f);
	if (r == -ENOENT) {
		r = search_layers(&s);
		if (r == 0 && s.is_found) {
			f.node = make_node(&s, name);
			if (!f.node)
				r = -ENOMEM;
			f.stx = s.top;
		}
		f.is_upper_whiteout = s.is_upper_whiteout;
	}
	dir_free(s.dir);
	if (r < 0)
		return r;
	*ret = f;
	return 0;
}

int
lookup_lower_positive(struct node *dir, struct name name, bool *ret)
{
	struct dir *d = dir->body->dir;
	struct statx stx;
	char buf[256];
	unsigned i;
	int r;

	name_copy(name, buf);
	*ret = false;
	for (i = 0; i < d->nr_lowers; i++) {
		struct at at = AT(d->lowers[i].fd, buf);

		r = real_statx(at, &stx);
		if (r == -ENOENT || r == -ENAMETOOLONG)
			continue;
		if (r == 0)
			r = whiteout_is(dir->body->tree, d->lowers[i].layer, at,
					&stx);
		/* ovl_lower_positive(): unreadable counts as there. */
		*ret = r != 1;
		return 0;
	}
	return 0;
}
