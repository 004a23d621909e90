/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the path of an image to its node. 9P leaves symbolic links to its
 * clients; a client of NBD knows nothing of them, and so they are followed
 * here, in the tree: no path ever reaches the host.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "image-parts.h"

struct walk {
	const struct call *c; /* borrowed */
	struct node *root; /* borrowed */
	struct node *at; /* counted */
	char *path; /* owned: what @rest points into */
	const char *rest; /* still to be walked */
	unsigned nr_links;
};

/* The next component of w->rest, which is advanced; len 0 at its end. */
static struct name
next_name(struct walk *w)
{
	const char *begin = w->rest + strspn(w->rest, "/");
	size_t len = strcspn(begin, "/");

	w->rest = begin + len;
	return (struct name){ begin, len };
}

static void
go_to(struct walk *w, struct node *n)
{
	node_unref(w->at);
	w->at = n;
}

/* Go on with what @link says, and then with the rest. */
static int
follow(struct walk *w, struct node *link)
{
	char target[PATH_MAX], *path;
	ssize_t n = tree_readlink(link, w->c, target, sizeof(target));

	if (n < 0)
		return (int)n;
	if (n == 0 || n == (ssize_t)sizeof(target))
		return -ENOENT; /* vfs_readlink() does not make those */
	if (++w->nr_links > IMAGE_LINKS_MAX)
		return -ELOOP;
	if (asprintf(&path, "%.*s/%s", (int)n, target, w->rest) < 0)
		return -ENOMEM;
	free(w->path);
	w->rest = w->path = path;
	if (target[0] == '/')
		go_to(w, node_ref(w->root));
	return 0;
}

static int
step(struct walk *w, struct name name)
{
	struct ident ident;
	struct node *next;
	unsigned nr;
	int r;

	if (name.len > NAME_MAX)
		return -ENAMETOOLONG;
	r = tree_walk(w->at, w->c, &name, 1, &ident, &nr, &next);
	if (r < 0)
		return r;
	if (!S_ISLNK(node_type(next))) {
		go_to(w, next);
		return 0;
	}
	r = follow(w, next);
	node_unref(next);
	return r;
}

int
image_walk(struct node *root, const struct call *c, const char *path,
	   struct node **ret)
{
	struct walk w = { .c = c, .root = root, .path = strdup(path) };
	struct name name;
	int r = w.path ? 0 : -ENOMEM;

	w.rest = w.path;
	w.at = node_ref(root);
	while (r == 0 && (name = next_name(&w)).len > 0)
		r = step(&w, name);
	free(w.path);
	if (r == 0)
		*ret = w.at;
	else
		node_unref(w.at);
	return r;
}
