/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Searching the layers for one name: the kernel's ovl_lookup(),
 * ovl_lookup_layer(), ovl_lookup_single() and ovl_check_redirect().
 *
 * From the top down, until something says stop: a whiteout, an opaque
 * directory, a file that is complete. A redirect changes the name for the
 * layers below: another component of the same parent, or a path from the
 * layers' roots, whose components each obey the same rules. A metadata-only
 * file (metacopy) goes on looking for its data.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "overlay.h"
#include "owner.h"
#include "search.h"

/* No xattr is longer. */
#define MAX_REDIRECT 65536

/* One component in one layer. */
struct step {
	unsigned layer;
	struct at at;
	bool is_last_layer; /* nothing is below that a mark could hide */
	size_t prefix_len; /* of search.name, before this component */
	const char *rest; /* of search.name, after it: "" at the end */
};

/* What a step came to. */
struct hit {
	bool is_found;
	struct statx stx;
	int fd; /* owned O_PATH; -1: no directory, and nobody wants it */
	unsigned marks; /* private xattrs of a directory: 1u << PRIVATE_... */
	char opaque; /* its mark: 'y', 'x' or 0 */
};

void
search_fini(struct search *s)
{
	free(take_ptr(&s->redirected));
	dir_free(take_ptr(&s->dir));
	if (s->lower_fd >= 0)
		(void)real_close(take_fd(&s->lower_fd));
	if (s->data_fd >= 0)
		(void)real_close(take_fd(&s->data_fd));
}

bool
redirect_is_valid(const char *value, size_t len)
{
	const char *p;

	if (len == 0)
		return false;
	if (value[0] != '/')
		return strchr(value, '/') == NULL;
	for (p = value; *p == '/'; p += strcspn(p, "/")) {
		p++;
		if (*p == '/' || *p == '\0')
			return false;
	}
	return true;
}

/* The rest of the search goes by what @at's redirect says, if it has one. */
static int
follow_redirect(struct search *s, const struct step *st, struct at at)
{
	CLEANUP_FREE char *value = malloc(MAX_REDIRECT + 1);
	char *name;
	size_t rest_len = strlen(st->rest), prefix_len = st->prefix_len;
	ssize_t len;

	if (!value)
		return -ENOMEM;
	len = private_get(s->t, at, PRIVATE_REDIRECT, value, MAX_REDIRECT);
	if (len < 0)
		return len == -ENODATA ? 0 : (int)len;
	value[len] = '\0';
	if (!redirect_is_valid(value, (size_t)len))
		return -EINVAL;
	len = (ssize_t)strlen(value); /* the kernel goes no farther either */
	if (value[0] == '/') {
		prefix_len = 0;
		/* An opaque ancestor of the path does not count any more. */
		s->stop = false;
	}
	name = malloc(prefix_len + (size_t)len + rest_len + 1);
	if (!name)
		return -ENOMEM;
	memcpy(name, s->name, prefix_len);
	memcpy(name + prefix_len, value, (size_t)len);
	memcpy(name + prefix_len + len, st->rest, rest_len + 1);
	free(s->redirected);
	s->name = s->redirected = name;
	s->has_redirect = true;
	return 0;
}

/* A directory was met: what its marks say. May set s->stop. */
static int
step_dir(struct search *s, const struct step *st, struct hit *hit)
{
	struct at at = { -1, "" };
	char v[2];

	if (tree_is_trap(s->t, &hit->stx))
		return -ELOOP;
	at.fd = hit->fd = real_open_dir(st->at);
	if (hit->fd < 0)
		return hit->fd;
	if (!*st->rest)
		s->is_dir = true;
	if (st->is_last_layer)
		return 0;
	hit->marks = private_mask(s->t, at);
	/* Exactly one byte: the kernel ignores "yes". */
	if (hit->marks & 1u << PRIVATE_OPAQUE &&
	    private_get(s->t, at, PRIVATE_OPAQUE, v, sizeof(v)) == 1)
		hit->opaque = v[0];
	if (hit->opaque == 'y' ||
	    whiteout_oci_is_opaque(s->t, st->layer, st->at, hit->fd)) {
		s->stop = true;
		return 0;
	}
	if (hit->marks & 1u << PRIVATE_REDIRECT)
		return follow_redirect(s, st, at);
	return 0;
}

static int
step_file(struct search *s, const struct step *st, struct hit *hit)
{
	ssize_t n = 0;

	s->is_metacopy = false;
	if (S_ISREG(hit->stx.stx_mode)) {
		n = metacopy_get(s->t, st->at);
		if (n < 0)
			return (int)n;
		s->is_metacopy = n == 1;
	}
	/* Which of its blocks count only its own work directory knows. */
	if (s->is_metacopy && s->wants_data && st->layer > 0 &&
	    private_get(s->t, st->at, PRIVATE_PARTIAL, NULL, 0) >= 0)
		return -EIO;
	if (s->wants_data || (s->t->layers.features.index && st->layer > 0 &&
			      hit->stx.stx_nlink > 1)) {
		hit->fd = real_open_path(st->at);
		if (hit->fd < 0)
			return hit->fd;
	}
	s->stop = !s->is_metacopy;
	if (s->stop || st->is_last_layer)
		return 0;
	return follow_redirect(s, st, st->at);
}

/* No way up: lookup_one() of the kernel, which a redirect must pass too. */
static bool
is_one_name(const char *name)
{
	return *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* ovl_lookup_single() */
static int
step(struct search *s, const struct step *st, struct hit *hit)
{
	bool is_end = !*st->rest;
	int r;

	*hit = (struct hit){ .fd = -1 };
	if (!is_one_name(st->at.name))
		return -EACCES;
	RETURN_IF_SLOW(s->t, st->layer, s->c);
	r = whiteout_peek(s->t, st->layer, st->at, &hit->stx);
	if (r < 0 || r == PEEK_ABSENT)
		return r;
	if (r == PEEK_WHITEOUT) {
		s->stop = true;
		s->is_upper_whiteout = st->layer == 0;
		return 0;
	}
	/* Only a file may stand for something else. */
	r = S_ISREG(hit->stx.stx_mode) ? owner_show(s->t, st->at, &hit->stx)
				       : 0;
	if (r < 0)
		return r;
	if (is_end && s->is_metacopy && !S_ISREG(hit->stx.stx_mode)) {
		s->stop = true; /* only a file can be the data of one */
		return 0;
	}
	if (S_ISDIR(hit->stx.stx_mode)) {
		hit->is_found = true;
		return step_dir(s, st, hit);
	}
	if (s->is_dir || !is_end) {
		s->stop = true; /* hidden by the directory above, or no way */
		return 0;
	}
	hit->is_found = true;
	return step_file(s, st, hit);
}

/* s->name is a path from the root @root of @layer (ovl_lookup_layer()). */
static int
walk_layer(struct search *s, unsigned layer, int root, bool is_last_layer,
	   struct hit *hit)
{
	CLEANUP_CLOSE int base = -1;
	/* Counted from the end: a redirect on the way changes the front. */
	size_t rest_len = strlen(s->name), total, len;
	char comp[256];
	int r;

	*hit = (struct hit){ .fd = -1 };
	while (rest_len > 0) {
		const char *p;
		struct step st;

		total = strlen(s->name);
		p = s->name + total - rest_len + 1;
		len = strcspn(p, "/");
		if (len >= sizeof(comp))
			return 0;
		name_copy((struct name){ p, len }, comp);
		st = (struct step){
			.layer = layer,
			.at = AT(base < 0 ? root : base, comp),
			.is_last_layer = is_last_layer,
			.prefix_len = total - rest_len + 1,
			.rest = p + len,
		};
		rest_len -= len + 1;
		r = step(s, &st, hit);
		if (r < 0 || !hit->is_found || rest_len == 0)
			return r;
		if (base >= 0)
			(void)real_close(base);
		base = take_fd(&hit->fd);
		hit->is_found = false;
	}
	return 0;
}

static int
look_in_layer(struct search *s, unsigned layer, int fd, bool is_last_layer,
	      struct hit *hit)
{
	struct step st = {
		.layer = layer,
		.at = AT(fd, s->name),
		.is_last_layer = is_last_layer,
		.rest = "",
	};

	if (s->name[0] == '/')
		return walk_layer(s, layer, fd, is_last_layer, hit);
	return step(s, &st, hit);
}

/* --- What was found ------------------------------------------------------ */

static int
add_dir(struct search *s, unsigned layer, struct hit *hit)
{
	struct dir *d = s->dir;

	if (!d) {
		/* A redirect may lead to more layers than the parent has. */
		d = s->dir = dir_new(s->t->layers.nr_lowers);
		if (!d)
			return -ENOMEM;
		d->nr_lowers = 0;
	}
	if (layer == 0) {
		d->upper_fd = take_fd(&hit->fd);
		d->has_upper = true;
		d->is_marked_impure = hit->marks & 1u << PRIVATE_IMPURE &&
				      private_is_yes(s->t, AT(d->upper_fd, ""),
						     PRIVATE_IMPURE);
		return 0;
	}
	d->lowers[d->nr_lowers++] = (struct dir_lower){
		.fd = take_fd(&hit->fd),
		.layer = layer,
		.has_xwhiteouts = hit->opaque == 'x',
	};
	return 0;
}

/* Below the topmost file, which is metadata only: is this its data? */
static void
take_data(struct search *s, unsigned layer, struct hit *hit)
{
	if (s->is_metacopy)
		return; /* one more without; the kernel forgets those */
	s->data_blocks_512 = hit->stx.stx_blocks;
	s->data_layer = layer;
	if (s->wants_data)
		s->data_fd = take_fd(&hit->fd);
}

static int
take_hit(struct search *s, unsigned layer, struct hit *hit)
{
	bool is_first_lower = layer > 0 && s->nr_lower_hits++ == 0;
	int r = 0;

	if (is_first_lower)
		s->top_lower = hit->stx;
	if (!s->is_found) {
		s->is_found = true;
		s->top = hit->stx;
		s->top_layer = layer;
		s->top_is_metacopy = s->is_metacopy;
	} else if (!s->is_dir) {
		take_data(s, layer, hit);
	}
	if (s->is_dir)
		r = add_dir(s, layer, hit);
	else if (is_first_lower && hit->fd >= 0 && s->lower_fd < 0)
		s->lower_fd = take_fd(&hit->fd);
	if (hit->fd >= 0)
		(void)real_close(take_fd(&hit->fd));
	return r;
}

/*
 * Following marks that the layers' owner did not allow would be like
 * following a link. Linux 6.16 excepts metadata in the bottom layer whose
 * data is in a data-only one.
 */
static int
check_allowed(const struct search *s, unsigned layer)
{
	const struct layer_set *set = &s->t->layers;
	bool is_needed = s->top_is_metacopy || s->is_metacopy;
	bool is_direct = set->nr_data > 0 && layer == set->nr_lowers &&
			 !s->top_is_metacopy && s->is_metacopy;

	if (is_direct)
		return 0;
	if (is_needed && !set->features.metacopy)
		return -EPERM;
	return s->has_redirect && !set->features.follows_redirects ? -EPERM : 0;
}

static bool
is_last(const struct search *s, unsigned layer, bool is_end_of_stack)
{
	const struct layer_set *set = &s->t->layers;

	if (!set->features.follows_redirects && set->nr_data == 0)
		return is_end_of_stack;
	return (s->is_dir || set->nr_data == 0) && layer == set->nr_lowers;
}

static int
search_lowers(struct search *s)
{
	const struct dir *root = s->t->root->body->dir;
	const struct dir *from = s->name[0] == '/' ? root : s->parent;
	unsigned i, layer;
	struct hit hit;
	int r;

	for (i = 0; i < from->nr_lowers && !s->stop; i++) {
		layer = from->lowers[i].layer;
		r = look_in_layer(s, layer, from->lowers[i].fd,
				  is_last(s, layer, i + 1 == from->nr_lowers),
				  &hit);
		if (r == 0 && hit.is_found)
			r = check_allowed(s, layer);
		if (r == 0 && hit.is_found)
			r = take_hit(s, layer, &hit);
		if (hit.fd >= 0)
			(void)real_close(hit.fd);
		if (r < 0)
			return r;
		/* A path from the roots: go on below this layer. */
		if (s->name[0] == '/' && from != root) {
			from = root;
			i = layer - 1;
		}
	}
	return 0;
}

/* Open the file that the path s->name leads to in one data-only layer. */
static int
walk_data_layer(struct search *s, const struct layer *l)
{
	CLEANUP_CLOSE int base = -1;
	const char *p = s->name;
	struct statx stx;
	char comp[256];
	size_t len;
	int fd;

	while (*p == '/') {
		len = strcspn(++p, "/");
		if (len >= sizeof(comp))
			return -ENOENT;
		name_copy((struct name){ p, len }, comp);
		/* LOOKUP_BENEATH */
		if (strcmp(comp, "..") == 0)
			return -EXDEV;
		p += len;
		fd = *p ? real_open_dir(AT(base < 0 ? l->fd : base, comp))
			: real_open_path(AT(base < 0 ? l->fd : base, comp));
		if (fd < 0)
			return fd;
		if (base >= 0)
			(void)real_close(base);
		base = fd;
		/* Neither links nor mounts lead out of the layer. */
		fd = real_statx(AT(base, ""), &stx);
		if (fd < 0 || statx_dev(&stx) != l->dev)
			return fd < 0 ? fd : -EXDEV;
	}
	if (!S_ISREG(stx.stx_mode))
		return -ENOENT;
	s->data_blocks_512 = stx.stx_blocks;
	s->data_layer = l->idx;
	s->data_fd = take_fd(&base);
	return 0;
}

/* ovl_lookup_data_layers(): only when the data is wanted. */
static int
search_data_layers(struct search *s)
{
	const struct layer_set *set = &s->t->layers;
	unsigned i;
	int r = -ENOENT;

	for (i = 0; i < set->nr_data && r < 0; i++)
		r = walk_data_layer(s, &set->lowers[set->nr_lowers + i]);
	return r;
}

/* The last one found has no data: where is it, then? */
static int
settle_metacopy(struct search *s)
{
	if (s->nr_lower_hits == 0 || s->t->layers.nr_data == 0 ||
	    s->name[0] != '/')
		return -EIO;
	s->is_data_lazy = true;
	return s->wants_data ? search_data_layers(s) : 0;
}

static int
run_once(struct search *s)
{
	const struct dir *d = s->parent;
	struct hit hit;
	int r = 0;

	if (d->has_upper) {
		r = look_in_layer(s, 0, d->upper_fd, false, &hit);
		if (r == 0 && hit.is_found)
			r = take_hit(s, 0, &hit);
		if (hit.fd >= 0)
			(void)real_close(hit.fd);
	}
	if (r == 0 && !s->stop)
		r = search_lowers(s);
	if (r == 0 && s->is_metacopy)
		r = settle_metacopy(s);
	return r;
}

int
search_run(struct search *s)
{
	const struct search fresh = *s;
	int r = run_once(s);

	if (!fds_shrink(s->t, s->c, r))
		return r;
	search_fini(s);
	*s = fresh;
	return run_once(s);
}
